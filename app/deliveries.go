package app

import (
	"time"

	"github.com/rs/zerolog"

	"cardline/ledger"
	"cardline/metrics"
	"cardline/outbox"
)

// deliveries tells of the outbox in the figures, the ledger and the log. What an
// item is about, such as a card, is in none of them.
type deliveries struct {
	metrics *metrics.Metrics
	ledger  *ledger.Log
	log     zerolog.Logger
}

// Outbox implements [outbox.Observer].
func (d deliveries) Outbox(kind string, pending int, oldest time.Time, refused int) {
	d.metrics.Outbox(kind, pending, oldest, refused)
}

// Delivered implements [outbox.Observer].
func (d deliveries) Delivered(i outbox.Item, refusal string) {
	f := ledger.Delivered{Item: i.ID, Kind: i.Kind, Result: ledger.DeliveryOK, Attempts: i.Attempts, Took: ledger.MillisOf(time.Since(i.Added))}
	if refusal == "" {
		d.log.Info().Int64("item", i.ID).Str("kind", i.Kind).Str("call", i.Call).Msg("delivered from the outbox")
	} else {
		f.Result = refusal
		d.log.Error().Int64("item", i.ID).Str("kind", i.Kind).Str("call", i.Call).Str("refusal", refusal).
			Msg("refused from the outbox: see cardline outbox, a person must deal with it")
	}
	d.ledger.Append("", i.Call, f)
}

// Settled implements [outbox.Observer].
func (d deliveries) Settled(i outbox.Item, again bool, who, reason string) {
	d.log.Info().Int64("item", i.ID).Str("kind", i.Kind).Bool("again", again).Str("who", who).Msg("a refused item of the outbox was settled")
	d.ledger.Append("", i.Call, ledger.DeliverySettled{Item: i.ID, Kind: i.Kind, Again: again, By: ledger.ByAPI, Who: who, Reason: reason})
}
