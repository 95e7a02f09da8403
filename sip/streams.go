package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	wire "github.com/emiago/sipgo/sip"
)

const (
	// requestTime is how long a stream may be open without a valid request, and
	// probation how long without credentials that prove it (hazard H11).
	requestTime = 10 * time.Second
	probation   = 64 * t1

	// probationBudget is how many bytes a stream may send until it is proven.
	probationBudget = 16 << 10

	// streamUnit is how many bytes of a stream on probation count like a
	// datagram: about a REGISTER with credentials.
	streamUnit = 512

	// writeTimeout is how long a peer may keep us from writing.
	writeTimeout = 5 * time.Second

	// The places of each trunk, of proven phones, and of those who have proved
	// nothing: none of them can take another's.
	trunkStreams    = 1024
	provenStreams   = 4096
	unprovenStreams = 512

	// streamsPerAddress is how many of these one address may hold that is in no
	// [Network].
	streamsPerAddress = 256

	// streamsPerAccount is how many of them one account may have proved: its phone
	// has one, and leaves some behind when its network changes. Then the one that it
	// has proved first goes.
	streamsPerAccount = 8
)

// A streamTable gives out the places of streams that come in. It is guarded by
// its guard's lock.
type streamTable struct {
	holders  map[holderKey]*holder
	byRemote map[netip.AddrPort][]*guardedStream // more than one if there are several listeners
	accounts map[string][]*guardedStream         // those that an account has proved, in this order
	unproven int                                 // of those that are of no network and no trunk
	proven   int
}

// A holder is who may have a number of streams.
type holder struct {
	key      holderKey
	limit    int
	unproven []*guardedStream // the oldest first
	proven   int
}

// A holderKey names a holder: a trunk, a network, or an address of neither.
type holderKey struct {
	trunk   string
	network string
	site    netip.Prefix
}

// isShared reports whether the holder's places are those of everybody.
func (k holderKey) isShared() bool { return k.trunk == "" && k.network == "" }

func (t *streamTable) init() {
	t.holders, t.byRemote = make(map[holderKey]*holder), make(map[netip.AddrPort][]*guardedStream)
	t.accounts = make(map[string][]*guardedStream)
}

// holderOf returns whose place an address takes.
func (t *streamTable) holderOf(rules *rules, addr netip.Addr) *holder {
	key, limit := holderKey{site: site(addr)}, streamsPerAddress
	if t := rules.trunk(addr); t != nil {
		key, limit = holderKey{trunk: t.Name}, trunkStreams
	} else if n := rules.network(addr); n != nil && n.MaxStreams > 0 {
		key, limit = holderKey{network: n.Name}, n.MaxStreams
	}
	h := t.holders[key]
	if h == nil {
		h = &holder{key: key}
		t.holders[key] = h
	}
	h.limit = limit
	return h
}

// add finds a place for a stream. If there is none left the oldest unproven
// one has to go, which is returned; ok is false if there is no such stream.
func (t *streamTable) add(h *holder, s *guardedStream) (goes *guardedStream, ok bool) {
	switch full := h.proven+len(h.unproven) >= h.limit; {
	case full && len(h.unproven) == 0:
		t.tidy(h)
		return nil, false
	case full:
		goes = h.unproven[0]
	case h.key.isShared() && t.unproven >= unprovenStreams:
		goes = t.crowd().unproven[0]
	}
	if goes != nil {
		t.remove(goes)
	}
	s.holder = h
	t.holders[h.key] = h // tidied away, perhaps, with what goes
	t.byRemote[s.remote] = append(t.byRemote[s.remote], s)
	if s.isProven.Load() {
		h.proven++
		return goes, true
	}
	h.unproven = append(h.unproven, s)
	if h.key.isShared() {
		t.unproven++
	}
	return goes, true
}

// crowd returns the address with the most unproven streams: whoever opens many
// loses their own.
func (t *streamTable) crowd() (most *holder) {
	for _, h := range t.holders {
		if !h.key.isShared() || len(h.unproven) == 0 {
			continue
		}
		if most == nil || len(h.unproven) > len(most.unproven) ||
			len(h.unproven) == len(most.unproven) && h.unproven[0].began.Before(most.unproven[0].began) {
			most = h
		}
	}
	return most
}

// prove gives a stream the place of a proven one, and returns the one that has to
// go for it: the account's first if it has too many, or the stream itself if there
// is no such place.
func (t *streamTable) prove(s *guardedStream, account string) (goes *guardedStream) {
	if s.isProven.Load() {
		return nil
	}
	if s.holder.key.isShared() {
		if t.proven >= provenStreams {
			return s
		}
		t.unproven--
		t.proven++
	}
	if account != "" {
		if own := t.accounts[account]; len(own) >= streamsPerAccount {
			goes = own[0]
			t.remove(goes)
		}
		s.account = account
		t.accounts[account] = append(t.accounts[account], s)
	}
	s.holder.unproven = without(s.holder.unproven, s)
	s.holder.proven++
	s.isProven.Store(true)
	_ = s.SetReadDeadline(time.Time{})
	return goes
}

// remove gives back a stream's place, once.
func (t *streamTable) remove(s *guardedStream) {
	h := s.holder
	if h == nil {
		return
	}
	s.holder = nil
	if t.byRemote[s.remote] = without(t.byRemote[s.remote], s); len(t.byRemote[s.remote]) == 0 {
		delete(t.byRemote, s.remote)
	}
	if own := without(t.accounts[s.account], s); len(own) > 0 {
		t.accounts[s.account] = own
	} else {
		delete(t.accounts, s.account)
	}
	all := &t.proven
	if s.isProven.Load() {
		h.proven--
	} else {
		h.unproven, all = without(h.unproven, s), &t.unproven
	}
	if h.key.isShared() {
		*all--
	}
	t.tidy(h)
}

// without returns a list without one of its elements.
func without[T comparable](list []T, gone T) []T {
	return slices.DeleteFunc(list, func(o T) bool { return o == gone })
}

// tidy forgets a holder of nothing.
func (t *streamTable) tidy(h *holder) {
	if h.proven+len(h.unproven) == 0 {
		delete(t.holders, h.key)
	}
}

// A streamGuard is a TCP listener that sipgo may trust. sipgo takes 32 kB for
// every stream at once; one that nobody vouches for is kept from it until a whole
// message has come. And sipgo ends a stream, with all calls on it, at the first
// message that it cannot read: it sees none.
type streamGuard struct {
	net.Listener
	guard *guard
	ready chan net.Conn
	over  chan struct{} // closed when there will be no more
}

func newStreamGuard(l net.Listener, g *guard) *streamGuard {
	return &streamGuard{Listener: l, guard: g, ready: make(chan net.Conn), over: make(chan struct{})}
}

// Accept returns the next stream that is ready. Like a datagram reader it never
// returns an error but [net.ErrClosed].
func (l *streamGuard) Accept() (net.Conn, error) {
	select {
	case s := <-l.ready:
		return s, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

// serve takes the streams that there is room for until the listener is closed and
// all of them are handed over or have ended.
func (l *streamGuard) serve() {
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer close(l.over)
	for {
		conn, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of file descriptors: better soon than never
			continue
		}
		s := l.guard.adopt(conn)
		if s == nil {
			l.guard.observer.Dropped(DropConn)
			_ = conn.Close()
			continue
		}
		waiting.Go(func() {
			if s.isTrunk || s.await() {
				l.hand(s)
			}
		})
	}
}

// hand gives a stream to whoever accepts, if anybody still does.
func (l *streamGuard) hand(s *guardedStream) {
	select {
	case l.ready <- s:
	case <-l.over:
		_ = s.Close()
	}
}

// adopt counts a stream in; nil means that there is no room.
func (g *guard) adopt(conn net.Conn) *guardedStream {
	s, err := newGuardedStream(conn, g)
	if err != nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.streams.holderOf(g.rules(), s.remote.Addr())
	s.isTrunk = h.key.trunk != ""
	s.isProven.Store(s.isTrunk)
	goes, ok := g.streams.add(h, s)
	if !ok {
		return nil
	}
	if goes != nil {
		_ = goes.Conn.Close() // its reader counts it
	}
	if !s.isTrunk {
		_ = conn.SetReadDeadline(s.began.Add(requestTime))
	}
	return s
}

// heard notes that a valid request has come from source.
func (g *guard) heard(source netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.streams.byRemote[source] {
		if !s.isProven.Load() {
			_ = s.SetReadDeadline(s.began.Add(probation))
		}
	}
}

func (g *guard) disown(s *guardedStream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams.remove(s)
}

// closeStreams ends every stream.
func (g *guard) closeStreams() {
	g.mu.Lock()
	var all []*guardedStream
	for _, streams := range g.streams.byRemote {
		all = append(all, streams...)
	}
	g.mu.Unlock()
	for _, s := range all {
		_ = s.Close()
	}
}

// A guardedStream is a TCP connection that a peer or we have opened.
type guardedStream struct {
	net.Conn
	guard    *guard
	remote   netip.AddrPort
	began    time.Time
	isTrunk  bool
	isProven atomic.Bool
	holder   *holder // whose place it has, nil if it needs none; guarded by the guard, as is the next
	account  string  // that has proved it first; empty if none has
	taken    int     // bytes read on probation; the reader's, as is all that follows
	once     sync.Once

	mender mender
	memory []byte // what has come
	from   int    // where the next message begins in it
	to     int    // where it ends
	whole  int    // length of the next message, 0 as long as its head has not come
	head   int    // of which these bytes are head
	ready  []byte // a message that can be read, or what is left of it
	anew   []byte // memory for one whose head was written anew
}

func newGuardedStream(conn net.Conn, g *guard) (*guardedStream, error) {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil, fmt.Errorf("address of a stream's peer: %w", err)
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	return &guardedStream{Conn: conn, guard: g, remote: remote, began: time.Now()}, nil
}

// messageLimit is the longest message, in bytes, that a stream may bring.
var messageLimit = wire.ParseMaxMessageLength

// await reads until a message is whole; false means that the stream has ended.
func (s *guardedStream) await() bool {
	if err := s.advance(); err != nil {
		_ = s.Close()
		return false
	}
	return true
}

// Read reads messages one after the other, each as sipgo can read it.
func (s *guardedStream) Read(p []byte) (int, error) {
	if len(s.ready) == 0 {
		if err := s.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.ready)
	clear(s.ready[:n]) // it may hold a key
	s.ready = s.ready[n:]
	return n, nil
}

// advance reads until the next message is ready. What is unreadable is answered
// and passed over, as long as it says where it ends.
func (s *guardedStream) advance() error {
	for {
		for s.from < s.to {
			more, err := s.frame()
			if err != nil {
				_ = s.Close()
				return err
			}
			if len(s.ready) > 0 {
				return nil
			}
			if more {
				break
			}
		}
		if s.from == s.to {
			s.from, s.to = 0, 0
			if len(s.memory) > largestUnproven { // one long message is no reason to keep its room
				s.memory, s.anew = nil, nil
			}
		}
		s.makeRoom()
		n, err := s.receive(s.memory[s.to:])
		s.to += n
		if err != nil {
			return err
		}
	}
}

// makeRoom has room for what comes next, and wipes what it moves.
func (s *guardedStream) makeRoom() {
	if s.to < len(s.memory) {
		return
	}
	old, kept := s.memory, 0
	if s.from == 0 { // full of one message
		s.memory = make([]byte, max(streamUnit, 2*len(old)))
	}
	n := copy(s.memory, old[s.from:s.to])
	if s.from > 0 {
		kept = n
	}
	clear(old[kept:])
	s.from, s.to = 0, n
}

// frame looks at what has come, and makes a message ready if one is whole; more
// says that it is not. An error ends the stream.
func (s *guardedStream) frame() (more bool, err error) {
	if s.whole == 0 {
		stray := s.skipStray()
		data := s.memory[s.from:s.to]
		if len(data) == 0 {
			return true, nil
		}
		if end := bytes.IndexByte(data, '\n'); end >= 0 && !looksLikeSIP(data) {
			s.guard.observer.Dropped(DropGarbage)
			if !s.isProven.Load() {
				return false, net.ErrClosed
			}
			s.from += end + 1 // the rest of a body, perhaps, that is longer than it said
			return false, nil
		}
		if s.head = headLength(data); s.head == 0 {
			if len(data) > messageLimit {
				s.guard.observer.Dropped(DropLarge)
				return false, net.ErrClosed
			}
			return true, nil
		}
		s.mender.mend(data[:s.head])
		if stray {
			s.mender.note(MendStray)
		}
		if err := s.measure(); err != nil {
			return false, err
		}
	}
	if s.to-s.from < s.whole {
		return true, nil
	}
	m, message := &s.mender, s.memory[s.from:s.from+s.whole]
	s.from, s.whole = s.from+s.whole, 0
	switch {
	case m.fault != "":
		s.refuse()
		clear(message)
	case m.changed:
		s.guard.mended(m, s.remote)
		s.anew = append(append(s.anew[:0], m.head...), message[s.head:]...)
		clear(message)
		s.ready = s.anew
	default:
		s.ready = message
	}
	return false, nil
}

// measure finds out where the message ends whose head was just read. A stream in
// which that cannot be told ends.
func (s *guardedStream) measure() error {
	m := &s.mender
	if m.length == lengthAbsent && !m.typed && m.fault == "" { // of no body, by all signs
		m.note(MendLength)
		m.length = 0
		m.head = append(m.head[:len(m.head)-len("\r\n")], "Content-Length: 0\r\n\r\n"...)
	}
	if m.length < 0 || max(s.head, len(m.head))+m.length > messageLimit {
		m.fail("Malformed Content-Length")
		s.refuse()
		return net.ErrClosed
	}
	s.whole = s.head + m.length
	return nil
}

// skipStray passes what is of no message, and answers a ping (RFC 5626 section
// 4.4.1). It reports whether there was anything but line ends.
func (s *guardedStream) skipStray() bool {
	data := s.memory[s.from:s.to]
	data = data[:strayLength(data)]
	s.from += len(data)
	if bytes.Contains(data, []byte("\r\n\r\n")) {
		_, _ = s.Write([]byte("\r\n"))
	}
	return len(bytes.ReplaceAll(data, []byte("\r\n"), nil)) > 0
}

// refuse answers what cannot be read.
func (s *guardedStream) refuse() {
	if res := s.guard.unread(&s.mender, "TCP", s.remote); res != nil {
		_, _ = s.Write([]byte(res.String()))
	}
}

// receive reads what a peer may still send: one on probation neither much nor for
// long, and a proven phone no faster than by datagrams.
func (s *guardedStream) receive(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if s.isProven.Load() {
		if !s.isTrunk {
			time.Sleep(s.guard.pause(s.remote.Addr(), n)) // the peer waits, as TCP has it
		}
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
	if n, err := s.Conn.Write(unmended(p)); err != nil {
		_ = s.Close() // half a message has gone out: the stream is of no use
		return min(n, len(p)), err
	}
	return len(p), nil
}

// Close ends the stream and gives back its place.
func (s *guardedStream) Close() error {
	s.once.Do(func() { s.guard.disown(s) })
	return s.Conn.Close()
}
