package call

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/card"
	"cardline/card/cardtest"
	"cardline/card/demo"
	"cardline/ivr"
	"cardline/ledger"
	"cardline/media"
	"cardline/prompts"
	"cardline/sip"
)

// library is loaded once: it is read-only.
var library = sync.OnceValues(func() (*prompts.Library, error) { return prompts.Load(prompts.Embedded()) })

// flows are as short as flows can be: a menu, and the way to a person.
var flows = ivr.Flows{
	"main": {Steps: map[string]ivr.Step{
		"start": {Do: ivr.MenuStep, Say: []string{"one_moment"}, Keys: map[string]string{"1": "bye"}},
		"bye":   {Do: ivr.HangUpStep},
	}},
	ivr.PersonFlow: {Steps: map[string]ivr.Step{
		"start": {Do: ivr.QueueStep, Queue: "cards", Results: map[string]string{
			"answered": "bye", "timeout": "bye", "no_agents": "bye", "closed": "bye", "error": "bye",
		}},
		"bye": {Do: ivr.HangUpStep},
	}},
	"verify": {Steps: map[string]ivr.Step{
		"start": {
			Do: ivr.CardStep, Operation: ivr.Verify, Args: map[string]string{"card": "card", "id_tail": "id_tail", "expiry": "expiry"},
			Results: map[string]string{"ok": "bye", "refused": "bye", "locked": "bye", "unavailable": "bye"},
		},
		"bye": {Do: ivr.HangUpStep},
	}},
	"losses": {Steps: map[string]ivr.Step{
		"start": {
			Do: ivr.CardStep, Operation: ivr.ReportLoss, Args: map[string]string{"card": "card", "kind": "kind"},
			Results: map[string]string{"ok": "again", "queued": "again", "refused": "bye", "unavailable": "again"},
		},
		"again": {
			Do: ivr.CardStep, Operation: ivr.ReportLoss, Args: map[string]string{"card": "card", "kind": "kind"},
			Results: map[string]string{"ok": "bye", "queued": "bye", "refused": "bye", "unavailable": "bye"},
		},
		"bye": {Do: ivr.HangUpStep},
	}},
	"pin": {Steps: map[string]ivr.Step{
		"start": {
			Do: ivr.SecureStep, Entry: ivr.PIN, Card: "card",
			Prompts: ivr.SecurePrompts{First: "pin_1", Again: "pin_2", Weak: "pin_weak", Different: "pin_diff"},
			Results: map[string]string{
				"ok": "menu", "refused": "menu", "weak_limit": "menu", "mismatch_limit": "menu", "timeout": "menu", "unavailable": "menu",
			},
		},
		"menu": {Do: ivr.MenuStep, Say: []string{"one_moment"}, Keys: map[string]string{"1": "bye"}},
		"bye":  {Do: ivr.HangUpStep},
	}},
}

// entries are the flows at which lines begin.
var entries = []string{"main", ivr.PersonFlow, "pin", "verify", "losses"}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// bench is a hotline on loopback with telephones before it.
type bench struct {
	t *testing.T
	switchboard
	hotline *Hotline
	config  *Config
	ledger  *ledger.Log
	server  string
	phones  *sip.Stack
	voices  *media.Engine

	names names // of hosts that phones write for their address

	stop func() // ends the hotline, once

	mu     sync.Mutex
	events []ledger.Event
	agents map[string]*phone // by account
	logins []*sip.Client
	next   int
}

// switchboard is the hotline's signalling; full, it has no room for calls of
// ours, and deaf, it hears no phone.
type switchboard struct {
	*sip.Stack
	full atomic.Bool
	deaf atomic.Bool
}

// Ping hears nothing if the switchboard is deaf.
func (s *switchboard) Ping(ctx context.Context, account string) error {
	if s.deaf.Load() {
		return context.DeadlineExceeded
	}
	return s.Stack.Ping(ctx, account)
}

func (s *switchboard) Dial(d sip.Dial, sink sip.Sink) (*sip.Leg, error) {
	if s.full.Load() {
		return nil, sip.ErrBusy
	}
	return s.Stack.Dial(d, sink)
}

// phone is a caller's telephone, or an agent's that waits for calls.
type phone struct {
	bench  *bench
	answer func(*phone) // what an agent's phone does when it rings
	leg    *sip.Leg
	media  *media.Leg
	sdp    []byte // an agent's answer to the offer
	events chan sip.Event
}

// ranges counts the port ranges that were given away. Two runs of the tests at
// one time do not begin at the same.
var ranges atomic.Uint32

// ports returns options with ports that no other engine of the tests has had a
// short while ago: nobody hears what is still sent to one that is gone. They are
// above those that the system gives to sockets without a port of their own.
func ports() media.Options {
	const first, each, all = 61000, 64, 70
	n := (ranges.Add(1) + uint32(os.Getpid())*17) % all
	low := first + each*uint16(n)
	return media.Options{PortMin: low, PortMax: low + each - 1}
}

func newBench(t *testing.T, change ...func(*Config)) *bench {
	t.Helper()
	return benchWith(t, Options{}, change...)
}

// benchWith returns a bench whose hotline has options of its own.
func benchWith(t *testing.T, o Options, change ...func(*Config)) *bench {
	t.Helper()
	lib, err := library()
	must(t, err)
	program, err := ivr.Compile(flows, ivr.Environment{Prompts: lib, Queues: []string{"cards", "complaints"}, Entries: entries, Values: []string{"card", "id_tail", "expiry", "kind"}})
	must(t, err)
	b := &bench{t: t, ledger: ledger.New(0), agents: map[string]*phone{}, names: names{make(chan string, 16)}}
	b.ledger.Subscribe(func(batch []ledger.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, batch...)
	})
	b.config = &Config{
		Lines: map[string]*Line{
			"100": {Name: "main", Flow: "main", Language: "en"},
			"200": {Name: "direct", Flow: ivr.PersonFlow, Language: "en", Class: "normal"},
			"300": {Name: "pin", Flow: "pin", Language: "en", Values: map[string]string{"card": "card_none"}},
		},
		Program: program, Prompts: lib, AgentLanguage: "en",
		Routing: acd.Options{
			Queues: []acd.Queue{
				{Name: "cards", Requires: acd.RequireLevels(map[string]int{"cards": 1}), RingTimeout: 20 * time.Second, OfferAgain: true},
				{Name: "complaints", Requires: acd.RequireLevels(map[string]int{"complaints": 1})},
			},
			Agents: []acd.Agent{
				{ID: "ann", Skills: map[string]int{"cards": 5}},
				{ID: "bob", Skills: map[string]int{"cards": 5, "complaints": 5}},
			},
			Reasons: []acd.Reason{{Name: "lunch"}},
		},
		Devices: map[string]string{"1001": "ann", "1002": "bob"},
		Features: Features{
			LogIn: "*11", LogOut: "*10", Ready: "*12", NotReady: map[string]string{"*14": "lunch"}, TransferQueue: "*8", TransferAgent: "*9",
		},
		Queues: map[string]QueueOptions{"cards": {Code: "1"}, "complaints": {Code: "2"}},
	}
	b.voices, err = media.New(ports())
	must(t, err)
	b.phones, err = sip.New(sip.Options{
		Listeners: []sip.Listener{{Network: "udp", Address: "127.0.0.1:0"}}, Handler: b,
		Reloadable: sip.Reloadable{Trunks: []sip.Trunk{{Name: "hotline", Sources: loopback}}},
	})
	must(t, err)
	must(t, b.phones.Start())
	for _, c := range change {
		c(b.config)
	}
	b.config.Callbacks.URI = strings.Replace(b.config.Callbacks.URI, "phones", b.phones.Addr(0).String(), 1)
	ours := ports()
	ours.RTPTimeout = 2 * time.Second // longer than any stall of a slow machine
	ours.Resolver = &b.names
	engine, err := media.New(ours)
	must(t, err)
	issuer, err := demo.Open(demo.Options{Dir: t.TempDir(), Holders: 1, Notifier: new(cardtest.Notifier)})
	must(t, err)
	o.Config, o.Media, o.Ledger = b.config, engine, b.ledger
	if reflect.ValueOf(o.Log).IsZero() {
		o.Log = zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	}
	if o.Desk == nil {
		o.Desk = card.NewDesk(t.Context(), card.DeskOptions{Host: issuer})
	}
	b.hotline = New(o)
	stack, err := sip.New(sip.Options{
		Listeners: []sip.Listener{{Network: "udp", Address: "127.0.0.1:0"}}, Handler: b.hotline, Log: o.Log,
		Reloadable: sip.Reloadable{
			Trunks:   []sip.Trunk{{Name: "local", Sources: loopback, Phones: true}},
			Accounts: []sip.Account{{User: "1001", Password: "a"}, {User: "1002", Password: "b"}, {User: "1003", Password: "c", NAT: true}},
		},
	})
	must(t, err)
	b.stop = sync.OnceFunc(b.hotline.Stop)
	b.Stack = stack
	b.hotline.Use(&b.switchboard)
	must(t, stack.Start())
	b.server = stack.Addr(0).String()

	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		b.stop()
		for _, login := range b.logins {
			login.Close(ctx)
		}
		_ = b.phones.Close(ctx)
		_ = stack.Close(ctx)
		b.voices.Close()
		engine.Close()
		b.ledger.Close()
		_ = issuer.Close()
		b.balanced()
	})
	return b
}

// Invited makes the phones of agents ring.
func (b *bench) Invited(leg *sip.Leg, in sip.Invite) sip.Sink {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.agents[in.To]
	voice, err := b.voices.Open(media.LegOptions{Kind: "agent"})
	if err == nil {
		p.sdp, err = voice.Answer(in.Offer)
	}
	if err != nil {
		leg.Refuse(488, "")
		return nil
	}
	p.leg, p.media = leg, voice
	leg.Ring()
	p.answer(p)
	return func(e sip.Event) { p.events <- e }
}

// RegistrationChanged is for registrars.
func (b *bench) RegistrationChanged(sip.Registration) {}

// answers is an agent who takes every call.
func answers(p *phone) { p.leg.Answer(p.sdp) }

// agent registers an agent's phone and logs the agent in, ready.
func (b *bench) agent(account, password string, answer func(*phone)) *phone {
	b.t.Helper()
	p := &phone{bench: b, answer: answer, events: make(chan sip.Event, 64)}
	b.mu.Lock()
	b.agents[account] = p
	b.mu.Unlock()
	b.register(account, password)
	agent := b.config.Devices[account]
	must(b.t, b.hotline.Command(acd.LogIn{Agent: agent, By: ledger.ByAPI}))
	must(b.t, b.hotline.Command(acd.SetReady{Agent: agent, By: ledger.ByAPI}))
	return p
}

// register registers a phone.
func (b *bench) register(account, password string) {
	b.t.Helper()
	registered := make(chan bool, 8)
	login, err := b.phones.Register(sip.Login{URI: "sip:" + b.server, User: account, Password: password}, func(s sip.LoginState) { registered <- s.Registered })
	must(b.t, err)
	b.logins = append(b.logins, login)
	if !<-registered {
		b.t.Fatalf("phone %s is not registered", account)
	}
}

// dial calls the hotline and waits for its answer.
func (b *bench) dial(d sip.Dial) *phone {
	b.t.Helper()
	p := &phone{bench: b, events: make(chan sip.Event, 64)}
	var err error
	p.media, err = b.voices.Open(media.LegOptions{Kind: "caller"})
	must(b.t, err)
	if d.Offer == nil {
		d.Offer = p.media.Offer()
	}
	d.URI = "sip:" + d.URI + "@" + b.server
	p.leg, err = b.phones.Dial(d, func(e sip.Event) { p.events <- e })
	must(b.t, err)
	if answered, ok := p.await().(sip.Answered); ok {
		must(b.t, p.media.Accept(answered.Body))
	}
	return p
}

// caller calls a number as from the trunk.
func (b *bench) caller(number string) *phone {
	b.t.Helper()
	b.next++
	return b.dial(sip.Dial{URI: number, From: fmt.Sprintf("1390000%04d", b.next)})
}

// await returns the phone's next event but provisional ones.
func (p *phone) await() sip.Event {
	p.bench.t.Helper()
	for {
		select {
		case e := <-p.events:
			if _, provisional := e.(sip.Progressed); !provisional {
				return e
			}
		case <-time.After(patience):
			p.bench.t.Fatalf("the phone hears nothing for %v", patience)
		}
	}
}

// press presses keys as soon as the phone hears the hotline, which then hears the
// phone as well: before, it would be deaf to a key.
func (p *phone) press(keys string) {
	p.bench.t.Helper()
	for deadline := time.Now().Add(patience); p.media.Stats().Received == 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.bench.t.Fatalf("the phone hears no voice for %v", patience)
		}
	}
	must(p.bench.t, p.media.SendKeys(keys))
}

// ended waits for the end of the phone's call.
func (p *phone) ended() sip.Ended {
	p.bench.t.Helper()
	for {
		if e, ok := p.await().(sip.Ended); ok {
			return e
		}
	}
}

// patience is how long a test waits for something. It is long, since the machine
// may be slow; a test that sees what it waits for goes on at once.
const patience = 20 * time.Second

// fact waits for a fact that fits.
func fact[F ledger.Fact](b *bench, what string, fits func(F) bool) F {
	b.t.Helper()
	return nth(b, 1, what, fits)
}

// nth waits for so many facts that fit, and returns the last of them.
func nth[F ledger.Fact](b *bench, n int, what string, fits func(F) bool) F {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		fitting := facts(b, fits)
		if len(fitting) >= n {
			return fitting[n-1]
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// facts returns the facts so far that fit.
func facts[F ledger.Fact](b *bench, fits func(F) bool) (list []F) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if f, ok := e.Fact.(F); ok && fits(f) {
			list = append(list, f)
		}
	}
	return list
}

func (b *bench) bridgedWith(agent string) {
	b.t.Helper()
	fact(b, "caller talks with "+agent, func(f ledger.Bridged) bool { return f.Agent == agent })
}

func (b *bench) state(agent string, want ledger.AgentState) {
	b.t.Helper()
	var got ledger.AgentState
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, a := range b.hotline.Agents() {
			if a.ID == agent {
				got = a.State
			}
		}
		if got == want {
			return
		}
	}
	b.t.Errorf("agent %s is %s, want %s", agent, got, want)
}

// balanced checks, at the end of every test, that whatever was opened was
// closed once.
func (b *bench) balanced() {
	b.t.Helper()
	count := map[string]int{}
	for _, e := range b.events {
		count[ledger.Kind(e.Fact)]++
	}
	for open, end := range map[string]string{
		"call_arrived": "call_ended", "queued": "dequeued", "offered": "offer_ended", "bridged": "talk_ended", "hold_started": "hold_ended",
		"callback_requested": "callback_ended",
	} {
		if count[open] != count[end] {
			b.t.Errorf("%d %s, but %d %s", count[open], open, count[end], end)
		}
	}
	if n := b.hotline.Live(); n != 0 {
		b.t.Errorf("%d calls are left", n)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCallerKeepsPlaceWhenAgentRefuses(t *testing.T) {
	b := newBench(t)
	b.agent("1001", "a", func(p *phone) { p.leg.Refuse(603, "") })
	b.agent("1002", "b", answers)
	c := b.caller("200")
	b.bridgedWith("bob")
	refused := fact(b, "ann refused", func(f ledger.OfferEnded) bool { return f.Agent == "ann" })
	if refused.Result != ledger.OfferRejected {
		t.Errorf("ann's offer ended as %s", refused.Result)
	}
	left := fact(b, "the place was left", func(f ledger.Dequeued) bool { return true })
	if left.Entry != refused.Entry || left.Outcome != ledger.OutcomeAnswered {
		t.Errorf("the caller left as %+v", left)
	}
	c.leg.Hangup("")
	c.ended()
	b.state("bob", ledger.AgentReady)
	b.state("ann", ledger.AgentReady)
}

func TestEveryWayNotToAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(*phone)
		want   ledger.OfferResult
		state  ledger.AgentState
	}{
		{"nobody answers", func(*phone) {}, ledger.OfferIgnored, ledger.AgentNotReady},
		{"busy", func(p *phone) { p.leg.Refuse(486, "") }, ledger.OfferBusy, ledger.AgentReady},
		{"declined", func(p *phone) { p.leg.Refuse(603, "") }, ledger.OfferRejected, ledger.AgentReady},
		{"do not disturb", func(p *phone) { p.leg.Refuse(480, "") }, ledger.OfferRejected, ledger.AgentReady},
		{"broken", func(p *phone) { p.leg.Refuse(500, "") }, ledger.OfferUnreachable, ledger.AgentUnreachable},
		{"an answer without sense", func(p *phone) { p.leg.Answer([]byte("v=0\r\n")) }, ledger.OfferRejected, ledger.AgentReady},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(config *Config) {
				if c.want == ledger.OfferIgnored {
					config.Routing.Queues[0].RingTimeout = 700 * time.Millisecond
				}
			})
			b.agent("1001", "a", c.answer)
			caller := b.caller("200")
			ended := fact(b, "the offer ends", func(f ledger.OfferEnded) bool { return true })
			if ended.Result != c.want {
				t.Errorf("the offer ended as %s, want %s", ended.Result, c.want)
			}
			b.state("ann", c.state)
			caller.leg.Hangup("")
			caller.ended()
			left := fact(b, "the caller left", func(f ledger.Dequeued) bool { return true })
			if left.Outcome != ledger.OutcomeAbandoned {
				t.Errorf("the caller left as %s", left.Outcome)
			}
		})
	}
}

func TestCallerGoneWhileThePhoneRings(t *testing.T) {
	b := newBench(t)
	rung := make(chan *phone, 1)
	b.agent("1001", "a", func(p *phone) { rung <- p })
	c := b.caller("200")
	ringing := <-rung
	c.leg.Hangup("")
	if e := ringing.ended(); e.Reason != sip.Cancelled {
		t.Errorf("the agent's phone stopped ringing by %s", e.Reason)
	}
	ended := fact(b, "the offer ends", func(f ledger.OfferEnded) bool { return true })
	if ended.Result != ledger.OfferCallerLeft {
		t.Errorf("the offer ended as %s", ended.Result)
	}
	b.state("ann", ledger.AgentReady)
}

func TestPhoneThatHasGoneIsNotWaitedFor(t *testing.T) {
	b := newBench(t)
	must(t, b.hotline.Command(acd.LogIn{Agent: "ann", By: ledger.ByAPI}))
	must(t, b.hotline.Command(acd.SetReady{Agent: "ann", By: ledger.ByAPI})) // but no phone has registered
	b.caller("200")
	ended := fact(b, "the offer ends", func(f ledger.OfferEnded) bool { return true })
	if ended.Result != ledger.OfferUnreachable {
		t.Errorf("the offer ended as %s", ended.Result)
	}
	b.state("ann", ledger.AgentUnreachable)
	b.agent("1001", "a", answers) // the phone comes, the agent is back and takes the caller
	b.bridgedWith("ann")
}

// A machine that would rather send a fax is refused, and the call goes on
// (asterisk/testsuite tests/fax/pjsip).
func TestFaxIsRefused(t *testing.T) {
	b := newBench(t)
	agent := b.agent("1001", "a", answers)
	c := b.caller("200")
	b.bridgedWith("ann")
	for _, p := range []*phone{c, agent} {
		fax := regexp.MustCompile(`m=audio \d+`).ReplaceAll(p.media.Offer(), []byte("m=audio 0"))
		p.leg.Offer(append(fax, "m=image 40000 udptl t38\r\na=T38FaxVersion:0\r\n"...))
		for {
			e := p.await()
			if refused, ok := e.(sip.OfferRefused); ok {
				if refused.Code != 488 {
					t.Errorf("got %d, want 488", refused.Code)
				}
				break
			}
			if _, isAck := e.(sip.Acked); !isAck {
				t.Fatalf("got %T, want the offer refused", e)
			}
		}
	}
	b.state("ann", ledger.AgentTalking)
	c.leg.Hangup("")
	agent.ended()
}

// TestTails holds that only a number has a tail.
func TestTails(t *testing.T) {
	for number, want := range map[string]string{
		"13900001111": "1111", "+8613900001111": "1111", "110": "110", "*101#": "101#", "": "",
		"anonymous": "", "Anonymous": "", "restricted": "", "unavailable": "", "1390000x": "",
	} {
		if got := tailOf(number); got != want {
			t.Errorf("%q: got %q, want %q", number, got, want)
		}
	}
}

func TestHoldAndResume(t *testing.T) {
	b := newBench(t)
	agent := b.agent("1001", "a", answers)
	c := b.caller("200")
	b.bridgedWith("ann")
	agent.leg.Offer(bytes.ReplaceAll(agent.media.Offer(), []byte("a=sendrecv"), []byte("a=sendonly")))
	b.state("ann", ledger.AgentHolding)
	fact(b, "hold", func(f ledger.HoldStarted) bool { return f.Agent == "ann" })
	time.Sleep(200 * time.Millisecond)
	agent.leg.Offer(agent.media.Offer())
	b.state("ann", ledger.AgentTalking)
	held := fact(b, "resumed", func(f ledger.HoldEnded) bool { return true })
	agent.leg.Offer(bytes.ReplaceAll(agent.media.Offer(), []byte("a=sendrecv"), []byte("a=sendonly")))
	b.state("ann", ledger.AgentHolding)
	c.leg.Hangup("") // on hold, and gone
	agent.ended()
	talked := fact(b, "the talk ends", func(f ledger.TalkEnded) bool { return true })
	if held.Held < 150 || talked.Held < held.Held || talked.By != ledger.TalkEndedByCaller {
		t.Errorf("held %d ms, then %+v", held.Held, talked)
	}
	b.state("ann", ledger.AgentReady)
}

func TestTransfers(t *testing.T) {
	for _, c := range []struct {
		keys, to string
	}{{"*82#", "queue:complaints"}, {"*9bob#", ""}, {"*81#", "queue:cards"}} {
		t.Run(c.keys, func(t *testing.T) {
			b := newBench(t)
			agent := b.agent("1001", "a", answers)
			caller := b.caller("200")
			b.bridgedWith("ann")
			b.agent("1002", "b", answers)
			agent.press(strings.ReplaceAll(c.keys, "bob", "7"))
			if c.to == "" { // keys that name nobody: the talk goes on
				time.Sleep(1500 * time.Millisecond)
				b.state("ann", ledger.AgentTalking)
				caller.leg.Hangup("")
				return
			}
			agent.ended()
			moved := fact(b, "transferred", func(f ledger.Transferred) bool { return true })
			if moved.To != c.to || moved.Agent != "ann" {
				t.Errorf("%+v, want to %s", moved, c.to)
			}
			via := fact(b, "queued again", func(f ledger.Queued) bool { return f.Via == ledger.ViaTransfer })
			if "queue:"+via.Queue != c.to {
				t.Errorf("queued again as %+v", via)
			}
			caller.leg.Hangup("")
		})
	}
}

// TestTransferToColleague names an agent whose id is keyed.
func TestTransferToColleague(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Routing.Agents[1].ID = "1002" // ids that can be keyed
		c.Devices["1002"] = "1002"
	})
	agent := b.agent("1001", "a", answers)
	caller := b.caller("200")
	b.bridgedWith("ann")
	b.agent("1002", "b", answers)
	agent.press("*91002#")
	b.bridgedWith("1002")
	caller.leg.Hangup("")
	ends := fact(b, "the first talk ended by transfer", func(f ledger.TalkEnded) bool { return f.Agent == "ann" })
	if ends.By != ledger.TalkEndedByTransfer {
		t.Errorf("the first talk ended by %s", ends.By)
	}
}

func TestAgentVanishesInMidTalk(t *testing.T) {
	b := newBench(t)
	agent := b.agent("1001", "a", answers)
	caller := b.caller("200")
	b.bridgedWith("ann")
	b.agent("1002", "b", answers)
	agent.media.Close() // the phone is gone without a BYE
	b.bridgedWith("bob")
	back := fact(b, "the caller is back", func(f ledger.Queued) bool { return f.Via == ledger.ViaReturn })
	lost := fact(b, "the talk ended", func(f ledger.TalkEnded) bool { return f.Agent == "ann" })
	if back.Before <= 0 || lost.By != ledger.TalkEndedByDevice {
		t.Errorf("back as %+v after %+v: want the old place", back, lost)
	}
	b.state("ann", ledger.AgentUnreachable)
	caller.leg.Hangup("")
}

func TestFeatureCodes(t *testing.T) {
	b := newBench(t)
	feature := func(account, password, code string) {
		t.Helper()
		p := b.dial(sip.Dial{URI: code, User: account, Password: password})
		p.ended() // the hotline hangs up when it has said what became of it
	}
	must2 := func(agent string, want ledger.AgentState) { t.Helper(); b.state(agent, want) }
	feature("1001", "a", "*11")
	must2("ann", ledger.AgentNotReady)
	feature("1001", "a", "*12")
	must2("ann", ledger.AgentReady)
	feature("1001", "a", "*14")
	must2("ann", ledger.AgentNotReady)
	feature("1001", "a", "*99") // unknown: said so, nothing changes
	must2("ann", ledger.AgentNotReady)
	feature("1001", "a", "*10")
	must2("ann", ledger.AgentLoggedOut)
	feature("1001", "a", "*12") // refused: not logged in
	must2("ann", ledger.AgentLoggedOut)
	by := fact(b, "by phone", func(f ledger.AgentChanged) bool { return f.To == ledger.AgentReady })
	if by.By != ledger.ByPhone {
		t.Errorf("the agent was made ready by %s", by.By)
	}
}

func TestWhatCannotBeAnswered(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name, number, offer string
		code                int
	}{
		{"unknown number", "999", "", 404},
		{"no codec of ours", "100", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 18\r\n", 488},
		{"no description at all", "100", "hello", 400},
	} {
		p := &phone{bench: b, events: make(chan sip.Event, 64)}
		voice, err := b.voices.Open(media.LegOptions{})
		must(t, err)
		offer := []byte(c.offer)
		if len(offer) == 0 {
			offer = voice.Offer()
		}
		_, err = b.phones.Dial(sip.Dial{URI: "sip:" + c.number + "@" + b.server, From: "1", Offer: offer}, func(e sip.Event) { p.events <- e })
		must(t, err)
		if e := p.ended(); e.Code != c.code {
			t.Errorf("%s: refused with %d, want %d", c.name, e.Code, c.code)
		}
		voice.Close()
	}
}

// Defects in sections that nobody wants refuse no call: in the offer of a caller, in
// the answer of an agent who has picked up, nor in what either offers later.
// https://github.com/sipwise/rtpengine/issues/2122
func TestDefectsInDescriptions(t *testing.T) {
	b := newBench(t)
	spoilt := func(description []byte) []byte {
		return append(bytes.Clone(description), "m=video 0 RTP/AVP 255\r\na=rtpmap:96\r\nm=application 9 TCP/MRCPv2\r\n\x00words"...)
	}
	agent := b.agent("1001", "a", func(p *phone) { p.leg.Answer(spoilt(p.sdp)) })
	caller := &phone{bench: b, events: make(chan sip.Event, 64)}
	var err error
	caller.media, err = b.voices.Open(media.LegOptions{})
	must(t, err)
	caller.leg, err = b.phones.Dial(sip.Dial{URI: "sip:200@" + b.server, From: "1", Offer: spoilt(caller.media.Offer())}, func(e sip.Event) { caller.events <- e })
	must(t, err)
	answered, ok := caller.await().(sip.Answered)
	if !ok || bytes.Count(answered.Body, []byte("\nm=")) != 3 {
		t.Fatalf("got %+v, want an answer of three sections", answered)
	}
	must(t, caller.media.Accept(answered.Body))
	b.bridgedWith("ann")
	for name, p := range map[string]*phone{"caller": caller, "agent": agent} {
		p.leg.Offer(spoilt(p.media.Offer()))
		if !p.offered() {
			t.Errorf("the offer of the %s was refused", name)
		}
	}
}

// A caller who asks for an offer must answer it: nothing can be said to one who
// does not, and nobody would notice that he is gone.
func TestOfferThatIsNeverAnswered(t *testing.T) {
	b := newBench(t)
	p := &phone{bench: b, events: make(chan sip.Event, 64)}
	var err error
	p.leg, err = b.phones.Dial(sip.Dial{URI: "sip:100@" + b.server}, func(e sip.Event) { p.events <- e })
	must(t, err)
	if answered, ok := p.await().(sip.Answered); !ok || len(answered.Body) == 0 {
		t.Fatalf("got %+v, want an offer", answered)
	}
	p.ended()
	if e := fact(b, "the end of the call", func(ledger.CallEnded) bool { return true }); e.Reason != ledger.EndError {
		t.Errorf("got the reason %q, want %q", e.Reason, ledger.EndError)
	}
}

func TestStopEndsEveryCall(t *testing.T) {
	b := newBench(t)
	b.agent("1001", "a", answers)
	talking := b.caller("200")
	b.bridgedWith("ann")
	serving, waiting := b.caller("100"), b.caller("200")
	fact(b, "the second caller waits", func(f ledger.Queued) bool { return f.Entry == 2 })
	same := *b.config
	var reloaded sync.WaitGroup
	reloaded.Go(func() { b.hotline.Reload(&same) }) // at the same time, as operators do
	b.hotline.mu.Lock()
	for _, c := range b.hotline.calls {
		c.post(stopped{})
	}
	b.hotline.mu.Unlock()
	for _, p := range []*phone{talking, serving, waiting} {
		p.ended()
	}
	left := fact(b, "the place was left", func(f ledger.Dequeued) bool { return f.Entry == 2 })
	if left.Outcome != ledger.OutcomeError {
		t.Errorf("the waiting caller left as %s, though nobody gave up", left.Outcome)
	}
	reloaded.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, b.hotline.Drain(ctx))
	b.state("ann", ledger.AgentReady)
}

func TestReloadTakesAQueueAway(t *testing.T) {
	b := newBench(t)
	c := b.caller("200")
	fact(b, "the caller waits", func(f ledger.Queued) bool { return true })
	next := *b.config
	next.Routing.Queues = next.Routing.Queues[1:]
	next.Lines = map[string]*Line{}
	b.hotline.Reload(&next)
	c.ended() // the flow says goodbye
	left := fact(b, "the place is closed", func(f ledger.Dequeued) bool { return true })
	if left.Outcome != ledger.OutcomeClosed {
		t.Errorf("the caller left as %s", left.Outcome)
	}
}

func TestRestore(t *testing.T) {
	b := newBench(t)
	must(t, b.hotline.Restore("ann", ledger.AgentNotReady, "lunch"))
	must(t, b.hotline.Restore("bob", ledger.AgentTalking, ""))
	for _, a := range b.hotline.Agents() {
		if want := map[string]ledger.AgentState{"ann": ledger.AgentNotReady, "bob": ledger.AgentReady}[a.ID]; a.State != want {
			t.Errorf("%s is %s, want %s", a.ID, a.State, want)
		}
		if a.ID == "ann" && a.Reason != "lunch" {
			t.Errorf("ann is not ready for %q", a.Reason)
		}
	}
}

// TestStagesAreWhole checks the list of stages against itself.
func TestStagesAreWhole(t *testing.T) {
	for s := arriving; s <= ended; s++ {
		if s != ended && !slices.Contains(mayFollow[s], ended) {
			t.Errorf("a call cannot end from %s", s)
		}
	}
	if len(mayFollow[ended]) != 0 {
		t.Error("something follows the end")
	}
	defer func() {
		if recover() == nil {
			t.Error("a step that the list does not know was taken")
		}
	}()
	(&call{stage: ended}).enter(serving)
}

// TestFullInboxEndsTheCall floods a call with facts while its owner is not
// looking.
func TestFullInboxEndsTheCall(t *testing.T) {
	c := &call{inbox: make(chan any, 2), overrun: make(chan struct{})}
	for range 5 {
		c.post(stopped{})
	}
	select {
	case <-c.overrun:
	default:
		t.Error("the owner is not told")
	}
	(*call)(nil).post(stopped{}) // a call that has gone takes nothing
}
