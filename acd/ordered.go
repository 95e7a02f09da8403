package acd

import "slices"

// chunkSize bounds a chunk of an ordered list: what one insertion moves.
const chunkSize = 256

// ordered is a list that is kept in order, in chunks, so that adding and
// removing cost the same whether ten stand in it or fifty thousand. The order
// must be total, and must not change for what stands in the list.
type ordered[T comparable] struct {
	compare func(a, b T) int
	chunks  [][]T
	length  int
}

func newOrdered[T comparable](compare func(a, b T) int) ordered[T] {
	return ordered[T]{compare: compare}
}

// chunkFor returns the chunk in which x stands or belongs.
func (l *ordered[T]) chunkFor(x T) int {
	low, high := 0, len(l.chunks)-1
	for low < high {
		middle := (low + high) / 2
		if chunk := l.chunks[middle]; l.compare(chunk[len(chunk)-1], x) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

func (l *ordered[T]) add(x T) {
	l.length++
	if len(l.chunks) == 0 {
		l.chunks = append(l.chunks, append(make([]T, 0, 8), x))
		return
	}
	i := l.chunkFor(x)
	chunk := l.chunks[i]
	at, _ := slices.BinarySearchFunc(chunk, x, l.compare)
	chunk = slices.Insert(chunk, at, x)
	if len(chunk) > chunkSize {
		half := append(make([]T, 0, chunkSize+1), chunk[chunkSize/2:]...)
		clear(chunk[chunkSize/2:])
		chunk = chunk[:chunkSize/2]
		l.chunks = slices.Insert(l.chunks, i+1, half)
	}
	l.chunks[i] = chunk
}

// remove takes x out and reports whether it stood there.
func (l *ordered[T]) remove(x T) bool {
	if l.length == 0 {
		return false
	}
	i := l.chunkFor(x)
	at, found := slices.BinarySearchFunc(l.chunks[i], x, l.compare)
	if !found || l.chunks[i][at] != x {
		return false
	}
	l.length--
	if at == 0 { // the usual case: nothing has to be moved
		var none T
		l.chunks[i][0] = none
		l.chunks[i] = l.chunks[i][1:]
	} else {
		l.chunks[i] = slices.Delete(l.chunks[i], at, at+1)
	}
	if len(l.chunks[i]) == 0 && len(l.chunks) > 1 {
		l.chunks = slices.Delete(l.chunks, i, i+1)
	} else if l.length == 0 {
		l.chunks[0] = l.chunks[0][:0]
	}
	return true
}

// before counts what stands before x.
func (l *ordered[T]) before(x T) int {
	if l.length == 0 {
		return 0
	}
	i := l.chunkFor(x)
	n, _ := slices.BinarySearchFunc(l.chunks[i], x, l.compare)
	for _, chunk := range l.chunks[:i] {
		n += len(chunk)
	}
	return n
}

// all goes through the list, which must not change meanwhile.
func (l *ordered[T]) all(yield func(T) bool) {
	for _, chunk := range l.chunks {
		for _, x := range chunk {
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
		if chunk := c.list.chunks[c.chunk]; c.at < len(chunk) {
			return chunk[c.at], true
		}
		c.chunk, c.at = c.chunk+1, 0
	}
	return x, false
}

func (c *cursor[T]) next() { c.at++ }
