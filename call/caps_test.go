package call

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cardline/acd"
	"cardline/card"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// TestTriesOfACaller counts by caller and day, over a rotation of the key too.
func TestTriesOfACaller(t *testing.T) {
	const limit, cap = 3, ledger.CapVerifications
	var tr tries
	take := func(day string, caller ...string) bool { return tr.take(day, caller, cap, limit) }
	for i := range 5 {
		if got := take("mon", "p-1"); got != (i < limit) {
			t.Errorf("try %d: %v", i+1, got)
		}
	}
	if !take("mon", "p-2") {
		t.Error("another caller is refused")
	}
	if take("mon", "p-new", "p-1") {
		t.Error("a new key makes a new caller")
	}
	if !tr.take("mon", []string{"p-1"}, ledger.CapCodes, limit) {
		t.Error("one cap counts for another")
	}
	tr.giveBack("mon", []string{"p-1"}, cap)
	if !take("mon", "p-1") || take("mon", "p-1") {
		t.Error("what was given back is one try")
	}
	if !take("tue", "p-1") {
		t.Error("a new day begins with the old count")
	}
	tr.giveBack("mon", []string{"p-1"}, cap) // late, over midnight
	for range limit - 1 {
		take("tue", "p-1")
	}
	if take("tue", "p-1") {
		t.Error("what is given back of yesterday counts today")
	}
	for range 100 {
		if !tr.take("tue", nil, cap, limit) || !tr.take("tue", []string{"p-3"}, cap, 0) {
			t.Fatal("who has no pseudonym, or no limit, is refused")
		}
	}
	before := len(tr.callers)
	for i := range 100 { // who fails at nothing takes no place from those who do
		honest := []string{fmt.Sprint("p-honest-", i)}
		tr.take("tue", honest, cap, limit)
		tr.giveBack("tue", honest, cap)
	}
	if n := len(tr.callers); n != before {
		t.Errorf("%d callers are remembered who have failed at nothing", n-before)
	}
}

// TestTriesOfATrunk tells once a day that a trunk is beyond its limit.
func TestTriesOfATrunk(t *testing.T) {
	var tr tries
	var told []int
	for _, day := range []string{"mon", "tue"} {
		for i := range 10 {
			if tr.pass(day, "ct1", ledger.CapLosses, 4) {
				told = append(told, i)
			}
		}
	}
	if !slices.Equal(told, []int{4, 4}) {
		t.Errorf("told at %v, want the fifth of each day", told)
	}
	if tr.pass("tue", "ct2", ledger.CapLosses, 0) {
		t.Error("a trunk without a limit is beyond it")
	}
}

// fixedHost takes loss reports, if err is nil, and verifies nobody. If wait is not nil,
// it answers when that is closed.
type fixedHost struct {
	card.Host
	err  error
	wait chan struct{}
}

func (fixedHost) SealingKey(context.Context) (*rsa.PublicKey, error) { return nil, errors.New("none") }

func (h fixedHost) Verify(context.Context, card.Request, string, card.Identity) error {
	if h.wait != nil {
		<-h.wait
	}
	return card.Refused
}

func (h fixedHost) ReportLoss(context.Context, card.Request, string, card.LossKind) (card.LossReceipt, error) {
	return card.LossReceipt{Ref: "1"}, h.err
}

// capBench is a bench with lines that verify once, and report a loss twice.
func capBench(t *testing.T, host card.Host, limits Limits) *bench {
	t.Helper()
	desk := card.NewDesk(t.Context(), card.DeskOptions{Host: host, Limit: time.Minute})
	return benchWith(t, Options{Keys: keysOf(1), Desk: desk}, func(c *Config) {
		values := map[string]string{"card": "card_1", "id_tail": "123456", "expiry": "0130", "kind": "stop"}
		c.Lines["400"] = &Line{Name: "verify", Flow: "verify", Language: "en", Values: values}
		c.Lines["500"] = &Line{Name: "losses", Flow: "losses", Language: "en", Values: values}
		frozen := map[string]string{"card": "card_1", "id_tail": "", "expiry": "", "kind": "freeze"}
		c.Lines["600"] = &Line{Name: "freezes", Flow: "losses", Language: "en", Values: frozen}
		c.Limits = limits
	})
}

// call calls a line from a number and waits for the end.
func (b *bench) call(line, from string) {
	b.t.Helper()
	b.dial(sip.Dial{URI: line, From: from}).ended()
}

// TestACallerWhoGuessesIsStopped lets one number fail at more cards than it may, in
// different forms: then the host is asked no more, and others are served as before.
func TestACallerWhoGuessesIsStopped(t *testing.T) {
	b := capBench(t, fixedHost{}, Limits{Caller: Caps{ledger.CapVerifications: 3}, Trunk: Caps{ledger.CapVerifications: 3}})
	for _, form := range []string{"13900001111", "+8613900001111", "013900001111", "13900001111", "008613900001111"} {
		b.call("400", form)
	}
	// And another has failed before a restart.
	b.hotline.Recount([]Tried{{Pseudonym: b.hotline.Pseudonyms("13900003333")[0], Counts: Caps{ledger.CapVerifications: 3}}})
	b.call("400", "13900003333")
	capped := func(ledger.CallerCapped) bool { return true }
	nth(b, 3, "two callers are stopped", capped)
	b.call("400", "13900002222")
	nth(b, 4, "another caller fails", func(f ledger.VerificationFailed) bool { return f.Reason == "refused" })
	if n := len(facts(b, func(f ledger.HostAsked) bool { return f.Cap == ledger.CapVerifications })); n != 4 {
		t.Errorf("the host was asked %d times, want 4", n)
	}
	over := fact(b, "the trunk is beyond its limit", func(ledger.TrunkOverCap) bool { return true })
	if want := (ledger.TrunkOverCap{Trunk: "local", Cap: ledger.CapVerifications, Limit: 3}); over != want || len(facts(b, capped)) != 3 {
		t.Errorf("told %+v, want %+v", over, want)
	}
}

// TestHangingUpCountsAsWell hangs up before the host has said that it was wrong.
func TestHangingUpCountsAsWell(t *testing.T) {
	wait := make(chan struct{})
	b := capBench(t, fixedHost{wait: wait}, Limits{Caller: Caps{ledger.CapVerifications: 1}})
	c := b.dial(sip.Dial{URI: "400", From: "13900001111"})
	c.leg.Hangup("")
	c.ended()
	fact(b, "the call is over", func(ledger.CallEnded) bool { return true })
	close(wait)
	fact(b, "the try has failed", func(ledger.VerificationFailed) bool { return true })
	b.call("400", "13900001111")
	fact(b, "the caller is stopped", func(ledger.CallerCapped) bool { return true })
}

// TestOneCardIsStoppedInACall reports two losses in one call.
func TestOneCardIsStoppedInACall(t *testing.T) {
	for _, c := range []struct {
		name, line string
		err        error
		asked      int
		capped     int
	}{
		{"stopped for good", "500", nil, 1, 1},
		{"frozen", "600", nil, 2, 0},
		{"not stopped the first time", "500", card.Unknown, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := capBench(t, fixedHost{err: c.err}, Limits{})
			b.call(c.line, "13900001111")
			fact(b, "the call is over", func(ledger.CallEnded) bool { return true })
			asked := len(facts(b, func(f ledger.HostAsked) bool { return f.Operation == "report_loss" }))
			if capped := len(facts(b, func(ledger.CallerCapped) bool { return true })); asked != c.asked || capped != c.capped {
				t.Errorf("asked %d times and stopped %d times, want %d and %d", asked, capped, c.asked, c.capped)
			}
		})
	}
}

// TestABarredCallerIsNotAnswered refuses a caller before any media, in all forms of
// the number and after a rotation, until the time is over or it is taken back.
func TestABarredCallerIsNotAnswered(t *testing.T) {
	b := capBench(t, fixedHost{}, Limits{})
	h := b.hotline
	who := h.Pseudonyms("13900001111")[0]
	h.Bar(who, time.Hour, ledger.ByAPI, "li.na", "tries out cards")
	refused := func(from string) {
		t.Helper()
		p := &phone{bench: b, events: make(chan sip.Event, 64)}
		var err error
		p.media, err = b.voices.Open(media.LegOptions{Kind: "caller"})
		must(t, err)
		p.leg, err = b.phones.Dial(sip.Dial{URI: "sip:200@" + b.server, From: from, Offer: p.media.Offer()}, func(e sip.Event) { p.events <- e })
		must(t, err)
		if e := p.ended(); e.Code != 603 {
			t.Errorf("%s: ended by %d, want 603", from, e.Code)
		}
		p.media.Close()
	}
	for _, form := range []string{"13900001111", "+8613900001111", "013900001111"} {
		refused(form)
	}
	if n := len(facts(b, func(ledger.CallArrived) bool { return true })); n != 0 {
		t.Errorf("%d calls have arrived", n)
	}
	told := fact(b, "it is told", func(ledger.BarredCalled) bool { return true })
	if told != (ledger.BarredCalled{Line: "direct", Trunk: "local", Caller: "1111", Pseudonym: who}) {
		t.Errorf("told %+v", told)
	}
	if n := len(facts(b, func(ledger.BarredCalled) bool { return true })); n != 1 {
		t.Errorf("told %d times within a minute", n)
	}
	h.SetKeys(keysOf(2, 1))
	refused("13900001111") // and from now on by the new key
	h.SetKeys(keysOf(2))
	refused("13900001111")
	h.SetKeys(keysOf(2, 1))
	now := h.Pseudonyms("13900001111")[0]
	list := h.Barred()
	if len(list) != 1 || list[0].Pseudonym != now || list[0].Reason != "tries out cards" || list[0].Who != "li.na" {
		t.Errorf("barred are %+v", list)
	}
	must(t, h.Unbar(now, ledger.ByAPI, "li.na", "a mistake"))
	b.call("400", "13900001111") // nor by the key of before
	if err := h.Unbar(now, ledger.ByAPI, "li.na", ""); !errors.Is(err, ErrNotBarred) {
		t.Errorf("a second time: %v", err)
	}
	h.Rebar([]Barred{{Pseudonym: now, Until: time.Now()}}) // is over
	b.call("400", "13900001111")
}

// TestNobodyBarredIsCalledBack bars a caller who is to be called back.
func TestNobodyBarredIsCalledBack(t *testing.T) {
	b := backBench(t, acd.CallerFirst, nil)
	b.hotline.SetKeys(keysOf(1))
	c, number := b.asks("11")
	c.ended()
	who := b.hotline.Pseudonyms(number)[0]
	b.hotline.Bar(who, 0, ledger.ByAPI, "li.na", "fraud")
	second := b.caller("200")
	nth(b, 2, "the second waits", func(ledger.Announced) bool { return true })
	second.press("12" + number + "#1")
	if denied := fact(b, "it is denied", func(ledger.CallbackDenied) bool { return true }); denied.Reason != "barred" {
		t.Errorf("denied as %+v", denied)
	}
	second.leg.Hangup("")
	second.ended()
	b.agent("1001", "a", answers)
	if over := fact(b, "the end", func(ledger.CallbackEnded) bool { return true }); over.Outcome != "cancelled" {
		t.Errorf("the callback ended as %+v", over)
	}
}
