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
	"cardline/sim/erlang"
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
}

// crew is what a plan counts: kinds of agents, and the queues that they serve,
// one for each demand.
type crew struct {
	kinds  int
	agent  func(kind, n int) acd.Agent // the n-th of a kind, from 0
	queues []acd.Queue
}

// demand is what one queue asks for.
type demand struct {
	queue    string
	perHour  []float64
	handling time.Duration
	theta    float64
}

// rounds bounds how often a plan is simulated and mended.
const rounds = 12

// MakePlan plans the agents for the callers of a scenario. Each queue is
// planned by itself, with agents of its own: first by Erlang A, half hour by
// half hour, then by simulating the whole day, in which a queue at the end of
// one half hour is there in the next, and by adding an agent wherever the
// target is missed. Of the router's options only the queues' ringing and
// wrap-up are used; they are always open, and nobody is called back.
func MakePlan(ctx context.Context, routing acd.Options, scenario Scenario, target Target, changes []Change, o Options) (*Plan, error) {
	p, err := newPlanner(routing, scenario, target, o)
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
			if row.PerHour > 0 {
				queue, threshold := p.offer(d, i)
				queue.Agents = row.Erlang
				f, err := queue.Figures(threshold)
				if err != nil {
					return nil, fmt.Errorf("queue %s at %s: %w", d.queue, clock(row.At), err)
				}
				row.Theory = p.heard(f)
			}
			plan.Rows = append(plan.Rows, row)
		}
	}
	plan.Changes, err = p.changes(ctx, changes, agents, func(need [][]int) float64 { return hours(need) })
	return plan, err
}

func newPlanner(routing acd.Options, s Scenario, target Target, o Options) (*planner, error) {
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
	return p, nil
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

// queues returns the queues that somebody calls, in the order of the demands.
func (p *planner) queues() (list []acd.Queue) {
	for _, q := range p.routing.Queues {
		if slices.ContainsFunc(p.demands, func(d demand) bool { return d.queue == q.Name }) {
			list = append(list, q)
		}
	}
	return list
}

// settle simulates the day and mends the plan, until there is nothing to mend
// or it has been tried often enough.
func (p *planner) settle(ctx context.Context, agents [][]int, mend func([][]int, *Result) bool) (*Result, error) {
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
	for _, queue := range sortedKeys(queues) {
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

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
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
			}
		}
		if calls == 0 {
			continue
		}
		d.theta /= calls
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

// heard turns the formulas' figures into what callers meet with.
func (p *planner) heard(f erlang.Figures) PlanFigures {
	if p.options.Threshold.Seconds() < p.ring() {
		f.ServiceLevelOffered = 0
	}
	return PlanFigures{f.ServiceLevelOffered, f.ASAAnswered + p.ring(), f.Abandon, f.Occupancy}
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
				heard := p.heard(f)
				return p.target.miss(heard.Level, heard.ASA, heard.Abandon) <= 0
			})
			if err != nil || !ok {
				return nil, errors.Join(fmt.Errorf("queue %s at %s: no number of agents reaches %s; ringing alone takes %s",
					d.queue, clock(p.scenario.Begin+time.Duration(half)*HalfHour), p.target, p.scenario.Answer), err)
			}
			list[i][half] = n
		}
	}
	return list, nil
}

// mend adds an agent wherever the simulated day misses the target; it reports
// whether it did.
func (p *planner) mend(agents [][]int, r *Result) (mended bool) {
	for q, d := range p.demands {
		for i := range p.halves {
			if d.rate(i) > 0 && p.misses(found(r, d.queue, i)) {
				agents[q][i]++
				mended = true
			}
		}
	}
	return mended
}

// misses reports whether simulated figures are worse than chance explains.
func (p *planner) misses(f PlanFigures) bool {
	return p.target.miss(f.Level, f.ASA, f.Abandon) > p.target.allowed()
}

// found takes the figures of half an hour from a result.
func found(r *Result, queue string, half int) PlanFigures {
	list := r.Intervals[half].Queues
	q := &list[slices.IndexFunc(list, func(q IntervalQueue) bool { return q.Name == queue })]
	ended := q.Answered + q.Abandoned
	if ended == 0 {
		return nothing
	}
	return PlanFigures{q.Levels[string(SL3)], q.ASAAnswered, q.Abandoned / ended, math.NaN()}
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

// Hours returns the agent hours of the plan.
func (p *Plan) Hours() float64 {
	sum := 0
	for _, r := range p.Rows {
		sum += r.Agents
	}
	return float64(sum) / 2
}
