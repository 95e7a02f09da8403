package call

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/acd/estimate"
	"cardline/caller"
	"cardline/card"
	"cardline/ledger"
	"cardline/media"
	"cardline/memory"
	"cardline/sip"
)

// Options are what a [Hotline] is made of.
type Options struct {
	Config *Config
	Media  *media.Engine
	Desk   *card.Desk
	Ledger *ledger.Log
	Log    zerolog.Logger
	// Pages are the locked memory of secure segments. If nil, nobody is told where
	// it cannot be locked.
	Pages *memory.Pages
	// Observer counts what is no fact of a call. If nil, nothing is counted.
	Observer Observer
	// Book keeps callbacks over a restart. If nil, they end with the program.
	Book Book
	// Keys make the pseudonyms of callers. If nil, there are none.
	Keys *caller.Keys
	// Record takes the commands of the router, as [Replay] reads them; it is
	// written to until Stop has returned. If nil, nothing is recorded. No number of
	// a caller is among them.
	Record io.Writer
}

// An Observer counts what no ledger event tells. Its methods must not block.
type Observer interface {
	// Decided tells how long the router took for one command.
	Decided(took time.Duration)
	// Barred counts a call of a barred caller, which was refused.
	Barred(trunk string)
	// Overrun counts a call that was ended because its inbox was full.
	Overrun()
	// Refused counts a command that the router refused.
	Refused(command, reason string)
	// Unmatched tells how many pairs of a ready agent and a caller whom that
	// agent may take have stood beside one another for longer than a second.
	Unmatched(pairs int)
	// Estimated tells how long a caller without a head start who came to the queue
	// now would wait, and of how many calls that is drawn.
	Estimated(queue string, e estimate.Estimate)
}

type silent struct{}

func (silent) Barred(string)                       {}
func (silent) Decided(time.Duration)               {}
func (silent) Overrun()                            {}
func (silent) Refused(string, string)              {}
func (silent) Unmatched(int)                       {}
func (silent) Estimated(string, estimate.Estimate) {}

// Phones is what the hotline needs of the signalling: [sip.Stack] has it.
type Phones interface {
	Dial(d sip.Dial, sink sip.Sink) (*sip.Leg, error)
	Binding(account string) (sip.Binding, bool)
	Ping(ctx context.Context, account string) error
}

// A Hotline holds the live calls and the router. It is a [sip.Handler]; make
// it first, then the stack, and tell it the stack by [Hotline.Use] before the
// stack starts.
type Hotline struct {
	media    *media.Engine
	pages    *memory.Pages
	desk     *card.Desk
	ledger   *ledger.Log
	log      zerolog.Logger
	observer Observer
	router   *dispatcher
	phones   Phones
	config   atomic.Pointer[Config]
	keys     atomic.Pointer[caller.Keys]
	book     Book

	callbacks  callbacks
	tries      tries
	barred     barred
	lastAgents lastAgents
	forecast   forecast
	hours      hours
	secret     [16]byte // by which callers are named to the router

	mu       sync.Mutex // guards calls, and Stop from what begins meanwhile; a leaf
	calls    map[string]*call
	draining bool
	tasks    sync.WaitGroup // owners of calls and of feature codes, questions to the card host

	quit    chan struct{} // closed by Stop
	probing sync.WaitGroup
	asking  context.Context //nolint:containedctx // the root of questions to the card host, which outlive their calls
	cancel  context.CancelFunc
}

// New returns a hotline and starts the owner of its router. The caller ends it
// with Stop.
func New(o Options) *Hotline {
	h := &Hotline{
		media: o.Media, pages: o.Pages, desk: o.Desk, ledger: o.Ledger, log: o.Log, observer: o.Observer, calls: map[string]*call{},
		quit: make(chan struct{}), book: o.Book,
	}
	_, _ = rand.Read(h.secret[:]) // it never fails
	if h.observer == nil {
		h.observer = silent{}
	}
	h.asking, h.cancel = context.WithCancel(context.Background())
	if h.book == nil {
		h.book = noBook{}
	}
	o.Config.prepare()
	h.config.Store(o.Config)
	h.keys.Store(o.Keys)
	h.router = startDispatcher(h, o.Config.Routing, o.Record)
	return h
}

// Use tells the hotline its signalling. It must be called once, before the
// first call.
func (h *Hotline) Use(p Phones) {
	h.phones = p
	h.probing.Go(h.probe)
	h.probing.Go(h.foresee)
	h.probing.Go(h.keepHours)
}

// Reload lets new calls, and the router at once, go by another configuration.
func (h *Hotline) Reload(c *Config) {
	c.prepare()
	h.config.Store(c)
	_, _ = h.router.apply(acd.Reconfigure{Options: c.Routing})
	h.hours.changed()
}

// SetKeys lets pseudonyms be made by other keys from now on: by a new one, with that
// of before kept, or without one that is too old.
func (h *Hotline) SetKeys(k *caller.Keys) { h.keys.Store(k) }

// Pseudonyms returns what stands for a number, by all keys that are kept and the
// newest first.
func (h *Hotline) Pseudonyms(number string) []string { return h.keys.Load().Pseudonyms(number) }

// Invited implements [sip.Handler].
func (h *Hotline) Invited(leg *sip.Leg, in sip.Invite) sip.Sink {
	config := h.config.Load()
	if line := config.Lines[in.To]; line != nil {
		if h.isBarred(in, line) {
			leg.Refuse(603, "")
			return nil
		}
		c := newCall(h, config, line, leg, in)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.calls[c.id] = c
		h.tasks.Go(func() {
			c.run(in)
			h.mu.Lock()
			delete(h.calls, c.id)
			h.mu.Unlock()
		})
		if h.stopping() {
			c.post(stopped{}) // it came too late for Stop to see it
		}
		return c.caller.sink(c)
	}
	if agent := config.Devices[in.Account]; in.Account != "" && (agent != "" || slices.Contains(config.Features.Modes[in.To].Accounts, in.Account)) {
		f := newFeatureCall(h, config, agent, leg, in)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.tasks.Go(f.run)
		return (&door{media: h.media, next: f.sink}).take
	}
	leg.Refuse(404, "")
	return nil
}

// latch returns the address from which media may come whatever the caller has
// signalled: that of a registered phone behind NAT, or of a trunk that latches.
func (h *Hotline) latch(c *Config, in sip.Invite) (address netip.Addr) {
	b, registered := h.phones.Binding(in.Account)
	if registered && b.NAT || in.Account == "" && c.Media.Latching[in.Trunk] {
		address = in.Source.Addr()
	}
	return address
}

// RegistrationChanged implements [sip.Handler]: an agent's phone is what the
// agent is reached by.
func (h *Hotline) RegistrationChanged(r sip.Registration) {
	registered := r.Change == sip.Registered
	h.ledger.Append("", "", ledger.DeviceChanged{Account: r.Account, Registered: registered})
	agent := h.config.Load().Devices[r.Account]
	if agent == "" {
		return
	}
	if registered {
		_, _ = h.router.apply(acd.DeviceBack{Agent: agent})
		return
	}
	_, _ = h.router.apply(acd.DeviceLost{Agent: agent})
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.calls {
		c.post(deviceLost{agent})
	}
}

// Agents tells what every agent does now.
func (h *Hotline) Agents() (list []acd.AgentView) {
	_, _ = h.router.apply(acd.Tick{}) // a view is as old as the router's last command
	h.router.exec(func(r *acd.Router) { list = r.Agents() })
	return list
}

// Command puts a command about an agent to the router: the API's and the
// console's door. The errors are those of package acd.
func (h *Hotline) Command(c acd.Command) error {
	_, err := h.router.apply(c)
	return err
}

// Restore puts an agent into the state that the ledger last told, after a
// restart. Whoever was on a call is free again.
func (h *Hotline) Restore(agent string, state ledger.AgentState, reason string) error {
	switch state {
	case ledger.AgentLoggedOut:
		return nil
	case ledger.AgentNotReady:
		return h.Command(acd.LogIn{Agent: agent, Reason: reason, By: ledger.BySystem})
	default:
		err := h.Command(acd.LogIn{Agent: agent, By: ledger.BySystem})
		return errors.Join(err, h.Command(acd.SetReady{Agent: agent, By: ledger.BySystem}))
	}
}

// Alive returns nil if the router answers, or the error of ctx if it does not by its
// end.
func (h *Hotline) Alive(ctx context.Context) error {
	answered := make(chan struct{})
	select {
	case h.router.work <- func(*acd.Router) { close(answered) }:
		<-answered
		return nil
	case <-h.router.done:
		return errors.New("the router has stopped")
	case <-ctx.Done():
		return fmt.Errorf("the router does not answer: %w", context.Cause(ctx))
	}
}

// Live returns the number of calls that are up.
func (h *Hotline) Live() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.calls)
}

// Drain returns when no call is up, or with the context's error.
func (h *Hotline) Drain(ctx context.Context) error {
	h.mu.Lock()
	h.draining = true
	for _, c := range h.calls {
		c.post(draining{}) // a callback that is not being made waits in the book
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		h.tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d calls are still up: %w", h.Live(), context.Cause(ctx))
	}
}

// deskLimit is how long Stop waits for answers of the card host.
const deskLimit = 3 * time.Second

// Stop ends every call and then the router; it takes little more than 3 s. The
// signalling must still be there, to carry the BYEs. It may be called once.
func (h *Hotline) Stop() {
	h.mu.Lock()
	close(h.quit)
	for _, c := range h.calls {
		c.post(stopped{})
	}
	h.mu.Unlock()
	late := time.AfterFunc(deskLimit, h.cancel)
	h.tasks.Wait()
	late.Stop()
	h.cancel()
	h.probing.Wait()
	h.router.stop()
}

// nameless returns a name for a caller's number from which the number cannot be
// found, "" for no number.
func (h *Hotline) nameless(number string) string {
	if number = caller.Normal(number); number == "" {
		return ""
	}
	sum := sha256.Sum256(append(h.secret[:], number...))
	return hex.EncodeToString(sum[:8])
}

func (h *Hotline) isDraining() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

// stopping reports whether Stop has begun.
func (h *Hotline) stopping() bool {
	select {
	case <-h.quit:
		return true
	default:
		return false
	}
}

// newID returns an id that no other call has. It begins with the time, so that
// what happens together stands together where ids are kept in order.
func newID(prefix string) string {
	return fmt.Sprintf("%s%011x%s", prefix, time.Now().UnixMilli(), rand.Text()[:13])
}

// tailOf returns the last four digits of a number, which is all that the
// ledger keeps of it. What is no number, such as "anonymous", has none.
func tailOf(number string) string {
	if strings.Trim(number, "+0123456789*#") != "" {
		return ""
	}
	return number[max(0, len(number)-4):]
}
