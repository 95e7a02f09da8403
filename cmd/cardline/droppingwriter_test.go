package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A reader is what stands behind a droppingWriter: it may stall, or be dead.
type reader struct {
	stalled chan struct{} // reads no more until it is closed; nil: it reads

	mu    sync.Mutex
	dead  bool
	lines []string
}

func (r *reader) Write(line []byte) (int, error) {
	if r.stalled != nil {
		<-r.stalled
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead {
		return 0, errors.New("broken pipe")
	}
	r.lines = append(r.lines, string(line))
	return len(line), nil
}

func startDroppingWriter(r *reader) *droppingWriter {
	o := newDroppingWriter(r)
	o.lost = func(n uint64) []byte { return fmt.Appendf(nil, "lost %d", n) }
	go o.run()
	return o
}

func TestDroppingWriterPassesEverythingOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{}
		o := startDroppingWriter(r)
		for _, line := range []string{"one", "two", "three"} {
			fmt.Fprint(o, line)
		}
		o.close(time.Minute)
		fmt.Fprint(o, "too late")
		if want := []string{"one", "two", "three"}; !slices.Equal(r.lines, want) || o.dropped.Load() != 0 {
			t.Errorf("got %q and %d dropped, want %q and none", r.lines, o.dropped.Load(), want)
		}
	})
}

// TestDroppingWriterNeverWaits writes ten lines more than fit to a reader that has
// stalled: the oldest are counted at once, and told of when it reads again.
func TestDroppingWriterNeverWaits(t *testing.T) {
	for name, c := range map[string]struct {
		line  string
		lines int // that fit
	}{
		"many lines": {"x", keptLines},
		"long lines": {strings.Repeat("x", keptBytes/8), 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &reader{stalled: make(chan struct{})}
				o := startDroppingWriter(r)
				fmt.Fprint(o, "the first")
				synctest.Wait() // it is being written
				for range c.lines + 10 {
					fmt.Fprint(o, c.line)
				}
				if got := o.dropped.Load(); got != 10 {
					t.Errorf("%d lines dropped while the reader is stalled, want 10", got)
				}
				began := time.Now()
				o.close(flushLimit)
				if took := time.Since(began); took != flushLimit {
					t.Errorf("close waited for %v, want %v", took, flushLimit)
				}
				close(r.stalled)
				<-o.done
				if len(r.lines) != c.lines+2 || r.lines[0] != "the first" || r.lines[1] != "lost 10" {
					t.Errorf("the reader got %d lines, and first %.20q", len(r.lines), r.lines[:2])
				}
			})
		})
	}
}

func TestDroppingWriterOutlivesItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{dead: true}
		o := startDroppingWriter(r)
		fmt.Fprint(o, "one")
		fmt.Fprint(o, "two")
		synctest.Wait()
		r.mu.Lock()
		r.dead = false
		r.mu.Unlock()
		fmt.Fprint(o, "three")
		o.close(time.Minute)
		if want := []string{"lost 2", "three"}; !slices.Equal(r.lines, want) || o.dropped.Load() != 2 {
			t.Errorf("got %q and %d dropped, want %q and 2", r.lines, o.dropped.Load(), want)
		}
	})
}
