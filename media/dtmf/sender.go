package dtmf

// The lengths of what a [Sender] sends, in samples at 8 kHz, and how often it
// repeats an end (RFC 4733 section 2.5.1.4).
const (
	pressLength = 800 // 100 ms
	pauseLength = 480 // 60 ms
	endRepeats  = 3
	loudness    = 10 // -10 dBm0
)

// A Sender plays keys as events, one step per packet interval. The zero value is
// silent. It belongs to one goroutine.
type Sender struct {
	queue string // keys to come
	code  uint8
	stage stage
	spent uint16 // samples since the press or the pause began
	ends  int
	start uint32 // RTP timestamp of the press
}

// A stage is where the sender stands within a key.
type stage uint8

const (
	silent   stage = iota // nothing to send; next: pressing
	pressing              // packets of a press; next: ending
	ending                // the repeated ends; next: pausing
	pausing               // the time after a press; next: pressing, silent
)

// Send appends keys to those that are still to be sent. What is not a key is left out.
func (s *Sender) Send(keys string) {
	for i := range len(keys) {
		if IsKey(keys[i]) {
			s.queue += keys[i : i+1]
		}
	}
}

// Busy tells whether anything is left to send.
func (s *Sender) Busy() bool { return s.stage != silent || s.queue != "" }

// Step moves on by one packet interval. If a packet is due, it writes the
// payload to p, which must hold [PayloadSize] bytes, and returns the RTP
// timestamp and marker to send it with. Otherwise ok is false: the interval
// belongs to the audio. Now is the timestamp of the interval, samples its length.
func (s *Sender) Step(p []byte, now uint32, samples uint16) (timestamp uint32, marker, ok bool) {
	switch s.stage {
	case pausing:
		if s.spent += samples; s.spent < pauseLength {
			return 0, false, false
		}
		s.stage = silent
		fallthrough
	case silent:
		if s.queue == "" {
			return 0, false, false
		}
		s.code, _ = Code(s.queue[0])
		s.queue = s.queue[1:]
		s.stage, s.spent, s.start = pressing, samples, now
		Event{Code: s.code, Volume: loudness, Duration: s.spent}.Put(p)
		return s.start, true, true
	case pressing:
		if s.spent += samples; s.spent < pressLength {
			Event{Code: s.code, Volume: loudness, Duration: s.spent}.Put(p)
			return s.start, false, true
		}
		s.stage, s.ends = ending, endRepeats
		fallthrough
	case ending:
		Event{Code: s.code, End: true, Volume: loudness, Duration: s.spent}.Put(p)
		if s.ends--; s.ends == 0 {
			s.stage, s.spent, s.code = pausing, 0, 0
		}
		return s.start, false, true
	}
	return 0, false, false
}
