package sim

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"cardline/acd"
)

// A Hall is how many agents of each group are needed in each half hour of a
// day, when they serve several queues together as the router lets them.
type Hall struct {
	Target    Target
	Threshold time.Duration
	Days      int // simulated
	Groups    []string
	Queues    []string
	Rows      []HallRow
	// Whole are the simulated figures of the planned day, and Changes what
	// becomes of them if the world is not as planned.
	Whole   *Result
	Changes []PlanChange
}

// HallRow is half an hour of a hall.
type HallRow struct {
	At      time.Duration // time of day
	PerHour float64
	// By Erlang A: the agents whom the queues would need if each had its own,
	// and if every agent could take every call. The hall mostly lies between,
	// but it may need more: it is simulated, and mended where chance is hard.
	Alone, Together int
	Agents          []int         // by group, after the simulation
	Found           []PlanFigures // by queue, simulated
	Missed          []string      // queues that miss the target
}

// Total returns the agents of all groups.
func (r *HallRow) Total() (sum int) {
	for _, n := range r.Agents {
		sum += n
	}
	return sum
}

// hall is a planner of groups that share queues.
type hall struct {
	*planner
	groups  []string
	members [][]acd.Agent // by group: whom its agents are like, in turn
	serving [][]int       // by group and demand: members who may take such callers
	load    [][]float64   // by demand and half hour: agents' hours that it asks for
}

// MakeHall plans the groups of the router's agents for the callers of a
// scenario. It begins with as many agents as would do if all could take every
// call, divided by the work that each group may take, simulates the day, and
// adds agents who serve the queues that miss the target. In the end it takes
// agents away whom nobody would miss. It does the same from the agents whom
// each queue alone would need, and keeps the better of the two plans. Queues
// route as they do live, but are always open, and nobody is called back. Of a
// group that has different agents, the planned ones are like each of them in
// turn.
func MakeHall(ctx context.Context, routing acd.Options, scenario Scenario, target Target, changes []Change, o Options) (*Hall, error) {
	p, err := newPlanner(ctx, routing, scenario, target, o)
	if err != nil {
		return nil, err
	}
	h, err := p.shared()
	if err != nil {
		return nil, err
	}
	alone, err := p.erlang(p.demands)
	if err != nil {
		return nil, err
	}
	together, err := p.erlang([]demand{merged(p.demands, p.halves)})
	if err != nil {
		return nil, err
	}
	plan := &Hall{Target: target, Threshold: p.options.Threshold, Days: p.options.Replications, Groups: h.groups}
	var agents [][]int
	if agents, plan.Whole, err = h.better(ctx, h.sharing(together[0]), h.apart(alone)); err != nil {
		return nil, err
	}
	for _, d := range p.demands {
		plan.Queues = append(plan.Queues, d.queue)
	}
	for i := range p.halves {
		row := HallRow{At: scenario.Begin + time.Duration(i)*HalfHour, Together: together[0][i]}
		for q, d := range p.demands {
			row.PerHour += d.rate(i)
			row.Alone += alone[q][i]
			f := found(plan.Whole, d.queue, i)
			row.Found = append(row.Found, f)
			if d.rate(i) > 0 && p.misses(f) > target.allowed() {
				row.Missed = append(row.Missed, d.queue)
			}
		}
		for g := range agents {
			row.Agents = append(row.Agents, agents[g][i])
		}
		plan.Rows = append(plan.Rows, row)
	}
	per := hours(agents) / hours(alone) // so much of what Erlang A says does
	plan.Changes, err = p.changes(ctx, changes, agents, func(need [][]int) float64 { return per * hours(need) })
	return plan, err
}

// shared makes a crew of the router's agents.
func (p *planner) shared() (*hall, error) {
	h := &hall{planner: p}
	for _, a := range p.routing.Agents {
		g := slices.Index(h.groups, groupOf(a))
		if g < 0 {
			g = len(h.groups)
			h.groups, h.members = append(h.groups, groupOf(a)), append(h.members, nil)
			h.serving = append(h.serving, make([]int, len(p.demands)))
		}
		h.members[g] = append(h.members[g], a)
		for q, d := range p.demands {
			h.serving[g][q] += b2i(a.Serves(p.queueOf(d), 0, p.routing.Queues))
		}
	}
	for q, d := range p.demands {
		if h.able(q) == 0 {
			return nil, &ScenarioError{Path: "staff", Message: fmt.Sprintf("nobody can serve %q; a hall is planned of agents who can, such as those of a configuration", d.queue)}
		}
		load := make([]float64, p.halves)
		for i := range load {
			load[i] = d.rate(i) / 3600 * d.handling.Seconds()
		}
		h.load = append(h.load, load)
	}
	p.crew = crew{kinds: len(h.groups), queues: p.routing.Queues, agent: func(g, n int) acd.Agent {
		a := h.members[g][n%len(h.members[g])]
		a.ID, a.Group = fmt.Sprintf("%s-%d", h.groups[g], n+1), h.groups[g]
		return a
	}}
	return h, nil
}

func (p *planner) queueOf(d demand) acd.Queue {
	i := slices.IndexFunc(p.routing.Queues, func(q acd.Queue) bool { return q.Name == d.queue })
	return p.routing.Queues[i]
}

// able counts the members of all groups who may take callers of a demand.
func (h *hall) able(q int) (sum int) {
	for g := range h.groups {
		sum += h.serving[g][q]
	}
	return sum
}

// merged is what all queues ask for if everybody can take every call.
func merged(demands []demand, halves int) demand {
	all := demand{queue: "all", perHour: make([]float64, halves)}
	calls, work := 0.0, 0.0
	for _, d := range demands {
		sum := 0.0
		for i, rate := range d.perHour {
			all.perHour[i] += rate
			sum += rate
		}
		calls += sum
		work += sum * d.handling.Seconds()
		all.theta += sum * d.theta
		all.lost += sum * d.lost
	}
	all.handling, all.theta, all.lost = seconds(work/calls), all.theta/calls, all.lost/calls
	return all
}

// work returns what a group would do in a half hour of some demands, if those
// who can shared each alike.
func (h *hall) work(g, half int, demands []int) (sum float64) {
	for _, q := range demands {
		sum += h.load[q][half] * float64(h.serving[g][q]) / float64(h.able(q))
	}
	return sum
}

// better mends and trims the plan from several beginnings, and returns the one
// that misses the target least often, then with the fewest agents.
func (h *hall) better(ctx context.Context, beginnings ...[][]int) (best [][]int, whole *Result, err error) {
	fewest := math.MaxInt
	for _, agents := range beginnings {
		if _, err := h.settle(ctx, agents, h.mend); err != nil {
			return nil, nil, err
		}
		if err := h.trim(ctx, agents); err != nil {
			return nil, nil, err
		}
		r, err := h.settle(ctx, agents, h.mend)
		if err != nil {
			return nil, nil, err
		}
		missed := 0
		for i := range h.halves {
			list, _ := h.missed(r, i)
			missed += len(list)
		}
		if missed < fewest || missed == fewest && hours(agents) < hours(best) {
			best, whole, fewest = agents, r, missed
		}
	}
	return best, whole, nil
}

// sharing begins a plan with agents who all take every call.
func (h *hall) sharing(totals []int) [][]int {
	all := make([]int, len(h.demands))
	for q := range all {
		all[q] = q
	}
	return h.divide(h.nobody(), totals, all)
}

// apart begins a plan with agents who take the calls of one queue each.
func (h *hall) apart(need [][]int) [][]int {
	agents := h.nobody()
	for q, totals := range need {
		h.divide(agents, totals, []int{q})
	}
	return agents
}

func (h *hall) nobody() [][]int {
	agents := make([][]int, len(h.groups))
	for g := range agents {
		agents[g] = make([]int, h.halves)
	}
	return agents
}

// divide shares so many more agents of each half hour out to the groups, by
// their work for some demands.
func (h *hall) divide(agents [][]int, totals, demands []int) [][]int {
	for i, total := range totals {
		work, sum := make([]float64, len(h.groups)), 0.0
		for g := range work {
			work[g] = h.work(g, i, demands)
			sum += work[g]
		}
		for range total { // each goes where most are missing
			best := 0
			for g := range work {
				if work[g] > work[best] {
					best = g
				}
			}
			agents[best][i]++
			work[best] -= sum / float64(total)
		}
	}
	return agents
}

// mend adds agents wherever queues miss the target in the simulated day: of the
// group that could help most of those who call them. It reports whether it did.
func (h *hall) mend(agents [][]int, r *Result) (mended bool) {
	for i := range h.halves {
		missed, lack := h.missed(r, i)
		places := map[int][]int{}
		for _, q := range missed {
			at := h.where(q, i, h.misses(found(r, h.demands[q].queue, i)))
			places[at] = append(places[at], q)
		}
		for at := max(0, i-1); at <= i; at++ {
			mended = h.help(agents, at, places[at], lack) || mended
		}
	}
	return mended
}

// help adds agents for some demands in a half hour, the more the more is
// lacking; it reports whether it did.
func (h *hall) help(agents [][]int, half int, demands []int, lack float64) (helped bool) {
	for len(demands) > 0 {
		best := 0
		for g := range h.groups {
			if h.work(g, half, demands) > h.work(best, half, demands) {
				best = g
			}
		}
		if h.work(best, half, demands) == 0 {
			return helped // nobody calls them then
		}
		agents[best][half] += max(1, int(lack*math.Sqrt(float64(agents[best][half]))))
		demands = slices.DeleteFunc(demands, func(q int) bool { return h.serving[best][q] > 0 })
		helped = true
	}
	return helped
}

// missed lists the queues that miss the target in a half hour and could reach
// it, and how much of it is lacking where most is, 0 to 1.
func (h *hall) missed(r *Result, half int) (list []int, lack float64) {
	for q, d := range h.demands {
		if f := found(r, d.queue, half); h.lacks(q, half, f) {
			list = append(list, q)
			lack = max(lack, min(1, h.misses(f)/h.target.size()))
		}
	}
	return list, lack
}

// trim takes agents away, group by group, whom nobody misses in their half hour
// or in the next.
func (h *hall) trim(ctx context.Context, agents [][]int) error {
	const passes = 2
	for n := range passes * len(h.groups) {
		g := n % len(h.groups)
		before := slices.Clone(agents[g])
		for i := range agents[g] {
			agents[g][i] = max(0, agents[g][i]-1)
		}
		r, err := h.simulate(ctx, h.scenario, agents)
		if err != nil {
			return err
		}
		for i := range h.halves {
			here, _ := h.missed(r, i)
			next, _ := h.missed(r, min(i+1, h.halves-1))
			if len(here)+len(next) > 0 {
				agents[g][i] = before[i]
			}
		}
	}
	return nil
}

// Missed lists the half hours that miss the target, with their queues.
func (h *Hall) Missed() (list []string) {
	for i := range h.Rows {
		for _, queue := range h.Rows[i].Missed {
			list = append(list, queue+" at "+clock(h.Rows[i].At))
		}
	}
	return list
}

// Hours returns the agent hours of the plan, and those by Erlang A for queues
// with agents of their own, and for agents who can all take every call.
func (h *Hall) Hours() (planned, alone, together float64) {
	for i := range h.Rows {
		r := &h.Rows[i]
		planned += float64(r.Total()) / 2
		alone += float64(r.Alone) / 2
		together += float64(r.Together) / 2
	}
	return planned, alone, together
}
