// Package secure holds the segment in which a caller keys in a new PIN. The
// digits go from the media loop into one locked buffer of a [Segment] and
// nowhere else; what leaves the segment is the PIN sealed to the card host's
// key, and notices that say how far the caller has got.
package secure

import (
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"

	"cardline/card"
	"cardline/memory"
)

// Length is the number of digits of a PIN.
const Length = 6

// A Notice says how far the entry has got. It never holds a digit.
type Notice uint8

// The notices of a segment.
const (
	Pressed  Notice = iota // a digit was taken
	Cleared                // the caller pressed * and starts this entry anew
	Weak                   // the first entry is too simple; the segment waits for Restart
	Entered                // the first entry is taken, the second begins
	Differed               // the entries differ; the segment waits for Restart
	Matched                // both entries agree; the segment waits for Seal
)

// A state is a stage of the entry.
type state uint8

const (
	first   state = iota // next: waiting, second, closed
	second               // next: waiting, matched, closed
	waiting              // for Restart; next: first, closed
	matched              // for Seal; next: first, closed
	closed               // terminal: the buffer is zero and released
)

// ErrNotMatched means that there is nothing to seal.
var ErrNotMatched = errors.New("secure segment: no PIN has been entered twice")

// A Segment takes one PIN, entered twice. It is safe for concurrent use: the
// media loop presses keys while the call's owner restarts, seals and closes.
type Segment struct {
	notify func(Notice)

	mu     sync.Mutex
	state  state
	page   []byte // of locked memory
	buffer []byte // first entry, then second entry; the beginning of the page
	count  int    // digits of the present entry
}

// Open begins a segment in a page of pages, which may be nil. notify is called once for each key that has a
// meaning, on the goroutine that called [Segment.Key]; it must not block and
// must not call the segment.
func Open(pages *memory.Pages, notify func(Notice)) (*Segment, error) {
	page, err := pages.Page()
	if err != nil {
		return nil, fmt.Errorf("secure segment: %w", err)
	}
	return &Segment{notify: notify, page: page, buffer: page[:2*Length]}, nil
}

// Key takes one key: a digit, or * to start the present entry anew. Anything
// else, and any key that comes at the wrong time, is ignored.
func (s *Segment) Key(key byte) {
	if notice, ok := s.press(key); ok {
		s.notify(notice)
	}
}

func (s *Segment) press(key byte) (Notice, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != first && s.state != second {
		return 0, false
	}
	entry := s.entry()
	switch {
	case key == '*':
		clear(entry)
		s.count = 0
		return Cleared, true
	case key < '0' || key > '9':
		return 0, false
	}
	entry[s.count] = key
	s.count++
	if s.count < Length {
		return Pressed, true
	}
	s.count = 0
	switch {
	case s.state == first && tooSimple(entry):
		s.wipe(waiting)
		return Weak, true
	case s.state == first:
		s.state = second
		return Entered, true
	case subtle.ConstantTimeCompare(s.buffer[:Length], entry) == 1:
		s.state = matched
		return Matched, true
	default:
		s.wipe(waiting)
		return Differed, true
	}
}

func (s *Segment) entry() []byte {
	if s.state == second {
		return s.buffer[Length:]
	}
	return s.buffer[:Length]
}

// Restart forgets both entries and takes a first one.
func (s *Segment) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != closed {
		s.wipe(first)
	}
}

// Seal encrypts the PIN for the card with the token to the host's key and
// forgets it. The segment then waits for Restart or Close.
func (s *Segment) Seal(key *rsa.PublicKey, token string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != matched {
		return nil, ErrNotMatched
	}
	sealed, err := card.Seal(key, Purpose(token), s.buffer[:Length])
	s.wipe(waiting)
	return sealed, err
}

// Purpose binds a sealed PIN to its card, see [card.Seal].
func Purpose(token string) string { return "pin " + token }

// Close zeroes and releases the buffer. It may be called more than once.
func (s *Segment) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == closed {
		return nil
	}
	s.wipe(closed)
	page := s.page
	s.page, s.buffer = nil, nil
	return memory.Release(page)
}

func (s *Segment) wipe(next state) {
	clear(s.buffer)
	s.count = 0
	s.state = next
}
