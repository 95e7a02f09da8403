package main

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What a droppingWriter keeps for a reader that does not keep up.
const (
	keptLines = 4096
	keptBytes = 4 << 20
)

// flushLimit is how long the end of the program waits for whoever reads what it
// still has to say.
const flushLimit = 2 * time.Second

// A droppingWriter never waits: what is written goes into a bounded
// queue, and a goroutine of its own takes it to a terminal or a pipe. If the
// reader there stalls, the oldest lines are dropped and counted at once; when it
// reads again, one line says how many were lost. What cannot be written, since
// the reader is dead, is dropped and counted too.
type droppingWriter struct {
	to      io.Writer
	lost    func(n uint64) []byte // the line about lost ones; nil: none
	failed  func(error)           // told of what cannot be written; nil: nobody
	dropped atomic.Uint64         // since the start
	wake    chan struct{}         // something was written, or the end has come
	done    chan struct{}         // closed when all is written that will be

	mu     sync.Mutex // guards the rest; a leaf
	queue  [][]byte
	held   int // bytes of the queue
	closed bool
}

// newDroppingWriter returns a writer that is not yet running. The caller starts run on a
// goroutine, and ends it with close.
func newDroppingWriter(to io.Writer) *droppingWriter {
	return &droppingWriter{to: to, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Write implements [io.Writer]. It keeps a copy, and never fails or waits.
func (w *droppingWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	if !w.closed {
		w.queue = append(w.queue, slices.Clone(line))
		w.held += len(line)
		for len(w.queue) > keptLines || w.held > keptBytes && len(w.queue) > 1 {
			w.take()
			w.dropped.Add(1)
		}
	}
	w.mu.Unlock()
	w.rouse()
	return len(line), nil
}

// close lets everything be written that was written before, for as long as
// limit. What comes later is ignored.
func (w *droppingWriter) close(limit time.Duration) {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.rouse()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-w.done:
	case <-late.C:
	}
}

func (w *droppingWriter) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run takes line after line to the reader, until close.
func (w *droppingWriter) run() {
	defer close(w.done)
	var told uint64 // of the lines that were lost
	for {
		line, over := w.next()
		if line == nil {
			if over {
				return
			}
			<-w.wake
			continue
		}
		if lost := w.dropped.Load() - told; lost > 0 && w.lost != nil {
			if _, err := w.to.Write(w.lost(lost)); err == nil {
				told += lost
			}
		}
		if _, err := w.to.Write(line); err != nil {
			w.dropped.Add(1)
			if w.failed != nil {
				w.failed(err)
			}
		}
	}
}

// next takes the oldest line, nil if there is none; over says that none will come.
func (w *droppingWriter) next() (line []byte, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return nil, w.closed
	}
	return w.take(), false
}

// take removes the oldest line. The queue must be locked and not empty.
func (w *droppingWriter) take() []byte {
	line := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	w.held -= len(line)
	return line
}
