package sim

import (
	"fmt"
	"math"
	"time"

	"cardline/acd"
)

// typicalDay is the share of a typical day's callers in each half hour from
// 08:00 to 22:00, in proportion: a steep morning, a dent at noon, a lower
// afternoon and a thin evening.
var typicalDay = []float64{
	60, 90, 125, 145, 150, 145, 135, 118, 95, 90, 98, 110, 122, 128,
	130, 126, 118, 104, 90, 78, 70, 64, 58, 52, 44, 36, 28, 20,
}

// Typical returns the hotline of a card issuer on a working day, in any size:
// six queues, eight groups of agents with different skills in three shifts, of
// whom one in five has the day off, and a profile with two peaks. The agents
// are as many as given; the mean of the callers is that of callsPerDay.
func Typical(callsPerDay, agents int) (acd.Options, Scenario) {
	timed := func(d time.Duration) acd.WrapUp { return acd.WrapUp{Policy: acd.WrapUpTimed, For: d} }
	require := acd.RequireLevels
	o := acd.Options{Queues: []acd.Queue{
		{Name: "cards", Requires: require(map[string]int{"mandarin": 3, "cards": 3}), WrapUp: timed(20 * time.Second), OfferAgain: true},
		{Name: "loss", Requires: require(map[string]int{"mandarin": 3, "cards": 2}), WrapUp: timed(10 * time.Second), OfferAgain: true},
		{Name: "instalments", Requires: require(map[string]int{"mandarin": 3, "loans": 3}), WrapUp: timed(30 * time.Second), OfferAgain: true},
		{Name: "vip", Requires: require(map[string]int{"mandarin": 5, "cards": 6}), WrapUp: timed(30 * time.Second), OfferAgain: true},
		{Name: "complaints", Requires: require(map[string]int{"mandarin": 5, "complaints": 3}), WrapUp: timed(time.Minute), OfferAgain: true},
		{Name: "english", Requires: require(map[string]int{"english": 3, "cards": 2}), WrapUp: timed(25 * time.Second), OfferAgain: true},
	}}
	s := Scenario{
		Name: fmt.Sprintf("a typical day of %d calls and %d agents", callsPerDay, agents), Seed: 1,
		Begin: 8 * time.Hour, Length: 14 * time.Hour, Answer: Between(time.Second, 4*time.Second),
		Ignore: 0.002, Return: time.Minute, Absent: 0.2,
	}
	for _, c := range []struct {
		queue, class string
		headStart    time.Duration
		share        float64
		talk         Times
		patience     time.Duration
	}{
		{"cards", "normal", 0, 0.62, Lognormal(210*time.Second, 0.8), 4 * time.Minute},
		{"cards", "elderly", time.Minute, 0.05, Lognormal(290*time.Second, 0.8), 8 * time.Minute},
		{"loss", "loss", 24 * time.Hour, 0.03, Lognormal(150*time.Second, 0.6), 6 * time.Minute},
		{"instalments", "normal", 0, 0.14, Lognormal(260*time.Second, 0.9), 4 * time.Minute},
		{"vip", "platinum", 2 * time.Minute, 0.07, Lognormal(240*time.Second, 0.8), 3 * time.Minute},
		{"complaints", "normal", 0, 0.05, Lognormal(420*time.Second, 0.9), 10 * time.Minute},
		{"english", "normal", 0, 0.04, Lognormal(250*time.Second, 0.8), 5 * time.Minute},
	} {
		s.Callers = append(s.Callers, Callers{
			Queue: c.queue, Class: c.class, HeadStart: c.headStart, PerHour: spread(float64(callsPerDay) * c.share),
			Talk: c.talk, Patience: Exponential(c.patience),
		})
	}
	staffTypical(agents, &o, &s)
	return o, s
}

// spread distributes a day's calls over its half hours, as rates per hour.
func spread(calls float64) []float64 {
	sum := 0.0
	for _, w := range typicalDay {
		sum += w
	}
	rates := make([]float64, len(typicalDay))
	for i, w := range typicalDay {
		rates[i] = calls * w / sum * float64(time.Hour/HalfHour)
	}
	return rates
}

// staffTypical hires the agents of a typical day. Every group has somebody in
// every shift.
func staffTypical(agents int, o *acd.Options, s *Scenario) {
	at := func(hour, minute int) time.Duration {
		return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	}
	shifts := []Shift{
		{From: at(8, 0), To: at(16, 30), Breaks: []Break{{At: at(11, 0), For: 45 * time.Minute, Over: 2 * time.Hour}}},
		{From: at(9, 30), To: at(18, 0), Breaks: []Break{{At: at(12, 30), For: 45 * time.Minute, Over: 2 * time.Hour}}},
		{From: at(13, 30), To: at(22, 0), Breaks: []Break{{At: at(16, 30), For: 45 * time.Minute, Over: 3 * time.Hour}}},
	}
	weight := []float64{0.42, 0.26, 0.32} // of the shifts
	groups := []struct {
		name   string
		share  float64
		skills map[string]int
	}{
		{"cards", 0.44, map[string]int{"mandarin": 9, "cards": 4}},
		{"cards-loans", 0.14, map[string]int{"mandarin": 9, "cards": 5, "loans": 4}},
		{"loans", 0.10, map[string]int{"mandarin": 9, "loans": 6}},
		{"seniors", 0.12, map[string]int{"mandarin": 10, "cards": 8}},
		{"seniors-complaints", 0.06, map[string]int{"mandarin": 10, "cards": 7, "complaints": 4}},
		{"complaints", 0.06, map[string]int{"mandarin": 10, "complaints": 8}},
		{"international", 0.06, map[string]int{"mandarin": 6, "cards": 4, "english": 8}},
		{"beginners", 0.02, map[string]int{"mandarin": 9, "cards": 3}},
	}
	// Each agent goes where most are missing, so that the sum is exact.
	have := make([]float64, len(groups)*len(shifts))
	for n := range agents {
		best := 0
		for i := range have {
			want := func(i int) float64 { return groups[i/len(shifts)].share*weight[i%len(shifts)]*float64(n+1) - have[i] }
			if want(i) > want(best)+1e-9 {
				best = i
			}
		}
		have[best]++
		g, shift := groups[best/len(shifts)], &shifts[best%len(shifts)]
		id := fmt.Sprintf("%0*d", 1+int(math.Log10(float64(max(1, agents)))), n+1)
		o.Agents = append(o.Agents, acd.Agent{ID: id, Group: g.name, Skills: g.skills})
		shift.Agents = append(shift.Agents, id)
	}
	s.Shifts = shifts
}
