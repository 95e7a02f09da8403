// Package board shows a hotline on a terminal while it works: where the
// callers are, the queues, the agents, the totals, and the text messages that
// the demo issuer sends, which are shown here and nowhere else.
//
//	ledger ----> Read   ---+
//	                       +--> state --> Render --> Show: 4 times a second,
//	issuer ----> Notify ---+                         or a line every 5 s
//
// The board knows nothing but ledger events and messages: it is one more
// reading of the ledger and cannot disagree with the others.
package board

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"cardline/card"
	"cardline/ledger"
)

// Options say what a [Board] shows beside what happens.
type Options struct {
	Title string // of the board, such as "cardline demo"
	// Agents and Queues are shown from the start, in this order; others are
	// added when something is heard of them.
	Agents, Queues []string
	// Invitation is shown at the foot, line by line.
	Invitation []string
	// Tail is the last four digits of the card whose text messages stand out:
	// the visitor's.
	Tail string
	// Clock, if set, tells the time of the hotline's calendar, which may be another
	// than that of the ledger.
	Clock func(now time.Time) time.Time
	// Color lets Render use the colours of a terminal.
	Color bool
}

// A Board is a [ledger.Reader] by its Read and a [card.Notifier]. Its methods
// may be called from any goroutine.
type Board struct {
	options Options

	mu    sync.Mutex // guards state
	state *state
}

// New returns a board that has heard nothing yet.
func New(o Options) *Board {
	return &Board{options: o, state: newState(o.Agents, o.Queues, o.Tail)}
}

// Read takes ledger events. It is a [ledger.Reader].
func (b *Board) Read(events []ledger.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range events {
		b.state.fold(e)
	}
}

// Note shows a line to the visitor until the next one. Where there is no terminal
// it is for the caller of Show to write it.
func (b *Board) Note(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.note = text
}

// Notify implements [card.Notifier].
func (b *Board) Notify(_ context.Context, n card.Notice) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.message(n)
	return nil
}

// How often a board is shown.
const (
	redrawEvery = 250 * time.Millisecond
	lineEvery   = 5 * time.Second
)

// Escape sequences (ECMA-48 and xterm).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J" // a screen of its own, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	beginFrame  = "\x1b[?2026h\x1b[H" // shown at once where the terminal can
	endLine     = "\x1b[K"
	endFrame    = "\x1b[J\x1b[?2026l"
)

// Show draws the board on a terminal until ctx ends, and gives the terminal
// back as it was. Size returns its columns and rows. If size is nil w is no
// terminal, and a line is written every five seconds.
func (b *Board) Show(ctx context.Context, w io.Writer, size func() (columns, rows int)) error {
	draw, every := b.drawLine, lineEvery
	if size != nil {
		if _, err := io.WriteString(w, enterScreen); err != nil {
			return fmt.Errorf("show the board: %w", err)
		}
		defer io.WriteString(w, leaveScreen) //nolint:errcheck // nothing can be shown about it
		draw, every = func(w io.Writer) error { return b.drawFrame(w, size) }, redrawEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := draw(w); err != nil {
			return fmt.Errorf("show the board: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// drawFrame writes a frame in one piece, over the one before, so that nothing
// flickers.
func (b *Board) drawFrame(w io.Writer, size func() (columns, rows int)) error {
	columns, rows := size()
	lines := b.Render(time.Now(), columns, rows)
	_, err := io.WriteString(w, beginFrame+strings.Join(lines, endLine+"\r\n")+endLine+endFrame)
	return err
}

func (b *Board) drawLine(w io.Writer) error {
	_, err := fmt.Fprintln(w, b.Summary(time.Now()))
	return err
}
