package metrics

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestProcess counts the starts of the last ten minutes, this one included, at
// the time of the scrape, and shows what else the program says of itself.
func TestProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		m := New(Options{Registerer: registry})
		now := time.Now()
		lost := uint64(0)
		var stuck error
		m.Process(Process{
			LogDropped: func() uint64 { return lost },
			Answers:    func() error { return stuck },
			Starts:     []time.Time{now.Add(-11 * time.Minute), now.Add(-9 * time.Minute), now.Add(-time.Minute), now.Add(-time.Second)},
		})
		lost = 7
		expect(t, registry, figures{"cardline_recent_starts{}": 4, "cardline_log_dropped_lines_total{}": 7, "cardline_answering{}": 1})
		stuck = errors.New("the router does not answer")
		expect(t, registry, figures{"cardline_answering{}": 0})
		time.Sleep(9*time.Minute + time.Second)
		expect(t, registry, figures{"cardline_recent_starts{}": 2})
		time.Sleep(time.Minute)
		expect(t, registry, figures{"cardline_recent_starts{}": 0})
	})
}
