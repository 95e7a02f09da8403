package sip

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// pulseRepeat is after how long a pulse is sent once more: the kernel may lose a
// datagram while there is a flood.
const pulseRepeat = 200 * time.Millisecond

// A pulse shows whether a socket is still read: the socket sends itself a datagram
// that nobody else knows, and the reader, who must have dealt with all before it,
// tells that it has come.
type pulse struct {
	token []byte
	felt  chan struct{} // holds one
}

func newPulse() pulse {
	return pulse{token: []byte(rand.Text()), felt: make(chan struct{}, 1)}
}

// feel tells whether a datagram is the pulse.
func (p pulse) feel(data []byte) bool {
	if !bytes.Equal(data, p.token) {
		return false
	}
	select {
	case p.felt <- struct{}{}:
	default:
	}
	return true
}

// Alive returns nil if every UDP socket is read and what it brings is dealt with, or
// the error of ctx if one is not by its end. It must be called after Start, and by
// one goroutine at a time.
func (s *Stack) Alive(ctx context.Context) error {
	for _, at := range s.sockets {
		if at.Packet == nil {
			continue
		}
		if err := at.beat(ctx); err != nil {
			return fmt.Errorf("SIP socket %s is not read: %w", at.bound(), err)
		}
	}
	return nil
}

// beat sends the pulse until it is felt.
func (at *socket) beat(ctx context.Context) error {
	select {
	case <-at.pulse.felt: // an earlier one that came late
	default:
	}
	to, _ := netip.ParseAddrPort(at.bound().String()) // newSocket has read it
	if to.Addr().IsUnspecified() {
		loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if to.Addr().Is6() {
			loopback = netip.IPv6Loopback()
		}
		to = netip.AddrPortFrom(loopback, to.Port())
	}
	again := time.NewTimer(pulseRepeat)
	defer again.Stop()
	for {
		_, _ = at.Packet.WriteTo(at.pulse.token, net.UDPAddrFromAddrPort(to)) // what is not sent is not felt
		select {
		case <-at.pulse.felt:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
			again.Reset(pulseRepeat)
		}
	}
}
