package survive

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cardline/call"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
	"cardline/store/sqlite"
	"cardline/test/rig"
)

// people answer every call that comes to them: a customer behind the trunk, who
// says by key 1 that it is no machine that has answered, and an agent.
type people struct {
	media    *media.Engine
	stack    *sip.Stack
	customer string
	called   chan string
}

func newPeople(t *testing.T, address, customer string) *people {
	t.Helper()
	p := &people{customer: customer, called: make(chan string, 16)}
	var err error
	p.media, err = media.New(media.Options{PortMin: 50000, PortMax: 50999})
	rig.Must(t, err)
	p.stack, err = sip.New(sip.Options{
		Listeners:  []sip.Listener{{Network: "udp", Address: address}},
		Handler:    p,
		Reloadable: sip.Reloadable{Trunks: []sip.Trunk{{Name: "hotline", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}},
	})
	rig.Must(t, err)
	rig.Must(t, p.stack.Start())
	t.Cleanup(func() {
		_ = p.stack.Close(context.Background()) // what is left of the calls goes with the test
		p.media.Close()
	})
	return p
}

// Invited implements [sip.Handler].
func (p *people) Invited(leg *sip.Leg, in sip.Invite) sip.Sink {
	voice, err := p.media.Open(media.LegOptions{Kind: "caller"})
	if err != nil {
		leg.Refuse(503, "")
		return nil
	}
	answer, err := voice.Answer(in.Offer)
	if err != nil {
		leg.Refuse(488, "")
		return nil
	}
	p.called <- in.To
	leg.Answer(answer)
	return func(e sip.Event) {
		switch e.(type) {
		case sip.Acked:
			if in.To == p.customer {
				time.AfterFunc(time.Second, func() { _ = voice.SendKeys("1") }) // too late if the call is over
				time.AfterFunc(6*time.Second, func() { leg.Hangup("") })
			}
		case sip.Ended:
			voice.Close()
		default:
		}
	}
}

// RegistrationChanged implements [sip.Handler].
func (p *people) RegistrationChanged(sip.Registration) {}

// TestAPromisedCallIsMade lets a caller ask to be called back, kills the
// program, stops it in peace the next time, and then lets an agent come to work.
func TestAPromisedCallIsMade(t *testing.T) {
	if testing.Short() {
		t.Skip("calls in real time are no short test")
	}
	const number = "13800000001" // of the rig's first caller
	address := fmt.Sprintf("127.0.0.1:%d", rig.FreePorts(t, 1)[0])
	there := newPeople(t, address, number)
	binary, data := build(t), t.TempDir()
	config, server, _ := rig.Config(t,
		"# callback: {first: caller, hours: office}", "callback: {first: caller} #",
		"# callbacks:\n#   trunk: carrier\n#   from:", "callbacks:\n  trunk: local\n  from:",
		"{name: local, sources: [127.0.0.1/32], phones: true}", fmt.Sprintf("{name: local, sources: [127.0.0.1/32], phones: true, address: %q}", address),
		"drain: 2m", "drain: 15s",
	)
	phones := rig.NewPhones(t, server)

	first := serve(t, binary, config, data)
	asked := time.Now()
	caller, err := phones.Dial("95500")
	rig.Must(t, err)
	for _, step := range []struct {
		keys, after string
		told        func(ledger.Fact) bool
	}{
		{"1", "the hotline answers", func(f ledger.Fact) bool { _, ok := f.(ledger.CallAnswered); return ok }},                     // Mandarin
		{"0", "the menu is open", func(f ledger.Fact) bool { left, ok := f.(ledger.StepLeft); return ok && left.Step == "hello" }}, // a person
		{"11", "the caller hears where they stand", func(f ledger.Fact) bool { _, ok := f.(ledger.Announced); return ok }},         // a call back, to this number
	} {
		written(t, data, step.after, step.told)
		rig.Must(t, caller.Press(step.keys))
	}
	select {
	case <-caller.Over():
	case <-time.After(rig.Hung):
		t.Fatal("the hotline keeps the caller, who is to be called back")
	}
	// The event comes after the page in the book.
	written(t, data, "the promise is made", func(f ledger.Fact) bool { _, ok := f.(ledger.CallbackRequested); return ok })
	rig.Must(t, first.Process.Signal(syscall.SIGKILL))
	_ = first.Wait()
	promised(t, data, number)

	second := serve(t, binary, config, data)
	rig.Must(t, second.Process.Signal(syscall.SIGTERM))
	rig.Must(t, second.Wait())
	promised(t, data, number)

	third := serve(t, binary, config, data)
	registered := make(chan sip.LoginState, 16)
	_, err = there.stack.Register(sip.Login{URI: "sip:" + server, User: "1001", Password: "cardline-1001", Expires: time.Minute}, func(s sip.LoginState) {
		registered <- s
	})
	rig.Must(t, err)
	<-registered
	phones.Feature(t, "1001", "cardline-1001", "*11")
	phones.Feature(t, "1001", "cardline-1001", "*12")
	for _, want := range []string{number, "1001"} {
		select {
		case got := <-there.called:
			if got != want {
				t.Fatalf("the hotline called %s, want %s", got, want)
			}
		case <-time.After(rig.Hung):
			t.Fatalf("the hotline does not call %s", want)
		}
	}
	written(t, data, "they have talked", func(f ledger.Fact) bool { _, ok := f.(ledger.TalkEnded); return ok })
	rig.Must(t, third.Process.Signal(syscall.SIGTERM))
	rig.Must(t, third.Wait())
	kept(t, data, asked)
}

// written waits until the ledger beside the running program has a fact.
func written(t *testing.T, data, what string, fits func(ledger.Fact) bool) {
	t.Helper()
	rig.Eventually(t, rig.Hung, what, func() bool {
		b := openBooks(t, data)
		defer b.Close()
		return slices.ContainsFunc(b.events(), func(e ledger.Event) bool { return fits(e.Fact) })
	})
}

// promised checks that the book has one callback, and nothing else the number.
func promised(t *testing.T, data, number string) {
	t.Helper()
	b := openBooks(t, data)
	defer b.Close()
	list := callbacks(t, data)
	if len(list) != 1 || list[0].Number != number || list[0].Queue != "cards" {
		t.Fatalf("the book has %+v", list)
	}
	for _, e := range b.events() {
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, number[2:]) {
			t.Errorf("the number is in the ledger: %s", text)
		}
	}
}

// kept checks what the ledger tells of the promise, and that the number is gone.
func kept(t *testing.T, data string, asked time.Time) {
	t.Helper()
	b := openBooks(t, data)
	if list := callbacks(t, data); len(list) > 0 {
		t.Errorf("the book still has %+v", list)
	}
	var outcomes []string
	var talks int
	journeys := map[string]bool{}
	for _, e := range b.events() {
		switch f := e.Fact.(type) {
		case ledger.CallbackRequested:
			journeys[e.Journey] = true
		case ledger.CallbackEnded:
			outcomes = append(outcomes, f.Outcome)
		case ledger.Queued:
			if waited := e.At.Sub(asked); f.Via == ledger.ViaCallback && f.Before.Duration() > waited {
				t.Errorf("the place of a callback counts from %v ago, but the caller came %v ago", f.Before.Duration(), waited)
			}
		case ledger.Bridged:
			talks++
		}
	}
	if want := "[interrupted interrupted reached]"; fmt.Sprint(outcomes) != want {
		t.Errorf("the callback ended as %v, want %s", outcomes, want)
	}
	if talks != 1 || len(journeys) != 1 {
		t.Errorf("%d conversations in %d journeys, want one in one", talks, len(journeys))
	}
	rig.Must(t, b.Close())
	files, err := filepath.Glob(filepath.Join(data, "*"))
	rig.Must(t, err)
	if len(files) < 3 {
		t.Errorf("only %v are searched", files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		rig.Must(t, err)
		if bytes.Contains(text, []byte("3800000001")) {
			t.Errorf("the number is still in %s", file)
		}
	}
}

// callbacks reads the book beside the program.
func callbacks(t *testing.T, data string) []call.Callback {
	t.Helper()
	b, err := sqlite.OpenBookForReading(filepath.Join(data, "callbacks.db"))
	rig.Must(t, err)
	defer b.Close()
	list, err := b.Callbacks()
	rig.Must(t, err)
	return list
}
