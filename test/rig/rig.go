// Package rig starts the default hotline inside a test, on ports of its own,
// and gives the test phones to call it with: real SIP and RTP over loopback,
// steered by what the ledger says of each call.
package rig

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cardline/app"
	"cardline/card"
	"cardline/card/cardtest"
	"cardline/configs"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
	"cardline/store"
	"cardline/store/sqlite"
)

// Options change the hotline of a test; the zero value is the default hotline.
type Options struct {
	Log   io.Writer     // if nil, the test's own log, at level info
	Level zerolog.Level // of Log
	Host  card.Host     // if nil, the demo issuer
	Data  string        // if empty, a directory of the test's
	// Edit changes the configuration's files: old text, new text, ...
	Edit []string
}

// A Hotline is a running hotline with a memory of its ledger.
type Hotline struct {
	*app.App
	Server string // host:port of the signalling
	HTTP   string // host:port of health and metrics
	Data   string
	SMS    *cardtest.Notifier

	t      testing.TB
	mu     sync.Mutex
	events []ledger.Event
}

// Must ends the test if err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Hung is how long nothing takes, however busy the machine is: the limit of
// whatever a test waits for.
const Hung = time.Minute

// Eventually waits until a condition holds.
func Eventually(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// FreePorts returns even ports that nobody has now. They lie where neither the
// kernel nor a media engine takes any: what is stopped finds its port again.
func FreePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	const least, most = 10000, 19999
	for tries := 0; len(ports) < n; tries++ {
		if tries > most {
			t.Fatal("no port is free")
		}
		port := least + 2*rand.IntN((most-least)/2)
		address := fmt.Sprintf("127.0.0.1:%d", port)
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		_ = c.Close()
		if err != nil {
			continue
		}
		_ = l.Close()
		if !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

// Config writes the default configuration with ports of the test's own, and
// returns its directory and the addresses of the signalling and of HTTP.
func Config(t testing.TB, edit ...string) (dir, server, http string) {
	t.Helper()
	ports := FreePorts(t, 2)
	server, http = fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	dir = filepath.Join(t.TempDir(), "config")
	Must(t, os.CopyFS(dir, configs.Default()))
	edits := append([]string{"127.0.0.1:5060", server, "127.0.0.1:9560", http}, edit...)
	found := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	Must(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		Must(t, err)
		replaced := string(text)
		for i := 0; i < len(edits); i += 2 {
			found[edits[i]] = found[edits[i]] || strings.Contains(replaced, edits[i])
			replaced = strings.ReplaceAll(replaced, edits[i], edits[i+1])
		}
		Must(t, os.WriteFile(file, []byte(replaced), 0o600))
	}
	for i := 0; i < len(edits); i += 2 {
		if !found[edits[i]] {
			t.Fatalf("the default configuration has no %q to replace", edits[i])
		}
	}
	return dir, server, http
}

// Start starts a hotline that ends with the test.
func Start(t testing.TB, o Options) *Hotline {
	t.Helper()
	if o.Log == nil {
		o.Log, o.Level = zerolog.NewTestWriter(t), zerolog.InfoLevel
	}
	h := &Hotline{t: t, Data: o.Data, SMS: new(cardtest.Notifier)}
	if h.Data == "" {
		h.Data = t.TempDir()
	}
	var dir string
	dir, h.Server, h.HTTP = Config(t, o.Edit...)
	a, err := app.New(app.Options{
		Load:     func() (*configs.Config, error) { return configs.Load(os.DirFS(dir)) },
		Data:     h.Data,
		Version:  "test",
		Log:      zerolog.New(o.Log).Level(o.Level),
		Notifier: h.SMS,
		Host:     o.Host,
		Readers:  []ledger.Reader{h.read},
	})
	Must(t, err)
	Must(t, a.Start())
	h.App = a
	t.Cleanup(a.Stop)
	return h
}

func (h *Hotline) read(batch []ledger.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, batch...)
}

// Events returns everything that the ledger has told so far.
func (h *Hotline) Events() []ledger.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[:len(h.events):len(h.events)]
}

// Facts returns all facts of a type so far.
func Facts[F ledger.Fact](h *Hotline) (list []F) {
	for _, e := range h.Events() {
		if f, ok := e.Fact.(F); ok {
			list = append(list, f)
		}
	}
	return list
}

// Await waits for a fact of a type that fits.
func Await[F ledger.Fact](h *Hotline, limit time.Duration, what string, fits func(F) bool) F {
	h.t.Helper()
	var found F
	Eventually(h.t, limit, what, func() bool {
		for _, f := range Facts[F](h) {
			if fits(f) {
				found = f
				return true
			}
		}
		return false
	})
	return found
}

// AwaitPhones waits until phones have registered.
func (h *Hotline) AwaitPhones(accounts ...string) {
	h.t.Helper()
	for _, account := range accounts {
		Eventually(h.t, Hung, "phone "+account+" registers", func() bool {
			_, ok := h.Stack().Binding(account)
			return ok
		})
	}
}

// Phones are telephones that share one socket for signalling.
type Phones struct {
	h      *Hotline // nil if the hotline is another process
	server string
	stack  *sip.Stack
	media  *media.Engine

	mu   sync.Mutex
	next int
}

// NewPhones returns phones that call the hotline as from its trunk.
func (h *Hotline) NewPhones(t testing.TB) *Phones {
	t.Helper()
	p := NewPhones(t, h.Server)
	p.h = h
	return p
}

// NewPhones returns phones that call a hotline in another process: its calls
// cannot be steered by the ledger.
func NewPhones(t testing.TB, server string) *Phones {
	t.Helper()
	engine, err := media.New(media.Options{PortMin: 40000, PortMax: 49999})
	Must(t, err)
	stack, err := sip.New(sip.Options{Listeners: []sip.Listener{{Network: "udp", Address: "127.0.0.1:0"}}})
	Must(t, err)
	Must(t, stack.Start())
	t.Cleanup(func() {
		_ = stack.Close(t.Context()) // what is left of the calls goes with the test
		engine.Close()
	})
	return &Phones{server: server, stack: stack, media: engine}
}

// Register registers an account until the test ends.
func (p *Phones) Register(t testing.TB, user, password string) {
	t.Helper()
	done := make(chan sip.LoginState, 16)
	_, err := p.stack.Register(sip.Login{URI: "sip:" + p.server, User: user, Password: password, Expires: time.Minute},
		func(s sip.LoginState) {
			select {
			case done <- s:
			default:
			}
		})
	Must(t, err)
	select {
	case s := <-done:
		if !s.Registered {
			t.Fatalf("%s is not registered: %d", user, s.Code)
		}
	case <-time.After(Hung):
		t.Fatalf("%s is not registered", user)
	}
}

// Feature dials a feature code from an account and waits until the hotline has
// confirmed it and hung up.
func (p *Phones) Feature(t testing.TB, user, password, code string) {
	t.Helper()
	c, err := p.call(sip.Dial{URI: "sip:" + code + "@" + p.server, User: user, Password: password})
	Must(t, err)
	select {
	case <-c.over:
		c.media.Close()
	case <-time.After(Hung):
		t.Fatalf("the hotline does not end the call to %s", code)
	}
}

// A Caller is one call from a phone. Its methods report to the test given to
// Dial; they may be used from one goroutine, which need not be the test's.
type Caller struct {
	h     *Hotline
	leg   *sip.Leg
	media *media.Leg
	tail  string
	up    chan struct{}
	over  chan struct{}
	seen  int // events that were consumed by AwaitStep
}

// Dial calls a number of the hotline and waits until it answers. The error
// says that it did not.
func (p *Phones) Dial(number string) (*Caller, error) {
	p.mu.Lock()
	p.next++
	tail := fmt.Sprintf("%04d", p.next)
	p.mu.Unlock()
	c, err := p.call(sip.Dial{URI: "sip:" + number + "@" + p.server, From: "1380000" + tail})
	if c != nil {
		c.tail = tail
	}
	return c, err
}

func (p *Phones) call(d sip.Dial) (*Caller, error) {
	c := &Caller{h: p.h, up: make(chan struct{}), over: make(chan struct{})}
	var err error
	if c.media, err = p.media.Open(media.LegOptions{Kind: "caller"}); err != nil {
		return nil, err
	}
	d.Offer = c.media.Offer()
	c.leg, err = p.stack.Dial(d, func(e sip.Event) {
		switch e := e.(type) {
		case sip.Answered:
			_ = c.media.Accept(e.Body) // a call without media shows in what follows
			close(c.up)
		case sip.Ended:
			close(c.over)
		default:
		}
	})
	if err != nil {
		c.media.Close()
		return nil, err
	}
	select {
	case <-c.up:
		return c, nil
	case <-c.over:
		return nil, fmt.Errorf("%s refused the call", d.URI)
	case <-time.After(Hung):
		return nil, fmt.Errorf("%s did not answer", d.URI)
	}
}

// Press presses keys by RFC 4733.
func (c *Caller) Press(keys string) error { return c.media.SendKeys(keys) }

// Hangup ends the call.
func (c *Caller) Hangup() {
	c.leg.Hangup("")
	<-c.over
	c.media.Close()
}

// Over returns a channel that is closed when the call is over.
func (c *Caller) Over() <-chan struct{} { return c.over }

// Await waits for the next event of this call, after those seen before, that
// fits.
func (c *Caller) Await(limit time.Duration, what string, fits func(ledger.Fact) bool) error {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		events := c.h.Events()
		id := ""
		for i, e := range events {
			if f, ok := e.Fact.(ledger.CallArrived); ok && f.Caller == c.tail {
				id = e.Call
			}
			if i >= c.seen && id != "" && e.Call == id && fits(e.Fact) {
				c.seen = i + 1
				return nil
			}
		}
	}
	return fmt.Errorf("caller %s: not within %v: %s", c.tail, limit, what)
}

// AwaitStep waits until the caller has left a step of a flow: what comes next
// is being spoken then.
func (c *Caller) AwaitStep(flow, step string) error {
	return c.Await(Hung, "step "+flow+"."+step, func(f ledger.Fact) bool {
		left, ok := f.(ledger.StepLeft)
		return ok && left.Flow == flow && left.Step == step
	})
}

// Records returns all records of a store, the oldest first.
func Records(t *testing.T, s *sqlite.Store) (list []store.Record) {
	t.Helper()
	for r, err := range s.Records(t.Context(), store.Query{}) {
		Must(t, err)
		list = append(list, r)
	}
	return list
}
