package call

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/ledger"
)

// line is a fact as text, with its call.
func line(t *testing.T, call string, f ledger.Fact) string {
	t.Helper()
	text, err := json.Marshal(f)
	must(t, err)
	return ledger.Kind(f) + " " + call + " " + string(text)
}

// TestARecordingReplaysToTheSameEffects lets a hotline with telephones go through
// refusals, overflow, a reload, calls back and an agent who vanishes, and plays
// what its router was told to another router: every fact is the same again, in the
// same order, and no number of a caller was written down.
func TestARecordingReplaysToTheSameEffects(t *testing.T) {
	var file bytes.Buffer
	b := benchWith(t, Options{Record: &file}, func(c *Config) {
		c.Routing.Queues[0].Callback = acd.Callback{First: acd.AgentFirst, Attempts: 2, Gap: 100 * time.Millisecond}
		c.Routing.Queues[0].Overflow = []acd.Overflow{{When: acd.OnExitKey, To: "complaints", Return: true}}
		c.Routing.Queues[0].Steps = []acd.Step{{After: 50 * time.Millisecond, Requires: acd.RequireLevels(map[string]int{"cards": 2})}}
		c.Queues["cards"] = QueueOptions{ExitKey: '9', CallbackKey: '1', LastAgent: time.Minute, PreferFor: time.Second}
		c.Callbacks = Callbacks{Allow: []string{"139"}, PerDay: 3, URI: "sip:%s@phones", From: "95500", Trunk: "local"}
	})
	b.agent("1001", "a", func(p *phone) { p.leg.Refuse(603, "") })
	waiting := b.caller("200")
	fact(b, "ann refuses", func(f ledger.OfferEnded) bool { return f.Agent == "ann" })
	fact(b, "the caller has heard where they stand", func(ledger.Announced) bool { return true })
	waiting.press("9")
	fact(b, "the caller moves on", func(f ledger.Queued) bool { return f.Queue == "complaints" })
	b.agent("1002", "b", answers)
	b.bridgedWith("bob")
	must(t, b.hotline.Command(acd.SetNotReady{Agent: "bob", Reason: "lunch", By: ledger.ByAPI})) // after the talk
	if b.hotline.Command(acd.SetReady{Agent: "golf"}) == nil {
		t.Error("an agent is ready who does not exist")
	}
	waiting.leg.Hangup("")
	waiting.ended()
	b.state("bob", ledger.AgentNotReady)

	asking := b.caller("200")
	nth(b, 2, "the second caller has heard where they stand", func(ledger.Announced) bool { return true })
	asking.press("11")
	asking.ended()
	b.customer("1139000000002", func(p *phone) { p.leg.Refuse(486, "") })
	same := *b.config
	b.hotline.Reload(&same)
	must(t, b.hotline.Command(acd.SetReady{Agent: "bob", By: ledger.ByAPI}))
	fact(b, "nobody is reached", func(f ledger.CallbackEnded) bool { return f.Outcome == "exhausted" })
	b.logins[1].Close(t.Context())
	b.state("bob", ledger.AgentUnreachable)
	b.stop()
	b.ledger.Sync()

	of := map[string]bool{} // kinds of facts that come from the router
	for _, f := range []ledger.Fact{
		ledger.AgentChanged{}, ledger.NextStateSet{}, ledger.Queued{}, ledger.StepReached{}, ledger.Offered{}, ledger.OfferEnded{}, ledger.Dequeued{},
	} {
		of[ledger.Kind(f)] = true
	}
	var want, got []string
	b.mu.Lock()
	events := slices.Clone(b.events)
	b.mu.Unlock()
	for _, e := range events {
		if of[ledger.Kind(e.Fact)] {
			want = append(want, line(t, e.Call, e.Fact))
		}
	}
	text := bytes.Clone(file.Bytes())
	commands, err := Replay(&file, func(_ acd.Time, e acd.Effect) {
		if id, f := FactOf(e); f != nil {
			got = append(got, line(t, id, f))
		}
	})
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-live +replayed):\n%s", diff)
	}
	if commands < 25 || len(got) < 25 {
		t.Errorf("%d commands and %d facts: too few to show anything", commands, len(got))
	}
	if bytes.Contains(text, []byte("13900000")) {
		t.Error("the number of a caller is in the recording")
	}

	// One that breaks off, since the program was killed, is told up to there.
	before, err := Replay(bytes.NewReader(text[:len(text)-9]), func(acd.Time, acd.Effect) {})
	if before != commands-1 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d of %d commands are left, %v", before, commands, err)
	}
}

// stuck is a disk that takes nothing until it is released, and then fails if it is
// broken.
type stuck struct {
	bytes.Buffer
	release chan struct{}
	broken  error
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.release
	if s.broken != nil {
		return 0, s.broken
	}
	return s.Buffer.Write(p)
}

// TestASlowDiskHoldsNobodyUp records more than there is room for: the router goes
// on, and what was written until then can be played.
func TestASlowDiskHoldsNobodyUp(t *testing.T) {
	for _, broken := range []error{nil, errors.New("no space left")} {
		disk := &stuck{release: make(chan struct{}), broken: broken}
		r := startRecorder(disk, acd.Options{}, zerolog.Nop())
		for i := range 2 * recorderRoom { // would wait for ever if it waited
			r.add(acd.Time(i), acd.Tick{})
		}
		if !r.over {
			t.Error("the recording goes on, with a gap")
		}
		close(disk.release)
		<-r.done
		r.stop()
		commands, err := Replay(&disk.Buffer, func(acd.Time, acd.Effect) {})
		if least := recorderRoom; err != nil || broken == nil && commands < least || broken != nil && commands > 0 {
			t.Errorf("%d commands were written, %v", commands, err)
		}
	}
}
