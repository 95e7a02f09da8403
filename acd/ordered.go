package acd

import "slices"

// chunkSize bounds a chunk of an ordered list, and so what an insertion moves.
const chunkSize = 64

// ordered is a list that is kept in order, in chunks, so that adding and
// removing cost the same whether ten stand in it or fifty thousand. The order
// must be total, and must not change for what stands in the list.
type ordered[T comparable] struct {
	compare func(a, b T) int
	chunks  []chunk[T] // none is empty
	length  int
	spare   *spares[T]
}

// chunk is a stretch of an ordered list: items from to before to of its room. The
// last one stands beside them too, so that a search looks into one room only.
type chunk[T any] struct {
	last     T
	room     *[chunkSize]T
	from, to uint8
}

// spares are rooms that lists have left, for all lists that share them.
type spares[T any] struct{ rooms []*[chunkSize]T }

func (s *spares[T]) take() *[chunkSize]T {
	last := len(s.rooms) - 1
	if last < 0 {
		return new([chunkSize]T)
	}
	room := s.rooms[last]
	s.rooms = s.rooms[:last]
	return room
}

func newOrdered[T comparable](compare func(a, b T) int, spare *spares[T]) ordered[T] {
	return ordered[T]{compare: compare, spare: spare}
}

func (c *chunk[T]) items() []T { return c.room[c.from:c.to] }

// find returns the chunk in which x stands or belongs, and how many of its items
// stand before. What comes after all others belongs to the chunk after the last.
func (l *ordered[T]) find(x T) (c, at int) {
	low, high := 0, len(l.chunks)
	if high > 0 && l.compare(l.chunks[high-1].last, x) < 0 {
		return high, 0 // the usual place of what is new
	}
	for low < high {
		if middle := (low + high) / 2; l.compare(l.chunks[middle].last, x) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(l.chunks) {
		at, _ = slices.BinarySearchFunc(l.chunks[low].items(), x, l.compare)
	}
	return low, at
}

func (l *ordered[T]) add(x T) {
	l.length++
	c, at := l.find(x)
	if c == len(l.chunks) && c > 0 && l.chunks[c-1].to < chunkSize {
		c--
		at = len(l.chunks[c].items())
	}
	switch {
	case c == len(l.chunks):
		l.chunks = append(l.chunks, chunk[T]{room: l.spare.take()})
	case len(l.chunks[c].items()) == chunkSize:
		l.split(c)
		if at > chunkSize/2 {
			c, at = c+1, at-chunkSize/2
		}
	}
	l.chunks[c].insert(at, x)
}

// split makes two chunks of a full one.
func (l *ordered[T]) split(c int) {
	const half = chunkSize / 2
	full := &l.chunks[c]
	upper := chunk[T]{last: full.last, room: l.spare.take(), to: chunkSize - half}
	copy(upper.room[:], full.room[half:])
	clear(full.room[half:])
	full.last, full.to = full.room[half-1], half
	l.chunks = slices.Insert(l.chunks, c+1, upper)
}

// insert puts x behind so many items of a chunk that has room.
func (c *chunk[T]) insert(at int, x T) {
	at += int(c.from)
	if c.to < chunkSize {
		copy(c.room[at+1:], c.room[at:c.to])
		c.to++
	} else {
		at--
		copy(c.room[c.from-1:], c.room[c.from:at+1])
		c.from--
	}
	c.room[at] = x
	c.last = c.room[c.to-1]
}

// cut takes out the item behind so many others, and moves the fewer of its
// neighbours.
func (c *chunk[T]) cut(at int) {
	var none T
	at += int(c.from)
	if at-int(c.from) < int(c.to)-at-1 {
		copy(c.room[c.from+1:], c.room[c.from:at])
		c.room[c.from] = none
		c.from++
		return
	}
	copy(c.room[at:], c.room[at+1:c.to])
	c.to--
	c.room[c.to] = none
	if c.to > c.from {
		c.last = c.room[c.to-1]
	}
}

// remove takes x out and reports whether it stood there.
func (l *ordered[T]) remove(x T) bool {
	if l.length > 0 && l.first() == x { // who is served is the first as a rule
		l.drop()
		return true
	}
	c, at := l.find(x)
	if c == len(l.chunks) || l.chunks[c].items()[at] != x {
		return false
	}
	l.cut(c, at)
	return true
}

// drop takes the first item out; there must be one.
func (l *ordered[T]) drop() { l.cut(0, 0) }

func (l *ordered[T]) cut(c, at int) {
	l.length--
	from := &l.chunks[c]
	from.cut(at)
	switch {
	case from.to > from.from:
	case c == 0 && len(l.chunks) > chunkSize: // of a long list the others stay where they are
		l.spare.rooms = append(l.spare.rooms, from.room)
		*from = chunk[T]{}
		l.chunks = l.chunks[1:]
	default:
		l.spare.rooms = append(l.spare.rooms, from.room)
		l.chunks = slices.Delete(l.chunks, c, c+1)
	}
}

// first returns the first item; there must be one.
func (l *ordered[T]) first() T { return l.chunks[0].room[l.chunks[0].from] }

// before counts what stands before x.
func (l *ordered[T]) before(x T) int {
	c, n := l.find(x)
	for i := range l.chunks[:c] {
		n += len(l.chunks[i].items())
	}
	return n
}

// all goes through the list, which must not change meanwhile.
func (l *ordered[T]) all(yield func(T) bool) {
	for i := range l.chunks {
		for _, x := range l.chunks[i].items() {
			if !yield(x) {
				return
			}
		}
	}
}

// cursor walks along a list that does not change meanwhile.
type cursor[T comparable] struct {
	list  *ordered[T]
	chunk int
	at    int
}

// get returns what the cursor stands on, if it is not at the end.
func (c *cursor[T]) get() (x T, ok bool) {
	for c.chunk < len(c.list.chunks) {
		if items := c.list.chunks[c.chunk].items(); c.at < len(items) {
			return items[c.at], true
		}
		c.chunk, c.at = c.chunk+1, 0
	}
	return x, false
}

func (c *cursor[T]) next() { c.at++ }
