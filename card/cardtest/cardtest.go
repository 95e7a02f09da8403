// Package cardtest has a card host that fails on demand and a notifier that
// remembers, for tests of what stands in front of a host.
package cardtest

import (
	"context"
	"crypto/rsa"
	"sync"
	"time"

	"cardline/card"
)

// A Host passes requests on to another host, unless it was told to fail.
type Host struct {
	card.Host
	mu    sync.Mutex
	fault error
	delay time.Duration
	late  bool
	asked int
}

// Wrap returns a Host in front of h.
func Wrap(h card.Host) *Host { return &Host{Host: h} }

// Fail makes every request fail with err after delay, or pass if err is nil.
func (h *Host) Fail(err error, delay time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault, h.delay, h.late = err, delay, false
}

// LoseAnswers makes every request be carried out and then fail with err, as if
// the answer had been lost.
func (h *Host) LoseAnswers(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault, h.delay, h.late = err, 0, true
}

// Asked returns the number of requests so far.
func (h *Host) Asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

func pass[T any](ctx context.Context, h *Host, ask func() (T, error)) (T, error) {
	h.mu.Lock()
	h.asked++
	fault, delay, late := h.fault, h.delay, h.late
	h.mu.Unlock()
	var none T
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return none, ctx.Err()
	}
	if fault != nil && !late {
		return none, fault
	}
	value, err := ask()
	if fault != nil {
		return none, fault
	}
	return value, err
}

// Find implements [card.Host].
func (h *Host) Find(ctx context.Context, r card.Request, number []byte) (card.Card, error) {
	return pass(ctx, h, func() (card.Card, error) { return h.Host.Find(ctx, r, number) })
}

// FindByID implements [card.Host].
func (h *Host) FindByID(ctx context.Context, r card.Request, number []byte) (card.Card, error) {
	return pass(ctx, h, func() (card.Card, error) { return h.Host.FindByID(ctx, r, number) })
}

// Verify implements [card.Host].
func (h *Host) Verify(ctx context.Context, r card.Request, token string, id card.Identity) error {
	_, err := pass(ctx, h, func() (struct{}, error) { return struct{}{}, h.Host.Verify(ctx, r, token, id) })
	return err
}

// SendCode implements [card.Host].
func (h *Host) SendCode(ctx context.Context, r card.Request, token, service string) (string, error) {
	return pass(ctx, h, func() (string, error) { return h.Host.SendCode(ctx, r, token, service) })
}

// CheckCode implements [card.Host].
func (h *Host) CheckCode(ctx context.Context, r card.Request, token, service string, code []byte) error {
	_, err := pass(ctx, h, func() (struct{}, error) {
		return struct{}{}, h.Host.CheckCode(ctx, r, token, service, code)
	})
	return err
}

// Activate implements [card.Host].
func (h *Host) Activate(ctx context.Context, r card.Request, token string) (card.Activation, error) {
	return pass(ctx, h, func() (card.Activation, error) { return h.Host.Activate(ctx, r, token) })
}

// SealingKey implements [card.Host].
func (h *Host) SealingKey(ctx context.Context) (*rsa.PublicKey, error) {
	return pass(ctx, h, func() (*rsa.PublicKey, error) { return h.Host.SealingKey(ctx) })
}

// SetPIN implements [card.Host].
func (h *Host) SetPIN(ctx context.Context, r card.Request, token string, sealed []byte) error {
	_, err := pass(ctx, h, func() (struct{}, error) { return struct{}{}, h.Host.SetPIN(ctx, r, token, sealed) })
	return err
}

// Bill implements [card.Host].
func (h *Host) Bill(ctx context.Context, r card.Request, token string) (card.Bill, error) {
	return pass(ctx, h, func() (card.Bill, error) { return h.Host.Bill(ctx, r, token) })
}

// ReportLoss implements [card.Host].
func (h *Host) ReportLoss(ctx context.Context, r card.Request, token string, kind card.LossKind) (card.LossReceipt, error) {
	return pass(ctx, h, func() (card.LossReceipt, error) { return h.Host.ReportLoss(ctx, r, token, kind) })
}

// A Notifier remembers what it was told. The zero value is ready to use.
type Notifier struct {
	mu   sync.Mutex
	list []card.Notice
}

// Notify implements [card.Notifier].
func (n *Notifier) Notify(_ context.Context, notice card.Notice) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	notice.Code = append([]byte(nil), notice.Code...)
	n.list = append(n.list, notice)
	return nil
}

// Notices returns what came so far.
func (n *Notifier) Notices() []card.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]card.Notice(nil), n.list...)
}

// Code returns the newest code, which is empty if none came.
func (n *Notifier) Code() []byte {
	for list := n.Notices(); len(list) > 0; list = list[:len(list)-1] {
		if last := list[len(list)-1]; last.Kind == card.NoticeCode {
			return last.Code
		}
	}
	return nil
}
