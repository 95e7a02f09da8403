package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"cardline/acd"
	"cardline/sim/erlang"
)

// busyDay is a day with a bit of everything: shared skills, head starts, breaks,
// agents who do not answer, decline, or stay at home.
func busyDay() (acd.Options, Scenario) {
	o, s := Typical(1500, 26)
	s.Ignore, s.Refuse, s.Length = 0.02, 0.03, 4*hour
	return o, s
}

func mustRun(t *testing.T, o acd.Options, s Scenario, options Options) *Result {
	t.Helper()
	simulation, err := New(o, s, options)
	if err != nil {
		t.Fatal(err)
	}
	r, err := simulation.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := simulation.Progress(); p != 1 {
		t.Errorf("progress at the end: got %v, want 1", p)
	}
	return r
}

func jsonOf(t *testing.T, r *Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSameSeedSameDay holds that chance comes from the seed alone, whatever the
// number of workers.
func TestSameSeedSameDay(t *testing.T) {
	o, s := busyDay()
	s.Days = 3
	one := jsonOf(t, mustRun(t, o, s, Options{Workers: 1, Replications: 3}))
	if four := jsonOf(t, mustRun(t, o, s, Options{Workers: 4, Replications: 3})); four != one {
		t.Errorf("four workers found something else:\n%s\nthan one:\n%s", four, one)
	}
	s.Seed++
	if other := jsonOf(t, mustRun(t, o, s, Options{Workers: 1, Replications: 3})); other == one {
		t.Error("another seed made the same days")
	}
}

// TestNobodyIsLost holds that who comes is answered, gives up, leaves or is
// still there; that the half hours add up to the day; and that agents' time is
// the time that they were there.
func TestNobodyIsLost(t *testing.T) {
	o, s := busyDay()
	for i := range o.Queues {
		o.Queues[i].Overflow = []acd.Overflow{{When: acd.OverWait, Wait: 3 * time.Minute}}
	}
	r := mustRun(t, o, s, Options{Replications: 4})
	a := r.All
	if a.Entries < 1000 || a.Abandoned == 0 || a.Left == 0 || a.Entries != a.Answered+a.Abandoned+a.Left+a.Unserved {
		t.Errorf("%d came, %d were answered, %d gave up, %d left, %d stayed", a.Entries, a.Answered, a.Abandoned, a.Left, a.Unserved)
	}
	if a.Longest > 3*time.Minute {
		t.Errorf("somebody waited %s, the queue allows 3m", a.Longest)
	}
	var entries, answered, waiting float64
	for _, f := range r.Intervals {
		all := f.Queues[len(f.Queues)-1]
		entries, answered, waiting = entries+all.Entries*4, answered+all.Answered*4, waiting+all.Waiting*4*HalfHour.Seconds()
		agents := 0.0
		for _, n := range f.Present {
			agents += n
		}
		if math.Abs(agents-float64(len(o.Agents))) > 1e-6 {
			t.Errorf("%s: %v agents in all states together, want %d", clock(f.At), agents, len(o.Agents))
		}
	}
	if math.Round(entries) != float64(a.Entries) || math.Round(answered) != float64(a.Answered) {
		t.Errorf("the half hours have %v entries and %v answers, the day %d and %d", entries, answered, a.Entries, a.Answered)
	}
	// J. Little: the queue is as long as callers wait. The day's end adds those
	// who are served after it.
	if waited := a.Estimates[ASA].Value * float64(a.Entries); math.Abs(waiting-waited) > 0.01*waited {
		t.Errorf("the queues add up to %v s, the waits to %v s", waiting, waited)
	}
	for _, g := range r.Groups {
		if f := g.Estimates[JainCalls].Value; !(f > 0.5 && f <= 1) {
			t.Errorf("group %s: fairness of calls is %v", g.Name, f)
		}
	}
}

// TestCommonCallers holds that another configuration meets the same callers:
// the paired difference of a small change is seen where the figures themselves
// overlap.
func TestCommonCallers(t *testing.T) {
	o, s := busyDay()
	more := o
	more.Queues = append([]acd.Queue(nil), o.Queues...)
	for i := range more.Queues {
		more.Queues[i].WrapUp.For += 12 * time.Second
	}
	options := Options{Replications: 12}
	first, second := mustRun(t, o, s, options), mustRun(t, more, s, options)
	if first.All.Entries != second.All.Entries {
		t.Fatalf("%d callers came to one, %d to the other", first.All.Entries, second.All.Entries)
	}
	c, err := Compare(first, second)
	if err != nil {
		t.Fatal(err)
	}
	a, b := first.All.Estimates[ASA], second.All.Estimates[ASA]
	if d := c.All[ASA]; d.Verdict() != "more" || a.High < b.Low || math.Abs(d.Value-(b.Value-a.Value)) > 1e-9 {
		t.Errorf("difference %+v of %+v and %+v: want it clear, though the two overlap", d, a, b)
	}
	if same, err := Compare(first, first); err != nil || same.All[ASA].Value != 0 || same.All[ASA].High != 0 {
		t.Errorf("compared with itself: got %+v, %v", same.All[ASA], err)
	}
	s.Seed++
	if _, err := Compare(first, mustRun(t, o, s, options)); err == nil {
		t.Error("two seeds were compared")
	}
	var text, object bytes.Buffer
	if err := errors.Join(c.WriteText(&text), c.WriteJSON(&object)); err != nil || !strings.Contains(text.String(), "more") || !json.Valid(object.Bytes()) {
		t.Errorf("%v\n%s\n%s", err, &text, &object)
	}
}

// witness is an estimator that knows nothing and keeps what it sees.
type witness struct {
	moments []acd.Moment
	effects [][]acd.Effect
	asked   int
}

func (w *witness) Saw(now acd.Time, c acd.Command, effects []acd.Effect) {
	w.moments = append(w.moments, acd.Moment{At: now, Command: c})
	w.effects = append(w.effects, effects)
}

func (w *witness) Estimate(acd.Time, uint64) (p50, p90 time.Duration, ok bool) {
	w.asked++
	return time.Minute, 2 * time.Minute, w.asked%2 == 0
}

// TestRecordingReplays writes a busy time to lines of JSON, reads them back and
// gives them to another router: it decides the same, bit by bit, also from a
// snapshot in the middle.
func TestRecordingReplays(t *testing.T) {
	o, s := busyDay()
	replays(t, o, s)
	o, s = detours(t)
	replays(t, o, s)
	failed := errors.New("disk full")
	simulation, err := New(o, s, Options{Record: func(acd.Time, acd.Command) error { return failed }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := simulation.Run(t.Context()); !errors.Is(err, failed) {
		t.Errorf("a recorder that fails: got %v, want %v", err, failed)
	}
}

func replays(t *testing.T, o acd.Options, s Scenario) {
	t.Helper()
	var file bytes.Buffer
	lines := json.NewEncoder(&file)
	seen := &witness{}
	mustRun(t, o, s, Options{
		Record:    func(at acd.Time, c acd.Command) error { return lines.Encode(acd.Moment{At: at, Command: c}) },
		Estimator: func(*acd.Router) Estimator { return seen },
	})
	var recorded []acd.Moment
	for d := json.NewDecoder(&file); d.More(); {
		var m acd.Moment
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		recorded = append(recorded, m)
	}
	if len(recorded) != len(seen.moments)+1 || len(recorded) < 2000 {
		t.Fatalf("%d commands recorded, %d seen", len(recorded), len(seen.moments))
	}
	router := acd.New(acd.Options{})
	if _, err := router.Apply(recorded[0].At, recorded[0].Command); err != nil {
		t.Fatal(err)
	}
	for i, m := range recorded[1:] {
		if i == len(recorded)/2 {
			router = acd.Restore(router.Snapshot())
		}
		effects, err := router.Apply(m.At, m.Command)
		if err != nil {
			t.Fatalf("command %d: %v", i, err)
		}
		if !reflect.DeepEqual(effects, seen.effects[i]) {
			t.Fatalf("command %d, %+v:\ngot  %+v\nwant %+v", i, m, effects, seen.effects[i])
		}
	}
}

// TestErrorsOfEstimates holds the harness for estimators against what it can
// be told by hand: two callers who find nobody free, one agent.
func TestErrorsOfEstimates(t *testing.T) {
	o := acd.Options{Queues: []acd.Queue{{Name: "q"}}, Agents: []acd.Agent{{ID: "1"}}}
	at := func(s int) time.Duration { return 8*hour + time.Duration(s)*time.Second }
	s := Scenario{
		Begin: 8 * hour, Length: hour, Answer: Fixed(0),
		Replay: []Caller{
			{At: at(0), Queue: "q", Talk: 100 * time.Second},
			{At: at(10), Queue: "q", Talk: 100 * time.Second}, // waits 90 s; nothing is said
			{At: at(40), Queue: "q", Talk: 100 * time.Second}, // waits 160 s; told 60 s
			{At: at(50), Queue: "q", Talk: time.Second, Patience: 5 * time.Second},
			{At: at(60), Queue: "q", Talk: time.Second}, // waits 240 s; told 60 s
		},
	}
	e := mustRun(t, o, s, Options{Estimator: func(*acd.Router) Estimator { return &witness{} }}).Errors
	want := &Errors{
		Asked: 4, Silent: 2,
		Estimator: []time.Duration{100 * time.Second, 180 * time.Second},
		Average:   []time.Duration{160 * time.Second, 240 * time.Second},
		Leading:   []time.Duration{130 * time.Second, 190 * time.Second},
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v, want %+v", e, want)
	}
	var text bytes.Buffer
	if err := WriteErrors(&text, []string{"by hand"}, []*Errors{e}); err != nil || !strings.Contains(text.String(), "100.0 s") {
		t.Errorf("%v\n%s", err, &text)
	}
	list := []time.Duration{5, 1, 3, 2, 4}
	if a, b, c := Percentile(list, 0.5), Percentile(list, 0.9), Percentile(nil, 0.5); a != 3 || b != 5 || c != 0 {
		t.Errorf("percentiles: got %d, %d and %d", a, b, c)
	}
}

// TestReplayedPatience gives those who were answered the patience that those
// who gave up show.
func TestReplayedPatience(t *testing.T) {
	s := Scenario{Replay: []Caller{
		{At: 8 * hour, Patience: 30 * time.Second, Waited: 30 * time.Second},
		{At: 9 * hour, Waited: 50 * time.Second},
		{At: 10 * hour, Waited: 20 * time.Second},
	}}
	s.FitReplay()
	if got := s.ReplayAs.Patience.String(); got != "exp:1m40s" || s.Begin != 8*hour || s.Length != 2*hour+HalfHour {
		t.Errorf("got patience %s from %s for %s", got, clock(s.Begin), s.Length)
	}
}

// TestShifts holds that agents come, rest and go by plan.
func TestShifts(t *testing.T) {
	o := acd.Options{Queues: []acd.Queue{{Name: "q"}}, Agents: []acd.Agent{{ID: "1"}, {ID: "2"}}}
	s := Scenario{
		Begin: 8 * hour, Length: 4 * hour, Answer: Fixed(0),
		Callers: []Callers{{Queue: "q", PerHour: []float64{1}, Talk: Fixed(time.Second)}},
		Shifts: []Shift{{
			Agents: []string{"1", "2"}, From: 9 * hour, To: 11 * hour,
			Breaks: []Break{{At: 9*hour + HalfHour, For: HalfHour, Over: hour}},
		}},
	}
	r := mustRun(t, o, s, Options{})
	rest := []float64{0, 0, 0, 1, 1, 0, 0, 0} // one at 9:30, the other at 10:00
	there := []float64{0, 0, 2, 1, 1, 2, 0, 0}
	for i, f := range r.Intervals {
		present := f.Present[acd.AgentReady] + f.Present[acd.AgentTalking]
		if math.Abs(f.Present[acd.AgentNotReady]-rest[i]) > 0.01 || math.Abs(present-there[i]) > 0.01 {
			t.Errorf("%s: %v rest and %v work, want %v and %v", clock(f.At), f.Present[acd.AgentNotReady], present, rest[i], there[i])
		}
	}
	if r.All.Unserved > 1 { // patient callers whom nobody serves after 11:00
		if r.All.Answered+r.All.Unserved != r.All.Entries {
			t.Errorf("%+v", r.All)
		}
	}
}

func TestCancel(t *testing.T) {
	o, s, err := Theory(erlang.Queue{Lambda: 1, Mu: 2, Agents: 1}, 100_000_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	commands := 0
	simulation, err := New(o, s, Options{Record: func(acd.Time, acd.Command) error {
		if commands++; commands == 1000 {
			cancel()
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := simulation.Run(ctx); !errors.Is(err, context.Canceled) || commands > 1000+2*checkEvery {
		t.Errorf("got %v, %v after %d commands, want %v", r, err, commands, context.Canceled)
	}
	if p := simulation.Progress(); p < 0 || p > 0.5 {
		t.Errorf("progress is %v", p)
	}
}

// TestNobodyServes ends where callers wait for ever.
func TestNobodyServes(t *testing.T) {
	o := acd.Options{Queues: []acd.Queue{{Name: "q", Requires: acd.RequireLevels(map[string]int{"x": 1})}}, Agents: []acd.Agent{{ID: "1"}}}
	s := Scenario{Length: hour, Callers: []Callers{{Queue: "q", PerHour: []float64{100}, Talk: Fixed(time.Second)}}}
	if r := mustRun(t, o, s, Options{}); r.All.Entries == 0 || r.All.Unserved != r.All.Entries {
		t.Errorf("got %+v", r.All)
	}
}

// TestEstimateScenarios holds that the days for the estimator are what they
// were meant to be: enough callers, and waits that are worth a forecast.
func TestEstimateScenarios(t *testing.T) {
	for _, d := range estimateDays(t) {
		o, s := d.options, d.scenario
		r := mustRun(t, o, s, Options{})
		wait := r.All.Estimates[ASAAnswered].Value
		t.Logf("%s: %d answered after %.0f s, %d abandoned", s.Name, r.All.Answered, wait, r.All.Abandoned)
		if r.All.Answered < 2000 || wait < 20 || wait > 300 {
			t.Errorf("%s: %d answered after %.0f s", s.Name, r.All.Answered, wait)
		}
	}
}

// BenchmarkDay simulates calls of a typical day.
func BenchmarkDay(b *testing.B) {
	o, s := Typical(10_000, 165)
	calls := int64(0)
	for b.Loop() {
		simulation, err := New(o, s, Options{Workers: 1})
		if err != nil {
			b.Fatal(err)
		}
		r, err := simulation.Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		calls += r.All.Entries
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(calls), "ns/call")
}
