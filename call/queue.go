package call

import (
	"cmp"
	"errors"
	"fmt"
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
	question   uint64 // the session's Enqueue
	entry      uint64 // 0 if not waiting
	queue      string
	place      *acd.Place // kept through transfers and returns
	attributes map[string]string
	announced  int // position that was said last
	returned   bool
	ring       *ring
	timer      timer // announcements
}

// ring is one agent's phone being rung.
type ring struct {
	offer   uint64
	agent   string
	party   *party
	reached bool // the phone has said something
	timer   *time.Timer
}

// enqueue obeys the flow's queue step.
func (c *call) enqueue(a ivr.Enqueue) {
	c.toAgent = true
	c.queue.question = a.ID
	c.queue.attributes = a.Attributes
	c.wait(acd.Enqueue{
		Call: c.id, Queue: a.Queue, Via: ledger.ViaIVR,
		HeadStart: max(a.HeadStart, c.line.HeadStart), Class: c.class(a.HeadStart),
	})
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
	effects, err := c.hotline.router.apply(e)
	if err != nil {
		c.log.Error().Err(err).Str("queue", e.Queue).Msg("caller not queued")
		c.fail()
		return
	}
	q := &c.queue
	for _, effect := range effects {
		if entered, ok := effect.(acd.Entered); ok && entered.Call == c.id {
			q.entry, q.queue, q.place = entered.Entry, entered.Queue, &entered.Place
		}
	}
	c.enter(waiting)
	c.log.Info().Str("queue", q.queue).Msg("caller waits")
	q.announced = 0
	c.announce()
}

// fail tells the flow that the router could not take the caller.
func (c *call) fail() {
	if c.stage != serving {
		c.enter(serving)
	}
	c.perform(c.session.Handle(ivr.Dequeued{ID: c.queue.question, Outcome: ivr.Failed}))
}

// announce says the caller's position, then music. A position that is worse
// than the one said last, because somebody with a head start came, is not said.
func (c *call) announce() {
	q := &c.queue
	position := 0
	c.hotline.router.exec(func(r *acd.Router) { position, _ = r.Position(q.entry) })
	say := []ivr.Say{{Prompt: promptAllBusy}}
	if q.announced > 0 {
		say[0].Prompt = promptApology
	}
	if position > 0 && (q.announced == 0 || position <= q.announced) {
		q.announced = position
		say = append(say, ivr.Say{Prompt: promptPosition, Values: map[string]ivr.Value{"pos": {Kind: "position", Text: fmt.Sprint(position)}}})
	}
	c.play(c.caller, announcement, say)
	q.timer.Reset(cmp.Or(c.config.Queues[q.queue].AnnounceEvery, defaultAnnounce))
}

func (c *call) queueTimedOut() {
	if c.stage == waiting {
		c.announce()
	}
}

// offered rings the agent's phone.
func (c *call) offered(o acd.OfferMade) {
	if c.stage != waiting || o.Entry != c.queue.entry {
		return // the caller has left; the router knows or is about to
	}
	r := &ring{offer: o.Offer, agent: o.Agent, party: c.newParty()}
	c.queue.ring = r
	account := c.hotline.config.Load().device(o.Agent) // of today: the router may know agents whom the call does not
	binding, registered := c.hotline.phones.Binding(account)
	if !registered {
		c.failOffer(ledger.OfferUnreachable)
		return
	}
	options := media.LegOptions{Kind: "agent", Near: c.caller.media}
	if binding.NAT {
		options.Latch = binding.Source.Addr()
	}
	if err := r.party.open(c, options); err != nil {
		c.log.Error().Err(err).Msg("no media for an agent")
		c.failOffer(ledger.OfferWithdrawn)
		return
	}
	leg, err := c.hotline.phones.Dial(sip.Dial{
		Account: account, From: cmp.Or(c.queue.from, "anonymous"), Display: c.shown(o.Queue), Offer: r.party.media.Offer(),
		Headers: []sip.Header{{Name: "X-Cardline-Call", Value: c.id}, {Name: "X-Cardline-Queue", Value: o.Queue}},
	}, r.party.sink(c))
	if err != nil {
		c.log.Warn().Err(err).Str("agent", o.Agent).Msg("agent not rung")
		if errors.Is(err, sip.ErrNotRegistered) {
			c.failOffer(ledger.OfferUnreachable)
		} else {
			c.failOffer(ledger.OfferWithdrawn) // no room for a call: not the phone's fault
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
	if r := c.queue.ring; r != nil && r.party.number == f.party && !r.reached {
		c.failOffer(ledger.OfferUnreachable)
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

// phoneSignalled takes what the phone that is being rung says.
func (c *call) phoneSignalled(e sip.Event) {
	r := c.queue.ring
	switch e := e.(type) {
	case sip.Progressed:
		r.reached = true
	case sip.Answered:
		r.stopTimer()
		if err := r.party.media.Accept(e.Body); err != nil {
			c.log.Warn().Err(err).Str("agent", r.agent).Msg("agent's answer cannot be taken")
			c.failOffer(ledger.OfferRejected)
			return
		}
		c.connect()
	case sip.Ended:
		r.party.sip = nil
		c.failOffer(offerResult(e))
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

// failOffer tells the router how the phone that was rung failed. The router's
// answer, the end of the offer, comes by the inbox; the phone is let go now.
func (c *call) failOffer(result ledger.OfferResult) {
	r := c.queue.ring
	c.closeRing("")
	if _, err := c.hotline.router.apply(acd.FailOffer{Offer: r.offer, Result: result}); err != nil {
		c.log.Debug().Err(err).Msg("offer was over already")
	}
}

func (c *call) closeRing(reason string) {
	if r := c.queue.ring; r != nil {
		r.stopTimer()
		r.party.close(reason)
		c.queue.ring = nil
	}
}

// offerEnded stops ringing if it is this offer's phone that rings: the ring
// time is over, or the queue is gone.
func (c *call) offerEnded(o acd.OfferEnded) {
	if r := c.queue.ring; r != nil && r.offer == o.Offer && o.Result != ledger.OfferAccepted {
		c.closeRing("")
	}
}

// connect bridges the caller and the agent who has just answered. Whatever the
// caller hears is cut.
func (c *call) connect() {
	r := c.queue.ring
	if _, err := c.hotline.router.apply(acd.AcceptOffer{Offer: r.offer}); err != nil {
		c.closeRing("")
		return
	}
	entry := c.queue.entry
	c.queue.ring, c.queue.entry = nil, 0
	c.queue.timer.Stop()
	c.startTalk(r.party, r.agent, entry)
}

// dequeued is the end of a place for another reason than an answer or a caller
// who left.
func (c *call) dequeued(x acd.Exited) {
	if c.stage != waiting || x.Entry != c.queue.entry {
		return
	}
	c.closeRing("")
	c.queue.entry = 0
	c.queue.timer.Stop()
	c.enter(serving)
	c.caller.media.StopPlay()
	outcome := ivr.Failed
	switch x.Outcome {
	case ledger.OutcomeTimeout:
		outcome = ivr.Timeout
	case ledger.OutcomeNoAgents:
		outcome = ivr.NoAgents
	case ledger.OutcomeClosed, ledger.OutcomeOverflow:
		outcome = ivr.Closed
	case ledger.OutcomeAnswered, ledger.OutcomeAbandoned, ledger.OutcomeCallbackRequested, ledger.OutcomeExitKey, ledger.OutcomeError:
	}
	c.perform(c.session.Handle(ivr.Dequeued{ID: c.queue.question, Outcome: outcome}))
}

// leaveQueue gives up the place, if there is one.
func (c *call) leaveQueue(outcome ledger.QueueOutcome) {
	if c.stage != waiting {
		return
	}
	c.closeRing("")
	entry := c.queue.entry
	c.queue.entry = 0
	c.queue.timer.Stop()
	if _, err := c.hotline.router.apply(acd.Leave{Entry: entry, Outcome: outcome}); err != nil {
		c.log.Debug().Err(err).Msg("place was given up already")
	}
}
