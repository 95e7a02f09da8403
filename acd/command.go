package acd

import (
	"time"
)

// A Command asks the router for something. Commands are plain values; the list
// is closed.
type Command interface{ apply(*Router) error }

// Commands about agents. Expect, where it is not empty, is the state in which
// the one who asks believes the agent to be; if it is another one the command
// is refused with [ErrState].
type (
	// LogIn makes an agent not ready, with Reason or [ReasonLogin]. An agent
	// who is logged in already stays as they are.
	LogIn struct {
		Agent, Reason string
		By            Actor
	}
	// LogOut logs an agent out, at once or when the present call is over.
	LogOut struct {
		Agent  string
		Expect AgentState
		By     Actor
	}
	// SetReady makes an agent ready, at once or when the present call is
	// over. It ends wrap-up.
	SetReady struct {
		Agent  string
		Expect AgentState
		By     Actor
	}
	// SetNotReady makes an agent not ready, at once or when the present call
	// is over. It ends wrap-up.
	SetNotReady struct {
		Agent, Reason string
		Expect        AgentState
		By            Actor
	}
	// DeviceLost says that an agent's phone is gone.
	DeviceLost struct{ Agent string }
	// DeviceBack says that an agent's phone is there again.
	DeviceBack struct{ Agent string }
)

// Commands about an agent's work after a call.
type (
	// ExtendWrapUp adds the time that the queue allows to wrap-up.
	ExtendWrapUp struct {
		Agent string
		By    Actor
	}
	// Dispose says what the call was about, while it lasts or in wrap-up. Where
	// the queue demands a disposition, it ends wrap-up.
	Dispose struct {
		Agent, Code string
		By          Actor
	}
)

// Commands about callers.
type (
	// Enqueue gives a caller a place. The number of the entry comes in the
	// effect [Entered]. By way of a callback, the caller is not on the line:
	// that is for those who were promised one before a restart.
	Enqueue struct {
		Call      string
		Queue     string
		Via       Via
		HeadStart time.Duration // the key is the time of entry less this
		Class     string        `json:",omitempty"` // name of the head start, for the figures
		// Preferred is waited for alone for PreferFor, and offered first after
		// that. Only says that this agent may take the caller without having
		// the queue's skills.
		Preferred string        `json:",omitempty"`
		PreferFor time.Duration `json:",omitempty"`
		Only      bool          `json:",omitempty"`
		// Except names agents who are not to be offered this caller, as if they
		// had failed.
		Except []string `json:",omitempty"`
		// Keep is the place of an earlier entry of the same matter; it is used
		// instead of HeadStart.
		Keep *Place `json:",omitempty"`
		// Promise is what a callback was before a restart.
		Promise *Promise `json:",omitempty"`
		// Caller names the caller for [Queue.Regain], "" if unknown. It should
		// not be the number itself.
		Caller string `json:",omitempty"`
		Site   string `json:",omitempty"` // at which the caller came in
	}
	// Leave says that a caller gave up the place. Failed are the offers of that
	// moment which their phones had already failed, with the results of
	// [FailOffer].
	Leave struct {
		Entry   uint64
		Outcome QueueOutcome
		Failed  []FailOffer `json:",omitempty"`
	}
	// PressExit says that a caller pressed the exit key. It is refused with
	// [ErrNotOffered] if the queue has no rule for it.
	PressExit struct{ Entry uint64 }
	// Foresee says how long the caller is still expected to wait, for steps and
	// overflow that depend on it.
	Foresee struct {
		Entry uint64
		Wait  time.Duration
	}
	// SetHeadStart moves a caller in the order.
	SetHeadStart struct {
		Entry     uint64
		HeadStart time.Duration
		Reason    string
		By        Actor
		Who       string `json:",omitempty"` // name of the supervisor
	}
)

// Commands about callbacks.
type (
	// RequestCallback lets a caller hang up and keep the place. The line's wait
	// ends; the place goes on under a new number, see [Exited]. Call names it
	// from then on, if it is not empty.
	RequestCallback struct {
		Entry uint64
		Call  string `json:",omitempty"`
	}
	// DialOut says that the agent has answered the offer of a callback and
	// waits for the caller.
	DialOut struct{ Offer uint64 }
	// CallbackPickedUp says that somebody has picked up the phone, who still has
	// to say that it is no machine. It gives them time for that.
	CallbackPickedUp struct{ Entry uint64 }
	// CallbackAnswered says that the caller has answered.
	CallbackAnswered struct{ Entry uint64 }
	// FailCallback says that the attempt has failed.
	FailCallback struct {
		Entry  uint64
		Result CallbackResult
	}
)

// Commands about an offer or a conversation.
type (
	// AcceptOffer says that agent and caller hear one another.
	AcceptOffer struct{ Offer uint64 }
	// FailOffer says that the phone did not take the call, and how.
	FailOffer struct {
		Offer  uint64
		Result OfferResult // ignored, rejected, busy, unreachable or withdrawn
	}
	// StartHold says that the agent put the caller on hold.
	StartHold struct{ Agent string }
	// EndHold says that the agent took the caller back.
	EndHold struct{ Agent string }
	// EndTalk says that the conversation is over; wrap-up begins. It also ends
	// the wait of an agent for a caller who is being called back.
	EndTalk struct{ Agent string }
)

// Commands about the whole.
type (
	// SetMode opens or closes a queue, until a time if it is not zero.
	SetMode struct {
		Queue  string
		Mode   Mode
		Until  Time `json:",omitempty"`
		By     Actor
		Reason string `json:",omitempty"`
	}
	// SetCallbacks says whether callers of a queue may be called back now; in
	// the beginning they may.
	SetCallbacks struct {
		Queue   string
		Allowed bool
	}
	// Tick lets deadlines pass.
	Tick struct{}
	// Reconfigure replaces the configuration. Callers in a queue that is gone, and
	// those who were to be called back by one that calls nobody back any more,
	// leave with outcome closed; the others go on by the new rules. Agents who are
	// gone are logged out, those on a call after it.
	Reconfigure struct{ Options Options }
)
