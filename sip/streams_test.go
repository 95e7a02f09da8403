package sip

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// A stranger's stream comes to sipgo, which takes 32 kB for it, when a header is
// whole, in whichever pieces; a trunk's comes at once. Nothing of it is lost.
func TestH11StreamsWaitForAHeader(t *testing.T) {
	const message = "OPTIONS sip:x SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
	for _, c := range []struct {
		name   string
		rules  func() *rules
		first  string // after this it is not there yet
		rest   string // after this it is
		reader string // what its reader gets
	}{
		{"half a header", nobodyIsKnown, message[:20], message[20:], message},
		{"nothing", nobodyIsKnown, "", message, message},
		{"all but the last byte of a header", nobodyIsKnown, message[:len(message)-5], message[len(message)-5:], message},
		{"line ends", nobodyIsKnown, "\r\n\r\n\r\n\r\n", message, message},
		{"bare line ends", nobodyIsKnown, "OPTIONS sip:x SIP/2.0\nContent-Length: 4\n", "\nbody", message},
		{"a trunk", everybodyIsTrunk, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bound, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l := newStreamGuard(bound, newGuard(Options{}.withDefaults(), c.rules))
			served := make(chan struct{})
			go func() { defer close(served); l.serve() }()
			defer func() { _ = bound.Close(); l.guard.closeStreams(); <-served }()
			dial := func(text string) net.Conn {
				conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", bound.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
				if _, err := io.WriteString(conn, text); err != nil {
					t.Fatal(err)
				}
				return conn
			}
			accept := func() net.Conn {
				s, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return s
			}
			conn := dial(c.first)
			if c.rest != "" { // whoever comes later and says something goes first
				if other := dial(message); accept().RemoteAddr().String() != other.LocalAddr().String() {
					t.Fatal("it was handed over too early")
				}
				if _, err := io.WriteString(conn, c.rest); err != nil {
					t.Fatal(err)
				}
			}
			s := accept()
			if s.RemoteAddr().String() != conn.LocalAddr().String() {
				t.Fatal("somebody else's stream came")
			}
			got := make([]byte, len(c.reader))
			if _, err := io.ReadFull(s, got); err != nil || string(got) != c.reader {
				t.Errorf("got %q, %v; want %q", got, err, c.reader)
			}
		})
	}
}

// H11: one trunk that leaves its streams open takes no other's places.
func TestH11StreamsOfATrunk(t *testing.T) {
	known := newRules(Reloadable{Trunks: []Trunk{
		{Name: "one", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}},
		{Name: "two", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/32")}},
	}})
	var table streamTable
	table.init()
	add := func(addr string, port uint16) bool {
		at := netip.AddrPortFrom(netip.MustParseAddr(addr), port)
		s := &guardedStream{remote: at, isTrunk: true}
		s.isProven.Store(true)
		_, ok := table.add(table.holderOf(known, at.Addr()), s)
		return ok
	}
	for i := range uint16(trunkStreams) {
		if !add("192.0.2.1", 1+i) {
			t.Fatalf("stream %d was refused", 1+i)
		}
	}
	if add("192.0.2.1", trunkStreams+1) {
		t.Error("a trunk has one place too many")
	}
	if !add("192.0.2.2", 1) {
		t.Error("the other trunk has no place")
	}
}

// A stream that we have opened takes nobody's place, and may be silent for as long as
// it likes; that of a trunk is one of a trunk.
func TestOwnStreamsAreNoStrangers(t *testing.T) {
	for _, c := range []struct {
		name    string
		rules   func() *rules
		isTrunk bool
	}{{"a phone", nobodyIsKnown, false}, {"a trunk", everybodyIsTrunk, true}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuard(Options{}.withDefaults(), c.rules)
				near, far := net.Pipe()
				s, err := g.own(remoteAt{near, net.TCPAddrFromAddrPort(netip.MustParseAddrPort("198.51.100.7:5060"))})
				if err != nil {
					t.Fatal(err)
				}
				if len(g.streams.holders) > 0 || s.isTrunk != c.isTrunk {
					t.Errorf("places of %d holders are taken, trunk: %v; want 0, %v", len(g.streams.holders), s.isTrunk, c.isTrunk)
				}
				g.heard(s.remote)
				const message = "OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n"
				go func() {
					time.Sleep(time.Hour)
					for range 2 * probationBudget / len(message) {
						_, _ = io.WriteString(far, message)
					}
					_ = far.Close()
				}()
				got, err := io.ReadAll(s)
				if want := 2 * probationBudget / len(message) * len(message); err != nil || len(got) != want {
					t.Errorf("got %d bytes, %v; want %d", len(got), err, want)
				}
				_ = s.Close()
			})
		})
	}
}

// remoteAt is a connection to an address.
type remoteAt struct {
	net.Conn
	addr net.Addr
}

func (c remoteAt) RemoteAddr() net.Addr { return c.addr }
