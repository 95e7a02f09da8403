package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cardline/acd"
)

// Options say how a scenario is simulated. The zero value is good.
type Options struct {
	// Replications is how often all days are simulated, each time with other
	// chances. If zero, it is 1.
	Replications int
	// Threshold is the T of the service levels; if zero, it is 20 s.
	Threshold time.Duration
	// Short is up to when those who give up are left out of some service
	// levels; if zero, it is 5 s.
	Short time.Duration
	// Confidence is that of the intervals; if zero, it is 0.99.
	Confidence float64
	// Workers is the number of runs at one time; if zero, as many as there are
	// processors. It changes no figure.
	Workers int
	// Record, if not nil, is given every command of the first run, before the
	// router is. The first one is a Reconfigure with the router's options.
	Record func(acd.Time, acd.Command) error
	// Estimator, if not nil, makes what is asked about the wait of every
	// caller who does not find a free agent; see [Errors].
	Estimator func(*acd.Router) Estimator
}

// A Simulation is a scenario that can be run.
type Simulation struct {
	routing    acd.Options
	scenario   Scenario
	options    Options
	threshold  time.Duration
	short      time.Duration
	record     func(acd.Time, acd.Command) error
	watcher    func(*acd.Router) Estimator
	begin      acd.Time
	days       int
	stop       int // calls that count, in each run
	stretches  int // units of a run by number of calls
	intervals  int
	groups     []string
	queueIndex map[string]int32
	groupIndex map[string]int32
	agentIndex map[string]int32
	turnsOf    [][]turn // by agent

	progress atomic.Int64
}

// turn is a point of a shift at which an agent becomes something else.
type turn struct {
	at     acd.Time
	to     acd.AgentState
	reason string
}

// stretches is the number of units into which runs by number of calls are cut
// in all.
const stretches = 512

// New checks the scenario and prepares it. The router's options are those of
// the configuration that is to be tried; not-ready reasons of breaks are added
// to them.
func New(routing acd.Options, scenario Scenario, o Options) (*Simulation, error) {
	if err := errors.Join(scenario.Check(routing), o.check()); err != nil {
		return nil, err
	}
	o.Replications = cmp.Or(o.Replications, 1)
	o.Confidence = cmp.Or(o.Confidence, 0.99)
	o.Workers = cmp.Or(o.Workers, runtime.GOMAXPROCS(0))
	s := &Simulation{
		scenario: scenario, options: o, record: o.Record, watcher: o.Estimator,
		threshold: cmp.Or(o.Threshold, 20*time.Second), short: cmp.Or(o.Short, 5*time.Second),
		begin: max(scenario.Begin, time.Second), // the router's time 0 means never
		days:  max(1, scenario.Days), stop: scenario.Calls / o.Replications,
		queueIndex: map[string]int32{}, groupIndex: map[string]int32{}, agentIndex: map[string]int32{},
	}
	if scenario.Calls > 0 {
		s.stretches = max(1, min(stretches/o.Replications, s.stop/20))
	} else {
		s.intervals = int((scenario.Length + HalfHour - 1) / HalfHour)
	}
	s.routing = withReasons(routing, scenario.Shifts)
	for i, q := range s.routing.Queues {
		s.queueIndex[q.Name] = int32(i)
	}
	for i, a := range s.routing.Agents {
		s.agentIndex[a.ID] = int32(i)
		if g := groupOf(a); !slices.Contains(s.groups, g) {
			s.groupIndex[g] = int32(len(s.groups))
			s.groups = append(s.groups, g)
		}
	}
	s.turnsOf = s.roster()
	return s, nil
}

func (o *Options) check() error {
	switch {
	case o.Replications < 0 || o.Replications > 100_000:
		return fmt.Errorf("replications is %d, expected 1 to 100000", o.Replications)
	case o.Threshold < 0 || o.Threshold > 24*time.Hour:
		return fmt.Errorf("threshold is %s, expected a time such as 20s", o.Threshold)
	case o.Short < 0 || o.Short > 24*time.Hour:
		return fmt.Errorf("short is %s, expected a time such as 5s", o.Short)
	case o.Confidence != 0 && !(o.Confidence > 0 && o.Confidence < 1):
		return fmt.Errorf("confidence is %v, expected a share between 0 and 1, such as 0.99", o.Confidence)
	case o.Workers < 0:
		return fmt.Errorf("workers is %d, expected 1 or more", o.Workers)
	}
	return nil
}

// groupOf returns the name of an agent's group.
func groupOf(a acd.Agent) string { return cmp.Or(a.Group, "agents") }

// restReason is why agents are not ready if a break does not say.
const restReason = "break"

// withReasons adds the reasons of breaks to those that agents may give.
func withReasons(o acd.Options, shifts []Shift) acd.Options {
	o.Reasons = slices.Clone(o.Reasons)
	for _, s := range shifts {
		for _, b := range s.Breaks {
			name := cmp.Or(b.Reason, restReason)
			if !slices.ContainsFunc(o.Reasons, func(r acd.Reason) bool { return r.Name == name }) {
				o.Reasons = append(o.Reasons, acd.Reason{Name: name})
			}
		}
	}
	return o
}

// roster returns the turns of every agent.
func (s *Simulation) roster() [][]turn {
	list := make([][]turn, len(s.routing.Agents))
	for _, shift := range s.scenario.Shifts {
		for i, id := range shift.Agents {
			at := &list[s.agentIndex[id]]
			*at = append(*at, turn{shift.From, acd.AgentReady, ""})
			for _, b := range shift.Breaks {
				from := b.At + b.Over*time.Duration(i)/time.Duration(len(shift.Agents))
				*at = append(*at,
					turn{from, acd.AgentNotReady, cmp.Or(b.Reason, restReason)},
					turn{from + b.For, acd.AgentReady, ""})
			}
			*at = append(*at, turn{shift.To, acd.AgentLoggedOut, ""})
		}
	}
	for i, turns := range list {
		if len(turns) == 0 {
			list[i] = []turn{{s.begin, acd.AgentReady, ""}}
		}
		slices.SortStableFunc(list[i], func(a, b turn) int { return cmp.Compare(a.at, b.at) })
	}
	return list
}

// replayOf returns the replayed callers of a day.
func (s *Simulation) replayOf(day int) []Caller {
	at := func(d int) int {
		i, _ := slices.BinarySearchFunc(s.scenario.Replay, time.Duration(d)*24*time.Hour,
			func(c Caller, t time.Duration) int { return cmp.Compare(c.At, t) })
		return i
	}
	return s.scenario.Replay[at(day):at(day+1)]
}

// Progress returns the share of the simulation that is done, 0 to 1. It may be
// called from any goroutine.
func (s *Simulation) Progress() float64 {
	whole := float64(s.scenario.Length) * float64(s.days)
	if s.scenario.Calls > 0 {
		whole = float64(s.stop)
	}
	return min(1, float64(s.progress.Load())/whole/float64(s.options.Replications))
}

// Run simulates all replications and days, several at a time, and returns what
// they come to. It must be called once. The same scenario gives the same
// result, whatever the number of workers. If the context ends, so does the
// simulation, with the context's error.
func (s *Simulation) Run(ctx context.Context) (*Result, error) {
	number := s.options.Replications * s.days
	sum := newSum(s)
	group, ctx := errgroup.WithContext(ctx)
	ready := make([]chan *run, number) // in order, so that sums are the same each time
	for i := range ready {
		ready[i] = make(chan *run, 1)
	}
	next := atomic.Int64{}
	ahead := make(chan struct{}, 2*s.options.Workers) // runs that are not added yet
	for range min(s.options.Workers, number) {
		group.Go(func() error {
			for {
				select {
				case ahead <- struct{}{}:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
				i := int(next.Add(1)) - 1
				if i >= number {
					return nil
				}
				r := s.newRun(i)
				if err := r.simulate(ctx); err != nil {
					return err
				}
				ready[i] <- r
			}
		})
	}
	group.Go(func() error {
		for i := range ready {
			select {
			case r := <-ready[i]:
				sum.add(i, r)
				<-ahead
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return sum.result(), nil
}
