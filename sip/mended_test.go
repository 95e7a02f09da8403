package sip_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A caller whose phone writes blanks, or other letters, around a tag can call and
// hang up: https://github.com/poroh/ersip/issues/21, and
// https://github.com/sipcapture/heplify-server/issues/594 for line ends before a
// request.
func TestHangUpInEveryForm(t *testing.T) {
	for _, c := range []struct{ name, old, young, kind string }{
		{"blank before the tags", ";tag=", "; tag=", "blanks"},
		{"TAG", ";tag=", ";TAG=", "case"},
		{"folded tags", ";tag=", "\r\n ;tag=", "folds"},
		{"Via with blanks", ";branch=", " ; branch = ", "blanks"},
		{"Via around its slashes", "SIP/2.0/UDP 192.0.2.50:5060", "SIP / 2.0 / UDP 192.0.2.50 : 5060", "blanks"},
		{"Via in small letters", "SIP/2.0/UDP", "sip/2.0/udp", "case"},
		{"version in small letters", "SIP/2.0\r\n", "sip/2.0\r\n", "case"},
		{"bare line feeds", "\r\n", "\n", "line_ends"},
		{"no branch", ";branch=z9hG4bKb", "", "branch"},
		{"old branch", "z9hG4bK", "", "branch"},
		{"no hops", "Max-Forwards: 70", "Max-Forwards: 0", ""},
		{"names of headers", "Call-ID:", "i :", ""},
		{"stray line feeds", "INVITE sip:95500", "\n\r\n\x00INVITE sip:95500", "stray_bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *house) {
				p := h.peer(trunkAddress, "one")
				defer p.close()
				send := func(body string, lines []string) {
					text := strings.ReplaceAll(strings.Join(lines, "\r\n")+fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)), c.old, c.young)
					p.write(text + body)
					synctest.Wait()
				}
				send(string(offerSDP), p.request("INVITE", 1, "a", "Content-Type: application/sdp"))
				l := h.leg(0)
				l.Answer(offerSDP)
				synctest.Wait()
				p.learn()
				send("", p.request("ACK", 1, "k"))
				send("", p.request("BYE", 2, "b"))
				want(t, "heard", p.messages(), "200 200(BYE)")
				want(t, "told", h.told(l), "Acked Ended(peer-hung-up,0)")
				if c.kind != "" && h.counter.get("mended carrier "+c.kind) == 0 {
					t.Errorf("nothing is counted as %s", c.kind)
				}
			})
		})
	}
}

// A device of RFC 2543 is served in all that it does: its copies are one request,
// and ACK and CANCEL find their INVITE, by the same top Via
// (https://github.com/pbertera/SIPp-by-example, Basic).
func TestCallsOfRFC2543(t *testing.T) {
	for _, via := range []string{"", ";branch=1"} {
		bubble(t, nil, func(t *testing.T, h *house) {
			p := h.peer(trunkAddress, "one")
			defer p.close()
			send := func(body string, lines []string) {
				lines[1] = "Via: SIP/2.0/UDP " + p.addr + via
				p.send(body, lines...)
				synctest.Wait()
			}
			invite := func() { send(string(offerSDP), p.request("INVITE", 1, "", "Content-Type: application/sdp")) }
			invite()
			invite()
			l := h.leg(0)
			l.Refuse(486, "")
			synctest.Wait()
			want(t, "refused", p.messages(), "486")
			if v := p.lastResponse().Via(); v.Params.Has("branch") != (via != "") {
				t.Errorf("got the Via %q back for %q", v.Value(), via)
			}
			p.theirs, _ = p.lastResponse().To().Params.Get("tag")
			send("", p.request("ACK", 1, ""))
			time.Sleep(5 * time.Second)
			want(t, "after the ACK", p.messages(), "486")
			want(t, "told", h.told(l), "Ended(refused,486)")

			q := h.peer("192.0.2.50:6000", "two")
			defer q.close()
			p = q
			invite()
			time.Sleep(time.Second)
			send("", p.request("CANCEL", 1, ""))
			want(t, "cancelled", p.messages(), "100 200(CANCEL) 487")
			p.theirs, _ = p.lastResponse().To().Params.Get("tag")
			send("", p.request("ACK", 1, ""))
			time.Sleep(5 * time.Second)
			want(t, "after its ACK", p.messages(), "100 200(CANCEL) 487")

			r := h.peer("192.0.2.50:7000", "three")
			defer r.close()
			p = r
			invite()
			h.leg(2).Answer(offerSDP)
			synctest.Wait()
			p.learn()
			send("", p.request("ACK", 1, ""))
			send("", p.request("BYE", 2, ""))
			want(t, "a whole call", p.messages(), "200 200(BYE)")
			if h.calls() != 3 {
				t.Errorf("got %d calls, want 3", h.calls())
			}
		})
	}
}

// unreadable are what honest devices send now and then.
// https://github.com/emiago/sipgo/pull/352, https://github.com/pjsip/pjproject/issues/4444,
// https://github.com/drachtio/drachtio-siprec-recording-server/issues/49,
// https://github.com/onsip/SIP.js/issues/100, https://github.com/versatica/JsSIP/issues/125.
var unreadable = []struct {
	name, old, young string
	copied           string // is in the 400
	ends             bool   // a stream cannot be read any further
}{
	{"quote that never ends", "From: <", "From: \"Caller <", "From: \"Caller <sip:138@192.0.2.50>;tag=xu", false},
	{"name without brackets", "From: <sip:138@192.0.2.50>", "From: Some Body sip:138@192.0.2.50", "From: Some Body sip:138@192.0.2.50;tag=xu", false},
	{"GBK name cut at 0x5C", "From: <", "From: \"\xc4\x5c\" <", "From: \"\xc4\x5c\" <sip:138@192.0.2.50>;tag=xu", false},
	{"hops of letters", "Max-Forwards: 70", "Max-Forwards: x", "", false},
	{"half a Contact", "Contact: <sip:138@192.0.2.50:40000;transport=tcp>", "Contact: <sip:", "", false},
	{"empty Contact", "Contact: <sip:138@192.0.2.50:40000;transport=tcp>", "Contact:", "", false},
	{"mixed line ends", "Max-Forwards: 70\r\n", "Max-Forwards: 70\n", "", false},
	{"blank Content-Length", "Content-Length: ", "Content-Length: \r\nX: ", "", true},
	{"negative Content-Length", "Content-Length: ", "Content-Length: -", "", true},
	{"huge Content-Length", "Content-Length: ", "Content-Length: 99999999", "", true},
}

func TestUnreadableRequests(t *testing.T) {
	for _, c := range unreadable {
		message := strings.Replace(invitation("192.0.2.50:40000", "u"), c.old, c.young, 1)
		check := func(t *testing.T, h *house, answer string) {
			t.Helper()
			for _, part := range []string{
				"SIP/2.0 400 Malformed ", "branch=z9hG4bKu", "To: <sip:95500@192.0.2.1>;tag=", "Call-ID: u\r\n", "CSeq: 1 INVITE\r\n", c.copied,
			} {
				if !strings.Contains(answer, part) {
					t.Errorf("got %q, want %q in it", answer, part)
				}
			}
			if strings.Count(answer, "SIP/2.0 400") != 1 || len(answer) > len(message)+200 {
				t.Errorf("got %d bytes for %d, want one answer", len(answer), len(message))
			}
			if h.counter.get("dropped malformed") != 1 || h.counter.get("carrier INVITE 400 true") != 1 || h.calls() != 0 {
				t.Error("want it counted once as malformed and once as answered, and no call")
			}
		}
		t.Run(c.name+" by UDP", func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *house) {
				p := h.peer("192.0.2.50:40000", "u")
				defer p.close()
				p.write(message)
				synctest.Wait()
				check(t, h, p.text())
			})
		})
		t.Run(c.name+" by TCP", func(t *testing.T) {
			streams(t, func(t *testing.T, h *house) {
				s := h.stream("192.0.2.50:40000")
				defer func() { _ = s.Close() }()
				_, _ = io.WriteString(s, message)
				synctest.Wait()
				check(t, h, s.text())
				if s.closed() != c.ends {
					t.Errorf("closed: %v, want %v", s.closed(), c.ends)
				}
				if c.ends {
					return
				}
				_, _ = io.WriteString(s, "\n\x00"+invitation("192.0.2.50:40000", "next"))
				synctest.Wait()
				if h.calls() != 1 || h.counter.get("mended carrier stray_bytes") != 1 {
					t.Error("the next message on the stream was not read")
				}
			})
		})
	}
}

// Nobody answers an ACK or a response; they are counted.
func TestUnreadableOthers(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.write(strings.Replace(strings.Replace(invitation(trunkAddress, "a"), "INVITE", "ACK", 2), "From: ", "From: \"", 1))
		p.write("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP\r\n\r\n")
		synctest.Wait()
		want(t, "heard", p.text(), "")
		if n := h.counter.get("dropped malformed"); n != 2 {
			t.Errorf("got %d counted, want 2", n)
		}
	})
}

// What is longer than its datagram is refused (RFC 3261 section 18.3), and a
// datagram that ends behind its last header is whole.
func TestLengthOfADatagram(t *testing.T) {
	for _, c := range []struct{ end, want string }{
		{"\r\nContent-Length: 900\r\n\r\nshort", "SIP/2.0 400 Malformed Content-Length"},
		{"\r\nContent-Length: 0\r\n", "SIP/2.0 200 OK"},
		{"\r\nContent-Length: 0", "SIP/2.0 200 OK"},
		{"\r\nContent-Length: 0\r\n\r\nleft over", "SIP/2.0 200 OK"},
		{"\r\n\r\n", "SIP/2.0 200 OK"},
	} {
		bubble(t, nil, func(t *testing.T, h *house) {
			p := h.peer(trunkAddress, "one")
			defer p.close()
			p.write("\r\n" + strings.Join(p.request("OPTIONS", 1, "o"), "\r\n") + c.end)
			synctest.Wait()
			if !strings.HasPrefix(p.text(), c.want+"\r\n") {
				t.Errorf("%q: got %q, want %s", c.end, p.text(), c.want)
			}
		})
	}
}

// A stranger hears no more than he sends, and not faster than he may send.
func TestUnreadableRequestsOfStrangers(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "flood")
		defer p.close()
		for range 1000 {
			p.write(strings.Replace(invitation(otherAddress, "f"), "From: ", "From: \"", 1))
		}
		synctest.Wait()
		if n := strings.Count(p.text(), "SIP/2.0 400"); n > 400 {
			t.Errorf("got %d answers, want 400 at most", n)
		}
	})
}

// A stranger's address may be forged: nothing that is longer goes back there.
func TestNoAnswerIsLongerThanItsDatagram(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "flood")
		defer p.close()
		sent := 0
		for _, text := range []string{
			"OPTIONS sip:x SIP/2.0\n" + strings.Repeat("i:\n", 1300) + "\n", "OPTIONS sip:x SIP/2.0\n" + strings.Repeat("v:\n", 1300) + "\n", "A B SIP/2\n\n",
			strings.Replace(invitation(otherAddress, "long"), "From: ", "From: \"", 1),
		} {
			p.write(text)
			sent += len(text)
			synctest.Wait()
			if got := len(p.text()); got > sent {
				t.Errorf("%.30q: %d bytes went back, want %d at most", text, got, sent)
			}
		}
	})
}

// Stray bytes between the messages of a stream are skipped
// (https://github.com/RestComm/jain-sip/issues/195), and a ping is answered.
func TestBetweenTheMessagesOfAStream(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		s := h.stream("192.0.2.50:40000")
		defer func() { _ = s.Close() }()
		_, _ = io.WriteString(s, "\r\n\r\n")
		synctest.Wait()
		want(t, "pong", s.text(), "\r\n")
		for i, before := range []string{"", "\n", "\x00\x00", "\r\n", "a=left over\r\n"} {
			_, _ = io.WriteString(s, before+invitation("192.0.2.50:40000", fmt.Sprint("c", i)))
			synctest.Wait()
			if h.calls() != i+1 {
				t.Fatalf("%q: got %d calls, want %d", before, h.calls(), i+1)
			}
		}
	})
}
