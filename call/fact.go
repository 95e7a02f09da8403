package call

import (
	"cardline/acd"
	"cardline/ledger"
)

// FactOf puts an effect of the router into the words of the ledger. It returns the
// call that the effect is about, "" if it is about none, and a nil fact if the
// ledger tells nothing of it: an attempt to call back is told by the call, which
// knows more. Times on the router's own scale are left out.
func FactOf(e acd.Effect) (call string, f ledger.Fact) {
	switch e := e.(type) {
	case acd.AgentChanged:
		return "", ledger.AgentChanged{
			Agent: e.Agent, Group: e.Group, From: e.From, To: e.To, Reason: e.Reason, Left: e.LeftReason,
			By: e.By, Took: ledger.MillisOf(e.Took), Queue: e.Queue,
		}
	case acd.NextStateSet:
		return "", ledger.NextStateSet{Agent: e.Agent, To: e.To, Reason: e.Reason, By: e.By}
	case acd.WrapUpExtended:
		return "", ledger.WrapUpExtended{Agent: e.Agent, Queue: e.Queue, By: e.By}
	case acd.Overstayed:
		return "", ledger.Overstayed{Agent: e.Agent, Group: e.Group, Reason: e.Reason, Allowed: ledger.MillisOf(e.Allowed)}
	case acd.ModeChanged:
		return "", ledger.ModeChanged{Queue: e.Queue, From: e.From, To: e.To, By: e.By, Reason: e.Reason}
	case acd.Disposed:
		return e.Call, ledger.Disposed{Agent: e.Agent, Queue: e.Queue, Entry: e.Entry, Code: e.Code, By: e.By}
	case acd.Entered:
		return e.Call, ledger.Queued{
			Entry: e.Entry, Queue: e.Queue, Via: e.Via, HeadStart: ledger.MillisOf(e.HeadStart), Class: e.Class, Before: ledger.MillisOf(e.Before),
		}
	case acd.StepReached:
		return e.Call, ledger.StepReached{Entry: e.Entry, Queue: e.Queue, Step: e.Step}
	case acd.HeadStartChanged:
		return e.Call, ledger.HeadStartChanged{
			Entry: e.Entry, Queue: e.Queue, From: ledger.MillisOf(e.From), To: ledger.MillisOf(e.To), Reason: e.Reason, By: e.By, Who: e.Who,
		}
	case acd.OfferMade:
		return e.Call, ledger.Offered{
			Offer: e.Offer, Entry: e.Entry, Queue: e.Queue, Agent: e.Agent, Eligible: e.Decision.Eligible, Waited: ledger.MillisOf(e.Waited),
			Decision: decision(e.Decision),
		}
	case acd.OfferEnded:
		return e.Call, ledger.OfferEnded{
			Offer: e.Offer, Entry: e.Entry, Queue: e.Queue, Agent: e.Agent, Result: e.Result, Rang: ledger.MillisOf(e.Rang), Elsewhere: e.Elsewhere,
		}
	case acd.Exited:
		f := ledger.Dequeued{Entry: e.Entry, Queue: e.Queue, Outcome: e.Outcome, Waited: ledger.MillisOf(e.Waited), Via: e.Via, Next: e.Next}
		if e.Total > e.Waited {
			f.Total = ledger.MillisOf(e.Total)
		}
		return e.Call, f
	case acd.CallbackDue:
		return e.Call, nil
	case acd.CallbackFailed:
		return e.Call, nil
	}
	return "", nil
}

// decision puts the router's reasons into the words of the ledger.
func decision(d acd.Decision) *ledger.Decision {
	l := &ledger.Decision{
		Step: d.Step, HeadStart: ledger.MillisOf(d.HeadStart), Strategy: string(d.Strategy), Failed: d.Failed,
		Wanted: d.Wanted, Home: d.Home, Runner: d.Runner, NextCall: d.NextCall, Ahead: ledger.MillisOf(d.Ahead),
	}
	for standing, n := range d.Others {
		if n > 0 {
			if l.Others == nil {
				l.Others = map[string]int{}
			}
			l.Others[acd.Standing(standing).String()] = int(n)
		}
	}
	return l
}
