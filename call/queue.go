package call

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"cardline/acd"
	"cardline/ivr"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// place is a caller's wait for a person.
type place struct {
	from       string // the caller's number, shown to the agent
	own        string // the number that the trunk vouches for, "" if it does not
	site       string // where the caller came in
	question   uint64 // the session's Enqueue
	entry      uint64 // 0 if not waiting
	queue      string
	place      *acd.Place // kept through transfers and returns
	attributes map[string]string
	announced  int           // position that was said last
	told       time.Duration // wait that was said last, rounded up
	returned   bool
	rings      []*ring
	timer      timer // announcements
	ask        callbackAsk
}

// ring is one agent's phone being rung.
type ring struct {
	offer    uint64
	agent    string
	party    *party
	reached  bool // the phone has said something
	callback bool // the caller is dialled when the agent has answered
	timer    *time.Timer
}

// enqueue obeys the flow's queue step.
func (c *call) enqueue(a ivr.Enqueue) {
	c.toAgent = true
	c.queue.question = a.ID
	c.queue.attributes = a.Attributes
	e := acd.Enqueue{
		Call: c.id, Queue: a.Queue, Via: ledger.ViaIVR, Caller: c.hotline.nameless(c.queue.own),
		HeadStart: max(a.HeadStart, c.line.HeadStart), Class: c.class(a.HeadStart),
	}
	options := c.config.Queues[a.Queue]
	if agent := c.hotline.lastAgents.of(e.Caller, options.LastAgent); agent != "" {
		e.Preferred, e.PreferFor = agent, options.PreferFor
	}
	c.wait(e)
}

// class names the caller's head start for the figures.
func (c *call) class(headStart time.Duration) string {
	if headStart > c.line.HeadStart {
		return "flow"
	}
	return cmp.Or(c.line.Class, "normal")
}

// wait takes a place in a queue and lets the caller hear so.
func (c *call) wait(e acd.Enqueue) {
	e.Site = c.queue.site
	effects, err := c.hotline.router.apply(e)
	if err != nil {
		c.log.Error().Err(err).Str("queue", e.Queue).Msg("caller not queued")
		c.fail()
		return
	}
	for _, effect := range effects {
		if entered, ok := effect.(acd.Entered); ok && entered.Call == c.id {
			c.seated(entered)
		}
	}
	c.enter(waiting)
	c.log.Info().Str("queue", c.queue.queue).Msg("caller waits")
	c.queue.announced, c.queue.told = 0, 0
	c.announce()
}

// seated takes note of a place: a new one, or the same in another queue.
func (c *call) seated(e acd.Entered) {
	q := &c.queue
	if e.Entry > q.entry {
		q.entry, q.queue, q.place = e.Entry, e.Queue, &e.Place
	}
}

// fail tells the flow that the router could not take the caller.
func (c *call) fail() {
	c.resume(ivr.Failed)
}

// resume gives the caller back to the flow. A caller who was called back has
// none: the call is over.
func (c *call) resume(outcome ivr.Outcome) {
	if c.session == nil {
		reason := ledger.EndFlow
		if outcome == ivr.Failed {
			reason = ledger.EndError
		} else if c.talk.agentLeft {
			reason = ledger.EndAgentLeft
		}
		c.end(reason)
		return
	}
	if c.stage != serving {
		c.enter(serving)
	}
	c.perform(c.session.Handle(ivr.Dequeued{ID: c.queue.question, Outcome: outcome}))
}

func (c *call) queueTimedOut() {
	switch {
	case c.queue.ask.open():
		c.stopAsking()
	case c.stage == waiting:
		c.announce()
	}
}

// offered rings the agent's phone.
func (c *call) offered(o acd.OfferMade) {
	if c.stage != waiting && c.stage != away || o.Entry != c.queue.entry {
		return // the caller has left; the router knows or is about to
	}
	r := &ring{offer: o.Offer, agent: o.Agent, party: c.newParty(), callback: o.Callback}
	c.queue.rings = append(c.queue.rings, r)
	account := c.hotline.config.Load().device(o.Agent) // of today: the router may know agents whom the call does not
	binding, registered := c.hotline.phones.Binding(account)
	if !registered {
		c.failOffer(r, ledger.OfferUnreachable)
		return
	}
	options := media.LegOptions{
		Kind: "agent", Near: c.caller.media, Sources: c.hotline.config.Load().Media.phone(binding.Source.Addr()),
	}
	if binding.NAT {
		options.Latch = binding.Source.Addr()
	}
	if err := r.party.open(c, options); err != nil {
		c.log.Error().Err(err).Msg("no media for an agent")
		c.failOffer(r, ledger.OfferWithdrawn)
		return
	}
	leg, err := c.hotline.phones.Dial(sip.Dial{
		Call: c.id, Account: account, From: cmp.Or(c.queue.from, "anonymous"), Display: c.shown(o.Queue), Offer: r.party.media.Offer(),
		Headers: []sip.Header{{Name: "X-Cardline-Call", Value: c.id}, {Name: "X-Cardline-Queue", Value: o.Queue}},
	}, r.party.sink(c))
	if err != nil {
		c.log.Warn().Err(err).Str("agent", o.Agent).Msg("agent not rung")
		if errors.Is(err, sip.ErrNotRegistered) {
			c.failOffer(r, ledger.OfferUnreachable)
		} else {
			c.failOffer(r, ledger.OfferWithdrawn) // no room for a call: not the phone's fault
		}
		return
	}
	r.party.sip = leg
	number := r.party.number
	r.timer = time.AfterFunc(reachLimit, func() { c.post(phoneSilent{number}) })
}

// phoneSilent is the fact that a phone has had reachLimit to say something to
// our INVITE.
type phoneSilent struct{ party uint64 }

func (c *call) phoneSilent(f phoneSilent) {
	if r := c.ringOf(f.party); r != nil && !r.reached {
		c.failOffer(r, ledger.OfferUnreachable)
	}
}

// shown is the display name that the agent sees: the queue and what the flow
// wants the agent to know.
func (c *call) shown(queue string) string {
	words := []string{queue}
	for name, value := range c.queue.attributes {
		if value != "" {
			words = append(words, name+"="+value)
		}
	}
	slices.Sort(words[1:])
	return strings.Join(words, " ")
}

// ringOf returns the phone being rung that a party is, nil if it is none.
func (c *call) ringOf(party uint64) *ring {
	for _, r := range c.queue.rings {
		if r.party.number == party {
			return r
		}
	}
	return nil
}

// phoneSignalled takes what a phone that is being rung says.
func (c *call) phoneSignalled(r *ring, e sip.Event) {
	switch e := e.(type) {
	case sip.Progressed:
		r.reached = true
	case sip.Answered:
		r.stopTimer()
		if err := r.party.media.Accept(e.Body); err != nil {
			c.log.Warn().Err(err).Str("agent", r.agent).Msg("agent's answer cannot be taken")
			c.failOffer(r, ledger.OfferRejected)
			return
		}
		c.connect(r)
	case sip.Ended:
		r.party.sip = nil
		c.failOffer(r, offerResult(e))
	case sip.Acked, sip.Reoffered, sip.OfferAccepted, sip.OfferRefused: // not before the answer
	}
}

func (r *ring) stopTimer() {
	if r.timer != nil {
		r.timer.Stop()
	}
}

// offerResult says what a phone's refusal means.
func offerResult(e sip.Ended) ledger.OfferResult {
	switch {
	case e.Code == 486 || e.Code == 600:
		return ledger.OfferBusy
	case e.Code == 0 || e.Code == 404 || e.Code == 408 || e.Code == 410 || e.Code >= 500 && e.Code < 600:
		return ledger.OfferUnreachable
	default:
		return ledger.OfferRejected
	}
}

// failOffer tells the router how a phone that was rung failed. The router's
// answer, the end of the offer, comes by the inbox; the phone is let go now.
func (c *call) failOffer(r *ring, result ledger.OfferResult) {
	c.closeRing(r, "")
	if _, err := c.hotline.router.apply(acd.FailOffer{Offer: r.offer, Result: result}); err != nil {
		c.log.Debug().Err(err).Msg("offer was over already")
	}
}

func (c *call) closeRing(r *ring, reason string) {
	r.stopTimer()
	r.party.close(reason)
	c.queue.rings = slices.DeleteFunc(c.queue.rings, func(other *ring) bool { return other == r })
}

// cancelLimit is how long the phones that ring for a caller who has left may
// keep us from freeing their agents. A CANCEL must wait for a provisional
// response (RFC 3261 section 9.1), and may cross with a refusal.
const cancelLimit = 500 * time.Millisecond

// closedTimer is a limit that is over.
var closedTimer = func() <-chan time.Time {
	over := make(chan time.Time)
	close(over)
	return over
}()

// quietRings stops ringing at the end of a call and waits until the phones know,
// so that none gets the next call before it knows that this one is over. A
// phone that has refused meanwhile has refused: those are returned.
func (c *call) quietRings() (failed []acd.FailOffer) {
	rings := slices.Clone(c.queue.rings)
	for _, r := range rings {
		r.stopTimer()
		if r.party.sip != nil {
			r.party.sip.Hangup("")
		}
	}
	limit := time.After(cancelLimit)
	for _, r := range rings {
		if r.party.sip == nil {
			continue
		}
		select {
		case <-r.party.sip.Done():
		case <-limit:
			limit = closedTimer
		}
		if code := r.party.sip.Final(); code != 0 && code != 487 {
			failed = append(failed, acd.FailOffer{Offer: r.offer, Result: offerResult(sip.Ended{Code: code})})
		}
	}
	c.closeRings("")
	return failed
}

func (c *call) closeRings(reason string) {
	for _, r := range slices.Clone(c.queue.rings) {
		c.closeRing(r, reason)
	}
}

// answeredElsewhere tells the phones that lost that the caller is being helped
// (RFC 3326): they show no missed call.
const answeredElsewhere = `SIP;cause=200;text="Call completed elsewhere"`

// offerEnded stops ringing if it is this offer's phone that rings: the ring
// time is over, another agent was faster, or the queue is gone.
func (c *call) offerEnded(o acd.OfferEnded) {
	if o.Result == ledger.OfferAccepted {
		return
	}
	for _, r := range slices.Clone(c.queue.rings) {
		if r.offer == o.Offer {
			reason := ""
			if o.Elsewhere {
				reason = answeredElsewhere
			}
			c.closeRing(r, reason)
		}
	}
}

// connect bridges the caller and the agent who has just answered. Whatever the
// caller hears is cut.
func (c *call) connect(r *ring) {
	if r.callback {
		c.dialFor(r)
		return
	}
	if _, err := c.hotline.router.apply(acd.AcceptOffer{Offer: r.offer}); err != nil {
		c.closeRing(r, "")
		return
	}
	c.queue.rings = slices.DeleteFunc(c.queue.rings, func(other *ring) bool { return other == r })
	c.closeRings(answeredElsewhere)
	entry := c.queue.entry
	c.queue.entry, c.queue.ask = 0, callbackAsk{}
	c.queue.timer.Stop()
	c.startTalk(r.party, r.agent, entry)
}

// dequeued is the end of a place for another reason than an answer or a caller
// who left.
func (c *call) dequeued(x acd.Exited) {
	if c.stage != waiting && c.stage != away && c.stage != reaching || x.Entry != c.queue.entry {
		return
	}
	c.closeRings("")
	if x.Next != 0 {
		c.queue.announced, c.queue.told = 0, 0 // the same place, in another queue
		return
	}
	c.queue.entry = 0
	c.queue.timer.Stop()
	if c.session == nil || c.stage != waiting {
		c.callbackOver(x.Outcome)
		return
	}
	c.queue.ask = callbackAsk{}
	c.enter(serving)
	c.caller.media.StopPlay()
	outcome := ivr.Failed
	switch x.Outcome {
	case ledger.OutcomeTimeout, ledger.OutcomeExitKey:
		outcome = ivr.Timeout
	case ledger.OutcomeNoAgents:
		outcome = ivr.NoAgents
	case ledger.OutcomeClosed, ledger.OutcomeOverflow:
		outcome = ivr.Closed
	case ledger.OutcomeAnswered, ledger.OutcomeAbandoned, ledger.OutcomeCallbackRequested, ledger.OutcomeError:
	}
	c.perform(c.session.Handle(ivr.Dequeued{ID: c.queue.question, Outcome: outcome}))
}

// leaveQueue gives up the place, if there is one.
func (c *call) leaveQueue(outcome ledger.QueueOutcome) {
	if c.stage != waiting && c.stage != away && c.stage != reaching {
		return
	}
	failed := c.quietRings()
	entry := c.queue.entry
	c.queue.entry, c.queue.ask = 0, callbackAsk{}
	c.queue.timer.Stop()
	if entry == 0 {
		return
	}
	if _, err := c.hotline.router.apply(acd.Leave{Entry: entry, Outcome: outcome, Failed: failed}); err != nil {
		c.log.Debug().Err(err).Msg("place was given up already")
	}
}
