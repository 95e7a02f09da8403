package acd

import "time"

// An Effect tells the owner of the router what happened or has to be done.
// Effects are plain values, named in the past tense. The list is closed.
type Effect interface{ effect() }

// Effects about agents.
type (
	// AgentChanged says that an agent left one state for another.
	AgentChanged struct {
		Agent, Group string
		From, To     AgentState
		Reason       string // of To
		LeftReason   string // of From
		By           Actor
		Took         time.Duration // time spent in From
		Queue        string        // the queue of the call concerned, if any
	}
	// NextStateSet says what the agent will be after the present call.
	NextStateSet struct {
		Agent  string
		To     AgentState
		Reason string
		By     Actor
	}
	// WrapUpExtended says that wrap-up will end later.
	WrapUpExtended struct {
		Agent, Queue string
		Until        Time
		By           Actor
	}
	// Disposed says what a call was about.
	Disposed struct {
		Agent, Queue, Call string
		Entry              uint64
		Code               string
		By                 Actor
	}
	// Overstayed says that a break is longer than its reason allows. It is said
	// once.
	Overstayed struct {
		Agent, Group, Reason string
		Allowed              time.Duration
	}
)

// Effects about callers.
type (
	// Entered says that a caller has a place.
	Entered struct {
		Entry     uint64
		Call      string
		Queue     string
		Via       Via
		Class     string
		HeadStart time.Duration
		Place     Place
		Before    time.Duration // since the first entry of the matter
		// Regained says that the place is that of a caller who gave up and came
		// again.
		Regained bool
	}
	// StepReached says that more agents, or others, may now take the caller.
	StepReached struct {
		Entry uint64
		Call  string
		Queue string
		Step  int
	}
	// HeadStartChanged says that a supervisor moved a caller.
	HeadStartChanged struct {
		Entry    uint64
		Call     string
		Queue    string
		From, To time.Duration
		Reason   string
		By       Actor
		Who      string
	}
	// OfferMade asks the owner to ring the agent until Deadline.
	OfferMade struct {
		Offer    uint64
		Entry    uint64
		Call     string
		Queue    string
		Agent    string
		Waited   time.Duration
		Deadline Time
		// Callback asks to dial the caller when the agent has answered; see
		// [DialOut].
		Callback bool
		Decision Decision
	}
	// OfferEnded says that the offer is over. Unless it was accepted, the
	// owner stops ringing if it still rings.
	OfferEnded struct {
		Offer  uint64
		Entry  uint64
		Call   string
		Queue  string
		Agent  string
		Result OfferResult
		Rang   time.Duration
		// Elsewhere says that another agent of the ring group was faster.
		Elsewhere bool
	}
	// Exited says that a caller has left a queue. It happens once for each
	// Entered.
	Exited struct {
		Entry   uint64
		Call    string
		Queue   string
		Via     Via
		Outcome QueueOutcome
		Waited  time.Duration // in this queue
		Total   time.Duration // since the first entry of the matter
		// Next is the entry by which the caller goes on in another queue, or
		// without a line; 0 if the caller leaves the router.
		Next uint64
	}
	// CallbackDue asks the owner to dial the caller, until Deadline. The answer
	// is [CallbackAnswered] or [FailCallback].
	CallbackDue struct {
		Entry    uint64
		Call     string
		Queue    string
		Attempt  int
		Agent    string // who waits for the caller; "" if the caller is called first
		Deadline Time
	}
	// CallbackFailed says that an attempt to call back came to nothing.
	CallbackFailed struct {
		Entry   uint64
		Call    string
		Queue   string
		Attempt int
		Result  CallbackResult
		Again   Time // when it is tried again; 0 if it is not
	}
	// ModeChanged says that a queue opened or closed.
	ModeChanged struct {
		Queue    string
		From, To Mode
		Until    Time // 0: until it is changed again
		By       Actor
		Reason   string
	}
)

// A Decision explains an offer.
type Decision struct {
	Step      int           // of the requirement, 0 at the beginning
	HeadStart time.Duration // by which the caller's key is earlier than the entry
	Strategy  Strategy
	// Eligible counts the agents who could have been offered this entry, and
	// Others those whom the requirement admits but who could not, by their
	// standing.
	Eligible int
	Others   Standings
	Failed   int  // of Eligible or Others: those who have failed this caller
	Wanted   bool // the agent was asked for
	Home     bool // the agent is one of the queue that the caller came from
	// Runner is the agent who would have been next, "" if there was none.
	Runner string
	// NextCall is the caller whom the agent would have got otherwise, and
	// Ahead by how much that caller's key is later; "" if there was none.
	NextCall string
	Ahead    time.Duration
}

func (AgentChanged) effect()     {}
func (NextStateSet) effect()     {}
func (WrapUpExtended) effect()   {}
func (Disposed) effect()         {}
func (Overstayed) effect()       {}
func (Entered) effect()          {}
func (StepReached) effect()      {}
func (HeadStartChanged) effect() {}
func (OfferMade) effect()        {}
func (OfferEnded) effect()       {}
func (Exited) effect()           {}
func (CallbackDue) effect()      {}
func (CallbackFailed) effect()   {}
func (ModeChanged) effect()      {}
