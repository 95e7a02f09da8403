package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cardline/app"
	"cardline/card"
	"cardline/configs"
)

type serveFlags struct {
	config, data, logLevel, record string
}

func newServe() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the hotline",
		Long: `Run the hotline until SIGTERM or Ctrl-C. The first signal refuses new calls and
lets those that are up go on, as long as the configuration's drain says; the
second stops at once. SIGHUP reloads the configuration, whole or not at all.

Without --config it runs the embedded default hotline.`,
		Example: `  cardline serve
  cardline serve --config /etc/cardline --data /var/lib/cardline
  kill -HUP $(pidof cardline)      # reload`,
		Args: func(cmd *cobra.Command, args []string) error { return asInvalid(cobra.NoArgs(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), f) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return asInvalid(err) })
	cmd.Flags().StringVar(&f.config, "config", "", "directory of the configuration (default: the embedded hotline)")
	cmd.Flags().StringVar(&f.data, "data", defaultData(), "directory of the ledger and of everything that survives")
	cmd.Flags().StringVar(&f.logLevel, "log", "info", "least level that is logged: trace, debug, info, warn or error")
	cmd.Flags().StringVar(&f.record, "record", "", "directory for a file of all that the router is told, one for each run; see cardline replay")
	return cmd
}

// asInvalid makes what is wrong with the command line of serve the same as a wrong
// configuration: Go itself ends with exitUsage when it crashes, and whoever
// supervises the hotline must start it again then.
func asInvalid(err error) error {
	if err == nil {
		return nil
	}
	return exitError{exitInvalid, err}
}

// defaultData is where systemd, or else the user's own conventions, keep state.
func defaultData() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "cardline")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "cardline-data"
	}
	return filepath.Join(home, ".local", "state", "cardline")
}

// readConfig reads and checks a directory; "" is the embedded hotline. A file
// system does not know its own directory's name, so what is wrong with the
// directory itself is found here.
func readConfig(dir string) (*configs.Config, error) {
	if dir == "" {
		return app.Load(configs.Default())
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("configuration %s: expected a directory, such as a copy of configs/default", dir)
	}
	return app.Load(os.DirFS(dir))
}

// newLog returns a log that never waits for its reader: JSON, or a form for people
// on a terminal. The caller closes the writer, which writes what is left.
func newLog(w *os.File, level string) (zerolog.Logger, *droppingWriter, error) {
	l, err := zerolog.ParseLevel(level)
	if err != nil {
		return zerolog.Logger{}, nil, fmt.Errorf("unknown log level %q: expected trace, debug, info, warn or error", level)
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	zerolog.ErrorHandler = func(error) {} // by default a line on standard error
	form := func(w io.Writer) zerolog.Logger { return zerolog.New(w).With().Timestamp().Logger() }
	if term.IsTerminal(int(w.Fd())) {
		form = func(w io.Writer) zerolog.Logger {
			return zerolog.New(zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000"}).With().Timestamp().Logger()
		}
	}
	out := newDroppingWriter(w)
	out.lost = func(n uint64) []byte {
		var line bytes.Buffer
		lines := form(&line)
		lines.Warn().Uint64("lines", n).Msg("log lines were lost: their reader did not keep up")
		return line.Bytes()
	}
	go out.run()
	log := form(out).Level(l)
	stdlog.SetFlags(0)
	stdlog.SetOutput(log) // of libraries
	return log, out, nil
}

// Signals that serve obeys.
type signals struct {
	stop   chan os.Signal // SIGTERM, SIGINT; the second one matters too
	reload chan os.Signal // SIGHUP; several at once are one
	abort  chan os.Signal // SIGQUIT, SIGABRT
}

// holdSignals takes the signals from here on. A reader of our output that has
// died ends no call: without SIGPIPE a write fails and that is all.
func holdSignals() signals {
	s := signals{stop: make(chan os.Signal, 2), reload: make(chan os.Signal, 1), abort: make(chan os.Signal, 1)}
	signal.Notify(s.stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(s.reload, syscall.SIGHUP)
	signal.Notify(s.abort, syscall.SIGQUIT, syscall.SIGABRT)
	signal.Ignore(syscall.SIGPIPE)
	return s
}

// release gives the signals back.
func (s signals) release() {
	signal.Stop(s.stop)
	signal.Stop(s.reload)
	signal.Stop(s.abort)
}

func serve(ctx context.Context, f serveFlags) error {
	bare := harden() // it may start the program anew: first of all
	held := holdSignals()
	defer held.release()
	log, out, err := newLog(os.Stderr, f.logLevel)
	if err != nil {
		return asInvalid(err)
	}
	defer out.close(flushLimit)
	ended := make(chan struct{})
	defer close(ended)
	go endAborted(held.abort, ended, log, out)
	if bare != nil {
		log.Warn().Err(bare).Msg("what callers key in is less protected")
	}
	setMemory(log)
	o := app.Options{
		Load: func() (*configs.Config, error) { return readConfig(f.config) }, Data: f.data, Version: versionText(),
		Log: log, LogDropped: out.dropped.Load, Record: f.record,
	}
	terminal := newDroppingWriter(os.Stdout)
	go terminal.run()
	defer terminal.close(flushLimit)
	if term.IsTerminal(int(os.Stdout.Fd())) {
		o.Notifier = terminalNotifier{terminal}
	} else {
		log.Warn().Msg("the demo issuer's messages are shown on a terminal only; one-time codes cannot be read here")
	}
	a, err := app.New(o)
	if err != nil {
		return refused(err)
	}
	if len(held.stop) > 0 { // it need not open
		a.Stop()
		return nil
	}
	if err := a.Start(); err != nil {
		return exitError{exitFailed, err}
	}
	if c, err := readConfig(f.config); f.config == "" && err == nil {
		fmt.Fprintln(terminal, strings.Join(trial(c), "\n"))
	}
	s := supervisor{log}
	s.tell(daemon.SdNotifyReady)
	stop, fed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(fed)
		s.feed(a.Answers, stop)
	}()
	run(ctx, a, held, s)
	close(stop)
	<-fed
	a.Stop()
	return nil
}

// garbagePercent is GOGC unless the environment says something else: a hotline
// has the memory, and every collection takes time from calls.
const garbagePercent = 200

// memoryShare is how much of the memory that the system allows us Go may take; the
// rest is for what Go does not count, such as the databases' pages.
const memoryShare = 0.85

// setMemory fits the garbage collector to the memory that there is: GOMEMLIMIT, if
// the environment does not set it, comes from the limit of the control group, such
// as MemoryMax of the unit.
func setMemory(log zerolog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare))
	switch {
	case err != nil:
		log.Info().Err(err).Msg("no limit of memory could be read; GOMEMLIMIT may set one")
	case limit == math.MaxInt64:
		log.Info().Msg("memory is not limited")
	default:
		log.Info().Int64("limit_bytes", limit).Msg("memory is limited")
	}
}

// run obeys signals until the hotline has drained.
func run(ctx context.Context, a *app.App, held signals, s supervisor) {
	for serving := true; serving; {
		select {
		case <-held.reload:
			if err := a.Reload(); err != nil {
				s.log.Error().Err(err).Msg("configuration refused, nothing has changed")
			}
		case <-held.stop:
			serving = false
		case <-ctx.Done():
			serving = false
		}
	}
	s.tell(daemon.SdNotifyStopping)
	draining, stopNow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopNow()
	drained := make(chan struct{})
	go func() {
		a.Drain(draining)
		close(drained)
	}()
	select {
	case <-held.stop: // the second one
		stopNow()
		<-drained
	case <-drained:
	}
}

// refused tells a configuration that has problems from a start that failed.
func refused(err error) error {
	if invalid, ok := errors.AsType[*configs.InvalidError](err); ok {
		return exitError{exitInvalid, fmt.Errorf("the configuration has %d problems:\n%w", len(invalid.Problems), err)}
	}
	return exitError{exitFailed, err}
}

// terminalNotifier shows the demo issuer's text messages to whoever tries the
// hotline out. They go to the terminal itself and to no log.
type terminalNotifier struct{ w io.Writer }

// Notify implements [card.Notifier].
func (t terminalNotifier) Notify(_ context.Context, n card.Notice) error {
	text := map[card.NoticeKind]string{
		card.NoticeActivated: "your card is active",
		card.NoticePINSet:    "your PIN was changed",
		card.NoticeLoss:      "your loss report was taken, reference " + n.Ref,
	}[n.Kind]
	if n.Kind == card.NoticeCode {
		text = fmt.Sprintf("your code for %s is %s", n.Service, n.Code)
	}
	_, err := fmt.Fprintf(t.w, "text message to the phone ending %s, card ending %s: %s\n", n.PhoneTail, n.Tail, text)
	return err
}
