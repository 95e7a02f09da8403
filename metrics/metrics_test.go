package metrics

import (
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

var hotline = Reloadable{
	Site: "sh1", Queues: []Queue{{Name: "cards", Steps: 2, Dispositions: []string{"bill", "loss"}}, {Name: "english"}}, Classes: []string{"normal", "vip"},
	Agents: []Agent{
		{ID: "1001", Group: "cards", Queues: []string{"cards"}, Later: []string{"english"}},
		{ID: "1002", Group: "cards", Queues: []string{"cards", "english"}},
		{ID: "1003", Group: "world", Site: "cd1", Queues: []string{"english"}},
	},
	Reasons: []string{"login", "rona", "lunch"}, Lines: []string{"main"},
	Flows: []Flow{{Name: "main", Steps: []string{"menu"}}}, Services: []string{"activation"},
	Operations: []Operation{{Name: "activate", Codes: []string{"ok", "unavailable"}}},
	Trunks:     []Trunk{{Name: "ct1", MaxCalls: 400}, {Name: "cu1"}}, MaxCalls: 1000, Accounts: 3,
}

// figures are the values of a scrape by series, as "name{label="value",…}";
// of a histogram there are name_count, name_sum and name_bucket.
type figures map[string]float64

func newMetrics(t testing.TB, r Reloadable) (*Metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m := New(Options{Registerer: registry, Version: "0.1", Revision: "abc", Reloadable: r})
	m.Process(Process{})
	return m, registry
}

func gather(t testing.TB, g prometheus.Gatherer) []*dto.MetricFamily {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func text(t testing.TB, g prometheus.Gatherer) string {
	t.Helper()
	var b strings.Builder
	for _, f := range gather(t, g) {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func scrape(t testing.TB, g prometheus.Gatherer) figures {
	t.Helper()
	found := figures{}
	for _, f := range gather(t, g) {
		for _, m := range f.GetMetric() {
			labels := ""
			for _, l := range m.GetLabel() {
				labels += "," + l.GetName() + "=" + l.GetValue()
			}
			key := func(suffix string) string { return f.GetName() + suffix + "{" + strings.TrimPrefix(labels, ",") + "}" }
			switch h := m.GetHistogram(); {
			case h != nil:
				found[key("_count")], found[key("_sum")] = float64(h.GetSampleCount()), h.GetSampleSum()
			case m.GetCounter() != nil:
				found[key("")] = m.GetCounter().GetValue()
			default:
				found[key("")] = m.GetGauge().GetValue()
			}
		}
	}
	return found
}

// expect compares some series of a scrape.
func expect(t *testing.T, g prometheus.Gatherer, want figures) {
	t.Helper()
	got := scrape(t, g)
	for series, value := range want {
		if found, ok := got[series]; !ok || found != value {
			t.Errorf("%s is %v (there: %v), want %v", series, found, ok, value)
		}
	}
}

// told hands facts to m as the ledger would, at this moment.
func told(m *Metrics, facts ...ledger.Fact) {
	batch := make([]ledger.Event, len(facts))
	for i, f := range facts {
		now := time.Now().UTC().Truncate(time.Millisecond)
		batch[i] = ledger.Event{Seq: uint64(i + 1), At: now, Age: unix(now), Journey: "j", Call: "c-1", Fact: f}
	}
	m.Read(batch)
}

func TestEverySeriesIsThereFromTheStart(t *testing.T) {
	_, registry := newMetrics(t, hotline)
	got := scrape(t, registry)
	want := []string{
		"cardline_queue_entries_total{queue=english,site=sh1,via=ivr}",
		"cardline_queue_exits_total{outcome=callback_requested,queue=cards,site=sh1}",
		"cardline_queue_wait_seconds_count{outcome=other,queue=cards,site=sh1}",
		"cardline_queue_waiting_calls{class=vip,queue=cards,site=sh1}",
		"cardline_class_wait_seconds_count{class=vip,outcome=abandoned,site=sh1}",
		"cardline_queue_wait_estimate_samples{queue=cards}",
		"cardline_queue_waiting_calls{class=other,queue=cards,site=sh1}",
		"cardline_queue_waiting_over_threshold_calls{queue=cards,site=sh1,threshold_seconds=20}",
		"cardline_queue_oldest_waiting_start_timestamp_seconds{queue=cards,site=sh1}",
		"cardline_queue_eligible_agents{queue=cards,state=unreachable}",
		"cardline_agents{group=world,site=cd1,state=talking}",
		"cardline_agents_not_ready{reason=lunch}",
		"cardline_agent_state_seconds_total{group=cards,reason=lunch,site=sh1,state=not_ready}",
		"cardline_agent_state_seconds_total{group=cards,reason=,site=sh1,state=talking}",
		"cardline_agent_offers_total{queue=english,result=withdrawn,site=cd1}",
		"cardline_agent_handle_seconds_count{part=holding,queue=english,site=sh1}",
		"cardline_ivr_calls_total{line=main,outcome=contained}",
		"cardline_ivr_step_visits_total{exit=no_match,flow=main,step=menu}",
		"cardline_ivr_services_total{result=locked,service=activation}",
		"cardline_ivr_backend_request_duration_seconds_count{backend=card_host,code=unavailable,operation=activate}",
		"cardline_auth_failures_total{factor=code,reason=expired}",
		"cardline_secure_segments_total{kind=pin,result=mismatch_limit}",
		"cardline_secure_leaks_total{sink=log}",
		"cardline_calls_active{line=main}",
		"cardline_calls_ended_total{line=main,reason=interrupted}",
		"cardline_sip_requests_total{code_class=5xx,direction=in,method=INVITE,trunk=ct1}",
		"cardline_sip_setup_seconds_count{direction=out,trunk=phones}",
		"cardline_sip_rejected_calls_total{reason=limit,trunk=ct1}",
		"cardline_sip_active_calls{direction=in,trunk=ct1}",
		"cardline_rtp_packets_lost_total{direction=in,leg=caller}",
		"cardline_rtp_no_media_total{direction=in,leg=agent}",
		"cardline_rtp_jitter_seconds_count{direction=out,leg=agent}",
		"cardline_routing_decision_seconds_count{}",
		"cardline_api_tokens_refused_total{reason=limited}",
		"cardline_queue_later_agents{queue=cards,state=ready}",
		"cardline_queue_waiting_calls{class=callback,queue=english,site=sh1}",
		"cardline_queue_steps_reached_total{queue=cards,step=2}",
		"cardline_queue_head_starts_changed_total{queue=english}",
		"cardline_queue_mode{mode=emergency,queue=cards}",
		"cardline_queue_wait_estimate_error_seconds_count{queue=english,sign=late,site=sh1}",
		"cardline_callbacks_pending{queue=cards,site=sh1}",
		"cardline_callbacks_total{outcome=exhausted,queue=cards,site=sh1}",
		"cardline_callback_attempts_total{queue=cards,result=agent_left,site=sh1}",
		"cardline_callbacks_denied_total{queue=cards,reason=day_limit}",
		"cardline_call_dispositions_total{code=loss,queue=cards}",
		"cardline_agent_overstays_total{group=world,reason=lunch}",
		"cardline_agent_healed_total{state=offered}",
		"cardline_routing_invariant_violations_total{invariant=double_offer}",
		"cardline_routing_unmatched_pairs{}",
		"cardline_routing_refused_commands_total{command=AcceptOffer,reason=unknown_offer}",
	}
	for _, series := range want {
		if value, ok := got[series]; !ok || value != 0 {
			t.Errorf("%s is %v (there: %v), want 0", series, value, ok)
		}
	}
	expect(t, registry, figures{
		"cardline_agents{group=cards,site=sh1,state=logged_out}":         2,
		"cardline_queue_eligible_agents{queue=english,state=logged_out}": 2,
		"cardline_queue_later_agents{queue=english,state=logged_out}":    1,
		"cardline_queue_mode{mode=open,queue=english}":                   1,
		"cardline_config_last_reload_successful{}":                       1,
		"cardline_sip_call_limit{direction=in,trunk=ct1}":                400,
		"cardline_sip_call_limit{direction=in,trunk=cu1}":                1000,
		"cardline_sip_registrations{kind=device,state=unregistered}":     3,
	})
}

func TestNamesPassTheLinters(t *testing.T) {
	_, registry := newMetrics(t, hotline)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is not installed; the library's own linter alone was asked")
		return
	}
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = strings.NewReader(text(t, registry))
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func TestStoryOfOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, registry := newMetrics(t, hotline)
		told(m,
			ledger.CallArrived{Line: "main", Trunk: "ct1"}, ledger.CallAnswered{},
			ledger.StepLeft{Flow: "main", Step: "menu", Exit: ledger.ExitOK, Took: 2000},
			ledger.VerificationFailed{Factor: "code", Reason: "expired"},
			ledger.HostAsked{Operation: "activate", Code: "ok", Took: 125},
			ledger.ServiceEnded{Service: "activation", Result: ledger.ServiceOK},
			ledger.SecureEnded{Purpose: "pin", Result: ledger.SecureOK, Rounds: 1, Took: 9000},
			ledger.Queued{Entry: 7, Queue: "cards", Via: ledger.ViaIVR, Class: "vip"},
			ledger.Offered{Offer: 3, Entry: 7, Queue: "cards", Agent: "1001"},
		)
		expect(t, registry, figures{
			"cardline_queue_waiting_calls{class=vip,queue=cards,site=sh1}":                1,
			"cardline_queue_oldest_waiting_start_timestamp_seconds{queue=cards,site=sh1}": float64(time.Now().UnixMilli()) / 1000,
			"cardline_calls_active{line=main}":                                            1,
		})
		time.Sleep(20 * time.Second)
		expect(t, registry, figures{"cardline_queue_waiting_over_threshold_calls{queue=cards,site=sh1,threshold_seconds=20}": 0})
		time.Sleep(time.Millisecond)
		expect(t, registry, figures{"cardline_queue_waiting_over_threshold_calls{queue=cards,site=sh1,threshold_seconds=20}": 1})
		told(m,
			ledger.OfferEnded{Offer: 3, Entry: 7, Queue: "cards", Agent: "1001", Result: ledger.OfferAccepted, Rang: 4250},
			ledger.Dequeued{Entry: 7, Queue: "cards", Outcome: ledger.OutcomeAnswered, Waited: 20001},
			ledger.Bridged{Entry: 7, Queue: "cards", Agent: "1001"},
			ledger.HoldStarted{Agent: "1001"}, ledger.HoldEnded{Agent: "1001", Held: 3000},
			ledger.TalkEnded{Entry: 7, Queue: "cards", Agent: "1001", Talked: 60001, Held: 3000, By: ledger.TalkEndedByCaller},
			ledger.CallEnded{Line: "main", Reason: ledger.EndCallerLeft, Outcome: ledger.IVRToAgent, Took: 90000},
			ledger.TokenRefused{Source: "192.0.2.1", Reason: "role"}, // as an old ledger has it: once
			ledger.TokenRefused{Source: "192.0.2.1", Reason: "unknown", Times: 1}, ledger.TokenRefused{Source: "192.0.2.1", Reason: "unknown", Times: 41},
		)
		expect(t, registry, figures{
			"cardline_calls_active{line=main}":                                                                0,
			"cardline_calls_ended_total{line=main,reason=caller_left}":                                        1,
			"cardline_ivr_calls_total{line=main,outcome=to_agent}":                                            1,
			"cardline_ivr_step_visits_total{exit=ok,flow=main,step=menu}":                                     1,
			"cardline_ivr_services_total{result=ok,service=activation}":                                       1,
			"cardline_ivr_backend_request_duration_seconds_sum{backend=card_host,code=ok,operation=activate}": 0.125,
			"cardline_auth_failures_total{factor=code,reason=expired}":                                        1,
			"cardline_secure_segments_total{kind=pin,result=ok}":                                              1,
			"cardline_queue_entries_total{queue=cards,site=sh1,via=ivr}":                                      1,
			"cardline_queue_exits_total{outcome=answered,queue=cards,site=sh1}":                               1,
			"cardline_queue_wait_seconds_sum{outcome=answered,queue=cards,site=sh1}":                          20.001,
			"cardline_queue_waiting_calls{class=vip,queue=cards,site=sh1}":                                    0,
			"cardline_queue_oldest_waiting_start_timestamp_seconds{queue=cards,site=sh1}":                     0,
			"cardline_queue_waiting_over_threshold_calls{queue=cards,site=sh1,threshold_seconds=20}":          0,
			"cardline_agent_offers_total{queue=cards,result=accepted,site=sh1}":                               1,
			"cardline_agent_handle_seconds_sum{part=ringing,queue=cards,site=sh1}":                            4.25,
			"cardline_agent_handle_seconds_sum{part=talking,queue=cards,site=sh1}":                            60.001,
			"cardline_agent_handle_seconds_sum{part=holding,queue=cards,site=sh1}":                            3,
			"cardline_api_tokens_refused_total{reason=role}":                                                  1,
			"cardline_api_tokens_refused_total{reason=unknown}":                                               42,
		})
	})
}

// TestThresholdsAreExact shows that a call answered at 20 s is within the
// service level, and one a millisecond later is not.
func TestThresholdsAreExact(t *testing.T) {
	m, registry := newMetrics(t, Reloadable{Queues: []Queue{{Name: "q"}}})
	for i, waited := range []ledger.Millis{4999, 5000, 5001, 19999, 20000, 20001, 1_800_000, 1_800_001} {
		told(m, ledger.Queued{Entry: uint64(i), Queue: "q", Via: ledger.ViaIVR},
			ledger.Dequeued{Entry: uint64(i), Queue: "q", Outcome: ledger.OutcomeAnswered, Waited: waited})
	}
	for _, line := range []string{
		`cardline_queue_wait_seconds_bucket{outcome="answered",queue="q",site="main",le="5"} 2`,
		`cardline_queue_wait_seconds_bucket{outcome="answered",queue="q",site="main",le="20"} 5`,
		`cardline_queue_wait_seconds_bucket{outcome="answered",queue="q",site="main",le="1800"} 7`,
		`cardline_queue_wait_seconds_bucket{outcome="answered",queue="q",site="main",le="+Inf"} 8`,
		`cardline_class_wait_seconds_bucket{class="other",outcome="answered",site="main",le="5"} 2`,
		`cardline_class_wait_seconds_bucket{class="other",outcome="answered",site="main",le="20"} 5`,
		`cardline_class_wait_seconds_bucket{class="other",outcome="answered",site="main",le="+Inf"} 8`,
	} {
		if !strings.Contains(text(t, registry), line+"\n") {
			t.Errorf("the scrape lacks %s", line)
		}
	}
}

func TestOutcomesOfAnotherKindWaitTogether(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	for i, outcome := range ledger.QueueOutcomes {
		told(m, ledger.Queued{Entry: uint64(i), Queue: "cards", Via: ledger.ViaIVR},
			ledger.Dequeued{Entry: uint64(i), Queue: "cards", Outcome: outcome, Waited: 1000})
	}
	expect(t, registry, figures{
		"cardline_queue_wait_seconds_count{outcome=answered,queue=cards,site=sh1}":  1,
		"cardline_queue_wait_seconds_count{outcome=abandoned,queue=cards,site=sh1}": 1,
		"cardline_queue_wait_seconds_sum{outcome=other,queue=cards,site=sh1}":       float64(len(ledger.QueueOutcomes) - 2),
		"cardline_queue_exits_total{outcome=overflow,queue=cards,site=sh1}":         1,
	})
}

func TestAgentTimeRunsBetweenEvents(t *testing.T) {
	const (
		notReady = "cardline_agent_state_seconds_total{group=cards,reason=login,site=sh1,state=not_ready}"
		ready    = "cardline_agent_state_seconds_total{group=cards,reason=,site=sh1,state=ready}"
	)
	synctest.Test(t, func(t *testing.T) {
		m, registry := newMetrics(t, hotline)
		time.Sleep(time.Minute)
		expect(t, registry, figures{"cardline_agent_state_seconds_total{group=cards,reason=,site=sh1,state=logged_out}": 120})
		told(m, ledger.AgentChanged{Agent: "1001", Group: "cards", From: ledger.AgentLoggedOut, To: ledger.AgentNotReady, Reason: "login", Took: 60000})
		time.Sleep(1500 * time.Millisecond)
		expect(t, registry, figures{
			notReady: 1.5,
			"cardline_agents_not_ready{reason=login}":                        1,
			"cardline_agents{group=cards,site=sh1,state=not_ready}":          1,
			"cardline_queue_eligible_agents{queue=cards,state=not_ready}":    1,
			"cardline_queue_eligible_agents{queue=english,state=not_ready}":  0,
			"cardline_queue_eligible_agents{queue=english,state=logged_out}": 2,
		})
		// The event says that the state was shorter than it was seen to be: the
		// counter waits, and is exact as soon as the truth has overtaken it.
		told(m, ledger.AgentChanged{Agent: "1001", Group: "cards", From: ledger.AgentNotReady, Left: "login", To: ledger.AgentReady, Took: 1498})
		expect(t, registry, figures{notReady: 1.5, ready: 0})
		time.Sleep(time.Second)
		told(m, ledger.AgentChanged{Agent: "1001", Group: "cards", From: ledger.AgentReady, To: ledger.AgentNotReady, Reason: "login", Took: 1000})
		time.Sleep(10 * time.Millisecond)
		expect(t, registry, figures{notReady: 1.508, ready: 1})
	})
}

func TestReconfigureKeepsEveryCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, registry := newMetrics(t, hotline)
		told(m, ledger.Queued{Entry: 1, Queue: "cards", Via: ledger.ViaIVR}, ledger.Queued{Entry: 2, Queue: "english", Via: ledger.ViaDNIS},
			ledger.AgentChanged{Agent: "1001", Group: "cards", From: ledger.AgentLoggedOut, To: ledger.AgentTalking},
			ledger.AgentChanged{Agent: "1002", Group: "cards", From: ledger.AgentLoggedOut, To: ledger.AgentTalking})
		time.Sleep(10 * time.Second)
		next := hotline
		next.Queues = []Queue{{Name: "cards"}, {Name: "gold"}}
		next.Agents = []Agent{{ID: "1002", Group: "gold", Site: "cd1", Queues: []string{"gold"}}, {ID: "1004", Group: "gold", Queues: []string{"gold"}}}
		next.Trunks = []Trunk{{Name: "ct1", MaxCalls: 500}}
		expect(t, registry, figures{"cardline_agent_state_seconds_total{group=world,reason=,site=cd1,state=logged_out}": 10})
		again := hotline
		again.Agents = append(again.Agents[:2:2], Agent{ID: "1003", Group: "world", Site: "cd1"})
		m.Configure(again)
		time.Sleep(time.Second)
		expect(t, registry, figures{
			"cardline_agent_state_seconds_total{group=world,reason=,site=cd1,state=logged_out}": 11,
			"cardline_queue_eligible_agents{queue=english,state=logged_out}":                    0,
		})
		m.Configure(next)
		time.Sleep(5 * time.Second)
		expect(t, registry, figures{
			"cardline_queue_entries_total{queue=cards,site=sh1,via=ivr}":                     1,
			"cardline_queue_entries_total{queue=gold,site=sh1,via=ivr}":                      0,
			"cardline_queue_entries_total{queue=english,site=sh1,via=dnis}":                  1,
			"cardline_queue_waiting_calls{class=other,queue=english,site=sh1}":               1,
			"cardline_agent_offers_total{queue=gold,result=accepted,site=cd1}":               0,
			"cardline_agents{group=cards,site=sh1,state=talking}":                            1, // 1001, until the call is over
			"cardline_agents{group=gold,site=cd1,state=talking}":                             1,
			"cardline_agents{group=gold,site=sh1,state=logged_out}":                          1,
			"cardline_agents{group=world,site=cd1,state=logged_out}":                         0,
			"cardline_queue_eligible_agents{queue=gold,state=talking}":                       1,
			"cardline_queue_eligible_agents{queue=cards,state=talking}":                      0,
			"cardline_sip_call_limit{direction=in,trunk=ct1}":                                500,
			"cardline_agent_state_seconds_total{group=cards,reason=,site=sh1,state=talking}": 27, // 16 s and 11 s
			"cardline_agent_state_seconds_total{group=gold,reason=,site=cd1,state=talking}":  5,
		})
		told(m, ledger.AgentChanged{Agent: "1002", Group: "gold", From: ledger.AgentTalking, To: ledger.AgentReady, Took: 16000},
			ledger.AgentChanged{Agent: "1001", Group: "cards", From: ledger.AgentTalking, To: ledger.AgentLoggedOut, Took: 16000})
		time.Sleep(time.Hour)
		expect(t, registry, figures{
			"cardline_agent_state_seconds_total{group=cards,reason=,site=sh1,state=talking}":    27,
			"cardline_agent_state_seconds_total{group=gold,reason=,site=cd1,state=talking}":     5,
			"cardline_agent_state_seconds_total{group=cards,reason=,site=sh1,state=logged_out}": 0, // 1001 has left
		})
		// 1001 comes back: the hour in which nobody counted is nobody's time.
		m.Configure(hotline)
		time.Sleep(2 * time.Second)
		expect(t, registry, figures{
			"cardline_agent_state_seconds_total{group=cards,reason=,site=sh1,state=logged_out}": 2,
			"cardline_agents{group=cards,site=sh1,state=logged_out}":                            1,
		})
		m.Configure(next)
		if _, still := scrape(t, registry)["cardline_sip_call_limit{direction=in,trunk=cu1}"]; still {
			t.Error("the limit of a trunk that is gone is still shown")
		}
	})
}

func TestCallsThatAKillCutAreNotCounted(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	before := scrape(t, registry)
	told(m,
		ledger.OfferEnded{Offer: 3, Entry: 7, Queue: "cards", Agent: "1001", Result: ledger.OfferWithdrawn},
		ledger.Dequeued{Entry: 7, Queue: "cards", Outcome: ledger.OutcomeError, Waited: 1000},
		ledger.TalkEnded{Entry: 6, Queue: "cards", Agent: "1001", Talked: 1000, By: ledger.TalkEndedBySystem},
		ledger.CallEnded{Line: "main", Reason: ledger.EndInterrupted, Outcome: ledger.IVRLost},
	)
	for series, value := range scrape(t, registry) {
		if value != before[series] && !strings.HasPrefix(series, "cardline_agent_state_seconds") {
			t.Errorf("%s went from %v to %v", series, before[series], value)
		}
	}
}

func TestReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, registry := newMetrics(t, hotline)
		start := float64(time.Now().UnixMilli()) / 1000
		time.Sleep(time.Minute)
		told(m, ledger.ConfigRefused{Problems: 3})
		expect(t, registry, figures{
			"cardline_config_last_reload_successful{}": 0, "cardline_config_last_reload_success_timestamp_seconds{}": start,
		})
		told(m, ledger.ConfigLoaded{Digest: "abc"})
		expect(t, registry, figures{
			"cardline_config_last_reload_successful{}": 1, "cardline_config_last_reload_success_timestamp_seconds{}": start + 60,
		})
	})
}

func TestClassesAreBounded(t *testing.T) {
	r := Reloadable{Queues: []Queue{{Name: "q"}}, Classes: strings.Split("a b c d e f g h i j", " ")}
	m, registry := newMetrics(t, r)
	for i, class := range append(r.Classes, "never heard of") {
		told(m, ledger.Queued{Entry: uint64(i), Queue: "q", Via: ledger.ViaIVR, Class: class})
	}
	expect(t, registry, figures{
		"cardline_queue_waiting_calls{class=f,queue=q,site=main}":     1,
		"cardline_queue_waiting_calls{class=other,queue=q,site=main}": 5,
	})
	if n, err := testutil.GatherAndCount(registry, "cardline_queue_waiting_calls"); n != maxClasses || err != nil {
		t.Errorf("%d classes, want %d: %v", n, maxClasses, err)
	}
}

func TestAQueueOfWhichNobodyHasTold(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	told(m, ledger.Queued{Entry: 1, Queue: "new", Via: ledger.ViaIVR, Class: "vip"})
	expect(t, registry, figures{
		"cardline_queue_entries_total{queue=new,site=sh1,via=ivr}":        1,
		"cardline_queue_exits_total{outcome=answered,queue=new,site=sh1}": 0,
		"cardline_queue_waiting_calls{class=vip,queue=new,site=sh1}":      1,
	})
}

func TestTheOldestOfThoseWhoWait(t *testing.T) {
	const oldest = "cardline_queue_oldest_waiting_start_timestamp_seconds{queue=cards,site=sh1}"
	synctest.Test(t, func(t *testing.T) {
		m, registry := newMetrics(t, hotline)
		start := float64(time.Now().UnixMilli()) / 1000
		for entry := range uint64(5) {
			told(m, ledger.Queued{Entry: entry, Queue: "cards", Via: ledger.ViaIVR})
			time.Sleep(10 * time.Second)
		}
		expect(t, registry, figures{oldest: start})
		told(m, ledger.Dequeued{Entry: 0, Queue: "cards", Outcome: ledger.OutcomeAnswered, Waited: 50000})
		expect(t, registry, figures{oldest: start + 10})
	})
}

func TestLeaks(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	m.Leaked(SinkDatabase)
	expect(t, registry, figures{"cardline_secure_leaks_total{sink=database}": 1, "cardline_secure_leaks_total{sink=log}": 0})
}

func TestWhatTheSignallingTells(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	o := m.SIP()
	o.Responded("ct1", true, "INVITE", 200)
	o.Responded("ct1", true, "INVITE", 503)
	o.Responded("", true, "REGISTER", 401)
	o.Responded("", false, "INVITE", 0)
	o.Confirmed("ct1", true, 250*time.Millisecond)
	o.Calls("ct1", true, 4)
	o.Calls("ct1", true, 3)
	o.Barred("ct1", sip.BarLimit)
	o.Barred("", sip.BarAuth)
	o.Dropped(sip.DropMalformed)
	o.Mended("ct1", sip.MendFolds)
	o.Mended("", sip.MendBranch)
	o.Registered(2)
	expect(t, registry, figures{
		"cardline_sip_requests_total{code_class=2xx,direction=in,method=INVITE,trunk=ct1}":      1,
		"cardline_sip_requests_total{code_class=5xx,direction=in,method=INVITE,trunk=ct1}":      1,
		"cardline_sip_requests_total{code_class=4xx,direction=in,method=REGISTER,trunk=phones}": 1,
		"cardline_sip_requests_total{code_class=none,direction=out,method=INVITE,trunk=phones}": 1,
		"cardline_sip_setup_seconds_sum{direction=in,trunk=ct1}":                                0.25,
		"cardline_sip_active_calls{direction=in,trunk=ct1}":                                     3,
		"cardline_sip_rejected_calls_total{reason=limit,trunk=ct1}":                             1,
		"cardline_sip_rejected_calls_total{reason=auth,trunk=phones}":                           1,
		"cardline_sip_dropped_total{reason=malformed}":                                          1,
		"cardline_sip_mended_total{kind=folds,trunk=ct1}":                                       1,
		"cardline_sip_mended_total{kind=branch,trunk=phones}":                                   1,
		"cardline_sip_registrations{kind=device,state=registered}":                              2,
		"cardline_sip_registrations{kind=device,state=unregistered}":                            1,
	})
}

// The limit of a trunk is what keeps its next caller out: its own, or that of all
// calls together if that is less or the only one. What we place has no other.
func TestLimits(t *testing.T) {
	h := hotline
	h.Trunks = append(h.Trunks[:2:2], Trunk{Name: "wide", MaxCalls: 3000})
	_, registry := newMetrics(t, h)
	expect(t, registry, figures{
		"cardline_sip_call_limit{direction=in,trunk=ct1}":     400,
		"cardline_sip_call_limit{direction=out,trunk=ct1}":    1000,
		"cardline_sip_call_limit{direction=in,trunk=cu1}":     1000,
		"cardline_sip_call_limit{direction=in,trunk=wide}":    1000,
		"cardline_sip_call_limit{direction=out,trunk=phones}": 1000,
		"cardline_sip_leg_limit{}":                            1000,
	})
}

func TestWhatTheMediaAndTheCallsTell(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	o := m.Media()
	o.LegOpened("caller")
	o.LegOpened("caller")
	o.LegClosed("caller")
	o.Counted("caller", media.Stats{
		Sent: 250, Received: 248, Lost: 2, Jitter: 4 * time.Millisecond, RemoteLost: 1, RemoteJitter: 8 * time.Millisecond,
		RoundTrip: time.Millisecond, Refused: 1, Unsent: 2, WrongSource: 3, Malformed: 4, KeptAlive: 6, Unexpected: 5,
	})
	o.Counted("caller", media.Stats{Sent: 250, Jitter: time.Second}) // nothing came, no report: no jitter
	o.NoMedia("agent")
	m.Call().Decided(20 * time.Microsecond)
	m.Call().Overrun()
	m.Unwritten(nil)
	expect(t, registry, figures{
		"cardline_rtp_legs{leg=caller}":                                     1,
		"cardline_rtp_packets_sent_total{direction=out,leg=caller}":         500,
		"cardline_rtp_packets_received_total{direction=in,leg=caller}":      248,
		"cardline_rtp_packets_lost_total{direction=in,leg=caller}":          2,
		"cardline_rtp_packets_lost_total{direction=out,leg=caller}":         1,
		"cardline_rtp_jitter_seconds_count{direction=in,leg=caller}":        1,
		"cardline_rtp_jitter_seconds_sum{direction=in,leg=caller}":          0.004,
		"cardline_rtp_jitter_seconds_sum{direction=out,leg=caller}":         0.008,
		"cardline_rtp_faulty_packets_total{leg=caller,reason=refused}":      1,
		"cardline_rtp_faulty_packets_total{leg=caller,reason=unsent}":       2,
		"cardline_rtp_faulty_packets_total{leg=caller,reason=wrong_source}": 3,
		"cardline_rtp_faulty_packets_total{leg=caller,reason=malformed}":    4,
		"cardline_rtp_keepalive_packets_total{leg=caller}":                  6,
		"cardline_rtp_faulty_packets_total{leg=caller,reason=unexpected}":   5,
		"cardline_rtp_no_media_total{direction=in,leg=agent}":               1,
		"cardline_routing_decision_seconds_count{}":                         1,
		"cardline_call_overruns_total{}":                                    1,
		"cardline_ledger_write_failures_total{}":                            1,
	})
}

// TestScrapesOfOneMoment reads and scrapes at the same time: no scrape may see
// an entry without its exit or its wait.
func TestScrapesOfOneMoment(t *testing.T) {
	m, registry := newMetrics(t, hotline)
	var reading sync.WaitGroup
	reading.Go(func() {
		for i := range uint64(3000) {
			told(m, ledger.Queued{Entry: i, Queue: "cards", Via: ledger.ViaIVR})
			told(m, ledger.Dequeued{Entry: i, Queue: "cards", Outcome: ledger.OutcomeAnswered, Waited: 1})
		}
	})
	for range 50 {
		addsUp(t, scrape(t, registry), "cards")
	}
	reading.Wait()
	expect(t, registry, figures{"cardline_queue_entries_total{queue=cards,site=sh1,via=ivr}": 3000})
}

// addsUp checks that the entries of a queue are its exits and those who wait.
func addsUp(t testing.TB, f figures, queue string) {
	t.Helper()
	entries, exits, waiting := sum(f, "cardline_queue_entries_total{", queue), sum(f, "cardline_queue_exits_total{", queue),
		sum(f, "cardline_queue_waiting_calls{", queue)
	if entries != exits+waiting {
		t.Fatalf("queue %s: %v entries, but %v exits and %v waiting", queue, entries, exits, waiting)
	}
}

// sum adds all series that begin like this and are about the queue.
func sum(f figures, prefix, queue string) (total float64) {
	for series, value := range f {
		if strings.HasPrefix(series, prefix) && strings.Contains(series, "queue="+queue+",") {
			total += value
		}
	}
	return total
}

func BenchmarkRead(b *testing.B) {
	m, _ := newMetrics(b, hotline)
	now := time.Now()
	batch := []ledger.Event{
		{At: now, Fact: ledger.Queued{Entry: 1, Queue: "cards", Via: ledger.ViaIVR}},
		{At: now, Fact: ledger.Dequeued{Entry: 1, Queue: "cards", Outcome: ledger.OutcomeAnswered, Waited: 1234}},
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Read(batch)
	}
}

func BenchmarkScrape(b *testing.B) {
	_, registry := newMetrics(b, hotline)
	b.ReportAllocs()
	for b.Loop() {
		gather(b, registry)
	}
}
