package metrics

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestRecentStarts counts the starts of the last ten minutes, this one included, at
// the time of the scrape.
func TestRecentStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		m := New(Options{Registerer: registry})
		now := time.Now()
		lost := uint64(0)
		m.Process(Process{
			LogDropped: func() uint64 { return lost },
			Starts:     []time.Time{now.Add(-11 * time.Minute), now.Add(-9 * time.Minute), now.Add(-time.Minute), now.Add(-time.Second)},
		})
		lost = 7
		expect(t, registry, figures{"cardline_recent_starts{}": 4, "cardline_log_dropped_lines_total{}": 7})
		time.Sleep(9*time.Minute + time.Second)
		expect(t, registry, figures{"cardline_recent_starts{}": 2})
		time.Sleep(time.Minute)
		expect(t, registry, figures{"cardline_recent_starts{}": 0})
	})
}
