package sip

import (
	"net/netip"
	"sync"
	"time"
)

// How many wrong passwords cost nothing, and how long the next try then has to
// wait: a second, and twice as long after each further failure, up to the most.
const (
	freeOfFlow    = 3
	freeOfPair    = 3
	freeOfSource  = 10
	freeOfAccount = 20

	firstBackoff = time.Second
	mostBackoff  = 5 * time.Minute
)

// guesses slow down who tries passwords: for one account, for many accounts
// from one source, and for one account from many sources. Whether an account
// exists makes no difference. It is safe for concurrent use.
//
// Failures of others must not keep a phone out. One that has proved its account
// is slowed only by failures for that account: from its address, and from its
// very address and port if it proved itself by that.
type guesses struct {
	mu       sync.Mutex
	failures generations[guess, failures]
	proven   generations[guess, struct{}]
}

// A guess is what failures are counted for. Without an account it is all of
// them, without a source all of them, and without a port all of the address.
type guess struct {
	account string
	source  netip.AddrPort
}

type failures struct {
	number int
	until  time.Time // no try before
}

func newGuesses() *guesses {
	g := &guesses{}
	g.failures.init(2*mostBackoff, 1<<14)
	g.proven.init(24*time.Hour, 1<<14)
	return g
}

// levels are the counts that a try for an account is in.
func levels(account string, source netip.AddrPort) (flow, pair, address, name guess) {
	whole := netip.AddrPortFrom(site(source.Addr()).Addr(), 0)
	return guess{account, source}, guess{account, whole}, guess{"", whole}, guess{account, netip.AddrPort{}}
}

// wait returns how long a try has to wait, 0 if it is welcome.
func (g *guesses) wait(account string, source netip.AddrPort) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	flow, pair, address, name := levels(account, source)
	count := []guess{pair, address, name}
	if _, ok := g.proven.get(flow); ok {
		count = []guess{flow}
	} else if _, ok := g.proven.get(pair); ok {
		count = []guess{pair}
	}
	var wait time.Duration
	for _, key := range count {
		if f, ok := g.failures.get(key); ok {
			wait = max(wait, time.Until(f.until))
		}
	}
	return wait
}

// fail counts a wrong password, and reports whether it is the first after which
// the source has to wait for this account.
func (g *guesses) fail(account string, source netip.AddrPort) (slowed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	flow, pair, address, name := levels(account, source)
	g.count(flow, freeOfFlow)
	number := g.count(pair, freeOfPair)
	if number <= freeOfPair { // one phone with an old password is no attack on others
		g.count(address, freeOfSource)
		g.count(name, freeOfAccount)
	}
	return number == freeOfPair
}

// count counts a failure and returns how many there are; g.mu is held.
func (g *guesses) count(key guess, free int) int {
	f, _ := g.failures.get(key)
	f.number++
	if over := f.number - free; over >= 0 {
		f.until = time.Now().Add(min(firstBackoff<<min(over, 16), mostBackoff))
	}
	g.failures.put(key, f)
	return f.number
}

// prove notes that a source has shown an account's password.
func (g *guesses) prove(account string, source netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	flow, pair, _, _ := levels(account, source)
	for _, key := range []guess{flow, pair} {
		g.failures.drop(key)
		g.proven.put(key, struct{}{})
	}
}
