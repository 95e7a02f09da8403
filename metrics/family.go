package metrics

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"cardline/ledger"
)

// family is one metric with all its series. It holds whole numbers, so that
// what it shows equals the ledger exactly. It is guarded by Metrics.mu.
type family struct {
	desc    *prometheus.Desc
	kind    prometheus.ValueType
	seconds bool            // the value is the sum of times, not the number
	bounds  []ledger.Millis // of a histogram, ascending; nil if it is none
	series  map[string]*series
}

// series is one line of a family, or the lines of one histogram.
type series struct {
	labels []string
	number uint64        // of occurrences
	sum    ledger.Millis // of their times
	within []uint64      // by bound: occurrences above the bound before, up to this one
}

func newFamily(kind prometheus.ValueType, name, help string, labels []string) *family {
	return &family{desc: prometheus.NewDesc(name, help, labels, nil), kind: kind, series: map[string]*series{}}
}

// counter returns a family that counts occurrences.
func counter(name, help string, labels ...string) *family {
	return newFamily(prometheus.CounterValue, name, help, labels)
}

// gauge returns a family whose numbers are counted anew for each scrape.
func gauge(name, help string, labels ...string) *family {
	return newFamily(prometheus.GaugeValue, name, help, labels)
}

// inSeconds makes a family show its sums of times.
func (f *family) inSeconds() *family {
	f.seconds = true
	return f
}

// histogram returns a family that sorts times by bounds.
func histogram(name, help string, bounds []ledger.Millis, labels ...string) *family {
	f := newFamily(prometheus.UntypedValue, name, help, labels)
	f.bounds = bounds
	return f
}

// at returns the series with the given label values and makes it if need be.
func (f *family) at(labels ...string) *series {
	key := strings.Join(labels, "\xff")
	s, ok := f.series[key]
	if !ok {
		s = &series{labels: slices.Clone(labels), within: make([]uint64, len(f.bounds))}
		for i, l := range s.labels {
			s.labels[i] = strings.ToValidUTF8(l, "?") // the client library takes nothing else
		}
		f.series[key] = s
	}
	return s
}

// observe counts one occurrence of the given length in a histogram. A time that
// is equal to a bound is within it.
func (f *family) observe(took ledger.Millis, labels ...string) {
	s := f.at(labels...)
	s.number++
	s.sum += took
	if i, _ := slices.BinarySearch(f.bounds, took); i < len(f.bounds) {
		s.within[i]++
	}
}

// zero sets every series of a gauge to nothing, to be counted anew.
func (f *family) zero() {
	for _, s := range f.series {
		s.number, s.sum = 0, 0
	}
}

// show appends the family as the client library wants it, in a fixed order.
func (f *family) show(list []prometheus.Metric) []prometheus.Metric {
	all := make([]*series, 0, len(f.series))
	for _, s := range f.series {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *series) int { return slices.CompareFunc(a.labels, b.labels, cmp.Compare[string]) })
	for _, s := range all {
		m, err := f.metric(s)
		if err != nil {
			m = prometheus.NewInvalidMetric(f.desc, err)
		}
		list = append(list, m)
	}
	return list
}

func (f *family) metric(s *series) (prometheus.Metric, error) {
	switch {
	case f.bounds != nil:
		buckets, upTo := make(map[float64]uint64, len(f.bounds)), uint64(0)
		for i, bound := range f.bounds {
			upTo += s.within[i]
			buckets[bound.Seconds()] = upTo
		}
		return prometheus.NewConstHistogram(f.desc, s.number, s.sum.Seconds(), buckets, s.labels...)
	case f.seconds:
		return prometheus.NewConstMetric(f.desc, f.kind, s.sum.Seconds(), s.labels...)
	default:
		return prometheus.NewConstMetric(f.desc, f.kind, float64(s.number), s.labels...)
	}
}
