package sip

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	wire "github.com/emiago/sipgo/sip"
)

// A Login says where a user agent of ours registers, as a phone does.
type Login struct {
	URI            string        // of the registrar, such as "sip:192.0.2.1:5060;transport=tcp"
	User, Password string        // the account; the password answers a digest challenge
	Expires        time.Duration // how long to ask for; if zero, an hour
}

// A LoginState is what became of a login.
type LoginState struct {
	Registered bool
	Code       int // of the last final response, 0 if there was none
}

// loginRetry is how long a login that was refused or met silence waits.
const loginRetry = 30 * time.Second

// A Client keeps one account registered until it, or its stack, is closed.
type Client struct {
	stack   *Stack
	login   Login
	changed func(LoginState)

	socket *socket
	target wire.Uri
	callID string
	tag    string
	seq    uint32

	end  context.CancelFunc // of its life: it is to log out
	done chan struct{}
}

// Register logs in and keeps the login fresh. changed hears of each change
// and of each failure, one at a time, on a goroutine of the client's, and must
// not block; it may be nil.
func (s *Stack) Register(login Login, changed func(LoginState)) (*Client, error) {
	c := &Client{stack: s, login: login, changed: changed, callID: newTag(), tag: newTag(), done: make(chan struct{})}
	if c.changed == nil {
		c.changed = func(LoginState) {}
	}
	if c.login.Expires == 0 {
		c.login.Expires = defaultExpires
	}
	if err := wire.ParseUri(login.URI, &c.target); err != nil || c.target.Scheme != "sip" || c.target.Host == "" || !cleanText(login.URI) {
		return nil, fmt.Errorf("register at %q: want a sip URI", login.URI)
	}
	network := "udp"
	if t, ok := c.target.UriParams.Get("transport"); ok {
		network = strings.ToLower(t)
	}
	if c.socket = s.socketFor(network); c.socket.Network != network {
		return nil, fmt.Errorf("register at %q: no %s listener", login.URI, network)
	}
	if at, err := netip.ParseAddrPort(hostPort(&c.target, network)); err == nil {
		s.guard.prove(at, "")
	}
	life, end := context.WithCancel(s.closing)
	c.end = end
	s.owners.Go(func() { c.run(life) })
	return c, nil
}

// Close logs out and returns when that is answered or has failed, or when ctx
// ends. A login that is under way is given up and taken back.
func (c *Client) Close(ctx context.Context) {
	c.end()
	select {
	case <-c.done:
	case <-ctx.Done():
	}
}

// run logs in, again before it expires, and out at the end.
func (c *Client) run(life context.Context) {
	defer close(c.done)
	defer c.end()
	registered := false
	for {
		granted, code := c.attempt(life, c.login.Expires)
		unknown := code == 0 && life.Err() != nil // the registrar may have taken it
		now := code == 200
		if now != registered || !now {
			registered = now
			c.changed(LoginState{now, code})
		}
		pause := loginRetry
		if now {
			pause = granted * 85 / 100
		}
		timer := time.NewTimer(max(pause, time.Second))
		select {
		case <-timer.C:
			continue
		case <-life.Done():
		}
		timer.Stop()
		if registered || unknown {
			_, code := c.attempt(context.Background(), 0) // its life is over: what ends it is the stack's stop
			c.changed(LoginState{false, code})
		}
		return
	}
}

// attempt sends a REGISTER, answers a challenge, and returns what was granted
// and the code of the final response, 0 if there was none before ctx ended.
func (c *Client) attempt(ctx context.Context, expires time.Duration) (granted time.Duration, code int) {
	var challenge *wire.Response
	for range 3 { // without credentials, with them, and once more after "stale"
		res := c.request(ctx, expires, challenge)
		if res == nil {
			return 0, 0
		}
		switch res.StatusCode {
		case 200:
			return c.granted(res, expires), 200
		case 401, 407:
			challenge = res
		case 423:
			if h := res.GetHeader("Min-Expires"); h != nil && expires > 0 {
				expires = seconds(h.Value(), 24*time.Hour)
				c.login.Expires = expires
			}
		default:
			return 0, res.StatusCode
		}
		code = res.StatusCode
	}
	return 0, code
}

// granted reads how long the registrar keeps us.
func (c *Client) granted(res *wire.Response, expires time.Duration) time.Duration {
	for _, h := range res.GetHeaders("Contact") {
		if contact, ok := h.(*wire.ContactHeader); ok && contact.Address.User == escapedUser(c.login.User) {
			if v, ok := contact.Params.Get("expires"); ok {
				return seconds(v, expires)
			}
		}
	}
	return expires
}

// request sends one REGISTER and waits for its final response, nil if none
// comes before ctx ends.
func (c *Client) request(ctx context.Context, expires time.Duration, challenge *wire.Response) *wire.Response {
	c.seq++
	registrar := wire.Uri{Scheme: "sip", Host: c.target.Host, Port: c.target.Port}
	account := registrar
	account.User = escapedUser(c.login.User)
	req := newRequest(wire.REGISTER, registrar, way{socket: c.socket, to: hostPort(&c.target, c.socket.network)})
	req.AppendHeader(&wire.FromHeader{Address: account, Params: wire.HeaderParams{{K: "tag", V: c.tag}}})
	req.AppendHeader(&wire.ToHeader{Address: account})
	callID := wire.CallIDHeader(c.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&wire.CSeqHeader{SeqNo: c.seq, MethodName: wire.REGISTER})
	req.AppendHeader(&wire.ContactHeader{Address: c.socket.uri(c.login.User)})
	req.AppendHeader(wire.NewHeader("Expires", strconv.Itoa(int(expires.Seconds()))))
	req.AppendHeader(wire.NewHeader("User-Agent", c.stack.options.UserAgent))
	req.SetBody(nil)
	if challenge != nil {
		if err := answerChallenge(req, challenge, c.login.User, c.login.Password); err != nil {
			return nil
		}
	}
	connecting, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	at, err := c.stack.resolve(connecting, req.Destination())
	if err != nil {
		return nil
	}
	req.SetDestination(at)
	if err := c.stack.connect(connecting, req); err != nil {
		return nil
	}
	tx, err := c.stack.transactions.Request(connecting, req)
	if err != nil {
		return nil
	}
	defer tx.Terminate()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				c.stack.options.Observer.Responded("", false, "REGISTER", res.StatusCode)
				return res
			}
		case <-tx.Done():
			return nil
		case <-ctx.Done():
			return nil
		case <-c.stack.stop:
			return nil
		}
	}
}
