package sip

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	wire "github.com/emiago/sipgo/sip"

	"cardline/sip/siptest"
)

// Where requests go, by who the peer is, what it has written into its Contact or
// route, and where it has last spoken from. No stream of the table is there any
// more but the one from port 40000.
func TestWays(t *testing.T) {
	network := &siptest.Network{}
	s, err := New(Options{
		Listeners: []Listener{
			{Network: "udp", Packet: network.Packet("192.0.2.1:5060")},
			{Network: "tcp", Stream: network.Stream("192.0.2.1:5062")},
		},
		Reloadable: Reloadable{
			Trunks:   []Trunk{{Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.48/30"), netip.MustParsePrefix("10.1.0.5/32")}}},
			Accounts: []Account{{User: "1001", Password: "a"}, {User: "1002", Password: "b", NAT: true}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	s.transport.Pool("tcp").Add("192.0.2.100:40000", &wire.TCPConnection{Conn: nowhere{near}})
	for _, c := range []struct {
		name, who, contact, route string
		network, source           string
		outgoing, distrusted      bool
		want                      string
	}{
		{name: "a trunk's Contact", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@192.0.2.51:5070", want: "UDP 192.0.2.51:5070, UDP 192.0.2.50:5060"},
		{name: "its route", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@10.0.0.7", route: "<sip:192.0.2.51;lr>", want: "UDP 192.0.2.51:5060, UDP 192.0.2.50:5060"},
		{name: "transport of a Contact", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@192.0.2.51;Transport=TCP", want: "TCP 192.0.2.51:5060, UDP 192.0.2.50:5060"},
		{name: "transport of a route", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@192.0.2.51", route: "<sip:192.0.2.49:5080;transport=tcp;lr>", want: "TCP 192.0.2.49:5080, UDP 192.0.2.50:5060"},
		{name: "transport that we have not", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@192.0.2.51;transport=sctp", want: "UDP 192.0.2.51:5060, UDP 192.0.2.50:5060"},
		{name: "maddr of a Contact", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@example.com;maddr=192.0.2.51", want: "UDP 192.0.2.51:5060, UDP 192.0.2.50:5060"},
		{name: "maddr of a route", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@192.0.2.51", route: "<sip:example.com:5080;maddr=192.0.2.49;lr>", want: "UDP 192.0.2.49:5080, UDP 192.0.2.50:5060"},
		{name: "maddr of a group", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@192.0.2.51;maddr=224.0.1.75", want: "UDP 192.0.2.51:5060, UDP 192.0.2.50:5060"},
		{name: "no address", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@0.0.0.0", want: "UDP 192.0.2.50:5060"},
		{name: "private behind a public trunk", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@10.0.0.7", want: "UDP 192.0.2.50:5060"},
		{name: "private, the trunk's", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@10.1.0.5", want: "UDP 10.1.0.5:5060, UDP 192.0.2.50:5060"},
		{name: "private beside private", who: "trunk", network: "UDP", source: "10.1.0.5:5060", contact: "sip:x@10.0.0.7", want: "UDP 10.0.0.7:5060, UDP 10.1.0.5:5060"},
		{name: "never acknowledged", who: "trunk", network: "UDP", source: "192.0.2.50:5060", contact: "sip:x@198.51.100.7", distrusted: true, want: "UDP 192.0.2.50:5060"},
		{name: "a trunk's stream that is gone", who: "trunk", network: "TCP", source: "192.0.2.50:41000", contact: "sip:x@192.0.2.50:5060", want: "TCP 192.0.2.50:5060, TCP 192.0.2.50:41000"},
		{name: "datagrams by a stream", who: "trunk", network: "TCP", source: "192.0.2.50:41000", contact: "sip:x@192.0.2.51;transport=udp", want: "UDP 192.0.2.51:5060, TCP 192.0.2.50:41000"},

		{name: "a phone", who: "1001", network: "UDP", source: "192.0.2.100:6000", contact: "sip:1001@192.0.2.100", want: "UDP 192.0.2.100:6000, UDP 192.0.2.100:5060"},
		{name: "a phone with a private Contact", who: "1001", network: "UDP", source: "198.51.100.7:6000", contact: "sip:1001@10.0.0.7", want: "UDP 198.51.100.7:6000"},
		{name: "between carriers", who: "1001", network: "UDP", source: "198.51.100.7:6000", contact: "sip:1001@100.64.3.7", want: "UDP 198.51.100.7:6000"},
		{name: "private, but the source", who: "1001", network: "TCP", source: "10.0.0.7:41000", contact: "sip:1001@10.0.0.7:5060", want: "TCP 10.0.0.7:5060, TCP 10.0.0.7:41000"},
		{name: "private, maddr", who: "1001", network: "UDP", source: "198.51.100.7:6000", contact: "sip:1001@198.51.100.7;maddr=127.0.0.1", want: "UDP 198.51.100.7:6000"},
		{name: "transport of a phone", who: "1001", network: "UDP", source: "192.0.2.100:5060", contact: "sip:1001@192.0.2.100;transport=tcp", want: "TCP 192.0.2.100:5060, UDP 192.0.2.100:5060"},
		{name: "maddr of a phone, elsewhere", who: "1001", network: "UDP", source: "192.0.2.100:5060", contact: "sip:1001@192.0.2.100;maddr=198.51.100.9", want: "UDP 192.0.2.100:5060, UDP 198.51.100.9:5060"},
		{name: "behind a translation", who: "1002", network: "UDP", source: "192.0.2.100:6000", contact: "sip:1001@192.0.2.100;transport=tcp", want: "UDP 192.0.2.100:6000, TCP 192.0.2.100:5060"},
		{name: "its stream is there", who: "1002", network: "TCP", source: "192.0.2.100:40000", contact: "sip:1001@192.0.2.100:5060", want: "TCP 192.0.2.100:40000, TCP 192.0.2.100:5060"},
		{name: "its stream is gone", who: "1002", network: "TCP", source: "192.0.2.100:41000", contact: "sip:1001@192.0.2.100:5060", want: "TCP 192.0.2.100:5060, TCP 192.0.2.100:41000"},
		{name: "an agent behind a proxy", who: "1001", network: "UDP", source: "192.0.2.60:5060", contact: "sip:1001@10.0.0.7", route: "<sip:192.0.2.61;lr>", outgoing: true, want: "UDP 192.0.2.60:5060, UDP 192.0.2.61:5060"},
		{name: "an agent whose stream is gone", who: "1001", network: "TCP", source: "192.0.2.100:41000", contact: "sip:1001@192.0.2.100:5060;transport=tcp", outgoing: true, want: "TCP 192.0.2.100:5060, TCP 192.0.2.100:41000"},
		{name: "a call to a URI", who: "", network: "UDP", contact: "sip:x@198.51.100.7", outgoing: true, want: "UDP 198.51.100.7:5060"},
	} {
		l := newLeg(s, side{incoming: !c.outgoing})
		if c.who == "trunk" {
			l.trunk = s.rules.Load().trunks[0]
		} else {
			l.account = c.who
		}
		d := dialog{socket: s.socketBy(c.network), isDistrusted: c.distrusted}
		if c.source != "" {
			d.hop = netip.MustParseAddrPort(c.source)
		}
		if err := wire.ParseUri(c.contact, &d.target); err != nil {
			t.Fatal(err)
		}
		if c.route != "" {
			r, err := newRoute(c.route)
			if err != nil {
				t.Fatal(err)
			}
			d.routes = []route{r}
		}
		var got []string
		for _, w := range l.ways(&d) {
			got = append(got, w.socket.network+" "+w.to)
		}
		if g := strings.Join(got, ", "); g != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, g, c.want)
		}
	}
}

// nowhere is a stream with addresses that sipgo can print.
type nowhere struct{ net.Conn }

func (nowhere) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (nowhere) RemoteAddr() net.Addr { return &net.TCPAddr{} }

func TestSameDevice(t *testing.T) {
	for _, c := range []struct {
		a, b      device
		is, mayBe bool
	}{
		{device{callID: "1", user: "x"}, device{callID: "1", user: "y"}, true, true},
		{device{callID: "1", user: "x"}, device{callID: "2", user: "x"}, false, true},
		{device{callID: "1", user: "x"}, device{callID: "2", user: "y"}, false, false},
		{device{callID: "1", user: "x", instance: "a"}, device{callID: "2", user: "x", instance: "b"}, false, false},
		{device{callID: "1", user: "x", instance: "a"}, device{callID: "2", user: "y", instance: "a"}, true, true},
		{device{user: "x"}, device{callID: "2", user: "x", instance: "a"}, false, true},
	} {
		if c.a.is(c.b) != c.is || c.b.is(c.a) != c.is || c.a.mayBe(c.b) != c.mayBe || c.b.mayBe(c.a) != c.mayBe {
			t.Errorf("%+v and %+v: want %t and %t", c.a, c.b, c.is, c.mayBe)
		}
	}
}
