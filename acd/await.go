package acd

// staffed reports whether anybody who is logged in could ever take the entry.
func (r *Router) staffed(e *entry) bool {
	for _, c := range e.queue.classes[e.Step:] {
		if r.counts[c.number].working() > 0 {
			return true
		}
	}
	wanted := r.agents[e.Preferred]
	return e.home != nil && r.counts[e.home.number].working() > 0 || e.Only && wanted != nil && wanted.working()
}

// checkStaff moves a waiting caller on for whom nobody will come.
func (r *Router) checkStaff(e *entry) {
	if e.Stage == waiting && !e.callback() && e.queue.watches(NoAgents) && !r.staffed(e) {
		r.unawait(e)
		if !r.divert(e, NoAgents) {
			r.await(e)
		}
	}
}

// await lets agents be found for an entry.
func (r *Router) await(e *entry) {
	if e.callback() && (!e.queue.calls() || e.Again > r.now) {
		e.Stage = parked
		r.setAlarm(e)
		return
	}
	e.Stage = waiting
	r.advance(e)
	if a := r.wantedBy(e); a == nil || e.PreferredUntil <= r.now || e.has(a.ID) || !a.working() {
		e.PreferredUntil = never
	}
	r.lineUp(e)
	r.freshEntries = append(r.freshEntries, e)
}

// wantedBy returns the agent who is preferred, if that agent may take the entry.
func (r *Router) wantedBy(e *entry) *agent {
	if a := r.agents[e.Preferred]; a != nil && (e.Only || e.class().profiles.has(a.profile.number)) {
		return a
	}
	return nil
}

// lineUp puts a waiting entry into all lists in which agents look for it.
func (r *Router) lineUp(e *entry) {
	e.wants = r.wantedBy(e)
	if e.wants != nil {
		e.wants.wanted.add(e)
	}
	if !e.waitsForPreferred() {
		r.list(e, e.class())
		if e.home != nil {
			r.list(e, e.home)
		}
	}
	r.setAlarm(e)
}

// unawait takes an entry out of all lists in which agents look for it.
func (r *Router) unawait(e *entry) {
	if e.wants != nil {
		e.wants.wanted.remove(e)
		e.wants = nil
	}
	if !e.waitsForPreferred() {
		r.unlist(e, e.class())
		if e.home != nil {
			r.unlist(e, e.home)
		}
	}
}

// giveUpOn lets callers who wait for an agent who has gone wait for anybody.
func (r *Router) giveUpOn(a *agent) {
	if a.wanted.length() == 0 {
		return
	}
	for _, e := range a.wanted.list() {
		if e.waitsForPreferred() {
			r.unawait(e)
			e.PreferredUntil = never
			r.await(e)
		}
		if e.Only {
			r.checkStaff(e)
		}
	}
}

// advance moves an unlisted entry on to the step that is in force.
func (r *Router) advance(e *entry) {
	from := e.Step
	for e.Step < len(e.queue.Steps) {
		next := e.queue.Steps[e.Step]
		late := next.After > 0 && r.now-e.Since >= next.After
		if !late && (next.EstimateOver == 0 || e.Foreseen <= next.EstimateOver) {
			break
		}
		e.Step++
	}
	if e.Step != from {
		r.emit(StepReached{Entry: e.ID, Call: e.Call, Queue: e.Queue, Step: e.Step})
	}
}

// setAlarm sets the entry's alarm to the first of its deadlines. While it is
// offered it has none: the offer has.
func (r *Router) setAlarm(e *entry) {
	first := never
	if e.Away {
		first = e.Keep
	}
	switch e.Stage {
	case waiting:
		first = earliest(first, e.PreferredUntil)
		if e.Step < len(e.queue.Steps) {
			if after := e.queue.Steps[e.Step].After; after > 0 {
				first = earliest(first, e.Since+after)
			}
		}
		for _, rule := range e.queue.Overflow {
			if at := e.onLine() + rule.Wait; rule.When == OverWait && !e.callback() && at > r.now {
				first = earliest(first, at)
			}
		}
	case offered:
		first = never
	case parked:
		first = earliest(first, e.Again)
	case dialling:
		first = e.DialUntil
	}
	r.clock.set(&e.alarm, first)
}

// due lets the entry's deadline pass.
func (e *entry) due(r *Router) {
	switch {
	case e.Stage == dialling:
		r.attemptFailed(e, CallbackNoAnswer)
		return
	case e.callback() && e.Keep != never && e.Keep <= r.now:
		if e.Stage == waiting {
			r.unawait(e)
		}
		r.exit(e, OutcomeTimeout)
		return
	case e.Stage == parked:
		e.Again = never
		r.await(e)
		return
	}
	r.unawait(e)
	r.again(e)
}

// again lets an unlisted entry wait on, unless its time is over.
func (r *Router) again(e *entry) {
	if e.callback() || !r.divert(e, OverWait) {
		r.await(e)
		r.checkStaff(e)
	}
}
