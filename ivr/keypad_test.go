package ivr

// A keypad does for a session what the media do for a call: it holds the keys that
// nobody has asked for, and hands them over one by one.
type keypad struct {
	keys    []byte
	flush   uint64
	hashDue bool
}

// press presses a key. Handle gives the session an input.
func (k *keypad) press(s *Session, key byte, handle func(Input)) {
	k.settle(s, handle)
	idle := k.hashDue && key == '#'
	k.hashDue = false
	w := s.Wish()
	if idle || w.Want == DropKeys || (key < '0' || key > '9') && key != '*' && key != '#' {
		return
	}
	k.keys = append(k.keys, key)
	if w.Want == HoldKeys {
		handle(KeysHeld{Held: len(k.keys), Flush: w.Flush})
	}
	k.settle(s, handle)
}

// settle hands over what the session asks for, and forgets what it does not want.
func (k *keypad) settle(s *Session, handle func(Input)) {
	for {
		w := s.Wish()
		if w.Want == DropKeys || w.Flush != k.flush {
			k.keys, k.flush = nil, w.Flush
		}
		if w.Want != TakeKey || len(k.keys) == 0 {
			return
		}
		key := k.keys[0]
		k.keys = k.keys[1:]
		if w.Last && key != '#' {
			if len(k.keys) > 0 && k.keys[0] == '#' {
				k.keys = k.keys[1:]
			} else {
				k.hashDue = len(k.keys) == 0
			}
		}
		handle(KeyPressed{Key: key, Held: len(k.keys), Flush: w.Flush})
	}
}
