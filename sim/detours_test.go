package sim

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"cardline/acd"
	"cardline/calendar"
	"cardline/ledger"
)

// daily returns a calendar with the same hours every day.
func daily(t *testing.T, text string) *calendar.Calendar {
	t.Helper()
	span, err := calendar.ParseSpan(text)
	if err != nil {
		t.Fatal(err)
	}
	o := calendar.Options{Zone: time.UTC}
	for day := range o.Weekly {
		o.Weekly[day] = []calendar.Span{span}
	}
	c, err := calendar.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// hourly returns a caller in the second half of each hour of a day, who talks
// for a minute.
func hourly() (list []Caller) {
	for i := range 24 {
		list = append(list, Caller{At: time.Duration(i)*hour + HalfHour + time.Minute, Queue: "q", Talk: time.Minute})
	}
	return list
}

func oneAgent() acd.Options {
	return acd.Options{Queues: []acd.Queue{{Name: "q"}}, Agents: []acd.Agent{{ID: "1"}}}
}

// seen is an estimator that keeps what is told to it, by the effect.
type seen struct {
	told func(now acd.Time, e acd.Effect)
}

func (s seen) Saw(now acd.Time, _ acd.Command, effects []acd.Effect) {
	for _, e := range effects {
		s.told(now, e)
	}
}

func (seen) Estimate(acd.Time, uint64) (p50, p90 time.Duration, ok bool) { return 0, 0, false }

// watched runs a scenario, one day after another, and lets a test see every
// effect.
func watched(t *testing.T, o acd.Options, s Scenario, told func(acd.Time, acd.Effect)) *Result {
	t.Helper()
	return mustRun(t, o, s, Options{Workers: 1, Estimator: func(*acd.Router) Estimator { return seen{told} }})
}

// TestClosedHalfTheDay turns away all who come while the doors are closed, and
// nobody else.
func TestClosedHalfTheDay(t *testing.T) {
	s := Scenario{Length: 24 * hour, Replay: hourly(), Hours: map[string]Hours{"q": {Doors: daily(t, "06:00-18:00")}}}
	r := mustRun(t, oneAgent(), s, Options{})
	if r.All.Entries != 12 || r.All.Answered != 12 || r.All.TurnedAway != 12 || r.All.Estimates[PClosed].Value != 0.5 {
		t.Errorf("of 24 callers, got %+v", r.All)
	}
	if r.All.Estimates[ServiceLevelOffered].Value != 1 || r.All.Left != 0 {
		t.Errorf("who was turned away counts among the served: %+v", r.All)
	}
	for _, f := range r.Intervals {
		open, q := f.At >= 6*hour && f.At < 18*hour, f.Queues[0]
		odd := f.At%hour != 0
		if (q.TurnedAway == 1) != (odd && !open) || (q.Entries == 1) != (odd && open) {
			t.Errorf("%s: %v turned away, %v taken in", clock(f.At), q.TurnedAway, q.Entries)
		}
	}
	s.Replay = nil
	s.Callers = []Callers{{Queue: "q", PerHour: []float64{100}, Talk: Fixed(time.Second)}}
	r = mustRun(t, oneAgent(), s, Options{Replications: 5})
	if e := r.All.Estimates[PClosed]; !e.Contains(0.5) || math.Abs(e.Value-0.5) > 0.02 || r.All.Unserved > 0 {
		t.Errorf("of callers at any time, %+v met closed doors", e)
	}
}

// TestHolidays keeps the days of a calendar apart.
func TestHolidays(t *testing.T) {
	o := calendar.Options{Zone: time.UTC, Holidays: []calendar.Holidays{{
		Name: "a feast", From: calendar.Date{Year: 2026, Month: 10, Day: 1}, To: calendar.Date{Year: 2026, Month: 10, Day: 2},
	}}}
	for day := range o.Weekly {
		o.Weekly[day] = []calendar.Span{{To: 24 * time.Hour}}
	}
	c, err := calendar.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := Scenario{
		Length: 24 * hour, Days: 4, Date: time.Date(2026, 9, 30, 0, 0, 0, 0, time.UTC), Hours: map[string]Hours{"q": {Doors: c}},
	}
	for day := range 4 {
		for _, c := range hourly() {
			c.At += time.Duration(day) * 24 * hour
			s.Replay = append(s.Replay, c)
		}
	}
	modes := map[ledger.Mode]int{}
	r := watched(t, oneAgent(), s, func(_ acd.Time, e acd.Effect) {
		if m, ok := e.(acd.ModeChanged); ok {
			modes[m.To]++
		}
	})
	if r.All.TurnedAway != 48 || r.All.Answered != 48 || modes[ledger.ModeHoliday] == 0 || modes[ledger.ModeClosed] > 0 {
		t.Errorf("two days of four: %d turned away, %d answered, modes %v", r.All.TurnedAway, r.All.Answered, modes)
	}
}

// TestClosingTime moves those who wait when the doors close, by the rule for
// that, and those who come later.
func TestClosingTime(t *testing.T) {
	o := oneAgent()
	o.Queues[0].Overflow = []acd.Overflow{{When: acd.OnClosing, To: "night"}}
	o.Queues = append(o.Queues, acd.Queue{Name: "night"})
	o.Agents[0].Queues = []string{"q"}
	o.Agents = append(o.Agents, acd.Agent{ID: "2", Queues: []string{"night"}})
	at := func(m int) time.Duration { return 8*hour + time.Duration(m)*time.Minute }
	s := Scenario{
		Begin: 8 * hour, Length: hour, Answer: Fixed(0), Hours: map[string]Hours{"q": {Doors: daily(t, "08:00-08:30")}},
		Replay: []Caller{
			{At: at(0), Queue: "q", Talk: 40 * time.Minute},
			{At: at(10), Queue: "q", Talk: time.Minute}, // waits until half past
			{At: at(45), Queue: "q", Talk: time.Minute},
		},
	}
	r := mustRun(t, o, s, Options{})
	q, night := r.Queues[0], r.Queues[1]
	if q.Answered != 1 || q.Left != 2 || night.Answered != 2 || r.All.TurnedAway != 0 || q.Longest != 20*time.Minute {
		t.Errorf("got %+v and %+v", q.Figures, night.Figures)
	}
}

// TestRedialsAreGeometric lets callers without patience try again and again: of
// all who have called k times, the share p calls once more.
func TestRedialsAreGeometric(t *testing.T) {
	const p = 0.6
	o := oneAgent()
	o.Queues[0].Requires = acd.RequireLevels(map[string]int{"what nobody knows": 1})
	s := Scenario{
		Seed: 3, Length: 10 * hour, Redials: Redials{Share: p, After: Fixed(time.Minute)},
		Callers: []Callers{{Queue: "q", PerHour: []float64{2000}, Talk: Fixed(time.Second), Patience: Fixed(0)}},
	}
	calls, tries := map[string]int{}, map[int]float64{}
	r := mustRun(t, o, s, Options{Record: func(_ acd.Time, c acd.Command) error {
		if e, ok := c.(acd.Enqueue); ok {
			calls[e.Caller]++
			tries[calls[e.Caller]]++
		}
		return nil
	}})
	if got := r.All.Entries - r.All.Redials; got != int64(len(calls)) || r.All.Abandoned != r.All.Entries {
		t.Errorf("%d callers, %d first calls: %+v", len(calls), got, r.All)
	}
	for k := 1; k <= 6; k++ {
		sd := math.Sqrt(p * (1 - p) / tries[k])
		if got := tries[k+1] / tries[k]; math.Abs(got-p) > 4*sd {
			t.Errorf("after call %d, %.4f call again, want %v ± %.4f", k, got, p, 4*sd)
		}
	}
	if e := r.All.Estimates[PRedial]; math.Abs(e.Value-p) > 0.01 {
		t.Errorf("the share of redials is %v, want %v", e.Value, p)
	}
	if s.Redials.Share = 0; mustRun(t, o, s, Options{}).All.Entries != int64(len(calls)) {
		t.Error("callers who do not call again are other callers")
	}
}

// TestRedialRegainsThePlace holds that a caller who is cut off and calls again
// in time goes before one who came later, and behind that one otherwise.
func TestRedialRegainsThePlace(t *testing.T) {
	for regain, want := range map[time.Duration]uint64{10 * time.Minute: 4, 0: 3} {
		o := oneAgent()
		o.Queues[0].Regain = regain
		at := func(s int) time.Duration { return 8*hour + time.Duration(s)*time.Second }
		s := Scenario{
			Seed: 1, Begin: 8 * hour, Length: hour, Answer: Fixed(0), Redials: Redials{Share: 0.999, After: Fixed(time.Minute)},
			Replay: []Caller{
				{At: at(0), Queue: "q", Talk: 160 * time.Second},
				{At: at(10), Queue: "q", Talk: time.Second, Patience: time.Minute}, // gives up at 70, again at 130
				{At: at(20), Queue: "q", Talk: time.Second},
			},
		}
		var offered []uint64 // entries; the fourth is that of the second caller
		r := watched(t, o, s, func(_ acd.Time, e acd.Effect) {
			if made, ok := e.(acd.OfferMade); ok {
				offered = append(offered, made.Entry)
			}
		})
		if offered[1] != want || r.All.Redials != 1 || r.All.Regained != int64(b2i(regain > 0)) || r.All.Answered != 3 {
			t.Errorf("regain %s: offered %v, want %d after the first; %+v", regain, offered, want, r.All)
		}
	}
}

// TestRedialAtClosedDoors gives nobody a place back who finds the doors closed.
func TestRedialAtClosedDoors(t *testing.T) {
	o := oneAgent()
	o.Queues[0].Regain = 10 * time.Minute
	before := func(s int) time.Duration { return 9*hour - time.Duration(s)*time.Second }
	s := Scenario{
		Seed: 1, Begin: 8 * hour, Length: 2 * hour, Answer: Fixed(0), Redials: Redials{Share: 0.999, After: Fixed(time.Minute)},
		Hours: map[string]Hours{"q": {Doors: daily(t, "08:00-09:00")}},
		Replay: []Caller{
			{At: before(90), Queue: "q", Talk: 5 * time.Minute},
			{At: before(80), Queue: "q", Talk: time.Second, Patience: time.Minute}, // again at 40 s past closing
		},
	}
	r := mustRun(t, o, s, Options{})
	if r.All.Redials != 1 || r.All.TurnedAway != 1 || r.All.Regained != 0 {
		t.Errorf("%d called again, %d met closed doors, %d got their place back; want 1, 1 and 0", r.All.Redials, r.All.TurnedAway, r.All.Regained)
	}
}

// queued returns n callers who come every 10 s to one agent and talk for a
// minute.
func queued(n int) (list []Caller) {
	for i := range n {
		list = append(list, Caller{At: 8*hour + time.Duration(i)*10*time.Second, Queue: "q", Talk: time.Minute})
	}
	return list
}

// callThemBack lets the queued ask after 20 s, answer when they are called, and
// returns who talked when.
func callThemBack(t *testing.T, first acd.CallbackFirst, share float64) (talks []string, r *Result) {
	t.Helper()
	o := oneAgent()
	o.Queues[0].Callback = acd.Callback{First: first}
	s := Scenario{
		Seed: 2, Begin: 8 * hour, Length: hour, Answer: Fixed(0), Replay: queued(30),
		Callbacks: Callbacks{Share: share, After: Fixed(20 * time.Second), Reached: 1, PickUp: Fixed(0)},
	}
	dialled := map[string]acd.Time{}
	r = watched(t, o, s, func(now acd.Time, e acd.Effect) {
		switch e := e.(type) {
		case acd.CallbackDue:
			dialled[e.Call] = now
		case acd.Exited:
			if e.Outcome != acd.OutcomeAnswered {
				return
			}
			talks = append(talks, fmt.Sprint(now, " first come at ", now-e.Total))
			if at := dialled[e.Call]; e.Via == ledger.ViaCallback && (at == 0 || now-at > time.Minute) {
				t.Errorf("%s first, %v ask: called at %s, talks at %s: others went before", first, share, at, now)
			}
			delete(dialled, e.Call)
		default:
		}
	})
	c := r.All.Callbacks
	if c.Asked < 5*int64(math.Ceil(share)) || c.Reached != c.Asked || c.Failed != 0 || r.All.Answered+c.Asked != 30 || r.Groups[0].Calls != 30 {
		t.Errorf("%s first, %v ask: %+v", first, share, r.All)
	}
	return talks, r
}

// TestCallbacksKeepThePlace holds that callers who are called back talk at the
// very times at which they would have, had they waited, if an agent waits for
// them. If not, an agent may be gone when they answer, to somebody on the line;
// they get the next one.
func TestCallbacksKeepThePlace(t *testing.T) {
	want, _ := callThemBack(t, acd.AgentFirst, 0)
	if len(want) != 30 {
		t.Fatalf("without callbacks: %v", want)
	}
	for _, share := range []float64{0.5, 1} {
		if talks, _ := callThemBack(t, acd.AgentFirst, share); !slices.Equal(talks, want) {
			t.Errorf("%v ask: got\n%v\nwant\n%v", share, talks, want)
		}
		if talks, _ := callThemBack(t, acd.CallerFirst, share); len(talks) != 30 {
			t.Errorf("%v ask: got\n%v", share, talks)
		}
	}
	_, r := callThemBack(t, acd.AgentFirst, 1)
	wait := 0.0
	for i := 1; i < 30; i++ {
		wait += float64(50 * i) // each waits 50 s longer than the one before
	}
	if got := r.All.Estimates[CallbackWait].Value; math.Abs(got-wait/29) > 1e-9 || r.All.Longest != 20*time.Second || r.All.Callbacks.Asked != 29 {
		t.Errorf("called back after %v s in the mean, want %v; %+v", got, wait/29, r.All)
	}
}

// TestCallbacksInVain calls those who never answer as often as the queue says,
// with gaps between.
func TestCallbacksInVain(t *testing.T) {
	for _, first := range []acd.CallbackFirst{acd.CallerFirst, acd.AgentFirst} {
		o := oneAgent()
		o.Queues[0].Callback = acd.Callback{First: first, Attempts: 4, Gap: 5 * time.Minute, Ring: 25 * time.Second}
		s := Scenario{
			Begin: 8 * hour, Length: hour, Answer: Fixed(time.Second), Replay: queued(6),
			Callbacks: Callbacks{Share: 1, After: Fixed(5 * time.Second), PickUp: Fixed(0)},
		}
		last, dials := map[string]acd.Time{}, 0
		r := watched(t, o, s, func(now acd.Time, e acd.Effect) {
			if due, ok := e.(acd.CallbackDue); ok {
				if before := last[due.Call]; before > 0 && now-before < 5*time.Minute+25*time.Second {
					t.Errorf("%s first: %s is called at %s and at %s", first, due.Call, before, now)
				}
				last[due.Call] = now
				dials++
			}
		})
		if c := r.All.Callbacks; c.Asked != 5 || c.Failed != 5 || c.Reached != 0 || dials != 20 || r.All.Estimates[CallbackReached].Value != 0 {
			t.Errorf("%s first: %+v after %d calls", first, c, dials)
		}
	}
}

// TestCallbackRates holds the share of callbacks that come to a talk against
// the chance that one of three attempts is answered, and a phone that is taken
// up too late against none.
func TestCallbackRates(t *testing.T) {
	o := acd.Options{Queues: []acd.Queue{{Name: "q", Callback: acd.Callback{First: acd.CallerFirst, Attempts: 3, Gap: time.Minute, Ring: 20 * time.Second}}}}
	for i := range 4 {
		o.Agents = append(o.Agents, acd.Agent{ID: fmt.Sprint(i)})
	}
	s := Scenario{
		Seed: 6, Length: 20 * hour, Answer: Fixed(0),
		Callers:   []Callers{{Queue: "q", PerHour: []float64{100}, Talk: Exponential(2 * time.Minute)}},
		Callbacks: Callbacks{Share: 0.5, After: Fixed(10 * time.Second), Reached: 0.5, PickUp: Between(2*time.Second, 15*time.Second)},
	}
	r := mustRun(t, o, s, Options{Replications: 10})
	c := r.All.Callbacks
	want := 1 - 0.5*0.5*0.5
	if e := r.All.Estimates[CallbackReached]; math.Abs(e.Value-want) > 0.03 || c.Asked < 500 || c.Asked != c.Reached+c.Failed {
		t.Errorf("%+v: %+v are reached, want %v", c, e, want)
	}
	s.Callbacks.PickUp = Fixed(21 * time.Second)
	if c := mustRun(t, o, s, Options{}).All.Callbacks; c.Reached != 0 || c.Asked == 0 {
		t.Errorf("too late: %+v", c)
	}
	s.Callbacks.PerDay = 3
	if c := mustRun(t, o, s, Options{Replications: 2}).All.Callbacks; c.Asked != 6 {
		t.Errorf("three a day, on two days: %+v", c)
	}
}

// TestCallbackHours calls back in the hours for that alone, and leaves what
// nobody is there for.
func TestCallbackHours(t *testing.T) {
	o := oneAgent()
	o.Queues[0].Callback = acd.Callback{First: acd.CallerFirst}
	s := Scenario{
		Begin: 8 * hour, Length: 2 * hour, Answer: Fixed(0), Replay: queued(3),
		Hours:     map[string]Hours{"q": {Doors: daily(t, "08:00-12:00"), Callbacks: daily(t, "09:00-10:00")}},
		Callbacks: Callbacks{Share: 1, After: Fixed(5 * time.Second), Reached: 1, PickUp: Fixed(0)},
	}
	var dials []acd.Time
	r := watched(t, o, s, func(now acd.Time, e acd.Effect) {
		if _, ok := e.(acd.CallbackDue); ok {
			dials = append(dials, now)
		}
	})
	if want := []acd.Time{9 * hour, 9*hour + time.Minute}; !slices.Equal(dials, want) || r.All.Callbacks.Reached != 2 {
		t.Errorf("called at %v, want %v; %+v", dials, want, r.All.Callbacks)
	}
	s.Shifts = []Shift{{Agents: []string{"1"}, From: 7 * hour, To: 8*hour + HalfHour}}
	if r := mustRun(t, o, s, Options{}); r.All.Callbacks != (CallbackCount{Asked: 2}) || r.All.Unserved != 0 {
		t.Errorf("when nobody is there any more: %+v", r.All)
	}
}

// TestSites holds that callers are taken at their own site first.
func TestSites(t *testing.T) {
	o := acd.Options{
		Queues: []acd.Queue{{Name: "q", SameSiteFirst: true}},
		Agents: []acd.Agent{{ID: "1", Site: "east"}, {ID: "2", Site: "west"}},
	}
	s := Scenario{Begin: 8 * hour, Length: hour, Answer: Fixed(0)}
	for i := range 20 {
		s.Replay = append(s.Replay, Caller{At: 8*hour + time.Duration(i)*time.Minute, Queue: "q", Talk: time.Second, Site: "west"})
	}
	if r := mustRun(t, o, s, Options{}); r.All.Estimates[PSameSite].Value != 1 {
		t.Errorf("got %+v", r.All.Estimates[PSameSite])
	}
	o.Queues[0].SameSiteFirst = false
	if r := mustRun(t, o, s, Options{}); r.All.Estimates[PSameSite].Value != 0.5 { // in turn
		t.Errorf("anywhere: got %+v", r.All.Estimates[PSameSite])
	}
	s.Replay[3].Site = "north"
	if _, err := New(o, s, Options{}); err == nil || !strings.Contains(err.Error(), `"north"`) {
		t.Errorf("a site where nobody is: got %v", err)
	}
}

// detours is a busy day with everything at once.
func detours(t *testing.T) (acd.Options, Scenario) {
	o, s := busyDay()
	s.Hours = map[string]Hours{}
	for i := range o.Queues {
		q := &o.Queues[i]
		q.Regain = 10 * time.Minute
		q.Callback = acd.Callback{First: []acd.CallbackFirst{acd.CallerFirst, acd.AgentFirst}[i%2], Gap: 2 * time.Minute}
		q.Overflow = []acd.Overflow{{When: acd.OverWait, Wait: 5 * time.Minute}}
		if i%2 == 0 {
			s.Hours[q.Name] = Hours{Doors: daily(t, "08:30-11:30"), Callbacks: daily(t, "09:00-11:00")}
		}
	}
	for i := range s.Callers {
		for j := range s.Callers[i].PerHour {
			s.Callers[i].PerHour[j] *= 1.5
		}
	}
	s.Callbacks, s.Redials = UsualCallbacks(0.4), UsualRedials(0.5)
	return o, s
}

// TestLeftIsThatOfSL6 computes SL-6 from the numbers that stand beside it.
func TestLeftIsThatOfSL6(t *testing.T) {
	o, s := detours(t)
	for i := range o.Queues {
		o.Queues[i].Overflow = []acd.Overflow{{When: acd.OverWait, Wait: 2 * time.Minute}}
	}
	r := mustRun(t, o, s, Options{})
	asked := 0.0
	for _, f := range r.Intervals {
		q := f.Queues[len(f.Queues)-1]
		want := q.InTime / (q.Answered + q.Abandoned - q.Short + q.Left)
		if got := q.Levels[string(SL6)]; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: SL-6 is %v, by the numbers %v", clock(f.At), got, want)
		}
		asked += q.Asked
	}
	if asked == 0 || r.All.Left == 0 {
		t.Errorf("%v asked to be called back, %d left; nothing is tested", asked, r.All.Left)
	}
}

// TestNobodyIsLostOnDetours counts everybody once, on paper of every kind, and
// again with several workers.
func TestNobodyIsLostOnDetours(t *testing.T) {
	o, s := detours(t)
	r := mustRun(t, o, s, Options{Replications: 4, Workers: 1})
	a, c := r.All, r.All.Callbacks
	if a.Entries != a.Answered+a.Abandoned+a.Left+c.Asked+a.Unserved || c.Asked < c.Reached+c.Failed {
		t.Errorf("%+v", a)
	}
	for name, n := range map[string]int64{
		"turned away": a.TurnedAway, "redials": a.Redials, "regained": a.Regained, "asked": c.Asked, "reached": c.Reached, "failed": c.Failed,
	} {
		if n < 10 {
			t.Errorf("%s: %d, too few to tell anything", name, n)
		}
	}
	var text, table bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"turned away", "called again", "asked to be called back", "met closed doors", "mean time until called back"} {
		if !strings.Contains(text.String(), words) {
			t.Errorf("no %q in\n%s", words, &text)
		}
	}
	if err := r.WriteCSV(&table); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string]int64{
		"turned_away": a.TurnedAway, "redials": a.Redials, "callbacks_asked": c.Asked, "callbacks_reached": c.Reached, "callbacks_failed": c.Failed,
	} {
		at, sum := slices.Index(rows[0], column), 0.0
		for _, row := range rows[1:] {
			if v := 0.0; row[1] == "all" {
				if _, err := fmt.Sscan(row[at], &v); err != nil {
					t.Fatal(err)
				}
				sum += 4 * v
			}
		}
		if math.Abs(sum-float64(want)) > 0.01 {
			t.Errorf("%s: the half hours have %v, the day %d", column, sum, want)
		}
	}
	one := jsonOf(t, r)
	if !strings.Contains(one, `"turned_away": `+fmt.Sprint(a.TurnedAway)) || !strings.Contains(one, `"p_closed_ci"`) {
		t.Errorf("got\n%s", one)
	}
	if jsonOf(t, mustRun(t, o, s, Options{Replications: 4, Workers: 4})) != one {
		t.Error("four workers found something else")
	}
}

func TestDetoursRefused(t *testing.T) {
	for want, spoil := range map[string]func(*Scenario){
		`hours: unknown queue "p"`:                             func(s *Scenario) { s.Hours = map[string]Hours{"p": {}} },
		"redials.share: is 1":                                  func(s *Scenario) { s.Redials.Share = 1 },
		"redials.after: is endless":                            func(s *Scenario) { s.Redials.After = Forever() },
		"callbacks.share: is -1":                               func(s *Scenario) { s.Callbacks.Share = -1 },
		"callbacks.reached: is 2":                              func(s *Scenario) { s.Callbacks.Reached = 2 },
		"callbacks.per_day: is -3":                             func(s *Scenario) { s.Callbacks.PerDay = -3 },
		"callers[0].site: no agent is at \"nowhere\"":          func(s *Scenario) { s.Callers[0].Site = "nowhere" },
		"calls: goes with queues that are always open; give a": func(s *Scenario) { s.Hours, s.Calls, s.Length = map[string]Hours{"q": {}}, 5, 0 },
	} {
		s := Scenario{Length: hour, Callers: []Callers{{Queue: "q", PerHour: []float64{1}, Talk: Fixed(time.Second)}}}
		if err := s.Check(oneAgent()); err != nil {
			t.Fatal(err)
		}
		spoil(&s)
		if err := s.Check(oneAgent()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
