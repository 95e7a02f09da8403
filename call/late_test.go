package call

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"cardline/acd"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// TestWaitingCallerReachesANewAgent reloads while a caller waits: the router
// knows the new agent, the call's own configuration does not.
func TestWaitingCallerReachesANewAgent(t *testing.T) {
	bob := acd.Agent{}
	b := newBench(t, func(c *Config) {
		bob = c.Routing.Agents[1]
		c.Routing.Agents = c.Routing.Agents[:1]
		c.Devices = map[string]string{"1001": "ann"}
	})
	caller := b.caller("200")
	fact(b, "the caller waits", func(ledger.Queued) bool { return true })
	next := *b.config
	next.Routing.Agents = append(slices.Clone(next.Routing.Agents), bob)
	next.Devices = map[string]string{"1001": "ann", "1002": "bob"}
	b.config = &next
	b.hotline.Reload(&next)
	b.agent("1002", "b", answers)
	b.bridgedWith("bob")
	caller.leg.Hangup("")
	caller.ended()
}

// TestNoRoomIsNotThePhonesFault lets the signalling be full: the agent is
// neither blamed nor offered again and again.
func TestNoRoomIsNotThePhonesFault(t *testing.T) {
	b := newBench(t)
	b.full.Store(true)
	b.agent("1001", "a", answers)
	caller := b.caller("200")
	ended := fact(b, "the offer ends", func(ledger.OfferEnded) bool { return true })
	if ended.Result != ledger.OfferWithdrawn {
		t.Errorf("the offer ended as %s", ended.Result)
	}
	b.state("ann", ledger.AgentReady)
	time.Sleep(300 * time.Millisecond)
	if offers := facts(b, func(ledger.Offered) bool { return true }); len(offers) != 1 {
		t.Errorf("%d offers within a moment, want 1", len(offers))
	}
	caller.leg.Hangup("")
	caller.ended()
}

// TestDeadPhoneIsOfferedNobody lets another caller wait while an agent's phone
// dies in mid-talk.
func TestDeadPhoneIsOfferedNobody(t *testing.T) {
	b := newBench(t)
	agent := b.agent("1001", "a", answers)
	talking := b.caller("200")
	b.bridgedWith("ann")
	waiting := b.caller("200")
	fact(b, "the second caller waits", func(f ledger.Queued) bool { return f.Entry == 2 })
	agent.media.Close()
	b.state("ann", ledger.AgentUnreachable)
	for _, f := range facts(b, func(f ledger.Offered) bool { return f.Entry != 1 }) {
		t.Errorf("the dead phone was offered entry %d", f.Entry)
	}
	for _, c := range []*phone{talking, waiting} {
		c.leg.Hangup("")
		c.ended()
	}
}

// TestPhoneThatCallsCanBeReached takes an agent's phone for dead until it
// dials a feature code.
func TestPhoneThatCallsCanBeReached(t *testing.T) {
	b := newBench(t)
	b.agent("1001", "a", func(p *phone) { p.leg.Refuse(500, "") })
	caller := b.caller("200")
	b.state("ann", ledger.AgentUnreachable)
	caller.leg.Hangup("")
	caller.ended()
	b.dial(sip.Dial{URI: "*12", User: "1001", Password: "a"}).ended()
	b.state("ann", ledger.AgentReady)
}

// TestCallerBehindNAT signals a port from which nothing comes: a registered
// phone that is marked so is heard all the same.
func TestCallerBehindNAT(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Devices["1003"] = "cat" })
	b.register("1003", "c")
	voice, err := b.voices.Open(media.LegOptions{})
	must(t, err)
	own := voice.Offer()
	var port int
	_, err = fmt.Sscanf(string(own[bytes.Index(own, []byte("m=audio ")):]), "m=audio %d", &port)
	must(t, err)
	moved := bytes.ReplaceAll(own, fmt.Appendf(nil, "m=audio %d ", port), []byte("m=audio 9 "))
	moved = bytes.ReplaceAll(moved, fmt.Appendf(nil, "a=rtcp:%d", port+1), []byte("a=rtcp:11"))
	c := &phone{bench: b, media: voice, events: make(chan sip.Event, 64)}
	c.leg, err = b.phones.Dial(sip.Dial{URI: "sip:100@" + b.server, User: "1003", Password: "c", Offer: moved}, func(e sip.Event) { c.events <- e })
	must(t, err)
	must(t, voice.Accept(c.await().(sip.Answered).Body))
	fact(b, "the menu listens", func(ledger.CallAnswered) bool { return true })
	c.press("1")
	c.ended()
	fact(b, "the menu took the key", func(f ledger.CallEnded) bool { return f.Reason == ledger.EndFlow })
}

// TestStopIsShort stops a hotline that has a feature code to speak, a question
// that the card host does not answer, and a call that comes too late.
func TestStopIsShort(t *testing.T) {
	b := newBench(t)
	b.hotline.tasks.Go(func() { <-b.hotline.asking.Done() })
	feature := b.dial(sip.Dial{URI: "*11", User: "1001", Password: "a"})
	stopped := make(chan time.Duration)
	go func() {
		began := time.Now()
		b.stop()
		stopped <- time.Since(began)
	}()
	feature.ended()
	late := b.caller("100")
	late.ended()
	select {
	case took := <-stopped:
		if took > deskLimit+patience/4 {
			t.Errorf("the end took %v", took)
		}
	case <-time.After(deskLimit + patience):
		t.Fatal("the hotline does not end")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	must(t, b.hotline.Drain(ctx))
	ended := fact(b, "the late call ended", func(ledger.CallEnded) bool { return true })
	if ended.Reason != ledger.EndDrained {
		t.Errorf("the late call ended as %s", ended.Reason)
	}
}

// TestAFaultEndsOneCallAlone makes the owner of one call panic in the queue
// while another one talks.
func TestAFaultEndsOneCallAlone(t *testing.T) {
	b := newBench(t)
	b.agent("1001", "a", answers)
	talking := b.caller("200")
	b.bridgedWith("ann")
	faulty := *b.config
	faulty.Prompts = nil // the next announcement is a nil pointer
	b.hotline.Reload(&faulty)
	b.caller("200").ended()
	over := fact(b, "the call has ended", func(f ledger.CallEnded) bool { return f.Reason == ledger.EndError })
	if over.Outcome != ledger.IVRToAgent {
		t.Errorf("ended as %+v", over)
	}
	b.state("ann", ledger.AgentTalking)
	talking.leg.Hangup("")
	talking.ended()
}

// TestPhoneThatIsGoneWhileItHolds un-registers a phone that has put its caller
// on hold: the caller goes to a colleague, in the old place.
func TestPhoneThatIsGoneWhileItHolds(t *testing.T) {
	b := newBench(t)
	agent := b.agent("1001", "a", answers)
	caller := b.caller("200")
	b.bridgedWith("ann")
	b.agent("1002", "b", answers)
	agent.leg.Offer(bytes.ReplaceAll(agent.media.Offer(), []byte("a=sendrecv"), []byte("a=sendonly")))
	b.state("ann", ledger.AgentHolding)
	b.logins[0].Close(t.Context())
	b.bridgedWith("bob")
	fact(b, "the caller is back", func(f ledger.Queued) bool { return f.Via == ledger.ViaReturn })
	b.state("ann", ledger.AgentUnreachable)
	caller.leg.Hangup("")
	caller.ended()
}
