package sip

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// tries lets somebody guess as often as it is welcome for so long, and returns
// how many guesses that were.
func tries(g *guesses, span time.Duration, next func(i int) (account string, source netip.AddrPort)) (n int) {
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if account, source := next(n); g.wait(account, source) == 0 {
			g.fail(account, source)
			n++
		}
	}
	return n
}

func from(address string, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port))
}

// However passwords are guessed, an hour has room for a few dozen tries: for one
// account, from a port of its own each time, for one after the other, and from
// many sources.
func TestGuessesBackOff(t *testing.T) {
	for name, c := range map[string]struct {
		next func(i int) (string, netip.AddrPort)
		most int
	}{
		"one account":             {func(int) (string, netip.AddrPort) { return "1001", from("198.51.100.7", 5060) }, 25},
		"each from another port":  {func(i int) (string, netip.AddrPort) { return "1001", from("198.51.100.7", 1000+i) }, 25},
		"of an IPv6 network":      {func(i int) (string, netip.AddrPort) { return "1001", from(fmt.Sprintf("2001:db8::%x", i), 5060) }, 25},
		"one account after other": {func(i int) (string, netip.AddrPort) { return fmt.Sprint(i), from("198.51.100.7", 5060) }, 35},
		"from many sources": {func(i int) (string, netip.AddrPort) {
			return "1001", from(fmt.Sprintf("198.51.%d.%d", i/256, i%256), 5060)
		}, 45},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if n := tries(newGuesses(), time.Hour, c.next); n > c.most || n < 3 {
					t.Errorf("got %d tries in an hour, want at most %d", n, c.most)
				}
			})
		})
	}
}

// Waits double from a second to five minutes, and a while without failures
// wipes them out.
func TestBackoffDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, source := newGuesses(), from("198.51.100.7", 5060)
		var waits []time.Duration
		for range 14 {
			g.fail("1001", source)
			waits = append(waits, g.wait("1001", source))
		}
		want := "[0s 0s 1s 2s 4s 8s 16s 32s 1m4s 2m8s 4m16s 5m0s 5m0s 5m0s]"
		if got := fmt.Sprint(waits); got != want {
			t.Errorf("got waits %s, want %s", got, want)
		}
		time.Sleep(time.Hour)
		g.fail("1001", source)
		if w := g.wait("1001", source); w != 0 {
			t.Errorf("got a wait of %v an hour later, want none", w)
		}
	})
}

// A phone that has proved its account is not slowed for what others do: for its
// account elsewhere, and at its own address for other accounts and, while it
// keeps its port, for its own account.
func TestProvenPhonesAreNotSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		office := func(port int) netip.AddrPort { return from("203.0.113.7", port) }
		g := newGuesses()
		g.prove("1001", office(5060))
		tries(g, time.Hour, func(i int) (string, netip.AddrPort) { return "1001", from(fmt.Sprintf("198.51.100.%d", i%256), 5060) })
		tries(g, time.Hour, func(i int) (string, netip.AddrPort) { return fmt.Sprint(i), office(6000 + i%100) })
		if w := g.wait("1001", office(5060)); w != 0 {
			t.Errorf("the phone has to wait %v for others", w)
		}
		if w := g.wait("1001", office(5061)); w != 0 {
			t.Errorf("the phone at a new port has to wait %v for others", w)
		}
		if w := g.wait("1002", office(5060)); w == 0 {
			t.Error("another account from that address need not wait")
		}
		tries(g, time.Hour, func(int) (string, netip.AddrPort) { return "1001", office(7000) })
		if w := g.wait("1001", office(5060)); w != 0 {
			t.Errorf("the phone has to wait %v for a guesser behind its own address", w)
		}
		for range 5 {
			g.fail("1001", office(5060))
		}
		if w := g.wait("1001", office(5060)); w == 0 {
			t.Error("the phone itself fails and need not wait")
		}
		g.prove("1001", office(5060))
		if w := g.wait("1001", office(5060)); w != 0 {
			t.Errorf("the phone has to wait %v after it has shown the password", w)
		}
	})
}

// A phone that has an old password, and tries it for ever, keeps no new phone at
// its address out.
func TestOldPasswordSlowsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses()
		old, fresh := from("203.0.113.7", 5060), from("203.0.113.7", 5061)
		if n := tries(g, 6*time.Hour, func(int) (string, netip.AddrPort) { return "1001", old }); n < 20 {
			t.Fatalf("got %d tries, want some", n)
		}
		if w := g.wait("1002", fresh); w != 0 {
			t.Errorf("another phone at the address has to wait %v", w)
		}
		if w := g.wait("1001", from("198.51.100.7", 5060)); w != 0 {
			t.Errorf("the account elsewhere has to wait %v", w)
		}
	})
}
