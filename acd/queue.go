package acd

import (
	"slices"
)

// queue is a Queue with who waits in it.
type queue struct {
	Queue
	queueRecord
	classes []*class            // by step
	entries callers             // all of them, also those whom an agent is being offered, by key
	left    map[string]lostCall // who gave up and may regain the place, by caller
	alarm   alarm               // the mode's end
}

// queueRecord is the queue's part of a [Snapshot].
type queueRecord struct {
	Name      string
	Mode      Mode
	ModeUntil Time       `json:",omitempty"`
	Quiet     bool       `json:",omitempty"` // nobody is called back now
	Left      []lostCall `json:",omitempty"` // in the order in which they left; some have come back
}

// lostCall is a caller who gave up.
type lostCall struct {
	Caller string
	Place  Place
	Until  Time
}

// watches reports whether the queue has a rule for an occasion.
func (q *queue) watches(t Trigger) bool {
	return slices.ContainsFunc(q.Overflow, func(rule Overflow) bool { return rule.When == t })
}

// forget drops places that have not been regained in time.
func (q *queue) forget(now Time) {
	for len(q.Left) > 0 && q.Left[0].Until <= now {
		if lost := q.Left[0]; q.left[lost.Caller] == lost {
			delete(q.left, lost.Caller)
		}
		q.Left = q.Left[1:]
	}
}

// remember keeps the place of a caller who gives up, in every queue in which the
// caller has been.
func (r *Router) remember(e *entry) {
	e.queue.remember(e, r.now)
	for _, name := range e.Been {
		if q := r.queues[name]; q != nil && e.Caller != "" {
			q.remember(e, r.now)
		}
	}
}

func (q *queue) remember(e *entry, now Time) {
	q.forget(now)
	if e.Caller == "" || q.Regain == 0 {
		return
	}
	if q.left == nil {
		q.left = map[string]lostCall{}
	}
	lost := lostCall{e.Caller, e.Place, now + q.Regain}
	q.left[e.Caller] = lost
	q.Left = append(q.Left, lost)
}

// due ends a mode by itself.
func (q *queue) due(r *Router) { r.setMode(q, ModeOpen, never, ByRouter, "") }

func (r *Router) setMode(q *queue, to Mode, until Time, by Actor, reason string) {
	from := q.Mode
	q.Mode, q.ModeUntil = to, until
	r.clock.set(&q.alarm, until)
	r.emit(ModeChanged{Queue: q.Queue.Name, From: from, To: to, Until: until, By: by, Reason: reason})
	for _, e := range q.entries.list() {
		switch {
		case e.Stage == parked && e.Again == never && q.calls():
			r.await(e)
		case e.Stage == waiting && to != ModeOpen:
			r.unawait(e)
			if e.callback() || !r.divert(e, OnClosing) {
				r.await(e)
			}
		}
	}
}

// calls reports whether callers may be called back now.
func (q *queue) calls() bool { return q.Mode == ModeOpen && !q.Quiet }

// Waiting returns the number of callers in the queue who have no agent yet;
// those whom an agent is being offered, and callbacks, count.
func (r *Router) Waiting(queue string) int {
	if q := r.queues[queue]; q != nil {
		return q.entries.length()
	}
	return 0
}

// Position returns the place of an entry among those of its queue, from 1.
func (r *Router) Position(id uint64) (place int, ok bool) {
	e := r.entries.get(id)
	if e == nil {
		return 0, false
	}
	return e.queue.entries.before(e) + 1, true
}

// Mode returns what the queue is like now; of an unknown one, "".
func (r *Router) Mode(queue string) Mode {
	if q := r.queues[queue]; q != nil {
		return q.Mode
	}
	return ""
}

// Staff counts the agents whom the queue's first requirement admits, by their
// standing.
func (r *Router) Staff(queue string) Standings {
	if q := r.queues[queue]; q != nil {
		return r.counts[q.classes[0].number]
	}
	return Standings{}
}
