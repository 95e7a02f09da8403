package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"cardline/acd"
)

// A Target is what a plan has to reach in every half hour. Exactly one of its
// fields is set.
type Target struct {
	Level   float64       // share of all callers who are answered within the threshold
	ASA     time.Duration // mean wait of those who are answered, at most
	Abandon float64       // share of callers who give up, at most
}

// Check says what is wrong with the target, if anything is.
func (t Target) Check() error {
	set := 0
	for _, given := range []bool{t.Level != 0, t.ASA != 0, t.Abandon != 0} {
		set += b2i(given)
	}
	switch {
	case set != 1:
		return errors.New("expected one target: a service level, a mean wait or a share who give up")
	case !(t.Level >= 0 && t.Level < 1):
		return fmt.Errorf("the service level is %v, expected a share between 0 and 1, such as 0.8", t.Level)
	case !(t.Abandon >= 0 && t.Abandon < 1):
		return fmt.Errorf("the share who give up is %v, expected one between 0 and 1, such as 0.03", t.Abandon)
	case t.ASA < 0:
		return fmt.Errorf("the mean wait is %s, expected a time such as 30s", t.ASA)
	}
	return nil
}

// String says the target in words.
func (t Target) String() string {
	switch {
	case t.Level > 0:
		return fmt.Sprintf("%v %% answered in time", 100*t.Level)
	case t.ASA > 0:
		return fmt.Sprintf("a mean wait of at most %s", t.ASA)
	default:
		return fmt.Sprintf("at most %v %% abandoned", 100*t.Abandon)
	}
}

// miss returns by how much figures miss the target; 0 or less if they reach it.
// The unit is that of the target, a share or seconds.
func (t Target) miss(level, asa, abandon float64) float64 {
	switch {
	case t.Level > 0:
		return t.Level - level
	case t.ASA > 0:
		return asa - t.ASA.Seconds()
	default:
		return abandon - t.Abandon
	}
}

// size is what a target is measured by.
func (t Target) size() float64 { return max(t.Level, t.ASA.Seconds(), t.Abandon) }

// allowed is by how much a simulated half hour may miss the target, since it
// is a matter of chance itself: a hundredth of the callers, or a second.
func (t Target) allowed() float64 {
	if t.ASA > 0 {
		return 1
	}
	return 0.01
}

// A Plan is how many agents are needed in each half hour of a day, for each
// queue by itself.
type Plan struct {
	Target    Target
	Threshold time.Duration
	Days      int // simulated
	Rows      []PlanRow
	// Whole are the simulated figures of the planned day, and Changes what
	// becomes of them if the world is not as planned.
	Whole   *Result
	Changes []PlanChange
}

// PlanRow is half an hour of one queue.
type PlanRow struct {
	At       time.Duration // time of day
	Queue    string
	PerHour  float64
	Handling time.Duration // mean time of an agent for one call, ringing and wrap-up included
	Erlang   int           // agents by Erlang A
	Agents   int           // agents after the simulation
	Theory   PlanFigures   // for Erlang's number of agents
	Found    PlanFigures   // simulated, for Agents
	Missed   bool          // they miss the target
}

// PlanFigures are those that targets are about. They are NaN where nobody
// called.
type PlanFigures struct{ Level, ASA, Abandon, Occupancy float64 }

// PlanChange is what a change does.
type PlanChange struct {
	Name string
	// Hours are agent hours, those of the plan and those that would be needed,
	// by Erlang A.
	Hours, Needed float64
	Result        *Result // the planned staff in the changed world
}

// A Change is how the world may differ from the plan.
type Change struct {
	Name                       string
	Arrivals, Handling, Absent float64 // factors, 1 for no change; the last is a share, 0 for none
}

// planner makes a plan.
type planner struct {
	target   Target
	scenario Scenario
	routing  acd.Options
	options  Options
	demands  []demand
	halves   int
	crew     crew
	least    [][]float64 // by demand and half hour: by how much any number of agents misses the target
	trials   [][]trial   // by demand and half hour, of what is being mended
}

// A trial is what came of agents who were added for half an hour.
type trial struct {
	miss float64 // the least that the target was missed by
	vain int     // rounds since then
}

// rounds bounds how often a plan is simulated and mended.
const rounds = 30

// MakePlan plans the agents for the callers of a scenario. Each queue is
// planned by itself, with agents of its own: first by Erlang A, half hour by
// half hour, then by simulating the whole day, in which a queue at the end of
// one half hour is there in the next, and by adding an agent wherever the
// target is missed. Of the router's options only the queues' ringing and
// wrap-up are used; they are always open, and nobody is called back.
func MakePlan(ctx context.Context, routing acd.Options, scenario Scenario, target Target, changes []Change, o Options) (*Plan, error) {
	p, err := newPlanner(ctx, routing, scenario, target, o)
	if err != nil {
		return nil, err
	}
	p.crew = p.separate()
	plan := &Plan{Target: target, Threshold: p.options.Threshold, Days: p.options.Replications}
	need, err := p.erlang(p.demands)
	if err != nil {
		return nil, err
	}
	agents := cloned(need)
	if plan.Whole, err = p.settle(ctx, agents, p.mend); err != nil {
		return nil, err
	}
	for q, d := range p.demands {
		for i := range p.halves {
			row := PlanRow{
				At: scenario.Begin + time.Duration(i)*HalfHour, Queue: d.queue, PerHour: d.rate(i), Handling: d.handling,
				Erlang: need[q][i], Agents: agents[q][i], Found: found(plan.Whole, d.queue, i), Theory: nothing,
			}
			row.Missed = row.PerHour > 0 && p.misses(row.Found) > target.allowed()
			if row.PerHour > 0 {
				queue, threshold := p.offer(d, i)
				queue.Agents = row.Erlang
				f, err := queue.Figures(threshold)
				if err != nil {
					return nil, fmt.Errorf("queue %s at %s: %w", d.queue, clock(row.At), err)
				}
				row.Theory = p.heard(d, f)
			}
			plan.Rows = append(plan.Rows, row)
		}
	}
	plan.Changes, err = p.changes(ctx, changes, agents, func(need [][]int) float64 { return hours(need) })
	return plan, err
}

func newPlanner(ctx context.Context, routing acd.Options, s Scenario, target Target, o Options) (*planner, error) {
	if err := errors.Join(target.Check(), o.check()); err != nil {
		return nil, err
	}
	if s.Calls > 0 {
		return nil, &ScenarioError{Path: "calls", Message: "a plan is made for a day; give a length in its place"}
	}
	o.Threshold = cmp.Or(o.Threshold, 20*time.Second)
	o.Replications = cmp.Or(o.Replications, 20)
	s = s.withRates()
	s.Hours, s.Callbacks = nil, Callbacks{}
	p := &planner{target: target, scenario: s, routing: routing, options: o}
	p.halves = int((s.Length + HalfHour - 1) / HalfHour)
	if p.demands = p.demand(s); len(p.demands) == 0 {
		return nil, &ScenarioError{Path: "callers", Message: "nobody calls; a plan is made for callers"}
	}
	for _, d := range p.demands {
		if err := p.reachable(d); err != nil {
			return nil, err
		}
	}
	var err error
	p.least, err = p.leastMisses(ctx)
	return p, err
}

// leastMisses simulates the day with so many agents that nobody waits for one.
// Who gives up while it rings, or is late though the first agent answers, no
// further agent helps.
func (p *planner) leastMisses(ctx context.Context) ([][]float64, error) {
	rich := *p
	rich.crew = rich.separate()
	agents, least := make([][]int, len(p.demands)), make([][]float64, len(p.demands))
	for q, d := range p.demands {
		for i := range p.halves {
			load := d.rate(i) / 3600 * d.handling.Seconds()
			agents[q] = append(agents[q], int(math.Ceil(load+6*math.Sqrt(load)))+b2i(load > 0)*6)
		}
	}
	r, err := rich.simulate(ctx, rich.scenario, agents)
	if err != nil {
		return nil, err
	}
	for q, d := range p.demands {
		for i := range p.halves {
			least[q] = append(least[q], p.misses(found(r, d.queue, i)))
		}
	}
	return least, nil
}

// settle simulates the day and mends the plan, until there is nothing to mend
// or it has been tried often enough.
func (p *planner) settle(ctx context.Context, agents [][]int, mend func([][]int, *Result) bool) (*Result, error) {
	p.trials = make([][]trial, len(p.demands))
	for q := range p.trials {
		p.trials[q] = slices.Repeat([]trial{{miss: math.Inf(1)}}, p.halves)
	}
	for round := 1; ; round++ {
		r, err := p.simulate(ctx, p.scenario, agents)
		if err != nil || round == rounds || !mend(agents, r) {
			return r, err
		}
	}
}

func cloned(lists [][]int) [][]int {
	clone := make([][]int, len(lists))
	for i, list := range lists {
		clone[i] = slices.Clone(list)
	}
	return clone
}

var nothing = PlanFigures{math.NaN(), math.NaN(), math.NaN(), math.NaN()}

// mend adds an agent wherever the simulated day misses the target; it reports
// whether it did.
func (p *planner) mend(agents [][]int, r *Result) (mended bool) {
	for q, d := range p.demands {
		for i := range p.halves {
			f := found(r, d.queue, i)
			if !p.lacks(q, i, f) {
				continue
			}
			if at := p.where(q, i, p.misses(f)); at >= 0 {
				agents[q][at]++
				mended = true
			}
		}
	}
	return mended
}

// where returns the half hour in which more agents may help a demand that
// misses the target in one: there; if they were added in vain, in the one
// before, from which its queue may have come; and if that was in vain too,
// nowhere, a negative number.
func (p *planner) where(q, half int, miss float64) int {
	const patience = 2
	t := &p.trials[q][half]
	if miss < t.miss {
		*t = trial{miss: miss}
	}
	t.vain++
	switch {
	case t.vain <= patience:
		return half
	case t.vain <= 2*patience:
		return half - 1
	default:
		return -1
	}
}

// misses returns by how much figures miss the target.
func (p *planner) misses(f PlanFigures) float64 { return p.target.miss(f.Level, f.ASA, f.Abandon) }

// lacks reports whether the simulated figures of a demand in a half hour are
// worse than chance explains, and than more agents could make them.
func (p *planner) lacks(q, half int, f PlanFigures) bool {
	allowed := p.target.allowed()
	if least := p.least[q][half]; least > allowed {
		allowed += least
	}
	return p.demands[q].rate(half) > 0 && p.misses(f) > allowed
}

// found takes the figures of half an hour from a result.
func found(r *Result, queue string, half int) PlanFigures {
	list := r.Intervals[half].Queues
	q := &list[slices.IndexFunc(list, func(q IntervalQueue) bool { return q.Name == queue })]
	ended := q.Answered + q.Abandoned
	if ended == 0 {
		return nothing
	}
	asa := q.ASAAnswered
	if q.Answered == 0 {
		asa = math.Inf(1)
	}
	return PlanFigures{q.Levels[string(SL3)], asa, q.Abandoned / ended, math.NaN()}
}

// hours adds agents up over half hours.
func hours(agents [][]int) float64 {
	sum := 0
	for _, list := range agents {
		for _, n := range list {
			sum += n
		}
	}
	return float64(sum) / 2
}

// Missed lists the half hours that miss the target, with their queues.
func (p *Plan) Missed() (list []string) {
	for i := range p.Rows {
		if r := &p.Rows[i]; r.Missed {
			list = append(list, r.Queue+" at "+clock(r.At))
		}
	}
	return list
}

// Hours returns the agent hours of the plan.
func (p *Plan) Hours() float64 {
	sum := 0
	for _, r := range p.Rows {
		sum += r.Agents
	}
	return float64(sum) / 2
}
