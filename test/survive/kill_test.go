// Package survive kills the program under load and looks at what it knows when
// it is started again.
package survive

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"cardline/card"
	"cardline/card/cardtest"
	"cardline/card/demo"
	"cardline/ledger"
	"cardline/load"
	"cardline/store/sqlite"
	"cardline/test/rig"
)

// build makes the program for this test.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "cardline")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "cardline/cmd/cardline")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// serve starts the program and waits until it is open.
func serve(t *testing.T, binary, config, data string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary, "serve", "--config", config, "--data", data)
	stderr, err := cmd.StderrPipe()
	rig.Must(t, err)
	rig.Must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended already in a test that passes
	open := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "hotline is open") {
				open <- true
			}
		}
		open <- false
	}()
	select {
	case ok := <-open:
		if !ok {
			t.Fatal("the program ended instead of opening")
		}
	case <-time.After(rig.Hung):
		t.Fatal("the program did not open")
	}
	return cmd
}

// books are the program's files, read while it is down or beside it.
type books struct {
	*sqlite.Store
	t *testing.T
}

func openBooks(t *testing.T, data string) books {
	t.Helper()
	s, err := sqlite.Open(sqlite.Options{File: filepath.Join(data, "cardline.db"), Log: zerolog.Nop()})
	rig.Must(t, err)
	return books{s, t}
}

func (b books) events() (list []ledger.Event) {
	b.t.Helper()
	for {
		batch, err := b.Events(context.Background(), uint64(len(list)), 10000)
		rig.Must(b.t, err)
		if len(batch) == 0 {
			return list
		}
		list = append(list, batch...)
	}
}

func (b books) agents() map[string]string {
	b.t.Helper()
	list, err := b.Agents(context.Background())
	rig.Must(b.t, err)
	states := map[string]string{}
	for _, a := range list {
		if a.State == ledger.AgentUnreachable { // what the agent is as soon as the phone is back
			a.State, a.Reason = cmp.Or(a.Next, ledger.AgentReady), a.NextReason
		}
		states[a.ID] = strings.TrimSpace(fmt.Sprint(a.State, " ", a.Reason))
	}
	return states
}

// TestKilledUnderLoad kills the program while it serves, queues and bridges
// calls, and starts it again.
func TestKilledUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("calls in real time are no short test")
	}
	binary, data := build(t), t.TempDir()
	config, server, _ := rig.Config(t, "wrap_up: 10s", "wrap_up: 1s")
	first := serve(t, binary, config, data)

	// Three wrong tries to prove who is calling, on three cards.
	phones := rig.NewPhones(t, server)
	var wrong errgroup.Group
	for n := range 3 {
		wrong.Go(func() error { return wrongIdentity(phones, demo.HolderAt(100+n)) })
	}
	rig.Must(t, wrong.Wait())
	// Agents: two take calls, one is at lunch, one has logged out again.
	phones.Register(t, "1003", "cardline-1003")
	phones.Register(t, "1004", "cardline-1004")
	phones.Feature(t, "1003", "cardline-1003", "*11")
	phones.Feature(t, "1004", "cardline-1004", "*11")
	phones.Feature(t, "1004", "cardline-1004", "*10")
	loading := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	l, err := load.New(ctx, load.Options{
		RackOptions: load.RackOptions{Target: "sip:95500@" + server},
		Calls:       1000, Rate: 10, Concurrent: 40, Script: script(t, "w2 1 w1 0 w1 q"), Hold: load.Fixed(time.Minute), Talk: load.Fixed(3 * time.Second),
		Agents: []load.Shift{
			{User: "1001", Password: "cardline-1001", Codes: codes},
			{User: "1002", Password: "cardline-1002", Codes: codes},
		},
		Grace: time.Second,
	})
	rig.Must(t, err)
	go func() {
		defer close(loading)
		_, _ = l.Run(ctx) // its calls are cut: that is the point
	}()
	var reports sync.WaitGroup
	defer reports.Wait()
	for n := range losses {
		reports.Go(func() { reportLoss(phones, demo.HolderAt(300+n), time.Duration(n)*200*time.Millisecond) })
	}
	phones.Feature(t, "1003", "cardline-1003", "*14") // lunch
	beside := openBooks(t, data)
	var written []ledger.Event
	rig.Eventually(t, 3*rig.Hung, "some losses are told, somebody talks, and 1003 is at lunch", func() bool {
		more, err := beside.Events(t.Context(), uint64(len(written)), 10000)
		rig.Must(t, err)
		written = append(written, more...)
		return told(written) >= 3 && bridged(written) && beside.agents()["1003"] == "not_ready lunch"
	})
	rig.Must(t, beside.Close())
	killed := time.Now()
	rig.Must(t, first.Process.Signal(syscall.SIGKILL))
	_ = first.Wait()
	stop()
	<-loading

	before := openBooks(t, data)
	cut, err := before.OpenCalls(t.Context())
	rig.Must(t, err)
	states, last := before.agents(), before.events()
	newest := last[len(last)-1]
	rig.Must(t, before.Close())
	t.Logf("killed with %d calls up; the newest event is %v old; agents %v", len(cut), killed.Sub(newest.At).Round(time.Millisecond), states)
	if len(cut) < 10 {
		t.Fatalf("only %d calls were up: nothing to survive", len(cut))
	}
	if states["1003"] != "not_ready lunch" || states["1004"] != "logged_out" {
		t.Errorf("agents at the kill: %v", states)
	}
	triesAre(t, data)
	lost := lostCards(t, data)
	told := told(last)
	t.Logf("%d losses were told to their callers, %d are in the issuer's books", told, len(lost))
	if told < 3 || told == losses {
		t.Errorf("%d of %d losses were told before the kill: it should come among them", told, losses)
	}
	if len(lost) < told {
		t.Errorf("%d losses were told, but only %d are in the books", told, len(lost))
	}

	began := time.Now()
	second := serve(t, binary, config, data)
	t.Logf("open again after %v", time.Since(began).Round(time.Millisecond))
	rig.Must(t, second.Process.Signal(syscall.SIGTERM))
	if err := second.Wait(); err != nil {
		t.Errorf("the program was stopped cleanly, but: %v", err)
	}
	// Its own time, not that of whoever else is at work on this machine.
	if took := second.ProcessState.UserTime() + second.ProcessState.SystemTime(); took > 3*time.Second {
		t.Errorf("opening again and stopping took %v, want at most 3 s", took)
	}

	after := openBooks(t, data)
	defer after.Close()
	now := after.agents()
	for agent, was := range states {
		want := was
		if agent == "1001" || agent == "1002" { // they were at work: whatever they did, they are ready again
			want = "ready"
		}
		if now[agent] != want {
			t.Errorf("agent %s was %q and is %q", agent, was, now[agent])
		}
	}
	reconcile(t, after, len(cut))
	triesAre(t, data)
	if now := lostCards(t, data); !slices.Equal(now, lost) {
		t.Errorf("lost cards were %v and are %v", lost, now)
	}
}

// told is how many losses of cards their callers know to be in the books.
func told(events []ledger.Event) (n int) {
	for _, e := range events {
		if f, ok := e.Fact.(ledger.HostAsked); ok && f.Operation == "report_loss" && f.Code == "ok" {
			n++
		}
	}
	return n
}

// bridged tells whether any caller has talked with an agent.
func bridged(events []ledger.Event) bool {
	return slices.ContainsFunc(events, func(e ledger.Event) bool { _, ok := e.Fact.(ledger.Bridged); return ok })
}

var codes = load.Codes{LogIn: "*11", LogOut: "*10", Ready: "*12", NotReady: "*13"}

// wrongIdentity keys in a card with somebody else's identity, and stays until
// the hotline has said so.
func wrongIdentity(phones *rig.Phones, h demo.Holder) error {
	c, err := phones.Dial("95500")
	if err != nil {
		return err
	}
	defer c.Hangup()
	for _, keys := range []string{"2", "1", h.Number + "#", "000000", h.Expiry} {
		time.Sleep(1500 * time.Millisecond)
		if err := c.Press(keys); err != nil {
			return err
		}
	}
	time.Sleep(6 * time.Second)
	return nil
}

// triesAre checks that each of the wrong tries was counted once: two more per
// card are left in this day.
func triesAre(t *testing.T, data string) {
	t.Helper()
	sms := new(cardtest.Notifier)
	issuer, err := demo.Open(demo.Options{Dir: data, Notifier: sms})
	rig.Must(t, err)
	defer issuer.Close()
	for n := range 3 {
		h := demo.HolderAt(100 + n)
		found, err := issuer.Find(t.Context(), card.Request{Call: "look", Operation: "find"}, []byte(h.Number))
		rig.Must(t, err)
		tries, err := issuer.Tries(t.Context(), found.Token)
		if err != nil || tries != 1 {
			t.Errorf("card %d has %d tries today (%v), want 1", n, tries, err)
		}
	}
}

// losses is how many callers report the loss of a card around the kill.
const losses = 30

// reportLoss waits and reports the loss of a card. The kill cuts some of these
// calls, so nothing is asked of them: the books are.
func reportLoss(phones *rig.Phones, h demo.Holder, after time.Duration) {
	time.Sleep(after)
	c, err := phones.Dial("95500")
	if err != nil {
		return
	}
	defer c.Hangup()
	for _, keys := range []string{"2", "2", h.Number + "#", "1"} {
		time.Sleep(1500 * time.Millisecond)
		if c.Press(keys) != nil {
			return
		}
		time.Sleep(time.Duration(len(keys)) * 250 * time.Millisecond) // as long as it takes to press them
	}
	time.Sleep(3 * time.Second)
}

// lostCards returns which of the reported cards the issuer has stopped.
func lostCards(t *testing.T, data string) (list []int) {
	t.Helper()
	issuer, err := demo.Open(demo.Options{Dir: data, Notifier: new(cardtest.Notifier)})
	rig.Must(t, err)
	defer issuer.Close()
	for n := range losses {
		_, err := issuer.Find(t.Context(), card.Request{Call: "look", Operation: fmt.Sprint("find ", n)}, []byte(demo.HolderAt(300+n).Number))
		switch {
		case errors.Is(err, card.Blocked):
			list = append(list, n)
		case err != nil:
			t.Errorf("card %d: %v", n, err)
		}
	}
	return list
}

// reconcile checks the ledger of both runs: no gap, one restart, and everything
// that was opened closed once.
func reconcile(t *testing.T, b books, cut int) {
	t.Helper()
	count := map[string]int{}
	ends := map[string]int{}
	entries := map[uint64]int{}
	interrupted := 0
	for i, e := range b.events() {
		if e.Seq != uint64(i+1) {
			t.Fatalf("event %d has number %d", i+1, e.Seq)
		}
		count[ledger.Kind(e.Fact)]++
		switch f := e.Fact.(type) {
		case ledger.CallArrived:
			ends[e.Call]++
		case ledger.CallEnded:
			ends[e.Call]--
			if f.Reason == ledger.EndInterrupted {
				interrupted++
			}
		case ledger.Queued:
			entries[f.Entry]++
		case ledger.Dequeued:
			entries[f.Entry]--
		case ledger.Restarted:
			if f.Interrupted != cut {
				t.Errorf("the restart tells of %d calls, want %d", f.Interrupted, cut)
			}
		}
	}
	if count["restarted"] != 1 || count["started"] != 1 || count["stopped"] != 1 {
		t.Errorf("started %d, restarted %d, stopped %d times; want once each", count["started"], count["restarted"], count["stopped"])
	}
	if interrupted != cut {
		t.Errorf("%d calls ended as interrupted, want %d", interrupted, cut)
	}
	for call, n := range ends {
		if n != 0 {
			t.Errorf("call %s: arrivals less ends = %d", call, n)
		}
	}
	for entry, n := range entries {
		if n != 0 {
			t.Errorf("entry %d: entries less exits = %d", entry, n)
		}
	}
	for open, end := range map[string]string{"offered": "offer_ended", "bridged": "talk_ended", "hold_started": "hold_ended"} {
		if count[open] != count[end] {
			t.Errorf("%d %s, but %d %s", count[open], open, count[end], end)
		}
	}
	if count["bridged"] == 0 {
		t.Error("nobody was talking: nothing to survive")
	}
	records := rig.Records(t, b.Store)
	if len(records) != len(ends) {
		t.Errorf("%d records of %d calls", len(records), len(ends))
	}
	for _, r := range records {
		if !r.Ended() {
			t.Errorf("the record of call %s is open", r.Call)
		}
	}
}

func script(t *testing.T, text string) load.Script {
	t.Helper()
	s, err := load.ParseScript(text)
	rig.Must(t, err)
	return s
}
