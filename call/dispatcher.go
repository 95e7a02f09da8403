package call

import (
	"errors"
	"maps"
	"slices"
	"time"

	"cardline/acd"
	"cardline/ledger"
)

// dispatcher is the goroutine that owns the router. It applies one command
// after the other, writes what follows into the ledger, and tells the calls
// concerned. It never waits for a call.
type dispatcher struct {
	hotline *Hotline
	began   time.Time
	work    chan func(*acd.Router)
	quit    chan struct{}
	done    chan struct{}
}

func startDispatcher(h *Hotline, o acd.Options) *dispatcher {
	d := &dispatcher{
		hotline: h, began: time.Now(), work: make(chan func(*acd.Router)), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go d.run(acd.New(o))
	return d
}

func (d *dispatcher) stop() {
	close(d.quit)
	<-d.done
}

func (d *dispatcher) run(r *acd.Router) {
	defer close(d.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case f := <-d.work:
			f(r)
		case <-timer.C:
			_, _ = d.step(r, acd.Tick{}) // a tick is never refused
		case <-d.quit:
			return
		}
		if at, ok := r.NextDeadline(); ok {
			timer.Reset(time.Until(d.began.Add(at)))
		} else {
			timer.Stop()
		}
	}
}

// exec runs f with the router, on its goroutine, and waits for it. After stop
// it does nothing.
func (d *dispatcher) exec(f func(*acd.Router)) {
	finished := make(chan struct{})
	select {
	case d.work <- func(r *acd.Router) { f(r); close(finished) }:
		<-finished
	case <-d.done:
	}
}

// apply gives the router a command and returns its effects, which have been
// told to everybody concerned by then.
func (d *dispatcher) apply(c acd.Command) (effects []acd.Effect, err error) {
	d.exec(func(r *acd.Router) { effects, err = d.step(r, c) })
	return effects, err
}

// now is the time on the router's scale.
func (d *dispatcher) now() acd.Time { return time.Since(d.began) }

func (d *dispatcher) step(r *acd.Router, c acd.Command) ([]acd.Effect, error) {
	began := time.Now()
	effects, err := r.Apply(began.Sub(d.began), c)
	d.hotline.observer.Decided(time.Since(began))
	for _, e := range effects {
		d.tell(e)
	}
	d.hotline.forecast.learn(r, effects)
	if err != nil {
		d.hotline.observer.Refused(acd.CommandName(c), refusal(err))
		d.hotline.log.Debug().Err(err).Msg("router refused")
	}
	return effects, err
}

// tell writes an effect into the ledger and sends it to its call.
func (d *dispatcher) tell(e acd.Effect) {
	h := d.hotline
	switch e := e.(type) {
	case acd.AgentChanged:
		h.ledger.Append("", "", ledger.AgentChanged{
			Agent: e.Agent, Group: e.Group, From: e.From, To: e.To, Reason: e.Reason, Left: e.LeftReason,
			By: e.By, Took: ledger.MillisOf(e.Took), Queue: e.Queue,
		})
	case acd.NextStateSet:
		h.ledger.Append("", "", ledger.NextStateSet{Agent: e.Agent, To: e.To, Reason: e.Reason, By: e.By})
	case acd.WrapUpExtended:
		h.ledger.Append("", "", ledger.WrapUpExtended{Agent: e.Agent, Queue: e.Queue, By: e.By})
	case acd.Overstayed:
		h.ledger.Append("", "", ledger.Overstayed{Agent: e.Agent, Group: e.Group, Reason: e.Reason, Allowed: ledger.MillisOf(e.Allowed)})
	case acd.ModeChanged:
		f := ledger.ModeChanged{Queue: e.Queue, From: e.From, To: e.To, By: e.By, Reason: e.Reason}
		if e.Until != 0 {
			f.Until = d.began.Add(e.Until)
		}
		f.Who = h.hours.who(e.Queue)
		h.ledger.Append("", "", f)
	case acd.Disposed:
		d.fact(e.Call, ledger.Disposed{Agent: e.Agent, Queue: e.Queue, Entry: e.Entry, Code: e.Code, By: e.By})
	case acd.Entered:
		d.fact(e.Call, ledger.Queued{
			Entry: e.Entry, Queue: e.Queue, Via: e.Via, HeadStart: ledger.MillisOf(e.HeadStart), Class: e.Class, Before: ledger.MillisOf(e.Before),
		}).post(e)
	case acd.StepReached:
		d.fact(e.Call, ledger.StepReached{Entry: e.Entry, Queue: e.Queue, Step: e.Step})
	case acd.HeadStartChanged:
		d.fact(e.Call, ledger.HeadStartChanged{
			Entry: e.Entry, Queue: e.Queue, From: ledger.MillisOf(e.From), To: ledger.MillisOf(e.To), Reason: e.Reason, By: e.By, Who: e.Who,
		})
	case acd.OfferMade:
		d.fact(e.Call, ledger.Offered{
			Offer: e.Offer, Entry: e.Entry, Queue: e.Queue, Agent: e.Agent, Eligible: e.Decision.Eligible, Waited: ledger.MillisOf(e.Waited),
			Decision: decision(e.Decision),
		}).post(e)
	case acd.OfferEnded:
		d.fact(e.Call, ledger.OfferEnded{
			Offer: e.Offer, Entry: e.Entry, Queue: e.Queue, Agent: e.Agent, Result: e.Result, Rang: ledger.MillisOf(e.Rang), Elsewhere: e.Elsewhere,
		}).post(e)
	case acd.Exited:
		f := ledger.Dequeued{Entry: e.Entry, Queue: e.Queue, Outcome: e.Outcome, Waited: ledger.MillisOf(e.Waited), Via: e.Via, Next: e.Next}
		if e.Total > e.Waited {
			f.Total = ledger.MillisOf(e.Total)
		}
		d.fact(e.Call, f).post(e)
	case acd.CallbackDue:
		d.call(e.Call).post(e)
	case acd.CallbackFailed:
		d.call(e.Call).post(e)
	}
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

// refusal is the word by which a refused command is counted.
func refusal(err error) string {
	for word, target := range refusals {
		if errors.Is(err, target) {
			return word
		}
	}
	return "other"
}

var refusals = map[string]error{
	"unknown_agent": acd.ErrUnknownAgent, "unknown_queue": acd.ErrUnknownQueue, "unknown_entry": acd.ErrUnknownEntry,
	"unknown_offer": acd.ErrUnknownOffer, "state": acd.ErrState, "reason": acd.ErrReason, "disposition": acd.ErrDisposition,
	"not_offered": acd.ErrNotOffered, "parameter": acd.ErrParameter,
}

// Refusals lists the words by which [Observer.Refused] counts.
func Refusals() []string { return append(slices.Sorted(maps.Keys(refusals)), "other") }

func (d *dispatcher) call(id string) *call {
	d.hotline.mu.Lock()
	defer d.hotline.mu.Unlock()
	return d.hotline.calls[id]
}

// fact writes a fact about a call and returns the call, nil if it is gone.
func (d *dispatcher) fact(id string, f ledger.Fact) *call {
	c := d.call(id)
	journey := ""
	if c != nil {
		journey = c.journey
	}
	d.hotline.ledger.Append(journey, id, f)
	return c
}
