// Package memory keeps what the program holds out of core dumps and swap.
package memory

import (
	"fmt"
	"os"
	"sync"
)

// Pages hands out memory of pages of their own for what is secret: it is never
// dumped and, where the system allows it, never swapped. A nil *Pages hands out the
// same and tells nobody.
type Pages struct {
	// Unlocked is told of each page that may be swapped, as the system allows no
	// more locked memory. If nil, nobody is. It must not block.
	Unlocked func(error)
}

// Page returns a page of zeros. It must be given back by [Release].
func (p *Pages) Page() ([]byte, error) {
	page, err := mapPage(os.Getpagesize())
	if err != nil {
		return nil, fmt.Errorf("map a page: %w", err)
	}
	if err := lockPage(page); err != nil && p != nil && p.Unlocked != nil {
		p.Unlocked(err)
	}
	return page, nil
}

// Release zeroes a page and gives it back.
func Release(page []byte) error {
	clear(page)
	return unmapPage(page)
}

// Slots are small pieces of pages, all of one size. They grow by a page and shrink
// at Close only. They belong to one goroutine at a time.
type Slots struct {
	pages *Pages
	size  int
	all   [][]byte // pages
	free  [][]byte
}

// NewSlots returns slots of size bytes, none yet.
func NewSlots(pages *Pages, size int) *Slots { return &Slots{pages: pages, size: size} }

// Get returns a slot of zeros.
func (s *Slots) Get() ([]byte, error) {
	if len(s.free) == 0 {
		page, err := s.pages.Page()
		if err != nil {
			return nil, err
		}
		s.all = append(s.all, page)
		for at := 0; at+s.size <= len(page); at += s.size {
			s.free = append(s.free, page[at:at+s.size:at+s.size])
		}
	}
	last := len(s.free) - 1
	slot := s.free[last]
	s.free = s.free[:last]
	return slot, nil
}

// Put zeroes a slot and takes it back.
func (s *Slots) Put(slot []byte) {
	clear(slot)
	s.free = append(s.free, slot)
}

// Close gives all pages back; no slot may be used any more.
func (s *Slots) Close() error {
	var first error
	for _, page := range s.all {
		if err := Release(page); err != nil && first == nil {
			first = err
		}
	}
	s.all, s.free = nil, nil
	return first
}

// Once returns a function for [Pages.Unlocked] that tells the first error and counts
// all.
func Once(tell func(error), count func()) func(error) {
	var told sync.Once
	return func(err error) {
		count()
		told.Do(func() { tell(err) })
	}
}
