package acd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cardline/ledger"
)

// TestInvariants throws random commands, sensible and senseless, at a router
// and holds its effects and its state against the invariants of routing. It
// goes on until it has seen enough to have seen everything.
func TestInvariants(t *testing.T) {
	reached := reach{}
	for reached["hotline"] < 500 {
		reached.check(t)
	}
	t.Logf("%d commands, %d of them obeyed, to %d hotlines", reached["command"], reached["command"]-reached["refusal"], reached["hotline"])
	t.Log(reached)
	for _, what := range everything() {
		if reached[what] == 0 {
			t.Errorf("in %d hotlines there was never a case of %s", reached["hotline"], what)
		}
	}
}

// everything lists what random commands must bring about.
func everything() []string {
	list := []string{
		"refusal", "snapshot", "missing disposition", "regained place", "offer of a callback", "agent who was asked for", "return home",
		"offer after another failed", "runner-up", "next caller", "answered elsewhere", "goes on by overflow", "callback answered",
		"caller first", "agent first", "second attempt", "callback given up", "mode that ends by itself", "step by estimate",
		"reload without a queue where somebody waits", "reload without an agent on a call",
		"via ivr", "via overflow", "via callback", "exit error",
	}
	for _, e := range []Effect{
		AgentChanged{},
		NextStateSet{},
		WrapUpExtended{},
		Disposed{},
		Overstayed{},
		Entered{},
		StepReached{},
		HeadStartChanged{},
		OfferMade{},
		OfferEnded{},
		Exited{},
		CallbackDue{},
		CallbackFailed{},
		ModeChanged{},
	} {
		list = append(list, reflect.TypeOf(e).Name())
	}
	for name := range commands {
		list = append(list, name)
		if name != "Tick" && name != "Reconfigure" {
			list = append(list, name+" refused")
		}
	}
	for _, state := range ledger.AgentStates {
		if state != ledger.AgentReserved {
			list = append(list, "agent "+string(state))
		}
	}
	for _, result := range ledger.OfferResults {
		list = append(list, "offer "+string(result))
	}
	for _, outcome := range ledger.QueueOutcomes {
		list = append(list, "exit "+string(outcome))
	}
	for _, result := range ledger.CallbackResults {
		if result != ledger.CallbackReached {
			list = append(list, "callback "+string(result))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// reach counts what random commands have brought about.
type reach map[string]int

func (n reach) check(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n["hotline"]++
		options := drawOptions(t)
		r, twin := New(options), New(options)
		seen := newWitness(n)
		now := Time(0)
		for range pick(t, "commands", 300) {
			now += one(t, "wait", 0, 0, 0, time.Second, time.Second, time.Second, 2*time.Second, 5*time.Second)
			for {
				at, ok := r.NextDeadline()
				if !ok || at > now {
					break
				}
				seen.apply(t, r, twin, at, Tick{})
			}
			if pick(t, "snapshot", 40) == 0 {
				n["snapshot"]++
				taken := throughJSON(t, r.Snapshot())
				if twin = Restore(taken); !reflect.DeepEqual(throughJSON(t, twin.Snapshot()), taken) {
					t.Fatalf("another state was restored:\n%+v\n%+v", taken, twin.Snapshot())
				}
			}
			seen.apply(t, r, twin, now, command(t, r))
		}
		if open := len(seen.entered) - len(seen.exited); open != r.entries.length {
			t.Fatalf("entries - exits = %d, but %d callers have a place", open, r.entries.length)
		}
	})
}

// throughJSON writes a snapshot and reads it again.
func throughJSON(t rapid.TB, s Snapshot) Snapshot {
	t.Helper()
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

// same reports whether two snapshots say the same: who left, came back and left
// again in one moment may be listed twice.
func same(t *rapid.T, a, b Snapshot) bool {
	a, b = throughJSON(t, a), throughJSON(t, b)
	for _, s := range []Snapshot{a, b} {
		for i := range s.Queues {
			left := s.Queues[i].Left
			slices.SortFunc(left, func(a, b lostCall) int {
				return cmp.Or(cmp.Compare(a.Until, b.Until), cmp.Compare(a.Caller, b.Caller), a.Place.compare(b.Place))
			})
			s.Queues[i].Left = slices.Compact(left)
		}
	}
	return reflect.DeepEqual(a, b)
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

// command draws a command: half of them sensible at the moment, the others
// about things that may or may not exist.
func command(t *rapid.T, r *Router) Command {
	if pick(t, "sense", 2) == 0 {
		if c := sensible(t, r); c != nil {
			return c
		}
	}
	agent := fmt.Sprint("a", pick(t, "agent", 6))
	entry := number(t, "entry", &r.entries, r.lastEntry)
	offer := number(t, "offer", &r.offers, r.lastOffer)
	queue := fmt.Sprint("q", pick(t, "queue", 4))
	switch pick(t, "command", 29) {
	case 0:
		return LogIn{Agent: agent}
	case 1:
		return LogOut{Agent: agent}
	case 2:
		return SetReady{Agent: agent, Expect: one(t, "expect", "", AgentReady, AgentNotReady)}
	case 3:
		return SetNotReady{Agent: agent, Reason: one(t, "reason", "lunch", "golf")}
	case 4:
		return DeviceLost{agent}
	case 5:
		return DeviceBack{agent}
	case 6, 7, 8:
		return enqueue(t, r, queue, agent)
	case 9:
		return Leave{Failed: []FailOffer{{offer, one(t, "failed", ledger.OfferResults...)}}, Entry: entry, Outcome: one(t, "outcome", append([]QueueOutcome{OutcomeAbandoned, OutcomeAbandoned}, ledger.QueueOutcomes...)...)}
	case 10:
		return AcceptOffer{offer}
	case 11:
		return DialOut{offer}
	case 12, 13:
		return FailOffer{offer, one(t, "result", ledger.OfferResults...)}
	case 14:
		return StartHold{agent}
	case 15:
		return EndHold{agent}
	case 16:
		return ExtendWrapUp{Agent: agent}
	case 17:
		return Dispose{Agent: agent, Code: one(t, "code", "bill", "golf")}
	case 18:
		return RequestCallback{Entry: entry}
	case 19:
		return one[Command](t, "reached", CallbackPickedUp{entry}, CallbackAnswered{entry})
	case 20:
		return FailCallback{entry, one(t, "failed", ledger.CallbackResults...)}
	case 21:
		return PressExit{entry}
	case 22:
		return Foresee{entry, time.Duration(pick(t, "foreseen", 11)-1) * 10 * time.Second}
	case 23:
		return SetHeadStart{Entry: entry, HeadStart: time.Duration(pick(t, "new head start", 6)-1) * 20 * time.Second}
	case 24:
		c := SetMode{Queue: queue, Mode: one(t, "mode", ModeOpen, ModeOpen, ModeClosed, ModeHoliday, ModeEmergency, "golf")}
		if rapid.Bool().Draw(t, "ends") {
			c.Until = r.now + time.Duration(pick(t, "until", 20)-1)*time.Second
		}
		return c
	case 25:
		return SetCallbacks{Queue: queue, Allowed: pick(t, "allowed", 3) > 0}
	case 26:
		return Tick{}
	case 27:
		if pick(t, "reload", 3) > 0 {
			return EndTalk{agent}
		}
		options := drawOptions(t)
		options.Agents = options.Agents[:3+pick(t, "agents kept", 3)]
		options.Queues = options.Queues[:2+pick(t, "queues kept", 2)]
		return Reconfigure{options}
	default:
		return EndTalk{agent}
	}
}

// sensible draws what somebody might well do now, nil if it is nothing.
func sensible(t *rapid.T, r *Router) Command {
	var all []Command
	for _, a := range r.roster {
		all = append(all, sensibleOf(t, r, a)...)
	}
	for _, e := range r.inOrder() {
		switch {
		case e.Stage == dialling:
			all = append(all, CallbackPickedUp{e.ID}, CallbackAnswered{e.ID}, FailCallback{e.ID, one(t, "how", ledger.CallbackResults...)})
		case e.Stage == waiting && !e.callback() && e.queue.watches(OnExitKey):
			all = append(all, PressExit{e.ID})
		case e.Stage == waiting && !e.callback() && e.queue.Callback.First != "":
			all = append(all, RequestCallback{Entry: e.ID, Call: "back"})
		case e.Stage == waiting && e.Caller != "":
			all = append(all, Leave{Entry: e.ID, Outcome: OutcomeAbandoned})
		}
	}
	if r.entries.length < 8 {
		all = append(all, enqueue(t, r, fmt.Sprint("q", pick(t, "busy queue", 3)), "a1"))
	}
	if len(all) == 0 {
		return nil
	}
	return one(t, "what", all...)
}

func sensibleOf(t *rapid.T, r *Router, a *agent) []Command {
	switch a.State {
	case AgentLoggedOut:
		return []Command{LogIn{Agent: a.ID}}
	case AgentNotReady:
		if a.Reason == ReasonDisposition {
			return []Command{Dispose{Agent: a.ID, Code: "bill"}}
		}
		return []Command{SetReady{Agent: a.ID}}
	case AgentOffered:
		if r.offers.get(a.Offer).entry.callback() {
			return []Command{DialOut{a.Offer}, DialOut{a.Offer}}
		}
		return []Command{AcceptOffer{a.Offer}, AcceptOffer{a.Offer}, FailOffer{a.Offer, one(t, "fails", ledger.OfferResults...)}}
	case AgentTalking:
		return []Command{EndTalk{a.ID}, StartHold{a.ID}}
	case AgentOutbound:
		return []Command{EndTalk{a.ID}}
	case AgentHolding:
		return []Command{EndHold{a.ID}}
	case AgentWrapUp:
		return []Command{ExtendWrapUp{Agent: a.ID}, Dispose{Agent: a.ID, Code: "bill"}}
	case AgentUnreachable:
		return []Command{DeviceBack{a.ID}}
	default: // ready
		return nil
	}
}

func enqueue(t *rapid.T, r *Router, queue, agent string) Command {
	c := Enqueue{
		Call: "c", Queue: queue, Via: ledger.ViaIVR, Site: one(t, "site", "", "s0", "s1"),
		HeadStart: one(t, "head start", 0, 0, 0, 30*time.Second, 60*time.Second, -1), Caller: one(t, "caller", "", "x", "y"),
	}
	if rapid.Bool().Draw(t, "prefer") {
		c.Preferred, c.Only, c.PreferFor = agent, rapid.Bool().Draw(t, "only"), one(t, "prefer for", 0, 10*time.Second, 20*time.Second, -1)
	}
	switch pick(t, "special", 12) {
	case 0: // a matter of before, which somebody else may go on with as well
		c.Keep = &Place{Key: r.now / 2, First: r.now, Number: uint64(pick(t, "number", 3))}
	case 1:
		c.Via = ledger.ViaCallback
	case 2:
		c.Except = []string{"a1", "a3"}
	}
	return c
}

// pick draws a number below n, all alike: rapid by itself prefers small ones.
func pick(t *rapid.T, label string, n int) int {
	x := rapid.Uint64().Draw(t, label)
	x ^= x >> 31
	x *= 0x9e3779b97f4a7c15
	return int((x >> 32) % uint64(n))
}

// one draws one of a list, all alike.
func one[T any](t *rapid.T, label string, list ...T) T { return list[pick(t, label, len(list))] }

// number draws the number of something that there is, or was, or never will be.
func number[T any](t *rapid.T, label string, all *numbered[T], last uint64) uint64 {
	if all.length > 0 && pick(t, label+" lives", 4) > 0 {
		return one(t, label, slices.Sorted(numbers(all))...)
	}
	return uint64(pick(t, label, int(last)+2))
}

func numbers[T any](of *numbered[T]) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for n := range of.all {
			if !yield(n) {
				return
			}
		}
	}
}

// witness remembers what the effects said.
type witness struct {
	reached         reach
	entered, exited map[uint64]bool
	offers          map[uint64]OfferMade // open ones
}

func newWitness(n reach) *witness {
	return &witness{reached: n, entered: map[uint64]bool{}, exited: map[uint64]bool{}, offers: map[uint64]OfferMade{}}
}

// apply gives a command to both routers. What the twin does is what a router
// does that was restored from a snapshot.
func (w *witness) apply(t *rapid.T, r, twin *Router, now Time, c Command) {
	before := map[string]AgentState{}
	for _, a := range r.roster {
		before[a.ID] = a.State
	}
	effects, err := r.Apply(now, c)
	if err != nil && len(effects) == 0 {
		was := twin.Snapshot()
		if was.Now = r.now; !reflect.DeepEqual(was, r.Snapshot()) && !same(t, was, r.Snapshot()) {
			t.Fatalf("%#v was refused (%v), but the state changed, or was another one before:\n%+v\n%+v", c, err, was, r.Snapshot())
		}
	}
	w.reached.countCommand(r, twin, c, err)
	effectsOfTwin, errOfTwin := twin.Apply(now, c)
	if !slices.Equal(effects, effectsOfTwin) || fmt.Sprint(err) != fmt.Sprint(errOfTwin) {
		t.Fatalf("the same command had other effects:\n%v %v\n%v %v", effects, err, effectsOfTwin, errOfTwin)
	}
	for _, e := range effects {
		w.reached.count(e)
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
				if open.Agent == e.Agent || open.Entry == e.Entry && len(r.entries.get(e.Entry).offers) > max(1, r.entries.get(e.Entry).queue.RingGroup) {
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

// countCommand counts a command by its kind, and by what it met.
func (n reach) countCommand(r, before *Router, c Command, err error) {
	n["command"]++
	name := CommandName(c)
	if err != nil {
		n["refusal"]++
		name += " refused"
	}
	n[name]++
	switch c := c.(type) {
	case Foresee:
		if e := r.entries.get(c.Entry); e != nil && e.Step > 0 && e.queue.Steps[e.Step-1].EstimateOver > 0 && e.Foreseen > e.queue.Steps[e.Step-1].EstimateOver {
			n["step by estimate"]++
		}
	case Reconfigure:
		for _, e := range before.entries.all {
			if r.queues[e.Queue] == nil {
				n["reload without a queue where somebody waits"]++
			}
		}
		for _, a := range r.roster {
			if a.Removed {
				n["reload without an agent on a call"]++
			}
		}
	}
}

// count counts an effect by its kind, and by what is special about it.
func (n reach) count(e Effect) {
	what := []string{reflect.TypeOf(e).Name()}
	special := func(is bool, name string) {
		if is {
			what = append(what, name)
		}
	}
	switch e := e.(type) {
	case AgentChanged:
		what = append(what, "agent "+string(e.To))
		special(e.Reason == ReasonDisposition, "missing disposition")
	case Entered:
		what = append(what, "via "+string(e.Via))
		special(e.Regained, "regained place")
	case OfferMade:
		d := e.Decision
		special(e.Callback, "offer of a callback")
		special(d.Wanted, "agent who was asked for")
		special(d.Home, "return home")
		special(d.Failed > 0, "offer after another failed")
		special(d.Runner != "", "runner-up")
		special(d.NextCall != "", "next caller")
	case OfferEnded:
		what = append(what, "offer "+string(e.Result))
		special(e.Elsewhere, "answered elsewhere")
	case Exited:
		what = append(what, "exit "+string(e.Outcome))
		special(e.Next != 0 && e.Outcome == OutcomeOverflow, "goes on by overflow")
		special(e.Via == viaCallback && e.Outcome == OutcomeAnswered, "callback answered")
	case CallbackDue:
		special(e.Agent == "", "caller first")
		special(e.Agent != "", "agent first")
		special(e.Attempt > 1, "second attempt")
	case CallbackFailed:
		what = append(what, "callback "+string(e.Result))
		special(e.Again == never, "callback given up")
	case ModeChanged:
		special(e.By == ByRouter, "mode that ends by itself")
	}
	for _, name := range what {
		n[name]++
	}
}

// firstInLine checks that no caller with a smaller key could have had the agent.
func (w *witness) firstInLine(t *rapid.T, r *Router, made OfferMade, c Command, effects []Effect) {
	taken := r.entries.get(made.Entry)
	if taken == nil || r.offers.get(made.Offer) == nil {
		return // ended within the same Apply
	}
	a := *r.agents[made.Agent]
	a.standing = Ready
	for _, e := range r.entries.all {
		if e.Place.compare(taken.Place) < 0 && r.mayTake(&a, e) {
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
		switch o := r.offers.get(a.Offer); {
		case a.State == AgentOffered && (o == nil || o.agent != a || o.Deadline <= r.now):
			t.Fatalf("agent %s is offered without a live offer", a.ID)
		case a.State == AgentWrapUp && a.WrapUntil <= r.now:
			t.Fatalf("agent %s stays in wrap-up beyond its deadline", a.ID)
		case a.State == AgentOutbound && (r.entries.get(a.Entry) == nil || r.entries.get(a.Entry).DialFor != a.ID || r.entries.get(a.Entry).DialUntil <= r.now):
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
	for _, p := range r.profiles {
		for _, o := range r.orders {
			var ready []*agent
			for _, a := range r.roster {
				if a.profile == p && a.standing == Ready {
					ready = append(ready, a)
				}
			}
			slices.SortFunc(ready, compareAgents[o])
			if listed := slices.Collect(p.free[o].all); !slices.Equal(listed, ready) {
				t.Fatalf("%d agents of profile %d are listed in order %d, but %d are ready, or in another order", len(listed), p.number, o, len(ready))
			}
		}
	}
	for _, c := range r.classes {
		var stand []*entry
		for _, e := range r.inOrder() {
			if e.Stage == waiting && !e.waitsForPreferred() && (e.class() == c || e.home == c) {
				stand = append(stand, e)
			}
		}
		if listed := c.callers.list(); !slices.Equal(listed, stand) {
			t.Fatalf("%d callers are listed in class %d, but %d wait, or in another order", len(listed), c.number, len(stand))
		}
	}
	for _, e := range r.entries.all {
		if (e.Stage == offered) != (len(e.offers) > 0) || e.Stage == parked && !e.callback() {
			t.Fatalf("entry %d is in stage %d with %d offers", e.ID, e.Stage, len(e.offers))
		}
		if e.Stage == dialling && e.DialUntil <= r.now || e.Stage == parked && e.queue.calls() && e.Again <= r.now {
			t.Fatalf("entry %d is called back beyond its deadline", e.ID)
		}
	}
	if len(w.offers) != r.offers.length {
		t.Fatalf("%d offers are out by the effects, %d by the state", len(w.offers), r.offers.length)
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
