package calendar_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cardline/calendar"
)

// jumps are days around which clocks were put forward or back, in all the ways
// that there are: at night, at midnight, by half an hour, by a whole day.
var jumps = []struct{ zone, day string }{
	{"Asia/Shanghai", "2026-10-01"},
	{"Asia/Shanghai", "1991-09-15"},       // the last end of summer time
	{"Europe/Berlin", "2026-03-29"},       // 02:00 to 03:00
	{"Europe/Berlin", "2026-10-25"},       // 03:00 to 02:00
	{"America/New_York", "2026-11-01"},    // 02:00 to 01:00
	{"Australia/Lord_Howe", "2026-04-05"}, // by half an hour
	{"America/Sao_Paulo", "2018-11-04"},   // 00:00 to 01:00
	{"America/Sao_Paulo", "2018-02-18"},   // 00:00 to 23:00 of the day before
	{"America/St_Johns", "2006-10-29"},    // 00:01 to 23:01 of the day before
	{"Pacific/Apia", "2011-12-30"},        // a day that never was
	{"UTC", "2026-02-28"},
}

// TestAgainstTheClockOnTheWall walks through days minute by minute beside a
// clock that is never put back, asks it what is in force, and holds the
// calendar's answers against it, Until included.
func TestAgainstTheClockOnTheWall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		around := rapid.SampledFrom(jumps).Draw(t, "around")
		zone, err := time.LoadLocation(around.zone)
		if err != nil {
			t.Fatal(err)
		}
		middle, err := calendar.ParseDate(around.day)
		if err != nil {
			t.Fatal(err)
		}
		o := drawOptions(t, zone, middle)
		c, err := calendar.New(o)
		if err != nil {
			t.Skip(err) // it has drawn a day twice
		}
		first := middle.AddDays(-3)
		begin := time.Date(first.Year, first.Month, first.Day, 0, 0, 0, 0, zone).Truncate(time.Minute)
		switches := drawSwitches(t, begin)

		const minutes = 6 * 24 * 60
		walked := make([]calendar.Mode, minutes)
		w := wall{options: o, switches: switches}
		for at, lead := begin.Add(-24*time.Hour), 24*60; lead > 0; at, lead = at.Add(time.Minute), lead-1 {
			w.mode(at) // so that the clock knows what it has shown
		}
		for i := range walked {
			walked[i] = w.mode(begin.Add(time.Duration(i) * time.Minute))
		}
		change := minutes // the next one, seen from the end
		for i := minutes - 1; i >= 0; i-- {
			if i+1 < minutes && walked[i+1] != walked[i] {
				change = i + 1
			}
			if i%61 != 0 && i != change-1 && (i == 0 || walked[i-1] == walked[i]) {
				continue // any minute would do, and the first and last of each stretch
			}
			at := begin.Add(time.Duration(i)*time.Minute + time.Duration(i%60)*time.Second)
			s := c.State(at, switches...)
			if s.Mode != walked[i] || s.Why == "" {
				t.Fatalf("%v: got %s (%s), want %s", at, s.Mode, s.Why, walked[i])
			}
			want := begin.Add(time.Duration(change) * time.Minute)
			switch {
			case change < minutes && !s.Until.Equal(want):
				t.Fatalf("%v: got %s until %v, want until %v", at, s.Mode, s.Until, want)
			case change == minutes && !s.Until.IsZero() && s.Until.Before(want):
				t.Fatalf("%v: got %s until %v, want until %v or later", at, s.Mode, s.Until, want)
			}
			if !s.Until.IsZero() {
				if c.State(s.Until, switches...).Mode == s.Mode || c.State(s.Until.Add(-1), switches...).Mode != s.Mode {
					t.Fatalf("%v: %s until %v, where nothing changes", at, s.Mode, s.Until)
				}
			}
		}
	})
}

func drawSpans(t *rapid.T, name string) (spans []calendar.Span) {
	quarters := rapid.SliceOfNDistinct(rapid.IntRange(0, 95), 0, 4, rapid.ID).Draw(t, name)
	if len(quarters) < 2 {
		return nil
	}
	sorted := quarters[:len(quarters)/2*2]
	slices.Sort(sorted)
	for i := 0; i < len(sorted); i += 2 {
		spans = append(spans, calendar.Span{From: time.Duration(sorted[i]) * 15 * time.Minute, To: time.Duration(sorted[i+1]) * 15 * time.Minute})
	}
	if rapid.Bool().Draw(t, name+" over midnight") {
		spans[len(spans)-1].To = 24*time.Hour + time.Duration(sorted[0])*15*time.Minute
	}
	return spans
}

func drawOptions(t *rapid.T, zone *time.Location, middle calendar.Date) calendar.Options {
	o := calendar.Options{Zone: zone}
	for d := range o.Weekly {
		o.Weekly[d] = drawSpans(t, time.Weekday(d).String())
	}
	day := func(name string) calendar.Date { return middle.AddDays(rapid.IntRange(-4, 4).Draw(t, name)) }
	if rapid.Bool().Draw(t, "holidays") {
		from := day("from")
		o.Holidays = []calendar.Holidays{{Name: "holiday", From: from, To: from.AddDays(rapid.IntRange(0, 2).Draw(t, "days"))}}
		o.HolidayHours = drawSpans(t, "holiday hours")
		o.Holidays[0].Worked = []calendar.Workday{{Date: from.AddDays(-2), Like: time.Monday}}
	}
	if rapid.Bool().Draw(t, "dates") {
		o.Dates = []calendar.Special{{Date: day("date"), Hours: drawSpans(t, "hours of the date")}}
	}
	return o
}

func drawSwitches(t *rapid.T, begin time.Time) (list []calendar.Switch) {
	for range rapid.IntRange(0, 3).Draw(t, "switches") {
		from := begin.Add(time.Duration(rapid.IntRange(-60, 3*24*60).Draw(t, "thrown")) * time.Minute)
		list = append(list, calendar.Switch{
			Mode: rapid.SampledFrom(calendar.Modes()).Draw(t, "mode"), From: from,
			Until: from.Add(time.Duration(rapid.IntRange(1, 24*60).Draw(t, "for")) * time.Minute),
		})
	}
	return list
}

// wall is a clock that stands still when others are put back.
type wall struct {
	options  calendar.Options
	switches []calendar.Switch
	shows    time.Time // in UTC, whatever the zone
}

// mode lets the clock go on to at and tells what is in force.
func (w *wall) mode(at time.Time) calendar.Mode {
	_, offset := at.In(w.options.Zone).Zone()
	if shown := at.UTC().Add(time.Duration(offset) * time.Second); shown.After(w.shows) {
		w.shows = shown
	}
	var thrown *calendar.Switch
	for i, s := range w.switches {
		if !at.Before(s.From) && at.Before(s.Until) && (thrown == nil || !s.From.Before(thrown.From)) {
			thrown = &w.switches[i]
		}
	}
	if thrown != nil {
		return thrown.Mode
	}
	midnight := w.shows.Truncate(24 * time.Hour)
	for back := range 2 {
		begin := midnight.AddDate(0, 0, -back)
		spans, _ := w.hours(begin)
		for _, s := range spans {
			if since := w.shows.Sub(begin); s.From <= since && since < s.To {
				return calendar.Open
			}
		}
	}
	_, otherwise := w.hours(midnight)
	return otherwise
}

// hours returns the hours of the day that begins at midnight, and the mode
// outside of them.
func (w *wall) hours(midnight time.Time) ([]calendar.Span, calendar.Mode) {
	is := func(d calendar.Date) bool { return d.String() == midnight.Format(time.DateOnly) }
	for _, s := range w.options.Dates {
		if is(s.Date) {
			return s.Hours, calendar.Closed
		}
	}
	for _, h := range w.options.Holidays {
		for _, workday := range h.Worked {
			if is(workday.Date) {
				return w.options.Weekly[workday.Like], calendar.Closed
			}
		}
		for d := h.From; d.Compare(h.To) <= 0; d = d.AddDays(1) {
			if is(d) {
				return w.options.HolidayHours, calendar.Holiday
			}
		}
	}
	return w.options.Weekly[midnight.Weekday()], calendar.Closed
}

// FuzzParse holds that what is read is written so that it reads the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"09:00-18:00", "22:00-06:00", "2026-10-01", "2026-10-10 like wednesday", "mon-fri", "-", "99:99-00:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := calendar.ParseSpan(text); err == nil {
			if again, err := calendar.ParseSpan(s.String()); again != s || err != nil {
				t.Errorf("%q: read %v, then %v (%v)", text, s, again, err)
			}
		}
		if d, err := calendar.ParseDate(text); err == nil {
			if again, err := calendar.ParseDate(d.String()); again != d || err != nil {
				t.Errorf("%q: read %v, then %v (%v)", text, d, again, err)
			}
		}
		var w calendar.Workday
		if err := w.UnmarshalText([]byte(text)); err == nil && (w.Like < time.Sunday || w.Like > time.Saturday) {
			t.Errorf("%q: read %v", text, w)
		}
		if days, err := calendar.ParseDays(text); err == nil && len(days) == 0 {
			t.Errorf("%q: read no day, want one or an error", text)
		}
	})
}
