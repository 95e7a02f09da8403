package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cardline/load"
)

type loadFlags struct {
	options  load.Options
	keys     string
	agents   []string
	passText string
	manners  load.Shift
	json     bool
	logLevel string
}

func newLoad() *cobra.Command {
	f := loadFlags{manners: load.Shift{
		Ring: load.Uniform(time.Second, 3*time.Second), Talk: load.Exponential(20 * time.Second),
		Codes: load.Codes{LogIn: "*11", LogOut: "*10", Ready: "*12"},
	}}
	f.options.Hold = load.Fixed(30 * time.Second)
	cmd := &cobra.Command{
		Use:   "load SIP-URI",
		Short: "Call a SIP server as many callers and agents, and count what becomes of it",
		Long: `Call a SIP server with real SIP and RTP: callers at a rate who press keys, wait
and talk, and agents who register, log in by feature codes and take calls.
Everybody plays a tone and listens for the others': a caller has talked only if
it has heard an agent.

--keys says what callers press, as words with blanks between them:

  w5      wait for 5 s (w0.5, or w2-4 for any time between)
  p       wait until the far end has spoken and has paused
  123*#   press these keys
  q       from here on wait for a person; the last word

Callers stay for --hold when that is done, or wait that long for a person after
q. Times are 30s, 10s-1m (any between) or exp:30s (exponential, of that mean).

The load ends with --calls or --duration, whichever is first, or with Ctrl-C:
calls are hung up, agents logged out and un-registered. A second Ctrl-C stops
at once. The figures go to standard output.

Exit codes: 0 every call was established and ended in order, 1 some were not or
something failed, 2 the command line makes no sense.

Only this machine may be called, unless --allow-remote is given. Never call a
server that is not yours.`,
		Example: `  # 300 callers at a time for five minutes, eight agents of the default hotline
  cardline load sip:95500@127.0.0.1:5060 --duration 5m --rate 10 --concurrent 300 \
      --keys "w1 1 w1 0 w6 q" --hold 20s-60s --agents 1001-1008 --talk exp:20s

  # 100 short calls into self service, as JSON
  cardline load sip:95500@127.0.0.1 --calls 100 --rate 20 --hold 5s --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.options.Target = args[0]
			return runLoad(cmd.Context(), f, cmd.OutOrStdout())
		},
	}
	o, flags := &f.options, cmd.Flags()
	flags.IntVar(&o.Calls, "calls", 0, "calls in all (0: no limit but the duration)")
	flags.DurationVar(&o.Duration, "duration", 0, "how long to make calls; 1m if --calls is not given")
	flags.Float64Var(&o.Rate, "rate", 1, "new calls a second")
	flags.IntVar(&o.Concurrent, "concurrent", 100, "callers at one time")
	flags.StringVar(&f.keys, "keys", "", `what callers press, such as "w1 1 w1 0 w6 q"`)
	flags.Var(&o.Hold, "hold", "how long callers stay after the keys, or wait for a person after q; 0s: until the far end hangs up")
	flags.Var(&o.Talk, "caller-talk", "after how long callers end a conversation; 0s: the agent does")
	flags.Uint64Var(&o.FirstNumber, "first-number", 13_800_000_000, "the number that the first caller shows")
	flags.Uint64Var(&o.Seed, "seed", 1, "of all that is left to chance")
	flags.StringSliceVar(&f.agents, "agents", nil, "accounts of agents, such as 1001-1008 or 1001,1007")
	flags.StringVar(&f.passText, "password", "cardline-%s", "the agents' password; %s stands for the account")
	flags.StringVar(&f.manners.Codes.LogIn, "log-in", f.manners.Codes.LogIn, "feature code by which agents log in")
	flags.StringVar(&f.manners.Codes.Ready, "ready", f.manners.Codes.Ready, "feature code by which they become ready")
	flags.StringVar(&f.manners.Codes.LogOut, "log-out", f.manners.Codes.LogOut, "feature code by which they log out")
	flags.Var(&f.manners.Ring, "ring", "how long agents let it ring")
	flags.Var(&f.manners.Talk, "talk", "after how long agents end a conversation; 0s: the caller does")
	flags.Float64Var(&f.manners.Refuse, "refuse", 0, "share of offers that agents decline, 0 to 1")
	flags.Float64Var(&f.manners.Ignore, "ignore", 0, "share of offers that they let ring, 0 to 1")
	flags.Float64Var(&f.manners.Die, "die", 0, "share of offers at which an agent's phone loses its power, 0 to 1 (UDP only)")
	flags.Var(&f.manners.DeadFor, "dead-for", "how long such a phone is gone before it registers again; 0s: 5s")
	flags.BoolVar(&o.AllowRemote, "allow-remote", false, "call another machine, which must be yours")
	flags.BoolVar(&f.json, "json", false, "print the figures as JSON")
	flags.StringVar(&f.logLevel, "log", "warn", "least level that is logged: trace, debug, info, warn or error")
	return cmd
}

func runLoad(ctx context.Context, f loadFlags, out io.Writer) error {
	o := f.options
	signal.Ignore(syscall.SIGPIPE) // calls outlive whoever reads what we say
	log, said, err := newLog(os.Stderr, f.logLevel)
	if err != nil {
		return err
	}
	defer said.close(flushLimit)
	o.Log = log
	if o.Script, err = load.ParseScript(f.keys); err != nil {
		return err
	}
	accounts, err := accountsOf(f.agents)
	if err != nil {
		return err
	}
	for _, user := range accounts {
		s := f.manners
		s.User, s.Password = user, strings.ReplaceAll(f.passText, "%s", user)
		o.Agents = append(o.Agents, s)
	}
	if o.Calls == 0 && o.Duration == 0 {
		o.Duration = time.Minute
	}
	l, err := load.New(ctx, o)
	if errors.Is(err, load.ErrRemote) {
		return fmt.Errorf("%w (--allow-remote)", err)
	}
	if err != nil {
		return err
	}
	ctx, again := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, again) // a second signal ends the program
	finished := make(chan struct{})
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		showLine(time.Second, func(since time.Duration) string { return progressOf(l, since) }, finished)
	}()
	figures, err := l.Run(ctx)
	again()
	close(finished)
	<-shown
	write := figures.WriteText
	if f.json {
		write = figures.WriteJSON
	}
	if err := errors.Join(err, write(out)); err != nil {
		return exitError{exitFailed, err}
	}
	if !figures.Healthy() {
		return exitError{exitFailed, errors.New("not every call went well")}
	}
	return nil
}

// progressOf tells how far the load has come.
func progressOf(l *load.Load, since time.Duration) string {
	p := l.Progress()
	return fmt.Sprintf("%s  %d calls made, %d now, %d talked, %d failed", since.Round(time.Second), p.Attempted, p.Now, p.Talked, p.Failed)
}

// mostAgents bounds a range of accounts.
const mostAgents = 1000

// accountsOf reads accounts and ranges such as 1001-1008.
func accountsOf(list []string) (accounts []string, err error) {
	for _, item := range list {
		low, high, between := strings.Cut(item, "-")
		if !between {
			accounts = append(accounts, item)
			continue
		}
		var from, to int
		if _, err := fmt.Sscanf(low+" "+high, "%d %d", &from, &to); err != nil || to < from || to-from >= mostAgents {
			return nil, fmt.Errorf("agents %q: want accounts like 1001 or a range like 1001-1008", item)
		}
		for n := from; n <= to; n++ {
			accounts = append(accounts, fmt.Sprintf("%0*d", len(low), n))
		}
	}
	return accounts, nil
}
