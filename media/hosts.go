package media

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"cardline/media/sdp"
)

// How hosts that peers name in place of their address are looked up.
const (
	lookUpTime  = time.Second      // what a call waits for at most
	maxLookUps  = 32               // under way at a time; what is beyond stays unknown
	maxHosts    = 256              // that are remembered
	hostKnown   = time.Minute      // what a host's address counts for
	hostUnknown = 10 * time.Second // and that it has none
)

// A Resolver asks the DNS, as [net.Resolver] does. It must return when ctx ends.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// hosts remembers the addresses of hosts. Its methods may be called from any
// goroutine and do not wait, but for close.
type hosts struct {
	resolver Resolver
	log      zerolog.Logger
	root     context.Context //nolint:containedctx // that of the questions, which close ends
	cancel   context.CancelFunc
	asking   sync.WaitGroup

	mu    sync.Mutex // guards the rest
	known map[sdp.Host]hostAddress
	asked map[sdp.Host][]func() // who waits for a host that is being looked up
}

type hostAddress struct {
	address netip.Addr // invalid if it has none
	until   time.Time
}

func newHosts(r Resolver, log zerolog.Logger) *hosts {
	if r == nil {
		r = net.DefaultResolver
	}
	h := &hosts{resolver: r, log: log, known: map[sdp.Host]hostAddress{}, asked: map[sdp.Host][]func(){}}
	h.root, h.cancel = context.WithCancel(context.Background())
	return h
}

// address returns what the newest look-up of a host has found.
func (h *hosts) address(host sdp.Host) netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.known[host].address
}

// lookUp begins to look a host up, unless that is known or too much is being
// asked, and reports whether it does; then it calls then.
func (h *hosts) lookUp(host sdp.Host, then func()) (waits bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Now().Before(h.known[host].until) {
		return false
	}
	waiting, asked := h.asked[host]
	if !asked && (len(h.asked) == maxLookUps || h.root.Err() != nil) {
		return false
	}
	h.asked[host] = append(waiting, then)
	if !asked {
		h.asking.Go(func() { h.ask(host) })
	}
	return true
}

// ask looks a host up and tells those who wait for it.
func (h *hosts) ask(host sdp.Host) {
	ctx, cancel := context.WithTimeout(h.root, lookUpTime)
	defer cancel()
	found, err := h.resolver.LookupNetIP(ctx, host.Network, host.Name)
	address := usable(found)
	if !address.IsValid() {
		h.log.Warn().Str("host", host.Name).Str("network", host.Network).Err(err).Msg("no address of a host that a description names")
	}
	h.mu.Lock()
	h.keep(host, address, err)
	waiting := h.asked[host]
	delete(h.asked, host)
	h.mu.Unlock()
	for _, then := range waiting {
		then()
	}
}

// usable returns the first address of a host that is one, the invalid address if
// none is: 0.0.0.0 would be a hold.
func usable(found []netip.Addr) netip.Addr {
	for _, a := range found {
		if a = a.Unmap(); !a.IsUnspecified() && a.Zone() == "" {
			return a
		}
	}
	return netip.Addr{}
}

// keep remembers what a look-up has found. If nobody could say, what was known
// before holds on.
func (h *hosts) keep(host sdp.Host, address netip.Addr, err error) {
	k := hostAddress{address, time.Now().Add(hostKnown)}
	if !address.IsValid() {
		k.until = time.Now().Add(hostUnknown)
		var refused *net.DNSError
		if err != nil && (!errors.As(err, &refused) || !refused.IsNotFound) {
			k.address = h.known[host].address
		}
	}
	if _, again := h.known[host]; !again && len(h.known) == maxHosts {
		h.forget()
	}
	h.known[host] = k
}

// forget makes room for a host: that goes which would be looked up anew first.
func (h *hosts) forget() {
	var oldest sdp.Host
	for host, k := range h.known {
		if o := h.known[oldest]; o.until.IsZero() || k.until.Before(o.until) {
			oldest = host
		}
	}
	delete(h.known, oldest)
}

// close ends what is being asked, and returns when nobody asks any more.
func (h *hosts) close() {
	h.mu.Lock()
	h.cancel()
	h.mu.Unlock()
	h.asking.Wait()
}

// LookUp looks up the host that a description has in place of an address, if it has
// one whose address is not known, and then calls then, within 1 s and on another
// goroutine; then must not block. If it returns false there is nothing to wait for,
// and then is not called. It never waits itself. A description whose host is still
// unknown is refused with [ErrUnknownHost].
//
// Whoever may name a host may have us ask the DNS for it: call it for those only
// whose signalling has shown who they are.
func (e *Engine) LookUp(description []byte, then func()) (waits bool) {
	host := sdp.HostOf(description)
	return host.Name != "" && e.hosts.lookUp(host, then)
}
