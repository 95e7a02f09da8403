package call

import (
	"sync"
	"time"

	"cardline/acd"
	"cardline/acd/estimate"
)

// forecastEvery is how often the waits of all callers are foreseen anew.
const forecastEvery = 5 * time.Second

// forecast is what callers are expected to wait, as of the last look.
type forecast struct {
	mu      sync.Mutex
	history *estimate.History
	latest  *estimate.Forecast
}

// learn takes what the router did into account. It is called by the router's
// owner after each command.
func (f *forecast) learn(r *acd.Router, effects []acd.Effect) {
	if len(effects) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.history == nil {
		f.history = estimate.NewHistory()
	}
	for _, e := range effects {
		f.history.Observe(r.Now(), e)
	}
}

// look foresees from a copy of the router, while the router goes on.
func (f *forecast) look(router *acd.Router) *estimate.Forecast {
	f.mu.Lock()
	if f.history == nil {
		f.history = estimate.NewHistory()
	}
	history := f.history.Clone()
	f.mu.Unlock()
	latest := history.Forecast(router.View())
	f.mu.Lock()
	f.latest = latest
	f.mu.Unlock()
	return latest
}

// of returns the estimate for a caller, or for one who came to the queue now.
func (f *forecast) of(entry uint64, queue string) (estimate.Estimate, bool) {
	f.mu.Lock()
	latest := f.latest
	f.mu.Unlock()
	if latest == nil {
		return estimate.Estimate{}, false
	}
	if e, ok := latest.Entry(entry); ok {
		return e, e.Sound()
	}
	e := latest.Queue(queue)
	return e, e.Sound()
}

// foresee looks at a copy of the router as long as the hotline runs: ahead, for
// announcements, for steps and overflow that depend on the estimate, and for the
// figures; and for pairs that should be together.
func (h *Hotline) foresee() {
	ticker := time.NewTicker(forecastEvery)
	defer ticker.Stop()
	var pairs map[acd.Pair]time.Time
	for {
		select {
		case <-h.quit:
			return
		case <-ticker.C:
		}
		var state acd.Snapshot
		h.router.exec(func(r *acd.Router) {
			_, _ = h.router.step(r, acd.Tick{})
			state = r.Snapshot()
		})
		copied := acd.Restore(state)
		pairs = h.unmatched(copied, pairs)
		latest := h.forecast.look(copied)
		for _, q := range state.Options.Queues {
			h.observer.Estimated(q.Name, latest.Queue(q.Name))
		}
		for _, entry := range state.Heeding() {
			if e, ok := latest.Entry(entry); ok && e.Sound() {
				_ = h.Command(acd.Foresee{Entry: entry, Wait: e.P50}) // refused if the caller has just gone
			}
		}
	}
}
