package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"cardline/acd"
	"cardline/ledger"
)

// stream is one kind of callers and its streams of chance, one a purpose.
type stream struct {
	*Callers
	queue                                  int32
	arrivals, talk, patience, mood, wishes *rand.Rand
	patient                                bool // without end
	replay                                 []Caller
}

// caller is a place for a caller, used again when the caller has left.
type caller struct {
	entry     uint64 // 0 if not in a queue
	offer     uint64 // 0 unless offered
	since     acd.Time
	patience  time.Duration
	deadline  acd.Time // of patience
	talk      time.Duration
	ring      time.Duration
	wish      time.Duration // after which an offer to be called back is taken
	mood      uint64        // decides what agents make of the offers
	tries     uint32        // offers so far
	calls     uint32        // earlier ones, which the caller gave up
	life      uint32
	queue     int32
	stream    int32
	unit      int32
	agent     int32 // who waits for a caller who is called back, or nobody
	impatient bool  // the end of patience is among the events
	callback  bool  // has asked to be called back
	away      bool  // and is not on the line
	regained  bool  // has the place of an earlier call
	site      string
	guess     guess
}

const nobody = -1

// addStream lets a kind of callers come. Each of its streams of chance has a
// seed of its own, so that no change of one moves another.
func (r *run) addStream(c *Callers, queue int32, number int, replay []Caller) {
	at := len(r.streams)
	chance := func(purpose int) *rand.Rand { return r.chance(number, at, purpose) }
	r.streams = append(r.streams, stream{
		Callers: c, queue: queue, replay: replay, patient: !c.Patience.IsSet() || c.Patience.shape == endless,
		arrivals: chance(1), talk: chance(2), patience: chance(3), mood: chance(4), wishes: chance(5),
	})
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
	*c = caller{stream: i, queue: s.queue, life: c.life, agent: nobody, site: s.Site, guess: c.guess}
	c.talk, c.mood = s.Talk.draw(s.talk), s.mood.Uint64()
	c.patience = Endless
	if !s.patient {
		c.patience = s.Patience.draw(s.patience)
	}
	c.ring, c.wish = r.scenario.Answer.draw(s.mood), r.scenario.Callbacks.wish(s.wishes)
	enqueue := acd.Enqueue{
		Call: r.name(slot), Queue: s.Queue, Via: ledger.ViaIVR, HeadStart: s.HeadStart, Class: s.Class, Site: s.Site,
	}
	if s.replay != nil {
		known := &s.replay[0]
		s.replay = s.replay[1:]
		c.queue, c.site = r.queueIndex[known.Queue], known.Site
		enqueue.Queue, enqueue.HeadStart, enqueue.Class, enqueue.Site = known.Queue, known.HeadStart, known.Class, known.Site
		if known.Talk > 0 {
			c.talk = known.Talk
		}
		switch {
		case known.Patience > 0:
			c.patience = known.Patience
		case c.patience < Endless-known.Waited:
			c.patience += known.Waited
		}
	}
	r.nextArrival(i, r.now)
	c.unit = r.countArrival()
	r.inside++
	r.introduce(slot, &enqueue)
	r.call(slot, enqueue)
}

// call lets a caller join a queue, for the first time or again.
func (r *run) call(slot int32, enqueue acd.Enqueue) {
	c := &r.callers[slot]
	c.deadline = later(r.now, c.patience)
	r.apply(enqueue)
	c = &r.callers[slot]
	switch {
	case c.entry == 0: // gone already
	case c.offer != 0 && min(c.deadline, later(r.now, c.wish)) > r.now+c.ring && r.willing: // will be answered in time
	default:
		r.mind(slot)
	}
}

// later adds a time that may be endless.
func later(now acd.Time, d time.Duration) acd.Time {
	if d >= Endless-now {
		return Endless
	}
	return now + d
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

// mind puts what a waiting caller will do among the events: give up, or ask to
// be called back.
func (r *run) mind(slot int32) {
	c := &r.callers[slot]
	if c.impatient || c.away {
		return
	}
	c.impatient = true
	if c.deadline < Endless {
		r.events.push(event{at: max(r.now, c.deadline), life: c.life, who: slot, kind: givesUp})
	}
	if c.wish < Endless {
		r.events.push(event{at: max(r.now, later(c.since, c.wish)), life: c.life, who: slot, kind: asks})
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

// leave gives a caller's place free.
func (r *run) leave(slot int32) {
	r.callers[slot].life++
	r.free = append(r.free, slot)
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

// share returns a number from 0 to 1 that belongs to the caller's present
// offer.
func (c *caller) share() float64 {
	return float64(mix(c.mood+uint64(c.tries))>>11) / (1 << 53)
}

// dice returns a stream of chance of the caller's own, for one of the things
// that happen to few, the n-th time.
func (c *caller) dice(purpose, n uint32) *rand.Rand {
	return rand.New(rand.NewPCG(c.mood, uint64(purpose)<<32|uint64(n)))
}

// entered takes note of a caller who has a place in a queue.
func (r *run) entered(e *acd.Entered) {
	c := &r.callers[slotOf(e.Call)]
	c.entry, c.since, c.queue, c.regained = e.Entry, r.now, r.queueIndex[e.Queue], e.Regained
	if e.Via == ledger.ViaCallback {
		return // not on the line
	}
	r.flushQueue(c.queue)
	r.queue[c.queue].waiting++
	if t := r.tallyOf(c); t != nil {
		r.queued++
		again := c.calls > 0 && e.Via == ledger.ViaIVR
		t.enter(again, e.Regained)
		if r.series != nil {
			r.series[r.intervalAt(r.now)].queues[c.queue].enter(again, e.Regained)
		}
	}
}

// exited takes note of a caller who has left a queue; shut says that it was
// closed when the caller came.
func (r *run) exited(e *acd.Exited, shut bool) {
	slot := slotOf(e.Call)
	c := &r.callers[slot]
	if e.Via == ledger.ViaCallback {
		r.callbackLeft(slot, e)
		return
	}
	r.flushQueue(c.queue)
	r.queue[c.queue].waiting--
	if t := r.tallyOf(c); t != nil {
		r.queued--
		r.count(t, e, c, shut)
		if r.series != nil {
			r.count(&r.series[r.intervalAt(r.now)].queues[c.queue], e, c, shut)
		}
	}
	if r.watch != nil {
		r.watch.left(c, e)
	}
	c.entry = 0
	switch {
	case e.Outcome == ledger.OutcomeCallbackRequested:
		r.beginCallback(c)
	case e.Next != 0: // goes on in another queue
	case e.Outcome == acd.OutcomeAnswered:
		r.leave(slot)
	case e.Outcome == acd.OutcomeAbandoned && r.willRedial(slot):
	default:
		r.inside--
		r.leave(slot)
	}
}
