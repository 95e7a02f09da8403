package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"cardline/media"
	"cardline/sip"
)

// A Shift is one agent's work: an account, how it is taken up, and manners.
type Shift struct {
	User, Password string

	// Codes are dialled to log in and so on. An empty one is left out.
	Codes Codes
	// Voice says which of the agents' tones to play.
	Voice int
	Seed  uint64

	// Ring is how long the agent lets the phone ring.
	Ring Spread
	// Talk is after how long the agent hangs up; if zero, the caller has to.
	Talk Spread
	// Refuse and Ignore are the shares of offers, from 0 to 1, that the agent
	// declines or lets ring until they are over. Whoever has ignored an offer
	// becomes ready again after a while.
	Refuse, Ignore float64
	// Die is the share of offers at which the phone loses its power: while it
	// rings, in the middle of the talk, or as soon as that is over, one as often
	// as the other. It says nothing any more, and after DeadFor, or 5 s if that
	// is zero, it registers again from another port.
	Die     float64
	DeadFor Spread
	// WorkFor and RestFor are the times between and of breaks. There are none
	// if either is zero.
	WorkFor, RestFor Spread

	// Ready, if it is not nil, is called once when the agent has logged in.
	Ready func()
	// Power, if it is not nil, is called when the phone has lost its power, and
	// when it has it again, before it registers.
	Power func(on bool)
	// Tap, if it is not nil, sees the phone's signalling. A phone that is
	// tapped, or that may die, has a UDP socket of its own.
	Tap Tap
}

// Codes are the feature codes of a call centre.
type Codes struct{ LogIn, LogOut, Ready, NotReady string }

// Work is what an agent did in a shift.
type Work struct {
	Offers     int // the phone rang
	Answered   int
	Refused    int
	Ignored    int // rang until the server gave up
	Died       int // lost its power
	CutOff     int // did so while it rang
	CallerLeft int // the caller hung up while it rang
	Deaf       int // answered, and the caller was not heard
	Crossed    int // answered, and a voice was heard that is not the caller's
	Talked     time.Duration
	RTP        media.Stats
}

// ErrDisplaced is the cause with which a shift's context ends when another phone
// has registered for the agent. Whoever holds that phone is the agent from then on,
// so the shift ends without logging the agent out.
var ErrDisplaced = errors.New("another phone has registered for the agent")

// An agent is a [Shift] that is being worked.
type agent struct {
	rack   *Rack
	shift  Shift
	rnd    *rand.Rand
	stack  *sip.Stack
	cord   *cord // nil if the stack is the rack's
	login  *sip.Client
	offers chan *offer // that wait, as while a feature code is being dialled

	mu     sync.Mutex // guards the rest
	closed bool
	work   Work
}

// An offer is a phone that rings.
type offer struct {
	phone  *phone
	sdp    []byte
	caller *Caller // nil if it is not one of this rack
}

// Limits of what an agent waits for.
const (
	loginLimit   = 20 * time.Second
	featureLimit = 20 * time.Second
	ringLimit    = 5 * time.Minute
	// backlog is how many offers wait for the agent, all but one of which have
	// been taken back.
	backlog = 16
	// ackLimit is longer than the signalling waits for anything (32 s).
	ackLimit = 35 * time.Second
	// recovery is how long an agent who has ignored an offer takes to notice.
	recovery = 3 * time.Second
	// powerCut is how long a phone is dead that says nothing else.
	powerCut = 5 * time.Second
)

// Work works a shift until ctx ends: it registers, logs in and becomes ready,
// takes calls, logs out and un-registers. The error says what kept the agent
// from beginning or from ending properly.
func (r *Rack) Work(ctx context.Context, s Shift) (Work, error) {
	a := &agent{
		rack: r, shift: s, rnd: rand.New(rand.NewPCG(s.Seed, 2)),
		offers: make(chan *offer, backlog),
	}
	r.mu.Lock()
	r.agents[s.User] = a
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.agents, s.User)
		r.mu.Unlock()
	}()
	err := a.run(ctx)
	if err != nil {
		err = fmt.Errorf("agent %s: %w", s.User, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.work, err
}

func (a *agent) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.unplug(context.WithoutCancel(ctx))) }()
	if err := a.plugIn(ctx); err != nil {
		return err
	}
	for _, code := range []string{a.shift.Codes.LogIn, a.shift.Codes.Ready} {
		if err := a.dial(ctx, code); err != nil {
			return err
		}
	}
	if a.shift.Ready != nil {
		a.shift.Ready()
	}
	a.take(ctx)
	a.close()
	if errors.Is(context.Cause(ctx), ErrDisplaced) {
		return nil
	}
	// The shift is over, but the server still has to hear of it.
	return a.dial(context.WithoutCancel(ctx), a.shift.Codes.LogOut)
}

// plugIn connects the phone and registers it.
func (a *agent) plugIn(ctx context.Context) (err error) {
	a.stack = a.rack.stack
	if a.shift.Die > 0 || a.shift.Tap != nil {
		if a.rack.target.transport != "udp" {
			return errors.New("a phone that dies or is tapped needs UDP")
		}
		if a.cord, err = newCord(a.rack.local, a.shift.Tap); err != nil {
			return err
		}
		if a.stack, err = a.rack.newStack(sip.Listener{Network: "udp", Packet: a.cord}); err != nil {
			a.cord = nil
			return err
		}
	}
	logins := make(chan sip.LoginState, 1)
	a.login, err = a.stack.Register(sip.Login{URI: a.rack.target.uri(""), User: a.shift.User, Password: a.shift.Password}, func(s sip.LoginState) {
		select {
		case logins <- s:
		default: // only the first is waited for
		}
	})
	if err != nil {
		return err
	}
	limit := time.NewTimer(loginLimit)
	defer limit.Stop()
	select {
	case s := <-logins:
		if !s.Registered {
			return refusedLogin(s.Code)
		}
		return nil
	case <-limit.C:
		return fmt.Errorf("registration: no answer in %v", loginLimit)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// refusedLogin says what a final response to a registration means.
func refusedLogin(code int) error {
	switch code {
	case 0:
		return errors.New("registration: no answer: is this the server's address and transport?")
	case 401, 407:
		return fmt.Errorf("registration refused: %d: the server does not know the account, or its password is another one (--password)", code)
	case 403:
		return fmt.Errorf("registration refused: %d: the password is another one (--password), or phones may not register from this address", code)
	case 423:
		return fmt.Errorf("registration refused: %d: the server wants to be asked less often", code)
	case 503:
		return fmt.Errorf("registration refused: %d: the server is full, or about to stop", code)
	default:
		return fmt.Errorf("registration refused: %d", code)
	}
}

// unplug un-registers the phone and puts away what is its own. A phone without
// power says no farewell.
func (a *agent) unplug(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if a.cord != nil && a.cord.pulled.Load() {
		cancel()
	}
	if a.login != nil {
		bounded, done := context.WithTimeout(ctx, farewellLimit)
		a.login.Close(bounded)
		done()
		a.login = nil
	}
	if a.cord == nil {
		return nil
	}
	a.cord = nil
	err := a.stack.Close(ctx)
	if errors.Is(err, context.Canceled) {
		return nil // as it was meant
	}
	return err
}

func (a *agent) power(on bool) {
	if a.shift.Power != nil {
		a.shift.Power(on)
	}
}

// die lets the phone lose its power, and with it the call p, which may be over
// already, and comes back after a while.
func (a *agent) die(ctx context.Context, p *phone) {
	a.count(func(w *Work) { w.Died++ })
	a.cord.pull()
	a.power(false)
	p.voice.Close()
	err := a.unplug(ctx)
	for waiting := true; waiting; {
		select {
		case o := <-a.offers: // the next call had begun to ring
			a.count(func(w *Work) { w.CutOff++ })
			o.phone.voice.Close()
		default:
			waiting = false
		}
	}
	dark := a.shift.DeadFor
	if dark.Zero() {
		dark = Fixed(powerCut)
	}
	timer := time.NewTimer(dark.draw(a.rnd))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // the shift is over, and whoever goes home logs out
	}
	a.power(true)
	err = errors.Join(err, a.plugIn(context.WithoutCancel(ctx)))
	if err == nil && ctx.Err() == nil {
		err = a.dial(ctx, a.shift.Codes.Ready)
	}
	if err != nil {
		a.rack.log.Warn().Err(err).Str("agent", a.shift.User).Msg("a phone did not come back")
	}
}

// dial dials a feature code and listens until the server hangs up.
func (a *agent) dial(ctx context.Context, code string) error {
	if code == "" {
		return nil
	}
	p, err := a.rack.dial(a.stack, sip.Dial{URI: a.rack.target.uri(code), User: a.shift.User, Password: a.shift.Password}, agentVoice(a.shift.Voice))
	if err != nil {
		return fmt.Errorf("dial %s: %w", code, err)
	}
	limit := time.NewTimer(featureLimit)
	defer limit.Stop()
	select {
	case <-p.ended:
	case <-limit.C:
	case <-ctx.Done():
	}
	p.close()
	if end, _, up := p.fate(); !up {
		return fmt.Errorf("dial %s: %w", code, notAnswered(end.Code))
	}
	return nil
}

// take takes calls, and breaks, until ctx ends.
func (a *agent) take(ctx context.Context) {
	var rest <-chan time.Time
	plan := func() {
		if !a.shift.WorkFor.Zero() && !a.shift.RestFor.Zero() {
			rest = time.After(a.shift.WorkFor.draw(a.rnd))
		}
	}
	plan()
	for ctx.Err() == nil {
		select {
		case o := <-a.offers:
			a.answer(ctx, o)
		case <-rest:
			a.again(ctx, a.shift.Codes.NotReady, a.shift.RestFor)
			plan()
		case <-ctx.Done():
		}
	}
}

// again becomes ready after a time of something else, for which a code may be
// dialled first. Offers that come before the server knows are taken.
func (a *agent) again(ctx context.Context, first string, after Spread) {
	err := a.dial(ctx, first)
	timer := time.NewTimer(after.draw(a.rnd))
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case o := <-a.offers:
			a.answer(ctx, o)
		case <-timer.C:
			waiting = false
		case <-ctx.Done():
			return
		}
	}
	if err == nil {
		err = a.dial(ctx, a.shift.Codes.Ready)
	}
	if err != nil && ctx.Err() == nil {
		a.rack.log.Warn().Err(err).Str("agent", a.shift.User).Msg("feature code failed")
	}
}

// rung is the door of an agent's phone. It rings at once, so that the server
// knows it is there.
func (a *agent) rung(leg *sip.Leg, in sip.Invite, caller *Caller) sip.Sink {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.work.Offers++
	p, err := a.rack.newPhone(agentVoice(a.shift.Voice))
	if err != nil {
		a.rack.log.Warn().Err(err).Str("agent", a.shift.User).Msg("no sound for an offer")
	} else {
		p.leg = leg
	}
	o := &offer{p, in.Offer, caller}
	if err == nil && !a.closed {
		select {
		case a.offers <- o:
			leg.Ring()
			return p.sink
		default:
		}
	}
	a.work.Refused++
	leg.Refuse(decline, "")
	if p != nil {
		p.voice.Close()
	}
	return nil
}

// decline is the refusal of an agent.
const decline = 603

// close turns later offers away, and those that are waiting.
func (a *agent) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	for {
		select {
		case o := <-a.offers:
			a.refuse(o)
		default:
			return
		}
	}
}

// refuse declines an offer, unless the server has taken it back before.
func (a *agent) refuse(o *offer) {
	o.phone.leg.Refuse(decline, "")
	o.phone.close()
	if end, _, _ := o.phone.fate(); end.Reason != sip.Refused {
		a.lost(o)
		return
	}
	a.count(func(w *Work) { w.Refused++ })
}

func (a *agent) count(f func(*Work)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&a.work)
}

// answer deals with a phone that rings, by the agent's manners.
func (a *agent) answer(ctx context.Context, o *offer) {
	manner := a.manner()
	delay := a.shift.Ring.draw(a.rnd)
	if manner == ignores {
		delay = ringLimit
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.phone.ended:
		a.missed(ctx, o)
		return
	case <-ctx.Done():
		a.refuse(o)
		return
	}
	switch {
	case manner == refuses || manner == ignores:
		a.refuse(o)
	case manner == diesRinging:
		a.count(func(w *Work) { w.CutOff++ })
		a.die(ctx, o.phone)
	case !o.caller.meet():
		a.letGo(ctx, o)
	default:
		a.talk(ctx, o, manner)
	}
}

// A manner is what an agent does with one offer.
type manner uint8

const (
	answers manner = iota
	refuses
	ignores
	diesRinging
	diesTalking
	diesAfter
)

// manner draws one.
func (a *agent) manner() manner {
	mood := a.rnd.Float64()
	for _, m := range []struct {
		manner
		share float64
	}{{refuses, a.shift.Refuse}, {ignores, a.shift.Ignore}, {diesRinging, a.shift.Die / 3}, {diesTalking, a.shift.Die / 3}, {diesAfter, a.shift.Die / 3}} {
		if mood < m.share {
			return m.manner
		}
		mood -= m.share
	}
	return answers
}

// letGo waits for the end of an offer whose caller is hanging up.
func (a *agent) letGo(ctx context.Context, o *offer) {
	timer := time.NewTimer(ackLimit)
	defer timer.Stop()
	select {
	case <-o.phone.ended:
		a.missed(ctx, o)
	case <-timer.C:
		a.refuse(o)
	case <-ctx.Done():
		a.refuse(o)
	}
}

// missed deals with an offer that was over before it was answered. An agent who
// has missed one by being slow becomes ready again.
func (a *agent) missed(ctx context.Context, o *offer) {
	o.phone.close()
	if slow := a.lost(o); slow && ctx.Err() == nil {
		a.again(ctx, "", Fixed(recovery))
	}
}

// lost counts an offer that was taken back; slow tells that the caller would
// still be there.
func (a *agent) lost(o *offer) (slow bool) {
	if o.caller.gone() {
		a.count(func(w *Work) { w.CallerLeft++ })
		return false
	}
	a.count(func(w *Work) { w.Ignored++ })
	return true
}

// talk answers and talks.
func (a *agent) talk(ctx context.Context, o *offer, m manner) {
	p := o.phone
	sdp, err := p.voice.Offer(), error(nil)
	if len(o.sdp) > 0 {
		sdp, err = p.voice.Answer(o.sdp)
	}
	if err != nil {
		a.rack.log.Warn().Err(err).Str("agent", a.shift.User).Msg("offer cannot be taken")
		a.refuse(o)
		return
	}
	p.leg.Answer(sdp)
	limit := time.NewTimer(ackLimit)
	defer limit.Stop()
	select {
	case <-p.established:
	case <-p.ended:
	case <-limit.C:
	case <-ctx.Done():
	}
	if _, _, up := p.fate(); !up {
		o.caller.part()
		a.missed(ctx, o)
		return
	}
	began := time.Now()
	var over <-chan time.Time
	if !a.shift.Talk.Zero() {
		timer := time.NewTimer(max(a.shift.Talk.draw(a.rnd), leastTalk))
		defer timer.Stop()
		over = timer.C
	}
	dies := false
	select {
	case <-over:
		dies = m == diesTalking
		a.hear(ctx, o)
	case <-p.ended:
	case <-ctx.Done():
	}
	talked := time.Since(began)
	var rtp media.Stats
	if dies {
		rtp = p.voice.Stats()
	} else {
		rtp = p.close()
	}
	tone, _, heard := p.ear.heard()
	a.count(func(w *Work) {
		w.Answered++
		w.Talked += talked
		add(&w.RTP, rtp)
		switch {
		case !heard:
			w.Deaf++
		case o.caller != nil && tone != o.caller.voice.index:
			w.Crossed++
		}
	})
	if dies || m == diesAfter && ctx.Err() == nil {
		a.die(ctx, p)
	}
}

// leastTalk lets both ends be heard, however short a conversation is meant to
// be.
const leastTalk = time.Second

// hearEvery is how often an agent looks whether both have been heard.
const hearEvery = 20 * time.Millisecond

// hear stays in a conversation until both ends have been heard, which takes
// longer than leastTalk where the sound is late.
func (a *agent) hear(ctx context.Context, o *offer) {
	limit := time.NewTimer(meetLimit)
	defer limit.Stop()
	for {
		if _, _, heard := o.phone.ear.heard(); heard && o.caller.hears() {
			return
		}
		select {
		case <-time.After(hearEvery):
		case <-o.phone.ended:
			return
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
