package sim

import (
	"math/rand/v2"
	"time"

	"cardline/acd"
	"cardline/ledger"
)

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

// answer says what an agent makes of the offer that is out.
func (r *run) answer(w *worker) {
	c := &r.callers[w.caller]
	if r.scenario.Refuse > 0 && c.share() < r.scenario.Refuse {
		r.apply(acd.FailOffer{Offer: w.offer, Result: acd.OfferRejected})
		return
	}
	r.apply(r.take(w, c))
}

// take is the agent's answer to an offer. A caller who is called back has to
// be dialled first.
func (r *run) take(w *worker, c *caller) acd.Command {
	w.talk = c.talk
	if c.away {
		return acd.DialOut{Offer: w.offer}
	}
	return acd.AcceptOffer{Offer: w.offer}
}

// offered lets an agent's phone ring, if only until the caller is heard at once.
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
		r.pending = append(r.pending, r.take(w, c))
		return
	}
	r.events.push(event{at: r.now + ring, life: w.life, who: i, kind: answers})
}

// offerEnded takes note of what became of an offer.
func (r *run) offerEnded(e *acd.OfferEnded) {
	slot := slotOf(e.Call)
	c := &r.callers[slot]
	i := r.agentIndex[e.Agent]
	w := &r.agents[i]
	w.offer, c.offer = 0, 0
	switch {
	case e.Result == acd.OfferAccepted && c.away: // waits for the caller
		w.life++
	case e.Result == acd.OfferAccepted:
		r.talks(i)
	case e.Result == acd.OfferIgnored:
		r.mind(slot)
		if r.scenario.Return > 0 {
			r.events.push(event{at: r.now + r.scenario.Return, life: w.life, who: i, kind: returns})
		}
	default:
		r.mind(slot)
	}
}

// talks lets an agent talk with the caller for as long as that takes.
func (r *run) talks(i int32) {
	w := &r.agents[i]
	w.life++
	r.events.push(event{at: r.now + w.talk, life: w.life, who: i, kind: hangsUp})
	if !r.frozen && r.current >= 0 {
		w.spent.calls++
		r.units[r.current].groups[w.group].calls++
	}
	c := &r.callers[w.caller]
	if t := r.tallyOf(c); t != nil && c.site != "" {
		t.sited++
		t.atSite += int64(b2i(c.site == r.routing.Agents[i].Site))
	}
}

// changed takes note of an agent's new state.
func (r *run) changed(e *acd.AgentChanged) {
	i := r.agentIndex[e.Agent]
	w := &r.agents[i]
	to := stateIndex(e.To)
	r.flushGroup(w.group)
	g := &r.group[w.group]
	g.in[w.state]--
	g.in[to]++
	r.present += b2i(to != loggedOut) - b2i(w.state != loggedOut)
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
