package call

import (
	"errors"
	"fmt"
	"time"

	"cardline/card"
	"cardline/card/secure"
	"cardline/ivr"
	"cardline/ledger"
)

// Limits of a secure entry (hotline.md, A3.2 to A3.6).
const (
	secureRounds     = 3
	secureInterDigit = 6 * time.Second
	secureEntryLimit = 25 * time.Second // for one entry, from the end of its prompt
	secureQuiet      = time.Second      // from the last key until keys mean something else again
)

// secureEntry is the secure segment of a call while there is one. The owner
// sees how far the caller has got, never a digit.
type secureEntry struct {
	segment  *secure.Segment // nil if there is none
	question ivr.EnterSecure
	began    time.Time
	rounds   int // begun so far
	prompt   uint64
	entering bool      // the prompt is over or was cut: the clock of the entry runs
	deadline time.Time // of the entry
	lastKey  time.Time
	result   ledger.SecureResult // what to say once it is quiet; "" until then
	timer    timer
}

// Facts for the inbox.
type (
	secureNotice struct {
		id     uint64
		notice secure.Notice
	}
	pinAnswered struct {
		id  uint64
		err error
	}
)

// enterSecure begins the segment: from here on keys go to it alone.
func (c *call) enterSecure(a ivr.EnterSecure) {
	c.enter(securing)
	segment, err := secure.Open(c.hotline.pages, func(n secure.Notice) { c.post(secureNotice{a.ID, n}) })
	c.secure = secureEntry{question: a, began: time.Now(), rounds: 1, timer: c.secure.timer, prompt: secureFirstID}
	if err != nil {
		c.log.Error().Err(err).Msg("no secure segment")
		c.finishSecure(ledger.SecureUnavailable)
		return
	}
	c.secure.segment = segment
	c.caller.media.Keys(segment)
	c.securePrompt(a.Prompts.First)
}

// securePrompt speaks, and lets the entry's clock wait until that is over.
func (c *call) securePrompt(ids ...string) {
	say := make([]ivr.Say, len(ids))
	for i, id := range ids {
		say[i].Prompt = id
	}
	s := &c.secure
	s.prompt++
	s.entering = false
	s.timer.Stop()
	c.play(c.caller, s.prompt, say)
}

// securePrompted starts the clock of an entry.
func (c *call) securePrompted() {
	s := &c.secure
	if s.result != "" || s.entering {
		return
	}
	s.entering = true
	s.deadline = time.Now().Add(secureEntryLimit)
	s.timer.Reset(secureEntryLimit)
}

func (c *call) secureNoticed(n secureNotice) {
	s := &c.secure
	if c.stage != securing || n.id != s.question.ID || s.segment == nil {
		return
	}
	s.lastKey = time.Now()
	if s.result != "" { // it is over, but the caller types on
		c.finishSecure(s.result)
		return
	}
	prompts := s.question.Prompts
	switch n.notice {
	case secure.Pressed, secure.Cleared:
		c.securePrompted()
		c.caller.media.StopPlay()
		s.timer.Reset(min(secureInterDigit, time.Until(s.deadline)))
	case secure.Entered:
		c.securePrompt(prompts.Again)
	case secure.Weak:
		c.secureAgain(ledger.SecureWeak, prompts.Weak)
	case secure.Differed:
		c.secureAgain(ledger.SecureMismatch, prompts.Different)
	case secure.Matched:
		s.timer.Stop()
		c.playMusic(c.caller) // the host may take its time
		c.setPIN()
	}
}

// secureAgain begins another round, or gives up for the given reason.
func (c *call) secureAgain(why ledger.SecureResult, prompts ...string) {
	s := &c.secure
	if s.rounds == secureRounds {
		c.finishSecure(why)
		return
	}
	s.rounds++
	s.segment.Restart()
	c.securePrompt(append(prompts, s.question.Prompts.First)...)
}

// setPIN seals the PIN inside the segment and hands it to the host.
func (c *call) setPIN() {
	s := &c.secure
	segment, id, token := s.segment, s.question.ID, s.question.Card
	request := card.Request{Call: c.id, Operation: fmt.Sprintf("%d.%d", id, s.rounds)}
	ctx := c.hotline.asking // carried through though the caller hangs up
	c.hotline.tasks.Go(func() {
		began := time.Now()
		key, err := c.hotline.desk.SealingKey(ctx)
		var sealed []byte
		if err == nil {
			sealed, err = segment.Seal(key, token)
		}
		if err == nil {
			err = c.hotline.desk.SetPIN(ctx, request, token, sealed)
		}
		c.record(ledger.HostAsked{Operation: "set_pin", Code: codeOf(err), Took: ledger.MillisOf(time.Since(began))})
		c.post(pinAnswered{id, err})
	})
}

// codeOf says how the host answered in one word.
func codeOf(err error) string {
	no, refused := errors.AsType[card.Refusal](err)
	switch {
	case err == nil:
		return card.ResultOK
	case refused:
		return string(no)
	default:
		return card.ResultUnavailable
	}
}

func (c *call) pinAnswered(a pinAnswered) {
	if c.stage != securing || a.id != c.secure.question.ID || c.secure.result != "" {
		return
	}
	no, refused := errors.AsType[card.Refusal](a.err)
	switch {
	case a.err == nil:
		c.finishSecure(ledger.SecureOK)
	case no == card.Weak:
		c.secureAgain(ledger.SecureWeak, c.secure.question.Prompts.Weak)
	case refused:
		c.finishSecure(ledger.SecureRefused)
	default:
		c.finishSecure(ledger.SecureUnavailable)
	}
}

// secureTimedOut is the end of an entry's time, or of the quiet second.
func (c *call) secureTimedOut() {
	switch {
	case c.stage != securing:
	case c.secure.result != "":
		c.leaveSecure()
	default:
		c.secureAgain(ledger.SecureTimeout)
	}
}

// finishSecure fixes the result and waits until the last key is a second past,
// so that nothing of an entry is taken for a key of what follows.
func (c *call) finishSecure(result ledger.SecureResult) {
	s := &c.secure
	s.result = result
	if s.segment != nil {
		s.segment.Restart() // nothing of the entry is kept while we wait
	}
	s.timer.Reset(max(0, time.Until(s.lastKey.Add(secureQuiet))))
}

// leaveSecure gives the keys back to the flow and tells it the result.
func (c *call) leaveSecure() {
	id, result := c.secure.question.ID, c.secure.result
	c.closeSecure(result)
	if c.stage == serving {
		c.perform(c.session.Handle(ivr.SecureEnded{ID: id, Result: ivr.Result(result)}))
	}
}

// closeSecure ends the segment if there is one, whatever it is at.
func (c *call) closeSecure(result ledger.SecureResult) {
	if c.stage != securing {
		return
	}
	s := &c.secure
	s.timer.Stop()
	if s.result != "" {
		result = s.result
	}
	if c.caller.media != nil {
		c.caller.media.StopPlay()
		c.caller.media.Keys(nil)
	}
	if s.segment != nil {
		if err := s.segment.Close(); err != nil {
			c.log.Error().Err(err).Msg("secure segment not released")
		}
		s.segment = nil
	}
	c.record(ledger.SecureEnded{Purpose: string(s.question.Entry), Result: result, Rounds: s.rounds, Took: ledger.MillisOf(time.Since(s.began))})
	c.enter(serving)
}
