// Package calendar tells when a hotline is open: weekly hours, holidays with
// hours of their own, weekends that are worked because a holiday took other
// days (调休), single dates, and switches that people throw.
//
// It is pure: it reads no clock and no file. The answer for a moment depends on
// nothing but the calendar, the switches and that moment.
package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Mode is what callers meet.
type Mode string

// The modes. The list is closed.
const (
	Open      Mode = "open"      // people take calls
	Closed    Mode = "closed"    // outside the hours
	Holiday   Mode = "holiday"   // outside the hours, on a holiday
	Emergency Mode = "emergency" // switched by somebody, for a storm or an outage
)

// Modes returns all modes.
func Modes() []Mode { return []Mode{Open, Closed, Holiday, Emergency} }

// A State is what a calendar says of a moment.
type State struct {
	Mode Mode
	// Why says it in words, such as "国庆节" or "hours of Friday, 09:00-18:00".
	Why string
	// Until is the next moment at which the mode is another, in the calendar's
	// zone. It is zero if that never comes.
	Until time.Time
}

// Options describe a calendar. The zero value is never open.
//
// What goes before what: Dates, then worked days of Holidays, then Holidays,
// then Weekly. The hours of a day may reach past midnight into the next, also
// into one that is a holiday.
type Options struct {
	// Zone is where the clock hangs. If nil, it is China's standard time.
	Zone *time.Location
	// Weekly are the hours by [time.Weekday].
	Weekly [7][]Span
	// Holidays are closed, but for HolidayHours.
	Holidays     []Holidays
	HolidayHours []Span
	// Dates have hours of their own, or none, whatever else they are.
	Dates []Special
}

// Holidays is a stretch of days off, with the weekend days that are worked for
// it.
type Holidays struct {
	Name     string
	From, To Date // both included
	Worked   []Workday
}

// A Workday is a day of a weekend that is worked.
type Workday struct {
	Date Date
	Like time.Weekday // the day whose hours it has
}

// A Special is a single date with hours of its own.
type Special struct {
	Date  Date
	Name  string // why; may be empty
	Hours []Span // none: closed
}

// china has had no summer time since 1991.
var china = time.FixedZone("Asia/Shanghai", 8*60*60)

// A Calendar answers for one set of opening hours. It does not change and may
// be used from many goroutines.
type Calendar struct {
	zone     *time.Location
	weekly   [7]day
	special  map[Date]day
	dates    []Date // of special, in order
	unbroken bool   // always open
	thrown   []Switch
}

// day is one day's hours.
type day struct {
	spans []Span
	mode  Mode   // outside the hours
	name  string // such as "Friday", "国庆节"
}

// New returns the calendar, or says what about it makes no sense.
func New(o Options) (*Calendar, error) {
	c := &Calendar{zone: o.Zone, special: map[Date]day{}}
	if c.zone == nil {
		c.zone = china
	}
	for w := range time.Saturday + 1 {
		spans, err := ordered(o.Weekly[w])
		if err != nil {
			return nil, fmt.Errorf("%v: %w", w, err)
		}
		c.weekly[w] = day{spans, Closed, w.String()}
	}
	if err := c.holidays(o); err != nil {
		return nil, err
	}
	dated := map[Date]bool{}
	for _, s := range o.Dates {
		spans, err := ordered(s.Hours)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%v: %w", s.Date, err)
		case dated[s.Date]:
			return nil, fmt.Errorf("%v is there twice", s.Date)
		}
		dated[s.Date] = true
		c.special[s.Date] = day{spans, Closed, cmp.Or(s.Name, s.Date.String())}
	}
	for d := range c.special {
		c.dates = append(c.dates, d)
	}
	slices.SortFunc(c.dates, Date.Compare)
	c.unbroken = !slices.ContainsFunc(c.weekly[:], func(d day) bool { return !d.whole() })
	for _, d := range c.special {
		c.unbroken = c.unbroken && d.whole()
	}
	return c, nil
}

// holidays takes in days off and days worked, and refuses a day that is there
// twice.
func (c *Calendar) holidays(o Options) error {
	hours, err := ordered(o.HolidayHours)
	if err != nil {
		return fmt.Errorf("holiday hours: %w", err)
	}
	for _, h := range o.Holidays {
		if h.From.Compare(h.To) > 0 {
			return fmt.Errorf("%s: %v is after %v", h.Name, h.From, h.To)
		}
		if h.From.AddDays(longestHoliday).Compare(h.To) < 0 {
			return fmt.Errorf("%s: %v to %v is longer than %d days", h.Name, h.From, h.To, longestHoliday)
		}
		for d := h.From; d.Compare(h.To) <= 0; d = d.AddDays(1) {
			if other, twice := c.special[d]; twice {
				return fmt.Errorf("%v is of %s and of %s", d, other.name, h.Name)
			}
			c.special[d] = day{hours, Holiday, h.Name}
		}
	}
	for _, h := range o.Holidays {
		for _, w := range h.Worked {
			if other, twice := c.special[w.Date]; twice {
				return fmt.Errorf("%v is worked for %s and is %s", w.Date, h.Name, other.name)
			}
			c.special[w.Date] = day{c.weekly[w.Like].spans, Closed, fmt.Sprintf("%v worked like a %v for %s", w.Date.Weekday(), w.Like, h.Name)}
		}
	}
	return nil
}

// longestHoliday bounds a stretch of days off; beyond it a year is a slip.
const longestHoliday = 60

// ordered returns spans by their beginnings, if no two of them overlap.
func ordered(spans []Span) ([]Span, error) {
	spans = slices.SortedFunc(slices.Values(spans), func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	for i, s := range spans {
		if err := s.check(); err != nil {
			return nil, err
		}
		if i > 0 && spans[i-1].To > s.From {
			return nil, fmt.Errorf("%v and %v overlap", spans[i-1], s)
		}
	}
	return spans, nil
}

// whole reports whether a day is open from midnight to midnight.
func (d day) whole() bool {
	var reached time.Duration
	for _, s := range d.spans {
		if s.From > reached {
			return false
		}
		reached = s.To
	}
	return reached >= 24*time.Hour
}

// hours writes the hours of a day, or that there are none.
func (d day) hours() string {
	if len(d.spans) == 0 {
		return "none"
	}
	var list []string
	for _, s := range d.spans {
		list = append(list, s.String())
	}
	return strings.Join(list, ", ")
}

// Zone returns where the calendar's clock hangs.
func (c *Calendar) Zone() *time.Location { return c.zone }

// Last returns the last date that is not as its weekday; ok is false if there
// is none. Who looks further ahead asks for dates that nobody has entered yet.
func (c *Calendar) Last() (last Date, ok bool) {
	if len(c.dates) == 0 {
		return Date{}, false
	}
	return c.dates[len(c.dates)-1], true
}

// With returns the calendar with switches that are thrown for good.
func (c *Calendar) With(switches ...Switch) *Calendar {
	with := *c
	with.thrown = slices.Concat(c.thrown, switches)
	return &with
}

// State tells what is in force at t. Of the calendar's own switches and the
// given ones, the last one thrown of those in force counts.
func (c *Calendar) State(t time.Time, switches ...Switch) State {
	if len(c.thrown) > 0 {
		switches = slices.Concat(c.thrown, switches)
	}
	s := c.at(t, switches)
	for next := c.next(t, switches); !next.IsZero(); next = c.next(next, switches) {
		if c.at(next, switches).Mode != s.Mode {
			s.Until = next.In(c.zone)
			break
		}
	}
	return s
}

// at is [Calendar.State] without Until.
func (c *Calendar) at(t time.Time, switches []Switch) State {
	if s, ok := inForce(t, switches); ok {
		return State{Mode: s.Mode, Why: s.why()}
	}
	mode, why := c.plan(t)
	return State{Mode: mode, Why: why}
}

// next returns a moment after t at which the mode may be another, zero if there
// is none. No change lies between t and it.
func (c *Calendar) next(t time.Time, switches []Switch) time.Time {
	var next time.Time
	if _, switched := inForce(t, switches); !switched {
		next = c.change(t)
	}
	for _, s := range switches {
		for _, at := range []time.Time{s.From, s.Until} {
			if at.After(t) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return next
}

// plan tells what is in force at t when nobody has thrown a switch.
func (c *Calendar) plan(t time.Time) (Mode, string) {
	if c.unbroken {
		return Open, "open at all hours"
	}
	today := c.dateOf(t)
	for _, d := range []Date{today, today.AddDays(-1)} {
		on := c.day(d)
		for _, s := range on.spans {
			if !t.Before(c.instant(d, s.From)) && t.Before(c.instant(d, s.To)) {
				return Open, fmt.Sprintf("hours of %s, %v", on.name, s)
			}
		}
	}
	on := c.day(today)
	switch {
	case on.mode == Holiday && len(on.spans) == 0:
		return Holiday, on.name
	case len(on.spans) == 0:
		return on.mode, "no hours on " + on.name
	default:
		return on.mode, fmt.Sprintf("outside the hours of %s, %s", on.name, on.hours())
	}
}

// change returns the first moment after t at which the plan has another mode.
func (c *Calendar) change(t time.Time) time.Time {
	if c.unbroken {
		return time.Time{}
	}
	mode, _ := c.plan(t)
	today := c.dateOf(t)
	for d, quiet := today, 0; ; d = d.AddDays(1) {
		for _, at := range c.boundaries(d) {
			if !at.After(t) {
				continue
			}
			if m, _ := c.plan(at); m != mode {
				return at
			}
		}
		// Two weeks of one mode say that it is the same in every week, though
		// summer time swallows an hour: only a date that is not as its weekday
		// can bring another.
		if quiet++; quiet > 15 {
			i, _ := slices.BinarySearchFunc(c.dates, d, Date.Compare)
			if i == len(c.dates) {
				return time.Time{}
			}
			if before := c.dates[i].AddDays(-1); before.Compare(d) > 0 {
				d, quiet = before, 0
			}
		}
	}
}

// boundaries returns the moments of a day, and of the hours that reach into it,
// at which the plan may change, in order.
func (c *Calendar) boundaries(d Date) []time.Time {
	begin, end := c.instant(d, 0), c.instant(d.AddDays(1), 0)
	list := []time.Time{begin}
	for _, of := range []Date{d.AddDays(-1), d} {
		for _, s := range c.day(of).spans {
			for _, at := range []time.Time{c.instant(of, s.From), c.instant(of, s.To)} {
				if at.After(begin) && at.Before(end) {
					list = append(list, at)
				}
			}
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}

// day returns the hours of a date.
func (c *Calendar) day(d Date) day {
	if on, ok := c.special[d]; ok {
		return on
	}
	return c.weekly[d.Weekday()]
}
