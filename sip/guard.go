package sip

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	wire "github.com/emiago/sipgo/sip"
	"github.com/rs/zerolog"
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

	// largestUnproven is the longest datagram, in bytes, from an address that has
	// proved nothing: enough for a REGISTER or INVITE with credentials.
	largestUnproven = 4096
)

// A guard stands between the sockets and sipgo. What it turns away costs
// neither memory nor an answer.
type guard struct {
	observer Observer
	rules    func() *rules
	rate     int    // Options.PacketsPerSecond
	server   string // Options.UserAgent
	log      zerolog.Logger
	told     bridgeCounts
	parser   *wire.Parser

	mu        sync.Mutex
	buckets   generations[netip.Prefix, *rate.Limiter]
	proven    generations[netip.Addr, struct{}]
	newcomers *rate.Limiter
	streams   streamTable
}

func newGuard(o Options, rules func() *rules) *guard {
	g := &guard{
		observer: o.Observer, rules: rules, rate: o.PacketsPerSecond, server: o.UserAgent, log: o.Log, told: bridgeCounts{lines: make(map[string]*repeats)}, parser: newParser(),
		newcomers: rate.NewLimiter(newcomersPerSecond, 4*newcomersPerSecond),
	}
	g.buckets.init(time.Minute, 1<<14)
	g.proven.init(o.MaxExpires, 1<<14)
	g.streams.init()
	return g
}

// site is what an address counts as: itself, or of IPv6 its /64, of which
// whoever has one address has all.
func site(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // it fails for a zero address only, which is none of anybody's
	return p
}

// prove notes that an address has shown the credentials of an account, or that we
// called it ourselves; account may be empty then. Its datagrams are no newcomer's
// any more, and its stream may stay.
func (g *guard) prove(source netip.AddrPort, account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.proven.put(source.Addr(), struct{}{})
	for _, s := range slices.Clone(g.streams.byRemote[source]) {
		if goes := g.streams.prove(s, account); goes != nil {
			_ = goes.Conn.Close() // its reader finds out
		}
	}
}

// knows reports whether an address is a trunk's or has proved itself.
func (g *guard) knows(addr netip.Addr) bool {
	if g.rules().trunk(addr) != nil {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.proven.get(addr)
	return known
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
	rules := g.rules()
	if rules.trunk(addr) != nil {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.proven.get(addr)
	switch {
	case !g.affords(rules, addr, 1):
		g.observer.Dropped(DropRate)
	case !known && len(data) > largestUnproven:
		g.observer.Dropped(DropLarge)
	case !known && isNew && !g.newcomers.Allow():
		g.observer.Dropped(DropNewcomer)
	default:
		return true
	}
	return false
}

// affords takes n from what an address may send us; g.mu is held.
func (g *guard) affords(rules *rules, addr netip.Addr, n int) bool {
	return g.bucket(rules, addr).AllowN(time.Now(), n)
}

// bucket has what an address may still send us; g.mu is held.
func (g *guard) bucket(rules *rules, addr netip.Addr) *rate.Limiter {
	bucket, ok := g.buckets.get(site(addr))
	if !ok {
		limit := g.rate
		if network := rules.network(addr); network != nil && network.PacketsPerSecond > 0 {
			limit = network.PacketsPerSecond
		}
		bucket = rate.NewLimiter(rate.Limit(limit), 2*limit)
		g.buckets.put(site(addr), bucket)
	}
	return bucket
}

// tolerates judges n bytes of a stream on probation.
func (g *guard) tolerates(addr netip.Addr, n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.affords(g.rules(), addr, units(n))
}

// pause returns how long a proven stream that has brought n bytes has to wait,
// a second at most.
func (g *guard) pause(addr netip.Addr, n int) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.bucket(g.rules(), addr).ReserveN(time.Now(), units(n))
	if !r.OK() { // more than ever fits at once
		return time.Second
	}
	if r.Delay() > time.Second { // a debt that grows would keep out others of the address for long
		r.Cancel()
		return time.Second
	}
	return r.Delay()
}

// units returns how many datagrams n bytes of a stream count as.
func units(n int) int { return (n + streamUnit - 1) / streamUnit }

// looksLikeSIP reports whether data begins with a request or status line.
// sipgo takes it so only in its canonical form, which a [mender] makes of it.
func looksLikeSIP(data []byte) bool {
	line, _, found := bytes.Cut(data[strayLength(data):], []byte("\n"))
	if !found {
		return false
	}
	begins := func(text []byte) bool { return len(text) >= 4 && bytes.EqualFold(text[:4], []byte("SIP/")) }
	line = bytes.TrimRight(line, "\r \t")
	i := bytes.LastIndexByte(line, ' ')
	return begins(line) || i > 0 && begins(line[i+1:])
}

// mended counts what a mender has put right in a message.
func (g *guard) mended(m *mender, source netip.AddrPort) {
	for kind := range mendNames {
		if m.mends&(1<<kind) != 0 {
			g.observer.Mended(g.trunkName(source), Mend(kind))
		}
	}
}

// trunkName returns the name of the trunk of an address, empty if it is none's.
func (g *guard) trunkName(source netip.AddrPort) string {
	if t := g.rules().trunk(source.Addr()); t != nil {
		return t.Name
	}
	return ""
}

// unread counts a message that cannot be read, and returns the answer to it: nil
// to an ACK or a response. It goes where every answer goes, and bears what could
// be read and the rest as it came.
func (g *guard) unread(m *mender, network string, source netip.AddrPort) *wire.Response {
	g.observer.Dropped(DropMalformed)
	if skipped, due := g.told.count(m.fault); due {
		g.log.Warn().Str("network", network).Stringer("source", source).Str("fault", m.fault).Int("repeated", skipped).Msg("message that cannot be read")
	}
	if m.method == "" || m.method == string(wire.ACK) {
		return nil
	}
	msg, _, err := g.parser.ParseHeaders(m.head, false)
	req, ok := msg.(*wire.Request)
	if err != nil || !ok {
		return nil
	}
	for _, h := range m.lost {
		req.AppendHeader(h)
	}
	req.SetTransport(network)
	req.SetSource(source.String())
	res := newResponse(req, 400, m.fault, statelessTag(req))
	res.AppendHeader(wire.NewHeader("Server", g.server))
	g.observer.Responded(g.trunkName(source), true, methodLabel(req.Method), res.StatusCode)
	return res
}

// A packetReader is a UDP socket as one of sipgo's readers sees it. sipgo
// must never see an error from it: any but [net.ErrClosed] would make it deaf
// for good (hazard H10).
type packetReader struct {
	net.PacketConn
	guard   *guard
	pulse   pulse
	closed  <-chan struct{} // the socket's end
	sources map[netip.AddrPort]struct{}
	reading chan struct{} // closed at the first read: sipgo has the socket in its pool then
	full    chan struct{} // closed when the reader knows enough addresses

	// The rest is the reader's goroutine's.

	begun   bool
	retired bool
	used    int // bytes of sipgo's buffer that hold the last datagram
	mender  mender
}

func (g *guard) newReader(conn net.PacketConn, p pulse, closed <-chan struct{}) *packetReader {
	return &packetReader{
		PacketConn: conn, guard: g, pulse: p, closed: closed,
		sources: make(map[netip.AddrPort]struct{}), reading: make(chan struct{}), full: make(chan struct{}),
	}
}

// ReadFrom returns the next datagram that deserves to be parsed and can be. It wipes the
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
		if r.pulse.feel(p[:n]) {
			continue
		}
		source := udp.AddrPort()
		source = netip.AddrPortFrom(source.Addr().Unmap(), source.Port())
		_, known := r.sources[source]
		if !r.guard.admits(source, p[:n], !known) {
			continue
		}
		n, ok = r.mend(p, n, source)
		if !ok {
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

// answer sends the 400 to a datagram of n bytes. To a stranger, whose address may be
// another's, goes nothing that is longer than what came.
func (r *packetReader) answer(res *wire.Response, source netip.AddrPort, n int) {
	text := []byte(res.String())
	to, err := netip.ParseAddrPort(res.Destination())
	if err != nil || len(text) > n && !r.guard.knows(source.Addr()) {
		return
	}
	_, _ = r.PacketConn.WriteTo(text, net.UDPAddrFromAddrPort(to)) // it will be asked for again
}

// mend puts the datagram of n bytes in p right and returns its length then, or
// answers what cannot be read.
func (r *packetReader) mend(p []byte, n int, source netip.AddrPort) (length int, ok bool) {
	m, stray := &r.mender, strayLength(p[:n])
	data := p[stray:n]
	head := headLength(data)
	if head == 0 {
		head = len(data)
	}
	m.mend(data[:head])
	if stray > 0 {
		m.note(MendStray)
	}
	body := data[head:]
	if m.length == lengthUnusable || m.length > len(body) || m.changed && len(m.head)+len(body) > len(p) {
		m.fail("Malformed Content-Length") // RFC 3261 section 18.3
	}
	if m.fault != "" {
		if res := r.guard.unread(m, "UDP", source); res != nil {
			r.answer(res, source, n)
		}
		return 0, false
	}
	r.guard.mended(m, source)
	if !m.changed {
		return n, true
	}
	length = len(m.head) + copy(p[len(m.head):], body)
	copy(p, m.head)
	r.used = max(r.used, length)
	return length, true
}

// WriteTo sends a datagram, with the Via as its receiver has written it.
func (r *packetReader) WriteTo(p []byte, to net.Addr) (int, error) {
	if _, err := r.PacketConn.WriteTo(unmended(p), to); err != nil {
		return 0, err //nolint:wrapcheck // sipgo asks what it is
	}
	return len(p), nil
}
