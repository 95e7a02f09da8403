package dtmf

// A Receiver turns the events of one RTP source into keys, each reported once.
// The zero value is ready. It belongs to one goroutine.
//
// A press is a run of packets with one RTP timestamp; the first of them that
// arrives reports the key, whichever it is, and all others are the same press.
// So a press survives the loss of any of its packets but the last one left, a
// repeated end is nothing new, and a lost end delays nothing.
//
// Senders break that rule both ways. One timestamp may carry several presses (see
// repeats), and four kinds of packets carry a new timestamp and are still the same
// press:
//
//   - a latecomer of an earlier press: its sequence number and its timestamp are
//     old. Either alone may wrap: the audio of eleven minutes makes the number of
//     a new press look old. Two latecomers in order that belong to no press that
//     was heard are none: the sender has begun its numbering anew (RFC 3550
//     appendix A.1);
//   - the next segment of a press longer than 65535 samples (RFC 4733 section 2.5.1.3);
//   - a packet of a sender that moves the timestamp within a press: it follows
//     without an end, without a marker, and without a pause;
//   - the end of a press once more, with a timestamp that moved.
type Receiver struct {
	pressed   bool // any event was seen
	code      uint8
	end       bool
	duration  uint16
	seq       uint16 // the newest of the press
	timestamp uint32

	earlier   uint32 // timestamp of the press before
	suspected bool   // the last packet looked late; restart is the number after it
	restart   uint16
	renewed   bool // the numbering may have begun anew
}

const (
	// pause is the shortest time between two presses of one key, in samples at
	// 8 kHz: 30 ms, below the 40 ms that ITU-T Q.24 asks of a telephone.
	pause = 240
	// misorder is how far a packet may come out of order: MAX_MISORDER of RFC 3550.
	misorder = 100
	// step is the longest time between two packets of one press, in samples: 200 ms.
	// RFC 4733 section 2.5.1.2 recommends 50 ms.
	step = 1600
)

// Hear takes in the payload of a packet with its RTP fields. It returns the key
// when the packet is the first of its press. Events that are no keys (a flash,
// a fax tone) are ignored. The error is [ErrMalformed].
func (r *Receiver) Hear(seq uint16, timestamp uint32, marker bool, payload []byte) (key byte, ok bool, err error) {
	e, err := Parse(payload)
	if err != nil {
		return 0, false, err
	}
	if int(e.Code) >= len(keys) {
		return 0, false, nil
	}
	same := false
	switch behind := int16(r.seq - seq); {
	case !r.pressed:
	case timestamp == r.timestamp && behind >= 0:
		if behind <= misorder || !r.restarts(seq) {
			return 0, false, nil // out of order, or twice
		}
	case timestamp == r.timestamp:
		if r.repeats(e, marker) {
			r.follow(e, seq)
			return 0, false, nil
		}
	case r.renewed:
	case behind >= 0 && int32(timestamp-r.timestamp) < 0:
		if timestamp == r.earlier || !r.restarts(seq) {
			return 0, false, nil // a latecomer
		}
	default:
		same = r.continues(e, seq, timestamp, marker)
	}
	earlier := r.timestamp
	if same {
		earlier = r.earlier
	}
	*r = Receiver{
		pressed: true, code: e.Code, end: e.End, duration: e.Duration, seq: seq, timestamp: timestamp, earlier: earlier,
	}
	return keys[e.Code], !same, nil
}

// repeats tells whether a packet with the timestamp of the press, but a newer number,
// belongs to it. What makes it a new press is another key, a marker after the end, or
// a duration that falls: it grows within a press, and an end keeps it.
func (r *Receiver) repeats(e Event, marker bool) bool {
	switch {
	case e.Code != r.code && r.code != forgotten:
		return false
	case r.end:
		return e.Duration >= r.duration && (e.End || !marker)
	default: // an end may round its duration, and a long press may count beyond 65535
		return e.End || e.Duration >= r.duration || r.duration-e.Duration > maxLength/2
	}
}

// follow takes in the next packet of the press.
func (r *Receiver) follow(e Event, seq uint16) {
	if e.End && !r.end {
		r.duration = e.Duration
	}
	r.duration = max(r.duration, e.Duration)
	r.end = r.end || e.End
	r.seq, r.suspected = seq, false
}

// restarts tells of a packet whose number is old whether the sender has begun anew:
// it is the second such one in order.
func (r *Receiver) restarts(seq uint16) bool {
	proven := r.suspected && seq == r.restart
	r.suspected, r.restart = true, seq+1
	return proven
}

// continues tells whether an event with a later timestamp goes on with the press.
func (r *Receiver) continues(e Event, seq uint16, timestamp uint32, marker bool) bool {
	if e.Code != r.code || marker || r.end && !e.End {
		return false
	}
	gap := int32(timestamp - r.timestamp - uint32(r.duration))
	if gap <= -maxLength {
		return false
	}
	return gap < pause || !r.end && seq == r.seq+1 && gap < step
}

// Renew tells that the sender may begin its numbering anew, as after another
// offer or answer. What is still to come of the last press stays the same press.
func (r *Receiver) Renew() { r.renewed = true }

// Forget drops the key of the last press, for the end of a secure segment. Its
// packets that are still to come stay the same press.
func (r *Receiver) Forget() { r.code = forgotten }

// forgotten is an event code that is no key, so that nothing continues it.
const forgotten = 0xFF
