package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cardline/acd"
	"cardline/configs"
	"cardline/ledger"
	"cardline/sim"
	"cardline/sim/erlang"
	"cardline/sim/picture"
	"cardline/store/sqlite"
)

// workload is what both simulate and plan need: who calls, who is there.
type workload struct {
	config   string
	erlang   string
	calls    int
	seed     uint64
	perDay   int
	agents   int
	days     int
	begin    string
	length   time.Duration
	warmUp   time.Duration
	perHour  map[string]string
	talk     sim.Times
	patience sim.Times
	answer   sim.Times
	replay   string
	data     string
	day      string
	shifts   string
	scale    float64
	absent   float64
	options  sim.Options
	changed  func(flag string) bool
}

type simulateFlags struct {
	workload
	against  string
	json     bool
	csv, svg string
	record   string
	estimate bool
}

func newSimulate() *cobra.Command {
	f := simulateFlags{}
	cmd := &cobra.Command{
		Use:   "simulate [SCENARIO.yaml] | --estimator SCENARIO.yaml...",
		Short: "Simulate days of callers and agents on the router that routes live calls",
		Long: `Simulate days of callers and agents on the very router that routes live calls,
and print how long callers wait, how many give up, and how busy the agents are,
with confidence intervals.

What is simulated is one of
  - a scenario: a YAML file with queues, staff, shifts and callers (see below)
  - --config DIR: queues and agents of a configuration, with callers from
    --per-hour, --replay or --data, or with a scenario that has callers only
  - --erlang: what queueing theory knows, with the theory beside it
  - nothing of these: a typical day of --calls-per-day and --agents

Times are 30s, 10s-1m (any between), exp:4m (exponential, of that mean),
lognormal:4m,0.8 (of that mean and coefficient of variation), file:talk.csv (as
measured, a time in seconds a line) or endless.

A scenario has the keys name, seed, begin (08:00), length (10h), days, warm_up,
queues (name, requires, strategy, ring, wrap_up, max_wait, max_length,
offer_again), staff (group, agents or ids, skills, queues, site, shift
(08:00-17:00), breaks (at, for, over, reason)), callers (queue, class,
head_start, per_hour (one figure for each half hour, the last goes on), talk,
patience), answer (how long it rings), ignore and refuse (shares of offers),
return (after how long who did not answer is back), work_after (ends wrap-up
earlier), absent (share of agents), and replay (CSV file) with replay_as (talk
and patience of callers of whom they are not known).

--replay reads a CSV file with a heading: at (08:15:30) and queue, and if known
class, head_start, talk, patience and waited (of those who were answered), in
seconds. Without --patience, who was answered would have waited on as the others
of the replay did. --shifts reads one with agent, from and to, break_from and
break_to. The hotline is open all the time; opening hours are not simulated.

Every day begins and ends with an empty hotline, so days are simulated at the
same time on all processors; the result does not depend on how many there are.
The same seed gives the same callers, also for --against: both configurations
meet the very same ones, and the differences have paired intervals.

Exit codes: 0 done, 1 something failed, 2 the command line makes no sense, 3 the
scenario or the configuration has problems.`,
		Example: `  # a typical day, as tables and as a picture
  cardline simulate --calls-per-day 8000 --agents 120 --replications 20 --svg day.svg

  # your configuration, with 300 callers an hour for one queue and 40 for another
  cardline simulate --config /etc/cardline --per-hour cards=300,english=40 \
      --talk lognormal:4m,0.8 --patience exp:5m --length 10h --replications 20

  # is the new configuration better? the same callers for both
  cardline simulate --config old --against new --per-hour cards=300 --talk exp:4m --replications 50

  # yesterday again, from the ledger of the hotline
  cardline simulate --config /etc/cardline --data /var/lib/cardline --day 2026-11-20 --talk lognormal:4m,0.8

  # Erlang A: 0.5 calls a second, 200 s each, callers patient for 300 s, 95 agents
  cardline simulate --erlang lambda=0.5,mu=0.005,theta=0.00333,n=95 --calls 1000000 --json

  # how far off is the announced wait? beside two common rules, for several days
  cardline simulate --estimator steady.yaml ramp.yaml

  # a month of a large hotline
  cardline simulate --days 30 --calls-per-day 108667 --agents 1795`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.changed = cmd.Flags().Changed
			if f.estimate {
				return runEstimator(cmd.Context(), f, args, cmd.OutOrStdout())
			}
			if len(args) > 1 {
				return fmt.Errorf("%d scenarios; expected one, or --estimator for several", len(args))
			}
			scenario := ""
			if len(args) > 0 {
				scenario = args[0]
			}
			return runSimulate(cmd.Context(), f, scenario, cmd.OutOrStdout())
		},
	}
	f.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.against, "against", "", "compare with this configuration directory or scenario, with the same callers")
	flags.BoolVar(&f.json, "json", false, "print the figures as JSON, each with its interval as NAME_ci: [low, high]")
	flags.StringVar(&f.csv, "csv", "", "write the half hours of a mean day to this file")
	flags.StringVar(&f.svg, "svg", "", "draw a mean day into this file")
	flags.BoolVar(&f.estimate, "estimator", false, "print how far off the estimated wait is, beside two common rules")
	flags.StringVar(&f.record, "record", "", "write the router's commands of the first day to this file, one a line")
	return cmd
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
	flags.IntVar(&w.days, "days", 0, "days to simulate, one after another")
	flags.StringVar(&w.begin, "begin", "08:00", "time of day at which callers begin to come, with --per-hour")
	flags.DurationVar(&w.length, "length", 0, "for how long callers come, with --per-hour; 10h if --calls is not given")
	flags.DurationVar(&w.warmUp, "warm-up", 0, "time at the beginning that does not count")
	flags.StringToStringVar(&w.perHour, "per-hour", nil, "callers per hour by queue, such as cards=300,english=40")
	flags.Var(&w.talk, "talk", "how long callers talk, with --per-hour, or where a replay does not know it")
	flags.Var(&w.patience, "patience", "how long they wait before they give up, if not for ever")
	flags.Var(&w.answer, "answer", "how long agents let it ring")
	flags.StringVar(&w.replay, "replay", "", "CSV file of callers")
	flags.StringVar(&w.data, "data", "", "data directory of a hotline, whose ledger is replayed")
	flags.StringVar(&w.day, "day", "", "the day of the ledger to replay, such as 2026-11-20; the last one if empty")
	flags.StringVar(&w.shifts, "shifts", "", "CSV file of shifts")
	flags.Float64Var(&w.scale, "scale", 1, "times as many callers, such as 1.1")
	flags.Float64Var(&w.absent, "absent", 0, "share of agents who do not come, 0 to 1")
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
		if file != "" {
			return o, s, flagError("erlang", "has no meaning with a scenario; leave one of them away")
		}
		if err := w.only("--erlang", "config", "calls-per-day", "agents", "days", "begin", "length", "per-hour", "talk",
			"patience", "answer", "replay", "data", "day", "shifts", "absent"); err != nil {
			return o, s, err
		}
		q, err := w.queue()
		if err != nil {
			return o, s, err
		}
		if o, s, err = sim.Theory(q, cmp.Or(w.calls, 200_000), w.seed); err != nil {
			return o, s, flagError("erlang", "%w; %s", err, erlangWanted)
		}
		if w.changed("warm-up") {
			s.WarmUp = w.warmUp
		}
		return o, s, nil
	case w.config == "" && file == "":
		if err := w.only("a typical day", "begin", "length", "per-hour", "talk", "patience", "replay", "data", "day", "shifts", "calls"); err != nil {
			return o, s, fmt.Errorf("%w, or give --config or a scenario", err)
		}
		o, s = sim.Typical(w.perDay, w.agents)
	case file == "":
		c, err := readConfig(w.config)
		if err != nil {
			return o, s, refusedConfig("config", err)
		}
		o, s.Answer = c.Routing(), sim.Fixed(3*time.Second)
		s.Name = cmp.Or(filepath.Base(w.config), "configuration")
	default:
		if w.config != "" {
			c, err := readConfig(w.config)
			if err != nil {
				return o, s, refusedConfig("config", err)
			}
			o = c.Routing()
		}
		if o, s, err = readScenario(file, o); err != nil {
			return o, s, err
		}
	}
	return o, s, w.override(ctx, &o, &s, file)
}

// readScenario reads a scenario file; errors name the file as it was given.
func readScenario(file string, base acd.Options) (acd.Options, sim.Scenario, error) {
	o, s, err := sim.Read(os.DirFS(filepath.Dir(file)), filepath.Base(file), base)
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
func (w *workload) override(ctx context.Context, o *acd.Options, s *sim.Scenario, file string) error {
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
	if w.shifts != "" {
		list, err := sim.ReadShifts(os.DirFS(filepath.Dir(w.shifts)), filepath.Base(w.shifts))
		if err != nil {
			return placed(err, filepath.Dir(w.shifts))
		}
		s.Shifts = append(s.Shifts, list...)
	}
	if err := w.comers(ctx, o, s, file); err != nil {
		return err
	}
	for i := range s.Callers {
		s.Callers[i].PerHour = slices.Clone(s.Callers[i].PerHour)
		for j := range s.Callers[i].PerHour {
			s.Callers[i].PerHour[j] *= w.scale
		}
	}
	if w.scale != 1 && len(s.Replay) > 0 {
		return flagError("scale", "a replay cannot be scaled; give --per-hour in its place")
	}
	if err := s.Check(*o); err != nil {
		return invalid(err)
	}
	return nil
}

// comers adds the callers that flags name.
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
	}
	switch {
	case w.replay != "" && w.data != "":
		return flagError("replay", "has no meaning with --data; leave one of them away")
	case w.replay != "":
		if s.Replay, err = sim.ReadCallers(os.DirFS(filepath.Dir(w.replay)), filepath.Base(w.replay)); err != nil {
			return placed(err, filepath.Dir(w.replay))
		}
	case w.data != "":
		if s.Replay, err = readLedger(ctx, w.data, w.day); err != nil {
			return err
		}
	}
	s.FitReplay()
	return nil
}

// queue reads --erlang, scaled.
func (w *workload) queue() (erlang.Queue, error) {
	q, err := parseErlang(w.erlang)
	q.Lambda *= w.scale
	return q, err
}

// theory computes what --erlang comes to.
func (w *workload) theory() (*erlang.Figures, error) {
	q, err := w.queue()
	if err != nil {
		return nil, err
	}
	f, err := q.Figures(w.options.Threshold.Seconds())
	if err != nil {
		return nil, flagError("erlang", "%w", err)
	}
	return &f, nil
}

const erlangWanted = "expected rates per second such as lambda=0.5,mu=0.005,theta=0.0033,n=95"

// parseErlang reads the parameters of a queue.
func parseErlang(text string) (q erlang.Queue, err error) {
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if seen[key] {
			return q, flagError("erlang", "%s is given twice; %s", key, erlangWanted)
		}
		seen[key] = true
		number, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
			return q, flagError("erlang", "%q is no number; %s", part, erlangWanted)
		}
		switch key {
		case "lambda":
			q.Lambda = number
		case "mu":
			q.Mu = number
		case "theta":
			q.Theta = number
		case "n":
			q.Agents = int(number)
			if number != math.Trunc(number) || number < 1 || number > 100_000 {
				return q, flagError("erlang", "n is %s, expected a whole number of agents from 1 to 100000", value)
			}
		default:
			return q, flagError("erlang", "unknown key %q; %s", key, erlangWanted)
		}
	}
	for _, key := range []string{"lambda", "mu", "n"} {
		if !seen[key] {
			return q, flagError("erlang", "%s is missing; %s", key, erlangWanted)
		}
	}
	if err := q.Check(); err != nil {
		return q, flagError("erlang", "%w; %s", err, erlangWanted)
	}
	return q, nil
}

// readLedger makes callers of the entries of a hotline's ledger. Who gave up
// had that much patience, who was answered talked that long; what is not known
// is left open.
func readLedger(ctx context.Context, dir, day string) ([]sim.Caller, error) {
	file := filepath.Join(dir, "cardline.db")
	if _, err := os.Stat(file); err != nil {
		return nil, flagError("data", "%w; expected the data directory of a hotline", err)
	}
	var from time.Time
	if day != "" {
		var err error
		if from, err = time.ParseInLocation(time.DateOnly, day, time.Local); err != nil {
			return nil, flagError("day", "%q is no day; expected one such as 2026-11-20", day)
		}
	}
	s, err := sqlite.Open(sqlite.Options{File: file, Log: zerolog.Nop()})
	if err != nil {
		return nil, exitError{exitFailed, err}
	}
	defer func() { _ = s.Close() }()
	type open struct {
		sim.Caller
		entered time.Time
	}
	entries := map[uint64]*open{}
	var order []*open
	for after := uint64(0); ; {
		const page = 10_000
		events, err := s.Events(ctx, after, page)
		if err != nil {
			return nil, exitError{exitFailed, err}
		}
		for _, e := range events {
			after = e.Seq
			switch f := e.Fact.(type) {
			case ledger.Queued:
				at := e.At.Local()
				midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.Local)
				switch {
				case day != "" && !midnight.Equal(from), f.Via == ledger.ViaOverflow:
					continue
				case day == "" && !midnight.Equal(from):
					from, order = midnight, nil // a later day begins
				}
				c := &open{sim.Caller{At: at.Sub(midnight), Queue: f.Queue, Class: f.Class, HeadStart: time.Duration(f.HeadStart) * time.Millisecond}, e.At}
				entries[f.Entry] = c
				order = append(order, c)
			case ledger.Dequeued:
				if c := entries[f.Entry]; c != nil {
					c.Waited = max(time.Millisecond, time.Duration(f.Waited)*time.Millisecond)
					if f.Outcome == ledger.OutcomeAbandoned {
						c.Patience = c.Waited
					}
				}
			case ledger.TalkEnded:
				if c := entries[f.Entry]; c != nil {
					c.Talk = max(time.Millisecond, time.Duration(f.Talked+f.Held)*time.Millisecond)
				}
			case ledger.Started, ledger.Restarted:
				clear(entries) // entries are counted anew
			}
		}
		if len(events) < page {
			break
		}
	}
	if len(order) == 0 {
		return nil, flagError("data", "the ledger in %s has no callers in a queue%s", dir, onDay(day))
	}
	slices.SortStableFunc(order, func(a, b *open) int { return cmp.Compare(a.At, b.At) })
	list := make([]sim.Caller, len(order))
	for i, c := range order {
		list[i] = c.Caller
	}
	return list, nil
}

func onDay(day string) string {
	if day == "" {
		return ""
	}
	return " on " + day
}

func runSimulate(ctx context.Context, f simulateFlags, file string, out io.Writer) error {
	o, s, err := f.read(ctx, file)
	if err != nil {
		return err
	}
	options := f.options
	var recording *recording
	if f.record != "" {
		if recording, err = newRecording(f.record); err != nil {
			return flagError("record", "%w", err)
		}
		options.Record = recording.add
	}
	if (f.csv != "" || f.svg != "") && s.Calls > 0 {
		return flagError("csv", "there are no half hours in a number of calls; give a length, or leave --csv and --svg away")
	}
	ctx, again := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer again()
	context.AfterFunc(ctx, again) // a second signal ends the program
	result, err := simulate(ctx, o, s, options)
	if recording != nil {
		err = errors.Join(err, recording.close())
	}
	if err != nil {
		return err
	}
	if f.against != "" {
		return f.compare(ctx, result, s, options, file, out)
	}
	if f.erlang != "" {
		if result.Theory, err = f.theory(); err != nil {
			return err
		}
	}
	if err := f.draw(result); err != nil {
		return exitError{exitFailed, err}
	}
	write := result.WriteText
	if f.json {
		write = result.WriteJSON
	}
	if err := write(out); err != nil {
		return exitError{exitFailed, err}
	}
	return nil
}

// runEstimator holds the estimator of waits against several days.
func runEstimator(ctx context.Context, f simulateFlags, files []string, out io.Writer) error {
	if len(files) == 0 {
		return flagError("estimator", "no scenario; expected files such as sim/testdata/estimate/*.yaml")
	}
	if err := f.only("--estimator", "erlang", "against", "csv", "svg", "record"); err != nil {
		return err
	}
	ctx, again := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer again()
	context.AfterFunc(ctx, again) // a second signal ends the program
	options := f.options
	options.Estimator = sim.LiveEstimator
	var names []string
	var list []*sim.Errors
	for _, file := range files {
		o, s, err := f.read(ctx, file)
		if err != nil {
			return err
		}
		result, err := simulate(ctx, o, s, options)
		if err != nil {
			return err
		}
		names, list = append(names, cmp.Or(result.Name, file)), append(list, result.Errors)
	}
	write := sim.WriteErrors
	if f.json {
		write = sim.WriteErrorsJSON
	}
	if err := write(out, names, list); err != nil {
		return exitError{exitFailed, err}
	}
	return nil
}

// simulate runs one simulation and shows its progress.
func simulate(ctx context.Context, o acd.Options, s sim.Scenario, options sim.Options) (*sim.Result, error) {
	simulation, err := sim.New(o, s, options)
	if err != nil {
		return nil, invalid(err)
	}
	// The heap is a dozen megabytes of short-lived commands and effects: to
	// collect it less often costs a hundred more and saves a fifth of the time.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	finished, shown := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(shown)
		showBar(simulation.Progress, finished)
	}()
	result, err := simulation.Run(ctx)
	close(finished)
	<-shown
	if err != nil {
		return nil, exitError{exitFailed, fmt.Errorf("simulate: %w", err)}
	}
	return result, nil
}

// draw writes the files that were asked for.
func (f *simulateFlags) draw(r *sim.Result) error {
	for path, write := range map[string]func(io.Writer) error{
		f.csv: r.WriteCSV,
		f.svg: func(w io.Writer) error { return picture.Write(w, r) },
	} {
		if path != "" {
			if err := writeFile(path, write); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// compare simulates the other configuration with the same callers.
func (f *simulateFlags) compare(ctx context.Context, first *sim.Result, s sim.Scenario, options sim.Options, file string, out io.Writer) error {
	options.Record = nil
	other := f.workload
	other.replay, other.data = "", "" // read already
	info, err := os.Stat(f.against)
	if err != nil {
		return flagError("against", "%w; expected a configuration directory or a scenario", err)
	}
	var o acd.Options
	second := s
	if info.IsDir() {
		c, err := readConfig(f.against)
		if err != nil {
			return refusedConfig("against", err)
		}
		o = c.Routing()
		if file != "" {
			if o, second, err = readScenario(file, o); err != nil {
				return err
			}
		}
	} else if o, second, err = readScenario(f.against, o); err != nil {
		return err
	}
	// The callers, and what chance makes of them, are those of the first.
	second.Callers, second.Replay, second.ReplayAs, second.Seed = s.Callers, s.Replay, s.ReplayAs, s.Seed
	second.Begin, second.Length, second.Days, second.Calls, second.WarmUp = s.Begin, s.Length, s.Days, s.Calls, s.WarmUp
	result, err := simulate(ctx, o, second, options)
	if err != nil {
		return err
	}
	c, err := sim.Compare(first, result)
	if err != nil {
		return exitError{exitFailed, err}
	}
	if err := f.draw(result); err != nil {
		return exitError{exitFailed, err}
	}
	if f.json {
		return c.WriteJSON(out)
	}
	return c.WriteText(out)
}

// showBar keeps a bar on the terminal up to date.
func showBar(progress func() float64, finished <-chan struct{}) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		<-finished
		return
	}
	began := time.Now()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-finished:
			fmt.Fprint(os.Stderr, "\r\x1b[K")
			return
		case <-ticker.C:
			fmt.Fprint(os.Stderr, "\r\x1b[K"+bar(progress(), time.Since(began)))
		}
	}
}

// bar draws a bar, with the time that is left when something can be said.
func bar(done float64, since time.Duration) string {
	const width = 40
	full := int(done * width)
	text := strings.Repeat("━", full) + strings.Repeat("·", width-full) + fmt.Sprintf(" %3.0f %%", 100*done)
	if since > time.Second && done > 0.01 {
		left := time.Duration(float64(since) * (1 - done) / done)
		text += fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	return text
}

// recording is a file of commands, one a line.
type recording struct {
	file   *os.File
	buffer *bufio.Writer
	lines  *json.Encoder
}

func newRecording(path string) (*recording, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	buffer := bufio.NewWriter(file)
	return &recording{file, buffer, json.NewEncoder(buffer)}, nil
}

func (r *recording) add(at acd.Time, c acd.Command) error {
	return r.lines.Encode(acd.Moment{At: at, Command: c})
}

func (r *recording) close() error { return errors.Join(r.buffer.Flush(), r.file.Close()) }
