package sim

import (
	"math"
	"time"

	"cardline/acd"
	"cardline/sim/erlang"
)

// A Result is what a simulation came to.
type Result struct {
	Name       string
	Seed       uint64
	Runs       int // days simulated, all replications together
	Confidence float64
	Threshold  time.Duration
	Short      time.Duration

	// All are the figures of the hotline as a whole.
	All    Figures
	Queues []QueueFigures
	Groups []GroupFigures
	// Intervals are the half hours of a mean day; there are none if the
	// simulation was by number of calls.
	Intervals []IntervalFigures
	Errors    *Errors // of the estimator, nil if there was none
	// Theory, if the one who asked has set it, is reported beside All.
	Theory *erlang.Figures

	units   []unit
	chained bool
	agents  int
}

// A Figure names a figure that is estimated.
type Figure string

// The figures, by their names in JSON. The service levels are those of the
// specification of metrics; SL-8 needs a now, and is among the intervals.
const (
	PWait                Figure = "p_wait"                 // share of entries that find no free agent
	PAbandon             Figure = "p_abandon"              // share of entries that give up
	ASA                  Figure = "asa_seconds"            // mean wait over all entries
	ASAAnswered          Figure = "asa_answered_seconds"   // mean wait over answered ones
	ServiceLevelAnswered Figure = "service_level_answered" // SL-1, A_T / A
	ServiceLevelOffered  Figure = "service_level_offered"  // A_T / entries
	Occupancy            Figure = "occupancy"              // share of present agents' time that is work
	SL2                  Figure = "sl_2"                   // (A_T + B_T) / (A + B)
	SL3                  Figure = "sl_3"                   // A_T / (A + B)
	SL4                  Figure = "sl_4"                   // A_T / (A + B - B_T)
	SL5                  Figure = "sl_5"                   // A_T / (A + B - B_s)
	SL6                  Figure = "sl_6"                   // A_T / (A + B - B_s + F)
	SL7                  Figure = "sl_7"                   // (A_T + B_T + C_T) / Q
	PClosed              Figure = "p_closed"               // share of arrivals who met closed doors
	PRedial              Figure = "p_redial"               // share of arrivals who had given up before
	PSameSite            Figure = "p_same_site"            // share of answered calls of a site that were taken there
	CallbackReached      Figure = "callback_reached"       // share of callbacks that came to a talk
	CallbackWait         Figure = "callback_wait_seconds"  // mean time from the first call to that talk
	JainCalls            Figure = "jain_calls"             // fairness of calls within a group
	JainOccupancy        Figure = "jain_occupancy"         // fairness of occupancy within a group
)

// measures says how each figure of callers is made. An entry is what a queue
// has taken in.
var measures = []struct {
	Figure
	scale scale
	of    func(*queueTally) sample
}{
	{PWait, share, func(t *queueTally) sample { return counts(t.taken()-t.atOnce, t.taken()) }},
	{PAbandon, share, func(t *queueTally) sample { return counts(t.abandoned, t.taken()) }},
	{ASA, size, func(t *queueTally) sample { return sample{t.waited, float64(t.taken())} }},
	{ASAAnswered, size, func(t *queueTally) sample { return sample{t.waitedAnswered, float64(t.answered)} }},
	{ServiceLevelAnswered, share, func(t *queueTally) sample { return counts(t.inTime, t.answered) }},
	{ServiceLevelOffered, share, func(t *queueTally) sample { return counts(t.inTime, t.taken()) }},
	{SL2, share, func(t *queueTally) sample { return counts(t.inTime+t.abandonedIn, t.answered+t.abandoned) }},
	{SL3, share, func(t *queueTally) sample { return counts(t.inTime, t.answered+t.abandoned) }},
	{SL4, share, func(t *queueTally) sample { return counts(t.inTime, t.answered+t.abandoned-t.abandonedIn) }},
	{SL5, share, func(t *queueTally) sample { return counts(t.inTime, t.answered+t.abandoned-t.short) }},
	{SL6, share, func(t *queueTally) sample { return counts(t.inTime, t.answered+t.abandoned-t.short+t.left) }},
	{SL7, share, func(t *queueTally) sample { return counts(t.inTime+t.abandonedIn+t.callbacksIn, t.taken()) }},
	{PClosed, share, func(t *queueTally) sample { return counts(t.shut, t.offered) }},
	{PRedial, share, func(t *queueTally) sample { return counts(t.redials, t.offered) }},
	{PSameSite, share, func(t *queueTally) sample { return counts(t.atSite, t.sited) }},
	{CallbackReached, share, func(t *queueTally) sample { return counts(t.reached, t.callbacks) }},
	{CallbackWait, size, func(t *queueTally) sample { return sample{t.waitedReached, float64(t.reached)} }},
}

func counts(above, below int64) sample { return sample{float64(above), float64(below)} }

// CallerFigures lists the figures of callers, in the order of a report.
func CallerFigures() []Figure {
	list := make([]Figure, len(measures))
	for i, m := range measures {
		list[i] = m.Figure
	}
	return list
}

// reported lists the figures of a hotline as a whole.
func reported() []Figure { return append(CallerFigures(), Occupancy) }

// theory returns the figures that theory knows; none if there is no theory.
func (r *Result) theory() map[Figure]float64 {
	t := r.Theory
	if t == nil {
		return nil
	}
	return map[Figure]float64{
		PWait: t.Wait, PAbandon: t.Abandon, ASA: t.ASA, ASAAnswered: t.ASAAnswered,
		ServiceLevelAnswered: t.ServiceLevelAnswered, ServiceLevelOffered: t.ServiceLevelOffered, Occupancy: t.Occupancy,
	}
}

// Figures are those of some callers. An entry is answered, gives up, leaves for
// elsewhere, asks to be called back or is still unserved at the end. Those who
// were turned away at closed doors are no entries; those who are called back
// are no other ones.
type Figures struct {
	Entries, Answered, Abandoned, Left, Unserved int64
	TurnedAway                                   int64
	Redials, Regained                            int64         // calls of those who had given up, and places that they got back
	Callbacks                                    CallbackCount // who asked are not among Left
	Longest                                      time.Duration // wait
	Estimates                                    map[Figure]Estimate
}

// CallbackCount counts who asked to be called back, and what became of it. Who
// is not among the reached and the failed was still to be called at the end.
type CallbackCount struct{ Asked, Reached, Failed int64 }

// QueueFigures are those of one queue.
type QueueFigures struct {
	Name string
	Figures
}

// GroupFigures are those of one group of agents.
type GroupFigures struct {
	Name      string
	Agents    int
	Calls     int64
	Hours     map[acd.AgentState]float64 // of all agents and runs together
	Estimates map[Figure]Estimate
}

// IntervalFigures are half an hour of a mean day. The service levels are by
// their figure; NaN where nothing happened.
type IntervalFigures struct {
	At      time.Duration // time of day
	Queues  []IntervalQueue
	Present map[acd.AgentState]float64 // mean number of agents
}

// IntervalQueue is half an hour of one queue; the last one of a list is the sum
// of all. Numbers are means over the days.
type IntervalQueue struct {
	Name                               string
	Entries, Answered, Abandoned, Left float64
	InTime, Short                      float64
	TurnedAway, Redials                float64
	Asked, Reached, Failed             float64 // callbacks
	Waiting                            float64 // mean number of callers on the line
	ASAAnswered                        float64 // seconds
	Levels                             map[string]float64
}

// sum adds up the runs, in order.
type sum struct {
	*Simulation
	units  []unit
	fair   [][]sample // by group: pairs of calls and occupancy
	series []interval
	errors Errors
}

func newSum(s *Simulation) *sum {
	return &sum{
		Simulation: s, fair: make([][]sample, len(s.groups)),
		series: newIntervals(s.intervals, len(s.routing.Queues), len(s.groups)),
	}
}

func (s *sum) add(number int, r *run) {
	at := number
	if s.options.Replications > 1 && s.scenario.Calls == 0 {
		at = number / s.days // days of one replication may differ; replications do not
	}
	switch {
	case s.scenario.Calls > 0:
		for _, u := range r.units {
			s.units = append(s.units, *u)
		}
	case at == len(s.units):
		s.units = append(s.units, *r.units[0])
	default:
		s.units[at].add(r.units[0])
	}
	for g, f := range r.fair {
		s.fair[g] = append(s.fair[g], sample{f.calls, f.occupancy})
	}
	addIntervals(s.series, r.series)
	if r.watch != nil {
		s.errors.add(&r.watch.errors)
	}
}

func (s *sum) result() *Result {
	r := &Result{
		Name: s.scenario.Name, Seed: s.scenario.Seed, Runs: s.days * s.options.Replications,
		Confidence: s.options.Confidence, Threshold: s.threshold, Short: s.short,
		units: s.units, chained: s.scenario.Calls > 0, agents: len(s.routing.Agents),
	}
	r.All = r.figures((*unit).total)
	r.All.Estimates[Occupancy] = r.occupancy((*unit).staff)
	for i, q := range s.routing.Queues {
		r.Queues = append(r.Queues, QueueFigures{q.Name, r.figures(func(u *unit) queueTally { return u.queues[i] })})
	}
	for i, name := range s.groups {
		r.Groups = append(r.Groups, s.group(r, i, name))
	}
	for i := range s.series {
		r.Intervals = append(r.Intervals, s.interval(i))
	}
	if s.watcher != nil {
		r.Errors = &s.errors
	}
	return r
}

func (s *sum) group(r *Result, i int, name string) GroupFigures {
	g := GroupFigures{Name: name, Hours: map[acd.AgentState]float64{}, Estimates: map[Figure]Estimate{}}
	for _, a := range s.routing.Agents {
		if groupOf(a) == name {
			g.Agents++
		}
	}
	for u := range s.units {
		t := &s.units[u].groups[i]
		g.Calls += t.calls
		for state, seconds := range t.spent {
			g.Hours[states[state]] += seconds / 3600
		}
	}
	g.Estimates[Occupancy] = r.occupancy(func(u *unit) groupTally { return u.groups[i] })
	for figure, of := range map[Figure]func(sample) float64{
		JainCalls:     func(f sample) float64 { return f.above },
		JainOccupancy: func(f sample) float64 { return f.below },
	} {
		var means []sample
		for _, f := range s.fair[i] {
			means = append(means, sample{of(f), 1})
		}
		value, half := ratio(means, false, r.Confidence)
		g.Estimates[figure] = estimated(share, value, half)
	}
	return g
}

// figures makes the figures of the callers that pick takes from a unit.
func (r *Result) figures(pick func(*unit) queueTally) Figures {
	f := Figures{Estimates: map[Figure]Estimate{}}
	var whole queueTally
	tallies := make([]queueTally, len(r.units))
	for i := range r.units {
		tallies[i] = pick(&r.units[i])
		whole.add(&tallies[i])
	}
	f.Entries, f.Answered, f.Abandoned = whole.taken(), whole.answered, whole.abandoned
	f.Left, f.Unserved, f.Longest = whole.left, whole.unserved, whole.longest
	f.TurnedAway, f.Redials, f.Regained = whole.shut, whole.redials, whole.regained
	f.Callbacks = CallbackCount{whole.callbacks, whole.reached, whole.failed}
	samples := make([]sample, len(tallies))
	for _, m := range measures {
		for i := range tallies {
			samples[i] = m.of(&tallies[i])
		}
		value, half := ratio(samples, r.chained, r.Confidence)
		e := estimated(m.scale, value, half)
		if e.Certain {
			low, high := r.atLeast(m.scale, samples, m.of(&whole), &whole)
			e.Low, e.High = math.Min(e.Low, low), math.Max(e.High, high)
		}
		f.Estimates[m.Figure] = e
	}
	return f
}

// atLeast returns an interval that is never too wide: that of callers who know
// nothing of one another. It matters where something is so rare that it
// happened in few units or in none. What is rare comes in clusters, though: all
// who call while the agents are busy meet with the same fate. Then only as many
// callers count as there were changes of all who talk.
func (r *Result) atLeast(s scale, samples []sample, all sample, whole *queueTally) (low, high float64) {
	z := quantile((1+r.Confidence)/2, math.Inf(1))
	with, without := 0, 0
	for _, u := range samples {
		if u.above > 0 {
			with++
		}
		if u.above < u.below {
			without++
		}
	}
	const few = 30
	independent := 1.0
	if with < few || s == share && without < few {
		independent = float64(r.agents)
	}
	if s == share {
		return wilson(all.above/all.below, all.below/independent, z)
	}
	waiters := float64(whole.taken() - whole.atOnce)
	mean := all.above / waiters
	if waiters == 0 {
		mean = whole.talked / math.Max(1, float64(whole.answered)) / float64(r.agents) // till an agent is free
	}
	entries := float64(whole.taken())
	low, high = wilson(waiters/entries, entries/independent, z)
	return low * mean * entries / all.below, high * mean * entries / all.below
}

// occupancy estimates the occupancy of the agents that pick takes from a unit.
func (r *Result) occupancy(pick func(*unit) groupTally) Estimate {
	samples := make([]sample, len(r.units))
	for i := range r.units {
		t := pick(&r.units[i])
		samples[i].above, samples[i].below = t.busy()
	}
	value, half := ratio(samples, r.chained, r.Confidence)
	return estimated(share, value, half)
}

func estimated(s scale, value, half float64) Estimate {
	if math.IsNaN(half) || math.IsNaN(value) {
		return Estimate{Value: value, Low: value, High: value}
	}
	low, high := s.interval(value, half)
	return Estimate{value, low, high, true}
}

// interval makes the figures of half an hour.
func (s *sum) interval(i int) IntervalFigures {
	from, runs := &s.series[i], float64(s.days*s.options.Replications)
	f := IntervalFigures{At: s.scenario.Begin + time.Duration(i)*HalfHour, Present: map[acd.AgentState]float64{}}
	length := min(HalfHour, s.scenario.Length-time.Duration(i)*HalfHour).Seconds()
	var whole queueTally
	waiting, over := 0.0, int64(0)
	mean := func(n int64) float64 { return float64(n) / runs }
	one := func(name string, t *queueTally, waiting float64, over int64) IntervalQueue {
		q := IntervalQueue{
			Name: name, Entries: mean(t.taken()), Answered: mean(t.answered), Abandoned: mean(t.abandoned),
			Left: mean(t.left), InTime: mean(t.inTime), Short: mean(t.short),
			TurnedAway: mean(t.shut), Redials: mean(t.redials),
			Asked: mean(t.callbacks), Reached: mean(t.reached), Failed: mean(t.failed),
			Waiting: waiting / length / runs, ASAAnswered: t.waitedAnswered / float64(t.answered), Levels: map[string]float64{},
		}
		for _, m := range measures {
			if m.Figure == ServiceLevelAnswered || m.Figure[:3] == "sl_" && m.Figure != SL7 {
				v := m.of(t)
				q.Levels[string(m.Figure)] = v.above / v.below
			}
		}
		q.Levels["sl_8"] = float64(t.inTime) / float64(t.answered+t.abandoned-t.short+over)
		return q
	}
	for q, queue := range s.routing.Queues {
		f.Queues = append(f.Queues, one(queue.Name, &from.queues[q], from.waiting[q], from.over[q]))
		whole.add(&from.queues[q])
		waiting += from.waiting[q]
		over += from.over[q]
	}
	f.Queues = append(f.Queues, one("all", &whole, waiting, over))
	for g := range from.groups {
		for state, seconds := range from.groups[g].spent {
			f.Present[states[state]] += seconds / length / runs
		}
	}
	return f
}
