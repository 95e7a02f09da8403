package media

import (
	"bytes"
	"slices"
	"testing"
)

// TestKeysWaitUntilTheyAreAskedFor plays what a peer presses and an owner wants, and
// looks at what is told. Keys are pressed by SIP INFO, the way that events in RTP
// take as well from there on.
func TestKeysWaitUntilTheyAreAskedFor(t *testing.T) {
	type wish = KeyWish
	type keys = string // to be pressed
	type prompt struct{}
	for name, c := range map[string]struct {
		does []any
		want []Event
		left string // held at the end
	}{
		"told at once, of every kind": {
			[]any{keys("5A#")}, []Event{KeyPressed{'5'}, KeyPressed{'A'}, KeyPressed{'#'}}, "",
		},
		"held, and handed over one by one": {
			[]any{wish{Want: HoldKeys}, keys("12"), wish{Want: TakeKey}, wish{Want: TakeKey}, wish{Want: TakeKey}, keys("34")},
			[]Event{KeysHeld{1, 0}, KeysHeld{2, 0}, KeyTaken{'1', 1, 0}, KeyTaken{'2', 0, 0}, KeyTaken{'3', 0, 0}, KeysHeld{1, 0}},
			"4",
		},
		"asked for again without an answer is asked once": {
			[]any{wish{Want: TakeKey}, wish{Want: TakeKey}, keys("12")}, []Event{KeyTaken{'1', 0, 0}, KeysHeld{1, 0}}, "2",
		},
		"no longer asked for": {
			[]any{wish{Want: TakeKey}, wish{Want: HoldKeys}, keys("1")}, []Event{KeysHeld{1, 0}}, "1",
		},
		"dropped": {
			[]any{wish{Want: HoldKeys}, keys("12"), wish{Want: DropKeys}, keys("34"), wish{Want: TakeKey}, keys("5")},
			[]Event{KeysHeld{1, 0}, KeysHeld{2, 0}, KeyTaken{'5', 0, 0}},
			"",
		},
		"flushed": {
			[]any{wish{Want: HoldKeys}, keys("12"), wish{Want: TakeKey, Flush: 1}, keys("3")},
			[]Event{KeysHeld{1, 0}, KeysHeld{2, 0}, KeyTaken{'3', 0, 1}},
			"",
		},
		"letters are no keys of a flow": {[]any{wish{Want: HoldKeys}, keys("A1D")}, []Event{KeysHeld{1, 0}}, "1"},
		"a hash behind the last digit, typed ahead": {
			[]any{wish{Want: HoldKeys}, keys("6#7"), wish{Want: TakeKey, Last: true}, wish{Want: TakeKey}},
			[]Event{KeysHeld{1, 0}, KeysHeld{2, 0}, KeysHeld{3, 0}, KeyTaken{'6', 1, 0}, KeyTaken{'7', 0, 0}},
			"",
		},
		"a hash behind the last digit": {
			[]any{wish{Want: TakeKey, Last: true}, keys("6#7")}, []Event{KeyTaken{'6', 0, 0}, KeysHeld{1, 0}}, "7",
		},
		"a hash after the last digit's prompt": {
			[]any{wish{Want: TakeKey, Last: true}, keys("6"), prompt{}, keys("#")}, []Event{KeyTaken{'6', 0, 0}, KeysHeld{1, 0}}, "#",
		},
		"two hashes behind the last digit": {
			[]any{wish{Want: TakeKey, Last: true}, keys("6##")}, []Event{KeyTaken{'6', 0, 0}, KeysHeld{1, 0}}, "#",
		},
		"told at once again": {
			[]any{wish{Want: TakeKey, Last: true}, keys("6"), wish{}, keys("#")}, []Event{KeyTaken{'6', 0, 0}, KeyPressed{'#'}}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Options{})
			s := b.open(PCMA)
			for _, do := range c.does {
				switch do := do.(type) {
				case wish:
					wantKeys{s, do}.apply(b.loop)
				case keys:
					for _, k := range []byte(do) {
						(&press{s, k}).apply(b.loop)
					}
				case prompt:
					s.player.active = true
					s.ended()
				}
			}
			got := slices.DeleteFunc(b.events[s], func(ev Event) bool { _, is := ev.(PlayEnded); return is })
			if !slices.Equal(got, c.want) {
				t.Errorf("got %d events, want %d, or not the same ones", len(got), len(c.want))
			}
			if left := string(s.held.keys[:s.held.held]); left != c.left {
				t.Errorf("%d keys are held at the end, want %d", len(left), len(c.left))
			}
			if rest := s.held.keys[s.held.held:]; !bytes.Equal(rest, make([]byte, len(rest))) {
				t.Error("a key that is not held is still in memory")
			}
		})
	}
}

// TestHeldKeysAreBoundedAndZeroed holds more keys than there is room for, gives them
// to a segment, and closes the leg.
func TestHeldKeysAreBoundedAndZeroed(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	wantKeys{s, KeyWish{Want: HoldKeys}}.apply(b.loop)
	fill := func() {
		for range heldKeys + 1 {
			(&press{s, '5'}).apply(b.loop)
		}
	}
	fill()
	if got := len(b.events[s]); got != heldKeys || s.held.held != heldKeys {
		t.Errorf("told of %d keys and %d are held, want %d", got, s.held.held, heldKeys)
	}
	memory := s.held.keys
	zero := func(when string) {
		t.Helper()
		if !bytes.Equal(memory, make([]byte, heldKeys)) {
			t.Errorf("%s: keys are still in memory", when)
		}
	}
	setKeys{s, new(vault)}.apply(b.loop)
	zero("when a segment takes the keys")
	setKeys{s, nil}.apply(b.loop)
	if s.held.held != 0 {
		t.Errorf("%d keys are held after the segment, want none", s.held.held)
	}
	fill()
	b.remove(s)
	zero("when the leg closes")
}
