package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Options say what a [Load] does.
type Options struct {
	RackOptions

	// Calls is the number of calls in all and Duration the time in which new
	// ones are made; whichever is reached first ends the load. At least one
	// must be set.
	Calls    int
	Duration time.Duration
	// Rate is the number of new calls a second. If zero, it is 1.
	Rate float64
	// Concurrent is the largest number of callers at one time. If zero, it is
	// 100. While there are so many, no new call is made.
	Concurrent int

	// Script is what callers press. Story takes its place if it is not nil.
	Script Script
	Story  Story
	// Hold is how long callers stay when the script is through; if the script
	// ends with q, how long they wait for a person. If zero, until the far end
	// hangs up.
	Hold Spread
	// Talk is after how long callers end a conversation. If zero, the agent
	// has to.
	Talk Spread
	// FirstNumber is the number that the first caller shows; the others count
	// on from it. If zero, it is 13800000000.
	FirstNumber uint64

	// Agents work while there are calls.
	Agents []Shift

	// Seed makes two loads draw the same times.
	Seed uint64
	// Grace is how long callers may take to leave at the end. If zero, it is
	// 30 s.
	Grace time.Duration
}

// check fills the defaults in and returns everything that is wrong.
func (o *Options) check() error {
	var wrong []error
	if o.Calls <= 0 && o.Duration <= 0 {
		wrong = append(wrong, errors.New("neither a number of calls nor a duration"))
	}
	if o.Rate < 0 || o.Rate > 1000 {
		wrong = append(wrong, fmt.Errorf("rate %v: want 0 to 1000 calls a second", o.Rate))
	}
	if o.Concurrent < 0 || o.Calls < 0 {
		wrong = append(wrong, errors.New("a negative number of calls"))
	}
	for _, a := range o.Agents {
		switch {
		case a.Talk.Zero() && o.Talk.Zero() && o.Story == nil:
			wrong = append(wrong, fmt.Errorf("agent %s and the callers both wait for the other to hang up; set a talking time for one", a.User))
		case a.Refuse < 0 || a.Ignore < 0 || a.Die < 0 || a.Refuse+a.Ignore+a.Die > 1:
			wrong = append(wrong, fmt.Errorf("agent %s: the shares that refuse, ignore and die must be between 0 and 1 together", a.User))
		}
	}
	if o.Rate == 0 {
		o.Rate = 1
	}
	if o.Concurrent == 0 {
		o.Concurrent = 100
	}
	if o.FirstNumber == 0 {
		o.FirstNumber = 13_800_000_000
	}
	if o.Grace == 0 {
		o.Grace = 30 * time.Second
	}
	if o.Story == nil {
		o.Story = o.Script.tell(o.Hold, o.Talk)
	}
	return errors.Join(wrong...)
}

// A Load makes calls.
type Load struct {
	options Options
	rack    *Rack
	tally   *tally
}

// New checks the options and binds the ports of the telephones. The caller
// must then Run it.
func New(ctx context.Context, o Options) (*Load, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	rack, err := NewRack(ctx, o.RackOptions)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if o.Story != nil && rack.target.user == "" {
		return nil, errors.Join(fmt.Errorf("load: target %q has no number to dial", o.Target), rack.Close())
	}
	return &Load{options: o, rack: rack, tally: newTally()}, nil
}

// A Progress is how far a load has got.
type Progress struct {
	Attempted, Now, Talked, Failed int
}

// Progress may be asked at any time.
func (l *Load) Progress() Progress {
	l.tally.mu.Lock()
	defer l.tally.mu.Unlock()
	o := l.tally.calls.Outcomes
	return Progress{l.tally.calls.Attempted, l.tally.now, o[Talked], o[Failed] + o[GaveUp] + o[Broken]}
}

// Run lets the agents begin, makes the calls, and takes everything down again:
// all calls hung up, agents logged out and un-registered. When ctx ends, no
// new calls are made; callers who are still pressing keys come to where they
// can leave, the others leave at once, all within Options.Grace. Run must be
// called once.
func (l *Load) Run(ctx context.Context) (*Figures, error) {
	hard, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	cpu := cpuTime()
	agents, err := l.startAgents(ctx, hard)
	began := time.Now()
	if err == nil {
		l.makeCalls(ctx, hard)
	}
	took := time.Since(began)
	err = errors.Join(err, agents.stop(), l.rack.Close())
	figures := l.tally.figures()
	figures.Target, figures.Seconds = l.options.Target, took.Seconds()
	figures.CPUSeconds = (cpuTime() - cpu).Seconds()
	return figures, err
}

// A crew is the agents of a load.
type crew struct {
	end     context.CancelFunc
	working sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

// stop ends all shifts and returns what went wrong with them.
func (c *crew) stop() error {
	c.end()
	c.working.Wait()
	return errors.Join(c.errs...)
}

// startAgents returns when all agents are ready, or with the first error.
func (l *Load) startAgents(ctx, hard context.Context) (*crew, error) {
	shifts, end := context.WithCancel(hard)
	c := &crew{end: end}
	results := make(chan error, 2*len(l.options.Agents))
	for i, s := range l.options.Agents {
		s.Voice, s.Seed = i, l.options.Seed+uint64(i)
		s.Ready = func() { results <- nil }
		c.working.Go(func() {
			work, err := l.rack.Work(shifts, s)
			l.tally.worked(work)
			if err != nil {
				c.mu.Lock()
				c.errs = append(c.errs, err)
				c.mu.Unlock()
				results <- err
			}
		})
	}
	for range l.options.Agents {
		select {
		case err := <-results:
			if err != nil {
				return c, errors.New("not all agents could begin") // stop tells why
			}
		case <-ctx.Done():
			return c, nil
		}
	}
	return c, nil
}

// makeCalls makes calls and returns when the last is over.
func (l *Load) makeCalls(ctx, hard context.Context) {
	if l.options.Duration > 0 {
		bounded, cancel := context.WithTimeout(ctx, l.options.Duration)
		defer cancel()
		ctx = bounded
	}
	calls, end := context.WithCancel(hard)
	defer end()
	leave := make(chan struct{})
	room := make(chan struct{}, l.options.Concurrent)
	var callers sync.WaitGroup
	l.pace(ctx, func(n int) {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		l.tally.began()
		callers.Go(func() {
			l.tally.ended(l.rack.Call(calls, CallOptions{
				From: fmt.Sprint(l.options.FirstNumber + uint64(n)), Voice: n,
				Seed: l.options.Seed ^ uint64(n)<<20, Story: l.options.Story, Leave: leave,
			}))
			<-room
		})
	})
	over := make(chan struct{})
	go func() { // ends with the callers, for whom this function waits
		callers.Wait()
		close(over)
	}()
	select {
	case <-over:
		return
	case <-ctx.Done():
	}
	close(leave)
	grace := time.NewTimer(l.options.Grace)
	defer grace.Stop()
	select {
	case <-over:
	case <-grace.C:
		end()
		<-over
	}
}

// maxLag is how much of a delay is made up for by calls in quick succession.
const maxLag = 100 * time.Millisecond

// pace makes calls at the rate until there were enough or ctx ends.
func (l *Load) pace(ctx context.Context, call func(n int)) {
	gap := time.Duration(float64(time.Second) / l.options.Rate)
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; l.options.Calls == 0 || n < l.options.Calls; n++ {
		timer.Reset(time.Until(next))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		call(n)
		next = next.Add(gap)
		if earliest := time.Now().Add(-maxLag); next.Before(earliest) {
			next = earliest
		}
	}
}
