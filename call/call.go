package call

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/fault"
	"cardline/ivr"
	"cardline/ledger"
	"cardline/media"
	"cardline/media/sdp"
	"cardline/sip"
)

// inboxSize is the number of facts that may wait for a call's owner. A call
// that does not keep up is ended: it could not be told of its own end.
const inboxSize = 256

// call is one visit of a caller. Everything but the first group of fields is
// touched by its owner's goroutine only.
type call struct {
	id, journey string
	hotline     *Hotline
	config      *Config
	line        *Line
	inbox       chan any
	overrun     chan struct{} // closed when a fact did not fit into the inbox
	overflowed  atomic.Bool
	with        talkingTo
	log         zerolog.Logger

	trunk  string // by which the caller came in, "" for a phone of ours
	began  time.Time
	stage  stage
	caller *party
	number uint64 // of the newest party

	offerless bool // the caller's answer must come with the ACK

	// The flow.
	session   *ivr.Session
	flowTimer timer
	flowTimed uint64 // the timer that the session armed
	asked     map[uint64]ivr.AskCard
	card      string // token of the card that was found last
	cardTail  string
	stepSince time.Time
	succeeded bool // a service ended well
	stopped   bool // a card was stopped for good, or is being stopped
	toAgent   bool // the caller asked for a person
	parting   bool // the caller will be called back, and hears so
	reason    ledger.EndReason

	secure secureEntry
	queue  place
	talk   conversation
	back   callback // if the caller is, or was, to be called back
}

// talkingTo is the agent with whom a caller talks, for those who look from
// outside; "" if there is none.
type talkingTo struct{ agent atomic.Pointer[string] }

func (w *talkingTo) Store(agent string) { w.agent.Store(&agent) }

func (w *talkingTo) Load() string {
	if agent := w.agent.Load(); agent != nil {
		return *agent
	}
	return ""
}

// timer is a timer that is not armed until it is reset.
type timer struct{ *time.Timer }

func newTimer() timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return timer{t}
}

// Facts for the inbox that come from nobody else's list.
type (
	stopped      struct{}             // the hotline ends
	located      struct{ sip.Invite } // the host that the offer names has been looked up
	cardAnswered struct {             // the card host
		id     uint64
		result ivr.Result
		values map[string]string
		stop   bool // it was to stop a card for good
	}
)

func newCall(h *Hotline, config *Config, line *Line, leg *sip.Leg, in sip.Invite) *call {
	c := &call{
		id: newID("c-"), journey: newID("j-"), hotline: h, config: config, line: line, trunk: in.Trunk,
		inbox: make(chan any, inboxSize), overrun: make(chan struct{}),
		began: time.Now(), caller: &party{sip: leg}, asked: map[uint64]ivr.AskCard{},
		flowTimer: newTimer(), secure: secureEntry{timer: newTimer()}, queue: place{timer: newTimer()},
		talk: conversation{timer: newTimer()},
	}
	c.queue.from, c.queue.own, c.queue.site = in.From, in.Asserted, config.Sites[in.Trunk]
	c.log = h.log.With().Str("call", c.id).Logger()
	leg.Name(c.id)
	h.ledger.Append(c.journey, c.id, ledger.CallArrived{
		Line: line.Name, Trunk: in.Trunk, Device: in.Account, Caller: tailOf(in.From), Pseudonym: h.keys.Load().Pseudonym(in.Asserted),
	})
	return c
}

// post hands a fact to the owner. It never blocks: a call whose inbox is full
// is ended. A nil call takes nothing.
func (c *call) post(fact any) {
	if c == nil {
		return
	}
	select {
	case c.inbox <- fact:
	default:
		if c.overflowed.CompareAndSwap(false, true) {
			close(c.overrun)
		}
	}
}

// run is the owner: it waits, decides and acts, until the call has ended.
func (c *call) run(in sip.Invite) {
	if !c.hotline.media.LookUp(in.Offer, func() { c.post(located{in}) }) {
		c.arrive(in)
	}
	c.own()
}

// own deals with what happens until the call has ended.
func (c *call) own() {
	for c.stage != ended {
		if !c.survive(c.next) && !c.survive(func() { c.end(ledger.EndError) }) {
			c.abandon()
		}
	}
}

// next waits for one thing to happen and deals with it.
func (c *call) next() {
	select {
	case fact := <-c.inbox:
		c.handle(fact)
	case <-c.flowTimer.C:
		c.perform(c.session.Handle(ivr.TimerExpired{ID: c.flowTimed}))
	case <-c.secure.timer.C:
		c.secureTimedOut()
	case <-c.queue.timer.C:
		c.queueTimedOut()
	case <-c.talk.timer.C:
		c.talk.keys = ""
	case <-c.overrun:
		c.hotline.observer.Overrun()
		c.end(ledger.EndError)
	}
	c.caller.wantKeys(c.keyWish())
}

// keyWants are the session's wants in the words of the media.
var keyWants = [...]media.Want{ivr.DropKeys: media.DropKeys, ivr.HoldKeys: media.HoldKeys, ivr.TakeKey: media.TakeKey}

// keyWish says what is to become of the caller's keys at this stage. A key that
// nobody asks for stays with the media: it may belong to a PIN that is to come.
func (c *call) keyWish() media.KeyWish {
	switch c.stage {
	case serving:
		w := c.session.Wish()
		return media.KeyWish{Want: keyWants[w.Want], Last: w.Last, Flush: w.Flush}
	case waiting, reaching:
		return media.KeyWish{Want: media.TellKeys}
	case securing: // the segment has them
		return c.caller.wish
	case arriving, away, talking, holding, ended:
	}
	return media.KeyWish{Want: media.DropKeys} // a conversation is not ours to listen to
}

// survive runs a part of the owner's work and reports whether it came to its
// end. A panic is a fault of ours in one call, which must not end all others.
func (c *call) survive(work func()) (whole bool) {
	defer func() {
		if problem := recover(); problem != nil {
			c.log.Error().Str("fault", fault.Text(problem)).Stringer("stage", c.stage).Strs("trace", fault.Trace(1)).
				Msg("call ended by a fault of ours")
		}
	}()
	work()
	return true
}

// abandon lets go of what end could not, piece by piece.
func (c *call) abandon() {
	for _, letGo := range []func(){
		func() { c.leaveQueue(ledger.OutcomeError) },
		func() { c.endTalk(ledger.TalkEndedBySystem) },
		func() { c.closeSecure(ledger.SecureUnavailable) },
		func() { c.closeCallback() },
		func() {
			if c.session != nil {
				c.session.Close()
			}
		},
		func() { c.caller.close("") },
	} {
		c.survive(letGo)
	}
	c.stage = ended
	c.record(ledger.CallEnded{Line: c.line.Name, Reason: ledger.EndError, Outcome: c.outcome(), Took: ledger.MillisOf(time.Since(c.began))})
}

// arrive takes the INVITE: media first, then the answer.
func (c *call) arrive(in sip.Invite) {
	c.log.Info().Str("line", c.line.Name).Str("leg", c.caller.sip.ID()).Msg("call arrived")
	if err := c.caller.open(c, media.LegOptions{
		Kind: "caller", Latch: c.hotline.latch(c.config, in), Sources: c.config.Media.caller(in), Quiet: true,
	}); err != nil {
		c.refuse(503, err)
		return
	}
	c.caller.sip.OnInfoKey(c.caller.media.PressKey)
	// Answered before the flow speaks, so that nothing of it is lost.
	c.offerless = len(in.Offer) == 0
	var answer []byte
	var err error
	if c.offerless {
		answer = c.caller.media.Offer()
	} else {
		answer, err = c.caller.media.Answer(in.Offer)
	}
	var malformed *sdp.ParseError
	switch {
	case errors.As(err, &malformed):
		c.refuse(400, err)
	case err != nil:
		c.refuse(488, err)
	default:
		c.caller.sip.Answer(answer)
	}
}

func (c *call) refuse(code int, err error) {
	c.log.Warn().Err(err).Int("code", code).Msg("call refused")
	c.caller.sip.Refuse(code, "")
	c.end(ledger.EndRefused)
}

func (c *call) handle(fact any) {
	switch f := fact.(type) {
	case located:
		c.arrive(f.Invite)
	case signalled:
		switch {
		case f.party == c.caller.number:
			c.callerSignalled(f.event)
		case c.talk.agent != nil && f.party == c.talk.agent.number:
			c.agentSignalled(f.event)
		case c.back.agent != nil && f.party == c.back.agent.party.number:
			c.backAgentSignalled(f.event)
		default:
			if r := c.ringOf(f.party); r != nil {
				c.phoneSignalled(r, f.event)
			}
		}
	case heard:
		if w, ok := f.event.(media.WrongSource); ok {
			c.wrongMedia(f.party, w)
			return
		}
		switch {
		case f.party == c.caller.number:
			c.callerHeard(f.event)
		case c.talk.agent != nil && f.party == c.talk.agent.number:
			c.agentHeard(f.event)
		}
	case cardAnswered:
		c.cardAnswered(f)
	case secureNotice:
		c.secureNoticed(f)
	case pinAnswered:
		c.pinAnswered(f)
	case acd.OfferMade:
		c.offered(f)
	case acd.OfferEnded:
		c.offerEnded(f)
	case deviceLost:
		c.deviceLost(f)
	case phoneSilent:
		c.phoneSilent(f)
	case acd.Exited:
		c.dequeued(f)
	case acd.Entered:
		c.seated(f)
		if c.stage == arriving {
			c.promised(f)
		}
	case broken:
		c.broken(f)
	case draining:
		if c.stage == away {
			c.end(ledger.EndDrained)
		}
	case acd.CallbackDue:
		c.callbackDue(f)
	case acd.CallbackFailed:
		c.callbackFailed(f)
	case stopped:
		c.end(ledger.EndDrained)
	}
}

func (c *call) callerSignalled(e sip.Event) {
	switch e := e.(type) {
	case sip.Acked:
		c.caller.media.Speak()
		if len(e.Body) > 0 || c.stage == arriving && c.offerless {
			if err := c.caller.media.Accept(e.Body); err != nil {
				c.log.Warn().Err(err).Msg("caller's answer cannot be taken")
				if c.stage == arriving {
					c.end(ledger.EndError)
				}
				return
			}
		}
		if c.stage == arriving {
			c.record(ledger.CallAnswered{})
			c.startFlow()
		}
	case sip.Reoffered:
		c.caller.reoffered(e.Body)
	case sip.Ended:
		c.caller.sip = nil
		if c.stage == reaching {
			c.notReached(e)
			return
		}
		c.end(endReason(e.Reason))
	case sip.Answered: // we called the caller back
		c.callerAnswered(e)
	case sip.Progressed, sip.OfferAccepted, sip.OfferRefused:
	}
}

// endReason says why a call ended whose caller's leg did.
func endReason(r sip.Reason) ledger.EndReason {
	switch r {
	case sip.PeerHungUp, sip.Cancelled:
		return ledger.EndCallerLeft
	case sip.NoAck:
		return ledger.EndNoAck
	case sip.Refused:
		return ledger.EndRefused
	case sip.Stopped:
		return ledger.EndDrained
	case sip.PeerLost, sip.NoAnswer, sip.Rejected, sip.HungUp, sip.Overrun:
		return ledger.EndError
	}
	return ledger.EndError
}

func (c *call) callerHeard(e media.Event) {
	switch e := e.(type) {
	case media.PlayEnded:
		switch {
		case c.parting:
			c.end(ledger.EndFlow)
		case c.stage == serving:
			c.perform(c.session.Handle(ivr.PlayEnded{ID: e.ID}))
		case c.stage == reaching && e.ID == announcement && e.Whole:
			c.sayHello()
		case c.stage == waiting && e.ID == announcement && e.Whole && !c.queue.ask.open():
			c.playMusic(c.caller)
		case c.stage == securing && e.ID == c.secure.prompt:
			c.securePrompted()
		}
	case media.KeyPressed:
		switch {
		case c.parting:
		case c.stage == waiting:
			c.queueKey(e.Key)
		case c.stage == reaching:
			c.reachedKey(e.Key)
		default:
		}
	case media.KeyTaken:
		c.caller.keyTaken = true
		if c.stage == serving {
			c.perform(c.session.Handle(ivr.KeyPressed{Key: e.Key, Held: e.Held, Flush: e.Flush}))
		}
	case media.KeysHeld:
		if c.stage == serving {
			c.perform(c.session.Handle(ivr.KeysHeld{Held: e.Held, Flush: e.Flush}))
		}
	case media.MediaLost:
		c.end(ledger.EndNoMedia)
	}
}

// end ends the call from whatever stage it is in: everything that is open is
// closed and said to be so, once.
func (c *call) end(reason ledger.EndReason) {
	if c.stage == ended {
		return
	}
	if c.reason == "" {
		c.reason = reason
	}
	c.leaveQueue(queueOutcome(c.reason))
	c.endTalk(talkEnd(c.reason))
	c.closeSecure(ledger.SecureHangup)
	c.closeCallback()
	if c.session != nil {
		c.perform(c.session.Handle(ivr.HungUp{}))
		c.session.Close()
	}
	if c.stage == ended { // the session's own last action was to end the call
		return
	}
	c.enter(ended)
	c.caller.close("")
	c.record(ledger.CallEnded{Line: c.line.Name, Reason: c.reason, Outcome: c.outcome(), Took: ledger.MillisOf(time.Since(c.began))})
	c.log.Info().Str("reason", string(c.reason)).Str("outcome", string(c.outcome())).Msg("call ended")
}

// queueOutcome says how a place was left that ends with its call.
func queueOutcome(r ledger.EndReason) ledger.QueueOutcome {
	switch r {
	case ledger.EndCallerLeft, ledger.EndNoMedia:
		return ledger.OutcomeAbandoned
	default:
		return ledger.OutcomeError // nobody gave up: it was our doing
	}
}

// outcome says what self service did for the caller.
func (c *call) outcome() ledger.IVROutcome {
	switch {
	case c.toAgent:
		return ledger.IVRToAgent
	case c.succeeded:
		return ledger.IVRContained
	case c.reason == ledger.EndError:
		return ledger.IVRError
	default:
		return ledger.IVRLost
	}
}

func (c *call) record(f ledger.Fact) { c.hotline.ledger.Append(c.journey, c.id, f) }

// newParty returns a party with a number of its own.
func (c *call) newParty() *party {
	c.number++
	return &party{number: c.number}
}
