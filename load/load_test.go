package load_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"cardline/app"
	"cardline/configs"
	"cardline/ledger"
	"cardline/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// freePort returns a port that is free for UDP and TCP.
func freePort(t *testing.T) int {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return port
		}
	}
	t.Fatal("no port is free for both UDP and TCP")
	return 0
}

// hotline starts the default hotline and returns its address and its ledger,
// which is complete once stop has returned.
func hotline(t *testing.T) (address string, stop func() []ledger.Event) {
	t.Helper()
	address = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	web := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	var events []ledger.Event
	log := zerolog.Nop()
	if os.Getenv("CARDLINE_TEST_LOG") != "" {
		log = zerolog.New(zerolog.NewTestWriter(t)).With().Timestamp().Logger()
	}
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
				c.File.Queues[i].WrapUp = time.Second
			}
			c.File.Card.Holders = 10
			return c, nil
		},
		Data: t.TempDir(), Version: "test", Log: log,
		Readers: []ledger.Reader{func(batch []ledger.Event) { events = append(events, batch...) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	end := func() []ledger.Event {
		if !stopped {
			stopped = true
			a.Stop()
		}
		return events
	}
	t.Cleanup(func() { end() })
	return address, end
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

func script(t *testing.T, text string) load.Script {
	t.Helper()
	s, err := load.ParseScript(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
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
		name        string
		load, ledge int
	}{
		{"established calls", f.Calls.Established, want["answered"]},
		{"self service", o[load.LeftSelfService] + o[load.EndedSelfService], want["ended lost"] + want["ended contained"] + want["ended error"]},
		{"asked for a person", o[load.LeftWaiting] + o[load.EndedWaiting] + o[load.Talked], want["ended to_agent"]},
		{"talked", o[load.Talked], want["dequeued answered"]},
		{"talked, bridged", o[load.Talked], want["bridged"]},
		{"talked, talk ended", o[load.Talked], want["talk"]},
		{"abandoned", o[load.LeftWaiting], want["dequeued abandoned"]},
		{"offers answered", f.Agents.Answered, want["offer accepted"]},
		{"offers refused", f.Agents.Refused, want["offer rejected"]},
		{"offers ignored", f.Agents.Ignored, want["offer ignored"]},
		{"offers whose caller left", f.Agents.CallerLeft, want["offer caller_left"]},
	} {
		if pair.load != pair.ledge {
			t.Errorf("%s: load counts %d, the ledger %d", pair.name, pair.load, pair.ledge)
		}
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
	address, stop := hotline(t)
	l, err := load.New(t.Context(), load.Options{
		RackOptions: load.RackOptions{Target: "sip:95500@" + address},
		Calls:       20, Rate: 5, Script: script(t, "w0.5 1 w0.5 0 w6 q"), Hold: load.Uniform(2*time.Second, 8*time.Second),
		Agents: shifts(2), Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	events := stop()
	t.Log("\n" + text(t, f))
	reconcile(t, f, events)
	o := f.Calls.Outcomes
	if f.Calls.Attempted != 20 || f.Calls.Established != 20 || !f.Healthy() {
		t.Errorf("got %d of %d calls established, healthy %v; want 20 of 20", f.Calls.Established, f.Calls.Attempted, f.Healthy())
	}
	if o[load.Talked] < 4 || o[load.LeftWaiting] < 2 || o[load.Talked]+o[load.LeftWaiting] != 20 {
		t.Errorf("got outcomes %v, want some who talked and some who were not patient enough", o)
	}
	logins := count(events, func(f ledger.Fact) string {
		if f, ok := f.(ledger.AgentChanged); ok && f.To == ledger.AgentLoggedOut {
			return "out"
		}
		if f, ok := f.(ledger.DeviceChanged); ok && !f.Registered {
			return "gone"
		}
		return ""
	})
	if logins["out"] != 2 || logins["gone"] != 2 {
		t.Errorf("got %v, want two agents logged out and two phones un-registered", logins)
	}
}
