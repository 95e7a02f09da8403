// Package load_test lets a load call a hotline in the same process and holds
// what both have counted against each other.
package load_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"cardline/app"
	"cardline/configs"
	"cardline/ledger"
	"cardline/load"
	"cardline/test/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A book is a hotline's ledger, read while it is being written.
type book struct {
	mu     sync.Mutex
	events []ledger.Event
}

func (b *book) read(batch []ledger.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, batch...)
}

func (b *book) all() []ledger.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.events[:len(b.events):len(b.events)]
}

// has tells whether something that fits is written of a caller.
func (b *book) has(c *load.Caller, fits func(ledger.Fact) bool) bool {
	call := ""
	for _, e := range b.all() {
		if f, ok := e.Fact.(ledger.CallArrived); ok && strings.HasSuffix(c.From(), f.Caller) {
			call = e.Call
		}
		if call != "" && e.Call == call && fits(e.Fact) {
			return true
		}
	}
	return false
}

// wait lets a caller wait until something that fits is written of it.
func (b *book) wait(ctx context.Context, c *load.Caller, fits func(ledger.Fact) bool) error {
	for !b.has(c, fits) {
		if err := c.Wait(ctx, load.Fixed(20*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

// toAPerson is the story of callers who press what leads to a person when they
// are asked, however slow the machine is, and then wait and talk.
func (b *book) toAPerson(patience, talk load.Spread) load.Story {
	return func(ctx context.Context, c *load.Caller) error {
		for _, at := range []struct{ step, key string }{{"hello", "1"}, {"mandarin", "0"}} {
			err := b.wait(ctx, c, func(f ledger.Fact) bool {
				left, ok := f.(ledger.StepLeft)
				return ok && left.Flow == "main" && left.Step == at.step
			})
			if err != nil {
				return err
			}
			if err := c.Press(ctx, at.key); err != nil {
				return err
			}
		}
		if err := b.wait(ctx, c, func(f ledger.Fact) bool { _, ok := f.(ledger.Queued); return ok }); err != nil {
			return err
		}
		reached, err := c.AwaitPerson(ctx, patience)
		if err != nil || !reached {
			return err
		}
		return c.Talk(ctx, talk)
	}
}

// hotline starts the default hotline and returns its address and its ledger,
// which is complete once stop has returned.
func hotline(t *testing.T) (address string, b *book, stop func()) {
	t.Helper()
	ports := rig.FreePorts(t, 2)
	address = fmt.Sprintf("127.0.0.1:%d", ports[0])
	web := fmt.Sprintf("127.0.0.1:%d", ports[1])
	b = new(book)
	a, err := app.New(app.Options{
		Load: func() (*configs.Config, error) {
			c, err := configs.Load(configs.Default())
			if err != nil {
				return nil, err
			}
			for i := range c.File.SIP.Listen {
				c.File.SIP.Listen[i].Address = address
			}
			c.File.HTTP.Listen = web
			for i := range c.File.Queues {
				c.File.Queues[i].WrapUp = configs.WrapUp{For: time.Second}
			}
			c.File.Card.Holders = 10
			return c, nil
		},
		Data: t.TempDir(), Version: "test", Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel),
		Readers: []ledger.Reader{b.read},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(a.Stop)
	t.Cleanup(stop)
	return address, b, stop
}

// count counts the events for which f returns a word, by word.
func count(events []ledger.Event, f func(ledger.Fact) string) map[string]int {
	counts := map[string]int{}
	for _, e := range events {
		if word := f(e.Fact); word != "" {
			counts[word]++
		}
	}
	return counts
}

func shifts(n int) (list []load.Shift) {
	for i := range n {
		user := fmt.Sprint(1001 + i)
		list = append(list, load.Shift{
			User: user, Password: "cardline-" + user,
			Codes: load.Codes{LogIn: "*11", LogOut: "*10", Ready: "*12", NotReady: "*13"},
			Ring:  load.Uniform(100*time.Millisecond, 400*time.Millisecond), Talk: load.Uniform(time.Second, 2*time.Second),
		})
	}
	return list
}

// reconcile fails the test unless the load and the ledger count the same.
func reconcile(t *testing.T, f *load.Figures, events []ledger.Event) {
	t.Helper()
	got := map[string]int{}
	for o, n := range f.Calls.Outcomes {
		got["load "+string(o)] = n
	}
	want := count(events, func(f ledger.Fact) string {
		switch f := f.(type) {
		case ledger.CallAnswered:
			return "answered"
		case ledger.CallEnded:
			return "ended " + string(f.Outcome)
		case ledger.Dequeued:
			return "dequeued " + string(f.Outcome)
		case ledger.OfferEnded:
			return "offer " + string(f.Result)
		case ledger.Bridged:
			return "bridged"
		case ledger.TalkEnded:
			return "talk"
		}
		return ""
	})
	o := f.Calls.Outcomes
	for _, pair := range []struct {
		name         string
		load, ledger int
	}{
		{"established calls", f.Calls.Established, want["answered"]},
		{"self service", o[load.LeftSelfService] + o[load.EndedSelfService], want["ended lost"] + want["ended contained"] + want["ended error"]},
		{"asked for a person", o[load.LeftWaiting] + o[load.EndedWaiting] + o[load.Talked], want["ended to_agent"]},
		{"talked", o[load.Talked], want["dequeued answered"]},
		{"talked, bridged", o[load.Talked], want["bridged"]},
		{"talked, talk ended", o[load.Talked], want["talk"]},
		{"abandoned", o[load.LeftWaiting], want["dequeued abandoned"]},
		{"offers answered", f.Agents.Answered, want["offer accepted"]},
		{"offers ignored", f.Agents.Ignored, want["offer ignored"]},
	} {
		if pair.load != pair.ledger {
			t.Errorf("%s: load counts %d, the ledger %d", pair.name, pair.load, pair.ledger)
		}
	}
	// An offer may be taken back before the phone has heard of it, and while its
	// refusal is on the way.
	rejected, left := want["offer rejected"], want["offer caller_left"]
	if a := f.Agents; a.Refused < rejected || a.Refused+a.CallerLeft > rejected+left {
		t.Errorf("load counts %d offers refused and %d whose caller left, the ledger %d and %d", a.Refused, a.CallerLeft, rejected, left)
	}
	if t.Failed() {
		t.Logf("load %v, ledger %v", got, want)
	}
}

func text(t *testing.T, f *load.Figures) string {
	t.Helper()
	var b strings.Builder
	if err := f.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEveryCallIsAccountedForAtBothEnds(t *testing.T) {
	t.Parallel()
	address, book, stop := hotline(t)
	agents := shifts(2)
	agents[1].Refuse = 0.3
	l, err := load.New(t.Context(), load.Options{
		RackOptions: load.RackOptions{Target: "sip:95500@" + address},
		Calls:       20, Rate: 5, Story: book.toAPerson(load.Uniform(2*time.Second, 6*time.Second), load.Spread{}),
		Agents: agents, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop()
	events := book.all()
	t.Log("\n" + text(t, f))
	reconcile(t, f, events)
	o := f.Calls.Outcomes
	if f.Calls.Attempted != 20 || f.Calls.Established != 20 || !f.Healthy() {
		t.Errorf("got %d of %d calls established, healthy %v; want 20 of 20", f.Calls.Established, f.Calls.Attempted, f.Healthy())
	}
	if o[load.Talked] == 0 || o[load.LeftWaiting] == 0 || o[load.Talked]+o[load.LeftWaiting] != 20 {
		t.Errorf("got outcomes %v, want some who talked and some who were not patient enough", o)
	}
	if f.RTP.Sent == 0 || f.RTP.Received == 0 {
		t.Errorf("got %+v, want packets both ways", f.RTP)
	}
	gone := count(events, func(f ledger.Fact) string {
		switch f := f.(type) {
		case ledger.AgentChanged:
			if f.To == ledger.AgentLoggedOut {
				return "logged out"
			}
		case ledger.DeviceChanged:
			if !f.Registered {
				return "un-registered"
			}
		}
		return ""
	})
	if gone["logged out"] != 2 || gone["un-registered"] != 2 {
		t.Errorf("got %v, want two agents logged out and two phones un-registered", gone)
	}
}

// The end comes while some press keys, some wait and some talk.
func TestInterruptedLoadIsAccountedFor(t *testing.T) {
	t.Parallel()
	address, book, stop := hotline(t)
	l, err := load.New(t.Context(), load.Options{
		RackOptions: load.RackOptions{Target: "sip:95500@" + address + ";transport=tcp"},
		Duration:    11 * time.Second, Rate: 2, Story: book.toAPerson(load.Spread{}, load.Spread{}),
		Agents: shifts(2), Seed: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop()
	reconcile(t, f, book.all())
	if o := f.Calls.Outcomes; !f.Healthy() || o[load.Talked] == 0 || o[load.LeftWaiting] == 0 || o[load.LeftSelfService] != 0 {
		t.Errorf("got %v, want callers who talked and who waited, and nobody who left on the way", o)
	}
}

func TestSelfServiceCallsEndBySide(t *testing.T) {
	t.Parallel()
	address, book, stop := hotline(t)
	l, err := load.New(t.Context(), load.Options{
		RackOptions: load.RackOptions{Target: "sip:95500@" + address},
		Calls:       5, Rate: 10, Hold: load.Fixed(time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop()
	reconcile(t, f, book.all())
	if n := f.Calls.Outcomes[load.LeftSelfService]; n != 5 {
		t.Errorf("got %d who left self service, want 5", n)
	}
}

func TestCallsThatFailAreCountedByCode(t *testing.T) {
	t.Parallel()
	address, _, _ := hotline(t)
	l, err := load.New(t.Context(), load.Options{
		RackOptions: load.RackOptions{Target: "sip:404404@" + address}, Calls: 3, Rate: 50, Hold: load.Fixed(time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Healthy() || f.Calls.FailedByCode["404"] != 3 || f.Calls.Outcomes[load.Failed] != 3 || f.Calls.Established != 0 {
		t.Errorf("got %+v, want three calls failed with 404", f.Calls)
	}
}

func TestAgentWithWrongPassword(t *testing.T) {
	t.Parallel()
	address, _, _ := hotline(t)
	agents := shifts(1)
	agents[0].Password = "wrong"
	l, err := load.New(t.Context(), load.Options{
		RackOptions: load.RackOptions{Target: "sip:95500@" + address}, Calls: 3, Agents: agents,
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "agent 1001: registration refused: 403: the password is another one") {
		t.Errorf("got %v, want that agent 1001 could not register", err)
	}
	if f.Calls.Attempted != 0 {
		t.Errorf("got %d calls, want none without agents", f.Calls.Attempted)
	}
}
