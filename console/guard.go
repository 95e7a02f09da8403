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
	refusals refusals

	mu          sync.Mutex // guards what follows; a leaf
	recent, old map[netip.Prefix]*rate.Limiter
}

func newGuard(l Ledger) *guard {
	return &guard{
		refusals: refusals{ledger: l, spells: map[ledger.TokenRefused]*spell{}},
		recent:   map[netip.Prefix]*rate.Limiter{}, old: map[netip.Prefix]*rate.Limiter{},
	}
}

// admit finds the holder of the request's token. If there is none it has
// answered the request already.
//
// A right token is let in whatever else came from its source: agents behind one
// proxy share an address. What is limited is how often a source hears that a
// token is wrong.
func (g *guard) admit(w http.ResponseWriter, r *http.Request, keys *Keyring) (h Holder, ok bool) {
	token, given := bearer(r)
	if !given {
		w.Header().Set("WWW-Authenticate", `Bearer realm="cardline"`)
		refuse(w, http.StatusUnauthorized, "this needs a token: Authorization: Bearer …")
		return h, false
	}
	if h, ok = keys.Holder(token); ok {
		return h, true
	}
	source := sourceOf(r)
	if !g.wrong(source) {
		g.tell(source, refusedLimited, "")
		refuseLimited(w)
		return h, false
	}
	g.tell(source, refusedUnknown, "")
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
	g.tell(sourceOf(r), refusedRole, h.who())
	refuse(w, http.StatusForbidden, fmt.Sprintf("role %s may not do this", h.Role))
}

func (g *guard) tell(source netip.Prefix, reason, who string) {
	g.refusals.tell(ledger.TokenRefused{Source: source.Addr().String(), Reason: reason, Who: who})
}

// wrong counts a wrong token; ok is false if it is one too many.
func (g *guard) wrong(source netip.Prefix) (ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pace := g.recent[source]
	if pace == nil {
		if pace = g.old[source]; pace == nil {
			pace = rate.NewLimiter(rate.Every(wrongEvery), wrongBurst)
		}
		if len(g.recent) >= maxSources {
			g.old, g.recent = g.recent, map[netip.Prefix]*rate.Limiter{}
		}
		g.recent[source] = pace
	}
	return pace.Allow()
}

// A spell of refusals of one kind begins with the first and lasts until
// refusalEvery has passed without another.
type spell struct {
	more  int // since the newest fact
	timer *time.Timer
}

const (
	// refusalEvery is how often refusals of one kind become a fact.
	refusalEvery = time.Minute
	// maxSpells is how many kinds of refusals are told apart at one time.
	maxSpells = 4096
)

// refusals write refused tokens into the ledger: the first of its kind at once,
// and those of each minute after it in one fact.
type refusals struct {
	ledger Ledger

	mu     sync.Mutex // guards what follows; a leaf
	spells map[ledger.TokenRefused]*spell
}

// tell counts a refusal, whose Times is 0.
func (r *refusals) tell(f ledger.TokenRefused) {
	r.mu.Lock()
	if r.spells[f] == nil && len(r.spells) >= maxSpells {
		f = ledger.TokenRefused{Reason: f.Reason} // those of many sources in one
	}
	if s := r.spells[f]; s != nil {
		s.more++
		r.mu.Unlock()
		return
	}
	r.spells[f] = &spell{timer: time.AfterFunc(refusalEvery, func() { r.pass(f) })}
	r.mu.Unlock()
	r.append(f, 1)
}

// pass tells what has come in the last minute of a spell, and ends the spell if
// nothing has.
func (r *refusals) pass(f ledger.TokenRefused) {
	r.mu.Lock()
	more := 0
	if s := r.spells[f]; s != nil {
		if more, s.more = s.more, 0; more > 0 {
			s.timer.Reset(refusalEvery)
		} else {
			delete(r.spells, f)
		}
	}
	r.mu.Unlock()
	r.append(f, more)
}

// end tells what has not been told.
func (r *refusals) end() {
	r.mu.Lock()
	spells := r.spells
	r.spells = map[ledger.TokenRefused]*spell{}
	r.mu.Unlock()
	for f, s := range spells {
		s.timer.Stop()
		r.append(f, s.more)
	}
}

func (r *refusals) append(f ledger.TokenRefused, times int) {
	if f.Times = times; times > 0 {
		r.ledger.Append("", "", f)
	}
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
