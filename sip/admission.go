package sip

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// admission counts calls and lets no more in than fit (hazards H6 and H7). It
// is asked only about callers who have proved who they are; BYE, ACK and
// CANCEL never ask.
//
// Anybody can send an INVITE under a trunk's address and never its ACK. Such
// calls must not keep honest callers out, of whichever trunk: where there is no
// place left, the call whose ACK is overdue for the longest gives way, and each
// trunk has its share of the new calls of a second.
type admission struct {
	maxCalls, maxSetups int
	observer            Observer
	pace                *rate.Limiter // its upper half is for those who have used up their share

	mu        sync.Mutex
	shares    map[string]*rate.Limiter // new calls by trunk
	draining  bool                     // no call comes in
	closed    bool                     // none goes out either
	calls     int
	setups    int
	perSide   map[side]int
	perTrunk  map[string]int      // incoming calls in setup
	unacked   map[string][]*place // those of them that are answered, the longest first
	byAccount map[string]int      // calls that the account has placed
}

// A side is where calls are counted: a trunk's name (empty for devices) and a
// direction.
type side struct {
	trunk    string
	incoming bool
}

// A place is what one call takes. Its fields are the admission's.
type place struct {
	side
	account  string    // that has placed the call; empty if it does not count
	counted  bool      // among all calls
	setup    bool      // incoming and not confirmed yet
	answered time.Time // when our 200 went out
	end      func()    // ends the call for want of an ACK; it must not block
}

// Limits are what a call meets beside the admission's own; zero is no limit.
type limits struct {
	calls   int // of its side
	setups  int // of its trunk
	account int // calls that its account has placed
	share   int // new calls a second that its trunk has for itself; zero is none
}

func newAdmission(o Options) *admission {
	return &admission{
		maxCalls: o.MaxCalls, maxSetups: o.MaxSetups, observer: o.Observer,
		pace:    rate.NewLimiter(rate.Limit(o.SetupsPerSecond), 2*o.SetupsPerSecond),
		shares:  make(map[string]*rate.Limiter),
		perSide: make(map[side]int), perTrunk: make(map[string]int), unacked: make(map[string][]*place), byAccount: make(map[string]int),
	}
}

// admit counts a new call in, or says why not. An incoming call is in setup
// until settle.
func (a *admission) admit(p *place, l limits) (why Bar, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed, a.draining && p.incoming:
		return BarDraining, false
	case p.account != "" && l.account > 0 && a.byAccount[p.account] >= l.account:
		return BarAccount, false
	case p.incoming && !a.inPace(p.trunk, l.share):
		return BarRate, false
	}
	for a.fullOf(p, l) {
		if !p.incoming || !a.makeRoom(p.trunk) {
			return BarLimit, false
		}
	}
	for a.full(p) {
		if !p.incoming || !a.makeRoom(a.mostUnacked()) {
			return BarLimit, false
		}
	}
	p.setup = p.incoming
	if p.setup {
		a.pace.Allow()
		a.share(p.trunk, l.share).Allow()
		a.setups++
		a.perTrunk[p.trunk]++
	}
	a.count(p)
	return 0, true
}

// inPace reports whether a trunk may bring a new call now. a.mu is held, as below.
func (a *admission) inPace(trunk string, share int) bool {
	left := a.pace.Tokens()
	return left >= 1 && a.share(trunk, share).Tokens() >= 1 || left >= float64(a.pace.Burst()/2+1)
}

// share returns what a trunk has for itself.
func (a *admission) share(trunk string, perSecond int) *rate.Limiter {
	own := a.shares[trunk]
	if own == nil || own.Burst() != perSecond { // a reload has changed it
		own = rate.NewLimiter(rate.Limit(perSecond), perSecond)
		a.shares[trunk] = own
	}
	return own
}

// fullOf reports whether a call's own side has no place for it, and full whether
// there is none at all.
func (a *admission) fullOf(p *place, l limits) bool {
	return l.calls > 0 && a.perSide[p.side] >= l.calls || p.incoming && l.setups > 0 && a.perTrunk[p.trunk] >= l.setups
}

func (a *admission) full(p *place) bool {
	return a.calls >= a.maxCalls || p.incoming && a.setups >= a.maxSetups
}

// ackTime is how long a call may wait for its ACK whoever wants its place: a
// caller's network is rarely slower.
const ackTime = 200 * time.Millisecond

// mostUnacked returns the trunk with the most calls whose ACK has not come.
func (a *admission) mostUnacked() (most string) {
	for trunk, waiting := range a.unacked {
		if len(waiting) > len(a.unacked[most]) {
			most = trunk
		}
	}
	return most
}

// makeRoom ends the call of a trunk that has waited for its ACK for longest.
func (a *admission) makeRoom(trunk string) bool {
	waiting := a.unacked[trunk]
	if len(waiting) == 0 || time.Since(waiting[0].answered) <= ackTime {
		return false
	}
	p := waiting[0]
	a.uncount(p)
	p.end()
	return true
}

func (a *admission) count(p *place) {
	p.counted = true
	a.calls++
	a.perSide[p.side]++
	if p.account != "" {
		a.byAccount[p.account]++
	}
	a.observer.Calls(p.trunk, p.incoming, a.perSide[p.side])
}

func (a *admission) uncount(p *place) {
	a.unsettle(p)
	if !p.counted {
		return
	}
	p.counted = false
	a.calls--
	a.perSide[p.side]--
	if p.account != "" {
		if a.byAccount[p.account]--; a.byAccount[p.account] == 0 {
			delete(a.byAccount, p.account)
		}
	}
	a.observer.Calls(p.trunk, p.incoming, a.perSide[p.side])
}

// unsettle counts a call out of those in setup, once.
func (a *admission) unsettle(p *place) {
	if !p.setup {
		return
	}
	p.setup = false
	a.setups--
	a.perTrunk[p.trunk]--
	if !p.answered.IsZero() {
		a.unacked[p.trunk] = without(a.unacked[p.trunk], p)
	}
}

// answer says that the 200 of an incoming call goes out.
func (a *admission) answer(p *place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.setup && p.answered.IsZero() {
		p.answered = time.Now()
		a.unacked[p.trunk] = append(a.unacked[p.trunk], p)
	}
}

// settle says that a call is confirmed.
func (a *admission) settle(p *place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unsettle(p)
	if !p.counted { // it was to make room, and its ACK has come in that moment
		a.count(p)
	}
}

// leave counts a call out.
func (a *admission) leave(p *place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.uncount(p)
}

func (a *admission) drain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.draining = true
}

func (a *admission) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.draining, a.closed = true, true
}

func (a *admission) isDraining() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.draining
}
