package sip

import (
	"math/rand/v2"
	"time"

	wire "github.com/emiago/sipgo/sip"
)

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
		l.stack.admission.settle(l.place)
		l.stack.options.Observer.Confirmed(l.side.trunk, l.side.incoming, time.Since(l.began))
		l.log.Info().Dur("setup_ms", time.Since(l.began)).Msg("confirmed")
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
			if a.code == 200 {
				l.stack.admission.answer(l.place)
			}
		case respondAgain:
			l.repeat(l.invite, l.lastOK)
		case sendAck:
			l.acknowledge(l.dialled)
		case sendBye:
			l.send(l.bye())
		case sendLastBye:
			l.write(l.bye())
			l.invite.tx.Terminate() // copies of the INVITE hear nothing any more
		case distrust:
			l.dialog.isDistrusted = true
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
		l.stack.admission.leave(l.place)
		l.log.Info().Stringer("reason", end.Reason).Int("code", end.Code).Dur("after_ms", time.Since(l.began)).Msg("ended")
	}
	l.stack.guarded(func() { l.sink(e) })
}
