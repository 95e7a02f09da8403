package call

import (
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

func (d *dispatcher) step(r *acd.Router, c acd.Command) ([]acd.Effect, error) {
	began := time.Now()
	effects, err := r.Apply(began.Sub(d.began), c)
	d.hotline.observer.Decided(time.Since(began))
	for _, e := range effects {
		d.tell(e)
	}
	if err != nil {
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
	case acd.Entered:
		d.fact(e.Call, ledger.Queued{Entry: e.Entry, Queue: e.Queue, Via: e.Via, HeadStart: ledger.MillisOf(e.HeadStart), Class: e.Class, Before: ledger.MillisOf(e.Before)})
	case acd.OfferMade:
		c := d.fact(e.Call, ledger.Offered{
			Offer: e.Offer, Entry: e.Entry, Queue: e.Queue, Agent: e.Agent, Eligible: e.Decision.Eligible, Waited: ledger.MillisOf(e.Waited),
		})
		c.post(e)
	case acd.OfferEnded:
		c := d.fact(e.Call, ledger.OfferEnded{
			Offer: e.Offer, Entry: e.Entry, Queue: e.Queue, Agent: e.Agent, Result: e.Result, Rang: ledger.MillisOf(e.Rang),
		})
		c.post(e)
	case acd.Exited:
		c := d.fact(e.Call, ledger.Dequeued{Entry: e.Entry, Queue: e.Queue, Outcome: e.Outcome, Waited: ledger.MillisOf(e.Waited)})
		c.post(e)
	}
}

// fact writes a fact about a call and returns the call, nil if it is gone.
func (d *dispatcher) fact(id string, f ledger.Fact) *call {
	d.hotline.mu.Lock()
	c := d.hotline.calls[id]
	d.hotline.mu.Unlock()
	journey := ""
	if c != nil {
		journey = c.journey
	}
	d.hotline.ledger.Append(journey, id, f)
	return c
}
