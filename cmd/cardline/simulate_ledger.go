package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cardline/ledger"
	"cardline/sim"
	"cardline/store/sqlite"
)

// readLedger makes callers of the entries of a hotline's ledger. Who gave up
// had that much patience, who was answered talked that long, and who called by
// a trunk came in at its site; what is not known is left open. The ledger may
// be that of a hotline at work: nothing is written.
func readLedger(ctx context.Context, dir, day string, sites map[string]string) ([]sim.Caller, error) {
	file := filepath.Join(dir, "cardline.db")
	if _, err := os.Stat(file); err != nil {
		return nil, flagError("data", "%w; expected the data directory of a hotline", err)
	}
	var from time.Time
	if day != "" {
		var err error
		if from, err = time.ParseInLocation(time.DateOnly, day, time.Local); err != nil {
			return nil, flagError("day", "%q is no day; expected one such as 2026-11-20", day)
		}
	}
	s, err := sqlite.OpenForReading(file)
	if err != nil {
		return nil, exitError{exitFailed, err}
	}
	defer func() { _ = s.Close() }()
	past := past{midnight: from, given: day != "", sites: sites, came: map[string]string{}, entries: map[uint64]*sim.Caller{}}
	for after := uint64(0); ; {
		const page = 10_000
		events, err := s.Events(ctx, after, page)
		if err != nil {
			return nil, exitError{exitFailed, err}
		}
		for _, e := range events {
			after = e.Seq
			past.take(e)
		}
		if len(events) < page {
			break
		}
	}
	if len(past.order) == 0 {
		return nil, flagError("data", "the ledger in %s has no callers in a queue%s", dir, onDay(day))
	}
	slices.SortStableFunc(past.order, func(a, b *sim.Caller) int { return cmp.Compare(a.At, b.At) })
	list := make([]sim.Caller, len(past.order))
	for i, c := range past.order {
		list[i] = *c
	}
	return list, nil
}

// past is a day of a ledger as it is being read.
type past struct {
	midnight time.Time         // at which the day begins
	given    bool              // it is that day; otherwise the last one
	sites    map[string]string // by trunk
	came     map[string]string // site, by call
	entries  map[uint64]*sim.Caller
	order    []*sim.Caller
}

// take learns from an event who came, who gave up, and how long they talked.
func (p *past) take(e ledger.Event) {
	switch f := e.Fact.(type) {
	case ledger.CallArrived:
		if site := p.sites[f.Trunk]; site != "" {
			p.came[e.Call] = site
		}
	case ledger.CallEnded:
		delete(p.came, e.Call)
	case ledger.Queued:
		at := e.At.Local()
		midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.Local)
		switch {
		case p.given && !midnight.Equal(p.midnight), f.Via == ledger.ViaOverflow, f.Via == ledger.ViaCallback: // no caller of the day who comes
			return
		case !midnight.Equal(p.midnight):
			p.midnight, p.order = midnight, nil // a later day begins
		}
		c := &sim.Caller{At: at.Sub(midnight), Queue: f.Queue, Class: f.Class, Site: p.came[e.Call], HeadStart: milliseconds(f.HeadStart)}
		p.entries[f.Entry] = c
		p.order = append(p.order, c)
	case ledger.Dequeued:
		if c := p.entries[f.Entry]; c != nil {
			c.Waited = max(time.Millisecond, milliseconds(f.Waited))
			if f.Outcome == ledger.OutcomeAbandoned {
				c.Patience = c.Waited
			}
		}
	case ledger.TalkEnded:
		if c := p.entries[f.Entry]; c != nil {
			c.Talk = max(time.Millisecond, milliseconds(f.Talked+f.Held))
		}
	case ledger.Started, ledger.Restarted:
		clear(p.entries) // entries are counted anew
	}
}

func milliseconds(m ledger.Millis) time.Duration { return time.Duration(m) * time.Millisecond }

func onDay(day string) string {
	if day == "" {
		return ""
	}
	return " on " + day
}
