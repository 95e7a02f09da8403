package metrics

import (
	"testing"
	"testing/synctest"
	"time"

	"cardline/acd/estimate"
	"cardline/ledger"
)

// TestACallbackIsNoWait follows a caller who asks to be called back: the wait on
// the line ends with the request, and what comes later spoils no figure.
func TestACallbackIsNoWait(t *testing.T) {
	const (
		waits    = "cardline_queue_wait_seconds_count{outcome=other,queue=cards,site=sh1}"
		answered = "cardline_queue_wait_seconds_count{outcome=answered,queue=cards,site=sh1}"
		vip      = "cardline_queue_waiting_calls{class=vip,queue=cards,site=sh1}"
		away     = "cardline_queue_waiting_calls{class=callback,queue=cards,site=sh1}"
		pending  = "cardline_callbacks_pending{queue=cards,site=sh1}"
		over     = "cardline_queue_waiting_over_threshold_calls{queue=cards,site=sh1,threshold_seconds=20}"
		oldest   = "cardline_queue_oldest_waiting_start_timestamp_seconds{queue=cards,site=sh1}"
		active   = "cardline_calls_active{line=main}"
		toAgent  = "cardline_ivr_calls_total{line=main,outcome=to_agent}"
		ended    = "cardline_calls_ended_total{line=main,reason=caller_left}"
	)
	synctest.Test(t, func(t *testing.T) {
		m, registry := newMetrics(t, hotline)
		told(m, ledger.Queued{Entry: 1, Queue: "cards", Via: ledger.ViaIVR, Class: "vip"})
		time.Sleep(15 * time.Second)
		told(m,
			ledger.CallArrived{Line: "main", Callback: true},
			ledger.Dequeued{Entry: 1, Queue: "cards", Outcome: ledger.OutcomeCallbackRequested, Waited: 15000, Via: ledger.ViaIVR, Next: 2},
			ledger.Queued{Entry: 2, Queue: "cards", Via: ledger.ViaCallback, Class: "vip", Before: 15000},
			ledger.CallbackRequested{Entry: 2, Queue: "cards", Line: "main"},
		)
		time.Sleep(time.Hour)
		expect(t, registry, figures{waits: 1, vip: 0, away: 1, pending: 1, over: 0, oldest: 0, active: 0})
		addsUp(t, scrape(t, registry), "cards")
		told(m,
			ledger.CallbackTried{Entry: 2, Queue: "cards", Attempt: 1, Result: ledger.CallbackBusy},
			ledger.CallbackTried{Entry: 2, Queue: "cards", Attempt: 2, Result: ledger.CallbackReached},
		)
		reached := float64(time.Now().UnixMilli()) / 1000
		time.Sleep(time.Minute)
		// The customer is on the line and waits, which is to be seen; the service
		// level is of others.
		expect(t, registry, figures{vip: 1, away: 0, pending: 0, over: 0, oldest: reached, active: 1})
		told(m,
			ledger.Dequeued{Entry: 2, Queue: "cards", Outcome: ledger.OutcomeAnswered, Waited: 3_660_000, Via: ledger.ViaCallback},
			ledger.CallbackEnded{Queue: "cards", Outcome: "reached", Attempts: 2},
			ledger.CallEnded{Line: "main", Reason: ledger.EndCallerLeft, Outcome: ledger.IVRToAgent},
		)
		expect(t, registry, figures{
			answered: 0, waits: 1, vip: 0, active: 0, toAgent: 0, ended: 1,
			"cardline_queue_entries_total{queue=cards,site=sh1,via=callback}":                  1,
			"cardline_queue_exits_total{outcome=answered,queue=cards,site=sh1}":                1,
			"cardline_callbacks_total{outcome=reached,queue=cards,site=sh1}":                   1,
			"cardline_callback_attempts_total{queue=cards,result=busy,site=sh1}":               1,
			"cardline_callback_attempts_total{queue=cards,result=reached,site=sh1}":            1,
			"cardline_queue_exits_total{outcome=callback_requested,queue=cards,site=sh1}":      1,
			"cardline_queue_entries_total{queue=cards,site=sh1,via=ivr}":                       1,
			"cardline_queue_wait_seconds_sum{outcome=other,queue=cards,site=sh1}":              15,
			"cardline_queue_wait_estimate_error_seconds_count{queue=cards,sign=late,site=sh1}": 0,
		})
		addsUp(t, scrape(t, registry), "cards")
	})
}

// TestACallbackThatReachesNobodyIsNoCall lets all attempts fail.
func TestACallbackThatReachesNobodyIsNoCall(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	told(m,
		ledger.CallArrived{Line: "main", Callback: true},
		ledger.Queued{Entry: 2, Queue: "cards", Via: ledger.ViaCallback},
		ledger.CallbackRequested{Entry: 2, Queue: "cards", Line: "main"},
		ledger.CallbackTried{Entry: 2, Queue: "cards", Attempt: 1, Result: ledger.CallbackNoAnswer},
		ledger.Dequeued{Entry: 2, Queue: "cards", Outcome: ledger.OutcomeTimeout, Waited: 1000, Via: ledger.ViaCallback},
		ledger.CallbackEnded{Queue: "cards", Outcome: "exhausted", Attempts: 1},
		ledger.CallEnded{Line: "main", Reason: ledger.EndFlow, Outcome: ledger.IVRToAgent},
		// One that a kill has cut, and one that was refused.
		ledger.CallbackEnded{Queue: "cards", Outcome: "interrupted"},
		ledger.CallbackDenied{Queue: "cards", Reason: "prefix"},
	)
	expect(t, registry, figures{
		"cardline_callbacks_total{outcome=exhausted,queue=cards,site=sh1}":   1,
		"cardline_callbacks_total{outcome=interrupted,queue=cards,site=sh1}": 0,
		"cardline_callbacks_denied_total{queue=cards,reason=prefix}":         1,
		"cardline_calls_ended_total{line=main,reason=flow_ended}":            0,
		"cardline_ivr_calls_total{line=main,outcome=to_agent}":               0,
		"cardline_callbacks_pending{queue=cards,site=sh1}":                   0,
	})
}

// TestErrorsOfWhatWasTold lets a caller be told a wait three times, once in the
// queue that the caller overflowed from.
func TestErrorsOfWhatWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, registry := newMetrics(t, hotline)
		told(m, ledger.Queued{Entry: 1, Queue: "cards", Via: ledger.ViaIVR},
			ledger.Announced{Entry: 1, Queue: "cards", Position: 3, P50: 60000, P90: 90000})
		time.Sleep(30 * time.Second)
		told(m, ledger.Dequeued{Entry: 1, Queue: "cards", Outcome: ledger.OutcomeOverflow, Waited: 30000, Next: 2},
			ledger.Queued{Entry: 2, Queue: "english", Via: ledger.ViaOverflow, Before: 30000},
			ledger.Announced{Entry: 2, Queue: "english", Position: 1}, // nothing was foreseen
			ledger.Announced{Entry: 2, Queue: "english", P50: 25000, P90: 90000})
		time.Sleep(25 * time.Second)
		told(m, ledger.Announced{Entry: 2, Queue: "english", P50: 4000, P90: 9000})
		time.Sleep(7500 * time.Millisecond)
		told(m, ledger.Dequeued{Entry: 2, Queue: "english", Outcome: ledger.OutcomeAnswered, Waited: 32500})
		// Foreseen for 60 s, for 55 s and for 59 s; answered at 62.5 s.
		expect(t, registry, figures{
			"cardline_queue_wait_estimate_error_seconds_count{queue=cards,sign=late,site=sh1}":   1,
			"cardline_queue_wait_estimate_error_seconds_sum{queue=cards,sign=late,site=sh1}":     2.5,
			"cardline_queue_wait_estimate_error_seconds_count{queue=english,sign=late,site=sh1}": 2,
			"cardline_queue_wait_estimate_error_seconds_sum{queue=english,sign=late,site=sh1}":   11,
			"cardline_queue_wait_estimate_error_seconds_count{queue=cards,sign=early,site=sh1}":  0,
		})
		told(m, ledger.Queued{Entry: 3, Queue: "cards", Via: ledger.ViaIVR}, ledger.Announced{Entry: 3, Queue: "cards", P50: 60000, P90: 90000},
			ledger.Queued{Entry: 4, Queue: "cards", Via: ledger.ViaIVR}, ledger.Announced{Entry: 4, Queue: "cards", P50: 60000, P90: 90000})
		time.Sleep(20 * time.Second)
		told(m, ledger.Dequeued{Entry: 3, Queue: "cards", Outcome: ledger.OutcomeAnswered, Waited: 20000},
			ledger.Dequeued{Entry: 4, Queue: "cards", Outcome: ledger.OutcomeAbandoned, Waited: 20000}) // of whom nobody knows
		expect(t, registry, figures{
			"cardline_queue_wait_estimate_error_seconds_count{queue=cards,sign=early,site=sh1}": 1,
			"cardline_queue_wait_estimate_error_seconds_sum{queue=cards,sign=early,site=sh1}":   40,
			"cardline_queue_wait_estimate_error_seconds_count{queue=cards,sign=late,site=sh1}":  1,
		})
		if len(m.moved) != 0 {
			t.Errorf("what %d callers were told is kept for ever", len(m.moved))
		}
	})
}

func TestWhatTheRouterTells(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	told(m,
		ledger.StepReached{Entry: 1, Queue: "cards", Step: 1}, ledger.StepReached{Entry: 1, Queue: "cards", Step: 2},
		ledger.HeadStartChanged{Entry: 1, Queue: "cards", To: 60000},
		ledger.ModeChanged{Queue: "cards", From: ledger.ModeOpen, To: ledger.ModeHoliday},
		ledger.ModeChanged{Queue: "gone", From: ledger.ModeOpen, To: ledger.ModeClosed},
		ledger.Disposed{Agent: "1001", Queue: "cards", Code: "loss"},
		ledger.Overstayed{Agent: "1003", Group: "world", Reason: "lunch"},
		ledger.Healed{Agent: "1001", State: ledger.AgentTalking},
	)
	expect(t, registry, figures{
		"cardline_queue_steps_reached_total{queue=cards,step=1}":   1,
		"cardline_queue_steps_reached_total{queue=cards,step=2}":   1,
		"cardline_queue_head_starts_changed_total{queue=cards}":    1,
		"cardline_queue_mode{mode=open,queue=cards}":               0,
		"cardline_queue_mode{mode=holiday,queue=cards}":            1,
		"cardline_queue_mode{mode=open,queue=english}":             1,
		"cardline_call_dispositions_total{code=loss,queue=cards}":  1,
		"cardline_agent_overstays_total{group=world,reason=lunch}": 1,
		"cardline_agent_healed_total{state=talking}":               1,
	})
	// A queue that was gone for a while begins as the router lets it: open.
	without := hotline
	without.Queues = hotline.Queues[1:]
	m.Configure(without)
	expect(t, registry, figures{"cardline_queue_mode{mode=holiday,queue=cards}": 0, "cardline_queue_mode{mode=open,queue=cards}": 0})
	m.Configure(hotline)
	expect(t, registry, figures{"cardline_queue_mode{mode=holiday,queue=cards}": 0, "cardline_queue_mode{mode=open,queue=cards}": 1})
}

func TestBrokenPromisesAreCounted(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	sound := &ledger.Decision{NextCall: "c-2", Ahead: 1}
	told(m,
		ledger.Offered{Offer: 1, Entry: 1, Queue: "cards", Agent: "1001", Decision: sound},
		ledger.Offered{Offer: 2, Entry: 1, Queue: "cards", Agent: "1002", Decision: sound}, // a ring group
		ledger.OfferEnded{Offer: 1, Entry: 1, Queue: "cards", Agent: "1001", Result: ledger.OfferAccepted},
		ledger.OfferEnded{Offer: 2, Entry: 1, Queue: "cards", Agent: "1002", Result: ledger.OfferWithdrawn, Elsewhere: true},
		ledger.Offered{Offer: 3, Entry: 2, Queue: "cards", Agent: "1002", Decision: sound},
	)
	expect(t, registry, figures{
		"cardline_routing_invariant_violations_total{invariant=double_offer}": 0,
		"cardline_routing_invariant_violations_total{invariant=order}":        0,
	})
	told(m, ledger.Offered{Offer: 4, Entry: 3, Queue: "cards", Agent: "1002", Decision: &ledger.Decision{NextCall: "c-9", Ahead: -1}})
	expect(t, registry, figures{
		"cardline_routing_invariant_violations_total{invariant=double_offer}": 1,
		"cardline_routing_invariant_violations_total{invariant=order}":        1,
	})
}

func TestEstimatesOfQueuesThatAreGone(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	o := m.Call()
	o.Unmatched(2)
	o.Refused("AcceptOffer", "unknown_offer")
	o.Estimated("cards", estimate.Estimate{P50: 30 * time.Second, P90: time.Minute, Samples: 20})
	expect(t, registry, figures{
		"cardline_routing_unmatched_pairs{}":                                                2,
		"cardline_routing_refused_commands_total{command=AcceptOffer,reason=unknown_offer}": 1,
		"cardline_queue_wait_estimate_seconds{quantile_kind=p90,queue=cards}":               60,
		"cardline_queue_wait_estimate_samples{queue=cards}":                                 20,
		"cardline_queue_wait_estimate_samples{queue=english}":                               0,
	})
	o.Estimated("cards", estimate.Estimate{P50: 30 * time.Second, P90: time.Minute, Samples: 19})
	expect(t, registry, figures{"cardline_queue_wait_estimate_samples{queue=cards}": 19})
	if _, shown := scrape(t, registry)["cardline_queue_wait_estimate_seconds{quantile_kind=p50,queue=cards}"]; shown {
		t.Error("an estimate that nobody knows is shown")
	}
	o.Estimated("cards", estimate.Estimate{P50: time.Second, P90: time.Second, Samples: 20})
	m.Configure(hotline)
	if _, shown := scrape(t, registry)["cardline_queue_wait_estimate_seconds{quantile_kind=p50,queue=cards}"]; shown {
		t.Error("the estimate of before a reload is shown")
	}
}
