package sim

import "cardline/acd"

// An event is something that will happen by itself. Who it happens to is the
// index of a stream, a caller or an agent.
type event struct {
	at    acd.Time
	order uint32 // of what happens at the same time
	life  uint32 // of the caller or agent; the event is void if another has begun
	who   int32
	kind  kind
}

// kind says what happens.
type kind uint8

const (
	arrives    kind = iota // the next caller of a stream
	givesUp                // a caller's patience ends
	answers                // an agent takes up the phone, or refuses, or it is not heard
	hangsUp                // a conversation ends
	finishes               // an agent's work after a call ends
	turns                  // an agent's shift goes on: begin, break, end
	returns                // an agent who did not answer comes back
	samples                // an interval ends
	opens                  // a queue opens, closes, or may call back
	comesAgain             // a caller who gave up calls again
	asks                   // a caller takes the offer to be called back
	picksUp                // a caller who is called back answers
)

// events is a heap by time, four children to a node: it is flat and never
// allocates once it has its size.
type events struct {
	heap  []event
	order uint32
}

func (q *events) push(e event) {
	q.order++
	e.order = q.order
	q.heap = append(q.heap, e)
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !before(&e, &q.heap[parent]) {
			break
		}
		q.heap[i] = q.heap[parent]
		i = parent
	}
	q.heap[i] = e
}

// pop removes the first event; there must be one.
func (q *events) pop() event {
	first := q.heap[0]
	last := q.heap[len(q.heap)-1]
	q.heap = q.heap[:len(q.heap)-1]
	n := len(q.heap)
	if n == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, n); c++ {
			if before(&q.heap[c], &q.heap[least]) {
				least = c
			}
		}
		if !before(&q.heap[least], &last) {
			break
		}
		q.heap[i] = q.heap[least]
		i = least
	}
	q.heap[i] = last
	return first
}

func before(a, b *event) bool {
	return a.at < b.at || a.at == b.at && a.order < b.order
}
