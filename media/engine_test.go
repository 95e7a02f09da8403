package media

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"go.uber.org/goleak"

	"cardline/media/dtmf"
	"cardline/media/g711"
	"cardline/media/rtp"
	"cardline/media/sdp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onEachWire runs the conformance suite's part f with the wire of this system
// and with the portable one.
func onEachWire(t *testing.T, f func(t *testing.T, o Options)) {
	t.Parallel()
	for _, o := range []Options{{}, {Portable: true}} {
		name := "native"
		if o.Portable {
			name = "portable"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, o)
		})
	}
}

// lastPort keeps the ranges of the engines of parallel tests apart.
var lastPort atomic.Uint32

func engine(t testing.TB, o Options) *Engine {
	t.Helper()
	if o.PortMin == 0 {
		n := uint16(lastPort.Add(1))
		o.PortMin = 21000 + n*200
		o.PortMax = o.PortMin + 199
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// A phone is a leg with what it has heard.
type phone struct {
	*Leg
	events chan Event
	mu     sync.Mutex
	sound  []int16
}

func ring(t testing.TB, e *Engine, o LegOptions) *phone {
	t.Helper()
	p := &phone{events: make(chan Event, 100)}
	o.Sink = func(ev Event) { p.events <- ev }
	leg, err := e.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Leg = leg
	leg.Listen(p)
	return p
}

func (p *phone) Heard(c Codec, _ uint32, payload []byte) {
	pcm := make([]int16, len(payload))
	if c == PCMU {
		g711.DecodeULaw(pcm, payload)
	} else {
		g711.DecodeALaw(pcm, payload)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sound = append(p.sound, pcm...)
}

// connect lets caller offer and callee answer.
func connect(t testing.TB, caller, callee *phone) {
	t.Helper()
	answer, err := callee.Answer(caller.Offer())
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
}

// next returns the next event, or fails.
func (p *phone) next(t testing.TB) Event {
	t.Helper()
	select {
	case ev := <-p.events:
		return ev
	case <-time.After(hung):
		t.Fatalf("got no event in %v, want one", hung)
		return nil
	}
}

// hung is how long nothing takes, however busy the machine is.
const hung = time.Minute

// eventually polls until f holds.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hung); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", hung, what)
		}
	}
}

// tone is a second of a sine at 0.3 of full scale: -13.5 dBFS. Whole hertz repeat without a seam.
func tone(hertz float64) Clip {
	pcm := make([]int16, 8000)
	for i := range pcm {
		pcm[i] = int16(0.3 * 32767 * math.Sin(2*math.Pi*hertz*float64(i)/8000))
	}
	clip := make(Clip, len(pcm))
	g711.EncodeALaw(clip, pcm)
	return clip
}

// share returns how much of the energy of x lies at a frequency, and its level
// in dBFS, by Goertzel.
func share(x []int16, hertz float64) (part, level float64) {
	w := 2 * math.Cos(2*math.Pi*hertz/8000)
	var s1, s2, e float64
	for _, sample := range x {
		v := float64(sample) / 32768
		s1, s2 = v+w*s1-s2, s1
		e += v * v
	}
	n := float64(len(x))
	return 2 * (s1*s1 + s2*s2 - w*s1*s2) / (n * e), 10 * math.Log10(e/n)
}

// hears waits for half a second of sound that is nothing but the tone.
func (p *phone) hears(t testing.TB, hertz float64) {
	t.Helper()
	const window = 4000
	var part, level float64
	p.mu.Lock()
	p.sound = nil
	p.mu.Unlock()
	eventually(t, "a clear tone", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.sound) < window {
			return false
		}
		part, level = share(p.sound[len(p.sound)-window:], hertz)
		return part > 0.95 && math.Abs(level+13.5) < 1
	})
}

func TestTonesFromEndToEnd(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		a := ring(t, engine(t, o), LegOptions{})
		b := ring(t, engine(t, o), LegOptions{Codecs: []Codec{PCMU}})
		connect(t, a, b)
		a.Play(1, []Clip{tone(440)}, true)
		b.Play(1, []Clip{tone(1000)}, true)
		a.hears(t, 1000)
		b.hears(t, 440)
		b.Play(2, []Clip{tone(700)}, true)
		if ev := b.next(t); ev != (PlayEnded{ID: 1}) {
			t.Errorf("got %v, want the end of 1", ev)
		}
		a.hears(t, 700)
		got := a.Stats()
		if got.Malformed+got.Unexpected+got.WrongSource != 0 || math.Abs(got.Level+13.5) > 1 {
			t.Errorf("got %+v, want nothing strange and -13.5 dBFS", got)
		}
	})
}

// Two phones of one engine talk through the bridge of another, which converts.
func TestBridgeBetweenTwoPhones(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		phones, house := engine(t, o), engine(t, o)
		caller := ring(t, phones, LegOptions{Codecs: []Codec{PCMA}})
		agent := ring(t, phones, LegOptions{Codecs: []Codec{PCMU}})
		in := ring(t, house, LegOptions{Kind: "trunk"})
		out := ring(t, house, LegOptions{Kind: "agent", Near: in.Leg})
		connect(t, caller, in)
		connect(t, out, agent)
		caller.Play(1, []Clip{tone(440)}, true)
		agent.Play(1, []Clip{tone(1000)}, true)
		in.Play(2, []Clip{tone(600)}, true) // music while waiting
		caller.hears(t, 600)
		if err := in.Bridge(out.Leg); err != nil {
			t.Fatal(err)
		}
		in.StopPlay()
		caller.hears(t, 1000)
		agent.hears(t, 440)
		if err := caller.SendKeys("5"); err != nil {
			t.Fatal(err)
		}
		in.next(t) // the end of the music
		if ev := in.next(t); ev != (KeyPressed{'5'}) {
			t.Errorf("got %v, want the 5", ev)
		}
		in.Unbridge()
		in.Play(3, []Clip{tone(600)}, true)
		caller.hears(t, 600)
		if len(agent.events) != 0 {
			t.Errorf("agent: got %v, want no event", <-agent.events)
		}
	})
}

// A lossy network between two ports: it drops and swaps packets, seeded.
func lossy(t *testing.T, to netip.AddrPort) (at netip.AddrPort) {
	t.Helper()
	in := socketOf(t)
	remote := net.UDPAddrFromAddrPort(to)
	var done sync.WaitGroup
	t.Cleanup(done.Wait)
	t.Cleanup(func() { _ = in.Close() })
	done.Go(func() {
		dice := rand.New(rand.NewPCG(4, 4))
		buffer, held := make([]byte, 1500), []byte(nil)
		for {
			n, from, err := in.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if from == to { // the way back leads nowhere
				continue
			}
			switch dice.IntN(10) {
			case 0, 1, 2: // lost
			case 3: // held back until after the next
				held = slices.Clone(buffer[:n])
			default:
				if _, err := in.WriteToUDP(buffer[:n], remote); err != nil {
					return
				}
				if held != nil {
					if _, err := in.WriteToUDP(held, remote); err != nil {
						return
					}
					held = nil
				}
			}
		}
	})
	return in.LocalAddr().(*net.UDPAddr).AddrPort()
}

// socketOf is a socket of a peer that does as the test wants.
func socketOf(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// describe is a description of a stream at a port of 127.0.0.1.
func describe(port uint16, more ...string) []byte {
	s := sdp.Session{Origin: sdp.Origin{User: "-", ID: "1", Version: "1", Host: "127.0.0.1"}, Name: "-", Media: []sdp.Media{{
		Kind: "audio", Port: port, Proto: "RTP/AVP", Formats: []string{"8", "101"}, Address: netip.MustParseAddr("127.0.0.1"),
		Payloads: []sdp.Payload{{Number: 8, Name: "PCMA", Clock: 8000}, {Number: 101, Name: "telephone-event", Clock: 8000}},
	}}}
	b := s.Marshal()
	for _, line := range more {
		b = append(b, line+"\r\n"...)
	}
	return b
}

// sparePorts returns the first, an even one, of n ports in a row that nobody
// has. They are of a range that neither the other tests of the house nor the
// kernel hand out.
func sparePorts(t testing.TB, n int) (first uint16) {
	t.Helper()
	const least, most = 12000, 19000
	for range 1000 {
		first = least + 2*uint16(rand.IntN((most-least)/2))
		var taken []*net.UDPConn
		for i := range n {
			if c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(first) + i}); err == nil {
				taken = append(taken, c)
			}
		}
		for _, c := range taken {
			_ = c.Close()
		}
		if len(taken) == n {
			return first
		}
	}
	t.Fatalf("no %d ports in a row are free", n)
	return 0
}

func portOf(c *net.UDPConn) uint16 { return c.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

func addressOf(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// where returns the address that our description names.
func where(t testing.TB, description []byte) netip.AddrPort {
	t.Helper()
	s, err := sdp.Parse(description)
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(s.Media[0].Address, s.Media[0].Port)
}

func TestKeysSurviveLossAndReordering(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		a, b := ring(t, engine(t, o), LegOptions{}), ring(t, engine(t, o), LegOptions{Latch: netip.MustParseAddr("127.0.0.1")})
		answer, err := b.Answer(a.Offer())
		if err != nil {
			t.Fatal(err)
		}
		// a sends to the lossy port; b latches to what comes out of it.
		bad := lossy(t, where(t, answer))
		if err := a.Accept(describe(bad.Port())); err != nil {
			t.Fatal(err)
		}
		const keys = "4929001234567890#*"
		if err := a.SendKeys(keys); err != nil {
			t.Fatal(err)
		}
		got := ""
		for len(got) < len(keys) {
			if k, ok := b.next(t).(KeyPressed); ok {
				got += string(k.Key)
			}
		}
		if got != keys {
			t.Errorf("got %q, want %q", got, keys)
		}
		if lost := b.Stats().Lost; lost == 0 {
			t.Error("got no loss, want some: the test would show nothing")
		}
	})
}

func TestSecureKeysOverTheWire(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		a, b := ring(t, engine(t, o), LegOptions{}), ring(t, engine(t, o), LegOptions{})
		connect(t, a, b)
		v := make(channelVault, 10)
		b.Keys(v)
		if err := a.SendKeys("12"); err != nil {
			t.Fatal(err)
		}
		a.Keys(v)
		a.PressKey('3') // which a phone signals that sends none in RTP
		got := map[byte]bool{<-v: true, <-v: true, <-v: true}
		if !got['1'] || !got['2'] || !got['3'] || len(b.events) != 0 {
			t.Errorf("got %d different keys and %d events, want 3 and 0", len(got), len(b.events))
		}
	})
}

type channelVault chan byte

func (v channelVault) Key(k byte) { v <- k }

func TestStrangersAreNeverHeard(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		leg := ring(t, engine(t, o), LegOptions{})
		peer, stranger := socketOf(t), socketOf(t)
		to := net.UDPAddrFromAddrPort(where(t, leg.Offer()))
		p := audio(1)
		p.Version = 2
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		// Before anybody is signalled, while, and after.
		for i := range 60 {
			if i == 20 {
				if err := leg.Accept(describe(portOf(peer))); err != nil {
					t.Fatal(err)
				}
			}
			_, _ = stranger.WriteToUDP(raw, to) // the kernel may say that nobody listens
			time.Sleep(time.Millisecond)
		}
		if got := leg.Stats(); got.Received != 0 || got.WrongSource == 0 {
			t.Errorf("got %d heard and %d refused, want 0 and some", got.Received, got.WrongSource)
		}
	})
}

func TestAPhoneThatSendsFromElsewhereIsFound(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		leg := ring(t, engine(t, o), LegOptions{})
		right, wrong := socketOf(t), socketOf(t)
		to := net.UDPAddrFromAddrPort(where(t, leg.Offer()))
		if err := leg.Accept(describe(portOf(right))); err != nil {
			t.Fatal(err)
		}
		say := func(c *net.UDPConn, n int) {
			p := audio(n)
			p.Version = 2
			raw, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.WriteToUDP(raw, to) // the kernel may say that nobody listens
		}
		n := 0
		eventually(t, "it is told", func() bool { n++; say(wrong, n); return len(leg.events) > 0 })
		want := WrongSource{Signalled: addressOf(right), Source: addressOf(wrong)}
		if got := leg.next(t); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := leg.Stats(); got.Received != 0 || got.WrongSource < 2 {
			t.Errorf("got %d heard and %d refused, want 0 and some", got.Received, got.WrongSource)
		}
		eventually(t, "the right one is heard", func() bool { n++; say(right, n); return leg.Stats().Received > 10 })
	})
}

func TestAPhoneBehindNATLatchesOnce(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		leg := ring(t, engine(t, o), LegOptions{Latch: netip.MustParseAddr("127.0.0.1")})
		first, second := socketOf(t), socketOf(t)
		to := net.UDPAddrFromAddrPort(where(t, leg.Offer()))
		answer := describe(9, "c=IN IP4 192.168.7.7") // what the phone believes of itself
		if err := leg.Accept(answer); err != nil {
			t.Fatal(err)
		}
		say := func(c *net.UDPConn, n int) {
			p := audio(n)
			p.Version = 2
			raw, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.WriteToUDP(raw, to) // refused once the port is connected to the other
		}
		heard := func(c *net.UDPConn) bool {
			if err := c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			_, err := c.Read(make([]byte, 1500))
			return err == nil
		}
		eventually(t, "the first is latched", func() bool { say(first, 1); return heard(first) })
		if err := leg.Accept(answer); err != nil { // the same in the 200
			t.Fatal(err)
		}
		leg.Stats()
		say(second, 2)
		if heard(second) {
			t.Fatal("the second was latched too, want only the first")
		}
		leg.Offer()
		if err := leg.Accept(answer); err != nil { // a re-INVITE
			t.Fatal(err)
		}
		eventually(t, "the second after a re-INVITE", func() bool { say(second, 3); return heard(second) })
	})
}

func TestAReofferMovesTheStream(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		e := engine(t, o)
		a, b, c := ring(t, e, LegOptions{}), ring(t, e, LegOptions{}), ring(t, e, LegOptions{})
		connect(t, a, b)
		a.Play(1, []Clip{tone(440)}, true)
		b.hears(t, 440)
		connect(t, a, c)
		c.Play(1, []Clip{tone(1000)}, true)
		c.hears(t, 440)
		a.hears(t, 1000)
	})
}

func TestAClosedPeerIsCountedAndEndsNothing(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		if o.Portable {
			return // package net does not pass the messages on: see netSocket
		}
		if runtime.GOOS != "linux" {
			return
		}
		leg := ring(t, engine(t, o), LegOptions{})
		port := sparePorts(t, 1)
		leg.Offer()
		if err := leg.Accept(describe(port)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "refusals are counted", func() bool { return leg.Stats().Refused > 3 })
		if len(leg.events) != 0 {
			t.Errorf("got %v, want no event", <-leg.events)
		}
		back, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = back.Close() }()
		if err := back.SetReadDeadline(time.Now().Add(hung)); err != nil {
			t.Fatal(err)
		}
		if _, err := back.Read(make([]byte, 1500)); err != nil {
			t.Errorf("the peer is back: got %v, want to hear it", err)
		}
	})
}

func TestSilentPeerIsReported(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		o.RTPTimeout = 200 * time.Millisecond
		leg := ring(t, engine(t, o), LegOptions{})
		peer := socketOf(t)
		if _, err := leg.Answer(describe(portOf(peer))); err != nil {
			t.Fatal(err)
		}
		if ev := leg.next(t); ev != (MediaLost{}) {
			t.Errorf("got %v, want MediaLost", ev)
		}
		if _, err := leg.Answer(describe(portOf(peer), "a=sendonly")); err != nil || !leg.Held() {
			t.Fatalf("got %v, held %t, want held", err, leg.Held())
		}
		time.Sleep(400 * time.Millisecond)
		if len(leg.events) != 0 {
			t.Error("got an event on hold, want none")
		}
	})
}

func TestReportsCross(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		e := engine(t, o)
		ours, err := (&rtcp.SenderReport{SSRC: 7, NTPTime: 1 << 40}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		plain, control, muxed := socketOf(t), socketOf(t), socketOf(t)
		for _, c := range []struct {
			description []byte
			peer        *net.UDPConn
			above       uint16 // RTP, the port of reports is
		}{
			{describe(portOf(plain), "a=rtcp:"+strconv.Itoa(int(portOf(control)))), control, 1},
			{describe(portOf(muxed), "a=rtcp-mux"), muxed, 0},
		} {
			leg := ring(t, e, LegOptions{})
			answer, err := leg.Answer(c.description)
			if err != nil {
				t.Fatal(err)
			}
			leg.Stats() // the answer is in force
			to := where(t, answer)
			to = netip.AddrPortFrom(to.Addr(), to.Port()+c.above)
			if _, err := c.peer.WriteToUDPAddrPort(ours, to); err != nil {
				t.Fatal(err)
			}
			defer func() { exchanged(t, leg, c.peer, to) }()
		}
	})
}

// exchanged waits for a report from a leg, and makes sure that it has heard that of the peer.
func exchanged(t *testing.T, leg *phone, peer *net.UDPConn, from netip.AddrPort) {
	t.Helper()
	if err := peer.SetReadDeadline(time.Now().Add(hung)); err != nil {
		t.Fatal(err)
	}
	for buffer := make([]byte, rtp.MaxPacket); ; {
		n, source, err := peer.ReadFromUDPAddrPort(buffer)
		if err != nil {
			t.Fatalf("got %v, want a report", err)
		}
		if !rtp.IsRTCP(buffer[:n]) {
			continue // audio on the same port
		}
		packets, err := rtcp.Unmarshal(buffer[:n])
		if err != nil || source != from {
			t.Fatalf("got %v from %v, want a report from %v", err, source, from)
		}
		if _, ok := packets[0].(*rtcp.SenderReport); !ok {
			t.Errorf("got %T, want a sender report", packets[0])
		}
		break
	}
	// After Close, the loop has let go of the stream.
	if got := leg.Close(); got.Malformed+got.Unexpected != 0 || leg.stream.reports.heard != 1<<24 {
		t.Errorf("got %+v, want our report heard and nothing strange", got)
	}
}

func TestGarbageOverTheWire(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		leg, peer := ring(t, engine(t, o), LegOptions{}), socketOf(t)
		answer, err := leg.Answer(describe(portOf(peer)))
		if err != nil {
			t.Fatal(err)
		}
		to := where(t, answer)
		leg.Stats()                                                                        // the answer is in force: what came before it would not count
		binding := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...) // as linphone sends it
		for _, p := range [][]byte{{}, binding, {0x80}, make([]byte, 12), make([]byte, 1500), make([]byte, 9000), {0x80, 101, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5}} {
			if _, err := peer.WriteToUDPAddrPort(p, to); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "garbage is counted", func() bool { return leg.Stats().Malformed == 5 && leg.Stats().KeptAlive == 2 })
		p := pion.Packet{Header: pion.Header{Version: 2, PayloadType: 101, SequenceNumber: 9, SSRC: 1}, Payload: make([]byte, dtmf.PayloadSize)}
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := peer.WriteToUDPAddrPort(raw, to); err != nil {
			t.Fatal(err)
		}
		if ev := leg.next(t); ev != (KeyPressed{'0'}) {
			t.Errorf("got %v, want the 0 after all that", ev)
		}
	})
}

func TestPortsRunOutAndComeBack(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		base := sparePorts(t, 6)
		o.PortMin, o.PortMax = base, base+5
		e := engine(t, o)
		taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(base) + 3})
		if err != nil {
			t.Fatal(err)
		}
		a, b := ring(t, e, LegOptions{}), ring(t, e, LegOptions{})
		for _, p := range []*phone{a, b} {
			if port := where(t, p.Offer()).Port(); port%2 != 0 || port == base+2 {
				t.Errorf("got port %d, want an even one whose next is free", port)
			}
		}
		if _, err := e.Open(LegOptions{}); !errors.Is(err, ErrNoPort) {
			t.Fatalf("got %v, want %v", err, ErrNoPort)
		}
		_ = taken.Close()
		c := ring(t, e, LegOptions{})
		a.Close()
		d := ring(t, e, LegOptions{})
		connect(t, c, d)
		c.Play(1, []Clip{tone(440)}, true)
		d.hears(t, 440)
	})
}

func TestClosingIsFinal(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		e := engine(t, o)
		a, b := ring(t, e, LegOptions{}), ring(t, e, LegOptions{Near: nil})
		connect(t, a, b)
		a.Play(1, []Clip{tone(440)}, true)
		b.hears(t, 440)
		if got, again := a.Close(), a.Close(); got.Sent < 20 || got != again {
			t.Errorf("got %+v and then %+v, want the same with some packets", got, again)
		}
		a.Play(2, []Clip{tone(440)}, false)
		a.Keys(nil)
		a.PressKey('1')
		e.Close()
		if got := b.Close(); got.Received < 20 {
			t.Errorf("after the engine: got %+v, want what was counted", got)
		}
		if _, err := e.Open(LegOptions{}); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
		if len(a.events) != 0 {
			t.Errorf("got %v after Close, want nothing", <-a.events)
		}
		e.Close()
	})
}

func TestCommandsFromManyGoroutines(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		o.Loops = 2
		e := engine(t, o)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				a := ring(t, e, LegOptions{})
				b := ring(t, e, LegOptions{Near: a.Leg})
				connect(t, a, b)
				for range 5 {
					a.Play(1, []Clip{tone(440)}, true)
					if err := a.Bridge(b.Leg); err != nil {
						t.Error(err)
					}
					b.Stats()
					a.StopPlay()
					a.Unbridge()
				}
				b.Close()
				a.Close()
			})
		}
		all.Wait()
	})
}

func TestFarLegsAreNotBridged(t *testing.T) {
	e := engine(t, Options{Loops: 2})
	a, b := ring(t, e, LegOptions{}), ring(t, e, LegOptions{})
	near, other := ring(t, e, LegOptions{Near: a.Leg}), ring(t, engine(t, Options{}), LegOptions{})
	for _, peer := range []*phone{a, b, other} {
		if err := a.Bridge(peer.Leg); !errors.Is(err, ErrFarLegs) {
			t.Errorf("got %v, want %v", err, ErrFarLegs)
		}
	}
	if err := a.Bridge(near.Leg); err != nil {
		t.Errorf("near: got %v, want no error", err)
	}
	if _, err := e.Open(LegOptions{Near: other.Leg}); !errors.Is(err, ErrFarLegs) {
		t.Errorf("near a leg of another engine: got %v, want %v", err, ErrFarLegs)
	}
}

func TestKeysNeedAPeerThatTakesThem(t *testing.T) {
	leg := ring(t, engine(t, Options{}), LegOptions{})
	if err := leg.SendKeys("1"); !errors.Is(err, ErrNoEvents) {
		t.Errorf("got %v, want %v", err, ErrNoEvents)
	}
}

func TestAnswersAreRefusedWithTypes(t *testing.T) {
	leg := ring(t, engine(t, Options{}), LegOptions{})
	var pe *sdp.ParseError
	if _, err := leg.Answer([]byte("hello")); !errors.As(err, &pe) {
		t.Errorf("got %T, want a *sdp.ParseError", err)
	}
	if _, err := leg.Answer([]byte("v=0\r\nm=audio 9 RTP/SAVP 8\r\n")); !errors.Is(err, ErrNoCodec) {
		t.Errorf("got %v, want %v", err, ErrNoCodec)
	}
	if err := leg.Accept(describe(9)); !errors.Is(err, sdp.ErrNoOffer) {
		t.Errorf("got %v, want %v", err, sdp.ErrNoOffer)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"nothing to advertise": {Bind: netip.IPv4Unspecified()},
		"two IP versions":      {Advertise: netip.IPv6Loopback()},
		"one port":             {PortMin: 4000, PortMax: 4000},
		"no even port":         {PortMin: 4001, PortMax: 4002},
		"a negative time":      {RTPTimeout: -1},
	} {
		if e, err := New(o); err == nil {
			e.Close()
			t.Errorf("%s: got an engine, want an error", name)
		}
	}
}

func TestIPv6(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		probe, err := net.ListenPacket("udp6", "[::1]:0")
		if err != nil {
			t.Logf("this host has no IPv6: %v", err)
			return
		}
		_ = probe.Close()
		o.Bind = netip.IPv6Loopback()
		a := ring(t, engine(t, o), LegOptions{})
		b := ring(t, engine(t, o), LegOptions{Latch: netip.IPv6Loopback()})
		connect(t, a, b)
		a.Play(1, []Clip{tone(440)}, true)
		b.Play(1, []Clip{tone(1000)}, true)
		b.hears(t, 440)
		a.hears(t, 1000)
	})
}

// Packets leave every 20 ms, none sooner, and none is skipped, whatever else the
// machine does.
func TestPaceOverTheWire(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		leg, peer := ring(t, engine(t, o), LegOptions{}), socketOf(t)
		start := time.Now()
		if _, err := leg.Answer(describe(portOf(peer))); err != nil {
			t.Fatal(err)
		}
		if err := peer.SetReadDeadline(start.Add(hung)); err != nil {
			t.Fatal(err)
		}
		var last pion.Packet
		for i := range 50 {
			b := make([]byte, 1500)
			n, err := peer.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			var p pion.Packet
			if err := p.Unmarshal(b[:n]); err != nil {
				t.Fatal(err)
			}
			if i > 0 && (p.SequenceNumber != last.SequenceNumber+1 || p.Timestamp-last.Timestamp != 160) {
				t.Fatalf("packet %d: got %d at %d after %d at %d", i, p.SequenceNumber, p.Timestamp, last.SequenceNumber, last.Timestamp)
			}
			last = p
		}
		if took := time.Since(start); took < 970*time.Millisecond {
			t.Errorf("got 50 packets in %v, want about 1 s", took)
		}
	})
}

// TestAlive asks loops that answer, one that is held up by a sink, and ones that
// have ended.
func TestAlive(t *testing.T) {
	e := engine(t, Options{Loops: 2})
	held, until := make(chan struct{}), make(chan struct{})
	l, err := e.Open(LegOptions{Sink: func(Event) { close(held); <-until }})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Alive(t.Context()); err != nil {
		t.Errorf("at work: %v", err)
	}
	l.PressKey('5')
	<-held
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("late")
	cancel(late)
	if err := e.Alive(ctx); !errors.Is(err, late) {
		t.Errorf("a loop is held up: %v", err)
	}
	close(until)
	if err := e.Alive(t.Context()); err != nil {
		t.Errorf("at work again: %v", err)
	}
	e.Close()
	if err := e.Alive(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
