package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"cardline/acd"
)

// document is a scenario as it is written. Times and distributions are texts,
// so that whatever is wrong with them is told by its line.
type document struct {
	Name   string  `yaml:"name"`
	Seed   uint64  `yaml:"seed"`
	Begin  string  `yaml:"begin"`
	Length string  `yaml:"length"`
	Days   int     `yaml:"days"`
	Calls  int     `yaml:"calls"`
	WarmUp string  `yaml:"warm_up"`
	Ignore float64 `yaml:"ignore"`
	Refuse float64 `yaml:"refuse"`
	Absent float64 `yaml:"absent"`
	Return string  `yaml:"return"`
	Answer string  `yaml:"answer"`
	After  string  `yaml:"work_after"`

	Queues  []queueText   `yaml:"queues"`
	Staff   []staffText   `yaml:"staff"`
	Callers []callersText `yaml:"callers"`
	Replay  string        `yaml:"replay"`    // CSV file
	As      replayText    `yaml:"replay_as"` // what is not known of the replayed
}

type queueText struct {
	Name       string `yaml:"name"`
	Requires   string `yaml:"requires"`
	Strategy   string `yaml:"strategy"`
	Ring       string `yaml:"ring"`
	WrapUp     string `yaml:"wrap_up"`
	MaxWait    string `yaml:"max_wait"`
	MaxLength  int    `yaml:"max_length"`
	OfferAgain bool   `yaml:"offer_again"`
}

type staffText struct {
	Group  string         `yaml:"group"`
	Site   string         `yaml:"site"`
	Agents int            `yaml:"agents"` // so many, called GROUP-1 and so on
	IDs    []string       `yaml:"ids"`    // or these, of the configuration
	Skills map[string]int `yaml:"skills"`
	Queues []string       `yaml:"queues"`
	Shift  string         `yaml:"shift"` // 08:00-17:00
	Breaks []breakText    `yaml:"breaks"`
}

type breakText struct {
	At     string `yaml:"at"`
	For    string `yaml:"for"`
	Over   string `yaml:"over"`
	Reason string `yaml:"reason"`
}

type callersText struct {
	Queue     string    `yaml:"queue"`
	Class     string    `yaml:"class"`
	HeadStart string    `yaml:"head_start"`
	PerHour   []float64 `yaml:"per_hour"`
	Talk      string    `yaml:"talk"`
	Patience  string    `yaml:"patience"`
}

type replayText struct {
	Talk     string `yaml:"talk"`
	Patience string `yaml:"patience"`
}

// largestFile bounds what is read as a scenario.
const largestFile = 1 << 20

// Read reads a scenario from a YAML file, with the files that it names beside
// it, and adds its queues and its staff to the router's options, which may be
// those of a configuration. The error has every problem, each a [*ScenarioError] with
// file and line.
func Read(dir fs.FS, name string, base acd.Options) (acd.Options, Scenario, error) {
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return base, Scenario{}, fmt.Errorf("scenario: %w", err)
	}
	fail := func(line int, message string) (acd.Options, Scenario, error) {
		return base, Scenario{}, &ScenarioError{File: name, Line: line, Path: "scenario", Message: message}
	}
	if len(text) > largestFile {
		return fail(1, fmt.Sprintf("the file has %d bytes, expected at most %d", len(text), largestFile))
	}
	var d document
	tree, err := parser.ParseBytes(text, 0)
	if err == nil {
		err = yaml.UnmarshalWithOptions(text, &d, yaml.Strict())
	}
	if err != nil {
		if e, ok := errors.AsType[yaml.Error](err); ok {
			return fail(e.GetToken().Position.Line, e.GetMessage()+"; see cardline simulate --help for the keys")
		}
		return fail(1, err.Error())
	}
	if len(tree.Docs) != 1 {
		return fail(1, "expected one document in the file")
	}
	dir, err = fs.Sub(dir, path.Dir(name))
	if err != nil {
		return fail(1, err.Error())
	}
	r := &reader{dir: dir, options: base}
	s := r.scenario(&d)
	if err := s.Check(r.options); err != nil && len(r.wrong) == 0 {
		r.wrong = append(r.wrong, joined(err)...)
	}
	for _, err := range r.wrong {
		if p, ok := errors.AsType[*ScenarioError](err); ok && p.File == "" {
			p.Path = r.pathOf(p.Path)
			p.File, p.Line = name, lineOf(tree, p.Path)
		}
	}
	return r.options, s, errors.Join(r.wrong...)
}

// joined returns the errors that were joined.
func joined(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	return []error{err}
}

// lineOf returns the line of a path in the file, or of the longest part of it
// that is there.
func lineOf(tree *ast.File, at string) int {
	for at != "" {
		if p, err := yaml.PathString("$." + at); err == nil {
			if node, err := p.FilterFile(tree); err == nil && node != nil {
				return node.GetToken().Position.Line
			}
		}
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	return 1
}

// A reader turns texts into values and remembers what is wrong.
type reader struct {
	dir     fs.FS
	options acd.Options
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
	for i := range d.Queues {
		r.queue(fmt.Sprintf("queues[%d]", i), &d.Queues[i])
	}
	for i := range d.Staff {
		r.staff(i, &d.Staff[i], &s)
	}
	for i := range d.Callers {
		c, at := &d.Callers[i], fmt.Sprintf("callers[%d]", i)
		s.Callers = append(s.Callers, Callers{
			Queue: c.Queue, Class: c.Class, HeadStart: r.duration(at+".head_start", c.HeadStart), PerHour: c.PerHour,
			Talk: r.times(at+".talk", c.Talk), Patience: r.times(at+".patience", c.Patience),
		})
	}
	if d.Replay != "" {
		var err error
		if s.Replay, err = ReadCallers(r.dir, d.Replay); err != nil {
			r.wrong = append(r.wrong, joined(err)...)
		}
	}
	s.FitReplay()
	r.served(len(d.Queues))
	return s
}

func (r *reader) queue(at string, t *queueText) {
	q := acd.Queue{
		Name: t.Name, Strategy: acd.Strategy(t.Strategy), OfferAgain: t.OfferAgain, RingTimeout: r.duration(at+".ring", t.Ring),
	}
	var err error
	if q.Requires, err = acd.ParseRequirement(t.Requires); err != nil {
		r.wrong.add(at+".requires", "%v", err)
	}
	if q.Requires.Contradictory() {
		r.wrong.add(at+".requires", "%q contradicts itself; nobody can meet it", t.Requires)
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
