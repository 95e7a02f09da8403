package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cardline/app"
	"cardline/board"
	"cardline/card"
	"cardline/card/demo"
	"cardline/configs"
	"cardline/ledger"
	"cardline/load"
)

type demoFlags struct {
	minutes float64
	at      string
	callers int
	seed    uint64
	logFile string
}

func newDemo() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play a lively quarter of an hour at the default hotline",
		Long: `Run the default hotline on this machine and let a few dozen synthetic
cardholders call it over real SIP and RTP, while eight synthetic agents take
their calls. They activate cards and set PINs, mistype, ask for bills, report
losses, complain, wait, and lose their patience. A board shows all of it.

You can call in too: the board tells the account for a softphone and a test card
that nobody else uses. Text messages to your card are shown on the board.

It is ten o'clock on a working day, whatever the clock says, so that all queues
are open; --at chooses another time for the hotline's calendar. Nothing is kept:
the data is in a temporary directory. Ctrl-C ends the demo.`,
		Example: `  cardline demo
  cardline demo --at 03:30         # at night, when complaints are closed
  cardline demo --at 2026-10-01T10:00
  cardline demo --minutes 0        # until Ctrl-C
  cardline demo --log-file demo.log`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGPIPE) // a dead reader ends the demo in order, see playDemo
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			context.AfterFunc(ctx, stop) // a second signal ends the program
			return playDemo(ctx, f, cmd.OutOrStdout())
		},
	}
	cmd.Flags().Float64Var(&f.minutes, "minutes", 15, "how long to play; 0: until Ctrl-C")
	cmd.Flags().StringVar(&f.at, "at", "10:00", "`time` of the hotline's calendar: one of a working day, or such as 2026-10-01T09:00")
	cmd.Flags().IntVar(&f.callers, "callers", 36, "synthetic callers at one time, at most")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "of all that is left to chance")
	cmd.Flags().StringVar(&f.logFile, "log-file", "", "file for the hotline's log (default: none)")
	return cmd
}

// playDemo plays until the time is up or ctx ends, and takes everything down.
func playDemo(ctx context.Context, f demoFlags, out io.Writer) (err error) {
	log := zerolog.Nop()
	if f.logFile != "" {
		file, err := os.OpenFile(f.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return exitError{exitFailed, fmt.Errorf("log file: %w", err)}
		}
		defer file.Close()
		var written *droppingWriter
		if log, written, err = newLog(file, "info"); err != nil {
			return err
		}
		defer written.close(flushLimit)
	}
	sweepDemos(os.TempDir())
	data, err := os.MkdirTemp("", demoPrefix)
	if err != nil {
		return exitError{exitFailed, fmt.Errorf("temporary data directory: %w", err)}
	}
	defer os.RemoveAll(data)
	// Nobody waits for the terminal; when it is gone, so is the demo's purpose.
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	shown := newDroppingWriter(out)
	shown.failed = gone
	go shown.run()
	defer shown.close(flushLimit)
	d, err := newDemonstration(shown, f.at)
	if err != nil {
		return err
	}
	a, err := app.New(app.Options{
		Load: func() (*configs.Config, error) { return d.configuration() }, Data: data, Version: versionText(), Log: log,
		Notifier: d, Readers: []ledger.Reader{d.board.Read, d.watch},
	})
	if err != nil {
		return refused(err)
	}
	if err := a.Start(); err != nil {
		return exitError{exitFailed, err}
	}
	defer a.Stop()
	if f.minutes > 0 {
		bounded, cancel := context.WithTimeout(ctx, time.Duration(f.minutes*float64(time.Minute)))
		defer cancel()
		ctx = bounded
	}
	if err := d.play(ctx, f, log); err != nil {
		return exitError{exitFailed, err}
	}
	return nil
}

// A demonstration is the default hotline, who calls it, and what shows it.
type demonstration struct {
	out     *droppingWriter
	board   *board.Board
	post    *post
	agents  []configs.Phone
	visitor configs.Phone // the account for a softphone
	card    demo.Holder   // that is the visitor's
	number  int           // of that holder

	sip, web string        // addresses
	moved    []string      // what is said of those that were taken
	ahead    time.Duration // of the hotline's calendar
	zone     *time.Location
	closed   []string // queues that are closed at that time, and why

	mu     sync.Mutex // guards shifts; a leaf
	shifts map[string]*turn
}

// A turn is the shift of a synthetic agent at its phone.
type turn struct {
	registered bool
	end        context.CancelCauseFunc
}

// visitorsAccount is the account of the default hotline that no agent has.
const visitorsAccount = "2001"

// newDemonstration reads the default hotline, whose calendar shows a time as the
// flag --at has it, and looks for free ports.
func newDemonstration(out *droppingWriter, at string) (*demonstration, error) {
	c, err := configs.Load(configs.Default())
	if err != nil {
		return nil, err
	}
	now := time.Now()
	moment, err := momentOf(at, c, now)
	if err != nil {
		return nil, err
	}
	d := &demonstration{
		out: out, post: newPost(), sip: c.File.SIP.Listen[0].Address, web: c.File.HTTP.Listen,
		ahead: moment.Sub(now), zone: c.Zone(), closed: closedAt(c, moment), shifts: map[string]*turn{},
	}
	for _, address := range []*string{&d.sip, &d.web} {
		wanted := *address
		if *address, err = freeAddress(wanted); err != nil {
			return nil, exitError{exitFailed, err}
		}
		if *address != wanted {
			d.moved = append(d.moved, fmt.Sprintf("%s is taken, so %s takes its place", wanted, *address))
		}
	}
	options := board.Options{Title: "cardline demo", Color: true, Clock: d.clock}
	for _, q := range c.File.Queues {
		options.Queues = append(options.Queues, q.Name)
	}
	for _, agent := range c.File.Agents {
		options.Agents = append(options.Agents, agent.ID)
		i := slices.IndexFunc(c.File.Phones, func(p configs.Phone) bool { return p.Account == agent.Phone })
		d.agents = append(d.agents, c.File.Phones[i])
	}
	i := slices.IndexFunc(c.File.Phones, func(p configs.Phone) bool { return p.Account == visitorsAccount })
	d.visitor = c.File.Phones[i]
	d.card, d.number = freshHolder()
	options.Tail = d.card.Tail()
	options.Invitation = d.invitation()
	d.board = board.New(options)
	return d, nil
}

// freeAddress returns the address if its port is free for UDP and TCP, or else
// the same host with a port that is.
func freeAddress(address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	for range 20 {
		tcp, err := net.Listen("tcp", address)
		if err == nil {
			bound := tcp.Addr().String()
			var udp net.PacketConn
			if udp, err = net.ListenPacket("udp", bound); err == nil {
				return bound, errors.Join(udp.Close(), tcp.Close())
			}
			_ = tcp.Close()
		}
		address = net.JoinHostPort(host, "0")
	}
	return "", fmt.Errorf("no port of %s is free for both UDP and TCP", host)
}

// configuration is the default hotline on the addresses that were free.
func (d *demonstration) configuration() (*configs.Config, error) {
	c, err := configs.Load(configs.Default())
	if err != nil {
		return nil, err
	}
	for i := range c.File.SIP.Listen {
		c.File.SIP.Listen[i].Address = d.sip
	}
	c.File.HTTP.Listen = d.web
	c.Ahead = d.ahead
	return c, nil
}

// invitation tells the visitor how to call in.
func (d *demonstration) invitation() []string {
	lines := []string{
		"CALL IN with a softphone on this machine, such as Linphone or baresip:",
		fmt.Sprintf("  server %s, account %s, password %s; dial 95500", d.sip, d.visitor.Account, d.visitor.Password),
	}
	lines = append(lines, trialCard(d.card, "here")...)
	lines = append(lines, fmt.Sprintf("sip:95500@%s   http://%s/metrics   Ctrl-C ends the demo", d.sip, d.web))
	return append(lines, d.moved...)
}

// Notify implements [card.Notifier]: the board shows the message, and the
// synthetic cardholder finds it on the telephone.
func (d *demonstration) Notify(ctx context.Context, n card.Notice) error {
	d.post.deliver(n)
	return d.board.Notify(ctx, n)
}

// play lets callers and agents begin, shows the board, and takes them down.
func (d *demonstration) play(ctx context.Context, f demoFlags, log zerolog.Logger) error {
	rack, err := load.NewRack(ctx, load.RackOptions{Target: "sip:95500@" + d.sip, Log: log})
	if err != nil {
		return err
	}
	shifts, endShifts := context.WithCancel(context.WithoutCancel(ctx))
	defer endShifts()
	var callers, agents sync.WaitGroup
	failures := make(chan error, len(d.agents))
	for i, phone := range d.agents {
		mine := d.begin(shifts, phone.Account)
		agents.Go(func() {
			_, err := rack.Work(mine, shift(phone, i, f.seed))
			if err != nil && mine.Err() == nil { // the end may come before the first call
				failures <- err
			}
		})
	}
	t := &town{rack: rack, post: d.post, reserved: d.number, most: f.callers, seed: f.seed}
	callers.Go(func() { t.live(ctx) })
	shown := d.show(ctx)
	<-ctx.Done()
	fmt.Fprintln(d.out, "The demo is over: hanging up, logging the agents out ...")
	callers.Wait()
	endShifts()
	agents.Wait()
	close(failures)
	errs := []error{shown, rack.Close()}
	for err := range failures {
		errs = append(errs, err)
	}
	fmt.Fprintln(d.out, d.board.Summary(time.Now()))
	fmt.Fprintln(d.out, whatNext())
	return errors.Join(errs...)
}

// show shows the board until ctx ends.
func (d *demonstration) show(ctx context.Context) error {
	file, ok := d.terminal()
	if !ok {
		fmt.Fprintln(d.out, d.timeText(time.Now()))
		for _, line := range d.invitation() {
			fmt.Fprintln(d.out, line)
		}
		return d.board.Show(ctx, d.out, nil)
	}
	return d.board.Show(ctx, d.out, func() (columns, rows int) {
		columns, rows, err := term.GetSize(int(file.Fd()))
		if err != nil || columns == 0 || rows == 0 {
			return 80, 24
		}
		return columns, rows
	})
}

// terminal returns the terminal on which the board is shown, if there is one.
func (d *demonstration) terminal() (file *os.File, ok bool) {
	file, ok = d.out.to.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// begin returns the context of a synthetic agent's shift.
func (d *demonstration) begin(all context.Context, account string) context.Context {
	ctx, end := context.WithCancelCause(all)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shifts[account] = &turn{end: end}
	return ctx
}

// watch is a [ledger.Reader] that sees when somebody registers for a synthetic
// agent, who then steps back.
func (d *demonstration) watch(events []ledger.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range events {
		f, ok := e.Fact.(ledger.DeviceChanged)
		t := d.shifts[f.Account]
		if !ok || t == nil {
			continue
		}
		if f.Registered && t.registered {
			delete(d.shifts, f.Account)
			t.end(load.ErrDisplaced)
			note := fmt.Sprintf("your phone is agent %s now; the synthetic one has stepped back", f.Account)
			d.board.Note(note)
			if _, drawn := d.terminal(); !drawn {
				fmt.Fprintln(d.out, note)
			}
			continue
		}
		t.registered = f.Registered
	}
}

// shift is how a synthetic agent works: calls of half a minute, a break now
// and then, and the last one refuses more than the others.
func shift(phone configs.Phone, i int, seed uint64) load.Shift {
	s := load.Shift{
		User: phone.Account, Password: phone.Password,
		Codes: load.Codes{LogIn: "*11", LogOut: "*10", Ready: "*12", NotReady: "*13"},
		Voice: i, Seed: seed + uint64(i),
		Ring: load.Uniform(time.Second, 4*time.Second), Talk: load.Uniform(15*time.Second, 50*time.Second),
		Refuse: 0.02, Ignore: 0.01,
		WorkFor: load.Uniform(2*time.Minute, 6*time.Minute), RestFor: load.Uniform(20*time.Second, time.Minute),
	}
	if i == 3 {
		s.Refuse = 0.2
	}
	return s
}
