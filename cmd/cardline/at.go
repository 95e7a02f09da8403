package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"cardline/calendar"
	"cardline/configs"
)

// tellAt says in words what would happen at a moment, line by line and queue by
// queue.
func tellAt(out io.Writer, c *configs.Config, at time.Time) error {
	w := teller{c: c, at: at}
	fmt.Fprintf(&w.text, "%s, %s\n\n", at.Format("Monday 2 January 2006, 15:04 -07:00"), at.Location())
	w.lines()
	w.queues()
	w.notes()
	_, err := io.WriteString(out, w.text.String())
	return err
}

type teller struct {
	c    *configs.Config
	at   time.Time
	text strings.Builder
}

func (w *teller) lines() {
	rows := [][]string{{"LINE", "NUMBERS", "MODE", "UNTIL", "CALLERS BEGIN WITH", "WHY"}}
	for _, l := range w.c.File.Lines {
		s := w.c.State(l.Hours, w.at)
		begin := "flow " + l.FlowIn(s.Mode)
		if l.HeadStart > 0 {
			begin += fmt.Sprintf(", %v ahead", l.HeadStart)
		}
		rows = append(rows, []string{l.Name, strings.Join(l.Numbers, " "), string(s.Mode), w.until(l.Hours, s), begin, s.Why})
	}
	table(&w.text, rows)
}

func (w *teller) queues() {
	rows := [][]string{{"QUEUE", "MODE", "UNTIL", "WHY"}}
	for _, q := range w.c.File.Queues {
		s := w.c.State(q.Hours, w.at)
		rows = append(rows, []string{q.Name, string(s.Mode), w.until(q.Hours, s), s.Why})
	}
	table(&w.text, rows)
}

// notes warns of calendars that end before the moment: holidays of a year that
// nobody has entered yet look like working days.
func (w *teller) notes() {
	for _, named := range w.c.File.Calendars {
		last, ok := w.c.Calendar(named.Name).Last()
		if ok && len(named.Holidays) > 0 && w.at.Year() > last.Year {
			fmt.Fprintf(&w.text, "note: the calendar %s has no holidays after %v: enter those of %d\n", named.Name, last, w.at.Year())
		}
	}
}

// until says how long a state lasts, and when it opens next if not then.
func (w *teller) until(hours string, s calendar.State) string {
	if s.Until.IsZero() {
		return "for ever"
	}
	text := w.moment(s.Until)
	if opens := w.opening(hours, s); s.Mode != calendar.Open && !opens.IsZero() && !opens.Equal(s.Until) {
		text += ", opens " + w.moment(opens)
	}
	return text
}

// opening returns when a state that is not open ends in an open one, zero if
// it never does.
func (w *teller) opening(hours string, s calendar.State) time.Time {
	for !s.Until.IsZero() {
		next := w.c.State(hours, s.Until)
		if next.Mode == calendar.Open {
			return s.Until
		}
		s = next
	}
	return time.Time{}
}

// moment writes a time of the same year without it.
func (w *teller) moment(t time.Time) string {
	if t.Year() == w.at.Year() {
		return t.Format("Mon 2 Jan 15:04")
	}
	return t.Format("Mon 2 Jan 2006 15:04")
}

// table writes rows in columns, with an empty line after them. A Chinese sign
// is as wide as two letters.
func table(out io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-width(cell)+2))
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
	fmt.Fprintln(out)
}

func width(text string) (n int) {
	for _, r := range text {
		if n++; wide(r) {
			n++
		}
	}
	return n
}

// wide reports whether a terminal gives a sign two columns.
func wide(r rune) bool {
	return slices.ContainsFunc([][2]rune{{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0x20000, 0x3fffd}},
		func(block [2]rune) bool { return block[0] <= r && r <= block[1] })
}
