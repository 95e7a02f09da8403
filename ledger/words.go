package ledger

// The closed lists of words below are shared by the ledger, the logs, the
// metrics, the records and the API. Each type has its whole list beside it.

// A StepExit says how a caller left a step of a flow.
type StepExit string

// The exits of a step.
const (
	ExitOK      StepExit = "ok"
	ExitNoInput StepExit = "no_input"
	ExitNoMatch StepExit = "no_match"
	ExitBargeIn StepExit = "barge_in" // left by a key before its prompt was over
	ExitHangup  StepExit = "hangup"
	ExitError   StepExit = "error" // the host or a prompt failed
)

// StepExits lists every StepExit.
var StepExits = []StepExit{ExitOK, ExitNoInput, ExitNoMatch, ExitBargeIn, ExitHangup, ExitError}

// A ServiceResult says how a self service ended.
type ServiceResult string

// The results of a self service.
const (
	ServiceOK           ServiceResult = "ok"
	ServiceRefused      ServiceResult = "refused"
	ServiceLocked       ServiceResult = "locked"
	ServiceBackendError ServiceResult = "backend_error"
	ServiceQueued       ServiceResult = "queued" // accepted, to be done later
	ServiceCancelled    ServiceResult = "cancelled"
	ServicePerson       ServiceResult = "person" // the caller went on to a person
	ServiceHangup       ServiceResult = "hangup"
)

// ServiceResults lists every ServiceResult.
var ServiceResults = []ServiceResult{
	ServiceOK, ServiceQueued, ServiceRefused, ServiceLocked, ServiceBackendError, ServiceCancelled, ServicePerson, ServiceHangup,
}

// A Cap is what is limited for one caller in a day, and watched for a trunk.
type Cap string

// The caps.
const (
	CapVerifications Cap = "failed_verifications" // cards that are unknown, wrong identities and wrong codes
	CapCodes         Cap = "codes"                // one-time codes that were sent
	CapLosses        Cap = "loss_reports"         // that were taken
)

// Caps lists every Cap.
var Caps = []Cap{CapVerifications, CapCodes, CapLosses}

// A SecureResult says how a secure segment ended.
type SecureResult string

// The results of a secure segment.
const (
	SecureOK          SecureResult = "ok"
	SecureRefused     SecureResult = "refused" // the host did not take the sealed PIN
	SecureWeak        SecureResult = "weak_limit"
	SecureMismatch    SecureResult = "mismatch_limit"
	SecureTimeout     SecureResult = "timeout"
	SecureUnavailable SecureResult = "unavailable"
	SecureHangup      SecureResult = "hungup"
)

// SecureResults lists every SecureResult.
var SecureResults = []SecureResult{
	SecureOK, SecureRefused, SecureWeak, SecureMismatch, SecureTimeout, SecureUnavailable, SecureHangup,
}

// A Via says how a caller came to a queue.
type Via string

// The ways into a queue.
const (
	ViaIVR      Via = "ivr"
	ViaDNIS     Via = "dnis"
	ViaTransfer Via = "transfer"
	ViaOverflow Via = "overflow"
	ViaCallback Via = "callback"
	ViaReturn   Via = "return" // the agent's phone died in mid-talk
)

// Vias lists every Via.
var Vias = []Via{ViaIVR, ViaDNIS, ViaTransfer, ViaOverflow, ViaCallback, ViaReturn}

// A QueueOutcome says how a caller left a queue.
type QueueOutcome string

// The outcomes of a place in a queue.
const (
	OutcomeAnswered          QueueOutcome = "answered"
	OutcomeAbandoned         QueueOutcome = "abandoned"
	OutcomeCallbackRequested QueueOutcome = "callback_requested"
	OutcomeOverflow          QueueOutcome = "overflow"
	OutcomeExitKey           QueueOutcome = "exit_key"
	OutcomeTimeout           QueueOutcome = "timeout"
	OutcomeNoAgents          QueueOutcome = "no_agents"
	OutcomeClosed            QueueOutcome = "closed"
	OutcomeError             QueueOutcome = "error"
)

// QueueOutcomes lists every QueueOutcome.
var QueueOutcomes = []QueueOutcome{
	OutcomeAnswered, OutcomeAbandoned, OutcomeCallbackRequested, OutcomeOverflow, OutcomeExitKey,
	OutcomeTimeout, OutcomeNoAgents, OutcomeClosed, OutcomeError,
}

// A CallbackResult says how an attempt to call a caller back ended.
type CallbackResult string

// The results of an attempt to call back.
const (
	CallbackReached   CallbackResult = "reached"
	CallbackNoAnswer  CallbackResult = "no_answer"
	CallbackBusy      CallbackResult = "busy"
	CallbackRefused   CallbackResult = "refused"    // by the carrier, or by our own rules
	CallbackAgentLeft CallbackResult = "agent_left" // the agent who waited for the caller is gone
	CallbackError     CallbackResult = "error"
)

// CallbackResults lists every CallbackResult.
var CallbackResults = []CallbackResult{
	CallbackReached, CallbackNoAnswer, CallbackBusy, CallbackRefused, CallbackAgentLeft, CallbackError,
}

// A Mode is what a queue is like now.
type Mode string

// The modes.
const (
	ModeOpen      Mode = "open"
	ModeClosed    Mode = "closed"
	ModeHoliday   Mode = "holiday"
	ModeEmergency Mode = "emergency"
)

// Modes lists every Mode.
var Modes = []Mode{ModeOpen, ModeClosed, ModeHoliday, ModeEmergency}

// An OfferResult says how an offer to an agent ended.
type OfferResult string

// The results of an offer.
const (
	OfferAccepted    OfferResult = "accepted"
	OfferIgnored     OfferResult = "ignored" // rang, nobody answered
	OfferRejected    OfferResult = "rejected"
	OfferBusy        OfferResult = "busy"
	OfferUnreachable OfferResult = "unreachable" // the phone did not answer at all
	OfferCallerLeft  OfferResult = "caller_left"
	OfferWithdrawn   OfferResult = "withdrawn"
)

// OfferResults lists every OfferResult.
var OfferResults = []OfferResult{
	OfferAccepted, OfferIgnored, OfferRejected, OfferBusy, OfferUnreachable, OfferCallerLeft, OfferWithdrawn,
}

// An AgentState is what an agent does now.
type AgentState string

// The states of an agent.
const (
	AgentLoggedOut   AgentState = "logged_out"
	AgentNotReady    AgentState = "not_ready"
	AgentReady       AgentState = "ready"
	AgentOffered     AgentState = "offered"
	AgentTalking     AgentState = "talking"
	AgentHolding     AgentState = "holding"
	AgentWrapUp      AgentState = "wrap_up"
	AgentOutbound    AgentState = "outbound"
	AgentReserved    AgentState = "reserved"
	AgentUnreachable AgentState = "unreachable"
)

// AgentStates lists every AgentState.
var AgentStates = []AgentState{
	AgentLoggedOut, AgentNotReady, AgentReady, AgentOffered, AgentTalking, AgentHolding, AgentWrapUp,
	AgentOutbound, AgentReserved, AgentUnreachable,
}

// A TalkEnd says who ended a conversation.
type TalkEnd string

// The ends of a conversation.
const (
	TalkEndedByCaller   TalkEnd = "caller"
	TalkEndedByAgent    TalkEnd = "agent"
	TalkEndedByTransfer TalkEnd = "transfer"
	TalkEndedByDevice   TalkEnd = "device_lost"
	TalkEndedBySystem   TalkEnd = "system"
)

// An Actor is who changed an agent's state.
type Actor string

// The actors.
const (
	ByPhone  Actor = "phone"  // a feature code
	ByAPI    Actor = "api"    // the HTTP API
	ByRouter Actor = "router" // offers, talks, deadlines
	ByHours  Actor = "hours"  // the calendar, and switches in files
	BySystem Actor = "system" // registrations, restarts, reloads
)

// An EndReason says why a call ended.
type EndReason string

// The reasons for the end of a call.
const (
	EndCallerLeft  EndReason = "caller_left"
	EndAgentLeft   EndReason = "agent_left"
	EndFlow        EndReason = "flow_ended"
	EndNoAck       EndReason = "no_ack"
	EndNoMedia     EndReason = "no_media"
	EndRefused     EndReason = "refused" // before an answer: no codec, no port, unknown line
	EndDrained     EndReason = "drained"
	EndError       EndReason = "error"
	EndInterrupted EndReason = "interrupted" // the program was killed under it
)

// EndReasons lists every EndReason.
var EndReasons = []EndReason{
	EndCallerLeft, EndAgentLeft, EndFlow, EndNoAck, EndNoMedia, EndRefused, EndDrained, EndError, EndInterrupted,
}

// An IVROutcome says what self service did for a call.
type IVROutcome string

// The outcomes of a call in self service. A call that asked for a person is
// to_agent whatever else it did; a call that ended in the IVR is contained
// only if a service succeeded.
const (
	IVRContained IVROutcome = "contained"
	IVRToAgent   IVROutcome = "to_agent"
	IVRLost      IVROutcome = "lost"
	IVRClosed    IVROutcome = "closed"
	IVRError     IVROutcome = "error"
)

// IVROutcomes lists every IVROutcome.
var IVROutcomes = []IVROutcome{IVRContained, IVRToAgent, IVRLost, IVRClosed, IVRError}
