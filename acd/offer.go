package acd

import (
	"cmp"
	"slices"
	"time"
)

// offerRecord is one agent being rung for one entry. It is the offer's part of
// a [Snapshot].
type offerRecord struct {
	ID       uint64
	Entry    uint64
	Agent    string
	Since    Time
	Deadline Time
}

type offer struct {
	offerRecord
	entry *entry
	agent *agent
	alarm alarm
}

// place makes an offer known to its agent, its entry and the clock.
func (r *Router) place(o *offer) {
	o.alarm = alarm{rank: offerAlarm, number: o.ID, owner: o}
	r.offers.set(o.ID, o)
	o.entry.offers = append(o.entry.offers, o)
	o.agent.Offer = o.ID
	r.clock.set(&o.alarm, o.Deadline)
}

// offer reserves the agent for the entry and rings.
func (r *Router) offer(a *agent, e *entry, d Decision) {
	r.lastOffer++
	var o *offer
	if last := len(r.spareOffers) - 1; last >= 0 {
		o, r.spareOffers = r.spareOffers[last], r.spareOffers[:last]
	} else {
		o = &offer{}
	}
	*o = offer{offerRecord{
		ID: r.lastOffer, Entry: e.ID, Agent: a.ID, Since: r.now, Deadline: r.now + cmp.Or(e.queue.RingTimeout, 15*time.Second),
	}, e, a, alarm{}}
	r.place(o)
	a.Queue = e.Queue
	r.change(a, AgentOffered, "", ByRouter)
	a.Turn = o.ID
	r.emit(OfferMade{
		Offer: o.ID, Entry: e.ID, Call: e.Call, Queue: e.Queue, Agent: a.ID,
		Waited: r.now - e.Since, Deadline: o.Deadline, Callback: e.callback(), Decision: d,
	})
}

// due ends an offer that nobody has answered.
func (o *offer) due(r *Router) { r.endOffer(o, OfferIgnored) }

// endOffer closes an offer that was not accepted. The caller keeps the place;
// what becomes of the agent depends on the result.
func (r *Router) endOffer(o *offer, result OfferResult) {
	r.closeOffer(o, result, false)
	a, e := o.agent, o.entry
	switch result {
	case OfferCallerLeft, OfferWithdrawn:
		// Not the agent's doing: idle time goes on as if nothing had been.
		r.releaseIdleSince(a, ByRouter, a.IdleSince)
		r.backFrom(e)
		return
	case OfferRejected, OfferBusy:
		r.leaveAlone(a)
	case OfferIgnored:
		if a.Next == "" || a.Next == AgentReady { // whoever is ready answers
			a.Next, a.NextReason = AgentNotReady, ReasonRONA
		}
	case OfferUnreachable:
		r.unreachableNext(a)
	case OfferAccepted:
		panic("acd: an accepted offer is not ended by endOffer")
	}
	e.failedBy(a)
	r.release(a, ByRouter)
	r.backFrom(e)
}

// failedBy remembers that an agent did not take the caller.
func (e *entry) failedBy(a *agent) {
	if !e.has(a.ID) {
		e.Failed = append(e.Failed, a.ID)
	}
}

// backFrom lets an entry wait again when the last of its offers is over.
func (r *Router) backFrom(e *entry) {
	if len(e.offers) == 0 && e.Stage == offered && r.entries.get(e.ID) == e {
		r.again(e)
	}
}

// unreachableNext keeps what the agent was, or asked to be, for the time when
// the phone is back.
func (r *Router) unreachableNext(a *agent) {
	if a.Next != AgentLoggedOut && a.Next != AgentUnreachable {
		a.Before, a.BeforeReason = cmp.Or(a.Next, AgentReady), a.NextReason
		a.Next, a.NextReason = AgentUnreachable, ""
	}
}

// leaveAlone keeps offers from an agent for a while.
func (r *Router) leaveAlone(a *agent) {
	a.RetryAt = r.now + cmp.Or(r.options.RetryAfter, 10*time.Second)
}

// closeOffer ends an offer for all but the agent's state.
func (r *Router) closeOffer(o *offer, result OfferResult, elsewhere bool) {
	r.clock.set(&o.alarm, never)
	r.offers.drop(o.ID)
	o.entry.offers = slices.DeleteFunc(o.entry.offers, func(other *offer) bool { return other == o })
	o.agent.Offer = 0
	r.closed = append(r.closed, o)
	r.emit(OfferEnded{
		Offer: o.ID, Entry: o.entry.ID, Call: o.entry.Call, Queue: o.entry.Queue, Agent: o.Agent,
		Result: result, Rang: r.now - o.Since, Elsewhere: elsewhere,
	})
}

// win closes an offer that its agent has answered, and lets the others who
// were rung for the caller go.
func (r *Router) win(o *offer) {
	r.closeOffer(o, OfferAccepted, false)
	for _, loser := range slices.Clone(o.entry.offers) {
		r.closeOffer(loser, OfferWithdrawn, true)
		r.releaseIdleSince(loser.agent, ByRouter, loser.agent.IdleSince)
	}
	o.agent.Call, o.agent.Entry = o.entry.Call, o.entry.ID
}

// withdraw ends all offers of an entry.
func (r *Router) withdraw(e *entry, result OfferResult) {
	for _, o := range slices.Clone(e.offers) {
		e.Stage = waiting // not again: the caller goes
		r.closeOffer(o, result, false)
		r.releaseIdleSince(o.agent, ByRouter, o.agent.IdleSince)
	}
}
