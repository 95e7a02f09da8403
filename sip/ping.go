package sip

import (
	"context"
	"fmt"

	wire "github.com/emiago/sipgo/sip"
)

// Ping asks the device of an account whether it is there, by OPTIONS (RFC 3261
// section 11), and returns nil if it says anything at all. It returns
// [ErrNotRegistered], or the reason why nothing came before ctx ended.
func (s *Stack) Ping(ctx context.Context, account string) error {
	l := newLeg(s, side{})
	if err := l.aim(Dial{Account: account}); err != nil {
		return err
	}
	req, ways := l.request(wire.OPTIONS, 0)
	ask := func(req *wire.Request) (*wire.ClientTx, error) {
		if err := l.reach(ctx, req); err != nil {
			return nil, err
		}
		return s.transactions.Request(ctx, req)
	}
	tx, err := ask(req)
	for ; err != nil && len(ways) > 0; ways = ways[1:] {
		tx, err = ask(redirect(req, ways[0]))
	}
	if err != nil {
		return fmt.Errorf("ping %s: %w", account, err)
	}
	defer tx.Terminate()
	select {
	case res := <-tx.Responses():
		s.options.Observer.Responded("", false, "OPTIONS", res.StatusCode)
		return nil
	case <-tx.Done():
		return fmt.Errorf("ping %s: %w", account, tx.Err())
	case <-ctx.Done():
		return fmt.Errorf("ping %s: %w", account, context.Cause(ctx))
	case <-s.stop:
		return fmt.Errorf("ping %s: the stack ends", account)
	}
}
