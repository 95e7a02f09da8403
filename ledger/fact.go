package ledger

import "encoding/json"

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
	// TokenRefused says that the API was asked with a wrong token.
	TokenRefused struct {
		Source string `json:"source"` // IP address
		Reason string `json:"reason"` // unknown, role, limited
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
	}
	// VerificationFailed counts one failed try to prove who is calling.
	VerificationFailed struct {
		Factor string `json:"factor"` // identity, code
		Reason string `json:"reason"` // refused, expired, locked
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
	}
	// OfferEnded closes an offer.
	OfferEnded struct {
		Offer  uint64      `json:"offer"`
		Entry  uint64      `json:"entry"`
		Queue  string      `json:"queue"`
		Agent  string      `json:"agent"`
		Result OfferResult `json:"result"`
		Rang   Millis      `json:"rang"`
	}
	// Dequeued closes a caller's place.
	Dequeued struct {
		Entry   uint64       `json:"entry"`
		Queue   string       `json:"queue"`
		Outcome QueueOutcome `json:"outcome"`
		Waited  Millis       `json:"waited"`
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

// decoders reads each kind of fact; it is the closed list of them.
var decoders = table(
	decoder[Started], decoder[Restarted], decoder[Stopped], decoder[ConfigLoaded], decoder[ConfigRefused],
	decoder[TokenRefused], decoder[CallArrived], decoder[CallAnswered], decoder[StepLeft], decoder[HostAsked],
	decoder[VerificationFailed], decoder[SecureEnded], decoder[ServiceEnded], decoder[CallEnded], decoder[Queued],
	decoder[Offered], decoder[OfferEnded], decoder[Dequeued], decoder[Bridged], decoder[HoldStarted],
	decoder[HoldEnded], decoder[TalkEnded], decoder[Transferred], decoder[AgentChanged], decoder[NextStateSet],
	decoder[DeviceChanged],
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
