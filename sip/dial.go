package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	wire "github.com/emiago/sipgo/sip"
)

// A Dial says whom to call. Exactly one of Account and URI is set.
type Dial struct {
	// Account calls the device that is registered under it.
	Account string

	// URI calls an address, such as "sip:95500@192.0.2.1;transport=tcp". User
	// and Password, if set, answer a digest challenge, and User is then the
	// user part of From unless From is set.
	URI            string
	User, Password string

	Call    string   // the call that the leg is a part of, for the log
	From    string   // the user part of From: the number shown
	Display string   // the display name shown
	Offer   []byte   // the session offered
	Headers []Header // further headers of the INVITE, such as Alert-Info
}

// Dial begins a call and returns its leg at once; sink takes its events, of
// which [Answered] or [Ended] is to come. It returns [ErrNotRegistered],
// [ErrBusy], or what is wrong with the dial.
func (s *Stack) Dial(d Dial, sink Sink) (*Leg, error) {
	at := side{}
	l := newLeg(s, at)
	l.dial, l.sink, l.state = d, sink, calling
	if l.sink == nil {
		l.sink = func(Event) {}
	}
	if d.Call != "" {
		l.Name(d.Call)
	}
	if err := l.aim(d); err != nil {
		return nil, err
	}
	headers := make([]wire.Header, 0, len(d.Headers))
	for _, h := range d.Headers {
		header, err := newHeader(h.Name, h.Value)
		if err != nil {
			return nil, fmt.Errorf("dial: %w", err)
		}
		headers = append(headers, header)
	}
	l.place = &place{side: l.side}
	if _, ok := s.admission.admit(l.place, limits{}); !ok {
		return nil, ErrBusy
	}
	s.legs.add(l)
	s.owners.Go(func() {
		s.guarded(func() { l.invitePeer(headers) })
		l.run()
	})
	return l, nil
}

// aim fills in the dialog of a call to be made.
func (l *Leg) aim(d Dial) error {
	s := l.stack
	from := d.From
	if from == "" {
		from = d.User
	}
	l.dialog = dialog{callID: newTag(), localTag: newTag(), localSeq: 0}
	if d.Account != "" {
		b, ok := s.registrar.find(d.Account)
		if !ok {
			return fmt.Errorf("dial %s: %w", d.Account, ErrNotRegistered)
		}
		l.account = d.Account
		l.dialog.socket, l.dialog.hop, l.dialog.target = b.socket, b.Source, *b.target.Clone()
		l.device, l.provedAt = b.device, l.began
		l.dialog.remote = party{uri: b.socket.uri(d.Account)}
		for _, p := range b.Path {
			via, err := newRoute(p)
			if err != nil {
				return fmt.Errorf("dial %s by its path: %w", d.Account, err)
			}
			l.dialog.routes = append(l.dialog.routes, via)
		}
		source := b.Source
		l.remote.Store(&source)
	} else {
		if err := wire.ParseUri(d.URI, &l.dialog.target); err != nil {
			return fmt.Errorf("dial %q: %w", d.URI, err)
		}
		target := &l.dialog.target
		if target.Scheme != "sip" || target.Host == "" || !cleanText(d.URI) {
			return fmt.Errorf("dial %q: want a sip URI", d.URI)
		}
		network := "udp"
		if t, ok := target.UriParams.Get("transport"); ok {
			network = strings.ToLower(t)
		}
		l.dialog.socket = s.socketFor(network)
		if l.dialog.socket.Network != network {
			return fmt.Errorf("dial %q: no %s listener", d.URI, network)
		}
		l.dialog.remote = party{uri: wire.Uri{Scheme: "sip", User: target.User, Host: target.Host, Port: target.Port}}
		if source, err := netip.ParseAddrPort(hostPort(target, network)); err == nil {
			l.dialog.hop = source
			l.remote.Store(&source)
		}
		if l.Remote().IsValid() {
			if t := s.rules.Load().trunk(l.Remote().Addr()); t != nil {
				l.trunk, l.side.trunk = t, t.Name
			}
		}
	}
	if l.Remote().IsValid() {
		s.guard.prove(l.Remote(), l.account)
	}
	l.dialog.local = party{quoted(d.Display), wire.Uri{
		Scheme: "sip", User: escapedUser(from), Host: l.dialog.socket.host, Port: l.dialog.socket.port,
	}}
	return nil
}

// request builds the dialog's next request, as [dialog.request] has it. If it
// cannot go its way, there may be others.
func (l *Leg) request(method wire.RequestMethod, seq uint32) (*wire.Request, []way) {
	l.follow(method)
	ways := l.ways(&l.dialog)
	return l.dialog.request(method, seq, ways[0]), ways[1:]
}

// invitePeer sends the first INVITE.
func (l *Leg) invitePeer(headers []wire.Header) {
	req, ways := l.request(wire.INVITE, 0)
	l.inviteSeq = l.dialog.localSeq
	for _, h := range headers {
		req.AppendHeader(h)
	}
	l.finishInvite(req, l.dial.Offer)
	l.due[ringAlarm] = time.Now().Add(l.stack.options.RingLimit)
	l.dialled = l.send(req, ways)
}

func (l *Leg) finishInvite(req *wire.Request, body []byte) {
	req.AppendHeader(l.dialog.contact())
	req.AppendHeader(wire.NewHeader("Allow", allowed))
	req.AppendHeader(wire.NewHeader("User-Agent", l.stack.options.UserAgent))
	setBody(req, body)
}

// sendOffer sends a re-INVITE with the latest wish.
func (l *Leg) sendOffer() {
	req, ways := l.request(wire.INVITE, 0)
	l.finishInvite(req, l.wished)
	l.wanted = false
	l.reoffer = l.send(req, ways)
}

// bye builds a BYE. It must not be lost: if the device that it follows is another
// one after all, it goes to where the peer was before as well.
func (l *Leg) bye() (*wire.Request, []way) {
	req, ways := l.request(wire.BYE, 0)
	if h := reasonHeader(l.farewell); h != nil {
		req.AppendHeader(h)
	}
	if l.left.socket != nil {
		ways = append(ways, l.left)
	}
	return req, ways
}

// cancel sends the CANCEL of our INVITE: the same in all that tells it apart
// (RFC 3261 section 9.1).
func (l *Leg) cancel() {
	invite := l.dialled.req
	req := wire.NewRequest(wire.CANCEL, *invite.Recipient.Clone())
	for _, name := range []string{"Via", "Route", "Max-Forwards", "From", "To", "Call-ID"} {
		wire.CopyHeaders(name, invite, req)
	}
	req.AppendHeader(&wire.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: wire.CANCEL})
	if h := reasonHeader(l.farewell); h != nil {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	req.SetTransport(invite.Transport())
	req.SetDestination(invite.Destination())
	req.Laddr = invite.Laddr
	l.cancelled = &outgoing{req: req}
	l.transact(l.cancelled)
}

// send starts the transaction of a request and remembers it.
func (l *Leg) send(req *wire.Request, ways []way) *outgoing {
	o := &outgoing{req: req, ways: ways}
	l.out[branchOf(req)] = o
	l.transact(o)
	return o
}

// connectLimit is how long a request may wait for a stream to its peer, by all its
// ways together.
const connectLimit = 4 * time.Second

// transact hands a request to sipgo, by the first of its ways that is open.
func (l *Leg) transact(o *outgoing) {
	limit := connectLimit / time.Duration(1+len(o.ways))
	err := l.begin(o, limit)
	for err != nil && l.redirect(o) {
		err = l.begin(o, limit)
	}
	if err != nil {
		l.log.Debug().Type("error", err).Str("method", string(o.req.Method)).Msg("request not sent")
		l.stack.readers.Go(func() { l.fail(fate{o, nil, wire.ErrTransactionTransport}) })
	}
}

// redirect turns a request to its next way, if there is one.
func (l *Leg) redirect(o *outgoing) bool {
	if len(o.ways) == 0 {
		return false
	}
	delete(l.out, branchOf(o.req))
	o.req, o.ways, o.tx = redirect(o.req, o.ways[0]), o.ways[1:], nil
	l.out[branchOf(o.req)] = o
	return true
}

// begin begins the transaction of a request. Responses come to the leg in order by
// another way, so what the transaction passes up is only taken off its hands:
// it would stand still otherwise, holding its lock.
func (l *Leg) begin(o *outgoing, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := l.reach(ctx, o.req); err != nil {
		return err
	}
	tx, err := l.stack.transactions.Request(ctx, o.req)
	if err != nil {
		return fmt.Errorf("begin %s: %w", o.req.Method, err)
	}
	o.tx = tx
	l.stack.readers.Go(func() {
		for answered := false; ; {
			select {
			case res := <-tx.Responses():
				answered = !res.IsProvisional()
				continue
			case <-tx.Done():
			}
			if answered { // on a stream it ends at once, and the response may still be in line (hazard H16)
				l.linger(64 * t1)
			}
			l.fail(fate{o, tx, tx.Err()})
			return
		}
	})
	return nil
}

// linger waits for the end of the leg, for so long at most.
func (l *Leg) linger(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.done:
	}
}

// reach finds the address that a request goes to, and has a stream there if it
// needs one. It asks for a host name once per leg: sipgo would ask for every
// request, and for an ACK without any limit of time.
func (l *Leg) reach(ctx context.Context, req *wire.Request) error {
	destination := req.Destination()
	at, isKnown := l.resolved[destination]
	if !isKnown {
		var err error
		if at, err = l.stack.resolve(ctx, destination); err != nil {
			return err
		}
	}
	if !isKnown && at != destination {
		if l.resolved == nil {
			l.resolved = make(map[string]string)
		}
		l.resolved[destination] = at
	}
	req.SetDestination(at)
	return l.stack.connect(ctx, req)
}

// resolve returns "address:port" for a "host:port" that a Contact or a route may
// hold.
func (s *Stack) resolve(ctx context.Context, destination string) (string, error) {
	host, port, err := net.SplitHostPort(destination)
	if err != nil {
		return "", fmt.Errorf("destination %q: %w", destination, err)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return net.JoinHostPort(a.Unmap().String(), port), nil // as the streams' peers are written
	}
	found, err := s.options.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", host, err)
	}
	best := found[0]
	for _, a := range found {
		if a.Unmap().Is4() { // what every peer speaks
			best = a
			break
		}
	}
	return net.JoinHostPort(best.Unmap().String(), port), nil
}

// fail tells the owner that a transaction is over.
func (l *Leg) fail(f fate) {
	select {
	case l.fates <- f:
	case <-l.done:
	}
}

// lost handles the end of a transaction. It means something only if no final
// response came and there is no other way.
func (l *Leg) lost(f fate) {
	o := f.outgoing
	if o.final || f.tx != o.tx {
		return
	}
	if l.maySendAgain(o, f.err) && l.redirect(o) {
		l.transact(o)
		return
	}
	o.final = true
	l.observe(o, 0)
	code, reason := 408, NoAnswer
	if !errors.Is(f.err, wire.ErrTransactionTimeout) {
		code, reason = 503, PeerLost
	}
	switch {
	case o == l.dialled:
		l.step(failed{code, reason})
	case o == l.reoffer:
		l.turn(offerFailed{408})
	case o.req.Method == wire.BYE:
		l.step(byeDone{})
	}
}

// maySendAgain reports whether a request that found no answer may go another way:
// a BYE always, others if their stream has broken, and our first INVITE unless
// somebody has heard it.
func (l *Leg) maySendAgain(o *outgoing, err error) bool {
	switch {
	case o.req.Method == wire.BYE:
		return true
	case errors.Is(err, wire.ErrTransactionTimeout):
		return false
	case o == l.dialled:
		return l.state == calling
	}
	return true
}

func (l *Leg) observe(o *outgoing, code int) {
	l.stack.options.Observer.Responded(l.side.trunk, false, methodLabel(o.req.Method), code)
}

// receiveResponse handles a response to a request of ours. However many
// provisional ones come before, and however late a 200 is, it is met
// (hazards H3 and H4).
func (l *Leg) receiveResponse(res *wire.Response) {
	o := l.out[branchOf(res)]
	method := strings.TrimSpace(string(res.CSeq().MethodName))
	if o != nil && o == l.dialled && method == string(wire.CANCEL) {
		o = l.cancelled // it has the branch of its INVITE
	}
	if o == nil || method != string(o.req.Method) {
		return
	}
	if !l.Remote().IsValid() {
		source := sourceOf(res)
		l.dialog.hop = source
		l.remote.Store(&source)
	}
	success := res.IsSuccess() && res.To() != nil // without a tag it is a null one, section 12.1.2
	switch {
	case res.IsProvisional():
		if o == l.dialled && !o.final {
			l.step(progressed{res.StatusCode, session(res)})
		}
		return
	case o.final:
		if success && o.req.IsInvite() {
			l.repeatAck(o, res)
		}
		return
	}
	if (res.StatusCode == 401 || res.StatusCode == 407) && l.tryAgain(o, res) {
		return
	}
	if o.req.Method == wire.BYE && res.StatusCode == 481 && l.left.socket != nil && l.redirect(o) {
		l.transact(o)
		return
	}
	o.final = true
	l.observe(o, res.StatusCode)
	if o.tx != nil && (success || !o.req.IsInvite()) {
		o.tx.Terminate() // it has done its work; a refused INVITE's goes on acknowledging
	}
	switch {
	case o == l.dialled && success:
		l.dialog.establish(res)
		l.step(succeeded{session(res)})
	case o == l.dialled:
		l.final.Store(int32(res.StatusCode))
		l.step(failed{res.StatusCode, Rejected})
	case o == l.reoffer && success:
		l.dialog.refresh(res)
		l.turn(offerTaken{session(res)})
	case o == l.reoffer:
		l.turn(offerFailed{res.StatusCode})
	case o.req.Method == wire.BYE:
		l.step(byeDone{})
	}
}

// repeatAck meets a 200 that came before. One with another tag is another
// callee's, behind a proxy that rings several: it is hung up at once.
func (l *Leg) repeatAck(o *outgoing, res *wire.Response) {
	if tagOf(res.To().Params) == l.dialog.remoteTag {
		if o.ack != nil {
			l.write(o.ack, nil)
		}
		return
	}
	fork := l.dialog
	fork.hop = netip.AddrPort{}
	fork.establish(res)
	w := l.ways(&fork)[0]
	l.write(fork.request(wire.ACK, o.req.CSeq().SeqNo, w), nil)
	l.send(fork.request(wire.BYE, 0, w), nil)
}

// acknowledge sends the ACK of a 200 and keeps it for the 200's copies.
func (l *Leg) acknowledge(o *outgoing) {
	ack, ways := l.request(wire.ACK, o.req.CSeq().SeqNo)
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		wire.CopyHeaders(name, o.req, ack)
	}
	o.ack = l.write(ack, ways)
}

// write sends a request that has no transaction: an ACK, or a last BYE. It returns
// it as it was sent.
func (l *Leg) write(req *wire.Request, ways []way) *wire.Request {
	limit := connectLimit / time.Duration(1+len(ways))
	err := l.writeOnce(req, limit)
	for ; err != nil && len(ways) > 0; ways = ways[1:] {
		req = redirect(req, ways[0])
		err = l.writeOnce(req, limit)
	}
	if err != nil {
		l.log.Debug().Type("error", err).Str("method", string(req.Method)).Msg("request not sent")
	}
	return req
}

func (l *Leg) writeOnce(req *wire.Request, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := l.reach(ctx, req); err != nil {
		return err
	}
	conn, err := l.stack.transport.ClientRequestConnection(ctx, req)
	if err != nil {
		return fmt.Errorf("connect for %s: %w", req.Method, err)
	}
	defer func() { _, _ = conn.TryClose() }()
	if err := conn.WriteMsg(req); err != nil {
		return fmt.Errorf("write %s: %w", req.Method, err)
	}
	return nil
}

// tryAgain repeats a challenged request with credentials, once.
func (l *Leg) tryAgain(o *outgoing, res *wire.Response) bool {
	if o.again || l.dial.User == "" || o == l.cancelled || l.state.over() && o.req.IsInvite() {
		return false
	}
	req := o.req.Clone()
	if err := answerChallenge(req, res, l.dial.User, l.dial.Password); err != nil {
		l.log.Debug().Err(err).Msg("challenge not answered")
		return false
	}
	l.dialog.localSeq++
	req.CSeq().SeqNo = l.dialog.localSeq
	req.Via().Params.Add("branch", newBranch())
	o.final = true
	next := &outgoing{req: req, ways: o.ways, again: true}
	l.out[branchOf(req)] = next
	switch o {
	case l.dialled:
		l.dialled, l.inviteSeq = next, l.dialog.localSeq
	case l.reoffer:
		l.reoffer = next
	}
	l.transact(next)
	return true
}
