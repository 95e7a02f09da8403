package sip

import (
	"math/rand/v2"
	"net/netip"
	"slices"
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

	// gapTime is how long a request whose number leaves a gap waits for the
	// missing one.
	gapTime = 20 * time.Millisecond

	// gapRoom is how many requests may wait behind a gap.
	gapRoom = 16
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

	dialog    dialog
	state     state
	exchange  exchange
	unsettled bool                  // still counted as a call in setup
	due       [alarms]time.Time     // zero: not armed
	pause     [alarms]time.Duration // what the alarm was armed with
	parked    []*arrival            // requests behind a gap in CSeq, in order
	resolved  map[string]string     // host:port of names that were looked up
	out       map[string]*outgoing  // our requests, by branch
	farewell  string                // the Reason of our BYE or CANCEL
	phrase    string                // of our final refusal; empty: the usual one

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
	again bool          // credentials have been added already
	final bool          // the final response has come, or never will
}

// A fate is the end of a transaction of ours without a response.
type fate struct {
	outgoing *outgoing
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

// newIncoming makes the leg of an INVITE that has been let in.
func newIncoming(s *Stack, a *arrival, trunk *Trunk, account *Account, at side) *Leg {
	l := newLeg(s, at)
	l.trunk, l.unsettled, l.state = trunk, true, incoming
	l.invite, l.inviteSeq = a, a.req.CSeq().SeqNo
	l.due[tryingAlarm] = time.Now().Add(tryingAfter)
	l.branch = branchKey{a.req.CallID().Value(), branchOf(a.req)}
	source := sourceOf(a.req)
	l.remote.Store(&source)
	from, to := a.req.From(), a.req.To()
	l.dialog = dialog{
		callID: a.req.CallID().Value(), localTag: newTag(), remoteTag: tagOf(from.Params),
		local:  party{to.DisplayName, *to.Address.Clone()},
		remote: party{from.DisplayName, *from.Address.Clone()},
		target: *from.Address.Clone(), routes: recordRoutes(a.req),
		remoteSeq: a.req.CSeq().SeqNo, socket: s.socketOf(a),
	}
	l.dialog.refresh(a.req)
	if account != nil {
		l.account = account.User
		if len(l.dialog.routes) == 0 {
			l.dialog.hop = a.req.Source() // a phone may sit behind an address translation
		}
	}
	if a.req.Transport() == "TCP" && len(l.dialog.routes) == 0 {
		l.dialog.hop = a.req.Source() // the stream that is there, not one to the Contact
	}
	return l
}

// invitation is what the application is told of an incoming call.
func (l *Leg) invitation(a *arrival) Invite {
	in := Invite{
		Account: l.account, To: userPart(&a.req.Recipient), From: userPart(&a.req.From().Address),
		Asserted: asserted(a.req, l.trunk),
		Display:  unquoted(a.req.From().DisplayName), Offer: a.req.Body(), CallID: l.dialog.callID, Source: l.Remote(),
	}
	if l.trunk != nil {
		in.Trunk = l.trunk.Name
	}
	return in
}

// run is the owner. It waits, steps, acts; nothing else.
func (l *Leg) run() {
	defer l.release()
	burst, closing := l.burst, l.stack.closing.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for l.state != ended {
		timer.Reset(l.nextAlarm())
		select {
		case a := <-l.inbox:
			l.survive(func() { l.receive(a) })
		case w := <-l.wishes:
			l.survive(func() { l.fulfil(w) })
		case f := <-l.fates:
			l.survive(func() { l.lost(f) })
		case <-timer.C:
			l.survive(l.ring)
		case <-burst:
			burst = nil
			l.step(hangupWanted{Overrun})
		case <-closing:
			closing = nil
			l.step(hangupWanted{Stopped})
		case <-l.stack.stop:
			if !l.state.over() {
				l.tell(Ended{Stopped, 0})
			}
			l.state = ended
		}
	}
}

// survive runs f; a leg whose own code panics is hung up.
func (l *Leg) survive(f func()) {
	if !l.stack.guarded(f) {
		l.wish(hangup{hangupWanted{Overrun}, ""})
	}
}

// release gives back everything, once, at the end of run.
func (l *Leg) release() {
	l.stack.legs.remove(l)
	close(l.done)
	for _, o := range l.out {
		if o.tx != nil && !o.final {
			o.tx.Terminate()
		}
	}
	for _, a := range l.parked {
		l.stack.refuse(a, refusal{code: 481})
	}
	l.turnAway()
}

// turnAway answers what waits for an owner who has gone.
func (l *Leg) turnAway() {
	for {
		select {
		case a := <-l.inbox:
			if a.tx == nil {
				continue
			}
			l.stack.guarded(func() {
				if a.req.Method == wire.BYE {
					l.stack.respond(a, newResponse(a.req, 200, "", ""))
					return
				}
				l.stack.refuse(a, refusal{code: 481})
			})
		default:
			return
		}
	}
}

// nextAlarm is the time until the first alarm.
func (l *Leg) nextAlarm() time.Duration {
	next := time.Hour
	for _, at := range l.due {
		if !at.IsZero() {
			next = min(next, max(0, time.Until(at)))
		}
	}
	return next
}

// ring handles the alarms whose time has come.
func (l *Leg) ring() {
	now := time.Now()
	for a, at := range l.due {
		if at.IsZero() || at.After(now) {
			continue
		}
		l.due[a] = time.Time{}
		switch alarm(a) {
		case tryingAlarm:
			l.step(tryingDue{})
		case resendAlarm:
			l.step(resendDue{l.pause[a]})
		case ackAlarm:
			l.step(ackOverdue{})
		case ringAlarm:
			l.step(ringOverdue{})
		case cancelAlarm:
			l.step(cancelOverdue{})
		case reresendAlarm:
			l.turn(offerResendDue{l.pause[a]})
		case reackAlarm:
			l.turn(offerAckOverdue{})
		case glareAlarm:
			l.turn(backoffOver{})
		case gapAlarm:
			l.unpark(true)
		case alarms:
		}
	}
}

// fulfil handles a wish.
func (l *Leg) fulfil(w any) {
	switch w := w.(type) {
	case hangup:
		l.farewell = w.text
		l.step(w.hangupWanted)
	case refusal:
		l.phrase = w.reason
		l.step(refusalWanted{w.code})
	case reofferWish:
		l.wished, l.wanted = w.body, true
		l.offerIfWanted()
	case turn:
		l.turn(w)
	case fact:
		l.step(w)
	}
}

// step lets a fact change the state, and does what follows from it.
func (l *Leg) step(f fact) {
	before := l.state
	next, do, ok := step(before, f)
	if !ok {
		l.log.Debug().Stringer("state", before).Type("fact", f).Msg("too late, ignored")
		return
	}
	if before == confirmed && next != confirmed {
		l.turn(exchangeUnneeded{})
	}
	l.state = next
	if next == confirmed && before != confirmed {
		l.settle()
		l.stack.options.Observer.Confirmed(l.side.trunk, l.side.incoming, time.Since(l.began))
		l.log.Info().Dur("setup", time.Since(l.began)).Msg("confirmed")
	}
	l.perform(do)
	if next == confirmed && before != confirmed {
		l.offerIfWanted()
	}
}

// turn lets a fact change the exchange, and does what follows from it.
func (l *Leg) turn(f turn) {
	if l.state != confirmed {
		if _, arrived := f.(offerArrived); arrived {
			l.decline(l.newest, overlap(l.state))
		}
		return
	}
	before := l.exchange
	next, do, ok := stepExchange(before, f)
	if !ok {
		l.log.Debug().Stringer("exchange", before).Type("fact", f).Msg("too late, ignored")
		return
	}
	l.exchange = next
	if next == offered && before != offered {
		l.reinvite = l.newest
	}
	l.perform(do)
	if next == settled {
		l.offerIfWanted()
	}
}

// overlap is the answer to a second INVITE of a leg that is not confirmed.
func overlap(s state) refusal {
	switch s {
	case incoming, ringing: // section 14.2
		return refusal{code: 500, headers: []wire.Header{retryAfter()}}
	case answered, calling, proceeding:
		return refusal{code: 491}
	case parting, abandoned, cancelling, leaving, confirmed, ended:
	}
	return refusal{code: 481}
}

func (l *Leg) offerIfWanted() {
	if l.wanted && l.state == confirmed && l.exchange == settled {
		l.turn(offerWanted{})
	}
}

// perform does what a step has decided.
func (l *Leg) perform(do []action) {
	for _, a := range do {
		switch a := a.(type) {
		case respond:
			l.respond(a)
		case respondAgain:
			l.repeat(l.invite, l.lastOK)
		case sendAck:
			l.acknowledge(l.dialled)
		case sendBye:
			l.bye()
		case sendCancel:
			l.cancel()
		case arm:
			l.due[a.alarm], l.pause[a.alarm] = time.Now().Add(a.after), a.after
		case disarm:
			l.due[a.alarm] = time.Time{}
		case tell:
			l.tell(a.event)
		case sendOffer:
			l.sendOffer()
		case ackOffer:
			l.acknowledge(l.reoffer)
		case respondOffer:
			l.respondOffer(a)
		case respondOfferAgain:
			l.repeat(l.reinvite, l.reOK)
		case refuseOverlap:
			l.decline(l.newest, refusal{code: a.code, headers: []wire.Header{retryAfter()}})
		case armBackoff:
			// Section 14.1: who owns the Call-ID waits longer, in steps of 10 ms.
			wait := time.Duration(rand.IntN(201)) * 10 * time.Millisecond
			if !l.side.incoming {
				wait = time.Duration(210+rand.IntN(191)) * 10 * time.Millisecond
			}
			l.due[glareAlarm] = time.Now().Add(wait)
		case lose:
			l.step(peerLost{PeerLost})
		case starve:
			l.step(peerLost{NoAck})
		}
	}
}

// tell hands an event to the application; the last one also ends the counting.
func (l *Leg) tell(e Event) {
	end, last := e.(Ended)
	if last {
		l.settle()
		l.stack.admission.leave(l.side)
		l.log.Info().Stringer("reason", end.Reason).Int("code", end.Code).Dur("after", time.Since(l.began)).Msg("ended")
	}
	l.stack.guarded(func() { l.sink(e) })
}

func (l *Leg) settle() {
	if l.unsettled {
		l.unsettled = false
		l.stack.admission.settle()
	}
}

// receive handles a message.
func (l *Leg) receive(a *arrival) {
	switch {
	case a.res != nil:
		l.receiveResponse(a.res)
	case a.req.Method == cancelMethod:
		l.step(cancelArrived{})
	case a.req.IsAck():
		l.receiveAck(a.req)
	default:
		l.receiveRequest(a)
	}
}

// receiveAck matches an ACK by its number: it may also bear the branch of its
// INVITE, as old peers have it.
func (l *Leg) receiveAck(ack *wire.Request) {
	switch seq := ack.CSeq().SeqNo; {
	case l.side.incoming && seq == l.inviteSeq:
		l.step(ackArrived{answerIn(ack, l.invite.req)})
	case l.reinvite != nil && seq == l.reinvite.req.CSeq().SeqNo:
		l.turn(offerAcked{answerIn(ack, l.reinvite.req)})
	}
}

// answerIn returns the answer that an ACK bears. It is none if the INVITE had
// an offer, which our 200 has answered (RFC 3261 section 13.2.1).
func answerIn(ack, invite *wire.Request) []byte {
	if len(invite.Body()) > 0 {
		return nil
	}
	return ack.Body()
}

// receiveRequest puts requests in the order of their numbers: datagrams, and
// with them the digits of INFOs, may overtake each other on the network too.
func (l *Leg) receiveRequest(a *arrival) {
	if from := tagOf(a.req.From().Params); l.dialog.remoteTag != "" && from != l.dialog.remoteTag {
		l.stack.refuse(a, refusal{code: 481})
		return
	}
	seq := a.req.CSeq().SeqNo
	switch {
	case l.dialog.remoteSeq != 0 && seq <= l.dialog.remoteSeq:
		l.stack.refuse(a, refusal{500, "Out Of Order", nil}) // section 12.2.2
		return
	case l.dialog.remoteSeq != 0 && seq > l.dialog.remoteSeq+1 && len(l.parked) < gapRoom:
		i, _ := slices.BinarySearchFunc(l.parked, seq, func(p *arrival, seq uint32) int {
			return int(int64(p.req.CSeq().SeqNo) - int64(seq))
		})
		l.parked = slices.Insert(l.parked, i, a)
		if l.due[gapAlarm].IsZero() {
			l.due[gapAlarm] = time.Now().Add(gapTime)
		}
		return
	}
	l.dialog.remoteSeq = seq
	l.serve(a)
	l.unpark(false)
}

// unpark serves the requests that are next in order; all of them if the gap
// has had its time.
func (l *Leg) unpark(all bool) {
	for len(l.parked) > 0 && (all || l.parked[0].req.CSeq().SeqNo <= l.dialog.remoteSeq+1) {
		a := l.parked[0]
		l.parked = l.parked[1:]
		l.dialog.remoteSeq = max(l.dialog.remoteSeq, a.req.CSeq().SeqNo)
		l.serve(a)
	}
	if len(l.parked) == 0 {
		l.due[gapAlarm] = time.Time{}
	}
}

// serve handles a request whose turn it is.
func (l *Leg) serve(a *arrival) {
	switch req := a.req; {
	case req.Method == wire.BYE:
		l.stack.respond(a, newResponse(a.req, 200, "", ""))
		l.step(byeArrived{})
	case req.IsInvite():
		l.newest = a
		if l.state == confirmed {
			l.dialog.refresh(a.req)
		}
		l.turn(offerArrived{a.req.Body()})
	case req.Method == wire.INFO:
		l.key(a)
	case req.Method == wire.OPTIONS:
		res := newResponse(a.req, 200, "", "")
		res.AppendHeader(wire.NewHeader("Allow", allowed))
		l.stack.respond(a, res)
	default:
		l.stack.refuse(a, refusal{code: 481})
	}
}

// key answers an INFO and hands its key on.
func (l *Leg) key(a *arrival) {
	if l.state.over() {
		l.stack.refuse(a, refusal{code: 481})
		return
	}
	key, ok := takeKey(a.req)
	l.stack.respond(a, newResponse(a.req, 200, "", ""))
	if f := l.onKey.Load(); ok && f != nil {
		l.stack.guarded(func() { (*f)(key) })
	}
}

// respond answers the first INVITE.
func (l *Leg) respond(r respond) {
	phrase := ""
	if r.code >= 300 {
		phrase = l.phrase
	}
	res := newResponse(l.invite.req, r.code, phrase, l.dialog.localTag)
	if h := reasonHeader(l.farewell); h != nil && r.code >= 300 {
		res.AppendHeader(h)
	}
	if r.code > 100 && r.code < 300 {
		res.AppendHeader(l.dialog.contact())
		res.AppendHeader(wire.NewHeader("Allow", allowed))
	}
	setBody(res, r.body)
	if r.code == 200 {
		l.lastOK = res
	}
	if r.code < 200 {
		l.repeat(l.invite, res)
		return
	}
	res.AppendHeader(wire.NewHeader("Server", l.stack.options.UserAgent))
	l.stack.observe(l.invite, res)
	if err := l.invite.tx.Respond(res); err != nil && r.code == 200 {
		l.log.Debug().Type("error", err).Msg("answer not sent")
	}
}

// repeat sends a response once more, or a provisional one.
func (l *Leg) repeat(a *arrival, res *wire.Response) {
	if err := a.tx.Respond(res); err != nil {
		l.log.Debug().Type("error", err).Int("code", res.StatusCode).Msg("response not sent")
	}
}

// decline refuses a request that has taken its number in the dialog: its
// copies are no new ones, so its transaction must remember the answer.
func (l *Leg) decline(a *arrival, r refusal) {
	res := newResponse(a.req, r.code, r.reason, "")
	for _, h := range r.headers {
		res.AppendHeader(h)
	}
	l.stack.respond(a, res)
}

// respondOffer answers their re-INVITE.
func (l *Leg) respondOffer(r respondOffer) {
	res := newResponse(l.reinvite.req, r.code, "", "")
	if r.code < 300 {
		res.AppendHeader(l.dialog.contact())
		res.AppendHeader(wire.NewHeader("Allow", allowed))
		l.reOK = res
	}
	setBody(res, r.body)
	l.stack.respond(l.reinvite, res)
}
