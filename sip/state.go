package sip

import "time"

// Timer values of RFC 3261, appendix A. sipgo's transactions have the same,
// as process-wide variables that nobody here may change.
const (
	t1 = 500 * time.Millisecond // estimate of a round trip
	t2 = 4 * time.Second        // longest pause between retransmissions

	// tryingAfter is how long an INVITE may wait for its first answer (RFC 3261
	// section 17.2.1: at most 200 ms). Then we say 100, ahead of sipgo, which says
	// nothing if a copy of the INVITE has come by then (hazard H15).
	tryingAfter = 150 * time.Millisecond
)

// A state is a stage in the life of a leg. The first four are those of a call
// that comes in, the next four of one that goes out, the rest of both.
type state uint8

const (
	incoming   state = iota // their INVITE is here, nothing said yet; next: ringing, answered, ended
	ringing                 // 180 is sent; next: answered, ended
	answered                // 200 is sent, the ACK is awaited; next: confirmed, parting, leaving, ended
	parting                 // hung up before the ACK: BYE waits for it (RFC 3261 section 15); next: leaving, ended
	calling                 // our INVITE is out, nothing heard; next: proceeding, confirmed, abandoned, ended
	proceeding              // a provisional response came; next: confirmed, cancelling, ended
	abandoned               // hung up before any response: CANCEL waits for one (section 9.1); next: cancelling, leaving, ended
	cancelling              // CANCEL is sent; a 200 may have crossed it; next: leaving, ended
	confirmed               // media flows; next: leaving, ended
	leaving                 // our BYE is out; next: ended
	ended                   // terminal: everything has been released
)

var stateNames = [...]string{
	incoming: "incoming", ringing: "ringing", answered: "answered", parting: "parting",
	calling: "calling", proceeding: "proceeding", abandoned: "abandoned", cancelling: "cancelling",
	confirmed: "confirmed", leaving: "leaving", ended: "ended",
}

func (s state) String() string { return stateNames[s] }

// over reports whether the leg's [Ended] has been told by the time it is in s.
func (s state) over() bool {
	switch s {
	case parting, abandoned, cancelling, leaving, ended:
		return true
	case incoming, ringing, answered, calling, proceeding, confirmed:
		return false
	}
	return false
}

// A fact is what may happen to a leg: a message, a timer, or a wish of the
// application.
type fact interface{ fact() }

type (
	ringWanted    struct{}
	answerWanted  struct{ body []byte }
	refusalWanted struct{ code int }
	hangupWanted  struct{ reason Reason }

	cancelArrived struct{}
	ackArrived    struct{ body []byte } // of the first INVITE
	byeArrived    struct{}
	progressed    struct {
		code int
		body []byte
	}
	succeeded struct{ body []byte }
	failed    struct { // a final refusal of our INVITE, or what stands for one
		code   int
		reason Reason
	}
	byeDone  struct{}                // any final response to our BYE, or none within 32 s
	peerLost struct{ reason Reason } // a re-INVITE showed that the other side is gone

	tryingDue     struct{}                      // tryingAfter is over
	resendDue     struct{ after time.Duration } // the pause that has just passed
	ackOverdue    struct{}                      // 64*T1 without an ACK
	placeWanted   struct{}                      // the ACK is overdue, and another call needs the place
	ringOverdue   struct{}                      // Options.RingLimit is over
	cancelOverdue struct{}                      // 64*T1 after our CANCEL without a final response
)

func (ringWanted) fact()    {}
func (answerWanted) fact()  {}
func (refusalWanted) fact() {}
func (hangupWanted) fact()  {}
func (cancelArrived) fact() {}
func (ackArrived) fact()    {}
func (byeArrived) fact()    {}
func (progressed) fact()    {}
func (succeeded) fact()     {}
func (failed) fact()        {}
func (byeDone) fact()       {}
func (peerLost) fact()      {}
func (tryingDue) fact()     {}
func (resendDue) fact()     {}
func (ackOverdue) fact()    {}
func (placeWanted) fact()   {}
func (ringOverdue) fact()   {}
func (cancelOverdue) fact() {}

// An action is what has to be done after a fact, in order.
type action interface{ action() }

type (
	respond struct { // to their first INVITE
		code int
		body []byte
	}
	respondAgain struct{} // the 200, once more
	sendAck      struct{} // of the 200 to our INVITE
	sendBye      struct{}
	sendLastBye  struct{} // whose answer nobody waits for; nothing is kept of the call
	distrust     struct{} // never acknowledged: a BYE goes to where the INVITE came from, since its Contact may be anybody's
	sendCancel   struct{}
	arm          struct {
		alarm alarm
		after time.Duration
	}
	disarm struct{ alarm alarm }
	tell   struct{ event Event } // to the Sink
)

func (respond) action()      {}
func (respondAgain) action() {}
func (sendAck) action()      {}
func (sendBye) action()      {}
func (sendLastBye) action()  {}
func (distrust) action()     {}
func (sendCancel) action()   {}
func (arm) action()          {}
func (disarm) action()       {}
func (tell) action()         {}

// An alarm is one of a leg's timers.
type alarm uint8

const (
	tryingAlarm   alarm = iota // the first INVITE has been heard of nothing yet
	resendAlarm                // the 200 of the first INVITE goes out again
	ackAlarm                   // the ACK of the first INVITE is overdue
	ringAlarm                  // our INVITE has rung long enough
	cancelAlarm                // the end of our cancelled INVITE is overdue
	reresendAlarm              // the 200 of a re-INVITE goes out again
	reackAlarm                 // the ACK of a re-INVITE is overdue
	glareAlarm                 // our re-INVITE may be tried again after a 491
	gapAlarm                   // a missing request has had its time to come
	alarms                     // how many there are
)

// step returns the state that follows s on f, and what has to be done. It
// reads no clock and changes nothing. If f has no meaning in s, ok is false:
// late answers are ordinary on a network.
func step(s state, f fact) (next state, do []action, ok bool) {
	switch s {
	case incoming, ringing:
		switch f := f.(type) {
		case ringWanted: // incoming -> ringing
			if s == ringing {
				return s, nil, false
			}
			return ringing, []action{disarm{tryingAlarm}, respond{code: 180}}, true
		case tryingDue: // incoming -> incoming; a caller who has heard nothing may not say CANCEL, section 9.1
			if s == ringing {
				return s, nil, false
			}
			return s, []action{respond{code: 100}}, true
		case answerWanted: // -> answered
			return answered, []action{disarm{tryingAlarm}, respond{200, f.body}, arm{resendAlarm, t1}, arm{ackAlarm, 64 * t1}}, true
		case refusalWanted: // -> ended
			return ended, []action{respond{code: f.code}, tell{Ended{Refused, f.code}}}, true
		case hangupWanted: // -> ended
			return ended, []action{respond{code: 480}, tell{Ended{f.reason, 480}}}, true
		case cancelArrived: // -> ended
			return ended, []action{respond{code: 487}, tell{Ended{Cancelled, 487}}}, true
		case byeArrived: // -> ended; a caller may say BYE in an early dialog, section 15
			return ended, []action{respond{code: 487}, tell{Ended{PeerHungUp, 487}}}, true
		case failed: // -> ended; the caller cannot be reached any more
			return ended, []action{tell{Ended{f.reason, f.code}}}, true
		}

	case answered:
		switch f := f.(type) {
		case ackArrived: // answered -> confirmed
			return confirmed, []action{disarm{resendAlarm}, disarm{ackAlarm}, tell{Acked{f.body}}}, true
		case resendDue:
			return s, []action{respondAgain{}, arm{resendAlarm, min(2*f.after, t2)}}, true
		case byeArrived: // answered -> ended; it may well overtake its ACK
			return ended, []action{tell{Ended{PeerHungUp, 0}}}, true
		case hangupWanted: // answered -> parting
			return parting, []action{tell{Ended{f.reason, 0}}}, true
		case ackOverdue: // answered -> leaving
			return leaving, []action{disarm{resendAlarm}, distrust{}, sendBye{}, tell{Ended{NoAck, 0}}}, true
		case placeWanted: // answered -> ended
			return ended, []action{distrust{}, sendLastBye{}, tell{Ended{NoAck, 0}}}, true
		case failed: // answered -> ended
			return ended, []action{tell{Ended{f.reason, f.code}}}, true
		}

	case parting:
		switch f := f.(type) {
		case ackArrived: // parting -> leaving
			return leaving, []action{disarm{resendAlarm}, disarm{ackAlarm}, sendBye{}}, true
		case ackOverdue: // parting -> leaving
			return leaving, []action{disarm{resendAlarm}, distrust{}, sendBye{}}, true
		case placeWanted: // parting -> ended
			return ended, []action{distrust{}, sendLastBye{}}, true
		case resendDue:
			return s, []action{respondAgain{}, arm{resendAlarm, min(2*f.after, t2)}}, true
		case byeArrived, failed: // parting -> ended
			return ended, nil, true
		}

	case calling, proceeding:
		switch f := f.(type) {
		case progressed: // -> proceeding
			if f.code == 100 {
				return proceeding, nil, true
			}
			return proceeding, []action{tell{Progressed{f.code, f.body}}}, true
		case succeeded: // -> confirmed
			return confirmed, []action{disarm{ringAlarm}, sendAck{}, tell{Answered{f.body}}}, true
		case failed: // -> ended
			return ended, []action{tell{Ended{f.reason, f.code}}}, true
		case hangupWanted:
			return giveUp(s, f.reason)
		case ringOverdue:
			return giveUp(s, NoAnswer)
		case byeArrived: // -> ended; the callee must not, but it has spoken
			return ended, []action{tell{Ended{PeerHungUp, 0}}}, true
		}

	case abandoned:
		switch f.(type) {
		case progressed: // abandoned -> cancelling
			return cancelling, []action{sendCancel{}, arm{cancelAlarm, 64 * t1}}, true
		case succeeded: // abandoned -> leaving
			return leaving, []action{sendAck{}, sendBye{}}, true
		case failed, byeArrived: // abandoned -> ended
			return ended, nil, true
		}

	case cancelling:
		switch f.(type) {
		case succeeded: // cancelling -> leaving: the 200 crossed our CANCEL
			return leaving, []action{disarm{cancelAlarm}, sendAck{}, sendBye{}}, true
		case failed, cancelOverdue, byeArrived: // cancelling -> ended
			return ended, nil, true
		}

	case confirmed:
		switch f := f.(type) {
		case peerLost: // confirmed -> leaving: the BYE is a courtesy
			return leaving, []action{sendBye{}, tell{Ended{f.reason, 0}}}, true
		case hangupWanted: // confirmed -> leaving
			return leaving, []action{sendBye{}, tell{Ended{f.reason, 0}}}, true
		case byeArrived: // confirmed -> ended
			return ended, []action{tell{Ended{PeerHungUp, 0}}}, true
		}

	case leaving:
		switch f.(type) {
		case byeArrived: // both hung up at once; our own BYE may go unanswered
			return s, nil, true
		case byeDone: // leaving -> ended
			return ended, nil, true
		}

	case ended:
	}
	return s, nil, false
}

// giveUp ends a call of ours that nobody has answered yet. A CANCEL may only
// follow a provisional response.
func giveUp(s state, reason Reason) (state, []action, bool) {
	do := []action{disarm{ringAlarm}, tell{Ended{reason, 0}}}
	if s == calling {
		return abandoned, do, true // Timer B of the INVITE ends the wait
	}
	return cancelling, append([]action{sendCancel{}, arm{cancelAlarm, 64 * t1}}, do...), true
}
