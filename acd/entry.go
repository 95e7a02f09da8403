package acd

import (
	"cmp"
	"slices"
	"time"
)

// Place is a caller's place in the order of all callers. It outlives a queue:
// give it to [Enqueue] to keep it.
type Place struct {
	Key    Time   // time of entry less the head start
	First  Time   // time of the first entry of the caller's matter
	Number uint64 // of that entry: of two callers with one key, the smaller goes first
}

func (p Place) compare(other Place) int {
	return cmp.Or(cmp.Compare(p.Key, other.Key), cmp.Compare(p.Number, other.Number))
}

// entryRecord is what stands for a caller in a queue. It is the entry's part of
// a [Snapshot].
type entryRecord struct {
	// What every decision looks at stands together, in few lines of the cache.
	ID             uint64
	Place          Place `json:",omitzero"`
	Since          Time  // start of the wait in this queue
	Stage          entryStage
	Only           bool     `json:",omitempty"` // preferred by name, not by skill
	Away           bool     `json:",omitempty"` // a callback: the caller is not on the line
	PickedUp       bool     `json:",omitempty"` // in the present attempt to call back somebody has
	Step           int      `json:",omitempty"`
	PreferredUntil Time     `json:",omitempty"`
	Preferred      string   `json:",omitempty"` // agent to wait for until PreferredUntil
	Failed         []string `json:",omitempty"` // agents who did not take this caller
	Queue          string
	Call           string
	Keep           Time          `json:",omitempty"` // end of all attempts to call back
	Foreseen       time.Duration `json:",omitempty"` // the last estimate of the time still to wait

	Via    Via
	Class  string `json:",omitempty"`
	Caller string `json:",omitempty"`
	Site   string `json:",omitempty"`
	// Home is the queue whose agents may still take the caller, as in HomeStep.
	Home     string   `json:",omitempty"`
	HomeStep int      `json:",omitempty"`
	Been     []string `json:",omitempty"` // queues that the caller has been in before

	// Of a callback.
	Attempt   int    `json:",omitempty"`
	Again     Time   `json:",omitempty"` // time of the next attempt
	DialUntil Time   `json:",omitempty"` // deadline of the attempt that is made now
	DialFor   string `json:",omitempty"` // agent who waits for it
	DialOn    string `json:",omitempty"` // agent who is its occasion, but does not wait
	Reached   Time   `json:",omitempty"` // when the caller came on the line again
}

// entry is a caller's place.
type entry struct {
	queue  *queue
	home   *class // nil without Home
	wants  *agent // in whose list the entry stands
	offers []*offer
	alarm  alarm
	entryRecord
}

// newEntry makes an entry, of one that has left before if there is one: a
// garbage collection is what a decision waits for longest.
func (r *Router) newEntry(record entryRecord) *entry {
	var e *entry
	if last := len(r.spare) - 1; last >= 0 {
		e, r.spare = r.spare[last], r.spare[:last]
		*e = entry{offers: e.offers[:0], entryRecord: entryRecord{Been: e.Been[:0]}}
	} else {
		e = &entry{}
	}
	been := e.Been
	e.entryRecord = record
	e.Been = append(been, record.Been...)
	e.alarm = alarm{rank: entryAlarm, number: e.ID, owner: e}
	return e
}

// An entryStage says whether an agent may be found for an entry.
type entryStage uint8

const (
	waiting entryStage = iota
	offered
	parked   // a callback between two attempts, or outside the hours
	dialling // a callback that is being made
)

// byKey orders entries. Two that go on with one place, which nobody should ask
// for, stand by their own numbers.
func byKey(a, b *entry) int {
	return cmp.Or(a.Place.compare(b.Place), cmp.Compare(a.ID, b.ID))
}

// class returns the requirement that is in force.
func (e *entry) class() *class { return e.queue.classes[e.Step] }

// callback reports whether the caller is not on the line.
func (e *entry) callback() bool { return e.Away }

// onLine is since when the caller waits on the line, in this queue.
func (e *entry) onLine() Time { return max(e.Since, e.Reached) }

// has reports whether the agent has failed this caller.
func (e *entry) has(agent string) bool { return slices.Contains(e.Failed, agent) }

// waitsForPreferred reports whether the caller still waits for one agent alone.
func (e *entry) waitsForPreferred() bool { return e.PreferredUntil != never }

// enter gives an entry a place in a queue and routes it on at once if the
// queue does not take it.
func (r *Router) enter(e *entry, q *queue, regained bool) {
	r.seat(e, q, regained)
	if !e.callback() && q.Mode != ModeOpen {
		if !r.divert(e, OnClosing) {
			r.exit(e, OutcomeClosed)
		}
		return
	}
	if e.callback() || !r.divert(e, OverLength) {
		r.await(e)
		r.checkStaff(e)
	}
}

// seat puts an entry at the beginning of a queue's steps.
func (r *Router) seat(e *entry, q *queue, regained bool) {
	if e.Queue != "" && e.Queue != q.Queue.Name {
		e.Been = append(e.Been, e.Queue)
	}
	e.queue, e.Queue = q, q.Queue.Name
	e.Since, e.Step, e.Foreseen = r.now, 0, 0
	r.entries.set(e.ID, e)
	q.entries.add(e)
	r.emit(Entered{
		Entry: e.ID, Call: e.Call, Queue: e.Queue, Via: e.Via, Class: e.Class, HeadStart: e.Place.First - e.Place.Key,
		Place: e.Place, Before: r.now - e.Place.First, Regained: regained,
	})
}

// exit closes the place of an entry that is not listed anywhere.
func (r *Router) exit(e *entry, outcome QueueOutcome) {
	r.exitTo(e, outcome, 0)
	r.left = append(r.left, e)
}

func (r *Router) exitTo(e *entry, outcome QueueOutcome, next uint64) {
	r.clock.set(&e.alarm, never)
	r.entries.drop(e.ID)
	e.queue.entries.remove(e)
	r.emit(Exited{
		Entry: e.ID, Call: e.Call, Queue: e.Queue, Via: e.Via, Outcome: outcome,
		Waited: r.now - e.Since, Total: r.now - e.Place.First, Next: next,
	})
}

// move takes an unlisted entry to another queue: it keeps its key, under a new
// number.
func (r *Router) move(e *entry, to *queue, outcome QueueOutcome, via Via) {
	r.renumber(e, outcome, via)
	r.enter(e, to, false)
}

// goHome takes an unlisted entry back to the queue that it came from, because
// an agent of that queue is free.
func (r *Router) goHome(e *entry) {
	home, step := e.home.queue, e.HomeStep
	r.renumber(e, OutcomeOverflow, viaOverflow)
	r.seat(e, home, false)
	e.Step = step
	e.home, e.Home, e.HomeStep = nil, "", 0
}

func (r *Router) renumber(e *entry, outcome QueueOutcome, via Via) {
	r.exitTo(e, outcome, r.lastEntry+1)
	r.lastEntry++
	if e.ID = r.lastEntry; e.Keep == never { // for the figures, a callback stays one
		e.Via = via
	}
	e.alarm.number = e.ID
}

// divert uses the first rule of the entry's queue that applies. It reports
// whether the entry is gone from there. The entry must be unlisted.
func (r *Router) divert(e *entry, t Trigger) bool {
	for _, rule := range e.queue.Overflow {
		if rule.When == t && r.applies(e, rule) {
			r.overflow(e, rule)
			return true
		}
	}
	return false
}

// applies reports whether the figures of a rule are reached, and there is
// somewhere to go that the caller has not come from.
func (r *Router) applies(e *entry, rule Overflow) bool {
	switch rule.When {
	case OverLength:
		if e.queue.entries.length() <= rule.Length {
			return false
		}
	case OverWait:
		if r.now-e.onLine() < rule.Wait {
			return false
		}
	case OverEstimate:
		if e.Foreseen <= rule.Wait {
			return false
		}
	case NoAgents, OnClosing, OnExitKey:
	}
	to := r.queues[rule.To]
	return rule.To == "" || to != nil && to.Mode == ModeOpen && rule.To != e.Queue && !slices.Contains(e.Been, rule.To)
}

func (r *Router) overflow(e *entry, rule Overflow) {
	if rule.To == "" {
		r.exit(e, rule.When.outcome())
		return
	}
	e.home, e.Home, e.HomeStep = nil, "", 0
	if rule.Return {
		e.home, e.Home, e.HomeStep = e.class(), e.Queue, e.Step
	}
	r.move(e, r.queues[rule.To], OutcomeOverflow, viaOverflow)
}
