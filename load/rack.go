package load

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"cardline/media"
	"cardline/sip"
)

// RackOptions say with whom the telephones of a [Rack] speak.
type RackOptions struct {
	// Target is the SIP URI of the server, such as
	// "sip:95500@127.0.0.1:5060;transport=tcp". Its user is the number that
	// callers dial unless they say otherwise; without a transport it is UDP.
	Target string
	// AllowRemote lets the target be another machine.
	AllowRemote bool
	// PortMin and PortMax bound the RTP ports. If zero, they are 30000 and
	// 39999.
	PortMin, PortMax uint16
	// MaxCalls limits the calls at one time, of callers and agents together.
	// If zero, it is 10,000.
	MaxCalls int
	// Log tells what goes wrong with telephones. The zero Logger is silent.
	Log zerolog.Logger
}

// A Rack holds telephones of one program: one SIP stack, one media engine. Its
// methods may be called from any goroutine.
type Rack struct {
	target target
	log    zerolog.Logger
	stack  *sip.Stack // of all phones that have none of their own
	engine *media.Engine

	local    string // where phones bind
	maxCalls int

	mu      sync.Mutex // guards what follows; a leaf
	agents  map[string]*agent
	callers map[string]*Caller // by the number that they show
}

// NewRack binds the telephones' ports. The caller ends the rack with Close.
func NewRack(ctx context.Context, o RackOptions) (*Rack, error) {
	t, err := parseTarget(ctx, o.Target, o.AllowRemote)
	if err != nil {
		return nil, err
	}
	local, err := t.near()
	if err != nil {
		return nil, err
	}
	r := &Rack{target: t, log: o.Log, agents: map[string]*agent{}, callers: map[string]*Caller{}}
	r.engine, err = media.New(media.Options{
		Bind: local, PortMin: cmp.Or(o.PortMin, 30000), PortMax: cmp.Or(o.PortMax, 39999), RTPTimeout: 24 * time.Hour,
	})
	if err != nil {
		return nil, err
	}
	r.local, r.maxCalls = netip.AddrPortFrom(local, 0).String(), o.MaxCalls
	if r.stack, err = r.newStack(sip.Listener{Network: t.transport, Address: r.local}); err != nil {
		r.engine.Close()
		return nil, err
	}
	return r, nil
}

// newStack starts signalling that rings the agents of the rack.
func (r *Rack) newStack(at sip.Listener) (*sip.Stack, error) {
	server := r.target.at.Addr()
	s, err := sip.New(sip.Options{
		Listeners: []sip.Listener{at},
		UserAgent: "cardline-load",
		MaxCalls:  r.maxCalls, MaxSetups: 10_000, SetupsPerSecond: 10_000,
		// The server may ring our agents; nobody else may.
		Reloadable: sip.Reloadable{Trunks: []sip.Trunk{{Name: "target", Sources: []netip.Prefix{netip.PrefixFrom(server, server.BitLen())}}}},
		Handler:    r,
		Log:        r.log.Level(max(r.log.GetLevel(), zerolog.WarnLevel)),
	})
	if err == nil {
		err = s.Start()
	}
	return s, err
}

// Close ends what is left. Calls and shifts end first by their contexts.
func (r *Rack) Close() error {
	err := r.stack.Close(context.Background())
	r.engine.Close()
	if err != nil {
		return fmt.Errorf("close the telephones: %w", err)
	}
	return nil
}

// Invited implements [sip.Handler]: an agent is rung.
func (r *Rack) Invited(leg *sip.Leg, in sip.Invite) sip.Sink {
	r.mu.Lock()
	a, caller := r.agents[in.To], r.callers[in.From]
	r.mu.Unlock()
	if a == nil {
		leg.Refuse(404, "")
		return nil
	}
	return a.rung(leg, in, caller)
}

// RegistrationChanged implements [sip.Handler]; nobody registers with a rack.
func (r *Rack) RegistrationChanged(sip.Registration) {}
