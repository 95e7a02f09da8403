package acd

import (
	"time"

	"cardline/ledger"
)

// Options configure a Router. They may be replaced later by [Reconfigure].
// Nothing is checked here: the one who reads a configuration refuses what
// makes no sense.
type Options struct {
	Queues  []Queue
	Agents  []Agent
	Reasons []Reason // not-ready reasons that agents may give
	// RetryAfter is how long an agent who rejected an offer, was busy, or could
	// not be rung by the hotline itself, is left alone. If zero, it is 10 s.
	RetryAfter time.Duration
}

// A Reason is why an agent may be not ready.
type Reason struct {
	Name string
	// Allowed is how long a break for this reason may last before it is told
	// by [Overstayed]. Zero means as long as it takes.
	Allowed time.Duration
}

// Reasons that the router itself gives to not-ready agents.
const (
	ReasonRONA        = "rona"        // ring, no answer
	ReasonLogin       = "login"       // just logged in, not yet ready
	ReasonDisposition = "disposition" // wrap-up ended without the disposition that the queue demands
)

// A Queue holds callers who wait for an agent with certain skills.
type Queue struct {
	Name string
	// Requires is what an agent must know, and Sites are the only sites whose
	// agents may take a caller, if not empty. Steps relax both for callers who
	// wait.
	Requires Requirement
	Sites    []string `json:",omitempty"`
	Steps    []Step   `json:",omitempty"`
	// Strategy chooses among the agents who are free. If empty, it is
	// [LongestIdle].
	Strategy Strategy `json:",omitempty"`
	// SameSiteFirst prefers agents of the site at which the caller came in.
	SameSiteFirst bool `json:",omitempty"`
	// RingTimeout is how long agents are rung. If zero, it is 15 s.
	RingTimeout time.Duration
	// RingGroup rings up to this many agents at once, of whom the first to
	// answer wins. Zero counts as one.
	RingGroup int `json:",omitempty"`
	// WrapUp is the agent's time after a call.
	WrapUp WrapUp
	// Dispositions are the codes by which agents say what a call was about.
	Dispositions []string `json:",omitempty"`
	// Overflow says when callers leave the queue for another.
	Overflow []Overflow `json:",omitempty"`
	// OfferAgain lets agents who failed a caller be offered that caller again
	// once nobody else is left.
	OfferAgain bool `json:",omitempty"`
	// Regain gives callers who gave up, and come again within this time, their
	// place back. Zero means never.
	Regain   time.Duration `json:",omitempty"`
	Callback Callback
}

// A Step is what a caller's requirement becomes with time. It takes the place
// of what came before.
type Step struct {
	// After is the time in the queue, and EstimateOver the time that the caller
	// is still expected to wait (see [Foresee]), at which the step begins;
	// whichever is first. Zero means that it is not waited for.
	After        time.Duration `json:",omitempty"`
	EstimateOver time.Duration `json:",omitempty"`
	Requires     Requirement
	// Queues adds the agents who serve these queues, by what those require
	// first.
	Queues []string `json:",omitempty"`
	Sites  []string `json:",omitempty"` // empty: all
}

// A Strategy orders the agents who are free for a caller. All of them end with
// the longer idle time, then with the smaller agent id.
type Strategy string

// The strategies.
const (
	LongestIdle   Strategy = "longest_idle"
	MostSkilled   Strategy = "most_skilled"   // greatest sum of the levels of the skills that are required
	LeastSkilled  Strategy = "least_skilled"  // smallest sum: keeps experts free
	LeastOccupied Strategy = "least_occupied" // smallest share of work since login, as it was when they became ready
	RoundRobin    Strategy = "round_robin"    // longest without an offer
	FewestCalls   Strategy = "fewest_calls"   // fewest calls taken since login
)

// Strategies lists every Strategy.
var Strategies = []Strategy{LongestIdle, MostSkilled, LeastSkilled, LeastOccupied, RoundRobin, FewestCalls}

// A WrapUp says how an agent's work after a call ends. The zero value means
// that there is none.
type WrapUp struct {
	Policy WrapUpPolicy
	// For is the time of the timed policy. Max ends the other ones, and is what
	// extensions can reach; if zero, it is 15 min.
	For, Max time.Duration `json:",omitempty"`
	// Extend is the time that the agent may add, again and again. Zero: none.
	Extend time.Duration `json:",omitempty"`
}

// A WrapUpPolicy says what ends wrap-up, beside the agent who is ready.
type WrapUpPolicy string

// The policies.
const (
	WrapUpNone   WrapUpPolicy = "none"
	WrapUpTimed  WrapUpPolicy = "timed"  // a time
	WrapUpManual WrapUpPolicy = "manual" // the agent alone
	WrapUpForced WrapUpPolicy = "forced" // a disposition, see [Dispose]
)

// WrapUpPolicies lists every WrapUpPolicy.
var WrapUpPolicies = []WrapUpPolicy{WrapUpNone, WrapUpTimed, WrapUpManual, WrapUpForced}

// Overflow moves callers on. The first rule of a queue that applies is used.
type Overflow struct {
	When   Trigger
	Length int           `json:",omitempty"` // of [OverLength]: more callers than this
	Wait   time.Duration `json:",omitempty"` // of [OverWait] and [OverEstimate]
	// To is a queue. If empty, the caller leaves the router, with the outcome
	// that belongs to the trigger.
	To string `json:",omitempty"`
	// Return lets the agents of the queue that is left still take the caller.
	Return bool `json:",omitempty"`
}

// A Trigger is an occasion to leave a queue.
type Trigger string

// The triggers.
const (
	OverLength   Trigger = "length"    // on arrival, the queue is full
	OverWait     Trigger = "wait"      // the time in the queue is over
	OverEstimate Trigger = "estimate"  // the time still expected is too long, see [Foresee]
	NoAgents     Trigger = "no_agents" // nobody who could ever come is logged in
	OnClosing    Trigger = "closed"    // the queue is not open, see [SetMode]
	OnExitKey    Trigger = "exit_key"  // the caller asks for it, see [PressExit]
)

// Triggers lists every Trigger.
var Triggers = []Trigger{OverLength, OverWait, OverEstimate, NoAgents, OnClosing, OnExitKey}

// outcome is how a caller who leaves the router on this occasion left.
func (t Trigger) outcome() QueueOutcome {
	switch t {
	case OverWait:
		return OutcomeTimeout
	case NoAgents:
		return OutcomeNoAgents
	case OnClosing:
		return OutcomeClosed
	case OnExitKey:
		return OutcomeExitKey
	default:
		return OutcomeOverflow
	}
}

// Callback says how callers of a queue who asked for it are called back. The
// zero value offers no callbacks.
type Callback struct {
	// First says who is called first: the caller, when an agent is free, or the
	// agent, who then waits for the caller to answer.
	First    CallbackFirst `json:",omitempty"`
	Attempts int           `json:",omitempty"` // if zero, 3
	Gap      time.Duration `json:",omitempty"` // between attempts; if zero, 10 min
	Ring     time.Duration `json:",omitempty"` // of the caller's phone; if zero, 30 s
	Keep     time.Duration `json:",omitempty"` // how long it is tried in all; if zero, 24 h
}

// A CallbackFirst says who is called first.
type CallbackFirst string

// The orders of a callback. The empty one means that there are none.
const (
	CallerFirst CallbackFirst = "caller"
	AgentFirst  CallbackFirst = "agent"
)

// A Mode is what a queue is like now. A queue that is not open takes nobody
// in; who waits already is served on, unless a rule [OnClosing] moves them.
type Mode = ledger.Mode

// The modes.
const (
	ModeOpen      = ledger.ModeOpen
	ModeClosed    = ledger.ModeClosed
	ModeHoliday   = ledger.ModeHoliday
	ModeEmergency = ledger.ModeEmergency
)
