package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Options says how a [Stack] works. The zero value of every field but
// Listeners works.
type Options struct {
	// Listeners are where the stack hears and speaks; at least one.
	Listeners []Listener

	// Realm is shown in digest challenges. If empty, it is "cardline".
	Realm string

	// UserAgent is sent in Server and User-Agent headers. If empty, it is
	// "cardline".
	UserAgent string

	// Reloadable holds what [Stack.Reload] may replace later.
	Reloadable

	// Handler hears of new calls and of registrations. If nil, every call is
	// refused with 404.
	Handler Handler

	// Observer counts what happens on the wire. If nil, nothing is counted.
	Observer Observer

	// Log takes one line per change of state, without digits, bodies or
	// credentials. The zero Logger drops them.
	Log zerolog.Logger

	// MaxCalls limits the legs at one time, in both directions. If zero, it is
	// [DefaultMaxCalls]. Further calls are refused with 503.
	MaxCalls int

	// MaxSetups limits the incoming calls that are not confirmed yet, so that
	// callers who never send their ACK cannot fill the memory. If zero, it is
	// 512.
	MaxSetups int

	// SetupsPerSecond limits the rate of incoming calls. Each trunk, and the phones
	// together, have an equal share of it that nobody else can use up, and may take
	// what others leave; a second's worth may come at once. If zero, it is 1,000.
	SetupsPerSecond int

	// PacketsPerSecond limits the datagrams from one IP address (of IPv6, one /64)
	// that is no trunk's, and in units of 512 bytes what its streams bring before
	// they have proved themselves; two seconds' worth may come at once. If zero,
	// it is 200. A [Network] may have another limit.
	PacketsPerSecond int

	// RingLimit is how long an outgoing call may ring (Timer C of RFC 3261
	// section 16.6). If zero, it is 3 minutes.
	RingLimit time.Duration

	// NonceAge is how long a digest nonce is good. If zero, it is 5 minutes.
	NonceAge time.Duration

	// MinExpires and MaxExpires bound how long a registration lasts. If zero,
	// they are 30 seconds and an hour. A device that asks for less is told
	// 423, one that asks for more gets MaxExpires.
	MinExpires, MaxExpires time.Duration

	// Resolver looks up host names in URIs. If nil, it is the system's.
	Resolver *net.Resolver
}

// DefaultMaxCalls is the limit of legs where Options name none.
const DefaultMaxCalls = 10000

// A Listener is one socket of the stack.
type Listener struct {
	// Network is "udp" or "tcp".
	Network string

	// Address is the host:port that Start binds. It is not used if Packet or
	// Stream is given.
	Address string

	// Packet or Stream is a socket that is bound already. The stack closes it.
	Packet net.PacketConn
	Stream net.Listener

	// Algorithms are those offered in challenges, in this order. If empty, it
	// is MD5 alone: common phones give up as soon as another one is offered.
	Algorithms []Algorithm

	// Advertise is the host or host:port under which peers reach this
	// listener, for Contact and Via. If empty, it is the bound address, which
	// must then not be a wildcard.
	Advertise string
}

// Reloadable is the part of Options that may change while the stack runs.
// Calls that are up keep what they began with.
type Reloadable struct {
	Trunks   []Trunk
	Networks []Network
	Accounts []Account

	// FreeNumbers are numbers that do not count against Account.MaxCalls, such as
	// the codes of features.
	FreeNumbers []string
}

// A Trunk is a carrier's side, known by the addresses that it calls from.
type Trunk struct {
	Name    string
	Sources []netip.Prefix

	// MaxCalls limits the calls that the trunk brings at one time; further ones
	// are refused with 503. Calls of ours to it do not count. If zero, only Options.MaxCalls counts.
	MaxCalls int

	// MaxSetups limits the calls that the trunk brings at one time and whose ACK
	// has not come; the one that has waited longest then ends. If zero, it is half
	// of Options.MaxSetups, as for all phones together.
	MaxSetups int

	// Phones says that devices of our accounts call from the trunk's addresses as
	// well: a request whose From is one of our accounts must then prove it, as
	// must a REGISTER. If false, a REGISTER is refused with 403, and From is no
	// more than the caller's number.
	Phones bool
}

// A Network is where phones call from that has other limits than any address:
// an office, or a data centre, whose phones may share a few addresses.
type Network struct {
	Name    string
	Sources []netip.Prefix

	// MaxStreams is how many TCP connections all its addresses may hold
	// together, any one of them up to all. If zero, each address may hold 256, as
	// any other.
	MaxStreams int

	// PacketsPerSecond is that of Options for each of its addresses. If zero, it
	// is the same.
	PacketsPerSecond int
}

// An Account is a user who may register one device and call from it.
type Account struct {
	// User is the user part of the account's address and the digest username.
	User string

	// Password, or else HA1, proves the user: HA1 holds, for each algorithm,
	// the hex digest of user:realm:password. An account with neither cannot
	// log in.
	Password string
	HA1      map[Algorithm]string

	// NAT says that the device may sit behind an address translation: requests go
	// to where it has last proved to be, whatever transport its Contact names. It
	// is handed on in [Binding].
	NAT bool

	// MaxExpires, if it is not zero, lowers Options.MaxExpires.
	MaxExpires time.Duration

	// MaxCalls limits the calls at one time that the account places, but for those
	// to Reloadable.FreeNumbers; further ones are refused with 503. If zero, only
	// Options.MaxCalls counts.
	MaxCalls int
}

// A Handler hears of what the outside world begins. Its methods are called on
// goroutines of the stack and must not block.
type Handler interface {
	// Invited tells of a new incoming call that has been let in. leg is
	// unanswered; its methods may be called at once. The returned Sink takes
	// its events; a nil Sink drops them.
	Invited(leg *Leg, in Invite) Sink

	// RegistrationChanged tells that an account's device is another one, or
	// gone. It is not called for a mere refresh. Calls come one at a time, in
	// order.
	RegistrationChanged(Registration)
}

// An Invite is what the first INVITE of an incoming call says. Its texts hold
// no control characters.
type Invite struct {
	Trunk   string // the trunk's name, or
	Account string // the account's user: exactly one is set

	To      string // the user part of the Request-URI: the number dialled
	From    string // the user part of From: the caller's number
	Display string // the caller's display name
	// Asserted is the number that a trunk vouches for by P-Asserted-Identity
	// (RFC 3325); where it vouches for none, that of From. It is empty for
	// calls from accounts, and for callers who withhold their number.
	Asserted string

	Offer  []byte // the session offered; empty if the INVITE has none
	CallID string
	Source netip.AddrPort // where the INVITE came from
}

// An Observer counts what is no fact of a call. Its methods are called often,
// from any goroutine, and must not block.
type Observer interface {
	// Responded counts a request that we answered (incoming) or that was
	// answered to us. trunk is empty unless the peer is a trunk. code is the
	// final response's, 0 if none came.
	Responded(trunk string, incoming bool, method string, code int)
	// Confirmed tells how long a call took from INVITE to ACK.
	Confirmed(trunk string, incoming bool, setup time.Duration)
	// Calls tells how many legs there are now on a trunk, or with devices if
	// trunk is empty.
	Calls(trunk string, incoming bool, now int)
	// Barred counts a call or request that was not let in.
	Barred(trunk string, why Bar)
	// Dropped counts input that was thrown away without an answer.
	Dropped(why Drop)
	// Mended counts a message that had to be put right before it could be read.
	Mended(trunk string, what Mend)
	// Registered tells how many accounts have a device now.
	Registered(now int)
}

// A Bar says why a request was not let in.
type Bar uint8

// The bars, all of them.
const (
	BarLimit    Bar = iota // too many calls at one time
	BarRate                // too many new calls a second, or changes of an account's device
	BarAddress             // from an address that may not do this: a REGISTER from a trunk
	BarAuth                // credentials that do not prove anything
	BarAccount             // too many calls at one time that the account has placed
	BarGuesses             // credentials that were not looked at: too many wrong ones before
	BarDraining            // the stack is closing down
)

var barNames = [...]string{
	BarLimit: "limit", BarRate: "rate", BarAddress: "acl", BarAuth: "auth", BarAccount: "account", BarGuesses: "guesses", BarDraining: "draining",
}

func (b Bar) String() string { return barNames[b] }

// A Drop says why input was thrown away.
type Drop uint8

// The drops, all of them.
const (
	DropGarbage   Drop = iota // a datagram that does not begin like SIP
	DropRate                  // too many datagrams from one address
	DropNewcomer              // too many unknown addresses at once
	DropMalformed             // the parser could not read it
	DropMailbox               // the leg's mailbox was full
	DropConn                  // too many streams, or one that never proved itself
	DropLarge                 // a datagram over 4 kB from an address that has proved nothing
	DropWaiting               // too many messages wait for their turn already
	DropPanic                 // our own fault: a handler panicked
)

var dropNames = [...]string{
	DropGarbage: "garbage", DropRate: "rate", DropNewcomer: "newcomer", DropMalformed: "malformed",
	DropMailbox: "mailbox", DropConn: "conn", DropPanic: "panic", DropLarge: "large", DropWaiting: "waiting",
}

func (d Drop) String() string { return dropNames[d] }

// silent is the Observer that counts nothing.
type silent struct{}

func (silent) Responded(string, bool, string, int)           {}
func (silent) Confirmed(string, bool, time.Duration)         {}
func (silent) Calls(string, bool, int)                       {}
func (silent) Barred(string, Bar)                            {}
func (silent) Dropped(Drop)                                  {}
func (silent) Mended(string, Mend)                           {}
func (silent) Registered(int)                                {}
func (silent) Invited(leg *Leg, _ Invite) Sink               { leg.Refuse(404, ""); return nil }
func (silent) RegistrationChanged(registration Registration) {}

// withDefaults returns the options with every zero field filled in.
func (o Options) withDefaults() Options {
	setString(&o.Realm, "cardline")
	setString(&o.UserAgent, "cardline")
	setNumber(&o.MaxCalls, DefaultMaxCalls)
	setNumber(&o.MaxSetups, 512)
	setNumber(&o.SetupsPerSecond, 1000)
	setNumber(&o.PacketsPerSecond, 200)
	setNumber(&o.RingLimit, 3*time.Minute)
	setNumber(&o.NonceAge, 5*time.Minute)
	setNumber(&o.MinExpires, 30*time.Second)
	setNumber(&o.MaxExpires, time.Hour)
	if o.Handler == nil {
		o.Handler = silent{}
	}
	if o.Observer == nil {
		o.Observer = silent{}
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	return o
}

func setString(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func setNumber[T int | time.Duration](n *T, value T) {
	if *n == 0 {
		*n = value
	}
}

// check returns everything that is wrong with the options.
func (o Options) check() error {
	var wrong []error
	if len(o.Listeners) == 0 {
		wrong = append(wrong, errors.New("no listener"))
	}
	for i, l := range o.Listeners {
		if err := l.check(); err != nil {
			wrong = append(wrong, fmt.Errorf("listener %d: %w", i+1, err))
		}
	}
	if !cleanText(o.Realm) || strings.ContainsAny(o.Realm, `"\`) {
		wrong = append(wrong, fmt.Errorf("realm %q: quotes and control characters are not allowed", o.Realm))
	}
	if !cleanText(o.UserAgent) {
		wrong = append(wrong, fmt.Errorf("user agent %q: control characters are not allowed", o.UserAgent))
	}
	if o.MinExpires > o.MaxExpires {
		wrong = append(wrong, fmt.Errorf("registrations of at least %v and at most %v", o.MinExpires, o.MaxExpires))
	}
	wrong = append(wrong, o.Reloadable.check())
	return errors.Join(wrong...)
}

func (l Listener) check() error {
	switch {
	case l.Network != "udp" && l.Network != "tcp":
		return fmt.Errorf("network %q: want udp or tcp", l.Network)
	case l.Network == "udp" && l.Stream != nil, l.Network == "tcp" && l.Packet != nil:
		return fmt.Errorf("network %q does not fit its socket", l.Network)
	case l.Packet != nil || l.Stream != nil:
	default:
		host, _, err := net.SplitHostPort(l.Address)
		if err != nil {
			return fmt.Errorf("address %q: %w", l.Address, err)
		}
		if ip, err := netip.ParseAddr(host); l.Advertise == "" && (host == "" || err == nil && ip.IsUnspecified()) {
			return fmt.Errorf("address %q is a wildcard: say under which address peers reach it (advertise)", l.Address)
		}
	}
	for _, a := range l.Algorithms {
		if !a.known() {
			return fmt.Errorf("algorithm %q: want MD5, SHA-256 or SHA-512-256", a)
		}
	}
	if !cleanToken(strings.NewReplacer(":", "", "[", "", "]", "").Replace(l.Advertise)) {
		return fmt.Errorf("advertise %q: want host or host:port", l.Advertise)
	}
	return nil
}

func (r Reloadable) check() error {
	var wrong []error
	names := make(map[string]bool)
	for _, t := range r.Trunks {
		if t.Name == "" || names["trunk "+t.Name] {
			wrong = append(wrong, fmt.Errorf("trunk %q: want a name of its own", t.Name))
		}
		names["trunk "+t.Name] = true
		if len(t.Sources) == 0 {
			wrong = append(wrong, fmt.Errorf("trunk %q: no source address", t.Name))
		}
	}
	for _, n := range r.Networks {
		if n.Name == "" || names["network "+n.Name] {
			wrong = append(wrong, fmt.Errorf("network %q: want a name of its own", n.Name))
		}
		names["network "+n.Name] = true
		if n.MaxStreams < 0 || n.PacketsPerSecond < 0 {
			wrong = append(wrong, fmt.Errorf("network %q: want no negative limit", n.Name))
		}
	}
	for _, a := range r.Accounts {
		if !cleanToken(a.User) || a.User == "" || names["account "+a.User] {
			wrong = append(wrong, fmt.Errorf("account %q: want a user of its own, of letters, digits and .-_+", a.User))
		}
		names["account "+a.User] = true
	}
	return errors.Join(wrong...)
}
