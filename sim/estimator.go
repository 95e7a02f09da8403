package sim

import (
	"time"

	"cardline/acd"
	"cardline/acd/estimate"
)

// LiveEstimator is the estimator of the live router: it learns from effects,
// and looks at the router only when it is asked.
func LiveEstimator(r *acd.Router) Estimator { return &live{r, estimate.NewHistory()} }

type live struct {
	router  *acd.Router
	history *estimate.History
}

// Saw implements [Estimator].
func (l *live) Saw(now acd.Time, _ acd.Command, effects []acd.Effect) {
	for _, e := range effects {
		l.history.Observe(now, e)
	}
}

// experience is the number of calls below which nothing is said. That a range
// is wide is no reason to be silent here: every error counts.
const experience = 20

// Estimate implements [Estimator].
func (l *live) Estimate(_ acd.Time, entry uint64) (p50, p90 time.Duration, ok bool) {
	e, ok := l.history.Forecast(l.router.View()).Entry(entry)
	return e.P50, e.P90, ok && e.Samples >= experience
}
