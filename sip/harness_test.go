package sip_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
	"github.com/rs/zerolog"

	"cardline/sip"
	"cardline/sip/siptest"
)

const (
	ourAddress   = "192.0.2.1:5060"
	trunkAddress = "192.0.2.50:5060"
	phoneAddress = "192.0.2.100:5060"
	otherAddress = "198.51.100.7:5060"
)

var offerSDP = []byte("v=0\r\no=- 1 1 IN IP4 192.0.2.50\r\ns=-\r\nc=IN IP4 192.0.2.50\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")

// A house is a stack under test on a network in memory, with its handler.
type house struct {
	*sip.Stack
	t       *testing.T
	network *siptest.Network
	streams *siptest.Network
	conn    *siptest.Conn
	counter counter
	log     lockedBuffer

	mu            sync.Mutex
	onInvite      func(*sip.Leg, sip.Invite) sip.Sink
	invites       []sip.Invite
	legs          []*sip.Leg
	events        map[*sip.Leg][]sip.Event
	registrations []sip.Registration
}

func (h *house) Invited(l *sip.Leg, in sip.Invite) sip.Sink {
	h.mu.Lock()
	h.invites, h.legs = append(h.invites, in), append(h.legs, l)
	f := h.onInvite
	h.mu.Unlock()
	if f != nil {
		return f(l, in)
	}
	return h.sink(l)
}

func (h *house) RegistrationChanged(r sip.Registration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.registrations = append(h.registrations, r)
}

// sink records a leg's events.
func (h *house) sink(l *sip.Leg) sip.Sink {
	return func(e sip.Event) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events[l] = append(h.events[l], e)
	}
}

// told returns a leg's events in short, such as "Acked Ended(hung-up)".
func (h *house) told(l *sip.Leg) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var words []string
	for _, e := range h.events[l] {
		switch e := e.(type) {
		case sip.Ended:
			words = append(words, fmt.Sprintf("Ended(%v,%d)", e.Reason, e.Code))
		case sip.Progressed:
			words = append(words, fmt.Sprintf("Progressed(%d)", e.Code))
		case sip.OfferRefused:
			words = append(words, fmt.Sprintf("OfferRefused(%d)", e.Code))
		default:
			words = append(words, strings.TrimPrefix(fmt.Sprintf("%T", e), "sip."))
		}
	}
	return strings.Join(words, " ")
}

// changes returns the changes of registrations in short.
func (h *house) changes() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var words []string
	for _, r := range h.registrations {
		words = append(words, r.Account+" "+r.Change.String())
	}
	return strings.Join(words, ", ")
}

func (h *house) leg(i int) *sip.Leg {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if i >= len(h.legs) {
		h.t.Fatalf("got %d calls, want at least %d", len(h.legs), i+1)
	}
	return h.legs[i]
}

// calls is how many calls were let in.
func (h *house) calls() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.legs)
}

// bubble runs a test of a stack in a synctest bubble. change may alter the
// options; the trunk "carrier" and the accounts 1001 and 1002 are there.
func bubble(t *testing.T, change func(*sip.Options), f func(*testing.T, *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, change)
		f(t, h)
		h.end()
	})
}

func newHouse(t *testing.T, change func(*sip.Options)) *house {
	t.Helper()
	h := &house{t: t, network: &siptest.Network{}, events: make(map[*sip.Leg][]sip.Event)}
	h.conn = h.network.Packet(ourAddress)
	options := sip.Options{
		Listeners: []sip.Listener{{Network: "udp", Packet: h.conn}},
		Reloadable: sip.Reloadable{
			Trunks: []sip.Trunk{{Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.50/31")}}},
			Accounts: []sip.Account{
				{User: "1001", Password: "secret"},
				{User: "1002", Password: "other", NAT: true},
			},
		},
		Handler: h, Observer: &h.counter, Log: zerolog.New(&h.log),
	}
	if change != nil {
		change(&options)
	}
	stack, err := sip.New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.Start(); err != nil {
		t.Fatal(err)
	}
	h.Stack = stack
	synctest.Wait()
	return h
}

func (h *house) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		h.t.Errorf("close: %v", err)
	}
	synctest.Wait()
}

// A counter is an Observer that adds up.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *counter) add(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[string]int)
	}
	c.counts[key]++
}

func (c *counter) set(key string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[string]int)
	}
	c.counts[key] = n
}

func (c *counter) get(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[key]
}

func (c *counter) Responded(trunk string, incoming bool, method string, code int) {
	c.add(fmt.Sprintf("%s %s %d %v", trunk, method, code, incoming))
}

func (c *counter) Confirmed(trunk string, incoming bool, _ time.Duration) {
	c.add(fmt.Sprintf("confirmed %s %v", trunk, incoming))
}

func (c *counter) Calls(trunk string, incoming bool, now int) {
	c.set(fmt.Sprintf("calls %s %v", trunk, incoming), now)
}
func (c *counter) Barred(_ string, why sip.Bar) { c.add("barred " + why.String()) }
func (c *counter) Dropped(why sip.Drop)         { c.add("dropped " + why.String()) }
func (c *counter) Mended(trunk string, what sip.Mend) {
	c.add("mended " + trunk + " " + what.String())
}
func (c *counter) Registered(now int) { c.set("registered", now) }

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A peer speaks raw SIP from one address.
type peer struct {
	t      *testing.T
	conn   net.PacketConn
	addr   string
	callID string
	tag    string
	theirs string // the To-tag that we met
	user   string // of From
	seq    int
	number int // of the newest request in a dialog

	network string // as in Via

	mu  sync.Mutex
	got []heard
	raw strings.Builder
}

// heard is a message that a peer received, and when.
type heard struct {
	at  time.Duration
	msg wire.Message
	raw string
}

func (h *house) peer(address, callID string) *peer {
	h.t.Helper()
	p := &peer{t: h.t, conn: h.network.Packet(address), addr: address, callID: callID, tag: "tag-" + callID, user: "13800138000", network: "UDP"}
	start := time.Now()
	go p.listen(start)
	return p
}

func (p *peer) listen(start time.Time) {
	buf := make([]byte, 65536)
	parser := wire.NewParser()
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		msg, err := parser.ParseSIP(bytes.Clone(buf[:n]))
		p.mu.Lock()
		p.raw.Write(buf[:n])
		p.mu.Unlock()
		if err != nil && bytes.HasPrefix(buf[:n], []byte("SIP/2.0 400 Malformed ")) {
			continue // it copies what cannot be parsed
		}
		if err != nil {
			p.t.Errorf("the stack sent what cannot be parsed: %v\n%s", err, buf[:n])
			continue
		}
		p.mu.Lock()
		p.got = append(p.got, heard{time.Since(start), msg, string(buf[:n])})
		p.mu.Unlock()
	}
}

func (p *peer) close() { _ = p.conn.Close() }

// messages returns what was heard in short, such as "100 180 200 BYE".
func (p *peer) messages() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var words []string
	for _, m := range p.got {
		words = append(words, short(m.msg))
	}
	return strings.Join(words, " ")
}

// text returns what was heard as it came.
func (p *peer) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.raw.String()
}

func short(msg wire.Message) string {
	switch msg := msg.(type) {
	case *wire.Response:
		code := strconv.Itoa(msg.StatusCode)
		if m := msg.CSeq().MethodName; m != wire.INVITE {
			code += "(" + string(m) + ")"
		}
		return code
	case *wire.Request:
		return string(msg.Method)
	}
	return "?"
}

func (p *peer) heard() []heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]heard(nil), p.got...)
}

// last returns the newest message.
func (p *peer) last() heard {
	p.t.Helper()
	all := p.heard()
	if len(all) == 0 {
		p.t.Fatal("nothing heard")
	}
	return all[len(all)-1]
}

func (p *peer) lastResponse() *wire.Response {
	p.t.Helper()
	res, ok := p.last().msg.(*wire.Response)
	if !ok {
		p.t.Fatalf("got %s, want a response", short(p.last().msg))
	}
	return res
}

func (p *peer) lastRequest() *wire.Request {
	p.t.Helper()
	req, ok := p.last().msg.(*wire.Request)
	if !ok {
		p.t.Fatalf("got %s, want a request", short(p.last().msg))
	}
	return req
}

// send writes a message; lines are joined and ended as SIP wants it.
func (p *peer) send(body string, lines ...string) {
	p.t.Helper()
	if body != "" || !strings.Contains(strings.Join(lines, "\n"), "Content-Length") {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	p.write(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}

func (p *peer) write(raw string) {
	p.t.Helper()
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(ourAddress))
	if _, err := p.conn.WriteTo([]byte(raw), to); err != nil {
		p.t.Fatal(err)
	}
}

// request builds the lines of a request of the peer's. number is its CSeq,
// branch its own; extra lines follow.
func (p *peer) request(method string, number int, branch string, extra ...string) []string {
	to := "<sip:95500@192.0.2.1>"
	if p.theirs != "" {
		to += ";tag=" + p.theirs
	}
	return append([]string{
		method + " sip:95500@192.0.2.1 SIP/2.0",
		"Via: SIP/2.0/" + p.network + " " + p.addr + ";branch=z9hG4bK" + branch + ";rport",
		"Max-Forwards: 70",
		"From: \"Caller\" <sip:" + p.user + "@192.0.2.50>;tag=" + p.tag,
		"To: " + to,
		"Call-ID: " + p.callID,
		fmt.Sprintf("CSeq: %d %s", number, method),
		p.contact(),
	}, extra...)
}

// contact is the peer's Contact as its requests have it.
func (p *peer) contact() string {
	if p.network == "TCP" {
		return "Contact: <sip:" + p.user + "@" + p.addr + ";transport=tcp>"
	}
	return "Contact: <sip:" + p.user + "@" + p.addr + ">"
}

// next sends the next request in the peer's dialog and waits until nothing moves
// any more; the answer is the peer's last message then.
func (p *peer) next(method, body string, extra ...string) {
	p.t.Helper()
	p.number++
	p.send(body, p.request(method, p.number, fmt.Sprint(method, p.number, p.callID), extra...)...)
	time.Sleep(50 * time.Millisecond) // a number may be missing
	synctest.Wait()
}

// invite sends an INVITE and waits until nothing moves any more.
func (p *peer) invite(number int, branch string, extra ...string) {
	p.t.Helper()
	p.send(string(offerSDP), p.request("INVITE", number, branch, append(extra, "Content-Type: application/sdp")...)...)
	synctest.Wait()
}

// ack acknowledges the newest 200 in the way of RFC 3261.
func (p *peer) ack(number int) {
	p.t.Helper()
	p.learn()
	p.send("", p.request("ACK", number, fmt.Sprintf("ack%d%s", number, p.callID))...)
	synctest.Wait()
}

// learn takes the To-tag from the newest response.
func (p *peer) learn() {
	p.t.Helper()
	for _, m := range p.heard() {
		if res, ok := m.msg.(*wire.Response); ok && res.To() != nil {
			if tag, ok := res.To().Params.Get("tag"); ok && res.StatusCode < 300 && res.CSeq().MethodName == wire.INVITE {
				p.theirs = tag
			}
		}
	}
}

// reply answers a request of the stack's.
func (p *peer) reply(req *wire.Request, code int, body []byte, extra ...wire.Header) {
	p.t.Helper()
	res := wire.NewResponseFromRequest(req, code, "Whatever", nil)
	if to := res.To(); to != nil && code > 100 {
		to.Params.Remove("tag")
		to.Params.Add("tag", p.tag)
	}
	res.AppendHeader(&wire.ContactHeader{Address: wire.Uri{Scheme: "sip", User: "peer", Host: host(p.addr), Port: port(p.addr)}})
	for _, h := range extra {
		res.AppendHeader(h)
	}
	res.SetBody(body)
	p.write(res.String())
	synctest.Wait()
}

func host(addr string) string { return netip.MustParseAddrPort(addr).Addr().String() }
func port(addr string) int    { return int(netip.MustParseAddrPort(addr).Port()) }

// confirmed has a peer call and the leg answered and acknowledged.
func (h *house) confirmed(p *peer) *sip.Leg {
	h.t.Helper()
	p.invite(1, "first"+p.callID)
	l := h.leg(h.calls() - 1)
	l.Answer(offerSDP)
	synctest.Wait()
	p.ack(1)
	if got := h.told(l); got != "Acked" {
		h.t.Fatalf("got events %q, want Acked", got)
	}
	return l
}

// register sends a REGISTER and waits for what comes of it.
func (p *peer) register(number int, user string, extra ...string) *wire.Response {
	p.t.Helper()
	p.send("", p.registerLines(number, user, extra...)...)
	synctest.Wait()
	return p.lastResponse()
}

func (p *peer) registerLines(number int, user string, extra ...string) []string {
	return append([]string{
		"REGISTER sip:192.0.2.1 SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=z9hG4bKreg%s%d;rport", p.network, p.addr, p.callID, number),
		"Max-Forwards: 70",
		"From: <sip:" + user + "@192.0.2.1>;tag=" + p.tag,
		"To: <sip:" + user + "@192.0.2.1>",
		"Call-ID: " + p.callID,
		fmt.Sprintf("CSeq: %d REGISTER", number),
	}, extra...)
}

// credentials answers a challenge as a phone does.
func credentials(t *testing.T, res *wire.Response, method, uri, user, password string, count int) string {
	t.Helper()
	h := res.GetHeader("WWW-Authenticate")
	if h == nil {
		t.Fatalf("got %d without a challenge", res.StatusCode)
	}
	challenge, err := digest.ParseChallenge(h.Value())
	if err != nil {
		t.Fatal(err)
	}
	cred, err := digest.Digest(challenge, digest.Options{Method: method, URI: uri, Username: user, Password: password, Count: count})
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: " + cred.String()
}

func (p *peer) login(user, password string, extra ...string) *wire.Response {
	p.t.Helper()
	p.seq += 2
	res := p.register(p.seq-1, user, extra...)
	auth := credentials(p.t, res, "REGISTER", "sip:192.0.2.1", user, password, 1)
	return p.register(p.seq, user, append(extra, auth)...)
}

func contact(p *peer) string { return "Contact: <sip:phone@" + p.addr + ">" }

func parseResponse(t *testing.T, raw string) *wire.Response {
	t.Helper()
	msg, err := wire.NewParser().ParseSIP([]byte(raw))
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	res, ok := msg.(*wire.Response)
	if !ok {
		t.Fatalf("got %q, want a response", raw)
	}
	return res
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dial places a call and waits until nothing moves any more.
func (h *house) dial(d sip.Dial) *sip.Leg {
	h.t.Helper()
	var l *sip.Leg
	ready := make(chan struct{})
	l, err := h.Dial(d, func(e sip.Event) {
		<-ready
		h.sink(l)(e)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	close(ready)
	synctest.Wait()
	return l
}

// phone is a second stack on the house's network.
func (h *house) phone(address string) *house {
	h.t.Helper()
	p := &house{t: h.t, network: h.network, events: make(map[*sip.Leg][]sip.Event)}
	stack, err := sip.New(sip.Options{
		Listeners: []sip.Listener{{Network: "udp", Packet: h.network.Packet(address)}},
		Reloadable: sip.Reloadable{Trunks: []sip.Trunk{
			{Name: "server", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}},
		}},
		Handler: p, Log: zerolog.New(&p.log),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := stack.Start(); err != nil {
		h.t.Fatal(err)
	}
	p.Stack = stack
	synctest.Wait()
	return p
}

const streamAddress = "192.0.2.1:5062"

// streams runs a test of a stack that also listens for streams.
func streams(t *testing.T, f func(*testing.T, *house)) {
	t.Helper()
	network := &siptest.Network{}
	bubble(t, func(o *sip.Options) {
		o.Listeners = append(o.Listeners, sip.Listener{Network: "tcp", Stream: network.Stream(streamAddress)})
	}, func(t *testing.T, h *house) {
		h.streams = network
		f(t, h)
	})
}

// A stream is a peer's end of a TCP connection, read all the time.
type stream struct {
	net.Conn
	mu   sync.Mutex
	got  strings.Builder
	done chan struct{}
}

func (h *house) stream(from string) *stream {
	h.t.Helper()
	conn, err := h.streams.Dial(from, streamAddress)
	if err != nil {
		h.t.Fatal(err)
	}
	s := &stream{Conn: conn, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			s.mu.Lock()
			s.got.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	synctest.Wait()
	return s
}

func (s *stream) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

func (s *stream) closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// login registers account 1001 over the stream.
func (s *stream) login(t *testing.T) {
	t.Helper()
	if ok := s.register(t, 1, "1001", "secret"); !strings.HasPrefix(ok, "SIP/2.0 200") {
		t.Fatalf("got %q, want 200", ok)
	}
}

// guess tries to register an account by a wrong password.
func (s *stream) guess(t *testing.T, number int, user string) {
	t.Helper()
	s.register(t, number, user, "wrong")
}

// register registers an account over the stream, with two requests from number
// on, and returns the last answer.
func (s *stream) register(t *testing.T, number int, user, password string) string {
	t.Helper()
	from := s.LocalAddr().String()
	contact := "Contact: <sip:" + user + "@" + from + ";transport=tcp>"
	p := &peer{t: t, addr: from, callID: "tcp" + user, tag: "tcp", network: "TCP"}
	send := func(lines []string) string {
		before := len(s.text())
		_, _ = io.WriteString(s, strings.Join(lines, "\r\n")+"\r\n\r\n")
		synctest.Wait()
		return s.text()[before:]
	}
	challenge := parseResponse(t, send(p.registerLines(number, user, contact, "Content-Length: 0")))
	auth := credentials(t, challenge, "REGISTER", "sip:192.0.2.1", user, password, 1)
	return send(p.registerLines(number+1, user, contact, auth, "Content-Length: 0"))
}

func invitation(from, callID string) string {
	return strings.Join([]string{
		"INVITE sip:95500@192.0.2.1 SIP/2.0", "Via: SIP/2.0/TCP " + from + ";branch=z9hG4bK" + callID, "Max-Forwards: 70",
		"From: <sip:138@192.0.2.50>;tag=x" + callID, "To: <sip:95500@192.0.2.1>", "Call-ID: " + callID, "CSeq: 1 INVITE",
		"Contact: <sip:138@" + from + ";transport=tcp>", "Content-Type: application/sdp",
		fmt.Sprintf("Content-Length: %d", len(offerSDP)), "", string(offerSDP),
	}, "\r\n")
}
