package sim

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"cardline/acd"
)

// TestPlan plans a morning for each kind of target, and looks whether it is
// reached, by how many agents, and what changes do to it.
func TestPlan(t *testing.T) {
	o := acd.Options{Queues: []acd.Queue{
		{Name: "cards", WrapUp: acd.WrapUp{Policy: acd.WrapUpTimed, For: 10 * time.Second}},
		{Name: "idle"},
	}}
	s := Scenario{
		Seed: 5, Begin: 8 * hour, Length: 4 * hour, Answer: Fixed(2 * time.Second),
		Callers: []Callers{
			{Queue: "cards", PerHour: []float64{100, 200, 300, 300, 0, 200, 100, 50}, Talk: Lognormal(200*time.Second, 0.8), Patience: Exponential(5 * time.Minute)},
			{Queue: "cards", PerHour: []float64{20}, Talk: Exponential(100 * time.Second), Patience: Exponential(5 * time.Minute)},
		},
	}
	changes := []Change{
		{Name: "more", Arrivals: 1.2, Handling: 1},
		{Name: "longer", Arrivals: 1, Handling: 1.2},
		{Name: "absent", Arrivals: 1, Handling: 1, Absent: 0.15},
		{Name: "same", Arrivals: 1, Handling: 1},
	}
	for _, target := range []Target{{Level: 0.8}, {ASA: 15 * time.Second}, {Abandon: 0.04}} {
		p, err := MakePlan(t.Context(), o, s, target, changes, Options{Replications: 8})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Rows) != 8 {
			t.Fatalf("%s: %d rows, want 8", target, len(p.Rows))
		}
		for _, r := range p.Rows {
			if r.Agents < r.Erlang || r.Erlang == 0 {
				t.Errorf("%s, %s: %d agents, %d by Erlang A", target, clock(r.At), r.Agents, r.Erlang)
			}
			if miss := target.miss(r.Theory.Level, r.Theory.ASA, r.Theory.Abandon); miss > 0 {
				t.Errorf("%s, %s: Erlang A misses it by %v", target, clock(r.At), miss)
			}
			if miss := target.miss(r.Found.Level, r.Found.ASA, r.Found.Abandon); miss > target.allowed() {
				t.Errorf("%s, %s: the simulation misses it by %v", target, clock(r.At), miss)
			}
		}
		for i, c := range p.Changes {
			worse := c.Result.All.Estimates[ServiceLevelOffered].Value < p.Whole.All.Estimates[ServiceLevelOffered].Value
			if i < 3 && (!worse || c.Needed <= p.Changes[3].Needed) {
				t.Errorf("%s, %s: worse %v, needs %v hours, %v as planned", target, c.Name, worse, c.Needed, p.Changes[3].Needed)
			}
			if i == 3 && jsonOf(t, c.Result) != jsonOf(t, p.Whole) {
				t.Errorf("%s: the unchanged world is another", target)
			}
		}
		var text, object, table bytes.Buffer
		if p.WriteText(&text) != nil || p.WriteJSON(&object) != nil || p.WriteCSV(&table) != nil {
			t.Fatal("the plan cannot be written")
		}
		rows, err := csv.NewReader(&table).ReadAll()
		if !strings.Contains(text.String(), "absent") || !json.Valid(object.Bytes()) || err != nil || len(rows) != 9 {
			t.Errorf("%v\n%s\n%s", err, &text, &object)
		}
	}
}

// TestPlanInVain plans for so few callers that some half hours miss the target,
// whoever is there: it marks them, and does not add agents for ever.
func TestPlanInVain(t *testing.T) {
	o := acd.Options{Queues: []acd.Queue{{Name: "q"}}, Agents: []acd.Agent{{ID: "1", Group: "all"}}}
	s := Scenario{
		Seed: 4, Begin: 8 * hour, Length: 4 * hour, Answer: Fixed(3 * time.Second),
		Callers: []Callers{{Queue: "q", PerHour: []float64{10}, Talk: Exponential(4 * time.Minute), Patience: Exponential(5 * time.Minute)}},
	}
	options := Options{Replications: 4}
	target := Target{Level: 0.98}
	p, err := MakePlan(t.Context(), o, s, target, nil, options)
	if err != nil {
		t.Fatal(err)
	}
	h, err := MakeHall(t.Context(), o, s, target, nil, options)
	if err != nil {
		t.Fatal(err)
	}
	missed := 0
	for i, r := range p.Rows {
		missed += b2i(r.Missed)
		if r.Missed != (target.miss(r.Found.Level, r.Found.ASA, r.Found.Abandon) > target.allowed()) || r.Missed && r.Agents > r.Erlang+1 {
			t.Errorf("%s: %d agents, %d by Erlang A, missed %v, %+v", clock(r.At), r.Agents, r.Erlang, r.Missed, r.Found)
		}
		if n := h.Rows[i].Total(); n > r.Erlang+5 {
			t.Errorf("%s: %d agents in the hall, %d by Erlang A", clock(r.At), n, r.Erlang)
		}
	}
	if missed == 0 || len(p.Missed()) != missed || !strings.HasPrefix(p.Missed()[0], "q at ") || len(h.Missed()) < missed {
		t.Errorf("%d half hours miss the target, %q, in a hall %q", missed, p.Missed(), h.Missed())
	}
	for _, plan := range []struct {
		writeText, writeCSV, writeJSON func(io.Writer) error
		text, csv, json                string
	}{
		{p.WriteText, p.WriteCSV, p.WriteJSON, "  missed\n", ",true\n", `"missed": true`},
		{h.WriteText, h.WriteCSV, h.WriteJSON, "       q\n", ",q\n", "\"missed\": [\n        \"q\"\n"},
	} {
		var text, table, object bytes.Buffer
		if err := errors.Join(plan.writeText(&text), plan.writeCSV(&table), plan.writeJSON(&object)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), plan.text) || !strings.Contains(table.String(), plan.csv) || !strings.Contains(object.String(), plan.json) {
			t.Errorf("the half hours are not marked:\n%s%s%s", &text, &table, &object)
		}
	}
}

// TestPlanOfReplay makes rates of callers who are known one by one.
func TestPlanOfReplay(t *testing.T) {
	s := Scenario{Seed: 1, Answer: Fixed(0), ReplayAs: Callers{Patience: Exponential(time.Minute)}}
	for i := range 240 {
		s.Replay = append(s.Replay, Caller{At: 9*hour + time.Duration(i)*15*time.Second, Queue: "q", Talk: time.Duration(60+i%60) * time.Second})
	}
	s.FitReplay()
	p, err := MakePlan(t.Context(), acd.Options{Queues: []acd.Queue{{Name: "q"}}}, s, Target{Level: 0.8}, nil, Options{Replications: 4})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Rows) != 2 || p.Rows[0].PerHour != 240 || p.Rows[0].Handling.Round(time.Second) != 90*time.Second || p.Rows[1].Agents < 5 {
		t.Errorf("got %+v", p.Rows)
	}
}

func TestPlanRefuses(t *testing.T) {
	o := acd.Options{Queues: []acd.Queue{{Name: "q"}}}
	s := Scenario{Length: hour, Answer: Fixed(30 * time.Second), Callers: []Callers{{Queue: "q", PerHour: []float64{10}, Talk: Fixed(time.Minute)}}}
	for _, c := range []struct {
		target Target
		want   string
	}{
		{Target{}, "expected one target"},
		{Target{Level: 0.8, ASA: time.Second}, "expected one target"},
		{Target{Level: 1.2}, "between 0 and 1"},
		{Target{Abandon: -1}, "between 0 and 1"},
		{Target{ASA: -time.Second}, "such as 30s"},
		{Target{Level: 0.8}, "ringing alone takes 30s, and the best is 0.00 %"},
		{Target{ASA: 20 * time.Second}, "ringing alone takes 30s, and the best is 30.0 s"},
	} {
		if p, err := MakePlan(t.Context(), o, s, c.target, nil, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, %v, want %q", c.target, p, err, c.want)
		}
	}
	s.Answer, s.Callers[0].Patience = Fixed(3*time.Second), Exponential(5*time.Minute)
	for target, reached := range map[Target]bool{{Abandon: 0.001}: false, {Abandon: 0.01}: true, {Level: 0.995}: false, {Level: 0.99}: true} {
		_, err := MakePlan(t.Context(), o, s, target, nil, Options{Replications: 1})
		if _, failed := MakeHall(t.Context(), oneAgent(), s, target, nil, Options{Replications: 1}); (err == nil) != reached || (failed == nil) != reached {
			t.Errorf("%s, of callers of whom 1 %% give up while it rings: got %v, in a hall %v", target, err, failed)
		}
	}
	s.Length, s.Calls = 0, 5
	if _, err := MakePlan(t.Context(), o, s, Target{Level: 0.8}, nil, Options{}); err == nil || !strings.Contains(err.Error(), "give a length") {
		t.Errorf("a number of calls: got %v", err)
	}
}
