package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"cardline/acd"
	"cardline/sim"
)

// interruptible returns a context that ends with a signal. A second signal ends
// the program.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, again := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, again)
	return ctx, again
}

// simulate runs one simulation and shows its progress.
func simulate(ctx context.Context, o acd.Options, s sim.Scenario, options sim.Options) (*sim.Result, error) {
	simulation, err := sim.New(o, s, options)
	if err != nil {
		return nil, invalid(err)
	}
	// The heap is a dozen megabytes of short-lived commands and effects: to
	// collect it less often costs a hundred more and saves a fifth of the time.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	finished, shown := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(shown)
		showLine(200*time.Millisecond, func(since time.Duration) string { return bar(simulation.Progress(), since) }, finished)
	}()
	result, err := simulation.Run(ctx)
	close(finished)
	<-shown
	if err != nil {
		return nil, exitError{exitFailed, fmt.Errorf("simulate: %w", err)}
	}
	return result, nil
}

// showLine keeps a line on the terminal up to date until the work is finished, and
// wipes it away then.
func showLine(every time.Duration, line func(since time.Duration) string, finished <-chan struct{}) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		<-finished
		return
	}
	terminal := newDroppingWriter(os.Stderr)
	go terminal.run()
	defer terminal.close(flushLimit)
	began := time.Now()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-finished:
			fmt.Fprint(terminal, "\r\x1b[K")
			return
		case <-ticker.C:
			fmt.Fprint(terminal, "\r\x1b[K"+line(time.Since(began)))
		}
	}
}

// bar draws a bar, with the time that is left when something can be said.
func bar(done float64, since time.Duration) string {
	const width = 40
	full := int(done * width)
	text := strings.Repeat("━", full) + strings.Repeat("·", width-full) + fmt.Sprintf(" %3.0f %%", 100*done)
	if since > time.Second && done > 0.01 {
		left := time.Duration(float64(since) * (1 - done) / done)
		text += fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	return text
}
