package sip_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	wire "github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"

	"cardline/sip"
)

// A called is a stack that calls a peer by streams that it opens itself.
type called struct {
	*reachable
	server  *sip.Stack
	counter *counter
}

// calling starts one whose peer is a trunk.
func calling(t *testing.T) called {
	t.Helper()
	count := &counter{}
	server := start(t, sip.Options{
		Listeners:  []sip.Listener{{Network: "tcp", Address: "127.0.0.1:0"}},
		Reloadable: sip.Reloadable{Trunks: []sip.Trunk{{Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}},
		Observer:   count,
	})
	l := listen(t)
	r := &reachable{l, &peer{t: t, addr: l.Addr().String(), callID: "called", tag: "called", user: "10086"}}
	t.Cleanup(func() { _ = server.Close(t.Context()) })
	return called{r, server, count}
}

func (c called) call() (*sip.Leg, <-chan sip.Event) {
	c.t.Helper()
	return call(c.t, c.server, sip.Dial{URI: "sip:10086@" + c.addr + ";transport=tcp", Offer: offerSDP})
}

// invitations waits for so many INVITEs.
func (p *peer) invitations(count int) (all []*wire.Request) {
	p.t.Helper()
	p.wait(fmt.Sprint(count, " INVITEs"), func() bool { return p.count("INVITE") >= count })
	for _, m := range p.heard() {
		if req, ok := m.msg.(*wire.Request); ok && req.IsInvite() {
			all = append(all, req)
		}
	}
	return all
}

// ok is the peer's 200 to a request.
func (c called) ok(req *wire.Request) string {
	res := wire.NewResponseFromRequest(req, 200, "OK", nil)
	res.To().Params.Add("tag", c.tag)
	res.AppendHeader(header("Contact", "<sip:10086@"+c.addr+";transport=tcp>"))
	if req.IsInvite() {
		res.AppendHeader(header("Content-Type", "application/sdp"))
		res.SetBody(offerSDP)
	}
	return res.String()
}

// bye is the peer's BYE in the dialog of an INVITE of ours.
func (c called) bye(invite *wire.Request) string {
	theirs, _ := invite.From().Params.Get("tag")
	return strings.Join([]string{
		"BYE " + invite.Contact().Address.String() + " SIP/2.0", "Via: SIP/2.0/TCP " + c.addr + ";branch=z9hG4bKbye", "Max-Forwards: 70",
		"From: <sip:10086@127.0.0.1>; TAG=" + c.tag, "To: <sip:95500@127.0.0.1> ; tag = " + theirs,
		"Call-ID: " + invite.CallID().Value(), "CSeq: 1 BYE", "Content-Length: 0", "", "",
	}, "\r\n")
}

func isAnswered(t *testing.T, events <-chan sip.Event) {
	t.Helper()
	if e, ok := await(t, events).(sip.Answered); !ok {
		t.Fatalf("got %#v, want Answered", e)
	}
}

// What comes by a stream that we have opened is mended like all else: answers with
// blanks are answers, and the peer can hang up.
func TestOpenedStreamsAreMended(t *testing.T) {
	for _, c := range []struct{ name, old, young, kind string }{
		{"blank before the tag", ";tag=", "; tag=", "blanks"},
		{"Via around its slashes", "Via: SIP/2.0/TCP", "Via: SIP / 2.0 / TCP", "blanks"},
		{"folded tag", ";tag=", "\r\n ;tag=", "folds"},
		{"version in small letters", "SIP/2.0 200", "sip/2.0 200", "case"},
		{"line feeds before it", "SIP/2.0 200", "\n\nSIP/2.0 200", "stray_bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			peer := calling(t)
			l, events := peer.call()
			p := peer.accept()
			defer p.close()
			invite := p.invitations(1)[0]
			p.write(strings.ReplaceAll(peer.ok(invite), c.old, c.young))
			isAnswered(t, events)
			p.hear("ACK")
			p.write(peer.bye(invite))
			p.hear("200(BYE)")
			<-l.Done()
			if peer.counter.get("mended carrier "+c.kind) == 0 {
				t.Errorf("nothing is counted as %s", c.kind)
			}
		})
	}
}

// What cannot be read on a stream that we have opened costs neither the stream nor a
// call on it. Calls to one peer share it, in both directions.
func TestOpenedStreamsSurvive(t *testing.T) {
	peer := calling(t)
	one, oneEvents := peer.call()
	_, twoEvents := peer.call()
	p := peer.accept()
	defer p.close()
	invites := p.invitations(2)
	p.write(strings.Replace(peer.ok(invites[0]), "From: ", "From: \"", 1))
	p.write(strings.Replace(strings.Replace(peer.bye(invites[0]), "BYE", "OPTIONS", 2), "From: ", "From: \"", 1))
	p.wait("a 400", func() bool { return strings.Contains(p.text(), "SIP/2.0 400 Malformed From") })
	if n := peer.counter.get("dropped malformed"); n != 2 {
		t.Errorf("got %d counted as malformed, want 2", n)
	}
	for _, invite := range invites {
		p.write(peer.ok(invite))
	}
	isAnswered(t, oneEvents)
	isAnswered(t, twoEvents)
	second := slices.IndexFunc(invites, func(req *wire.Request) bool { return req.CallID().Value() != one.CallID() })
	p.write(peer.bye(invites[second]))
	p.hear("200(BYE)")
	one.Hangup("")
	p.wait("our BYE", func() bool { return p.count("BYE") == 1 })
	p.write(peer.ok(p.newest("BYE")))
	<-one.Done()
	_ = peer.Listener.(*net.TCPListener).SetDeadline(time.Now())
	if conn, err := peer.Accept(); err == nil {
		_ = conn.Close()
		t.Error("a second stream was opened")
	}
}

// A stream that we have opened ends, and the next request opens another.
func TestOpenedStreamsAreOpenedAgain(t *testing.T) {
	peer := calling(t)
	l, events := peer.call()
	p := peer.accept()
	invite := p.invitations(1)[0]
	p.write(peer.ok(invite))
	isAnswered(t, events)
	p.hear("ACK")
	p.close()
	p.wait("the end", func() bool { return !peer.server.HasStream(peer.addr) })
	l.Hangup("")
	q := peer.accept()
	defer q.close()
	q.hear("BYE")
	q.write(strings.Replace(peer.ok(q.newest("BYE")), ";tag=", " ; tag=", 1))
	<-l.Done()
	if peer.counter.get("mended carrier blanks") != 1 {
		t.Error("the second stream is not mended")
	}
}

// Nobody listens: the call fails at once, and nothing is left. Nor is anything left of
// a stream when we close.
func TestOpenedStreamsLeaveNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	server := start(t, sip.Options{Listeners: []sip.Listener{{Network: "tcp", Address: "127.0.0.1:0"}}})
	bound := listen(t)
	uri := "sip:10086@" + bound.Addr().String() + ";transport=tcp"
	_, _ = call(t, server, sip.Dial{URI: uri, Offer: offerSDP})
	conn, err := bound.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := (&house{t: t}).streamPeer(conn, bound.Addr().String(), "nobody")
	p.invitations(1)
	_ = bound.Close()
	p.close()
	p.wait("the end", func() bool { return !server.HasStream(bound.Addr().String()) })
	_, events := call(t, server, sip.Dial{URI: uri, Offer: offerSDP})
	if e, ok := await(t, events).(sip.Ended); !ok || e.Reason != sip.PeerLost {
		t.Errorf("got %#v, want the peer lost", e)
	}
	if err := server.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
