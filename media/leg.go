package media

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"

	"cardline/media/sdp"
)

// A Leg is the media of one dialog. Its methods may be called from any
// goroutine. Stats and Close wait for the loop, a millisecond or so; the others
// do not block. What is asked of a closed leg is ignored.
type Leg struct {
	stream *stream // the loop's side of the leg

	mu       sync.Mutex // guards the rest
	latch    netip.Addr
	party    *sdp.Party
	accepted []byte // the answer to our last offer; nil if there is none yet
	held     bool
	events   bool // the peer takes telephone-events
}

// Answer takes the offer of an INVITE or re-INVITE and returns our answer. The
// error is a [*sdp.ParseError] (a signalling answer of 400), [ErrNoCodec],
// [ErrElsewhere] or [ErrUnknownHost] (488); then all stays as it was.
func (l *Leg) Answer(offer []byte) (answer []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	answer, path, err := l.party.Answer(offer)
	if err != nil {
		return nil, err
	}
	l.accepted = nil
	l.agree(path)
	return answer, nil
}

// Offer returns our offer: for a call that we make, for an INVITE without an
// offer, or for a re-INVITE. Until Accept, media goes on as before.
func (l *Leg) Offer() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = nil
	return l.party.Offer()
}

// Accept takes the answer to our offer. The same one may come twice, as in a 183
// and the 200 after it; then it opens no door a second time. The errors are those of Answer and [sdp.ErrNoOffer].
func (l *Leg) Accept(answer []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accepted != nil && bytes.Equal(answer, l.accepted) {
		return nil
	}
	path, err := l.party.Accept(answer)
	if err != nil {
		return err
	}
	l.accepted = bytes.Clone(answer)
	l.agree(path)
	return nil
}

func (l *Leg) agree(path sdp.Path) {
	l.held, l.events = path.Held, path.Events
	l.stream.loop.post(setPath{l.stream, path, l.latch})
}

// Latch sets LegOptions.Latch for the answers and offers to come: of a peer whom we
// call, the address of the signalling is known with its answer.
func (l *Leg) Latch(address netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.latch = address.Unmap()
}

// Speak lets a leg send that was opened [LegOptions.Quiet]: the ACK has come.
func (l *Leg) Speak() { l.stream.loop.post(speak{l.stream}) }

// Held tells whether the peer has put us on hold: its last description said
// sendonly, inactive, or 0.0.0.0.
func (l *Leg) Held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// Play plays clips one after the other, over and over with loop, in place of
// what plays now. The end comes as a [PlayEnded] with id. A leg that has agreed on
// nothing yet plays as soon as it has; one on hold plays on unheard. While
// something plays, a bridged peer is not heard.
func (l *Leg) Play(id uint64, clips []Clip, loop bool) {
	l.stream.loop.post(play{l.stream, player{active: true, id: id, clips: slices.Clone(clips), loop: loop}})
}

// StopPlay ends what plays, if anything does.
func (l *Leg) StopPlay() {
	l.stream.loop.post(play{l.stream, player{}})
}

// Bridge lets two legs hear each other, whatever their codecs, and ends what
// bridges they had. Keys stay with the leg that they came from. It returns
// [ErrFarLegs] if peer was not opened near this leg.
func (l *Leg) Bridge(peer *Leg) error {
	if l == peer || l.stream.loop != peer.stream.loop {
		return ErrFarLegs
	}
	l.stream.loop.post(bridge{l.stream, peer.stream})
	return nil
}

// Unbridge ends the bridge of this leg, if it has one.
func (l *Leg) Unbridge() {
	l.stream.loop.post(bridge{l.stream, nil})
}

// Keys gives the keys of this leg to k, and to nobody else, until Keys(nil)
// makes them [KeyPressed] events again. While somebody has the keys, nothing
// that this leg sends reaches its bridged peer or its [Tap], since keys may also
// be heard as tones.
func (l *Leg) Keys(k Keys) {
	l.stream.loop.post(setKeys{l.stream, k})
}

// WantKeys says what is to become of the keys of this leg while nobody has taken them
// by Keys. Until it is called, each is a [KeyPressed]. Whoever takes the keys by Keys,
// or gives them back, zeroes those that are held.
func (l *Leg) WantKeys(w KeyWish) {
	l.stream.loop.post(wantKeys{l.stream, w})
}

// PressKey takes a key that came by signalling, as in SIP INFO, the same way as
// one that came in RTP. What is not a key is ignored.
func (l *Leg) PressKey(key byte) {
	l.stream.loop.post(&press{l.stream, key})
}

// SendKeys presses keys at the peer, 100 ms each with 60 ms between, after those
// that are still being sent. Other characters are left out. It returns
// [ErrNoEvents] if the peer takes none.
func (l *Leg) SendKeys(keys string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.events {
		return ErrNoEvents
	}
	l.stream.loop.post(sendKeys{l.stream, keys})
	return nil
}

// Listen lets t hear what this leg receives, nobody if t is nil.
func (l *Leg) Listen(t Tap) {
	l.stream.loop.post(setTap{l.stream, t})
}

// Stats returns what the leg has counted so far, or in all once it is closed.
func (l *Leg) Stats() Stats {
	return l.ask(func(reply chan<- Stats) command { return readStats{l.stream, reply} })
}

// Close ends the leg, gives its ports back, and returns what it has counted.
// No event comes after it has returned. A second Close changes nothing.
func (l *Leg) Close() Stats {
	return l.ask(func(reply chan<- Stats) command { return closeStream{l.stream, reply} })
}

// ask posts a command and waits for its reply, or for the end of the loop,
// which leaves the last figures behind.
func (l *Leg) ask(c func(reply chan<- Stats) command) Stats {
	reply := make(chan Stats, 1)
	loop := l.stream.loop
	if loop.post(c(reply)) {
		select {
		case s := <-reply:
			return s
		case <-loop.done:
		}
	}
	<-loop.done
	return l.stream.stats()
}
