// Package canary looks for digits where they must not be. It keys random PINs
// and card numbers into a running hotline and then searches everything that
// the program has written, in every form in which a digit could hide, beside
// controls that were never keyed in: what short numbers hit by chance, the
// controls hit as often.
package canary

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // a leak may have any form
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"unicode/utf16"
)

// forms lists how a secret of digits may be written down.
var forms = map[string]func(secret string) [][]byte{
	"text":   func(s string) [][]byte { return [][]byte{[]byte(s)} },
	"utf-16": func(s string) [][]byte { return [][]byte{wide(s, 0), wide(s, 1)} },
	"bcd":    func(s string) [][]byte { return [][]byte{bcd(s)} },
	"base64": func(s string) [][]byte {
		// The three ways in which the text may lie in a longer one, without
		// the characters that its neighbours would change.
		var list [][]byte
		for shift := range 3 {
			padded := append(make([]byte, shift), s...)
			code := base64.StdEncoding.EncodeToString(padded)
			first := (shift*8 + 5) / 6
			last := len(padded) * 8 / 6
			list = append(list, []byte(code[first:last]))
		}
		return list
	},
	"hashes": func(s string) [][]byte {
		var list [][]byte
		for _, sum := range [][]byte{
			sum(md5.Sum([]byte(s))), sum20(sha1.Sum([]byte(s))), sum32(sha256.Sum256([]byte(s))),
		} {
			list = append(list, sum, []byte(hex.EncodeToString(sum)), []byte(base64.StdEncoding.EncodeToString(sum)))
		}
		return list
	},
}

func sum(b [16]byte) []byte   { return b[:] }
func sum20(b [20]byte) []byte { return b[:] }
func sum32(b [32]byte) []byte { return b[:] }

func wide(s string, low int) []byte {
	b := make([]byte, 0, 2*len(s))
	for _, u := range utf16.Encode([]rune(s)) {
		pair := []byte{byte(u), byte(u >> 8)}
		b = append(b, pair[low], pair[1-low])
	}
	return b
}

// bcd packs two digits a byte.
func bcd(s string) []byte {
	if len(s)%2 == 1 {
		s += "0"
	}
	b, _ := hex.DecodeString(s) // digits are hexadecimal
	return b
}

// alone finds digits that stand by themselves, as a log of key presses would
// have them: one a line, in the order of events.
var alone = regexp.MustCompile(`(^|[^0-9A-Za-z.:+-])([0-9])($|[^0-9A-Za-z.:+-])`)

// singles returns the digits that stand by themselves in a text, in order.
func singles(data []byte) []byte {
	var digits []byte
	for len(data) > 0 {
		at := alone.FindSubmatchIndex(data)
		if at == nil {
			break
		}
		digits = append(digits, data[at[4]])
		data = data[at[5]:]
	}
	return digits
}

// A sink is something that the program has written.
type sink struct {
	name    string
	data    []byte
	singles []byte
}

func newSink(name string, data []byte) sink { return sink{name, data, singles(data)} }

// hits counts, by form, how many of the secrets are in the sink.
func (s sink) hits(secrets []string) map[string]int {
	count := map[string]int{}
	for _, secret := range secrets {
		for form, write := range forms {
			for _, pattern := range write(secret) {
				// Less than four bytes would be found anywhere.
				if len(pattern) >= 4 && bytes.Contains(s.data, pattern) || form == "bcd" && len(secret) >= 12 && bytes.Contains(s.data, pattern) {
					count[form]++
					break
				}
			}
		}
		if bytes.Contains(s.singles, []byte(secret)) {
			count["one a line"]++
		}
	}
	return count
}
