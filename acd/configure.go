package acd

import (
	"fmt"
	"slices"

	"cardline/ledger"
)

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
	r.setMode(q, c.Mode, c.Until, c.By, c.Reason)
	return nil
}

func (c SetCallbacks) apply(r *Router) error {
	q, ok := r.queues[c.Queue]
	if !ok {
		return fmt.Errorf("%w %q", ErrUnknownQueue, c.Queue)
	}
	if q.Quiet == !c.Allowed {
		return nil
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
	r.leaveUnstaffed() // by the configuration of before
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
		q := &queue{Queue: options, queueRecord: queueRecord{Name: options.Name, Mode: ModeOpen}, entries: newCallers(&r.spareSeats)}
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
		r.hire(r.newAgent(configured, agentRecord{State: AgentLoggedOut, Since: r.now}))
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
			r.endOffer(r.offers.get(a.Offer), OfferWithdrawn)
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
	all := make([]*entry, 0, r.entries.length)
	for _, e := range r.entries.all {
		all = append(all, e)
	}
	slices.SortFunc(all, byKey)
	return all
}

// reseat gives a caller a place by the new configuration. In a queue that is gone
// there is none, nor for one who was to be called back where nobody is any more.
func (r *Router) reseat(e *entry) {
	old := e.queue
	q, ok := r.queues[e.Queue]
	if !ok || e.callback() && q.Callback.First == "" {
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
