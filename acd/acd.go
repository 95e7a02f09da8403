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
//	Enqueue ──► waiting ──OfferMade──► offered ──AcceptOffer──► gone (answered)
//	            ▲  │  ▲                   │
//	            │  │  └─refused, ignored──┘   the place is kept
//	            │  ├─overflow──► the same place in another queue
//	            │  ├─RequestCallback──► the same place, without the line
//	            │  └─Leave, deadline──► gone (abandoned, timeout, …)
//	        callback answered
//
// The promise of fairness: an agent who is free gets, of all callers whom the
// agent may take, the one with the smallest key. The key is the time of entry
// less a head start in seconds, so it never changes while people wait and
// nobody starves beyond the head starts of others.
//
// A decision looks at classes of callers with one requirement, and at profiles
// of agents with one set of skills, not at every caller and agent; see match.go.
package acd

import (
	"errors"
	"fmt"
	"time"
)

// Time is a moment on the router's own scale: the time since some fixed
// moment that the owner chose. It never runs backwards.
type Time = time.Duration

const never Time = 0

// Errors of Apply. An error means that nothing has changed.
var (
	ErrUnknownAgent = errors.New("unknown agent")
	ErrUnknownQueue = errors.New("unknown queue")
	ErrUnknownEntry = errors.New("unknown entry")
	ErrUnknownOffer = errors.New("unknown or ended offer")
	// ErrState means that the agent, or the entry, is not in a state in which
	// the command makes sense, or not in the one that the command expects.
	ErrState = errors.New("the state does not allow this")
	// ErrReason means that a not-ready reason is missing or not configured.
	ErrReason = errors.New("unknown not-ready reason")
	// ErrDisposition means that a disposition is missing or not configured.
	ErrDisposition = errors.New("missing or unknown disposition")
	// ErrNotOffered means that the queue offers no callbacks, or has no exit key.
	ErrNotOffered = errors.New("the queue does not offer this")
	// ErrParameter means that a value makes no sense, such as a negative time.
	ErrParameter = errors.New("senseless parameter")
)

// A Router owns all queues and agents. It must be used from one goroutine.
type Router struct {
	options Options
	queues  map[string]*queue
	agents  map[string]*agent
	roster  []*agent // all agents by id
	entries numbered[entry]
	offers  numbered[offer]

	now       Time
	lastEntry uint64
	lastOffer uint64
	clock     clock

	match

	// Rooms of lists, to be used again.
	spareSeats  spares[seat]
	spareAgents spares[*agent]

	// What the Apply in progress has done so far.
	effects      []Effect
	freshAgents  []*agent // who became free
	freshEntries []*entry // who began to wait, or may be taken by more agents
	unstaffed    []*class // whom the last agent has left
	scans        []scan   // kept, as best is, for the next settle
	best         []*agent
	left         []*entry // who left for good
	spare        []*entry // who left before, to be used again
	closed       []*offer // which ended
	spareOffers  []*offer // which ended before
}

// New returns a router in which everybody is logged out and nobody waits.
func New(o Options) *Router {
	r := newRouter()
	r.configure(o)
	return r
}

func newRouter() *Router {
	return &Router{
		queues: map[string]*queue{}, agents: map[string]*agent{},
		entries: newNumbered[entry](), offers: newNumbered[offer](), clock: newClock(),
	}
}

// Apply lets now pass, obeys the command and returns what has to be done and
// told, in order. If err is not nil the command was refused; effects of
// deadlines that passed by now are returned all the same. A now before that of
// an earlier Apply counts as that earlier one.
func (r *Router) Apply(now Time, c Command) (effects []Effect, err error) {
	r.now = max(r.now, now)
	r.effects = nil
	r.spare = append(r.spare, r.left...)
	r.left = r.left[:0]
	r.spareOffers = append(r.spareOffers, r.closed...)
	r.closed = r.closed[:0]
	r.expire()
	err = c.apply(r)
	r.settle()
	if err != nil {
		err = fmt.Errorf("%s: %w", CommandName(c), err)
	}
	return r.effects, err
}

// NextDeadline returns the time at which the router wants to be woken by a
// [Tick], if there is one.
func (r *Router) NextDeadline() (at Time, ok bool) {
	if first := r.clock.first(); first != nil {
		return first.at, true
	}
	return never, false
}

// expire lets everything happen whose deadline has passed.
func (r *Router) expire() {
	for {
		first := r.clock.first()
		if first == nil || first.at > r.now {
			return
		}
		r.clock.lines.drop()
		first.at = never
		first.owner.due(r)
	}
}

func (r *Router) emit(e Effect) {
	if r.effects == nil {
		r.effects = make([]Effect, 0, 6)
	}
	r.effects = append(r.effects, e)
}
