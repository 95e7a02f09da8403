package main

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What an outlet keeps for a reader that does not keep up.
const (
	outletLines = 4096
	outletBytes = 4 << 20
)

// flushLimit is how long the end of the program waits for whoever reads what it
// still has to say.
const flushLimit = 2 * time.Second

// An outlet is a writer that never waits: what is written goes into a bounded
// queue, and a goroutine of its own takes it to a terminal or a pipe. If the
// reader there stalls, the oldest lines are dropped and counted at once; when it
// reads again, one line says how many were lost. What cannot be written, since
// the reader is dead, is dropped and counted too.
type outlet struct {
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

// newOutlet returns an outlet that is not yet running. The caller starts run on a
// goroutine, and ends it with close.
func newOutlet(to io.Writer) *outlet {
	return &outlet{to: to, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Write implements [io.Writer]. It keeps a copy, and never fails or waits.
func (o *outlet) Write(line []byte) (int, error) {
	o.mu.Lock()
	if !o.closed {
		o.queue = append(o.queue, slices.Clone(line))
		o.held += len(line)
		for len(o.queue) > outletLines || o.held > outletBytes && len(o.queue) > 1 {
			o.take()
			o.dropped.Add(1)
		}
	}
	o.mu.Unlock()
	o.rouse()
	return len(line), nil
}

// close lets everything be written that was written before, for as long as
// limit. What comes later is ignored.
func (o *outlet) close(limit time.Duration) {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.rouse()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-o.done:
	case <-late.C:
	}
}

func (o *outlet) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run takes line after line to the reader, until close.
func (o *outlet) run() {
	defer close(o.done)
	var told uint64 // of the lines that were lost
	for {
		line, over := o.next()
		if line == nil {
			if over {
				return
			}
			<-o.wake
			continue
		}
		if lost := o.dropped.Load() - told; lost > 0 && o.lost != nil {
			if _, err := o.to.Write(o.lost(lost)); err == nil {
				told += lost
			}
		}
		if _, err := o.to.Write(line); err != nil {
			o.dropped.Add(1)
			if o.failed != nil {
				o.failed(err)
			}
		}
	}
}

// next takes the oldest line, nil if there is none; over says that none will come.
func (o *outlet) next() (line []byte, over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return nil, o.closed
	}
	return o.take(), false
}

// take removes the oldest line. The queue must be locked and not empty.
func (o *outlet) take() []byte {
	line := o.queue[0]
	o.queue[0] = nil
	o.queue = o.queue[1:]
	o.held -= len(line)
	return line
}
