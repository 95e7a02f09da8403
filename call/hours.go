package call

import (
	"slices"
	"sync"
	"time"

	"cardline/acd"
	"cardline/ledger"
)

// hours holds the switches that are thrown by hand, over what the calendars
// say.
type hours struct {
	mu       sync.Mutex
	queues   map[string]thrown
	lines    map[string]thrown
	alarm    chan struct{}     // something has changed
	switcher map[string]string // by whom each queue was switched last
	told     map[string]thrown // what the router was told of each queue last
}

// thrown is a switch as it was thrown.
type thrown struct {
	mode  ledger.Mode
	until time.Time // zero: until it is thrown again
	by    ledger.Actor
	who   string
	why   string
}

func (t thrown) counts(now time.Time) bool {
	return t.mode != "" && (t.until.IsZero() || now.Before(t.until))
}

// Switched is a mode that is in force by hand.
type Switched struct {
	Queue, Line string // one of them
	Mode        ledger.Mode
	Until       time.Time // zero: until it is switched again
	Who, Why    string
}

// Throw puts queues and lines into a mode, whatever their hours say. The empty
// mode gives them back to their hours. It is in the ledger who did it.
func (h *Hotline) Throw(s Switch, by ledger.Actor, who string) {
	t := thrown{mode: s.Mode, by: by, who: who, why: s.Why}
	if s.For > 0 {
		t.until = time.Now().Add(s.For)
	}
	h.hours.mu.Lock()
	if h.hours.queues == nil {
		h.hours.queues, h.hours.lines = map[string]thrown{}, map[string]thrown{}
	}
	for _, q := range s.Queues {
		h.hours.queues[q] = t
		h.ledger.Append("", "", ledger.QueueSwitched{Queue: q, To: s.Mode, Until: t.until, By: by, Who: who, Reason: s.Why})
	}
	for _, l := range s.Lines {
		before := h.hours.lines[l]
		h.hours.lines[l] = t
		h.ledger.Append("", "", ledger.LineSwitched{Line: l, From: before.mode, To: s.Mode, Until: t.until, By: by, Who: who, Reason: s.Why})
	}
	h.hours.mu.Unlock()
	h.tellModes(time.Now())
	h.hours.changed()
}

// Thrown lists the switches that are in force by hand.
func (h *Hotline) Thrown() (list []Switched) {
	now := time.Now()
	h.hours.mu.Lock()
	defer h.hours.mu.Unlock()
	for name, t := range h.hours.queues {
		if t.counts(now) {
			list = append(list, Switched{Queue: name, Mode: t.mode, Until: t.until, Who: t.who, Why: t.why})
		}
	}
	for name, t := range h.hours.lines {
		if t.counts(now) {
			list = append(list, Switched{Line: name, Mode: t.mode, Until: t.until, Who: t.who, Why: t.why})
		}
	}
	slices.SortFunc(list, func(a, b Switched) int {
		return slices.Compare([]string{a.Queue, a.Line}, []string{b.Queue, b.Line})
	})
	return list
}

// changed wakes the keeper of the hours.
func (h *hours) changed() {
	select {
	case h.wake() <- struct{}{}:
	default:
	}
}

func (h *hours) wake() chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.alarm == nil {
		h.alarm = make(chan struct{}, 1)
	}
	return h.alarm
}

// who tells by whom a queue was switched last.
func (h *hours) who(queue string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.switcher[queue]
}

// latestLook bounds the time between two looks at the calendars: a clock may be
// set meanwhile.
const latestLook = time.Minute

// keepHours opens and closes the queues by their hours and switches.
func (h *Hotline) keepHours() {
	wake := h.hours.wake()
	for {
		timer := time.NewTimer(h.tellModes(time.Now()))
		select {
		case <-h.quit:
			timer.Stop()
			return
		case <-wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// tellModes tells the router what each queue is like now, and returns how long
// that holds at least.
func (h *Hotline) tellModes(now time.Time) time.Duration {
	config, next := h.config.Load(), now.Add(latestLook)
	for _, q := range config.Routing.Queues {
		h.hours.mu.Lock()
		t := h.hours.queues[q.Name]
		h.hours.mu.Unlock()
		mode, why, by, who, until := ledger.ModeOpen, "", ledger.ByHours, "", time.Time{}
		switch calendar := config.Queues[q.Name].Hours; {
		case t.counts(now):
			mode, why, by, who, until = t.mode, t.why, t.by, t.who, t.until
		case calendar != nil:
			mode, why, until = calendar.At(now)
		}
		if !until.IsZero() && until.Before(next) {
			next = until
		}
		calls := true
		if hours := config.Queues[q.Name].CallbackHours; hours != nil {
			allowed, _, change := hours.At(now)
			if calls = allowed == ledger.ModeOpen; !change.IsZero() && change.Before(next) {
				next = change
			}
		}
		h.router.exec(func(r *acd.Router) {
			_, _ = h.router.step(r, acd.SetCallbacks{Queue: q.Name, Allowed: calls})
			now := thrown{mode, until, by, who, why}
			if by == ledger.ByHours {
				now.until, now.why = time.Time{}, "" // of which a calendar may say more each day
			}
			h.hours.mu.Lock()
			before, known := h.hours.told[q.Name]
			if h.hours.switcher == nil {
				h.hours.switcher, h.hours.told = map[string]string{}, map[string]thrown{}
			}
			h.hours.switcher[q.Name], h.hours.told[q.Name] = who, now
			h.hours.mu.Unlock()
			if r.Mode(q.Name) == mode && (before == now || !known && by == ledger.ByHours) {
				return
			}
			_, _ = h.router.step(r, acd.SetMode{Queue: q.Name, Mode: mode, By: by, Reason: why})
		})
	}
	return max(next.Sub(now), time.Millisecond)
}

// lineMode tells what a line is like at a time.
func (h *Hotline) lineMode(l *Line, now time.Time) ledger.Mode {
	h.hours.mu.Lock()
	t := h.hours.lines[l.Name]
	h.hours.mu.Unlock()
	switch {
	case t.counts(now):
		return t.mode
	case l.Hours != nil:
		mode, _, _ := l.Hours.At(now)
		return mode
	default:
		return ledger.ModeOpen
	}
}

// flow returns the flow with which a call begins in a mode.
func (l *Line) flow(mode ledger.Mode) string {
	if f := l.Flows[mode]; f != "" && mode != ledger.ModeOpen {
		return f
	}
	return l.Flow
}
