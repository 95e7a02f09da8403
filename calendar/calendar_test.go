package calendar_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cardline/calendar"
)

// span, date and worked read what a test writes.
func span(t testing.TB, text string) calendar.Span {
	t.Helper()
	s, err := calendar.ParseSpan(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func date(t testing.TB, text string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func worked(t testing.TB, text string) (w calendar.Workday) {
	t.Helper()
	if err := w.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return w
}

// office is open from Monday to Friday with a pause at noon, on Saturday
// morning, and closed on the National Day of 2026, for which a Sunday and a
// Saturday are worked.
func office(t testing.TB) calendar.Options {
	t.Helper()
	o := calendar.Options{
		Holidays: []calendar.Holidays{{
			Name: "国庆节", From: date(t, "2026-10-01"), To: date(t, "2026-10-07"),
			Worked: []calendar.Workday{worked(t, "2026-09-20"), worked(t, "2026-10-10 like wednesday")},
		}},
		Dates: []calendar.Special{
			{Date: date(t, "2026-12-31"), Name: "year's end", Hours: []calendar.Span{span(t, "09:00-12:00")}},
			{Date: date(t, "2026-11-25")},
		},
	}
	for d := time.Monday; d <= time.Friday; d++ {
		o.Weekly[d] = []calendar.Span{span(t, "13:30-18:00"), span(t, "09:00-12:00")}
	}
	o.Weekly[time.Wednesday] = []calendar.Span{span(t, "10:00-20:00")}
	o.Weekly[time.Friday] = append(o.Weekly[time.Friday], span(t, "22:00-02:00"))
	return o
}

func made(t testing.TB, o calendar.Options) *calendar.Calendar {
	t.Helper()
	c, err := calendar.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const minute = "2006-01-02 15:04"

func told(s calendar.State) string {
	until := "for ever"
	if !s.Until.IsZero() {
		until = s.Until.Format("Mon " + minute)
	}
	return fmt.Sprintf("%s (%s) until %s", s.Mode, s.Why, until)
}

func TestNationalDay(t *testing.T) {
	c := made(t, office(t))
	for _, moment := range []struct{ at, want string }{
		{"2026-09-17 08:59", "closed (outside the hours of Thursday, 09:00-12:00, 13:30-18:00) until Thu 2026-09-17 09:00"},
		{"2026-09-17 09:00", "open (hours of Thursday, 09:00-12:00) until Thu 2026-09-17 12:00"},
		{"2026-09-17 12:00", "closed (outside the hours of Thursday, 09:00-12:00, 13:30-18:00) until Thu 2026-09-17 13:30"},
		{"2026-09-19 01:59", "open (hours of Friday, 22:00-02:00) until Sat 2026-09-19 02:00"},
		{"2026-09-19 02:00", "closed (no hours on Saturday) until Sun 2026-09-20 09:00"},
		{"2026-09-20 10:00", "open (hours of Sunday worked like a Monday for 国庆节, 09:00-12:00) until Sun 2026-09-20 12:00"},
		{"2026-09-30 21:00", "closed (outside the hours of Wednesday, 10:00-20:00) until Thu 2026-10-01 00:00"},
		{"2026-10-01 09:00", "holiday (国庆节) until Thu 2026-10-08 00:00"},
		{"2026-10-07 23:59", "holiday (国庆节) until Thu 2026-10-08 00:00"},
		{"2026-10-10 09:30", "closed (outside the hours of Saturday worked like a Wednesday for 国庆节, 10:00-20:00) until Sat 2026-10-10 10:00"},
		{"2026-10-10 19:00", "open (hours of Saturday worked like a Wednesday for 国庆节, 10:00-20:00) until Sat 2026-10-10 20:00"},
		{"2026-11-25 11:00", "closed (no hours on 2026-11-25) until Thu 2026-11-26 09:00"},
		{"2026-12-31 11:00", "open (hours of year's end, 09:00-12:00) until Thu 2026-12-31 12:00"},
		{"2026-12-31 13:00", "closed (outside the hours of year's end, 09:00-12:00) until Fri 2027-01-01 09:00"},
	} {
		at, err := time.ParseInLocation(minute, moment.at, c.Zone())
		if err != nil {
			t.Fatal(err)
		}
		if got := told(c.State(at)); got != moment.want {
			t.Errorf("%s:\ngot  %s\nwant %s", moment.at, got, moment.want)
		}
	}
	if last, ok := c.Last(); !ok || last != date(t, "2026-12-31") {
		t.Errorf("got %v as the last date, want 2026-12-31", last)
	}
}

func TestHolidayHours(t *testing.T) {
	o := office(t)
	o.HolidayHours = []calendar.Span{span(t, "10:00-16:00")}
	c := made(t, o)
	for hour, want := range map[int]string{
		9:  "holiday (outside the hours of 国庆节, 10:00-16:00) until Thu 2026-10-01 10:00",
		10: "open (hours of 国庆节, 10:00-16:00) until Thu 2026-10-01 16:00",
		16: "holiday (outside the hours of 国庆节, 10:00-16:00) until Fri 2026-10-02 10:00",
	} {
		if got := told(c.State(time.Date(2026, 10, 1, hour, 0, 0, 0, c.Zone()))); got != want {
			t.Errorf("%d:00: got %s, want %s", hour, got, want)
		}
	}
}

// TestNeverAndAlways holds that what never changes is said to be so, and that a
// change that is years ahead is found.
func TestNeverAndAlways(t *testing.T) {
	now := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	if got, want := told(made(t, calendar.Options{}).State(now)), "closed (no hours on Thursday) until for ever"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var o calendar.Options
	for d := range o.Weekly {
		o.Weekly[d] = []calendar.Span{span(t, "12:00-24:00"), span(t, "00:00-12:00")}
	}
	if got, want := told(made(t, o).State(now)), "open (open at all hours) until for ever"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	o.Dates = []calendar.Special{
		{Date: date(t, "2030-01-01"), Hours: []calendar.Span{span(t, "00:00-24:00")}},
		{Date: date(t, "2035-06-30")},
	}
	if got, want := told(made(t, o).State(now)), "open (hours of Thursday, 12:00-24:00) until Sat 2035-06-30 00:00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	after := time.Date(2035, 6, 30, 16, 0, 0, 0, time.UTC)
	if got, want := told(made(t, o).State(after)), "open (hours of Sunday, 00:00-12:00) until for ever"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSwitches(t *testing.T) {
	c := made(t, office(t))
	at := func(text string) time.Time {
		moment, err := time.ParseInLocation(minute, text, c.Zone())
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	storm := calendar.Switch{Mode: calendar.Emergency, Why: "typhoon", By: "1007", From: at("2026-09-17 10:00"), Until: at("2026-09-17 15:00")}
	helpers := calendar.Switch{Mode: calendar.Open, From: at("2026-09-17 11:00"), Until: at("2026-09-17 11:30")}
	drill := calendar.Switch{Mode: calendar.Emergency, By: "api", From: at("2026-09-17 15:00"), Until: at("2026-09-17 16:00")}
	good := calendar.Switch{Mode: calendar.Closed, Why: "moved", From: at("2027-01-01 00:00")}
	for _, moment := range []struct{ at, want string }{
		{"2026-09-17 09:30", "open (hours of Thursday, 09:00-12:00) until Thu 2026-09-17 10:00"},
		{"2026-09-17 10:00", "emergency (typhoon, switched by 1007) until Thu 2026-09-17 11:00"},
		{"2026-09-17 11:00", "open (switched) until Thu 2026-09-17 11:30"},
		{"2026-09-17 11:30", "emergency (typhoon, switched by 1007) until Thu 2026-09-17 16:00"},
		{"2026-09-17 15:30", "emergency (switched by api) until Thu 2026-09-17 16:00"},
		{"2026-09-17 16:00", "open (hours of Thursday, 13:30-18:00) until Thu 2026-09-17 18:00"},
		{"2026-12-31 13:00", "closed (outside the hours of year's end, 09:00-12:00) until for ever"},
		{"2027-03-01 10:00", "closed (moved, switched) until for ever"},
	} {
		if got := told(c.State(at(moment.at), storm, good, drill, helpers)); got != moment.want {
			t.Errorf("%s:\ngot  %s\nwant %s", moment.at, got, moment.want)
		}
		if got := told(c.With(storm).With(good, drill).State(at(moment.at), helpers)); got != moment.want {
			t.Errorf("%s, thrown for good:\ngot  %s\nwant %s", moment.at, got, moment.want)
		}
	}
	if got := c.State(at("2026-09-17 10:00")).Mode; got != calendar.Open {
		t.Errorf("got %s, want that the calendar itself has not changed", got)
	}
}

func TestRefused(t *testing.T) {
	nine := func(t testing.TB) []calendar.Span { return []calendar.Span{span(t, "09:00-18:00")} }
	for want, change := range map[string]func(*calendar.Options){
		"Monday: 09:00-18:00 and 17:00-20:00 overlap": func(o *calendar.Options) {
			o.Weekly[time.Monday] = append(nine(t), span(t, "17:00-20:00"))
		},
		"Sunday: 09:00-32:00 is longer than a day": func(o *calendar.Options) {
			o.Weekly[time.Sunday] = []calendar.Span{{From: 9 * time.Hour, To: 56 * time.Hour}}
		},
		"Tuesday: 09:00-18:00 is no time of a day in whole minutes": func(o *calendar.Options) {
			o.Weekly[time.Tuesday] = []calendar.Span{{From: 9*time.Hour + time.Second, To: 18 * time.Hour}}
		},
		"holiday hours: 09:00-18:00 and 09:00-18:00 overlap": func(o *calendar.Options) {
			o.HolidayHours = append(nine(t), nine(t)...)
		},
		"2026-12-31 is there twice": func(o *calendar.Options) {
			o.Dates = append(o.Dates, calendar.Special{Date: date(t, "2026-12-31")})
		},
		"2027-01-01: 09:00-18:00 and 09:00-18:00 overlap": func(o *calendar.Options) {
			o.Dates = append(o.Dates, calendar.Special{Date: date(t, "2027-01-01"), Hours: append(nine(t), nine(t)...)})
		},
		"中秋节: 2026-09-27 is after 2026-09-25": func(o *calendar.Options) {
			o.Holidays = append(o.Holidays, calendar.Holidays{Name: "中秋节", From: date(t, "2026-09-27"), To: date(t, "2026-09-25")})
		},
		"元旦: 2026-01-01 to 2027-01-03 is longer than 60 days": func(o *calendar.Options) {
			o.Holidays = append(o.Holidays, calendar.Holidays{Name: "元旦", From: date(t, "2026-01-01"), To: date(t, "2027-01-03")})
		},
		"2026-10-07 is of 国庆节 and of 重阳节": func(o *calendar.Options) {
			o.Holidays = append(o.Holidays, calendar.Holidays{Name: "重阳节", From: date(t, "2026-10-07"), To: date(t, "2026-10-07")})
		},
		"2026-10-03 is worked for 国庆节 and is 国庆节": func(o *calendar.Options) {
			o.Holidays[0].Worked = append(o.Holidays[0].Worked, worked(t, "2026-10-03"))
		},
	} {
		o := office(t)
		change(&o)
		if _, err := calendar.New(o); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"09:00-18:00": "09:00-18:00", "9:00 - 18:30": "09:00-18:30", "22:00-06:00": "22:00-06:00",
		"00:00-24:00": "00:00-24:00", "18:00-00:00": "18:00-24:00", "23:59-00:01": "23:59-00:01",
	} {
		if got := span(t, text).String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"":            `"" are no hours such as 09:00-18:00`,
		"9-18":        `"9-18" are no hours such as 09:00-18:00`,
		"09:00":       `"09:00" are no hours such as 09:00-18:00`,
		"09:00-25:00": `"09:00-25:00" are no hours such as 09:00-18:00`,
		"09:00-09:00": "09:00-09:00 ends as it begins; a whole day is 00:00-24:00",
		"24:00-06:00": "24:00-06:00 is no time of a day in whole minutes",
	} {
		if _, err := calendar.ParseSpan(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"mon": "[Monday]", "sunday": "[Sunday]", "mon-fri": "[Monday Tuesday Wednesday Thursday Friday]",
		"sat-mon, wed": "[Saturday Sunday Monday Wednesday]", "everyday": "[Monday Tuesday Wednesday Thursday Friday Saturday Sunday]",
	} {
		days, err := calendar.ParseDays(text)
		if got := fmt.Sprint(days); got != want || err != nil {
			t.Errorf("%s: got %s (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "Mo", "Monday", "mon-", "mon-fri-sun", "mon,", "holiday"} {
		if days, err := calendar.ParseDays(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, days)
		}
	}
	for text, want := range map[string]string{
		"2026-10-10": "{2026-10-10 Monday}", "2026-10-10 like fri": "{2026-10-10 Friday}",
	} {
		if got := fmt.Sprint(worked(t, text)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "2026-02-29", "10-10", "2026-10-10 like mon-fri", "2026-10-10 like", "like fri"} {
		var w calendar.Workday
		if err := w.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %v, want an error", text, w)
		}
	}
}

func TestModesAreListed(t *testing.T) {
	want := []calendar.Mode{calendar.Open, calendar.Closed, calendar.Holiday, calendar.Emergency}
	if got := calendar.Modes(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func BenchmarkState(b *testing.B) {
	c := made(b, office(b))
	at := time.Date(2026, 10, 1, 9, 0, 0, 0, c.Zone())
	for b.Loop() {
		c.State(at)
	}
}
