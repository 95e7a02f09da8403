package media

import (
	"fmt"
	"io"
	"net/netip"
	"time"
)

// An Event is a fact about a leg. The list is closed: [PlayEnded],
// [KeyPressed], [KeyTaken], [KeysHeld], [MediaLost], [WrongSource].
type Event interface{ event() }

type (
	// PlayEnded tells that what Play began is over: Whole if to its end, not if
	// by StopPlay or by another Play. It comes once for each Play, unless the
	// leg is closed before.
	PlayEnded struct {
		ID    uint64
		Whole bool
	}
	// KeyPressed tells that the peer has pressed a key, where nobody has taken the
	// keys by [Leg.Keys] or wants them otherwise by [Leg.WantKeys]. The key may be part of a secret, so it is not printed.
	KeyPressed struct{ Key byte }
	// MediaLost tells that the peer should be sending and nothing has come for
	// Options.RTPTimeout. It comes again after media has come back and gone.
	MediaLost struct{} //nolint:revive // media.Lost would not say what is lost
	// WrongSource tells that the peer's media comes from Source and not from where
	// its description says, Signalled, from where nothing comes. None of it is heard,
	// keys included. It comes once for a leg.
	WrongSource struct{ Signalled, Source netip.AddrPort }
)

// Format writes the event without its key, whatever the verb.
func (KeyPressed) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "KeyPressed(•)") // an error is for who asked to print
}

// Format writes the event without its key, whatever the verb.
func (KeyTaken) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "KeyTaken(•)") // an error is for who asked to print
}

// MarshalJSON writes the event without its key.
func (KeyTaken) MarshalJSON() ([]byte, error) { return []byte(`"KeyTaken(•)"`), nil }

// MarshalJSON writes the event without its key.
func (KeyPressed) MarshalJSON() ([]byte, error) { return []byte(`"KeyPressed(•)"`), nil }

func (PlayEnded) event()   {}
func (KeyPressed) event()  {}
func (KeyTaken) event()    {}
func (KeysHeld) event()    {}
func (MediaLost) event()   {}
func (WrongSource) event() {}

// Keys takes the keys of a leg while a secret is being entered. Key is called
// on the loop's goroutine, must not block, and gets one of '0' to '9', '*', '#',
// 'A' to 'D'. It is the only place that the key goes to.
type Keys interface {
	Key(k byte)
}

// A Tap hears the audio that a leg receives, packet by packet, for recording and
// for measuring. Heard is called on the loop's goroutine and must not block or
// keep payload. While somebody has the [Keys], it hears nothing.
type Tap interface {
	Heard(c Codec, timestamp uint32, payload []byte)
}

// An Observer counts what no call needs to know but an operator wants to. Its
// methods are called on the goroutines of loops, several at once, and must not block.
// Kind is the LegOptions.Kind of the leg.
type Observer interface {
	// LegOpened and LegClosed come once for each leg.
	LegOpened(kind string)
	LegClosed(kind string)
	// Counted gives what has been counted since the last call, about every 5 s
	// and when the leg closes. Jitter, RoundTrip and Level are those of now.
	Counted(kind string, delta Stats)
	// NoMedia comes with each [MediaLost].
	NoMedia(kind string)
}

// Stats counts what a leg has seen. Counters are packets if not said otherwise.
type Stats struct {
	Sent           uint64
	SentOctets     uint64 // of payload
	Received       uint64
	ReceivedOctets uint64        // of payload
	Lost           uint64        // that should have come, RFC 3550 appendix A.3
	Jitter         time.Duration // between arrivals, RFC 3550 appendix A.8

	RemoteLost   uint64        // of ours, as the peer reports
	RemoteJitter time.Duration // of ours, as the peer reports
	RoundTrip    time.Duration // 0 before the first report of the peer

	Refused     uint64 // ours that an ICMP message threw back
	Unsent      uint64 // ours that our own kernel did not take
	WrongSource uint64 // from elsewhere than signalled, of the fifth that is looked at while nothing comes from there
	Malformed   uint64 // no RTP, RTCP or telephone-event
	KeptAlive   uint64 // that carry nothing and only keep a way through NATs open, or comfort noise
	Unexpected  uint64 // of a payload type that was not agreed on

	// Level is the loudness of the last audio packet in dBFS, negative infinity
	// before the first.
	Level float64
}

// since returns the counters of s above those of an earlier reading.
func (s Stats) since(old *Stats) Stats {
	s.Sent -= old.Sent
	s.SentOctets -= old.SentOctets
	s.Received -= old.Received
	s.ReceivedOctets -= old.ReceivedOctets
	s.Lost -= min(s.Lost, old.Lost)
	s.RemoteLost -= min(s.RemoteLost, old.RemoteLost)
	s.Refused -= old.Refused
	s.Unsent -= old.Unsent
	s.WrongSource -= old.WrongSource
	s.Malformed -= old.Malformed
	s.KeptAlive -= old.KeptAlive
	s.Unexpected -= old.Unexpected
	return s
}
