package acd

import "cmp"

// callers is a list of entries by key. Their places stand in the list itself,
// so that a search does not touch the entries.
type callers struct{ seats ordered[seat] }

type seat struct {
	place Place
	entry *entry
}

func newCallers(spare *spares[seat]) callers { return callers{newOrdered(compareSeats, spare)} }

func compareSeats(a, b seat) int {
	if o := a.place.compare(b.place); o != 0 {
		return o
	}
	return cmp.Compare(a.entry.ID, b.entry.ID)
}

func (l *callers) add(e *entry)         { l.seats.add(seat{e.Place, e}) }
func (l *callers) remove(e *entry) bool { return l.seats.remove(seat{e.Place, e}) }
func (l *callers) before(e *entry) int  { return l.seats.before(seat{e.Place, e}) }
func (l *callers) length() int          { return l.seats.length }

// first returns the caller with the smallest key; there must be one.
func (l *callers) first() *entry { return l.seats.first().entry }

// all goes through the list, which must not change meanwhile.
func (l *callers) all(yield func(*entry) bool) {
	for s := range l.seats.all {
		if !yield(s.entry) {
			return
		}
	}
}

// list copies the list.
func (l *callers) list() []*entry {
	copied := make([]*entry, 0, l.length())
	for e := range l.all {
		copied = append(copied, e)
	}
	return copied
}
