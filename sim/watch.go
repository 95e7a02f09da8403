package sim

import (
	"math"
	"slices"
	"time"

	"cardline/acd"
)

// An Estimator is asked how long a caller will wait. It knows what a live
// router knows: commands and effects, and the router itself.
type Estimator interface {
	// Saw is told every command with its effects, when the router has obeyed.
	Saw(now acd.Time, c acd.Command, effects []acd.Effect)
	// Estimate returns the wait that half of the callers in this place exceed,
	// and the one that a tenth exceed, both from now on; ok is false if there
	// is no telling.
	Estimate(now acd.Time, entry uint64) (p50, p90 time.Duration, ok bool)
}

// guess is what was said about a caller's wait.
type guess struct {
	made             bool
	p50, p90         time.Duration
	average, leading time.Duration
}

// watch holds an estimator against what becomes of the callers, beside two
// common rules: an average of past waits, which moves by a quarter with every
// caller who is answered, and the wait so far of the caller who is first in the
// queue.
type watch struct {
	estimator Estimator
	average   []time.Duration // by queue
	errors    Errors
}

// Errors are those of estimates of the wait, made when callers came who had to
// wait, and looked at when they were answered.
type Errors struct {
	Asked  int // callers who had to wait
	Silent int // of them, those about whom nothing was said
	// Errors of the callers who were told something and were answered.
	Estimator, Average, Leading []time.Duration
	// Within counts those who waited no longer than their p90.
	Within int
}

func newWatch(e Estimator, queues int) *watch {
	return &watch{estimator: e, average: make([]time.Duration, queues)}
}

// saw lets the estimator see an Apply, and asks it about a caller who has come
// and has to wait.
func (w *watch) saw(r *run, c acd.Command, effects []acd.Effect, enters bool) {
	w.estimator.Saw(r.now, c, effects)
	if !enters {
		return
	}
	slot := slotOf(c.(acd.Enqueue).Call)
	caller := &r.callers[slot]
	caller.guess = guess{}
	if caller.entry == 0 || caller.offer != 0 || caller.unit < 0 {
		return
	}
	w.errors.Asked++
	g := &caller.guess
	if g.p50, g.p90, g.made = w.estimator.Estimate(r.now, caller.entry); !g.made {
		w.errors.Silent++
		return
	}
	g.average = w.average[caller.queue]
	for i := range r.callers {
		if other := &r.callers[i]; int32(i) != slot && other.entry != 0 && !other.callback && other.offer == 0 && other.queue == caller.queue {
			g.leading = max(g.leading, r.now-other.since)
		}
	}
}

// left takes the end of a caller's wait into account.
func (w *watch) left(c *caller, e *acd.Exited) {
	if e.Outcome != acd.OutcomeAnswered {
		c.guess.made = false
		return
	}
	average := &w.average[c.queue]
	*average = (3**average + e.Waited) / 4
	if g := &c.guess; g.made {
		w.errors.Estimator = append(w.errors.Estimator, (e.Waited - g.p50).Abs())
		w.errors.Average = append(w.errors.Average, (e.Waited - g.average).Abs())
		w.errors.Leading = append(w.errors.Leading, (e.Waited - g.leading).Abs())
		if e.Waited <= g.p90 {
			w.errors.Within++
		}
		g.made = false
	}
}

func (e *Errors) add(o *Errors) {
	e.Asked += o.Asked
	e.Silent += o.Silent
	e.Within += o.Within
	e.Estimator = append(e.Estimator, o.Estimator...)
	e.Average = append(e.Average, o.Average...)
	e.Leading = append(e.Leading, o.Leading...)
}

// Percentile returns the error that the share p of all errors do not exceed;
// 0 if there are none.
func Percentile(errors []time.Duration, p float64) time.Duration {
	if len(errors) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(errors))
	return sorted[min(len(sorted)-1, int(math.Ceil(p*float64(len(sorted))))-1)]
}
