package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func everybodyIsTrunk() *rules {
	return newRules(Reloadable{Trunks: []Trunk{{Name: "all", Sources: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}}})
}

func nobodyIsKnown() *rules { return newRules(Reloadable{}) }

// H11: a peer that does not read holds nobody for longer than 5 s, and its
// stream is closed: half a message has gone out.
func TestH11PeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		g := newGuard(Options{}.withDefaults(), everybodyIsTrunk)
		s := g.adopt(addressed{near})
		start := time.Now()
		if _, err := s.Write([]byte("SIP/2.0 200 OK")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want a deadline", err)
		}
		if took := time.Since(start); took != writeTimeout {
			t.Errorf("held for %v, want %v", took, writeTimeout)
		}
		if _, err := far.Write([]byte("x")); err == nil {
			t.Error("the stream is still open")
		}
		if len(g.streams.holders)+len(g.streams.byRemote) != 0 {
			t.Error("the stream has its place still")
		}
	})
}

// Who guesses passwords over streams is no faster than by datagrams, however
// many streams he opens.
func TestStreamsOnProbationShareTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(Options{PacketsPerSecond: 10}.withDefaults(), nobodyIsKnown)
		message := []byte("OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\nX: " + strings.Repeat("x", streamUnit-49) + "\r\n\r\n")
		if len(message) != streamUnit {
			t.Fatalf("got a message of %d bytes, want %d", len(message), streamUnit)
		}
		taken := 0
		for range 4 {
			near, far := net.Pipe()
			s := g.adopt(addressed{near})
			go func() {
				for range 10 {
					if _, err := far.Write(message); err != nil {
						return
					}
				}
				_ = far.Close()
			}()
			p := make([]byte, 2*streamUnit)
			for {
				n, err := s.Read(p)
				if err != nil {
					break
				}
				taken += n / streamUnit
			}
			_ = far.Close()
		}
		if taken != 20 {
			t.Errorf("got %d messages through, want two seconds' worth: 20", taken)
		}
	})
}

// Streams that bring too much leave no debt behind that keeps out others of their
// address.
func TestNoDebtOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(Options{PacketsPerSecond: 10}.withDefaults(), nobodyIsKnown)
		addr := netip.MustParseAddr("198.51.100.7")
		for range 1000 { // streams that are read at once
			if pause := g.pause(addr, 4*streamUnit); pause > time.Second {
				t.Fatalf("got a pause of %v", pause)
			}
		}
		time.Sleep(2 * time.Second)
		if !g.tolerates(addr, streamUnit) {
			t.Error("two seconds later the address may still send nothing")
		}
	})
}

// A datagram may hold the keys of an INFO: its place is wiped before the reader
// waits for the next.
func TestReaderWipesWhatItHasRead(t *testing.T) {
	g := newGuard(Options{}.withDefaults(), everybodyIsTrunk)
	conn := &script{datagrams: []string{"INFO sip:x SIP/2.0\r\n\r\nSignal=7"}}
	r := g.newReader(conn, newPulse(), nil)
	p := make([]byte, 128)
	if n, _, err := r.ReadFrom(p); err != nil || n != len("INFO sip:x SIP/2.0\r\n\r\nSignal=7") {
		t.Fatalf("got %d bytes and %v", n, err)
	}
	if _, _, err := r.ReadFrom(p); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v, want the end", err)
	}
	if left := bytes.Trim(p, "\x00"); len(left) > 0 {
		t.Errorf("got %q left, want nothing", left)
	}
}

// A script is a socket that has these datagrams, and then ends.
type script struct {
	net.PacketConn
	datagrams []string
}

func (s *script) ReadFrom(p []byte) (int, net.Addr, error) {
	if len(s.datagrams) == 0 {
		return 0, nil, net.ErrClosed
	}
	n := copy(p, s.datagrams[0])
	s.datagrams = s.datagrams[1:]
	return n, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.9:5060")), nil
}

// addressed gives a pipe an address.
type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.50:40000"))
}

func TestLooksLikeSIP(t *testing.T) {
	for data, want := range map[string]bool{
		"OPTIONS sip:x SIP/2.0\r\n": true, "SIP/2.0 200 OK\r\n": true, "X y SIP/7.0\r\n": true,
		"GET / HTTP/1.1\r\n": false, "OPTIONS sip:x SIP/2.0": false, "\x00\x01": false, "": false, " SIP/2.0\r\n": false,
	} {
		if got := looksLikeSIP([]byte(data)); got != want {
			t.Errorf("%q: got %v, want %v", data, got, want)
		}
	}
}

func TestGenerationsForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g generations[int, string]
		g.init(time.Minute, 100)
		g.put(1, "one")
		time.Sleep(time.Minute)
		if v, ok := g.get(1); !ok || v != "one" {
			t.Error("forgotten within its span")
		}
		time.Sleep(time.Minute)
		if _, ok := g.get(1); ok {
			t.Error("remembered after twice its span")
		}
		for i := range 10000 {
			g.put(i, "x")
		}
		if n := len(g.young) + len(g.old); n > 200 {
			t.Errorf("got %d values, want at most 200", n)
		}
		time.Sleep(10 * time.Minute)
		if _, ok := g.get(9999); ok {
			t.Error("remembered after ten minutes")
		}
	})
}

// An address that has proved nothing sends no long datagrams; a trunk and a
// phone that has shown its password may.
func TestLongDatagramsOfStrangers(t *testing.T) {
	trunk := netip.MustParseAddrPort("192.0.2.50:5060")
	stranger, phone := netip.MustParseAddrPort("198.51.100.7:5060"), netip.MustParseAddrPort("198.51.100.8:5060")
	g := newGuard(Options{}.withDefaults(), func() *rules {
		return newRules(Reloadable{Trunks: []Trunk{{Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.50/32")}}}})
	})
	g.prove(phone, "1001")
	for _, c := range []struct {
		source netip.AddrPort
		length int
		want   bool
	}{
		{trunk, 30000, true}, {phone, 30000, true}, {stranger, largestUnproven, true}, {stranger, largestUnproven + 1, false},
	} {
		data := append([]byte("OPTIONS sip:x SIP/2.0\r\n"), bytes.Repeat([]byte("x"), c.length)...)[:c.length]
		if got := g.admits(c.source, data, false); got != c.want {
			t.Errorf("%d bytes from %v: got %v, want %v", c.length, c.source, got, c.want)
		}
	}
}

// Whoever has one address of an IPv6 /64 has all of them; an office may send
// more than another address.
func TestRateOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(Options{PacketsPerSecond: 10}.withDefaults(), func() *rules {
			return newRules(Reloadable{Networks: []Network{
				{Name: "office", Sources: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, PacketsPerSecond: 100},
			}})
		})
		for _, c := range []struct {
			address func(i int) string
			want    int
		}{
			{func(int) string { return "198.51.100.7" }, 20},
			{func(int) string { return "203.0.113.7" }, 200},
			{func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, 20},
		} {
			in := 0
			for i := range 300 {
				if g.admits(netip.AddrPortFrom(netip.MustParseAddr(c.address(i)), 5060), []byte("OPTIONS sip:x SIP/2.0\r\n"), false) {
					in++
				}
			}
			if in != c.want {
				t.Errorf("from %s: got %d in, want %d", c.address(0), in, c.want)
			}
		}
	})
}
