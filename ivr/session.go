package ivr

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// A State is what a session waits for.
type State uint8

// The states of a session. From each of them [HungUp] leads to Ended, and so
// does a flow that comes to its end.
const (
	Deciding State = iota // between two steps, only while Handle runs; next: any other
	Speaking              // a prompt plays to its end; next: Deciding, Waiting for the router
	Waiting               // a key is awaited, while the prompt plays or after it; next: Deciding
	Asking                // the card host is asked; next: Deciding
	Securing              // the secure segment has the keys; next: Deciding
	Queueing              // the router or an agent has the caller; next: Deciding
	Ended                 // terminal: no timer is armed and every secret is zeroed
)

var stateNames = [...]string{"deciding", "speaking", "waiting", "asking", "securing", "queueing", "ended"}

// String returns the name of the state.
func (s State) String() string { return stateNames[s] }

// A Session is the dialogue with one caller. It belongs to the call's owner:
// its methods must not be called concurrently. It ends when it has returned
// [Hangup], when it is told [HungUp], or by [Session.Close].
type Session struct {
	program  *Program
	state    State
	node     *node // where the caller is
	frames   []frame
	language string
	values   map[string]string
	secrets  map[string]*Secret
	failures map[*node]int // of steps that have been left for help only

	digits  *Secret // being collected
	held    int     // keys that nobody has asked for yet; they are not here
	flush   uint64  // how often those were forgotten
	preface []Say   // to be said before the next prompt: apologies

	serial   uint64 // the number given out last
	playing  uint64 // the prompt that plays, or 0
	timer    uint64 // the timer that is armed, or 0
	question uint64 // to the card host, the secure segment or the router, or 0
	// rest is how long an operation may still take once its filler plays.
	rest time.Duration

	out []Action
}

// frame is a flow that runs; all but the first were called.
type frame struct {
	flow    *flow
	call    *node         // the step that called it, nil for the first
	outcome ServiceResult // noted so far, if the flow has a service
}

// Start begins a flow in a language (empty or unknown: the default one) with
// some values. If there is no such flow, the session has ended and the only
// action is a [Hangup].
func (p *Program) Start(flow, language string, values map[string]string) (*Session, []Action) {
	if !slices.Contains(p.languages, language) {
		language = p.languages[0]
	}
	s := &Session{
		program: p, language: language,
		values:   make(map[string]string, len(values)+8),
		secrets:  make(map[string]*Secret),
		failures: make(map[*node]int),
		digits:   newSecret(maxDigits),
	}
	maps.Copy(s.values, values)
	s.values[languageValue] = language
	s.do(SetLanguage{language})
	if f := p.flows[flow]; f != nil {
		s.run(s.push(f, nil))
	} else {
		s.hangup(ReasonError)
	}
	return s, s.take()
}

// State returns what the session waits for.
func (s *Session) State() State { return s.state }

// Wish returns what is to become of keys from now on. The owner looks at it after
// every [Program.Start] and Handle, and asks once for each key that it hands over.
func (s *Session) Wish() Wish {
	w := Wish{Flush: s.flush}
	switch n := s.node; {
	case n == nil || n.sealed:
	case s.state == Waiting && (s.playing == 0 || !n.Uninterrupted):
		w.Want, w.Last = TakeKey, n.Do == CollectStep && s.digits.Len() == n.Max-1
	case s.state == Waiting, s.state == Asking, s.state == Speaking && n.Do == PlayStep:
		w.Want = HoldKeys
	}
	return w
}

// forget drops the keys that are held.
func (s *Session) forget() {
	s.held = 0
	s.flush++
}

// Where returns the flow and the step that the caller is in.
func (s *Session) Where() (flow, step string) {
	if s.node == nil {
		return "", ""
	}
	return s.node.flow.name, s.node.name
}

// Language returns the language that is spoken.
func (s *Session) Language() string { return s.language }

// Value returns an ordinary value; it never returns a secret.
func (s *Session) Value(name string) string { return s.values[name] }

// Close zeroes every secret and ends the session. It may be called twice.
func (s *Session) Close() {
	s.state = Ended
	s.digits.Zero()
	for name, secret := range s.secrets {
		secret.Zero()
		delete(s.secrets, name)
	}
}

// Handle takes one fact and returns what has to be done. A fact without
// meaning, such as an answer to a question that is no longer open, changes
// nothing and returns nothing.
func (s *Session) Handle(in Input) []Action {
	if s.state == Ended {
		return nil
	}
	switch in := in.(type) {
	case PlayEnded:
		if s.playing != 0 && in.ID == s.playing {
			s.playing = 0
			s.promptEnded()
		}
	case KeyPressed:
		if in.Flush == s.flush {
			s.held = in.Held
			s.keyPressed(in.Key)
		}
	case KeysHeld:
		if in.Flush == s.flush {
			s.held = in.Held
			s.keysHeld()
		}
	case TimerExpired:
		if s.timer != 0 && in.ID == s.timer {
			s.timer = 0
			s.timerExpired()
		}
	case CardAnswered:
		if s.state == Asking && in.ID == s.question {
			s.run(s.cardAnswered(in.Result, in.Values))
		}
	case SecureEnded:
		if s.state == Securing && in.ID == s.question {
			s.run(s.secureEnded(in.Result))
		}
	case Dequeued:
		if s.state == Queueing && in.ID == s.question {
			s.run(s.dequeued(in.Outcome))
		}
	case HungUp:
		s.hungUp()
	}
	return s.take()
}

// do adds an action.
func (s *Session) do(a Action) { s.out = append(s.out, a) }

// take returns the actions that have gathered.
func (s *Session) take() []Action {
	out := s.out
	s.out = nil
	return out
}

// number returns a number that was never given out before.
func (s *Session) number() uint64 {
	s.serial++
	return s.serial
}

// run enters steps until one of them waits or the session ends. A nil n
// changes nothing: the step where the caller is goes on waiting.
func (s *Session) run(n *node) {
	for budget := maxSilentSteps; n != nil; budget-- {
		if budget == 0 {
			s.hangup(ReasonError)
			return
		}
		s.state, s.node = Deciding, n
		if o := n.Outcome; o != "" {
			s.note(o)
		}
		n = s.enter(n)
	}
}

// enter begins a step. It returns the step that follows, or nil if this one
// waits or has ended the session.
func (s *Session) enter(n *node) *node {
	if n.sealed || n.Flush || n.Do == ConfirmStep || n.Do == QueueStep || n.Do == HangUpStep {
		s.forget()
	}
	switch n.Do {
	case PlayStep:
		if s.held > 0 && !n.Uninterrupted {
			return s.leave(ExitBargeIn, n.Next)
		}
		s.state = Speaking
		s.play(n)
	case HangUpStep, QueueStep:
		if len(n.Say)+len(s.preface) == 0 {
			return s.spoken(n)
		}
		s.state = Speaking
		s.play(n)
	case MenuStep, ConfirmStep:
		s.await(n)
	case CollectStep:
		s.digits.Zero()
		s.await(n)
	case BranchStep:
		if to, ok := n.Cases[s.values[n.Value]]; ok {
			return s.leave(ExitOK, to)
		}
		return s.leave(ExitOK, n.Else)
	case SetStep:
		maps.Copy(s.values, n.Values)
		if n.Count != "" {
			count, _ := strconv.Atoi(s.values[n.Count]) // nothing counts as 0
			s.values[n.Count] = strconv.Itoa(count + 1)
		}
		return s.leave(ExitOK, n.Next)
	case LanguageStep:
		s.language, s.values[languageValue] = n.Language, n.Language
		s.do(SetLanguage{n.Language})
		return s.leave(ExitOK, n.Next)
	case CardStep:
		return s.ask(n)
	case SecureStep:
		if s.values[n.Card] == "" { // a PIN without a card helps nobody
			return s.secureEnded(Unavailable)
		}
		s.state, s.question = Securing, s.number()
		s.do(EnterSecure{ID: s.question, Entry: n.Entry, Card: s.values[n.Card], Prompts: n.Prompts})
		s.arm(n.Limit)
	case CallStep:
		s.do(Note{StepLeft{n.flow.name, n.name, ExitOK}})
		return s.push(s.program.flows[n.Flow], n)
	case ReturnStep:
		s.do(Note{StepLeft{n.flow.name, n.name, ExitOK}})
		return s.pop(n.Exit)
	}
	return nil
}

// push begins a flow that call, if it is not nil, has called.
func (s *Session) push(f *flow, call *node) *node {
	s.frames = append(s.frames, frame{flow: f, call: call})
	return f.start
}

// pop leaves a flow by an exit and returns the step that follows in the one
// that called it. If there is none, the call ends.
func (s *Session) pop(exit string) *node {
	last := s.frames[len(s.frames)-1]
	s.frames = s.frames[:len(s.frames)-1]
	s.serviceEnded(last, ServiceCancelled)
	if last.call == nil {
		s.hangup(ReasonDone)
		return nil
	}
	return s.follow(last.call, last.call.Exits[exit])
}

// leave ends the visit of the current step and returns the step that follows.
func (s *Session) leave(exit Exit, to string) *node {
	s.do(Note{StepLeft{s.node.flow.name, s.node.name, exit}})
	return s.follow(s.node, to)
}

// follow returns the step that a target means in the flow of n. The way to a
// person leaves all flows behind, and with them every secret.
func (s *Session) follow(n *node, to string) *node {
	if next := n.flow.nodes[to]; next != nil {
		return next
	}
	for _, f := range slices.Backward(s.frames) {
		s.serviceEnded(f, ServicePerson)
	}
	s.frames = s.frames[:0]
	for name, secret := range s.secrets {
		secret.Zero()
		delete(s.secrets, name)
	}
	s.forget()
	return s.push(s.program.flows[PersonFlow], nil)
}

// note keeps the outcome of the innermost service that is running.
func (s *Session) note(o ServiceResult) {
	for i := len(s.frames) - 1; i >= 0; i-- {
		if s.frames[i].flow.service != "" {
			s.frames[i].outcome = o
			return
		}
	}
}

// serviceEnded reports how the service of a flow went, if it has one. Unless a
// step has noted it, the way of leaving tells.
func (s *Session) serviceEnded(f frame, way ServiceResult) {
	if f.flow.service == "" {
		return
	}
	if f.outcome != "" {
		way = f.outcome
	}
	s.do(Note{ServiceEnded{f.flow.service, way}})
}

// hangup ends the session and the call.
func (s *Session) hangup(reason Reason) {
	s.quiet()
	for _, f := range slices.Backward(s.frames) {
		s.serviceEnded(f, ServiceHangup)
	}
	s.do(Hangup{reason})
	s.Close()
}

// hungUp ends the session because the caller has gone.
func (s *Session) hungUp() {
	s.disarm()
	if s.state == Securing {
		s.do(LeaveSecure{s.question})
	}
	s.do(Note{StepLeft{s.node.flow.name, s.node.name, ExitHangup}})
	for _, f := range slices.Backward(s.frames) {
		s.serviceEnded(f, ServiceHangup)
	}
	s.Close()
}
