package acd

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"cardline/ledger"
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

// Commands about an agent's work after a call.
type (
	// ExtendWrapUp adds the time that the queue allows to wrap-up.
	ExtendWrapUp struct {
		Agent string
		By    Actor
	}
	// Dispose says what the call was about, while it lasts or in wrap-up. Where
	// the queue demands a disposition, it ends wrap-up.
	Dispose struct {
		Agent, Code string
		By          Actor
	}
)

// Commands about callers.
type (
	// Enqueue gives a caller a place. The number of the entry comes in the
	// effect [Entered]. By way of a callback, the caller is not on the line:
	// that is for those who were promised one before a restart.
	Enqueue struct {
		Call      string
		Queue     string
		Via       Via
		HeadStart time.Duration // the key is the time of entry less this
		Class     string        `json:",omitempty"` // name of the head start, for the figures
		// Preferred is waited for alone for PreferFor, and offered first after
		// that. Only says that this agent may take the caller without having
		// the queue's skills.
		Preferred string        `json:",omitempty"`
		PreferFor time.Duration `json:",omitempty"`
		Only      bool          `json:",omitempty"`
		// Except names agents who are not to be offered this caller, as if they
		// had failed.
		Except []string `json:",omitempty"`
		// Keep is the place of an earlier entry of the same matter; it is used
		// instead of HeadStart.
		Keep *Place `json:",omitempty"`
		// Caller names the caller for [Queue.Regain], "" if unknown. It should
		// not be the number itself.
		Caller string `json:",omitempty"`
		Site   string `json:",omitempty"` // at which the caller came in
	}
	// Leave says that a caller gave up the place. Failed are the offers of that
	// moment which their phones had already failed, with the results of
	// [FailOffer].
	Leave struct {
		Entry   uint64
		Outcome QueueOutcome
		Failed  []FailOffer `json:",omitempty"`
	}
	// PressExit says that a caller pressed the exit key. It is refused with
	// [ErrNotOffered] if the queue has no rule for it.
	PressExit struct{ Entry uint64 }
	// Foresee says how long the caller is still expected to wait, for steps and
	// overflow that depend on it.
	Foresee struct {
		Entry uint64
		Wait  time.Duration
	}
	// SetHeadStart moves a caller in the order.
	SetHeadStart struct {
		Entry     uint64
		HeadStart time.Duration
		Reason    string
		By        Actor
	}
)

// Commands about callbacks.
type (
	// RequestCallback lets a caller hang up and keep the place. The line's wait
	// ends; the place goes on under a new number, see [Exited]. Call names it
	// from then on, if it is not empty.
	RequestCallback struct {
		Entry uint64
		Call  string `json:",omitempty"`
	}
	// DialOut says that the agent has answered the offer of a callback and
	// waits for the caller.
	DialOut struct{ Offer uint64 }
	// CallbackAnswered says that the caller has answered.
	CallbackAnswered struct{ Entry uint64 }
	// FailCallback says that the attempt has failed.
	FailCallback struct {
		Entry  uint64
		Result CallbackResult
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
	// EndTalk says that the conversation is over; wrap-up begins. It also ends
	// the wait of an agent for a caller who is being called back.
	EndTalk struct{ Agent string }
)

// Commands about the whole.
type (
	// SetMode opens or closes a queue, until a time if it is not zero.
	SetMode struct {
		Queue  string
		Mode   Mode
		Until  Time `json:",omitempty"`
		By     Actor
		Reason string `json:",omitempty"`
	}
	// SetCallbacks says whether callers of a queue may be called back now; in
	// the beginning they may.
	SetCallbacks struct {
		Queue   string
		Allowed bool
	}
	// Tick lets deadlines pass.
	Tick struct{}
	// Reconfigure replaces the configuration. Callers in a queue that is gone
	// leave with outcome closed; those of other queues go on by its new rules.
	// Agents who are gone are logged out, those on a call after it.
	Reconfigure struct{ Options Options }
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
		r.endOffer(r.offers[a.Offer], OfferUnreachable)
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

func (c Enqueue) apply(r *Router) error {
	q, ok := r.queues[c.Queue]
	if !ok {
		return fmt.Errorf("%w %q", ErrUnknownQueue, c.Queue)
	}
	if c.Preferred != "" && r.agents[c.Preferred] == nil {
		return fmt.Errorf("%w %q", ErrUnknownAgent, c.Preferred)
	}
	if c.HeadStart < 0 || c.PreferFor < 0 {
		return fmt.Errorf("%w: a negative time", ErrParameter)
	}
	if c.Via == viaCallback && q.Callback.First == "" {
		return fmt.Errorf("%w: callbacks", ErrNotOffered)
	}
	e := r.newEntry(entryRecord{
		Call: c.Call, Via: c.Via, Class: c.Class, Caller: c.Caller, Site: c.Site,
		Place: Place{Key: r.now - c.HeadStart, First: r.now}, Preferred: c.Preferred, Only: c.Only, Failed: slices.Clone(c.Except),
	})
	r.lastEntry++
	e.ID, e.Place.Number, e.alarm.number = r.lastEntry, r.lastEntry, r.lastEntry
	q.forget(r.now)
	regained := false
	if lost, left := q.left[c.Caller]; left && lost.Until > r.now && c.Keep == nil {
		e.Place, regained = lost.Place, true
		delete(q.left, c.Caller)
	}
	if c.Keep != nil {
		e.Place = *c.Keep
	}
	if c.Via == viaCallback {
		e.Away, e.Keep = true, r.now+cmp.Or(q.Callback.Keep, 24*time.Hour)
	}
	if c.PreferFor > 0 && c.Preferred != "" {
		e.PreferredUntil = r.now + c.PreferFor
	}
	r.enter(e, q, regained)
	return nil
}

// entryIn finds an entry.
func (r *Router) entryIn(id uint64) (*entry, error) {
	if e, ok := r.entries[id]; ok {
		return e, nil
	}
	return nil, fmt.Errorf("%w %d", ErrUnknownEntry, id)
}

// release takes an entry out of wherever it stands, so that it can leave.
func (r *Router) takeOut(e *entry, result OfferResult) {
	switch e.Stage {
	case waiting:
		r.unawait(e)
	case offered:
		r.withdraw(e, result)
	case dialling:
		a := r.agents[e.DialFor]
		r.dialled(e)
		if a != nil {
			r.release(a, ByRouter)
		}
	case parked:
	}
}

func (c Leave) apply(r *Router) error {
	e, err := r.entryIn(c.Entry)
	if err != nil {
		return err
	}
	if c.Outcome == OutcomeAnswered {
		return fmt.Errorf("%w: an answer is told by AcceptOffer", ErrState)
	}
	for _, f := range c.Failed {
		if o := r.offers[f.Offer]; o != nil && o.entry == e {
			e.Stage = waiting // not again: the caller goes
			switch f.Result {
			case OfferIgnored, OfferRejected, OfferBusy, OfferUnreachable:
				r.endOffer(o, f.Result)
			default:
			}
			e.Stage = offered
		}
	}
	r.takeOut(e, OfferCallerLeft)
	if c.Outcome == OutcomeAbandoned {
		e.queue.remember(e, r.now)
	}
	r.exit(e, c.Outcome)
	return nil
}

func (c PressExit) apply(r *Router) error {
	e, err := r.entryIn(c.Entry)
	if err != nil {
		return err
	}
	for _, rule := range e.queue.Overflow {
		if rule.When == OnExitKey && !e.callback() && r.applies(e, rule) {
			r.takeOut(e, OfferCallerLeft)
			r.overflow(e, rule)
			return nil
		}
	}
	return fmt.Errorf("%w: an exit key", ErrNotOffered)
}

func (c Foresee) apply(r *Router) error {
	e, err := r.entryIn(c.Entry)
	if err != nil {
		return err
	}
	if c.Wait < 0 {
		return fmt.Errorf("%w: a negative wait", ErrParameter)
	}
	e.Foreseen = c.Wait
	if e.Stage != waiting {
		return nil
	}
	r.unawait(e)
	if e.callback() || !r.divert(e, OverEstimate) {
		r.again(e)
	}
	return nil
}

func (c SetHeadStart) apply(r *Router) error {
	e, err := r.entryIn(c.Entry)
	if err != nil {
		return err
	}
	if c.HeadStart < 0 || c.HeadStart > 24*time.Hour {
		return fmt.Errorf("%w: a head start of %v", ErrParameter, c.HeadStart)
	}
	listed := e.Stage == waiting
	if listed {
		r.unawait(e)
	}
	e.queue.entries.remove(e)
	from := e.Place.First - e.Place.Key
	e.Place.Key = e.Place.First - c.HeadStart
	e.queue.entries.add(e)
	r.emit(HeadStartChanged{Entry: e.ID, Call: e.Call, Queue: e.Queue, From: from, To: c.HeadStart, Reason: c.Reason, By: c.By})
	if listed {
		r.await(e)
	}
	return nil
}

func (c RequestCallback) apply(r *Router) error {
	e, err := r.entryIn(c.Entry)
	switch {
	case err != nil:
		return err
	case e.Keep != never:
		return fmt.Errorf("%w: entry %d is a callback", ErrState, e.ID)
	case e.queue.Callback.First == "":
		return fmt.Errorf("%w: callbacks", ErrNotOffered)
	}
	r.takeOut(e, OfferCallerLeft)
	r.renumber(e, OutcomeCallback, viaCallback)
	if c.Call != "" {
		e.Call = c.Call
	}
	e.Away, e.Keep = true, r.now+cmp.Or(e.queue.Callback.Keep, 24*time.Hour)
	step := e.Step
	r.seat(e, e.queue, false)
	e.Step = step
	r.await(e)
	return nil
}

func (c DialOut) apply(r *Router) error {
	o, ok := r.offers[c.Offer]
	if !ok {
		return fmt.Errorf("%w %d", ErrUnknownOffer, c.Offer)
	}
	if !o.entry.callback() {
		return fmt.Errorf("%w: offer %d is no callback", ErrState, c.Offer)
	}
	r.win(o)
	r.change(o.agent, AgentOutbound, "", ByRouter)
	r.dial(o.entry, o.agent)
	return nil
}

// diallingIn finds an entry that is being called back.
func (r *Router) diallingIn(id uint64) (*entry, error) {
	e, err := r.entryIn(id)
	if err == nil && e.Stage != dialling {
		err = fmt.Errorf("%w: entry %d is not being called", ErrState, id)
	}
	return e, err
}

func (c CallbackAnswered) apply(r *Router) error {
	e, err := r.diallingIn(c.Entry)
	if err != nil {
		return err
	}
	r.reached(e)
	return nil
}

func (c FailCallback) apply(r *Router) error {
	e, err := r.diallingIn(c.Entry)
	if err != nil {
		return err
	}
	r.attemptFailed(e, c.Result)
	return nil
}

func (c AcceptOffer) apply(r *Router) error {
	o, ok := r.offers[c.Offer]
	if !ok {
		return fmt.Errorf("%w %d", ErrUnknownOffer, c.Offer)
	}
	if o.entry.callback() {
		return fmt.Errorf("%w: the caller of offer %d is not on the line", ErrState, c.Offer)
	}
	r.win(o)
	r.exit(o.entry, OutcomeAnswered)
	o.agent.Calls++
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
	if a.State == AgentOutbound {
		e := r.entries[a.Entry]
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

func (c SetMode) apply(r *Router) error {
	q, ok := r.queues[c.Queue]
	switch {
	case !ok:
		return fmt.Errorf("%w %q", ErrUnknownQueue, c.Queue)
	case c.Until != never && c.Until <= r.now:
		return fmt.Errorf("%w: a mode that has ended", ErrParameter)
	case !slices.Contains(ledger.Modes, c.Mode):
		return fmt.Errorf("%w: mode %q", ErrParameter, c.Mode)
	}
	if q.Mode != c.Mode || q.ModeUntil != c.Until {
		r.setMode(q, c.Mode, c.Until, c.By, c.Reason)
	}
	return nil
}

func (c SetCallbacks) apply(r *Router) error {
	q, ok := r.queues[c.Queue]
	if !ok {
		return fmt.Errorf("%w %q", ErrUnknownQueue, c.Queue)
	}
	q.Quiet = !c.Allowed
	for _, e := range q.entries.list() {
		switch {
		case !e.callback():
		case e.Stage == parked && e.Again == never && q.calls():
			r.await(e)
		case e.Stage == waiting && !q.calls():
			r.unawait(e)
			r.await(e)
		}
	}
	return nil
}

func (Tick) apply(*Router) error { return nil }

func (c Reconfigure) apply(r *Router) error {
	r.configure(c.Options)
	return nil
}

// configure takes over the options and lets go what they no longer name.
// Callers who wait go on by the new rules.
func (r *Router) configure(o Options) {
	callers := r.inOrder()
	for _, e := range callers {
		if e.Stage == waiting {
			r.unawait(e)
		}
	}
	r.options = o
	before := r.queues
	r.queues = make(map[string]*queue, len(o.Queues))
	for _, options := range o.Queues {
		q := &queue{Queue: options, queueRecord: queueRecord{Name: options.Name, Mode: ModeOpen}, entries: newCallers()}
		if old := before[options.Name]; old != nil {
			q.queueRecord, q.left = old.queueRecord, old.left
			r.clock.set(&old.alarm, never)
		}
		r.open(q)
	}
	for _, q := range before {
		r.clock.set(&q.alarm, never)
	}
	kept := make(map[string]bool, len(o.Agents))
	for _, configured := range o.Agents {
		kept[configured.ID] = true
		if a := r.agents[configured.ID]; a != nil {
			a.Agent, a.Removed = configured, false
			continue
		}
		r.hire(newAgent(configured, agentRecord{State: AgentLoggedOut, Since: r.now}))
	}
	r.layOut()
	for _, e := range callers {
		r.reseat(e)
	}
	for _, a := range slices.Clone(r.roster) {
		if kept[a.ID] {
			continue
		}
		a.Removed = true
		switch {
		case a.State == AgentOffered:
			r.endOffer(r.offers[a.Offer], OfferWithdrawn)
		case a.onCall(): // until the call is over
		default: // the idle time of who is ready orders the lists, and stays
			r.releaseIdleSince(a, BySystem, a.IdleSince)
		}
	}
}

// open makes a queue known.
func (r *Router) open(q *queue) {
	q.alarm = alarm{rank: queueAlarm, number: uint64(len(r.queues)), owner: q}
	r.queues[q.Queue.Name] = q
	r.clock.set(&q.alarm, q.ModeUntil)
}

// inOrder returns all entries by key.
func (r *Router) inOrder() []*entry {
	return slices.SortedFunc(maps.Values(r.entries), byKey)
}

// reseat gives a caller a place by the new configuration.
func (r *Router) reseat(e *entry) {
	old := e.queue
	q, ok := r.queues[e.Queue]
	if !ok {
		if e.Stage != waiting {
			r.takeOut(e, OfferWithdrawn)
		}
		e.queue = old
		r.exit(e, OutcomeClosed)
		return
	}
	e.queue = q
	q.entries.add(e)
	e.home = nil
	if home := r.queues[e.Home]; home != nil {
		e.HomeStep = min(e.HomeStep, len(home.classes)-1)
		e.home = home.classes[e.HomeStep]
	} else {
		e.Home, e.HomeStep = "", 0
	}
	e.Step = 0
	if e.Stage == waiting {
		r.again(e)
	}
}
