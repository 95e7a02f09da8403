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

	// callers are those for whom it is counted, each by the pseudonyms of all keys:
	// whose number it is, and who asked for it.
	callers [][]string
}

// counted returns the pseudonyms by which a callback is counted, those of now.
func (b Callback) counted() (list []string) {
	for _, pseudonyms := range b.callers {
		if len(pseudonyms) > 0 {
			list = append(list, pseudonyms[0])
		}
	}
	return list
}

// A Book keeps callbacks over a restart, and how many were promised on a day. Its
// methods may be called from any goroutine; what they have written is safe when
// they return.
type Book interface {
	// Promise keeps a new callback, instead of any other for the same number, and
	// counts it for a day, such as 2026-10-01, and for the callers concerned, by
	// their pseudonyms.
	Promise(c Callback, day string, callers []string) error
	// Keep keeps what has become of a callback.
	Keep(Callback) error
	Drop(id string) error           // the number is nowhere when it returns
	Callbacks() ([]Callback, error) // in the order of their requests
	// Promised tells how many were promised on the newest day, by caller and, for "",
	// all together; of earlier days it knows nothing.
	Promised(day string) (map[string]int, error)
}

// noBook is the book of a hotline that has none.
type noBook struct{}

func (noBook) Promise(Callback, string, []string) error { return nil }
func (noBook) Keep(Callback) error                      { return nil }
func (noBook) Drop(string) error                        { return nil }
func (noBook) Callbacks() ([]Callback, error)           { return nil, nil }
func (noBook) Promised(string) (map[string]int, error)  { return nil, nil }

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
	back.callers = [][]string{h.Pseudonyms(number)}
	if own := h.Pseudonyms(c.queue.own); caller.Normal(c.queue.own) != caller.Normal(number) {
		back.callers = append(back.callers, own)
	}
	denied := "barred"
	if _, barred := h.barredBy(back.callers[0]); !barred {
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
	taken map[string]int // today, by caller and, for "", all together
}

// take reserves a callback, or says why not.
func (s *callbacks) take(b Callback, rules Callbacks) (denied string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if today := rules.day(b.Requested); today != s.day {
		s.day, s.taken = today, nil
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
	case s.taken[""] >= rules.PerDay:
		return "day_limit"
	}
	for _, pseudonyms := range b.callers {
		taken := 0
		for _, p := range pseudonyms {
			taken += s.taken[p]
		}
		if rules.PerCaller > 0 && taken >= rules.PerCaller {
			return "caller_limit"
		}
	}
	s.add(b, 1)
	s.put(b)
	return ""
}

// add counts a callback, with the lock held.
func (s *callbacks) add(b Callback, n int) {
	if s.taken == nil {
		s.taken = map[string]int{}
	}
	for _, who := range append([]string{""}, b.counted()...) {
		s.taken[who] = max(0, s.taken[who]+n)
	}
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
	s.add(b, -1)
}

// hold takes back a callback that was taken before a restart.
func (s *callbacks) hold(b Callback) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(b)
}

// count begins a day of which some are taken already.
func (s *callbacks) count(day string, taken map[string]int) {
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

// allowed reports whether a number may be called: there is a trunk, the plan has a
// number of this beginning and length, it is no code that dials on, a prefix allows
// it and none denies it.
func allowed(number string, rules Callbacks) bool {
	number = caller.National(number)
	plan, codes := rules.Plan, rules.DialCodes
	if plan == nil {
		plan = caller.Mainland
	}
	if codes == nil {
		codes = caller.DialCodes
	}
	if len(number) < shortestNumber || rules.URI == "" || !plan.Has(number) {
		return false
	}
	begins := func(prefix string) bool { return strings.HasPrefix(number, prefix) }
	return slices.ContainsFunc(rules.Allow, begins) && !slices.ContainsFunc(rules.Deny, begins) && !slices.ContainsFunc(codes, begins)
}
