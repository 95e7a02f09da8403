package sip

import "time"

// An exchange is the stage of an offer and its answer after the first ones,
// in either direction (RFC 3261 section 14). It lives only while its leg is
// confirmed; there is at most one.
type exchange uint8

const (
	settled    exchange = iota // nothing is under way; next: offering, offered
	offering                   // our re-INVITE is out; next: settled, backingOff
	backingOff                 // both offered at once (491), we try again later; next: offering, offered
	offered                    // their re-INVITE waits for the application; next: agreeing, settled
	agreeing                   // our 200 to it waits for its ACK; next: settled
)

var exchangeNames = [...]string{
	settled: "settled", offering: "offering", backingOff: "backing-off", offered: "offered", agreeing: "agreeing",
}

func (x exchange) String() string { return exchangeNames[x] }

// A turn is what may happen to an exchange.
type turn interface{ turn() }

type (
	offerWanted      struct{} // the body waits in the leg
	offerArrived     struct{ body []byte }
	acceptWanted     struct{ body []byte }
	refuseWanted     struct{ code int }
	offerAcked       struct{ body []byte }
	offerTaken       struct{ body []byte } // 2xx to our re-INVITE
	offerFailed      struct{ code int }    // any other final response, 408 if there was none
	offerResendDue   struct{ after time.Duration }
	offerAckOverdue  struct{}
	backoffOver      struct{}
	exchangeUnneeded struct{} // the leg hangs up
)

func (offerWanted) turn()      {}
func (offerArrived) turn()     {}
func (acceptWanted) turn()     {}
func (refuseWanted) turn()     {}
func (offerAcked) turn()       {}
func (offerTaken) turn()       {}
func (offerFailed) turn()      {}
func (offerResendDue) turn()   {}
func (offerAckOverdue) turn()  {}
func (backoffOver) turn()      {}
func (exchangeUnneeded) turn() {}

// The actions of an exchange beside those of its leg.
type (
	sendOffer    struct{} // a re-INVITE with the latest wish
	ackOffer     struct{} // of the 200 to our re-INVITE
	respondOffer struct { // to their re-INVITE
		code int
		body []byte
	}
	respondOfferAgain struct{}
	refuseOverlap     struct{ code int } // their newest INVITE came while another exchange is under way
	armBackoff        struct{}
	lose              struct{} // the dialog is gone on the other side: BYE, and the leg ends as PeerLost
	starve            struct{} // the 200 was never acknowledged: BYE, and the leg ends as NoAck
)

func (sendOffer) action()         {}
func (ackOffer) action()          {}
func (respondOffer) action()      {}
func (respondOfferAgain) action() {}
func (refuseOverlap) action()     {}
func (armBackoff) action()        {}
func (lose) action()              {}
func (starve) action()            {}

// stepExchange returns the exchange that follows x on f, and what has to be
// done. It is as pure as [step].
func stepExchange(x exchange, f turn) (next exchange, do []action, ok bool) {
	if _, bye := f.(exchangeUnneeded); bye {
		if x == offered { // a BYE ends pending requests with 487, section 15.1.2
			return settled, []action{respondOffer{code: 487}}, true
		}
		return settled, []action{disarm{reresendAlarm}, disarm{reackAlarm}, disarm{glareAlarm}}, true
	}
	switch x {
	case settled:
		switch f := f.(type) {
		case offerWanted: // settled -> offering
			return offering, []action{sendOffer{}}, true
		case offerArrived: // settled -> offered
			return offered, []action{tell{Reoffered{f.body}}}, true
		}

	case offering:
		switch f := f.(type) {
		case offerTaken: // offering -> settled
			return settled, []action{ackOffer{}, tell{OfferAccepted{f.body}}}, true
		case offerArrived: // glare
			return x, []action{refuseOverlap{491}}, true
		case offerFailed:
			switch f.code {
			case 491: // offering -> backingOff
				return backingOff, []action{armBackoff{}}, true
			case 408, 481: // section 14.1: the dialog is gone
				return settled, []action{lose{}}, true
			}
			return settled, []action{tell{OfferRefused{f.code}}}, true // offering -> settled
		}

	case backingOff:
		switch f := f.(type) {
		case backoffOver: // backingOff -> offering
			return offering, []action{sendOffer{}}, true
		case offerArrived: // backingOff -> offered: theirs goes first, ours stays wanted
			return offered, []action{disarm{glareAlarm}, tell{Reoffered{f.body}}}, true
		}

	case offered:
		switch f := f.(type) {
		case acceptWanted: // offered -> agreeing
			return agreeing, []action{respondOffer{200, f.body}, arm{reresendAlarm, t1}, arm{reackAlarm, 64 * t1}}, true
		case refuseWanted: // offered -> settled
			return settled, []action{respondOffer{code: f.code}}, true
		case offerArrived: // section 14.2: a second one before the first is answered
			return x, []action{refuseOverlap{500}}, true
		}

	case agreeing:
		switch f := f.(type) {
		case offerAcked: // agreeing -> settled
			return settled, []action{disarm{reresendAlarm}, disarm{reackAlarm}, tell{Acked{f.body}}}, true
		case offerResendDue:
			return x, []action{respondOfferAgain{}, arm{reresendAlarm, min(2*f.after, t2)}}, true
		case offerAckOverdue: // agreeing -> settled, and the leg ends
			return settled, []action{disarm{reresendAlarm}, starve{}}, true
		case offerArrived:
			return x, []action{refuseOverlap{491}}, true
		}
	}
	return x, nil, false
}
