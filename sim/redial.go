package sim

import (
	"strconv"
	"time"

	"cardline/acd"
)

// Redials are what callers do who have given up. The zero value means that
// they do not call again.
type Redials struct {
	Share float64 // of those who give up, each time
	After Times   // between giving up and the next call
}

// UsualRedials are those of callers of whom that share calls again within ten
// minutes.
func UsualRedials(share float64) Redials {
	return Redials{Share: share, After: Between(time.Minute, 10*time.Minute)}
}

func (d *Redials) check(wrong *problems) {
	if !(d.Share >= 0 && d.Share < 1) {
		wrong.add("redials.share", "is %v, expected a share from 0 to below 1", d.Share)
	}
	if d.After.shape == endless {
		wrong.add("redials.after", "is endless: nobody would call again; expected a time such as 1m-10m")
	}
}

// introduce lets the router know a caller again who may call again. It makes a
// name for each, so it is done only where it matters.
func (r *run) introduce(slot int32, enqueue *acd.Enqueue) {
	if r.scenario.Redials.Share == 0 {
		return
	}
	r.people++
	enqueue.Caller = strconv.FormatUint(r.people, 10)
	for int(slot) >= len(r.firsts) {
		r.firsts = append(r.firsts, acd.Enqueue{})
	}
	r.firsts[slot] = *enqueue
}

// willRedial decides whether a caller who has given up calls again, with the
// same matter and as patient as before.
func (r *run) willRedial(slot int32) bool {
	redials := &r.scenario.Redials
	if redials.Share == 0 {
		return false
	}
	c := &r.callers[slot]
	dice := c.dice(2, c.calls)
	if dice.Float64() >= redials.Share {
		return false
	}
	c.life++
	r.events.push(event{at: later(r.now, redials.After.draw(dice)), life: c.life, who: slot, kind: comesAgain})
	return true
}

// redial lets a caller come again.
func (r *run) redial(slot int32) {
	c := &r.callers[slot]
	c.calls++
	c.tries, c.impatient = 0, false
	c.mood = mix(c.mood) // other agents, other luck
	r.call(slot, r.firsts[slot])
}
