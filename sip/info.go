package sip

import (
	"bytes"
	"strconv"

	wire "github.com/emiago/sipgo/sip"
)

// takeKey returns the key in an INFO and wipes its body: the transaction keeps
// the request for another 32 s.
func takeKey(req *wire.Request) (key byte, ok bool) {
	defer clear(req.Body())
	return infoKey(req.Body())
}

// infoKey returns the telephone key in the body of an INFO. Devices mix the
// forms and their media types: a line "Signal=5", or "d=5" as Nortel has it,
// among others, or the bare key. Numbers from 10 are the events of RFC 4733
// that have a key: 10 is *, 11 is #, 12 to 15 are A to D. ok is false for
// anything else, a hook flash included. It keeps no reference to body.
func infoKey(body []byte) (key byte, ok bool) {
	value := bytes.TrimSpace(body)
	if bytes.IndexByte(body, '=') >= 0 {
		value = signalOf(body)
	}
	const keys = "0123456789*#ABCD"
	switch len(value) {
	case 1:
		key = bytes.ToUpper(value)[0]
		return key, bytes.IndexByte([]byte(keys), key) >= 0
	case 2:
		if n, err := strconv.ParseUint(string(value), 10, 8); err == nil && n >= 10 && int(n) < len(keys) {
			return keys[n], true
		}
	}
	return 0, false
}

// signalOf returns the value of the line that holds the key.
func signalOf(body []byte) []byte {
	for line := range bytes.Lines(body) {
		name, value, _ := bytes.Cut(line, []byte("="))
		name = bytes.TrimSpace(name)
		if bytes.EqualFold(name, []byte("signal")) || bytes.EqualFold(name, []byte("d")) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}
