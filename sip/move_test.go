package sip_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/emiago/sipgo/sip"

	"cardline/sip"
)

// elsewhere is the same peer, in the same dialog, at another address.
func (p *peer) elsewhere(h *house, network, address string) *peer {
	p.t.Helper()
	q := h.peerBy(network, address, p.callID)
	q.tag, q.theirs, q.user, q.number, q.seq = p.tag, p.theirs, p.user, p.number+10, p.seq
	return q
}

// byes has us hang up and tells where the BYE arrives.
func byes(l *sip.Leg, peers ...*peer) string {
	before := make([]int, len(peers))
	for i, p := range peers {
		before[i] = p.count("BYE")
	}
	l.Hangup("")
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
	var at []string
	for i, p := range peers {
		if p.count("BYE") > before[i] {
			at = append(at, p.network+" "+p.addr)
		}
	}
	return strings.Join(at, ", ")
}

// proveINVITE sends a re-INVITE with the credentials of an account and has it
// taken.
func (p *peer) proveINVITE(l *sip.Leg, user, password string) {
	p.t.Helper()
	challenge := p.lastResponse()
	want(p.t, "re-INVITE from elsewhere", fmt.Sprint(challenge.StatusCode), "401")
	auth := credentials(p.t, challenge, "INVITE", "sip:95500@192.0.2.1", user, password, 1)
	p.next("INVITE", string(offerSDP), "Content-Type: application/sdp", auth)
	l.AcceptOffer(offerSDP)
	synctest.Wait()
}

// A peer that has moved gets our BYE where it is: a trunk at another of its
// addresses, a phone once it has proved the account again. Public reports:
// https://github.com/drachtio/drachtio-srf/issues/193,
// https://github.com/drachtio/drachtio-server/issues/418.
func TestTargetRefreshMovesTheHop(t *testing.T) {
	everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
		isTrunk := l.Remote().Addr().String() == host(trunkAddress)
		address := "192.0.2.177:5060"
		if isTrunk {
			address = "192.0.2.51:5070"
		}
		q := p.elsewhere(h, p.network, address)
		defer q.close()
		q.next("INVITE", string(offerSDP), "Content-Type: application/sdp")
		if isTrunk {
			l.AcceptOffer(offerSDP)
			synctest.Wait()
		} else {
			q.proveINVITE(l, "1001", "secret")
		}
		want(t, "re-INVITE", q.answered(), "200")
		q.ack(q.number)
		want(t, "BYE at", byes(l, p, q), p.network+" "+address)
	})
}

// Nobody else can have a call's requests come to him, even if he knows all that
// names the call: not from another network, nor with another's account, nor from
// another port of the same address.
func TestStrangersDivertNoCall(t *testing.T) {
	everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
		isTrunk := l.Remote().Addr().String() == host(trunkAddress)
		all := []*peer{p}
		for _, address := range []string{otherAddress, host(p.addr) + ":7777"} {
			if isTrunk && address != otherAddress {
				continue // any port is the trunk's
			}
			q := p.elsewhere(h, p.network, address)
			defer q.close()
			all = append(all, q)
			q.next("INVITE", string(offerSDP), "Content-Type: application/sdp")
			if isTrunk {
				want(t, "a stranger's re-INVITE", q.answered(), "481")
				continue
			}
			challenge := q.lastResponse()
			want(t, "a stranger's re-INVITE", fmt.Sprint(challenge.StatusCode), "401")
			for i, c := range [][2]string{{"1001", "guess"}, {"1002", "other"}} {
				q.next("INVITE", string(offerSDP), "Content-Type: application/sdp",
					credentials(t, challenge, "INVITE", "sip:95500@192.0.2.1", c[0], c[1], i+1))
				want(t, "with wrong credentials of "+c[0], q.answered(), "403")
			}
			if address == otherAddress {
				q.next("BYE", "")
				want(t, "a stranger's BYE", q.answered(), "401")
			}
		}
		if strings.Contains(h.told(l), "Reoffered") || strings.Contains(h.told(l), "Ended") {
			t.Errorf("got events %q", h.told(l))
		}
		for _, q := range all[1:] {
			for _, m := range q.heard() {
				if req, ok := m.msg.(*wire.Request); ok {
					t.Errorf("a stranger heard our %s", req.Method)
				}
			}
		}
		want(t, "BYE at", byes(l, all...), p.network+" "+p.addr)
	})
}

// A phone that has moved may hang up, once it has proved the account.
func TestPhoneThatHasMovedHangsUp(t *testing.T) {
	everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
		if l.Remote().Addr().String() == host(trunkAddress) {
			return
		}
		q := p.elsewhere(h, p.network, "192.0.2.177:5060")
		defer q.close()
		q.next("BYE", "")
		q.next("BYE", "", credentials(t, q.lastResponse(), "BYE", "sip:95500@192.0.2.1", "1001", "secret", 1))
		want(t, "BYE", q.answered(), "200")
		if told := h.told(l); !strings.HasSuffix(told, "Ended(peer-hung-up,0)") {
			t.Errorf("got events %q", told)
		}
	})
}

// A phone whose network has changed registers again, and its running call goes
// after it (kamailio 273); another device of the account has nothing to do with it.
func TestRegistrationMovesTheHop(t *testing.T) {
	for _, c := range []struct {
		name, callID, contact string
		want                  string
	}{
		{"the same registration", "kind", "Contact: <sip:other@192.0.2.177:5060>", "192.0.2.177:5060"},
		{"the same Contact", "fresh", "Contact: <sip:1001@192.0.2.177:5060>", "192.0.2.177:5060"},
		{"another device", "fresh", "Contact: <sip:other@192.0.2.177:5060>", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
				isTrunk := l.Remote().Addr().String() == host(trunkAddress)
				q := h.peerBy(p.network, "192.0.2.177:5060", c.callID)
				defer q.close()
				q.seq = 10
				time.Sleep(time.Second)
				if res := q.login("1001", "secret", c.contact); res.StatusCode != 200 {
					t.Fatalf("login: got %d", res.StatusCode)
				}
				where := c.want
				if where == "" || isTrunk || c.callID == "kind" && l.CallID() == "kind" {
					where = p.addr // a phone that calls in has not registered here
				}
				want(t, "BYE at", byes(l, p, q), p.network+" "+where)
				if where == q.addr {
					p.theirs = ""
					q.reply(q.newest("BYE"), 481, nil) // another device after all
					if !strings.Contains(p.messages(), "BYE") {
						t.Error("no BYE for the device before")
					}
				}
			})
		})
	}
}

// A second phone of an account, whose Contact has the same user, does not get the
// re-INVITEs of the first one's call: it would refuse them and end the call.
func TestASecondPhoneTakesNoCallOver(t *testing.T) {
	everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
		q := h.peerBy(p.network, "192.0.2.177:5060", "fresh")
		defer q.close()
		q.seq = 10
		time.Sleep(time.Second)
		if res := q.login("1001", "secret", "Contact: <sip:1001@192.0.2.177:5060>"); res.StatusCode != 200 {
			t.Fatalf("login: got %d", res.StatusCode)
		}
		before := strings.Count(p.messages(), "INVITE")
		l.Offer(offerSDP)
		synctest.Wait()
		if strings.Contains(q.messages(), "INVITE") || strings.Count(p.messages(), "INVITE") == before {
			t.Errorf("the re-INVITE went to the second phone, or nowhere; the first one has %s", p.messages())
		}
		p.reply(p.newest("INVITE"), 488, nil)
	})
}

// Behind an address translation that has taken another port the newest proven
// source counts, whatever the Contact says.
func TestTranslatedPortMoves(t *testing.T) {
	for _, network := range []string{"UDP", "TCP"} {
		streams(t, func(t *testing.T, h *house) {
			p := h.peerBy(network, "198.51.100.7:1024", "nat")
			defer p.close()
			p.user = "1002"
			inside := "Contact: <sip:1002@10.0.0.7:5060>"
			p.login("1002", "other", inside)
			l := h.dial(sip.Dial{Account: "1002", Offer: offerSDP})
			p.meet()
			p.reply(p.lastRequest(), 200, offerSDP, header("Content-Type", "application/sdp"))
			q := p.elsewhere(h, network, "198.51.100.7:2048")
			defer q.close()
			q.next("INVITE", string(offerSDP), "Content-Type: application/sdp")
			q.proveINVITE(l, "1002", "other")
			want(t, "re-INVITE", q.answered(), "200")
			q.ack(q.number)
			want(t, "BYE at", byes(l, p, q), network+" 198.51.100.7:2048")
		})
	}
}

// The 200 to a re-INVITE of ours refreshes the target as well.
func TestAnswerRefreshesTheTarget(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		q := h.peer("192.0.2.51:5070", "two")
		defer q.close()
		l := h.confirmed(p)
		l.Offer(offerSDP)
		synctest.Wait()
		res := wire.NewResponseFromRequest(p.newest("INVITE"), 200, "OK", offerSDP)
		res.AppendHeader(header("Contact", "<sip:x@192.0.2.51:5070>"))
		res.AppendHeader(header("Content-Type", "application/sdp"))
		p.write(res.String())
		synctest.Wait()
		want(t, "BYE at", byes(l, p, q), "UDP 192.0.2.51:5070")
	})
}

// A reachable peer listens for streams of real sockets, calls by one, and closes
// it. Its Contact says where it listens.
type reachable struct {
	net.Listener
	*peer
}

func reach(t *testing.T, server *sip.Stack) (*reachable, net.Conn) {
	t.Helper()
	l := listen(t)
	conn, err := net.Dial("tcp", server.Addr(0).String())
	if err != nil {
		t.Fatal(err)
	}
	p := (&house{t: t}).streamPeer(conn, l.Addr().String(), "real")
	return &reachable{l, p}, conn
}

// hear waits until the peer has heard something.
func (p *peer) hear(what string) {
	p.t.Helper()
	p.wait(what, func() bool { return strings.Contains(p.messages(), what) })
}

// wait waits until something is true.
func (p *peer) wait(what string, isTrue func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); !isTrue(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("heard %q, want %s", p.messages(), what)
		}
	}
}

// accept is the peer at the end of the stream that we open to it.
func (r *reachable) accept() *peer {
	r.t.Helper()
	conn, err := r.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	p := (&house{t: r.t}).streamPeer(conn, r.addr, r.callID)
	p.tag, p.user = r.tag, r.user
	return p
}

// A trunk's or phone's stream has ended, and its Contact listens: our BYE goes
// there (https://github.com/drachtio/drachtio-server/issues/384).
func TestByeAfterTheStreamHasEnded(t *testing.T) {
	acked := make(chan *sip.Leg, 1)
	server := start(t, sip.Options{
		Listeners:  []sip.Listener{{Network: "tcp", Address: "127.0.0.1:0"}},
		Reloadable: sip.Reloadable{Trunks: []sip.Trunk{{Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}},
		Handler:    answeringTo(acked),
	})
	defer func() { _ = server.Close(t.Context()) }()
	r, conn := reach(t, server)
	r.send(string(offerSDP), r.request("INVITE", 1, "a", "Content-Type: application/sdp")...)
	r.hear("200")
	r.learn()
	r.send("", r.request("ACK", 1, "b")...)
	l := await(t, acked)
	_ = conn.Close()
	l.Hangup("")
	again := r.accept()
	defer again.close()
	again.hear("BYE")
	again.write(wire.NewResponseFromRequest(again.newest("BYE"), 200, "OK", nil).String())
}

// A trunk speaks by datagrams and wants our requests by a stream
// (https://github.com/unispeech/unimrcp/issues/205).
func TestTransportOfAContact(t *testing.T) {
	wants := listen(t)
	p, l := datagramCall(t, "Contact: <sip:138@"+wants.Addr().String()+";transport=TCP>")
	l.Hangup("")
	p.network = "TCP"
	again := (&reachable{wants, p}).accept()
	defer again.close()
	again.hear("BYE")
	want(t, "Via", again.newest("BYE").Via().Transport, "TCP")
	again.write(wire.NewResponseFromRequest(again.newest("BYE"), 200, "OK", nil).String())
}

// A Contact whose name nobody knows costs no BYE: it goes to where the peer is.
func TestByeToANameThatIsUnknown(t *testing.T) {
	p, l := datagramCall(t, "Contact: <sip:138@nowhere.invalid>")
	l.Hangup("")
	p.hear("BYE")
	want(t, "BYE for", p.newest("BYE").Recipient.Host, "nowhere.invalid")
	p.write(wire.NewResponseFromRequest(p.newest("BYE"), 200, "OK", nil).String())
}

// datagramCall is a call of a trunk by real datagrams, with a Contact of its own,
// at a stack whose name server is down.
func datagramCall(t *testing.T, contact string) (*peer, *sip.Leg) {
	t.Helper()
	acked := make(chan *sip.Leg, 1)
	server := start(t, sip.Options{
		Listeners:  []sip.Listener{{Network: "udp", Address: "127.0.0.1:0"}, {Network: "tcp", Address: "127.0.0.1:0"}},
		Reloadable: sip.Reloadable{Trunks: []sip.Trunk{{Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}},
		Handler:    answeringTo(acked),
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, net.ErrClosed
		}},
	})
	t.Cleanup(func() { _ = server.Close(context.Background()) })
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, conn: bound{socket, net.UDPAddrFromAddrPort(server.Addr(0))}, addr: socket.LocalAddr().String(), callID: "u", tag: "u", user: "138", network: "UDP"}
	t.Cleanup(p.close)
	go p.listen(time.Now())
	lines := p.request("INVITE", 1, "a", "Content-Type: application/sdp")
	for i, line := range lines {
		if strings.HasPrefix(line, "Contact:") {
			lines[i] = contact
		}
	}
	p.send(string(offerSDP), lines...)
	p.hear("200")
	p.learn()
	p.send("", p.request("ACK", 1, "b")...)
	return p, await(t, acked)
}

// bound is a socket that sends to one address only.
type bound struct {
	net.PacketConn
	to net.Addr
}

func (b bound) WriteTo(p []byte, _ net.Addr) (int, error) { return b.PacketConn.WriteTo(p, b.to) }

// answeringTo answers every call and tells of those whose ACK has come.
func answeringTo(acked chan<- *sip.Leg) sip.Handler {
	return handlerFunc(func(l *sip.Leg, _ sip.Invite) sip.Sink {
		l.Answer(offerSDP)
		return func(e sip.Event) {
			if _, ok := e.(sip.Acked); ok {
				acked <- l
			}
		}
	})
}

type handlerFunc func(*sip.Leg, sip.Invite) sip.Sink

func (f handlerFunc) Invited(l *sip.Leg, in sip.Invite) sip.Sink { return f(l, in) }
func (handlerFunc) RegistrationChanged(sip.Registration)         {}

// An agent's stream has ended, and its Contact listens: the agent is called
// (https://github.com/OpenSIPS/opensips/issues/2173).
func TestAgentIsCalledAfterTheStreamHasEnded(t *testing.T) {
	server := start(t, sip.Options{
		Listeners:  []sip.Listener{{Network: "tcp", Address: "127.0.0.1:0"}},
		Reloadable: sip.Reloadable{Accounts: []sip.Account{{User: "1001", Password: "secret"}}},
	})
	defer func() { _ = server.Close(t.Context()) }()
	r, conn := reach(t, server)
	r.user = "1001"
	r.send("", r.registerLines(1, "1001", r.contact())...)
	r.hear("401")
	auth := credentials(t, r.lastResponse(), "REGISTER", "sip:192.0.2.1", "1001", "secret", 1)
	r.send("", r.registerLines(2, "1001", r.contact(), auth)...)
	r.hear("200")
	_ = conn.Close()
	l, events := call(t, server, sip.Dial{Account: "1001", Offer: offerSDP})
	again := r.accept()
	defer again.close()
	again.hear("INVITE")
	res := wire.NewResponseFromRequest(again.newest("INVITE"), 200, "OK", offerSDP)
	res.AppendHeader(header("Content-Type", "application/sdp"))
	again.write(res.String())
	if _, ok := await(t, events).(sip.Answered); !ok {
		t.Error("not answered")
	}
	l.Hangup("")
	again.hear("BYE")
	again.write(wire.NewResponseFromRequest(again.newest("BYE"), 200, "OK", nil).String())
	<-l.Done()
}
