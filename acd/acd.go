// Package acd routes callers to agents: it knows agents with skills, queues
// with requirements and the order among callers, and decides who is offered
// whom.
//
// It is a pure state machine. [Router.Apply] is its only door: commands in,
// effects out, both plain serialisable values. The router holds no socket,
// goroutine, clock, log or metric and draws no random number, so the same
// commands at the same times give the same effects, in a simulation as well as
// on the telephone.
//
//	Enqueue ──► waiting ──OfferMade──► offered ──OfferAccepted──► gone (answered)
//	              ▲  │                    │
//	              │  └─Leave, deadline──► gone (abandoned, timeout, …)
//	              └──── refused, ignored ─┘   the place is kept
//
// The promise of fairness: an agent who is free gets, of all callers whom the
// agent may take, the one with the smallest key. The key is the time of entry
// less a head start in seconds, so it never changes while people wait and
// nobody starves beyond the head starts of others.
package acd

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Time is a moment on the router's own scale: the time since some fixed
// moment that the owner chose. It never runs backwards.
type Time = time.Duration

// Errors of Apply. An error means that nothing has changed.
var (
	ErrUnknownAgent = errors.New("unknown agent")
	ErrUnknownQueue = errors.New("unknown queue")
	ErrUnknownEntry = errors.New("unknown entry")
	ErrUnknownOffer = errors.New("unknown or ended offer")
	// ErrState means that the agent is not in a state in which the command
	// makes sense, or not in the one that the command expects.
	ErrState = errors.New("the agent's state does not allow this")
	// ErrReason means that a not-ready reason is missing or not configured.
	ErrReason = errors.New("unknown not-ready reason")
)

// Options configure a Router. They may be replaced later by [Reconfigure].
type Options struct {
	Queues  []Queue
	Agents  []Agent
	Reasons []string // not-ready reasons that agents may give
	// RetryAfter is how long an agent who rejected an offer, was busy, or could
	// not be rung by the hotline itself, is left alone. If zero, it is 10 s.
	RetryAfter time.Duration
}

// Reasons that the router itself gives to not-ready agents.
const (
	ReasonRONA  = "rona"  // ring, no answer
	ReasonLogin = "login" // just logged in, not yet ready
)

// A Router owns all queues and agents. It must be used from one goroutine.
type Router struct {
	options Options
	queues  map[string]*Queue
	agents  map[string]*agent
	roster  []*agent // all agents by id
	order   []*entry // every entry in a queue, waiting or offered, by key
	entries map[uint64]*entry
	offers  map[uint64]*offer

	now       Time
	lastEntry uint64
	lastOffer uint64

	effects []Effect // of the Apply in progress
}

// New returns a router in which everybody is logged out and nobody waits.
func New(o Options) *Router {
	r := &Router{
		agents:  map[string]*agent{},
		entries: map[uint64]*entry{},
		offers:  map[uint64]*offer{},
	}
	r.configure(o)
	return r
}

// Apply lets now pass, obeys the command and returns what has to be done and
// told, in order. If err is not nil the command was refused; effects of
// deadlines that passed by now are returned all the same. A now before that of
// an earlier Apply counts as that earlier one.
func (r *Router) Apply(now Time, c Command) (effects []Effect, err error) {
	r.now = max(r.now, now)
	r.effects = nil
	r.expire()
	err = c.apply(r)
	r.settle()
	if err != nil {
		err = fmt.Errorf("%s: %w", nameOf(c), err)
	}
	return r.effects, err
}

// NextDeadline returns the time at which the router wants to be woken by a
// [Tick], if there is one.
func (r *Router) NextDeadline() (at Time, ok bool) {
	consider := func(t Time) {
		if t != never && (!ok || t < at) {
			at, ok = t, true
		}
	}
	for _, o := range r.offers {
		consider(o.deadline)
	}
	for _, e := range r.order {
		if e.offer == 0 {
			consider(e.deadline)
			if e.preferred != "" && e.preferredUntil > r.now {
				consider(e.preferredUntil)
			}
		}
	}
	for _, a := range r.roster {
		consider(a.wrapUntil)
		if a.retryAt > r.now {
			consider(a.retryAt)
		}
	}
	return at, ok
}

const never Time = 0

// expire ends everything whose deadline has passed. Order matters only for
// repeatability: offers by number, entries by key, agents by id.
func (r *Router) expire() {
	for _, id := range slices.Sorted(maps.Keys(r.offers)) {
		if o := r.offers[id]; o.deadline <= r.now {
			r.endOffer(o, OfferIgnored)
		}
	}
	for _, e := range slices.Clone(r.order) {
		if e.offer == 0 && e.deadline != never && e.deadline <= r.now {
			r.exit(e, OutcomeTimeout)
		}
	}
	for _, a := range slices.Clone(r.roster) {
		if a.wrapUntil != never && a.wrapUntil <= r.now {
			r.release(a, ByRouter)
		}
	}
}

// settle makes offers until no ready agent may take a waiting caller: callers
// by key, and for each the best agent who may.
func (r *Router) settle() {
	ready := r.ready()
	for _, e := range slices.Clone(r.order) {
		if len(ready) == 0 {
			break
		}
		if best := r.bestFor(e, ready); best != nil {
			r.offer(best, e, r.countFor(e, ready))
			ready = slices.DeleteFunc(ready, func(a *agent) bool { return a == best })
		}
	}
	for _, e := range slices.Clone(r.order) {
		if e.offer == 0 && r.queues[e.queue].LeaveIfNoAgents && !r.staffed(e) {
			r.exit(e, OutcomeNoAgents)
		}
	}
}

// ready returns the agents who are ready, by id.
func (r *Router) ready() []*agent {
	var list []*agent
	for _, a := range r.roster {
		if a.state == AgentReady {
			list = append(list, a)
		}
	}
	return list
}

// mayTake reports whether the agent may be offered the entry at this moment.
// Router and tests share this one predicate.
func (r *Router) mayTake(a *agent, e *entry) bool {
	return a.state == AgentReady && a.retryAt <= r.now &&
		e.offer == 0 &&
		r.qualified(a, e) &&
		(e.preferred == a.ID || !r.waitsForPreferred(e)) &&
		(!e.excluded[a.ID] || r.queues[e.queue].OfferAgain && !r.anotherThan(e))
}

// waitsForPreferred reports whether the caller still waits for one agent
// alone. An agent who has gone home, or has failed the caller, is not waited
// for.
func (r *Router) waitsForPreferred(e *entry) bool {
	a := r.agents[e.preferred]
	return a != nil && a.working() && !e.excluded[a.ID] && e.preferredUntil > r.now
}

// qualified reports whether the agent's skills and queues fit the entry,
// whatever the agent does now.
func (r *Router) qualified(a *agent, e *entry) bool {
	if a.ID == e.preferred && e.only {
		return true // named by a colleague: skills do not matter
	}
	return a.Serves(*r.queues[e.queue])
}

// anotherThan reports whether somebody who takes calls, and has not yet failed
// this caller, will come to take the entry. A break may be long: whoever is
// not ready is not waited for.
func (r *Router) anotherThan(e *entry) bool {
	for _, a := range r.roster {
		if a.working() && a.state != AgentNotReady && !e.excluded[a.ID] && r.qualified(a, e) {
			return true
		}
	}
	return false
}

// staffed reports whether anybody who is logged in could ever take the entry.
func (r *Router) staffed(e *entry) bool {
	for _, a := range r.roster {
		if a.working() && r.qualified(a, e) {
			return true
		}
	}
	return false
}

func (r *Router) bestFor(e *entry, ready []*agent) *agent {
	var best *agent
	for _, a := range ready {
		if r.mayTake(a, e) && (best == nil || longestIdle(e, a, best) < 0) {
			best = a
		}
	}
	return best
}

func (r *Router) countFor(e *entry, ready []*agent) int {
	n := 0
	for _, a := range ready {
		if r.mayTake(a, e) {
			n++
		}
	}
	return n
}

// longestIdle orders two agents for an entry: the preferred one first, then
// the one who has been idle longer.
func longestIdle(e *entry, a, b *agent) int {
	return cmp.Or(
		-compareBool(a.ID == e.preferred, b.ID == e.preferred),
		cmp.Compare(a.idleSince, b.idleSince),
		cmp.Compare(a.ID, b.ID),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

func (r *Router) emit(e Effect) { r.effects = append(r.effects, e) }
