package acd

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"cardline/ledger"
)

// hotline is a router in which something of everything is going on, at 20 s:
// agents in all states, callers who wait, who are rung for, and who are called
// back.
func hotline(t *testing.T) *Router {
	t.Helper()
	cards, err := ParseRequirement("cards")
	if err != nil {
		t.Fatal(err)
	}
	of := func(id, skill string) Agent { return Agent{ID: id, Skills: map[string]int{skill: 5}} }
	r := New(Options{
		Queues: []Queue{
			{Name: "cards", Requires: cards, WrapUp: WrapUp{Policy: WrapUpForced}, Dispositions: []string{"fee"}},
			{Name: "back", Requires: RequireLevels(map[string]int{"back": 1}), Callback: Callback{First: AgentFirst}},
			{Name: "first", Requires: RequireLevels(map[string]int{"first": 1}), Callback: Callback{First: CallerFirst}},
			{Name: "nobody", Requires: RequireLevels(map[string]int{"nobody": 1}), Regain: time.Minute},
		},
		Agents: []Agent{
			of("talks", "cards"), of("wraps", "cards"), of("rings", "cards"), of("dials", "back"), of("calls", "back"),
			of("free", "first"), of("break", "cards"), of("lost", "cards"), of("home", "cards"),
		},
		Reasons: []Reason{{Name: "lunch"}},
	})
	for i, c := range []Command{
		LogIn{Agent: "talks"},
		SetReady{Agent: "talks"},
		Enqueue{Call: "a", Queue: "cards"}, // entry 1, offer 1
		AcceptOffer{1},
		LogIn{Agent: "wraps"},
		SetReady{Agent: "wraps"},
		Enqueue{Call: "b", Queue: "cards"}, // entry 2, offer 2
		AcceptOffer{2},
		EndTalk{"wraps"},
		LogIn{Agent: "rings"},
		SetReady{Agent: "rings"},
		Enqueue{Call: "c", Queue: "cards"}, // entry 3, offer 3
		LogIn{Agent: "dials"},
		SetReady{Agent: "dials"},
		Enqueue{Call: "d", Queue: "back", Via: viaCallback}, // entry 4, offer 4
		DialOut{4},
		LogIn{Agent: "calls"},
		SetReady{Agent: "calls"},
		Enqueue{Call: "e", Queue: "back", Via: viaCallback}, // entry 5, offer 5
		LogIn{Agent: "free"},
		SetReady{Agent: "free"},
		Enqueue{Call: "f", Queue: "first", Via: viaCallback}, // entry 6, dialled
		LogIn{Agent: "break", Reason: "lunch"},
		LogIn{Agent: "lost"},
		DeviceLost{"lost"},
		Enqueue{Call: "g", Queue: "nobody"}, // entry 7
	} {
		if _, err := r.Apply(10*time.Second+Time(i), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Apply(20*time.Second, Tick{}); err != nil {
		t.Fatal(err)
	}
	return r
}

// The answers in hotline that come too late, twice, or for what there is not.
const (
	theirs, rung, dialled, offeredBack, calledFirst, waits, nobodys = 1, 3, 4, 5, 6, 7, 99
	acceptedOffer, openOffer, dialOffer, backOffer, noOffer         = 1, 3, 4, 5, 99
)

// TestRefusals gives commands out of order, twice, late, and for what is
// unknown. They are refused by their errors, and nothing changes.
func TestRefusals(t *testing.T) {
	never := -time.Second
	refused := []struct {
		command Command
		want    error
	}{
		{LogIn{Agent: "golf"}, ErrUnknownAgent},
		{LogOut{Agent: "golf"}, ErrUnknownAgent},
		{LogOut{Agent: "talks", Expect: AgentReady}, ErrState},
		{LogOut{Agent: "wraps"}, ErrDisposition},
		{SetReady{Agent: "golf"}, ErrUnknownAgent},
		{SetReady{Agent: "home"}, ErrState},
		{SetReady{Agent: "break", Expect: AgentReady}, ErrState},
		{SetReady{Agent: "wraps"}, ErrDisposition},
		{SetNotReady{Agent: "golf", Reason: "lunch"}, ErrUnknownAgent},
		{SetNotReady{Agent: "break", Reason: "golf"}, ErrReason},
		{SetNotReady{Agent: "break"}, ErrReason},
		{SetNotReady{Agent: "home", Reason: "lunch"}, ErrState},
		{SetNotReady{Agent: "break", Reason: "lunch", Expect: AgentReady}, ErrState},
		{SetNotReady{Agent: "wraps", Reason: "lunch"}, ErrDisposition},
		{DeviceLost{"golf"}, ErrUnknownAgent},
		{DeviceBack{"golf"}, ErrUnknownAgent},
		{ExtendWrapUp{Agent: "golf"}, ErrUnknownAgent},
		{ExtendWrapUp{Agent: "talks"}, ErrState},
		{ExtendWrapUp{Agent: "wraps"}, ErrNotOffered},
		{Dispose{Agent: "golf", Code: "fee"}, ErrUnknownAgent},
		{Dispose{Agent: "wraps", Code: "golf"}, ErrDisposition},
		{Dispose{Agent: "break", Code: "fee"}, ErrState},
		{Enqueue{Queue: "golf"}, ErrUnknownQueue},
		{Enqueue{Queue: "cards", Preferred: "golf"}, ErrUnknownAgent},
		{Enqueue{Queue: "cards", HeadStart: never}, ErrParameter},
		{Enqueue{Queue: "cards", PreferFor: never}, ErrParameter},
		{Enqueue{Queue: "cards", Via: viaCallback}, ErrNotOffered},
		{Enqueue{Queue: "back", Promise: &Promise{}}, ErrParameter},
		{Enqueue{Queue: "back", Via: viaCallback, Promise: &Promise{Last: time.Hour, Attempts: 1}}, ErrParameter},
		{Enqueue{Queue: "back", Via: viaCallback, Promise: &Promise{Attempts: 3}}, ErrState},
		{Enqueue{Queue: "back", Via: viaCallback, Promise: &Promise{Made: -24 * time.Hour}}, ErrState},
		{Leave{Entry: nobodys, Outcome: OutcomeAbandoned}, ErrUnknownEntry},
		{Leave{Entry: theirs, Outcome: OutcomeAbandoned}, ErrUnknownEntry},
		{Leave{Entry: waits, Outcome: OutcomeAnswered}, ErrState},
		{PressExit{nobodys}, ErrUnknownEntry},
		{PressExit{waits}, ErrNotOffered},
		{Foresee{nobodys, time.Minute}, ErrUnknownEntry},
		{Foresee{waits, never}, ErrParameter},
		{SetHeadStart{Entry: nobodys}, ErrUnknownEntry},
		{SetHeadStart{Entry: waits, HeadStart: never}, ErrParameter},
		{SetHeadStart{Entry: waits, HeadStart: 25 * time.Hour}, ErrParameter},
		{RequestCallback{Entry: nobodys}, ErrUnknownEntry},
		{RequestCallback{Entry: theirs}, ErrUnknownEntry},
		{RequestCallback{Entry: waits}, ErrNotOffered},
		{RequestCallback{Entry: offeredBack}, ErrState},
		{DialOut{noOffer}, ErrUnknownOffer},
		{DialOut{dialOffer}, ErrUnknownOffer},
		{DialOut{openOffer}, ErrState},
		{CallbackPickedUp{nobodys}, ErrUnknownEntry},
		{CallbackPickedUp{offeredBack}, ErrState},
		{CallbackPickedUp{nobodys}, ErrUnknownEntry},
		{CallbackPickedUp{waits}, ErrState},
		{CallbackAnswered{nobodys}, ErrUnknownEntry},
		{CallbackAnswered{offeredBack}, ErrState},
		{CallbackAnswered{waits}, ErrState},
		{FailCallback{nobodys, CallbackNoAnswer}, ErrUnknownEntry},
		{FailCallback{offeredBack, CallbackNoAnswer}, ErrState},
		{FailCallback{dialled, ledger.CallbackReached}, ErrParameter},
		{FailCallback{calledFirst, CallbackAgent}, ErrState},
		{AcceptOffer{noOffer}, ErrUnknownOffer},
		{AcceptOffer{acceptedOffer}, ErrUnknownOffer},
		{AcceptOffer{backOffer}, ErrState},
		{FailOffer{noOffer, OfferRejected}, ErrUnknownOffer},
		{FailOffer{acceptedOffer, OfferRejected}, ErrUnknownOffer},
		{FailOffer{openOffer, OfferAccepted}, ErrState},
		{FailOffer{openOffer, OfferCallerLeft}, ErrState},
		{FailOffer{openOffer, "golf"}, ErrState},
		{StartHold{"golf"}, ErrUnknownAgent},
		{StartHold{"wraps"}, ErrState},
		{EndHold{"golf"}, ErrUnknownAgent},
		{EndHold{"talks"}, ErrState},
		{EndTalk{"golf"}, ErrUnknownAgent},
		{EndTalk{"wraps"}, ErrState},
		{EndTalk{"rings"}, ErrState},
		{SetMode{Queue: "golf", Mode: ModeClosed}, ErrUnknownQueue},
		{SetMode{Queue: "cards", Mode: "golf"}, ErrParameter},
		{SetMode{Queue: "cards", Mode: ModeClosed, Until: 20 * time.Second}, ErrParameter},
		{SetCallbacks{Queue: "golf"}, ErrUnknownQueue},
	}
	seen := map[string]bool{"Tick": true, "Reconfigure": true} // they cannot be refused
	r := hotline(t)
	before := r.Snapshot()
	for _, c := range refused {
		name := CommandName(c.command)
		seen[name] = true
		effects, err := r.Apply(20*time.Second, c.command)
		if !errors.Is(err, c.want) || len(effects) > 0 {
			t.Errorf("%s%+v: got %v and %v, want %v and no effects", name, c.command, err, effects, c.want)
		}
		if after := r.Snapshot(); !reflect.DeepEqual(after, before) {
			t.Fatalf("%s%+v was refused, but the state changed:\n%+v\n%+v", name, c.command, before, after)
		}
	}
	for name := range commands {
		if !seen[name] {
			t.Errorf("no case of a refused %s", name)
		}
	}
}

// TestSecondTime gives each command twice. The second one is refused, or
// changes nothing any more.
func TestSecondTime(t *testing.T) {
	keep := Place{Key: 3 * time.Second, First: 5 * time.Second, Number: 77}
	for _, c := range []struct {
		command Command
		again   error // nil: it has no effect
	}{
		{LogIn{Agent: "home"}, nil},
		{LogOut{Agent: "break"}, nil},
		{SetReady{Agent: "break"}, nil},
		{SetNotReady{Agent: "break", Reason: ReasonRONA}, nil},
		{DeviceLost{"talks"}, nil},
		{DeviceLost{"break"}, nil},
		{DeviceBack{"lost"}, nil},
		{Dispose{Agent: "wraps", Code: "fee"}, ErrState},
		{Leave{Entry: waits, Outcome: OutcomeAbandoned}, ErrUnknownEntry},
		{Leave{Entry: dialled, Outcome: OutcomeAbandoned}, ErrUnknownEntry},
		{Foresee{waits, time.Minute}, nil},
		{DialOut{backOffer}, ErrUnknownOffer},
		{CallbackAnswered{dialled}, ErrUnknownEntry},
		{CallbackAnswered{calledFirst}, ErrState},
		{FailCallback{dialled, CallbackNoAnswer}, ErrState},
		{FailCallback{calledFirst, CallbackNoAnswer}, ErrState},
		{AcceptOffer{openOffer}, ErrUnknownOffer},
		{FailOffer{openOffer, OfferIgnored}, ErrUnknownOffer},
		{StartHold{"talks"}, ErrState},
		{EndTalk{"talks"}, ErrState},
		{EndTalk{"dials"}, ErrState},
		{SetCallbacks{Queue: "back", Allowed: true}, nil},
		{Tick{}, nil},
		{Reconfigure{hotline(t).options}, nil},
		{Enqueue{Call: "h", Queue: "golf", Keep: &keep}, ErrUnknownQueue},
	} {
		r := hotline(t)
		name := CommandName(c.command)
		_, _ = r.Apply(20*time.Second, c.command)
		before := r.Snapshot()
		effects, err := r.Apply(20*time.Second, c.command)
		if !errors.Is(err, c.again) || len(effects) > 0 {
			t.Errorf("%s%+v again: got %v and %v, want %v and no effects", name, c.command, err, effects, c.again)
		}
		if after := r.Snapshot(); !reflect.DeepEqual(after, before) {
			t.Errorf("%s%+v again: the state changed:\n%+v\n%+v", name, c.command, before, after)
		}
	}
}

// TestTimeStandsStill holds that a command whose time is past counts as now.
func TestTimeStandsStill(t *testing.T) {
	r := hotline(t)
	effects, err := r.Apply(5*time.Second, Enqueue{Call: "late", Queue: "nobody"})
	want := []Effect{Entered{Entry: 8, Call: "late", Queue: "nobody", Place: Place{Key: 20 * time.Second, First: 20 * time.Second, Number: 8}}}
	if err != nil || !reflect.DeepEqual(effects, want) {
		t.Errorf("got %+v, %v; want %+v", effects, err, want)
	}
	if r.Now() != 20*time.Second {
		t.Errorf("it is %v, want 20s", r.Now())
	}
}

// TestDeadlines holds that a router frees everybody by itself: without any
// answer nobody is rung, called back or in wrap-up after the last deadline.
func TestDeadlines(t *testing.T) {
	r := hotline(t)
	for range 1000 {
		at, ok := r.NextDeadline()
		if !ok {
			break
		}
		if at <= r.Now() {
			t.Fatalf("at %v there is a deadline at %v", r.Now(), at)
		}
		if _, err := r.Apply(at, Tick{}); err != nil {
			t.Fatal(err)
		}
	}
	if at, ok := r.NextDeadline(); ok {
		t.Fatalf("after a thousand deadlines there is one at %v", at)
	}
	for _, a := range r.Agents() {
		switch a.State {
		case AgentOffered, AgentOutbound, AgentWrapUp:
			t.Errorf("%s is %s for ever", a.ID, a.State)
		case AgentReady, AgentNotReady, AgentLoggedOut, AgentUnreachable, AgentHolding, ledger.AgentReserved:
		case AgentTalking:
			if a.ID != "talks" {
				t.Errorf("%s talks", a.ID)
			}
		}
	}
	for _, e := range r.inOrder() {
		if e.ID == rung || e.ID == waits {
			continue // on the line; no rule lets them go
		}
		t.Errorf("entry %d is called back for ever", e.ID)
	}
}
