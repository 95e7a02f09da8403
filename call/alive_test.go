package call

import (
	"context"
	"errors"
	"testing"

	"cardline/acd"
)

// TestAlive asks a router that answers, one that is held up, and one that has
// stopped.
func TestAlive(t *testing.T) {
	b := newBench(t)
	must(t, b.hotline.Alive(t.Context()))
	held, until, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		b.hotline.router.exec(func(*acd.Router) { close(held); <-until })
	}()
	<-held
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("late")
	cancel(late)
	if err := b.hotline.Alive(ctx); !errors.Is(err, late) {
		t.Errorf("the router is held up: %v", err)
	}
	close(until)
	<-over
	must(t, b.hotline.Alive(t.Context()))
	b.stop()
	if err := b.hotline.Alive(t.Context()); err == nil {
		t.Error("the router has stopped")
	}
}
