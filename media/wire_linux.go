package media

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"cardline/media/rtp"
)

// newWire returns the wire of a loop: epoll, or package net if portable is asked for.
func newWire(portable bool) (wire, error) {
	if portable {
		return newCourier(), nil
	}
	return newPoller()
}

// How a poller collects.
const (
	batch = 128 // events a look
	looks = 64  // before the wheel gets its turn again
)

// receiveBuffer is asked for each socket: some ten packets, so that what comes
// after a stall is not older than that. The kernel doubles it for its own use.
const receiveBuffer = 32 << 10

// expedited is the DSCP class of voice, RFC 4594, as IP_TOS has it.
const expedited = 46 << 2

// A poller is the wire of Linux. Its loop keeps a thread and asks the kernel by
// raw system calls, which never wait, so that the Go scheduler has nothing to
// do per packet. Only the sleep between two milliseconds is an ordinary call.
type poller struct {
	epoll int
	bell  int // an eventfd that ends a wait without limit

	start time.Time // the same instant by two clocks
	base  int64     // CLOCK_MONOTONIC at start, ns

	doors  []*door // by descriptor
	socks  []*fdSocket
	events [batch]unix.EpollEvent
	buffer [rtp.MaxPacket]byte
	source unix.RawSockaddrAny
	length uint32 // of source
}

func newPoller() (*poller, error) {
	p := new(poller)
	var err error
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if p.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(p.epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	if err = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, p.bell, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.bell)}); err != nil {
		p.close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	var now unix.Timespec
	if err = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		p.close()
		return nil, fmt.Errorf("clock: %w", err)
	}
	p.start, p.base = time.Now(), now.Nano()
	return p, nil
}

func (*poller) String() string { return "epoll" }

// attach keeps the thread: a loop that moves between threads loses its caches,
// and later its priority.
func (*poller) attach() { runtime.LockOSThread() }

func (p *poller) open(address netip.AddrPort) (socket, error) {
	s := &fdSocket{family: unix.AF_INET6}
	if address.Addr().Is4() {
		s.family = unix.AF_INET
	}
	var err error
	if s.fd, err = unix.Socket(s.family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Bind(s.fd, sockaddr(address)); err != nil {
		s.close()
		return nil, fmt.Errorf("bind: %w", err)
	}
	// Neither is needed for a call to work.
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	if s.family == unix.AF_INET {
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_TOS, expedited)
	} else {
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
	}
	return s, nil
}

func (p *poller) watch(s socket, d *door) error {
	fs := s.(*fdSocket)
	for fs.fd >= len(p.doors) {
		p.doors = append(p.doors, nil)
		p.socks = append(p.socks, nil)
	}
	p.doors[fs.fd], p.socks[fs.fd] = d, fs
	return unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fs.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fs.fd)})
}

func (p *poller) collect(r receiver) {
	for range looks {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events)), batch, 0, 0, 0)
		if errno != 0 || n == 0 {
			return
		}
		for i := range p.events[:n] {
			if fd := int(p.events[i].Fd); fd == p.bell {
				p.hush()
			} else {
				p.receive(r, fd)
			}
		}
	}
}

// receive takes one packet from a socket that has one. If there are more, the
// next look finds them, after those of all the others.
func (p *poller) receive(r receiver, fd int) {
	d, s := p.doors[fd], p.socks[fd]
	var source, length uintptr
	if !s.checked() {
		p.length = unix.SizeofSockaddrAny
		source, length = uintptr(unsafe.Pointer(&p.source)), uintptr(unsafe.Pointer(&p.length))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p.buffer)), rtp.MaxPacket,
		unix.MSG_DONTWAIT|unix.MSG_TRUNC, source, length)
	switch {
	case thrown(errno):
		r.thrown(d)
	case errno != 0: // nothing there after all
	case n > rtp.MaxPacket:
		r.arrived(d, nil, p.from(s))
	default:
		r.arrived(d, p.buffer[:n], p.from(s))
	}
}

// thrown tells whether an error of a socket is an ICMP message about an earlier packet.
func thrown(errno unix.Errno) bool {
	return errno == unix.ECONNREFUSED || errno == unix.EHOSTUNREACH || errno == unix.ENETUNREACH ||
		errno == unix.EHOSTDOWN || errno == unix.ENOPROTOOPT || errno == unix.EPROTO
}

// from reads the source of the packet that was just received.
func (p *poller) from(s *fdSocket) netip.AddrPort {
	if s.checked() {
		return netip.AddrPort{}
	}
	if s.family == unix.AF_INET {
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(&p.source))
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), ntohs(a.Port))
	}
	a := (*unix.RawSockaddrInet6)(unsafe.Pointer(&p.source))
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), ntohs(a.Port))
}

// ntohs reads a port that lies in network order, whatever the order of the machine.
func ntohs(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}

func (p *poller) wait(until time.Time) {
	if until.IsZero() {
		var event [1]unix.EpollEvent
		// A signal ends the wait early, which is no harm: the loop looks
		// around and waits again.
		_, _ = unix.EpollWait(p.epoll, event[:], -1)
		p.hush()
		return
	}
	deadline := unix.NsecToTimespec(p.base + int64(until.Sub(p.start)))
	for errors.Is(unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &deadline, nil), unix.EINTR) {
		// The deadline is absolute: an interrupted sleep goes on.
	}
}

// wake writes to the bell, which cannot be full: it would take 2^64 wakes.
func (p *poller) wake() {
	_, _ = unix.Write(p.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

// hush takes all wakes off the bell.
func (p *poller) hush() {
	var count [8]byte
	_, _ = unix.Read(p.bell, count[:])
}

func (p *poller) close() {
	_ = unix.Close(p.bell)
	_ = unix.Close(p.epoll)
}

// An fdSocket is a descriptor. Connected, the kernel looks at the source of
// each packet and finds the route once: a tenth of the whole cost.
type fdSocket struct {
	fd        int
	family    int
	connected bool
	mixed     bool                // it was open to everybody: what it gives may be from elsewhere
	remote    unix.RawSockaddrAny // for send while not connected
	length    uintptr             // of remote; 0 if there is none
}

// connect drops what waits in the socket: it may have come from anywhere.
func (s *fdSocket) connect(remote netip.AddrPort) error {
	if err := unix.Connect(s.fd, sockaddr(remote)); err != nil {
		// Not connected, each packet tries again: routes come and go.
		return errors.Join(fmt.Errorf("connect: %w", err), s.aim(remote))
	}
	s.connected, s.mixed = true, false
	var one [1]byte
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&one)), 1, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 && !thrown(errno) {
			return nil
		}
	}
}

func (s *fdSocket) resume(remote netip.AddrPort) error {
	if err := unix.Connect(s.fd, sockaddr(remote)); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	s.connected, s.mixed = true, true
	return nil
}

// checked tells whether the kernel has looked at the source of all that it gives.
func (s *fdSocket) checked() bool { return s.connected && !s.mixed }

func (s *fdSocket) aim(remote netip.AddrPort) error {
	s.length = 0
	if remote.IsValid() {
		s.setRemote(remote)
	}
	if !s.connected {
		return nil
	}
	// AF_UNSPEC ends a connection. The port stays, since it was bound by us.
	var nobody unix.RawSockaddrAny
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&nobody)), unix.SizeofSockaddrAny)
	if errno != 0 {
		return fmt.Errorf("disconnect: %w", errno)
	}
	s.connected = false
	return nil
}

func (s *fdSocket) setRemote(remote netip.AddrPort) {
	port := remote.Port()
	network := *(*uint16)(unsafe.Pointer(&[2]byte{byte(port >> 8), byte(port)}))
	if s.family == unix.AF_INET {
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.remote))
		*a = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: network, Addr: remote.Addr().As4()}
		s.length = unix.SizeofSockaddrInet4
		return
	}
	a := (*unix.RawSockaddrInet6)(unsafe.Pointer(&s.remote))
	*a = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: network, Addr: remote.Addr().As16()}
	s.length = unix.SizeofSockaddrInet6
}

func (s *fdSocket) send(packet []byte) error {
	var remote, length uintptr
	if !s.connected {
		if s.length == 0 {
			return nil
		}
		remote, length = uintptr(unsafe.Pointer(&s.remote)), s.length
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(packet))), uintptr(len(packet)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, remote, length)
	switch {
	case errno == 0:
		return nil
	case thrown(errno):
		return errThrown
	}
	return errno
}

// close also takes the descriptor out of the epoll set.
func (s *fdSocket) close() {
	_ = unix.Close(s.fd) // a UDP socket has nothing to lose
}

// sockaddr returns an address as x/sys wants it.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
