package sip_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/emiago/sipgo/sip"

	"cardline/sip"
)

func TestValidation(t *testing.T) {
	edit := func(lines []string, old, young string) []string {
		return strings.Split(strings.Replace(strings.Join(lines, "\n"), old, young, 1), "\n")
	}
	for _, c := range []struct {
		name   string
		method string
		old    string
		young  string
		body   string
		want   string
		header string
	}{
		{name: "served", method: "OPTIONS", want: "200", header: "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REGISTER"},
		{name: "known method", method: "SUBSCRIBE", want: "405", header: "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REGISTER"},
		{name: "REFER", method: "REFER", want: "405"},
		{name: "unknown method", method: "JUGGLE", want: "501"},
		{name: "version", method: "OPTIONS", old: "SIP/2.0\n", young: "SIP/3.0\n", want: "505"},
		{name: "scheme", method: "OPTIONS", old: "OPTIONS sip:", young: "OPTIONS sips:", want: "416"},
		{name: "no hop left", method: "OPTIONS", old: "Max-Forwards: 70", young: "Max-Forwards: 0", want: "200"},
		{name: "too many hops", method: "OPTIONS", old: "Max-Forwards: 70", young: "Max-Forwards: 300", want: "400"},
		{name: "required extension", method: "OPTIONS", old: "Max-Forwards: 70", young: "Max-Forwards: 70\nRequire: 100rel, magic", want: "420", header: "Unsupported: 100rel, magic"},
		{name: "CSeq of another method", method: "OPTIONS", old: "1 OPTIONS", young: "1 INVITE", want: "400"},
		{name: "no From tag", method: "OPTIONS", old: ";tag=tag-v", young: "", want: "200"},
		{name: "two Call-IDs", method: "OPTIONS", old: "Max-Forwards: 70", young: "Max-Forwards: 70\nCall-ID: other", want: "400"},
		{name: "two Content-Lengths", method: "OPTIONS", old: "Max-Forwards: 70", young: "Max-Forwards: 70\nContent-Length: 7", want: "400"},
		{name: "old branch", method: "OPTIONS", old: "branch=z9hG4bK", young: "branch=", want: "200"},
		{name: "empty branch", method: "OPTIONS", old: "branch=z9hG4bKv", young: "branch=z9hG4bK", want: "400"},
		{name: "body that nobody reads", method: "INVITE", old: "Max-Forwards: 70", young: "Max-Forwards: 70\nContent-Type: text/html", body: "<p>", want: "415", header: "Accept: application/sdp"},
		{name: "body without a type", method: "INVITE", body: "<p>", want: "415", header: "Accept: application/sdp"},
		{name: "encoded body", method: "INVITE", old: "Max-Forwards: 70", young: "Max-Forwards: 70\nContent-Type: application/sdp\nContent-Encoding: gzip", body: "v=0", want: "415", header: "Accept-Encoding: identity"},
		{name: "BYE of nothing", method: "BYE", want: "481"},
		{name: "INFO of nothing", method: "INFO", want: "481"},
		{name: "BYE in an unknown dialog", method: "BYE", old: "To: <sip:95500@192.0.2.1>", young: "To: <sip:95500@192.0.2.1>;tag=old", want: "481"},
		{name: "INVITE in an unknown dialog", method: "INVITE", old: "To: <sip:95500@192.0.2.1>", young: "To: <sip:95500@192.0.2.1>;tag=old", want: "481"},
		{name: "CANCEL of nothing", method: "CANCEL", want: "481"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *house) {
				p := h.peer(trunkAddress, "v")
				defer p.close()
				lines := append(edit(p.request(c.method, 1, "v"), c.old, c.young), fmt.Sprintf("Content-Length: %d", len(c.body)))
				p.write(strings.Join(lines, "\r\n") + "\r\n\r\n" + c.body)
				time.Sleep(40 * time.Second)
				all := p.heard()
				if len(all) != 1 {
					t.Fatalf("heard %q, want one answer", p.messages())
				}
				res := all[0].msg.(*wire.Response)
				want(t, "code", fmt.Sprint(res.StatusCode), c.want)
				if c.header != "" && !strings.Contains(all[0].raw, c.header+"\r\n") {
					t.Errorf("got %s, want %q in it", all[0].raw, c.header)
				}
				if h.calls() > 0 {
					t.Error("let in")
				}
			})
		})
	}
}

// An end point forwards no further and so needs no hop: the number that is left
// matters to no request (RFC 4475 section 3.3.11, and
// https://github.com/tayler6000/pyVoIP/issues/194).
func TestNoHopLeft(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		send := func(body string, lines []string) {
			p.write(strings.Replace(strings.Join(lines, "\r\n"), "Max-Forwards: 70", "Max-Forwards: 0", 1) +
				fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
			synctest.Wait()
		}
		invite := func() {
			send(string(offerSDP), p.request("INVITE", 1, "i", "Content-Type: application/sdp"))
		}
		invite()
		l := h.leg(0)
		l.Answer(offerSDP)
		synctest.Wait()
		p.learn()
		send("", p.request("ACK", 1, "a"))
		send("", p.request("OPTIONS", 2, "o"))
		send("5", p.request("INFO", 3, "k", "Content-Type: application/dtmf"))
		send("", p.request("BYE", 4, "b"))
		want(t, "heard", p.messages(), "200 200(OPTIONS) 200(INFO) 200(BYE)")
		want(t, "told", h.told(l), "Acked Ended(peer-hung-up,0)")

		q := h.peer("192.0.2.50:6000", "two")
		defer q.close()
		p = q
		invite()
		send("", p.request("CANCEL", 1, "i"))
		want(t, "cancelled", p.messages(), "200(CANCEL) 487")

		r := h.peer(phoneAddress, "reg")
		defer r.close()
		p = r
		send("", p.registerLines(1, "1001", contact(p)))
		want(t, "registration", p.messages(), "401(REGISTER)")
	})
}

// In a dialog the same checks hold, and numbers must rise.
func TestInDialogValidation(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		answer := func(body string, lines ...string) string {
			p.send(body, lines...)
			time.Sleep(50 * time.Millisecond)
			return fmt.Sprint(p.lastResponse().StatusCode)
		}
		want(t, "UPDATE", answer("", p.request("UPDATE", 2, "u")...), "405")
		want(t, "INFO of a strange type", answer("x", p.request("INFO", 2, "i", "Content-Type: text/x")...), "415")
		want(t, "INFO without a body", answer("", p.request("INFO", 2, "i2")...), "200")
		want(t, "OPTIONS", answer("", p.request("OPTIONS", 3, "o")...), "200")
		want(t, "a lower number", answer("", p.request("OPTIONS", 2, "o2")...), "500")
		p.tag = "somebody-else"
		want(t, "another From tag", answer("", p.request("BYE", 9, "x")...), "481")
		want(t, "told", h.told(l), "Acked")
	})
}

// A BYE, CANCEL or INFO from elsewhere is not the peer's, whatever tags it
// knows.
func TestSpoofedRequests(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		var keys []byte
		l.OnInfoKey(func(k byte) { keys = append(keys, k) })
		spoofer := h.peer(otherAddress, "one")
		defer spoofer.close()
		spoofer.theirs = p.theirs
		spoofer.send("5", spoofer.request("INFO", 2, "i", "Content-Type: application/dtmf")...)
		spoofer.send("", spoofer.request("BYE", 3, "b")...)
		synctest.Wait()
		want(t, "heard", spoofer.messages(), "481(INFO) 481(BYE)")
		want(t, "told", h.told(l), "Acked")
		want(t, "keys", string(keys), "")

		q := h.peer("192.0.2.50:6000", "two")
		defer q.close()
		q.invite(1, "q")
		canceller := h.peer("198.51.100.8:5060", "two")
		defer canceller.close()
		canceller.send("", canceller.request("CANCEL", 1, "q")...)
		synctest.Wait()
		want(t, "cancel", canceller.messages(), "481(CANCEL)")
		want(t, "told", h.told(h.leg(1)), "")
	})
}

// Text that comes from a peer, or from the application, cannot add headers.
func TestNothingBreaksHeadersApart(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "callee")
		defer p.close()
		evil := "x\r\nEvil: yes\r\n\r\nbody"
		l := h.dial(sip.Dial{URI: "sip:1@" + otherAddress, From: evil, Display: evil + `"\`, Offer: offerSDP})
		p.reply(p.lastRequest(), 180, nil)
		l.Hangup(evil)
		synctest.Wait()
		q := h.peer(trunkAddress, "refused")
		defer q.close()
		q.invite(1, "r")
		h.leg(0).Refuse(603, evil)
		synctest.Wait()
		for _, m := range append(p.heard(), q.heard()...) {
			for line := range strings.Lines(m.raw) {
				if strings.HasPrefix(line, "Evil") {
					t.Errorf("a header was smuggled in:\n%s", m.raw)
				}
			}
		}
		want(t, "heard", p.messages()+" "+q.messages(), "INVITE CANCEL 603")
	})
}

func TestDrainAndClose(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "up")
		defer p.close()
		l := h.confirmed(p)
		h.Drain()
		q := h.peer("192.0.2.50:6000", "new")
		defer q.close()
		q.invite(1, "a")
		q.send("", q.request("OPTIONS", 2, "o")...)
		synctest.Wait()
		want(t, "new", q.messages(), "503 503(OPTIONS)")
		want(t, "the call that is up", h.told(l), "Acked")
		agent := h.peer(otherAddress, "")
		defer agent.close()
		out := h.dial(sip.Dial{URI: "sip:1@" + otherAddress}) // for a caller who waits
		agent.reply(agent.lastRequest(), 486, nil)
		synctest.Wait()
		want(t, "the call to an agent", h.told(out), "Ended(rejected,486)")
		closed := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			closed <- h.Close(ctx)
		}()
		synctest.Wait()
		want(t, "at close", string(p.lastRequest().Method), "BYE")
		p.reply(p.lastRequest(), 200, nil)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if _, err := h.Dial(sip.Dial{URI: "sip:1@" + otherAddress}, nil); !errors.Is(err, sip.ErrBusy) {
			t.Errorf("dial after the end: %v", err)
		}
		want(t, "told", h.told(l), "Acked Ended(stopped,0)")
		h.Stack = newHouse(t, nil).Stack // for the end of the test
	})
}

// Close does not wait long for peers that are gone, and not at all if it must
// not.
func TestCloseInTime(t *testing.T) {
	for _, c := range []struct{ limit, took time.Duration }{{time.Minute, 3 * time.Second}, {time.Second, time.Second}} {
		bubble(t, nil, func(t *testing.T, h *house) {
			p := h.peer(trunkAddress, "up")
			defer p.close()
			l := h.confirmed(p)
			ctx, cancel := context.WithTimeout(t.Context(), c.limit)
			defer cancel()
			start := time.Now()
			err := h.Close(ctx)
			if took := time.Since(start); took != c.took || (err != nil) != (took == c.limit) {
				t.Errorf("within %v: got %v after %v, want the end after %v", c.limit, err, took, c.took)
			}
			want(t, "told", h.told(l), "Acked Ended(stopped,0)")
			h.Stack = newHouse(t, nil).Stack
		})
	}
}

// A fault of the application ends nobody else's call.
func TestPanicsAreSurvived(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		h.onInvite = func(l *sip.Leg, in sip.Invite) sip.Sink {
			if in.From == "666" {
				panic("4539578763621486")
			}
			return func(e sip.Event) {
				if _, ok := e.(sip.Acked); ok {
					panic("again")
				}
				h.sink(l)(e)
			}
		}
		bad := h.peer(trunkAddress, "bad")
		defer bad.close()
		bad.user = "666"
		bad.invite(1, "a")
		want(t, "heard", bad.messages(), "500")
		p := h.peer("192.0.2.50:6000", "good")
		defer p.close()
		p.invite(1, "a")
		h.leg(1).Answer(offerSDP)
		synctest.Wait()
		p.ack(1)
		p.send("", p.request("BYE", 2, "b")...)
		synctest.Wait()
		want(t, "told", h.told(h.leg(1)), "Ended(peer-hung-up,0)")
		if n := h.counter.get("dropped panic"); n != 2 {
			t.Errorf("got %d panics counted, want 2", n)
		}
		if strings.Contains(h.log.String(), "4539") {
			t.Error("the panic's value is in the log")
		}
	})
}

// A leg whose application floods it is given up, not its memory.
func TestOverrun(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		h.onInvite = func(l *sip.Leg, _ sip.Invite) sip.Sink {
			for range 1000 {
				l.Offer(offerSDP)
			}
			return h.sink(l)
		}
		p.invite(1, "a")
		want(t, "told", h.told(h.leg(0)), "Ended(overrun,480)")
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]sip.Options{
		"listener": {},
		"wildcard": {Listeners: []sip.Listener{{Network: "udp", Address: "0.0.0.0:5060"}}},
		"network":  {Listeners: []sip.Listener{{Network: "sctp", Address: "127.0.0.1:5060"}}},
		"realm":    {Listeners: []sip.Listener{{Network: "udp", Address: "127.0.0.1:0"}}, Realm: "a\"b"},
		"trunk": {
			Listeners:  []sip.Listener{{Network: "udp", Address: "127.0.0.1:0"}},
			Reloadable: sip.Reloadable{Trunks: []sip.Trunk{{Name: "x"}}},
		},
		"account": {
			Listeners:  []sip.Listener{{Network: "udp", Address: "127.0.0.1:0"}},
			Reloadable: sip.Reloadable{Accounts: []sip.Account{{User: "a"}, {User: "a"}}},
		},
		"algorithm": {Listeners: []sip.Listener{{Network: "udp", Address: "127.0.0.1:0", Algorithms: []sip.Algorithm{"MD4"}}}},
	} {
		if _, err := sip.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want an error that names it", name, err)
		}
	}
}
