package configs

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"cardline/calendar"
)

// hours are the calendars by name, with the switches that the files throw.
type hours struct {
	zone      *time.Location
	calendars map[string]*calendar.Calendar
}

// always is the calendar of lines and queues that name none.
const always = ""

// Zone returns where the clock hangs that times without a zone are read from.
func (c *Config) Zone() *time.Location { return c.hours.zone }

// Calendar returns the calendar that a line or queue names, with the switches of
// the files; the empty name is always open. It returns nil if there is no such
// calendar.
func (c *Config) Calendar(name string) *calendar.Calendar { return c.hours.calendars[name] }

// FlowIn returns the flow that callers of a line begin with in a mode.
func (l Line) FlowIn(m calendar.Mode) string {
	closed := cmp.Or(l.Closed, l.Flow)
	switch m {
	case calendar.Closed:
		return closed
	case calendar.Holiday:
		return cmp.Or(l.Holiday, closed)
	case calendar.Emergency:
		return cmp.Or(l.Emergency, closed)
	case calendar.Open:
	}
	return l.Flow
}

// others yields the flows of a line for other modes than open, by their keys.
func (l Line) others() iter.Seq2[string, string] {
	return func(yield func(key, flow string) bool) {
		for _, o := range []struct{ key, flow string }{{"closed", l.Closed}, {"holiday", l.Holiday}, {"emergency", l.Emergency}} {
			if o.flow != "" && !yield(o.key, o.flow) {
				return
			}
		}
	}
}

// hours checks the calendars and builds them. Each part is tried by itself, so
// that a problem is told at its place.
func (k *checker) hours() hours {
	h := hours{calendars: map[string]*calendar.Calendar{}}
	h.zone = k.zone("time_zone", cmp.Or(k.file.TimeZone, "Asia/Shanghai"))
	h.calendars[always], _ = calendar.New(calendar.Options{Zone: h.zone, Weekly: allHours()})
	lists := k.holidays()
	named(k, "calendars", "name", word, wordWanted, k.file.Calendars, func(c Calendar) string { return c.Name })
	for i, c := range k.file.Calendars {
		path := fmt.Sprintf("calendars.%d", i)
		o := calendar.Options{Zone: h.zone}
		if c.Zone != "" {
			o.Zone = k.zone(path+".zone", c.Zone)
		}
		o.Weekly = k.weekly(path+".weekly", c.Weekly)
		if k.tried(path+".holiday_hours", calendar.Options{HolidayHours: c.HolidayHours}) {
			o.HolidayHours = c.HolidayHours
		}
		for j, name := range c.Holidays {
			if k.complete("holidays", "name") {
				k.known(fmt.Sprintf("%s.holidays.%d", path, j), "list of holidays", name, slices.Collect(maps.Keys(lists)))
			}
			o.Holidays = append(o.Holidays, lists[name]...)
		}
		k.tried(path+".holidays", calendar.Options{Holidays: o.Holidays})
		o.Dates = k.specials(path+".dates", c.Dates)
		if made, err := calendar.New(o); err == nil { // else it has been said
			h.calendars[c.Name] = made
		}
		if len(c.Weekly) == 0 && len(c.Dates) == 0 {
			k.report(path+".weekly", fmt.Sprintf("the calendar %s is never open", c.Name), "write its hours, such as {mon-fri: [\"09:00-18:00\"]}")
		}
	}
	k.switches(h)
	return h
}

// keeps checks a reference to a calendar.
func (k *checker) keeps(path, name string) {
	if name != always && k.complete("calendars", "name") {
		k.known(path, "calendar", name, k.calendars())
	}
}

// calendars lists the names of all calendars.
func (k *checker) calendars() (names []string) {
	for _, c := range k.file.Calendars {
		names = append(names, c.Name)
	}
	return names
}

func allHours() (week [7][]calendar.Span) {
	for d := range week {
		week[d] = []calendar.Span{{To: 24 * time.Hour}}
	}
	return week
}

// tried reports what is wrong with a part of a calendar, if it could be read.
func (k *checker) tried(path string, o calendar.Options) bool {
	_, err := calendar.New(o)
	if err != nil && !k.spoiledBelow(path) {
		k.report(path, err.Error(), "correct one of the two")
	}
	return err == nil
}

// spoiledBelow reports whether something in what a path holds could not be read.
func (k *checker) spoiledBelow(path string) bool {
	for spoiled := range k.spoiled {
		if strings.HasPrefix(spoiled, path+".") {
			return true
		}
	}
	return false
}

func (k *checker) zone(path, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		k.report(path, fmt.Sprintf("unknown time zone %q", name), "expected a name such as Asia/Shanghai")
		return time.UTC
	}
	return zone
}

func (k *checker) weekly(path string, written map[string][]calendar.Span) (week [7][]calendar.Span) {
	taken := map[time.Weekday]string{}
	for _, key := range slices.Sorted(maps.Keys(written)) {
		at := join(path, key)
		days, err := calendar.ParseDays(key)
		if err != nil {
			k.report(at, err.Error(), `expected mon, tue-fri, "sat,sun" or everyday`)
			continue
		}
		var alone calendar.Options
		alone.Weekly[days[0]] = written[key]
		if !k.tried(at, alone) {
			continue
		}
		for _, d := range days {
			if other, twice := taken[d]; twice {
				k.report(at, fmt.Sprintf("%v has its hours in %s already", d, other), "name each day once")
			}
			taken[d] = key
			week[d] = written[key]
		}
	}
	return week
}

func (k *checker) holidays() map[string][]calendar.Holidays {
	lists := map[string][]calendar.Holidays{}
	named(k, "holidays", "name", word, wordWanted, k.file.Holidays, func(l HolidayList) string { return l.Name })
	for i, l := range k.file.Holidays {
		var days []calendar.Holidays
		for j, d := range l.Days {
			path := fmt.Sprintf("holidays.%d.days.%d", i, j)
			if d.Name == "" {
				k.report(path+".name", "no name", "name the holiday: callers' records say why it was closed")
			}
			if d.From == (calendar.Date{}) {
				k.report(path+".from", "no date", "expected one such as 2026-10-01")
				continue
			}
			if d.To == (calendar.Date{}) {
				d.To = d.From
			}
			more := append(slices.Clip(days), calendar.Holidays{Name: d.Name, From: d.From, To: d.To, Worked: d.Worked})
			if k.tried(path, calendar.Options{Holidays: more}) {
				days = more
			}
			for n, w := range d.Worked {
				if day := w.Date.Weekday(); day != time.Saturday && day != time.Sunday {
					k.warn(fmt.Sprintf("%s.worked.%d", path, n), fmt.Sprintf("%v is a %v", w.Date, day), "worked is for days of a weekend")
				}
			}
		}
		lists[l.Name] = days
	}
	return lists
}

func (k *checker) specials(path string, written []Special) (list []calendar.Special) {
	for i, s := range written {
		at := fmt.Sprintf("%s.%d", path, i)
		if s.Date == (calendar.Date{}) {
			k.report(at+".date", "no date", "expected one such as 2026-10-01")
			continue
		}
		more := append(slices.Clip(list), calendar.Special(s))
		if k.tried(at, calendar.Options{Dates: more}) {
			list = more
		}
	}
	return list
}

// longestSwitch bounds what somebody may have forgotten.
const longestSwitch = 31 * 24 * time.Hour

func (k *checker) switches(h hours) {
	for i, s := range k.file.Switches {
		path := fmt.Sprintf("switches.%d", i)
		k.mode(path+".mode", s.Mode)
		from, begins := k.moment(path+".from", s.From, h.zone)
		until, ends := k.moment(path+".until", s.Until, h.zone)
		if begins && ends && (!until.After(from) || until.Sub(from) > longestSwitch) {
			k.report(path+".until", fmt.Sprintf("%s is not within a month after %s", s.Until, s.From), "let it end by itself, soon after its beginning")
		}
		thrown := calendar.Switch{Mode: calendar.Mode(s.Mode), Why: s.Why, By: "the configuration", From: from, Until: until}
		for j, name := range s.Hours {
			if k.complete("calendars", "name") {
				k.known(fmt.Sprintf("%s.hours.%d", path, j), "calendar", name, k.calendars())
			}
		}
		for name, c := range h.calendars {
			if len(s.Hours) == 0 || slices.Contains(s.Hours, name) {
				h.calendars[name] = c.With(thrown)
			}
		}
	}
}

func (k *checker) mode(path, mode string) {
	if !slices.Contains(calendar.Modes(), calendar.Mode(mode)) {
		k.report(path, fmt.Sprintf("unknown mode %q", mode), "expected open, closed, holiday or emergency")
	}
}

// toHours is what a code switches to that ends a switch.
const toHours = "hours"

// phoneSwitch checks what a code switches, and by whom.
func (k *checker) phoneSwitch(path string, s PhoneSwitch) {
	if s.Mode != toHours {
		k.mode(path+".mode", s.Mode)
	}
	switch {
	case s.Mode == toHours:
		if s.For > 0 {
			k.report(path+".for", "hours is for good", "leave for out, or switch to a mode")
		}
	case s.For == 0 && k.sound(path+".for"):
		k.report(path+".for", "the switch has no end", "let it end by itself, such as for: 2h")
	case s.For > longestSwitch:
		k.report(path+".for", Short(s.For)+" is long", "expected at most a month")
	}
	if len(s.Accounts) == 0 && k.sound(path+".accounts") {
		k.report(path, "nobody may throw the switch", `name the accounts of the phones that may, such as accounts: ["1001"]`)
	}
	if k.complete("phones", "account") {
		var accounts []string
		for _, p := range k.file.Phones {
			accounts = append(accounts, p.Account)
		}
		for i, account := range s.Accounts {
			k.known(fmt.Sprintf("%s.accounts.%d", path, i), "account", account, accounts)
		}
	}
	if k.complete("queues", "name") {
		var names []string
		for _, q := range k.file.Queues {
			names = append(names, q.Name)
		}
		for i, name := range s.Queues {
			k.known(fmt.Sprintf("%s.queues.%d", path, i), "queue", name, names)
		}
	}
	if k.complete("lines", "name") {
		var names []string
		for _, l := range k.file.Lines {
			names = append(names, l.Name)
		}
		for i, name := range s.Lines {
			k.known(fmt.Sprintf("%s.lines.%d", path, i), "line", name, names)
		}
	}
}

// moment reads a time, in a zone unless it has an offset.
func (k *checker) moment(path, text string, zone *time.Location) (time.Time, bool) {
	t, err := ParseMoment(text, zone)
	if err != nil {
		k.report(path, err.Error(), "expected one such as 2026-10-01T09:00 or 2026-10-01T09:00:00+08:00")
	}
	return t, err == nil
}

// ParseMoment reads a time such as 2026-10-01T09:00, with or without seconds
// and offset. Without an offset it is what a clock in the zone shows.
func ParseMoment(text string, zone *time.Location) (time.Time, error) {
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", time.RFC3339} {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", text)
}
