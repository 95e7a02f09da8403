package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"cardline/acd"
	"cardline/sim/erlang"
)

// demand is what one queue asks for.
type demand struct {
	queue    string
	perHour  []float64
	handling time.Duration
	theta    float64
	lost     float64 // share of callers who give up while it rings, though they never wait
}

// queues returns the queues that somebody calls, in the order of the demands.
func (p *planner) queues() (list []acd.Queue) {
	for _, q := range p.routing.Queues {
		if slices.ContainsFunc(p.demands, func(d demand) bool { return d.queue == q.Name }) {
			list = append(list, q)
		}
	}
	return list
}

// withRates returns the scenario with streams in place of a replay: as many
// callers in each half hour, who talk as long.
func (s Scenario) withRates() Scenario {
	if len(s.Replay) == 0 {
		return s
	}
	type known struct {
		perHour []float64
		talks   []time.Duration
	}
	queues := map[string]*known{}
	days := float64(max(1, s.Days))
	for _, c := range s.Replay {
		k := queues[c.Queue]
		if k == nil {
			k = &known{perHour: make([]float64, (s.Length+HalfHour-1)/HalfHour)}
			queues[c.Queue] = k
		}
		if at := int((c.At%(24*time.Hour) - s.Begin) / HalfHour); at >= 0 && at < len(k.perHour) {
			k.perHour[at] += 2 / days
		}
		if c.Talk > 0 {
			k.talks = append(k.talks, c.Talk)
		}
	}
	for _, queue := range slices.Sorted(maps.Keys(queues)) {
		k := queues[queue]
		c := Callers{Queue: queue, PerHour: k.perHour, Talk: s.ReplayAs.Talk, Patience: s.ReplayAs.Patience}
		if len(k.talks) >= 20 || !c.Talk.IsSet() {
			c.Talk = Empirical(k.talks)
		}
		s.Callers = append(s.Callers, c)
	}
	s.Replay, s.Days = nil, 1
	return s
}

func (d demand) rate(half int) float64 { return d.perHour[half] }

// demand adds up the callers of each queue.
func (p *planner) demand(s Scenario) (list []demand) {
	for _, q := range p.routing.Queues {
		d := demand{queue: q.Name, perHour: make([]float64, p.halves)}
		calls, work := 0.0, 0.0
		for _, c := range s.Callers {
			if c.Queue != q.Name {
				continue
			}
			sum := 0.0
			for i := range p.halves {
				rate := c.PerHour[min(i, len(c.PerHour)-1)]
				d.perHour[i] += rate
				sum += rate
			}
			calls += sum
			work += sum * c.Talk.Mean().Seconds()
			if c.Patience.IsSet() && c.Patience.shape != endless {
				d.theta += sum / max(c.Patience.Mean().Seconds(), 1e-3)
				d.lost += sum * c.Patience.before(&s.Answer)
			}
		}
		if calls == 0 {
			continue
		}
		d.theta /= calls
		d.lost /= calls
		d.handling = seconds(work/calls) + p.wrapUp(q, s) + s.Answer.Mean()
		list = append(list, d)
	}
	return list
}

// wrapUp returns the mean work after a call of the queue.
func (p *planner) wrapUp(q acd.Queue, s Scenario) time.Duration {
	switch limit := q.WrapUp.For; {
	case q.WrapUp.Policy == acd.WrapUpTimed && s.WrapUp.IsSet():
		return min(limit, s.WrapUp.Mean())
	case q.WrapUp.Policy == acd.WrapUpTimed:
		return limit
	case q.WrapUp.Policy == acd.WrapUpManual || q.WrapUp.Policy == acd.WrapUpForced:
		return s.WrapUp.Mean()
	default:
		return 0
	}
}

// offer is the queue of half an hour for the formulas. To the caller the
// ringing is a part of the wait, to the agent one of the work.
func (p *planner) offer(d demand, half int) (q erlang.Queue, threshold float64) {
	q = erlang.Queue{Lambda: d.rate(half) / 3600, Mu: 1 / d.handling.Seconds(), Theta: d.theta}
	return q, p.options.Threshold.Seconds() - p.ring()
}

func (p *planner) ring() float64 { return p.scenario.Answer.Mean().Seconds() }

// heard turns the formulas' figures into what callers of a demand meet with.
// Whom the formulas take for answered, the agent's phone rings for.
func (p *planner) heard(d demand, f erlang.Figures) PlanFigures {
	if p.options.Threshold.Seconds() < p.ring() {
		f.ServiceLevelOffered = 0
	}
	return PlanFigures{
		Level: f.ServiceLevelOffered * (1 - d.lost), ASA: f.ASAAnswered + p.ring(),
		Abandon: f.Abandon + (1-f.Abandon)*d.lost, Occupancy: f.Occupancy,
	}
}

// reachable refuses a target that is missed even if nobody ever waits for an
// agent.
func (p *planner) reachable(d demand) error {
	best := p.heard(d, erlang.Figures{ServiceLevelOffered: 1})
	if p.misses(best) <= 0 {
		return nil
	}
	return fmt.Errorf("queue %s: no number of agents reaches %s: ringing alone takes %s, and the best is %s; "+
		"aim lower, or let agents answer sooner (answer)", d.queue, p.target, p.scenario.Answer.Mean(), p.target.text(best))
}

// erlang returns the agents that each queue needs in each half hour.
func (p *planner) erlang(demands []demand) ([][]int, error) {
	list := make([][]int, len(demands))
	for i, d := range demands {
		list[i] = make([]int, p.halves)
		for half := range p.halves {
			if d.rate(half) == 0 {
				continue
			}
			q, threshold := p.offer(d, half)
			n, ok, err := erlang.Agents(q, threshold, func(f erlang.Figures) bool {
				return p.misses(p.heard(d, f)) <= 0
			})
			if err != nil || !ok {
				return nil, errors.Join(fmt.Errorf("queue %s at %s: no number of agents reaches %s; aim lower",
					d.queue, clock(p.scenario.Begin+time.Duration(half)*HalfHour), p.target), err)
			}
			list[i][half] = n
		}
	}
	return list, nil
}
