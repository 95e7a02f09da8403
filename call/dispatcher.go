package call

import (
	"errors"
	"io"
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
	hotline  *Hotline
	began    time.Time
	recorder *recorder
	work     chan func(*acd.Router)
	quit     chan struct{}
	done     chan struct{}
}

func startDispatcher(h *Hotline, o acd.Options, record io.Writer) *dispatcher {
	d := &dispatcher{
		hotline: h, began: time.Now(), recorder: startRecorder(record, o, h.log),
		work: make(chan func(*acd.Router)), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go d.run(acd.New(o))
	return d
}

func (d *dispatcher) stop() {
	close(d.quit)
	<-d.done
	d.recorder.stop()
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
	at := began.Sub(d.began)
	d.recorder.add(at, c)
	effects, err := r.Apply(at, c)
	d.hotline.observer.Decided(time.Since(began))
	for _, e := range effects {
		d.tell(e)
		if e, ok := e.(acd.AgentChanged); ok {
			d.logAgent(r, e)
		}
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
	id, f := FactOf(e)
	if e, ok := e.(acd.ModeChanged); ok {
		f = d.dated(e)
	}
	c := d.fact(id, f)
	switch e.(type) {
	case acd.Entered, acd.OfferMade, acd.OfferEnded, acd.Exited, acd.CallbackDue, acd.CallbackFailed:
		c.post(e)
	}
}

// logAgent writes what an agent does now into the log: a line for each change, with
// the call that it is about while it lasts.
func (d *dispatcher) logAgent(r *acd.Router, e acd.AgentChanged) {
	line := d.hotline.log.Info().Str("agent", e.Agent).Str("from", string(e.From)).Str("to", string(e.To))
	if e.Reason != "" {
		line.Str("reason", e.Reason)
	}
	if e.Queue != "" {
		line.Str("queue", e.Queue)
	}
	if now, ok := r.AgentView(e.Agent); ok && now.State == e.To && now.Call != "" {
		line.Str("call", now.Call)
	}
	line.Str("by", string(e.By)).Dur("after_ms", e.Took).Msg("agent's state changed")
}

// dated adds what the router does not know: by whom a mode was switched, and until
// when on the clock of the wall.
func (d *dispatcher) dated(e acd.ModeChanged) ledger.Fact {
	f := ledger.ModeChanged{Queue: e.Queue, From: e.From, To: e.To, By: e.By, Who: d.hotline.hours.who(e.Queue), Reason: e.Reason}
	if e.Until != 0 {
		f.Until = d.began.Add(e.Until)
	}
	return f
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

// call returns a call that is up, nil if it is none.
func (d *dispatcher) call(id string) *call {
	if id == "" {
		return nil
	}
	d.hotline.mu.Lock()
	defer d.hotline.mu.Unlock()
	return d.hotline.calls[id]
}

// fact writes a fact, if there is one, about a call, and returns the call; nil if
// it is gone.
func (d *dispatcher) fact(id string, f ledger.Fact) *call {
	c := d.call(id)
	journey := ""
	if c != nil {
		journey = c.journey
	}
	if f != nil {
		d.hotline.ledger.Append(journey, id, f)
	}
	return c
}
