package media

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	pion "github.com/pion/rtp"
	"golang.org/x/sys/unix"

	"cardline/media/rtp"
)

// The benchmarks measure what a packet costs the loop beside what it costs
// without any of our code: a bare receive and send on connected sockets. Both are
// done in turn, in one run, on one thread, and counted in its CPU time, so that
// the ratio holds on a busy machine where the nanoseconds do not.

// benchCalls is the number of bridged calls, each with one packet a batch.
const benchCalls = 200

// A street is a loop that is driven by hand, with bridged calls and the
// sockets of their peers.
type street struct {
	*loop
	callers, agents []*stream
	callerPeers     []socket // that send to callers
	agentPeers      []socket // that agents send to
	packet          []byte
}

func newStreet(b testing.TB, calls int, calleeCodec Codec) *street {
	b.Helper()
	runtime.LockOSThread()
	o := Options{}
	if err := o.complete(); err != nil {
		b.Fatal(err)
	}
	w, err := newPoller()
	if err != nil {
		b.Fatal(err)
	}
	e := &Engine{options: o, ports: ports{taken: map[uint16]bool{}}, legs: []int{0}}
	s := &street{loop: newLoop(e, 0, w)}
	for range calls {
		x, xPeer := s.house(b, PCMA)
		y, yPeer := s.house(b, calleeCodec)
		bridge{x, y}.apply(s.loop)
		s.callers, s.agents = append(s.callers, x), append(s.agents, y)
		s.callerPeers, s.agentPeers = append(s.callerPeers, xPeer), append(s.agentPeers, yPeer)
	}
	p := pion.Packet{Header: pion.Header{Version: 2, PayloadType: 8, SequenceNumber: 1, SSRC: 7}, Payload: make([]byte, 160)}
	if s.packet, err = p.Marshal(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		for i := range s.callers {
			s.remove(s.callers[i])
			s.remove(s.agents[i])
			s.callerPeers[i].close()
			s.agentPeers[i].close()
		}
		w.close()
		runtime.UnlockOSThread()
	})
	return s
}

// house opens a stream and the socket of its peer, connected to each other.
func (s *street) house(b testing.TB, codec Codec) (*stream, socket) {
	b.Helper()
	open := func() (socket, netip.AddrPort) {
		sock, err := s.wire.open(netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			b.Fatal(err)
		}
		name, err := unix.Getsockname(sock.(*fdSocket).fd)
		if err != nil {
			b.Fatal(err)
		}
		return sock, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*unix.SockaddrInet4).Port))
	}
	own, at := open()
	control, _ := open()
	peer, from := open()
	if err := peer.connect(at); err != nil {
		b.Fatal(err)
	}
	st := newStream(s.loop, at.Port(), own, control)
	addStream{st}.apply(s.loop)
	p := path(codec)
	p.Remote, p.RemoteRTCP, p.Mux = from, from, true
	setPath{st, p, netip.Addr{}}.apply(s.loop)
	return st, peer
}

// fill lets every caller's peer send its next packet.
func (s *street) fill(b testing.TB) {
	s.packet[3]++
	if s.packet[3] == 0 {
		s.packet[2]++
	}
	for _, p := range s.callerPeers {
		if err := p.send(s.packet); err != nil {
			b.Fatal(err)
		}
	}
}

// drain empties the sockets that the loop has sent to and returns the packets.
func drain(sockets []socket) (n int) {
	var buffer [rtp.MaxPacket]byte
	for _, s := range sockets {
		for receive(s, &buffer) > 0 {
			n++
		}
	}
	return n
}

// receive is the bare system call.
func receive(s socket, buffer *[rtp.MaxPacket]byte) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.(*fdSocket).fd), uintptr(unsafe.Pointer(buffer)), rtp.MaxPacket, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// cpu is the CPU time of this thread.
func cpu(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// report gives the figures the names that they keep.
func report(b *testing.B, packets int, ours, floor time.Duration) {
	b.ReportMetric(float64(ours.Nanoseconds())/float64(packets), "cpu-ns/packet")
	b.ReportMetric(float64(floor.Nanoseconds())/float64(packets), "floor-ns/packet")
	b.ReportMetric(float64(ours)/float64(floor), "x-floor")
}

func benchmarkRelay(b *testing.B, callee Codec) {
	s := newStreet(b, benchCalls, callee)
	var ours, floor time.Duration
	var buffer [rtp.MaxPacket]byte
	packets := 0
	b.ReportAllocs()
	for b.Loop() {
		s.fill(b)
		start := cpu(b)
		s.wire.collect(s.loop)
		ours += cpu(b) - start
		packets += drain(s.agentPeers)

		s.fill(b)
		start = cpu(b)
		for i := range s.callers {
			n := receive(s.callers[i].rtp.socket, &buffer)
			if err := s.agents[i].rtp.socket.send(buffer[:n]); err != nil {
				b.Fatal(err)
			}
		}
		floor += cpu(b) - start
		if n := drain(s.agentPeers); n != benchCalls {
			b.Fatalf("the floor carried %d packets, want %d", n, benchCalls)
		}
	}
	if packets != b.N*benchCalls {
		b.Fatalf("the loop carried %d packets, want %d", packets, b.N*benchCalls)
	}
	report(b, packets, ours, floor)
}

// BenchmarkMediaRelay is a packet from one telephone to another of the same codec.
func BenchmarkMediaRelay(b *testing.B) { benchmarkRelay(b, PCMA) }

// BenchmarkMediaRelayConverting is a packet from A-law to µ-law.
func BenchmarkMediaRelayConverting(b *testing.B) { benchmarkRelay(b, PCMU) }

// BenchmarkMediaPlay is a packet of a prompt, on the wheel, against a bare send.
func BenchmarkMediaPlay(b *testing.B) {
	s := newStreet(b, benchCalls, PCMA)
	music := player{active: true, id: 1, loop: true, clips: []Clip{make(Clip, 8000)}}
	for i := range s.agents {
		bridge{s.agents[i], nil}.apply(s.loop)
		play{s.agents[i], music}.apply(s.loop)
		s.remove(s.callers[i]) // only the agents' side is measured
	}
	var ours, floor time.Duration
	packets := 0
	b.ReportAllocs()
	for b.Loop() {
		s.now += slots * tickLength
		for _, a := range s.agents {
			a.alive = s.tick // their peers speak as well, so that nobody looks for them
		}
		start := cpu(b)
		s.turn()
		ours += cpu(b) - start
		packets += drain(s.agentPeers)

		start = cpu(b)
		for i := range s.agents {
			if err := s.agents[i].rtp.socket.send(s.packet); err != nil {
				b.Fatal(err)
			}
		}
		floor += cpu(b) - start
		drain(s.agentPeers)
	}
	if want := b.N * benchCalls; packets < want*98/100 || packets > want*102/100 { // reports among them
		b.Fatalf("the wheel sent %d packets, want %d", packets, want)
	}
	report(b, packets, ours, floor)
}

// The whole way of a packet, sockets included.
func TestRelayOverEpollAllocatesNothing(t *testing.T) {
	const calls, rounds = 10, 100
	s := newStreet(t, calls, PCMU)
	got := 0
	if n := testing.AllocsPerRun(rounds, func() {
		s.fill(t)
		s.wire.collect(s.loop)
		got += drain(s.agentPeers)
	}); n != 0 {
		t.Errorf("got %v allocations per round of %d packets, want 0", n, calls)
	}
	if want := (rounds + 1) * calls; got != want {
		t.Errorf("got %d packets through, want %d", got, want)
	}
}
