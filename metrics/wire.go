package metrics

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cardline/acd"
	"cardline/acd/estimate"
	"cardline/call"
	"cardline/media"
	"cardline/sip"
)

// phones is the label trunk of our own phones, and of strangers.
const phones = "phones"

// The directions of a call or packet, as seen from here.
const (
	in  = "in"
	out = "out"
)

// methods are the SIP methods that have series from the start.
var methods = []string{"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "REGISTER"}

// codeClasses are the classes of final responses; none is a request that got
// no answer.
var codeClasses = []string{"2xx", "3xx", "4xx", "5xx", "6xx", "none"}

// legKinds are the kinds of legs that have series from the start.
var legKinds = []string{"caller", "agent"}

// misfits are the reasons for which a packet counts as a fault.
var misfits = []string{"refused", "unsent", "wrong_source", "malformed", "unexpected"}

// wire counts what is no fact of the ledger. Its metrics are those of the
// client library, since they are counted from many goroutines.
type wire struct {
	requests, rejected, dropped, mended   *prometheus.CounterVec
	setup                                 *prometheus.HistogramVec
	active, limit, registrations          *prometheus.GaugeVec
	received, sent, lost, noMedia, faulty *prometheus.CounterVec
	keptAlive                             *prometheus.CounterVec
	legLimit                              prometheus.Gauge
	jitter                                *prometheus.HistogramVec
	legs                                  *prometheus.GaugeVec
	decision                              prometheus.Histogram
	overruns, unwritten, unlocked         prometheus.Counter
	refused                               *prometheus.CounterVec
	unmatched                             prometheus.Gauge
	estimate, samples                     *prometheus.GaugeVec
	outboxPending, outboxOldest           *prometheus.GaugeVec
	outboxRefused                         *prometheus.GaugeVec
	barred                                *prometheus.CounterVec

	mu         sync.Mutex // guards what follows; a leaf
	registered int
	accounts   int
}

func newWire(r prometheus.Registerer) *wire {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		r.MustRegister(v)
		return v
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		r.MustRegister(v)
		return v
	}
	histograms := func(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
		r.MustRegister(v)
		return v
	}
	w := &wire{
		requests: counters("cardline_sip_requests_total", "SIP requests by the class of their final response.", "trunk", "direction", "method", "code_class"),
		rejected: counters("cardline_sip_rejected_calls_total", "SIP requests that were not let in.", "trunk", "reason"),
		dropped:  counters("cardline_sip_dropped_total", "SIP input that was thrown away without an answer.", "reason"),
		mended:   counters("cardline_sip_mended_total", "SIP messages by what had to be put right before they could be read.", "trunk", "kind"),
		setup: histograms("cardline_sip_setup_seconds", "Time from INVITE to ACK.",
			[]float64{0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 30, 60}, "trunk", "direction"),
		active:        gauges("cardline_sip_active_calls", "SIP calls that are up now.", "trunk", "direction"),
		limit:         gauges("cardline_sip_call_limit", "SIP calls that may be up at one time: of the trunk's own limit, or of all legs together.", "trunk", "direction"),
		registrations: gauges("cardline_sip_registrations", "Accounts by whether a device is registered.", "kind", "state"),
		received:      counters("cardline_rtp_packets_received_total", "RTP packets that came in.", "leg", "direction"),
		sent:          counters("cardline_rtp_packets_sent_total", "RTP packets that went out.", "leg", "direction"),
		lost:          counters("cardline_rtp_packets_lost_total", "RTP packets that did not arrive: here (in), or there by the peer's report (out).", "leg", "direction"),
		noMedia:       counters("cardline_rtp_no_media_total", "Legs on which no media came when some had to.", "leg", "direction"),
		keptAlive:     counters("cardline_rtp_keepalive_packets_total", "Packets that carry nothing and only keep a way through NATs open.", "leg"),
		faulty:        counters("cardline_rtp_faulty_packets_total", "Packets that were of no use, or could not be sent.", "leg", "reason"),
		jitter: histograms("cardline_rtp_jitter_seconds", "Jitter of RTP by each report, about every 5 s of a leg: here (in), or there by the peer's report (out).",
			[]float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2}, "leg", "direction"),
		legs: gauges("cardline_rtp_legs", "Media legs that are open now.", "leg"),
		decision: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cardline_routing_decision_seconds", Help: "Time of the router for one command, from event to offer.",
			Buckets: []float64{1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 0.1},
		}),
		overruns: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cardline_call_overruns_total", Help: "Calls that were ended because their inbox was full.",
		}),
	}
	w.refused = counters("cardline_routing_refused_commands_total", "Commands that the router refused.", "command", "reason")
	w.estimate = gauges("cardline_queue_wait_estimate_seconds", "What a caller without a head start would wait who came now.", "queue", "quantile_kind")
	w.samples = gauges("cardline_queue_wait_estimate_samples", "Calls from which the wait is foreseen; below 20 there is no estimate.", "queue")
	w.barred = counters("cardline_barred_calls_total", "Calls of barred callers, which were refused before any media.", "trunk")
	w.outboxPending = gauges("cardline_outbox_pending", "Items of the outbox that their receiver has not taken yet.", "kind")
	w.outboxOldest = gauges("cardline_outbox_oldest_timestamp_seconds", "Unix time since which the oldest of them waits; 0 if none does.", "kind")
	w.outboxRefused = gauges("cardline_outbox_refused", "Items of the outbox that their receiver has refused and no person has dealt with.", "kind")
	w.unmatched = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "cardline_routing_unmatched_pairs",
		Help: "Pairs of a ready agent and a caller whom that agent may take that have stood for more than a second.",
	})
	w.legLimit = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "cardline_sip_leg_limit", Help: "SIP calls that may be up at one time, of all trunks and phones together.",
	})
	r.MustRegister(w.unmatched, w.legLimit)
	w.unwritten = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "cardline_ledger_write_failures_total", Help: "Times that the ledger could not be written; its events are kept and tried again.",
	})
	w.unlocked = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "cardline_memory_unlocked_pages_total", Help: "Pages for PINs and keys that could not be locked, so that they may be swapped; should stay 0.",
	})
	r.MustRegister(w.decision, w.overruns, w.unwritten, w.unlocked)
	for _, command := range acd.CommandNames() {
		for _, reason := range call.Refusals() {
			w.refused.WithLabelValues(command, reason)
		}
	}
	for b := sip.BarLimit; b <= sip.BarDraining; b++ {
		w.rejected.WithLabelValues(phones, b.String())
	}
	for m := sip.MendBlanks; m <= sip.MendLength; m++ {
		w.mended.WithLabelValues(phones, m.String())
	}
	for d := sip.DropGarbage; d <= sip.DropPanic; d++ {
		w.dropped.WithLabelValues(d.String())
	}
	for _, kind := range legKinds {
		w.received.WithLabelValues(kind, in)
		w.sent.WithLabelValues(kind, out)
		w.noMedia.WithLabelValues(kind, in)
		w.keptAlive.WithLabelValues(kind)
		w.legs.WithLabelValues(kind)
		for _, direction := range []string{in, out} {
			w.lost.WithLabelValues(kind, direction)
			w.jitter.WithLabelValues(kind, direction)
		}
		for _, reason := range misfits {
			w.faulty.WithLabelValues(kind, reason)
		}
	}
	return w
}

// configure makes the series of trunks, and shows the limits in force.
func (w *wire) configure(r Reloadable) {
	w.estimate.Reset() // of queues that are gone; all others are told every few seconds
	w.samples.Reset()
	for _, q := range r.Queues {
		w.samples.WithLabelValues(q.Name)
	}
	w.limit.Reset()
	w.legLimit.Set(float64(r.MaxCalls))
	for _, t := range append([]Trunk{{Name: phones}}, r.Trunks...) {
		for direction, own := range map[string]int{in: t.MaxCalls, out: 0} { // a trunk limits what it brings
			limit := cmp.Or(own, r.MaxCalls)
			if r.MaxCalls > 0 {
				limit = min(limit, r.MaxCalls)
			}
			if limit > 0 {
				w.limit.WithLabelValues(t.Name, direction).Set(float64(limit))
			}
			w.active.WithLabelValues(t.Name, direction)
			w.barred.WithLabelValues(t.Name)
			w.setup.WithLabelValues(t.Name, direction)
			for _, method := range methods {
				for _, class := range codeClasses {
					w.requests.WithLabelValues(t.Name, direction, method, class)
				}
			}
		}
		for b := sip.BarLimit; b <= sip.BarDraining; b++ {
			w.rejected.WithLabelValues(t.Name, b.String())
		}
		for m := sip.MendBlanks; m <= sip.MendLength; m++ {
			w.mended.WithLabelValues(t.Name, m.String())
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accounts = r.Accounts
	w.showRegistrations()
}

// showRegistrations must be called with the lock held.
func (w *wire) showRegistrations() {
	w.registrations.WithLabelValues("device", "registered").Set(float64(w.registered))
	w.registrations.WithLabelValues("device", "unregistered").Set(float64(max(0, w.accounts-w.registered)))
}

// SIP returns the observer of the signalling.
func (m *Metrics) SIP() sip.Observer { return sipObserver{m.wire} }

// Media returns the observer of the media engine.
func (m *Metrics) Media() media.Observer { return mediaObserver{m.wire} }

// Call returns the observer of the hotline.
func (m *Metrics) Call() call.Observer { return callObserver{m.wire} }

// Unlocked counts a page of secrets that may be swapped. It may be called from any
// goroutine.
func (m *Metrics) Unlocked() { m.wire.unlocked.Inc() }

// Unwritten counts a time that the ledger could not be written. It may be
// called from any goroutine.
func (m *Metrics) Unwritten(error) { m.wire.unwritten.Inc() }

// Outbox shows what is in the outbox of a kind: how many items are pending, since
// when the oldest of them, zero if there is none, and how many were refused and
// wait for a person. It may be called from any goroutine.
func (m *Metrics) Outbox(kind string, pending int, oldest time.Time, refused int) {
	m.wire.outboxPending.WithLabelValues(kind).Set(float64(pending))
	m.wire.outboxRefused.WithLabelValues(kind).Set(float64(refused))
	since := 0.0
	if !oldest.IsZero() {
		since = unix(oldest).Seconds()
	}
	m.wire.outboxOldest.WithLabelValues(kind).Set(since)
}

type sipObserver struct{ *wire }

// Responded implements [sip.Observer].
func (o sipObserver) Responded(trunk string, incoming bool, method string, code int) {
	o.requests.WithLabelValues(trunkLabel(trunk), direction(incoming), method, codeClass(code)).Inc()
}

// Confirmed implements [sip.Observer].
func (o sipObserver) Confirmed(trunk string, incoming bool, setup time.Duration) {
	o.setup.WithLabelValues(trunkLabel(trunk), direction(incoming)).Observe(setup.Seconds())
}

// Calls implements [sip.Observer].
func (o sipObserver) Calls(trunk string, incoming bool, now int) {
	o.active.WithLabelValues(trunkLabel(trunk), direction(incoming)).Set(float64(now))
}

// Barred implements [sip.Observer].
func (o sipObserver) Barred(trunk string, why sip.Bar) {
	o.rejected.WithLabelValues(trunkLabel(trunk), why.String()).Inc()
}

// Dropped implements [sip.Observer].
func (o sipObserver) Dropped(why sip.Drop) { o.dropped.WithLabelValues(why.String()).Inc() }

// Mended implements [sip.Observer].
func (o sipObserver) Mended(trunk string, what sip.Mend) {
	o.mended.WithLabelValues(trunkLabel(trunk), what.String()).Inc()
}

// Registered implements [sip.Observer].
func (o sipObserver) Registered(now int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.registered = now
	o.showRegistrations()
}

func trunkLabel(trunk string) string {
	if trunk == "" {
		return phones
	}
	return trunk
}

func direction(incoming bool) string {
	if incoming {
		return in
	}
	return out
}

// codeClass returns the class of a final response; 0 is none.
func codeClass(code int) string {
	if code < 200 || code > 699 {
		return "none"
	}
	return fmt.Sprintf("%dxx", code/100)
}

type mediaObserver struct{ *wire }

// LegOpened implements [media.Observer].
func (o mediaObserver) LegOpened(kind string) { o.legs.WithLabelValues(kind).Inc() }

// LegClosed implements [media.Observer].
func (o mediaObserver) LegClosed(kind string) { o.legs.WithLabelValues(kind).Dec() }

// Counted implements [media.Observer].
func (o mediaObserver) Counted(kind string, d media.Stats) {
	o.received.WithLabelValues(kind, in).Add(float64(d.Received))
	o.sent.WithLabelValues(kind, out).Add(float64(d.Sent))
	o.keptAlive.WithLabelValues(kind).Add(float64(d.KeptAlive))
	o.lost.WithLabelValues(kind, in).Add(float64(d.Lost))
	o.lost.WithLabelValues(kind, out).Add(float64(d.RemoteLost))
	if d.Received > 0 {
		o.jitter.WithLabelValues(kind, in).Observe(d.Jitter.Seconds())
	}
	if d.Sent > 0 && d.RoundTrip > 0 { // the peer has reported
		o.jitter.WithLabelValues(kind, out).Observe(d.RemoteJitter.Seconds())
	}
	for i, n := range [...]uint64{d.Refused, d.Unsent, d.WrongSource, d.Malformed, d.Unexpected} {
		o.faulty.WithLabelValues(kind, misfits[i]).Add(float64(n))
	}
}

// NoMedia implements [media.Observer].
func (o mediaObserver) NoMedia(kind string) { o.noMedia.WithLabelValues(kind, in).Inc() }

type callObserver struct{ *wire }

// Decided implements [call.Observer].
func (o callObserver) Decided(took time.Duration) { o.decision.Observe(took.Seconds()) }

// Barred implements [call.Observer].
func (o callObserver) Barred(trunk string) { o.barred.WithLabelValues(trunkLabel(trunk)).Inc() }

// Overrun implements [call.Observer].
func (o callObserver) Overrun() { o.overruns.Inc() }

// Refused implements [call.Observer].
func (o callObserver) Refused(command, reason string) {
	o.refused.WithLabelValues(command, reason).Inc()
}

// Unmatched implements [call.Observer].
func (o callObserver) Unmatched(pairs int) { o.unmatched.Set(float64(pairs)) }

// Estimated implements [call.Observer].
func (o callObserver) Estimated(queue string, e estimate.Estimate) {
	o.samples.WithLabelValues(queue).Set(float64(e.Samples))
	if !e.Sound() {
		o.estimate.DeleteLabelValues(queue, "p50")
		o.estimate.DeleteLabelValues(queue, "p90")
		return
	}
	o.estimate.WithLabelValues(queue, "p50").Set(e.P50.Seconds())
	o.estimate.WithLabelValues(queue, "p90").Set(e.P90.Seconds())
}
