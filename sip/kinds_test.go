package sip_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/emiago/sipgo/sip"

	"cardline/sip"
)

// everyKind runs a test in a confirmed call of every kind of peer: a trunk and a
// phone that call us, and an agent's phone that we call, by datagrams and by
// streams. The peer's next request is [peer.next]; it has acknowledged all.
func everyKind(t *testing.T, f func(*testing.T, *house, *peer, *sip.Leg)) {
	t.Helper()
	for _, network := range []string{"UDP", "TCP"} {
		for _, kind := range []string{"trunk", "phone", "agent"} {
			t.Run(kind+" by "+network, func(t *testing.T) {
				streams(t, func(t *testing.T, h *house) {
					address := phoneAddress
					if kind == "trunk" {
						address = trunkAddress
					}
					p := h.peerBy(network, address, "kind")
					defer p.close()
					f(t, h, p, h.callOf(kind, p))
				})
			})
		}
	}
}

// callOf has a call of a kind of peer confirmed.
func (h *house) callOf(kind string, p *peer) *sip.Leg {
	h.t.Helper()
	switch kind {
	case "trunk":
		p.number = 1
		return h.confirmed(p)
	case "phone":
		p.user = "1001"
		p.invite(1, "challenged")
		auth := credentials(h.t, p.lastResponse(), "INVITE", "sip:95500@192.0.2.1", "1001", "secret", 1)
		p.invite(2, "proven", auth)
		p.number = 2
		l := h.leg(0)
		l.Answer(offerSDP)
		synctest.Wait()
		p.ack(2)
		return l
	}
	p.user = "1001"
	if res := p.login("1001", "secret", p.contact()); res.StatusCode != 200 {
		h.t.Fatalf("login: got %d, want 200", res.StatusCode)
	}
	l := h.dial(sip.Dial{Account: "1001", From: "138", Offer: offerSDP})
	p.meet()
	p.reply(p.lastRequest(), 200, offerSDP, wire.NewHeader("Content-Type", "application/sdp"))
	if got := h.told(l); got != "Answered" {
		h.t.Fatalf("got events %q, want Answered", got)
	}
	return l
}

// meet takes over what names the dialog of the INVITE that has just come.
func (p *peer) meet() {
	p.t.Helper()
	invite := p.lastRequest()
	p.callID = invite.CallID().Value()
	p.theirs, _ = invite.From().Params.Get("tag")
}

// newest is the newest request of a method that the peer has heard.
func (p *peer) newest(method wire.RequestMethod) *wire.Request {
	p.t.Helper()
	all := p.heard()
	for i := len(all) - 1; i >= 0; i-- {
		if req, ok := all[i].msg.(*wire.Request); ok && req.Method == method {
			return req
		}
	}
	p.t.Fatalf("heard %q, want a %s", p.messages(), method)
	return nil
}

// count is how many requests of a method the peer has heard.
func (p *peer) count(method wire.RequestMethod) (n int) {
	for _, m := range p.heard() {
		if req, ok := m.msg.(*wire.Request); ok && req.Method == method {
			n++
		}
	}
	return n
}

// peerBy is a peer that speaks by datagrams or by a stream.
func (h *house) peerBy(network, address, callID string) *peer {
	h.t.Helper()
	if network == "UDP" {
		return h.peer(address, callID)
	}
	conn, err := h.streams.Dial(address, streamAddress)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.streamPeer(conn, address, callID)
}

// streamPeer is a peer at the end of a stream.
func (h *house) streamPeer(conn net.Conn, address, callID string) *peer {
	p := &peer{t: h.t, conn: &messages{Conn: conn, in: bufio.NewReader(conn)}, addr: address, callID: callID, tag: "tag-" + callID, user: "13800138000", network: "TCP"}
	go p.listen(time.Now())
	return p
}

// messages are the messages of a stream as if they were datagrams.
type messages struct {
	net.Conn
	in *bufio.Reader
}

func (m *messages) ReadFrom(b []byte) (int, net.Addr, error) {
	var head strings.Builder
	length := 0
	for {
		line, err := m.in.ReadString('\n')
		if err != nil {
			return 0, nil, fmt.Errorf("read a line: %w", err)
		}
		head.WriteString(line)
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == "Content-Length" {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if line == "\r\n" {
			break
		}
	}
	n := copy(b, head.String())
	k, err := io.ReadFull(m.in, b[n:n+length])
	return n + k, m.RemoteAddr(), err
}

func (m *messages) WriteTo(b []byte, _ net.Addr) (int, error) { return m.Write(b) }

func header(name, value string) wire.Header { return wire.NewHeader(name, value) }

// listen is a listener for streams of real sockets.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
