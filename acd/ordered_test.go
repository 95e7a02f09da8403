package acd

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestOrdered holds the list against a sorted slice, over several chunks.
func TestOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newOrdered(cmp.Compare[int], new(spares[int]))
		var want []int
		most := one(t, "most", 5, chunkSize, 5*chunkSize)
		for range pick(t, "steps", 40) {
			// A stretch of numbers, so that chunks fill up, split and are emptied.
			from, length, down := pick(t, "from", most), pick(t, "length", most), rapid.Bool().Draw(t, "down")
			remove := pick(t, "remove", 3) == 0
			for i := range length {
				x := from + i
				if down {
					x = from + length - i
				}
				at, found := slices.BinarySearch(want, x)
				switch {
				case remove:
					if l.remove(x) != found {
						t.Fatalf("%d: got %v, want %v", x, !found, found)
					}
					if found {
						want = slices.Delete(want, at, at+1)
					}
				case !found:
					l.add(x)
					want = slices.Insert(want, at, x)
				}
			}
			if got := slices.Collect(l.all); !slices.Equal(got, want) || l.length != len(want) {
				t.Fatalf("got %d: %v, want %v", l.length, got, want)
			}
			for _, chunk := range l.chunks {
				if n := len(chunk.items()); n == 0 || chunk.last != chunk.items()[n-1] {
					t.Fatalf("a chunk of %d, the last %d", n, chunk.last)
				}
			}
			x := pick(t, "x", 2*most)
			if at, _ := slices.BinarySearch(want, x); l.before(x) != at {
				t.Fatalf("%d stand before %d, want %d", l.before(x), x, at)
			}
			c := cursor[int]{list: &l}
			for _, x := range want {
				if got, ok := c.get(); !ok || got != x {
					t.Fatalf("the cursor stands on %d, %v; want %d", got, ok, x)
				}
				c.next()
			}
			if x, ok := c.get(); ok {
				t.Fatalf("after the end the cursor stands on %d", x)
			}
		}
	})
}

// TestOrderedTells holds that only the very same thing is removed, though
// others may stand as high.
func TestOrderedTells(t *testing.T) {
	type thing struct{ height, number int }
	l := newOrdered(func(a, b thing) int { return cmp.Compare(a.height, b.height) }, new(spares[thing]))
	l.add(thing{3, 1})
	if l.remove(thing{3, 2}) || !l.remove(thing{3, 1}) || l.length != 0 || l.remove(thing{3, 1}) {
		t.Errorf("removed the wrong thing: %+v", l)
	}
}

// TestCallersWithOnePlace holds that callers who go on with one place stand by
// their numbers and are told apart.
func TestCallersWithOnePlace(t *testing.T) {
	place := Place{Key: 5, First: 7, Number: 3}
	l := newCallers(new(spares[seat]))
	var all []*entry
	for _, id := range []uint64{4, 2, 9} {
		e := &entry{entryRecord: entryRecord{ID: id, Place: place}}
		all = append(all, e)
		l.add(e)
	}
	if got := l.list(); !slices.Equal(got, []*entry{all[1], all[0], all[2]}) {
		t.Errorf("they stand as %d, %d, %d", got[0].ID, got[1].ID, got[2].ID)
	}
	if l.first() != all[1] || l.before(all[2]) != 2 || !l.remove(all[0]) || l.remove(all[0]) || l.length() != 2 {
		t.Error("one was taken for another")
	}
}

// TestNumbered holds the table against a map.
func TestNumbered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, want := newNumbered[int](), map[uint64]*int{}
		last := uint64(pick(t, "first", 5*pageSize))
		for range pick(t, "steps", 40) {
			for range pick(t, "more", pageSize) {
				last++
				want[last] = new(int)
				table.set(last, want[last])
			}
			for n := last - min(last, uint64(pick(t, "back", 3*pageSize))); n <= last; n += 1 + uint64(pick(t, "every", 3)) {
				if want[n] != nil {
					table.drop(n)
					delete(want, n)
				}
			}
			if got := maps.Collect(table.all); !maps.Equal(got, want) || table.length != len(want) {
				t.Fatalf("%d things stand there, by length %d; want %d", len(got), table.length, len(want))
			}
			if n := uint64(pick(t, "n", 9*pageSize)); table.get(n) != want[n] {
				t.Fatalf("the wrong thing has the number %d", n)
			}
		}
		for n := range want {
			table.drop(n)
		}
		if len(table.pages) > 0 {
			t.Fatalf("%d pages are left", len(table.pages))
		}
	})
}

// TestClock holds the clock against all alarms that are on.
func TestClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		alarms := make([]*alarm, 1+pick(t, "alarms", 40))
		for i := range alarms {
			alarms[i] = &alarm{rank: alarmRank(i % 4), number: uint64(i / 4 % 3), name: string(rune('a' + i))}
		}
		next := func() *alarm {
			var first *alarm
			for _, a := range alarms {
				if a.at != never && (first == nil || cmp.Or(cmp.Compare(a.at, first.at), cmp.Compare(a.rank, first.rank),
					cmp.Compare(a.number, first.number), cmp.Compare(a.name, first.name)) < 0) {
					first = a
				}
			}
			return first
		}
		for range pick(t, "steps", 300) {
			c.set(alarms[pick(t, "alarm", len(alarms))], Time(pick(t, "at", 30)))
			if got, want := c.first(), next(); got != want {
				t.Fatalf("%+v goes off first, want %+v", got, want)
			}
			if first := c.first(); first != nil && pick(t, "pass", 4) == 0 {
				c.lines.drop()
				first.at = never
			}
		}
		for first := next(); first != nil; first = next() {
			if got := c.first(); got != first {
				t.Fatalf("%+v goes off first, want %+v", got, first)
			}
			c.lines.drop()
			first.at = never
		}
		if got := c.first(); got != nil {
			t.Fatalf("%+v goes off, but nothing is on", got)
		}
	})
}

func TestEarliest(t *testing.T) {
	for _, c := range []struct {
		times []Time
		want  Time
	}{
		{nil, never}, {[]Time{never, never}, never}, {[]Time{never, 7}, 7}, {[]Time{9, never, 3, 5}, 3},
	} {
		if got := earliest(c.times...); got != c.want {
			t.Errorf("%v: got %v, want %v", c.times, got, c.want)
		}
	}
}
