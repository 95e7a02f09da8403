package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cardline/app"
	"cardline/calendar"
	"cardline/configs"
)

// momentOf reads the flag --at: a time such as 2026-10-01T09:00, or one of day,
// which is that of the first day from now on on which every queue is open at ten.
func momentOf(at string, c *configs.Config, now time.Time) (time.Time, error) {
	if moment, err := configs.ParseMoment(at, c.Zone()); err == nil {
		return moment, nil
	}
	clock, err := time.Parse("15:04", at)
	if err != nil {
		return time.Time{}, fmt.Errorf("--at: %q is no time: expected one such as 03:30 or 2026-10-01T09:00", at)
	}
	on := func(day time.Time, hour, minute int) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, c.Zone())
	}
	day := now.In(c.Zone())
	for range 31 {
		if len(closedAt(c, on(day, 10, 0))) == 0 {
			break
		}
		day = day.AddDate(0, 0, 1)
	}
	return on(day, clock.Hour(), clock.Minute()), nil
}

// closedAt names the queues that are not open at a time, with what they are.
func closedAt(c *configs.Config, at time.Time) (closed []string) {
	for _, q := range c.File.Queues {
		if s := c.Calendar(q.Hours).State(at); s.Mode != calendar.Open {
			closed = append(closed, fmt.Sprintf("%s (%s)", q.Name, s.Mode))
		}
	}
	return closed
}

// clock tells what the hotline's calendar shows.
func (d *demonstration) clock(now time.Time) time.Time { return now.Add(d.ahead).In(d.zone) }

// timeText says what time the hotline's calendar shows, and what is closed.
func (d *demonstration) timeText(now time.Time) string {
	open := "all queues are open"
	if len(d.closed) > 0 {
		open = "not open by their hours: " + strings.Join(d.closed, ", ")
	}
	return fmt.Sprintf("For the hotline it is %s; %s", d.clock(now).Format("Monday 15:04"), open)
}

// whatNext is the last that a demo says.
func whatNext() string {
	return fmt.Sprintf(`Next: "%[1]s init DIR" writes this hotline out, to be edited; "%[1]s serve --config DIR" runs it.`, self())
}

// demoPrefix is how the temporary data directories of demos begin.
const demoPrefix = "cardline-demo-"

// sweepDemos removes what demos that were killed have left behind.
func sweepDemos(dir string) {
	left, err := filepath.Glob(filepath.Join(dir, demoPrefix+"*"))
	if err != nil {
		return
	}
	for _, data := range left {
		if app.Abandoned(data) {
			_ = os.RemoveAll(data) // if it is somebody else's, it stays
		}
	}
}
