package calendar

import (
	"fmt"
	"strings"
	"time"
)

// A Span is a stretch of opening hours in whole minutes, as the clock on the
// wall shows them. From counts, To does not.
type Span struct {
	From, To time.Duration // since midnight; To may be past the next one
}

// ParseSpan reads hours such as 09:00-18:00. Hours that end at or before their
// beginning end on the next day: 22:00-06:00. The end of a day is 24:00.
func ParseSpan(text string) (Span, error) {
	from, to, ok := strings.Cut(strings.ReplaceAll(text, " ", ""), "-")
	var s Span
	if ok {
		s.From, ok = parseClock(from)
	}
	if ok {
		s.To, ok = parseClock(to)
	}
	if !ok {
		return Span{}, fmt.Errorf("%q are no hours such as 09:00-18:00", text)
	}
	if s.To < s.From {
		s.To += fullDay
	}
	return s, s.check()
}

const fullDay = 24 * time.Hour

func parseClock(text string) (time.Duration, bool) {
	if text == "24:00" {
		return fullDay, true
	}
	t, err := time.Parse("15:04", text)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil
}

// UnmarshalText is [ParseSpan].
func (s *Span) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSpan(string(text))
	return err
}

// String returns the hours as 09:00-18:00.
func (s Span) String() string { return clock(s.From) + "-" + clock(s.To) }

func clock(d time.Duration) string {
	if d > fullDay {
		d -= fullDay
	}
	return fmt.Sprintf("%02d:%02d", d/time.Hour, d%time.Hour/time.Minute)
}

// check says why the hours make no sense.
func (s Span) check() error {
	switch {
	case s.From < 0 || s.From >= fullDay || s.From%time.Minute != 0 || s.To%time.Minute != 0:
		return fmt.Errorf("%v is no time of a day in whole minutes", s)
	case s.To == s.From:
		return fmt.Errorf("%v ends as it begins; a whole day is 00:00-24:00", s)
	case s.To < s.From || s.To > s.From+fullDay:
		return fmt.Errorf("%v is longer than a day", s)
	}
	return nil
}
