package dtmf

// A Receiver turns the events of one RTP source into keys, each reported once.
// The zero value is ready. It belongs to one goroutine.
//
// A press is a run of packets with one RTP timestamp; the first of them that
// arrives reports the key, whichever it is, and all others are the same press.
// So a press survives the loss of any of its packets but the last one left, a
// repeated end is nothing new, and a lost end delays nothing. Three kinds of
// packets carry a new timestamp and are still the same press:
//
//   - a latecomer of an earlier press: its sequence number and its timestamp are
//     old. Either alone may wrap: the audio of eleven minutes makes the number of
//     a new press look old;
//   - the next segment of a press longer than 65535 samples (RFC 4733 section 2.5.1.3);
//   - a packet of a sender that moves the timestamp within a press: it follows
//     without an end, without a marker, and without a pause.
type Receiver struct {
	pressed   bool // any event was seen
	code      uint8
	end       bool
	duration  uint16
	seq       uint16
	timestamp uint32
}

// pause is the shortest time between two presses of one key, in samples at
// 8 kHz: 30 ms, below the 40 ms that ITU-T Q.24 asks of a telephone.
const pause = 240

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
	if r.pressed && timestamp == r.timestamp {
		r.duration = max(r.duration, e.Duration)
		r.end = r.end || e.End
		if int16(seq-r.seq) > 0 {
			r.seq = seq
		}
		return 0, false, nil
	}
	if r.pressed && int16(seq-r.seq) <= 0 && int32(timestamp-r.timestamp) < 0 {
		return 0, false, nil // a latecomer
	}
	same := r.pressed && r.continues(e.Code, timestamp, marker)
	*r = Receiver{pressed: true, code: e.Code, end: e.End, duration: e.Duration, seq: seq, timestamp: timestamp}
	if same {
		return 0, false, nil
	}
	return keys[e.Code], true, nil
}

// continues tells whether an event with a later timestamp goes on with the press.
func (r *Receiver) continues(code uint8, timestamp uint32, marker bool) bool {
	if code != r.code || r.end || marker {
		return false
	}
	gap := int32(timestamp - r.timestamp - uint32(r.duration))
	return gap < pause && gap > -maxLength
}

// Forget drops the key of the last press, for the end of a secure segment. Its
// packets that are still to come stay the same press.
func (r *Receiver) Forget() { r.code = forgotten }

// forgotten is an event code that is no key, so that nothing continues it.
const forgotten = 0xFF
