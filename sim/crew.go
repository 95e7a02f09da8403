package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cardline/acd"
)

// crew is what a plan counts: kinds of agents, and the queues that they serve,
// one for each demand.
type crew struct {
	kinds  int
	agent  func(kind, n int) acd.Agent // the n-th of a kind, from 0
	queues []acd.Queue
}

// separate gives every queue agents of its own.
func (p *planner) separate() crew {
	c := crew{kinds: len(p.demands), agent: func(kind, n int) acd.Agent {
		queue := p.demands[kind].queue
		return acd.Agent{ID: fmt.Sprintf("%s-%d", queue, n+1), Group: queue, Queues: []string{queue}}
	}}
	for _, q := range p.queues() {
		c.queues = append(c.queues, acd.Queue{
			Name: q.Name, RingTimeout: q.RingTimeout, WrapUp: q.WrapUp, OfferAgain: true, Strategy: q.Strategy,
		})
	}
	p.scenario.Callers = slices.Clone(p.scenario.Callers)
	for i := range p.scenario.Callers {
		p.scenario.Callers[i].Site = "" // these agents are at none
	}
	return c
}

// simulate lets the planned agents work, of each kind so many in each half
// hour. An agent who is not needed in a half hour goes, when the call is over,
// and comes back.
func (p *planner) simulate(ctx context.Context, s Scenario, agents [][]int) (*Result, error) {
	o := acd.Options{Reasons: p.routing.Reasons, Queues: p.crew.queues}
	s.Shifts, s.Days = nil, 1
	end := s.Begin + time.Duration(p.halves)*HalfHour
	for kind := range p.crew.kinds {
		for n := range slices.Max(agents[kind]) {
			a := p.crew.agent(kind, n)
			o.Agents = append(o.Agents, a)
			for i := 0; i < p.halves; i++ {
				from := i
				for i < p.halves && agents[kind][i] > n {
					i++
				}
				if i == from {
					continue
				}
				shift := Shift{Agents: []string{a.ID}, From: s.Begin + time.Duration(from)*HalfHour, To: s.Begin + time.Duration(i)*HalfHour}
				if shift.To == end {
					shift.To += 2 * HalfHour // until the last caller has gone
				}
				s.Shifts = append(s.Shifts, shift)
			}
		}
	}
	simulation, err := New(o, s, p.options)
	if err != nil {
		return nil, err
	}
	return simulation.Run(ctx)
}

// changes tells what becomes of a plan in changed worlds; needed turns what
// Erlang A says about them into agent hours.
func (p *planner) changes(ctx context.Context, list []Change, agents [][]int, needed func([][]int) float64) (told []PlanChange, err error) {
	for _, c := range list {
		result, need, err := p.change(ctx, c, agents)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		told = append(told, PlanChange{Name: c.Name, Hours: hours(agents), Needed: needed(need) / (1 - c.Absent), Result: result})
	}
	return told, nil
}

// change simulates the planned agents in a changed world, and computes how many
// each queue would need by Erlang A.
func (p *planner) change(ctx context.Context, c Change, agents [][]int) (*Result, [][]int, error) {
	s := p.scenario
	s.Absent = c.Absent
	s.Callers = slices.Clone(s.Callers)
	for i := range s.Callers {
		to := &s.Callers[i]
		to.PerHour = slices.Clone(to.PerHour)
		for j := range to.PerHour {
			to.PerHour[j] *= c.Arrivals
		}
		if c.Handling != 1 {
			to.Talk = to.Talk.Scaled(c.Handling)
		}
	}
	result, err := p.simulate(ctx, s, agents)
	if err != nil {
		return nil, nil, err
	}
	need, err := p.erlang(p.demand(s))
	return result, need, err
}
