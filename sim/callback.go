package sim

import (
	"math/rand/v2"
	"time"

	"cardline/acd"
)

// Callbacks are what callers make of the offer to be called back, where a queue
// makes one. The zero value means that nobody takes it.
type Callbacks struct {
	Share   float64 // of callers who take it, if they still wait when it comes
	After   Times   // in the queue, until it comes
	Reached float64 // share of attempts at which the caller answers
	PickUp  Times   // until the caller answers; in vain after the queue's time for it
	PerDay  int     // most that are taken in a day; 0: all
}

// UsualCallbacks are those of callers of whom that share takes the offer when
// they hear it first, and who answer four calls in five.
func UsualCallbacks(share float64) Callbacks {
	return Callbacks{Share: share, After: Fixed(45 * time.Second), Reached: 0.8, PickUp: Between(5*time.Second, 20*time.Second)}
}

// offersCallbacks reports whether callers of a queue may ask to be called back.
func offersCallbacks(q acd.Queue) bool { return q.Callback.First != "" }

func (c *Callbacks) check(wrong *problems) {
	for _, d := range []struct {
		path  string
		value float64
	}{{"callbacks.share", c.Share}, {"callbacks.reached", c.Reached}} {
		if !(d.value >= 0 && d.value <= 1) {
			wrong.add(d.path, "is %v, expected a share from 0 to 1", d.value)
		}
	}
	if c.PerDay < 0 {
		wrong.add("callbacks.per_day", "is %d, expected 1 or more, or nothing for no limit", c.PerDay)
	}
}

// wish draws after which time in a queue a caller takes the offer, endless if
// never.
func (c *Callbacks) wish(chance *rand.Rand) time.Duration {
	if c.Share == 0 {
		return Endless
	}
	wants, after := chance.Float64() < c.Share, c.After.draw(chance)
	if !wants {
		return Endless
	}
	return after
}

// askCallback lets a waiting caller take the offer, if there is one.
func (r *run) askCallback(slot int32) {
	c := &r.callers[slot]
	most := r.scenario.Callbacks.PerDay
	if !offersCallbacks(r.routing.Queues[c.queue]) || most > 0 && r.promised >= most {
		return
	}
	r.promised++
	r.apply(acd.RequestCallback{Entry: c.entry})
}

// beginCallback lets the caller hang up and keep the place.
func (r *run) beginCallback(c *caller) {
	r.open++
	c.life++
	c.callback, c.away, c.wish = true, true, Endless
}

// dialled decides whether a caller who is called answers, and when. Who does
// not lets it ring until the router has had enough.
func (r *run) dialled(e *acd.CallbackDue) {
	slot := slotOf(e.Call)
	c := &r.callers[slot]
	if c.agent = nobody; e.Agent != "" {
		c.agent = r.agentIndex[e.Agent]
	}
	callbacks := &r.scenario.Callbacks
	if dice := c.dice(1, uint32(e.Attempt)); dice.Float64() < callbacks.Reached {
		r.events.push(event{at: later(r.now, callbacks.PickUp.draw(dice)), life: c.life, who: slot, kind: picksUp})
	}
}

// pickUp lets a caller answer who is called back. If no agent waits, the caller
// does, as patient as before.
func (r *run) pickUp(slot int32) {
	c := &r.callers[slot]
	if c.agent == nobody {
		c.away, c.impatient, c.since = false, false, r.now
		c.deadline = later(r.now, c.patience)
	}
	r.apply(acd.CallbackAnswered{Entry: c.entry})
	if c := &r.callers[slot]; c.entry != 0 {
		r.mind(slot)
	}
}

// callbackLeft counts what became of a callback.
func (r *run) callbackLeft(slot int32, e *acd.Exited) {
	c := &r.callers[slot]
	if c.entry = 0; e.Next != 0 {
		return // goes on from another queue
	}
	r.open--
	reached := e.Outcome == acd.OutcomeAnswered
	if t := r.tallyOf(c); t != nil {
		t.callBack(reached, e.Total)
		if r.series != nil {
			r.series[r.intervalAt(r.now)].queues[c.queue].callBack(reached, e.Total)
		}
	}
	switch {
	case !reached:
		r.inside--
	case c.away: // an agent has waited
		r.talks(c.agent)
	}
	r.leave(slot)
}
