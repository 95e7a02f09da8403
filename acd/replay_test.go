package acd

import (
	"bytes"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"cardline/ledger"
)

// hour is a busy hour of a hotline with two sites: what is to happen, by time,
// and what has been recorded.
type hour struct {
	r      *Router
	now    Time
	dice   *rand.Rand
	plan   plan
	seq    int
	calls  int
	record bytes.Buffer // a Moment a line
	told   bytes.Buffer // the effects of each command, a line
	refuse int
}

type plan []planned

type planned struct {
	at      Time
	seq     int
	command Command
}

func (p plan) Len() int { return len(p) }
func (p plan) Less(i, j int) bool {
	return p[i].at < p[j].at || p[i].at == p[j].at && p[i].seq < p[j].seq
}
func (p plan) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *plan) Push(x any)   { *p = append(*p, x.(planned)) }
func (p *plan) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

func (h *hour) later(after time.Duration, c Command) {
	h.seq++
	heap.Push(&h.plan, planned{h.now + after, h.seq, c})
}

// around draws a time whose mean is the one given.
func (h *hour) around(mean time.Duration) time.Duration {
	return time.Duration(h.dice.ExpFloat64() * float64(mean)).Round(time.Millisecond)
}

func (h *hour) chance(p float64) bool { return h.dice.Float64() < p }

// busyHour plays an hour with the given seed.
func busyHour(t testing.TB, seed uint64) (*hour, Options) {
	o := Options{
		Reasons: []Reason{{"lunch", 10 * time.Minute}},
		Queues: []Queue{
			{
				Name: "cards", Requires: RequireLevels(map[string]int{"cards": 5}), SameSiteFirst: true, OfferAgain: true, Regain: 5 * time.Minute,
				WrapUp: WrapUp{Policy: WrapUpForced, Max: time.Minute, Extend: 20 * time.Second}, Dispositions: []string{"fee"},
				Steps:    []Step{{After: 20 * time.Second, EstimateOver: time.Minute, Requires: RequireLevels(map[string]int{"cards": 2})}},
				Overflow: []Overflow{{When: OverWait, Wait: 90 * time.Second, To: "english", Return: true}, {When: OnExitKey}},
				Callback: Callback{First: AgentFirst, Attempts: 2, Gap: 2 * time.Minute},
			},
			{
				Name: "english", Requires: RequireLevels(map[string]int{"english": 1}), Strategy: LeastOccupied, RingGroup: 2,
				WrapUp:   WrapUp{Policy: WrapUpTimed, For: 10 * time.Second},
				Overflow: []Overflow{{When: OverLength, Length: 60}, {When: OnClosing}},
				Callback: Callback{First: CallerFirst, Attempts: 2, Gap: time.Minute},
			},
		},
	}
	for i := range 150 {
		o.Agents = append(o.Agents, Agent{
			ID: fmt.Sprintf("%04d", 1000+i), Site: []string{"beijing", "shanghai"}[i%2],
			Skills: map[string]int{"cards": 1 + i%8, "english": i % 3},
		})
	}
	h := &hour{r: New(o), dice: rand.New(rand.NewPCG(seed, 5))}
	h.do(t, Reconfigure{o})
	for _, a := range o.Agents {
		h.do(t, LogIn{Agent: a.ID})
		h.do(t, SetReady{Agent: a.ID})
	}
	h.later(time.Second, nil)
	h.later(30*time.Minute, SetMode{Queue: "english", Mode: ModeEmergency, Until: 32 * time.Minute})
	for h.now < time.Hour {
		at, ok := h.r.NextDeadline()
		if len(h.plan) > 0 && (!ok || h.plan[0].at <= at) {
			next := heap.Pop(&h.plan).(planned)
			h.now = next.at
			if next.command == nil {
				next.command = h.arrival()
			}
			h.do(t, next.command)
			continue
		}
		h.now = at
		h.do(t, Tick{})
	}
	return h, o
}

func (h *hour) arrival() Command {
	h.calls++
	h.later(h.around(600*time.Millisecond), nil)
	c := Enqueue{
		Call: fmt.Sprint("c", h.calls), Queue: "cards", Via: ledger.ViaIVR, Caller: fmt.Sprint("p", h.dice.IntN(2000)),
		Site: []string{"beijing", "shanghai"}[h.dice.IntN(2)],
	}
	switch h.dice.IntN(10) {
	case 0, 1, 2:
		c.Queue = "english"
	case 3:
		c.HeadStart = time.Minute
	case 4:
		c.Preferred, c.PreferFor = fmt.Sprintf("%04d", 1000+h.dice.IntN(150)), 10*time.Second
	}
	return c
}

// do obeys, writes down, and plans what people do about the effects.
func (h *hour) do(t testing.TB, c Command) {
	line, err := json.Marshal(Moment{h.now, c})
	if err != nil {
		t.Fatal(err)
	}
	h.record.Write(append(line, '\n'))
	effects, err := h.r.Apply(h.now, c)
	if err != nil {
		h.refuse++
	}
	write(t, &h.told, effects, err)
	for _, e := range effects {
		switch e := e.(type) {
		case Entered:
			h.later(h.around(4*time.Minute), Leave{Entry: e.Entry, Outcome: OutcomeAbandoned})
			if h.chance(0.1) {
				h.later(h.around(30*time.Second), RequestCallback{Entry: e.Entry})
			}
			if h.chance(0.1) {
				h.later(h.around(20*time.Second), Foresee{e.Entry, h.around(time.Minute)})
			}
			if h.chance(0.02) {
				h.later(h.around(20*time.Second), PressExit{e.Entry})
			}
			if h.chance(0.02) {
				h.later(h.around(20*time.Second), SetHeadStart{Entry: e.Entry, HeadStart: 2 * time.Minute})
			}
		case OfferMade:
			after := h.around(3 * time.Second)
			switch {
			case h.chance(0.03):
				h.later(after, FailOffer{e.Offer, OfferRejected})
			case h.chance(0.01):
				h.later(after, DeviceLost{e.Agent})
				h.later(after+time.Minute, DeviceBack{e.Agent})
			case h.chance(0.02): // nobody answers
				h.later(time.Minute, SetReady{Agent: e.Agent})
			case e.Callback:
				h.later(after, DialOut{e.Offer})
			default:
				h.later(after, AcceptOffer{e.Offer})
			}
		case CallbackDue:
			if h.chance(0.7) {
				h.later(h.around(10*time.Second), CallbackAnswered{e.Entry})
			} else {
				h.later(h.around(10*time.Second), FailCallback{e.Entry, ledger.CallbackBusy})
			}
		case AgentChanged:
			switch {
			case e.To == AgentTalking && e.From != AgentHolding:
				h.later(time.Second+h.around(70*time.Second), EndTalk{e.Agent})
				if h.chance(0.1) {
					h.later(h.around(20*time.Second), StartHold{e.Agent})
					h.later(h.around(40*time.Second), EndHold{e.Agent})
				}
				if h.chance(0.02) {
					h.later(h.around(time.Minute), SetNotReady{Agent: e.Agent, Reason: "lunch"})
					h.later(12*time.Minute, SetReady{Agent: e.Agent})
				}
			case e.To == AgentWrapUp:
				if h.chance(0.1) {
					h.later(h.around(5*time.Second), ExtendWrapUp{Agent: e.Agent})
				}
				h.later(h.around(10*time.Second), Dispose{Agent: e.Agent, Code: "fee"})
			case e.Reason == ReasonDisposition:
				h.later(h.around(20*time.Second), Dispose{Agent: e.Agent, Code: "fee"})
			}
		}
	}
}

// write writes effects, or a refusal, as one line.
func write(t testing.TB, to io.Writer, effects []Effect, err error) {
	for _, e := range effects {
		line, failed := json.Marshal(e)
		if failed != nil {
			t.Fatal(failed)
		}
		fmt.Fprintf(to, "%T%s ", e, line)
	}
	fmt.Fprintln(to, err)
}

// TestBusyHourAgain records an hour and plays it again from the recording: from
// the beginning, and from a snapshot in the middle that was written as JSON.
// All effects are the same, byte by byte, and so is the state in the end.
func TestBusyHourAgain(t *testing.T) {
	h, o := busyHour(t, 2026)
	if h.calls < 5000 || bytes.Count(h.told.Bytes(), []byte("acd.OfferMade")) < 5000 {
		t.Fatalf("%d calls are no busy hour", h.calls)
	}
	want := bytes.Split(h.told.Bytes(), []byte("\n"))
	t.Logf("%d calls, %d commands, %d of them refused", h.calls, len(want)-1, h.refuse)

	recording := json.NewDecoder(&h.record)
	whole, n := New(o), 0
	var rest *Router // from a snapshot
	for ; ; n++ {
		var m Moment
		if err := recording.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if n == len(want)/2 {
			rest = Restore(throughJSON(t, whole.Snapshot()))
		}
		for name, r := range map[string]*Router{"the beginning": whole, "the middle": rest} {
			if r == nil {
				continue
			}
			var got bytes.Buffer
			effects, err := r.Apply(m.At, m.Command)
			write(t, &got, effects, err)
			if !bytes.Equal(bytes.TrimSuffix(got.Bytes(), []byte("\n")), want[n]) {
				t.Fatalf("from %s, command %d at %v, %+v:\ngot  %s\nwant %s", name, n, m.At, m.Command, got.Bytes(), want[n])
			}
		}
	}
	if n != len(want)-1 {
		t.Fatalf("%d commands were played again, want %d", n, len(want)-1)
	}
	last := throughJSON(t, h.r.Snapshot())
	if !reflect.DeepEqual(throughJSON(t, whole.Snapshot()), last) || !reflect.DeepEqual(throughJSON(t, rest.Snapshot()), last) {
		t.Error("the state in the end is another one")
	}
}

// FuzzMoment reads recorded commands: what can be read is written and read
// again as the same, and a router obeys or refuses it.
func FuzzMoment(f *testing.F) {
	names := map[string]bool{}
	for name, kind := range commands {
		line, err := json.Marshal(Moment{time.Second, reflect.Zero(kind).Interface().(Command)})
		if err != nil {
			f.Fatal(err)
		}
		names[name] = true
		f.Add(line)
	}
	f.Add([]byte(`{"at":1,"do":"Golf","with":{}}`))
	f.Add([]byte(`{"at":1,"do":"Leave","with":[]}`))
	f.Add([]byte(`{"at":-1,"do":"Reconfigure","with":{"Options":{"Queues":[{"Name":"q","Requires":"a and"}]}}}`))
	f.Add([]byte(`{"at":9,"do":"Enqueue","with":{"Queue":"q","Keep":{"Key":-5,"First":2,"Number":1},"Except":["a"]}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var m, again Moment
		if json.Unmarshal(line, &m) != nil {
			return
		}
		if !names[CommandName(m.Command)] {
			t.Fatalf("%q is %#v", line, m.Command)
		}
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		twice, err := json.Marshal(again)
		if err != nil || !bytes.Equal(written, twice) {
			t.Fatalf("%s\n%s: %v", written, twice, err)
		}
		r := New(Options{Queues: []Queue{{Name: "q"}}, Agents: []Agent{{ID: "a"}}})
		if _, ok := m.Command.(Reconfigure); ok {
			return // what makes no sense there is refused by those who read configurations
		}
		for range 2 {
			if _, err := r.Apply(m.At, m.Command); err != nil && errors.Unwrap(err) == nil {
				t.Fatalf("%s: an error without a kind: %v", line, err)
			}
		}
		if pairs := r.Unmatched(); len(pairs) > 0 {
			t.Fatalf("%s: %v", line, pairs)
		}
	})
}
