package sim

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cardline/acd"
)

// morning is two queues alike, and their callers.
func morning() (acd.Options, Scenario) {
	o := acd.Options{Queues: []acd.Queue{
		{Name: "cards", Requires: acd.RequireLevels(map[string]int{"cards": 1})},
		{Name: "loans", Requires: acd.RequireLevels(map[string]int{"loans": 1})},
	}}
	s := Scenario{Seed: 5, Begin: 8 * hour, Length: 3 * HalfHour, Answer: Fixed(time.Second)}
	for _, q := range o.Queues {
		s.Callers = append(s.Callers, Callers{
			Queue: q.Name, PerHour: []float64{100, 200, 100}, Talk: Exponential(3 * time.Minute), Patience: Exponential(5 * time.Minute),
		})
	}
	return o, s
}

// TestHallOfGeneralists needs as many agents as one queue of all callers would,
// which is fewer than two queues need.
func TestHallOfGeneralists(t *testing.T) {
	o, s := morning()
	o.Agents = []acd.Agent{{ID: "1", Group: "all", Skills: map[string]int{"cards": 5, "loans": 5}}}
	target := Target{Level: 0.8}
	changes := []Change{{Name: "more", Arrivals: 1.2, Handling: 1}}
	h, err := MakeHall(t.Context(), o, s, target, changes, Options{Replications: 15})
	if err != nil {
		t.Fatal(err)
	}
	for i := range h.Rows {
		r := &h.Rows[i]
		for q, f := range r.Found {
			if target.miss(f.Level, f.ASA, f.Abandon) > target.allowed() {
				t.Errorf("%s: %s misses the target: %+v", clock(r.At), h.Queues[q], f)
			}
		}
	}
	if planned, alone, together := h.Hours(); planned >= alone-1 || planned < 0.9*together || planned > 1.1*together {
		t.Errorf("%v agent hours; each queue alone would need %v, both as one %v", planned, alone, together)
	}
	if c := h.Changes[0]; c.Needed <= c.Hours || c.Result.All.Estimates[ServiceLevelOffered].Value >= h.Whole.All.Estimates[ServiceLevelOffered].Value {
		t.Errorf("more callers need %v hours, %v are planned", c.Needed, c.Hours)
	}
	var text, object, table bytes.Buffer
	if h.WriteText(&text) != nil || h.WriteJSON(&object) != nil || h.WriteCSV(&table) != nil {
		t.Fatal("the plan cannot be written")
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 4 || rows[0][5] != "agents_all" || !json.Valid(object.Bytes()) || !strings.Contains(text.String(), "one hall for 80 %") {
		t.Errorf("%v\n%s\n%s\n%v", err, &text, &object, rows)
	}
}

// TestHallOfSpecialists needs for each queue what the queue alone needs.
func TestHallOfSpecialists(t *testing.T) {
	o, s := morning()
	o.Agents = []acd.Agent{
		{ID: "1", Group: "cards", Skills: map[string]int{"cards": 5}},
		{ID: "2", Group: "loans", Skills: map[string]int{"loans": 5}},
	}
	target, options := Target{ASA: 20 * time.Second}, Options{Replications: 15}
	h, err := MakeHall(t.Context(), o, s, target, nil, options)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := MakePlan(t.Context(), o, s, target, nil, options)
	if err != nil {
		t.Fatal(err)
	}
	if planned, _, _ := h.Hours(); planned < 0.9*alone.Hours() || planned > 1.05*alone.Hours() {
		t.Errorf("%v agent hours for the hall, %v for each queue alone", planned, alone.Hours())
	}
}

func TestHallRefuses(t *testing.T) {
	o, s := morning()
	o.Agents = []acd.Agent{{ID: "1", Skills: map[string]int{"cards": 5}}}
	if h, err := MakeHall(t.Context(), o, s, Target{Level: 0.8}, nil, Options{}); err == nil || !strings.Contains(err.Error(), `nobody can serve "loans"`) {
		t.Errorf("got %v, %v", h, err)
	}
	s.Callers = s.Callers[:1]
	s.Callers[0].PerHour = []float64{0}
	if h, err := MakeHall(t.Context(), o, s, Target{Level: 0.8}, nil, Options{}); err == nil || !strings.Contains(err.Error(), "nobody calls") {
		t.Errorf("got %v, %v", h, err)
	}
}

// TestHallIsNoLarger plans so few callers of so many queues that chance keeps
// half hours from the target, also by a queue from the half hour before. Agents
// are not added in vain: the hall needs fewer than each queue alone.
func TestHallIsNoLarger(t *testing.T) {
	o, s := Typical(1000, 60)
	s.Begin, s.Length, s.Absent, s.Seed = 15*hour, 3*hour, 0, 8
	for i := range s.Callers {
		s.Callers[i].PerHour = s.Callers[i].PerHour[14:20]
	}
	h, err := MakeHall(t.Context(), o, s, Target{Level: 0.8}, nil, Options{Replications: 3})
	if err != nil {
		t.Fatal(err)
	}
	if planned, alone, _ := h.Hours(); planned > alone {
		t.Errorf("%v agent hours for the hall, %v for each queue alone", planned, alone)
	}
}
