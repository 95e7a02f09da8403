package call

import (
	"sync/atomic"
	"testing"
	"time"

	"cardline/acd"
	"cardline/ledger"
	"cardline/sip"
)

func TestOverflowKeepsThePlace(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Routing.Queues[0].Overflow = []acd.Overflow{{When: acd.OverWait, Wait: 300 * time.Millisecond, To: "complaints", Return: true}}
	})
	caller := b.caller("200")
	moved := fact(b, "the caller is in the other queue", func(f ledger.Queued) bool { return f.Via == ledger.ViaOverflow })
	left := fact(b, "the first place is left", func(f ledger.Dequeued) bool { return f.Outcome == ledger.OutcomeOverflow })
	if moved.Queue != "complaints" || left.Next != moved.Entry || moved.Before < 300 {
		t.Errorf("moved as %+v, left as %+v", moved, left)
	}
	b.agent("1001", "a", answers) // knows cards only: the caller goes home
	b.bridgedWith("ann")
	offer := fact(b, "the offer", func(f ledger.Offered) bool { return true })
	if offer.Queue != "cards" || offer.Decision == nil || !offer.Decision.Home {
		t.Errorf("offered as %+v %+v", offer, offer.Decision)
	}
	b.agents["1001"].leg.Hangup("")
	caller.ended()
	b.state("ann", ledger.AgentReady)
}

func TestExitKey(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Routing.Queues[0].Overflow = []acd.Overflow{{When: acd.OnExitKey}}
		c.Queues["cards"] = QueueOptions{ExitKey: '9'}
	})
	caller := b.caller("200")
	fact(b, "the caller waits", func(f ledger.Announced) bool { return true })
	caller.press("79")
	if left := fact(b, "the place is left", func(f ledger.Dequeued) bool { return true }); left.Outcome != ledger.OutcomeExitKey {
		t.Errorf("left as %+v", left)
	}
	caller.ended() // the flow says goodbye
}

func TestRingGroup(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Routing.Queues[0].RingGroup = 2 })
	slow := b.agent("1001", "a", func(*phone) {})
	b.agent("1002", "b", func(p *phone) { time.AfterFunc(200*time.Millisecond, func() { p.leg.Answer(p.sdp) }) })
	caller := b.caller("200")
	b.bridgedWith("bob")
	lost := fact(b, "ann's offer ends", func(f ledger.OfferEnded) bool { return f.Agent == "ann" })
	if lost.Result != ledger.OfferWithdrawn || !lost.Elsewhere {
		t.Errorf("ann's offer ended as %+v", lost)
	}
	if e := slow.ended(); e.Reason != sip.Cancelled {
		t.Errorf("ann's phone stopped by %s", e.Reason)
	}
	b.state("ann", ledger.AgentReady)
	caller.leg.Hangup("")
	caller.ended()
	b.state("bob", ledger.AgentReady)
}

// clock is opening hours that a test turns.
type clock struct{ shut atomic.Bool }

func (c *clock) At(t time.Time) (ledger.Mode, string, time.Time) {
	if c.shut.Load() {
		return ledger.ModeHoliday, "a day off", t.Add(time.Hour)
	}
	return ledger.ModeOpen, "", t.Add(20 * time.Millisecond) // so that it is looked at again soon
}

func TestClosingTime(t *testing.T) {
	hours := &clock{}
	b := newBench(t, func(c *Config) { c.Queues["cards"] = QueueOptions{Hours: hours} })
	early := b.caller("200")
	fact(b, "the caller waits", func(f ledger.Announced) bool { return true })
	hours.shut.Store(true)
	changed := fact(b, "the queue closes", func(f ledger.ModeChanged) bool { return f.Queue == "cards" })
	if changed.To != ledger.ModeHoliday || changed.By != ledger.ByHours || changed.Reason != "a day off" {
		t.Errorf("changed as %+v", changed)
	}
	late := b.caller("200")
	if left := fact(b, "the late caller leaves", func(f ledger.Dequeued) bool { return true }); left.Outcome != ledger.OutcomeClosed {
		t.Errorf("left as %+v", left)
	}
	late.ended()
	b.agent("1001", "a", answers) // who was in time is served
	b.bridgedWith("ann")
	early.leg.Hangup("")
	early.ended()
}

func TestSwitchByPhone(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Features.Modes = map[string]Switch{
			"*70": {Accounts: []string{"1001"}, Queues: []string{"cards"}, Lines: []string{"direct"}, Mode: ledger.ModeEmergency, For: time.Hour, Why: "storm"},
			"*71": {Accounts: []string{"1003"}, Queues: []string{"cards"}, Lines: []string{"direct"}},
		}
		c.Lines["200"].Flows = map[ledger.Mode]string{ledger.ModeEmergency: "main"}
	})
	b.agent("1001", "a", answers)
	b.dial(sip.Dial{URI: "*70", User: "1002", Password: "b", From: "1002"}).ended() // which it does not name
	if list := b.hotline.Thrown(); len(list) != 0 {
		t.Errorf("an account that the switch does not name has thrown it: %+v", list)
	}
	code := b.dial(sip.Dial{URI: "*70", User: "1001", Password: "a", From: "1001"})
	changed := fact(b, "the queue closes", func(f ledger.ModeChanged) bool { return f.To == ledger.ModeEmergency })
	if changed.By != ledger.ByPhone || changed.Who != "ann" || changed.Reason != "storm" {
		t.Errorf("changed as %+v", changed)
	}
	if line := fact(b, "the line is switched", func(f ledger.LineSwitched) bool { return f.Line == "direct" }); line.Who != "ann" || line.Until.IsZero() {
		t.Errorf("switched as %+v", line)
	}
	if list := b.hotline.Thrown(); len(list) != 2 {
		t.Errorf("%d switches are in force, want 2: %+v", len(list), list)
	}
	code.ended()
	caller := b.caller("200") // to the menu, where 1 says goodbye
	fact(b, "the menu has the caller", func(ledger.CallAnswered) bool { return true })
	caller.press("1")
	caller.ended()
	// One that is short ends by itself.
	b.hotline.Throw(Switch{Queues: []string{"cards"}, Lines: []string{"direct"}, Mode: ledger.ModeEmergency, For: 300 * time.Millisecond}, ledger.ByAPI, "op")
	fact(b, "the queue is open again", func(f ledger.ModeChanged) bool { return f.To == ledger.ModeOpen && f.By == ledger.ByHours })
	later := b.caller("200")
	b.bridgedWith("ann")
	later.leg.Hangup("")
	later.ended()
	// The phone of somebody who is no agent may throw what names it.
	b.hotline.Throw(Switch{Lines: []string{"direct"}, Mode: ledger.ModeEmergency, For: time.Hour}, ledger.ByAPI, "op")
	b.dial(sip.Dial{URI: "*71", User: "1003", Password: "c", From: "1003"}).ended()
	back := fact(b, "the line is given back", func(f ledger.LineSwitched) bool { return f.Who == "1003" })
	if back.By != ledger.ByPhone || len(b.hotline.Thrown()) != 0 {
		t.Errorf("given back as %+v", back)
	}
}

func TestForcedDisposition(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Routing.Queues[0].WrapUp = acd.WrapUp{Policy: acd.WrapUpForced, Extend: time.Minute, Max: 10 * time.Minute}
		c.Routing.Queues[0].Dispositions = []string{"bill"}
		c.Features.Extend, c.Features.Dispositions = "*16", map[string]string{"*61": "bill"}
	})
	b.agent("1001", "a", answers)
	caller := b.caller("200")
	b.bridgedWith("ann")
	caller.leg.Hangup("")
	caller.ended()
	b.state("ann", ledger.AgentWrapUp)
	if err := b.hotline.Command(acd.SetReady{Agent: "ann"}); err == nil {
		t.Error("the agent is ready without a disposition")
	}
	for _, code := range []string{"*16", "*61"} {
		b.dial(sip.Dial{URI: code, User: "1001", Password: "a", From: "1001"}).ended()
	}
	b.state("ann", ledger.AgentReady)
	fact(b, "wrap-up is extended", func(f ledger.WrapUpExtended) bool { return f.Agent == "ann" && f.By == ledger.ByPhone })
	if d := fact(b, "the disposition", func(f ledger.Disposed) bool { return true }); d.Code != "bill" || d.Entry == 0 {
		t.Errorf("disposed as %+v", d)
	}
}

func TestLastAgent(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Queues["cards"] = QueueOptions{LastAgent: time.Minute, PreferFor: 5 * time.Second}
	})
	b.agent("1001", "a", answers)
	again := func() *phone { return b.dial(sip.Dial{URI: "200", From: "13912345678"}) }
	first := again()
	b.bridgedWith("ann")
	first.leg.Hangup("")
	first.ended()
	b.state("ann", ledger.AgentReady)
	b.agent("1002", "b", answers)
	must(t, b.hotline.Command(acd.SetNotReady{Agent: "ann", Reason: "lunch"}))
	must(t, b.hotline.Command(acd.SetReady{Agent: "ann"})) // bob has been idle for longer
	second := again()
	offer := fact(b, "the second offer", func(f ledger.Offered) bool { return f.Offer == 2 })
	if offer.Agent != "ann" || !offer.Decision.Wanted {
		t.Errorf("offered as %+v %+v", offer, offer.Decision)
	}
	fact(b, "they talk again", func(f ledger.Bridged) bool { return f.Entry == offer.Entry })
	second.leg.Hangup("")
	second.ended()
}

// TestHealing takes the call of a talking agent away from under the router.
func TestHealing(t *testing.T) {
	b := newBench(t)
	b.agent("1001", "a", answers)
	for _, c := range []acd.Command{acd.Enqueue{Call: "ghost", Queue: "cards"}, acd.AcceptOffer{Offer: 1}} {
		must(t, b.hotline.Command(c))
	}
	b.state("ann", ledger.AgentTalking)
	suspects := b.hotline.reconcile(nil)
	if len(suspects) != 1 {
		t.Fatalf("suspects: %v, want one", suspects)
	}
	b.hotline.reconcile(suspects)
	b.state("ann", ledger.AgentReady)
	if healed := fact(b, "the fault is told", func(f ledger.Healed) bool { return true }); healed.State != ledger.AgentTalking {
		t.Errorf("healed %+v", healed)
	}
	var state acd.Snapshot
	b.hotline.router.exec(func(r *acd.Router) { state = r.Snapshot() })
	if pairs := b.hotline.unmatched(acd.Restore(state), nil); len(pairs) != 0 {
		t.Errorf("unmatched: %v", pairs)
	}
}

func TestSpoken(t *testing.T) {
	for _, c := range []struct {
		p50, told, want time.Duration
		longer          bool
	}{
		{p50: 10 * time.Second, want: time.Minute},
		{p50: 61 * time.Second, want: 2 * time.Minute},
		{p50: 170 * time.Second, told: 2 * time.Minute}, // not worse by more than a minute
		{p50: 190 * time.Second, told: 2 * time.Minute, want: 4 * time.Minute, longer: true},
		{p50: 50 * time.Second, told: 3 * time.Minute, want: time.Minute},
		{p50: 3 * time.Minute, told: 3 * time.Minute},
	} {
		if got, longer := spoken(c.p50, c.told); got != c.want || longer != c.longer {
			t.Errorf("%v after %v: %v %v, want %v %v", c.p50, c.told, got, longer, c.want, c.longer)
		}
	}
	if high := highOf(2*time.Minute, 10*time.Second); high != 3 {
		t.Errorf("from 2 to %d minutes", high)
	}
}

// TestPing finds a phone that is gone without a word before a caller does.
func TestPing(t *testing.T) {
	b := newBench(t)
	b.agent("1001", "a", answers)
	b.agent("1002", "b", answers)
	for round := range pingRounds {
		b.hotline.ping(round)
	}
	b.state("ann", ledger.AgentReady)
	b.deaf.Store(true)
	for round := range pingRounds {
		b.hotline.ping(round)
	}
	b.state("ann", ledger.AgentUnreachable)
	b.state("bob", ledger.AgentUnreachable)
	b.deaf.Store(false)
	for round := range pingRounds {
		b.hotline.ping(round)
	}
	b.state("ann", ledger.AgentReady)
}
