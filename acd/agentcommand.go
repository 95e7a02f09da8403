package acd

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// agentIn finds an agent and holds the command against the expected state.
func (r *Router) agentIn(id string, expect AgentState) (*agent, error) {
	a, ok := r.agents[id]
	switch {
	case !ok:
		return nil, fmt.Errorf("%w %q", ErrUnknownAgent, id)
	case expect != "" && a.State != expect:
		return nil, fmt.Errorf("%w: %s is %s, not %s", ErrState, id, a.State, expect)
	}
	return a, nil
}

func (c LogIn) apply(r *Router) error {
	a, err := r.agentIn(c.Agent, "")
	if err != nil {
		return err
	}
	if a.State == AgentLoggedOut {
		a.IdleSince = r.now
		r.change(a, AgentNotReady, cmp.Or(c.Reason, ReasonLogin), c.By)
	}
	return nil
}

func (c LogOut) apply(r *Router) error { return r.ask(c.Agent, c.Expect, AgentLoggedOut, "", c.By) }

func (c SetReady) apply(r *Router) error { return r.ask(c.Agent, c.Expect, AgentReady, "", c.By) }

func (c SetNotReady) apply(r *Router) error {
	if c.Reason != ReasonRONA && c.Reason != ReasonLogin && !slices.ContainsFunc(r.options.Reasons, func(known Reason) bool { return known.Name == c.Reason }) {
		return fmt.Errorf("%w %q", ErrReason, c.Reason)
	}
	return r.ask(c.Agent, c.Expect, AgentNotReady, c.Reason, c.By)
}

// ask puts an agent into a state that the agent, or somebody for the agent,
// asked for: now, or as soon as the present call is over.
func (r *Router) ask(id string, expect, to AgentState, reason string, by Actor) error {
	a, err := r.agentIn(id, expect)
	if err != nil {
		return err
	}
	switch a.State {
	case AgentLoggedOut:
		if to == AgentLoggedOut {
			return nil
		}
		return fmt.Errorf("%w: %s is logged out", ErrState, id)
	case AgentUnreachable:
		if to == AgentLoggedOut {
			r.change(a, to, "", by)
			return nil
		}
		a.Before, a.BeforeReason = to, reason // as soon as the phone is back
		r.emit(NextStateSet{Agent: id, To: to, Reason: reason, By: by})
	case AgentReady, AgentNotReady:
		if a.Reason == ReasonDisposition && to != AgentLoggedOut {
			return fmt.Errorf("%w: %s must say what the call was about first", ErrDisposition, id)
		}
		if to == AgentReady && a.State == AgentNotReady {
			a.IdleSince = r.now
			a.RetryAt = r.now
		}
		r.change(a, to, reason, by)
	case AgentWrapUp:
		if q := r.queues[a.Queue]; q != nil && q.WrapUp.Policy == WrapUpForced && a.Disposition == "" {
			return fmt.Errorf("%w: %s must say what the call was about first", ErrDisposition, id)
		}
		a.Next, a.NextReason = to, reason
		r.release(a, by)
	default: // offered, talking, holding
		a.Next, a.NextReason = to, reason
		r.emit(NextStateSet{Agent: id, To: to, Reason: reason, By: by})
	}
	return nil
}

func (c DeviceLost) apply(r *Router) error {
	a, err := r.agentIn(c.Agent, "")
	if err != nil {
		return err
	}
	switch a.State {
	case AgentLoggedOut, AgentUnreachable:
	case AgentReady, AgentNotReady:
		a.Before, a.BeforeReason = a.State, a.Reason
		r.change(a, AgentUnreachable, "", BySystem)
	case AgentOffered:
		r.endOffer(r.offers.get(a.Offer), OfferUnreachable)
	default: // talking, holding, outbound, wrap-up: the present work goes on
		r.unreachableNext(a)
	}
	return nil
}

func (c DeviceBack) apply(r *Router) error {
	a, err := r.agentIn(c.Agent, "")
	if err != nil {
		return err
	}
	switch {
	case a.State == AgentUnreachable:
		a.IdleSince = r.now
		r.change(a, cmp.Or(a.Before, AgentReady), a.BeforeReason, BySystem)
	case a.Next == AgentUnreachable:
		a.Next, a.NextReason = a.Before, a.BeforeReason
	}
	return nil
}

func (c StartHold) apply(r *Router) error { return r.hold(c.Agent, AgentTalking, AgentHolding) }
func (c EndHold) apply(r *Router) error   { return r.hold(c.Agent, AgentHolding, AgentTalking) }

func (r *Router) hold(id string, from, to AgentState) error {
	a, err := r.agentIn(id, from)
	if err != nil {
		return err
	}
	r.change(a, to, "", ByRouter)
	return nil
}

func (c EndTalk) apply(r *Router) error {
	a, err := r.agentIn(c.Agent, "")
	if err != nil {
		return err
	}
	if a.State == AgentOutbound {
		e := r.entries.get(a.Entry)
		e.failedBy(a)
		r.leaveAlone(a)
		r.attemptFailed(e, CallbackAgent)
		return nil
	}
	if a.State != AgentTalking && a.State != AgentHolding {
		return fmt.Errorf("%w: %s is %s", ErrState, c.Agent, a.State)
	}
	var policy WrapUp
	if q := r.queues[a.Queue]; q != nil {
		policy = q.WrapUp
	}
	length := policy.For
	switch policy.Policy {
	case WrapUpTimed:
	case WrapUpManual, WrapUpForced:
		length = cmp.Or(policy.Max, longestWrapUp)
	case WrapUpNone, "":
		length = 0
	}
	if length == 0 || policy.Policy == WrapUpForced && a.Disposition != "" {
		r.release(a, ByRouter)
		return nil
	}
	a.WrapSince, a.WrapUntil = r.now, r.now+length
	r.change(a, AgentWrapUp, "", ByRouter)
	return nil
}

// longestWrapUp is what wrap-up may last where the queue does not say.
const longestWrapUp = 15 * time.Minute

func (c ExtendWrapUp) apply(r *Router) error {
	a, err := r.agentIn(c.Agent, AgentWrapUp)
	if err != nil {
		return err
	}
	q := r.queues[a.Queue]
	if q == nil || q.WrapUp.Extend <= 0 {
		return fmt.Errorf("%w: more wrap-up", ErrNotOffered)
	}
	longest := a.WrapSince + max(cmp.Or(q.WrapUp.Max, longestWrapUp), q.WrapUp.For)
	a.WrapUntil = max(a.WrapUntil, min(a.WrapUntil+q.WrapUp.Extend, longest)) // longest may be less than it was
	r.wind(a)
	r.emit(WrapUpExtended{Agent: a.ID, Queue: a.Queue, Until: a.WrapUntil, By: c.By})
	return nil
}

func (c Dispose) apply(r *Router) error {
	a, err := r.agentIn(c.Agent, "")
	if err != nil {
		return err
	}
	late := a.State == AgentNotReady && a.Reason == ReasonDisposition
	if a.State != AgentTalking && a.State != AgentHolding && a.State != AgentWrapUp && !late {
		return fmt.Errorf("%w: %s has no call", ErrState, a.ID)
	}
	queue := cmp.Or(a.Queue, a.DisposeOf)
	q := r.queues[queue]
	if q == nil || !slices.Contains(q.Dispositions, c.Code) {
		return fmt.Errorf("%w %q", ErrDisposition, c.Code)
	}
	a.Disposition = c.Code
	r.emit(Disposed{Agent: a.ID, Queue: queue, Call: a.Call, Entry: a.Entry, Code: c.Code, By: c.By})
	switch {
	case late:
		a.Disposition, a.DisposeOf, a.Call, a.Entry = "", "", "", 0
		a.IdleSince = r.now
		r.change(a, AgentReady, "", c.By)
	case a.State == AgentWrapUp && q.WrapUp.Policy == WrapUpForced:
		r.release(a, c.By)
	}
	return nil
}
