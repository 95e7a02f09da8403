package call

import (
	"github.com/rs/zerolog"

	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// party is one side of a call: a leg of signalling and its media. Its number
// tells the facts of one party from those of an earlier one.
type party struct {
	number uint64
	sip    *sip.Leg
	media  *media.Leg

	wish     media.KeyWish // that the media was told last
	keyTaken bool          // and has fulfilled
}

// Facts about a party, for the inbox.
type (
	signalled struct { // by the party's phone
		party uint64
		event sip.Event
	}
	heard struct { // by the party's media
		party uint64
		event media.Event
	}
)

// sink returns the door for the events of the party's signalling.
func (p *party) sink(c *call) sip.Sink {
	number := p.number
	d := &door{media: c.hotline.media, next: func(e sip.Event) { c.post(signalled{number, e}) }}
	return d.take
}

// open gives the party its media.
func (p *party) open(c *call, o media.LegOptions) (err error) {
	number := p.number
	o.Call = c.id
	o.Sink = func(e media.Event) { c.post(heard{number, e}) }
	p.media, err = c.hotline.media.Open(o)
	return err
}

// wrongMedia tells that nothing is heard of a party, because its media comes from
// elsewhere than it has signalled.
func (c *call) wrongMedia(number uint64, e media.WrongSource) {
	agent := ""
	switch {
	case number == c.caller.number:
	case c.talk.agent != nil && number == c.talk.agent.number:
		agent = c.talk.id
	case c.back.agent != nil && number == c.back.agent.party.number:
		agent = c.back.agent.agent
	default:
		return // it has left
	}
	log := c.log.With().Str("agent", agent).Logger()
	if agent == "" {
		log = c.log
	}
	warnWrongMedia(&log, e)
	c.record(ledger.WrongMediaSource{Agent: agent, Signalled: e.Signalled.String(), Source: e.Source.String()})
}

// warnWrongMedia says what can be done about it.
func warnWrongMedia(log *zerolog.Logger, e media.WrongSource) {
	log.Warn().Stringer("signalled", e.Signalled).Stringer("source", e.Source).
		Msg("media comes from another address than signalled and is not heard: set nat: true for the phone, or latch: true for the trunk")
}

// wantKeys tells the media what is to become of keys, if it does not know: a key
// that has been handed over was asked for once.
func (p *party) wantKeys(w media.KeyWish) {
	if p.media == nil || w == p.wish && !p.keyTaken {
		return
	}
	p.wish, p.keyTaken = w, false
	p.media.WantKeys(w)
}

// hangUp ends the party's signalling; [party.close] still has to follow.
func (p *party) hangUp(reason string) {
	if p.sip != nil {
		p.sip.Hangup(reason)
	}
	p.sip = nil
}

// close ends the party, once, whatever it is at.
func (p *party) close(reason string) {
	if p == nil {
		return
	}
	if p.sip != nil {
		p.sip.Hangup(reason)
	}
	if p.media != nil {
		p.media.Close()
	}
	p.sip, p.media = nil, nil
}

// reoffered answers a re-INVITE of the party; whether it holds us now is for
// [media.Leg.Held] to say. An offer that cannot be taken leaves everything as it was.
func (p *party) reoffered(offer []byte) {
	if len(offer) == 0 {
		p.sip.AcceptOffer(p.media.Offer())
		return
	}
	answer, err := p.media.Answer(offer)
	if err != nil {
		p.sip.RefuseOffer(488)
		return
	}
	p.sip.AcceptOffer(answer)
}
