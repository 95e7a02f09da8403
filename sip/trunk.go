package sip

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// rules are a checked Reloadable, ready to be asked. They never change; a
// reload puts others in their place.
type rules struct {
	trunks   []*Trunk
	networks []*Network
	accounts map[string]*Account
}

func newRules(r Reloadable) *rules {
	rs := &rules{accounts: make(map[string]*Account, len(r.Accounts))}
	for _, t := range r.Trunks {
		rs.trunks = append(rs.trunks, &t)
	}
	for _, n := range r.Networks {
		rs.networks = append(rs.networks, &n)
	}
	for _, a := range r.Accounts {
		rs.accounts[a.User] = &a
	}
	return rs
}

// trunk returns the trunk that an address belongs to, nil if none. The first
// one listed wins.
func (rs *rules) trunk(source netip.Addr) *Trunk {
	for _, t := range rs.trunks {
		if t.has(source) {
			return t
		}
	}
	return nil
}

func (t *Trunk) has(source netip.Addr) bool { return contains(t.Sources, source) }

// network returns the network that an address belongs to, nil if none. The
// first one listed wins.
func (rs *rules) network(source netip.Addr) *Network {
	for _, n := range rs.networks {
		if contains(n.Sources, source) {
			return n
		}
	}
	return nil
}

func contains(ranges []netip.Prefix, source netip.Addr) bool {
	for _, p := range ranges {
		if p.Contains(source) {
			return true
		}
	}
	return false
}

// admission counts calls and lets no more in than fit (hazards H6 and H7). It
// is asked only about callers who have proved who they are; BYE, ACK and
// CANCEL never ask.
type admission struct {
	maxCalls, maxSetups int
	observer            Observer
	pace                *rate.Limiter

	mu       sync.Mutex
	draining bool // no call comes in
	closed   bool // none goes out either
	calls    int
	setups   int
	perSide  map[side]int
}

// A side is where calls are counted: a trunk's name (empty for devices) and a
// direction.
type side struct {
	trunk    string
	incoming bool
}

func newAdmission(o Options) *admission {
	return &admission{
		maxCalls: o.MaxCalls, maxSetups: o.MaxSetups, observer: o.Observer,
		pace:    rate.NewLimiter(rate.Limit(o.SetupsPerSecond), o.SetupsPerSecond),
		perSide: make(map[side]int),
	}
}

// admit counts a new call in, or says why not. An incoming call is in setup
// until settle.
func (a *admission) admit(s side, trunkLimit int) (why Bar, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed, a.draining && s.incoming:
		return BarDraining, false
	case a.calls >= a.maxCalls, trunkLimit > 0 && a.perSide[s] >= trunkLimit:
		return BarLimit, false
	case s.incoming && a.setups >= a.maxSetups:
		return BarLimit, false
	case s.incoming && !a.pace.Allow():
		return BarRate, false
	}
	a.calls++
	a.perSide[s]++
	if s.incoming {
		a.setups++
	}
	a.observer.Calls(s.trunk, s.incoming, a.perSide[s])
	return 0, true
}

// settle says that an incoming call is confirmed, or over.
func (a *admission) settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setups--
}

// leave counts a call out.
func (a *admission) leave(s side) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls--
	a.perSide[s]--
	a.observer.Calls(s.trunk, s.incoming, a.perSide[s])
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
