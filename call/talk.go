package call

import (
	"strings"
	"time"

	"cardline/acd"
	"cardline/ivr"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// conversation is a caller's talk with an agent.
type conversation struct {
	agent     *party // nil if there is none
	id        string // the agent's
	entry     uint64
	queue     string
	began     time.Time
	heldSince time.Time
	held      time.Duration
	keys      string // a feature code that the agent is keying
	timer     timer  // between two such keys
	agentLeft bool   // the newest conversation was ended by the agent
}

// startTalk bridges the caller with the agent's party.
func (c *call) startTalk(agent *party, id string, entry uint64) {
	c.enter(talking)
	c.talk = conversation{agent: agent, id: id, entry: entry, queue: c.queue.queue, began: time.Now(), timer: c.talk.timer}
	c.with.Store(id)
	agent.sip.OnInfoKey(agent.media.PressKey)
	c.bridge()
	c.record(ledger.Bridged{Entry: entry, Queue: c.talk.queue, Agent: id})
	c.log.Info().Str("agent", id).Msg("caller and agent talk")
}

func (c *call) bridge() {
	c.caller.media.StopPlay()
	if err := c.caller.media.Bridge(c.talk.agent.media); err != nil {
		c.log.Error().Err(err).Msg("caller and agent not bridged")
	}
}

// agentSignalled takes what the agent's phone says during a conversation.
func (c *call) agentSignalled(e sip.Event) {
	switch e := e.(type) {
	case sip.Reoffered:
		c.talk.agent.reoffered(e.Body)
		c.agentHolds(c.talk.agent.media.Held())
	case sip.Acked:
		if len(e.Body) > 0 && c.talk.agent.media.Accept(e.Body) == nil {
			c.agentHolds(c.talk.agent.media.Held())
		}
	case sip.Ended:
		c.talk.agent.sip = nil
		if e.Reason == sip.PeerLost {
			c.agentVanished()
			return
		}
		c.agentHungUp()
	case sip.Progressed, sip.Answered, sip.OfferAccepted, sip.OfferRefused:
	}
}

// agentHolds follows the agent's phone into hold and out of it.
func (c *call) agentHolds(held bool) {
	t := &c.talk
	switch {
	case held && c.stage == talking:
		c.enter(holding)
		t.heldSince = time.Now()
		c.caller.media.Unbridge()
		c.playMusic(c.caller)
		_ = c.hotline.Command(acd.StartHold{Agent: t.id})
		c.record(ledger.HoldStarted{Agent: t.id})
	case !held && c.stage == holding:
		c.enter(talking)
		c.endHold()
		_ = c.hotline.Command(acd.EndHold{Agent: t.id})
		c.bridge()
	}
}

// endHold closes the books of a hold, if there is one.
func (c *call) endHold() {
	t := &c.talk
	if t.heldSince.IsZero() {
		return
	}
	held := time.Since(t.heldSince)
	t.held += held
	t.heldSince = time.Time{}
	c.record(ledger.HoldEnded{Agent: t.id, Held: ledger.MillisOf(held)})
}

func (c *call) agentHeard(e media.Event) {
	switch e := e.(type) {
	case media.KeyPressed:
		c.agentPressed(e.Key)
	case media.MediaLost:
		if c.stage == talking {
			c.agentVanished()
		}
	case media.PlayEnded: // a word to the agent is over; the bridge is heard again
	}
}

// deviceLost is the fact that an agent's phone is no longer registered.
type deviceLost struct{ agent string }

// deviceLost takes the caller back whom an agent has put on hold on a phone
// that is gone: a phone on hold sends nothing, so its silence tells nothing.
func (c *call) deviceLost(f deviceLost) {
	if c.stage == holding && c.talk.id == f.agent {
		c.agentVanished()
	}
}

// agentHungUp gives the caller back to the flow.
func (c *call) agentHungUp() {
	c.endTalk(ledger.TalkEndedByAgent)
	c.talk.agentLeft = true
	c.resume(ivr.Answered)
}

// agentVanished queues the caller again, in the old place, because the agent's
// phone died in mid-talk; once in a call.
func (c *call) agentVanished() {
	queue := c.talk.queue
	// Before the talk ends, or the dead phone would be offered the next caller.
	_ = c.hotline.Command(acd.DeviceLost{Agent: c.talk.id})
	c.endTalk(ledger.TalkEndedByDevice)
	if c.queue.returned {
		c.resume(ivr.Failed)
		return
	}
	c.queue.returned = true
	c.wait(acd.Enqueue{Call: c.id, Queue: queue, Via: ledger.ViaReturn, Class: c.class(0), Keep: c.queue.place})
}

// endTalk ends the conversation, if there is one, and the agent's leg with it.
func (c *call) endTalk(by ledger.TalkEnd) {
	t := &c.talk
	if t.agent == nil {
		return
	}
	c.endHold()
	t.timer.Stop()
	if c.caller.media != nil {
		c.caller.media.Unbridge()
	}
	agent, leg := t.agent, t.agent.sip
	agent.hangUp("")
	t.agent = nil
	c.with.Store("")
	c.hotline.lastAgents.remember(c.hotline.nameless(c.queue.own), t.id)
	c.record(ledger.TalkEnded{
		Entry: t.entry, Queue: t.queue, Agent: t.id,
		Talked: ledger.MillisOf(time.Since(t.began) - t.held), Held: ledger.MillisOf(t.held), By: by,
	})
	c.release(t.id, leg)
	agent.close("")
}

// byeLimit is how long an agent's phone may take to confirm our BYE before the
// agent counts as free all the same.
const byeLimit = 100 * time.Millisecond

// release frees an agent whose conversation is over. If it is we who hang up,
// the phone has to know before it is rung for the next caller.
func (c *call) release(agent string, leg *sip.Leg) {
	free := func() {
		if err := c.hotline.Command(acd.EndTalk{Agent: agent}); err != nil {
			c.log.Error().Err(err).Str("agent", agent).Msg("agent not released")
		}
	}
	if leg == nil {
		free()
		return
	}
	c.hotline.tasks.Go(func() {
		select {
		case <-leg.Done():
		case <-time.After(byeLimit):
		}
		free()
	})
}

// talkEnd says who ended a conversation that ends with its call.
func talkEnd(r ledger.EndReason) ledger.TalkEnd {
	switch r {
	case ledger.EndCallerLeft, ledger.EndNoMedia:
		return ledger.TalkEndedByCaller
	default:
		return ledger.TalkEndedBySystem
	}
}

// agentPressed collects a feature code: a star, keys, and a hash.
func (c *call) agentPressed(key byte) {
	t := &c.talk
	t.timer.Reset(transferKeysLimit)
	switch {
	case key == '*' && !strings.HasPrefix(t.keys, "*"):
		t.keys = "*"
	case t.keys == "" || len(t.keys) > 24:
		t.keys = ""
	case key != '#':
		t.keys += string(key)
	default:
		code := t.keys
		t.keys = ""
		t.timer.Stop()
		c.transfer(code)
	}
}

// transfer passes the caller on to a queue or to a colleague.
func (c *call) transfer(code string) {
	e := acd.Enqueue{Call: c.id, Via: ledger.ViaTransfer, Class: c.class(0), Keep: c.queue.place, Except: []string{c.talk.id}}
	to := ""
	f := c.config.Features
	if number, ok := strings.CutPrefix(code, f.TransferQueue); ok && f.TransferQueue != "" {
		for name, q := range c.config.Queues {
			if q.Code == number && number != "" {
				e.Queue, to = name, "queue:"+name
			}
		}
	}
	if agent, ok := strings.CutPrefix(code, f.TransferAgent); ok && to == "" && f.TransferAgent != "" && c.reachable(agent) {
		e.Queue, e.Preferred, e.PreferFor, e.Only, to = c.talk.queue, agent, preferLimit, true, "agent:"+agent
	}
	if to == "" {
		c.play(c.talk.agent, announcement, []ivr.Say{{Prompt: promptNoTransfer}})
		return
	}
	agent := c.talk.id
	c.endTalk(ledger.TalkEndedByTransfer)
	c.record(ledger.Transferred{Agent: agent, To: to})
	c.wait(e)
}

// reachable reports whether a colleague is at work and not the agent herself.
func (c *call) reachable(agent string) bool {
	if agent == c.talk.id {
		return false
	}
	for _, a := range c.hotline.Agents() {
		if a.ID == agent {
			return a.State != ledger.AgentLoggedOut && a.State != ledger.AgentUnreachable
		}
	}
	return false
}
