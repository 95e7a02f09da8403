package acd

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cardline/ledger"
)

// TestInvariants throws random commands, sensible and senseless, at a router
// and holds its effects and its state against the invariants of routing.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		options := drawOptions(t)
		r, twin := New(options), New(options)
		seen := newWitness()
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
			if rapid.IntRange(0, 20).Draw(t, "snapshot") == 0 {
				taken := throughJSON(t, r.Snapshot())
				if twin = Restore(taken); !reflect.DeepEqual(throughJSON(t, twin.Snapshot()), taken) {
					t.Fatalf("another state was restored:\n%+v\n%+v", taken, twin.Snapshot())
				}
			}
			seen.apply(t, r, twin, now, command(t, r))
		}
		if open := len(seen.entered) - len(seen.exited); open != len(r.entries) {
			t.Fatalf("entries - exits = %d, but %d callers have a place", open, len(r.entries))
		}
	})
}

// throughJSON writes a snapshot and reads it again.
func throughJSON(t *rapid.T, s Snapshot) Snapshot {
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Snapshot
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// drawOptions draws a small hotline that has a bit of everything.
func drawOptions(t *rapid.T) Options {
	requirements := []string{"", "cards", "cards >= 5", "english and cards", "cards >= 6 or english = 2", "cards < 4"}
	requirement := func(label string) Requirement {
		r, err := ParseRequirement(rapid.SampledFrom(requirements).Draw(t, label))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	seconds := func(label string, choices ...int) time.Duration {
		return time.Duration(rapid.SampledFrom(choices).Draw(t, label)) * time.Second
	}
	options := Options{Reasons: []Reason{{"lunch", seconds("lunch", 0, 20)}}}
	for i := range 3 {
		q := Queue{
			Name: fmt.Sprint("q", i), Requires: requirement("needs"), RingTimeout: 5 * time.Second,
			Strategy:      rapid.SampledFrom(append([]Strategy{""}, Strategies...)).Draw(t, "strategy"),
			SameSiteFirst: rapid.Bool().Draw(t, "same site"), RingGroup: rapid.IntRange(0, 3).Draw(t, "group"),
			WrapUp:     WrapUp{rapid.SampledFrom(WrapUpPolicies).Draw(t, "wrap-up"), seconds("for", 0, 1, 9), seconds("max", 0, 12), seconds("extend", 0, 4)},
			OfferAgain: rapid.Bool().Draw(t, "again"), Regain: seconds("regain", 0, 30), Dispositions: []string{"bill"},
			Callback: Callback{
				First:    rapid.SampledFrom([]CallbackFirst{"", CallerFirst, AgentFirst}).Draw(t, "callback"),
				Attempts: 2, Gap: seconds("gap", 0, 15), Ring: 6 * time.Second, Keep: seconds("keep", 0, 40),
			},
		}
		for n := range rapid.IntRange(0, 2).Draw(t, "steps") {
			step := Step{Requires: requirement("relaxed")}
			if rapid.Bool().Draw(t, "by estimate") {
				step.EstimateOver = seconds("over", 10, 60)
			} else {
				step.After = time.Duration(n+1) * 7 * time.Second
			}
			if rapid.Bool().Draw(t, "other queue") {
				step.Queues = []string{fmt.Sprint("q", rapid.IntRange(0, 2).Draw(t, "also"))}
			}
			if rapid.Bool().Draw(t, "one site") {
				step.Sites = []string{"s1"}
			}
			q.Steps = append(q.Steps, step)
		}
		for range rapid.IntRange(0, 3).Draw(t, "rules") {
			q.Overflow = append(q.Overflow, Overflow{
				When: rapid.SampledFrom(Triggers).Draw(t, "when"), Length: rapid.IntRange(0, 4).Draw(t, "length"), Wait: seconds("limit", 11, 33),
				To: rapid.SampledFrom([]string{"", "q0", "q1", "q2"}).Draw(t, "to"), Return: rapid.Bool().Draw(t, "return"),
			})
		}
		options.Queues = append(options.Queues, q)
	}
	for i := range 5 {
		options.Agents = append(options.Agents, drawAgent(t, i))
	}
	return options
}

func drawAgent(t *rapid.T, i int) Agent {
	a := Agent{
		ID: fmt.Sprint("a", i), Site: fmt.Sprint("s", i%2),
		Skills: map[string]int{"cards": rapid.SampledFrom([]int{0, 2, 6, 9}).Draw(t, "cards"), "english": rapid.IntRange(0, 2).Draw(t, "english")},
	}
	if rapid.IntRange(0, 3).Draw(t, "signed up") == 0 {
		a.Queues = []string{"q0", "q2"}
	}
	return a
}

// command draws a command about things that may or may not exist.
func command(t *rapid.T, r *Router) Command {
	agent := fmt.Sprint("a", rapid.IntRange(0, 5).Draw(t, "agent"))
	entry := uint64(rapid.IntRange(0, int(r.lastEntry)+1).Draw(t, "entry"))
	offer := r.lastOffer - min(r.lastOffer, uint64(rapid.IntRange(0, 3).Draw(t, "offer")))
	queue := fmt.Sprint("q", rapid.IntRange(0, 3).Draw(t, "queue"))
	switch rapid.IntRange(0, 29).Draw(t, "command") {
	case 0:
		return LogIn{Agent: agent}
	case 1:
		return LogOut{Agent: agent}
	case 2, 3, 4, 5:
		return SetReady{Agent: agent}
	case 6:
		return SetNotReady{Agent: agent, Reason: "lunch"}
	case 7:
		return DeviceLost{agent}
	case 8:
		return DeviceBack{agent}
	case 9, 10, 11, 12:
		c := Enqueue{
			Call: "c", Queue: queue, Via: ledger.ViaIVR, Site: rapid.SampledFrom([]string{"", "s0", "s1"}).Draw(t, "site"),
			HeadStart: time.Duration(rapid.IntRange(-1, 2).Draw(t, "headstart")) * 30 * time.Second,
			PreferFor: 10 * time.Second, Only: rapid.Bool().Draw(t, "only"), Caller: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "caller"),
		}
		if rapid.Bool().Draw(t, "prefer") {
			c.Preferred = agent
		}
		if rapid.IntRange(0, 5).Draw(t, "except") == 0 {
			c.Except = []string{"a1", "a3"}
		}
		return c
	case 13:
		return Leave{entry, rapid.SampledFrom(ledger.QueueOutcomes).Draw(t, "outcome")}
	case 14, 15, 16:
		return AcceptOffer{offer}
	case 17:
		return FailOffer{offer, rapid.SampledFrom(ledger.OfferResults).Draw(t, "result")}
	case 18:
		return rapid.SampledFrom([]Command{StartHold{agent}, EndHold{agent}}).Draw(t, "hold")
	case 19:
		return ExtendWrapUp{Agent: agent}
	case 20:
		return Dispose{Agent: agent, Code: rapid.SampledFrom([]string{"bill", "golf"}).Draw(t, "code")}
	case 21:
		return RequestCallback{Entry: entry}
	case 22:
		return DialOut{offer}
	case 23:
		return rapid.SampledFrom([]Command{CallbackAnswered{entry}, FailCallback{entry, ledger.CallbackBusy}}).Draw(t, "called back")
	case 24:
		return PressExit{entry}
	case 25:
		return Foresee{entry, time.Duration(rapid.IntRange(-1, 9).Draw(t, "foreseen")) * 10 * time.Second}
	case 26:
		return SetHeadStart{Entry: entry, HeadStart: time.Duration(rapid.IntRange(-1, 4).Draw(t, "new head start")) * 20 * time.Second}
	case 27:
		c := SetMode{Queue: queue, Mode: rapid.SampledFrom([]Mode{ModeOpen, ModeOpen, ModeClosed, ModeEmergency, "golf"}).Draw(t, "mode")}
		if rapid.Bool().Draw(t, "ends") {
			c.Until = r.now + time.Duration(rapid.IntRange(-1, 20).Draw(t, "until"))*time.Second
		}
		return c
	case 28:
		if rapid.IntRange(0, 3).Draw(t, "reload") > 0 {
			return EndTalk{agent}
		}
		options := drawOptions(t)
		options.Agents = options.Agents[:rapid.IntRange(3, 5).Draw(t, "agents kept")]
		options.Queues = options.Queues[:rapid.IntRange(2, 3).Draw(t, "queues kept")]
		return Reconfigure{options}
	default:
		return EndTalk{agent}
	}
}

// witness remembers what the effects said.
type witness struct {
	entered, exited map[uint64]bool
	offers          map[uint64]OfferMade // open ones
}

func newWitness() *witness {
	return &witness{entered: map[uint64]bool{}, exited: map[uint64]bool{}, offers: map[uint64]OfferMade{}}
}

func (w *witness) apply(t *rapid.T, r, twin *Router, now Time, c Command) {
	before := map[string]AgentState{}
	for _, a := range r.Agents() {
		before[a.ID] = a.State
	}
	state := r.Snapshot()
	state.Now = max(state.Now, now)
	effects, err := r.Apply(now, c)
	effectsOfTwin, errOfTwin := twin.Apply(now, c)
	if !reflect.DeepEqual(effects, effectsOfTwin) || fmt.Sprint(err) != fmt.Sprint(errOfTwin) {
		t.Fatalf("the same command had other effects:\n%v %v\n%v %v", effects, err, effectsOfTwin, errOfTwin)
	}
	if err != nil && len(effects) == 0 && !reflect.DeepEqual(state, r.Snapshot()) {
		t.Fatalf("%#v was refused (%v), but the state changed:\n%+v\n%+v", c, err, state, r.Snapshot())
	}
	for _, e := range effects {
		switch e := e.(type) {
		case AgentChanged:
			if was, known := before[e.Agent]; known && was != e.From {
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
				if open.Agent == e.Agent || open.Entry == e.Entry && len(r.entries[e.Entry].offers) > max(1, r.entries[e.Entry].queue.RingGroup) {
					t.Fatalf("offer %d while offer %d is out: %+v %+v", e.Offer, open.Offer, e, open)
				}
			}
			w.offers[e.Offer] = e
			w.firstInLine(t, r, e, c, effects)
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
func (w *witness) firstInLine(t *rapid.T, r *Router, made OfferMade, c Command, effects []Effect) {
	taken := r.entries[made.Entry]
	if taken == nil || r.offers[made.Offer] == nil {
		return // ended within the same Apply
	}
	a := *r.agents[made.Agent]
	a.standing = Ready
	for _, e := range r.entries {
		if byKey(e, taken) < 0 && r.mayTake(&a, e) && !e.callback() {
			t.Fatalf("entry %d was passed over: agent %s got entry %d\n%#v\n%+v\n%+v\n%+v", e.ID, a.ID, taken.ID, c, effects, e.entryRecord, taken.entryRecord)
		}
	}
}

// state checks what must hold after each Apply.
func (w *witness) state(t *rapid.T, r *Router, told map[string]AgentState) {
	for _, a := range r.agents {
		if was, known := told[a.ID]; known && was != a.State || !known && a.State != AgentLoggedOut {
			t.Fatalf("agent %s is %s, but the effects say %s", a.ID, a.State, told[a.ID])
		}
		if a.standing != r.standing(a) {
			t.Fatalf("agent %s stands as %s, not as %s", a.ID, a.standing, r.standing(a))
		}
		for _, c := range r.classes {
			step := slices.Index(c.queue.classes, c)
			if c.profiles.has(a.profile.number) != a.Serves(c.queue.Queue, step, r.options.Queues) {
				t.Fatalf("agent %s and step %d of queue %s are matched wrongly", a.ID, step, c.queue.Queue.Name)
			}
		}
		switch o := r.offers[a.Offer]; {
		case a.State == AgentOffered && (o == nil || o.agent != a || o.Deadline <= r.now):
			t.Fatalf("agent %s is offered without a live offer", a.ID)
		case a.State == AgentWrapUp && a.WrapUntil <= r.now:
			t.Fatalf("agent %s stays in wrap-up beyond its deadline", a.ID)
		case a.State == AgentOutbound && (r.entries[a.Entry] == nil || r.entries[a.Entry].DialFor != a.ID || r.entries[a.Entry].DialUntil <= r.now):
			t.Fatalf("agent %s waits for a caller who is not called", a.ID)
		}
	}
	if pairs := r.Unmatched(); len(pairs) > 0 {
		t.Fatalf("may be paired, and are not: %v", pairs)
	}
	for n, c := range r.classes {
		var count Standings
		for _, a := range r.agents {
			if c.profiles.has(a.profile.number) {
				count[a.standing]++
			}
		}
		if count != r.counts[n] {
			t.Fatalf("class %d counts %v agents instead of %v", n, r.counts[n], count)
		}
		if c.callers.length() > 0 {
			if first := c.callers.first(); r.heads[n] != first.Place || !r.waiting.has(n) {
				t.Fatalf("class %d has another head than %d", n, first.ID)
			}
		}
	}
	for _, e := range r.entries {
		if (e.Stage == offered) != (len(e.offers) > 0) || e.Stage == parked && !e.callback() {
			t.Fatalf("entry %d is in stage %d with %d offers", e.ID, e.Stage, len(e.offers))
		}
		if e.Stage == dialling && e.DialUntil <= r.now || e.Stage == parked && e.queue.Mode == ModeOpen && e.Again <= r.now {
			t.Fatalf("entry %d is called back beyond its deadline", e.ID)
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
		Exited{Entry: 1, Call: "a", Queue: "old", Outcome: OutcomeClosed, Waited: time.Second, Total: time.Second},
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
