package acd

import "slices"

// chunkSize bounds a chunk of an ordered list: what one insertion moves.
const chunkSize = 32

// ordered is a list that is kept in order, in chunks, so that adding and
// removing cost the same whether ten stand in it or fifty thousand. The order
// must be total, and must not change for what stands in the list.
type ordered[T comparable] struct {
	compare func(a, b T) int
	chunks  []chunk[T] // none is empty
	length  int
	spare   *[][]T // chunks without content, of all lists that share them
}

// chunk is a stretch of an ordered list. Its last item stands beside it too, so
// that a search touches the items of one chunk only.
type chunk[T any] struct {
	last  T
	items []T
}

// newOrdered makes an empty list, which takes its chunks from those that other
// lists have left in spare.
func newOrdered[T comparable](compare func(a, b T) int, spare *[][]T) ordered[T] {
	return ordered[T]{compare: compare, spare: spare}
}

// find returns the chunk in which x stands or belongs, and where in it. Beyond
// the last item that is the chunk after the last.
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
	if low < len(l.chunks) && l.compare(l.chunks[low].items[0], x) < 0 {
		at, _ = slices.BinarySearchFunc(l.chunks[low].items, x, l.compare)
	}
	return low, at
}

func (l *ordered[T]) add(x T) {
	l.length++
	c, at := l.find(x)
	if c == len(l.chunks) && c > 0 {
		c, at = c-1, len(l.chunks[c-1].items)
	}
	switch {
	case len(l.chunks) == 0 || at == chunkSize:
		c = len(l.chunks)
		l.chunks = append(l.chunks, chunk[T]{items: append(l.empty(), x)})
	case len(l.chunks[c].items) == chunkSize:
		full := l.chunks[c].items
		half := append(l.empty(), full[chunkSize/2:]...)
		l.chunks = slices.Insert(l.chunks, c+1, chunk[T]{half[len(half)-1], half})
		clear(full[chunkSize/2:])
		l.chunks[c].items = full[:chunkSize/2]
		if at > chunkSize/2 {
			l.chunks[c].last = full[chunkSize/2-1]
			c, at = c+1, at-chunkSize/2
		}
		fallthrough
	default:
		l.chunks[c].items = slices.Insert(l.chunks[c].items, at, x)
	}
	l.chunks[c].last = l.chunks[c].items[len(l.chunks[c].items)-1]
}

// empty returns a chunk's room.
func (l *ordered[T]) empty() (items []T) {
	if last := len(*l.spare) - 1; last >= 0 {
		items, *l.spare = (*l.spare)[last], (*l.spare)[:last]
		return items
	}
	return make([]T, 0, chunkSize)
}

// remove takes x out and reports whether it stood there.
func (l *ordered[T]) remove(x T) bool {
	c, at := l.find(x)
	if c == len(l.chunks) || l.chunks[c].items[at] != x {
		return false
	}
	l.cut(c, at)
	return true
}

// drop takes the first item out; there must be one.
func (l *ordered[T]) drop() { l.cut(0, 0) }

func (l *ordered[T]) cut(c, at int) {
	l.length--
	items := slices.Delete(l.chunks[c].items, at, at+1)
	if len(items) > 0 {
		l.chunks[c] = chunk[T]{items[len(items)-1], items}
		return
	}
	*l.spare = append(*l.spare, items)
	if c == 0 && len(l.chunks) > chunkSize { // the usual case of a long list: nothing has to be moved
		l.chunks[0] = chunk[T]{}
		l.chunks = l.chunks[1:]
		return
	}
	l.chunks = slices.Delete(l.chunks, c, c+1)
}

// first returns the first item; there must be one.
func (l *ordered[T]) first() T { return l.chunks[0].items[0] }

// before counts what stands before x.
func (l *ordered[T]) before(x T) int {
	c, n := l.find(x)
	for _, chunk := range l.chunks[:c] {
		n += len(chunk.items)
	}
	return n
}

// all goes through the list, which must not change meanwhile.
func (l *ordered[T]) all(yield func(T) bool) {
	for _, chunk := range l.chunks {
		for _, x := range chunk.items {
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
		if items := c.list.chunks[c.chunk].items; c.at < len(items) {
			return items[c.at], true
		}
		c.chunk, c.at = c.chunk+1, 0
	}
	return x, false
}

func (c *cursor[T]) next() { c.at++ }
