package acd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cardline/ledger"
)

// hall is a hotline of a given size under load, for benchmarks: every agent is
// on a call or on a break, and callers wait in all classes.
type hall struct {
	r       *Router
	dice    *rand.Rand
	now     Time
	calls   int
	talking []string
	resting []string
	waiting []uint64
	at      map[uint64]int // of waiting, by entry
	offers  []uint64
	agents  int
	most    int // callers who wait
}

const (
	hallSkills, hallQueues, hallSteps = 200, 200, 100
	hallCallersPerAgent               = 5
)

func newHall(agents, profiles int, seed uint64) *hall {
	h := &hall{dice: rand.New(rand.NewPCG(seed, 1)), at: map[uint64]int{}, agents: agents, most: agents * hallCallersPerAgent}
	skills := make([]map[string]int, profiles)
	for i := range skills {
		skills[i] = map[string]int{}
		for range 3 + h.dice.IntN(6) {
			skills[i][fmt.Sprint("s", h.dice.IntN(hallSkills))] = 1 + h.dice.IntN(HighestLevel)
		}
	}
	// requirement is one that agents of some profile meet.
	requirement := func() Requirement {
		levels, n := map[string]int{}, 1+h.dice.IntN(3)
		of := skills[h.dice.IntN(profiles)]
		for skill := range of {
			if len(levels) < n {
				levels[skill] = 1 + h.dice.IntN(of[skill])
			}
		}
		return RequireLevels(levels)
	}
	var o Options
	for i := range hallQueues {
		q := Queue{
			Name: fmt.Sprint("q", i), Requires: requirement(), OfferAgain: true,
			Strategy: Strategies[i%len(Strategies)],
		}
		if i < hallSteps {
			q.Steps = []Step{{After: 2 * time.Minute, Requires: requirement()}}
		}
		o.Queues = append(o.Queues, q)
	}
	for i := range agents {
		o.Agents = append(o.Agents, Agent{ID: fmt.Sprintf("a%05d", i), Skills: skills[i%profiles]})
	}
	h.r = New(o)
	for _, a := range o.Agents {
		h.do(LogIn{Agent: a.ID})
		h.resting = append(h.resting, a.ID)
	}
	for len(h.waiting) < h.most || len(h.resting) > agents/20 {
		for len(h.waiting) < h.most {
			h.do(h.arrival())
		}
		if len(h.resting) > agents/20 {
			h.do(SetReady{Agent: h.draw(&h.resting)})
		}
		h.answer()
		h.now += time.Millisecond
	}
	return h
}

// do applies a command, keeps the lists and returns what it took.
func (h *hall) do(c Command) time.Duration {
	began := time.Now()
	effects, err := h.r.Apply(h.now, c)
	took := time.Since(began)
	if err != nil {
		panic(err)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case Entered:
			h.at[e.Entry] = len(h.waiting)
			h.waiting = append(h.waiting, e.Entry)
		case Exited:
			i, last := h.at[e.Entry], len(h.waiting)-1
			h.waiting[i] = h.waiting[last]
			h.at[h.waiting[i]] = i
			h.waiting = h.waiting[:last]
			delete(h.at, e.Entry)
		case OfferMade:
			h.offers = append(h.offers, e.Offer)
		}
	}
	return took
}

// answer lets the phones that ring be answered.
func (h *hall) answer() {
	for _, o := range h.offers {
		if offer := h.r.offers.get(o); offer != nil {
			h.talking = append(h.talking, offer.Agent)
			h.do(AcceptOffer{o})
		}
	}
	h.offers = h.offers[:0]
}

func (h *hall) draw(list *[]string) string {
	i, last := h.dice.IntN(len(*list)), len(*list)-1
	drawn := (*list)[i]
	(*list)[i] = (*list)[last]
	*list = (*list)[:last]
	return drawn
}

func (h *hall) agent() string { return fmt.Sprintf("a%05d", h.dice.IntN(h.agents)) }

func (h *hall) arrival() Command {
	h.calls++
	c := Enqueue{Call: "c", Queue: fmt.Sprint("q", h.dice.IntN(hallQueues)), Via: ledger.ViaIVR}
	if h.dice.IntN(5) == 0 {
		c.HeadStart = time.Minute
	}
	switch h.dice.IntN(50) {
	case 0:
		c.Preferred, c.PreferFor = h.agent(), 30*time.Second
	case 1:
		for range 1 + h.dice.IntN(3) {
			c.Except = append(c.Except, h.agent())
		}
	}
	return c
}

// next draws a command: of a hundred, 40 callers come, 40 agents are free
// again, 10 callers give up, and 10 are about breaks, holds, estimates and
// deadlines.
func (h *hall) next() Command {
	h.now += time.Millisecond
	if at, ok := h.r.NextDeadline(); ok && at <= h.now {
		return Tick{}
	}
	switch n := h.dice.IntN(100); {
	case n < 40:
		return h.arrival()
	case n < 80 && len(h.talking) > 0:
		return EndTalk{h.draw(&h.talking)}
	case n < 90:
		return Leave{Entry: h.waiting[h.dice.IntN(len(h.waiting))], Outcome: OutcomeAbandoned}
	case n < 92 && len(h.talking) > 0:
		// On hold or back; who it is does not matter.
		a := h.r.agents[h.talking[h.dice.IntN(len(h.talking))]]
		if a.State == AgentHolding {
			return EndHold{a.ID}
		}
		return StartHold{a.ID}
	case n < 96:
		return Foresee{h.waiting[h.dice.IntN(len(h.waiting))], time.Minute}
	default:
		return Tick{}
	}
}

// run applies commands and returns the 99th percentile of what one took. What
// keeps the hall as full as it was, and the answers of phones, are not counted.
func (h *hall) run(commands int) (p99 time.Duration) {
	took := make([]time.Duration, 0, commands)
	for len(took) < commands {
		took = append(took, h.do(h.next()))
		h.answer()
		for len(h.waiting) < h.most {
			h.do(h.arrival())
		}
		for len(h.waiting) > h.most+h.most/20 {
			h.do(Leave{Entry: h.waiting[h.dice.IntN(len(h.waiting))], Outcome: OutcomeAbandoned})
		}
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// commandsOfRun is a million; the median of five runs counts.
const commandsOfRun, runsOfHall = 1_000_000, 5

// BenchmarkApplyGrowth measures the slowest hundredth of commands with 10,000
// agents and 50,000 callers, beside 100 agents and 500 callers, in one run.
func BenchmarkApplyGrowth(b *testing.B) {
	for b.Loop() {
		var large, small, growth []float64
		for seed := range uint64(runsOfHall) {
			l := newHall(10_000, 100, seed).run(commandsOfRun)
			s := newHall(100, 100, seed).run(commandsOfRun)
			large, small = append(large, float64(l)/1000), append(small, float64(s)/1000)
			growth = append(growth, float64(l)/float64(s))
		}
		b.ReportMetric(median(large), "us")
		b.ReportMetric(median(small), "small-us")
		b.ReportMetric(median(growth), "ratio")
	}
}

// BenchmarkApplySizes prints the cost against the size, up to 10,000 agents of
// whom no two are alike.
func BenchmarkApplySizes(b *testing.B) {
	for _, size := range []struct{ agents, profiles int }{
		{100, 100}, {300, 100}, {1000, 100}, {3000, 100}, {10_000, 100}, {10_000, 1000}, {10_000, 10_000},
	} {
		b.Run(fmt.Sprintf("agents=%d/waiting=%d/profiles=%d", size.agents, size.agents*hallCallersPerAgent, size.profiles), func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(newHall(size.agents, size.profiles, 1).run(commandsOfRun/5))/1000, "p99-us")
			}
		})
	}
}

func median(figures []float64) float64 {
	slices.Sort(figures)
	return figures[len(figures)/2]
}

func BenchmarkApply(b *testing.B) {
	options := Options{Queues: []Queue{{Name: "cards", Requires: RequireLevels(map[string]int{"cards": 1})}}}
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
		_, _ = r.Apply(Time(i), Leave{Entry: uint64(i + 1), Outcome: OutcomeAbandoned})
	}
}
