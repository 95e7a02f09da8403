package memory

import (
	"bytes"
	"errors"
	"os"
	"testing"
)

func TestPagesAreZeroAndTold(t *testing.T) {
	var told []error
	for _, p := range []*Pages{nil, {}, {Unlocked: func(err error) { told = append(told, err) }}} {
		page, err := p.Page()
		if err != nil || !bytes.Equal(page, make([]byte, os.Getpagesize())) {
			t.Fatalf("got %d bytes, %v; want a page of zeros", len(page), err)
		}
		copy(page, "902615")
		if err := Release(page); err != nil {
			t.Error(err)
		}
	}
	t.Logf("pages that could not be locked here: %v", told)
}

func TestSlots(t *testing.T) {
	s := NewSlots(nil, 32)
	per := os.Getpagesize() / 32
	var slots [][]byte
	for range per + 1 {
		slot, err := s.Get()
		if err != nil || len(slot) != 32 || cap(slot) != 32 || !bytes.Equal(slot, make([]byte, 32)) {
			t.Fatalf("got %d of %d bytes, %v; want 32 zeros", len(slot), cap(slot), err)
		}
		copy(slot, "902615")
		slots = append(slots, slot)
	}
	if len(s.all) != 2 {
		t.Errorf("%d pages for a page and a slot, want 2", len(s.all))
	}
	for _, slot := range slots {
		s.Put(slot)
		if !bytes.Equal(slot, make([]byte, 32)) {
			t.Fatal("a slot is not zero after Put")
		}
	}
	for range 2 * per {
		if _, err := s.Get(); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.all) != 2 {
		t.Errorf("%d pages, want those of before", len(s.all))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOnce(t *testing.T) {
	told, counted := 0, 0
	f := Once(func(error) { told++ }, func() { counted++ })
	for range 3 {
		f(errors.New("no more locked memory"))
	}
	if told != 1 || counted != 3 {
		t.Errorf("told %d times and counted %d, want 1 and 3", told, counted)
	}
}
