package call

import (
	"sync"

	"cardline/media"
	"cardline/sip"
)

// A door hands the events of a leg on to next in their order, each when the host has
// been looked up that its description names in place of an address: nobody who decides
// waits for the DNS. The end of the leg overtakes what waits, which is of no use then.
type door struct {
	media *media.Engine
	next  sip.Sink

	mu      sync.Mutex // held while an event is handed on, which keeps the order
	waiting []sip.Event
}

// take is the leg's sink.
func (d *door) take(e sip.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, over := e.(sip.Ended); over {
		d.waiting = nil
		d.next(e)
		return
	}
	d.waiting = append(d.waiting, e)
	if len(d.waiting) == 1 {
		d.pass()
	}
}

// pass hands on what waits, up to the next host that has to be looked up.
func (d *door) pass() {
	for len(d.waiting) > 0 && !d.media.LookUp(described(d.waiting[0]), d.found) {
		d.first()
	}
}

// found goes on when the host of the first that waits has been looked up.
func (d *door) found() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) > 0 {
		d.first()
		d.pass()
	}
}

// first hands on the first that waits.
func (d *door) first() {
	e := d.waiting[0]
	d.waiting = d.waiting[1:]
	d.next(e)
}

// described returns the description of an event that a call makes use of.
func described(e sip.Event) []byte {
	switch e := e.(type) {
	case sip.Answered:
		return e.Body
	case sip.Acked:
		return e.Body
	case sip.Reoffered:
		return e.Body
	case sip.Progressed, sip.OfferAccepted, sip.OfferRefused, sip.Ended:
	}
	return nil
}
