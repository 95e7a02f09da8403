package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cardline/acd"
)

// A Scenario is what callers and agents do. Who is there, and how calls are
// routed, is in the router's own options.
//
// Times of day count from midnight of the first day. Each day begins and ends
// with an empty hotline: days do not know of one another.
type Scenario struct {
	Name string
	Seed uint64

	// Begin is the time of day at which callers begin to come, Length for how
	// long they do, and Days how many such days there are. If Days is zero it
	// is 1.
	Begin, Length time.Duration
	Days          int
	// Calls, if not zero, takes the place of Length: one day that lasts until
	// so many callers have come after the warm-up. Rates must then be constant.
	Calls int
	// WarmUp is the time from Begin on that does not count.
	WarmUp time.Duration

	// Date is the midnight at which the first day begins, and Hours, by queue,
	// say when queues take callers in. A queue without hours is always open;
	// without a date, the first day is some Monday.
	Date  time.Time
	Hours map[string]Hours

	Callers   []Callers
	Callbacks Callbacks
	Redials   Redials
	// Replay are callers who came at known times, ordered by them. What is not
	// known of them is drawn from ReplayAs.
	Replay   []Caller
	ReplayAs Callers

	// Shifts say when agents work; agents without one work from before Begin
	// until the last caller has gone.
	Shifts []Shift
	// Answer is how long agents let it ring. Ignore and Refuse are the shares
	// of offers that they do not answer or decline; who did not answer is back
	// after Return.
	Answer         Times
	Ignore, Refuse float64
	Return         time.Duration
	// WrapUp, if set, is after how long agents end the work after a call
	// themselves.
	WrapUp Times
	// Absent is the share of agents who do not come, drawn for each day.
	Absent float64
}

// HalfHour is the interval of profiles, and of the figures by interval.
const HalfHour = 30 * time.Minute

// Callers are one kind of caller: a Poisson stream.
type Callers struct {
	Queue     string
	Class     string // name of the head start
	Site      string // at which they come in; may be empty
	HeadStart time.Duration
	// PerHour is the rate in each half hour from the beginning; the last one
	// goes on.
	PerHour  []float64
	Talk     Times
	Patience Times // if not set, endless
}

// Caller is one caller of a replay.
type Caller struct {
	At        time.Duration // from midnight of the first day
	Queue     string
	Class     string
	Site      string
	HeadStart time.Duration
	Talk      time.Duration // zero: unknown
	Patience  time.Duration // zero: unknown
	Waited    time.Duration // the least that Patience can be, if that is unknown
}

// A Shift is a working day of some agents.
type Shift struct {
	Agents   []string
	From, To time.Duration
	Breaks   []Break
}

// A Break is a time off within a shift. The agents of the shift begin it one
// after another over the time Over.
type Break struct {
	At, For, Over time.Duration
	Reason        string // if empty, "break"
}

// Limits of what is simulated, so that a slip of the pen ends in an error and
// not in a night of computing.
const (
	mostAgents  = 100_000
	mostRate    = 10_000_000 // callers an hour
	mostDays    = 1000
	mostCalls   = 1_000_000_000
	mostStreams = 1000

	// Of calls back; those that a configuration may have.
	mostAttempts = 10
	longestGap   = 24 * time.Hour
	longestRing  = 5 * time.Minute
	longestKeep  = 7 * 24 * time.Hour
)

// A ScenarioError is something that is wrong with a scenario.
type ScenarioError struct {
	File    string // "" if it is in no file
	Line    int
	Path    string // such as callers[0].talk
	Message string // what is wrong and what is expected
}

func (p *ScenarioError) Error() string {
	if p.File == "" {
		return p.Path + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Path, p.Message)
}

// problems are collected, so that all of them are told at once.
type problems []error

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, &ScenarioError{Path: path, Message: fmt.Sprintf(format, args...)})
}

// Check returns everything that is wrong with the scenario for this router,
// joined; each is a [*ScenarioError].
func (s *Scenario) Check(o acd.Options) error {
	var wrong problems
	if len(o.Agents) == 0 {
		wrong.add("staff", "no agents; expected some, such as {group: cards, agents: 10}")
	}
	if len(o.Agents) > mostAgents {
		wrong.add("staff", "%d agents; at most %d are simulated", len(o.Agents), mostAgents)
	}
	for _, d := range []struct {
		path  string
		value time.Duration
		most  time.Duration
	}{
		{"begin", s.Begin, 24 * time.Hour},
		{"length", s.Length, 31 * 24 * time.Hour},
		{"warm_up", s.WarmUp, 1000 * 24 * time.Hour},
		{"return", s.Return, 24 * time.Hour},
	} {
		if d.value < 0 || d.value > d.most {
			wrong.add(d.path, "is %s, expected 0s to %s", d.value, d.most)
		}
	}
	for _, d := range []struct {
		path  string
		value float64
	}{{"ignore", s.Ignore}, {"refuse", s.Refuse}, {"absent", s.Absent}} {
		if !(d.value >= 0 && d.value < 1) {
			wrong.add(d.path, "is %v, expected a share from 0 to below 1", d.value)
		}
	}
	if s.Ignore+s.Refuse >= 1 {
		wrong.add("refuse", "makes %v together with ignore, expected less than 1", s.Ignore+s.Refuse)
	}
	if s.Answer.shape == endless {
		wrong.add("answer", "is endless: nobody would ever be answered; expected a time such as 1s-4s")
	}
	if s.WrapUp.shape == endless {
		wrong.add("work_after", "is endless; leave it away, and wrap-up lasts as long as the queue allows")
	}
	s.checkLength(&wrong)
	queues := make([]string, len(o.Queues))
	for i, q := range o.Queues {
		queues[i] = q.Name
	}
	if len(s.Callers) == 0 && len(s.Replay) == 0 {
		wrong.add("callers", "nobody calls; expected at least one kind, with queue, per_hour and talk")
	}
	if len(s.Callers) > mostStreams {
		wrong.add("callers", "%d kinds; at most %d are simulated", len(s.Callers), mostStreams)
	}
	for i, c := range s.Callers {
		path := fmt.Sprintf("callers[%d]", i)
		if !slices.Contains(queues, c.Queue) {
			wrong.add(path+".queue", "unknown queue %q; choose %s", c.Queue, strings.Join(queues, ", "))
		}
		c.check(path, s.Calls > 0, &wrong)
	}
	s.checkReplay(queues, &wrong)
	s.checkShifts(o, &wrong)
	s.checkHours(queues, &wrong)
	s.checkSites(o, &wrong)
	s.Callbacks.check(&wrong)
	s.Redials.check(&wrong)
	return errors.Join(wrong...)
}

func (s *Scenario) checkLength(wrong *problems) {
	if s.Days < 0 || s.Days > mostDays {
		wrong.add("days", "is %d, expected 1 to %d", s.Days, mostDays)
	}
	if s.Calls < 0 || s.Calls > mostCalls {
		wrong.add("calls", "is %d, expected 1 to %d", s.Calls, mostCalls)
	}
	switch {
	case s.Calls == 0 && s.Length == 0:
		wrong.add("length", "missing; say for how long callers come, such as 10h")
	case s.Calls == 0 && s.WarmUp >= s.Length && s.Length > 0:
		wrong.add("warm_up", "is %s, expected less than the length, which is %s", s.WarmUp, s.Length)
	case s.Calls > 0 && (len(s.Replay) > 0 || s.Days > 1 || s.Length > 0):
		wrong.add("calls", "goes with one stretch of constant rates; leave away calls, or length, days and replay")
	}
}

func (c *Callers) check(path string, constant bool, wrong *problems) {
	if c.HeadStart < 0 || c.HeadStart > 10*365*24*time.Hour {
		wrong.add(path+".head_start", "is %s, expected a time such as 60s", c.HeadStart)
	}
	if len(c.PerHour) == 0 {
		wrong.add(path+".per_hour", "missing; expected callers per hour, such as [450], or one figure for each half hour")
	}
	total := 0.0
	for _, rate := range c.PerHour {
		if !(rate >= 0 && rate <= mostRate) {
			wrong.add(path+".per_hour", "has %v, expected callers per hour from 0 to %d", rate, mostRate)
		}
		total += rate
	}
	if constant && len(c.PerHour) > 1 {
		wrong.add(path+".per_hour", "has %d figures, but a number of calls needs one constant rate", len(c.PerHour))
	}
	if constant && total == 0 {
		wrong.add(path+".per_hour", "is 0, so that the number of calls would never be reached; leave this kind away")
	}
	switch {
	case !c.Talk.IsSet():
		wrong.add(path+".talk", "missing; expected a time such as lognormal:4m,0.8")
	case c.Talk.shape == endless:
		wrong.add(path+".talk", "is endless: no call would ever end; expected a time such as lognormal:4m,0.8")
	case c.Talk.Mean() == 0:
		wrong.add(path+".talk", "is always 0: nobody would have anything to say; expected a time such as lognormal:4m,0.8")
	}
}

func (s *Scenario) checkReplay(queues []string, wrong *problems) {
	for i, c := range s.Replay {
		path := fmt.Sprintf("replay[%d]", i)
		switch {
		case !slices.Contains(queues, c.Queue):
			wrong.add(path, "unknown queue %q; choose %s", c.Queue, strings.Join(queues, ", "))
		case c.At < 0 || i > 0 && c.At < s.Replay[i-1].At:
			wrong.add(path, "comes before the caller in front; sort them by time")
		case c.Talk < 0 || c.Patience < 0 || c.Waited < 0 || c.HeadStart < 0:
			wrong.add(path, "a time is negative")
		case c.Talk == 0 && (s.ReplayAs.Talk.Mean() == 0 || s.ReplayAs.Talk.shape == endless):
			wrong.add(path, "nothing is known of the talk; give a distribution for such callers, such as lognormal:4m,0.8")
		default:
			continue
		}
		return // the others are probably wrong in the same way
	}
}

func (s *Scenario) checkShifts(o acd.Options, wrong *problems) {
	known := make(map[string]bool, len(o.Agents))
	for _, a := range o.Agents {
		known[a.ID] = true
	}
	for i, shift := range s.Shifts {
		path := fmt.Sprintf("shifts[%d]", i)
		for _, id := range shift.Agents {
			if !known[id] {
				wrong.add(path, "unknown agent %q; name agents of the configuration", id)
			}
		}
		if shift.From < 0 || shift.To <= shift.From || shift.To > 48*time.Hour {
			wrong.add(path, "is from %s to %s, expected times of day such as 08:00-17:00", clock(shift.From), clock(shift.To))
			continue
		}
		for _, b := range shift.Breaks {
			if b.At < shift.From || b.For <= 0 || b.Over < 0 || b.At+b.Over+b.For > shift.To {
				wrong.add(path, "the break at %s for %s over %s is not within the shift from %s to %s",
					clock(b.At), b.For, b.Over, clock(shift.From), clock(shift.To))
			}
		}
	}
}

// checkSites refuses sites at which nobody works: they would change nothing.
func (s *Scenario) checkSites(o acd.Options, wrong *problems) {
	known := map[string]bool{"": true}
	for _, a := range o.Agents {
		known[a.Site] = true
	}
	for i, c := range s.Callers {
		if !known[c.Site] {
			wrong.add(fmt.Sprintf("callers[%d].site", i), "no agent is at %q; name a site of some agents", c.Site)
		}
	}
	for i, c := range s.Replay {
		if !known[c.Site] {
			wrong.add(fmt.Sprintf("replay[%d]", i), "no agent is at the site %q; name a site of some agents", c.Site)
			return // the others are probably wrong in the same way
		}
	}
}

// clock writes a time of day.
func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}
