package sip_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"cardline/sip"
	"cardline/sip/siptest"
)

// TestAlive asks stacks on every kind of address whether they read.
func TestAlive(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		t.Run(at, func(t *testing.T) {
			if c, err := net.ListenPacket("udp", at); err != nil {
				t.Skipf("this machine has no such address: %v", err)
			} else {
				_ = c.Close()
			}
			s := start(t, sip.Options{
				Listeners: []sip.Listener{
					{Network: "tcp", Address: at, Advertise: "127.0.0.1"}, {Network: "udp", Address: at, Advertise: "127.0.0.1"},
				},
				Handler: answering{make(chan sip.Registration, 8)},
			})
			for range 3 {
				if err := s.Alive(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A heldConn is read no further while it is held.
type heldConn struct {
	net.PacketConn
	held chan chan struct{}
}

func (c heldConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(p)
	select {
	case until := <-c.held:
		<-until
	default:
	}
	return n, from, err
}

// TestAliveNeedsAReader holds the second of two readers up, and lets it go on.
func TestAliveNeedsAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &siptest.Network{}
		conn := heldConn{network.Packet("192.0.2.2:5060"), make(chan chan struct{}, 1)}
		s, err := sip.New(sip.Options{Listeners: []sip.Listener{
			{Network: "udp", Packet: network.Packet("192.0.2.1:5060")}, {Network: "udp", Packet: conn},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		ask := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			return s.Alive(ctx)
		}
		if err := ask(); err != nil {
			t.Errorf("before: %v", err)
		}
		until := make(chan struct{})
		conn.held <- until
		if err := ask(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the reader is held up: %v", err)
		}
		close(until)
		if err := ask(); err != nil {
			t.Errorf("after: %v", err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
