package acd

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Queue holds callers who wait for an agent with certain skills.
type Queue struct {
	Name     string
	Requires map[string]int // least level of each skill
	// RingTimeout is how long one agent is rung. If zero, it is 15 s.
	RingTimeout time.Duration
	// WrapUp is the agent's time after a call. Zero means none.
	WrapUp time.Duration
	// MaxWait ends a wait with outcome timeout. Zero means no limit.
	MaxWait time.Duration
	// MaxLength refuses callers beyond it with outcome overflow. Zero means
	// no limit.
	MaxLength int
	// LeaveIfNoAgents ends waits with outcome no_agents while nobody who
	// could ever take the caller is logged in.
	LeaveIfNoAgents bool
	// OfferAgain lets agents who failed a caller be offered that caller again
	// once nobody else is left.
	OfferAgain bool
}

// entry is a caller's place.
type entry struct {
	id       uint64
	call     string
	queue    string
	class    string
	via      Via
	key      Time
	since    Time // start of the wait in this queue
	deadline Time // of the wait

	preferred      string // agent to wait for until preferredUntil
	preferredUntil Time
	only           bool // preferred by name, not by skill
	excluded       map[string]bool
	offer          uint64 // 0 while waiting
}

// offer is one agent being rung for one entry.
type offer struct {
	id       uint64
	entry    *entry
	agent    *agent
	since    Time
	deadline Time
}

func byKey(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.id, b.id))
}

func compareString(a, b string) int { return strings.Compare(a, b) }

func (r *Router) insert(e *entry) {
	r.entries[e.id] = e
	at, _ := slices.BinarySearchFunc(r.order, e, byKey)
	r.order = slices.Insert(r.order, at, e)
}

// exit closes the place of an entry that is not being offered.
func (r *Router) exit(e *entry, outcome QueueOutcome) {
	delete(r.entries, e.id)
	if at, ok := slices.BinarySearchFunc(r.order, e, byKey); ok {
		r.order = slices.Delete(r.order, at, at+1)
	}
	r.emit(Exited{Entry: e.id, Call: e.call, Queue: e.queue, Outcome: outcome, Waited: r.now - e.since})
}

// offer reserves the agent for the entry and rings.
func (r *Router) offer(a *agent, e *entry, eligible int) {
	ring := cmp.Or(r.queues[e.queue].RingTimeout, 15*time.Second)
	r.lastOffer++
	o := &offer{id: r.lastOffer, entry: e, agent: a, since: r.now, deadline: r.now + ring}
	r.offers[o.id] = o
	e.offer, a.offer = o.id, o.id
	a.queue = e.queue
	r.change(a, AgentOffered, "", ByRouter)
	r.emit(OfferMade{
		Offer: o.id, Entry: e.id, Call: e.call, Queue: e.queue, Agent: a.ID,
		Eligible: eligible, Waited: r.now - e.since, Deadline: o.deadline,
	})
}

// endOffer closes an offer that was not accepted. The caller keeps the place;
// what becomes of the agent depends on the result.
func (r *Router) endOffer(o *offer, result OfferResult) {
	r.closeOffer(o, result)
	a, e := o.agent, o.entry
	switch result {
	case OfferCallerLeft, OfferWithdrawn:
		// Not the agent's doing: idle time goes on as if nothing had been.
		idle := a.idleSince
		r.release(a, ByRouter)
		a.idleSince = idle
		return
	case OfferRejected, OfferBusy:
		r.leaveAlone(a)
	case OfferIgnored:
		if a.next == "" {
			a.next, a.nextReason = AgentNotReady, ReasonRONA
		}
	case OfferUnreachable:
		if a.next != AgentLoggedOut {
			a.before, a.beforeReason = cmp.Or(a.next, AgentReady), a.nextReason
			a.next, a.nextReason = AgentUnreachable, ""
		}
	case OfferAccepted:
		panic("acd: an accepted offer is not ended by endOffer")
	}
	if e.excluded == nil {
		e.excluded = map[string]bool{}
	}
	e.excluded[a.ID] = true
	r.release(a, ByRouter)
}

// leaveAlone keeps offers from an agent for a while.
func (r *Router) leaveAlone(a *agent) {
	a.retryAt = r.now + cmp.Or(r.options.RetryAfter, 10*time.Second)
}

func (r *Router) closeOffer(o *offer, result OfferResult) {
	delete(r.offers, o.id)
	o.entry.offer, o.agent.offer = 0, 0
	r.emit(OfferEnded{
		Offer: o.id, Entry: o.entry.id, Call: o.entry.call, Queue: o.entry.queue, Agent: o.agent.ID,
		Result: result, Rang: r.now - o.since,
	})
}

// Waiting returns the number of callers in the queue who have no agent yet;
// those whom an agent is being offered count.
func (r *Router) Waiting(queue string) int {
	n := 0
	for _, e := range r.order {
		if e.queue == queue {
			n++
		}
	}
	return n
}

// Position returns the place of an entry among those of its queue, from 1.
func (r *Router) Position(id uint64) (place int, ok bool) {
	e, ok := r.entries[id]
	if !ok {
		return 0, false
	}
	for _, other := range r.order {
		if other.queue == e.queue {
			place++
		}
		if other == e {
			break
		}
	}
	return place, true
}
