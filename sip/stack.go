package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	wire "github.com/emiago/sipgo/sip"
	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"

	"cardline/fault"
)

// AnsweredElsewhere is the reason for [Leg.Hangup] that keeps a phone from
// listing a call as missed.
const AnsweredElsewhere = "answered elsewhere"

// ErrBusy is returned by [Stack.Dial] when the stack takes no more calls.
var ErrBusy = errors.New("sip: no room for another call")

// ErrNotRegistered is returned by [Stack.Dial] for an account without a
// device.
var ErrNotRegistered = errors.New("sip: account has no device")

// prepare sets what sipgo keeps process-wide, once: datagrams may be as large
// as UDP allows, since sipgo sends nothing at all when it believes one too
// large (hazard H12), and nothing is logged past our bridge (hazard H9).
var prepare = sync.OnceFunc(func() {
	wire.UDPMTUSize = 65535
	wire.SetDefaultLogger(slog.New(slog.DiscardHandler))
})

// A Stack is one SIP endpoint: its sockets, registrar and legs. Make it with
// [New], then Start it, then Close it.
type Stack struct {
	options Options
	log     zerolog.Logger
	rules   atomic.Pointer[rules]

	guard     *guard
	order     *order
	auth      *authenticator
	guesses   *guesses
	admission *admission
	registrar *registrar
	legs      legTable

	transport    *wire.TransportLayer
	transactions *wire.TransactionLayer
	sockets      []*socket
	opening      singleflight.Group // of streams, by "host:port"

	closing  context.Context //nolint:containedctx // the root of legs and clients: it ends when Close begins
	part     context.CancelFunc
	stop     chan struct{} // closed when everything has to end at once
	stopOnce sync.Once
	owners   sync.WaitGroup // legs and registration clients
	serving  sync.WaitGroup // what takes messages from the sockets
	readers  sync.WaitGroup // everything else that runs

	strayMu  sync.Mutex
	strays   map[branchKey]*arrival // CANCELs that were here before their INVITE
	straying waiting                // their bounds
}

// New checks the options and builds a stack that hears nothing yet. The error
// names everything that is wrong.
func New(options Options) (*Stack, error) {
	options = options.withDefaults()
	if err := options.check(); err != nil {
		return nil, fmt.Errorf("sip options: %w", err)
	}
	prepare()
	closing, part := context.WithCancel(context.Background())
	s := &Stack{
		closing: closing, part: part,
		options: options, log: options.Log, stop: make(chan struct{}), strays: make(map[branchKey]*arrival),
		auth: newAuthenticator(options.Realm, options.NonceAge), guesses: newGuesses(), admission: newAdmission(options),
	}
	s.rules.Store(newRules(options.Reloadable))
	s.guard = newGuard(options, s.rules.Load)
	s.order = newOrder(s.route, options.Observer.Dropped)
	s.registrar = newRegistrar(s)
	s.legs.init()

	log := newBridge(options.Log, func() { options.Observer.Dropped(DropMalformed) })
	s.transport = wire.NewTransportLayer(options.Resolver, newParser(), nil, wire.WithTransportLayerLogger(log))
	// Ours is the first handler: it runs on the reader, before the transaction
	// layer's spreads messages over goroutines.
	s.transport.OnMessage(s.arrive)
	s.transactions = wire.NewTransactionLayer(s.transport,
		wire.WithTransactionLayerLogger(log),
		wire.WithTransactionLayerTerminateOnConnClose(),
		wire.WithTransactionLayerUnhandledResponseHandler(func(*wire.Response) {})) // it has been routed by arrive
	s.transactions.OnRequest(s.join)
	return s, nil
}

// Start binds the listeners and begins to serve. If one cannot be bound,
// nothing is left open and the error says which.
func (s *Stack) Start() error {
	listeners := make([]Listener, len(s.options.Listeners))
	for i, l := range s.options.Listeners {
		if err := l.bind(); err != nil {
			for _, bound := range listeners[:i] {
				bound.close()
			}
			return err
		}
		listeners[i] = l
	}
	for _, l := range listeners {
		at, err := newSocket(l, l.bound())
		if err != nil {
			for _, bound := range listeners {
				bound.close()
			}
			return fmt.Errorf("advertise %s: %w", l.Advertise, err)
		}
		s.sockets = append(s.sockets, at)
	}
	for _, at := range s.sockets {
		if at.Stream != nil {
			streams := newStreamGuard(at.Stream, s.guard)
			s.serving.Go(streams.serve)
			s.serving.Go(func() { _ = s.transport.ServeTCP(streams) })
		} else {
			reading := make(chan struct{})
			s.serving.Go(func() { s.serveUDP(at, reading) })
			<-reading // a request sent before would make sipgo open a socket of its own
		}
		s.log.Info().Str("network", at.Network).Stringer("address", at.bound()).Str("advertise", at.host).Msg("listening")
	}
	s.readers.Go(s.registrar.run)
	return nil
}

func (l *Listener) bind() (err error) {
	switch {
	case l.Packet != nil || l.Stream != nil:
	case l.Network == "udp":
		l.Packet, err = net.ListenPacket("udp", l.Address)
	default:
		l.Stream, err = net.Listen("tcp", l.Address)
	}
	if err != nil {
		return fmt.Errorf("listen for SIP on %s %s: %w", l.Network, l.Address, err)
	}
	if c, ok := l.Packet.(*net.UDPConn); ok {
		_ = c.SetReadBuffer(4 << 20) // a burst must not be lost while we work; the kernel may grant less
	}
	return nil
}

func (l Listener) bound() net.Addr {
	if l.Stream != nil {
		return l.Stream.Addr()
	}
	return l.Packet.LocalAddr()
}

func (l Listener) close() {
	if l.Stream != nil {
		_ = l.Stream.Close()
	}
	if l.Packet != nil {
		_ = l.Packet.Close()
	}
}

// serveUDP keeps one of sipgo's readers on a socket. A reader that knows too
// many addresses is followed by a fresh one (hazard H8), and one that ended
// for any other reason than our closing is replaced (hazard H10).
// serving is closed when the first reader reads.
func (s *Stack) serveUDP(at *socket, serving chan<- struct{}) {
	for {
		reader := s.guard.newReader(at.Packet, at.pulse, s.stop)
		done := make(chan struct{})
		s.serving.Go(func() {
			defer close(done)
			_ = s.transport.ServeUDP(reader)
		})
		if serving != nil {
			<-reader.reading
			close(serving)
			serving = nil
		}
		select {
		case <-reader.full:
		case <-done:
			select {
			case <-s.stop:
				return
			case <-time.After(100 * time.Millisecond):
				s.log.Warn().Str("address", at.bound().String()).Msg("reader ended, starting another")
			}
		}
	}
}

// Addr returns where listener i (from 0) is bound, once Start has returned.
func (s *Stack) Addr(i int) netip.AddrPort {
	at, _ := netip.ParseAddrPort(s.sockets[i].bound().String())
	return at
}

// Reload puts other trunks and accounts in place, all or nothing. Calls that
// are up keep what they began with; devices of accounts that are gone are
// forgotten.
func (s *Stack) Reload(r Reloadable) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("reload sip: %w", err)
	}
	next := newRules(r)
	s.rules.Store(next)
	s.registrar.keep(next.accounts)
	return nil
}

// Binding returns the device of an account, if it has one.
func (s *Stack) Binding(account string) (Binding, bool) {
	b, ok := s.registrar.find(account)
	if !ok {
		return Binding{}, false
	}
	return b.Binding, true
}

// Drain refuses new calls with 503 and a Retry-After from now on; OPTIONS is
// answered in the same way, so that a carrier goes elsewhere. Calls that are
// up go on, devices may register, and Dial still calls them: whoever waits in
// a queue is to reach an agent.
func (s *Stack) Drain() { s.admission.drain() }

// farewellTime is how long [Stack.Close] waits for the answers of the others:
// enough for a BYE, or what else ends a dialog, to be sent three times.
const farewellTime = 3 * time.Second

// Close drains, hangs up every leg and logs out every [Client], waits for the
// answers for a short time, and then closes the sockets. Peers that are gone
// are no error. If ctx ends before that time is over, Close does not wait any
// longer and returns the cause. It may be called once.
func (s *Stack) Close(ctx context.Context) error {
	s.admission.close()
	s.part()
	idle := make(chan struct{})
	s.readers.Go(func() {
		s.owners.Wait()
		close(idle)
	})
	var err error
	late := time.NewTimer(farewellTime)
	defer late.Stop()
	select {
	case <-idle:
	case <-late.C:
		s.log.Info().Msg("closed without the answers of peers that are gone")
	case <-ctx.Done():
		err = fmt.Errorf("close sip: %w", context.Cause(ctx))
	}
	s.stopOnce.Do(func() { close(s.stop) })
	<-idle
	s.registrar.stop()
	for _, at := range s.sockets {
		at.close()
	}
	s.guard.closeStreams()
	s.serving.Wait()
	// A request that was read just now finds no socket any more, and sipgo makes
	// one of its own, to be closed with the rest.
	s.order.stop()
	s.transactions.Close()
	_ = s.transport.Close()
	s.readers.Wait()
	return err
}

// arrive takes every parsed message, in the order of the wire, on the reader.
func (s *Stack) arrive(msg wire.Message) {
	switch msg := msg.(type) {
	case *wire.Request:
		if msg.IsCancel() {
			msg.Method = cancelMethod
		}
		if malformed(msg).code != 0 {
			s.order.lose()
			return
		}
		if msg.Transport() == "TCP" {
			s.guard.heard(sourceOf(msg))
		}
		s.order.arrive(s.newArrival(msg, &arrival{req: msg}))
	case *wire.Response:
		if malformedResponse(msg) {
			s.options.Observer.Dropped(DropMalformed)
			return
		}
		s.order.arrive(s.newArrival(msg, &arrival{res: msg}))
	}
}

// newArrival notes what a message counts for while it waits.
func (s *Stack) newArrival(msg wire.Message, a *arrival) *arrival {
	a.source = sourceOf(msg).Addr()
	a.known, a.size = s.guard.knows(a.source), sizeOf(msg)
	return a
}

// join takes a request once more, with its transaction, on a goroutine of
// sipgo's.
func (s *Stack) join(req *wire.Request, tx *wire.ServerTx) {
	if req.IsAck() {
		tx.Terminate() // an ACK is not answered; sipgo would keep it for ever
		return
	}
	if r := malformed(req); r.code != 0 {
		s.options.Observer.Dropped(DropMalformed)
		s.refuse(&arrival{req: req, tx: tx}, r)
		return
	}
	if !s.order.join(req, tx) {
		tx.Terminate()
	}
}

// guarded runs f, survives its panic, and reports whether there was none: a
// fault in one call must not end the others.
func (s *Stack) guarded(f func()) (whole bool) {
	defer func() {
		if problem := recover(); problem != nil {
			s.options.Observer.Dropped(DropPanic)
			s.log.Error().Str("fault", fault.Text(problem)).Strs("trace", fault.Trace(1)).Msg("message dropped by a fault of ours")
		}
	}()
	f()
	return true
}

// route brings a message to where it belongs. Messages of one Call-ID come
// one at a time, in order.
func (s *Stack) route(a *arrival) {
	whole := s.guarded(func() {
		if a.res != nil {
			s.routeResponse(a.res)
		} else {
			s.routeRequest(a)
		}
	})
	if !whole && a.tx != nil {
		s.guarded(func() { s.refuse(a, refusal{code: 500}) })
	}
}

func (s *Stack) routeResponse(res *wire.Response) {
	if l := s.legs.find(res.CallID().Value(), tagOf(res.From().Params)); l != nil {
		l.deliver(&arrival{res: res})
	}
}

func (s *Stack) routeRequest(a *arrival) {
	req := a.req
	switch {
	case a.merged:
		s.refuse(a, refusal{code: 482})
	case tagOf(req.To().Params) != "":
		s.routeInDialog(a)
	case req.Method == cancelMethod:
		s.routeCancel(a)
	case req.IsAck(): // to an INVITE that we refused without memory
	case req.Method == wire.REGISTER:
		s.registrar.serve(a)
	default:
		s.routeNew(a)
	}
}

// routeInDialog serves a request with a To-tag. The dialog's tags prove who
// sent it, if it also comes from where its peer is. A phone that has moved may
// prove instead that it is the account; a re-INVITE from a new port must, since it
// has our requests go there.
func (s *Stack) routeInDialog(a *arrival) {
	req, source := a.req, sourceOf(a.req)
	l := s.legs.find(req.CallID().Value(), tagOf(req.To().Params))
	isStranger := l != nil && !l.isPeer(source)
	if l == nil || isStranger && (l.account == "" || req.IsAck() || req.Method == cancelMethod) {
		if !req.IsAck() {
			s.refuse(a, refusal{code: 481})
		}
		return
	}
	if req.Method == cancelMethod { // of a re-INVITE: too quick to be worth it
		s.answerCancel(a)
		return
	}
	if r := unserved(req); r.code != 0 && !req.IsAck() {
		s.refuse(a, r)
		return
	}
	if isStranger || req.IsInvite() && l.isElsewhere(source) {
		if _, refused := s.authenticate(a, l.account); refused.code != 0 {
			s.refuse(a, refused)
			return
		}
		a.proven = true
		s.guard.prove(source, l.account)
	}
	l.deliver(a)
}

// strayTime is how long a CANCEL waits for an INVITE that it overtook on the
// network.
const strayTime = 200 * time.Millisecond

// routeCancel finds the INVITE that a CANCEL means: same branch, same peer.
func (s *Stack) routeCancel(a *arrival) {
	key := branchKey{a.req.CallID().Value(), branchOf(a.req)}
	if l := s.legs.byBranch(key); l != nil {
		s.cancel(l, a)
		return
	}
	s.strayMu.Lock()
	_, waits := s.strays[key]
	room := !waits && s.straying.take(a)
	if room {
		s.strays[key] = a
	}
	s.strayMu.Unlock()
	if !room {
		s.refuse(a, refusal{code: 481})
		return
	}
	time.AfterFunc(strayTime, func() {
		if s.takeStray(key) != nil {
			s.guarded(func() { s.refuse(a, refusal{code: 481}) })
		}
	})
}

func (s *Stack) takeStray(key branchKey) *arrival {
	s.strayMu.Lock()
	defer s.strayMu.Unlock()
	a := s.strays[key]
	if a != nil {
		delete(s.strays, key)
		s.straying.give(a)
	}
	return a
}

func (s *Stack) cancel(l *Leg, a *arrival) {
	if !l.isPeer(sourceOf(a.req)) {
		s.refuse(a, refusal{code: 481})
		return
	}
	s.answerCancel(a)
	l.deliver(&arrival{req: a.req})
}

// answerCancel says 200 to a CANCEL, which is all that it is ever told. It
// keeps no transaction: sipgo would not repeat the answer from it.
func (s *Stack) answerCancel(a *arrival) {
	s.write(a, newResponse(a.req, 200, "", statelessTag(a.req)))
	a.tx.Terminate()
}

// routeNew serves a request outside of a dialog: first who, then what.
func (s *Stack) routeNew(a *arrival) {
	req := a.req
	source := sourceOf(req)
	rules := s.rules.Load()
	trunk := rules.trunk(source.Addr())
	user := userPart(&req.From().Address)
	var account *Account
	if trunk == nil || trunk.Phones && rules.accounts[user] != nil {
		var refused refusal
		if account, refused = s.authenticate(a, user); refused.code != 0 {
			s.refuse(a, refused)
			return
		}
		trunk = nil
		s.guard.prove(source, user)
	}
	if r := unserved(req); r.code != 0 {
		s.refuse(a, r)
		return
	}
	switch {
	case req.IsInvite():
		if r := unreachable(req); r.code != 0 {
			s.refuse(a, r)
			return
		}
		s.invited(a, trunk, account)
	case req.Method == wire.OPTIONS:
		r := refusal{code: 200, headers: []wire.Header{
			wire.NewHeader("Allow", allowed), wire.NewHeader("Accept", "application/sdp"),
		}}
		if s.admission.isDraining() {
			r = refusal{code: 503, headers: []wire.Header{retryAfter()}}
		}
		s.refuse(a, r)
	default: // BYE, INFO: they make sense in a dialog only
		s.refuse(a, refusal{code: 481})
	}
}

// authenticate asks a request to prove that it is user's. Whether that
// account exists makes no difference to anybody who cannot prove it.
func (s *Stack) authenticate(a *arrival, user string) (*Account, refusal) {
	algorithms, source := s.socketOf(a).Algorithms, sourceOf(a.req)
	account := s.rules.Load().accounts[user]
	if wait := s.guesses.wait(user, source); wait > 0 && s.auth.credentials(a.req) != nil {
		s.options.Observer.Barred("", BarGuesses)
		later := strconv.Itoa(1 + int(wait/time.Second))
		return nil, refusal{code: 503, headers: []wire.Header{wire.NewHeader("Retry-After", later)}}
	}
	switch v := s.auth.verify(a.req, user, account, algorithms, s.hosts(a)); v {
	case proven:
		s.guesses.prove(user, source)
		return account, refusal{}
	case unproven, stale:
		return nil, refusal{code: 401, headers: s.auth.challenges(source.Addr(), algorithms, v == stale)}
	case forged:
	}
	s.options.Observer.Barred("", BarAuth)
	if s.guesses.fail(user, source) && account != nil {
		s.log.Warn().Str("account", user).Stringer("source", source).Msg("wrong passwords: further tries have to wait")
	}
	return nil, refusal{code: 403}
}

// hosts returns the test of whether a host is us, for one request: one of our
// addresses, or whom the request itself is for, since phones may know us by names
// that we do not.
func (s *Stack) hosts(a *arrival) func(host string) bool {
	names := []string{s.options.Realm, a.req.Recipient.Host, a.req.To().Address.Host}
	for _, at := range s.sockets {
		names = append(names, at.host, at.local.IP.String())
	}
	if a.tx != nil {
		if local, err := netip.ParseAddrPort(a.tx.Connection().LocalAddr().String()); err == nil {
			names = append(names, local.Addr().Unmap().String())
		}
	}
	return func(host string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(bareHost(name), bareHost(host)) })
	}
}

// invited lets a new call in, if there is room.
func (s *Stack) invited(a *arrival, trunk *Trunk, account *Account) {
	at := side{incoming: true}
	rules := s.rules.Load()
	limit := limits{setups: max(1, s.options.MaxSetups/2), share: s.options.SetupsPerSecond / (len(rules.trunks) + 1)}
	if trunk != nil {
		at.trunk, limit.calls = trunk.Name, trunk.MaxCalls
		if trunk.MaxSetups > 0 {
			limit.setups = trunk.MaxSetups
		}
	}
	p := &place{side: at}
	if account != nil && !rules.free[userPart(&a.req.Recipient)] {
		p.account, limit.account = account.User, account.MaxCalls
	}
	if why, ok := s.admission.admit(p, limit); !ok {
		s.options.Observer.Barred(at.trunk, why)
		s.refuse(a, refusal{code: 503, headers: []wire.Header{retryAfter()}})
		return
	}
	l := newIncoming(s, a, trunk, account, p)
	p.end = func() { l.wish(placeWanted{}) } // not before the leg has answered
	s.legs.add(l)
	l.sink = func(Event) {}
	if !s.guarded(func() {
		if sink := s.options.Handler.Invited(l, l.invitation(a)); sink != nil {
			l.sink = sink
		}
	}) {
		l.Refuse(500, "")
	}
	s.owners.Go(l.run)
	if stray := s.takeStray(l.branch); stray != nil {
		s.cancel(l, stray)
	}
}

// socketOf returns the socket that a request came in by.
func (s *Stack) socketOf(a *arrival) *socket {
	network := strings.ToLower(a.req.Transport())
	local := ""
	if a.tx != nil {
		local = a.tx.Connection().LocalAddr().String()
	}
	var like *socket
	for _, at := range s.sockets {
		if at.Network != network {
			continue
		}
		if at.bound().String() == local {
			return at
		}
		if _, port, err := net.SplitHostPort(local); like == nil || err == nil && port == strconv.Itoa(at.local.Port) {
			like = at // a stream that came in at a wildcard knows the address it was dialled at
		}
	}
	if like == nil {
		return s.sockets[0]
	}
	return like
}

// socketFor returns a socket to send by.
func (s *Stack) socketFor(network string) *socket {
	for _, at := range s.sockets {
		if at.Network == network {
			return at
		}
	}
	return s.sockets[0]
}

// respond gives a final response that its transaction repeats for the
// request's copies.
func (s *Stack) respond(a *arrival, res *wire.Response) {
	res.AppendHeader(wire.NewHeader("Server", s.options.UserAgent))
	s.observe(a, res)
	if err := a.tx.Respond(res); err != nil {
		s.log.Debug().Type("error", err).Int("code", res.StatusCode).Msg("response not sent")
	}
}

// refuse answers without keeping anything: one answer for each request that
// comes, so that nobody gets back more than he sends (hazard H7).
func (s *Stack) refuse(a *arrival, r refusal) {
	res := newResponse(a.req, r.code, r.reason, statelessTag(a.req))
	for _, h := range r.headers {
		res.AppendHeader(h)
	}
	res.AppendHeader(wire.NewHeader("Server", s.options.UserAgent))
	s.observe(a, res)
	s.write(a, res)
	a.tx.Terminate()
	if a.req.Method == wire.INFO {
		clear(a.req.Body()) // it may hold a key, and sipgo keeps it for 32 s
	}
	if malformed(a.req).code == 0 && a.req.Method != cancelMethod && !a.merged {
		s.order.forget(a.req)
	}
}

// write sends a response past its transaction.
func (s *Stack) write(a *arrival, res *wire.Response) {
	if err := a.tx.Connection().WriteMsg(res); err != nil {
		s.log.Debug().Type("error", err).Int("code", res.StatusCode).Msg("response not sent")
	}
}

func (s *Stack) observe(a *arrival, res *wire.Response) {
	trunk := ""
	if t := s.rules.Load().trunk(sourceOf(a.req).Addr()); t != nil {
		trunk = t.Name
	}
	s.options.Observer.Responded(trunk, true, methodLabel(methodOf(a.req)), res.StatusCode)
}

// methodLabel keeps made-up methods out of the metrics.
func methodLabel(m wire.RequestMethod) string {
	switch m {
	case wire.INVITE, wire.ACK, wire.CANCEL, wire.BYE, wire.OPTIONS, wire.INFO, wire.REGISTER, wire.SUBSCRIBE,
		wire.NOTIFY, wire.REFER, wire.MESSAGE, wire.PRACK, wire.UPDATE, wire.PUBLISH:
		return string(m)
	}
	return "other"
}

// retryAfter spreads those who come back.
func retryAfter() wire.Header {
	return wire.NewHeader("Retry-After", strconv.Itoa(2+rand.IntN(9)))
}
