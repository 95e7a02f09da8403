package ivr

import (
	"cmp"
	"slices"
	"time"
)

// This file is the part of a session that speaks, listens and asks.

// say fills the slots of the prompts of a step.
func (s *Session) say(n *node, prompts ...string) []Say {
	said := make([]Say, 0, len(prompts))
	for _, id := range prompts {
		p := Say{Prompt: id}
		for _, slot := range n.slots[id] {
			if p.Values == nil {
				p.Values = make(map[string]Value)
			}
			p.Values[slot.name] = Value{Kind: slot.kind, Text: s.values[slot.value]}
		}
		said = append(said, p)
	}
	return said
}

// play speaks what a step says, after apologies for the one before.
func (s *Session) play(n *node) {
	s.start(append(s.preface, s.say(n, n.Say...)...))
	s.preface = nil
	s.arm(playLimit)
}

// start plays prompts in place of those that play.
func (s *Session) start(say []Say) {
	s.playing = s.number()
	s.do(Play{ID: s.playing, Say: say})
}

// quiet stops what plays and disarms the timer.
func (s *Session) quiet() {
	if s.playing != 0 {
		s.playing = 0
		s.do(StopPlay{})
	}
	s.disarm()
}

// arm arms the timer, in place of the one that is armed.
func (s *Session) arm(after time.Duration) {
	s.disarm()
	s.timer = s.number()
	s.do(ArmTimer{ID: s.timer, After: after})
}

func (s *Session) disarm() {
	if s.timer != 0 {
		s.do(DisarmTimer{s.timer})
		s.timer = 0
	}
}

// promptEnded goes on when a prompt is over.
func (s *Session) promptEnded() {
	switch s.state {
	case Speaking:
		s.disarm()
		s.run(s.spoken(s.node))
	case Waiting:
		s.listen(s.node)
	case Asking: // the filler goes round; the timer is the operation's
		s.start(s.say(s.node, s.node.Filler...))
	case Deciding, Securing, Queueing, Ended:
	}
}

// spoken goes on after the prompts of a step that says something and asks
// nothing.
func (s *Session) spoken(n *node) *node {
	switch n.Do {
	case QueueStep:
		attributes := make(map[string]string, len(n.Attributes))
		for _, name := range n.Attributes {
			if v := s.values[name]; v != "" {
				attributes[name] = v
			}
		}
		s.state, s.question = Queueing, s.number()
		s.do(Enqueue{ID: s.question, Queue: n.Queue, HeadStart: n.HeadStart, Attributes: attributes})
	case HangUpStep:
		s.do(Note{StepLeft{n.flow.name, n.name, ExitOK}})
		s.hangup(ReasonDone)
	case PlayStep:
		return s.leave(ExitOK, n.Next)
	case MenuStep, CollectStep, ConfirmStep, BranchStep, SetStep, LanguageStep, CardStep, SecureStep, CallStep, ReturnStep:
	}
	return nil
}

// await begins a step that takes keys: with those typed ahead, or by speaking.
func (s *Session) await(n *node) {
	s.state = Waiting
	if s.held > 0 && !n.Uninterrupted {
		s.listen(n)
		return
	}
	s.play(n)
}

// listen gives the caller time for a first or a further key.
func (s *Session) listen(n *node) {
	if s.digits.Len() > 0 {
		s.arm(n.InterDigit)
	} else {
		s.arm(n.FirstDigit)
	}
}

// keysHeld goes on when the caller has pressed a key that nobody has asked for: it
// ends what only plays, and the step that follows takes it.
func (s *Session) keysHeld() {
	if s.held > 0 && s.state == Speaking && s.node.Do == PlayStep && !s.node.Uninterrupted {
		s.quiet()
		s.run(s.leave(ExitBargeIn, s.node.Next))
	}
}

// keyPressed takes a key from the caller. One that was handed over too late, as
// when the time of a step ended meanwhile, is nobody's.
func (s *Session) keyPressed(key byte) {
	if (key < '0' || key > '9') && key != '*' && key != '#' || s.Wish().Want != TakeKey {
		return
	}
	s.quiet()
	if next, left := s.key(s.node, key); left {
		s.run(next)
	} else {
		s.listen(s.node)
	}
}

// key gives a step one key and returns the step that follows if it is left.
func (s *Session) key(n *node, key byte) (next *node, left bool) {
	if n.Do == CollectStep {
		return s.collect(n, key)
	}
	to, ok := n.Keys[string(key)]
	switch {
	case ok:
		return s.succeed(n, to), true
	case key == '0':
		return s.succeed(n, toPerson), true
	case key == '#':
		return n, true
	case key != '*':
		return s.fail(n, ExitNoMatch), true
	case n.Do == ConfirmStep:
		return s.succeed(n, n.Cancel), true
	case n.Back != "":
		return s.succeed(n, n.Back), true
	case s.frames[len(s.frames)-1].call != nil:
		delete(s.failures, n)
		s.do(Note{StepLeft{n.flow.name, n.name, ExitOK}})
		return s.pop(exitBack), true
	}
	return n, true // nothing to go back to: the menu again
}

// collect gives a collect step one key.
func (s *Session) collect(n *node, key byte) (next *node, left bool) {
	switch {
	case key == '#':
		if s.digits.Len() == 0 || s.digits.Len() < n.Min {
			return s.fail(n, ExitNoMatch), true
		}
		return s.collected(n), true
	case key == '*' && n.Star == starClear:
		s.digits.Zero()
		return nil, false
	case key == '*' && n.Star == starX:
		key = 'X'
	case key == '*':
		s.digits.Zero()
		return s.succeed(n, n.Star), true
	}
	s.digits.add(key)
	if s.digits.Len() < n.Max {
		return nil, false
	}
	return s.collected(n), true
}

// collected takes the digits if they are in order.
func (s *Session) collected(n *node) *node {
	if !n.Check.accepts(s.digits.Bytes()) {
		return s.fail(n, ExitNoMatch)
	}
	if n.Keep {
		s.values[n.Into] = string(s.digits.Bytes())
	} else {
		s.secrets[n.Into].Zero()
		s.secrets[n.Into] = NewSecret(s.digits.Bytes())
	}
	s.digits.Zero()
	return s.succeed(n, n.Next)
}

// succeed leaves a step that takes keys because the caller pressed the right ones.
func (s *Session) succeed(n *node, to string) *node {
	delete(s.failures, n)
	return s.leave(ExitOK, to)
}

// fail counts a failure and returns the step that follows: the same one again,
// the one that offers help, or the one for those who fail too often.
func (s *Session) fail(n *node, exit Exit) *node {
	s.digits.Zero()
	s.forget() // what was typed on top of a mistake is a mistake
	s.failures[n]++
	apology := n.NoInput
	if exit == ExitNoMatch {
		apology = n.NoMatch
	}
	switch {
	case s.failures[n] >= n.Attempts:
		delete(s.failures, n)
		if n.GiveUp == toPerson {
			s.preface = s.say(n, n.GivingUp)
		}
		return s.leave(exit, n.GiveUp)
	case n.Help != "" && s.failures[n] == helpAfter:
		s.preface = s.say(n, apology)
		return s.leave(exit, n.Help)
	}
	s.preface = s.say(n, apology)
	return n
}

// timerExpired goes on when the caller, a prompt or an answer took too long.
func (s *Session) timerExpired() {
	switch s.state {
	case Speaking:
		s.quiet()
		s.promptEnded()
	case Waiting:
		n := s.node
		switch {
		case s.playing != 0:
			s.quiet()
			s.promptEnded()
		case s.digits.Len() == 0:
			s.run(s.fail(n, ExitNoInput))
		case n.Min < n.Max && s.digits.Len() >= n.Min:
			s.run(s.collected(n))
		default:
			s.run(s.fail(n, ExitNoMatch))
		}
	case Asking:
		if s.rest == 0 {
			s.run(s.cardAnswered(Unavailable, nil))
			return
		}
		s.start(s.say(s.node, s.node.Filler...))
		s.arm(s.rest)
		s.rest = 0
	case Securing:
		s.do(LeaveSecure{s.question})
		s.run(s.secureEnded(TimedOut))
	case Deciding, Queueing, Ended:
	}
}

// ask hands a question and the secrets that it needs to the card host. If one
// of them is not there any more, the host is not troubled: it is as if it had
// not answered, and the step that follows is returned.
func (s *Session) ask(n *node) *node {
	for _, name := range n.Args {
		if s.secrets[name].Len() == 0 && s.values[name] == "" {
			return s.cardAnswered(Unavailable, nil)
		}
	}
	s.state, s.question = Asking, s.number()
	q := AskCard{ID: s.question, Operation: n.Operation, Args: map[string]string{}, Secrets: map[string]*Secret{}}
	for arg, name := range n.Args {
		secret, ok := s.secrets[name]
		switch {
		case !ok:
			q.Args[arg] = s.values[name]
		case slices.Contains(n.Reuse, arg):
			q.Secrets[arg] = NewSecret(secret.Bytes())
		default:
			q.Secrets[arg] = secret
			delete(s.secrets, name)
		}
	}
	s.do(q)
	first := n.Limit
	if s.rest = 0; len(n.Filler) > 0 && n.FillerAfter < n.Limit {
		first, s.rest = n.FillerAfter, n.Limit-n.FillerAfter
	}
	s.arm(first)
	return nil
}

// exits are the exits of steps by result, where they are not [ExitOK].
var exits = map[Result]Exit{
	Unavailable:   ExitError,
	TimedOut:      ExitNoInput,
	WeakLimit:     ExitNoMatch,
	MismatchLimit: ExitNoMatch,
}

// cardAnswered takes an answer of the card host, or the lack of one.
func (s *Session) cardAnswered(result Result, values map[string]string) *node {
	s.quiet()
	s.question = 0
	to, ok := s.node.Results[string(result)]
	if !ok {
		result, to = Unavailable, s.node.Results[string(Unavailable)]
	}
	for _, name := range signatures[s.node.Operation].results[result] {
		s.values[name] = values[name]
	}
	return s.leave(cmp.Or(exits[result], ExitOK), to)
}

// secureEnded takes the result of a secure segment.
func (s *Session) secureEnded(result Result) *node {
	s.quiet()
	s.question = 0
	to, ok := s.node.Results[string(result)]
	if !ok {
		result, to = Unavailable, s.node.Results[string(Unavailable)]
	}
	return s.leave(cmp.Or(exits[result], ExitOK), to)
}

// dequeued takes the outcome of a queue.
func (s *Session) dequeued(outcome Outcome) *node {
	s.question = 0
	to, ok := s.node.Results[string(outcome)]
	if !ok {
		outcome, to = Failed, s.node.Results[string(Failed)]
	}
	if outcome == Failed {
		return s.leave(ExitError, to)
	}
	return s.leave(ExitOK, to)
}
