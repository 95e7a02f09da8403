package acd

// pageSize is how many numbers share a page.
const pageSize = 512

// numbered finds things by numbers that are given out in ascending order and
// leave in any: neighbours in number, who are neighbours in time, share a page.
type numbered[T any] struct {
	pages  map[uint64]*page[T]
	spare  *page[T] // without things
	length int
}

type page[T any] struct {
	used   int
	things [pageSize]*T
}

func newNumbered[T any]() numbered[T] { return numbered[T]{pages: map[uint64]*page[T]{}} }

// get returns nil if there is no such thing.
func (n *numbered[T]) get(number uint64) *T {
	if p := n.pages[number/pageSize]; p != nil {
		return p.things[number%pageSize]
	}
	return nil
}

// set gives a thing a number that no other has.
func (n *numbered[T]) set(number uint64, thing *T) {
	p := n.pages[number/pageSize]
	if p == nil {
		if p, n.spare = n.spare, nil; p == nil {
			p = &page[T]{}
		}
		n.pages[number/pageSize] = p
	}
	p.things[number%pageSize] = thing
	p.used++
	n.length++
}

// drop forgets the thing with a number; there must be one.
func (n *numbered[T]) drop(number uint64) {
	p := n.pages[number/pageSize]
	p.things[number%pageSize] = nil
	p.used--
	n.length--
	if p.used == 0 {
		delete(n.pages, number/pageSize)
		n.spare = p
	}
}

// all goes through the things and their numbers in no order. They must not
// change meanwhile.
func (n *numbered[T]) all(yield func(uint64, *T) bool) {
	for at, p := range n.pages {
		for i, thing := range p.things {
			if thing != nil && !yield(at*pageSize+uint64(i), thing) {
				return
			}
		}
	}
}
