package load

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"cardline/media"
	"cardline/sip"
)

// A phone is one end of one call: its signalling, its sound, and an ear.
type phone struct {
	ear         *ear
	voice       *media.Leg
	began       time.Time
	established chan struct{} // closed when both sides have agreed
	ended       chan struct{} // closed with the last event

	mu    sync.Mutex // guards what follows, and holds events back while leg is being made
	leg   *sip.Leg
	setup time.Duration // from INVITE to 200
	up    bool
	end   sip.Ended
}

// newPhone returns a phone that plays its voice, once there is somebody to
// hear it, and listens for the voices of the other set.
func (r *Rack) newPhone(v voice) (*phone, error) {
	p := &phone{began: time.Now(), established: make(chan struct{}), ended: make(chan struct{})}
	hears := agentsHz
	if v.first == agentsHz {
		hears = callersHz
	}
	p.ear = newEar(hears)
	var err error
	if p.voice, err = r.engine.Open(media.LegOptions{}); err != nil {
		return nil, err
	}
	p.voice.Listen(p.ear)
	p.voice.Play(1, []media.Clip{v.clip()}, true)
	return p, nil
}

// dial calls by a stack of the rack.
func (r *Rack) dial(stack *sip.Stack, d sip.Dial, v voice) (*phone, error) {
	p, err := r.newPhone(v)
	if err != nil {
		return nil, err
	}
	d.Offer = p.voice.Offer()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leg, err = stack.Dial(d, p.sink); err != nil {
		p.voice.Close()
		return nil, err
	}
	return p, nil
}

// sink takes the events of the signalling.
func (p *phone) sink(e sip.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := e.(type) {
	case sip.Answered:
		p.setup = time.Since(p.began)
		p.agree(p.voice.Accept(e.Body))
	case sip.Acked:
		var err error
		if len(e.Body) > 0 {
			err = p.voice.Accept(e.Body)
		}
		p.agree(err)
	case sip.Reoffered:
		p.reoffered(e.Body)
	case sip.Ended:
		p.end = e
		close(p.ended)
	case sip.Progressed, sip.OfferAccepted, sip.OfferRefused: // what rings is not yet up; we offer nothing later
	}
}

// agree begins the call, or ends it if there is no way to hear one another.
func (p *phone) agree(err error) {
	switch {
	case err != nil:
		p.leg.Hangup("")
	case !p.up:
		p.up = true
		close(p.established)
	}
}

func (p *phone) reoffered(offer []byte) {
	if len(offer) == 0 {
		p.leg.AcceptOffer(p.voice.Offer())
		return
	}
	answer, err := p.voice.Answer(offer)
	if err != nil {
		p.leg.RefuseOffer(488)
		return
	}
	p.leg.AcceptOffer(answer)
}

// over reports whether the far end has ended the call, or it never began.
func (p *phone) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// farewellLimit is how long a phone waits for its BYE to be answered.
const farewellLimit = 2 * time.Second

// close hangs up and returns what the phone has counted. It listens until the
// far end has heard of it, so that what was on its way is not lost.
func (p *phone) close() media.Stats {
	p.leg.Hangup("")
	limit := time.NewTimer(farewellLimit)
	defer limit.Stop()
	select {
	case <-p.leg.Done():
	case <-limit.C:
	}
	return p.voice.Close()
}

// fate returns how the signalling ended; it is for phones that are over.
func (p *phone) fate() (end sip.Ended, setup time.Duration, up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end, p.setup, p.up
}

// errNotAnswered tells that a call of an agent's to a feature code came to
// nothing.
var errNotAnswered = errors.New("not answered")

func notAnswered(code int) error {
	if code == 0 {
		return errNotAnswered
	}
	return fmt.Errorf("%w: %d", errNotAnswered, code)
}
