package console

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"cardline/ledger"
)

// Why a token was refused, as [ledger.TokenRefused] has it.
const (
	refusedUnknown = "unknown" // nobody holds it
	refusedRole    = "role"    // its holder may not do this
	refusedLimited = "limited" // too many wrong ones from this source
)

// A source may give wrongBurst wrong tokens at once, and one more in every
// wrongEvery.
const (
	wrongBurst = 5
	wrongEvery = 12 * time.Second
)

// maxSources is how many sources of wrong tokens are remembered, twice. When as
// many new ones have come, those are forgotten that gave none meanwhile.
const maxSources = 2048

// guard lets holders of tokens in and counts the wrong tokens of each source.
type guard struct {
	ledger Ledger

	mu          sync.Mutex // guards what follows; a leaf
	recent, old map[netip.Prefix]*suspect
}

// suspect is a source that has given a wrong token.
type suspect struct {
	pace *rate.Limiter
	told bool // the ledger knows that this source is not listened to
}

func newGuard(l Ledger) *guard {
	return &guard{ledger: l, recent: map[netip.Prefix]*suspect{}, old: map[netip.Prefix]*suspect{}}
}

// admit finds the holder of the request's token. If there is none it has
// answered the request already.
//
// A source that has given too many wrong tokens is not listened to, not even
// with a right one: otherwise it could go on guessing.
func (g *guard) admit(w http.ResponseWriter, r *http.Request, keys *Keyring) (h Holder, ok bool) {
	token, given := bearer(r)
	if !given {
		w.Header().Set("WWW-Authenticate", `Bearer realm="cardline"`)
		refuse(w, http.StatusUnauthorized, "this needs a token: Authorization: Bearer …")
		return h, false
	}
	source := sourceOf(r)
	if g.limited(source) {
		refuseLimited(w)
		return h, false
	}
	if h, ok = keys.Holder(token); ok {
		return h, true
	}
	if !g.wrong(source) {
		refuseLimited(w)
		return h, false
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="cardline", error="invalid_token"`)
	refuse(w, http.StatusUnauthorized, "nobody holds this token")
	return h, false
}

func refuseLimited(w http.ResponseWriter) {
	w.Header().Set("Retry-After", strconv.Itoa(int(wrongEvery/time.Second)))
	refuse(w, http.StatusTooManyRequests, "too many wrong tokens from this address")
}

// forbid refuses the holder of a good token who may not do this.
func (g *guard) forbid(w http.ResponseWriter, r *http.Request, h Holder) {
	g.tell(sourceOf(r), refusedRole)
	refuse(w, http.StatusForbidden, fmt.Sprintf("role %s may not do this", h.Role))
}

func (g *guard) tell(source netip.Prefix, reason string) {
	g.ledger.Append("", "", ledger.TokenRefused{Source: source.Addr().String(), Reason: reason})
}

// limited reports whether a source is not listened to now. The first time of
// each spell goes into the ledger.
func (g *guard) limited(source netip.Prefix) bool {
	g.mu.Lock()
	s := g.known(source)
	limited := s != nil && s.pace.Tokens() < 1
	tell := limited && !s.told
	if s != nil {
		s.told = limited
	}
	g.mu.Unlock()
	if tell {
		g.tell(source, refusedLimited)
	}
	return limited
}

// wrong counts a wrong token; ok is false if it was one too many, which happens
// if several came at once.
func (g *guard) wrong(source netip.Prefix) (ok bool) {
	g.mu.Lock()
	s := g.known(source)
	if s == nil {
		s = &suspect{pace: rate.NewLimiter(rate.Every(wrongEvery), wrongBurst)}
		g.remember(source, s)
	}
	ok = s.pace.Allow()
	g.mu.Unlock()
	if ok {
		g.tell(source, refusedUnknown)
	}
	return ok
}

// known finds a source among those remembered, with the lock held.
func (g *guard) known(source netip.Prefix) *suspect {
	if s := g.recent[source]; s != nil {
		return s
	}
	s := g.old[source]
	if s != nil {
		g.remember(source, s)
	}
	return s
}

func (g *guard) remember(source netip.Prefix, s *suspect) {
	if len(g.recent) >= maxSources {
		g.old, g.recent = g.recent, map[netip.Prefix]*suspect{}
	}
	g.recent[source] = s
}

// bearer returns the token of a request, RFC 6750 section 2.1.
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// clientOf returns the address of the connection's other end. What headers say
// of it is not believed.
func clientOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// sourceOf returns what wrong tokens are counted by: an IPv4 address, or the /64
// of an IPv6 address, all of which is one customer's.
func sourceOf(r *http.Request) netip.Prefix {
	ip := clientOf(r)
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked()
}
