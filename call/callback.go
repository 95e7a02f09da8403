package call

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cardline/acd"
	"cardline/ivr"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// A Callback is a caller's wish to be called back, as it is kept over a
// restart. Number is the customer's own: it is in no log and no event.
type Callback struct {
	ID, Journey        string
	Line, Queue        string
	Number             string
	Confirmed          bool
	Class, Language    string
	Attributes         map[string]string
	Requested          time.Time
	FirstWait, HeadFor time.Duration // waited before, and head start
}

// A Book keeps callbacks over a restart. Its methods may be called from any
// goroutine.
type Book interface {
	Keep(Callback) error // instead of any other for the same number
	Drop(id string) error
	Callbacks() ([]Callback, error) // in the order of their requests
}

// callback is the part of a call whose customer is called back.
type callback struct {
	Callback
	attempts int
	began    time.Time // of the attempt
	agent    *ring     // who waits for the customer to answer
	outcome  string    // how it ended, "" while it is open
}

// callbackAsk is the dialogue with a waiting caller about the number. A
// conversation with an agent cuts it.
type callbackAsk struct {
	state  askState
	number string
}

type askState uint8

const (
	askNothing askState = iota
	askKnown            // the asserted number: 1 takes it, 2 names another
	askDigits           // another number, then #
	askAgain            // the number read back: 1 takes it
)

func (a callbackAsk) open() bool { return a.state != askNothing }

const (
	askLimit    = 15 * time.Second
	longestAsk  = 16 // digits
	shortestAsk = shortestNumber
)

// mayCallBack reports whether the caller, who waits, can be called back at all.
func (c *call) mayCallBack() bool { return c.config.Callbacks.URI != "" && c.back.ID == "" }

// queueKey takes a key of a caller who waits.
func (c *call) queueKey(key byte) {
	options := c.config.Queues[c.queue.queue]
	switch {
	case c.queue.ask.open():
		c.askKey(key)
	case key == options.ExitKey:
		if err := c.hotline.Command(acd.PressExit{Entry: c.queue.entry}); err != nil {
			c.log.Debug().Err(err).Msg("no exit for the caller")
		}
	case key == options.CallbackKey && c.mayCallBack():
		c.askNumber()
	}
}

// askNumber opens the dialogue: by the number that the trunk vouches for, if there
// is one.
func (c *call) askNumber() {
	if c.queue.own == "" {
		c.askFor(askDigits, promptWhich, nil)
		return
	}
	c.queue.ask.number = c.queue.own
	c.askFor(askKnown, promptKnown, values("digits", "number", tailOf(c.queue.own)))
}

func (c *call) askFor(state askState, prompt string, say map[string]ivr.Value) {
	c.queue.ask.state = state
	c.queue.timer.Reset(askLimit)
	c.play(c.caller, announcement, []ivr.Say{{Prompt: prompt, Values: say}})
}

// stopAsking lets the caller wait as before.
func (c *call) stopAsking() {
	c.queue.ask = callbackAsk{}
	c.announce()
}

func (c *call) askKey(key byte) {
	a := &c.queue.ask
	c.queue.timer.Reset(askLimit)
	switch {
	case key == '*':
		c.stopAsking()
	case a.state == askDigits && key >= '0' && key <= '9' && len(a.number) < longestAsk:
		a.number += string(key)
	case a.state == askDigits && key == '#' && len(a.number) >= shortestAsk:
		c.askFor(askAgain, promptNumber, values("digits", "number", a.number))
	case a.state == askKnown && key == '1', a.state == askAgain && key == '1':
		c.requestCallback(a.number, a.state == askAgain)
	case a.state == askKnown && key == '2', a.state == askAgain && key == '2':
		a.number = ""
		c.askFor(askDigits, promptWhich, nil)
	}
}

// requestCallback gives the caller's place to a callback, and lets the caller
// hang up.
func (c *call) requestCallback(number string, confirmed bool) {
	c.queue.ask = callbackAsk{}
	h := c.hotline
	back := Callback{
		ID: newID("b-"), Journey: c.journey, Line: c.line.Name, Queue: c.queue.queue, Number: number, Confirmed: confirmed,
		Class: c.class(0), Language: c.language(), Attributes: maps.Clone(c.queue.attributes), Requested: time.Now(),
	}
	if denied := h.callbacks.take(back, c.config.Callbacks); denied != "" {
		c.denied(denied)
		return
	}
	later := h.newCallback(back, c.config, c.line)
	if later == nil {
		h.callbacks.release(back)
		c.denied("off")
		return
	}
	effects, err := h.router.apply(acd.RequestCallback{Entry: c.queue.entry, Call: back.ID})
	if err != nil {
		c.log.Info().Err(err).Msg("callback refused")
		later.post(stopped{})
		c.denied("off")
		return
	}
	for _, effect := range effects {
		if e, ok := effect.(acd.Entered); ok && e.Call == back.ID {
			later.post(requested{e, c.id})
		}
	}
	c.queue.entry = 0
	c.queue.timer.Stop()
	c.closeRings("")
	c.enter(serving)
	c.parting = true
	c.play(c.caller, announcement, []ivr.Say{{Prompt: promptCallLater}})
}

func (c *call) denied(reason string) {
	c.record(ledger.CallbackDenied{Queue: c.queue.queue, Reason: reason})
	c.queue.timer.Reset(defaultAnnounce)
	c.play(c.caller, announcement, []ivr.Say{{Prompt: promptNoCallback}})
}

// Facts for a callback's inbox.
type (
	requested struct { // the place has been taken over
		acd.Entered
		from string // the call in which it was asked for
	}
	draining struct{} // the hotline takes no new calls
)

// newCallback makes the call of a callback and starts its owner, nil if the
// hotline is ending.
func (h *Hotline) newCallback(b Callback, config *Config, line *Line) *call {
	c := &call{
		id: b.ID, journey: b.Journey, hotline: h, config: config, line: line,
		inbox: make(chan any, inboxSize), overrun: make(chan struct{}),
		began: time.Now(), caller: &party{}, toAgent: true,
		flowTimer: newTimer(), secure: secureEntry{timer: newTimer()}, queue: place{timer: newTimer(), attributes: b.Attributes, from: b.Number, own: b.Number},
		talk: conversation{timer: newTimer()}, back: callback{Callback: b},
	}
	c.log = h.log.With().Str("call", c.id).Logger()
	c.enter(away)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping() || h.draining {
		return nil
	}
	h.calls[c.id] = c
	h.ledger.Append(c.journey, c.id, ledger.CallArrived{
		Line: line.Name, Trunk: config.Callbacks.Trunk, Caller: tailOf(b.Number), Callback: true,
	})
	h.tasks.Go(func() {
		c.own()
		h.mu.Lock()
		delete(h.calls, c.id)
		h.mu.Unlock()
	})
	return c
}

// takenOver is the beginning of a callback: its place, and its page in the book.
func (c *call) takenOver(f requested) {
	c.seated(f.Entered)
	if f.from != "" { // one of before a restart is as old as it was
		c.back.FirstWait, c.back.HeadFor = f.Before, f.HeadStart
	}
	c.record(ledger.CallbackRequested{
		Entry: f.Entry, Queue: f.Queue, Line: c.line.Name, From: f.from, Caller: tailOf(c.back.Number), Confirmed: c.back.Confirmed,
	})
	if book := c.hotline.book; book != nil {
		if err := book.Keep(c.back.Callback); err != nil {
			c.log.Error().Err(err).Msg("callback not kept: a restart would lose it")
		}
	}
}

// Resume takes up the callbacks that the book has kept over a restart. It must
// be called once, after [Hotline.Use] and before the first call.
func (h *Hotline) Resume() error {
	if h.book == nil {
		return nil
	}
	kept, err := h.book.Callbacks()
	if err != nil {
		return fmt.Errorf("the callbacks that were open: %w", err)
	}
	config := h.config.Load()
	for _, b := range kept {
		line := lineNamed(config, b.Line)
		if line == nil || !allowed(b.Number, config.Callbacks) {
			if err := h.book.Drop(b.ID); err != nil {
				return fmt.Errorf("callback %s: %w", b.ID, err)
			}
			h.log.Warn().Str("line", b.Line).Msg("a callback of before the restart is gone with its line, its trunk or the rules")
			continue
		}
		b.ID = newID("b-")
		c := h.newCallback(b, config, line)
		if c == nil {
			continue
		}
		h.callbacks.hold(b)
		now := h.router.now()
		first := now - time.Since(b.Requested) - b.FirstWait
		place := acd.Place{Key: first - b.HeadFor, First: first}
		effects, err := h.router.apply(acd.Enqueue{Call: b.ID, Queue: b.Queue, Via: ledger.ViaCallback, Class: b.Class, Keep: &place})
		if err != nil {
			h.log.Warn().Err(err).Str("queue", b.Queue).Msg("a callback of before the restart cannot be resumed")
			c.post(stopped{})
			continue
		}
		for _, effect := range effects {
			if e, ok := effect.(acd.Entered); ok {
				c.post(requested{e, ""})
			}
		}
	}
	return nil
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
	c.back.attempts, c.back.began = f.Attempt, time.Now()
	c.caller = c.newParty()
	options := media.LegOptions{Kind: "caller"}
	if c.back.agent != nil {
		options.Near = c.back.agent.party.media
	}
	rules := c.hotline.config.Load().Callbacks // of today
	if !allowed(c.back.Number, rules) {
		c.back.ended("cancelled")
		c.log.Warn().Msg("callback given up: the rules of today do not allow its number")
		c.end(ledger.EndFlow)
		return
	}
	if err := c.caller.open(c, options); err != nil {
		c.log.Error().Err(err).Msg("no media for a callback")
		c.failCallback(ledger.CallbackError)
		return
	}
	leg, err := c.hotline.phones.Dial(sip.Dial{
		URI: fmt.Sprintf(rules.URI, national(c.back.Number)), User: rules.User, Password: rules.Password, From: rules.From,
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
	c.record(ledger.CallbackTried{
		Entry: f.Entry, Queue: f.Queue, Attempt: c.back.attempts, Result: f.Result, Took: ledger.MillisOf(time.Since(c.back.began)),
	})
	c.caller.close("")
	c.caller = &party{}
	c.closeBackAgent()
	c.enter(away)
	if c.hotline.isDraining() {
		c.end(ledger.EndDrained)
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
		Entry: entry, Queue: c.queue.queue, Attempt: c.back.attempts, Result: ledger.CallbackReached,
		Took: ledger.MillisOf(time.Since(c.back.began)),
	})
	c.dropFromBook()
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
	if c.back.outcome != "interrupted" {
		c.dropFromBook()
	}
	c.record(ledger.CallbackEnded{
		Queue: c.queue.queue, Outcome: c.back.outcome, Attempts: c.back.attempts, Took: ledger.MillisOf(time.Since(c.back.Requested)),
	})
}

func (c *call) dropFromBook() {
	if book := c.hotline.book; book != nil {
		if err := book.Drop(c.back.ID); err != nil {
			c.log.Error().Err(err).Msg("callback still in the book: a restart would call again")
		}
	}
}

// callbacks holds what must be known of all callbacks together: who is to be
// called, and how many were promised today.
type callbacks struct {
	mu    sync.Mutex
	open  map[string]string // callback by number
	day   string
	taken int // today
}

// take reserves a callback, or says why not.
func (s *callbacks) take(b Callback, rules Callbacks) (denied string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rules.Zone != nil {
		b.Requested = b.Requested.In(rules.Zone)
	}
	if today := b.Requested.Format(time.DateOnly); today != s.day {
		s.day, s.taken = today, 0
	}
	switch {
	case rules.URI == "":
		return "off"
	case b.Number == "":
		return "no_number"
	case !allowed(b.Number, rules):
		return "prefix"
	case s.open[national(b.Number)] != "":
		return "open"
	case s.taken >= rules.PerDay:
		return "day_limit"
	}
	s.taken++
	s.put(b)
	return ""
}

func (s *callbacks) put(b Callback) {
	if s.open == nil {
		s.open = map[string]string{}
	}
	s.open[national(b.Number)] = b.ID
}

// hold takes back a callback that was taken before a restart.
func (s *callbacks) hold(b Callback) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(b)
}

func (s *callbacks) release(b Callback) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number := national(b.Number); s.open[number] == b.ID {
		delete(s.open, number)
	}
}

// shortestNumber keeps calls back from emergency and service numbers.
const shortestNumber = 7

// national writes a number as it is dialled in the country, so that one number
// has one form.
func national(number string) string {
	for _, code := range []string{"+86", "0086"} {
		if rest, ok := strings.CutPrefix(number, code); ok {
			return rest
		}
	}
	if strings.HasPrefix(number, "+") {
		return "00" + number[1:]
	}
	return number
}

// allowed reports whether a number may be called: there is a trunk, a prefix
// allows it and none denies it.
func allowed(number string, rules Callbacks) bool {
	number = national(number)
	for _, c := range number {
		if c < '0' || c > '9' {
			return false
		}
	}
	if len(number) < shortestNumber || rules.URI == "" {
		return false
	}
	begins := func(prefix string) bool { return strings.HasPrefix(number, prefix) }
	return slices.ContainsFunc(rules.Allow, begins) && !slices.ContainsFunc(rules.Deny, begins)
}
