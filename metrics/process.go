package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// startsWithin is how far back cardline_recent_starts looks.
const startsWithin = 10 * time.Minute

// Process is what the metrics say of the program itself, rather than of what it
// does. The zero value is a program that has just been started for the first time.
type Process struct {
	// LogDropped returns how many lines of the log were lost since the start. If
	// nil, none ever is.
	LogDropped func() uint64
	// Starts are the times of the starts before this one, in any order; those of
	// longer ago than ten minutes are of no interest.
	Starts []time.Time
	// Answers returns nil while calls can be answered. If nil, they always can.
	Answers func() error
}

// Process shows the metrics of the program itself. It must be called once.
func (m *Metrics) Process(p Process) {
	dropped := p.LogDropped
	if dropped == nil {
		dropped = func() uint64 { return 0 }
	}
	answers := p.Answers
	if answers == nil {
		answers = func() error { return nil }
	}
	starts := append(p.Starts, time.Now())
	m.registerer.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "cardline_log_dropped_lines_total", Help: "Lines of the log that were lost, since their reader was slow or dead.",
		}, func() float64 { return float64(dropped()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cardline_recent_starts", Help: "Starts of the program within the last ten minutes, the one that runs now included.",
		}, func() float64 {
			recent := 0
			for _, at := range starts {
				if time.Since(at) < startsWithin {
					recent++
				}
			}
			return float64(recent)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cardline_answering", Help: "Whether calls can be answered: 1 while router, media loops and readers of SIP do what they are asked.",
		}, func() float64 {
			if answers() != nil {
				return 0
			}
			return 1
		}),
	)
}
