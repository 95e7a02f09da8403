package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cardline/acd"
	"cardline/call"
	"cardline/ledger"
)

// hour plays a busy hour: callers come, wait and give up, agents come, answer,
// hold, leave and lose their phones, all by the real router and a real ledger.
type hour struct {
	t        *testing.T
	dice     *rand.Rand
	began    time.Time
	router   *acd.Router
	ledger   *ledger.Log
	registry *prometheus.Registry
	queues   []string

	waiting []uint64
	offers  []acd.OfferMade
	dialled []acd.CallbackDue
	talks   []talk
	calls   int
}

type talk struct {
	agent, queue string
	entry        uint64
	since        time.Time
}

// TestABusyHourAddsUp holds the metrics against the events of random hours: at
// any scrape every queue adds up, and in the end every count and every sum is
// that of the events, to the millisecond.
func TestABusyHourAddsUp(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playHour(t, seed) })
		})
	}
}

func playHour(t *testing.T, seed uint64) {
	h := &hour{t: t, dice: rand.New(rand.NewPCG(seed, 1)), began: time.Now(), queues: []string{"cards", "english", "gold"}}
	options := acd.Options{Reasons: []acd.Reason{{Name: "lunch"}}}
	for i, q := range h.queues {
		queue := acd.Queue{Name: q, WrapUp: acd.WrapUp{Policy: acd.WrapUpTimed, For: time.Duration(i) * 7 * time.Second}, OfferAgain: true}
		if i > 0 {
			queue.Overflow = []acd.Overflow{
				{When: acd.OverLength, Length: 15 * i}, {When: acd.OverWait, Wait: time.Duration(i) * 150 * time.Second},
			}
		}
		switch i {
		case 0:
			queue.Callback = acd.Callback{First: acd.AgentFirst, Gap: time.Minute}
		case 1:
			queue.Callback = acd.Callback{First: acd.CallerFirst, Attempts: 2, Gap: time.Minute}
			queue.RingGroup = 2
		case 2:
			queue.Overflow = append(queue.Overflow, acd.Overflow{When: acd.NoAgents})
			queue.Steps = []acd.Step{{After: 20 * time.Second, Queues: []string{"cards"}}}
		}
		options.Queues = append(options.Queues, queue)
	}
	r := Reloadable{Queues: []Queue{{Name: "cards"}, {Name: "english"}, {Name: "gold", Steps: 1}}, Classes: []string{"normal", "vip"}, Reasons: []string{"login", "rona", "lunch"}}
	for i := range 6 {
		a := acd.Agent{ID: fmt.Sprint("a", i), Group: fmt.Sprint("g", i%2), Site: fmt.Sprint("s", i%3), Queues: h.queues[:1+i%3]}
		options.Agents = append(options.Agents, a)
		r.Agents = append(r.Agents, Agent{ID: a.ID, Group: a.Group, Site: a.Site, Queues: a.Queues})
	}
	m, registry := newMetrics(t, r)
	h.router, h.ledger, h.registry = acd.New(options), ledger.New(0), registry
	var events []ledger.Event
	h.ledger.Subscribe(func(batch []ledger.Event) { events = append(events, batch...) })
	h.ledger.Subscribe(m.Read)

	var last figures
	for time.Since(h.began) < time.Hour {
		h.pass(time.Duration(h.dice.IntN(5000)) * time.Millisecond)
		h.something()
		if h.dice.IntN(5) == 0 {
			h.ledger.Sync()
		}
		if h.dice.IntN(10) > 0 {
			continue
		}
		now := scrape(t, registry) // perhaps in the midst of the reading
		for _, q := range h.queues {
			addsUp(t, now, q)
		}
		neverFalls(t, last, now)
		last = now
	}
	h.ledger.Sync()
	h.compare(events)
	h.ledger.Close()
}

// pass lets time go by, and the router's deadlines in it.
func (h *hour) pass(d time.Duration) {
	for until := time.Now().Add(d); ; {
		at, ok := h.router.NextDeadline()
		if !ok || h.began.Add(at).After(until) {
			time.Sleep(time.Until(until))
			return
		}
		time.Sleep(time.Until(h.began.Add(at)))
		h.apply(acd.Tick{})
	}
}

// something lets one thing happen, sensible or not.
func (h *hour) something() {
	agent := fmt.Sprint("a", h.dice.IntN(6))
	switch h.dice.IntN(18) {
	case 0, 1, 2, 3:
		h.calls++
		vias := []ledger.Via{ledger.ViaIVR, ledger.ViaDNIS, ledger.ViaTransfer, ledger.ViaReturn}
		h.apply(acd.Enqueue{
			Call: fmt.Sprint("c", h.calls), Queue: h.queues[h.dice.IntN(3)], Via: vias[h.dice.IntN(len(vias))],
			Class: []string{"normal", "vip", "flow"}[h.dice.IntN(3)], HeadStart: time.Duration(h.dice.IntN(2)) * time.Minute,
		})
	case 4:
		if n := len(h.waiting); n > 0 {
			outcome := []ledger.QueueOutcome{ledger.OutcomeAbandoned, ledger.OutcomeExitKey}[h.dice.IntN(2)]
			h.apply(acd.Leave{Entry: h.waiting[h.dice.IntN(n)], Outcome: outcome})
		}
	case 5, 6, 7:
		if n := len(h.offers); n > 0 {
			h.answer(h.offers[h.dice.IntN(n)])
		}
	case 8:
		if n := len(h.offers); n > 0 {
			h.apply(acd.FailOffer{Offer: h.offers[h.dice.IntN(n)].Offer, Result: ledger.OfferResults[1+h.dice.IntN(4)]})
		}
	case 9, 10:
		if n := len(h.talks); n > 0 {
			h.endTalk(h.dice.IntN(n))
		}
	case 11:
		h.apply([]acd.Command{acd.StartHold{Agent: agent}, acd.EndHold{Agent: agent}}[h.dice.IntN(2)])
	case 12:
		h.apply(acd.LogIn{Agent: agent})
		h.apply(acd.SetReady{Agent: agent})
	case 13:
		if n := len(h.waiting); n > 0 {
			h.apply(acd.RequestCallback{Entry: h.waiting[h.dice.IntN(n)]})
		}
	case 14:
		if n := len(h.dialled); n > 0 {
			h.reach(h.dialled[h.dice.IntN(n)])
		}
	case 15:
		if n := len(h.dialled); n > 0 {
			h.apply(acd.FailCallback{Entry: h.dialled[h.dice.IntN(n)].Entry, Result: ledger.CallbackBusy})
		}
	case 16:
		if n := len(h.waiting); n > 0 {
			entry := h.waiting[h.dice.IntN(n)]
			h.apply(acd.SetHeadStart{Entry: entry, HeadStart: time.Duration(h.dice.IntN(100)) * time.Second, Reason: "asked"})
			p50 := ledger.Millis(h.dice.IntN(100_000))
			h.ledger.Append("", "", ledger.Announced{Entry: entry, Queue: h.queues[0], P50: p50, P90: p50 + 1})
		}
	default:
		h.apply([]acd.Command{
			acd.LogOut{Agent: agent}, acd.SetNotReady{Agent: agent, Reason: "lunch"}, acd.DeviceLost{Agent: agent}, acd.DeviceBack{Agent: agent},
		}[h.dice.IntN(4)])
	}
}

func (h *hour) answer(o acd.OfferMade) {
	if o.Callback {
		h.apply(acd.DialOut{Offer: o.Offer})
		return
	}
	h.apply(acd.AcceptOffer{Offer: o.Offer})
	h.talks = append(h.talks, talk{o.Agent, o.Queue, o.Entry, time.Now()})
	h.ledger.Append("", o.Call, ledger.Bridged{Entry: o.Entry, Queue: o.Queue, Agent: o.Agent})
}

// reach lets a customer answer who is being called back.
func (h *hour) reach(due acd.CallbackDue) {
	h.dialled = without(h.dialled, func(d acd.CallbackDue) bool { return d.Entry == due.Entry })
	h.apply(acd.CallbackAnswered{Entry: due.Entry})
	h.ledger.Append("", due.Call, ledger.CallbackTried{Entry: due.Entry, Queue: due.Queue, Attempt: due.Attempt, Result: ledger.CallbackReached})
	if due.Agent != "" {
		h.talks = append(h.talks, talk{due.Agent, due.Queue, due.Entry, time.Now()})
		h.ledger.Append("", due.Call, ledger.Bridged{Entry: due.Entry, Queue: due.Queue, Agent: due.Agent})
	}
}

func (h *hour) endTalk(i int) {
	k := h.talks[i]
	h.talks = append(h.talks[:i], h.talks[i+1:]...)
	talked := ledger.MillisOf(time.Since(k.since))
	held := ledger.Millis(h.dice.Int64N(2) * h.dice.Int64N(int64(talked)+1))
	h.ledger.Append("", "", ledger.TalkEnded{Entry: k.entry, Queue: k.queue, Agent: k.agent, Talked: talked - held, Held: held, By: ledger.TalkEndedByAgent})
	h.apply(acd.EndTalk{Agent: k.agent})
}

// apply obeys a command and writes what follows into the ledger, as the owner
// of the router does. A command that makes no sense now is refused: well.
func (h *hour) apply(c acd.Command) {
	effects, _ := h.router.Apply(time.Since(h.began), c)
	for _, e := range effects {
		id, f := call.FactOf(e)
		switch e := e.(type) {
		case acd.Entered:
			h.waiting = append(h.waiting, e.Entry)
		case acd.CallbackDue:
			h.dialled = append(h.dialled, e)
		case acd.CallbackFailed:
			h.dialled = without(h.dialled, func(d acd.CallbackDue) bool { return d.Entry == e.Entry })
			f = ledger.CallbackTried{Entry: e.Entry, Queue: e.Queue, Attempt: e.Attempt, Result: e.Result}
		case acd.OfferMade:
			h.offers = append(h.offers, e)
		case acd.OfferEnded:
			h.offers = without(h.offers, func(o acd.OfferMade) bool { return o.Offer == e.Offer })
		case acd.Exited:
			h.waiting = without(h.waiting, func(entry uint64) bool { return entry == e.Entry })
			h.dialled = without(h.dialled, func(d acd.CallbackDue) bool { return d.Entry == e.Entry })
		}
		if f != nil {
			h.ledger.Append("", id, f)
		}
	}
}

func without[T any](list []T, gone func(T) bool) []T {
	var kept []T
	for _, v := range list {
		if !gone(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// compare counts the events by hand, in the plainest way, and compares.
func (h *hour) compare(events []ledger.Event) {
	h.t.Helper()
	sites := map[string]string{}
	for _, a := range h.router.Agents() {
		sites[a.ID] = a.Site
	}
	want, sums := figures{}, map[string]ledger.Millis{}
	observe := func(name, labels string, took ledger.Millis) {
		want[name+"_count"+labels]++
		sums[name+"_sum"+labels] += took
	}
	handled := func(part, queue, agent string, took ledger.Millis) {
		observe("cardline_agent_handle_seconds", fmt.Sprintf("{part=%s,queue=%s,site=%s}", part, queue, sites[agent]), took)
	}
	changes, answered, callbacks := 0, 0, 0
	told := map[uint64][]ledger.Millis{} // until when callers were told to wait
	away := map[uint64]string{}          // queues of callbacks
	classes := map[uint64]string{}
	for _, e := range events {
		switch f := e.Fact.(type) {
		case ledger.Announced:
			told[f.Entry] = append(told[f.Entry], e.Age+f.P50)
		case ledger.StepReached:
			want[fmt.Sprintf("cardline_queue_steps_reached_total{queue=%s,step=%d}", f.Queue, f.Step)]++
		case ledger.HeadStartChanged:
			want[fmt.Sprintf("cardline_queue_head_starts_changed_total{queue=%s}", f.Queue)]++
		case ledger.CallbackTried:
			want[fmt.Sprintf("cardline_callback_attempts_total{queue=%s,result=%s,site=main}", f.Queue, f.Result)]++
			if f.Result == ledger.CallbackReached {
				callbacks++
				delete(away, f.Entry)
			}
		case ledger.Queued:
			classes[f.Entry] = f.Class
			if f.Via == ledger.ViaCallback {
				away[f.Entry] = f.Queue
			}
			want[fmt.Sprintf("cardline_queue_entries_total{queue=%s,site=main,via=%s}", f.Queue, f.Via)]++
		case ledger.Dequeued:
			want[fmt.Sprintf("cardline_queue_exits_total{outcome=%s,queue=%s,site=main}", f.Outcome, f.Queue)]++
			outcome := "other"
			switch f.Outcome {
			case ledger.OutcomeAnswered:
				outcome = "answered"
				answered++
			case ledger.OutcomeAbandoned:
				outcome = "abandoned"
			default:
			}
			if f.Outcome == ledger.OutcomeAnswered {
				for _, until := range told[f.Entry] {
					sign, miss := "early", until-e.Age
					if miss < 0 {
						sign, miss = "late", -miss
					}
					observe("cardline_queue_wait_estimate_error_seconds", fmt.Sprintf("{queue=cards,sign=%s,site=main}", sign), miss)
				}
			}
			if f.Next != 0 && f.Outcome == ledger.OutcomeOverflow {
				told[f.Next] = told[f.Entry]
			}
			delete(away, f.Entry)
			if f.Via == ledger.ViaCallback {
				continue
			}
			observe("cardline_queue_wait_seconds", fmt.Sprintf("{outcome=%s,queue=%s,site=main}", outcome, f.Queue), f.Waited)
			class := classes[f.Entry]
			if class == "flow" { // not configured
				class = "other"
			}
			observe("cardline_class_wait_seconds", fmt.Sprintf("{class=%s,outcome=%s,site=main}", class, outcome), f.Waited)
		case ledger.OfferEnded:
			want[fmt.Sprintf("cardline_agent_offers_total{queue=%s,result=%s,site=%s}", f.Queue, f.Result, sites[f.Agent])]++
			if f.Result == ledger.OfferAccepted {
				handled("ringing", f.Queue, f.Agent, f.Rang)
			}
		case ledger.TalkEnded:
			handled("talking", f.Queue, f.Agent, f.Talked)
			if f.Held > 0 {
				handled("holding", f.Queue, f.Agent, f.Held)
			}
		case ledger.AgentChanged:
			changes++
			if f.From == ledger.AgentWrapUp {
				handled("wrap_up", f.Queue, f.Agent, f.Took)
			}
			key := fmt.Sprintf("{group=%s,reason=%s,site=%s,state=%s}", f.Group, f.Left, sites[f.Agent], f.From)
			sums["cardline_agent_state_seconds_total"+key] += f.Took
		}
	}
	for _, q := range away {
		want[fmt.Sprintf("cardline_callbacks_pending{queue=%s,site=main}", q)]++
		want[fmt.Sprintf("cardline_queue_waiting_calls{class=callback,queue=%s,site=main}", q)]++
	}
	for _, a := range h.router.Agents() {
		want[fmt.Sprintf("cardline_agents{group=%s,site=%s,state=%s}", a.Group, a.Site, a.State)]++
		for _, q := range a.Queues {
			want[fmt.Sprintf("cardline_queue_eligible_agents{queue=%s,state=%s}", q, a.State)]++
		}
	}
	for series, total := range sums {
		want[series] = total.Seconds()
	}
	got := scrape(h.t, h.registry)
	running := 0.0
	for series, value := range got {
		expected := want[series]
		switch {
		case strings.HasPrefix(series, "cardline_agent_state_seconds_total{"):
			// States that go on are not in the events yet.
			if value < expected {
				h.t.Errorf("%s is %v, want at least %v", series, value, expected)
			}
			running += value
		case compared(series) && value != expected:
			h.t.Errorf("%s is %v, want %v", series, value, expected)
		}
		delete(want, series)
	}
	for series, value := range want {
		h.t.Errorf("%s is missing, want %v", series, value)
	}
	if total := 6 * time.Since(h.began).Seconds(); math.Abs(running-total) > 1e-6*total {
		h.t.Errorf("six agents spent %v s in all, want %v s", running, total)
	}
	if answered < 20 || changes < 100 || callbacks < 3 {
		h.t.Errorf("%d calls answered, %d customers called back, %d changes of agents: no busy hour", answered, callbacks, changes)
	}
}

// compared reports whether compare counts this series itself.
func compared(series string) bool {
	for _, name := range []string{
		"cardline_queue_entries_total{", "cardline_queue_exits_total{", "cardline_queue_wait_seconds", "cardline_class_wait_seconds", "cardline_agent_offers_total{",
		"cardline_agent_handle_seconds", "cardline_agents{", "cardline_queue_eligible_agents{",
		"cardline_queue_wait_estimate_error_seconds", "cardline_queue_steps_reached_total{", "cardline_queue_head_starts_changed_total{",
		"cardline_callback_attempts_total{", "cardline_callbacks_pending{", "cardline_queue_waiting_calls{class=callback",
		"cardline_routing_invariant_violations_total{",
	} {
		if strings.HasPrefix(series, name) {
			return true
		}
	}
	return false
}

// neverFalls compares the counters of two scrapes, one after the other.
func neverFalls(t *testing.T, before, after figures) {
	t.Helper()
	for series, value := range before {
		if isCounter(series) && after[series] < value {
			t.Fatalf("%s fell from %v to %v", series, value, after[series])
		}
	}
}

func isCounter(series string) bool {
	name, _, _ := strings.Cut(series, "{")
	return strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_sum")
}
