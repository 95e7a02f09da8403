package media

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"cardline/media/rtp"
)

// errThrown tells that an ICMP message says that an earlier packet has not
// arrived: the port was closed, or the host away.
var errThrown = errors.New("media: refused by the peer's host")

// courierQueue is how many packets may wait for the loop, a few for each of a
// thousand legs; those above are dropped, as a full socket would.
const courierQueue = 4096

// A courier is the wire of package net: a goroutine per socket brings packets
// to the loop in buffers that go round.
type courier struct {
	inbox   chan parcel
	buffers chan *[rtp.MaxPacket]byte // empty ones
	awake   chan struct{}
	timer   *time.Timer
	readers sync.WaitGroup
}

// A parcel is a packet on its way to the loop.
type parcel struct {
	door   *door
	buffer *[rtp.MaxPacket]byte
	n      int
	from   netip.AddrPort
}

func newCourier() *courier {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &courier{
		inbox:   make(chan parcel, courierQueue),
		buffers: make(chan *[rtp.MaxPacket]byte, courierQueue),
		awake:   make(chan struct{}, 1),
		timer:   timer,
	}
}

func (*courier) String() string { return "net" }

func (*courier) attach() {}

func (c *courier) open(address netip.AddrPort) (socket, error) {
	network := "udp6"
	if address.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(address))
	if err != nil {
		return nil, err
	}
	return &netSocket{conn: conn}, nil
}

func (c *courier) watch(s socket, d *door) error {
	conn := s.(*netSocket).conn
	c.readers.Go(func() { c.read(conn, d) })
	return nil
}

// read runs until the socket is closed.
func (c *courier) read(conn *net.UDPConn, d *door) {
	buffer := new([rtp.MaxPacket]byte)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP message on systems that say so here
		}
		select {
		case c.inbox <- parcel{d, buffer, n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())}:
		default:
			continue // full: the buffer is still ours
		}
		select {
		case buffer = <-c.buffers:
		default:
			buffer = new([rtp.MaxPacket]byte)
		}
	}
}

func (c *courier) collect(r receiver) {
	for range courierQueue {
		select {
		case p := <-c.inbox:
			r.arrived(p.door, p.buffer[:p.n], p.from)
			select {
			case c.buffers <- p.buffer:
			default:
			}
		default:
			return
		}
	}
}

func (c *courier) wait(until time.Time) {
	if until.IsZero() {
		<-c.awake
		return
	}
	if d := time.Until(until); d > 0 {
		c.timer.Reset(d)
		<-c.timer.C
	}
}

func (c *courier) wake() {
	select {
	case c.awake <- struct{}{}:
	default: // it will see the wake that is there
	}
}

func (c *courier) close() { c.readers.Wait() }

// A netSocket is a socket of package net. It hears everybody; the door looks at
// each packet's source. ICMP messages do not reach it.
type netSocket struct {
	conn   *net.UDPConn
	remote netip.AddrPort
}

func (s *netSocket) connect(remote netip.AddrPort) error { return s.aim(remote) }

func (s *netSocket) resume(remote netip.AddrPort) error { return s.aim(remote) }

func (s *netSocket) aim(remote netip.AddrPort) error {
	s.remote = remote
	return nil
}

func (s *netSocket) send(packet []byte) error {
	if !s.remote.IsValid() {
		return nil
	}
	_, err := s.conn.WriteToUDPAddrPort(packet, s.remote)
	return err
}

func (s *netSocket) close() {
	_ = s.conn.Close() // nothing is buffered, so nothing can fail that matters
}
