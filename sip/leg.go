package sip

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	wire "github.com/emiago/sipgo/sip"
	"github.com/rs/zerolog"
)

const (
	// inboxLength is how many messages wait for a leg. More are dropped and
	// counted; their senders repeat them.
	inboxLength = 32

	// wishLength is how many wishes of the application wait. A leg that lags
	// behind by more is given up: a lost wish could be its Hangup.
	wishLength = 128
)

// A Leg is one dialog with its session, from the first INVITE to the last
// response. One goroutine owns it: messages, timers and wishes reach it
// through bounded mailboxes, [step] and [stepExchange] decide, and the owner
// does what they say.
//
// Methods only leave a wish and return at once. A wish that comes too late has
// no effect; its fate is told by the events.
type Leg struct {
	stack   *Stack
	id      string
	trunk   *Trunk // nil unless the peer is a trunk
	account string // the peer's account, if it is one
	side    side
	place   *place
	branch  branchKey // of the INVITE that came in
	remote  atomic.Pointer[netip.AddrPort]
	sink    Sink
	onKey   atomic.Pointer[func(byte)]
	began   time.Time
	final   atomic.Int32 // code by which the peer refused our INVITE
	log     zerolog.Logger

	inbox  chan *arrival
	wishes chan any
	fates  chan fate     // ends of our transactions
	burst  chan struct{} // closed when wishes overflowed
	once   sync.Once
	done   chan struct{} // closed when the owner has ended

	// All that follows is the owner's.

	dialog   dialog
	state    state
	exchange exchange
	due      [alarms]time.Time     // zero: not armed
	pause    [alarms]time.Duration // what the alarm was armed with
	parked   []*arrival            // requests behind a gap in CSeq, in order
	resolved map[string]string     // host:port of names that were looked up
	device   device                // the account's that is the peer
	provedAt time.Time             // when the peer has proved to be at dialog.hop
	left     way                   // where it was until it registered elsewhere
	out      map[string]*outgoing  // our requests, by branch
	farewell string                // the Reason of our BYE or CANCEL
	phrase   string                // of our final refusal; empty: the usual one

	invite    *arrival // theirs, if the leg came in
	inviteSeq uint32   // CSeq of the first INVITE
	lastOK    *wire.Response
	dialled   *outgoing // ours, if the leg went out
	cancelled *outgoing // our CANCEL
	dial      Dial
	reinvite  *arrival // theirs, while offered or agreeing
	newest    *arrival // theirs, just come
	reOK      *wire.Response
	reoffer   *outgoing // ours, while offering
	wished    []byte    // the offer that the application wants to make
	wanted    bool      // wished is set and not sent yet
}

// An outgoing is a request of ours and what became of it.
type outgoing struct {
	req   *wire.Request
	tx    *wire.ClientTx
	ack   *wire.Request // of its 2xx, to be repeated
	ways  []way         // where else it may go
	again bool          // credentials have been added already
	final bool          // the final response has come, or never will
}

// A fate is the end of a transaction of ours without a response.
type fate struct {
	outgoing *outgoing
	tx       *wire.ClientTx // nil: there was none
	err      error
}

// The wishes beside facts and turns.
type (
	hangup struct {
		hangupWanted
		text string
	}
	reofferWish struct{ body []byte }
)

// ID returns a name for logs and records, unique to this leg and unguessable.
func (l *Leg) ID() string { return l.id }

// CallID returns the dialog's Call-ID.
func (l *Leg) CallID() string { return l.dialog.callID }

// Remote returns where the peer's signalling comes from. For a call to a URI
// it is invalid until the first response.
func (l *Leg) Remote() netip.AddrPort {
	if r := l.remote.Load(); r != nil {
		return *r
	}
	return netip.AddrPort{}
}

// Done is closed when the leg has released everything, its BYE answered.
func (l *Leg) Done() <-chan struct{} { return l.done }

// Final returns the code by which the peer refused our call, also when that
// crossed our Hangup, which [Ended] does not tell; 0 if there was none. It is
// settled when the leg is [Leg.Done].
func (l *Leg) Final() int { return int(l.final.Load()) }

// Ring sends 180.
func (l *Leg) Ring() { l.wish(ringWanted{}) }

// Answer accepts an incoming call with the session body. [Acked] says that
// the caller knows; the 200 is repeated until then, for at most 32 s.
func (l *Leg) Answer(body []byte) { l.wish(answerWanted{body}) }

// Refuse ends an incoming call that is not answered, with a final response
// from 300 to 699. An empty reason stands for the code's usual phrase.
func (l *Leg) Refuse(code int, reason string) {
	if code < 300 || code > 699 {
		code = 500
	}
	l.wish(refusal{code: code, reason: reason})
}

// Hangup ends the leg with BYE, CANCEL or a final refusal, whichever fits.
// text, if it is not empty, goes into a Reason header (RFC 3326), see
// [AnsweredElsewhere].
func (l *Leg) Hangup(text string) { l.wish(hangup{hangupWanted{HungUp}, text}) }

// Offer proposes another session by a re-INVITE; [OfferAccepted] or
// [OfferRefused] tells what became of it. While another exchange is under way
// it waits, and of several that wait only the last is made. If both sides
// offer at once, ours is made again later (RFC 3261 section 14.1).
func (l *Leg) Offer(body []byte) { l.wish(reofferWish{body}) }

// AcceptOffer answers [Reoffered] with a body: the answer, or an offer if
// Reoffered had none.
func (l *Leg) AcceptOffer(body []byte) { l.wish(acceptWanted{body}) }

// RefuseOffer answers [Reoffered] with a refusal, such as 488. The session
// stays as it was.
func (l *Leg) RefuseOffer(code int) { l.wish(refuseWanted{code}) }

// OnInfoKey has every telephone key that comes by INFO go to f, and nowhere
// else. f runs on the leg's goroutine and must not block. Without it, keys by
// INFO are answered and forgotten.
func (l *Leg) OnInfoKey(f func(key byte)) { l.onKey.Store(&f) }

// wish hands something to the owner without ever waiting.
func (l *Leg) wish(w any) {
	select {
	case l.wishes <- w:
	case <-l.done:
	default:
		l.once.Do(func() { close(l.burst) })
	}
}

// deliver hands a message to the owner without ever waiting.
func (l *Leg) deliver(a *arrival) {
	select {
	case l.inbox <- a:
		select {
		case <-l.done:
			l.turnAway() // the owner may have looked for the last time
		default:
		}
	default:
		l.stack.options.Observer.Dropped(DropMailbox)
		if a.tx != nil {
			a.tx.Terminate()
			l.stack.order.forget(a.req) // its copy may find room
		}
	}
}

// isPeer reports whether an address may speak in this dialog: the trunk's any,
// otherwise the IP address that the peer has shown.
func (l *Leg) isPeer(source netip.AddrPort) bool {
	if l.trunk != nil && l.trunk.has(source.Addr()) {
		return true
	}
	remote := l.Remote()
	if !remote.IsValid() || remote.Addr() == source.Addr() {
		return true
	}
	b, ok := l.stack.Binding(l.account) // the device may have moved and registered again
	return ok && b.Source.Addr() == source.Addr()
}

func newLeg(s *Stack, at side) *Leg {
	l := &Leg{
		stack: s, id: newTag()[:16], side: at, began: time.Now(),
		inbox: make(chan *arrival, inboxLength), wishes: make(chan any, wishLength), fates: make(chan fate),
		burst: make(chan struct{}), done: make(chan struct{}), out: make(map[string]*outgoing),
	}
	l.log = s.log.With().Str("leg", l.id).Logger()
	return l
}

// Name names the call that the leg is a part of, for the log. Of a leg that was let
// in it may be called by [Handler].Invited only; one that is dialled has Dial.Call.
func (l *Leg) Name(call string) {
	l.log = l.stack.log.With().Str("call", call).Str("leg", l.id).Logger()
}

// newIncoming makes the leg of an INVITE that has been let in.
func newIncoming(s *Stack, a *arrival, trunk *Trunk, account *Account, p *place) *Leg {
	l := newLeg(s, p.side)
	l.trunk, l.place, l.state = trunk, p, incoming
	l.invite, l.inviteSeq = a, a.req.CSeq().SeqNo
	l.due[tryingAlarm] = time.Now().Add(tryingAfter)
	l.branch = branchKey{a.req.CallID().Value(), branchOf(a.req)}
	source := sourceOf(a.req)
	l.remote.Store(&source)
	from, to := a.req.From(), a.req.To()
	routes, _ := recordRoutes(a.req) // looked at by unreachable
	l.dialog = dialog{
		callID: a.req.CallID().Value(), localTag: newTag(), remoteTag: tagOf(from.Params),
		local:     party{to.DisplayName, *to.Address.Clone()},
		remote:    party{from.DisplayName, *from.Address.Clone()},
		routes:    routes,
		remoteSeq: a.req.CSeq().SeqNo, socket: s.socketOf(a),
	}
	l.dialog.refresh(a.req)
	l.dialog.hop, l.provedAt = source, l.began
	if account != nil {
		l.account = account.User
		l.device = device{user: l.dialog.target.User}
		if b, ok := s.registrar.find(account.User); ok && b.Source.Addr() == source.Addr() {
			l.device = b.device
		}
	}
	return l
}

// invitation is what the application is told of an incoming call.
func (l *Leg) invitation(a *arrival) Invite {
	in := Invite{
		Account: l.account, To: userPart(&a.req.Recipient), From: userPart(&a.req.From().Address),
		Asserted: asserted(a.req, l.trunk),
		Display:  unquoted(a.req.From().DisplayName), Offer: session(a.req), CallID: l.dialog.callID, Source: l.Remote(),
	}
	if l.trunk != nil {
		in.Trunk = l.trunk.Name
	}
	return in
}
