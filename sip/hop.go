package sip

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	wire "github.com/emiago/sipgo/sip"
)

// A way is where a request may go: by a socket of ours, to "host:port".
type way struct {
	socket *socket
	to     string
	target *wire.Uri // the Request-URI there; nil if it is that of the first way
}

// address has a request go this way; its Via is another matter.
func (w way) address(req *wire.Request) {
	req.SetTransport(w.socket.network)
	req.SetDestination(w.to)
	req.Laddr = w.socket.outgoing()
}

// A device tells one device of an account from another.
type device struct {
	callID   string // of its REGISTER
	user     string // of its Contact
	instance string // RFC 5626, empty if it has none
}

// is reports whether two are the same.
func (d device) is(other device) bool {
	if d.instance != "" && other.instance != "" {
		return d.instance == other.instance
	}
	return d.callID == other.callID
}

// mayBe reports whether two may be the same: many phones have their account as the
// user of the Contact, and nothing else that tells them apart.
func (d device) mayBe(other device) bool {
	return d.is(other) || d.user == other.user && (d.instance == "" || other.instance == "")
}

// ways returns where the dialog's next request may go, best first.
//
// By section 12.2.1.1 it goes to the first route or the Contact. But phones sit
// behind address translations, and a stream that is there is better than one that
// would have to be opened: these get it where they have last spoken from and
// proved to be the peer, or on that host as their Contact says. If that stream has
// ended, the Contact's turn has come, unless it is a private address that the peer
// has not spoken from. An INVITE whose answer was never acknowledged may have a
// Contact that is somebody else's.
func (l *Leg) ways(d *dialog) []way {
	named, isExplicit, ok := l.named(d)
	if !d.hop.IsValid() {
		return []way{named}
	}
	back := way{socket: d.socket, to: d.hop.String()}
	if !ok || d.isDistrusted || len(d.routes) == 0 && l.isHidden(d) {
		return []way{back}
	}
	prefersBack := l.side.incoming && len(d.routes) == 0 && (l.account != "" || d.socket.network == "TCP") ||
		!l.side.incoming && l.account != ""
	obeysContact := isExplicit && (l.account == "" || !l.isTranslated() && isAt(named.to, d.hop.Addr()))
	if obeysContact || d.socket.network == "TCP" && !l.stack.hasStream(back.to) {
		prefersBack = false
	}
	both := []way{named, back}
	if prefersBack {
		slices.Reverse(both)
	}
	return slices.Compact(both)
}

// named returns the way that the first route or the Contact names, and whether it
// asks for another than the usual one, by transport or maddr. ok is false if it
// names none.
func (l *Leg) named(d *dialog) (w way, isExplicit, ok bool) {
	next := d.next()
	w.socket = d.socket
	if transport, has := param(next.UriParams, "transport"); has {
		if s := l.stack.socketBy(transport); s != nil && s.network != d.socket.network {
			w.socket, isExplicit = s, true
		}
	}
	at := *next
	if maddr, _ := param(next.UriParams, "maddr"); maddr != "" && !strings.EqualFold(maddr, next.Host) {
		if a, err := netip.ParseAddr(bareHost(maddr)); err != nil || isReachable(a) {
			at.Host, isExplicit = maddr, true
		}
	}
	if a, err := netip.ParseAddr(bareHost(at.Host)); err == nil && !isReachable(a) {
		return w, false, false
	}
	w.to = hostPort(&at, w.socket.network)
	return w, isExplicit, true
}

// isAt reports whether "host:port" is at an address.
func isAt(to string, addr netip.Addr) bool {
	at, err := netip.ParseAddrPort(to)
	return err == nil && at.Addr().Unmap() == addr
}

// isReachable tells whether packets may go to an address at all.
func isReachable(a netip.Addr) bool { return !a.IsUnspecified() && !a.IsMulticast() }

// isHidden reports whether the peer's Contact is a private address of a network
// that we are not in: it is neither where the peer speaks from nor the trunk's.
func (l *Leg) isHidden(d *dialog) bool {
	host := d.target.Host
	if maddr, _ := param(d.target.UriParams, "maddr"); maddr != "" {
		host = maddr
	}
	a, err := netip.ParseAddr(bareHost(host))
	if err != nil || !isPrivate(a.Unmap()) || a.Unmap() == d.hop.Addr() {
		return false
	}
	// The parts of a carrier in one private network may well have several.
	return l.trunk == nil || !l.trunk.has(a.Unmap()) && !isPrivate(d.hop.Addr())
}

// shared is the address space between carriers and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

// isTranslated reports whether the peer's account says that it sits behind an
// address translation.
func (l *Leg) isTranslated() bool {
	account := l.stack.rules.Load().accounts[l.account]
	return account != nil && account.NAT
}

// notice has requests go to where the peer speaks from now, if it has said as
// whoever it is: a trunk from one of its addresses, an account with a digest.
func (l *Leg) notice(a *arrival) {
	source := sourceOf(a.req)
	if a.proven || a.req.IsInvite() && l.trunk != nil && l.trunk.has(source.Addr()) {
		l.moved(source, l.stack.socketOf(a))
		l.left = way{}
	}
}

func (l *Leg) moved(source netip.AddrPort, at *socket) {
	l.dialog.hop, l.dialog.socket, l.provedAt = source, at, time.Now()
	l.remote.Store(&source)
}

// follow has requests go after the peer's device, if that has registered from
// elsewhere since it was heard of. Another device of the account does not count. One
// that may be the same gets a BYE, which goes to both if need be, and nothing else: it
// could be a second phone, that would refuse a re-INVITE and so end the call.
func (l *Leg) follow(method wire.RequestMethod) {
	if l.account == "" || len(l.dialog.routes) > 0 {
		return
	}
	b, ok := l.stack.registrar.find(l.account)
	if !ok || !b.Refreshed.After(l.provedAt) || len(b.Path) > 0 || b.Source == l.dialog.hop {
		return
	}
	if !b.is(l.device) && (method != wire.BYE || !b.mayBe(l.device)) {
		return
	}
	l.left = way{l.dialog.socket, l.dialog.hop.String(), l.dialog.target.Clone()}
	l.dialog.target = *b.target.Clone()
	l.moved(b.Source, b.socket)
}

// isElsewhere reports whether the peer's account speaks from another address than
// it has proved.
func (l *Leg) isElsewhere(source netip.AddrPort) bool {
	if l.account == "" || l.Remote() == source {
		return false
	}
	b, ok := l.stack.Binding(l.account)
	return !ok || b.Source != source
}

// hasStream reports whether there is a stream to an address.
func (s *Stack) hasStream(to string) bool {
	conn := s.transport.Pool("tcp").Get(to)
	if conn == nil {
		return false
	}
	_, _ = conn.TryClose() // Get has counted us in
	return true
}

// socketBy returns a socket of a transport as URIs name it, nil if there is none.
func (s *Stack) socketBy(transport string) *socket {
	for _, at := range s.sockets {
		if strings.EqualFold(at.network, transport) {
			return at
		}
	}
	return nil
}

// redirect returns a request as it goes another way, as a transaction of its own.
func redirect(req *wire.Request, w way) *wire.Request {
	again := req.Clone()
	via := again.Via()
	via.Transport, via.Host, via.Port = w.socket.network, w.socket.host, w.socket.port
	via.Params.Add("branch", newBranch())
	if w.target != nil {
		again.Recipient = *w.target.Clone()
	}
	w.address(again)
	return again
}
