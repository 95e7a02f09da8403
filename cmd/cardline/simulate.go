package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"cardline/sim"
)

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

A scenario has the keys name, seed, date, begin (08:00), length (10h), days,
warm_up, queues (name, requires, sites, same_site_first, strategy, ring, wrap_up,
max_wait, max_length, offer_again, regain, hours (of every day), callback (first,
attempts, gap, ring, keep, hours)), staff (group, agents or ids, skills, queues,
site, shift (08:00-17:00), breaks (at, for, over, reason)), callers (queue, class,
site, head_start, per_hour (one figure for each half hour, the last goes on),
talk, patience), callbacks (share of callers who take a queue's offer, after
45s, reached: share of attempts that they answer, pick_up: how long that takes,
per_day), redials (share of those who give up, after: when they call again),
answer (how long it rings), ignore and refuse (shares of offers), return (after
how long who did not answer is back), work_after (ends wrap-up earlier), absent
(share of agents), and replay (CSV file) with replay_as (talk and patience of
callers of whom they are not known).

With --date, or a date in the scenario, the queues of a configuration keep their
hours, holidays and switches from that day on; without one they are always open.

--replay reads a CSV file with a heading: at (08:15:30) and queue, and if known
class, site, head_start, talk, patience and waited (of those who were answered),
in seconds. Without --patience, who was answered would have waited on as the
others of the replay did. --shifts reads one with agent, from and to, break_from
and break_to.

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

  # the week of National Day: closed doors, callers who try again, and calls back
  cardline simulate --config /etc/cardline --date 2026-09-28 --days 7 \
      --per-hour cards=300 --talk lognormal:4m,0.8 --patience exp:5m --redials 0.4 --callbacks 0.2

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
	ctx, done := interruptible(ctx)
	defer done()
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
	ctx, done := interruptible(ctx)
	defer done()
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

// compare simulates the other configuration with the same callers.
func (f *simulateFlags) compare(ctx context.Context, first *sim.Result, s sim.Scenario, options sim.Options, file string, out io.Writer) error {
	options.Record = nil
	info, err := os.Stat(f.against)
	if err != nil {
		return flagError("against", "%w; expected a configuration directory or a scenario", err)
	}
	config := ""
	if info.IsDir() {
		config = f.against
	} else {
		file = f.against
	}
	o, second, err := f.stage("against", config, file)
	if err != nil {
		return err
	}
	if err := f.override(&second); err != nil {
		return err
	}
	// The callers, and what chance makes of them, are those of the first. How
	// many calls back are promised is a rule of the hotline.
	most := second.Callbacks.PerDay
	second.Callers, second.Replay, second.ReplayAs, second.Seed = s.Callers, s.Replay, s.ReplayAs, s.Seed
	second.Begin, second.Length, second.Days, second.Calls, second.WarmUp = s.Begin, s.Length, s.Days, s.Calls, s.WarmUp
	second.Callbacks, second.Redials = s.Callbacks, s.Redials
	second.Callbacks.PerDay = most
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
