package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"cardline/acd"
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

// state tells what is in force by the hours of a line or queue.
func (w *teller) state(hours string) calendar.State { return w.c.Calendar(hours).State(w.at) }

func (w *teller) lines() {
	rows := [][]string{{"LINE", "NUMBERS", "MODE", "UNTIL", "CALLERS BEGIN WITH", "WHY"}}
	for _, l := range w.c.File.Lines {
		s := w.state(l.Hours)
		begin := "flow " + l.FlowIn(s.Mode)
		if l.HeadStart > 0 {
			begin += fmt.Sprintf(", %s ahead", configs.Short(l.HeadStart))
		}
		rows = append(rows, []string{l.Name, strings.Join(l.Numbers, " "), string(s.Mode), w.until(l.Hours, s), begin, s.Why})
	}
	table(&w.text, rows)
}

func (w *teller) queues() {
	states := [][]string{{"QUEUE", "MODE", "UNTIL", "WHY"}}
	serving := [][]string{{"QUEUE", "WHEN", "WHO MAY COME", "AGENTS"}}
	ways := [][]string{{"QUEUE", "WHEN", "THE CALLER GOES"}}
	all := w.c.Routing().Queues
	for i, q := range w.c.File.Queues {
		s := w.state(q.Hours)
		states = append(states, []string{q.Name, string(s.Mode), w.until(q.Hours, s), s.Why})
		serving = append(serving, w.serving(all[i], all)...)
		ways = append(ways, w.ways(q, s.Mode)...)
	}
	table(&w.text, states)
	table(&w.text, serving)
	table(&w.text, ways)
}

// serving tells who could take callers of a queue, step by step.
func (w *teller) serving(q acd.Queue, all []acd.Queue) (rows [][]string) {
	name, step := q.Name, acd.Step{Requires: q.Requires, Sites: q.Sites}
	for n := range len(q.Steps) + 1 {
		when := "at once"
		if n > 0 {
			step = q.Steps[n-1]
			when = moments(step)
		}
		who := cmp.Or(step.Requires.String(), "anybody")
		if len(step.Sites) > 0 {
			who += " at " + strings.Join(step.Sites, " or ")
		}
		if len(step.Queues) > 0 {
			who += ", or who serves " + strings.Join(step.Queues, " or ")
		}
		var able []string
		for _, a := range w.c.Routing().Agents {
			if a.Serves(q, n, all) {
				able = append(able, a.ID)
			}
		}
		rows = append(rows, []string{name, when, who, crowd(able)})
		name = ""
	}
	return rows
}

// moments says when a step comes.
func moments(s acd.Step) string {
	var list []string
	if s.After > 0 {
		list = append(list, "after "+configs.Short(s.After))
	}
	if s.EstimateOver > 0 {
		list = append(list, "estimate > "+configs.Short(s.EstimateOver))
	}
	return strings.Join(list, " or ")
}

// mostNames is how many agents are named.
const mostNames = 6

// crowd counts agents and names the first of them.
func crowd(who []string) string {
	text := fmt.Sprintf("%d: %s", len(who), strings.Join(who[:min(len(who), mostNames)], " "))
	if more := len(who) - mostNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// ways tells where callers go who are not served.
func (w *teller) ways(q configs.Queue, mode calendar.Mode) (rows [][]string) {
	closing := false
	row := func(when, to string) {
		name := q.Name
		if len(rows) > 0 {
			name = ""
		}
		rows = append(rows, []string{name, when, to})
	}
	for _, o := range q.Ways() {
		when, to := o.When.String(), "to "+o.To
		if o.When.Trigger == acd.OnClosing {
			closing = true
			if mode != calendar.Open {
				when += ", as now"
			}
		}
		if o.When.Trigger == acd.OnExitKey {
			when = "key " + q.ExitKey
		}
		if other := w.queue(o.To); other == nil {
			to = "back to the flow"
		} else if s := w.state(other.Hours); s.Mode != calendar.Open {
			to += fmt.Sprintf(", but not now (%s)", s.Mode)
		}
		if o.Return {
			to += ", unless an agent of " + q.Name + " is free first"
		}
		row(when, to)
	}
	if mode != calendar.Open && !closing {
		row("closed, as now", "back to the flow")
	}
	if q.Callback != nil {
		row("a call back is asked for", w.callback(q))
	}
	if len(rows) == 0 {
		row("never", "")
	}
	return rows
}

func (w *teller) queue(name string) *configs.Queue {
	for _, q := range w.c.File.Queues {
		if q.Name == name {
			return &q
		}
	}
	return nil
}

// callback tells how callers of a queue are called back.
func (w *teller) callback(q configs.Queue) string {
	c := w.c.Routing().Queues[slices.IndexFunc(w.c.File.Queues, func(o configs.Queue) bool { return o.Name == q.Name })].Callback
	trunk, ok := w.c.CallbackTrunk()
	if !ok {
		return "on waiting: there is no trunk"
	}
	text := fmt.Sprintf("home, and is called by %s, the %s first", trunk.Name, c.First)
	hours := cmp.Or(q.Callback.Hours, q.Hours)
	if s := w.state(hours); s.Mode != calendar.Open {
		text += ", after " + w.moment(w.opening(hours, s))
	}
	return text
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
		next := w.c.Calendar(hours).State(s.Until)
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
