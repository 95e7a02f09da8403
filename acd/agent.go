package acd

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"cardline/ledger"
)

// An Agent is one person who takes calls.
type Agent struct {
	ID     string
	Site   string         `json:",omitempty"`
	Group  string         `json:",omitempty"` // team, as it is shown in metrics
	Skills map[string]int `json:",omitempty"` // level 1 to 10; a skill that is absent is not there
	Queues []string       `json:",omitempty"` // queues to serve; if empty, all whose requirement the skills meet
}

// The words for what agents and callers do are those of the ledger.
type (
	AgentState   = ledger.AgentState
	OfferResult  = ledger.OfferResult
	QueueOutcome = ledger.QueueOutcome
	Actor        = ledger.Actor
	Via          = ledger.Via
)

// Shorthand for the words that the router uses most.
const (
	AgentLoggedOut   = ledger.AgentLoggedOut   // next: not_ready, ready
	AgentNotReady    = ledger.AgentNotReady    // next: ready, logged_out, unreachable
	AgentReady       = ledger.AgentReady       // next: offered, not_ready, logged_out, unreachable
	AgentOffered     = ledger.AgentOffered     // next: talking, outbound, ready, not_ready, logged_out, unreachable
	AgentTalking     = ledger.AgentTalking     // next: holding, wrap_up, ready, not_ready, logged_out, unreachable
	AgentHolding     = ledger.AgentHolding     // next: as talking, and talking
	AgentWrapUp      = ledger.AgentWrapUp      // next: ready, not_ready, logged_out, unreachable
	AgentOutbound    = ledger.AgentOutbound    // waits for a caller to answer; next: as offered
	AgentUnreachable = ledger.AgentUnreachable // next: what the agent was before, logged_out

	OfferAccepted    = ledger.OfferAccepted
	OfferIgnored     = ledger.OfferIgnored
	OfferRejected    = ledger.OfferRejected
	OfferBusy        = ledger.OfferBusy
	OfferUnreachable = ledger.OfferUnreachable
	OfferCallerLeft  = ledger.OfferCallerLeft
	OfferWithdrawn   = ledger.OfferWithdrawn

	OutcomeAnswered  = ledger.OutcomeAnswered
	OutcomeAbandoned = ledger.OutcomeAbandoned
	OutcomeTimeout   = ledger.OutcomeTimeout
	OutcomeOverflow  = ledger.OutcomeOverflow
	OutcomeNoAgents  = ledger.OutcomeNoAgents
	OutcomeClosed    = ledger.OutcomeClosed
	OutcomeExitKey   = ledger.OutcomeExitKey
	OutcomeCallback  = ledger.OutcomeCallbackRequested

	ByRouter = ledger.ByRouter
	BySystem = ledger.BySystem
)

// agentRecord is what an agent does now. It is the agent's part of a
// [Snapshot].
type agentRecord struct {
	// What every change and decision looks at stands together, in few lines of
	// the cache.
	State     AgentState
	Reason    string        `json:",omitempty"` // of not_ready
	Since     Time          // when the state began
	IdleSince Time          // when the agent was last released from work
	RetryAt   Time          `json:",omitempty"` // no offers before, after a rejection
	Occupancy int64         `json:",omitempty"` // millionths, when the agent became ready
	Busy      time.Duration `json:",omitempty"` // since login
	Free      time.Duration `json:",omitempty"` // ready, since login
	Calls     int           `json:",omitempty"` // taken since login
	Turn      uint64        `json:",omitempty"` // the last offer
	Offer     uint64        `json:",omitempty"` // while offered
	Call      string        `json:",omitempty"` // while talking, holding, outbound or in wrap-up; so are the next two
	Entry     uint64        `json:",omitempty"`
	Queue     string        `json:",omitempty"`
	WrapSince Time          `json:",omitempty"`
	WrapUntil Time          `json:",omitempty"` // deadline while in wrap-up
	// BreakUntil is when the time allowed for the not-ready reason is over.
	BreakUntil Time       `json:",omitempty"`
	Next       AgentState `json:",omitempty"` // what follows the present work; "" means ready
	NextReason string     `json:",omitempty"`
	// Occasions is the entry of a caller who is called back because the agent is
	// free, before the two are brought together.
	Occasions uint64 `json:",omitempty"`
	Removed   bool   `json:",omitempty"` // no longer configured; logged out after the present call

	// Disposition is what the agent said about the call, and DisposeOf the queue
	// of a call of which the agent still has to say it.
	Disposition string `json:",omitempty"`
	DisposeOf   string `json:",omitempty"`
	// Before is what the agent was, or asked to be, when the phone went away.
	Before       AgentState `json:",omitempty"`
	BeforeReason string     `json:",omitempty"`
}

// agent is an Agent with what the agent does now.
type agent struct {
	profile  *profile
	standing Standing
	wanted   callers // callers who ask for this agent, by key
	alarm    alarm
	agentRecord
	Agent
}

func (r *Router) newAgent(a Agent, record agentRecord) *agent {
	hired := &agent{Agent: a, agentRecord: record, wanted: newCallers(&r.spareSeats)}
	hired.alarm = alarm{rank: agentAlarm, name: a.ID, owner: hired}
	return hired
}

// working reports whether the agent is at work, though perhaps on a break.
func (a *agent) working() bool { return a.State != AgentLoggedOut && a.State != AgentUnreachable }

// onCall reports whether the agent is busy with one caller's call.
func (a *agent) onCall() bool {
	return a.State == AgentTalking || a.State == AgentHolding || a.State == AgentOutbound
}

// change puts the agent into a state and tells it. It is the only place that
// assigns a state.
func (r *Router) change(a *agent, to AgentState, reason string, by Actor) {
	if a.State == to && a.Reason == reason {
		return
	}
	from, left, took := a.State, a.Reason, r.now-a.Since
	switch from {
	case AgentReady:
		a.Free += took
	case AgentLoggedOut:
		a.Calls, a.Busy, a.Free = 0, 0, 0
	case AgentNotReady, AgentUnreachable:
	default:
		a.Busy += took
	}
	if to == AgentReady {
		a.Occupancy = 0
		if whole := a.Busy + a.Free; whole > 0 {
			a.Occupancy = int64(a.Busy/time.Millisecond) * 1_000_000 / max(1, int64(whole/time.Millisecond))
		}
	}
	a.State, a.Reason, a.Since = to, reason, r.now
	a.BreakUntil = never
	if to == AgentNotReady {
		if allowed := r.allowed(reason); allowed > 0 {
			a.BreakUntil = r.now + allowed
		}
	}
	r.emit(AgentChanged{
		Agent: a.ID, Group: a.Group, From: from, To: to, Reason: reason, LeftReason: left,
		By: by, Took: took, Queue: a.Queue,
	})
	r.stand(a)
	r.wind(a)
	if !a.working() {
		r.giveUpOn(a)
	}
}

// allowed is how long a break for the reason may last, 0 if there is no limit.
func (r *Router) allowed(reason string) time.Duration {
	at := slices.IndexFunc(r.options.Reasons, func(known Reason) bool { return known.Name == reason })
	if at < 0 {
		return 0
	}
	return r.options.Reasons[at].Allowed
}

// wind sets the agent's alarm to the first of the deadlines.
func (r *Router) wind(a *agent) {
	retry := never
	if a.State == AgentReady && a.RetryAt > r.now {
		retry = a.RetryAt
	}
	r.clock.set(&a.alarm, earliest(a.WrapUntil, a.BreakUntil, retry))
}

// due lets the agent's deadline pass.
func (a *agent) due(r *Router) {
	if a.BreakUntil != never && a.BreakUntil <= r.now {
		a.BreakUntil = never
		r.emit(Overstayed{Agent: a.ID, Group: a.Group, Reason: a.Reason, Allowed: r.allowed(a.Reason)})
	}
	if a.WrapUntil != never && a.WrapUntil <= r.now {
		if q := r.queues[a.Queue]; q != nil && q.WrapUp.Policy == WrapUpForced && a.Disposition == "" &&
			a.Next != AgentLoggedOut && a.Next != AgentUnreachable {
			a.Next, a.NextReason = AgentNotReady, ReasonDisposition
		}
		r.release(a, ByRouter)
	}
	r.stand(a) // a delay after a refusal may be over
	r.wind(a)
}

// release ends an agent's work on a call: what was asked for meanwhile
// happens now.
func (r *Router) release(a *agent, by Actor) {
	r.releaseIdleSince(a, by, r.now)
}

// releaseIdleSince releases an agent who counts as idle since another time.
func (r *Router) releaseIdleSince(a *agent, by Actor, idle Time) {
	next, reason := a.Next, a.NextReason
	if a.Removed {
		next, reason = AgentLoggedOut, ""
	}
	a.Next, a.NextReason = "", ""
	a.WrapSince, a.WrapUntil = never, never
	a.IdleSince = idle
	switch next {
	case AgentLoggedOut, AgentUnreachable:
		r.change(a, next, reason, by)
	case AgentNotReady:
		r.change(a, AgentNotReady, reason, by)
	default:
		r.change(a, AgentReady, "", by)
	}
	if a.Reason == ReasonDisposition {
		a.DisposeOf = a.Queue // it may still be given
	} else {
		a.Call, a.Entry, a.DisposeOf = "", 0, ""
	}
	a.Queue, a.Disposition = "", ""
	if a.Removed {
		r.dismiss(a)
	}
}

// hire and dismiss keep the agents and their roster together.
func (r *Router) hire(a *agent) {
	r.agents[a.ID] = a
	at, _ := slices.BinarySearchFunc(r.roster, a, byID)
	r.roster = slices.Insert(r.roster, at, a)
}

func (r *Router) dismiss(a *agent) {
	r.clock.set(&a.alarm, never)
	delete(r.agents, a.ID)
	if at, ok := slices.BinarySearchFunc(r.roster, a, byID); ok {
		r.roster = slices.Delete(r.roster, at, at+1)
	}
	if a.profile != nil {
		for _, n := range a.profile.classes {
			r.counts[n][a.standing]--
		}
	}
}

func byID(a, b *agent) int { return strings.Compare(a.ID, b.ID) }

// AgentView is what an agent does at the moment of the question.
type AgentView struct {
	Agent
	State      AgentState
	Reason     string
	For        time.Duration // time in the state
	Next       AgentState    // "" unless set
	NextReason string
	// Call is the call that the agent talks in, wraps up, or is rung for.
	Call  string
	Entry uint64
	Queue string
	Calls int // taken since login
	// Deadline is when the router will end the present state, if it will.
	Deadline Time
}

// AgentView tells what the agent does now.
func (r *Router) AgentView(id string) (AgentView, bool) {
	a, ok := r.agents[id]
	if !ok {
		return AgentView{}, false
	}
	v := AgentView{
		Agent: a.Agent, State: a.State, Reason: a.Reason, For: r.now - a.Since, Next: a.Next, NextReason: a.NextReason,
		Call: a.Call, Entry: a.Entry, Queue: a.Queue, Calls: a.Calls, Deadline: a.WrapUntil,
	}
	if o := r.offers.get(a.Offer); o != nil {
		v.Call, v.Entry, v.Queue, v.Deadline = o.entry.Call, o.entry.ID, o.entry.Queue, cmp.Or(v.Deadline, o.Deadline)
	}
	return v, true
}

// Agents tells what every agent does now, ordered by id.
func (r *Router) Agents() []AgentView {
	list := make([]AgentView, len(r.roster))
	for i, a := range r.roster {
		list[i], _ = r.AgentView(a.ID)
	}
	return list
}
