package sip_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cardline/sip"
)

// answering takes every call at once.
type answering struct{ registered chan sip.Registration }

func (answering) Invited(l *sip.Leg, _ sip.Invite) sip.Sink {
	l.Answer(offerSDP)
	return nil
}

func (a answering) RegistrationChanged(r sip.Registration) { a.registered <- r }

// TestRealSockets is the one test with sockets: a stack answers, another one
// registers and calls, over UDP and over TCP.
func TestRealSockets(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			handler := answering{make(chan sip.Registration, 8)}
			server := start(t, sip.Options{
				Listeners:  []sip.Listener{{Network: network, Address: "127.0.0.1:0"}},
				Reloadable: sip.Reloadable{Accounts: []sip.Account{{User: "1001", Password: "secret"}}},
				Handler:    handler,
			})
			phone := start(t, sip.Options{
				Listeners: []sip.Listener{{Network: network, Address: "127.0.0.1:0"}},
				Reloadable: sip.Reloadable{Trunks: []sip.Trunk{
					{Name: "server", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
				}},
				Handler: answering{make(chan sip.Registration, 8)},
			})
			at := server.Addr(0).String() + ";transport=" + network
			client, err := phone.Register(sip.Login{URI: "sip:" + at, User: "1001", Password: "secret", Expires: time.Minute}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r := await(t, handler.registered); r.Change != sip.Registered || r.Binding.Network != network {
				t.Errorf("got %+v, want a device by %s", r, network)
			}

			out, events := call(t, phone, sip.Dial{URI: "sip:95500@" + strings.Replace(at, "127.0.0.1", "localhost", 1), User: "1001", Password: "secret", Offer: offerSDP})
			if _, ok := await(t, events).(sip.Answered); !ok {
				t.Error("our call was not answered")
			}
			out.Hangup("")
			<-out.Done()

			in, events := call(t, server, sip.Dial{Account: "1001", From: "138", Offer: offerSDP})
			if _, ok := await(t, events).(sip.Answered); !ok {
				t.Error("the device did not answer")
			}
			in.Hangup("")
			<-in.Done()

			client.Close(t.Context())
			if r := await(t, handler.registered); r.Change != sip.Unregistered {
				t.Errorf("got %v, want it unregistered", r.Change)
			}
			for _, s := range []*sip.Stack{phone, server} {
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func start(t *testing.T, o sip.Options) *sip.Stack {
	t.Helper()
	s, err := sip.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func call(t *testing.T, s *sip.Stack, d sip.Dial) (*sip.Leg, <-chan sip.Event) {
	t.Helper()
	events := make(chan sip.Event, 16)
	l, err := s.Dial(d, func(e sip.Event) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	return l, events
}

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came within a minute")
		panic("unreachable")
	}
}

// What was read in the moment of the end leaves no socket of sipgo's behind.
func TestEndUnderFire(t *testing.T) {
	defer goleak.VerifyNone(t)
	for round := range 20 {
		s := start(t, sip.Options{
			Listeners: []sip.Listener{{Network: "udp", Address: "127.0.0.1:0"}},
			Reloadable: sip.Reloadable{Trunks: []sip.Trunk{
				{Name: "peer", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
			}},
		})
		peer, err := net.Dial("udp", s.Addr(0).String())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			_, _ = fmt.Fprintf(peer, "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d;rport\r\nFrom: <sip:a@b>;tag=1\r\n"+
				"To: <sip:x@y>\r\nCall-ID: %d-%d\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", peer.LocalAddr(), i, round, i)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		_ = peer.Close()
	}
}

// A taken port is one clear error, and leaves nothing open.
func TestPortIsTaken(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	s, err := sip.New(sip.Options{Listeners: []sip.Listener{
		{Network: "tcp", Address: "127.0.0.1:0"}, {Network: "udp", Address: taken.LocalAddr().String()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "listen for SIP on udp "+taken.LocalAddr().String()) {
		t.Errorf("got %v, want the port named", err)
	}
}
