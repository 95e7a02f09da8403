package calendar

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// A Date is a day of the calendar, wherever that may be.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads a date such as 2026-10-01.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Date{}, fmt.Errorf("%q is no date such as 2026-10-01", text)
	}
	return dateIn(t), nil
}

// UnmarshalText is [ParseDate].
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}

// String returns the date as 2026-10-01.
func (d Date) String() string { return d.utc().Format(time.DateOnly) }

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// AddDays returns the date that many days later, or earlier if n is negative.
func (d Date) AddDays(n int) Date { return dateIn(d.utc().AddDate(0, 0, n)) }

// Compare returns -1 if d comes before e, 1 if it comes after, and 0 if they
// are the same.
func (d Date) Compare(e Date) int {
	return cmp.Or(cmp.Compare(d.Year, e.Year), cmp.Compare(d.Month, e.Month), cmp.Compare(d.Day, e.Day))
}

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// dateIn returns what the calendar on the wall shows.
func dateIn(t time.Time) Date {
	year, month, day := t.Date()
	return Date{year, month, day}
}

// UnmarshalText reads a date that is worked like a Monday, such as 2026-10-10,
// or like another day: "2026-10-10 like wednesday".
func (w *Workday) UnmarshalText(text []byte) error {
	date, like, given := strings.Cut(string(text), " like ")
	w.Like = time.Monday
	if given {
		days, err := ParseDays(strings.TrimSpace(like))
		if err != nil {
			return err
		}
		if len(days) != 1 {
			return fmt.Errorf("%q is not one day", like)
		}
		w.Like = days[0]
	}
	return w.Date.UnmarshalText([]byte(strings.TrimSpace(date)))
}

// ParseDays reads days of the week: a day (monday or mon), a range (mon-fri,
// sat-mon), several with commas between them, or everyday.
func ParseDays(text string) ([]time.Weekday, error) {
	if text == "everyday" {
		text = "mon-sun"
	}
	var days []time.Weekday
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, ok := weekday(first)
		to := from
		if ok && isRange {
			to, ok = weekday(last)
		}
		if !ok {
			return nil, fmt.Errorf("%q is no day of the week", text)
		}
		for d := from; ; d = (d + 1) % 7 {
			days = append(days, d)
			if d == to {
				break
			}
		}
	}
	return days, nil
}

func weekday(text string) (time.Weekday, bool) {
	for d := range time.Saturday + 1 {
		if name := strings.ToLower(d.String()); text == name || text == name[:3] {
			return d, true
		}
	}
	return 0, false
}

// dateOf returns the date of t: the last one that has begun. Where the clock is
// put back over midnight, a day that has begun is not taken back.
func (c *Calendar) dateOf(t time.Time) Date {
	d := dateIn(t.In(c.zone))
	if next := d.AddDays(1); !t.Before(c.instant(next, 0)) {
		return next
	}
	return d
}

// instant returns the first moment at which the clock on the wall shows the
// given time of a date, or a later one: a time that comes twice when summer
// time ends counts as the first, and one that is left out when it begins counts
// as the moment of the jump.
func (c *Calendar) instant(d Date, clock time.Duration) time.Time {
	hour, minute := int(clock/time.Hour), int(clock%time.Hour/time.Minute)
	wanted := time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, time.UTC).Unix()
	t := time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, c.zone)
	begin, end := t.ZoneBounds()
	_, offset := t.Zone()
	switch shown := t.Unix() + int64(offset); {
	case shown > wanted:
		return begin
	case shown < wanted:
		return end
	case begin.IsZero():
		return t
	}
	_, before := begin.Add(-time.Second).Zone()
	if earlier := time.Unix(wanted-int64(before), 0); earlier.Before(begin) {
		return earlier.In(c.zone)
	}
	return t
}
