package card

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"cardline/outbox"
)

// The kinds of requests that go to the outbox if the host does not answer.
const (
	KindActivate   = "activate"
	KindReportLoss = "report_loss"
)

// Kinds lists the kinds of requests in the outbox.
var Kinds = []string{KindActivate, KindReportLoss}

// request is a request in the outbox, as it is written there. The call is that of
// the item.
type request struct {
	Operation string   `json:"operation"`
	Token     string   `json:"token"`
	Kind      LossKind `json:"kind,omitempty"` // of a loss report
}

// keep puts a request into the outbox and returns its number. Those of one card
// reach the host in their order.
func (d *Desk) keep(ctx context.Context, r Request, action, token string, kind LossKind) (id int64, err error) {
	payload, err := json.Marshal(request{r.Operation, token, kind})
	if err != nil {
		return 0, err
	}
	return d.outbox.Add(ctx, outbox.Item{
		Kind: action, Key: r.Call + " " + r.Operation, Order: token, Call: r.Call, Payload: payload,
	})
}

// Receivers deliver to the host what a [Desk] has left in the outbox: with the same
// [Request], so that the host's idempotency does it once.
func Receivers(host Host) map[string]outbox.Receiver {
	return map[string]outbox.Receiver{
		KindActivate: receiver(func(ctx context.Context, r Request, q request) error {
			_, err := host.Activate(ctx, r, q.Token)
			if errors.Is(err, AlreadyActive) {
				return nil // as was wished
			}
			return err
		}),
		KindReportLoss: receiver(func(ctx context.Context, r Request, q request) error {
			_, err := host.ReportLoss(ctx, r, q.Token, q.Kind)
			return err
		}),
	}
}

func receiver(ask func(context.Context, Request, request) error) outbox.Receiver {
	return func(ctx context.Context, i outbox.Item) error {
		var q request
		if err := json.Unmarshal(i.Payload, &q); err != nil {
			return fmt.Errorf("item %d of the outbox: %w", i.ID, err)
		}
		err := ask(ctx, Request{Call: i.Call, Operation: q.Operation}, q)
		if no, refused := errors.AsType[Refusal](err); refused {
			return outbox.RefusedError(no)
		}
		return err
	}
}
