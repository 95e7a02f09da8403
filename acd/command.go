package acd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Command asks the router for something. Commands are plain values; the list
// is closed.
type Command interface{ apply(*Router) error }

// Commands about agents. Expect, where it is not empty, is the state in which
// the one who asks believes the agent to be; if it is another one the command
// is refused with [ErrState].
type (
	// LogIn makes an agent not ready, with Reason or [ReasonLogin]. An agent
	// who is logged in already stays as they are.
	LogIn struct {
		Agent, Reason string
		By            Actor
	}
	// LogOut logs an agent out, at once or when the present call is over.
	LogOut struct {
		Agent  string
		Expect AgentState
		By     Actor
	}
	// SetReady makes an agent ready, at once or when the present call is
	// over. It ends wrap-up.
	SetReady struct {
		Agent  string
		Expect AgentState
		By     Actor
	}
	// SetNotReady makes an agent not ready, at once or when the present call
	// is over. It ends wrap-up.
	SetNotReady struct {
		Agent, Reason string
		Expect        AgentState
		By            Actor
	}
	// DeviceLost says that an agent's phone is gone.
	DeviceLost struct{ Agent string }
	// DeviceBack says that an agent's phone is there again.
	DeviceBack struct{ Agent string }
)

// Commands about callers.
type (
	// Enqueue gives a caller a place. The number of the entry comes in the
	// effect [Entered].
	Enqueue struct {
		Call      string
		Queue     string
		Via       Via
		HeadStart time.Duration // the key is the time of entry less this
		Class     string        // name of the head start, for the figures
		// Preferred names an agent to wait for until PreferFor is over; the
		// queue's other agents come after that. With Only the agent need not
		// have the queue's skills.
		Preferred string
		PreferFor time.Duration
		Only      bool
		// Key keeps the place of an earlier entry of the same matter; it is
		// used instead of HeadStart if KeepKey is set.
		Key     Time
		KeepKey bool
	}
	// Leave says that a caller gave up the place.
	Leave struct {
		Entry   uint64
		Outcome QueueOutcome
	}
)

// Commands about an offer or a conversation.
type (
	// AcceptOffer says that agent and caller hear one another.
	AcceptOffer struct{ Offer uint64 }
	// FailOffer says that the phone did not take the call, and how.
	FailOffer struct {
		Offer  uint64
		Result OfferResult // ignored, rejected, busy, unreachable or withdrawn
	}
	// StartHold says that the agent put the caller on hold.
	StartHold struct{ Agent string }
	// EndHold says that the agent took the caller back.
	EndHold struct{ Agent string }
	// EndTalk says that the conversation is over; wrap-up begins.
	EndTalk struct{ Agent string }
)

type (
	// Tick lets deadlines pass.
	Tick struct{}
	// Reconfigure replaces the configuration. Callers in a queue that is gone
	// leave with outcome closed; agents who are gone are logged out, those on
	// a call after it.
	Reconfigure struct{ Options Options }
)

func nameOf(c Command) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", c), "acd.")
}

// agentIn finds an agent and holds the command against the expected state.
func (r *Router) agentIn(id string, expect AgentState) (*agent, error) {
	a, ok := r.agents[id]
	switch {
	case !ok:
		return nil, fmt.Errorf("%w %q", ErrUnknownAgent, id)
	case expect != "" && a.state != expect:
		return nil, fmt.Errorf("%w: %s is %s, not %s", ErrState, id, a.state, expect)
	}
	return a, nil
}

func (c LogIn) apply(r *Router) error {
	a, err := r.agentIn(c.Agent, "")
	if err != nil {
		return err
	}
	if a.state == AgentLoggedOut {
		a.idleSince = r.now
		r.change(a, AgentNotReady, cmp.Or(c.Reason, ReasonLogin), c.By)
	}
	return nil
}

func (c LogOut) apply(r *Router) error { return r.ask(c.Agent, c.Expect, AgentLoggedOut, "", c.By) }

func (c SetReady) apply(r *Router) error { return r.ask(c.Agent, c.Expect, AgentReady, "", c.By) }

func (c SetNotReady) apply(r *Router) error {
	if c.Reason != ReasonRONA && c.Reason != ReasonLogin && !slices.Contains(r.options.Reasons, c.Reason) {
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
	switch a.state {
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
		a.before, a.beforeReason = to, reason // as soon as the phone is back
		r.emit(NextStateSet{Agent: id, To: to, Reason: reason, By: by})
	case AgentReady, AgentNotReady:
		if to == AgentReady && a.state == AgentNotReady {
			a.idleSince = r.now
			a.retryAt = r.now
		}
		r.change(a, to, reason, by)
	case AgentWrapUp:
		a.next, a.nextReason = to, reason
		r.release(a, by)
	default: // offered, talking, holding
		a.next, a.nextReason = to, reason
		r.emit(NextStateSet{Agent: id, To: to, Reason: reason, By: by})
	}
	return nil
}

func (c DeviceLost) apply(r *Router) error {
	a, err := r.agentIn(c.Agent, "")
	if err != nil {
		return err
	}
	switch a.state {
	case AgentLoggedOut, AgentUnreachable:
	case AgentReady, AgentNotReady:
		a.before, a.beforeReason = a.state, a.reason
		r.change(a, AgentUnreachable, "", BySystem)
	case AgentOffered:
		r.endOffer(r.offers[a.offer], OfferUnreachable)
	default: // talking, holding, wrap-up: the present work goes on
		if a.next != AgentLoggedOut && a.next != AgentUnreachable {
			a.before, a.beforeReason = cmp.Or(a.next, AgentReady), a.nextReason
			a.next, a.nextReason = AgentUnreachable, ""
		}
	}
	return nil
}

func (c DeviceBack) apply(r *Router) error {
	a, err := r.agentIn(c.Agent, "")
	if err != nil {
		return err
	}
	switch {
	case a.state == AgentUnreachable:
		a.idleSince = r.now
		r.change(a, cmp.Or(a.before, AgentReady), a.beforeReason, BySystem)
	case a.next == AgentUnreachable:
		a.next, a.nextReason = a.before, a.beforeReason
	}
	return nil
}

func (c Enqueue) apply(r *Router) error {
	q, ok := r.queues[c.Queue]
	if !ok {
		return fmt.Errorf("%w %q", ErrUnknownQueue, c.Queue)
	}
	if c.Preferred != "" && r.agents[c.Preferred] == nil {
		return fmt.Errorf("%w %q", ErrUnknownAgent, c.Preferred)
	}
	r.lastEntry++
	e := &entry{
		id: r.lastEntry, call: c.Call, queue: c.Queue, class: c.Class, via: c.Via,
		key: r.now - c.HeadStart, since: r.now,
		preferred: c.Preferred, only: c.Only,
	}
	if c.KeepKey {
		e.key = c.Key
	}
	if c.Preferred != "" {
		e.preferredUntil = r.now + c.PreferFor
	}
	if q.MaxWait > 0 {
		e.deadline = r.now + q.MaxWait
	}
	full := q.MaxLength > 0 && r.Waiting(q.Name) >= q.MaxLength
	r.insert(e)
	r.emit(Entered{Entry: e.id, Call: e.call, Queue: e.queue, Via: e.via, Class: e.class, HeadStart: r.now - e.key, Key: e.key})
	if full {
		r.exit(e, OutcomeOverflow)
	}
	return nil
}

func (c Leave) apply(r *Router) error {
	e, ok := r.entries[c.Entry]
	if !ok {
		return fmt.Errorf("%w %d", ErrUnknownEntry, c.Entry)
	}
	if e.offer != 0 {
		r.endOffer(r.offers[e.offer], OfferCallerLeft)
	}
	r.exit(e, c.Outcome)
	return nil
}

func (c AcceptOffer) apply(r *Router) error {
	o, ok := r.offers[c.Offer]
	if !ok {
		return fmt.Errorf("%w %d", ErrUnknownOffer, c.Offer)
	}
	r.closeOffer(o, OfferAccepted)
	r.exit(o.entry, OutcomeAnswered)
	r.change(o.agent, AgentTalking, "", ByRouter)
	return nil
}

func (c FailOffer) apply(r *Router) error {
	o, ok := r.offers[c.Offer]
	if !ok {
		return fmt.Errorf("%w %d", ErrUnknownOffer, c.Offer)
	}
	switch c.Result {
	case OfferIgnored, OfferRejected, OfferBusy, OfferUnreachable:
		r.endOffer(o, c.Result)
		return nil
	case OfferWithdrawn:
		// The owner could not ring. Nobody is to blame, but without a pause the
		// two would be offered to one another again at once, for ever.
		r.leaveAlone(o.agent)
		r.endOffer(o, c.Result)
		return nil
	default: // accepted and caller_left have commands of their own
		return fmt.Errorf("%w: an offer cannot fail as %q", ErrState, c.Result)
	}
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
	if a.state != AgentTalking && a.state != AgentHolding {
		return fmt.Errorf("%w: %s is %s", ErrState, c.Agent, a.state)
	}
	q := r.queues[a.queue]
	if q == nil || q.WrapUp == 0 {
		r.release(a, ByRouter)
		return nil
	}
	r.change(a, AgentWrapUp, "", ByRouter)
	a.wrapUntil = r.now + q.WrapUp
	return nil
}

func (Tick) apply(*Router) error { return nil }

func (c Reconfigure) apply(r *Router) error {
	r.configure(c.Options)
	return nil
}

// configure takes over the options and lets go what they no longer name.
func (r *Router) configure(o Options) {
	r.options = o
	r.queues = make(map[string]*Queue, len(o.Queues))
	for _, q := range o.Queues {
		r.queues[q.Name] = &q
	}
	for _, e := range slices.Clone(r.order) {
		if r.queues[e.queue] == nil {
			if e.offer != 0 {
				r.endOffer(r.offers[e.offer], OfferWithdrawn)
			}
			r.exit(e, OutcomeClosed)
		}
	}
	kept := make(map[string]bool, len(o.Agents))
	for _, configured := range o.Agents {
		kept[configured.ID] = true
		if a := r.agents[configured.ID]; a != nil {
			a.Agent, a.removed = configured, false
			continue
		}
		r.hire(&agent{Agent: configured, state: AgentLoggedOut, since: r.now})
	}
	for _, a := range slices.Clone(r.roster) {
		if kept[a.ID] {
			continue
		}
		a.removed = true
		switch a.state {
		case AgentOffered:
			r.endOffer(r.offers[a.offer], OfferWithdrawn)
		case AgentTalking, AgentHolding: // until the call is over
		default:
			r.release(a, BySystem)
		}
	}
}
