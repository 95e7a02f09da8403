package sim

import (
	"cardline/acd"
	"cardline/ledger"
)

// line is a queue as it is now.
type line struct {
	waiting int // on the line
	since   acd.Time
	quiet   bool // nobody is called back now
}

// team is a group as it is now.
type team struct {
	in    [stateCount]int
	since acd.Time
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
		if c := &r.callers[i]; c.entry != 0 && !c.callback && r.now-c.since > r.threshold {
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

// count takes an exit into a tally; shut says that the queue was closed when
// the caller came.
func (r *run) count(t *queueTally, e *acd.Exited, c *caller, shut bool) {
	waited, inTime := e.Waited.Seconds(), e.Waited <= r.threshold
	t.waited += waited
	t.longest = max(t.longest, e.Waited)
	switch e.Outcome {
	case acd.OutcomeAnswered:
		t.answered++
		t.waitedAnswered += waited
		t.talked += c.talk.Seconds()
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
		if shut {
			t.turnAway(c.regained)
		} else {
			t.left++
		}
	}
}
