package sim

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"cardline/acd"
	"cardline/calendar"
)

// A reader turns texts into values and remembers what is wrong.
type reader struct {
	dir     fs.FS
	options acd.Options
	zone    *time.Location
	wrong   problems
	shiftOf []int // place in staff of each shift
}

// pathOf returns the path in the file of what a check calls a shift.
func (r *reader) pathOf(path string) string {
	var i int
	if n, _ := fmt.Sscanf(path, "shifts[%d]", &i); n == 1 && i < len(r.shiftOf) {
		return fmt.Sprintf("staff[%d].shift", r.shiftOf[i])
	}
	return path
}

func (r *reader) scenario(d *document) Scenario {
	s := Scenario{
		Name: d.Name, Seed: d.Seed, Days: d.Days, Calls: d.Calls, Ignore: d.Ignore, Refuse: d.Refuse, Absent: d.Absent,
		Begin: r.clock("begin", d.Begin), Length: r.duration("length", d.Length), WarmUp: r.duration("warm_up", d.WarmUp),
		Return: r.duration("return", d.Return), Answer: r.times("answer", d.Answer), WrapUp: r.times("work_after", d.After),
		ReplayAs: Callers{Talk: r.times("replay_as.talk", d.As.Talk), Patience: r.times("replay_as.patience", d.As.Patience)},
	}
	if d.Date != "" {
		var err error
		if s.Date, err = time.ParseInLocation(time.DateOnly, d.Date, r.zone); err != nil {
			r.wrong.add("date", "%q is no date; expected one such as 2026-10-01", d.Date)
		}
	}
	for i := range d.Queues {
		r.queue(fmt.Sprintf("queues[%d]", i), &d.Queues[i], &s)
	}
	for i := range d.Staff {
		r.staff(i, &d.Staff[i], &s)
	}
	for i := range d.Callers {
		c, at := &d.Callers[i], fmt.Sprintf("callers[%d]", i)
		s.Callers = append(s.Callers, Callers{
			Queue: c.Queue, Class: c.Class, Site: c.Site, HeadStart: r.duration(at+".head_start", c.HeadStart), PerHour: c.PerHour,
			Talk: r.times(at+".talk", c.Talk), Patience: r.times(at+".patience", c.Patience),
		})
	}
	if d.Replay != "" {
		var err error
		if s.Replay, err = ReadCallers(r.dir, d.Replay); err != nil {
			r.wrong = append(r.wrong, joined(err)...)
		}
	}
	if c := d.Callbacks; c != nil {
		s.Callbacks = r.callbacks(c)
	}
	if c := d.Redials; c != nil {
		s.Redials = UsualRedials(c.Share)
		if c.After != "" {
			s.Redials.After = r.times("redials.after", c.After)
		}
	}
	s.FitReplay()
	r.served(len(d.Queues))
	return s
}

func (r *reader) queue(at string, t *queueText, s *Scenario) {
	q := acd.Queue{
		Name: t.Name, Sites: t.Sites, SameSiteFirst: t.SameSiteFirst, Strategy: acd.Strategy(t.Strategy), OfferAgain: t.OfferAgain,
		RingTimeout: r.duration(at+".ring", t.Ring), Regain: r.duration(at+".regain", t.Regain),
	}
	hours := Hours{Doors: r.everyday(at+".hours", t.Hours)}
	if t.Callback != nil {
		q.Callback = r.callback(at+".callback", t.Callback)
		hours.Callbacks = r.everyday(at+".callback.hours", t.Callback.Hours)
	}
	if hours != (Hours{}) {
		if s.Hours == nil {
			s.Hours = map[string]Hours{}
		}
		s.Hours[t.Name] = hours
	}
	var err error
	if q.Requires, err = t.Requires.rule(); err != nil {
		r.wrong.add(at+".requires", "%v", err)
	}
	if q.Requires.Contradictory() {
		r.wrong.add(at+".requires", "%q contradicts itself; nobody can meet it", q.Requires)
	}
	if t.Strategy != "" && !slices.Contains(acd.Strategies, q.Strategy) {
		r.wrong.add(at+".strategy", "unknown strategy %q; choose one of %v", t.Strategy, acd.Strategies)
	}
	if wrapUp := r.duration(at+".wrap_up", t.WrapUp); wrapUp > 0 {
		q.WrapUp = acd.WrapUp{Policy: acd.WrapUpTimed, For: wrapUp}
	}
	if limit := r.duration(at+".max_wait", t.MaxWait); limit > 0 {
		q.Overflow = append(q.Overflow, acd.Overflow{When: acd.OverWait, Wait: limit})
	}
	switch {
	case t.MaxLength < 0:
		r.wrong.add(at+".max_length", "is %d, expected 1 or more, or nothing for no limit", t.MaxLength)
	case t.MaxLength > 0:
		q.Overflow = append(q.Overflow, acd.Overflow{When: acd.OverLength, Length: t.MaxLength})
	}
	switch {
	case t.Name == "":
		r.wrong.add(at+".name", "missing; give the queue a name")
	case slices.ContainsFunc(r.options.Queues, func(other acd.Queue) bool { return other.Name == t.Name }):
		r.wrong.add(at+".name", "%q is there already; give each queue its own name", t.Name)
	}
	r.options.Queues = append(slices.Clip(r.options.Queues), q)
}

// everyday reads hours that are the same every day, nil if there are none.
func (r *reader) everyday(at string, texts []string) *calendar.Calendar {
	if len(texts) == 0 {
		return nil
	}
	spans := make([]calendar.Span, len(texts))
	for i, text := range texts {
		var err error
		if spans[i], err = calendar.ParseSpan(text); err != nil {
			r.wrong.add(at, "%v", err)
			return nil
		}
	}
	o := calendar.Options{Zone: r.zone}
	for day := range o.Weekly {
		o.Weekly[day] = spans
	}
	made, err := calendar.New(o)
	if err != nil {
		r.wrong.add(at, "%v; correct one of the two", err)
	}
	return made
}

func (r *reader) callback(at string, t *callbackText) acd.Callback {
	c := acd.Callback{
		First: acd.CallbackFirst(cmp.Or(t.First, string(acd.CallerFirst))), Attempts: t.Attempts,
		Gap: r.within(at+".gap", t.Gap, longestGap), Ring: r.within(at+".ring", t.Ring, longestRing), Keep: r.within(at+".keep", t.Keep, longestKeep),
	}
	if c.First != acd.CallerFirst && c.First != acd.AgentFirst {
		r.wrong.add(at+".first", "is %q, expected caller or agent", t.First)
	}
	if t.Attempts < 0 || t.Attempts > mostAttempts {
		r.wrong.add(at+".attempts", "is %d, expected 1 to %d", t.Attempts, mostAttempts)
	}
	return c
}

// callbacks reads what callers make of the offer; what is not said is as usual.
func (r *reader) callbacks(t *callbacksText) Callbacks {
	c := UsualCallbacks(t.Share)
	c.PerDay = t.PerDay
	if t.After != "" {
		c.After = r.times("callbacks.after", t.After)
	}
	if t.Reached != nil {
		c.Reached = *t.Reached
	}
	if t.PickUp != "" {
		c.PickUp = r.times("callbacks.pick_up", t.PickUp)
	}
	if c.Share > 0 && !slices.ContainsFunc(r.options.Queues, offersCallbacks) {
		r.wrong.add("callbacks.share", "no queue offers to call back; give one a callback")
	}
	return c
}

func (r *reader) staff(i int, t *staffText, s *Scenario) {
	at := fmt.Sprintf("staff[%d]", i)
	ids := t.IDs
	switch {
	case t.Agents < 0 || t.Agents > mostAgents:
		r.wrong.add(at+".agents", "is %d, expected 1 to %d", t.Agents, mostAgents)
		return
	case (t.Agents > 0) == (len(t.IDs) > 0):
		r.wrong.add(at, "expected either agents, a number, or ids, agents of the configuration")
		return
	case len(t.IDs) > 0 && len(t.Skills)+len(t.Queues) > 0:
		r.wrong.add(at, "agents of the configuration have their skills and queues there; leave them away here")
	}
	for skill, level := range t.Skills {
		if level < 1 || level > acd.HighestLevel {
			r.wrong.add(at+".skills."+skill, "is %d, expected a level from 1 to %d", level, acd.HighestLevel)
		}
	}
	for n := range t.Agents {
		group := t.Group
		if group == "" {
			group = fmt.Sprint("staff", i+1)
		}
		a := acd.Agent{ID: fmt.Sprintf("%s-%d", group, n+1), Site: t.Site, Group: group, Skills: t.Skills, Queues: t.Queues}
		if slices.ContainsFunc(r.options.Agents, func(other acd.Agent) bool { return n == 0 && other.ID == a.ID }) {
			r.wrong.add(at+".group", "%q is there already; give each its own name", group)
			return
		}
		ids = append(ids, a.ID)
		r.options.Agents = append(slices.Clip(r.options.Agents), a)
	}
	if t.Shift == "" {
		if len(t.Breaks) > 0 {
			r.wrong.add(at+".breaks", "there is no shift around them; give one, such as 08:00-17:00")
		}
		return
	}
	from, to, _ := strings.Cut(t.Shift, "-")
	shift := Shift{Agents: ids, From: r.clock(at+".shift", from), To: r.clock(at+".shift", to)}
	for n, b := range t.Breaks {
		at := fmt.Sprintf("%s.breaks[%d]", at, n)
		shift.Breaks = append(shift.Breaks, Break{
			At: r.clock(at+".at", b.At), For: r.duration(at+".for", b.For), Over: r.duration(at+".over", b.Over), Reason: b.Reason,
		})
	}
	s.Shifts = append(s.Shifts, shift)
	r.shiftOf = append(r.shiftOf, i)
}

// served looks for queues of the scenario that nobody can serve.
func (r *reader) served(queues int) {
	all := r.options.Queues
	for i := range queues {
		q := all[len(all)-queues+i]
		if len(r.options.Agents) > 0 && !slices.ContainsFunc(r.options.Agents, func(a acd.Agent) bool { return a.Serves(q, 0, all) }) {
			r.wrong.add(fmt.Sprintf("queues[%d]", i), "nobody can serve %q; give some agents what it requires, %q", q.Name, q.Requires)
		}
	}
}

func (r *reader) duration(at, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		r.wrong.add(at, "%q is no time; expected one such as 30s, 5m or 10h", text)
	}
	return d
}

// within reads a time that has a limit.
func (r *reader) within(at, text string, most time.Duration) time.Duration {
	d := r.duration(at, text)
	if d > most {
		r.wrong.add(at, "is %s, expected at most %s", d, most)
	}
	return d
}

func (r *reader) times(at, text string) Times {
	if text == "" {
		return Times{}
	}
	t, err := ParseTimes(text, r.dir)
	if err != nil {
		r.wrong.add(at, "%v", err)
		return Fixed(0)
	}
	return t
}

func (r *reader) clock(at, text string) time.Duration {
	d, err := ParseClock(text)
	if err != nil {
		r.wrong.add(at, "%v", err)
	}
	return d
}

// ParseClock reads a time of day such as 08:00; hours from 24 on are those of
// the next day.
func ParseClock(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	hours, minutes, ok := strings.Cut(strings.TrimSpace(text), ":")
	h, fine := number(hours, 48)
	m, good := number(minutes, 59)
	if !ok || !fine || !good {
		return 0, fmt.Errorf("%q is no time of day; expected one such as 08:00", text)
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, nil
}

// number reads one or two digits.
func number(text string, most int) (n int, ok bool) {
	if len(text) < 1 || len(text) > 2 {
		return 0, false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n <= most
}
