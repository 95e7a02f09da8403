package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"cardline/card"
	"cardline/card/demo"
	"cardline/configs"
	"cardline/load"
)

// output takes what a command prints from several goroutines, and may look at
// all of it each time.
type output struct {
	mu sync.Mutex
	bytes.Buffer
	look func(text string)
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.Buffer.Write(p)
	if o.look != nil {
		o.look(o.String())
	}
	return n, err
}

func TestDemoPlaysAndLeavesNothingBehind(t *testing.T) {
	for _, address := range []string{"127.0.0.1:5060", "127.0.0.1:9560"} {
		if l, err := net.Listen("tcp", address); err == nil { // else somebody has it: taken either way
			defer l.Close()
		}
	}
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	called := regexp.MustCompile(`in IVR [1-9]`)
	server := regexp.MustCompile(`server (127\.0\.0\.1:\d+)`)
	var visit sync.Once
	var visitor sync.WaitGroup
	defer visitor.Wait()
	out := output{look: func(text string) {
		if !called.MatchString(text) || !strings.Contains(text, "agents ready 8 of 8") {
			return // on a slow machine it takes its time
		}
		visit.Do(func() {
			visitor.Go(func() { takeOver(ctx, t, server.FindStringSubmatch(text)[1], "1008") })
		})
		if strings.Contains(text, "your phone is agent 1008 now") {
			cancel() // that is all of it
		}
	}}
	if err := playDemo(ctx, demoFlags{callers: 10, seed: 1, at: "10:00"}, &out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{
		"127.0.0.1:5060 is taken", "account 2001", "password cardline-2001", "dial 95500", "/metrics",
		"The demo is over", "agents ready 8 of 8", "10:00; all queues are open", "your phone is agent 1008 now", "Next: ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the output", want)
		}
	}
	if !called.MatchString(got) || !regexp.MustCompile(`so far [1-9]\d* calls`).MatchString(got) {
		t.Error("nobody has called")
	}
	if strings.Contains(got, "\x1b") {
		t.Error("there are escape sequences in output that is no terminal's")
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v left behind, want nothing", left, err)
	}
	if t.Failed() {
		t.Log(got)
	}
}

// takeOver registers another phone for an agent, until ctx ends.
func takeOver(ctx context.Context, t *testing.T, server, account string) {
	rack, err := load.NewRack(ctx, load.RackOptions{Target: "sip:95500@" + server, Log: zerolog.Nop()})
	if err != nil {
		t.Error(err)
		return
	}
	defer rack.Close()
	// Whether the hotline takes its codes is not what is tested: the agent may be
	// in the midst of a call.
	_, _ = rack.Work(ctx, load.Shift{User: account, Password: "cardline-" + account, Codes: load.Codes{LogIn: "*11", Ready: "*12", LogOut: "*10"}})
}

// TestDemoAt reads the time of the hotline's calendar, and what is closed then.
func TestDemoAt(t *testing.T) {
	c, err := configs.Load(configs.Default())
	if err != nil {
		t.Fatal(err)
	}
	thursday := time.Date(2026, 10, 1, 3, 0, 0, 0, c.Zone()) // the first of seven days off
	for _, want := range []struct{ at, moment, closed string }{
		{"10:00", "2026-10-08T10:00", ""},
		{"03:30", "2026-10-08T03:30", "complaints (closed)"},
		{"2026-10-01T10:00", "2026-10-01T10:00", "complaints (holiday)"},
		{"2026-10-10T10:00", "2026-10-10T10:00", ""}, // a Saturday that is worked
	} {
		moment, err := momentOf(want.at, c, thursday)
		got := moment.In(c.Zone()).Format("2006-01-02T15:04")
		if closed := strings.Join(closedAt(c, moment), ", "); err != nil || got != want.moment || closed != want.closed {
			t.Errorf("%s: got %s with %q closed, %v; want %s with %q", want.at, got, closed, err, want.moment, want.closed)
		}
	}
	if _, err := momentOf("noon", c, thursday); err == nil || !strings.Contains(err.Error(), "expected one such as 03:30") {
		t.Errorf("noon: got %v", err)
	}
}

// TestSweepDemos removes what a killed demo has left, and nothing that is in use
// or may be anything else.
func TestSweepDemos(t *testing.T) {
	dir := t.TempDir()
	make := func(name string) string {
		data := filepath.Join(dir, name)
		if err := os.MkdirAll(data, 0o700); err != nil {
			t.Fatal(err)
		}
		return data
	}
	touch := func(data string) *os.File {
		f, err := os.Create(filepath.Join(data, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	touch(make(demoPrefix + "killed"))
	touch(make("other"))
	make(demoPrefix + "begins") // it has no lock yet
	if err := unix.Flock(int(touch(make(demoPrefix+"running")).Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	sweepDemos(dir)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	want := []string{demoPrefix + "begins", demoPrefix + "running", "other"}
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if err != nil || !slices.Equal(left, want) {
		t.Errorf("got %v, %v; want %v", left, err, want)
	}
}

// TestTrial tells a newcomer all that is needed for a first call.
func TestTrial(t *testing.T) {
	c, err := readConfig("")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(trial(c), "\n")
	for _, want := range []string{"127.0.0.1:5060", "95500", "95501 (vip)", "2001 cardline-2001", "1008 cardline-1008", "*11 logs in", "9558 8", "127.0.0.1:9560/metrics"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
}

func TestFreeAddressStepsAside(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	wanted := udp.LocalAddr().String()
	if got, err := freeAddress(wanted); err != nil || got == wanted {
		t.Errorf("got %s, %v for a port that is taken for UDP, want another", got, err)
	}
	_ = udp.Close()
	if got, err := freeAddress(wanted); err != nil || got != wanted {
		t.Errorf("got %s, %v for a free port, want %s", got, err, wanted)
	}
}

func TestCodesComeToTheirHolder(t *testing.T) {
	p := newPost()
	a, b := demo.HolderAt(1), demo.HolderAt(2)
	box := func(h demo.Holder) chan string { return p.box(h.Tail(), h.Mobile[7:]) }
	p.deliver(card.Notice{Kind: card.NoticeActivated, Tail: a.Tail(), PhoneTail: a.Mobile[7:]})
	for range 10 { // nobody reads them: nobody waits
		p.deliver(card.Notice{Kind: card.NoticeCode, Code: []byte("123456"), Tail: a.Tail(), PhoneTail: a.Mobile[7:]})
	}
	if got := <-box(a); got != "123456" {
		t.Errorf("got %s, want the code", got)
	}
	select {
	case got := <-box(b):
		t.Errorf("got %s in somebody else's box", got)
	default:
	}
}

func TestTheVisitorsCardIsNobodyElses(t *testing.T) {
	d, err := newDemonstration(newDroppingWriter(&output{}), "10:00")
	if err != nil {
		t.Fatal(err)
	}
	town := &town{reserved: d.number}
	for range 100 {
		if h := town.holder(true); h.Number == d.card.Number || h.Active {
			t.Fatalf("got card %s, active %v; want a fresh one that is not the visitor's", h.Number, h.Active)
		}
	}
	if d.card.Active || !card.ValidNumber([]byte(d.card.Number)) {
		t.Errorf("got card %+v for the visitor, want one to activate", d.card)
	}
	if text := strings.Join(d.invitation(), " "); !strings.Contains(text, spaced(d.card.Number)) {
		t.Errorf("the card is not in the invitation %q", text)
	}
}

func TestTalesAreAHundred(t *testing.T) {
	sum := 0
	for _, tale := range tales {
		sum += tale.weight
	}
	if sum != 100 {
		t.Errorf("got weights of %d, want 100", sum)
	}
}

func TestAccountsOf(t *testing.T) {
	got, err := accountsOf([]string{"1001-1003", "7", "0099-0101"})
	want := []string{"1001", "1002", "1003", "7", "0099", "0100", "0101"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, wrong := range []string{"9-1", "a-b", "1-100000"} {
		if got, err := accountsOf([]string{wrong}); err == nil {
			t.Errorf("%s: got %v, want an error", wrong, got)
		}
	}
}

func TestLoadRefusesWhatMakesNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"load"},
		{"load", "95500"},
		{"load", "sip:95500@192.0.2.1"},
		{"load", "sip:95500@127.0.0.1", "--keys", "x"},
		{"load", "sip:95500@127.0.0.1", "--hold", "long"},
		{"load", "sip:95500@127.0.0.1", "--agents", "9-1"},
	} {
		root := newRoot()
		root.SetArgs(args)
		if err := root.Execute(); err == nil {
			t.Errorf("%v: got no error", args)
		}
	}
}
