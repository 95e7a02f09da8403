package app

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// TestWatch has a room that answers, then says that it cannot, then hangs without
// regard to the limit, and then answers again.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stuck atomic.Bool
		hung := make(chan struct{})
		var hangs atomic.Bool
		w := startWatch(zerolog.Nop(), func(ctx context.Context) error {
			if hangs.Load() {
				<-hung
			}
			if stuck.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		expect := func(when string, answers bool) {
			t.Helper()
			synctest.Wait()
			if err := w.answers(); (err == nil) != answers {
				t.Errorf("%s: %v", when, err)
			}
		}
		expect("at the start", true)
		time.Sleep(time.Hour)
		expect("after an hour", true)
		stuck.Store(true)
		time.Sleep(answerAge)
		expect("a moment after a room stopped", true)
		time.Sleep(probeEvery)
		expect("then", false)
		stuck.Store(false)
		time.Sleep(probeLimit + probeEvery)
		expect("when it answers again", true)
		hangs.Store(true)
		time.Sleep(answerAge + probeEvery)
		expect("when it hangs", false)
		if err := w.end(); err == nil {
			t.Error("the watch ended though a room hangs")
		}
		close(hung)
		<-w.done
	})
}
