package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardline/acd"
	"cardline/configs"
	"cardline/sim"
)

// workload is what both simulate and plan need: who calls, who is there.
type workload struct {
	config    string
	erlang    string
	calls     int
	seed      uint64
	perDay    int
	agents    int
	date      string
	days      int
	begin     string
	length    time.Duration
	warmUp    time.Duration
	perHour   map[string]string
	talk      sim.Times
	patience  sim.Times
	callbacks float64
	redials   float64
	answer    sim.Times
	replay    string
	data      string
	day       string
	shifts    string
	scale     float64
	absent    float64
	options   sim.Options
	changed   func(flag string) bool
	hotline   *configs.Config // that was read last, nil without one
}

// flags adds the flags of a workload.
func (w *workload) flags(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &w.options
	flags.StringVar(&w.config, "config", "", "configuration directory with queues and agents")
	flags.StringVar(&w.erlang, "erlang", "", "lambda=,mu=,theta=,n=: rates per second; theta=0 is endless patience")
	flags.IntVar(&w.calls, "calls", 0, "callers who count, in place of a length; 200000 with --erlang")
	flags.Uint64Var(&w.seed, "seed", 1, "of all that is left to chance")
	flags.IntVar(&w.perDay, "calls-per-day", 4000, "callers of a typical day")
	flags.IntVar(&w.agents, "agents", 60, "agents of a typical day")
	flags.StringVar(&w.date, "date", "", "date of the first day, such as 2026-10-01, by which the queues keep their hours; always open if empty")
	flags.IntVar(&w.days, "days", 0, "days to simulate, one after another")
	flags.StringVar(&w.begin, "begin", "08:00", "time of day at which callers begin to come, with --per-hour")
	flags.DurationVar(&w.length, "length", 0, "for how long callers come, with --per-hour; 10h if --calls is not given")
	flags.DurationVar(&w.warmUp, "warm-up", 0, "time at the beginning that does not count")
	flags.StringToStringVar(&w.perHour, "per-hour", nil, "callers per hour by queue, such as cards=300,english=40")
	flags.Var(&w.talk, "talk", "how long callers talk, with --per-hour, or where a replay does not know it")
	flags.Var(&w.patience, "patience", "how long they wait before they give up, if not for ever")
	flags.Float64Var(&w.callbacks, "callbacks", 0, "share of callers, 0 to 1, who take a queue's offer to be called back")
	flags.Float64Var(&w.redials, "redials", 0, "share of those who give up, 0 to below 1, who call again within ten minutes")
	flags.Var(&w.answer, "answer", "how long agents let it ring")
	flags.StringVar(&w.replay, "replay", "", "CSV file of callers")
	flags.StringVar(&w.data, "data", "", "data directory of a hotline, whose ledger is replayed")
	flags.StringVar(&w.day, "day", "", "the day of the ledger to replay, such as 2026-11-20; the last one if empty")
	flags.StringVar(&w.shifts, "shifts", "", "CSV file of shifts")
	flags.Float64Var(&w.scale, "scale", 1, "times as many callers, such as 1.1")
	flags.Float64Var(&w.absent, "absent", 0, "share of agents who do not come, 0 to below 1")
	flags.DurationVar(&o.Threshold, "threshold", 20*time.Second, "T of the service levels")
	flags.DurationVar(&o.Short, "short", 5*time.Second, "who gives up within this time is left out of SL-5 and SL-6")
	flags.IntVar(&o.Replications, "replications", 1, "how often all days are simulated, with other chances each time")
	flags.Float64Var(&o.Confidence, "confidence", 0.99, "of the intervals")
	flags.IntVar(&o.Workers, "workers", 0, "days at one time; as many as there are processors if 0")
}

// flagError tells a flag that makes no sense.
func flagError(flag, format string, args ...any) error {
	return exitError{exitUsage, fmt.Errorf("--"+flag+": "+format, args...)}
}

// invalid marks a scenario with problems.
func invalid(err error) error {
	if _, ok := errors.AsType[*sim.ScenarioError](err); ok {
		return exitError{exitInvalid, err}
	}
	return exitError{exitFailed, err}
}

// check looks at what no scenario can be blamed for.
func (w *workload) check() error {
	o := w.options
	switch {
	case w.calls < 0 || w.changed("calls") && w.calls == 0:
		return flagError("calls", "%d makes no sense; expected a number such as 200000", w.calls)
	case w.perDay < 1 || w.perDay > 10_000_000:
		return flagError("calls-per-day", "%d makes no sense; expected 1 to 10000000", w.perDay)
	case w.agents < 1 || w.agents > 100_000:
		return flagError("agents", "%d makes no sense; expected 1 to 100000", w.agents)
	case w.days < 0 || w.days > 1000 || w.changed("days") && w.days == 0:
		return flagError("days", "%d makes no sense; expected 1 to 1000", w.days)
	case w.length < 0 || w.length > 31*24*time.Hour:
		return flagError("length", "%s makes no sense; expected a time such as 10h", w.length)
	case w.warmUp < 0 || w.warmUp > 31*24*time.Hour:
		return flagError("warm-up", "%s makes no sense; expected a time such as 30m", w.warmUp)
	case !(w.scale > 0 && w.scale <= 1000):
		return flagError("scale", "%v makes no sense; expected a factor such as 1.1", w.scale)
	case !(w.absent >= 0 && w.absent < 1):
		return flagError("absent", "%v makes no sense; expected a share from 0 to below 1, such as 0.05", w.absent)
	case !(w.callbacks >= 0 && w.callbacks <= 1):
		return flagError("callbacks", "%v makes no sense; expected a share from 0 to 1, such as 0.2", w.callbacks)
	case !(w.redials >= 0 && w.redials < 1):
		return flagError("redials", "%v makes no sense; expected a share from 0 to below 1, such as 0.4", w.redials)
	case o.Threshold <= 0 || o.Threshold > 24*time.Hour:
		return flagError("threshold", "%s makes no sense; expected a time such as 20s", o.Threshold)
	case o.Short <= 0 || o.Short > 24*time.Hour:
		return flagError("short", "%s makes no sense; expected a time such as 5s", o.Short)
	case o.Replications < 1 || o.Replications > 100_000:
		return flagError("replications", "%d makes no sense; expected 1 to 100000", o.Replications)
	case !(o.Confidence > 0 && o.Confidence < 1):
		return flagError("confidence", "%v makes no sense; expected a share such as 0.99", o.Confidence)
	case o.Workers < 0:
		return flagError("workers", "%d makes no sense; expected 1 or more", o.Workers)
	}
	return nil
}

// only refuses flags that would be left unheard.
func (w *workload) only(with string, flags ...string) error {
	for _, flag := range flags {
		if w.changed(flag) {
			return flagError(flag, "has no meaning with %s; leave one of them away", with)
		}
	}
	return nil
}

// read makes the router's options and the scenario.
func (w *workload) read(ctx context.Context, file string) (o acd.Options, s sim.Scenario, err error) {
	if err := w.check(); err != nil {
		return o, s, err
	}
	switch {
	case w.erlang != "":
		return w.readTheory(file)
	case w.config == "" && file == "":
		if err := w.only("a typical day", "begin", "length", "per-hour", "talk", "patience", "callbacks", "replay", "data", "day",
			"shifts", "calls", "date"); err != nil {
			return o, s, fmt.Errorf("%w, or give --config or a scenario", err)
		}
		o, s = sim.Typical(w.perDay, w.agents)
	default:
		if o, s, err = w.stage("config", w.config, file); err != nil {
			return o, s, err
		}
	}
	if err := w.override(&s); err != nil {
		return o, s, err
	}
	if s.Callbacks.Share > 0 && !slices.ContainsFunc(o.Queues, func(q acd.Queue) bool { return q.Callback.First != "" }) {
		return o, s, w.noCallbacks()
	}
	if err := w.comers(ctx, &o, &s, file); err != nil {
		return o, s, err
	}
	if err := s.Check(o); err != nil {
		return o, s, invalid(err)
	}
	return o, s, nil
}

// noCallbacks says why nobody can be called back.
func (w *workload) noCallbacks() error {
	if c := w.hotline; c != nil && slices.ContainsFunc(c.File.Queues, func(q configs.Queue) bool { return q.Callback != nil }) {
		return flagError("callbacks", "the configuration has callbacks.per_day: 0, so that nobody is called back; raise it")
	}
	return flagError("callbacks", "no queue offers to call back; give one a callback")
}

// sites returns, by trunk, the sites at which callers come in and somebody
// works.
func (w *workload) sites(agents []acd.Agent) map[string]string {
	list := map[string]string{}
	if w.hotline == nil {
		return list
	}
	for _, trunk := range w.hotline.File.Trunks {
		if slices.ContainsFunc(agents, func(a acd.Agent) bool { return a.Site == trunk.Site }) {
			list[trunk.Name] = trunk.Site
		}
	}
	return list
}

// stage reads a configuration, a scenario, or a scenario that is played in a
// configuration. The flag is the one that named the configuration.
func (w *workload) stage(flag, config, file string) (o acd.Options, s sim.Scenario, err error) {
	zone, c := time.UTC, (*configs.Config)(nil)
	if config != "" {
		if c, err = readConfig(config); err != nil {
			return o, s, refusedConfig(flag, err)
		}
		o, zone = c.Routing(), c.Zone()
		s.Name, s.Answer = filepath.Base(config), sim.Fixed(3*time.Second)
	}
	if file != "" {
		if o, s, err = readScenario(file, o, zone); err != nil {
			return o, s, err
		}
	}
	if w.date != "" {
		if s.Date, err = time.ParseInLocation(time.DateOnly, w.date, zone); err != nil {
			return o, s, flagError("date", "%q is no date; expected one such as 2026-10-01", w.date)
		}
	}
	if w.hotline = c; c != nil {
		keepRules(c, &o, &s)
	}
	return o, s, nil
}

// keepRules lets the queues of a configuration keep their hours, if the
// scenario has a date, and no more callers be called back than the hotline
// itself would.
func keepRules(c *configs.Config, o *acd.Options, s *sim.Scenario) {
	if !s.Date.IsZero() {
		hours := map[string]sim.Hours{}
		for _, q := range c.File.Queues {
			h := sim.Hours{Doors: c.Calendar(q.Hours)}
			if q.Callback != nil && q.Callback.Hours != "" {
				h.Callbacks = c.Calendar(q.Callback.Hours)
			}
			hours[q.Name] = h
		}
		maps.Copy(hours, s.Hours)
		s.Hours = hours
	}
	most := c.Call().Callbacks.PerDay
	s.Callbacks.PerDay = cmp.Or(s.Callbacks.PerDay, most)
	if most == 0 { // none is promised
		for i := range c.File.Queues {
			o.Queues[i].Callback = acd.Callback{}
		}
	}
}

// readScenario reads a scenario file; errors name the file as it was given.
func readScenario(file string, base acd.Options, zone *time.Location) (acd.Options, sim.Scenario, error) {
	o, s, err := sim.Read(os.DirFS(filepath.Dir(file)), filepath.Base(file), base, zone)
	return o, s, placed(err, filepath.Dir(file))
}

// placed puts the directory before the files that problems name.
func placed(err error, dir string) error {
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		if p, ok := errors.AsType[*sim.ScenarioError](err); ok && p.File != "" {
			p.File = filepath.Join(dir, p.File)
		}
	}
	return invalid(err)
}

// refusedConfig tells a configuration with problems from one that is not there.
func refusedConfig(flag string, err error) error {
	if _, ok := errors.AsType[*configs.InvalidError](err); ok {
		return exitError{exitInvalid, fmt.Errorf("--%s: %w", flag, err)}
	}
	return exitError{exitFailed, fmt.Errorf("--%s: %w", flag, err)}
}

// override lets flags have their way with a scenario.
func (w *workload) override(s *sim.Scenario) error {
	if w.changed("seed") || s.Seed == 0 {
		s.Seed = w.seed
	}
	if w.changed("days") {
		s.Days = w.days
	}
	if w.changed("calls") {
		s.Calls, s.Length = w.calls, 0
	}
	if w.changed("warm-up") {
		s.WarmUp = w.warmUp
	}
	if w.changed("answer") {
		s.Answer = w.answer
	}
	if w.changed("absent") {
		s.Absent = w.absent
	}
	if w.changed("callbacks") {
		most := s.Callbacks.PerDay
		s.Callbacks = sim.UsualCallbacks(w.callbacks)
		s.Callbacks.PerDay = most
	}
	if w.changed("redials") {
		s.Redials = sim.UsualRedials(w.redials)
	}
	if w.shifts != "" {
		list, err := sim.ReadShifts(os.DirFS(filepath.Dir(w.shifts)), filepath.Base(w.shifts))
		if err != nil {
			return placed(err, filepath.Dir(w.shifts))
		}
		s.Shifts = append(s.Shifts, list...)
	}
	return nil
}

// comers adds the callers that flags name, and scales them all.
func (w *workload) comers(ctx context.Context, o *acd.Options, s *sim.Scenario, file string) (err error) {
	if file != "" {
		if err := w.only("a scenario", "per-hour", "length", "begin"); err != nil {
			return err
		}
	}
	if w.config != "" && file == "" && len(w.perHour) == 0 && w.replay == "" && w.data == "" {
		return flagError("per-hour", "nobody calls; expected callers such as cards=300, or --replay or --data")
	}
	if w.talk.IsSet() {
		s.ReplayAs.Talk = w.talk
	}
	if w.patience.IsSet() {
		s.ReplayAs.Patience = w.patience
	}
	if len(w.perHour) > 0 {
		if err := w.streams(o, s); err != nil {
			return err
		}
	}
	switch {
	case w.replay != "" && w.data != "":
		return flagError("replay", "has no meaning with --data; leave one of them away")
	case w.replay != "":
		if s.Replay, err = sim.ReadCallers(os.DirFS(filepath.Dir(w.replay)), filepath.Base(w.replay)); err != nil {
			return placed(err, filepath.Dir(w.replay))
		}
	case w.data != "":
		if s.Replay, err = readLedger(ctx, w.data, w.day, w.sites(o.Agents)); err != nil {
			return err
		}
	}
	s.FitReplay()
	for i := range s.Callers {
		s.Callers[i].PerHour = slices.Clone(s.Callers[i].PerHour)
		for j := range s.Callers[i].PerHour {
			s.Callers[i].PerHour[j] *= w.scale
		}
	}
	if w.scale != 1 && len(s.Replay) > 0 {
		return flagError("scale", "a replay cannot be scaled; give --per-hour in its place")
	}
	return nil
}

// streams adds the callers of --per-hour.
func (w *workload) streams(o *acd.Options, s *sim.Scenario) (err error) {
	if s.Begin, err = sim.ParseClock(w.begin); err != nil {
		return flagError("begin", "%w", err)
	}
	if s.Calls == 0 {
		s.Length = cmp.Or(w.length, 10*time.Hour)
	}
	if !w.talk.IsSet() {
		return flagError("talk", "missing; expected how long callers talk, such as lognormal:4m,0.8")
	}
	for _, queue := range slices.Sorted(maps.Keys(w.perHour)) {
		if !slices.ContainsFunc(o.Queues, func(q acd.Queue) bool { return q.Name == queue }) {
			var names []string
			for _, q := range o.Queues {
				names = append(names, q.Name)
			}
			return flagError("per-hour", "unknown queue %q; choose %s", queue, strings.Join(names, ", "))
		}
		rate, err := strconv.ParseFloat(w.perHour[queue], 64)
		if err != nil || !(rate > 0 && rate <= 1e7) {
			return flagError("per-hour", "%s=%s makes no sense; expected callers per hour such as %s=300", queue, w.perHour[queue], queue)
		}
		s.Callers = append(s.Callers, sim.Callers{Queue: queue, PerHour: []float64{rate}, Talk: w.talk, Patience: w.patience})
	}
	return nil
}
