package call

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"cardline/acd"
	"cardline/caller"
	"cardline/ivr"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// callback is the part of a call whose customer is called back.
type callback struct {
	Callback
	from    string    // the call in which it was asked for; "" after a restart
	agent   *ring     // who waits for the customer to answer
	before  time.Time // beginning of the attempt before the newest
	outcome string    // how it ended, "" while it is open
}

// Facts for a callback's inbox.
type (
	broken   struct{ outcome string } // a promise of before a restart is not taken up again
	draining struct{}                 // the hotline takes no new calls
)

// newCallback makes the call of a callback that was asked for in another one, and
// starts its owner; nil if the hotline is ending. It begins with its place.
func (h *Hotline) newCallback(b Callback, from string, config *Config, line *Line) *call {
	c := &call{
		id: b.ID, journey: b.Journey, hotline: h, config: config, line: line,
		inbox: make(chan any, inboxSize), overrun: make(chan struct{}),
		began: time.Now(), caller: &party{}, toAgent: true,
		flowTimer: newTimer(), secure: secureEntry{timer: newTimer()}, queue: place{timer: newTimer(), attributes: b.Attributes, from: b.Number, own: b.Number, site: b.Site},
		talk: conversation{timer: newTimer()}, back: callback{Callback: b, from: from},
	}
	c.log = h.log.With().Str("call", c.id).Logger()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping() || h.draining {
		return nil
	}
	h.calls[c.id] = c
	h.ledger.Append(c.journey, c.id, ledger.CallArrived{
		Line: line.Name, Trunk: config.Callbacks.Trunk, Caller: tailOf(b.Number), Callback: true,
		Pseudonym: h.keys.Load().Pseudonym(b.Number),
	})
	h.tasks.Go(func() {
		c.own()
		h.mu.Lock()
		delete(h.calls, c.id)
		h.mu.Unlock()
	})
	return c
}

// promised is the beginning of a callback: it has its place, and gets its page in
// the book before anybody can be dialled.
func (c *call) promised(e acd.Entered) {
	c.enter(away)
	b := &c.back
	var err error
	if book := c.hotline.book; b.from != "" {
		b.FirstWait, b.HeadFor = e.Before, e.HeadStart
		err = book.Promise(b.Callback, c.config.Callbacks.day(b.Requested), b.counted())
	} else { // one of before a restart is as old as it was
		err = book.Keep(b.Callback)
	}
	if err != nil {
		c.log.Error().Err(err).Msg("callback not kept: a restart would lose it")
	}
	c.recordPromise(e.Entry)
	if c.hotline.isDraining() {
		c.end(ledger.EndDrained)
	}
}

func (c *call) recordPromise(entry uint64) {
	c.record(ledger.CallbackRequested{
		Entry: entry, Queue: c.back.Queue, Line: c.line.Name, From: c.back.from, Caller: tailOf(c.back.Number), Confirmed: c.back.Confirmed,
	})
}

// broken tells that a promise of before a restart is over.
func (c *call) broken(f broken) {
	c.enter(away)
	c.queue.queue = c.back.Queue
	c.recordPromise(0)
	c.back.ended(f.outcome)
	c.end(ledger.EndFlow)
}

// Resume takes up the callbacks that the book has kept over a restart, as often as
// they were tried, and counts those of today. It must be called once, after
// [Hotline.Use] and before the first call.
func (h *Hotline) Resume() error {
	config := h.config.Load()
	today := config.Callbacks.day(time.Now())
	taken, err := h.book.Promised(today)
	if err != nil {
		return fmt.Errorf("the callbacks of today: %w", err)
	}
	h.callbacks.count(today, taken)
	kept, err := h.book.Callbacks()
	if err != nil {
		return fmt.Errorf("the callbacks that were open: %w", err)
	}
	for _, b := range kept {
		if err := h.resume(b, config); err != nil {
			return fmt.Errorf("callback %s: %w", b.ID, err)
		}
	}
	return nil
}

// resume takes up a callback under a new name, at the place that it had. If it was
// tried often or long enough, or if its line, its queue's callbacks, its trunk or
// the leave to call its number are gone, it is over.
func (h *Hotline) resume(b Callback, config *Config) error {
	before := b.ID
	b.ID = newID("b-")
	line := lineNamed(config, b.Line)
	c := h.newCallback(b, "", config, cmp.Or(line, &Line{Name: b.Line}))
	if c == nil {
		return nil // the hotline ends; the book keeps it
	}
	h.callbacks.hold(b)
	outcome := "cancelled"
	if line != nil && allowed(b.Number, config.Callbacks) {
		now := h.router.now()
		ago := func(t time.Time) acd.Time { return now - max(0, time.Since(t)) } // a clock may have been set
		made := ago(b.Requested)
		err := h.Command(acd.Enqueue{
			Call: b.ID, Queue: b.Queue, Via: ledger.ViaCallback, Class: b.Class, Site: b.Site,
			Keep:    &acd.Place{Key: made - b.FirstWait - b.HeadFor, First: made - b.FirstWait},
			Promise: &acd.Promise{Made: made, Attempts: b.Attempts, Last: ago(b.Tried)},
		})
		if err == nil {
			return nil
		}
		if errors.Is(err, acd.ErrState) {
			outcome = "exhausted"
		}
	}
	h.log.Warn().Str("call", b.ID).Str("queue", b.Queue).Str("outcome", outcome).Msg("a callback of before the restart is over")
	c.post(broken{outcome})
	return h.book.Drop(before)
}

func lineNamed(config *Config, name string) *Line {
	for _, l := range config.Lines {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// dialFor keeps an agent who has answered for the customer who is now dialled.
func (c *call) dialFor(r *ring) {
	if c.stage != away {
		c.closeRing(r, "")
		return
	}
	r.stopTimer()
	c.back.agent = r
	c.queue.rings = nil
	c.playMusic(r.party)
	if _, err := c.hotline.router.apply(acd.DialOut{Offer: r.offer}); err != nil {
		c.closeBackAgent()
	}
}

// callbackDue dials the customer.
func (c *call) callbackDue(f acd.CallbackDue) {
	if c.stage != away || f.Entry != c.queue.entry {
		return
	}
	c.enter(reaching)
	c.caller = c.newParty()
	rules := c.hotline.config.Load().Callbacks // of today
	if _, barred := c.hotline.barredBy(c.hotline.Pseudonyms(c.back.Number)); barred || !allowed(c.back.Number, rules) {
		c.back.ended("cancelled")
		c.log.Warn().Bool("barred", barred).Msg("callback given up: the rules of today do not allow its number")
		c.end(ledger.EndFlow)
		return
	}
	c.back.before = c.back.Tried
	c.back.Attempts, c.back.Tried = f.Attempt, time.Now()
	if err := c.hotline.book.Keep(c.back.Callback); err != nil {
		// After a restart nobody would know of this attempt: it is not made.
		c.log.Error().Err(err).Msg("attempt to call back not kept, and not made")
		c.failCallback(ledger.CallbackError)
		return
	}
	options := media.LegOptions{Kind: "caller", Sources: c.hotline.config.Load().Media.Trunks[rules.Trunk]}
	if c.back.agent != nil {
		options.Near = c.back.agent.party.media
	}
	if err := c.caller.open(c, options); err != nil {
		c.log.Error().Err(err).Msg("no media for a callback")
		c.failCallback(ledger.CallbackError)
		return
	}
	leg, err := c.hotline.phones.Dial(sip.Dial{
		Call: c.id, URI: fmt.Sprintf(rules.URI, caller.National(c.back.Number)), User: rules.User, Password: rules.Password, From: rules.From,
		Offer: c.caller.media.Offer(),
	}, c.caller.sink(c))
	if err != nil {
		// The error may name the number, which is in no log.
		c.log.Warn().Bool("busy", errors.Is(err, sip.ErrBusy)).Msg("callback not dialled")
		c.failCallback(ledger.CallbackError)
		return
	}
	c.caller.sip = leg
}

func (c *call) failCallback(result ledger.CallbackResult) {
	if err := c.hotline.Command(acd.FailCallback{Entry: c.queue.entry, Result: result}); err != nil {
		c.log.Debug().Err(err).Msg("the attempt was over already")
	}
}

// notReached is the end of the customer's leg before the call back was taken.
func (c *call) notReached(e sip.Ended) {
	result := ledger.CallbackRefused
	switch e.Code {
	case 486, 600:
		result = ledger.CallbackBusy
	case 0, 408, 480, 487:
		result = ledger.CallbackNoAnswer
	}
	c.failCallback(result)
}

// callbackFailed closes an attempt, whoever ended it.
func (c *call) callbackFailed(f acd.CallbackFailed) {
	if c.stage != reaching {
		return
	}
	tried := ledger.CallbackTried{
		Entry: f.Entry, Queue: f.Queue, Attempt: c.back.Attempts, Result: f.Result, Took: ledger.MillisOf(time.Since(c.back.Tried)),
	}
	if f.Attempt < c.back.Attempts {
		c.takeBack(f.Attempt)
	}
	c.record(tried)
	c.caller.close("")
	c.caller = &party{}
	c.closeBackAgent()
	c.enter(away)
	if c.hotline.isDraining() {
		c.end(ledger.EndDrained)
	}
}

// takeBack makes an attempt none that the router does not count.
func (c *call) takeBack(attempts int) {
	c.back.Attempts, c.back.Tried = attempts, c.back.before
	if err := c.hotline.book.Keep(c.back.Callback); err != nil {
		c.log.Error().Err(err).Msg("an attempt to call back that was none may count after a restart")
	}
}

func (c *call) closeBackAgent() {
	if r := c.back.agent; r != nil {
		r.party.close("")
		c.back.agent = nil
	}
}

// callerAnswered is the customer's 200. If an agent waits they talk at once;
// else the customer says by a key that it is no machine that has answered.
func (c *call) callerAnswered(e sip.Answered) {
	if c.stage != reaching {
		return
	}
	if config := c.hotline.config.Load(); config.Media.Latching[config.Callbacks.Trunk] {
		c.caller.media.Latch(c.caller.sip.Remote().Addr())
	}
	if err := c.caller.media.Accept(e.Body); err != nil {
		c.log.Warn().Err(err).Msg("the customer's answer cannot be taken")
		c.failCallback(ledger.CallbackRefused)
		return
	}
	c.caller.sip.OnInfoKey(c.caller.media.PressKey)
	c.record(ledger.CallAnswered{})
	if c.back.agent == nil {
		_ = c.hotline.Command(acd.CallbackPickedUp{Entry: c.queue.entry}) // refused if the time is just over
		c.sayHello()
		return
	}
	c.takeCallback()
}

// sayHello asks whoever has picked up whether they are the customer, until the
// router's time for that is over.
func (c *call) sayHello() { c.play(c.caller, announcement, []ivr.Say{{Prompt: promptWeCall}}) }

// reachedKey takes a key of a customer who has answered.
func (c *call) reachedKey(key byte) {
	if key == '1' && c.back.agent == nil {
		c.takeCallback()
	}
}

// takeCallback puts the customer, who is on the line now, through or to the
// head of the queue.
func (c *call) takeCallback() {
	entry := c.queue.entry
	if err := c.hotline.Command(acd.CallbackAnswered{Entry: entry}); err != nil {
		return // the time for it was over; CallbackFailed is on its way
	}
	c.record(ledger.CallbackTried{
		Entry: entry, Queue: c.queue.queue, Attempt: c.back.Attempts, Result: ledger.CallbackReached,
		Took: ledger.MillisOf(time.Since(c.back.Tried)),
	})
	c.hotline.tasks.Go(c.dropFromBook) // nobody waits for the disk now
	if r := c.back.agent; r != nil {
		c.back.agent, c.queue.entry = nil, 0
		c.startTalk(r.party, r.agent, entry)
		return
	}
	c.enter(waiting)
	c.queue.announced, c.queue.told = 0, 0
	c.announce()
}

// backAgentSignalled takes what the phone of an agent who waits says.
func (c *call) backAgentSignalled(e sip.Event) {
	if _, gone := e.(sip.Ended); gone {
		agent := c.back.agent.agent
		c.back.agent.party.sip = nil
		_ = c.hotline.Command(acd.EndTalk{Agent: agent}) // ends the attempt as well
	}
}

// callbackOver ends a callback that was not reached, or whose customer has left
// the queue again.
func (c *call) callbackOver(outcome ledger.QueueOutcome) {
	switch outcome {
	case ledger.OutcomeTimeout:
		c.back.ended("exhausted")
	case ledger.OutcomeClosed, ledger.OutcomeOverflow, ledger.OutcomeExitKey, ledger.OutcomeNoAgents:
		c.back.ended("cancelled")
	case ledger.OutcomeAnswered, ledger.OutcomeAbandoned, ledger.OutcomeCallbackRequested, ledger.OutcomeError:
	}
	c.end(ledger.EndFlow)
}

// ended notes the outcome, if none is known yet.
func (b *callback) ended(outcome string) {
	if b.outcome == "" {
		b.outcome = outcome
	}
}

// closeCallback closes the books of a callback with its call.
func (c *call) closeCallback() {
	if c.back.ID == "" {
		return
	}
	switch {
	case c.talk.entry != 0:
		c.back.ended("reached")
	case c.reason == ledger.EndCallerLeft || c.reason == ledger.EndNoMedia:
		c.back.ended("abandoned")
	case c.reason == ledger.EndDrained:
		c.back.ended("interrupted") // the book keeps it
	default:
		c.back.ended("error")
	}
	c.closeBackAgent()
	c.hotline.callbacks.release(c.back.Callback)
	if c.stage == arriving {
		return // it was none yet
	}
	if c.back.outcome != "interrupted" {
		c.dropFromBook()
	}
	c.record(ledger.CallbackEnded{
		Queue: c.queue.queue, Outcome: c.back.outcome, Attempts: c.back.Attempts, Took: ledger.MillisOf(time.Since(c.back.Requested)),
	})
}

// dropFromBook takes the number out of the book. It may run beside the owner.
func (c *call) dropFromBook() {
	if err := c.hotline.book.Drop(c.back.ID); err != nil {
		c.log.Error().Err(err).Msg("callback still in the book: a restart would call again")
	}
}
