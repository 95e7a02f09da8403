package media

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"cardline/media/sdp"
	"cardline/memory"
)

// A Codec is a law of G.711.
type Codec = sdp.Codec

// The codecs that a leg can speak.
const (
	PCMA = sdp.PCMA
	PCMU = sdp.PCMU
)

// A Clip is sound in A-law at 8 kHz. Clips are shared between legs and must not
// change.
type Clip []byte

var (
	// ErrNoPort tells that every port of the range is taken.
	ErrNoPort = errors.New("media: no free RTP port")
	// ErrClosed tells that the engine or the leg has been closed.
	ErrClosed = errors.New("media: closed")
	// ErrNoCodec tells that a description has no audio that both sides can use.
	ErrNoCodec = sdp.ErrNoCodec
	// ErrElsewhere tells that a description sends media where this leg's may not go.
	ErrElsewhere = sdp.ErrElsewhere
	// ErrUnknownHost tells that the peer's audio is at a host whose address is not
	// known: a signalling answer of 488. See [Engine.LookUp].
	ErrUnknownHost = sdp.ErrUnknownHost
	// ErrFarLegs tells that two legs cannot be bridged: they are one, or they
	// live in different loops, since the second was opened without
	// LegOptions.Near.
	ErrFarLegs = errors.New("media: legs cannot be bridged")
	// ErrNoEvents tells that the peer takes no telephone-events.
	ErrNoEvents = errors.New("media: peer takes no telephone-events")
)

// Options say how an [Engine] works. The zero value works on the loopback
// address.
type Options struct {
	// Loops is the number of media loops. One carries a thousand bridged calls.
	// If zero, it is 1.
	Loops int
	// Bind is the address of all sockets. If invalid, it is 127.0.0.1.
	Bind netip.Addr
	// Advertise is the address that descriptions name. If invalid, it is Bind,
	// which must then not be unspecified (0.0.0.0).
	Advertise netip.Addr
	// PortMin and PortMax bound the ports; a leg takes an even one for RTP and
	// the next for RTCP. If zero, they are 20000 and 29999.
	PortMin, PortMax uint16
	// RTPTimeout is how long a peer that should send may be silent, without
	// even RTCP, before [MediaLost]. If zero, it is 60 s.
	RTPTimeout time.Duration
	// Terse sends nothing, rather than silence, while there is nothing to hear:
	// fewer packets, but ways through NATs may close.
	Terse bool
	// Resolver looks up hosts that peers name in place of their address. If nil, it
	// is the system's.
	Resolver Resolver
	// Pages are the locked memory in which keys wait that nobody has asked for. If
	// nil, nobody is told where it cannot be locked.
	Pages *memory.Pages
	// Observer counts. If nil, nobody does.
	Observer Observer
	// Log tells about the engine as a whole, never about a packet. The zero
	// value is silent.
	Log zerolog.Logger
	// Portable takes the network by package net even where there is a faster way.
	Portable bool
}

// complete fills the defaults in and checks the whole.
func (o *Options) complete() error {
	o.Loops = max(o.Loops, 1)
	if !o.Bind.IsValid() {
		o.Bind = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if !o.Advertise.IsValid() {
		o.Advertise = o.Bind
	}
	o.PortMin, o.PortMax = cmp.Or(o.PortMin, 20000), cmp.Or(o.PortMax, 29999)
	o.RTPTimeout = cmp.Or(o.RTPTimeout, 60*time.Second)
	o.PortMin += o.PortMin & 1
	switch {
	case o.Advertise.IsUnspecified():
		return fmt.Errorf("advertise %v: peers cannot send there; set the address that they see", o.Advertise)
	case o.Advertise.Is4() != o.Bind.Is4():
		return fmt.Errorf("advertise %v: not of the IP version of the bound address %v", o.Advertise, o.Bind)
	case o.PortMax <= o.PortMin:
		return fmt.Errorf("ports %d to %d: no pair of an even port and the next", o.PortMin, o.PortMax)
	case o.RTPTimeout < 0:
		return fmt.Errorf("RTP timeout %v: must not be negative", o.RTPTimeout)
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	return nil
}

// nobody is the [Observer] that counts nothing.
type nobody struct{}

func (nobody) LegOpened(string)      {}
func (nobody) LegClosed(string)      {}
func (nobody) Counted(string, Stats) {}
func (nobody) NoMedia(string)        {}

// An Engine owns media loops and the ports of their legs. Its methods may be
// called from any goroutine.
type Engine struct {
	options Options
	cname   string // of all RTCP, RFC 7022: says nothing about us
	loops   []*loop
	hosts   *hosts
	running sync.WaitGroup

	mu     sync.Mutex // guards the rest; never held across a call into a loop
	ports  ports
	legs   []int // live legs of each loop
	closed bool
}

// New starts an engine. The caller ends it with Close.
func New(o Options) (*Engine, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	e := &Engine{
		options: o,
		cname:   rand.Text(),
		hosts:   newHosts(o.Resolver, o.Log),
		ports:   ports{min: o.PortMin, max: o.PortMax, next: o.PortMin, taken: map[uint16]bool{}},
		legs:    make([]int, o.Loops),
	}
	for i := range o.Loops {
		w, err := newWire(o.Portable)
		if err != nil {
			for _, l := range e.loops {
				l.wire.close()
			}
			return nil, fmt.Errorf("media: start loop %d: %w", i, err)
		}
		e.loops = append(e.loops, newLoop(e, i, w))
	}
	for _, l := range e.loops {
		e.running.Go(l.run)
	}
	o.Log.Info().Int("loops", o.Loops).Str("wire", e.loops[0].wire.String()).
		Str("bind", o.Bind.String()).Uint16("port_min", o.PortMin).Uint16("port_max", o.PortMax).Msg("media started")
	return e, nil
}

// Close ends all legs, without events, and returns when no goroutine or socket
// is left. It must not be called from a Sink.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	for _, l := range e.loops {
		l.stop()
	}
	e.running.Wait()
	e.hosts.close()
}

// Alive returns nil if every loop does what it is told, or the error of ctx if one
// does not by its end.
func (e *Engine) Alive(ctx context.Context) error {
	for _, l := range e.loops {
		felt := make(chan struct{})
		if !l.post(pulse{felt}) {
			return ErrClosed
		}
		select {
		case <-felt:
		case <-l.done:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("media loop %d does not answer: %w", l.number, context.Cause(ctx))
		}
	}
	return nil
}

// LegOptions say what a leg is. The zero value is a leg that tells nobody anything.
type LegOptions struct {
	// Kind labels the leg for the [Observer]: "trunk", "agent". Keep the set small.
	Kind string
	// Call is the call that the leg is a part of, for the log.
	Call string
	// Near, if not nil, is a leg of this engine that this one may be bridged with.
	Near *Leg
	// Sink takes the events, in order, one at a time. It is called on the
	// goroutine of the loop: it must not block, nor call Close or Stats. If nil,
	// nobody hears.
	Sink func(Event)
	// Latch is the address that the peer's signalling came from, for a telephone
	// behind NAT. After each offer and answer, the first packet of an agreed payload
	// type from this address, whatever its port, fixes where the peer is; an engine
	// that is bound to loopback takes any loopback address for it. If invalid, only
	// the signalled address and port are heard.
	Latch netip.Addr
	// Sources are where the peer's media may be; a description that names another
	// address is refused with [ErrElsewhere]. If empty, it may be anywhere.
	Sources []netip.Prefix
	// Quiet sends nothing, neither RTP nor RTCP, until [Leg.Speak]: whoever has
	// not shown that our answer arrived may have given us the address of another.
	Quiet bool
	// Codecs are the codecs to agree on, the best first. If empty, they are PCMA
	// and PCMU.
	Codecs []Codec
}

// Open takes a pair of ports and returns a leg that waits for an offer or an
// answer. The error is [ErrNoPort], [ErrClosed], or what the system said when it refused a socket.
func (e *Engine) Open(o LegOptions) (*Leg, error) {
	if len(o.Codecs) == 0 {
		o.Codecs = []Codec{PCMA, PCMU}
	}
	l, err := e.assign(o.Near)
	if err != nil {
		return nil, err
	}
	s, err := e.bind(l)
	if err != nil {
		e.unassign(l)
		return nil, err
	}
	s.kind, s.call, s.sink, s.quiet = o.Kind, o.Call, o.Sink, o.Quiet
	leg := &Leg{
		stream: s,
		latch:  o.Latch.Unmap(),
		party: sdp.NewParty(sdp.Local{
			Address: e.options.Advertise, Port: s.port,
			Codecs: slices.Clone(o.Codecs), Latches: o.Latch.IsValid(), Sources: o.Sources, Known: e.hosts.address,
		}),
	}
	if !l.post(addStream{s}) {
		s.rtp.socket.close()
		s.rtcp.socket.close()
		e.release(s)
		return nil, ErrClosed
	}
	return leg, nil
}

// assign picks the loop of a new leg: that of near, or the one with the fewest legs.
func (e *Engine) assign(near *Leg) (*loop, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	best := slices.Index(e.legs, slices.Min(e.legs))
	if near != nil {
		if near.stream.loop.engine != e {
			return nil, ErrFarLegs
		}
		best = near.stream.loop.number
	}
	e.legs[best]++
	return e.loops[best], nil
}

func (e *Engine) unassign(l *loop) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.legs[l.number]--
}

// release gives the ports of a stream back. Its sockets must be closed.
func (e *Engine) release(s *stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.ports.taken, s.port)
	e.legs[s.loop.number]--
}

// bind finds a pair of ports that nobody else has either.
func (e *Engine) bind(l *loop) (*stream, error) {
	var last error
	for range e.ports.pairs() {
		port, ok := e.takePort()
		if !ok {
			return nil, ErrNoPort
		}
		rtp, err := l.wire.open(netip.AddrPortFrom(e.options.Bind, port))
		if err == nil {
			var rtcp socket
			if rtcp, err = l.wire.open(netip.AddrPortFrom(e.options.Bind, port+1)); err == nil {
				return newStream(l, port, rtp, rtcp), nil
			}
			rtp.close()
		}
		e.mu.Lock()
		delete(e.ports.taken, port)
		e.mu.Unlock()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			return nil, fmt.Errorf("media: open port %d: %w", port, err)
		}
		last = err
	}
	return nil, fmt.Errorf("%w: %w", ErrNoPort, last)
}

func (e *Engine) takePort() (port uint16, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ports.take()
}

// ports hands out even ports in turn, so that one that was just given back
// rests for as long as possible: its last peer may still be sending.
type ports struct {
	min, max, next uint16 // min and next are even
	taken          map[uint16]bool
}

// pairs returns how many pairs the range has.
func (p *ports) pairs() int { return (int(p.max) - int(p.min) + 1) / 2 }

// take returns the next port that is not taken.
func (p *ports) take() (port uint16, ok bool) {
	for range p.pairs() {
		port = p.next
		if int(port)+3 > int(p.max) {
			p.next = p.min
		} else {
			p.next += 2
		}
		if !p.taken[port] {
			p.taken[port] = true
			return port, true
		}
	}
	return 0, false
}
