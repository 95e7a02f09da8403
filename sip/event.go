package sip

// An Event is a fact about a leg. The list is closed:
//
//   - [Progressed], [Answered]: what became of our INVITE
//   - [Acked]: our answer has arrived, and media may flow
//   - [Reoffered], [OfferAccepted], [OfferRefused]: the session changes
//   - [Ended]: exactly once, the last
type Event interface{ event() }

// A Sink takes a leg's events, in order and one at a time, on the leg's own
// goroutine. It must not block; it may call the leg's methods.
type Sink func(Event)

type (
	// Progressed says that our INVITE has met a provisional response other
	// than 100. Body is empty unless the callee sends early media.
	Progressed struct {
		Code int
		Body []byte
	}

	// Answered says that our INVITE was accepted. Body is the answer to our
	// offer.
	Answered struct{ Body []byte }

	// Acked says that the ACK of our last 200 has come, to the first INVITE or
	// to a later one. Body is empty unless the INVITE had no offer: then it is
	// the answer to the offer in our 200.
	Acked struct{ Body []byte }

	// Reoffered says that the peer wants to change the session, and waits for
	// [Leg.AcceptOffer] or [Leg.RefuseOffer]. An empty Body asks for an offer
	// of ours: give it to AcceptOffer, and its answer comes in [Acked].
	Reoffered struct{ Body []byte }

	// OfferAccepted says that the peer took the offer of [Leg.Offer]; Body is
	// its answer.
	OfferAccepted struct{ Body []byte }

	// OfferRefused says that the peer did not take the offer of [Leg.Offer];
	// the session stays as it was. Code is the final response's.
	OfferRefused struct{ Code int }

	// Ended says that the leg is over: nothing more is heard or said on it,
	// though a BYE of ours may still be on its way. Code is the final
	// response's code where there was one, otherwise 0.
	Ended struct {
		Reason Reason
		Code   int
	}
)

func (Progressed) event()    {}
func (Answered) event()      {}
func (Acked) event()         {}
func (Reoffered) event()     {}
func (OfferAccepted) event() {}
func (OfferRefused) event()  {}
func (Ended) event()         {}

// A Reason says why a leg ended. Its String is the word that log, metric and
// record use.
type Reason uint8

// The reasons, all of them.
const (
	HungUp     Reason = iota // we hung up: BYE, or a refusal by Hangup before the answer
	PeerHungUp               // the peer sent BYE
	Cancelled                // the caller gave up before our answer (CANCEL)
	Refused                  // we refused the call
	Rejected                 // the callee or its network refused our call
	NoAnswer                 // our call rang for Options.RingLimit, or nobody replied at all
	NoAck                    // our 200 was never acknowledged, RFC 3261 section 13.3.1.4
	PeerLost                 // the peer no longer knows the dialog, or cannot be reached
	Overrun                  // the leg's own mailbox overflowed
	Stopped                  // the stack was closed
)

var reasonNames = [...]string{
	HungUp: "hung-up", PeerHungUp: "peer-hung-up", Cancelled: "cancelled", Refused: "refused", Rejected: "rejected",
	NoAnswer: "no-answer", NoAck: "no-ack", PeerLost: "peer-lost", Overrun: "overrun", Stopped: "stopped",
}

func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}
