package sip

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// sourcesPerReader is how many addresses one of sipgo's readers may come
	// to know before it is replaced by a new one: sipgo keeps an entry of some
	// 400 bytes for each, and gives them back only when a reader ends (hazard
	// H8).
	sourcesPerReader = 8192

	// readerGrace is how long a replaced reader stays, so that answers to what
	// it read last still find their way.
	readerGrace = time.Second

	// newcomersPerSecond limits the unknown addresses that are let through.
	newcomersPerSecond = 500

	// A stream that nobody vouches for has this long and this many bytes to
	// prove itself by a digest (hazard H11).
	probation       = 64 * t1
	probationBudget = 64 << 10

	// streamUnit is how many bytes of a stream on probation count like a
	// datagram: about a REGISTER with credentials.
	streamUnit = 512

	// writeTimeout is how long a peer may keep us from writing.
	writeTimeout = 5 * time.Second

	streamsInAll      = 4096
	streamsPerAddress = 256
)

// A guard stands between the sockets and sipgo. What it turns away costs
// neither memory nor an answer.
type guard struct {
	observer Observer
	trunk    func(netip.Addr) bool
	rate     rate.Limit

	mu        sync.Mutex
	buckets   generations[netip.Addr, *rate.Limiter]
	proven    generations[netip.Addr, struct{}]
	newcomers *rate.Limiter
	streams   map[netip.Addr]map[*guardedStream]struct{}
	total     int
}

func newGuard(o Options, trunk func(netip.Addr) bool) *guard {
	g := &guard{
		observer: o.Observer, trunk: trunk, rate: rate.Limit(o.PacketsPerSecond),
		newcomers: rate.NewLimiter(newcomersPerSecond, 4*newcomersPerSecond),
		streams:   make(map[netip.Addr]map[*guardedStream]struct{}),
	}
	g.buckets.init(time.Minute, 1<<14)
	g.proven.init(o.MaxExpires, 1<<14)
	return g
}

// prove notes that an address has shown credentials, or that we called it
// ourselves. Its datagrams are then no newcomer's, and its streams may stay.
func (g *guard) prove(source netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.proven.put(source.Addr(), struct{}{})
	for s := range g.streams[source.Addr()] {
		if s.remote == source {
			s.prove()
		}
	}
}

// admits judges a datagram. isNew says that the reader does not know its
// source yet.
func (g *guard) admits(source netip.AddrPort, data []byte, isNew bool) bool {
	if len(bytes.Trim(data, "\r\n\x00 ")) == 0 {
		return false // a keep-alive; there is nothing to say to it
	}
	if !looksLikeSIP(data) {
		g.observer.Dropped(DropGarbage)
		return false
	}
	addr := source.Addr()
	if g.trunk(addr) {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.affords(addr, 1) {
		g.observer.Dropped(DropRate)
		return false
	}
	if _, known := g.proven.get(addr); isNew && !known && !g.newcomers.Allow() {
		g.observer.Dropped(DropNewcomer)
		return false
	}
	return true
}

// affords takes n from what an address may send us unproven; g.mu is held.
func (g *guard) affords(addr netip.Addr, n int) bool {
	bucket, ok := g.buckets.get(addr)
	if !ok {
		bucket = rate.NewLimiter(g.rate, int(2*g.rate))
		g.buckets.put(addr, bucket)
	}
	return bucket.AllowN(time.Now(), n)
}

// tolerates judges n bytes of a stream on probation.
func (g *guard) tolerates(addr netip.Addr, n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.affords(addr, (n+streamUnit-1)/streamUnit)
}

// looksLikeSIP reports whether data begins with a request or status line.
func looksLikeSIP(data []byte) bool {
	line, _, found := bytes.Cut(data, []byte("\r\n"))
	if !found {
		return false
	}
	if bytes.HasPrefix(line, []byte("SIP/")) {
		return true
	}
	i := bytes.LastIndexByte(line, ' ')
	return i > 0 && bytes.HasPrefix(line[i+1:], []byte("SIP/"))
}

// A packetReader is a UDP socket as one of sipgo's readers sees it. sipgo
// must never see an error from it: any but [net.ErrClosed] would make it deaf
// for good (hazard H10).
type packetReader struct {
	net.PacketConn
	guard   *guard
	closed  <-chan struct{} // the socket's end
	sources map[netip.AddrPort]struct{}
	reading chan struct{} // closed at the first read: sipgo has the socket in its pool then
	full    chan struct{} // closed when the reader knows enough addresses

	// The rest is the reader's goroutine's.

	begun   bool
	retired bool
	used    int // bytes of sipgo's buffer that hold the last datagram
}

func (g *guard) newReader(conn net.PacketConn, closed <-chan struct{}) *packetReader {
	return &packetReader{
		PacketConn: conn, guard: g, closed: closed,
		sources: make(map[netip.AddrPort]struct{}), reading: make(chan struct{}), full: make(chan struct{}),
	}
}

// ReadFrom returns the next datagram that deserves to be parsed. It wipes the
// last one, which sipgo has copied by now: it may have held a key.
func (r *packetReader) ReadFrom(p []byte) (int, net.Addr, error) {
	clear(p[:min(r.used, len(p))])
	r.used = 0
	if !r.begun {
		r.begun = true
		close(r.reading)
	}
	if r.retired {
		pause := time.NewTimer(readerGrace)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-r.closed:
		}
		return 0, nil, net.ErrClosed
	}
	for {
		n, addr, err := r.PacketConn.ReadFrom(p)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return 0, nil, net.ErrClosed
			}
			select { // an ICMP error, or no memory: neither may spin nor end us
			case <-time.After(10 * time.Millisecond):
			case <-r.closed:
			}
			continue
		}
		udp, ok := addr.(*net.UDPAddr)
		if !ok {
			continue
		}
		r.used = max(r.used, n)
		source := udp.AddrPort()
		source = netip.AddrPortFrom(source.Addr().Unmap(), source.Port())
		_, known := r.sources[source]
		if !r.guard.admits(source, p[:n], !known) {
			continue
		}
		if !known {
			r.sources[source] = struct{}{}
			if len(r.sources) >= sourcesPerReader {
				r.retired = true
				close(r.full)
			}
		}
		return n, addr, nil
	}
}

// A streamGuard is a TCP listener that sipgo may trust.
type streamGuard struct {
	net.Listener
	guard *guard
}

// Accept returns the next stream that there is room for. Like a datagram
// reader it never returns an error but [net.ErrClosed].
func (l streamGuard) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil, net.ErrClosed
			}
			time.Sleep(10 * time.Millisecond) // out of file descriptors: better soon than never
			continue
		}
		if s := l.guard.adopt(conn); s != nil {
			return s, nil
		}
		l.guard.observer.Dropped(DropConn)
		_ = conn.Close()
	}
}

// adopt counts a stream in; nil means that there is no room.
func (g *guard) adopt(conn net.Conn) *guardedStream {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	trusted := g.trunk(remote.Addr())
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= streamsInAll || !trusted && len(g.streams[remote.Addr()]) >= streamsPerAddress {
		return nil
	}
	s := &guardedStream{Conn: conn, guard: g, remote: remote}
	if g.streams[remote.Addr()] == nil {
		g.streams[remote.Addr()] = make(map[*guardedStream]struct{})
	}
	g.streams[remote.Addr()][s] = struct{}{}
	g.total++
	if trusted {
		s.isProven.Store(true)
	} else {
		_ = conn.SetReadDeadline(time.Now().Add(probation))
	}
	return s
}

func (g *guard) disown(s *guardedStream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.streams[s.remote.Addr()], s)
	if len(g.streams[s.remote.Addr()]) == 0 {
		delete(g.streams, s.remote.Addr())
	}
	g.total--
}

// closeStreams ends every stream.
func (g *guard) closeStreams() {
	g.mu.Lock()
	var all []*guardedStream
	for _, streams := range g.streams {
		for s := range streams {
			all = append(all, s)
		}
	}
	g.mu.Unlock()
	for _, s := range all {
		_ = s.Close()
	}
}

// A guardedStream is an accepted TCP connection.
type guardedStream struct {
	net.Conn
	guard    *guard
	remote   netip.AddrPort
	isProven atomic.Bool
	taken    int // bytes read on probation; the reader's
	once     sync.Once
}

func (s *guardedStream) prove() {
	if s.isProven.CompareAndSwap(false, true) {
		_ = s.SetReadDeadline(time.Time{})
	}
}

// Read reads what a peer may still send: one on probation neither much nor
// for long.
func (s *guardedStream) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if s.isProven.Load() {
		return n, err
	}
	if s.taken += n; err != nil || s.taken > probationBudget || !s.guard.tolerates(s.remote.Addr(), n) {
		s.guard.observer.Dropped(DropConn)
		_ = s.Close()
		return 0, net.ErrClosed
	}
	return n, nil
}

// Write gives up a peer that does not read.
func (s *guardedStream) Write(p []byte) (int, error) {
	_ = s.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := s.Conn.Write(p)
	if err != nil {
		_ = s.Close() // half a message has gone out: the stream is of no use
	}
	return n, err
}

// Close ends the stream and gives back its place.
func (s *guardedStream) Close() error {
	s.once.Do(func() { s.guard.disown(s) })
	return s.Conn.Close()
}
