//go:build !race

package agents

import (
	"slices"
	"testing"
	"time"

	"cardline/ledger"
	"cardline/load"
)

func count[F ledger.Fact](events []ledger.Event, is func(F) bool) (n int) {
	for _, e := range events {
		if f, ok := e.Fact.(F); ok && is(f) {
			n++
		}
	}
	return n
}

// reconcile compares the telephones' counts with the ledger's. A call whose
// agent's phone died may have talked twice, or have waited again in vain: it
// counts as one that talked. An offer to a phone that died is not known to end
// in one way; in all there are as many as the phones say.
func reconcile(t *testing.T, events []ledger.Event, f *load.Figures) {
	t.Helper()
	same := func(what string, phones, ledger int) {
		if phones != ledger {
			t.Errorf("%s: %d by the telephones, %d by the ledger", what, phones, ledger)
		}
	}
	last := map[string]ledger.QueueOutcome{} // by call; answered stays
	for _, e := range events {
		if d, ok := e.Fact.(ledger.Dequeued); ok && last[e.Call] != ledger.OutcomeAnswered {
			last[e.Call] = d.Outcome
		}
	}
	outcomes := map[ledger.QueueOutcome]int{}
	for _, o := range last {
		outcomes[o]++
	}
	offers := func(list ...ledger.OfferResult) int {
		return count(events, func(o ledger.OfferEnded) bool { return slices.Contains(list, o.Result) })
	}
	o, a := f.Calls.Outcomes, f.Agents
	same("calls established", f.Calls.Established, count(events, func(ledger.CallAnswered) bool { return true }))
	same("calls in all", f.Calls.Attempted, count(events, func(ledger.CallEnded) bool { return true }))
	same("calls that talked", o[load.Talked], outcomes[ledger.OutcomeAnswered])
	same("calls abandoned", o[load.LeftWaiting], outcomes[ledger.OutcomeAbandoned])
	same("talks", a.Answered, count(events, func(ledger.TalkEnded) bool { return true }))
	same("offers accepted", a.Answered, offers(ledger.OfferAccepted))
	same("offers refused", a.Refused, offers(ledger.OfferRejected))
	unseen := count(events, func(ledger.Offered) bool { return true }) - a.Offers
	same("offers that came to nothing", a.Ignored+a.CallerLeft+a.CutOff+unseen,
		offers(ledger.OfferIgnored, ledger.OfferCallerLeft, ledger.OfferUnreachable, ledger.OfferWithdrawn, ledger.OfferBusy))
	if limit := a.Died; unseen < 0 || unseen > 3*limit {
		t.Errorf("%d offers reached no phone, and %d phones have died", unseen, limit)
	}
	if a.Died == 0 || a.Ignored == 0 || a.Refused == 0 {
		t.Errorf("nobody died, ignored or refused: %+v", a)
	}
}

// entry is a caller's place, by the ledger.
type entry struct {
	offered bool
	failed  map[string]bool // agents
}

// A freeing is one agent's end of one call.
type freeing struct{ agent, call string }

// awaited returns whose BYE made an agent free while somebody waited whom the
// agent had not failed: the next INVITE must follow at once.
func awaited(events []ledger.Event) map[freeing]bool {
	list, entries := map[freeing]bool{}, map[uint64]*entry{}
	ended := map[string]string{} // call by agent: the talk is over, what follows is not known yet
	for _, e := range events {
		switch f := e.Fact.(type) {
		case ledger.Queued:
			entries[f.Entry] = &entry{failed: map[string]bool{}}
		case ledger.Dequeued:
			delete(entries, f.Entry)
		case ledger.Offered:
			if place := entries[f.Entry]; place != nil {
				place.offered = true
			}
		case ledger.OfferEnded:
			if place := entries[f.Entry]; place != nil {
				place.offered = false
				place.failed[f.Agent] = true
			}
		case ledger.TalkEnded:
			if f.By == ledger.TalkEndedByAgent {
				ended[f.Agent] = e.Call
			}
		case ledger.AgentChanged:
			call, ok := ended[f.Agent]
			delete(ended, f.Agent)
			if !ok || f.To != ledger.AgentReady {
				continue
			}
			for _, place := range entries {
				if !place.offered && !place.failed[f.Agent] {
					list[freeing{f.Agent, call}] = true
				}
			}
		}
	}
	return list
}

// promptly holds the times from BYE to INVITE against the limit.
func promptly(t *testing.T, events []ledger.Event, gaps []gap) {
	t.Helper()
	var took []time.Duration
	seen, want := map[freeing]bool{}, awaited(events)
	for _, g := range gaps {
		who := freeing{g.account, g.call}
		seen[who] = true
		if want[who] && !g.cut {
			took = append(took, g.took)
		}
	}
	for who := range want {
		if !seen[who] {
			t.Errorf("agent %s was free after call %s, somebody waited, and the phone has not rung", who.agent, who.call)
		}
	}
	if len(took) < 20 {
		t.Fatalf("only %d agents became free while somebody waited", len(took))
	}
	slices.Sort(took)
	at := func(share float64) time.Duration { return took[int(share*float64(len(took)-1))] }
	t.Logf("from the BYE of an agent's phone to its next INVITE, %d times: p50 %v, p90 %v, p99 %v, at most %v",
		len(took), at(0.5), at(0.9), at(0.99), at(1))
	if at(0.99) > offerLimit() {
		t.Errorf("p99 is %v, want at most %v", at(0.99), offerLimit())
	}
}
