package ledger

import (
	"encoding/json"
	"time"
)

// A Fact is what an [Event] says happened. The list of kinds is closed: it is
// the table of decoders below.
type Fact interface{ kind() string }

// Kind returns the name under which f is stored, such as "queued".
func Kind(f Fact) string { return f.kind() }

// Facts about the program itself.
type (
	// Started says that the program took up an empty or cleanly closed ledger.
	Started struct {
		Version string `json:"version"`
		Config  string `json:"config"` // digest of the configuration
	}
	// Restarted says that the program took up a ledger that nobody had closed.
	Restarted struct {
		Version     string `json:"version"`
		Config      string `json:"config"`
		LastSeq     uint64 `json:"last_seq"`    // newest event found
		Interrupted int    `json:"interrupted"` // calls that were cut and are now closed
	}
	// Stopped is the last event of a clean end.
	Stopped struct{}
	// ConfigLoaded says that a new configuration is in force for new calls.
	ConfigLoaded struct {
		Digest string `json:"digest"`
	}
	// ConfigRefused says that a reload found problems and changed nothing.
	ConfigRefused struct {
		Problems int `json:"problems"`
	}
	// TokenRefused says that the API was asked with a wrong token, or for what its
	// holder may not do. The first of a kind is told at once, those of each minute
	// after it by one fact.
	TokenRefused struct {
		Source string `json:"source"`        // IP address; empty: many, told by one fact
		Reason string `json:"reason"`        // unknown, role, limited
		Who    string `json:"who,omitempty"` // the holder, of role
		Times  int    `json:"times"`         // how often; 0 in an old ledger: once
	}
)

// Facts about one call outside of any queue.
type (
	// CallArrived opens a call: its INVITE was accepted for a line.
	CallArrived struct {
		Line   string `json:"line"`
		Trunk  string `json:"trunk,omitempty"`  // set for calls from a carrier
		Device string `json:"device,omitempty"` // set for calls from one of our phones
		Caller string `json:"caller,omitempty"` // last four digits of the number
		// Pseudonym stands for the number: see package caller. Empty for calls from
		// our phones, and for callers who withhold their number.
		Pseudonym string `json:"pseudonym,omitempty"`
		// Callback says that we owe the customer a call; from now on it is kept.
		Callback bool `json:"callback,omitempty"`
	}
	// CallAnswered says that the 200 went out.
	CallAnswered struct{}
	// StepLeft says that the caller left a step of a flow.
	StepLeft struct {
		Flow string   `json:"flow"`
		Step string   `json:"step"`
		Exit StepExit `json:"exit"`
		Took Millis   `json:"took"`
	}
	// HostAsked says how the card host answered one request.
	HostAsked struct {
		Operation string `json:"operation"`
		Code      string `json:"code"`
		Took      Millis `json:"took"`
		// Cap is what the answer counts for, empty if for nothing.
		Cap Cap `json:"cap,omitempty"`
	}
	// VerificationFailed counts one failed try to prove who is calling.
	VerificationFailed struct {
		Factor string `json:"factor"` // identity, code
		Reason string `json:"reason"` // refused, expired, locked
	}
	// CallerCapped says that the card host was not asked, because the caller has
	// done too much of it today, or in this call.
	CallerCapped struct {
		Cap Cap `json:"cap"`
	}
	// WrongMediaSource says that the media of a phone in the call comes from another
	// address than the phone has signalled, so that nothing of it is heard, keys
	// included. It is said once for each phone.
	WrongMediaSource struct {
		Agent     string `json:"agent,omitempty"` // whose phone it is; empty: the caller's
		Signalled string `json:"signalled"`       // address and port
		Source    string `json:"source"`          // address and port
	}
	// SecureEnded closes a secure segment. Its digits are nowhere.
	SecureEnded struct {
		Purpose string       `json:"purpose"` // pin
		Result  SecureResult `json:"result"`
		Rounds  int          `json:"rounds"`
		Took    Millis       `json:"took"`
	}
	// ServiceEnded closes one self service, such as an activation.
	ServiceEnded struct {
		Service string        `json:"service"`
		Result  ServiceResult `json:"result"`
		Card    string        `json:"card,omitempty"` // token
		Tail    string        `json:"tail,omitempty"` // last four digits of the card
	}
	// CallEnded closes a call: everything it held is released.
	CallEnded struct {
		Line    string     `json:"line"`
		Reason  EndReason  `json:"reason"`
		Outcome IVROutcome `json:"outcome"`
		Took    Millis     `json:"took"` // from CallArrived
	}
)

// Facts about a caller's place in a queue and about the agent who takes it.
type (
	// Queued gives a caller a place. A place is left exactly once, by Dequeued.
	Queued struct {
		Entry     uint64 `json:"entry"`
		Queue     string `json:"queue"`
		Via       Via    `json:"via"`
		HeadStart Millis `json:"head_start"`
		Class     string `json:"class"` // name of the head start
		// Before is how long ago the caller first waited in this matter, if the
		// place of that time is kept.
		Before Millis `json:"before,omitempty"`
	}
	// Offered rings one agent for one entry.
	Offered struct {
		Offer    uint64 `json:"offer"`
		Entry    uint64 `json:"entry"`
		Queue    string `json:"queue"`
		Agent    string `json:"agent"`
		Eligible int    `json:"eligible"` // ready agents who could have been offered this entry
		Waited   Millis `json:"waited"`
		// Decision says why this agent.
		Decision *Decision `json:"decision,omitempty"`
	}
	// OfferEnded closes an offer.
	OfferEnded struct {
		Offer  uint64      `json:"offer"`
		Entry  uint64      `json:"entry"`
		Queue  string      `json:"queue"`
		Agent  string      `json:"agent"`
		Result OfferResult `json:"result"`
		Rang   Millis      `json:"rang"`
		// Elsewhere says that another agent who was rung was faster.
		Elsewhere bool `json:"elsewhere,omitempty"`
	}
	// Dequeued closes a caller's place.
	Dequeued struct {
		Entry   uint64       `json:"entry"`
		Queue   string       `json:"queue"`
		Outcome QueueOutcome `json:"outcome"`
		Waited  Millis       `json:"waited"` // in this queue
		Via     Via          `json:"via,omitempty"`
		// Total is the wait since the first entry of the matter, if that is
		// longer, and Next the entry by which the caller goes on.
		Total Millis `json:"total,omitempty"`
		Next  uint64 `json:"next,omitempty"`
	}
	// StepReached says that a caller's requirement was relaxed.
	StepReached struct {
		Entry uint64 `json:"entry"`
		Queue string `json:"queue"`
		Step  int    `json:"step"`
	}
	// HeadStartChanged says that a supervisor moved a caller in the order.
	HeadStartChanged struct {
		Entry  uint64 `json:"entry"`
		Queue  string `json:"queue"`
		From   Millis `json:"from"`
		To     Millis `json:"to"`
		Reason string `json:"reason"`
		By     Actor  `json:"by"`
		Who    string `json:"who,omitempty"` // name of the supervisor's token
	}
	// Announced says what a caller was told about the wait, and what it was
	// drawn from.
	Announced struct {
		Entry    uint64 `json:"entry"`
		Queue    string `json:"queue"`
		Position int    `json:"position,omitempty"`
		Low      int    `json:"low,omitempty"`  // minutes; 0 if no time was told
		High     int    `json:"high,omitempty"` // minutes
		P50      Millis `json:"p50,omitempty"`
		P90      Millis `json:"p90,omitempty"`
	}
	// Bridged says that caller and agent hear one another.
	Bridged struct {
		Entry uint64 `json:"entry"`
		Queue string `json:"queue"`
		Agent string `json:"agent"`
	}
	// HoldStarted says that the agent put the caller on hold.
	HoldStarted struct {
		Agent string `json:"agent"`
	}
	// HoldEnded says that the agent took the caller back.
	HoldEnded struct {
		Agent string `json:"agent"`
		Held  Millis `json:"held"`
	}
	// TalkEnded closes what Bridged opened.
	TalkEnded struct {
		Entry  uint64  `json:"entry"`
		Queue  string  `json:"queue"`
		Agent  string  `json:"agent"`
		Talked Millis  `json:"talked"` // hold excluded
		Held   Millis  `json:"held"`
		By     TalkEnd `json:"by"`
	}
	// Transferred says that an agent passed the caller on.
	Transferred struct {
		Agent string `json:"agent"`
		To    string `json:"to"` // queue:NAME or agent:ID
	}
)

// A Decision explains an offer: see acd.Decision.
type Decision struct {
	Step      int            `json:"step,omitempty"` // of the requirement
	HeadStart Millis         `json:"head_start,omitempty"`
	Strategy  string         `json:"strategy"`
	Others    map[string]int `json:"others,omitempty"` // agents with the skills who could not take the call, by state
	Failed    int            `json:"failed,omitempty"` // agents who have failed this caller
	Wanted    bool           `json:"wanted,omitempty"` // the agent was asked for
	Home      bool           `json:"home,omitempty"`   // the agent is of the queue that the caller came from
	Runner    string         `json:"runner,omitempty"` // the agent who would have been next
	NextCall  string         `json:"next_call,omitempty"`
	Ahead     Millis         `json:"ahead,omitempty"` // of the next call's key
}

// Facts about callbacks. The number is nowhere; its last digits are.
type (
	// CallbackRequested says that a caller hung up to be called back. The call
	// of this event is the callback's, which may become a call later.
	CallbackRequested struct {
		Entry  uint64 `json:"entry"`
		Queue  string `json:"queue"`
		Line   string `json:"line"`
		From   string `json:"from"`   // the call in which it was asked for
		Caller string `json:"caller"` // last four digits
		// Confirmed says that the caller has confirmed the number by key, and
		// not only called from it.
		Confirmed bool `json:"confirmed,omitempty"`
	}
	// CallbackDenied says that a callback was asked for and not taken.
	CallbackDenied struct {
		Queue  string `json:"queue"`
		Reason string `json:"reason"` // no_number, prefix, barred, open, day_limit, caller_limit, off
	}
	// CallbackTried closes one attempt.
	CallbackTried struct {
		Entry   uint64         `json:"entry"`
		Queue   string         `json:"queue"`
		Attempt int            `json:"attempt"`
		Result  CallbackResult `json:"result"`
		Took    Millis         `json:"took"` // from the INVITE
	}
	// CallbackCancelled says that somebody took a promise back.
	CallbackCancelled struct {
		Entry  uint64 `json:"entry"`
		Queue  string `json:"queue"`
		By     Actor  `json:"by"`
		Who    string `json:"who,omitempty"` // name of a token
		Reason string `json:"reason,omitempty"`
	}
	// CallbackEnded closes what CallbackRequested opened.
	CallbackEnded struct {
		Queue    string `json:"queue"`
		Outcome  string `json:"outcome"` // reached, abandoned, exhausted, cancelled, interrupted, error
		Attempts int    `json:"attempts"`
		Took     Millis `json:"took"` // from the request
	}
)

// CallbackOutcomes lists how a callback may end.
var CallbackOutcomes = []string{"reached", "abandoned", "exhausted", "cancelled", "interrupted", "error"}

// ModeChanged says that a queue opened or closed.
type ModeChanged struct {
	Queue  string    `json:"queue"`
	From   Mode      `json:"from"`
	To     Mode      `json:"to"`
	Until  time.Time `json:"until,omitzero"` // zero: until it is changed again
	By     Actor     `json:"by"`
	Who    string    `json:"who,omitempty"` // agent or name of a token
	Reason string    `json:"reason,omitempty"`
}

// QueueSwitched says that somebody put a queue into a mode, or, with no mode, gave
// it back to its hours. ModeChanged follows if the queue was in another one.
type QueueSwitched struct {
	Queue  string    `json:"queue"`
	To     Mode      `json:"to,omitempty"`
	Until  time.Time `json:"until,omitzero"` // zero: until it is switched again
	By     Actor     `json:"by"`
	Who    string    `json:"who,omitempty"` // agent or name of a token
	Reason string    `json:"reason,omitempty"`
}

// LineSwitched says that somebody put a line into a mode, or, with no mode, gave
// it back to its hours.
type LineSwitched struct {
	Line   string    `json:"line"`
	From   Mode      `json:"from,omitempty"`
	To     Mode      `json:"to,omitempty"`
	Until  time.Time `json:"until,omitzero"` // zero: until it is switched again
	By     Actor     `json:"by"`
	Who    string    `json:"who,omitempty"` // agent or name of a token
	Reason string    `json:"reason,omitempty"`
}

// Facts about callers whom we do not take, and trunks that are watched.
type (
	// CallerBarred says that calls of a caller are refused from now on.
	CallerBarred struct {
		Pseudonym string    `json:"pseudonym"`
		Until     time.Time `json:"until,omitzero"` // zero: until it is taken back
		By        Actor     `json:"by"`
		Who       string    `json:"who,omitempty"` // name of a token
		Reason    string    `json:"reason"`
	}
	// CallerUnbarred says that they are taken again.
	CallerUnbarred struct {
		Pseudonym string `json:"pseudonym"`
		By        Actor  `json:"by"`
		Who       string `json:"who,omitempty"` // name of a token
		Reason    string `json:"reason,omitempty"`
	}
	// BarredCalled says that a barred caller has called, and was refused before any
	// media. There is one a minute for a caller at most.
	BarredCalled struct {
		Line      string `json:"line"`
		Trunk     string `json:"trunk"`
		Caller    string `json:"caller,omitempty"` // last four digits
		Pseudonym string `json:"pseudonym"`
	}
	// TrunkOverCap says that the callers of a trunk have done more in a day than
	// they are expected to. Nothing is refused for it.
	TrunkOverCap struct {
		Trunk string `json:"trunk"`
		Cap   Cap    `json:"cap"`
		Limit int    `json:"limit"`
	}
)

// Facts about what had to wait in the outbox, such as a loss report that the card
// host could not take at once.
type (
	// Delivered says that the receiver took an item, or refused it for good; then a
	// person must deal with it.
	Delivered struct {
		Item     int64  `json:"item"`
		Kind     string `json:"kind"`
		Result   string `json:"result"` // ok, or the receiver's refusal
		Attempts int    `json:"attempts"`
		Took     Millis `json:"took"` // since it was kept
	}
	// DeliverySettled says that a person dealt with an item that was refused: it is
	// tried again, or nothing more is to be done.
	DeliverySettled struct {
		Item   int64  `json:"item"`
		Kind   string `json:"kind"`
		Again  bool   `json:"again"`
		By     Actor  `json:"by"`
		Who    string `json:"who,omitempty"` // name of a token
		Reason string `json:"reason,omitempty"`
	}
)

// DeliveryOK is the result of an item that was taken.
const DeliveryOK = "ok"

// Facts about agents.
type (
	// AgentChanged says that an agent left one state for another.
	AgentChanged struct {
		Agent  string     `json:"agent"`
		Group  string     `json:"group"`
		From   AgentState `json:"from"`
		To     AgentState `json:"to"`
		Reason string     `json:"reason,omitempty"` // of the new state, if it is not_ready
		Left   string     `json:"left,omitempty"`   // reason of the old state, if it was not_ready
		By     Actor      `json:"by"`
		Took   Millis     `json:"took"` // time spent in From
		Queue  string     `json:"queue,omitempty"`
	}
	// NextStateSet says what the agent will be once the present call is over.
	NextStateSet struct {
		Agent  string     `json:"agent"`
		To     AgentState `json:"to"`
		Reason string     `json:"reason,omitempty"`
		By     Actor      `json:"by"`
	}
	// WrapUpExtended says that an agent needs more time after a call.
	WrapUpExtended struct {
		Agent string `json:"agent"`
		Queue string `json:"queue"`
		By    Actor  `json:"by"`
	}
	// Disposed says what a call was about, by a code of its queue.
	Disposed struct {
		Agent string `json:"agent"`
		Queue string `json:"queue"`
		Entry uint64 `json:"entry"`
		Code  string `json:"code"`
		By    Actor  `json:"by"`
	}
	// Overstayed says that a break is longer than its reason allows.
	Overstayed struct {
		Agent   string `json:"agent"`
		Group   string `json:"group"`
		Reason  string `json:"reason"`
		Allowed Millis `json:"allowed"`
	}
	// Healed says that the router believed something that was not so, and was
	// put right.
	Healed struct {
		Agent string     `json:"agent"`
		State AgentState `json:"state"` // that was believed
	}
	// DeviceChanged says that an agent's phone registered or went away.
	DeviceChanged struct {
		Account    string `json:"account"`
		Registered bool   `json:"registered"`
	}
)

func (Started) kind() string            { return "started" }
func (Restarted) kind() string          { return "restarted" }
func (Stopped) kind() string            { return "stopped" }
func (ConfigLoaded) kind() string       { return "config_loaded" }
func (ConfigRefused) kind() string      { return "config_refused" }
func (TokenRefused) kind() string       { return "token_refused" }
func (CallArrived) kind() string        { return "call_arrived" }
func (CallAnswered) kind() string       { return "call_answered" }
func (StepLeft) kind() string           { return "step_left" }
func (HostAsked) kind() string          { return "host_asked" }
func (VerificationFailed) kind() string { return "verification_failed" }
func (SecureEnded) kind() string        { return "secure_ended" }
func (ServiceEnded) kind() string       { return "service_ended" }
func (CallEnded) kind() string          { return "call_ended" }
func (Queued) kind() string             { return "queued" }
func (Offered) kind() string            { return "offered" }
func (OfferEnded) kind() string         { return "offer_ended" }
func (Dequeued) kind() string           { return "dequeued" }
func (Bridged) kind() string            { return "bridged" }
func (HoldStarted) kind() string        { return "hold_started" }
func (HoldEnded) kind() string          { return "hold_ended" }
func (TalkEnded) kind() string          { return "talk_ended" }
func (Transferred) kind() string        { return "transferred" }
func (AgentChanged) kind() string       { return "agent_changed" }
func (NextStateSet) kind() string       { return "next_state_set" }
func (DeviceChanged) kind() string      { return "device_changed" }
func (StepReached) kind() string        { return "step_reached" }
func (HeadStartChanged) kind() string   { return "head_start_changed" }
func (Announced) kind() string          { return "announced" }
func (CallbackRequested) kind() string  { return "callback_requested" }
func (CallbackDenied) kind() string     { return "callback_denied" }
func (CallbackTried) kind() string      { return "callback_tried" }
func (CallbackCancelled) kind() string  { return "callback_cancelled" }
func (CallbackEnded) kind() string      { return "callback_ended" }
func (QueueSwitched) kind() string      { return "queue_switched" }
func (LineSwitched) kind() string       { return "line_switched" }
func (ModeChanged) kind() string        { return "mode_changed" }
func (WrapUpExtended) kind() string     { return "wrap_up_extended" }
func (Disposed) kind() string           { return "disposed" }
func (Overstayed) kind() string         { return "overstayed" }
func (Healed) kind() string             { return "healed" }
func (CallerCapped) kind() string       { return "caller_capped" }
func (WrongMediaSource) kind() string   { return "wrong_media_source" }
func (CallerBarred) kind() string       { return "caller_barred" }
func (CallerUnbarred) kind() string     { return "caller_unbarred" }
func (BarredCalled) kind() string       { return "barred_called" }
func (TrunkOverCap) kind() string       { return "trunk_over_cap" }
func (Delivered) kind() string          { return "delivered" }
func (DeliverySettled) kind() string    { return "delivery_settled" }

// decoders reads each kind of fact; it is the closed list of them.
var decoders = table(
	decoder[Started], decoder[Restarted], decoder[Stopped], decoder[ConfigLoaded], decoder[ConfigRefused],
	decoder[TokenRefused], decoder[CallArrived], decoder[CallAnswered], decoder[StepLeft], decoder[HostAsked],
	decoder[VerificationFailed], decoder[SecureEnded], decoder[ServiceEnded], decoder[CallEnded], decoder[Queued],
	decoder[Offered], decoder[OfferEnded], decoder[Dequeued], decoder[Bridged], decoder[HoldStarted],
	decoder[HoldEnded], decoder[TalkEnded], decoder[Transferred], decoder[AgentChanged], decoder[NextStateSet],
	decoder[DeviceChanged], decoder[StepReached], decoder[HeadStartChanged], decoder[Announced], decoder[CallbackRequested], decoder[CallbackDenied], decoder[CallbackTried],
	decoder[CallbackCancelled], decoder[CallbackEnded], decoder[QueueSwitched], decoder[ModeChanged], decoder[LineSwitched], decoder[WrapUpExtended], decoder[Disposed], decoder[Overstayed], decoder[Healed],
	decoder[Delivered], decoder[DeliverySettled],
	decoder[CallerCapped], decoder[WrongMediaSource], decoder[CallerBarred], decoder[CallerUnbarred], decoder[BarredCalled], decoder[TrunkOverCap],
)

type decode func([]byte) (Fact, error)

func decoder[F Fact]() (string, decode) {
	var zero F
	return zero.kind(), func(data []byte) (Fact, error) {
		var f F
		err := json.Unmarshal(data, &f)
		return f, err
	}
}

func table(list ...func() (string, decode)) map[string]decode {
	m := make(map[string]decode, len(list))
	for _, d := range list {
		kind, decode := d()
		m[kind] = decode
	}
	return m
}
