// Package dtmf receives and sends the keys of a telephone as named events in
// RTP (RFC 4733). It knows payloads, not packets: the media loop gives it the
// payload with the RTP fields that matter, and takes payloads from it.
//
// Keys are secrets. Nothing here can print one: no String method, no error with
// a key in it.
package dtmf

import (
	"encoding/binary"
	"errors"
	"strings"
)

// ErrMalformed tells that a payload is no telephone event.
var ErrMalformed = errors.New("dtmf: malformed telephone-event")

// keys holds the key of each event code 0 to 15, RFC 4733 section 3.2.
const keys = "0123456789*#ABCD"

// PayloadSize is the length of one event.
const PayloadSize = 4

// An event on the wire, RFC 4733 section 2.3:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     event     |E|R| volume    |          duration             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
const (
	endBit     = 0x80
	volumeBits = 0x3F
	maxLength  = 0xFFFF // of a segment, in samples
)

// An Event is one payload. Code is 0 to 255, of which 0 to 15 are keys.
type Event struct {
	Code     uint8
	End      bool
	Volume   uint8  // dBm0 below zero, 0 to 63
	Duration uint16 // samples since the RTP timestamp
}

// Parse reads the first event of a payload. Senders may pack several; the
// others are older ones of the same press. It returns [ErrMalformed] if there are
// fewer than four bytes.
func Parse(p []byte) (Event, error) {
	if len(p) < PayloadSize {
		return Event{}, ErrMalformed
	}
	return Event{
		Code:     p[0],
		End:      p[1]&endBit != 0,
		Volume:   p[1] & volumeBits,
		Duration: binary.BigEndian.Uint16(p[2:]),
	}, nil
}

// Put writes e to p, which must hold [PayloadSize] bytes.
func (e Event) Put(p []byte) {
	p[0] = e.Code
	p[1] = e.Volume & volumeBits
	if e.End {
		p[1] |= endBit
	}
	binary.BigEndian.PutUint16(p[2:], e.Duration)
}

// IsKey tells whether k is a key that a telephone may have: '0' to '9', '*',
// '#', 'A' to 'D'.
func IsKey(k byte) bool { return strings.IndexByte(keys, k) >= 0 }

// OnKeypad tells whether k is a key that every telephone has: '0' to '9', '*', '#'.
func OnKeypad(k byte) bool { return strings.IndexByte(keys[:12], k) >= 0 }

// Code returns the event code of a key. It is false if k is not a key.
func Code(k byte) (code uint8, ok bool) {
	i := strings.IndexByte(keys, k)
	return uint8(max(i, 0)), i >= 0
}
