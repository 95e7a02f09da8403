package call

import (
	"fmt"
	"time"

	"cardline/card"
	"cardline/ivr"
	"cardline/ledger"
	"cardline/media"
	"cardline/prompts"
)

// startFlow lets the line's flow begin.
func (c *call) startFlow() {
	c.enter(serving)
	c.stepSince = time.Now()
	session, actions := c.config.Program.Start(c.line.flow(c.hotline.lineMode(c.line, time.Now())), c.line.Language, c.line.Values)
	c.session = session
	c.perform(actions)
}

// perform does what the flow wants done, in its order.
func (c *call) perform(actions []ivr.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case ivr.Play:
			c.play(c.caller, a.ID, a.Say)
		case ivr.StopPlay:
			if c.caller.media != nil {
				c.caller.media.StopPlay()
			}
		case ivr.ArmTimer:
			c.flowTimed = a.ID
			c.flowTimer.Reset(a.After)
		case ivr.DisarmTimer:
			c.flowTimer.Stop()
		case ivr.AskCard:
			c.ask(a)
		case ivr.EnterSecure:
			c.enterSecure(a)
		case ivr.LeaveSecure:
			c.closeSecure(ledger.SecureTimeout)
		case ivr.Enqueue:
			c.enqueue(a)
		case ivr.SetLanguage: // the session says in which language it speaks
		case ivr.Hangup:
			c.hangup(a.Reason)
		case ivr.Note:
			c.note(a.Fact)
		}
	}
}

// hangup ends the call because the flow is over.
func (c *call) hangup(r ivr.Reason) {
	switch {
	case c.reason != "": // the call is being ended already
	case r == ivr.ReasonError:
		c.end(ledger.EndError)
	case c.talk.agentLeft:
		c.end(ledger.EndAgentLeft)
	default:
		c.end(ledger.EndFlow)
	}
}

// play speaks prompts to a party. What cannot be said is left out and told to
// the operator, without its values.
func (c *call) play(p *party, id uint64, say []ivr.Say) {
	if p.media == nil {
		return
	}
	var clips []media.Clip
	for _, s := range say {
		values := make(map[string]prompts.Value, len(s.Values))
		for name, v := range s.Values {
			values[name] = prompts.Value{Kind: prompts.Kind(v.Kind), Text: v.Text}
		}
		pieces, err := c.config.Prompts.Say(c.language(), s.Prompt, values)
		if err != nil {
			c.log.Error().Err(err).Str("prompt", s.Prompt).Msg("prompt not spoken in full")
		}
		for _, piece := range pieces {
			clips = append(clips, piece)
		}
	}
	p.media.Play(id, clips, false)
}

func (c *call) language() string {
	if c.session != nil {
		return c.session.Language()
	}
	return c.line.Language
}

// playMusic plays the music on hold to a party until something else plays.
func (c *call) playMusic(p *party) {
	clips, err := c.config.Prompts.Say(c.language(), promptMusic, nil)
	if err != nil || p.media == nil {
		return
	}
	music := make([]media.Clip, len(clips))
	for i, clip := range clips {
		music[i] = clip
	}
	p.media.Play(musicID, music, true)
}

// Numbers of what the hotline itself plays; those of a session are small.
const (
	announcement uint64 = 1<<63 + iota
	musicID
	secureFirstID // and all above
)

// ask puts a card step to the desk, on a goroutine of its own.
func (c *call) ask(a ivr.AskCard) {
	args := make(map[string][]byte, len(a.Args)+len(a.Secrets))
	for name, value := range a.Args {
		args[name] = []byte(value)
	}
	for name, secret := range a.Secrets {
		args[name] = append([]byte(nil), secret.Bytes()...)
		secret.Zero()
	}
	c.asked[a.ID] = ivr.AskCard{ID: a.ID, Operation: a.Operation}
	t, ok := c.mayAsk(a.Operation, isStop(a.Operation, args))
	if !ok {
		for _, value := range args {
			clear(value)
		}
		c.post(cardAnswered{id: a.ID, result: capped[a.Operation].answer})
		return
	}
	request := card.Request{Call: c.id, Operation: fmt.Sprint(a.ID)}
	c.hotline.tasks.Go(func() {
		// What changes something is carried through though the caller hangs up.
		answer := c.hotline.desk.Ask(c.hotline.asking, request, string(a.Operation), args)
		for _, value := range args {
			clear(value)
		}
		result := ivr.Result(answer.Result)
		c.record(ledger.HostAsked{
			Operation: string(a.Operation), Code: answer.Result, Took: ledger.MillisOf(answer.Took), Cap: t.asked(c, a.Operation, result),
		})
		c.judge(a.Operation, result)
		c.post(cardAnswered{id: a.ID, result: result, values: answer.Values, stop: t.stop})
	})
}

// judge notes a failed try of the caller to prove who they are, also if they have
// hung up by then.
func (c *call) judge(o ivr.Operation, r ivr.Result) {
	failed := r == ivr.Refused || r == ivr.Locked
	switch {
	case o == ivr.Verify && failed:
		c.record(ledger.VerificationFailed{Factor: "identity", Reason: string(r)})
	case o == ivr.CheckCode && (failed || r == ivr.Expired):
		c.record(ledger.VerificationFailed{Factor: "code", Reason: string(r)})
	}
}

func (c *call) cardAnswered(a cardAnswered) {
	question := c.asked[a.id]
	delete(c.asked, a.id)
	switch question.Operation {
	case ivr.FindCard:
		if a.result == ivr.OK {
			c.card, c.cardTail = a.values["card"], a.values["tail"]
		}
	case ivr.ReportLoss:
		if a.stop && !counts(ivr.ReportLoss, a.result) {
			c.stopped = false // nothing was stopped
		}
	case ivr.Verify, ivr.CheckCode, ivr.SendCode, ivr.Activate, ivr.Bill:
	}
	if c.stage == serving {
		c.perform(c.session.Handle(ivr.CardAnswered{ID: a.id, Result: a.result, Values: a.values}))
	}
}

// note writes what the flow reports into the ledger.
func (c *call) note(f ivr.Fact) {
	switch f := f.(type) {
	case ivr.StepLeft:
		now := time.Now()
		c.record(ledger.StepLeft{Flow: f.Flow, Step: f.Step, Exit: ledger.StepExit(f.Exit), Took: ledger.MillisOf(now.Sub(c.stepSince))})
		c.stepSince = now
	case ivr.ServiceEnded:
		c.succeeded = c.succeeded || f.Result == ivr.ServiceOK
		c.record(ledger.ServiceEnded{Service: f.Service, Result: ledger.ServiceResult(f.Result), Card: c.card, Tail: c.cardTail})
	}
}
