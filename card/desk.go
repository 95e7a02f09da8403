package card

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"cardline/outbox"
)

// A Desk serves the card steps of flows: it asks the host with a time limit
// and once more if there was no answer, degrades where the hotline may go on
// without the host, and turns every end into one of the words that a flow
// branches on.
type Desk struct {
	host   Host
	outbox *outbox.Outbox
	limit  time.Duration
	key    atomic.Pointer[rsa.PublicKey] // the newest sealing key seen
}

// DeskOptions configure a [Desk].
type DeskOptions struct {
	Host   Host
	Outbox *outbox.Outbox
	// Limit is the time for one answer of the host. If zero, it is 5 s.
	Limit time.Duration
}

// NewDesk returns a desk and fetches the host's sealing key, so that loss
// reports can be sealed when the host is away later. A host that is away now
// is no error.
func NewDesk(ctx context.Context, o DeskOptions) *Desk {
	d := &Desk{host: o.Host, outbox: o.Outbox, limit: cmp.Or(o.Limit, 5*time.Second)}
	_, _ = d.SealingKey(ctx)
	return d
}

// An Answer is what a card step leaves behind.
type Answer struct {
	Result string            // ok, a [Refusal], queued or unavailable
	Values map[string]string // for the flow; formats are given at [Desk.Ask]
	Took   time.Duration
}

// The results of an [Answer] that are no refusals.
const (
	ResultOK          = "ok"
	ResultQueued      = "queued"      // the host will hear of it later
	ResultUnavailable = "unavailable" // nothing has changed, as far as is known
)

// operations are the card steps that flows may use, with their arguments.
var operations = map[string]func(*Desk, context.Context, Request, map[string][]byte) (map[string]string, error){
	"find_card":   (*Desk).findCard,
	"verify":      (*Desk).verify,
	"send_code":   (*Desk).sendCode,
	"check_code":  (*Desk).checkCode,
	"activate":    (*Desk).activate,
	"bill":        (*Desk).bill,
	"report_loss": (*Desk).reportLoss,
}

// errQueued says that a request went to the outbox.
var errQueued = errors.New("queued")

// Ask serves one card step. Values are plain text: numbers in digits, amounts
// in yuan as 1205.30, dates as 2006-01-02, times as RFC 3339. It takes at most
// twice the desk's limit. The caller zeroes the arguments.
//
//	find_card   number or id_number      card, tail
//	verify      card, id_tail, expiry
//	send_code   card, service            phone_tail
//	check_code  card, service, code
//	activate    card                     tail, time
//	bill        card                     amount, minimum, due_date
//	report_loss card or number, kind     ref, time
//
// While the host is away a loss report is queued, and an activation is left to
// the outbox but unavailable to the caller, since nobody knows its result.
func (d *Desk) Ask(ctx context.Context, r Request, operation string, args map[string][]byte) Answer {
	began := time.Now()
	ask, ok := operations[operation]
	if !ok {
		return Answer{Result: ResultUnavailable}
	}
	values, err := ask(d, ctx, r, args)
	a := Answer{Values: values, Took: time.Since(began)}
	no, refused := errors.AsType[Refusal](err)
	switch {
	case err == nil:
		a.Result = ResultOK
	case refused:
		a.Result = string(no)
	case errors.Is(err, errQueued):
		a.Result = ResultQueued
	default:
		a.Result = ResultUnavailable
	}
	return a
}

// SealingKey returns the host's key, or the last one seen while it is away.
func (d *Desk) SealingKey(ctx context.Context) (*rsa.PublicKey, error) {
	key, err := attempt(ctx, d, d.host.SealingKey)
	if err != nil {
		if key = d.key.Load(); key != nil {
			return key, nil
		}
		return nil, err
	}
	d.key.Store(key)
	return key, nil
}

// SetPIN hands a sealed PIN to the host: nil, a [Refusal], or
// [ErrUnavailable]. A PIN is never kept for later.
func (d *Desk) SetPIN(ctx context.Context, r Request, token string, sealed []byte) error {
	_, err := attempt(ctx, d, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.host.SetPIN(ctx, r, token, sealed)
	})
	return err
}

// attempt asks within the limit, and once more if there was no answer.
func attempt[T any](ctx context.Context, d *Desk, ask func(context.Context) (T, error)) (T, error) {
	var none T
	var err error
	for range 2 {
		var value T
		asking, cancel := context.WithTimeout(ctx, d.limit)
		value, err = ask(asking)
		cancel()
		if err == nil {
			return value, nil
		}
		if _, refused := errors.AsType[Refusal](err); refused {
			return none, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return none, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func (d *Desk) findCard(ctx context.Context, r Request, args map[string][]byte) (map[string]string, error) {
	found, err := attempt(ctx, d, func(ctx context.Context) (Card, error) {
		if id := args["id_number"]; len(id) > 0 {
			return d.host.FindByID(ctx, r, id)
		}
		return d.host.Find(ctx, r, args["number"])
	})
	if err != nil {
		return nil, err
	}
	return map[string]string{"card": found.Token, "tail": found.Tail}, nil
}

func (d *Desk) verify(ctx context.Context, r Request, args map[string][]byte) (map[string]string, error) {
	_, err := attempt(ctx, d, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.host.Verify(ctx, r, string(args["card"]), Identity{IDTail: args["id_tail"], Expiry: args["expiry"]})
	})
	return nil, err
}

func (d *Desk) sendCode(ctx context.Context, r Request, args map[string][]byte) (map[string]string, error) {
	tail, err := attempt(ctx, d, func(ctx context.Context) (string, error) {
		return d.host.SendCode(ctx, r, string(args["card"]), string(args["service"]))
	})
	if err != nil {
		return nil, err
	}
	return map[string]string{"phone_tail": tail}, nil
}

func (d *Desk) checkCode(ctx context.Context, r Request, args map[string][]byte) (map[string]string, error) {
	_, err := attempt(ctx, d, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.host.CheckCode(ctx, r, string(args["card"]), string(args["service"]), args["code"])
	})
	return nil, err
}

func (d *Desk) activate(ctx context.Context, r Request, args map[string][]byte) (map[string]string, error) {
	token := string(args["card"])
	done, err := attempt(ctx, d, func(ctx context.Context) (Activation, error) { return d.host.Activate(ctx, r, token) })
	if errors.Is(err, ErrUnavailable) {
		// The host may or may not have done it; the outbox finds out.
		_, kept := d.keep(context.WithoutCancel(ctx), r, KindActivate, token, "")
		return nil, errors.Join(err, kept)
	}
	if err != nil {
		return nil, err
	}
	return map[string]string{"tail": done.Tail, "time": done.At.Format(time.RFC3339)}, nil
}

func (d *Desk) bill(ctx context.Context, r Request, args map[string][]byte) (map[string]string, error) {
	b, err := attempt(ctx, d, func(ctx context.Context) (Bill, error) { return d.host.Bill(ctx, r, string(args["card"])) })
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"amount":   yuan(b.Amount),
		"minimum":  yuan(b.Minimum),
		"due_date": b.Due.Format(time.DateOnly),
	}, nil
}

// yuan writes an amount in fen as 1205.30.
func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}

func (d *Desk) reportLoss(ctx context.Context, r Request, args map[string][]byte) (map[string]string, error) {
	token, kind := string(args["card"]), LossKind(args["kind"])
	if number := args["number"]; len(number) > 0 {
		// The host could not be asked for a token; it can read this one. Nor is
		// it asked for its key if one was seen: that would take the report's time.
		key, err := d.key.Load(), error(nil)
		if key == nil {
			key, err = d.SealingKey(ctx)
		}
		if err == nil {
			token, err = SealNumber(key, number)
		}
		if err != nil {
			return nil, err
		}
	}
	done, err := attempt(ctx, d, func(ctx context.Context) (LossReceipt, error) { return d.host.ReportLoss(ctx, r, token, kind) })
	if errors.Is(err, ErrUnavailable) {
		// A caller who hangs up now has still reported the loss.
		id, kept := d.keep(context.WithoutCancel(ctx), r, KindReportLoss, token, kind)
		if kept != nil {
			return nil, errors.Join(err, kept)
		}
		return map[string]string{"ref": fmt.Sprintf("8%05d", id)}, errQueued
	}
	if err != nil {
		return nil, err
	}
	return map[string]string{"ref": done.Ref, "time": done.At.Format(time.RFC3339)}, nil
}
