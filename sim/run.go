package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"cardline/acd"
	"cardline/ledger"
)

// A run is one day, from an empty hotline to an empty hotline. Everything in it
// belongs to one goroutine.
type run struct {
	*Simulation
	router  *acd.Router
	events  events
	willing bool // agents answer every offer
	now     acd.Time
	end     acd.Time // of arrivals; never in a run by number of calls
	told    acd.Time // up to which progress was told

	streams []stream
	callers []caller
	free    []int32 // callers' places that nobody has
	agents  []worker
	queue   []line // by queue
	group   []team // by group

	units   []*unit
	series  []interval // nil in a run by number of calls
	fair    []fairness // by group
	current int32      // unit into which arriving callers count; -1 during the warm-up
	frozen  bool       // agents' time counts no more

	day      int
	arrived  int // that count
	inside   int // callers who have not gone for good
	queued   int // waiting callers who count
	open     int // callbacks, of inside
	promised int // callbacks so far
	present  int // agents who are logged in

	people uint64        // who have called, if they may call again
	firsts []acd.Enqueue // their first calls, by place

	names   []string      // of callers, by place
	pending []acd.Command // what follows at once from what has just happened
	record  func(acd.Time, acd.Command) error
	watch   *watch // of the estimator, nil if there is none
	err     error
}

// checkEvery is the number of events between looks at the context.
const checkEvery = 1 << 12

func (s *Simulation) newRun(number int) *run {
	r := &run{
		Simulation: s, router: acd.New(s.routing), now: s.begin, current: -1,
		queue: make([]line, len(s.routing.Queues)), group: make([]team, len(s.groups)),
		willing: s.scenario.Ignore == 0 && s.scenario.Refuse == 0, day: number % s.days,
	}
	r.end = s.begin + s.scenario.Length
	if s.scenario.Calls > 0 {
		r.end = Endless
		for range s.stretches {
			r.units = append(r.units, newUnit(len(r.queue), len(r.group)))
		}
	} else {
		r.units = append(r.units, newUnit(len(r.queue), len(r.group)))
		r.series = newIntervals(s.intervals, len(r.queue), len(r.group))
	}
	r.enrol(number)
	for i := range s.scenario.Callers {
		c := &s.scenario.Callers[i]
		r.addStream(c, s.queueIndex[c.Queue], number, nil)
	}
	if len(s.scenario.Replay) > 0 {
		r.addStream(&s.scenario.ReplayAs, 0, number, s.replayOf(r.day))
	}
	for i := range r.queue {
		r.queue[i].since = r.now
	}
	if s.watcher != nil {
		r.watch = newWatch(s.watcher(r.router), len(r.queue))
	}
	if number == 0 && s.record != nil {
		r.record = s.record
		r.err = r.record(0, acd.Reconfigure{Options: s.routing}) // as acd.New does
	}
	return r
}

// chance returns a stream of random numbers of its own.
func (s *Simulation) chance(run, stream, purpose int) *rand.Rand {
	seed := mix(s.scenario.Seed ^ mix(uint64(run)<<32|uint64(stream)<<8|uint64(purpose)))
	return rand.New(rand.NewPCG(seed, mix(seed)))
}

// mix is the finaliser of a splitmix64 generator: every bit of x moves every
// bit of the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// simulate lets the day pass.
func (r *run) simulate(ctx context.Context) error {
	for i := range r.queue {
		if _, kept := r.scenario.Hours[r.routing.Queues[i].Name]; kept {
			r.keepHours(int32(i))
		}
	}
	for i := range r.streams {
		r.nextArrival(int32(i), r.now)
	}
	boundary := r.now
	if r.scenario.WarmUp == 0 {
		r.startCounting()
	} else {
		r.events.push(event{at: r.now + r.scenario.WarmUp, kind: samples, who: 1})
	}
	if r.series != nil {
		for i := range r.series[1:] {
			r.events.push(event{at: boundary + time.Duration(i+1)*HalfHour, kind: samples})
		}
		r.events.push(event{at: r.end, kind: samples, who: 2})
	}
	for n := 1; r.err == nil && !r.over(); n++ {
		if n%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			r.tell()
		}
		r.step()
	}
	if r.err != nil {
		return fmt.Errorf("at %s: %w", r.now, r.err)
	}
	r.finish()
	r.tell()
	return nil
}

// tell adds to the progress of the simulation.
func (r *run) tell() {
	if r.scenario.Calls > 0 {
		r.progress.Add(int64(acd.Time(r.arrived) - r.told))
		r.told = acd.Time(r.arrived)
		return
	}
	passed := min(r.now, r.end) - r.begin
	r.progress.Add(int64(passed - r.told))
	r.told = passed
}

// over reports whether the day is: nobody comes any more and nobody is left.
func (r *run) over() bool {
	if r.scenario.Calls > 0 {
		return r.arrived >= r.stop && r.queued == 0
	}
	left := r.inside
	if r.present == 0 {
		left -= r.open // nobody is there who would call them back
	}
	return r.now >= r.end && left == 0 && r.frozen
}

// errStuck is a fault of the router: the clock could not go on.
var errStuck = errors.New("the router asks to be woken at a time that has passed, again and again")

// step lets the next thing happen: a deadline of the router, or an event.
func (r *run) step() {
	at, wakes := r.router.NextDeadline()
	if len(r.events.heap) == 0 && !wakes {
		r.giveUp()
		return
	}
	if wakes && (len(r.events.heap) == 0 || at <= r.events.heap[0].at) {
		r.now = max(r.now, at)
		r.apply(acd.Tick{})
		if again, ok := r.router.NextDeadline(); ok && again <= at && r.err == nil {
			r.err = errStuck
		}
		return
	}
	e := r.events.pop()
	r.now = e.at
	switch e.kind {
	case arrives:
		r.arrive(e.who)
	case givesUp:
		if c := &r.callers[e.who]; c.life == e.life && c.entry != 0 {
			r.apply(acd.Leave{Entry: c.entry, Outcome: acd.OutcomeAbandoned})
		}
	case answers:
		if w := &r.agents[e.who]; w.life == e.life && w.offer != 0 {
			r.answer(w)
		}
	case hangsUp:
		if w := &r.agents[e.who]; w.life == e.life {
			r.inside--
			r.apply(acd.EndTalk{Agent: w.id})
		}
	case finishes:
		if w := &r.agents[e.who]; w.life == e.life && w.state == wrapUp {
			r.apply(acd.SetReady{Agent: w.id, Expect: acd.AgentWrapUp, By: ledger.ByPhone})
		}
	case turns:
		r.turn(&r.agents[e.who], e.who)
	case returns:
		if w := &r.agents[e.who]; w.life == e.life && w.state == notReady && !w.onRest && !w.away {
			r.apply(acd.SetReady{Agent: w.id, Expect: acd.AgentNotReady, By: ledger.ByPhone})
		}
	case samples:
		r.sample(e.who)
	case opens:
		r.keepHours(e.who)
	case comesAgain:
		if r.callers[e.who].life == e.life {
			r.redial(e.who)
		}
	case asks:
		if c := &r.callers[e.who]; c.life == e.life && c.entry != 0 {
			r.askCallback(e.who)
		}
	case picksUp:
		if c := &r.callers[e.who]; c.life == e.life && c.entry != 0 {
			r.pickUp(e.who)
		}
	}
}

// errUnserved says that a run by number of calls can never end.
var errUnserved = errors.New("nobody serves those who wait, and nobody comes any more")

// giveUp ends a day on which nothing can happen any more, though callers wait
// who are very patient: the agents have gone home.
func (r *run) giveUp() {
	if r.scenario.Calls > 0 {
		r.err = errUnserved
		return
	}
	for i := range r.callers {
		if c := &r.callers[i]; c.entry != 0 {
			if t := r.tallyOf(c); t != nil && !c.callback {
				t.unserved++
				t.waited += (r.now - c.since).Seconds()
			}
			c.entry = 0
		}
	}
	r.queued, r.inside, r.open = 0, 0, 0
}

// apply gives the router a command, and what follows from it at once, and
// takes note of what the router says.
func (r *run) apply(c acd.Command) {
	r.pending = append(r.pending[:0], c)
	for i := 0; i < len(r.pending) && r.err == nil; i++ {
		c := r.pending[i]
		if r.record != nil {
			if r.err = r.record(r.now, c); r.err != nil {
				return
			}
		}
		effects, err := r.router.Apply(r.now, c)
		if err != nil {
			r.err = err
			return
		}
		_, enters := c.(acd.Enqueue)
		for _, e := range effects {
			r.note(e, enters)
		}
		if r.watch != nil {
			r.watch.saw(r, c, effects, enters)
		}
	}
}

// note takes one effect into account.
func (r *run) note(e acd.Effect, enters bool) {
	switch e := e.(type) {
	case acd.Entered:
		r.entered(&e)
	case acd.OfferMade:
		r.offered(&e, enters)
	case acd.OfferEnded:
		r.offerEnded(&e)
	case acd.Exited:
		r.exited(&e, enters && e.Outcome == acd.OutcomeClosed)
	case acd.AgentChanged:
		r.changed(&e)
	case acd.CallbackDue:
		r.dialled(&e)
	case acd.CallbackFailed:
		r.callers[slotOf(e.Call)].life++ // too late to answer
	default:
	}
}
