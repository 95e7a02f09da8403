package ivr

import (
	"fmt"
	"io"
	"time"
)

// An Input is a fact that the session's owner tells it.
type Input interface{ input() }

// The inputs.
type (
	// PlayEnded says that a [Play] has come to its end. Each of them is
	// answered once; if it never is, the session goes on after three minutes.
	PlayEnded struct{ ID uint64 }
	// KeyPressed hands over the key that a [TakeKey] asked for, one of '0' to '9',
	// '*' and '#'; others are ignored. Held is how many keys are still held, and
	// Flush that of the wish that was in force.
	KeyPressed struct {
		Key   byte
		Held  int
		Flush uint64
	}
	// KeysHeld says how many keys are held, without them: the caller has pressed
	// one that nobody has asked for yet.
	KeysHeld struct {
		Held  int
		Flush uint64
	}
	// TimerExpired says that the time of an [ArmTimer] has passed.
	TimerExpired struct{ ID uint64 }
	// CardAnswered answers an [AskCard]. Values other than those of
	// [Operation.Returns] are ignored; a result that the operation does not
	// have counts as [Unavailable].
	CardAnswered struct {
		ID     uint64
		Result Result
		Values map[string]string
	}
	// SecureEnded answers an [EnterSecure]. An unforeseen result counts as
	// [Unavailable].
	SecureEnded struct {
		ID     uint64
		Result Result
	}
	// Dequeued answers an [Enqueue] when the caller has left the queue and,
	// if it was answered, the conversation is over. An unforeseen outcome
	// counts as [Failed].
	Dequeued struct {
		ID      uint64
		Outcome Outcome
	}
	// HungUp says that the caller has gone. It ends the session.
	HungUp struct{}
)

func (PlayEnded) input()    {}
func (KeyPressed) input()   {}
func (KeysHeld) input()     {}
func (TimerExpired) input() {}
func (CardAnswered) input() {}
func (SecureEnded) input()  {}
func (Dequeued) input()     {}
func (HungUp) input()       {}

// Format hides the key, whatever the verb: keys are secrets.
func (KeyPressed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "{Key:•}") }

// A Want is what the session wants of the keys that the caller presses.
type Want uint8

// The wants. A session never sees a key that it did not ask for: what the caller may
// have typed ahead for a secure segment is in no memory of ours.
const (
	DropKeys Want = iota // they mean nothing here; those that are held are forgotten
	HoldKeys             // they are held until a step asks for them
	TakeKey              // one is to be handed over, the oldest that is held or the next; then they are held
)

// A Wish is what a session wants of keys, see [Session.Wish].
type Wish struct {
	Want Want
	// Last says of a TakeKey that the key may complete an entry: a hash right
	// after it means nothing then.
	Last bool
	// Flush is another number than before if the keys that are held are to be
	// forgotten.
	Flush uint64
}

// An Action is what the session's owner has to do, in the order given.
type Action interface{ action() }

// The actions.
type (
	// Play starts prompts in place of those that play. It is answered
	// by [PlayEnded], also after [StopPlay].
	Play struct {
		ID  uint64
		Say []Say
	}
	// StopPlay ends what plays.
	StopPlay struct{}
	// ArmTimer asks for [TimerExpired] in After. Never more than one timer is
	// armed: the session disarms one before it arms another.
	ArmTimer struct {
		ID    uint64
		After time.Duration
	}
	// DisarmTimer forgets a timer.
	DisarmTimer struct{ ID uint64 }
	// AskCard asks the card host. Whoever receives it owns the secrets from
	// now on and zeroes them as soon as the question is sent. It is answered
	// by [CardAnswered]; an answer that comes after the step's limit is
	// ignored.
	AskCard struct {
		ID        uint64
		Operation Operation
		Args      map[string]string
		Secrets   map[string]*Secret
	}
	// EnterSecure begins a secure segment: from now on keys go there, none to
	// the session. It is answered by [SecureEnded].
	EnterSecure struct {
		ID      uint64
		Entry   EntryKind
		Card    string // token
		Prompts SecurePrompts
	}
	// LeaveSecure ends a secure segment from which no answer has come.
	LeaveSecure struct{ ID uint64 }
	// Enqueue puts the caller into a queue. It is answered by [Dequeued].
	Enqueue struct {
		ID         uint64
		Queue      string
		HeadStart  time.Duration
		Attributes map[string]string
	}
	// SetLanguage says which language prompts are spoken in from here on.
	SetLanguage struct{ Language string }
	// Hangup ends the call. It is the last action of a session.
	Hangup struct{ Reason Reason }
	// Note reports what happened to the caller, for records and figures.
	Note struct{ Fact Fact }
)

func (Play) action()        {}
func (StopPlay) action()    {}
func (ArmTimer) action()    {}
func (DisarmTimer) action() {}
func (AskCard) action()     {}
func (EnterSecure) action() {}
func (LeaveSecure) action() {}
func (Enqueue) action()     {}
func (SetLanguage) action() {}
func (Hangup) action()      {}
func (Note) action()        {}

// A Say is a prompt with the values of its slots.
type Say struct {
	Prompt string
	Values map[string]Value // nil if the prompt has no slots
}

// A Value is what a slot is filled with.
type Value struct {
	Kind string // how it is read, as the prompts declare it: digits, tail, amount, ...
	Text string
}

// A Fact is what a [Note] reports.
type Fact interface{ fact() }

// The facts.
type (
	// StepLeft says that a visit of a step is over.
	StepLeft struct {
		Flow, Step string
		Exit       Exit
	}
	// ServiceEnded says how a flow with a Service went.
	ServiceEnded struct {
		Service string
		Result  ServiceResult
	}
)

func (StepLeft) fact()     {}
func (ServiceEnded) fact() {}

// An Exit is how a visit of a step ended.
type Exit string

// The exits.
const (
	ExitOK      Exit = "ok"
	ExitNoInput Exit = "no_input" // given up, the last time in silence
	ExitNoMatch Exit = "no_match" // given up, the last time with a wrong entry
	ExitBargeIn Exit = "barge_in" // a key ended a play step
	ExitHangup  Exit = "hangup"   // the caller has gone
	ExitError   Exit = "error"    // the card host, the secure segment or the router failed
)

// A Reason is why the session ends the call.
type Reason string

// The reasons.
const (
	ReasonDone  Reason = "flow_done"  // a hangup step, or the first flow returned
	ReasonError Reason = "flow_error" // the flow to start does not exist, or a fault of our own
)
