//go:build !race

// Package agents lets forty agents with bad manners and worse phones work for
// ten minutes, and holds what the hotline believes of them against what their
// sockets have seen.
package agents

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/ledger"
	"cardline/load"
	"cardline/test/rig"
)

// length is how long callers come. What is asked of speed needs minutes.
var length = flag.Duration("agents.for", 25*time.Second, "how long callers come")

// The crowd.
const (
	crew    = 40
	crowd   = 200
	ringFor = 5 * time.Second
	deafFor = 5 * time.Second  // until the hotline takes a silent phone for a dead one
	longest = 10 * time.Second // that an agent talks
)

// offerLimit is how soon the phone of an agent who is free must ring when
// somebody waits: the 99th percentile. A short run shares the machine with
// whoever else is at work there, so it only tells a call that comes by itself
// from one that comes with the reconciliation, every few seconds.
func offerLimit() time.Duration {
	if *length < 5*time.Minute {
		return 2 * time.Second
	}
	return 5 * time.Millisecond
}

func TestAgents(t *testing.T) {
	if testing.Short() {
		t.Skip("calls in real time are no short test")
	}
	h := rig.Start(t, rig.Options{
		Log: zerolog.NewTestWriter(t), Level: zerolog.ErrorLevel,
		Edit: slices.Concat(roster(), []string{"wrap_up: 10s", "wrap_up: 0s", "ring: 15s", fmt.Sprintf("ring: %v", ringFor), "port_max: 29999", fmt.Sprintf("port_max: 29999\n  rtp_timeout: %v", deafFor)}),
	})
	b := newBook()
	var shifts []load.Shift
	for i := range crew {
		shifts = append(shifts, shift(b, i))
	}
	script, err := load.ParseScript("w2 1 w1 0 w9 q") // nine seconds: all that is said before the queue
	rig.Must(t, err)
	l, err := load.New(t.Context(), load.Options{
		RackOptions: load.RackOptions{Target: "sip:95500@" + h.Server},
		Duration:    *length, Rate: crowd / 10, Concurrent: crowd,
		Script: script, Hold: load.Uniform(5*time.Second, time.Minute), Talk: load.Uniform(3*time.Second, time.Minute),
		Agents: shifts, Seed: 1, Grace: 2 * time.Minute,
	})
	rig.Must(t, err)
	watching, stop := context.WithCancel(t.Context())
	watched := make(chan []string, 1)
	go func() { watched <- (&watch{hotline: h, book: b, load: l}).run(watching) }()
	figures, err := l.Run(t.Context())
	rig.Must(t, err)
	rig.Eventually(t, rig.Hung, "every call has ended", func() bool { return h.Hotline().Live() == 0 })
	stop()
	h.Ledger().Sync()
	text, _ := json.MarshalIndent(figures, "", "  ")
	t.Logf("the telephones' figures: %s", text)
	for _, fault := range slices.Concat(<-watched, b.faults) {
		t.Error(fault)
	}
	if figures.Calls.Peak < crowd*9/10 {
		t.Errorf("at most %d calls at once, want %d", figures.Calls.Peak, crowd)
	}
	if !figures.Healthy() {
		t.Error("the load is not healthy")
	}
	for _, a := range h.Hotline().Agents() {
		if v := b.view(a.ID); a.State != ledger.AgentLoggedOut || v.ringing || v.talking {
			t.Errorf("agent %s is %s in the end, and the phone is at %+v; want the shift to be over", a.ID, a.State, v)
		}
	}
	events := h.Events()
	reconcile(t, events, figures)
	promptly(t, events, b.gaps)
}

// roster are the edits that make forty agents of the default hotline's eight.
func roster() []string {
	var phones, agents strings.Builder
	for i := 8; i < crew; i++ {
		fmt.Fprintf(&phones, "- {account: %q, password: cardline-%s}\n  ", account(i), account(i))
		fmt.Fprintf(&agents, "- {id: %q, group: cards, skills: {mandarin: 8, cards: 5}}\n  ", account(i))
	}
	last, first := `- {account: "2001"`, `- {id: "1001"`
	return []string{last, phones.String() + last, first, agents.String() + first}
}

func account(i int) string { return fmt.Sprint(1001 + i) }

// shift is the work of one agent. Every fourth refuses, ignores or has a phone
// that dies, now and then.
func shift(b *book, i int) load.Shift {
	id := account(i)
	s := load.Shift{
		User: id, Password: "cardline-" + id, Codes: load.Codes{LogIn: "*11", LogOut: "*10", Ready: "*12", NotReady: "*13"},
		Ring: load.Uniform(200*time.Millisecond, time.Second), Talk: load.Uniform(2*time.Second, longest),
		DeadFor: load.Uniform(time.Second, 8*time.Second), Tap: b.tap(id), Power: b.power(id),
	}
	switch i % 4 {
	case 1:
		s.Refuse = 0.2
	case 2:
		s.Ignore = 0.2
	case 3:
		s.Die = 0.15
	}
	return s
}

// A watch looks at agents and calls all the time.
type watch struct {
	hotline *rig.Hotline
	book    *book
	load    *load.Load
	faults  map[string]bool
}

// How often the watch looks, and for how long the hotline and a telephone may
// be of two minds.
const (
	lookEvery = 100 * time.Millisecond
	settled   = 2 * time.Second
	ghostFor  = 5 * time.Second
)

// run returns what was wrong, each thing once.
func (w *watch) run(ctx context.Context) []string {
	w.faults = map[string]bool{}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	ours, theirs := time.Now(), time.Now() // when neither side had more calls than the other
	for {
		select {
		case <-ctx.Done():
			return slices.Sorted(maps.Keys(w.faults))
		case <-ticker.C:
		}
		for _, a := range w.hotline.Hotline().Agents() {
			w.agent(a, w.book.view(a.ID))
		}
		live, now := w.hotline.Hotline().Live(), w.load.Progress().Now
		if live <= now {
			ours = time.Now()
		}
		if now <= live {
			theirs = time.Now()
		}
		if time.Since(ours) > ghostFor || time.Since(theirs) > ghostFor {
			w.fault("for more than %v the hotline has had other calls than the telephones: one was a ghost", ghostFor)
		}
	}
}

func (w *watch) fault(format string, args ...any) { w.faults[fmt.Sprintf(format, args...)] = true }

// agent compares what the router says with the phone and with the limits.
func (w *watch) agent(a acd.AgentView, phone view) {
	limits := map[ledger.AgentState]time.Duration{
		ledger.AgentOffered: ringFor + settled,
		ledger.AgentTalking: longest + deafFor + 2*settled,
		ledger.AgentHolding: settled, // nobody holds
		ledger.AgentWrapUp:  settled, // there is none
	}
	if limit, ok := limits[a.State]; ok && a.For > limit {
		w.fault("agent %s has been %s for longer than %v", a.ID, a.State, limit)
	}
	// A phone that died has left things behind that take their time.
	steady := a.For > settled && time.Since(phone.moved) > settled && time.Since(phone.powered) > ringFor+deafFor
	if !steady || phone.off {
		return
	}
	if talking := a.State == ledger.AgentTalking; talking != phone.talking {
		w.fault("agent %s has been %s for %v, and the phone has been at %+v", a.ID, a.State, a.For.Round(time.Second), phone)
	}
	if a.State == ledger.AgentOffered && !phone.ringing {
		w.fault("agent %s is offered a call and the phone does not ring", a.ID)
	}
}
