package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"cardline/acd"
	"cardline/calendar"
	"cardline/ledger"
)

// Hours are those of a queue. Without a calendar there is no limit.
type Hours struct {
	Doors     *calendar.Calendar // when callers are taken in
	Callbacks *calendar.Calendar // when they may be called back, within those
}

func (s *Scenario) checkHours(queues []string, wrong *problems) {
	for _, queue := range slices.Sorted(maps.Keys(s.Hours)) {
		if !slices.Contains(queues, queue) {
			wrong.add("hours", "unknown queue %q; choose %s", queue, strings.Join(queues, ", "))
		}
	}
	if len(s.Hours) > 0 && s.Calls > 0 {
		wrong.add("calls", "goes with queues that are always open; give a length in its place")
	}
}

// moment returns the time of the run as calendars know it. Without a date, the
// first day is a Monday where the calendar's clock hangs.
func (r *run) moment(c *calendar.Calendar) time.Time {
	midnight := r.scenario.Date
	if midnight.IsZero() {
		midnight = time.Date(2001, time.January, 1, 0, 0, 0, 0, c.Zone())
	}
	return midnight.AddDate(0, 0, r.day).Add(r.now)
}

// lookAhead is for how long after the last arrival hours are kept: callbacks
// may be made on the next morning.
const lookAhead = 24 * time.Hour

// keepHours opens or closes a queue as its hours say, now and whenever they
// change.
func (r *run) keepHours(i int32) {
	queue := r.routing.Queues[i].Name
	hours, next := r.scenario.Hours[queue], r.end+lookAhead
	mode := func(c *calendar.Calendar) ledger.Mode {
		if c == nil {
			return ledger.ModeOpen
		}
		moment := r.moment(c)
		state := c.State(moment)
		if !state.Until.IsZero() {
			next = min(next, r.now+state.Until.Sub(moment))
		}
		return ledger.Mode(state.Mode)
	}
	if doors := mode(hours.Doors); doors != r.router.Mode(queue) {
		r.apply(acd.SetMode{Queue: queue, Mode: doors, By: ledger.ByHours})
	}
	if quiet := mode(hours.Callbacks) != ledger.ModeOpen; quiet != r.queue[i].quiet {
		r.queue[i].quiet = quiet
		r.apply(acd.SetCallbacks{Queue: queue, Allowed: !quiet})
	}
	if next < r.end+lookAhead {
		r.events.push(event{at: next, who: i, kind: opens})
	}
}
