package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

const (
	// probeEvery is how often the rooms are asked whether they answer, and
	// probeLimit how long they may take.
	probeEvery = time.Second
	probeLimit = 3 * time.Second
	// answerAge is after how long without an answer calls cannot be answered: an
	// answer may be that old because the machine is busy.
	answerAge = 5 * time.Second
)

// A watch asks the rooms that every call needs, over and over, whether they answer.
// A room that never does leaves the last answer to grow old, even if it holds the
// watch up as well.
type watch struct {
	log   zerolog.Logger
	rooms []func(context.Context) error
	last  atomic.Pointer[time.Time] // when all of them answered
	stop  context.CancelFunc
	done  chan struct{}
}

// startWatch asks a first time and goes on until end.
func startWatch(log zerolog.Logger, rooms ...func(context.Context) error) *watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &watch{log: log, rooms: rooms, stop: stop, done: make(chan struct{})}
	go w.run(ctx, w.look(ctx, true))
	return w
}

// end ends the watch, unless a room holds it up.
func (w *watch) end() error {
	w.stop()
	select {
	case <-w.done:
		return nil
	case <-time.After(probeLimit):
		return errors.New("a room does not answer")
	}
}

func (w *watch) run(ctx context.Context, well bool) {
	defer close(w.done)
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			well = w.look(ctx, well)
		}
	}
}

// look asks the rooms and says so if what they answer has changed.
func (w *watch) look(ctx context.Context, was bool) (well bool) {
	err := w.probe(ctx)
	switch {
	case ctx.Err() != nil: // the watch ends
	case err != nil && was:
		w.log.Error().Err(err).Msg("calls cannot be answered")
	case err == nil && !was:
		w.log.Info().Msg("calls can be answered again")
	}
	return err == nil
}

// probe asks every room once.
func (w *watch) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	for _, alive := range w.rooms {
		if err := alive(ctx); err != nil {
			return err
		}
	}
	now := time.Now()
	w.last.Store(&now)
	return nil
}

// answers returns nil if the rooms have answered of late.
func (w *watch) answers() error {
	last := w.last.Load()
	if last == nil {
		return errors.New("calls cannot be answered")
	}
	if age := time.Since(*last); age > answerAge {
		return fmt.Errorf("calls cannot be answered for %v", age.Round(time.Second))
	}
	return nil
}
