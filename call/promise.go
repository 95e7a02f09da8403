package call

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cardline/acd"
	"cardline/caller"
	"cardline/ivr"
	"cardline/ledger"
)

// A Callback is a caller's wish to be called back, as it is kept over a
// restart. Number is the customer's own: it is in no log and no event.
type Callback struct {
	ID, Journey        string
	Line, Queue        string
	Number             string
	Confirmed          bool
	Class, Language    string
	Site               string // where the customer came in
	Attributes         map[string]string
	Requested          time.Time
	FirstWait, HeadFor time.Duration // waited before, and head start
	Attempts           int           // to reach the customer up to now
	Tried              time.Time     // beginning of the newest attempt
}

// A Book keeps callbacks over a restart, and how many were promised on a day. Its
// methods may be called from any goroutine; what they have written is safe when
// they return.
type Book interface {
	// Promise keeps a new callback, instead of any other for the same number, and
	// counts it for a day, such as 2026-10-01.
	Promise(c Callback, day string) error
	// Keep keeps what has become of a callback.
	Keep(Callback) error
	Drop(id string) error
	Callbacks() ([]Callback, error)   // in the order of their requests
	Promised(day string) (int, error) // on the newest day; of earlier ones, 0
}

// noBook is the book of a hotline that has none.
type noBook struct{}

func (noBook) Promise(Callback, string) error { return nil }
func (noBook) Keep(Callback) error            { return nil }
func (noBook) Drop(string) error              { return nil }
func (noBook) Callbacks() ([]Callback, error) { return nil, nil }
func (noBook) Promised(string) (int, error)   { return 0, nil }

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
		Class: c.class(0), Site: c.queue.site, Language: c.language(), Attributes: maps.Clone(c.queue.attributes), Requested: time.Now(),
	}
	denied := "barred"
	if _, barred := h.barredBy(h.Pseudonyms(number)); !barred {
		denied = h.callbacks.take(back, c.config.Callbacks)
	}
	if denied != "" {
		c.denied(denied)
		return
	}
	later := h.newCallback(back, c.id, c.config, c.line)
	if later == nil {
		h.callbacks.giveBack(back)
		c.denied("off")
		return
	}
	if err := h.Command(acd.RequestCallback{Entry: c.queue.entry, Call: back.ID}); err != nil {
		c.log.Info().Err(err).Msg("callback refused")
		h.callbacks.giveBack(back)
		later.post(stopped{})
		c.denied("off")
		return
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
	if today := rules.day(b.Requested); today != s.day {
		s.day, s.taken = today, 0
	}
	switch {
	case rules.URI == "":
		return "off"
	case b.Number == "":
		return "no_number"
	case !allowed(b.Number, rules):
		return "prefix"
	case s.open[caller.Normal(b.Number)] != "":
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
	s.open[caller.Normal(b.Number)] = b.ID
}

// giveBack is for a callback that was taken, and then was none.
func (s *callbacks) giveBack(b Callback) {
	s.release(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = max(0, s.taken-1)
}

// hold takes back a callback that was taken before a restart.
func (s *callbacks) hold(b Callback) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(b)
}

// count begins a day of which some are taken already.
func (s *callbacks) count(day string, taken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.day, s.taken = day, taken
}

// day names the day of a moment, as callbacks are counted.
func (r Callbacks) day(at time.Time) string {
	return dayOf(at, r.Zone)
}

func (s *callbacks) release(b Callback) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number := caller.Normal(b.Number); s.open[number] == b.ID {
		delete(s.open, number)
	}
}

// shortestNumber keeps calls back from emergency and service numbers.
const shortestNumber = 7

// allowed reports whether a number may be called: there is a trunk, a prefix
// allows it and none denies it.
func allowed(number string, rules Callbacks) bool {
	number = caller.National(number)
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
