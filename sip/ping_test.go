package sip_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"cardline/sip"
)

// TestPing asks a phone that is there, one that has been closed, and one that
// never was.
func TestPing(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		phone := h.phone(phoneAddress)
		if _, err := phone.Register(sip.Login{URI: "sip:" + ourAddress, User: "1001", Password: "secret"}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		ping := func(account string) error {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			return h.Ping(ctx, account)
		}
		if err := ping("1001"); err != nil {
			t.Errorf("a phone that is there: %v", err)
		}
		if err := ping("1002"); !errors.Is(err, sip.ErrNotRegistered) {
			t.Errorf("a phone that never was: %v", err)
		}
		h.network.Loss = 1
		if err := ping("1001"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a phone that cannot be reached: %v", err)
		}
		h.network.Loss = 0
		phone.end()
	})
}
