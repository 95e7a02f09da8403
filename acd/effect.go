package acd

import "time"

// An Effect tells the owner of the router what happened or has to be done.
// Effects are plain values, named in the past tense.
type Effect interface{ effect() }

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
	// Entered says that a caller has a place.
	Entered struct {
		Entry     uint64
		Call      string
		Queue     string
		Via       Via
		Class     string
		HeadStart time.Duration
		Key       Time // orders the callers; see [Enqueue]
	}
	// OfferMade asks the owner to ring the agent until Deadline.
	OfferMade struct {
		Offer    uint64
		Entry    uint64
		Call     string
		Queue    string
		Agent    string
		Eligible int // agents who could have been offered this entry
		Waited   time.Duration
		Deadline Time
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
	}
	// Exited says that a caller has left the queue. It happens once for each
	// Entered.
	Exited struct {
		Entry   uint64
		Call    string
		Queue   string
		Outcome QueueOutcome
		Waited  time.Duration
	}
)

func (AgentChanged) effect() {}
func (NextStateSet) effect() {}
func (Entered) effect()      {}
func (OfferMade) effect()    {}
func (OfferEnded) effect()   {}
func (Exited) effect()       {}
