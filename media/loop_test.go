package media

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"

	"cardline/media/dtmf"
	"cardline/media/g711"
	"cardline/media/rtp"
	"cardline/media/sdp"
)

// A fakeSocket keeps what is sent and where to.
type fakeSocket struct {
	sent   [][]byte
	remote netip.AddrPort
	err    error
	quiet  bool // keep nothing
	closed bool
}

func (s *fakeSocket) connect(remote netip.AddrPort) error { return s.aim(remote) }

func (s *fakeSocket) resume(remote netip.AddrPort) error { return s.aim(remote) }

func (s *fakeSocket) aim(remote netip.AddrPort) error {
	s.remote = remote
	return nil
}

func (s *fakeSocket) send(p []byte) error {
	if !s.quiet {
		s.sent = append(s.sent, bytes.Clone(p))
	}
	return s.err
}

func (s *fakeSocket) close() { s.closed = true }

// take returns the RTP packets that were sent since the last call, read by pion.
func (s *fakeSocket) take(t *testing.T) []pion.Packet {
	t.Helper()
	var packets []pion.Packet
	for _, b := range s.sent {
		var p pion.Packet
		if err := p.Unmarshal(b); err != nil {
			t.Fatalf("packet % x: got %v, want no error", b, err)
		}
		packets = append(packets, p)
	}
	s.sent = nil
	return packets
}

// A fakeWire has no network and no time.
type fakeWire struct{}

func (fakeWire) String() string                      { return "fake" }
func (fakeWire) open(netip.AddrPort) (socket, error) { return &fakeSocket{}, nil }
func (fakeWire) attach()                             {}
func (fakeWire) watch(socket, *door) error           { return nil }
func (fakeWire) collect(receiver)                    {}
func (fakeWire) wait(time.Time)                      {}
func (fakeWire) wake()                               {}
func (fakeWire) close()                              {}

// A bench is a loop whose time stands still until pass is called.
type bench struct {
	*testing.T
	*loop
	events map[*stream][]Event
}

func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	e := &Engine{options: o, cname: "test", ports: ports{taken: map[uint16]bool{}}, legs: []int{0}}
	return &bench{T: t, loop: newLoop(e, 0, fakeWire{}), events: map[*stream][]Event{}}
}

// pass lets time go by and the loop wake once, as late as that.
func (b *bench) pass(d time.Duration) {
	b.now += d
	b.turn()
}

var signalled = netip.MustParseAddrPort("192.0.2.9:5000")

// open adds a stream that has agreed with its peer on codec, and on 101 for events.
func (b *bench) open(codec Codec) *stream {
	s := newStream(b.loop, 4000, &fakeSocket{}, &fakeSocket{})
	s.sink = func(ev Event) { b.events[s] = append(b.events[s], ev) }
	addStream{s}.apply(b.loop)
	setPath{s, path(codec), netip.Addr{}}.apply(b.loop)
	return s
}

func path(codec Codec) sdp.Path {
	p := sdp.Path{
		Remote: signalled, RemoteRTCP: netip.AddrPortFrom(signalled.Addr(), signalled.Port()+1),
		Codec: codec, SendType: 8, Events: true, SendEvents: 101, Ptime: 20 * time.Millisecond,
	}
	if codec == PCMU {
		p.SendType = 0
	}
	p.Receive[0], p.Receive[8], p.Receive[101] = sdp.AudioU, sdp.AudioA, sdp.TelephoneEvent
	return p
}

// out returns the RTP socket of a stream.
func out(s *stream) *fakeSocket { return s.rtp.socket.(*fakeSocket) }

// give lets an RTP packet arrive at s.
func (b *bench) give(s *stream, p pion.Packet) {
	b.Helper()
	p.Version = 2
	raw, err := p.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.arrived(&s.rtp, raw, netip.AddrPort{})
}

// audio is 20 ms of the peer of a stream, in A-law.
func audio(n int) pion.Packet {
	return pion.Packet{
		Header:  pion.Header{PayloadType: 8, SequenceNumber: uint16(n), Timestamp: uint32(n) * 160, SSRC: 77},
		Payload: bytes.Repeat([]byte{byte(n)}, 160),
	}
}

// key is a packet of a press of code, begun at the time of packet first.
func key(n, first int, code uint8) pion.Packet {
	p := audio(n)
	p.PayloadType, p.Timestamp, p.Marker = 101, uint32(first)*160, n == first
	p.Payload = make([]byte, dtmf.PayloadSize)
	dtmf.Event{Code: code, Duration: uint16(n-first+1) * 160}.Put(p.Payload)
	return p
}

// continuous checks that packets are one source without a gap.
func continuous(t *testing.T, packets []pion.Packet) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		a, b := packets[i-1], packets[i]
		if b.SequenceNumber != a.SequenceNumber+1 || b.SSRC != a.SSRC || b.PayloadType == a.PayloadType && int32(b.Timestamp-a.Timestamp) <= 0 {
			t.Fatalf("packet %d: got %d of %d at %d after %d of %d at %d, want the next of the same source", i,
				b.SequenceNumber, b.SSRC, b.Timestamp, a.SequenceNumber, a.SSRC, a.Timestamp)
		}
	}
}

// A quiet leg sends neither sound, nor keys, nor reports, whatever is asked of
// it, until it may speak.
func TestAQuietLegSendsNothing(t *testing.T) {
	for name, begin := range map[string]func(*bench, *stream){
		"silence": func(*bench, *stream) {},
		"a clip":  func(_ *bench, s *stream) { s.start(player{active: true, clips: []Clip{make(Clip, 8000)}, loop: true}) },
		"keys":    func(_ *bench, s *stream) { s.sender.Send("123") },
		"a peer": func(b *bench, s *stream) {
			other := b.open(PCMA)
			bridge{s, other}.apply(b.loop)
			for n := range 50 {
				b.give(other, audio(n))
			}
		},
	} {
		b := newBench(t, Options{})
		s := b.open(PCMA)
		s.quiet = true
		begin(b, s)
		for range 32 {
			b.pass(time.Second)
		}
		reports := s.rtcp.socket.(*fakeSocket)
		if n := len(out(s).sent) + len(reports.sent); n > 0 {
			t.Errorf("%s: got %d packets, want none", name, n)
		}
		speak{s}.apply(b.loop)
		for range 6 {
			b.pass(time.Second)
		}
		if sound := name != "a peer"; sound && len(out(s).sent) == 0 || len(reports.sent) == 0 {
			t.Errorf("%s: got %d packets and %d reports once it may speak, want some of both", name, len(out(s).sent), len(reports.sent))
		}
	}
}

func TestALateTickSendsAllThatItMissed(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	b.pass(20 * time.Millisecond)
	out(s).take(t)
	b.pass(200 * time.Millisecond)
	packets := out(s).take(t)
	if len(packets) != 10 {
		t.Fatalf("got %d packets, want 10", len(packets))
	}
	continuous(t, packets)
	for i, p := range packets[1:] {
		if p.Timestamp-packets[i].Timestamp != 160 {
			t.Errorf("packet %d: got %d samples after the one before, want 160", i+1, p.Timestamp-packets[i].Timestamp)
		}
	}
}

func TestAStoppedLoopDoesNotBurst(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	b.start = b.start.Add(-10 * time.Second)
	b.look()
	b.turn()
	if got := len(out(s).take(t)); got > 1 {
		t.Errorf("got %d packets at once, want no more than one", got)
	}
}

func TestStreamsAreSpreadOverTheWheel(t *testing.T) {
	b := newBench(t, Options{})
	for range 2 * slots {
		b.open(PCMA)
	}
	for i, slot := range b.wheel {
		if len(slot) != 4 {
			t.Errorf("slot %d: got %d streams, want 4", i, len(slot))
		}
	}
}

func TestPacketTimes(t *testing.T) {
	for _, ms := range []int{10, 20, 30, 40, 60} {
		b := newBench(t, Options{})
		s := b.open(PCMA)
		p := path(PCMA)
		p.Ptime = time.Duration(ms) * time.Millisecond
		setPath{s, p, netip.Addr{}}.apply(b.loop)
		for range 1200 {
			b.pass(time.Millisecond)
		}
		packets := out(s).take(t)
		if got, want := len(packets), 1200/ms; got < want || got > want+1 {
			t.Errorf("%d ms: got %d packets in 1.2 s, want %d", ms, got, want)
		}
		continuous(t, packets)
		for i, p := range packets {
			if len(p.Payload) != 8*ms || i > 0 && p.Timestamp-packets[i-1].Timestamp != uint32(8*ms) {
				t.Fatalf("%d ms, packet %d: got %d bytes, want %d each that long after the last", ms, i, len(p.Payload), 8*ms)
			}
		}
	}
}

func TestTerseLegsSendNoSilence(t *testing.T) {
	b := newBench(t, Options{Terse: true})
	s, peer := b.open(PCMA), b.open(PCMA)
	b.pass(time.Second)
	if got := len(out(s).take(t)); got != 0 {
		t.Errorf("got %d packets while there was nothing to hear, want none", got)
	}
	for range 2 {
		play{s, player{active: true, id: 1, clips: []Clip{bytes.Repeat([]byte{1}, 320)}}}.apply(b.loop)
		b.pass(200 * time.Millisecond)
		packets := out(s).take(t)
		if len(packets) != 2 || !packets[0].Marker || packets[1].Marker {
			t.Fatalf("got %d packets of a clip of 40 ms, want two of which the first is marked", len(packets))
		}
		continuous(t, packets)
	}
	bridge{s, peer}.apply(b.loop)
	b.give(peer, audio(1))
	b.pass(time.Second)
	if got := len(out(s).take(t)); got != 1 {
		t.Errorf("got %d packets, want the one that the bridged peer has sent", got)
	}
}

func TestClipsArePlayedWholeAndInOrder(t *testing.T) {
	for _, codec := range []Codec{PCMA, PCMU} {
		b := newBench(t, Options{})
		s := b.open(codec)
		clips := []Clip{bytes.Repeat([]byte{1}, 100), {}, bytes.Repeat([]byte{2}, 170), bytes.Repeat([]byte{3}, 50)}
		play{s, player{active: true, id: 7, clips: clips}}.apply(b.loop)
		b.pass(100 * time.Millisecond)
		var got []byte
		for _, p := range out(s).take(t) {
			got = append(got, p.Payload...)
		}
		want := append(bytes.Join([][]byte{clips[0], clips[2], clips[3]}, nil), bytes.Repeat([]byte{0xD5}, 160)...)
		if codec == PCMU {
			want = convert(want)
		}
		if !bytes.Equal(got[:480], want) {
			t.Errorf("%v: got % x, want the clips and silence", codec, got[:480])
		}
		if ev := b.events[s]; !slices.Equal(ev, []Event{PlayEnded{ID: 7, Whole: true}}) {
			t.Errorf("%v: got %v, want one whole end of 7", codec, ev)
		}
	}
}

func convert(alaw []byte) []byte {
	p := bytes.Clone(alaw)
	g711.ToULaw(p)
	return p
}

func TestTheEndOfAClipComesWithItsLastFrame(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	play{s, player{active: true, id: 1, clips: []Clip{make(Clip, 320), {}}}}.apply(b.loop)
	b.pass(15 * time.Millisecond)
	if len(b.events[s]) != 0 {
		t.Fatal("after one frame of two: got an end, want none")
	}
	b.pass(20 * time.Millisecond)
	if len(b.events[s]) != 1 {
		t.Errorf("after both frames: got %v, want the end", b.events[s])
	}
}

func TestEveryPlayEndsOnce(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	music := player{active: true, id: 1, clips: []Clip{make(Clip, 100)}, loop: true}
	play{s, music}.apply(b.loop)
	b.pass(time.Second) // music has no end of its own
	music.id = 2
	play{s, music}.apply(b.loop)
	play{s, player{}}.apply(b.loop)
	play{s, player{}}.apply(b.loop) // nothing plays any more
	play{s, player{active: true, id: 3, loop: true, clips: []Clip{{}, nil}}}.apply(b.loop)
	b.pass(time.Second)
	want := []Event{PlayEnded{ID: 1}, PlayEnded{ID: 2}, PlayEnded{ID: 3, Whole: true}}
	if got := b.events[s]; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPlayWaitsForTheFirstAgreement(t *testing.T) {
	b := newBench(t, Options{})
	s := newStream(b.loop, 4000, &fakeSocket{}, &fakeSocket{})
	addStream{s}.apply(b.loop)
	play{s, player{active: true, id: 1, clips: []Clip{bytes.Repeat([]byte{9}, 160)}}}.apply(b.loop)
	b.pass(time.Second)
	if got := len(out(s).take(t)); got != 0 {
		t.Errorf("before: got %d packets, want 0", got)
	}
	setPath{s, path(PCMA), netip.Addr{}}.apply(b.loop)
	b.pass(20 * time.Millisecond)
	if got := out(s).take(t); len(got) != 1 || got[0].Payload[0] != 9 || !got[0].Marker {
		t.Errorf("after: got %v, want the clip with a marker", got)
	}
}

func TestAHeldLegPlaysOnUnheard(t *testing.T) {
	b := newBench(t, Options{RTPTimeout: time.Second})
	s := b.open(PCMA)
	p := path(PCMA)
	p.Direction, p.Held = sdp.RecvOnly, true
	setPath{s, p, netip.Addr{}}.apply(b.loop)
	play{s, player{active: true, id: 1, clips: []Clip{make(Clip, 160)}}}.apply(b.loop)
	b.pass(5 * time.Second)
	if got := len(out(s).take(t)); got != 0 {
		t.Errorf("got %d packets, want 0", got)
	}
	if got := b.events[s]; !slices.Equal(got, []Event{PlayEnded{ID: 1, Whole: true}}) {
		t.Errorf("got %v, want the end and no timeout", got)
	}
}

func TestAClosedPathStillEndsWhatPlays(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	setPath{s, sdp.Path{}, netip.Addr{}}.apply(b.loop) // a re-offer with port 0
	play{s, player{active: true, id: 1, clips: []Clip{make(Clip, 160)}}}.apply(b.loop)
	b.pass(100 * time.Millisecond)
	if got := b.events[s]; len(out(s).take(t)) != 0 || !slices.Equal(got, []Event{PlayEnded{ID: 1, Whole: true}}) {
		t.Errorf("got %v, want the end and no packet", got)
	}
}

func TestABridgeCarriesBothWaysAndConverts(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMU)
	bridge{x, y}.apply(b.loop)
	for n := range 5 {
		b.give(x, audio(n))
		b.give(y, audio(n)) // A-law from y's peer as well: both were agreed on
	}
	toY, toX := out(y).take(t), out(x).take(t)
	if len(toY) != 5 || len(toX) != 5 {
		t.Fatalf("got %d and %d packets, want 5 and 5", len(toY), len(toX))
	}
	continuous(t, toY)
	for n := range 5 {
		if want := convert(audio(n).Payload); toY[n].PayloadType != 0 || !bytes.Equal(toY[n].Payload, want) {
			t.Errorf("packet %d to y: got type %d and % x, want 0 and µ-law", n, toY[n].PayloadType, toY[n].Payload[:4])
		}
		if toX[n].PayloadType != 8 || !bytes.Equal(toX[n].Payload, audio(n).Payload) {
			t.Errorf("packet %d to x: got type %d and % x, want it unchanged", n, toX[n].PayloadType, toX[n].Payload[:4])
		}
		if toY[n].Marker != (n == 0) || toY[n].SSRC == 77 {
			t.Errorf("packet %d: got marker %t of source %d, want it on the first, of our own source", n, toY[n].Marker, toY[n].SSRC)
		}
	}
}

func TestABridgeKeepsLossAndOrder(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	bridge{x, y}.apply(b.loop)
	for _, n := range []int{65533, 65534, 65537, 65536, 65540} {
		b.give(x, audio(n))
	}
	var got []int
	packets := out(y).take(t)
	for _, p := range packets {
		got = append(got, int(int16(p.SequenceNumber-packets[0].SequenceNumber)))
	}
	if want := []int{0, 1, 4, 3, 7}; !slices.Equal(got, want) {
		t.Errorf("got distances %v, want %v", got, want)
	}
}

func TestKeysAreReportedAndNotBridged(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	bridge{x, y}.apply(b.loop)
	b.give(x, audio(1))
	b.give(x, audio(2))
	for n := 3; n < 8; n++ {
		b.give(x, key(n, 3, 5))
	}
	b.give(x, audio(8))
	b.give(x, audio(9))
	packets := out(y).take(t)
	if len(packets) != 4 {
		t.Fatalf("got %d packets, want 4 of audio", len(packets))
	}
	continuous(t, packets) // nobody can see that there was a key
	if got := b.events[x]; !slices.Equal(got, []Event{KeyPressed{'5'}}) || len(b.events[y]) != 0 {
		t.Errorf("got %v and %v, want 5 from x only", got, b.events[y])
	}
}

func TestKeysMayHaveASourceOfTheirOwn(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	for n := range 20 {
		b.give(s, audio(n))
		p := key(n, n-n%10, 5)
		p.SSRC = 78
		b.give(s, p)
	}
	if got := b.events[s]; !slices.Equal(got, []Event{KeyPressed{'5'}, KeyPressed{'5'}}) {
		t.Errorf("got %v, want 5 twice", got)
	}
}

func TestKeysOfAnotherSourceLeaveTheBridgeAlone(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	bridge{x, y}.apply(b.loop)
	for n := range 20 {
		b.give(x, audio(n))
		if n == 5 {
			p := key(50, 50, 5) // its numbers run ahead of those of the audio
			p.SSRC = 78
			b.give(x, p)
		}
	}
	packets := out(y).take(t)
	if len(packets) != 20 {
		t.Fatalf("got %d packets of audio, want 20", len(packets))
	}
	continuous(t, packets)
}

// A phone may send each press in RTP and by signalling, in either order:
// github.com/meetecho/janus-gateway/pull/453.
func TestAKeyByBothWaysCountsOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		acts string // r: a press in RTP, i: by signalling, .: 300 ms, p: another path, n: one without events
		want int
	}{
		{"RTP first", "ri.ri.ri", 3},
		{"signalling first", "ir.ir.ir", 3},
		{"two at once, signalling first", "iirr.ir", 3},
		{"signalling late", "r.i.r.i", 2},
		{"signalling alone", "i.i.i", 3},
		{"RTP alone", "r.r.r", 3},
		{"first by one way, then by the other", "i..r.r", 3},
		{"the device is another one", "ri.p.i.i", 3},
		{"the device takes no events any more", "ri.n.i", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Options{})
			s := b.open(PCMA)
			n := 0
			for _, act := range c.acts {
				switch act {
				case 'r':
					n += 50
					for i := range 3 {
						b.give(s, key(n+i, n, 5))
					}
				case 'i':
					(&press{s, '5'}).apply(b.loop)
				case '.':
					b.pass(300 * time.Millisecond)
				case 'p', 'n':
					p := path(PCMA)
					if p.Events = act == 'p'; p.Events {
						p.Remote = netip.AddrPortFrom(p.Remote.Addr(), 7000)
					}
					setPath{s, p, netip.Addr{}}.apply(b.loop)
				}
			}
			if got := len(b.events[s]); got != c.want {
				t.Errorf("got %d keys, want %d", got, c.want)
			}
		})
	}
}

func TestAnotherPathMayNumberAnew(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	b.give(s, key(60, 60, 1))
	setPath{s, path(PCMA), netip.Addr{}}.apply(b.loop)
	b.give(s, key(61, 60, 1)) // of the same press
	b.give(s, key(9, 9, 2))
	if got := b.events[s]; !slices.Equal(got, []Event{KeyPressed{'1'}, KeyPressed{'2'}}) {
		t.Errorf("got %d keys, want both once", len(got))
	}
}

func TestAKeyIsNeverPrinted(t *testing.T) {
	ev := KeyPressed{'7'}
	coded, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(ev), fmt.Sprintf("%d %+v %#v %s", ev, ev, ev, ev), fmt.Sprintf("%v", Event(ev)), string(coded)} {
		if strings.ContainsAny(s, "5735") { // '7' is 55 or 0x37
			t.Errorf("got %q, want no key in it", s)
		}
	}
}

func TestALatecomerNeverTakesANumberTwice(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	bridge{x, y}.apply(b.loop)
	for seed := range uint64(200) {
		dice := rand.New(rand.NewPCG(seed, 2))
		var packets []pion.Packet
		for n := range 100 {
			if n%20 > 14 {
				packets = append(packets, key(n, n-n%20+15, 1))
			} else {
				packets = append(packets, audio(n))
			}
		}
		for i := range packets {
			j := min(len(packets)-1, i+dice.IntN(4))
			packets[i], packets[j] = packets[j], packets[i]
		}
		for _, p := range packets {
			b.give(x, p)
		}
		seen := map[uint16]bool{}
		for _, p := range out(y).take(t) {
			if seen[p.SequenceNumber] {
				t.Fatalf("seed %d: got number %d twice", seed, p.SequenceNumber)
			}
			seen[p.SequenceNumber] = true
		}
		setPath{x, path(PCMA), netip.Addr{}}.apply(b.loop)
		bridge{x, y}.apply(b.loop)
		y.outgoing.relaying = false
	}
}

func TestALongBridgeNeverTakesPacketsForLate(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	bridge{x, y}.apply(b.loop)
	out(y).quiet = true
	const n = 140000 // 47 minutes, twice round the numbers
	for i := range n {
		b.give(x, audio(i))
	}
	if got := y.counts.Sent; got != n {
		t.Errorf("got %d packets, want %d", got, n)
	}
}

func TestAPeerThatBeginsAnewStaysAudible(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	bridge{x, y}.apply(b.loop)
	for _, n := range []int{20000, 20001, 5, 6, 40000, 40001} {
		b.pass(20 * time.Millisecond)
		b.give(x, audio(n))
	}
	packets := out(y).take(t)
	if len(packets) != 6 {
		t.Fatalf("got %d packets, want 6", len(packets))
	}
	continuous(t, packets)
}

func TestMusicAndBridgeAreOneSource(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	var all []pion.Packet
	for round := range 3 {
		play{y, player{active: true, id: 1, loop: true, clips: []Clip{make(Clip, 100)}}}.apply(b.loop)
		bridge{x, y}.apply(b.loop)
		b.give(x, audio(round*100)) // not heard over the music
		b.pass(100 * time.Millisecond)
		play{y, player{}}.apply(b.loop)
		for n := range 5 {
			b.pass(20 * time.Millisecond)
			b.give(x, audio(round*100+1+n))
		}
		bridge{x, nil}.apply(b.loop)
		b.pass(60 * time.Millisecond)
		all = append(all, out(y).take(t)...)
	}
	continuous(t, all)
	if got := len(all); got != 3*(5+5+3) {
		t.Errorf("got %d packets, want %d", got, 3*(5+5+3))
	}
}

func TestANewBridgeEndsTheOldOne(t *testing.T) {
	b := newBench(t, Options{})
	x, y, z := b.open(PCMA), b.open(PCMA), b.open(PCMA)
	bridge{x, y}.apply(b.loop)
	bridge{x, z}.apply(b.loop)
	b.give(y, audio(1))
	b.give(x, audio(1))
	if len(out(x).sent) != 0 || len(out(y).sent) != 0 || len(out(z).sent) != 1 {
		t.Errorf("got %d, %d, %d packets to x, y, z, want 0, 0, 1", len(out(x).sent), len(out(y).sent), len(out(z).sent))
	}
	b.remove(z)
	b.give(x, audio(2))
	if x.peer != nil {
		t.Error("got a bridge to a closed leg, want none")
	}
}

// A vault is a secure segment.
type vault struct{ keys []byte }

func (v *vault) Key(k byte) { v.keys = append(v.keys, k) }

// An ear is a tap.
type ear struct{ heard int }

func (e *ear) Heard(Codec, uint32, []byte) { e.heard++ }

func TestSecureKeysGoNowhereElse(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	bridge{x, y}.apply(b.loop)
	var v vault
	var tap ear
	setTap{x, &tap}.apply(b.loop)
	setKeys{x, &v}.apply(b.loop)
	b.give(x, audio(1)) // in which the key may be heard as a tone
	raw, err := func() ([]byte, error) { p := key(2, 2, 5); p.Version = 2; return p.Marshal() }()
	if err != nil {
		t.Fatal(err)
	}
	b.arrived(&x.rtp, raw, netip.AddrPort{})
	z := b.open(PCMA) // a phone that signals its keys
	setKeys{z, &v}.apply(b.loop)
	p := &press{z, '6'}
	p.apply(b.loop)
	if string(v.keys) != "56" {
		t.Errorf("the segment got %d keys, want 5 and 6", len(v.keys))
	}
	if len(b.events[x])+len(b.events[z]) != 0 || len(out(y).sent) != 0 || tap.heard != 0 || x.heardLen != 0 {
		t.Errorf("got %d events, %d packets to the peer, %d to the tap, %d bytes kept, want none",
			len(b.events[x]), len(out(y).sent), tap.heard, x.heardLen)
	}
	if !bytes.Equal(raw[12:], make([]byte, 4)) || p.key != 0 {
		t.Error("the key is still in memory")
	}
	b.give(y, audio(1))
	if len(out(x).sent) != 1 {
		t.Error("the peer is not heard during the segment, want it to be")
	}
	b.pass(100 * time.Millisecond)
	if got := len(out(y).take(t)); got != 5 {
		t.Errorf("got %d packets of silence to the peer in 100 ms, want 5", got)
	}
	setKeys{x, nil}.apply(b.loop)
	b.give(x, key(3, 2, 5)) // the rest of the press
	b.give(x, audio(4))
	b.give(x, key(5, 5, 7))
	if got := b.events[x]; !slices.Equal(got, []Event{KeyPressed{'7'}}) || len(out(y).sent) != 1 || tap.heard != 1 {
		t.Errorf("after the segment: got %d events, %d packets, %d to the tap, want one each", len(got), len(out(y).sent), tap.heard)
	}
}

func TestWhatIsNoKeyIsIgnored(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	for _, k := range []byte{0, 'x', ' ', 0xFF} {
		(&press{s, k}).apply(b.loop)
	}
	if got := b.events[s]; len(got) != 0 {
		t.Errorf("got %d events, want none", len(got))
	}
}

func TestSentKeysAreHeardByAReceiver(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	sendKeys{x, "19*#"}.apply(b.loop)
	b.pass(1500 * time.Millisecond)
	packets := out(x).take(t)
	for i := 1; i < len(packets); i++ {
		if packets[i].SequenceNumber != packets[i-1].SequenceNumber+1 {
			t.Fatal("the numbers of keys and audio have gaps")
		}
	}
	for _, p := range packets {
		b.give(y, p)
	}
	want := []Event{KeyPressed{'1'}, KeyPressed{'9'}, KeyPressed{'*'}, KeyPressed{'#'}}
	if got := b.events[y]; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if y.incoming.Lost() != 0 || y.incoming.Jitter() > 8*170 {
		t.Errorf("got %d lost, want 0", y.incoming.Lost())
	}
}

func TestRTPTimeout(t *testing.T) {
	quiet := func(direction sdp.Direction, held bool) *sdp.Path {
		p := path(PCMA)
		p.Direction, p.Held = direction, held
		return &p
	}
	for _, c := range []struct {
		name string
		path *sdp.Path // nil: talking
		want int
	}{
		{"talking", nil, 1},
		{"held", quiet(sdp.RecvOnly, true), 0},
		{"inactive", quiet(sdp.Inactive, true), 0},
		{"the peer only listens", quiet(sdp.SendOnly, false), 0},
		{"ended", &sdp.Path{}, 0},
	} {
		b := newBench(t, Options{RTPTimeout: time.Second})
		s := b.open(PCMA)
		if c.path != nil {
			setPath{s, *c.path, netip.Addr{}}.apply(b.loop)
		}
		b.pass(990 * time.Millisecond)
		if got := len(b.events[s]); got != 0 {
			t.Errorf("%s: got %d events before the time, want 0", c.name, got)
		}
		b.pass(5 * time.Second)
		if got := len(b.events[s]); got != c.want {
			t.Errorf("%s: got %d events, want %d", c.name, got, c.want)
		}
	}
}

func TestRTPTimeoutIsCountedAnew(t *testing.T) {
	b := newBench(t, Options{RTPTimeout: time.Second})
	s := b.open(PCMA)
	report, err := (&rtcp.ReceiverReport{SSRC: 1}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // RTCP alone is life
		b.pass(900 * time.Millisecond)
		b.arrived(&s.rtcp, report, netip.AddrPort{})
	}
	if got := len(b.events[s]); got != 0 {
		t.Fatalf("with reports: got %d events, want 0", got)
	}
	b.pass(2 * time.Second)
	b.give(s, audio(1))
	b.pass(2 * time.Second)
	held := path(PCMA)
	held.Direction, held.Held = sdp.RecvOnly, true
	setPath{s, held, netip.Addr{}}.apply(b.loop)
	b.pass(10 * time.Second)
	setPath{s, path(PCMA), netip.Addr{}}.apply(b.loop)
	b.pass(990 * time.Millisecond)
	if got := len(b.events[s]); got != 2 {
		t.Errorf("lost twice: got %d events, want 2; a hold counts for nothing", got)
	}
}

// A peer that sends comfort noise only, or what was never agreed on, lives:
// github.com/sipwise/rtpengine/issues/999, RFC 6263 section 4.6.
func TestWhatWasNotAgreedOnIsLife(t *testing.T) {
	for _, payloadType := range []uint8{rtp.ComfortNoise, 19, 96, 127} {
		b := newBench(t, Options{RTPTimeout: time.Second})
		x, y := b.open(PCMA), b.open(PCMA)
		bridge{x, y}.apply(b.loop)
		b.give(x, audio(0))
		for n := range 10 {
			b.pass(300 * time.Millisecond)
			p := audio(1 + n)
			p.PayloadType = payloadType
			b.give(x, p)
		}
		b.give(x, audio(11))
		if got := b.events[x]; len(got) != 0 {
			t.Errorf("payload type %d: got %v, want none", payloadType, got)
		}
		if got := x.stats(); got.Lost != 0 || got.Received != 12 || got.Unexpected+got.KeptAlive != 10 {
			t.Errorf("payload type %d: got %+v, want 12 packets, none of them lost, 10 of them not agreed on", payloadType, got)
		}
		continuous(t, out(y).take(t)) // nobody can see that there was something else
	}
}

// What only keeps a way open is life as well, but not of a peer that is still looked for.
func TestKeepAliveIsLife(t *testing.T) {
	b := newBench(t, Options{RTPTimeout: time.Second})
	s, latching := b.open(PCMA), b.open(PCMA)
	home := netip.MustParseAddr("198.51.100.7")
	setPath{latching, path(PCMA), home}.apply(b.loop)
	for range 5 {
		b.pass(600 * time.Millisecond)
		b.arrived(&s.rtp, []byte{}, netip.AddrPort{})
		b.arrived(&latching.rtp, []byte{}, netip.AddrPortFrom(home, 9))
	}
	if len(b.events[s]) != 0 || len(b.events[latching]) != 1 {
		t.Errorf("got %v and %v, want none and one loss", b.events[s], b.events[latching])
	}
}

// Nothing from one side of a bridge is still something to the other.
func TestAQuietBridgeKeepsItsWayOpen(t *testing.T) {
	b := newBench(t, Options{RTPTimeout: time.Hour})
	x, y := b.open(PCMA), b.open(PCMA)
	bridge{x, y}.apply(b.loop)
	b.give(x, audio(0))
	for range 65 * 50 {
		b.pass(20 * time.Millisecond)
	}
	packets := out(y).take(t)
	if len(packets) != 1+4 {
		t.Fatalf("got %d packets in 65 s, want one of the peer and one of silence every 15 s", len(packets))
	}
	continuous(t, packets)
}

// A phone that sends from elsewhere than it says has dead keys and is cut: it is looked
// for as soon as nothing comes, and told of once.
// Compare github.com/baresip/baresip/issues/3720.
func TestMediaFromElsewhere(t *testing.T) {
	b := newBench(t, Options{RTPTimeout: time.Minute})
	s := b.open(PCMA)
	lan, stranger := netip.MustParseAddrPort("198.51.100.7:5000"), netip.MustParseAddrPort("203.0.113.7:9")
	n := 0
	give := func(from netip.AddrPort, payloadType uint8) {
		n++
		p := audio(n)
		p.PayloadType, p.Version = payloadType, 2
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		b.arrived(&s.rtp, raw, from)
		if from.IsValid() && slices.Max(raw) != 0 {
			t.Error("a packet that may be a key stays in the buffer")
		}
	}
	for range 100 { // all is well, and latecomers of another socket are no matter
		b.pass(20 * time.Millisecond)
		give(netip.AddrPort{}, 8)
		if s.rtp.looking {
			t.Fatal("the socket is open for all while media comes")
		}
	}
	give(lan, 8)
	give(lan, 8)
	looks := 0
	for range 100 {
		b.pass(20 * time.Millisecond)
		if s.rtp.looking {
			looks++
			give(stranger, 99) // not what was agreed on
			give(lan, 8)
			give(lan, 101)
		}
	}
	want := WrongSource{Signalled: signalled, Source: lan}
	if got := b.events[s]; !slices.Equal(got, []Event{want}) {
		t.Fatalf("got %v, want %v once", got, want)
	}
	if looks != 10 || s.counts.WrongSource != 2+3*10 {
		t.Errorf("looked in %d of 100 frames and counted %d, want 10 and 32", looks, s.counts.WrongSource)
	}
	b.pass(20 * time.Millisecond)
	give(netip.AddrPort{}, 8) // it is back
	b.pass(20 * time.Millisecond)
	if s.rtp.looking || s.incoming.Received != 101 {
		t.Errorf("looking %t, %d heard; want the right source heard and nobody else looked for", s.rtp.looking, s.incoming.Received)
	}
}

func TestReports(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	control := s.rtcp.socket.(*fakeSocket)
	for _, n := range []int{10, 11, 14, 15} {
		b.give(s, audio(n))
	}
	b.pass(5100 * time.Millisecond)
	if len(control.sent) != 1 {
		t.Fatalf("got %d reports in 5.1 s, want 1", len(control.sent))
	}
	packets, err := rtcp.Unmarshal(control.sent[0])
	if err != nil {
		t.Fatal(err)
	}
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok || len(sr.Reports) != 1 {
		t.Fatalf("got %v, want a sender report with a block", packets[0])
	}
	sent := out(s).take(t)
	if sr.SSRC != sent[0].SSRC || int(sr.PacketCount) > len(sent) || int(sr.PacketCount) < len(sent)-7 || sr.OctetCount != sr.PacketCount*160 {
		t.Errorf("got %d packets of %d bytes, want about %d of 160", sr.PacketCount, sr.OctetCount, len(sent))
	}
	if got := sr.Reports[0]; got.SSRC != 77 || got.TotalLost != 2 || got.LastSequenceNumber != 15 || got.FractionLost != 2*256/6 {
		t.Errorf("got %+v, want 2 of 6 lost from source 77 up to 15", got)
	}
	if _, ok := packets[1].(*rtcp.SourceDescription); !ok {
		t.Errorf("got %T, want a source description", packets[1])
	}

	// Held, nothing is sent: a receiver report.
	held := path(PCMA)
	held.Direction, held.Held = sdp.RecvOnly, true
	setPath{s, held, netip.Addr{}}.apply(b.loop)
	control.sent = nil
	b.pass(10 * time.Second)
	if packets, err = rtcp.Unmarshal(control.sent[len(control.sent)-1]); err != nil {
		t.Fatal(err)
	}
	if _, ok := packets[0].(*rtcp.ReceiverReport); !ok || len(control.sent) != 2 {
		t.Errorf("held: got %T and %d reports in 10 s, want a receiver report and 2", packets[0], len(control.sent))
	}
}

func TestReportsOfThePeer(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	now := ntp(time.Now())
	raw, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{
		SSRC: 77, NTPTime: now,
		Reports: []rtcp.ReceptionReport{
			{SSRC: 1, TotalLost: 99},
			{SSRC: s.outgoing.ssrc, TotalLost: 4, Jitter: 80, LastSenderReport: middle(now) - 1<<15, Delay: 1 << 14},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.arrived(&s.rtcp, raw, netip.AddrPort{})
	got := s.stats()
	if got.RemoteLost != 4 || got.RemoteJitter != 10*time.Millisecond || got.RoundTrip < 240*time.Millisecond || got.RoundTrip > time.Second {
		t.Errorf("got lost %d, jitter %v, round trip %v, want 4, 10ms, 250ms", got.RemoteLost, got.RemoteJitter, got.RoundTrip)
	}
	b.give(s, audio(1))
	if block, ok := s.reception(); !ok || block.LastSenderReport != middle(now) {
		t.Errorf("got %+v, want the peer's sender report named", block)
	}
}

func TestReportsShareThePortWithMux(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	p := path(PCMA)
	p.Mux = true
	setPath{s, p, netip.Addr{}}.apply(b.loop)
	raw, err := (&rtcp.SenderReport{SSRC: 77, NTPTime: 1 << 40}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b.arrived(&s.rtp, raw, netip.AddrPort{})
	if s.reports.heard == 0 || s.counts.Malformed+s.counts.Unexpected != 0 {
		t.Errorf("got %+v, want the report heard", s.counts)
	}
	b.pass(5100 * time.Millisecond)
	reports := 0
	for _, p := range out(s).sent {
		if rtp.IsRTCP(p) {
			reports++
		}
	}
	if reports != 1 || len(s.rtcp.socket.(*fakeSocket).sent) != 0 {
		t.Errorf("got %d reports on the RTP port, want 1 and none beside", reports)
	}
}

func TestLatching(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	home, stranger := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("198.51.100.8")
	at := func(a netip.Addr, port uint16, n int, payloadType uint8) {
		p := audio(n)
		p.PayloadType, p.Version = payloadType, 2
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		b.arrived(&s.rtp, raw, netip.AddrPortFrom(a, port))
	}
	setPath{s, path(PCMA), home}.apply(b.loop)
	at(stranger, 1000, 1, 8) // another address
	at(home, 2000, 2, 18)    // another payload type
	if s.counts.WrongSource != 1 || s.counts.Unexpected != 1 || s.incoming.Received != 0 || out(s).remote != signalled {
		t.Fatalf("got %+v to %v, want one of each refused and nothing moved", s.counts, out(s).remote)
	}
	at(home, 3000, 3, 8)
	at(home, 4000, 4, 8) // too late
	at(signalled.Addr(), signalled.Port(), 5, 8)
	if want := netip.AddrPortFrom(home, 3000); out(s).remote != want || s.incoming.Received != 1 || s.counts.WrongSource != 3 {
		t.Fatalf("got %v, %d heard, %d refused, want %v, 1, 3", out(s).remote, s.incoming.Received, s.counts.WrongSource, want)
	}
	setPath{s, path(PCMA), home}.apply(b.loop) // a re-INVITE opens the door once more
	if want := netip.AddrPortFrom(home, 3000); out(s).remote != want {
		t.Errorf("until then: got %v, want still %v", out(s).remote, want)
	}
	at(home, 4000, 6, 101)
	at(home, 3000, 7, 8)
	if want := netip.AddrPortFrom(home, 4000); out(s).remote != want || s.counts.WrongSource != 4 {
		t.Errorf("got %v and %d refused, want %v and 4", out(s).remote, s.counts.WrongSource, want)
	}
}

// A softphone on this machine signals from an address of the local network, and sends
// its media from loopback.
func TestLatchingOnThisMachine(t *testing.T) {
	for _, c := range []struct {
		bind string
		want bool
	}{{"127.0.0.1", true}, {"192.0.2.1", false}} {
		b := newBench(t, Options{Bind: netip.MustParseAddr(c.bind)})
		s := b.open(PCMA)
		setPath{s, path(PCMA), netip.MustParseAddr("192.0.2.2")}.apply(b.loop)
		if got := s.rtp.admits(netip.MustParseAddrPort("127.0.0.1:5000")); got != c.want {
			t.Errorf("bound to %s: got in %t, want %t", c.bind, got, c.want)
		}
	}
}

func TestReportsLatchToo(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	home := netip.MustParseAddr("198.51.100.7")
	setPath{s, path(PCMA), home}.apply(b.loop)
	report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 77}})
	if err != nil {
		t.Fatal(err)
	}
	b.arrived(&s.rtcp, []byte("garbage"), netip.AddrPortFrom(home, 2001))
	b.arrived(&s.rtcp, report, netip.AddrPortFrom(home, 3001))
	b.arrived(&s.rtcp, report, netip.AddrPortFrom(home, 4001)) // too late
	socket := s.rtcp.socket.(*fakeSocket)
	if want := netip.AddrPortFrom(home, 3001); socket.remote != want || s.counts.WrongSource != 1 || s.counts.Malformed != 1 {
		t.Errorf("got reports to %v, %d refused, %d malformed, want %v, 1, 1", socket.remote, s.counts.WrongSource, s.counts.Malformed, want)
	}
}

func TestTheSignalledAddressNeedsNoLatch(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	setPath{s, path(PCMA), netip.MustParseAddr("198.51.100.7")}.apply(b.loop)
	p := audio(1)
	p.Version = 2
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b.arrived(&s.rtp, raw, signalled)
	if out(s).remote != signalled || s.rtp.latch.IsValid() {
		t.Errorf("got %v, latching %t, want %v and not", out(s).remote, s.rtp.latch.IsValid(), signalled)
	}
}

func TestAMovedPeer(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	p := path(PCMA)
	p.Remote = netip.MustParseAddrPort("192.0.2.77:6000")
	setPath{s, p, netip.Addr{}}.apply(b.loop)
	b.arrived(&s.rtp, []byte("hello"), signalled)
	if out(s).remote != p.Remote || s.counts.WrongSource != 1 {
		t.Errorf("got %v and %d refused, want %v and the old one refused", out(s).remote, s.counts.WrongSource, p.Remote)
	}
}

func TestSendErrorsAreCountedAndEndNothing(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	out(s).err = errThrown
	b.pass(100 * time.Millisecond)
	b.thrown(&s.rtp)
	out(s).err = fmt.Errorf("no buffer space")
	b.pass(100 * time.Millisecond)
	if got := s.counts; got.Refused != 7 || got.Unsent != 5 || got.Sent != 0 || s.closed || len(b.events[s]) != 0 {
		t.Errorf("got %+v, want 7 refused (six frames and a message), 5 unsent, and the leg up", got)
	}
}

func TestAClosedStreamDoesNothing(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMA)
	b.remove(x)
	b.remove(x)
	reply := make(chan Stats, 2)
	for _, c := range []command{
		setPath{x, path(PCMA), netip.Addr{}},
		play{x, player{active: true, id: 1}},
		bridge{x, y},
		bridge{y, x},
		setKeys{x, &vault{}},
		setTap{x, &ear{}},
		&press{x, '1'},
		sendKeys{x, "1"},
		readStats{x, reply},
		closeStream{x, reply},
	} {
		c.apply(b.loop)
	}
	b.give(x, audio(1))
	b.pass(time.Second)
	if len(b.events[x]) != 0 || len(out(x).sent) != 0 || y.peer != nil || !out(x).closed || b.streams != 1 || len(reply) != 2 {
		t.Errorf("got %d events, %d packets, %d streams, %d replies, want 0, 0, 1, 2", len(b.events[x]), len(out(x).sent), b.streams, len(reply))
	}
}

// A counter sums what an Observer is told.
type counter struct {
	sum     Stats
	noMedia int
	opened  int
	closed  int
}

func (c *counter) LegOpened(string) { c.opened++ }
func (c *counter) LegClosed(string) { c.closed++ }
func (c *counter) NoMedia(string)   { c.noMedia++ }
func (c *counter) Counted(_ string, d Stats) {
	c.sum.Received += d.Received
	c.sum.Sent += d.Sent
	c.sum.Lost += d.Lost
	c.sum.Malformed += d.Malformed
}

func TestTheObserversSumIsTheTotal(t *testing.T) {
	var c counter
	b := newBench(t, Options{Observer: &c, RTPTimeout: 7 * time.Second})
	s := b.open(PCMA)
	for n := range 1000 {
		b.pass(20 * time.Millisecond)
		if n%10 != 5 && n < 600 {
			b.give(s, audio(n))
		}
		if n%100 == 0 {
			b.arrived(&s.rtp, []byte("garbage"), netip.AddrPort{})
		}
	}
	b.remove(s)
	want := s.stats()
	if c.sum.Received != want.Received || c.sum.Sent != want.Sent || c.sum.Lost != want.Lost || c.sum.Malformed != want.Malformed ||
		want.Received != 540 || want.Lost != 60 || want.Malformed != 10 || c.noMedia != 1 || c.opened != 1 || c.closed != 1 {
		t.Errorf("got sum %+v, want %+v; no media %d times, want 1", c.sum, want, c.noMedia)
	}
}

func TestGarbageIsCountedAndSurvived(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMU)
	bridge{x, y}.apply(b.loop)
	dice := rand.New(rand.NewPCG(3, 3))
	for range 20000 {
		p := make([]byte, dice.IntN(200))
		for i := range p {
			p[i] = byte(dice.Uint32())
		}
		if len(p) > 1 && dice.IntN(2) == 0 {
			p[0], p[1] = 0x80|p[0]&0x3F, []byte{8, 0, 101, 200, 201, 202}[dice.IntN(6)]
		}
		b.arrived([]*door{&x.rtp, &x.rtcp}[dice.IntN(2)], p, netip.AddrPort{})
	}
	b.arrived(&x.rtp, nil, netip.AddrPort{}) // one that was too long
	if x.counts.Malformed == 0 || x.counts.Unexpected == 0 {
		t.Errorf("got %+v, want malformed and unexpected ones", x.counts)
	}
	out(y).take(t) // what was relayed is RTP
}

func TestLevelIsThatOfTheLastPacket(t *testing.T) {
	b := newBench(t, Options{})
	s := b.open(PCMA)
	if got := s.stats().Level; got > -1000 {
		t.Errorf("nothing heard: got %v dBFS, want -Inf", got)
	}
	loud := audio(1)
	loud.Payload = bytes.Repeat([]byte{0xAA, 0x2A}, 80)
	b.give(s, loud)
	if got := s.stats().Level; got < -0.5 {
		t.Errorf("full scale: got %v dBFS, want 0", got)
	}
}

// All that happens per packet, both ways, with conversion, on one bench.
func TestPacketsAllocateNothing(t *testing.T) {
	b := newBench(t, Options{})
	x, y := b.open(PCMA), b.open(PCMU)
	bridge{x, y}.apply(b.loop)
	z := b.open(PCMU)
	play{z, player{active: true, id: 1, loop: true, clips: []Clip{make(Clip, 1000)}}}.apply(b.loop)
	for _, s := range []*stream{x, y, z} {
		out(s).quiet = true
	}
	v := &vault{keys: make([]byte, 0, 1<<16)}
	setKeys{z, v}.apply(b.loop)
	p := audio(0)
	p.Version = 2
	sound, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 1500)
	n := 0
	// Not past 5 s: a report is built for each leg then, outside the packet's way.
	if allocs := testing.AllocsPerRun(100, func() {
		n++
		b.pass(20 * time.Millisecond)
		for _, s := range []*stream{x, y} {
			copy(raw, sound)
			raw[3] = byte(n)
			b.arrived(&s.rtp, raw[:len(sound)], netip.AddrPort{})
		}
		raw[1], raw[7] = 101, byte(n)
		b.arrived(&z.rtp, raw[:16], netip.AddrPort{})
		b.arrived(&z.rtp, raw[:7], netip.AddrPort{})
	}); allocs != 0 {
		t.Errorf("got %v allocations per round, want 0", allocs)
	}
	if x.counts.Sent < 100 || y.counts.Sent < 100 || z.counts.Sent < 100 {
		t.Errorf("got %d, %d, %d packets sent, want a hundred each", x.counts.Sent, y.counts.Sent, z.counts.Sent)
	}
}
