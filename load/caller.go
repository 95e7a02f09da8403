package load

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"cardline/media"
	"cardline/sip"
)

var (
	// ErrHungUp tells a story that the far end has hung up.
	ErrHungUp = errors.New("load: the far end has hung up")
	// ErrLeaving tells a story that the load is over and that the caller may
	// go as soon as it is polite.
	ErrLeaving = errors.New("load: time to leave")
)

// CallOptions are one caller's call.
type CallOptions struct {
	To      string // the number dialled; if empty, the target's user
	From    string // the number shown, distinct among the callers of a rack
	Display string
	Voice   int    // which of the callers' tones to play
	Seed    uint64 // of what is left to chance
	Story   Story  // must not be nil
	// Leave, once it is closed, lets the caller go from where it waits, stays
	// or talks. Pauses and keys are not cut short. It may be nil.
	Leave <-chan struct{}
	// RingLimit is how long a call may ring. If zero, it is a minute, so that
	// a server that says nothing at all has failed before (after 32 s).
	RingLimit time.Duration
}

// A Call is what became of one caller's call, as the caller saw it.
type Call struct {
	Outcome  Outcome
	Code     int           // the final response of a call that failed; 0 if there was none
	Setup    time.Duration // from INVITE to 200
	Talked   time.Duration // from when the person was first heard to when last
	ByFarEnd bool          // who hung up
	RTP      media.Stats
	Err      error // what the story could not do, or why there was no call at all
}

// An Outcome says how a call ended, as the caller saw it.
type Outcome string

// The outcomes.
const (
	Failed           Outcome = "failed"             // refused, or no answer at all
	GaveUp           Outcome = "gave_up"            // the caller hung up while it rang
	LeftSelfService  Outcome = "left_self_service"  // the caller hung up before waiting for a person
	EndedSelfService Outcome = "ended_self_service" // the far end did
	LeftWaiting      Outcome = "left_waiting"       // the caller hung up while waiting for a person
	EndedWaiting     Outcome = "ended_waiting"      // the far end did
	Talked           Outcome = "talked"             // the caller heard a person, whoever hung up
	Broken           Outcome = "broken"             // established, and ended without a BYE
)

// Outcomes lists every Outcome; from the third on the call was established.
var Outcomes = []Outcome{
	Failed, GaveUp, LeftSelfService, EndedSelfService, LeftWaiting, EndedWaiting, Talked, Broken,
}

// A Caller is at a telephone, in a call that has been answered. A [Story]
// uses its methods, one at a time; each returns [ErrHungUp] when the far end
// has hung up and the error of ctx when that ends.
//
// A caller does not hang up in the moment in which an agent of the same rack
// has answered and cannot be heard yet, and an agent does not answer a caller
// who is hanging up: neither end could say which of the two came first, and
// the server would count one thing and the caller another. Agents find their
// caller by the number that the server shows them.
type Caller struct {
	from    string
	phone   *phone
	rnd     *rand.Rand
	leave   <-chan struct{}
	voice   voice
	pressed time.Time // when the last key was through
	waiting bool      // for a person

	mu      sync.Mutex // guards the rest: agents look at it
	met     time.Time  // when an agent of the rack answered last
	leaving bool
}

// meetLimit is how long after an agent's answer the two may expect to hear each
// other.
const meetLimit = 10 * time.Second

// Call makes one call: it dials, lets the story run when it is answered, and
// hangs up. It returns when everything is over.
func (r *Rack) Call(ctx context.Context, o CallOptions) Call {
	c := &Caller{from: o.From, rnd: rand.New(rand.NewPCG(o.Seed, 1)), leave: o.Leave, voice: callerVoice(o.Voice)}
	r.mu.Lock()
	r.callers[o.From] = c
	r.mu.Unlock()
	defer func() { // an offer of this caller may still be on its way
		r.mu.Lock()
		r.callers[o.From] = departed
		r.mu.Unlock()
	}()
	p, err := r.dial(r.stack, sip.Dial{URI: r.target.uri(cmp.Or(o.To, r.target.user)), From: o.From, Display: o.Display}, c.voice)
	if err != nil {
		return Call{Outcome: Failed, Err: err}
	}
	c.mu.Lock()
	c.phone = p
	c.mu.Unlock()
	ringing := time.NewTimer(cmp.Or(o.RingLimit, time.Minute))
	defer ringing.Stop()
	select {
	case <-p.established:
		err = o.Story(ctx, c)
		c.goAway()
	case <-p.ended:
	case <-ringing.C:
	case <-ctx.Done():
	}
	byFarEnd := p.over()
	call := c.judge(byFarEnd, p.close(), err)
	if call.Err != nil {
		r.log.Warn().Err(call.Err).Str("caller", tailOf(o.From)).Msg("a caller's story failed")
	}
	return call
}

// tailOf returns the last four digits of a number: all of it that is logged.
func tailOf(number string) string { return number[max(0, len(number)-4):] }

// usual lists the ordinary ends of a story.
var usual = []error{nil, ErrHungUp, ErrLeaving, context.Canceled, context.DeadlineExceeded}

// judge says what became of a call that is over.
func (c *Caller) judge(byFarEnd bool, rtp media.Stats, err error) Call {
	end, setup, up := c.phone.fate()
	call := Call{Setup: setup, ByFarEnd: byFarEnd, RTP: rtp}
	if !slices.ContainsFunc(usual, func(e error) bool { return errors.Is(err, e) }) {
		call.Err = err
	}
	_, talked, heard := c.phone.ear.heard()
	switch {
	case !up && byFarEnd:
		call.Outcome, call.Code = Failed, end.Code
	case !up:
		call.Outcome = GaveUp
	case byFarEnd && end.Reason != sip.PeerHungUp && end.Reason != sip.HungUp:
		call.Outcome = Broken
	case heard:
		call.Outcome, call.Talked = Talked, talked
	case c.waiting && byFarEnd:
		call.Outcome = EndedWaiting
	case c.waiting:
		call.Outcome = LeftWaiting
	case byFarEnd:
		call.Outcome = EndedSelfService
	default:
		call.Outcome = LeftSelfService
	}
	return call
}

// From returns the number that the caller shows.
func (c *Caller) From() string { return c.from }

// Rand is the chance of this caller.
func (c *Caller) Rand() *rand.Rand { return c.rnd }

// Wait lets time pass.
func (c *Caller) Wait(ctx context.Context, s Spread) error {
	_, err := c.until(ctx, nil, s.draw(c.rnd), never)
	return err
}

// Press presses keys and returns when they are through.
func (c *Caller) Press(ctx context.Context, keys string) error {
	if err := c.phone.voice.SendKeys(keys); err != nil {
		return err
	}
	_, err := c.until(ctx, nil, time.Duration(len(keys))*keyLength, never)
	c.pressed = time.Now()
	return err
}

// keyLength is the length of a key with the pause after it.
const keyLength = 160 * time.Millisecond

// Listen waits until the far end has spoken since the last key and has then
// been silent for a while, as somebody does who follows the instructions. It
// is false if that has not happened within the limit.
func (c *Caller) Listen(ctx context.Context, quiet, limit time.Duration) (bool, error) {
	return c.until(ctx, nil, limit, func() (bool, time.Duration) {
		silent, ok := c.phone.ear.pause(c.pressed)
		return ok && silent >= quiet, quiet - silent
	})
}

// Stay stays on the line, until the far end hangs up if the time is zero, or
// until it is time to leave.
func (c *Caller) Stay(ctx context.Context, s Spread) error {
	_, err := c.until(ctx, c.leave, s.draw(c.rnd), never)
	return err
}

// AwaitPerson waits until an agent is heard, or until the patience is at its
// end; none at all if it is zero. From here on the caller counts as one who
// waits for a person.
func (c *Caller) AwaitPerson(ctx context.Context, patience Spread) (bool, error) {
	c.waiting = true
	return c.until(ctx, c.leave, patience.draw(c.rnd), func() (bool, time.Duration) {
		_, _, ok := c.phone.ear.heard()
		return ok, 0
	})
}

// Talk talks for a time, until the far end hangs up if it is zero.
func (c *Caller) Talk(ctx context.Context, s Spread) error { return c.Stay(ctx, s) }

func never() (bool, time.Duration) { return false, 0 }

// until waits until a thing is so, or until a limit that is not zero; it is
// false then. The question is asked again when the ear has changed its opinion
// and after the time that it returns, if that is not zero.
func (c *Caller) until(ctx context.Context, leave <-chan struct{}, limit time.Duration, so func() (bool, time.Duration)) (bool, error) {
	var expired <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		ok, again := so()
		if ok {
			return true, nil
		}
		var look <-chan time.Time
		if again > 0 {
			look = time.After(again)
		}
		select {
		case <-c.phone.ended:
			return false, ErrHungUp
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-leave:
			return false, ErrLeaving
		case <-expired:
			return false, nil
		case <-look:
		case <-c.phone.ear.changed:
		}
	}
}

// goAway decides to hang up. If an agent has just answered, the caller stays
// until both have been heard.
func (c *Caller) goAway() {
	for {
		_, _, heard := c.phone.ear.heard()
		c.mu.Lock()
		rest := meetLimit - time.Since(c.met)
		if heard {
			rest = leastTalk - time.Since(c.met)
		}
		if c.met.IsZero() || rest <= 0 || c.phone.over() {
			c.leaving = true
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
		case <-c.phone.ear.changed:
		case <-c.phone.ended:
		}
		timer.Stop()
	}
}

// meet lets an agent answer the caller; it is false if the caller is about to
// hang up. A nil caller is not ours and may always be met.
func (c *Caller) meet() bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return false
	}
	c.met = time.Now()
	return true
}

// part tells that the agent who met the caller is not there after all.
func (c *Caller) part() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.met = time.Time{}
}

// hears reports whether the caller has heard an agent; one who is not ours has.
func (c *Caller) hears() bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phone == nil {
		return true
	}
	_, _, heard := c.phone.ear.heard()
	return heard
}

// departed stands for every caller whose call is over.
var departed = &Caller{leaving: true}

// gone reports whether the caller, if it is ours, has hung up or lost the line.
func (c *Caller) gone() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaving || c.phone != nil && c.phone.over()
}
