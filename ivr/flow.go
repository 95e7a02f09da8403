package ivr

import "time"

// Flows are all flows of a hotline by name. A flow's name is the name of its
// file without the extension.
type Flows map[string]Flow

// PersonFlow is the name of the flow that "0" and the target "person" lead to.
const PersonFlow = "person"

// toPerson is the reserved target that leads to [PersonFlow].
const toPerson = "person"

// exitBack is the exit of a sub-flow that the caller left with "*" in a menu.
const exitBack = "back"

// languageValue is the value that always holds the session's language.
const languageValue = "language"

// A Flow is a dialogue, or a part of one that other flows call.
type Flow struct {
	// Service names what the caller gets here, such as "activation". If set,
	// the session reports how it ended ([ServiceEnded]), once for each time the
	// flow is entered.
	Service string `yaml:"service,omitempty"`
	// Start is the step to begin with. Default: "start".
	Start string `yaml:"start,omitempty"`
	// Steps are the flow's steps by name.
	Steps map[string]Step `yaml:"steps"`
}

// A Kind says what a step does.
type Kind string

// The kinds of steps. The list is closed.
const (
	PlayStep     Kind = "play"     // speak, then go on
	MenuStep     Kind = "menu"     // speak, then take one key
	CollectStep  Kind = "collect"  // speak, then take several digits
	ConfirmStep  Kind = "confirm"  // speak, then take one key that was not typed ahead
	BranchStep   Kind = "branch"   // go on by a value
	SetStep      Kind = "set"      // give values
	LanguageStep Kind = "language" // speak another language from here on
	CardStep     Kind = "card"     // ask the card host
	SecureStep   Kind = "secure"   // let the secure segment take a PIN
	QueueStep    Kind = "queue"    // wait for a person and talk
	HangUpStep   Kind = "hangup"   // say goodbye and end the call
	CallStep     Kind = "call"     // run another flow, then go on by its exit
	ReturnStep   Kind = "return"   // leave this flow
)

// Defaults of a step's fields, used where a flow file leaves them out.
const (
	DefaultFirstDigit  = 8 * time.Second
	DefaultInterDigit  = 4 * time.Second
	DefaultAttempts    = 3
	DefaultCardLimit   = 10 * time.Second
	DefaultFillerAfter = time.Second
	DefaultSecureLimit = 5 * time.Minute
	DefaultNoInput     = "no_input" // prompt
	DefaultNoMatch     = "no_match" // prompt
	DefaultGivingUp    = "give_up"  // prompt
)

const (
	// playLimit ends a prompt of which the end was never heard.
	playLimit = 3 * time.Minute
	// maxDigits is the longest entry that a step may collect, and the number
	// of keys that are kept when they are typed ahead.
	maxDigits = 32
	// helpAfter is the number of failures after which a step's Help is offered.
	helpAfter = 2
	// maxSilentSteps bounds the steps taken without waiting for anything. A
	// checked flow cannot reach it; it guards against a fault of our own.
	maxSilentSteps = 1000
)

// A Step is one point of a flow. Which of the fields have a meaning depends on
// Do; the check refuses the others. Targets are names of steps of the same
// flow, or "person".
type Step struct {
	// Do is the kind of the step.
	Do Kind `yaml:"do"`
	// Say lists the prompts to speak, by id. In a card step nothing is said;
	// see Filler.
	Say []string `yaml:"say,omitempty"`
	// With says which value fills which slot of the prompts. A slot that is
	// not listed takes the value of its own name.
	With map[string]string `yaml:"with,omitempty"`
	// Uninterrupted lets the prompts play to their end. Keys pressed
	// meanwhile are kept. By default a key ends the prompts (barge-in).
	Uninterrupted bool `yaml:"uninterrupted,omitempty"`
	// Outcome notes the result of the service that is running, from this step
	// on. The last one counts.
	Outcome ServiceResult `yaml:"outcome,omitempty"`
	// Next is the target when a play, set, language or collect step is done.
	Next string `yaml:"next,omitempty"`

	// Keys are the targets of a menu or confirmation by key, "1" to "9".
	Keys map[string]string `yaml:"keys,omitempty"`
	// Back is where "*" leads in a menu. If empty, it leaves a sub-flow by the
	// exit "back", and repeats the menu in a flow that was not called.
	Back string `yaml:"back,omitempty"`
	// Cancel is where "*" leads in a confirmation. It is required there.
	Cancel string `yaml:"cancel,omitempty"`

	// FirstDigit is how long to wait for the first key after the prompts.
	FirstDigit time.Duration `yaml:"first_digit,omitempty"`
	// InterDigit is how long to wait for each further digit of a collect step.
	InterDigit time.Duration `yaml:"inter_digit,omitempty"`
	// Attempts is the number of failures, silent or mistaken, that end the step.
	Attempts int `yaml:"attempts,omitempty"`
	// NoInput, NoMatch and GivingUp are the prompts said when nothing was
	// entered, when the entry was no good, and before the call goes to a
	// person after the last attempt.
	NoInput  string `yaml:"no_input,omitempty"`
	NoMatch  string `yaml:"no_match,omitempty"`
	GivingUp string `yaml:"giving_up,omitempty"`
	// Help, if set, is where the second failure leads, so that a person can be
	// offered. The count goes on if the caller comes back to the step.
	Help string `yaml:"help,omitempty"`
	// GiveUp is where the last failure leads. Default: "person".
	GiveUp string `yaml:"give_up,omitempty"`

	// Into names what a collect step collects.
	Into string `yaml:"into,omitempty"`
	// Keep makes the collected digits an ordinary value, which may be spoken,
	// compared and seen. By default they are a [Secret].
	Keep bool `yaml:"keep,omitempty"`
	// Min and Max are the numbers of digits taken, 1 to 32. If they are equal,
	// or Min is left out, the entry ends with the last digit, else by "#".
	Min int `yaml:"min,omitempty"`
	Max int `yaml:"max,omitempty"`
	// Star says what "*" does while collecting: "clear" (the default) begins
	// again, "x" is the letter X, and anything else is a target.
	Star string `yaml:"star,omitempty"`
	// Check is what the digits must satisfy.
	Check Validation `yaml:"check,omitempty"`
	// Flush throws away what was typed ahead before a collect step.
	Flush bool `yaml:"flush,omitempty"`

	// Value names the value that a branch looks at.
	Value string `yaml:"value,omitempty"`
	// Cases are a branch's targets by the value; Else is the target of all
	// others, and of a value that was never given. Else is required.
	Cases map[string]string `yaml:"cases,omitempty"`
	Else  string            `yaml:"else,omitempty"`

	// Values are the values that a set step gives.
	Values map[string]string `yaml:"values,omitempty"`
	// Count names a value that a set step raises by one, from nothing to 1.
	Count string `yaml:"count,omitempty"`

	// Language is what a language step changes to.
	Language string `yaml:"language,omitempty"`

	// Operation is what a card step asks for.
	Operation Operation `yaml:"operation,omitempty"`
	// Args says which value, plain or secret, is which argument of it.
	Args map[string]string `yaml:"args,omitempty"`
	// Reuse lists arguments whose secrets are needed again by a later step;
	// all others are gone once they are used.
	Reuse []string `yaml:"reuse,omitempty"`
	// Filler lists prompts or music that play, again and again, while a card
	// operation takes longer than FillerAfter.
	Filler      []string      `yaml:"filler,omitempty"`
	FillerAfter time.Duration `yaml:"filler_after,omitempty"`
	// Limit ends a card operation with the result "unavailable", and secure
	// entry with "timeout", if no answer has come. It is a guard above the
	// limits that the card host and the secure segment keep themselves.
	Limit time.Duration `yaml:"limit,omitempty"`
	// Results are the targets of a card, secure or queue step by result.
	// All results must be there.
	Results map[string]string `yaml:"results,omitempty"`

	// Entry is what is entered in a secure step: "pin".
	Entry EntryKind `yaml:"entry,omitempty"`
	// Card names the value that holds the card's token.
	Card string `yaml:"card,omitempty"`
	// Prompts are what the secure segment says.
	Prompts SecurePrompts `yaml:"prompts,omitempty"`

	// Queue is the name of the queue.
	Queue string `yaml:"queue,omitempty"`
	// HeadStart puts the caller before all who came that much later or less.
	HeadStart time.Duration `yaml:"head_start,omitempty"`
	// Attributes names the values that the agent shall see.
	Attributes []string `yaml:"attributes,omitempty"`

	// Flow is the flow that a call step runs.
	Flow string `yaml:"flow,omitempty"`
	// Exits are a call step's targets by the exit of that flow.
	Exits map[string]string `yaml:"exits,omitempty"`

	// Exit is the name of the exit that a return step takes.
	Exit string `yaml:"exit,omitempty"`
}

// SecurePrompts are the prompts of a secure entry, by id. The session does not
// play them: the secure segment decides when they are due.
type SecurePrompts struct {
	First     string `yaml:"first"`     // asks for the entry
	Again     string `yaml:"again"`     // asks for it a second time
	Weak      string `yaml:"weak"`      // the entry is too simple
	Different string `yaml:"different"` // the second differs from the first
}

// ids returns the prompts with the names of their fields.
func (p SecurePrompts) ids() [4][2]string {
	return [4][2]string{{"first", p.First}, {"again", p.Again}, {"weak", p.Weak}, {"different", p.Different}}
}

// fields lists, by kind of step, the fields that have a meaning in it, by their
// names in a flow file. "do" and "outcome" have one everywhere.
var fields = map[Kind][]string{
	PlayStep: {"say", "with", "uninterrupted", "next"},
	MenuStep: {
		"say", "with", "uninterrupted", "keys", "back", "first_digit", "attempts", "no_input", "no_match", "giving_up",
		"help", "give_up",
	},
	CollectStep: {
		"say", "with", "uninterrupted", "next", "first_digit", "inter_digit", "attempts", "no_input", "no_match",
		"giving_up", "help", "give_up", "into", "keep", "min", "max", "star", "check", "flush",
	},
	ConfirmStep: {
		"say", "with", "uninterrupted", "keys", "cancel", "first_digit", "attempts", "no_input", "no_match",
		"giving_up", "help", "give_up",
	},
	BranchStep:   {"value", "cases", "else"},
	SetStep:      {"values", "count", "next"},
	LanguageStep: {"language", "next"},
	CardStep:     {"operation", "args", "reuse", "filler", "filler_after", "limit", "results"},
	SecureStep:   {"entry", "card", "prompts", "limit", "results"},
	QueueStep:    {"say", "with", "queue", "head_start", "attributes", "results"},
	HangUpStep:   {"say", "with"},
	CallStep:     {"flow", "exits"},
	ReturnStep:   {"exit"},
}

// withDefaults returns the step with every field filled that was left out.
func (s Step) withDefaults() Step {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	str := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	switch s.Do {
	case MenuStep, ConfirmStep, CollectStep:
		def(&s.FirstDigit, DefaultFirstDigit)
		def(&s.InterDigit, DefaultInterDigit)
		str(&s.NoInput, DefaultNoInput)
		str(&s.NoMatch, DefaultNoMatch)
		str(&s.GivingUp, DefaultGivingUp)
		str(&s.GiveUp, toPerson)
		if s.Attempts == 0 {
			s.Attempts = DefaultAttempts
		}
		if s.Do == CollectStep {
			str(&s.Star, starClear)
			if s.Min == 0 {
				s.Min = s.Max
			}
		}
	case CardStep:
		def(&s.Limit, DefaultCardLimit)
		def(&s.FillerAfter, DefaultFillerAfter)
	case SecureStep:
		def(&s.Limit, DefaultSecureLimit)
	case PlayStep, BranchStep, SetStep, LanguageStep, QueueStep, HangUpStep, CallStep, ReturnStep:
	}
	return s
}
