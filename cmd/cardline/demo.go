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
	"strings"
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

Nothing is kept: the data is in a temporary directory. Ctrl-C ends the demo.`,
		Example: `  cardline demo
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
		var written *outlet
		if log, written, err = newLog(file, "info"); err != nil {
			return err
		}
		defer written.close(flushLimit)
	}
	data, err := os.MkdirTemp("", "cardline-demo-")
	if err != nil {
		return exitError{exitFailed, fmt.Errorf("temporary data directory: %w", err)}
	}
	defer os.RemoveAll(data)
	// Nobody waits for the terminal; when it is gone, so is the demo's purpose.
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	shown := newOutlet(out)
	shown.failed = gone
	go shown.run()
	defer shown.close(flushLimit)
	d, err := newDemonstration(shown)
	if err != nil {
		return exitError{exitFailed, err}
	}
	a, err := app.New(app.Options{
		Load: func() (*configs.Config, error) { return d.configuration() }, Data: data, Version: versionText(), Log: log,
		Notifier: d, Readers: []ledger.Reader{d.board.Read},
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
	out     *outlet
	board   *board.Board
	post    *post
	agents  []configs.Phone
	visitor configs.Phone // the account for a softphone
	card    demo.Holder   // that is the visitor's
	number  int           // of that holder

	sip, web string   // addresses
	moved    []string // what is said of those that were taken
}

// visitorsAccount is the account of the default hotline that no agent has.
const visitorsAccount = "2001"

// newDemonstration reads the default hotline and looks for free ports.
func newDemonstration(out *outlet) (*demonstration, error) {
	c, err := configs.Load(configs.Default())
	if err != nil {
		return nil, err
	}
	d := &demonstration{out: out, post: newPost(), sip: c.File.SIP.Listen[0].Address, web: c.File.HTTP.Listen}
	for _, address := range []*string{&d.sip, &d.web} {
		wanted := *address
		if *address, err = freeAddress(wanted); err != nil {
			return nil, err
		}
		if *address != wanted {
			d.moved = append(d.moved, fmt.Sprintf("%s is taken, so %s takes its place", wanted, *address))
		}
	}
	options := board.Options{Title: "cardline demo", Color: true}
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
	for d.card = demo.HolderAt(0); d.card.Active; d.card = demo.HolderAt(d.number) {
		d.number++
	}
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
	return c, nil
}

// invitation tells the visitor how to call in.
func (d *demonstration) invitation() []string {
	return append([]string{
		"CALL IN with a softphone on this machine, such as Linphone or baresip:",
		fmt.Sprintf("  server %s, account %s, password %s; dial 95500", d.sip, d.visitor.Account, d.visitor.Password),
		"  to activate a card (1, 1): number " + spaced(d.card.Number) + ",",
		fmt.Sprintf("  last six of the ID %s, expiry %s; the code is shown here", onKeypad(d.card.IDTail()), d.card.Expiry),
		fmt.Sprintf("sip:95500@%s   http://%s/metrics   Ctrl-C ends the demo", d.sip, d.web),
	}, d.moved...)
}

// spaced puts a card number in groups of four.
func spaced(number string) string {
	var groups []string
	for group := range slices.Chunk([]byte(number), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, " ")
}

// onKeypad writes the X of an identity number as the key that stands for it.
func onKeypad(id string) string { return strings.ReplaceAll(id, "X", "*") }

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
		agents.Go(func() {
			if _, err := rack.Work(shifts, shift(phone, i, f.seed)); err != nil {
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
	return errors.Join(errs...)
}

// show shows the board until ctx ends.
func (d *demonstration) show(ctx context.Context) error {
	file, ok := d.out.to.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
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
