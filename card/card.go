// Package card is the hotline's side of the card host: the port [Host] that a
// bank's adapter implements, the port [Notifier] for text messages, and the
// [Desk] that serves the steps of a flow with time limits, one retry and a
// durable outbox for loss reports.
//
// No interface of this package has a PIN in clear: the secure segment seals it
// to the host's public key, and [Host.SetPIN] takes a token and the sealed
// bytes.
package card

import (
	"context"
	"crypto/rsa"
	"errors"
	"time"
)

// A Host is the card issuer's system. Every method that changes something is
// idempotent by [Request]: asked again with the same one it answers as it did
// the first time and does nothing more.
//
// A method returns a [Refusal] if the host said no, and any other error if the
// host did not answer; then nobody knows whether the request was carried out,
// and it may be asked again with the same Request. Methods are safe for
// concurrent use and end with their context.
type Host interface {
	// Find turns a card number into a token: [Unknown], [Blocked].
	// The caller zeroes the number.
	Find(ctx context.Context, r Request, number []byte) (Card, error)
	// FindByID finds the card of a holder by the number of the identity
	// document, of which the last character may be X: [Unknown], [Blocked].
	// The caller zeroes the number.
	FindByID(ctx context.Context, r Request, number []byte) (Card, error)
	// Verify checks who is calling: [Refused], [Locked]. The answer never
	// says which item was wrong.
	Verify(ctx context.Context, r Request, token string, id Identity) error
	// SendCode sends a one-time code for the service to the registered mobile
	// phone and returns the last four digits of its number: [Refused] if the
	// caller is not verified, [Limit].
	SendCode(ctx context.Context, r Request, token, service string) (phoneTail string, err error)
	// CheckCode compares a code: [Refused], [Expired], [Locked].
	CheckCode(ctx context.Context, r Request, token, service string, code []byte) error
	// Activate makes a card usable: [AlreadyActive], [NotAllowed].
	Activate(ctx context.Context, r Request, token string) (Activation, error)
	// SealingKey returns the public key to which PINs, and the numbers of
	// cards that are reported lost while the host is away, are sealed.
	SealingKey(ctx context.Context) (*rsa.PublicKey, error)
	// SetPIN sets the PIN that was sealed by package secure: [Weak],
	// [NotAllowed], [Refused].
	SetPIN(ctx context.Context, r Request, token string, sealed []byte) error
	// Bill returns the newest bill: [Refused] if the caller is not verified.
	Bill(ctx context.Context, r Request, token string) (Bill, error)
	// ReportLoss stops or freezes a card. The token may be one of
	// [SealNumber]: [Unknown].
	ReportLoss(ctx context.Context, r Request, token string, kind LossKind) (LossReceipt, error)
}

// A Request says on whose behalf the host is asked. Call and Operation
// together are the key of idempotency.
type Request struct {
	Call      string
	Operation string // distinct for each operation within a call
}

// A Card is what the hotline may know of a card.
type Card struct {
	Token string // stands for the card number everywhere
	Tail  string // last four digits
}

// An Identity is what a caller has keyed in to show who they are. The owner
// zeroes it.
type Identity struct {
	IDTail []byte // last six characters of the identity document
	Expiry []byte // MMYY as printed on the card
}

// An Activation is the receipt of an activated card.
type Activation struct {
	Tail string
	At   time.Time
}

// A Bill is the summary of the newest bill, in fen (hundredths of a yuan).
type Bill struct {
	Amount, Minimum int64
	Due             time.Time
}

// A LossKind says how a lost card is stopped.
type LossKind string

// The kinds of loss report.
const (
	Stop   LossKind = "stop"   // for good
	Freeze LossKind = "freeze" // until the holder finds it
)

// A LossReceipt is the receipt of a loss report.
type LossReceipt struct {
	Ref string // digits, to be read to the caller
	At  time.Time
	// Queued is set if the host has not heard of it yet.
	Queued bool
}

// A Refusal is the host's no. The word is the result that flows branch on.
type Refusal string

// The refusals.
const (
	Unknown       Refusal = "unknown"
	Blocked       Refusal = "blocked"
	Refused       Refusal = "refused"
	Locked        Refusal = "locked"
	Limit         Refusal = "limit"
	Expired       Refusal = "expired"
	AlreadyActive Refusal = "already_active"
	NotAllowed    Refusal = "not_allowed"
	Weak          Refusal = "weak"
)

func (r Refusal) Error() string { return "card host: " + string(r) }

// ErrUnavailable means that the host did not answer in time or not at all.
var ErrUnavailable = errors.New("card host unavailable")

// A Notifier sends text messages to cardholders. Notify must not block for
// long; an error is counted by the host and never undoes what it reports.
type Notifier interface {
	Notify(ctx context.Context, n Notice) error
}

// A Notice is one text message. A code must not be kept or logged.
type Notice struct {
	Kind      NoticeKind
	Token     string // of the card
	Tail      string // of the card
	PhoneTail string
	Service   string // for codes: what the code is good for
	Code      []byte // for codes; the receiver copies what it shows
	Ref       string // for loss reports
	At        time.Time
}

// A NoticeKind says what a [Notice] is about.
type NoticeKind string

// The kinds of notice.
const (
	NoticeCode      NoticeKind = "code"
	NoticeActivated NoticeKind = "activated"
	NoticePINSet    NoticeKind = "pin_set"
	NoticeLoss      NoticeKind = "loss"
)

// ValidNumber reports whether digits are a card number by length (12 to 19)
// and check digit (ISO/IEC 7812-1, the Luhn formula).
func ValidNumber(digits []byte) bool {
	if len(digits) < 12 || len(digits) > 19 {
		return false
	}
	sum := 0
	for i, d := range digits {
		n := int(d - '0')
		if n < 0 || n > 9 {
			return false
		}
		if (len(digits)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
