package sip

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	wire "github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"
)

// A Binding is where an account's device can be reached.
type Binding struct {
	Account string
	Contact string         // the device's own address, a URI
	Source  netip.AddrPort // where its REGISTER came from; calls go there
	Network string         // "udp" or "tcp"
	Path    []string       // proxies on the way, nearest first (RFC 3327)
	NAT     bool           // as the account says
	Expires time.Time

	Refreshed time.Time // when the device was last heard of
}

// A Registration is a change of an account's device.
type Registration struct {
	Account string
	Change  Change
	Binding Binding // the new device, or the one that is gone
}

// A Change says what happened to an account's device.
type Change uint8

// The changes, all of them.
const (
	Registered   Change = iota // a device appeared, or took the place of another
	Unregistered               // the device left
	Expired                    // the device was not heard of in time
	Revoked                    // the account was removed by a reload
)

var changeNames = [...]string{
	Registered: "registered", Unregistered: "unregistered", Expired: "expired", Revoked: "revoked",
}

func (c Change) String() string { return changeNames[c] }

// An account may change its device so often at once, and then once in changeEvery:
// each change is a fact of the ledger and a matter for the router. Refreshes do not
// count, nor do phones that log out.
const (
	changesAtOnce = 20
	changeEvery   = 10 * time.Second
)

// defaultExpires is how long a registration lasts that does not say.
const defaultExpires = time.Hour

// A registrar keeps one device per account: the newest (RFC 3261 section 10).
type registrar struct {
	stack *Stack

	mu       sync.Mutex
	bindings map[string]*binding
	paces    map[string]*rate.Limiter // changes of a device, by account
	changes  []Registration           // not yet told
	wake     chan struct{}
}

type binding struct {
	Binding
	device
	target  wire.Uri
	socket  *socket
	seq     uint32
	expires *time.Timer
}

func newRegistrar(s *Stack) *registrar {
	return &registrar{stack: s, bindings: make(map[string]*binding), paces: make(map[string]*rate.Limiter), wake: make(chan struct{}, 1)}
}

// run tells the handler of changes, one at a time, until the stack stops.
func (r *registrar) run() {
	for {
		select {
		case <-r.wake:
		case <-r.stack.stop:
			return
		}
		for {
			r.mu.Lock()
			if len(r.changes) == 0 {
				r.mu.Unlock()
				break
			}
			next := r.changes[0]
			r.changes = r.changes[1:]
			r.mu.Unlock()
			r.stack.log.Info().Str("account", next.Account).Stringer("change", next.Change).Msg("registration changed")
			r.stack.guarded(func() { r.stack.options.Handler.RegistrationChanged(next) })
		}
	}
}

// changed queues a change; r.mu is held.
func (r *registrar) changed(account string, change Change, b Binding) {
	r.changes = append(r.changes, Registration{account, change, b})
	r.stack.options.Observer.Registered(len(r.bindings))
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// find returns an account's device.
func (r *registrar) find(account string) (*binding, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.bindings[account]
	return b, ok
}

// serve answers a REGISTER.
func (r *registrar) serve(a *arrival) {
	s := r.stack
	if t := s.rules.Load().trunk(sourceOf(a.req).Addr()); t != nil && !t.Phones {
		s.options.Observer.Barred(t.Name, BarAddress)
		s.refuse(a, refusal{code: 403}) // the same for every account, and for none
		return
	}
	user := userPart(&a.req.To().Address)
	account, refused := s.authenticate(a, user)
	if refused.code != 0 {
		s.refuse(a, refused)
		return
	}
	if refused := unserved(a.req); refused.code != 0 {
		s.refuse(a, refused)
		return
	}
	wanted, refused := r.wanted(a.req, account)
	if refused.code != 0 {
		s.refuse(a, refused)
		return
	}
	socket := s.socketOf(a)

	r.mu.Lock()
	now := r.bindings[user]
	seq, callID := a.req.CSeq().SeqNo, a.req.CallID().Value()
	switch {
	case now != nil && now.callID == callID && seq <= now.seq:
		r.mu.Unlock()
		s.refuse(a, refusal{500, "Out Of Order", nil}) // section 10.3, step 7
		return
	case wanted.contact != nil && wanted.expires > 0:
		if !r.bind(user, account, a, wanted, socket) {
			r.mu.Unlock()
			s.options.Observer.Barred("", BarRate)
			later := strconv.Itoa(int(changeEvery / time.Second))
			s.refuse(a, refusal{code: 503, headers: []wire.Header{wire.NewHeader("Retry-After", later)}})
			return
		}
	case now != nil && (wanted.all || wanted.contact != nil && sameContact(wanted.contact, &now.target)):
		r.unbind(user, Unregistered)
	}
	now = r.bindings[user]
	res := newResponse(a.req, 200, "", newTag())
	if now != nil {
		left := time.Until(now.Expires).Round(time.Second)
		res.AppendHeader(&wire.ContactHeader{
			Address: now.target, Params: wire.HeaderParams{{K: "expires", V: strconv.Itoa(int(left.Seconds()))}},
		})
		for _, p := range now.Path {
			res.AppendHeader(scrubbedHeader("Path", p))
		}
	}
	r.mu.Unlock()
	s.guard.prove(sourceOf(a.req), user)
	s.respond(a, res)
}

// A registration wish is what a REGISTER asks for.
type registrationWish struct {
	all     bool      // Contact: *, for un-registration only
	contact *wire.Uri // nil: only asks what there is
	// instance is what tells the device apart (RFC 5626), empty if it says nothing.
	instance string
	expires  time.Duration
	path     []string
}

// wanted reads the headers of a REGISTER.
func (r *registrar) wanted(req *wire.Request, account *Account) (registrationWish, refusal) {
	var w registrationWish
	limit := r.stack.options.MaxExpires
	if account.MaxExpires > 0 {
		limit = min(limit, account.MaxExpires)
	}
	w.expires = min(defaultExpires, limit)
	if h := req.GetHeader("Expires"); h != nil {
		w.expires = seconds(h.Value(), limit)
	}
	contacts := req.GetHeaders("Contact")
	for _, h := range contacts {
		c, ok := h.(*wire.ContactHeader)
		if !ok {
			return w, refusal{400, "Malformed Contact", nil}
		}
		if c.Address.Wildcard {
			if len(contacts) > 1 || w.expires != 0 {
				return w, refusal{400, "Malformed Contact", nil} // section 10.3, step 6
			}
			w.all = true
			return w, refusal{}
		}
		if c.Address.Scheme != "sip" || c.Address.Host == "" || !cleanText(c.Address.String()) || len(c.Address.String()) > 4*textLimit {
			return w, refusal{400, "Malformed Contact", nil}
		}
		expires := w.expires
		if v, ok := c.Params.Get("expires"); ok {
			expires = seconds(v, limit)
		}
		if w.contact == nil || expires > 0 { // of several, the last that stays
			w.contact, w.expires = c.Address.Clone(), expires
			w.contact.Headers = nil
			w.instance, _ = param(c.Params, "+sip.instance")
		}
	}
	if w.contact != nil && w.expires > 0 && w.expires < min(r.stack.options.MinExpires, limit) {
		least := strconv.Itoa(int(r.stack.options.MinExpires.Seconds()))
		return w, refusal{423, "", []wire.Header{wire.NewHeader("Min-Expires", least)}}
	}
	for _, p := range addresses(req, "Path") {
		if _, err := newRoute(p); err == nil && len(w.path) < 8 {
			w.path = append(w.path, p)
		}
	}
	return w, refusal{}
}

// seconds reads a number of seconds up to limit; what is no number is the
// default, as section 20.19 has it.
func seconds(s string, limit time.Duration) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return min(defaultExpires, limit)
	}
	return min(time.Duration(n)*time.Second, limit)
}

// bind makes a device the account's, unless it is another one too often; r.mu is
// held.
func (r *registrar) bind(user string, account *Account, a *arrival, w registrationWish, at *socket) (ok bool) {
	life := w.expires
	if life >= 5*time.Minute {
		// Spread, so that phones that woke up together after a power failure
		// do not come back together.
		life -= time.Duration(rand.Int64N(int64(life / 10))).Truncate(time.Second)
	}
	b := &binding{
		Binding: Binding{
			Account: user, Contact: w.contact.String(), Source: sourceOf(a.req),
			Network: strings.ToLower(a.req.Transport()), Path: w.path, NAT: account.NAT, Expires: time.Now().Add(life),
			Refreshed: time.Now(),
		},
		device: device{callID: a.req.CallID().Value(), user: w.contact.User, instance: w.instance},
		target: *w.contact, socket: at, seq: a.req.CSeq().SeqNo,
	}
	before := r.bindings[user]
	isOther := before == nil || before.Contact != b.Contact || before.Source != b.Source || before.Network != b.Network
	if isOther && !r.pace(user).Allow() {
		return false
	}
	if before != nil {
		before.expires.Stop()
	}
	b.expires = time.AfterFunc(life, func() { r.expire(user, b) })
	r.bindings[user] = b
	if isOther {
		r.changed(user, Registered, b.Binding)
	}
	return true
}

// pace has how often an account may still change its device; r.mu is held.
func (r *registrar) pace(user string) *rate.Limiter {
	p := r.paces[user]
	if p == nil {
		p = rate.NewLimiter(rate.Every(changeEvery), changesAtOnce)
		r.paces[user] = p
	}
	return p
}

// unbind drops an account's device; r.mu is held.
func (r *registrar) unbind(user string, why Change) {
	b := r.bindings[user]
	if b == nil {
		return
	}
	b.expires.Stop()
	delete(r.bindings, user)
	r.changed(user, why, b.Binding)
}

func (r *registrar) expire(user string, b *binding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bindings[user] == b {
		r.unbind(user, Expired)
	}
}

// keep drops the devices of accounts that are no more.
func (r *registrar) keep(accounts map[string]*Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for user := range r.bindings {
		if accounts[user] == nil {
			r.unbind(user, Revoked)
		}
	}
	maps.DeleteFunc(r.paces, func(user string, _ *rate.Limiter) bool { return accounts[user] == nil })
}

func (r *registrar) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.bindings {
		b.expires.Stop()
	}
}

// sameContact compares what makes an address the same device.
func sameContact(a, b *wire.Uri) bool {
	return a.User == b.User && strings.EqualFold(a.Host, b.Host) && a.Port == b.Port
}
