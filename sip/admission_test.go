package sip

import (
	"testing"
	"testing/synctest"
	"time"
)

// A trunk has its share of the new calls in a second however many come by another
// one, and all that nobody else wants.
func TestSharesOfThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Options{SetupsPerSecond: 30, MaxCalls: 10_000, MaxSetups: 10_000, Observer: silent{}})
		in := map[string]int{}
		try := func(trunk string, times int) {
			for range times {
				if _, ok := a.admit(&place{side: side{trunk, true}}, limits{share: 10}); ok {
					in[trunk]++
				}
			}
		}
		for range 100 { // ten seconds
			try("forged", 100)
			try("honest", 1)
			time.Sleep(100 * time.Millisecond)
		}
		if in["honest"] != 100 {
			t.Errorf("got %d of 100 honest calls in", in["honest"])
		}
		if n := in["forged"]; n < 200 || n > 240 {
			t.Errorf("got %d forged calls in, want about 20 a second and a second's worth", n)
		}
	})
}

// The admission's own pace must not let in more than a second's worth at once.
func TestAdmissionPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Options{SetupsPerSecond: 5, MaxCalls: 1000, MaxSetups: 1000, Observer: silent{}})
		in := 0
		try := func() {
			for range 20 {
				if _, ok := a.admit(&place{side: side{incoming: true}}, limits{}); ok {
					in++
				}
			}
		}
		try()
		time.Sleep(2 * time.Second)
		try()
		if in != 10 {
			t.Errorf("got %d in, want 5 at once and 5 after two seconds", in)
		}
	})
}

// Whichever limit is met, the call of the same trunk that has waited longest for
// its ACK makes room, once it has waited for 200 ms; and all counts come
// back to nothing.
func TestUnackedCallsMakeRoom(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		limits  limits
	}{
		"calls of the trunk":  {Options{MaxCalls: 1000, MaxSetups: 1000}, limits{calls: 3}},
		"setups of the trunk": {Options{MaxCalls: 1000, MaxSetups: 1000}, limits{setups: 3}},
		"calls in all":        {Options{MaxCalls: 3, MaxSetups: 1000}, limits{}},
		"setups in all":       {Options{MaxCalls: 1000, MaxSetups: 3}, limits{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.options.SetupsPerSecond, c.options.Observer = 1000, silent{}
				a := newAdmission(c.options)
				var ended []int
				var places []*place
				admit := func(trunk string) bool {
					p := &place{side: side{trunk: trunk, incoming: true}}
					i := len(places)
					p.end = func() { ended = append(ended, i) }
					if _, ok := a.admit(p, c.limits); !ok {
						return false
					}
					places = append(places, p)
					return true
				}
				for range 3 {
					if !admit("one") {
						t.Fatal("not let in where there is room")
					}
				}
				a.answer(places[1]) // and the others have not been answered yet
				a.answer(places[2])
				time.Sleep(ackTime)
				if admit("one") {
					t.Error("let in, and nobody has waited for long")
				}
				time.Sleep(time.Millisecond)
				comes := "one"
				if c.limits == (limits{}) { // what all share is made free for all
					comes = "two"
				}
				if !admit(comes) || len(ended) != 1 || ended[0] != 1 {
					t.Errorf("got %v ended, want the first that was answered, 1", ended)
				}
				a.settle(places[2])
				if admit("one") && c.limits.setups == 0 && c.options.MaxSetups > 3 {
					t.Error("a confirmed call made room")
				}
				for _, p := range places {
					a.leave(p)
					a.leave(p)
				}
				if a.calls+a.setups+a.perTrunk["one"]+a.perTrunk["two"]+len(a.unacked["one"])+a.perSide[side{"one", true}] != 0 {
					t.Errorf("left when all have gone: %+v", a)
				}
			})
		})
	}
}

// An ACK that comes in the moment in which its call is to make room keeps it.
func TestAckWhileMakingRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Options{MaxCalls: 1, MaxSetups: 1000, SetupsPerSecond: 1000, Observer: silent{}})
		first := &place{side: side{incoming: true}, end: func() {}}
		second := &place{side: side{incoming: true}}
		a.admit(first, limits{})
		a.answer(first)
		time.Sleep(time.Second)
		if _, ok := a.admit(second, limits{}); !ok {
			t.Fatal("no room was made")
		}
		a.settle(first)
		if a.calls != 2 || a.setups != 1 {
			t.Errorf("got %d calls and %d setups, want 2 and 1", a.calls, a.setups)
		}
		a.leave(first)
		a.leave(second)
		if a.calls != 0 || a.setups != 0 {
			t.Errorf("got %d calls and %d setups at the end, want none", a.calls, a.setups)
		}
	})
}

// An account places so many calls at one time and no more; those to free numbers
// do not count, nor do those that it is called by.
func TestCallsOfAnAccount(t *testing.T) {
	a := newAdmission(Options{MaxCalls: 1000, MaxSetups: 1000, SetupsPerSecond: 1000, Observer: silent{}})
	two := limits{account: 2}
	var in []*place
	for i, want := range []bool{true, true, false} {
		p := &place{side: side{incoming: true}, account: "1001"}
		why, ok := a.admit(p, two)
		if ok != want || !ok && why != BarAccount {
			t.Errorf("call %d: got %v (%v), want %v", i+1, ok, why, want)
		}
		in = append(in, p)
	}
	if _, ok := a.admit(&place{side: side{incoming: true}}, limits{}); !ok {
		t.Error("a call to a free number was refused")
	}
	if _, ok := a.admit(&place{side: side{incoming: true}, account: "1002"}, two); !ok {
		t.Error("another account's call was refused")
	}
	a.leave(in[0])
	if _, ok := a.admit(&place{side: side{incoming: true}, account: "1001"}, two); !ok {
		t.Error("refused although one of two has ended")
	}
}
