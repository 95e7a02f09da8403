package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardline/acd"
	"cardline/sim"
)

type planFlags struct {
	workload
	level, abandon              string
	asa                         time.Duration
	arrivals, handling, absence string
	hall, json                  bool
	csv                         string
}

func newPlan() *cobra.Command {
	f := planFlags{}
	cmd := &cobra.Command{
		Use:   "plan [SCENARIO.yaml]",
		Short: "How many agents are needed in each half hour, by theory and by simulation",
		Long: `Say how many agents each queue needs in each half hour to reach a target: a
service level (--level 80%, of all callers within --threshold), a mean wait
(--asa 30s) or a share who give up (--abandon 3%).

First by Erlang A, half hour by half hour, then by simulating the whole day with
the router that routes live calls: a queue left over from one half hour is there
in the next, and wherever the target is missed an agent is added. Below the
plan stands what becomes of it if more people call, talk longer, or agents do
not come.

Callers come from a scenario, a configuration, a replay or a typical day, as
with "cardline simulate". Every queue is planned with agents of its own.

With --hall the groups of agents whom the configuration or the scenario knows,
with all their skills, are planned for all queues together. The day is simulated
as it would be routed; agents are added to the group that could help most where
a queue misses the target, and taken away where nobody misses them. People with
several skills are fewer: what each queue alone would need stands beside it.

The queues of a plan are always open, and nobody is called back.

A target that no number of agents reaches, since some give up while it rings, is
refused; a half hour that misses it in the end is marked.

Exit codes: 0 done, 1 something failed or a half hour misses the target, 2 the command line makes no sense, 3 the
scenario or the configuration has problems.`,
		Example: `  # 80 % within 20 s on a typical day of 4000 calls
  cardline plan --level 80% --calls-per-day 4000

  # callers of two queues, a mean wait of half a minute, and 20 % more calls
  cardline plan --config /etc/cardline --per-hour cards=300,english=40 --length 8h \
      --talk lognormal:4m,0.8 --patience exp:5m --asa 30s --arrivals +20%

  # the same callers for the groups of the configuration, who serve both
  cardline plan --hall --config /etc/cardline --per-hour cards=300,english=40 --length 8h \
      --talk lognormal:4m,0.8 --patience exp:5m --asa 30s

  # a profile from a file, as CSV
  cardline plan day.yaml --abandon 3% --csv plan.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.changed = cmd.Flags().Changed
			scenario := ""
			if len(args) > 0 {
				scenario = args[0]
			}
			return runPlan(cmd.Context(), f, scenario, cmd.OutOrStdout())
		},
	}
	f.flags(cmd)
	flags := cmd.Flags()
	for _, name := range unplanned {
		_ = flags.MarkHidden(name)
	}
	flags.StringVar(&f.level, "level", "", "answered within the threshold, of all, such as 80%; the target if none is given")
	flags.DurationVar(&f.asa, "asa", 0, "mean wait of those who are answered, at most")
	flags.StringVar(&f.abandon, "abandon", "", "share who give up, at most, such as 3%")
	flags.StringVar(&f.arrivals, "arrivals", "+10%", "what if so many more call")
	flags.StringVar(&f.handling, "handling", "+10%", "what if they talk so much longer")
	flags.StringVar(&f.absence, "absence", "10%", "what if so many agents do not come")
	flags.BoolVar(&f.hall, "hall", false, "plan the groups of agents, who serve queues together, in place of each queue alone")
	flags.BoolVar(&f.json, "json", false, "print the plan as JSON")
	flags.StringVar(&f.csv, "csv", "", "write the half hours to this file")
	flags.Lookup("replications").DefValue, f.options.Replications = "20", 20
	return cmd
}

// unplanned are the flags of a workload that a plan has no use for.
var unplanned = []string{"erlang", "calls", "agents", "date", "days", "callbacks", "shifts", "absent", "warm-up"}

// percent reads 80%, +10% or 0.8.
func percent(flag, text string) (float64, error) {
	number, isPercent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(number), "+"), 64)
	if isPercent {
		v /= 100
	}
	if err != nil || !(v > -1 && v < 100) {
		return 0, flagError(flag, "%q makes no sense; expected a share such as 10%%", text)
	}
	return v, nil
}

// target reads what is to be reached.
func (f *planFlags) target() (t sim.Target, err error) {
	if f.level == "" && f.abandon == "" && !f.changed("asa") {
		f.level = "80%"
	}
	if f.level != "" {
		if t.Level, err = percent("level", f.level); err != nil {
			return t, err
		}
	}
	if f.abandon != "" {
		if t.Abandon, err = percent("abandon", f.abandon); err != nil {
			return t, err
		}
	}
	if t.ASA = f.asa; f.changed("asa") && f.asa <= 0 {
		return t, flagError("asa", "%s makes no sense; expected a time such as 30s", f.asa)
	}
	if err := t.Check(); err != nil {
		return t, flagError("level", "%w", err)
	}
	return t, nil
}

// changes reads what may go otherwise.
func (f *planFlags) changes() ([]sim.Change, error) {
	arrivals, err := percent("arrivals", f.arrivals)
	if err != nil {
		return nil, err
	}
	handling, err := percent("handling", f.handling)
	if err != nil {
		return nil, err
	}
	absence, err := percent("absence", f.absence)
	if err != nil {
		return nil, err
	}
	if absence < 0 || absence >= 1 {
		return nil, flagError("absence", "%q makes no sense; expected a share from 0%% to below 100%%", f.absence)
	}
	return []sim.Change{
		{Name: fmt.Sprintf("%+.4g %% callers", 100*arrivals), Arrivals: 1 + arrivals, Handling: 1},
		{Name: fmt.Sprintf("%+.4g %% talk", 100*handling), Arrivals: 1, Handling: 1 + handling},
		{Name: fmt.Sprintf("%.4g %% absent", 100*absence), Arrivals: 1, Handling: 1, Absent: absence},
	}, nil
}

// plan is a plan of either kind.
type plan interface {
	WriteText(w io.Writer) error
	WriteJSON(w io.Writer) error
	WriteCSV(w io.Writer) error
	Missed() []string
}

func (f *planFlags) plan(ctx context.Context, o acd.Options, s sim.Scenario, target sim.Target, changes []sim.Change) (plan, error) {
	if f.hall {
		return sim.MakeHall(ctx, o, s, target, changes, f.options)
	}
	return sim.MakePlan(ctx, o, s, target, changes, f.options)
}

func runPlan(ctx context.Context, f planFlags, file string, out io.Writer) error {
	if err := f.only("a plan", unplanned...); err != nil {
		return err
	}
	target, err := f.target()
	if err != nil {
		return err
	}
	changes, err := f.changes()
	if err != nil {
		return err
	}
	o, s, err := f.read(ctx, file)
	if err != nil {
		return err
	}
	s.Absent, s.Shifts = 0, nil
	ctx, done := interruptible(ctx)
	defer done()
	plan, err := f.plan(ctx, o, s, target, changes)
	if err != nil {
		return invalid(err)
	}
	if f.csv != "" {
		err = writeFile(f.csv, plan.WriteCSV)
	}
	write := plan.WriteText
	if f.json {
		write = plan.WriteJSON
	}
	if err := errors.Join(err, write(out), missed(plan, target)); err != nil {
		return exitError{exitFailed, err}
	}
	return nil
}

// missed tells of half hours that miss the target, if there are any.
func missed(p plan, target sim.Target) error {
	list := p.Missed()
	switch len(list) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s misses %s, and more agents do not help; aim lower, or give more --replications if it is chance", list[0], target)
	default:
		return fmt.Errorf("%s and %d more miss %s, and more agents do not help; aim lower, or give more --replications if it is chance",
			list[0], len(list)-1, target)
	}
}
