package metrics

import (
	"cmp"
	"strconv"
	"time"

	"cardline/ledger"
)

// forecast is a wait that was foreseen, in the queue that had it told.
type forecast struct {
	queue string
	until ledger.Millis // on the clock of [ledger.Event.Age]
}

// The signs of an estimate's error.
const (
	early = "early" // answered before the time, or just then
	late  = "late"
)

// invariants are promises of the router that can be held against its decisions.
var invariants = []string{doubleOffer, outOfOrder}

const (
	doubleOffer = "double_offer" // an agent was rung for two callers
	outOfOrder  = "order"        // somebody with a smaller key was passed over
)

// deniedReasons are the words of [ledger.CallbackDenied].
var deniedReasons = []string{"no_number", "prefix", "barred", "open", "day_limit", "caller_limit", "off"}

var errorBounds = seconds(5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800)

// defineRouting makes the families about what the router decided.
func (m *Metrics) defineRouting(add func(*family) *family) {
	m.steps = add(counter("cardline_queue_steps_reached_total", "Times that a caller's requirement was relaxed, by step.", "queue", "step"))
	m.headStarts = add(counter("cardline_queue_head_starts_changed_total", "Times that a supervisor moved a caller in the order.", "queue"))
	m.mode = add(gauge("cardline_queue_mode", "What the queue is like now: 1 for its mode, 0 for the others.", "queue", "mode"))
	m.dispositions = add(counter("cardline_call_dispositions_total", "What agents said that calls were about.", "queue", "code"))
	m.overstays = add(counter("cardline_agent_overstays_total", "Breaks that became longer than their reason allows.", "group", "reason"))
	m.healed = add(counter("cardline_agent_healed_total", "Agents who were freed from what was no more, by the state that was believed.", "state"))
	m.estimateError = add(histogram("cardline_queue_wait_estimate_error_seconds",
		"By how much callers were answered before the median wait that was foreseen at an announcement, or after it.", errorBounds, "queue", "site", "sign"))
	m.violations = add(counter("cardline_routing_invariant_violations_total", "Decisions that break a promise of the router; must stay 0.", "invariant"))
	m.pending = add(gauge("cardline_callbacks_pending", "Customers who wait to be called back.", "queue", "site"))
	m.callbacks = add(counter("cardline_callbacks_total", "Callbacks that ended, by outcome.", "queue", "site", "outcome"))
	m.attempts = add(counter("cardline_callback_attempts_total", "Attempts to call back, by result.", "queue", "site", "result"))
	m.denied = add(counter("cardline_callbacks_denied_total", "Callbacks that were asked for and not taken.", "queue", "reason"))
}

// addCallbacks makes the series of a queue that are about callbacks, estimates
// and the order.
func (m *Metrics) addCallbacks(q string) {
	m.pending.at(q, m.site)
	for _, outcome := range ledger.CallbackOutcomes {
		m.callbacks.at(q, m.site, outcome)
	}
	for _, result := range ledger.CallbackResults {
		m.attempts.at(q, m.site, string(result))
	}
	for _, reason := range deniedReasons {
		m.denied.at(q, reason)
	}
	for _, sign := range []string{early, late} {
		m.estimateError.at(q, m.site, sign)
	}
	for _, mode := range ledger.Modes {
		m.mode.at(q, string(mode))
	}
	m.headStarts.at(q)
}

// addRules makes the series that a queue's own rules call for.
func (m *Metrics) addRules(q Queue) {
	for step := range q.Steps {
		m.steps.at(q.Name, strconv.Itoa(step+1))
	}
	for _, code := range q.Dispositions {
		m.dispositions.at(q.Name, code)
	}
}

// forgetModes lets queues that are gone begin anew if they come again.
func (m *Metrics) forgetModes() {
	kept := make(map[string]ledger.Mode, len(m.modes))
	for _, q := range m.config.Queues {
		if mode, told := m.modes[q.Name]; told {
			kept[q.Name] = mode
		}
	}
	m.modes = kept
}

// countModes shows what the configured queues are like.
func (m *Metrics) countModes() {
	m.mode.zero()
	for _, q := range m.config.Queues {
		m.mode.at(q.Name, string(cmp.Or(m.modes[q.Name], ledger.ModeOpen))).number = 1
	}
}

// readRouting reads what the router and those who wait are told.
func (m *Metrics) readRouting(e ledger.Event, now time.Time) {
	switch f := e.Fact.(type) {
	case ledger.StepReached:
		m.steps.at(f.Queue, strconv.Itoa(f.Step)).number++
	case ledger.HeadStartChanged:
		m.headStarts.at(f.Queue).number++
	case ledger.ModeChanged:
		m.modes[f.Queue] = f.To
	case ledger.Disposed:
		m.dispositions.at(f.Queue, f.Code).number++
	case ledger.Announced:
		if waits := m.entries[f.Entry]; waits != nil && f.P90 > 0 {
			waits.told = append(waits.told, forecast{f.Queue, e.Age + f.P50})
		}
	case ledger.CallbackRequested:
		m.wishes[e.Call] = struct{}{}
	case ledger.CallbackDenied:
		m.denied.at(f.Queue, f.Reason).number++
	case ledger.CallbackTried:
		m.attempts.at(f.Queue, m.site, string(f.Result)).number++
		if f.Result == ledger.CallbackReached {
			m.reached(e, f.Entry, now)
		}
	case ledger.CallbackEnded:
		if take(m.wishes, e.Call) {
			m.callbacks.at(f.Queue, m.site, f.Outcome).number++
		}
	}
}

// reached puts a customer who has answered our call on the line, where a place
// in the queue, if it is still held, is waited for from now on.
func (m *Metrics) reached(e ledger.Event, entry uint64, now time.Time) {
	if v := m.calls[e.Call]; v != nil {
		v.up = true
	}
	if waits := m.entries[entry]; waits != nil {
		waits.away, waits.at, waits.since = false, unix(e.At), now
	}
}

// offered counts what a decision breaks, if it breaks anything.
func (m *Metrics) offered(f ledger.Offered) {
	if _, rings := m.offers[m.ringing[f.Agent]]; rings {
		m.violations.at(doubleOffer).number++
	}
	if f.Decision != nil && f.Decision.Ahead < 0 {
		m.violations.at(outOfOrder).number++
	}
	m.offers[f.Offer], m.ringing[f.Agent] = f.Agent, f.Offer
}

// settle holds what a caller was told against the time of the answer. Who goes
// on to another queue takes it along.
func (m *Metrics) settle(left *entry, f ledger.Dequeued, age ledger.Millis) {
	switch {
	case f.Outcome == ledger.OutcomeAnswered:
		for _, told := range left.told {
			sign, miss := late, age-told.until
			if miss <= 0 {
				sign, miss = early, -miss
			}
			m.estimateError.observe(miss, told.queue, m.site, sign)
		}
	case f.Next != 0 && f.Outcome != ledger.OutcomeCallbackRequested && len(left.told) > 0:
		m.moved[f.Next] = left.told
	}
}
