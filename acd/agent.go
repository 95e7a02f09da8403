package acd

import (
	"slices"
	"time"

	"cardline/ledger"
)

// An Agent is one person who takes calls.
type Agent struct {
	ID     string
	Site   string
	Group  string         // team, as it is shown in metrics
	Skills map[string]int // level 1 to 10; a skill that is absent is not there
	Queues []string       // queues to serve; if empty, all whose requirement the skills meet
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
	AgentOffered     = ledger.AgentOffered     // next: talking, ready, not_ready, logged_out, unreachable
	AgentTalking     = ledger.AgentTalking     // next: holding, wrap_up, ready, not_ready, logged_out, unreachable
	AgentHolding     = ledger.AgentHolding     // next: as talking, and talking
	AgentWrapUp      = ledger.AgentWrapUp      // next: ready, not_ready, logged_out, unreachable
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

	ByRouter = ledger.ByRouter
	BySystem = ledger.BySystem
)

// agent is an Agent with what the agent does now.
type agent struct {
	Agent
	state     AgentState
	reason    string // of not_ready
	since     Time   // when the state began
	idleSince Time   // when the agent was last released from work
	retryAt   Time   // no offers before, after a rejection

	offer     uint64 // while offered
	queue     string // while talking, holding or in wrap-up
	wrapUntil Time   // deadline while in wrap-up

	next       AgentState // what follows the present work; "" means ready
	nextReason string
	// before is what the agent was, or asked to be, when the phone went away.
	before       AgentState
	beforeReason string
	removed      bool // no longer configured; logged out after the present call
}

// Serves reports whether the agent may take callers of q, whatever the agent
// does now.
func (a *Agent) Serves(q Queue) bool {
	if len(a.Queues) > 0 && !slices.Contains(a.Queues, q.Name) {
		return false
	}
	for skill, level := range q.Requires {
		if a.Skills[skill] < level {
			return false
		}
	}
	return true
}

// working reports whether the agent is at work, though perhaps on a break.
func (a *agent) working() bool { return a.state != AgentLoggedOut && a.state != AgentUnreachable }

// change puts the agent into a state and tells it. It is the only place that
// assigns a state.
func (r *Router) change(a *agent, to AgentState, reason string, by Actor) {
	if a.state == to && a.reason == reason {
		return
	}
	from, left, took := a.state, a.reason, r.now-a.since
	a.state, a.reason, a.since = to, reason, r.now
	r.emit(AgentChanged{
		Agent: a.ID, Group: a.Group, From: from, To: to, Reason: reason, LeftReason: left,
		By: by, Took: took, Queue: a.queue,
	})
}

// release ends an agent's work on a call: what was asked for meanwhile
// happens now.
func (r *Router) release(a *agent, by Actor) {
	next, reason := a.next, a.nextReason
	if a.removed {
		next, reason = AgentLoggedOut, ""
	}
	a.next, a.nextReason = "", ""
	a.wrapUntil = never
	a.idleSince = r.now
	switch next {
	case AgentLoggedOut, AgentUnreachable:
		r.change(a, next, reason, by)
	case AgentNotReady:
		r.change(a, AgentNotReady, reason, by)
	default:
		r.change(a, AgentReady, "", by)
	}
	a.queue = ""
	if a.removed {
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
	delete(r.agents, a.ID)
	if at, ok := slices.BinarySearchFunc(r.roster, a, byID); ok {
		r.roster = slices.Delete(r.roster, at, at+1)
	}
}

func byID(a, b *agent) int { return compareString(a.ID, b.ID) }

// AgentView is what an agent does at the moment of the question.
type AgentView struct {
	Agent
	State      AgentState
	Reason     string
	For        time.Duration // time in the state
	Next       AgentState    // "" unless set
	NextReason string
}

// AgentView tells what the agent does now.
func (r *Router) AgentView(id string) (AgentView, bool) {
	a, ok := r.agents[id]
	if !ok {
		return AgentView{}, false
	}
	return AgentView{a.Agent, a.state, a.reason, r.now - a.since, a.next, a.nextReason}, true
}

// Agents tells what every agent does now, ordered by id.
func (r *Router) Agents() []AgentView {
	list := make([]AgentView, len(r.roster))
	for i, a := range r.roster {
		list[i], _ = r.AgentView(a.ID)
	}
	return list
}
