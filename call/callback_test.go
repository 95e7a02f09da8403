package call

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cardline/acd"
	"cardline/caller"
	"cardline/ledger"
	"cardline/sip"
)

// backBench is a bench whose queue offers callbacks to customers who can be
// reached at the bench's own telephones.
func backBench(t *testing.T, first acd.CallbackFirst, book Book, change ...func(*Config)) *bench {
	t.Helper()
	return benchWith(t, Options{Book: book}, append([]func(*Config){func(c *Config) {
		c.Routing.Queues[0].Callback = acd.Callback{First: first, Attempts: 2, Gap: 200 * time.Millisecond, Ring: 20 * time.Second}
		c.Queues["cards"] = QueueOptions{Code: "1", CallbackKey: '1'}
		c.Callbacks = Callbacks{Allow: []string{"139"}, Deny: []string{"1399"}, PerDay: 3, URI: "sip:%s@phones", From: "95500", Trunk: "local"}
	}}, change...)...)
}

// customer is the telephone of a number that is called back.
func (b *bench) customer(number string, answer func(*phone)) *phone {
	p := &phone{bench: b, answer: answer, events: make(chan sip.Event, 64)}
	b.mu.Lock()
	b.agents[number] = p
	b.mu.Unlock()
	return p
}

// asks waits in the queue and asks for a callback by keys.
func (b *bench) asks(keys string) (c *phone, number string) {
	b.t.Helper()
	c = b.caller("200")
	fact(b, "the caller has heard where they stand", func(f ledger.Announced) bool { return true })
	c.press(keys)
	return c, "13900000001"
}

func TestCallbackOfTheCallerFirst(t *testing.T) {
	b := backBench(t, acd.CallerFirst, nil)
	caller, number := b.asks("11")
	asked := fact(b, "a callback is asked for", func(f ledger.CallbackRequested) bool { return true })
	if e := caller.ended(); e.Reason != sip.PeerHungUp {
		t.Errorf("the caller's line ended by %s", e.Reason)
	}
	line := fact(b, "the line's wait is over", func(f ledger.Dequeued) bool { return f.Outcome == ledger.OutcomeCallbackRequested })
	if line.Next != asked.Entry || asked.Caller != "0001" || asked.Confirmed {
		t.Errorf("asked %+v, left %+v", asked, line)
	}
	rung := make(chan *phone, 1)
	b.customer(number, func(p *phone) {
		p.leg.Answer(p.sdp)
		rung <- p
	})
	b.agent("1001", "a", answers)
	customer := <-rung
	nth(b, 2, "the customer's line is up", func(ledger.CallAnswered) bool { return true })
	customer.press("1")
	b.bridgedWith("ann")
	tried := fact(b, "the attempt", func(f ledger.CallbackTried) bool { return true })
	queued := fact(b, "the callback's place", func(f ledger.Queued) bool { return f.Via == ledger.ViaCallback })
	if tried.Result != ledger.CallbackReached || tried.Attempt != 1 || queued.Before == 0 {
		t.Errorf("tried %+v at the place %+v", tried, queued)
	}
	b.agents["1001"].leg.Hangup("")
	customer.ended()
	if over := fact(b, "the end", func(f ledger.CallbackEnded) bool { return true }); over.Outcome != "reached" || over.Attempts != 1 {
		t.Errorf("the callback ended as %+v", over)
	}
}

// The trunk latches for those whom we call as well: the customer's side says where
// its media is not, hears us all the same, and is heard.
func TestCallbackToMediaFromElsewhere(t *testing.T) {
	b := backBench(t, acd.CallerFirst, nil, func(c *Config) { c.Media.Latching = map[string]bool{"local": true} })
	caller, number := b.asks("11")
	caller.ended()
	rung := make(chan *phone, 1)
	b.customer(number, func(p *phone) {
		p.leg.Answer(regexp.MustCompile(`m=audio \d+`).ReplaceAll(p.sdp, []byte("m=audio 9")))
		rung <- p
	})
	b.agent("1001", "a", answers)
	customer := <-rung
	customer.press("1")
	b.bridgedWith("ann")
	customer.leg.Hangup("")
}

func TestCallbackOfTheAgentFirst(t *testing.T) {
	b := backBench(t, acd.AgentFirst, nil)
	caller, number := b.asks("11")
	caller.ended()
	busy := true
	customer := b.customer(number, func(p *phone) {
		if busy {
			busy = false
			p.leg.Refuse(486, "")
			return
		}
		p.leg.Answer(p.sdp)
	})
	b.agent("1001", "a", answers)
	fact(b, "the customer is busy", func(f ledger.CallbackTried) bool { return f.Result == ledger.CallbackBusy })
	b.bridgedWith("ann")
	if r := fact(b, "the second attempt", func(f ledger.CallbackTried) bool { return f.Attempt == 2 }); r.Result != ledger.CallbackReached {
		t.Errorf("the second attempt: %+v", r)
	}
	fact(b, "the agent waited for the customer", func(f ledger.AgentChanged) bool { return f.To == ledger.AgentOutbound })
	customer.leg.Hangup("")
	b.state("ann", ledger.AgentReady)
}

// slowBook is a book on a disk that takes long over what is dropped.
type slowBook struct {
	noBook
	written chan struct{}
}

func (b slowBook) Drop(string) error {
	<-b.written
	return nil
}

// TestTheCustomerDoesNotWaitForTheDisk has the customer and the agent talk although
// the number is not out of the book yet.
func TestTheCustomerDoesNotWaitForTheDisk(t *testing.T) {
	written := make(chan struct{})
	b := backBench(t, acd.AgentFirst, slowBook{written: written})
	write := sync.OnceFunc(func() { close(written) })
	t.Cleanup(write)
	c, number := b.asks("11")
	c.ended()
	customer := b.customer(number, answers)
	b.agent("1001", "a", answers)
	fact(b, "they talk", func(ledger.Bridged) bool { return true })
	customer.leg.Hangup("")
	write()
	fact(b, "the end", func(ledger.CallbackEnded) bool { return true })
}

func TestCallbackThatReachesNobody(t *testing.T) {
	b := backBench(t, acd.CallerFirst, nil)
	caller, number := b.asks("11")
	caller.ended()
	b.customer(number, func(p *phone) { p.leg.Refuse(480, "") })
	b.agent("1001", "a", answers)
	over := fact(b, "the end", func(f ledger.CallbackEnded) bool { return true })
	if over.Outcome != "exhausted" || over.Attempts != 2 {
		t.Errorf("the callback ended as %+v", over)
	}
	b.state("ann", ledger.AgentReady)
}

func TestCallbackToAnotherNumber(t *testing.T) {
	b := backBench(t, acd.CallerFirst, nil)
	b.hotline.SetKeys(keysOf(1))
	customer, _ := b.asks("1213900005678#1")
	asked := fact(b, "a callback is asked for", func(f ledger.CallbackRequested) bool { return true })
	if asked.Caller != "5678" || !asked.Confirmed {
		t.Errorf("asked for %+v", asked)
	}
	back := fact(b, "the callback", func(f ledger.CallArrived) bool { return f.Callback })
	if want := keysOf(1).Pseudonym("13900005678"); back.Pseudonym != want {
		t.Errorf("the callback is for %q, want %q", back.Pseudonym, want)
	}
	customer.ended()
	b.hotline.Stop() // it is still open: stopping closes it
	b.stop = func() {}
	if over := fact(b, "the end", func(f ledger.CallbackEnded) bool { return true }); over.Outcome != "interrupted" {
		t.Errorf("the callback ended as %+v", over)
	}
}

func TestCallbackRefused(t *testing.T) {
	for _, c := range []struct {
		name, keys, want string
		rules            func(*Callbacks)
	}{
		{"a number abroad", "12001202555#1", "prefix", nil},
		{"a number that is denied", "1213990001111#1", "prefix", nil},
		{"a number behind a code of IP dialling", "121795100677123456#1", "prefix", func(c *Callbacks) { c.Allow = []string{"139", "17"} }},
		{"an emergency number", "12139#*", "", nil}, // too short to be taken
		{"the day is full", "11", "day_limit", func(c *Callbacks) { c.PerDay = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := backBench(t, acd.CallerFirst, nil, func(config *Config) {
				if c.rules != nil {
					c.rules(&config.Callbacks)
				}
			})
			caller, _ := b.asks(c.keys)
			if c.want == "" {
				nth(b, 2, "the caller waits on", func(ledger.Announced) bool { return true })
			} else if denied := fact(b, "it is refused", func(f ledger.CallbackDenied) bool { return true }); denied.Reason != c.want {
				t.Errorf("refused because of %s, want %s", denied.Reason, c.want)
			}
			b.agent("1001", "a", answers)
			b.bridgedWith("ann") // the place is kept
			caller.leg.Hangup("")
		})
	}
}

// TestCallbackIsPromisedOnce asks twice for one number.
func TestCallbackIsPromisedOnce(t *testing.T) {
	b := backBench(t, acd.CallerFirst, nil)
	first, number := b.asks("11")
	first.ended()
	second := b.dial(sip.Dial{URI: "200", From: number})
	fact(b, "the second caller has heard where they stand", func(f ledger.Announced) bool { return f.Entry == 3 })
	second.press("11")
	if denied := fact(b, "it is refused", func(f ledger.CallbackDenied) bool { return true }); denied.Reason != "open" {
		t.Errorf("refused because of %s", denied.Reason)
	}
	second.leg.Hangup("")
	second.ended()
	b.stop()
}

func TestAllowed(t *testing.T) {
	rules := Callbacks{URI: "sip:%s@127.0.0.1", Allow: []string{"1", "0"}, Deny: []string{"00", "0900"}}
	for number, want := range map[string]bool{
		"13900001111": true, "+8613900001111": true, "02155551234": true, "110": false, "13": false, "0012025550100": false,
		"+12025550100": false, "09001234567": false, "400820555": false, "": false, "1390000x111": false, "+862155551234": true,
	} {
		if got := allowed(number, rules); got != want {
			t.Errorf("%q: %v, want %v", number, got, want)
		}
	}
	// What begins well may dial on: it is too long, or a code of another network.
	for _, number := range []string{
		"1795100677123456", "17951006771", "17911138000", "1259313800001", "12593138000", "10193138000", "139000011112", "13900001111000",
		"0215555123400677", "01780000123", "+8617951006771", "017951006771", "+86 1795 1006 771",
	} {
		if allowed(number, rules) {
			t.Errorf("%q is called", number)
		}
	}
	abroad := Callbacks{URI: rules.URI, Allow: []string{"9"}, Plan: caller.Plan{{Begins: "9", Least: 8, Most: 8}}, DialCodes: []string{"91"}}
	for number, want := range map[string]bool{"98765432": true, "91234567": false, "987654321": false, "13900001111": false} {
		if got := allowed(number, abroad); got != want {
			t.Errorf("by a plan of one's own, %q: %v, want %v", number, got, want)
		}
	}
}

// TestCallbacksOfOneCaller promises so many in a day to one number and at the wish of
// one caller, over restarts and a rotation of the key.
func TestCallbacksOfOneCaller(t *testing.T) {
	rules := Callbacks{URI: "sip:%s@127.0.0.1", Allow: []string{"139"}, PerDay: 100, PerCaller: 2}
	at := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	wish := func(number string, callers ...[]string) Callback {
		return Callback{ID: "b-" + number, Number: number, Requested: at, callers: callers}
	}
	var s callbacks
	s.count(rules.day(at), map[string]int{"": 7, "p-busy": 1, "p-old": 2})
	for _, step := range []struct {
		what, want string
		wish       Callback
	}{
		{"the second, after a restart", "", wish("13900000001", []string{"p-busy"})},
		{"the third", "caller_limit", wish("13900000001", []string{"p-busy"})},
		{"to another number, at the wish of the same", "caller_limit", wish("13900000002", []string{"p-2"}, []string{"p-busy"})},
		{"of before a rotation", "caller_limit", wish("13900000003", []string{"p-new", "p-old"})},
		{"another", "", wish("13900000004", []string{"p-4"})},
		{"who is unknown", "", wish("13900000005")},
	} {
		if got := s.take(step.wish, rules); got != step.want {
			t.Errorf("%s: %q, want %q", step.what, got, step.want)
		}
		s.release(step.wish) // it was made, and counts
	}
	given := wish("13900000004", []string{"p-4"})
	for range 5 {
		if got := s.take(given, rules); got != "" {
			t.Errorf("what was given back counts: %q", got)
		}
		s.giveBack(given)
	}
	if s.taken[""] != 10 {
		t.Errorf("%d in all, want 10", s.taken[""])
	}
}

// book is a [Book] in memory; torn, it can be written no more.
type book struct {
	mu       sync.Mutex
	torn     bool
	kept     []Callback
	promised map[string]map[string]int // by day and caller
}

func (b *book) Promise(c Callback, day string, callers []string) error {
	if err := b.Keep(c); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promised == nil {
		b.promised = map[string]map[string]int{}
	}
	if b.promised[day] == nil {
		b.promised[day] = map[string]int{}
	}
	for _, who := range append([]string{""}, callers...) {
		b.promised[day][who]++
	}
	return nil
}

func (b *book) Keep(c Callback) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.torn {
		return errors.New("torn")
	}
	b.kept = slices.DeleteFunc(b.kept, func(old Callback) bool { return old.Number == c.Number })
	b.kept = append(b.kept, c)
	return nil
}

func (b *book) Drop(id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = slices.DeleteFunc(b.kept, func(c Callback) bool { return c.ID == id })
	return nil
}

func (b *book) Callbacks() ([]Callback, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.kept), nil
}

func (b *book) Promised(day string) (map[string]int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.promised[day]), nil
}

func (b *book) tear(torn bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.torn = torn
}

// promise is a callback of before a restart.
func promise() Callback {
	return Callback{
		ID: "b-old", Journey: "j-old", Line: "direct", Queue: "cards", Number: "13900000077", Language: "en",
		Requested: time.Now().Add(-time.Minute), FirstWait: 30 * time.Second, HeadFor: time.Minute,
	}
}

// TestCallbackIsResumed takes up a callback that was promised before a restart,
// at the place of that time.
func TestCallbackIsResumed(t *testing.T) {
	kept := &book{kept: []Callback{promise()}}
	b := backBench(t, acd.AgentFirst, kept)
	must(t, b.hotline.Resume())
	queued := fact(b, "the callback waits again", func(f ledger.Queued) bool { return f.Via == ledger.ViaCallback })
	if queued.Before < 90_000 || queued.Before > 150_000 || queued.HeadStart != 60_000 {
		t.Errorf("it waits as %+v", queued)
	}
	b.customer("13900000077", func(p *phone) { p.leg.Answer(p.sdp) })
	b.agent("1001", "a", answers)
	b.bridgedWith("ann")
	if left, _ := kept.Callbacks(); len(left) != 0 {
		t.Errorf("the book still has %+v", left)
	}
	b.agents["1001"].leg.Hangup("")
	b.state("ann", ledger.AgentReady)
}

// TestAttemptsOutliveTheProgram lets the program end after the first of two
// attempts, which was in the book before the customer's phone rang. The next run
// makes one more, and no third.
func TestAttemptsOutliveTheProgram(t *testing.T) {
	kept := &book{}
	before := backBench(t, acd.CallerFirst, kept, func(c *Config) { c.Routing.Queues[0].Callback.Gap = time.Hour })
	caller, number := before.asks("11")
	caller.ended()
	known := make(chan int, 8)
	refuses := func(p *phone) {
		list, _ := kept.Callbacks()
		known <- list[0].Attempts
		p.leg.Refuse(486, "")
	}
	before.customer(number, refuses)
	before.agent("1001", "a", answers)
	fact(before, "the first attempt", func(f ledger.CallbackTried) bool { return f.Result == ledger.CallbackBusy })
	before.stop()

	after := backBench(t, acd.CallerFirst, kept, func(c *Config) { c.Callbacks.PerDay = 1 })
	must(t, after.hotline.Resume())
	after.customer(number, refuses)
	after.agent("1001", "a", answers)
	over := fact(after, "the end", func(ledger.CallbackEnded) bool { return true })
	if over.Outcome != "exhausted" || over.Attempts != 2 {
		t.Errorf("the callback ended as %+v", over)
	}
	if first, second := <-known, <-known; first != 1 || second != 2 || len(known) > 0 {
		t.Errorf("the book knew of %d and %d attempts and %d more, want of 1 and 2", first, second, len(known))
	}

	// And the one promise of the day is used up.
	must(t, after.hotline.Command(acd.SetNotReady{Agent: "ann", Reason: "lunch"}))
	another := after.dial(sip.Dial{URI: "200", From: "13900000088"})
	fact(after, "the caller has heard where they stand", func(ledger.Announced) bool { return true })
	another.press("11")
	if denied := fact(after, "it is refused", func(ledger.CallbackDenied) bool { return true }); denied.Reason != "day_limit" {
		t.Errorf("refused because of %s", denied.Reason)
	}
}

// TestPromisesThatAreOver takes up callbacks that are to be made no more: the
// book loses them, and the ledger says how they ended.
func TestPromisesThatAreOver(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*Config, *Callback)
	}{
		{"the line is gone", "cancelled", func(_ *Config, b *Callback) { b.Line = "golf" }},
		{"the queue is gone", "cancelled", func(_ *Config, b *Callback) { b.Queue = "golf" }},
		{"the queue calls nobody back", "cancelled", func(c *Config, _ *Callback) { c.Routing.Queues[0].Callback = acd.Callback{} }},
		{"the trunk is gone", "cancelled", func(c *Config, _ *Callback) { c.Callbacks = Callbacks{} }},
		{"the number is denied", "cancelled", func(c *Config, _ *Callback) { c.Callbacks.Deny = []string{"13900"} }},
		{"all attempts were made", "exhausted", func(_ *Config, b *Callback) { b.Attempts, b.Tried = 2, time.Now().Add(-time.Second) }},
		{"it is too long ago", "exhausted", func(_ *Config, b *Callback) { b.Requested = time.Now().Add(-25 * time.Hour) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := promise()
			kept := &book{}
			b := backBench(t, acd.AgentFirst, kept, func(config *Config) { c.change(config, &old) })
			must(t, kept.Keep(old))
			must(t, b.hotline.Resume())
			over := fact(b, "the end", func(ledger.CallbackEnded) bool { return true })
			if over.Outcome != c.want || over.Queue != old.Queue {
				t.Errorf("the callback ended as %+v, want %s", over, c.want)
			}
			if left, _ := kept.Callbacks(); len(left) != 0 {
				t.Errorf("the book still has %+v", left)
			}
		})
	}
}

// TestReloadBreaksPromises takes the callbacks of a queue away while one is open.
func TestReloadBreaksPromises(t *testing.T) {
	kept := &book{}
	b := backBench(t, acd.AgentFirst, kept)
	caller, _ := b.asks("11")
	caller.ended()
	next := *b.config
	next.Routing.Queues = slices.Clone(next.Routing.Queues)
	next.Routing.Queues[0].Callback = acd.Callback{}
	b.hotline.Reload(&next)
	if over := fact(b, "the end", func(ledger.CallbackEnded) bool { return true }); over.Outcome != "cancelled" || over.Attempts != 0 {
		t.Errorf("the callback ended as %+v", over)
	}
	if left, _ := kept.Callbacks(); len(left) != 0 {
		t.Errorf("the book still has %+v", left)
	}
}

// TestNoAttemptThatIsNotInTheBook can write nothing: nobody is called, and the
// customer, who has two attempts, loses none by our fault.
func TestNoAttemptThatIsNotInTheBook(t *testing.T) {
	kept := &book{}
	b := backBench(t, acd.CallerFirst, kept)
	caller, number := b.asks("11")
	caller.ended()
	kept.tear(true)
	var rings atomic.Bool
	b.customer(number, func(p *phone) {
		if !rings.Load() {
			t.Error("the customer's phone rings")
		}
		p.leg.Refuse(486, "")
	})
	b.agent("1001", "a", answers)
	nth(b, 3, "three attempts are not made", func(f ledger.CallbackTried) bool { return f.Result == ledger.CallbackError })
	rings.Store(true)
	kept.tear(false)
	over := fact(b, "the end", func(ledger.CallbackEnded) bool { return true })
	if over.Outcome != "exhausted" || over.Attempts != 2 {
		t.Errorf("the callback ended as %+v, want both attempts made", over)
	}
}

// TestNoAttemptWithoutTheAgent lets the agent go while the customer's phone rings:
// the attempt is none, for the router and in the book.
func TestNoAttemptWithoutTheAgent(t *testing.T) {
	kept := &book{kept: []Callback{promise()}}
	b := backBench(t, acd.AgentFirst, kept)
	must(t, b.hotline.Resume())
	ringing := make(chan bool, 8)
	b.customer("13900000077", func(*phone) { ringing <- true })
	ann := b.agent("1001", "a", answers)
	<-ringing
	if list, _ := kept.Callbacks(); list[0].Attempts != 1 || list[0].Tried.IsZero() {
		t.Errorf("while the phone rings the book has %+v", list)
	}
	must(t, b.hotline.Command(acd.SetNotReady{Agent: "ann", Reason: "lunch"}))
	ann.leg.Hangup("")
	tried := fact(b, "the attempt is over", func(ledger.CallbackTried) bool { return true })
	if tried.Result != ledger.CallbackAgentLeft || tried.Attempt != 1 {
		t.Errorf("it ended as %+v", tried)
	}
	if list, _ := kept.Callbacks(); list[0].Attempts != 0 || !list[0].Tried.IsZero() {
		t.Errorf("then the book has %+v", list)
	}
}
