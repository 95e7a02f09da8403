package estimate

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"cardline/acd"
	"cardline/ledger"
)

// desk is a router with a history that has seen all of it.
type desk struct {
	t   *testing.T
	r   *acd.Router
	h   *History
	now acd.Time
}

// newDesk opens a hotline at one second.
func newDesk(t *testing.T, o acd.Options) *desk {
	d := &desk{t, acd.New(o), NewHistory(), time.Second}
	for _, a := range o.Agents {
		d.do(acd.LogIn{Agent: a.ID})
	}
	return d
}

// do obeys now, after all deadlines before, and returns the effects.
func (d *desk) do(c acd.Command) (all []acd.Effect) {
	d.t.Helper()
	apply := func(at acd.Time, c acd.Command) {
		effects, err := d.r.Apply(at, c)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, e := range effects {
			d.h.Observe(at, e)
		}
		all = append(all, effects...)
	}
	for at, ok := d.r.NextDeadline(); ok && at <= d.now; at, ok = d.r.NextDeadline() {
		apply(at, acd.Tick{})
	}
	apply(d.now, c)
	return all
}

func (d *desk) after(wait time.Duration) *desk {
	d.now += wait
	return d
}

// enter lets a caller come and returns the entry, and the offer if there is one.
func (d *desk) enter(c acd.Enqueue) (entry, offer uint64) {
	d.t.Helper()
	c.Via = ledger.ViaIVR
	for _, e := range d.do(c) {
		switch e := e.(type) {
		case acd.Entered:
			entry = e.Entry
		case acd.OfferMade:
			offer = e.Offer
		}
	}
	return entry, offer
}

// call lets an agent take one caller of a queue, and talk so long.
func (d *desk) call(agent, queue string, talk time.Duration) {
	d.t.Helper()
	d.answer(agent, queue)
	d.after(talk).do(acd.EndTalk{Agent: agent})
}

// answer lets an agent take one caller of a queue at once.
func (d *desk) answer(agent, queue string) {
	d.t.Helper()
	if v, _ := d.r.AgentView(agent); v.State != acd.AgentReady {
		d.do(acd.SetReady{Agent: agent})
	}
	_, offer := d.enter(acd.Enqueue{Queue: queue})
	d.do(acd.AcceptOffer{Offer: offer})
}

// waits returns what is foreseen of a caller.
func (d *desk) waits(entry uint64) Estimate {
	d.t.Helper()
	e, ok := d.h.Forecast(d.r.View()).Entry(entry)
	if !ok {
		d.t.Fatalf("nothing is foreseen of entry %d", entry)
	}
	return e
}

// exactly holds that a wait is certain.
func (d *desk) exactly(entry uint64, want time.Duration) {
	d.t.Helper()
	if e := d.waits(entry); e.P50 != want || e.P90 != want {
		d.t.Errorf("entry %d: got %v to %v, want %v", entry, e.P50, e.P90, want)
	}
}

// cards is a hotline with agents 1 to n.
func cards(n int) acd.Options {
	o := acd.Options{Queues: []acd.Queue{{Name: "cards"}}, Reasons: []acd.Reason{{Name: "lunch"}}}
	for i := range n {
		o.Agents = append(o.Agents, acd.Agent{ID: fmt.Sprint(i + 1)})
	}
	return o
}

// practised is a desk whose agent 1 has taken thirty calls of 100 s each.
func practised(t *testing.T, o acd.Options) *desk {
	d := newDesk(t, o)
	for range 30 {
		d.call("1", "cards", 100*time.Second)
	}
	return d
}

func TestOneAgent(t *testing.T) {
	d := practised(t, cards(1))
	d.answer("1", "cards")
	a, _ := d.enter(acd.Enqueue{Queue: "cards"})
	b, _ := d.enter(acd.Enqueue{Queue: "cards"})
	c, _ := d.enter(acd.Enqueue{Queue: "cards"})
	d.exactly(a, 100*time.Second)
	d.exactly(b, 200*time.Second)
	d.exactly(c, 300*time.Second)
	d.after(30 * time.Second).do(acd.Tick{})
	d.exactly(a, 70*time.Second)
	d.exactly(c, 270*time.Second)
	if e := d.h.Forecast(d.r.View()).Queue("cards"); e.P50 != 370*time.Second || e.Samples != 30 || !e.Sound() {
		t.Errorf("one who comes now: got %+v, want 370 s", e)
	}
	d.do(acd.SetHeadStart{Entry: c, HeadStart: time.Minute})
	d.exactly(c, 70*time.Second)
	d.exactly(a, 170*time.Second)
}

func TestSeveralAgents(t *testing.T) {
	d := practised(t, cards(2))
	d.answer("1", "cards")
	d.after(60*time.Second).answer("2", "cards")
	d.after(10 * time.Second)
	a, _ := d.enter(acd.Enqueue{Queue: "cards"})
	b, _ := d.enter(acd.Enqueue{Queue: "cards"})
	c, _ := d.enter(acd.Enqueue{Queue: "cards"})
	d.exactly(a, 30*time.Second)
	d.exactly(b, 90*time.Second)
	d.exactly(c, 130*time.Second)

	// The one who would be free first goes to lunch then, and the other stays alone.
	d.do(acd.SetNotReady{Agent: "1", Reason: "lunch"})
	d.exactly(a, 90*time.Second)
	d.exactly(b, 190*time.Second)
	d.exactly(c, 290*time.Second)
}

func TestNobodyAtWork(t *testing.T) {
	d := practised(t, cards(1))
	d.do(acd.SetNotReady{Agent: "1", Reason: "lunch"})
	a, _ := d.enter(acd.Enqueue{Queue: "cards"})
	d.exactly(a, horizon)
}

func TestWrapUpAndRinging(t *testing.T) {
	o := cards(1)
	o.Queues[0].WrapUp = acd.WrapUp{Policy: acd.WrapUpManual, Max: 10 * time.Minute}
	o.Queues[0].RingTimeout = time.Minute
	d := newDesk(t, o)
	talk := func() {
		d.do(acd.SetReady{Agent: "1"})
		_, offer := d.enter(acd.Enqueue{Queue: "cards"})
		d.after(5 * time.Second).do(acd.AcceptOffer{Offer: offer})
	}
	for range 30 {
		talk()
		d.after(80 * time.Second).do(acd.EndTalk{Agent: "1"})
		d.after(20 * time.Second)
	}
	talk()
	a, _ := d.enter(acd.Enqueue{Queue: "cards"})
	b, _ := d.enter(acd.Enqueue{Queue: "cards"})
	d.after(79 * time.Second).do(acd.Tick{})
	d.exactly(a, 26*time.Second) // a second of talk, wrap-up, ringing: it will not be over in between
	d.exactly(b, 131*time.Second)
	d.after(time.Second).do(acd.EndTalk{Agent: "1"})
	d.exactly(a, 25*time.Second) // not the ten minutes that wrap-up may last
	d.after(15 * time.Second).do(acd.Tick{})
	d.exactly(a, 10*time.Second)
	d.after(5 * time.Second).do(acd.SetReady{Agent: "1"}) // rings for a
	d.exactly(b, 110*time.Second)
}

func TestAbandonment(t *testing.T) {
	d := practised(t, cards(1))
	d.do(acd.SetNotReady{Agent: "1", Reason: "lunch"})
	for range 50 { // one in a hundred seconds of waiting gives up
		e, _ := d.enter(acd.Enqueue{Queue: "cards"})
		d.after(100 * time.Second).do(acd.Leave{Entry: e, Outcome: acd.OutcomeAbandoned})
	}
	d.answer("1", "cards")
	a, _ := d.enter(acd.Enqueue{Queue: "cards"})
	b, _ := d.enter(acd.Enqueue{Queue: "cards"})
	d.exactly(a, 100*time.Second)
	// Of those in front, 37 % are still there after 100 s.
	if e := d.waits(b); e.P50 != 100*time.Second || e.P90 != 200*time.Second {
		t.Errorf("behind one who may give up: got %v to %v, want 100 s to 200 s", e.P50, e.P90)
	}
}

func TestHeadStartsOfNewcomers(t *testing.T) {
	d := practised(t, cards(1))
	d.answer("1", "cards")
	a, _ := d.enter(acd.Enqueue{Queue: "cards"})
	d.exactly(a, 100*time.Second)
	d.do(acd.Leave{Entry: a, Outcome: acd.OutcomeAbandoned})

	// One loss report in 200 s goes before everybody.
	d.after(100 * time.Second).do(acd.EndTalk{Agent: "1"})
	for range 20 {
		_, offer := d.enter(acd.Enqueue{Queue: "cards", HeadStart: 12 * time.Hour})
		d.do(acd.AcceptOffer{Offer: offer})
		d.after(100 * time.Second).do(acd.EndTalk{Agent: "1"})
		d.after(100 * time.Second)
	}
	d.answer("1", "cards")
	a, _ = d.enter(acd.Enqueue{Queue: "cards"})
	if e := d.waits(a); e.P50 < 100*time.Second || e.P50 > 200*time.Second || e.P90 < 200*time.Second || e.P90 > 500*time.Second {
		t.Errorf("with loss reports: got %v to %v, want about 100 s to 300 s", e.P50, e.P90)
	}
	b, _ := d.enter(acd.Enqueue{Queue: "cards", HeadStart: 12 * time.Hour})
	d.exactly(b, 100*time.Second) // no newcomer overtakes this one within the call
}

func TestStepsAndWishes(t *testing.T) {
	o := cards(2)
	o.Agents[0].Skills, o.Agents[1].Skills = map[string]int{"cards": 5}, map[string]int{"cards": 1}
	o.Queues[0].Requires = acd.RequireLevels(map[string]int{"cards": 5})
	o.Queues[0].Steps = []acd.Step{{After: 40 * time.Second}}
	d := practised(t, o)
	d.do(acd.SetReady{Agent: "2"})
	d.answer("1", "cards")
	a, _ := d.enter(acd.Enqueue{Queue: "cards"})
	d.exactly(a, 40*time.Second) // then the other one will do
	d.after(10 * time.Second)
	b, _ := d.enter(acd.Enqueue{Queue: "cards", Preferred: "1", PreferFor: time.Hour})
	d.exactly(b, 90*time.Second) // waits for this agent alone, whoever else is free
	d.exactly(a, 30*time.Second)
}

func TestReturnHome(t *testing.T) {
	o := cards(2)
	o.Agents[0].Queues, o.Agents[1].Queues = []string{"cards"}, []string{"loans"}
	o.Queues[0].Overflow = []acd.Overflow{{When: acd.OverWait, Wait: 20 * time.Second, To: "loans", Return: true}}
	o.Queues = append(o.Queues, acd.Queue{Name: "loans"})
	d := practised(t, o)
	d.answer("1", "cards")
	d.enter(acd.Enqueue{Queue: "cards"})
	var moved uint64
	for _, e := range d.after(20 * time.Second).do(acd.Tick{}) {
		if e, ok := e.(acd.Exited); ok {
			moved = e.Next
		}
	}
	d.exactly(moved, 80*time.Second) // nobody is there for loans, but the first agent comes back
}

// TestSound holds when an estimate is good enough to be told.
func TestSound(t *testing.T) {
	for _, c := range []struct {
		e    Estimate
		want bool
	}{
		{Estimate{time.Minute, 2 * time.Minute, fewSamples}, true},
		{Estimate{time.Minute, 2 * time.Minute, fewSamples - 1}, false},
		{Estimate{time.Minute, 4 * time.Minute, 100}, true},
		{Estimate{time.Minute, 4*time.Minute + 1, 100}, false},
		{Estimate{time.Second, 50 * time.Second, 100}, false}, // a short wait is over before it is told
		{Estimate{}, false},
	} {
		if got := c.e.Sound(); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.e, got, c.want)
		}
	}
	d := newDesk(t, cards(1))
	for range fewSamples - 1 {
		d.call("1", "cards", 100*time.Second)
	}
	d.answer("1", "cards")
	a, _ := d.enter(acd.Enqueue{Queue: "cards"})
	if e := d.waits(a); e.Sound() {
		t.Errorf("after %d calls %+v is told", e.Samples, e)
	}
	d.after(100 * time.Second).do(acd.EndTalk{Agent: "1"})
	if e := d.h.Forecast(d.r.View()).Queue("cards"); !e.Sound() || e.Samples != fewSamples {
		t.Errorf("after %d calls %+v is not told", fewSamples, e)
	}
}

// TestSameAgain holds that a forecast depends on the view and the history alone,
// and changes neither.
func TestSameAgain(t *testing.T) {
	d := newDesk(t, cards(3))
	for i := range 60 {
		d.call("1", "cards", time.Duration(40+i*7%90)*time.Second)
	}
	for range 3 {
		d.enter(acd.Enqueue{Queue: "cards"})
	}
	for i := range 20 {
		d.enter(acd.Enqueue{Queue: "cards", HeadStart: time.Duration(i%2) * time.Minute})
	}
	view := d.r.View()
	first := d.h.Forecast(view)
	if again := d.h.Forecast(view); !reflect.DeepEqual(again, first) {
		t.Errorf("another forecast: %+v, %+v", first, again)
	}
	copied := d.h.Clone()
	if again := copied.Forecast(d.r.View()); !reflect.DeepEqual(again, first) {
		t.Errorf("the copy foresees %+v instead of %+v", again, first)
	}
	for range 2 * memory { // the copy goes its own way
		copied.Observe(d.now, acd.AgentChanged{Agent: "9", From: acd.AgentOffered, To: acd.AgentTalking, Queue: "cards"})
		copied.Observe(d.now+time.Hour, acd.AgentChanged{Agent: "9", From: acd.AgentTalking, To: acd.AgentReady, Queue: "cards"})
		copied.Observe(d.now, acd.Entered{Entry: 1, Queue: "cards", HeadStart: time.Hour})
		copied.Observe(d.now, acd.Exited{Entry: 1, Queue: "cards", Outcome: acd.OutcomeAbandoned, Waited: time.Second})
		copied.Observe(d.now, acd.OfferEnded{Queue: "cards", Result: acd.OfferAccepted, Rang: time.Minute})
	}
	if again := d.h.Forecast(view); !reflect.DeepEqual(again, first) {
		t.Error("what the copy learnt changed the original")
	}
	if other := copied.Forecast(view); reflect.DeepEqual(other, first) {
		t.Error("the copy has learnt nothing")
	}
}
