package acd

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cardline/ledger"
)

// TestInvariants throws random commands, sensible and senseless, at a router
// and holds its effects and its state against the invariants of routing.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		options := Options{Reasons: []string{"lunch"}}
		for i, needs := range []map[string]int{{"cards": 1}, {"cards": 5}, {"english": 1, "cards": 1}} {
			options.Queues = append(options.Queues, Queue{
				Name: fmt.Sprint("q", i), Requires: needs, RingTimeout: 5 * time.Second,
				WrapUp: time.Duration(i) * time.Second, MaxWait: time.Duration(i) * 20 * time.Second,
				MaxLength: 3 * i, OfferAgain: i > 0, LeaveIfNoAgents: i == 2,
			})
		}
		for i := range 5 {
			options.Agents = append(options.Agents, Agent{
				ID: fmt.Sprint("a", i), Skills: map[string]int{"cards": 2 * i, "english": 2 - i},
			})
		}
		r, twin := New(options), New(options)
		seen := &witness{entered: map[uint64]bool{}, exited: map[uint64]bool{}, offers: map[uint64]OfferMade{}}
		now := Time(0)
		for range rapid.IntRange(1, 200).Draw(t, "commands") {
			now += time.Duration(rapid.IntRange(0, 8).Draw(t, "wait")) * time.Second
			for {
				at, ok := r.NextDeadline()
				if !ok || at > now {
					break
				}
				seen.apply(t, r, twin, at, Tick{})
			}
			seen.apply(t, r, twin, now, command(t, r))
		}
		if open := len(seen.entered) - len(seen.exited); open != len(r.entries) || open != len(r.order) {
			t.Fatalf("entries - exits = %d, but %d callers have a place", open, len(r.entries))
		}
	})
}

// command draws a command about things that may or may not exist.
func command(t *rapid.T, r *Router) Command {
	agent := fmt.Sprint("a", rapid.IntRange(0, 5).Draw(t, "agent"))
	entry := uint64(rapid.IntRange(0, int(r.lastEntry)+1).Draw(t, "entry"))
	offer := r.lastOffer - min(r.lastOffer, uint64(rapid.IntRange(0, 3).Draw(t, "offer")))
	switch rapid.IntRange(0, 15).Draw(t, "command") {
	case 0:
		return LogIn{Agent: agent}
	case 1:
		return LogOut{Agent: agent}
	case 2, 3, 4:
		return SetReady{Agent: agent}
	case 5:
		return SetNotReady{Agent: agent, Reason: "lunch"}
	case 6:
		return DeviceLost{agent}
	case 7:
		return DeviceBack{agent}
	case 8, 9:
		prefer := ""
		if rapid.Bool().Draw(t, "prefer") {
			prefer = agent
		}
		return Enqueue{
			Call: "c", Queue: fmt.Sprint("q", rapid.IntRange(0, 3).Draw(t, "queue")), Via: ledger.ViaIVR,
			HeadStart: time.Duration(rapid.IntRange(0, 2).Draw(t, "headstart")) * 30 * time.Second,
			Preferred: prefer, PreferFor: 10 * time.Second, Only: rapid.Bool().Draw(t, "only"),
		}
	case 10:
		return Leave{entry, OutcomeAbandoned}
	case 11, 12:
		return AcceptOffer{offer}
	case 13:
		return FailOffer{offer, rapid.SampledFrom(ledger.OfferResults).Draw(t, "result")}
	case 14:
		return rapid.SampledFrom([]Command{StartHold{agent}, EndHold{agent}}).Draw(t, "hold")
	default:
		return EndTalk{agent}
	}
}

// witness remembers what the effects said.
type witness struct {
	entered, exited map[uint64]bool
	offers          map[uint64]OfferMade // open ones
}

func (w *witness) apply(t *rapid.T, r, twin *Router, now Time, c Command) {
	before := map[string]AgentState{}
	for _, a := range r.Agents() {
		before[a.ID] = a.State
	}
	effects, err := r.Apply(now, c)
	effectsOfTwin, errOfTwin := twin.Apply(now, c)
	if !reflect.DeepEqual(effects, effectsOfTwin) || fmt.Sprint(err) != fmt.Sprint(errOfTwin) {
		t.Fatalf("the same command had other effects:\n%v %v\n%v %v", effects, err, effectsOfTwin, errOfTwin)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case AgentChanged:
			if before[e.Agent] != e.From {
				t.Fatalf("agent %s was %s, but the effect says it left %s", e.Agent, before[e.Agent], e.From)
			}
			before[e.Agent] = e.To
		case Entered:
			w.entered[e.Entry] = true
		case Exited:
			if !w.entered[e.Entry] || w.exited[e.Entry] {
				t.Fatalf("entry %d left without coming, or twice", e.Entry)
			}
			w.exited[e.Entry] = true
		case OfferMade:
			for _, open := range w.offers {
				if open.Agent == e.Agent || open.Entry == e.Entry {
					t.Fatalf("offer %d while offer %d is out: %+v %+v", e.Offer, open.Offer, e, open)
				}
			}
			w.offers[e.Offer] = e
			w.firstInLine(t, r, e)
		case OfferEnded:
			if _, open := w.offers[e.Offer]; !open {
				t.Fatalf("offer %d ended without being out", e.Offer)
			}
			delete(w.offers, e.Offer)
		}
	}
	w.state(t, r, before)
}

// firstInLine checks that no caller with a smaller key could have had the agent.
func (w *witness) firstInLine(t *rapid.T, r *Router, made OfferMade) {
	taken := r.entries[made.Entry]
	if taken == nil || taken.offer != made.Offer {
		return // ended within the same Apply
	}
	a := *r.agents[made.Agent]
	a.state = AgentReady
	for _, e := range r.order {
		if byKey(e, taken) < 0 && r.mayTake(&a, e) {
			t.Fatalf("entry %d was passed over: agent %s got entry %d", e.id, a.ID, taken.id)
		}
	}
}

// state checks what must hold after each Apply.
func (w *witness) state(t *rapid.T, r *Router, told map[string]AgentState) {
	for _, a := range r.agents {
		if told[a.ID] != a.state {
			t.Fatalf("agent %s is %s, but the effects say %s", a.ID, a.state, told[a.ID])
		}
		for _, e := range r.order {
			if r.mayTake(a, e) {
				t.Fatalf("agent %s is ready and entry %d waits", a.ID, e.id)
			}
		}
		switch o := r.offers[a.offer]; {
		case a.state == AgentOffered && (o == nil || o.agent != a || o.deadline <= r.now):
			t.Fatalf("agent %s is offered without a live offer", a.ID)
		case a.state == AgentWrapUp && a.wrapUntil <= r.now:
			t.Fatalf("agent %s stays in wrap-up beyond its deadline", a.ID)
		}
	}
	if len(w.offers) != len(r.offers) {
		t.Fatalf("%d offers are out by the effects, %d by the state", len(w.offers), len(r.offers))
	}
}

// TestReconfigureLetsGo takes queues and agents away while they are used.
func TestReconfigureLetsGo(t *testing.T) {
	q := []Queue{{Name: "cards"}, {Name: "old"}}
	r := New(Options{Queues: q, Agents: []Agent{{ID: "1"}, {ID: "2"}}})
	for _, c := range []Command{
		LogIn{Agent: "1"},
		LogIn{Agent: "2"},
		SetReady{Agent: "1"},
		SetReady{Agent: "2"},
		Enqueue{Call: "a", Queue: "old"},
		Enqueue{Call: "b", Queue: "cards"},
		AcceptOffer{2},
	} {
		if _, err := r.Apply(time.Second, c); err != nil {
			t.Fatal(err)
		}
	}
	effects, err := r.Apply(2*time.Second, Reconfigure{Options{Queues: q[:1], Agents: []Agent{{ID: "1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Effect{
		OfferEnded{Offer: 1, Entry: 1, Call: "a", Queue: "old", Agent: "1", Result: OfferWithdrawn, Rang: time.Second},
		AgentChanged{Agent: "1", From: AgentOffered, To: AgentReady, By: ByRouter, Took: time.Second, Queue: "old"},
		Exited{Entry: 1, Call: "a", Queue: "old", Outcome: OutcomeClosed, Waited: time.Second},
	}
	if !reflect.DeepEqual(effects, want) {
		t.Errorf("got  %+v\nwant %+v", effects, want)
	}
	if v, ok := r.AgentView("2"); !ok || v.State != AgentTalking {
		t.Errorf("the agent on a call is %+v, %v; want talking until its end", v, ok)
	}
	if _, err := r.Apply(3*time.Second, EndTalk{"2"}); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.AgentView("2"); ok {
		t.Error("the agent who is no longer configured is still there after the call")
	}
}

func BenchmarkApply(b *testing.B) {
	options := Options{Queues: []Queue{{Name: "cards", Requires: map[string]int{"cards": 1}}}}
	for i := range 1000 {
		options.Agents = append(options.Agents, Agent{ID: fmt.Sprint(i), Skills: map[string]int{"cards": 5}})
	}
	r := New(options)
	for i := range 1000 {
		_, _ = r.Apply(0, LogIn{Agent: fmt.Sprint(i)})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, _ = r.Apply(Time(i), Enqueue{Call: "c", Queue: "cards"})
		_, _ = r.Apply(Time(i), Leave{uint64(i + 1), OutcomeAbandoned})
	}
}
