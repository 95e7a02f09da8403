package acd

import (
	"cmp"
	"slices"
)

// mayTake reports whether the agent may be offered the entry at this moment.
// Router and checks share this one predicate.
func (r *Router) mayTake(a *agent, e *entry) bool {
	return a.standing == Ready && e.Stage == waiting &&
		(a.ID == e.Preferred || !e.waitsForPreferred()) &&
		r.qualified(a, e) &&
		(a.Occasions == 0 || !e.callsFirst()) &&
		(!e.has(a.ID) || e.queue.OfferAgain && !r.anotherThan(e))
}

// qualified reports whether the agent's skills, queues and site fit the entry,
// whatever the agent does now.
func (r *Router) qualified(a *agent, e *entry) bool {
	return e.class().profiles.has(a.profile.number) ||
		e.Only && a.ID == e.Preferred || // named by a colleague: skills do not matter
		e.home != nil && e.home.profiles.has(a.profile.number)
}

// anotherThan reports whether somebody who takes calls, and has not yet failed
// this caller, will come to take the entry. A break may be long: whoever is
// not ready is not waited for.
func (r *Router) anotherThan(e *entry) bool {
	others := r.counts[e.class().number].inPlay()
	for _, id := range e.Failed {
		if a := r.agents[id]; a != nil && a.standing > NotReady && e.class().profiles.has(a.profile.number) {
			others--
		}
	}
	return others > 0
}

// A Pair is an agent and a caller who could be brought together.
type Pair struct {
	Agent string
	Entry uint64
}

// Unmatched lists the pairs of agent and entry of which the one may take the
// other. After each Apply there is none: this goes through all of them, and is
// for checks beside the running router, on a restored [Snapshot].
func (r *Router) Unmatched() (pairs []Pair) {
	callers := r.inOrder()
	for _, a := range r.roster {
		if a.standing != Ready {
			continue
		}
		for _, e := range callers {
			if r.mayTake(a, e) {
				pairs = append(pairs, Pair{a.ID, e.ID})
			}
		}
	}
	return pairs
}

// scan is a way along a list of waiting callers, in the order of their keys.
type scan struct {
	place Place  // of the caller at the cursor, when it was last looked at
	class *class // nil for the list of those who want one agent
	cursor[seat]
}

// look brings place up to date and reports whether anybody is left.
func (s *scan) look() bool {
	at, ok := s.get()
	if ok {
		s.place = at.place
	}
	return ok
}

// settle moves on those for whom nobody is left, and then makes offers until no
// ready agent may take a waiting caller. Only pairs of which one side is fresh
// can be open: all others were settled by earlier commands.
func (r *Router) settle() {
	r.leaveUnstaffed()
	r.pair()
}

// leaveUnstaffed looks after the callers of classes that their last agent has
// left, also those who have moved on and could have been taken back.
func (r *Router) leaveUnstaffed() {
	for len(r.unstaffed) > 0 {
		classes := r.unstaffed
		r.unstaffed = nil
		for _, c := range classes {
			for _, e := range append(c.queue.entries.list(), c.callers.list()...) {
				if r.entries.get(e.ID) == e {
					r.checkStaff(e)
				}
			}
		}
	}
}

// pair serves callers in the order of their keys, each by the best agent, as
// long as anybody is fresh.
func (r *Router) pair() {
	callers, agents := r.freshEntries, r.freshAgents
	if len(callers) > 1 {
		slices.SortFunc(callers, byKey)
	}
	r.openScans(agents)
	for {
		for len(agents) > 0 && agents[0].standing != Ready {
			agents = agents[1:]
		}
		if len(agents) == 0 {
			r.scans = r.scans[:0]
		}
		at := r.firstScan()
		if len(callers) > 0 && (at < 0 || callers[0].Place.compare(r.scans[at].place) <= 0) {
			e := callers[0]
			callers = callers[1:]
			if r.entries.get(e.ID) == e && e.Stage == waiting {
				r.serve(e)
			}
			continue
		}
		if at < 0 {
			break
		}
		s := &r.scans[at]
		here, ok := s.get()
		switch {
		case !ok || s.class != nil && !s.class.profiles.meets(r.ready):
			r.scans = slices.Delete(r.scans, at, at+1)
		case here.place != s.place:
			s.look() // the one who stood here has been served
		case !r.serve(here.entry):
			s.next() // nobody who is free may take this one; see the next
			s.look()
		}
	}
	clear(r.freshEntries)
	clear(r.freshAgents)
	r.freshEntries, r.freshAgents = r.freshEntries[:0], r.freshAgents[:0]
}

// openScans opens the lists in which the agents may find a caller.
func (r *Router) openScans(agents []*agent) {
	r.scans = r.scans[:0]
	if len(agents) == 0 {
		return
	}
	takes := agents[0].profile.takes
	if len(agents) > 1 {
		takes = slices.Clone(takes)
		for _, a := range agents[1:] {
			for i, word := range a.profile.takes {
				takes[i] |= word
			}
		}
	}
	for n := range takes.common(r.waiting) {
		c := r.classes[n]
		r.scans = append(r.scans, scan{r.heads[n], c, cursor[seat]{list: &c.callers.seats}})
	}
	for _, a := range agents {
		s := scan{cursor: cursor[seat]{list: &a.wanted.seats}}
		if s.look() {
			r.scans = append(r.scans, s)
		}
	}
}

// firstScan returns the scan with the smallest key, -1 if there is none.
func (r *Router) firstScan() int {
	first := -1
	for i := range r.scans {
		if first < 0 || r.scans[i].place.compare(r.scans[first].place) < 0 {
			first = i
		}
	}
	return first
}

// serve offers the entry to the best agent who is free for it, or to the best
// few, and reports whether there was one. A caller who is to be called back
// before the agent is dialled instead.
func (r *Router) serve(e *entry) bool {
	ring := max(1, e.queue.RingGroup)
	if e.callback() {
		ring = 1
	}
	best := r.bestFor(e, ring+1)
	if len(best) == 0 {
		return false
	}
	r.unawait(e)
	if e.callsFirst() {
		r.dial(e, best[0])
		return true
	}
	d := Decision{Strategy: cmp.Or(e.queue.Strategy, LongestIdle), HeadStart: e.Place.First - e.Place.Key}
	if len(best) > ring {
		d.Runner = best[ring].ID
		best = best[:ring]
	}
	if e.home != nil && !e.class().profiles.has(best[0].profile.number) && best[0].profile.takes.has(e.home.number) {
		r.goHome(e)
		d.Home, best = true, best[:1]
	}
	d.Step = e.Step
	d.Others = r.counts[e.class().number]
	d.Eligible = int(d.Others[Ready])
	d.Others[Ready] = 0
	for _, id := range e.Failed {
		if a := r.agents[id]; a != nil && e.class().profiles.has(a.profile.number) {
			d.Failed++
			if a.standing == Ready && !slices.Contains(best, a) {
				d.Eligible--
			}
		}
	}
	d.Eligible = max(d.Eligible, len(best))
	for _, a := range best {
		d.Wanted = a.ID == e.Preferred
		d.NextCall, d.Ahead = "", 0
		if next := r.nextFor(a); next != nil {
			d.NextCall, d.Ahead = next.Call, next.Place.Key-e.Place.Key
		}
		r.offer(a, e, d)
	}
	e.Stage = offered
	r.setAlarm(e)
	return true
}

// nextFor returns the caller at the head of a list whom the agent would get
// now, if there is one.
func (r *Router) nextFor(a *agent) *entry {
	first := -1
	for n := range a.profile.takes.common(r.waiting) {
		if first < 0 || r.heads[n].compare(r.heads[first]) < 0 {
			first = n
		}
	}
	if first < 0 {
		return nil
	}
	if e := r.classes[first].callers.first(); r.mayTake(a, e) {
		return e
	}
	return nil
}

// bestFor returns the best n agents who are free for the entry, the best one
// first.
func (r *Router) bestFor(e *entry, n int) []*agent {
	r.best = r.best[:0]
	if wanted := r.agents[e.Preferred]; wanted != nil && r.mayTake(wanted, e) {
		r.best = append(r.best, wanted)
	}
	if e.waitsForPreferred() {
		return r.best
	}
	r.consider(e, e.class(), n)
	if e.home != nil {
		r.consider(e, e.home, n)
	}
	return r.best
}

// consider puts the free agents of a class among the best n for the entry.
func (r *Router) consider(e *entry, c *class, n int) {
	order := e.queue.Strategy.ordering()
	for number := range c.profiles.common(r.ready) {
		for a := range r.profiles[number].free[order].all {
			at := len(r.best)
			for at > 0 && r.compare(e, a, r.best[at-1]) < 0 {
				at--
			}
			if at >= n {
				break // all others of this profile come later still
			}
			if slices.Contains(r.best, a) || !r.mayTake(a, e) {
				continue
			}
			if len(r.best) == n {
				r.best = r.best[:n-1]
			}
			r.best = slices.Insert(r.best, at, a)
		}
	}
}

// compare orders two free agents for an entry.
func (r *Router) compare(e *entry, a, b *agent) int {
	if a.ID == e.Preferred || b.ID == e.Preferred {
		return compareTrue(a.ID == e.Preferred, b.ID == e.Preferred)
	}
	if e.queue.SameSiteFirst {
		if o := compareTrue(a.Site == e.Site, b.Site == e.Site); o != 0 {
			return o
		}
	}
	scores := e.class().scores
	skill := cmp.Compare(scores[a.profile.number], scores[b.profile.number])
	switch e.queue.Strategy {
	case MostSkilled:
		return cmp.Or(-skill, compareIdle(a, b))
	case LeastSkilled:
		return cmp.Or(skill, compareIdle(a, b))
	default:
		return compareAgents[e.queue.Strategy.ordering()](a, b)
	}
}

// compareTrue puts what is true first.
func compareTrue(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}
