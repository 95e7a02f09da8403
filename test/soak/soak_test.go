//go:build !race

// Package soak calls the hotline with many callers at once and holds three
// counts against one another: what the telephones met with, what the ledger
// says, and what Prometheus would scrape.
package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"cardline/ledger"
	"cardline/load"
	"cardline/test/rig"
)

// TestSoak is 50 callers at once for a quarter of a minute; SOAK=5m makes it 300 for five
// minutes.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("calls in real time are no short test")
	}
	duration, concurrent := 15*time.Second, 50
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		rig.Must(t, err)
		concurrent = 300
	}
	h := rig.Start(t, rig.Options{Edit: []string{"wrap_up: 10s", "wrap_up: 1s"}})
	var agents []load.Shift
	for i := range 8 {
		id := fmt.Sprint(1001 + i)
		shift := load.Shift{
			User: id, Password: "cardline-" + id, Codes: load.Codes{LogIn: "*11", LogOut: "*10", Ready: "*12", NotReady: "*13"},
			Voice: i, Seed: uint64(i), Ring: load.Uniform(200*time.Millisecond, time.Second), Talk: load.Exponential(4 * time.Second),
		}
		if i == 3 {
			shift.Refuse = 0.2
		}
		agents = append(agents, shift)
	}
	// Some listen to a menu and leave, most ask for a person, in Mandarin.
	script, err := load.ParseScript("w2 1 w1 0 w9 q") // nine seconds: all that is said before the queue
	rig.Must(t, err)
	l, err := load.New(t.Context(), load.Options{
		RackOptions: load.RackOptions{Target: "sip:95500@" + h.Server},
		Duration:    duration, Rate: float64(concurrent) / 10, Concurrent: concurrent,
		Script: script, Hold: load.Uniform(5*time.Second, 60*time.Second), Talk: load.Exponential(8 * time.Second),
		Agents: agents, Seed: 1, Grace: 2 * time.Minute,
	})
	rig.Must(t, err)
	figures, err := l.Run(t.Context())
	rig.Must(t, err)
	rig.Eventually(t, rig.Hung, "every call has ended", func() bool { return h.Hotline().Live() == 0 })
	h.Ledger().Sync()
	text, _ := json.MarshalIndent(figures, "", "  ")
	t.Logf("the telephones' figures: %s", text)
	if figures.Calls.Peak < concurrent*9/10 {
		t.Errorf("at most %d calls at once, want %d", figures.Calls.Peak, concurrent)
	}
	if !figures.Healthy() {
		t.Errorf("the load is not healthy")
	}
	events := h.Events()
	againstTelephones(t, events, figures)
	againstPrometheus(t, events, scrape(t, h))
	againstRecords(t, h, events)
}

func count[F ledger.Fact](events []ledger.Event, is func(F) bool) (n int) {
	for _, e := range events {
		if f, ok := e.Fact.(F); ok && is(f) {
			n++
		}
	}
	return n
}

func all[F ledger.Fact](F) bool { return true }

func same(t *testing.T, what string, a, b int) {
	t.Helper()
	if a != b {
		t.Errorf("%s: %d and %d", what, a, b)
	}
}

// againstTelephones compares outcome by outcome.
func againstTelephones(t *testing.T, events []ledger.Event, f *load.Figures) {
	t.Helper()
	outcome := func(list ...ledger.QueueOutcome) int {
		return count(events, func(d ledger.Dequeued) bool {
			for _, o := range list {
				if d.Outcome == o {
					return true
				}
			}
			return false
		})
	}
	offer := func(r ledger.OfferResult) int {
		return count(events, func(o ledger.OfferEnded) bool { return o.Result == r })
	}
	o := f.Calls.Outcomes
	same(t, "established calls, telephones and ledger", f.Calls.Established, count(events, all[ledger.CallAnswered]))
	same(t, "calls in all", f.Calls.Attempted, count(events, all[ledger.CallEnded]))
	same(t, "left or ended in self service", o[load.LeftSelfService]+o[load.EndedSelfService], count(events, func(c ledger.CallEnded) bool {
		return c.Outcome == ledger.IVRContained || c.Outcome == ledger.IVRLost || c.Outcome == ledger.IVRError
	}))
	same(t, "abandoned", o[load.LeftWaiting], outcome(ledger.OutcomeAbandoned))
	same(t, "ended while waiting", o[load.EndedWaiting], outcome(ledger.OutcomeTimeout, ledger.OutcomeNoAgents, ledger.OutcomeClosed, ledger.OutcomeOverflow, ledger.OutcomeError))
	same(t, "talked", o[load.Talked], outcome(ledger.OutcomeAnswered))
	same(t, "talks begun and ended", count(events, all[ledger.Bridged]), count(events, all[ledger.TalkEnded]))
	same(t, "offers accepted", f.Agents.Answered, offer(ledger.OfferAccepted))
	same(t, "offers refused", f.Agents.Refused, offer(ledger.OfferRejected))
	same(t, "offers ignored", f.Agents.Ignored, offer(ledger.OfferIgnored))
	same(t, "offers lost with their caller", f.Agents.CallerLeft, offer(ledger.OfferCallerLeft))
}

// againstPrometheus compares counts exactly and sums to the millisecond.
func againstPrometheus(t *testing.T, events []ledger.Event, families map[string]*dto.MetricFamily) {
	t.Helper()
	counter := func(name string, labels ...string) (sum float64) {
		for _, m := range families[name].GetMetric() {
			if fits(m, labels) {
				sum += m.GetCounter().GetValue()
			}
		}
		return sum
	}
	histogram := func(name string, labels ...string) (n uint64, sum ledger.Millis) {
		for _, m := range families[name].GetMetric() {
			if fits(m, labels) {
				n += m.GetHistogram().GetSampleCount()
				sum += ledger.Millis(math.Round(m.GetHistogram().GetSampleSum() * 1000))
			}
		}
		return n, sum
	}
	same(t, "entries", int(counter("cardline_queue_entries_total")), count(events, all[ledger.Queued]))
	for _, o := range ledger.QueueOutcomes {
		var waited ledger.Millis
		n := count(events, func(d ledger.Dequeued) bool {
			if d.Outcome == o {
				waited += d.Waited
			}
			return d.Outcome == o
		})
		same(t, "exits "+string(o), int(counter("cardline_queue_exits_total", "outcome", string(o))), n)
		if o == ledger.OutcomeAnswered || o == ledger.OutcomeAbandoned {
			got, sum := histogram("cardline_queue_wait_seconds", "outcome", string(o))
			same(t, "waits "+string(o), int(got), n)
			same(t, "milliseconds waited, "+string(o), int(sum), int(waited))
		}
	}
	for _, r := range ledger.OfferResults {
		same(t, "offers "+string(r), int(counter("cardline_agent_offers_total", "result", string(r))),
			count(events, func(o ledger.OfferEnded) bool { return o.Result == r }))
	}
	for _, o := range ledger.IVROutcomes {
		same(t, "calls "+string(o), int(counter("cardline_ivr_calls_total", "outcome", string(o))),
			count(events, func(c ledger.CallEnded) bool { return c.Outcome == o }))
	}
	for _, x := range ledger.StepExits {
		same(t, "steps left by "+string(x), int(counter("cardline_ivr_step_visits_total", "exit", string(x))),
			count(events, func(s ledger.StepLeft) bool { return s.Exit == x }))
	}
	var talked, held ledger.Millis
	n := count(events, func(x ledger.TalkEnded) bool {
		talked += x.Talked
		held += x.Held
		return true
	})
	got, sum := histogram("cardline_agent_handle_seconds", "part", "talking")
	same(t, "talks", int(got), n)
	same(t, "milliseconds talked", int(sum), int(talked))
	if held != 0 {
		t.Errorf("%d ms held, and nobody did", held)
	}
}

// againstRecords compares the records with the events.
func againstRecords(t *testing.T, h *rig.Hotline, events []ledger.Event) {
	t.Helper()
	records := rig.Records(t, h.Store())
	same(t, "records", len(records), count(events, all[ledger.CallArrived]))
	var waited, talked, wantWaited, wantTalked ledger.Millis
	for _, r := range records {
		waited += r.Waited()
		talked += r.Talked()
	}
	count(events, func(d ledger.Dequeued) bool { wantWaited += d.Waited; return true })
	count(events, func(x ledger.TalkEnded) bool { wantTalked += x.Talked; return true })
	same(t, "milliseconds waited in records", int(waited), int(wantWaited))
	same(t, "milliseconds talked in records", int(talked), int(wantTalked))
}

func fits(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		found := false
		for _, l := range m.GetLabel() {
			found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}
		if !found {
			return false
		}
	}
	return true
}

func scrape(t *testing.T, h *rig.Hotline) map[string]*dto.MetricFamily {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rig.Hung)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.HTTP+"/metrics", nil)
	rig.Must(t, err)
	req.Header.Set("Accept", "text/plain")
	res, err := http.DefaultClient.Do(req)
	rig.Must(t, err)
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	rig.Must(t, err)
	for name := range families {
		if strings.HasPrefix(name, "cardline_") {
			return families
		}
	}
	t.Fatal("no metrics of the hotline")
	return nil
}
