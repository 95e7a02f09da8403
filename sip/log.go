package sip

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// logPause is how long a repeated line of the library is only counted.
const logPause = 10 * time.Second

// parseFault is the message with which sipgo reports input that it could not
// read.
const parseFault = "failed to parse"

// A bridge takes sipgo's log lines to zerolog. sipgo puts whole messages into
// them, the digits of an INFO included, and errors that quote what could not
// be parsed (hazard H9). So nothing passes but the constant message and the
// attributes that name a place; an error passes as its type. A line that
// repeats is counted, and told again at most every 10 s.
type bridge struct {
	log       zerolog.Logger
	malformed func() // called for each message that could not be parsed
	attrs     []slog.Attr

	shared *bridgeCounts
}

type bridgeCounts struct {
	mu    sync.Mutex
	lines map[string]*repeats
}

type repeats struct {
	told    time.Time
	skipped int
}

func newBridge(log zerolog.Logger, malformed func()) *slog.Logger {
	return slog.New(&bridge{log: log, malformed: malformed, shared: &bridgeCounts{lines: make(map[string]*repeats)}})
}

// Enabled reports whether a line of this level matters: sipgo's Debug and
// Info tell of every packet.
func (b *bridge) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle passes on what is left of a line.
func (b *bridge) Handle(_ context.Context, r slog.Record) error {
	if r.Message == parseFault {
		b.malformed()
	}
	skipped, due := b.shared.count(r.Message)
	if !due {
		return nil
	}
	b.log.Warn().Str("library", "sipgo").Func(func(line *zerolog.Event) {
		if skipped > 0 {
			line.Int("repeated", skipped)
		}
		for _, a := range b.attrs {
			passAttr(line, a)
		}
		r.Attrs(func(a slog.Attr) bool {
			passAttr(line, a)
			return true
		})
	}).Msg(r.Message)
	return nil
}

func passAttr(line *zerolog.Event, a slog.Attr) {
	switch a.Key {
	case "caller", "network", "laddr", "raddr", "local", "remote":
		line.Str(a.Key, scrub(a.Value.String()))
	case "error":
		if err, ok := a.Value.Any().(error); ok {
			line.Type("error", err)
		}
	}
}

// WithAttrs returns a handler that adds attrs to every line.
func (b *bridge) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *b
	c.attrs = append(append([]slog.Attr(nil), b.attrs...), attrs...)
	return &c
}

// WithGroup returns the handler itself: groups would hide the few keys that
// may pass.
func (b *bridge) WithGroup(string) slog.Handler { return b }

// count reports whether a message is due, and how often it was not told since.
func (c *bridgeCounts) count(message string) (skipped int, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	r := c.lines[message]
	if r == nil {
		if len(c.lines) >= 256 { // constants of a library; a guard all the same
			return 0, false
		}
		c.lines[message] = &repeats{told: now}
		return 0, true
	}
	if now.Sub(r.told) < logPause {
		r.skipped++
		return 0, false
	}
	skipped, r.told, r.skipped = r.skipped, now, 0
	return skipped, true
}
