package sim

import (
	"math/rand/v2"
	"testing"

	"cardline/acd"
)

// TestEventsInOrder pushes and pops at random: events come by time, and those
// of the same time in the order in which they were planned.
func TestEventsInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var q events
	var last event
	for i := range 100_000 {
		if len(q.heap) > 0 && random.IntN(2) == 0 {
			e := q.pop()
			if before(&e, &last) {
				t.Fatalf("%+v came after %+v", e, last)
			}
			last = e
		} else {
			q.push(event{at: last.at + acd.Time(random.IntN(50)), who: int32(i)})
		}
	}
	if n := testing.AllocsPerRun(1000, func() { q.push(event{at: last.at}); q.pop() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
