package acd

import (
	"cmp"
	"slices"
	"time"
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

// staffed reports whether anybody who is logged in could ever take the entry.
func (r *Router) staffed(e *entry) bool {
	for _, c := range e.queue.classes[e.Step:] {
		if r.counts[c.number].working() > 0 {
			return true
		}
	}
	wanted := r.agents[e.Preferred]
	return e.home != nil && r.counts[e.home.number].working() > 0 || e.Only && wanted != nil && wanted.working()
}

// checkStaff moves a waiting caller on for whom nobody will come.
func (r *Router) checkStaff(e *entry) {
	if e.Stage == waiting && !e.callback() && e.queue.watches(NoAgents) && !r.staffed(e) {
		r.unawait(e)
		if !r.divert(e, NoAgents) {
			r.await(e)
		}
	}
}

// await lets agents be found for an entry.
func (r *Router) await(e *entry) {
	if e.callback() && (!e.queue.calls() || e.Again > r.now) {
		e.Stage = parked
		r.setAlarm(e)
		return
	}
	e.Stage = waiting
	r.advance(e)
	if a := r.wantedBy(e); a == nil || e.PreferredUntil <= r.now || e.has(a.ID) || !a.working() {
		e.PreferredUntil = never
	}
	r.lineUp(e)
	r.freshEntries = append(r.freshEntries, e)
}

// wantedBy returns the agent who is preferred, if that agent may take the entry.
func (r *Router) wantedBy(e *entry) *agent {
	if a := r.agents[e.Preferred]; a != nil && (e.Only || e.class().profiles.has(a.profile.number)) {
		return a
	}
	return nil
}

// lineUp puts a waiting entry into all lists in which agents look for it.
func (r *Router) lineUp(e *entry) {
	e.wants = r.wantedBy(e)
	if e.wants != nil {
		e.wants.wanted.add(e)
	}
	if !e.waitsForPreferred() {
		r.list(e, e.class())
		if e.home != nil {
			r.list(e, e.home)
		}
	}
	r.setAlarm(e)
}

// unawait takes an entry out of all lists in which agents look for it.
func (r *Router) unawait(e *entry) {
	if e.wants != nil {
		e.wants.wanted.remove(e)
		e.wants = nil
	}
	if !e.waitsForPreferred() {
		r.unlist(e, e.class())
		if e.home != nil {
			r.unlist(e, e.home)
		}
	}
}

// giveUpOn lets callers who wait for an agent who has gone wait for anybody.
func (r *Router) giveUpOn(a *agent) {
	if a.wanted.length() == 0 {
		return
	}
	for _, e := range a.wanted.list() {
		if e.waitsForPreferred() {
			r.unawait(e)
			e.PreferredUntil = never
			r.await(e)
		}
		if e.Only {
			r.checkStaff(e)
		}
	}
}

// advance moves an unlisted entry on to the step that is in force.
func (r *Router) advance(e *entry) {
	from := e.Step
	for e.Step < len(e.queue.Steps) {
		next := e.queue.Steps[e.Step]
		late := next.After > 0 && r.now-e.Since >= next.After
		if !late && (next.EstimateOver == 0 || e.Foreseen <= next.EstimateOver) {
			break
		}
		e.Step++
	}
	if e.Step != from {
		r.emit(StepReached{Entry: e.ID, Call: e.Call, Queue: e.Queue, Step: e.Step})
	}
}

// setAlarm sets the entry's alarm to the first of its deadlines. While it is
// offered it has none: the offer has.
func (r *Router) setAlarm(e *entry) {
	first := never
	if e.Away {
		first = e.Keep
	}
	switch e.Stage {
	case waiting:
		first = earliest(first, e.PreferredUntil)
		if e.Step < len(e.queue.Steps) {
			if after := e.queue.Steps[e.Step].After; after > 0 {
				first = earliest(first, e.Since+after)
			}
		}
		for _, rule := range e.queue.Overflow {
			if at := e.onLine() + rule.Wait; rule.When == OverWait && !e.callback() && at > r.now {
				first = earliest(first, at)
			}
		}
	case offered:
		first = never
	case parked:
		first = earliest(first, e.Again)
	case dialling:
		first = e.DialUntil
	}
	r.clock.set(&e.alarm, first)
}

// due lets the entry's deadline pass.
func (e *entry) due(r *Router) {
	switch {
	case e.Stage == dialling:
		r.attemptFailed(e, CallbackNoAnswer)
		return
	case e.callback() && e.Keep != never && e.Keep <= r.now:
		if e.Stage == waiting {
			r.unawait(e)
		}
		r.exit(e, OutcomeTimeout)
		return
	case e.Stage == parked:
		e.Again = never
		r.await(e)
		return
	}
	r.unawait(e)
	r.again(e)
}

// again lets an unlisted entry wait on, unless its time is over.
func (r *Router) again(e *entry) {
	if e.callback() || !r.divert(e, OverWait) {
		r.await(e)
		r.checkStaff(e)
	}
}

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
