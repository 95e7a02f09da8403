// Package app is the composition root: it builds the rooms of the hotline from
// a configuration, starts and stops them in order, and reloads them whole or
// not at all.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/call"
	"cardline/caller"
	"cardline/card"
	"cardline/card/demo"
	"cardline/configs"
	"cardline/console"
	"cardline/ledger"
	"cardline/media"
	"cardline/memory"
	"cardline/metrics"
	"cardline/outbox"
	"cardline/sip"
	"cardline/store"
	"cardline/store/sqlite"
)

// Options say what to run.
type Options struct {
	// Load reads the configuration, at the start and at every reload.
	Load func() (*configs.Config, error)
	// Data is the directory of all that survives the program. It is made if
	// it is missing.
	Data string
	// Version is shown in the ledger and the metrics.
	Version string
	Log     zerolog.Logger
	// LogDropped returns how many lines of the log were lost since the start. If
	// nil, none ever is.
	LogDropped func() uint64
	// Host is the card host. If nil, it is the embedded demo issuer.
	Host card.Host
	// Notifier takes the demo issuer's text messages. If nil they are lost.
	Notifier card.Notifier
	// Readers see every ledger event after those of a restart.
	Readers []ledger.Reader
	// Record is a directory in which each run writes what its router is told into
	// a file of its own, for [call.Replay]. If empty, nothing is recorded.
	Record string
}

// An App is a hotline in one process: New, Start, Reload, Drain, Stop.
type App struct {
	options Options
	log     zerolog.Logger
	undo    []step // in the order of the start; undone from the end
	failed  bool   // it never opens

	mu     sync.Mutex // one reload at a time
	config *configs.Config

	ledger  *ledger.Log
	store   *sqlite.Store
	book    *sqlite.Book
	metrics *metrics.Metrics
	hotline *call.Hotline
	stack   *sip.Stack
	outbox  *outbox.Outbox
	console *console.Server
	engine  *media.Engine
	open    atomic.Bool           // takes calls
	watch   atomic.Pointer[watch] // from Start on
}

// A step is something that was begun, with what ends it.
type step struct {
	name string
	end  func() error
}

// New builds everything and binds nothing. What it has begun is ended again if
// it fails.
func New(o Options) (*App, error) {
	a := &App{options: o, log: o.Log}
	if err := a.build(); err != nil {
		a.fail()
		return nil, err
	}
	return a, nil
}

// build builds the rooms, from the ground up.
func (a *App) build() (err error) {
	if a.config, err = a.options.Load(); err != nil {
		return err
	}
	a.warn(a.config)
	if err := a.openData(); err != nil {
		return err
	}
	keys, err := a.loadKeys(a.config)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	version, revision, _ := strings.Cut(a.options.Version, " ")
	a.metrics = metrics.New(metrics.Options{Registerer: registry, Version: version, Revision: revision, Deliveries: card.Kinds, Reloadable: figures(a.config)})
	agents, err := a.openLedger()
	if err != nil {
		return err
	}
	desk, err := a.openCardHost()
	if err != nil {
		return err
	}
	record, err := a.openRecording()
	if err != nil {
		return err
	}
	pages := &memory.Pages{Unlocked: memory.Once(func(err error) {
		a.log.Warn().Err(err).Msg("memory of PINs cannot be locked and may be swapped; raise the limit of locked memory")
	}, a.metrics.Unlocked)}
	options := a.config.Media()
	options.Pages = pages
	options.Log, options.Observer = a.log, a.metrics.Media()
	if a.engine, err = media.New(options); err != nil {
		return err
	}
	a.begun("media", func() error { a.engine.Close(); return nil })
	a.hotline = call.New(call.Options{
		Config: a.config.Call(), Media: a.engine, Pages: pages, Desk: desk, Ledger: a.ledger, Log: a.log, Observer: a.metrics.Call(),
		Book: a.book, Keys: keys, Record: record,
	})
	signalling := a.config.SIP()
	signalling.Handler, signalling.Log, signalling.Observer = a.hotline, a.log, a.metrics.SIP()
	if a.stack, err = sip.New(signalling); err != nil {
		a.hotline.Stop()
		return err
	}
	a.hotline.Use(a.stack)
	a.begun("signalling", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		defer cancel()
		return a.stack.Close(ctx)
	})
	a.begun("calls", func() error { a.hotline.Stop(); return nil })
	if err := a.restore(agents); err != nil {
		return err
	}
	switches, err := a.store.Switches(context.Background(), time.Now())
	if err != nil {
		return err
	}
	a.hotline.Rethrow(switches)
	barred, err := a.store.Barred(context.Background(), time.Now())
	if err != nil {
		return err
	}
	a.hotline.Rebar(barred)
	tried, err := a.store.Tried(context.Background(), a.hotline.Midnight())
	if err != nil {
		return err
	}
	a.hotline.Recount(tried)
	if err := a.hotline.Resume(); err != nil {
		return err
	}
	a.keepKeys()
	a.closeData() // what was made since
	a.console, err = console.New(console.Options{
		Listen: a.config.File.HTTP.Listen, Files: files(a.config),
		Hotline: a.hotline, Records: a.store, Outbox: a.outbox, Ledger: a.ledger, Ready: a.ready,
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}),
		Version: a.options.Version, Config: a.digest, Log: a.log,
	})
	return err
}

// files are those of the HTTP listener.
func files(c *configs.Config) console.Files {
	h := c.File.HTTP
	return console.Files{Certificate: h.Certificate, Key: h.Key, Tokens: h.Tokens}
}

// startOnly names the sections that differ and are only read at the start.
func startOnly(was, is *configs.Config) (sections []string) {
	for section, same := range map[string]bool{
		"sip":         reflect.DeepEqual(was.File.SIP, is.File.SIP),
		"media":       was.File.Media == is.File.Media,
		"card":        was.File.Card == is.File.Card,
		"http.listen": was.File.HTTP.Listen == is.File.HTTP.Listen,
	} {
		if !same {
			sections = append(sections, section)
		}
	}
	slices.Sort(sections)
	return sections
}

// ready says why the hotline takes no calls, nil if it does.
func (a *App) ready() error {
	if !a.open.Load() {
		return errors.New("the hotline is not open")
	}
	return a.Answers()
}

// Answers returns nil if calls can be answered, those that are up while the hotline
// drains included: within the last seconds the router, the media loops and the
// readers of SIP have done what they were asked. It is nil from Start on.
func (a *App) Answers() error {
	w := a.watch.Load()
	if w == nil {
		return errors.New("the hotline is not open")
	}
	return w.answers()
}

// warn tells what a planner should look at twice.
func (a *App) warn(c *configs.Config) {
	for _, w := range c.Warnings {
		a.log.Warn().Stringer("warning", w).Msg("the configuration is in force, but look at this")
	}
}

// digest names the configuration in force.
func (a *App) digest() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.config.Digest
}

// stopLimit is how long the end of the signalling may take, and that of the
// ledger while its file cannot be written.
const stopLimit = 8 * time.Second

func (a *App) begun(name string, end func() error) { a.undo = append(a.undo, step{name, end}) }

// unwind ends what was begun, the last first.
func (a *App) unwind() {
	for i := len(a.undo) - 1; i >= 0; i-- {
		if err := a.undo[i].end(); err != nil {
			a.log.Error().Err(err).Str("room", a.undo[i].name).Msg("not ended cleanly")
		}
	}
	a.undo = nil
}

// fail ends what was begun of a hotline that cannot open.
func (a *App) fail() {
	a.failed = true
	a.unwind()
}

// openData makes the data directory and takes it for this process alone.
func (a *App) openData() error {
	if err := os.MkdirAll(a.options.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := ownFolder(a.options.Data); err != nil {
		return fmt.Errorf("data directory %s: %w", a.options.Data, err)
	}
	release, err := lock(filepath.Join(a.options.Data, "lock"))
	if err != nil {
		return fmt.Errorf("data directory %s: %w", a.options.Data, err)
	}
	a.begun("data directory", release)
	a.closeData()
	return nil
}

func (a *App) openCardHost() (*card.Desk, error) {
	host := a.options.Host
	if host == nil {
		notifier := a.options.Notifier
		if notifier == nil {
			notifier = nobody{}
		}
		issuer, err := demo.Open(demo.Options{Dir: a.options.Data, Holders: a.config.File.Card.Holders, Notifier: notifier})
		if err != nil {
			return nil, err
		}
		a.begun("card host", issuer.Close)
		host = issuer
	}
	// Two attempts of the desk must fit into a flow's limit of ten seconds.
	limit := cmp.Or(a.config.File.Card.Limit, 4*time.Second)
	var err error
	if a.outbox, err = outbox.Open(outbox.Options{
		File: filepath.Join(a.options.Data, "outbox.db"), Receivers: card.Receivers(host), Limit: limit,
		Observer: deliveries{a.metrics, a.ledger, a.log}, Log: a.log,
	}); err != nil {
		return nil, err
	}
	a.begun("outbox", a.outbox.Close)
	return card.NewDesk(context.Background(), card.DeskOptions{Host: host, Outbox: a.outbox, Limit: limit}), nil
}

// nobody is the Notifier that sends nothing.
type nobody struct{}

func (nobody) Notify(context.Context, card.Notice) error { return nil }

// openRecording makes the file for what the router is told, nil if there is to be
// none. It is a new one each time: what led to a crash is kept.
func (a *App) openRecording() (io.Writer, error) {
	if a.options.Record == "" {
		return nil, nil
	}
	if err := os.MkdirAll(a.options.Record, 0o700); err != nil {
		return nil, fmt.Errorf("recording of the router: %w", err)
	}
	name := filepath.Join(a.options.Record, time.Now().UTC().Format("router-20060102T150405.000000Z.jsonl"))
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("recording of the router: %w", err)
	}
	a.begun("recording", func() error {
		if a.failed { // nothing came of it
			return errors.Join(file.Close(), os.Remove(name))
		}
		return file.Close()
	})
	a.log.Info().Str("file", name).Msg("the router is recorded")
	return file, nil
}

// writeEvery is how often events are written: a commit costs about as much for
// one as for a hundred.
const writeEvery = 20 * time.Millisecond

// openLedger opens the store, closes what a killed process left open, and
// returns what every agent was.
func (a *App) openLedger() (agents []sqlite.Agent, err error) {
	ctx := context.Background()
	if a.store, err = sqlite.Open(sqlite.Options{
		File: filepath.Join(a.options.Data, "cardline.db"), Log: a.log, Fault: a.metrics.Unwritten,
	}); err != nil {
		return nil, err
	}
	a.begun("store", a.store.Close)
	if a.book, err = sqlite.OpenBook(filepath.Join(a.options.Data, "callbacks.db")); err != nil {
		return nil, err
	}
	a.begun("book of callbacks", a.book.Close)
	if err := a.store.HandOver(a.book); err != nil {
		return nil, err
	}
	last, err := a.store.Last(ctx)
	if err != nil {
		return nil, err
	}
	if agents, err = a.store.Agents(ctx); err != nil {
		return nil, err
	}
	cut, err := a.store.OpenCalls(ctx)
	if err != nil {
		return nil, err
	}
	starts, err := a.store.Starts(ctx, time.Now().Add(-10*time.Minute))
	if err != nil {
		return nil, err
	}
	a.ledger = ledger.New(last.Seq)
	a.ledger.SubscribeGathering(writeEvery, a.store.Write)
	if _, clean := last.Fact.(ledger.Stopped); clean || last.Seq == 0 {
		a.ledger.Append("", "", ledger.Started{Version: a.options.Version, Config: a.config.Digest})
	} else {
		a.log.Warn().Int("interrupted", len(cut)).Msg("the last run was not stopped; its calls are closed as interrupted")
		a.ledger.Append("", "", ledger.Restarted{
			Version: a.options.Version, Config: a.config.Digest, LastSeq: last.Seq, Interrupted: len(cut),
		})
	}
	a.closeCut(cut, last.At)
	a.ledger.Sync()
	a.metrics.Process(metrics.Process{LogDropped: a.options.LogDropped, Starts: starts, Answers: a.Answers})
	for _, read := range append([]ledger.Reader{a.metrics.Read}, a.options.Readers...) {
		a.ledger.Subscribe(read)
	}
	a.begun("ledger", func() error {
		a.ledger.Append("", "", ledger.Stopped{})
		late := time.AfterFunc(stopLimit, a.store.GiveUp) // a full disk keeps nobody from ending
		defer late.Stop()
		a.ledger.Close()
		return nil
	})
	return agents, nil
}

// closeCut says of calls that were cut at the given time how they ended.
func (a *App) closeCut(cut []*store.Record, at time.Time) {
	for _, r := range cut {
		for _, f := range r.Interrupted(at) {
			a.ledger.Append(r.Journey, r.Call, f)
		}
	}
}

// restore brings the agents back into the states that the ledger last told.
// Their phones have yet to register: until they do nobody can be rung.
func (a *App) restore(agents []sqlite.Agent) error {
	config := a.config.Call()
	known, phones := config.Routing.Agents, slices.Collect(maps.Values(config.Devices))
	for _, was := range agents {
		state, reason := was.State, was.Reason
		if was.Next != "" {
			state, reason = was.Next, was.NextReason
		}
		for _, agent := range known {
			if agent.ID != was.ID {
				continue
			}
			if err := a.hotline.Restore(was.ID, state, reason); err != nil {
				return fmt.Errorf("restore agent %s: %w", was.ID, err)
			}
			if !slices.Contains(phones, was.ID) {
				continue
			}
			if err := a.hotline.Command(acd.DeviceLost{Agent: was.ID}); err != nil {
				return fmt.Errorf("restore agent %s: %w", was.ID, err)
			}
		}
	}
	return nil
}

// Start binds the listeners: from here on calls come in.
func (a *App) Start() error {
	if err := a.console.Start(); err != nil {
		a.fail()
		return err
	}
	a.begun("console", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		defer cancel()
		return a.console.Stop(ctx)
	})
	if err := a.stack.Start(); err != nil {
		a.fail()
		return err
	}
	w := startWatch(a.log, a.hotline.Alive, a.engine.Alive, a.stack.Alive)
	a.watch.Store(w)
	a.begun("watch", w.end)
	a.open.Store(true)
	a.log.Info().Str("config", a.config.Digest).Str("data", a.options.Data).Msg("hotline is open")
	return nil
}

// Reload reads the configuration again. If anything is wrong with it nothing
// changes. Listeners, media ports and the data directory keep what they were
// started with; calls that are up keep what they began with.
func (a *App) Reload() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	next, err := a.options.Load()
	var commit func()
	if err == nil {
		commit, err = a.console.Prepare(files(next))
	}
	var keys *caller.Keys
	if err == nil {
		keys, err = a.loadKeys(a.config) // those that only the next one calls too old stay until it is taken
	}
	if err == nil {
		err = a.stack.Reload(next.Reloadable())
	}
	if err != nil {
		problems := 1
		if invalid, ok := errors.AsType[*configs.InvalidError](err); ok {
			problems = len(invalid.Problems)
		}
		a.ledger.Append("", "", ledger.ConfigRefused{Problems: problems})
		return err
	}
	commit()
	a.warn(next)
	a.metrics.Configure(figures(next))
	a.hotline.Reload(next.Call())
	if fewer, err := a.loadKeys(next); err == nil {
		keys = fewer
	}
	a.hotline.SetKeys(keys)
	if kept := startOnly(a.config, next); len(kept) > 0 {
		a.log.Warn().Strs("sections", kept).Msg("changes that need a restart were not taken over")
	}
	a.config = next
	a.ledger.Append("", "", ledger.ConfigLoaded{Digest: next.Digest})
	a.log.Info().Str("config", next.Digest).Msg("configuration reloaded")
	return nil
}

// Drain refuses new calls and waits for those that are up, as long as the
// configuration allows or until ctx ends.
func (a *App) Drain(ctx context.Context) {
	a.open.Store(false)
	a.stack.Drain()
	ctx, cancel := context.WithTimeout(ctx, a.config.File.Drain)
	defer cancel()
	a.log.Info().Int("calls", a.hotline.Live()).Msg("draining")
	if err := a.hotline.Drain(ctx); err != nil {
		a.log.Warn().Err(err).Msg("drained in part")
	}
}

// Stop ends what is left, in reverse order of the start. Stopping twice is
// stopping once.
func (a *App) Stop() {
	if len(a.undo) == 0 {
		return
	}
	a.open.Store(false)
	a.stack.Drain()
	a.unwind()
	a.log.Info().Msg("hotline is closed")
}

// Hotline returns the live calls, for the board and the tests.
func (a *App) Hotline() *call.Hotline { return a.hotline }

// Store returns the records.
func (a *App) Store() *sqlite.Store { return a.store }

// Ledger returns the ledger.
func (a *App) Ledger() *ledger.Log { return a.ledger }

// Stack returns the signalling.
func (a *App) Stack() *sip.Stack { return a.stack }
