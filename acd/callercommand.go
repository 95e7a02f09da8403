package acd

import (
	"fmt"
	"slices"
	"time"

	"cardline/ledger"
)

func (c Enqueue) apply(r *Router) error {
	q, ok := r.queues[c.Queue]
	if !ok {
		return fmt.Errorf("%w %q", ErrUnknownQueue, c.Queue)
	}
	if c.Preferred != "" && r.agents[c.Preferred] == nil {
		return fmt.Errorf("%w %q", ErrUnknownAgent, c.Preferred)
	}
	switch {
	case c.HeadStart < 0 || c.PreferFor < 0:
		return fmt.Errorf("%w: a negative time", ErrParameter)
	case c.HeadStart > anyHeadStart:
		return fmt.Errorf("%w: a head start of %v", ErrParameter, c.HeadStart)
	case c.Via != "" && !slices.Contains(ledger.Vias, c.Via):
		return fmt.Errorf("%w: by way of %q", ErrParameter, c.Via)
	case c.Keep != nil && c.Keep.First > r.now:
		return fmt.Errorf("%w: a place in the future", ErrParameter)
	case c.Promise != nil && (c.Via != viaCallback || c.Promise.Attempts < 0 || max(c.Promise.Made, c.Promise.Last) > r.now):
		return fmt.Errorf("%w: a promise that nobody can have made", ErrParameter)
	}
	if c.Via == viaCallback && q.Callback.First == "" {
		return fmt.Errorf("%w: callbacks", ErrNotOffered)
	}
	if c.Promise != nil && q.Callback.over(*c.Promise, r.now) {
		return fmt.Errorf("%w: the promise is over", ErrState)
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
		for _, other := range r.queues { // it is one place
			delete(other.left, c.Caller)
		}
	}
	if c.Keep != nil {
		e.Place = *c.Keep
	}
	if c.Via == viaCallback {
		e.owed(q.Callback, c.Promise, r.now)
	}
	if c.PreferFor > 0 && c.Preferred != "" {
		e.PreferredUntil = r.now + c.PreferFor
	}
	r.enter(e, q, regained)
	return nil
}

// longestHeadStart is what a supervisor may give, and anyHeadStart what makes
// sense at all: with the latter, a class goes before others for ever.
const (
	longestHeadStart = 24 * time.Hour
	anyHeadStart     = 10 * 365 * 24 * time.Hour
)

// confirmLimit is how long somebody who has picked up the phone may take to say
// that they are the caller.
const confirmLimit = 30 * time.Second

// entryIn finds an entry.
func (r *Router) entryIn(id uint64) (*entry, error) {
	if e := r.entries.get(id); e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("%w %d", ErrUnknownEntry, id)
}

// takeOut takes an entry out of wherever it stands, so that it can leave.
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
	switch {
	case c.Outcome == OutcomeAnswered || c.Outcome == OutcomeCallback:
		return fmt.Errorf("%w: nobody leaves as %s", ErrState, c.Outcome)
	case !slices.Contains(ledger.QueueOutcomes, c.Outcome):
		return fmt.Errorf("%w: outcome %q", ErrParameter, c.Outcome)
	}
	for _, f := range c.Failed {
		if o := r.offers.get(f.Offer); o != nil && o.entry == e {
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
		r.remember(e)
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
	if c.HeadStart < 0 || c.HeadStart > longestHeadStart {
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
	r.emit(HeadStartChanged{Entry: e.ID, Call: e.Call, Queue: e.Queue, From: from, To: c.HeadStart, Reason: c.Reason, By: c.By, Who: c.Who})
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
	e.owed(e.queue.Callback, nil, r.now)
	step := e.Step
	r.seat(e, e.queue, false)
	e.Step = step
	r.await(e)
	return nil
}

func (c DialOut) apply(r *Router) error {
	o := r.offers.get(c.Offer)
	if o == nil {
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
	switch {
	case !slices.Contains(ledger.CallbackResults, c.Result) || c.Result == ledger.CallbackReached:
		return fmt.Errorf("%w: an attempt cannot fail as %q", ErrParameter, c.Result)
	case c.Result == CallbackAgent && e.DialFor == "":
		return fmt.Errorf("%w: no agent waits for entry %d", ErrState, c.Entry)
	}
	r.attemptFailed(e, c.Result)
	return nil
}

func (c CallbackPickedUp) apply(r *Router) error {
	e, err := r.diallingIn(c.Entry)
	if err != nil {
		return err
	}
	if !e.PickedUp { // once an attempt
		e.PickedUp, e.DialUntil = true, r.now+confirmLimit
		r.setAlarm(e)
	}
	return nil
}

func (c AcceptOffer) apply(r *Router) error {
	o := r.offers.get(c.Offer)
	if o == nil {
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
	o := r.offers.get(c.Offer)
	if o == nil {
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
