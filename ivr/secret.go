package ivr

import (
	"fmt"
	"io"
)

// masked is what a secret looks like wherever it is printed.
const masked = "•••"

// A Secret holds digits that nobody may read by accident: it prints, formats
// and marshals as dots. Its memory is a single buffer that never grows, so that
// [Secret.Zero] leaves no copy behind. The zero value is an empty secret.
//
// A Secret has one owner at a time and is not safe for concurrent use.
type Secret struct{ digits []byte }

// newSecret returns an empty secret with room for size digits.
func newSecret(size int) *Secret { return &Secret{digits: make([]byte, 0, size)} }

// NewSecret copies digits into a new secret. The caller still has to zero its own.
func NewSecret(digits []byte) *Secret {
	s := newSecret(len(digits))
	s.digits = append(s.digits, digits...)
	return s
}

// Bytes returns the digits themselves, not a copy. They are valid until
// [Secret.Zero]; whoever copies them has to zero the copy.
func (s *Secret) Bytes() []byte {
	if s == nil {
		return nil
	}
	return s.digits
}

// Len returns the number of digits, which may be logged.
func (s *Secret) Len() int { return len(s.Bytes()) }

// Zero overwrites the digits and empties the secret. It may be called twice.
func (s *Secret) Zero() {
	if s == nil {
		return
	}
	clear(s.digits[:cap(s.digits)])
	s.digits = s.digits[:0]
}

// add appends a digit and reports whether there was room for it.
func (s *Secret) add(digit byte) bool {
	if len(s.digits) == cap(s.digits) {
		return false
	}
	s.digits = append(s.digits, digit)
	return true
}

// String returns dots.
func (s Secret) String() string { return masked }

// Format writes dots, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// MarshalText returns dots, and so does every encoder that asks for text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalJSON returns dots.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }
