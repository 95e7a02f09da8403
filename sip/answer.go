package sip

import (
	"net"
	"slices"
	"strconv"
	"time"

	wire "github.com/emiago/sipgo/sip"
)

const (
	// gapTime is how long a request whose number leaves a gap waits for the
	// missing one.
	gapTime = 20 * time.Millisecond

	// gapRoom is how many requests may wait behind a gap.
	gapRoom = 16
)

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
	if len(session(invite)) > 0 {
		return nil
	}
	return session(ack)
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
	l.notice(a)
	switch req := a.req; {
	case req.Method == wire.BYE:
		l.stack.respond(a, newResponse(a.req, 200, "", ""))
		l.step(byeArrived{})
	case req.IsInvite():
		l.newest = a
		if l.state == confirmed {
			l.dialog.refresh(a.req)
		}
		l.turn(offerArrived{session(a.req)})
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
	isBare := len(a.req.Body()) == 0 || isOptional(a.req)
	key, ok := takeKey(a.req)
	if !ok && !isBare {
		l.decline(a, unreadable(keyTypes)) // 200 would say that the key is known
		return
	}
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
	l.explain(res)
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

// explain adds what a refusal has to say beside its code: what is wrong with an
// offer (RFC 3261 section 21.4.26), and when to try again.
func (l *Leg) explain(res *wire.Response) {
	switch res.StatusCode {
	case 488:
		at := l.dialog.socket
		agent := net.JoinHostPort(bareHost(at.host), strconv.Itoa(at.port))
		res.AppendHeader(wire.NewHeader("Warning", "399 "+agent+` "No audio in the offer that can be taken here"`))
	case 503:
		res.AppendHeader(retryAfter())
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
	l.explain(res)
	setBody(res, r.body)
	l.stack.respond(l.reinvite, res)
}
