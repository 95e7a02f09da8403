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

	arrived int // that count
	inside  int // callers waiting or talking
	queued  int // waiting callers who count

	names   []string      // of callers, by place
	pending []acd.Command // what follows at once from what has just happened
	record  func(acd.Time, acd.Command) error
	watch   *watch // of the estimator, nil if there is none
	err     error
}

// stream is one kind of callers and its streams of chance, one a purpose.
type stream struct {
	*Callers
	queue                          int32
	arrivals, talk, patience, mood *rand.Rand
	patient                        bool // without end
	replay                         []Caller
}

// caller is a place for a caller, used again when the caller has left.
type caller struct {
	entry     uint64 // 0 if not in a queue
	offer     uint64 // 0 unless offered
	since     acd.Time
	deadline  acd.Time // of patience
	talk      time.Duration
	ring      time.Duration
	mood      uint64 // decides what agents make of the offers
	tries     uint32 // offers so far
	life      uint32
	queue     int32
	stream    int32
	unit      int32
	impatient bool // the end of patience is among the events
	guess     guess
}

// worker is an agent.
type worker struct {
	id     string
	group  int32
	state  uint8
	away   bool // does not come today, or has gone home
	onRest bool // on a break by plan
	since  acd.Time
	offer  uint64
	caller int32
	life   uint32
	next   int // turn of the shift
	talk   time.Duration
	turns  []turn
	spent  groupTally // while it counts
}

// line is a queue as it is now.
type line struct {
	waiting int
	since   acd.Time
}

// team is a group as it is now.
type team struct {
	in    [stateCount]int
	since acd.Time
}

// checkEvery is the number of events between looks at the context.
const checkEvery = 1 << 12

func (s *Simulation) newRun(number int) *run {
	r := &run{
		Simulation: s, router: acd.New(s.routing), now: s.begin, current: -1,
		queue: make([]line, len(s.routing.Queues)), group: make([]team, len(s.groups)),
		willing: s.scenario.Ignore == 0 && s.scenario.Refuse == 0,
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
		r.addStream(&s.scenario.ReplayAs, 0, number, s.replayOf(number%s.days))
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

// addStream lets a kind of callers come. Each of its streams of chance has a
// seed of its own, so that no change of one moves another.
func (r *run) addStream(c *Callers, queue int32, number int, replay []Caller) {
	at := len(r.streams)
	chance := func(purpose int) *rand.Rand { return r.chance(number, at, purpose) }
	r.streams = append(r.streams, stream{
		Callers: c, queue: queue, replay: replay, patient: !c.Patience.IsSet() || c.Patience.shape == endless,
		arrivals: chance(1), talk: chance(2), patience: chance(3), mood: chance(4),
	})
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

// enrol takes the agents on, and those who are there at the beginning start to
// work.
func (r *run) enrol(number int) {
	absence := r.chance(number, 1<<20, 0)
	r.agents = make([]worker, len(r.routing.Agents))
	for i, a := range r.routing.Agents {
		w := &r.agents[i]
		*w = worker{id: a.ID, group: r.groupIndex[groupOf(a)], since: r.now, turns: r.turnsOf[i]}
		w.away = r.scenario.Absent > 0 && absence.Float64() < r.scenario.Absent
		r.group[w.group].in[loggedOut]++
	}
	for i := range r.group {
		r.group[i].since = r.now
	}
	for i := range r.agents {
		if w := &r.agents[i]; !w.away && len(w.turns) > 0 {
			r.events.push(event{at: max(r.now, w.turns[0].at), who: int32(i), kind: turns})
		}
	}
}

// simulate lets the day pass.
func (r *run) simulate(ctx context.Context) error {
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
	return r.now >= r.end && r.inside == 0 && r.frozen
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
			if t := r.tallyOf(c); t != nil {
				t.unserved++
				t.waited += (r.now - c.since).Seconds()
			}
			c.entry = 0
		}
	}
	r.queued, r.inside = 0, 0
}

// sample ends an interval, the warm-up (1), or the time that counts (2).
func (r *run) sample(what int32) {
	r.flush()
	switch what {
	case 1:
		r.startCounting()
	case 2:
		r.freeze()
	default:
		r.lookBack()
	}
}

// lookBack counts who has waited too long at the end of an interval.
func (r *run) lookBack() {
	at := r.intervalAt(r.now - 1)
	for i := range r.callers {
		if c := &r.callers[i]; c.entry != 0 && r.now-c.since > r.threshold {
			r.series[at].over[c.queue]++
		}
	}
}

func (r *run) startCounting() {
	r.flush()
	r.current = 0
	for i := range r.agents {
		r.agents[i].since, r.agents[i].spent = r.now, groupTally{}
	}
}

// freeze ends the time in which agents' work counts.
func (r *run) freeze() {
	r.flush()
	for i := range r.agents {
		r.agents[i].account(r.now)
	}
	r.frozen = true
}

// finish closes the counters of a whole run.
func (r *run) finish() {
	if !r.frozen {
		r.freeze()
	}
	fair := make([]fairness, len(r.group))
	type sums struct{ calls, calls2, load, load2, n float64 }
	by := make([]sums, len(r.group))
	for i := range r.agents {
		w := &r.agents[i]
		busy, present := w.spent.busy()
		if present == 0 {
			continue // was not there
		}
		s, calls, load := &by[w.group], float64(w.spent.calls), busy/present
		s.calls, s.calls2, s.n = s.calls+calls, s.calls2+calls*calls, s.n+1
		s.load, s.load2 = s.load+load, s.load2+load*load
	}
	for i, s := range by {
		fair[i] = fairness{jain(s.calls, s.calls2, s.n), jain(s.load, s.load2, s.n)}
	}
	r.fair = fair
}

// account adds the time since the last change to what the agent did.
func (w *worker) account(now acd.Time) {
	w.spent.spent[w.state] += (now - w.since).Seconds()
	w.since = now
}

// flush adds the time since the last change to every queue and group.
func (r *run) flush() {
	for i := range r.queue {
		r.flushQueue(int32(i))
	}
	for i := range r.group {
		r.flushGroup(int32(i))
	}
}

func (r *run) flushQueue(i int32) {
	q := &r.queue[i]
	if r.series != nil && r.now > q.since {
		r.series[r.intervalAt(q.since)].waiting[i] += float64(q.waiting) * (r.now - q.since).Seconds()
	}
	q.since = r.now
}

func (r *run) flushGroup(i int32) {
	g := &r.group[i]
	if !r.frozen && r.current >= 0 && r.now > g.since {
		took := (r.now - g.since).Seconds()
		spent := &r.units[r.current].groups[i].spent
		var series *[stateCount]float64
		if r.series != nil {
			series = &r.series[r.intervalAt(g.since)].groups[i].spent
		}
		for s, n := range g.in {
			if n > 0 {
				spent[s] += float64(n) * took
				if series != nil {
					series[s] += float64(n) * took
				}
			}
		}
	}
	g.since = r.now
}

// intervalAt returns the interval of a time; the last one takes what is left
// after the end.
func (r *run) intervalAt(t acd.Time) int {
	return max(0, min(int((t-r.begin)/HalfHour), len(r.series)-1))
}

// tallyOf returns where a caller counts, nil if not at all.
func (r *run) tallyOf(c *caller) *queueTally {
	if c.unit < 0 {
		return nil
	}
	return &r.units[c.unit].queues[c.queue]
}

// nextArrival plans the next caller of a stream after a time: so much of the
// expected number has to pass as an exponential draw says.
func (r *run) nextArrival(i int32, after acd.Time) {
	s := &r.streams[i]
	if s.replay != nil {
		if len(s.replay) > 0 {
			r.events.push(event{at: max(r.now, s.replay[0].At%(24*time.Hour)), who: i, kind: arrives})
		}
		return
	}
	rest := s.arrivals.ExpFloat64()
	for at := after; at < r.end; {
		piece := int((at - r.begin) / HalfHour)
		last := piece >= len(s.PerHour)-1
		rate := s.PerHour[min(piece, len(s.PerHour)-1)] / 3600
		until := r.end
		if !last {
			until = min(until, r.begin+time.Duration(piece+1)*HalfHour)
		}
		if need := rest / rate; rate > 0 && need < (until-at).Seconds() {
			r.events.push(event{at: at + time.Duration(need*float64(time.Second)), who: i, kind: arrives})
			return
		}
		rest -= rate * (until - at).Seconds()
		at = until
	}
}

// arrive lets a caller in, with everything that chance has decided about this
// caller.
func (r *run) arrive(i int32) {
	s := &r.streams[i]
	slot := r.slot()
	c := &r.callers[slot]
	c.stream, c.queue, c.tries, c.impatient, c.offer = i, s.queue, 0, false, 0
	c.talk, c.mood = s.Talk.draw(s.talk), s.mood.Uint64()
	patience := Endless
	if !s.patient {
		patience = s.Patience.draw(s.patience)
	}
	c.ring = r.scenario.Answer.draw(s.mood)
	enqueue := acd.Enqueue{Call: r.name(slot), Queue: s.Queue, Via: ledger.ViaIVR, HeadStart: s.HeadStart, Class: s.Class}
	if s.replay != nil {
		known := &s.replay[0]
		s.replay = s.replay[1:]
		c.queue = r.queueIndex[known.Queue]
		enqueue.Queue, enqueue.HeadStart, enqueue.Class = known.Queue, known.HeadStart, known.Class
		if known.Talk > 0 {
			c.talk = known.Talk
		}
		switch {
		case known.Patience > 0:
			patience = known.Patience
		case patience < Endless-known.Waited:
			patience += known.Waited
		}
	}
	c.deadline = Endless
	if patience < Endless-r.now {
		c.deadline = r.now + patience
	}
	r.nextArrival(i, r.now)
	c.unit = r.countArrival()
	r.inside++
	r.apply(enqueue)
	c = &r.callers[slot]
	switch {
	case c.entry == 0: // gone already
	case c.offer != 0 && c.deadline > r.now+c.ring && r.willing: // will be answered in time
	default:
		r.mind(slot)
	}
}

// countArrival returns the unit in which a caller counts who comes now.
func (r *run) countArrival() int32 {
	if r.current < 0 || r.scenario.Calls > 0 && r.arrived >= r.stop {
		return -1
	}
	if r.scenario.Calls > 0 {
		if at := int32(int64(r.arrived) * int64(len(r.units)) / int64(r.stop)); at != r.current {
			r.flush()
			r.current = at
		}
	}
	r.arrived++
	if r.arrived == r.stop && r.scenario.Calls > 0 {
		r.freeze()
	}
	return r.current
}

// mind puts the end of a caller's patience among the events.
func (r *run) mind(slot int32) {
	c := &r.callers[slot]
	if c.deadline < Endless && !c.impatient {
		c.impatient = true
		r.events.push(event{at: max(r.now, c.deadline), life: c.life, who: slot, kind: givesUp})
	}
}

// slot returns a place for a caller.
func (r *run) slot() int32 {
	if n := len(r.free); n > 0 {
		slot := r.free[n-1]
		r.free = r.free[:n-1]
		return slot
	}
	r.callers = append(r.callers, caller{})
	return int32(len(r.callers) - 1)
}

// name returns what a caller is called. Names are those of the places, so that
// no name has to be made for each caller and none has to be looked up.
func (r *run) name(slot int32) string {
	for int(slot) >= len(r.names) {
		r.names = append(r.names, fmt.Sprint(len(r.names)))
	}
	return r.names[slot]
}

// slotOf reads a caller's name.
func slotOf(name string) int32 {
	slot := int32(0)
	for _, digit := range []byte(name) {
		slot = slot*10 + int32(digit-'0')
	}
	return slot
}

// answer says what an agent makes of the offer that is out.
func (r *run) answer(w *worker) {
	c := &r.callers[w.caller]
	if r.scenario.Refuse > 0 && c.share() < r.scenario.Refuse {
		r.apply(acd.FailOffer{Offer: w.offer, Result: acd.OfferRejected})
		return
	}
	w.talk = c.talk
	r.apply(acd.AcceptOffer{Offer: w.offer})
}

// share returns a number from 0 to 1 that belongs to the caller's present
// offer.
func (c *caller) share() float64 {
	return float64(mix(c.mood+uint64(c.tries))>>11) / (1 << 53)
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
		r.exited(&e)
	case acd.AgentChanged:
		r.changed(&e)
	default:
	}
}

func (r *run) entered(e *acd.Entered) {
	c := &r.callers[slotOf(e.Call)]
	c.entry, c.since, c.queue = e.Entry, r.now, r.queueIndex[e.Queue]
	r.flushQueue(c.queue)
	r.queue[c.queue].waiting++
	if t := r.tallyOf(c); t != nil {
		t.offered++
		r.queued++
		if r.series != nil {
			r.series[r.intervalAt(r.now)].queues[c.queue].offered++
		}
	}
}

func (r *run) offered(e *acd.OfferMade, enters bool) {
	slot := slotOf(e.Call)
	c := &r.callers[slot]
	i := r.agentIndex[e.Agent]
	w := &r.agents[i]
	c.offer, w.offer, w.caller = e.Offer, e.Offer, slot
	w.life++
	if enters && c.tries == 0 && c.since == r.now {
		if t := r.tallyOf(c); t != nil {
			t.atOnce++
		}
	}
	c.tries++
	ring := c.ring
	if c.tries > 1 && ring > 0 {
		ring = r.scenario.Answer.draw(rand.New(rand.NewPCG(c.mood, uint64(c.tries))))
	}
	if r.scenario.Ignore > 0 && c.share() >= 1-r.scenario.Ignore {
		return // until the router has had enough
	}
	if ring == 0 && r.scenario.Refuse == 0 {
		w.talk = c.talk
		r.pending = append(r.pending, acd.AcceptOffer{Offer: e.Offer})
		return
	}
	r.events.push(event{at: r.now + ring, life: w.life, who: i, kind: answers})
}

func (r *run) offerEnded(e *acd.OfferEnded) {
	slot := slotOf(e.Call)
	c := &r.callers[slot]
	i := r.agentIndex[e.Agent]
	w := &r.agents[i]
	w.offer, c.offer = 0, 0
	switch e.Result {
	case acd.OfferAccepted:
		w.life++
		r.events.push(event{at: r.now + w.talk, life: w.life, who: i, kind: hangsUp})
		if !r.frozen && r.current >= 0 {
			w.spent.calls++
			r.units[r.current].groups[w.group].calls++
		}
	case acd.OfferIgnored:
		r.mind(slot)
		if r.scenario.Return > 0 {
			r.events.push(event{at: r.now + r.scenario.Return, life: w.life, who: i, kind: returns})
		}
	default:
		r.mind(slot)
	}
}

func (r *run) exited(e *acd.Exited) {
	slot := slotOf(e.Call)
	c := &r.callers[slot]
	r.flushQueue(c.queue)
	r.queue[c.queue].waiting--
	t := r.tallyOf(c)
	if t != nil {
		r.queued--
		r.count(t, e, c.talk)
		if r.series != nil {
			r.count(&r.series[r.intervalAt(r.now)].queues[c.queue], e, c.talk)
		}
	}
	if r.watch != nil {
		r.watch.left(c, e)
	}
	c.entry = 0
	if e.Next != 0 {
		return // goes on in another queue
	}
	if e.Outcome != acd.OutcomeAnswered {
		r.inside--
	}
	c.life++
	r.free = append(r.free, slot)
}

// count takes an exit into a tally.
func (r *run) count(t *queueTally, e *acd.Exited, talk time.Duration) {
	waited, inTime := e.Waited.Seconds(), e.Waited <= r.threshold
	t.waited += waited
	t.longest = max(t.longest, e.Waited)
	switch e.Outcome {
	case acd.OutcomeAnswered:
		t.answered++
		t.waitedAnswered += waited
		t.talked += talk.Seconds()
		if inTime {
			t.inTime++
		}
	case acd.OutcomeAbandoned:
		t.abandoned++
		t.waitedAbandoned += waited
		if inTime {
			t.abandonedIn++
		}
		if e.Waited <= r.short {
			t.short++
		}
	case ledger.OutcomeCallbackRequested:
		t.callbacks++
		if inTime {
			t.callbacksIn++
		}
	default:
		t.left++
	}
}

func (r *run) changed(e *acd.AgentChanged) {
	i := r.agentIndex[e.Agent]
	w := &r.agents[i]
	to := stateIndex(e.To)
	r.flushGroup(w.group)
	g := &r.group[w.group]
	g.in[w.state]--
	g.in[to]++
	if !r.frozen && r.current >= 0 {
		w.account(r.now)
	}
	w.state, w.since = to, r.now
	if to == wrapUp && r.scenario.WrapUp.IsSet() {
		took := r.scenario.WrapUp.draw(rand.New(rand.NewPCG(r.callers[w.caller].mood, 0)))
		r.events.push(event{at: r.now + took, life: w.life, who: i, kind: finishes})
	}
}

// turn lets an agent's shift go on.
func (r *run) turn(w *worker, i int32) {
	t := w.turns[w.next]
	w.next++
	if w.next < len(w.turns) {
		r.events.push(event{at: max(r.now, w.turns[w.next].at), who: i, kind: turns})
	}
	switch t.to {
	case acd.AgentReady:
		w.onRest, w.away = false, false
		if w.state == loggedOut {
			r.apply(acd.LogIn{Agent: w.id, By: ledger.ByPhone})
		}
		r.apply(acd.SetReady{Agent: w.id, By: ledger.ByPhone})
	case acd.AgentNotReady:
		w.onRest = true
		r.apply(acd.SetNotReady{Agent: w.id, Reason: t.reason, By: ledger.ByPhone})
	default:
		w.away = true
		r.apply(acd.LogOut{Agent: w.id, By: ledger.ByPhone})
	}
}
