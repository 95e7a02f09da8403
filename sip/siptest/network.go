// Package siptest is a network in memory for tests of SIP in a
// [testing/synctest] bubble: datagrams that may be lost, doubled or late, and
// streams, all of it blocking only on channels, so that the bubble's clock
// runs.
//
//	network := &siptest.Network{Seed: 7, Loss: 0.1, Duplication: 0.1, Delay: 20 * time.Millisecond}
//	conn := network.Packet("192.0.2.1:5060")
//	stack, err := sip.New(sip.Options{Listeners: []sip.Listener{{Network: "udp", Packet: conn}}})
//
// Use addresses of TEST-NET (192.0.2.0/24): a slip that opens a real socket is
// then loud. Close every conn before the bubble's function returns.
package siptest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// queueLength is how many datagrams wait at a conn before more are lost, as
// in a socket's receive buffer.
const queueLength = 4096

// A Network joins conns in memory. Its zero value delivers everything once,
// in order and at once. Set the fields before the first conn is made.
//
// The fate of a datagram hangs on a hash of Seed, sender, the lines that tell
// it apart and the number of this copy, never on a shared random source:
// goroutines that are ready at the same instant would draw in any order, and
// a run could not be repeated. A call is known by its place among the calls,
// since its Call-ID is another one in every run.
type Network struct {
	Seed        uint64
	Loss        float64       // share of datagrams that vanish, 0 to 1
	Duplication float64       // share of datagrams that arrive twice, 0 to 1
	Delay       time.Duration // each copy is late by up to this much, which also reorders

	mu      sync.Mutex
	conns   map[string]*Conn
	copies  map[uint64]uint64
	calls   map[string]uint64 // by Call-ID, in the order in which they were seen
	streams map[string]*Listener
	taps    []func(from, to net.Addr, data []byte)
}

// Tap has every datagram shown to f when it is sent, before its fate is
// known. f runs on the sender's goroutine and must not keep data.
func (n *Network) Tap(f func(from, to net.Addr, data []byte)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taps = append(n.taps, f)
}

// Packet returns a conn that is bound to address, which must be an IP and a
// port. It panics if the address is malformed or taken: a test's own fault.
func (n *Network) Packet(address string) *Conn {
	addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address))
	c := &Conn{network: n, addr: addr, in: make(chan packet, queueLength), done: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns == nil {
		n.conns = make(map[string]*Conn)
	}
	if n.conns[addr.String()] != nil {
		panic("siptest: address in use: " + address)
	}
	n.conns[addr.String()] = c
	return c
}

// fate decides how late each copy of a datagram is; no copies means lost.
func (n *Network) fate(from, to net.Addr, data []byte) []time.Duration {
	if n.Loss == 0 && n.Duplication == 0 && n.Delay == 0 {
		return []time.Duration{0}
	}
	startLine, callID, cseq := fingerprint(data)
	h := fnv.New64a()
	_, _ = h.Write([]byte(from.String() + ">" + to.String()))
	_, _ = h.Write(startLine)
	_, _ = h.Write(cseq)

	n.mu.Lock()
	if n.copies == nil {
		n.copies, n.calls = make(map[uint64]uint64), make(map[string]uint64)
	}
	call, known := n.calls[string(callID)]
	if !known {
		call = uint64(len(n.calls))
		n.calls[string(callID)] = call
	}
	_ = binary.Write(h, binary.LittleEndian, []uint64{n.Seed, call})
	key := h.Sum64()
	n.copies[key]++
	number := n.copies[key]
	n.mu.Unlock()

	dice := mix(key ^ mix(number))
	roll := func() float64 {
		dice = mix(dice)
		return float64(dice>>11) / (1 << 53)
	}
	if roll() < n.Loss {
		return nil
	}
	late := []time.Duration{time.Duration(roll() * float64(n.Delay))}
	if roll() < n.Duplication {
		late = append(late, time.Duration(roll()*float64(n.Delay)))
	}
	return late
}

// fingerprint returns what tells a message apart: its first line, Call-ID and
// CSeq. Branches and tags are random and left out.
func fingerprint(data []byte) (startLine, callID, cseq []byte) {
	startLine, rest, _ := bytes.Cut(data, []byte("\r\n"))
	for line := range bytes.SplitSeq(rest, []byte("\r\n")) {
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Call-ID")):
			callID = value
		case bytes.EqualFold(name, []byte("CSeq")):
			cseq = value
		}
	}
	return startLine, callID, cseq
}

// mix is the finaliser of splitmix64: every bit of x changes every bit of the
// result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

type packet struct {
	data []byte
	from net.Addr
}

// A Conn is a [net.PacketConn] on a [Network].
type Conn struct {
	network *Network
	addr    *net.UDPAddr
	in      chan packet
	once    sync.Once
	done    chan struct{}

	mu       sync.Mutex
	deadline time.Time
	fault    error
}

// ReadFrom waits for a datagram. After Close it returns [net.ErrClosed].
func (c *Conn) ReadFrom(p []byte) (int, net.Addr, error) {
	c.mu.Lock()
	deadline, fault := c.deadline, c.fault
	c.fault = nil
	c.mu.Unlock()
	if fault != nil {
		return 0, nil, fault
	}
	var expired <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case pk := <-c.in:
		if pk.from == nil { // the wake-up of Fail
			return c.ReadFrom(p)
		}
		return copy(p, pk.data), pk.from, nil
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	case <-c.done:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends a datagram. It never blocks; a full queue loses it.
func (c *Conn) WriteTo(p []byte, to net.Addr) (int, error) {
	select {
	case <-c.done:
		return 0, net.ErrClosed
	default:
	}
	data := bytes.Clone(p) // the sender may use its buffer again
	c.network.mu.Lock()
	peer, taps := c.network.conns[to.String()], c.network.taps
	c.network.mu.Unlock()
	for _, tap := range taps {
		tap(c.addr, to, data)
	}
	for _, late := range c.network.fate(c.addr, to, data) {
		if peer == nil {
			continue
		}
		if late == 0 {
			peer.offer(packet{data, c.addr})
			continue
		}
		time.AfterFunc(late, func() { peer.offer(packet{data, c.addr}) })
	}
	return len(p), nil
}

func (c *Conn) offer(pk packet) {
	select {
	case c.in <- pk:
	default:
	}
}

// Inject puts a datagram in the conn's queue as if it came from an address
// that need not exist.
func (c *Conn) Inject(data []byte, from net.Addr) { c.offer(packet{bytes.Clone(data), from}) }

// Fail has the next ReadFrom return err, once, as a socket does after an ICMP
// error.
func (c *Conn) Fail(err error) {
	c.mu.Lock()
	c.fault = err
	c.mu.Unlock()
	c.offer(packet{})
}

// Close ends the conn and frees its address.
func (c *Conn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.network.mu.Lock()
		delete(c.network.conns, c.addr.String())
		c.network.mu.Unlock()
	})
	return nil
}

// LocalAddr returns the *[net.UDPAddr] that the conn is bound to.
func (c *Conn) LocalAddr() net.Addr { return c.addr }

// SetDeadline sets the deadline of reads; writes need none.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline sets the deadline of reads that begin afterwards.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	return nil
}

// SetWriteDeadline does nothing: writes never block.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// ErrRefused is returned by [Network.Dial] if nobody listens at the address.
var ErrRefused = errors.New("siptest: connection refused")

// Stream returns a listener for streams at address. It panics if the address
// is malformed or taken.
func (n *Network) Stream(address string) *Listener {
	addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))
	l := &Listener{network: n, addr: addr, accepted: make(chan net.Conn), done: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.streams == nil {
		n.streams = make(map[string]*Listener)
	}
	if n.streams[addr.String()] != nil {
		panic("siptest: address in use: " + address)
	}
	n.streams[addr.String()] = l
	return l
}

// Dial opens a stream from one address to another, each an IP and a port.
// Streams have no buffer: a write waits for the reader.
func (n *Network) Dial(from, to string) (net.Conn, error) {
	n.mu.Lock()
	l := n.streams[to]
	n.mu.Unlock()
	if l == nil {
		return nil, ErrRefused
	}
	near, far := net.Pipe()
	fromAddr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))
	select {
	case l.accepted <- stream{far, l.addr, fromAddr}:
		return stream{near, fromAddr, l.addr}, nil
	case <-l.done:
		return nil, errors.Join(ErrRefused, near.Close(), far.Close())
	}
}

// A Listener accepts the streams of [Network.Dial].
type Listener struct {
	network  *Network
	addr     *net.TCPAddr
	accepted chan net.Conn
	once     sync.Once
	done     chan struct{}
}

// Accept waits for a stream. After Close it returns [net.ErrClosed].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends the listener and frees its address. Streams live on.
func (l *Listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.network.mu.Lock()
		delete(l.network.streams, l.addr.String())
		l.network.mu.Unlock()
	})
	return nil
}

// Addr returns the *[net.TCPAddr] that is listened at.
func (l *Listener) Addr() net.Addr { return l.addr }

// A stream is one end of a pipe that says who its ends are.
type stream struct {
	net.Conn
	local, remote net.Addr
}

func (s stream) LocalAddr() net.Addr  { return s.local }
func (s stream) RemoteAddr() net.Addr { return s.remote }
