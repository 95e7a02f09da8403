package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	wire "github.com/emiago/sipgo/sip"
)

// A dialog is what RFC 3261 section 12 has both sides remember. Only its
// leg's goroutine touches it after the leg has begun.
type dialog struct {
	callID              string
	localTag, remoteTag string
	local, remote       party
	localSeq, remoteSeq uint32
	target              wire.Uri // the peer's Contact
	routes              []route  // towards the peer, nearest first

	socket       *socket        // that the peer speaks to
	hop          netip.AddrPort // where the peer has last spoken from, as [Leg.notice] and [Leg.follow] have it
	isDistrusted bool           // never acknowledged: nothing goes to its Contact, which may be anybody's
}

// A route is a proxy on the way to the peer.
type route struct {
	uri   wire.Uri
	value string // as a header has it, with parameters of its own
}

// A party is one end of a dialog as From and To name it.
type party struct {
	display string // escaped, without the quotes
	uri     wire.Uri
}

// A socket is a listener as requests and responses see it.
type socket struct {
	Listener
	network string    // "UDP" or "TCP", as in Via
	local   wire.Addr // where it is bound
	host    string    // what Via and Contact say
	port    int
	pulse   pulse
}

// newSocket fills in what peers are told of a bound listener.
func newSocket(l Listener, bound net.Addr) (*socket, error) {
	at, err := netip.ParseAddrPort(bound.String())
	if err != nil {
		return nil, err
	}
	s := &socket{Listener: l, pulse: newPulse(), network: "UDP", host: at.Addr().Unmap().String(), port: int(at.Port())}
	s.local = wire.Addr{IP: at.Addr().AsSlice(), Port: int(at.Port())}
	if l.Network == "tcp" {
		s.network = "TCP"
	}
	if l.Advertise != "" {
		s.host = l.Advertise
		if host, port, err := net.SplitHostPort(l.Advertise); err == nil {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return nil, err
			}
			s.host, s.port = host, int(n)
		}
	}
	return s, nil
}

// uri is an address of ours on this socket.
func (s *socket) uri(user string) wire.Uri {
	u := wire.Uri{Scheme: "sip", User: escapedUser(user), Host: s.host, Port: s.port}
	if s.network == "TCP" {
		u.UriParams = wire.HeaderParams{{K: "transport", V: "tcp"}}
	}
	return u
}

// outgoing is where requests leave from: of datagrams the socket itself, since
// sipgo would open one of its own, of a stream any port of the listener's address.
func (s *socket) outgoing() wire.Addr {
	if s.network == "UDP" {
		return s.local
	}
	if s.local.IP.IsUnspecified() {
		return wire.Addr{} // the system knows which address fits
	}
	return wire.Addr{IP: s.local.IP}
}

// newRequest builds a request that goes one way, with a fresh branch.
func newRequest(method wire.RequestMethod, target wire.Uri, w way) *wire.Request {
	req, s := wire.NewRequest(method, target), w.socket
	req.AppendHeader(&wire.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: s.network, Host: s.host, Port: s.port,
		Params: wire.HeaderParams{{K: "branch", V: newBranch()}, {K: "rport"}},
	})
	hops := wire.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	w.address(req)
	return req
}

// request builds the dialog's next request, which goes one way. An ACK takes the number of its
// INVITE instead of a new one: pass it as seq, otherwise 0.
func (d *dialog) request(method wire.RequestMethod, seq uint32, w way) *wire.Request {
	if seq == 0 {
		d.localSeq++
		seq = d.localSeq
	}
	target, routes := d.target, d.routes
	next := d.next()
	if len(routes) > 0 && !hasParam(next.UriParams, "lr") {
		// A strict router wants its own address in the request line and
		// the target at the end (section 12.2.1.1).
		routes = append(slices.Clone(routes[1:]), route{value: "<" + target.String() + ">"})
		target = requestURI(next)
	}
	req := newRequest(method, target, w)
	for _, r := range routes {
		req.AppendHeader(wire.NewHeader("Route", r.value))
	}
	d.address(req, method, seq)
	return req
}

// next is the URI of who gets the dialog's next request.
func (d *dialog) next() *wire.Uri {
	if len(d.routes) > 0 {
		return &d.routes[0].uri
	}
	return &d.target
}

// address adds the headers that name the dialog.
func (d *dialog) address(req *wire.Request, method wire.RequestMethod, seq uint32) {
	req.AppendHeader(&wire.FromHeader{
		DisplayName: d.local.display, Address: d.local.uri, Params: wire.HeaderParams{{K: "tag", V: d.localTag}},
	})
	to := &wire.ToHeader{DisplayName: d.remote.display, Address: d.remote.uri}
	if d.remoteTag != "" {
		to.Params = wire.HeaderParams{{K: "tag", V: d.remoteTag}}
	}
	req.AppendHeader(to)
	callID := wire.CallIDHeader(d.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&wire.CSeqHeader{SeqNo: seq, MethodName: method})
	req.SetBody(nil)
}

// contact is the Contact header of our side.
func (d *dialog) contact() wire.Header {
	return &wire.ContactHeader{Address: d.socket.uri(userPart(&d.local.uri))}
}

// establish takes over from a response what makes the dialog of our INVITE.
func (d *dialog) establish(res *wire.Response) {
	d.remoteTag = tagOf(res.To().Params)
	d.routes, _ = recordRoutes(res)
	slices.Reverse(d.routes) // section 12.1.2
	d.refresh(res)
}

// refresh takes over the peer's newest Contact (target refresh, section 12.2).
func (d *dialog) refresh(msg wire.Message) {
	if uri, ok := contactOf(msg); ok {
		d.target = uri
	}
}

// contactOf returns the address by which the sender of a message wants to be
// reached, if it names one that can be: a telephone number cannot.
func contactOf(msg wire.Message) (wire.Uri, bool) {
	for _, h := range msg.GetHeaders("Contact") {
		c, ok := h.(*wire.ContactHeader)
		if ok && !c.Address.Wildcard && (c.Address.Scheme == "sip" || c.Address.Scheme == "sips") &&
			c.Address.Host != "" && c.Address.Port >= 0 && c.Address.Port <= 65535 {
			return requestURI(&c.Address), true
		}
	}
	return wire.Uri{}, false
}

// requestURI is a URI without what must not stand in a request line (section
// 19.1.1): headers, which would go into our requests, and a method.
func requestURI(u *wire.Uri) wire.Uri {
	uri := *u.Clone()
	uri.Headers = nil
	uri.UriParams = slices.DeleteFunc(uri.UriParams, func(p wire.HeaderKV) bool { return strings.EqualFold(p.K, "method") })
	return uri
}

// param returns a parameter's value; names have no case.
func param(params wire.HeaderParams, name string) (string, bool) {
	for _, p := range params {
		if strings.EqualFold(p.K, name) {
			return p.V, true
		}
	}
	return "", false
}

func hasParam(params wire.HeaderParams, name string) bool {
	_, has := param(params, name)
	return has
}

// recordRoutes returns the route that a message has recorded, and false if it
// holds what is none.
func recordRoutes(msg wire.Message) (routes []route, ok bool) {
	ok = true
	for _, value := range addresses(msg, "Record-Route") {
		r, err := newRoute(value)
		if err != nil {
			ok = false
			continue
		}
		routes = append(routes, r)
	}
	return routes, ok
}

// newRoute reads an address of a proxy. One without brackets is meant as a URI
// with all its parameters.
func newRoute(value string) (route, error) {
	if !strings.Contains(value, "<") {
		value = "<" + value + ">"
	}
	r := route{value: value}
	if _, err := wire.ParseAddressValue(value, &r.uri, nil); err != nil {
		return route{}, fmt.Errorf("route: %w", err)
	}
	if r.uri.Scheme != "sip" && r.uri.Scheme != "sips" || r.uri.Host == "" || !cleanText(value) {
		return route{}, errRoute
	}
	return r, nil
}

var errRoute = errors.New("route: want the address of a proxy")

// hostPort is where a URI is reached by default.
func hostPort(u *wire.Uri, network string) string {
	port := u.Port
	if port == 0 {
		port = wire.DefaultPort(network)
	}
	return net.JoinHostPort(bareHost(u.Host), strconv.Itoa(port))
}

// bareHost is a host without the brackets of an IPv6 address and the dot of a
// full name.
func bareHost(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), ".")
}
