package ivr

import (
	"maps"
	"slices"
)

// An Operation is something that the card host can be asked for.
type Operation string

// The card operations. The list is closed.
const (
	FindCard   Operation = "find_card"   // the token of a card, by its number or the holder's identity number
	Verify     Operation = "verify"      // is the caller the holder? One answer for all items
	SendCode   Operation = "send_code"   // a one-time code to the registered mobile
	CheckCode  Operation = "check_code"  // was that the code?
	Activate   Operation = "activate"    // make the card usable
	Bill       Operation = "bill"        // the last bill's figures
	ReportLoss Operation = "report_loss" // stop or freeze the card
)

// A Result is how a card operation or a secure entry ended.
type Result string

// The results. Each operation has some of them, see [Operation.Results].
const (
	OK            Result = "ok"
	Unknown       Result = "unknown"        // there is no such card
	Blocked       Result = "blocked"        // the card has been stopped
	Refused       Result = "refused"        // no, without a reason that may be told
	Locked        Result = "locked"         // too many failures: not today
	Limited       Result = "limit"          // too many codes, or too soon
	Expired       Result = "expired"        // the code is too old
	AlreadyActive Result = "already_active" // nothing to do
	NotAllowed    Result = "not_allowed"    // the card may not be activated by phone
	Queued        Result = "queued"         // noted down, done when the host is back
	Unavailable   Result = "unavailable"    // no answer, or not in time
	WeakLimit     Result = "weak_limit"     // too many PINs were too simple
	MismatchLimit Result = "mismatch_limit" // the two entries differed too often
	TimedOut      Result = "timeout"        // the caller entered nothing for too long
)

// An EntryKind is what a caller enters in a secure segment.
type EntryKind string

// PIN is a new PIN, entered twice.
const PIN EntryKind = "pin"

// signature describes an operation: its arguments, and for each result the
// values that come with it.
type signature struct {
	args    []string // all of them are needed
	either  []string // exactly one of them is needed, if there are any
	results map[Result][]string
}

var signatures = map[Operation]signature{
	FindCard: {
		either:  []string{"number", "id_number"},
		results: map[Result][]string{OK: {"card", "tail"}, Unknown: nil, Blocked: nil, Unavailable: nil},
	},
	Verify: {
		args:    []string{"card", "id_tail", "expiry"},
		results: map[Result][]string{OK: {"phone_tail"}, Refused: nil, Locked: nil, Unavailable: nil},
	},
	SendCode: {
		args:    []string{"card", "service"},
		results: map[Result][]string{OK: {"phone_tail"}, Limited: nil, Unavailable: nil},
	},
	CheckCode: {
		args:    []string{"card", "service", "code"},
		results: map[Result][]string{OK: nil, Refused: nil, Expired: nil, Locked: nil, Unavailable: nil},
	},
	Activate: {
		args:    []string{"card"},
		results: map[Result][]string{OK: {"tail", "time"}, AlreadyActive: nil, NotAllowed: nil, Unavailable: nil},
	},
	Bill: {
		args:    []string{"card"},
		results: map[Result][]string{OK: {"amount", "minimum", "due_date"}, Refused: nil, Unavailable: nil},
	},
	ReportLoss: {
		args:    []string{"kind"},
		either:  []string{"card", "number"},
		results: map[Result][]string{OK: {"ref", "time"}, Queued: {"ref"}, Refused: nil, Unavailable: nil},
	},
}

// entryResults lists how a secure entry may end. A caller who hangs up is not
// among them: that ends the session.
var entryResults = map[EntryKind][]Result{
	PIN: {OK, Refused, WeakLimit, MismatchLimit, TimedOut, Unavailable},
}

// Operations returns all card operations in alphabetical order.
func Operations() []Operation { return slices.Sorted(maps.Keys(signatures)) }

// Results returns the results of an operation in alphabetical order, and none
// for an operation that does not exist. "unavailable" is always among them:
// it is also the session's own result when the step's limit has passed.
func (o Operation) Results() []Result { return slices.Sorted(maps.Keys(signatures[o].results)) }

// Returns lists the values that come with a result; a session takes no others.
func (o Operation) Returns(r Result) []string { return slices.Clone(signatures[o].results[r]) }

// An Outcome is how a caller left a queue. A caller who hung up there is not
// among them: that ends the session.
type Outcome string

// The outcomes.
const (
	Answered Outcome = "answered"  // talked with a person, who has left since
	Timeout  Outcome = "timeout"   // waited as long as the queue allows
	NoAgents Outcome = "no_agents" // nobody works there now
	Closed   Outcome = "closed"    // outside the queue's hours, or full
	Failed   Outcome = "error"     // the router could not take the caller
)

// Outcomes returns all outcomes; a queue step has a target for each.
func Outcomes() []Outcome { return []Outcome{Answered, Closed, Failed, NoAgents, Timeout} }

// A ServiceResult is how a service ended.
type ServiceResult string

// The results of services. All but the last three are noted by steps.
const (
	ServiceOK        ServiceResult = "ok"
	ServiceQueued    ServiceResult = "queued"        // accepted, to be done later
	ServiceRefused   ServiceResult = "refused"       // the issuer said no
	ServiceLocked    ServiceResult = "locked"        // verification has failed too often
	ServiceFailed    ServiceResult = "backend_error" // the card host did not answer
	ServiceCancelled ServiceResult = "cancelled"     // the caller went back; also if a flow returns and no step noted anything
	ServicePerson    ServiceResult = "person"        // the caller went on to a person
	ServiceHangup    ServiceResult = "hangup"        // the call ended in it
)

// ServiceResults returns all results of services.
func ServiceResults() []ServiceResult {
	return []ServiceResult{
		ServiceOK, ServiceQueued, ServiceRefused, ServiceLocked, ServiceFailed,
		ServiceCancelled, ServicePerson, ServiceHangup,
	}
}
