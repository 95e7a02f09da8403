package media

import "cardline/media/dtmf"

// A Want is what is to become of the keys that a leg's peer presses.
type Want uint8

// The wants.
const (
	// TellKeys makes each key a [KeyPressed] at once.
	TellKeys Want = iota
	// DropKeys forgets every key, those held included.
	DropKeys
	// HoldKeys keeps keys in locked memory, 32 at most, and tells of each by a
	// [KeysHeld], without the key.
	HoldKeys
	// TakeKey hands over one key as a [KeyTaken], as soon as there is one, and then
	// holds those that follow.
	TakeKey
)

// heldKeys is how many keys a leg holds; those beyond are dropped.
const heldKeys = 32

// A KeyWish says what a leg's owner wants of keys.
type KeyWish struct {
	Want Want
	// Last says of a TakeKey that a hash right after the key means nothing: it only
	// confirms an entry that is complete. The end of a prompt forgets that.
	Last bool
	// Flush tells keys that were held before it was given from those after it: when
	// it is another one than before, the keys that are held are zeroed. Events name
	// the one in force.
	Flush uint64
}

type (
	// KeyTaken hands over the key that a TakeKey asked for, and says how many keys
	// are still held. It is not printed, as a [KeyPressed] is not.
	KeyTaken struct {
		Key   byte
		Held  int
		Flush uint64
	}
	// KeysHeld tells that another key is held, and how many are now.
	KeysHeld struct {
		Held  int
		Flush uint64
	}
)

// keyring holds what a leg's peer has pressed and nobody has asked for. It belongs to
// the goroutine of the loop.
type keyring struct {
	wish    KeyWish
	keys    []byte // locked; nil while none was ever held
	held    int    // of them
	hashDue bool   // a hash that comes now means nothing
}

// press takes a key and returns what is to be told, nil for nothing. The keyring must
// have room to hold, unless its want is to tell or to drop.
func (r *keyring) press(key byte) Event {
	idle := r.hashDue && key == '#'
	r.hashDue = false
	switch {
	case idle || r.wish.Want == DropKeys:
	case r.wish.Want == TellKeys:
		return KeyPressed{key}
	case !dtmf.OnKeypad(key):
	case r.wish.Want == TakeKey:
		return r.hand(key)
	case r.held < len(r.keys):
		r.keys[r.held] = key
		r.held++
		return KeysHeld{r.held, r.wish.Flush}
	}
	return nil
}

// want takes a wish and returns what is to be told, nil for nothing.
func (r *keyring) want(w KeyWish) Event {
	if w.Want == TellKeys || w.Want == DropKeys || w.Flush != r.wish.Flush {
		r.zero()
	}
	if w.Want == TellKeys {
		r.hashDue = false
	}
	r.wish = w
	if w.Want != TakeKey || r.held == 0 {
		return nil
	}
	return r.hand(r.shift())
}

// hand gives one key away.
func (r *keyring) hand(key byte) Event {
	if r.wish.Last && key != '#' {
		if r.held > 0 && r.keys[0] == '#' {
			r.shift()
		} else {
			r.hashDue = r.held == 0
		}
	}
	r.wish.Want = HoldKeys
	return KeyTaken{key, r.held, r.wish.Flush}
}

// shift removes the oldest key. There must be one.
func (r *keyring) shift() byte {
	key := r.keys[0]
	copy(r.keys, r.keys[1:r.held])
	r.held--
	r.keys[r.held] = 0
	return key
}

// zero forgets the keys.
func (r *keyring) zero() {
	clear(r.keys)
	r.held = 0
}
