package acd

import (
	"cmp"
	"time"

	"cardline/ledger"
)

const (
	viaCallback = ledger.ViaCallback
	viaOverflow = ledger.ViaOverflow
)

// A CallbackResult says how an attempt to call back failed.
type CallbackResult = ledger.CallbackResult

// Shorthand for the results that the router gives itself.
const (
	CallbackNoAnswer = ledger.CallbackNoAnswer
	CallbackAgent    = ledger.CallbackAgentLeft
)

// A Promise is a callback that was promised to a caller before a restart.
type Promise struct {
	Made     Time
	Attempts int  // to reach the caller up to now
	Last     Time // beginning of the newest attempt
}

// owed makes an entry a callback: for as long as its queue keeps it and, if it
// was promised before, after the attempts and in the gap of that time.
func (e *entry) owed(policy Callback, since *Promise, now Time) {
	e.Away, e.Keep = true, now+policy.keep()
	if since == nil {
		return
	}
	e.Keep, e.Attempt = since.Made+policy.keep(), since.Attempts
	if again := since.Last + policy.gap(); since.Attempts > 0 && again > now {
		e.Again = again
	}
}

// over reports whether a promise of before has been tried often or long enough.
func (c Callback) over(p Promise, now Time) bool {
	return p.Attempts >= c.attempts() || p.Made+c.keep() <= now
}

func (c Callback) attempts() int       { return cmp.Or(c.Attempts, 3) }
func (c Callback) gap() time.Duration  { return cmp.Or(c.Gap, 10*time.Minute) }
func (c Callback) keep() time.Duration { return cmp.Or(c.Keep, 24*time.Hour) }

// dial asks the owner to call a caller back, for an agent who waits or, if the
// caller is called first, because the agent is free. One agent is reason for
// one call at a time.
func (r *Router) dial(e *entry, a *agent) {
	e.Stage, e.PickedUp = dialling, false
	e.Attempt++
	e.DialUntil = r.now + cmp.Or(e.queue.Callback.Ring, 30*time.Second)
	if a.State == AgentOutbound {
		e.DialFor = a.ID
	} else {
		e.DialOn, a.Occasions = a.ID, e.ID
	}
	r.emit(CallbackDue{
		Entry: e.ID, Call: e.Call, Queue: e.Queue, Attempt: e.Attempt, Agent: e.DialFor, Deadline: e.DialUntil,
	})
	r.setAlarm(e)
}

// dialled ends a call back: the agent who was its occasion may be that of
// another.
func (r *Router) dialled(e *entry) {
	if a := r.agents[e.DialOn]; a != nil && a.Occasions == e.ID {
		a.Occasions = 0
		if a.standing == Ready {
			r.freshAgents = append(r.freshAgents, a)
		}
	}
	e.DialFor, e.DialOn, e.DialUntil = "", "", never
}

// callsFirst reports whether the caller has to be called before an agent is
// offered.
func (e *entry) callsFirst() bool { return e.callback() && e.queue.Callback.First == CallerFirst }

// reached connects a caller who has answered with the agent who waits, or lets
// the caller wait on the line, at the old place, for the next one.
func (r *Router) reached(e *entry) {
	a := r.agents[e.DialFor]
	r.dialled(e)
	e.Away, e.Reached = false, r.now
	if a == nil {
		r.await(e)
		r.checkStaff(e)
		return
	}
	r.exit(e, OutcomeAnswered)
	a.Calls++
	r.change(a, AgentTalking, "", ByRouter)
}

// attemptFailed waits for the next attempt, or ends the matter after the last.
func (r *Router) attemptFailed(e *entry, result CallbackResult) {
	policy := e.queue.Callback
	a := r.agents[e.DialFor]
	r.dialled(e)
	e.Stage = parked
	e.Again = r.now + policy.gap()
	switch result {
	case CallbackAgent: // the caller has not been failed
		e.Attempt--
		e.Again = r.now
	case ledger.CallbackError: // it was no call, and may not be one for a while
		e.Attempt--
	default:
	}
	over := e.Attempt >= policy.attempts()
	failed := CallbackFailed{Entry: e.ID, Call: e.Call, Queue: e.Queue, Attempt: e.Attempt, Result: result}
	if !over {
		failed.Again = e.Again
	}
	r.emit(failed)
	switch {
	case over:
		r.exit(e, OutcomeTimeout)
	case e.Again <= r.now:
		e.Again = never
		r.await(e)
	default:
		r.setAlarm(e)
	}
	if a != nil {
		r.release(a, ByRouter)
	}
}
