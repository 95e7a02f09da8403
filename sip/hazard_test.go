package sip_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/emiago/sipgo/sip"

	"cardline/sip"
)

// The hazards H1 to H16 are those of sipgo v1.7.2 that a hotline meets. Each
// test fails if its guard is taken away.

// H1: sipgo would answer the CANCEL itself, and then repeat the 200 that the
// application sends after it.
func TestH1CancelThenAnswer(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Ring()
		synctest.Wait()
		p.send("", p.request("CANCEL", 1, "a")...)
		synctest.Wait()
		l.Answer(offerSDP)
		time.Sleep(40 * time.Second) // the 487 is repeated: there is no ACK
		var oks int
		tags := map[string]bool{}
		for _, m := range p.heard() {
			res, ok := m.msg.(*wire.Response)
			if !ok {
				t.Fatalf("got %s, want responses only", short(m.msg))
			}
			if res.StatusCode == 200 && res.CSeq().MethodName == wire.INVITE {
				oks++
			}
			if res.CSeq().MethodName == wire.INVITE {
				tags[res.To().Params.GetOr("tag", "")] = true
			}
		}
		if got := p.messages(); oks > 0 || !strings.HasPrefix(got, "180 200(CANCEL) 487 487") {
			t.Errorf("heard %q, want 180, 200 to the CANCEL and 487 repeated, never a 200 to the INVITE", got)
		}
		if len(tags) != 1 {
			t.Errorf("got %d To-tags, want the 487 to bear that of the 180", len(tags))
		}
		want(t, "told", h.told(l), "Ended(cancelled,487)")
	})
}

// H1, with nobody knowing which is first: one of the two wins, whole.
func TestH1CancelRacesAnswer(t *testing.T) {
	for i := range 50 {
		bubble(t, nil, func(t *testing.T, h *house) {
			p := h.peer(trunkAddress, fmt.Sprint("race", i))
			defer p.close()
			p.invite(1, "a")
			l := h.leg(0)
			go l.Answer(offerSDP)
			p.send("", p.request("CANCEL", 1, "a")...)
			time.Sleep(31 * time.Second)
			synctest.Wait()
			ok, terminated := strings.Contains(p.messages(), "200 "), strings.Contains(p.messages(), "487")
			if ok == terminated {
				t.Errorf("heard %q, want either a 200 or a 487 to the INVITE", p.messages())
			}
		})
	}
}

// The other order: the answer is out, the CANCEL comes too late.
func TestH1AnswerThenCancel(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Answer(offerSDP)
		synctest.Wait()
		p.send("", p.request("CANCEL", 1, "a")...)
		synctest.Wait()
		p.ack(1)
		want(t, "heard", p.messages(), "200 200(CANCEL)")
		want(t, "told", h.told(l), "Acked")
	})
}

// H2: sipgo hands each message to a goroutine of its own. Bursts of digits by
// INFO must arrive in the order of the wire.
func TestH2DigitsKeepTheirOrder(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		const digits = "4111111111111111#0123456789*4539578763621486#"
		var keys []byte
		l.OnInfoKey(func(k byte) { keys = append(keys, k) })
		for i, d := range digits {
			body := fmt.Sprintf("Signal=%c\r\nDuration=160\r\n", d)
			p.send(body, p.request("INFO", 2+i, fmt.Sprint("info", i), "Content-Type: application/dtmf-relay")...)
			if i%16 == 15 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		want(t, "keys", string(keys), digits)
	})
}

// H2: a CANCEL right behind its INVITE, and one that overtook it on the network.
func TestH2CancelBehindItsInvite(t *testing.T) {
	for _, early := range []bool{false, true} {
		t.Run(fmt.Sprint("overtook=", early), func(t *testing.T) {
			for i := range 20 {
				bubble(t, nil, func(t *testing.T, h *house) {
					p := h.peer(trunkAddress, fmt.Sprint("call", i))
					defer p.close()
					invite := p.request("INVITE", 1, "a", "Content-Type: application/sdp")
					cancel := p.request("CANCEL", 1, "a")
					if early {
						p.send("", cancel...)
						time.Sleep(50 * time.Millisecond)
						p.send(string(offerSDP), invite...)
					} else {
						p.send(string(offerSDP), invite...)
						p.send("", cancel...)
					}
					synctest.Wait()
					want(t, "heard", p.messages(), "200(CANCEL) 487")
					want(t, "told", h.told(h.leg(0)), "Ended(cancelled,487)")
				})
			}
		})
	}
}

// H2: a BYE that overtook its ACK on the network is a BYE all the same.
func TestH2ByeBeforeAck(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Answer(offerSDP)
		synctest.Wait()
		p.learn()
		p.send("", p.request("BYE", 2, "b")...)
		p.send("", p.request("ACK", 1, "c")...)
		time.Sleep(time.Minute)
		want(t, "heard", p.messages(), "200 200(BYE)")
		want(t, "told", h.told(l), "Ended(peer-hung-up,0)")
	})
}

// H2: INFOs that the network itself has put out of order are sorted by CSeq.
func TestH2DigitsOutOfOrderOnTheNetwork(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		var keys []byte
		l.OnInfoKey(func(k byte) { keys = append(keys, k) })
		for _, n := range []int{2, 4, 3, 6, 5} {
			p.send(fmt.Sprint(n), p.request("INFO", n, fmt.Sprint("info", n), "Content-Type: application/dtmf")...)
			time.Sleep(time.Millisecond)
		}
		p.send("8", p.request("INFO", 8, "info8", "Content-Type: application/dtmf")...) // 7 is lost for good
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		want(t, "keys", string(keys), "234568")
	})
}

// H2: responses. A 200 must not overtake the 183 that was sent before it.
func TestH2ResponsesKeepTheirOrder(t *testing.T) {
	for i := range 20 {
		bubble(t, nil, func(t *testing.T, h *house) {
			p := h.peer(otherAddress, fmt.Sprint("callee", i))
			defer p.close()
			l := h.dial(sip.Dial{URI: "sip:95500@" + otherAddress, Offer: offerSDP})
			invite := p.lastRequest()
			for _, code := range []int{180, 183, 181, 200} {
				res := wire.NewResponseFromRequest(invite, code, "X", nil)
				res.To().Params.Remove("tag")
				res.To().Params.Add("tag", "callee")
				p.write(res.String())
			}
			synctest.Wait()
			want(t, "told", h.told(l), "Progressed(180) Progressed(183) Progressed(181) Answered")
		})
	}
}

// H3: the callee's 200 crosses our CANCEL. It is acknowledged and hung up.
func TestH3AnswerCrossesCancel(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "callee")
		defer p.close()
		l := h.dial(sip.Dial{URI: "sip:95500@" + otherAddress, Offer: offerSDP})
		invite := p.lastRequest()
		p.reply(invite, 180, nil)
		l.Hangup(sip.AnsweredElsewhere)
		synctest.Wait()
		cancel := p.lastRequest()
		want(t, "cancel", string(cancel.Method), "CANCEL")
		want(t, "reason", cancel.GetHeader("Reason").Value(), `SIP;cause=200;text="answered elsewhere"`)
		p.reply(invite, 200, offerSDP)
		p.reply(cancel, 200, nil)
		want(t, "heard", p.messages(), "INVITE CANCEL ACK BYE")
		p.reply(invite, 200, offerSDP) // our ACK was lost
		want(t, "heard", p.messages(), "INVITE CANCEL ACK BYE ACK")
		want(t, "told", h.told(l), "Progressed(180) Ended(hung-up,0)")
	})
}

// Before any response there is nothing to cancel yet: the CANCEL waits.
func TestCancelWaitsForAProvisionalResponse(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "callee")
		defer p.close()
		l := h.dial(sip.Dial{URI: "sip:95500@" + otherAddress, Offer: offerSDP})
		invite := p.lastRequest()
		l.Hangup("")
		synctest.Wait()
		want(t, "heard", p.messages(), "INVITE")
		p.reply(invite, 100, nil)
		want(t, "heard", p.messages(), "INVITE CANCEL")
		p.reply(p.lastRequest(), 200, nil)
		p.reply(invite, 487, nil)
		want(t, "heard", p.messages(), "INVITE CANCEL ACK")
		<-l.Done()
	})
}

// H4: sipgo's dialogs give up at the eleventh provisional response.
func TestH4ManyProvisionals(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "callee")
		defer p.close()
		l := h.dial(sip.Dial{URI: "sip:95500@" + otherAddress, Offer: offerSDP})
		invite := p.lastRequest()
		for range 14 {
			p.reply(invite, 180, nil)
		}
		p.reply(invite, 200, offerSDP)
		want(t, "last", string(p.lastRequest().Method), "ACK")
		if got := h.told(l); !strings.HasSuffix(got, "Answered") {
			t.Errorf("told %q, want Answered at the end", got)
		}
	})
}

// H5: 100 to our BYE is no failure, and whatever comes, the leg ends.
func TestH5ByeMeetsAnything(t *testing.T) {
	for _, c := range []struct {
		name  string
		codes []int
		after time.Duration
	}{
		{"100 then 200", []int{100, 200}, 0},
		{"481", []int{481}, 0},
		{"408", []int{408}, 0},
		{"silence", nil, 33 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *house) {
				p := h.peer(trunkAddress, "one")
				defer p.close()
				l := h.confirmed(p)
				l.Hangup("")
				synctest.Wait()
				bye := p.lastRequest()
				for i, code := range c.codes {
					p.reply(bye, code, nil)
					if i < len(c.codes)-1 {
						select {
						case <-l.Done():
							t.Fatalf("the leg ended on %d", code)
						default:
						}
					}
				}
				time.Sleep(c.after)
				synctest.Wait()
				select {
				case <-l.Done():
				default:
					t.Error("the leg lives on")
				}
				want(t, "told", h.told(l), "Acked Ended(hung-up,0)")
			})
		})
	}
}

// H6: what is too much is refused by one stateless 503, and those who are in
// can still leave.
func TestH6Overload(t *testing.T) {
	bubble(t, func(o *sip.Options) { o.MaxSetups, o.Trunks[0].MaxSetups = 3, 3 }, func(t *testing.T, h *house) {
		var peers []*peer
		for i := range 5 {
			p := h.peer(fmt.Sprintf("192.0.2.50:%d", 6000+i), fmt.Sprint("call", i))
			defer p.close()
			p.invite(1, "a")
			peers = append(peers, p)
		}
		if n := h.calls(); n != 3 {
			t.Fatalf("got %d calls in, want 3", n)
		}
		time.Sleep(40 * time.Second) // a 503 with a transaction would be repeated
		res := peers[4].lastResponse()
		if got := peers[4].messages(); got != "503" || res.GetHeader("Retry-After") == nil {
			t.Errorf("heard %q, want one 503 with a Retry-After", got)
		}
		for _, p := range peers[:3] {
			p.send("", p.request("CANCEL", 1, "a")...)
			synctest.Wait()
			if got := p.messages(); !strings.Contains(got, "200(CANCEL) 487") {
				t.Errorf("a CANCEL under overload: heard %q", got)
			}
		}
		peers[3].invite(2, "b")
		if n := h.calls(); n != 4 {
			t.Errorf("got %d calls in after others left, want 4", n)
		}
	})
}

func TestH6Rate(t *testing.T) {
	bubble(t, func(o *sip.Options) { o.SetupsPerSecond = 10 }, func(t *testing.T, h *house) {
		for i := range 30 {
			p := h.peer(fmt.Sprintf("192.0.2.50:%d", 6000+i), fmt.Sprint("call", i))
			defer p.close()
			p.invite(1, "a")
		}
		if n := h.calls(); n != 10 {
			t.Errorf("got %d calls of 30 at once, want 10", n)
		}
		if n := h.counter.get("barred rate"); n != 20 {
			t.Errorf("got %d counted as barred by rate, want 20", n)
		}
	})
}

// H7: a stranger gets back one message for each that he sends, and no call of
// his takes up memory.
func TestH7NoAmplification(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "scan")
		defer p.close()
		p.user = "anybody"
		for i := range 20 {
			p.invite(i+1, fmt.Sprint("b", i))
		}
		time.Sleep(40 * time.Second)
		if got := len(p.heard()); got != 20 {
			t.Errorf("got %d messages for 20 sent, want 20", got)
		}
		if h.calls() != 0 {
			t.Error("a stranger's call was let in")
		}
	})
}

// A trunk's calls are capped one by one.
func TestTrunkLimit(t *testing.T) {
	bubble(t, func(o *sip.Options) { o.Trunks[0].MaxCalls = 2 }, func(t *testing.T, h *house) {
		var last *peer
		for i := range 3 {
			last = h.peer(fmt.Sprintf("192.0.2.50:%d", 6000+i), fmt.Sprint("call", i))
			defer last.close()
			last.invite(1, "a")
		}
		want(t, "third", last.messages(), "503")
	})
}

// H8: garbage from many addresses leaves nothing in sipgo's address pool, and
// even what looks like SIP leaves only so much.
func TestH8AddressPoolStaysSmall(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "x")
		defer p.close()
		for i := range 5000 {
			h.conn.Inject([]byte("garbage without a start line\r\n\r\n"), address(i))
			if i%1000 == 0 {
				synctest.Wait() // the queue is not endless
			}
		}
		synctest.Wait()
		if n := h.PoolSize(); n > 1 {
			t.Errorf("got %d addresses after garbage, want 1", n)
		}
		most := 0
		for i := range 40000 {
			h.conn.Inject([]byte("OPTIONS sip:x SIP/2.0\r\nnothing: else\r\n\r\n"), address(i))
			if i%100 == 0 {
				time.Sleep(200 * time.Millisecond) // within the newcomers' rate
			}
			most = max(most, h.PoolSize())
		}
		time.Sleep(2 * time.Second)
		if most > 2*8192+10 || most < 8000 {
			t.Errorf("got up to %d addresses, want them bounded by two readers' worth", most)
		}
		q := h.peer(trunkAddress, "after")
		defer q.close()
		q.invite(1, "a")
		want(t, "a call after the change of readers", h.told(h.leg(0)), "")
		if h.counter.get("dropped garbage") != 5000 {
			t.Errorf("got %d counted as garbage, want 5000", h.counter.get("dropped garbage"))
		}
	})
}

func TestH8NewcomersAreLimited(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		for i := range 4000 {
			h.conn.Inject([]byte("OPTIONS sip:x SIP/2.0\r\nnothing: else\r\n\r\n"), address(i))
		}
		synctest.Wait()
		if n := h.counter.get("dropped newcomer"); n != 2000 {
			t.Errorf("got %d newcomers dropped of 4000 at once, want 2000", n)
		}
	})
}

// address makes up a source that is no trunk's.
func address(i int) net.Addr {
	return &net.UDPAddr{IP: net.IPv4(203, byte(i>>16), byte(i>>8), byte(i)), Port: 5060}
}

// One address may not flood us.
func TestPacketRate(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		for range 1000 {
			h.conn.Inject([]byte("OPTIONS sip:x SIP/2.0\r\nnothing: else\r\n\r\n"), address(1))
		}
		synctest.Wait()
		if n := h.counter.get("dropped rate"); n != 600 {
			t.Errorf("got %d dropped, want 600", n)
		}
	})
}

// H9: a message that cannot be parsed must not reach the log, nor may the
// digits of one that can.
func TestH9NothingRawInTheLog(t *testing.T) {
	const canary = "4539578763621486"
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		l.OnInfoKey(func(byte) {})
		broken := []string{
			"INFO sip:x SIP/2.0\r\nSignal=" + canary + "\r\n\r\n",
			"INFO sip:x SIP/2.0\r\nVia: x" + canary + "\r\n\r\nSignal=" + canary,
			canary + " sip:x SIP/2.0\r\nCSeq: " + canary + " INFO\r\n\r\n",
			"INFO sip:x SIP/2.0\r\nCSeq: 1 INFO\r\nContent-Length: 99999\r\n\r\nSignal=" + canary,
			"SIP/2.0 " + canary + " OK\r\n\r\n",
		}
		for range 3 {
			for _, b := range broken {
				p.write(b)
			}
			time.Sleep(11 * time.Second) // the pause between equal lines
		}
		p.send("Signal="+canary+"\r\n", p.request("INFO", 2, "i", "Content-Type: application/dtmf-relay")...)
		p.send("secret "+canary, p.request("INFO", 3, "j", "Content-Type: text/plain", "X-Card: "+canary)...)
		synctest.Wait()
		log := h.log.String()
		if strings.Contains(log, canary) || strings.Contains(log, "Signal") {
			t.Errorf("the log holds what was received:\n%s", log)
		}
		if !strings.Contains(log, "message that cannot be read") || !strings.Contains(log, "repeated") {
			t.Errorf("the log says nothing of broken input:\n%s", log)
		}
		if n := h.counter.get("dropped malformed"); n < 10 {
			t.Errorf("got %d counted as malformed, want at least 10", n)
		}
	})
}

// H10: an error of the socket must not make us deaf.
func TestH10SocketError(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		h.conn.Fail(errors.New("connection refused"))
		time.Sleep(50 * time.Millisecond)
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		if h.calls() != 1 {
			t.Error("deaf after a socket error")
		}
	})
}

// H10: should sipgo's reader end all the same, another one takes its place.
func TestH10ReaderEnds(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		h.conn.Fail(net.ErrClosed)
		time.Sleep(time.Second)
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		if h.calls() != 1 {
			t.Error("deaf after the reader's end")
		}
	})
}

// Nothing of a call is left in sipgo when its timers are over: an ACK, above
// all, makes a transaction that nothing but us would end.
func TestNoTransactionIsLeft(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		l.Hangup("")
		synctest.Wait()
		p.reply(p.lastRequest(), 200, nil)
		p.theirs = ""
		p.send("", p.request("CANCEL", 7, "none")...)
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if client, server := h.Transactions(); client+server != 0 {
			t.Errorf("got %d client and %d server transactions, want none", client, server)
		}
	})
}

// H12: sipgo sends nothing larger than 1300 bytes unless told otherwise.
func TestH12LargeResponse(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		var routes []string
		for i := range 6 {
			routes = append(routes, fmt.Sprintf("Record-Route: <sip:192.0.2.5%d;lr;note=%s>", i, strings.Repeat("x", 200)))
		}
		p.invite(1, "a", routes...)
		h.leg(0).Answer([]byte(strings.Repeat("a=x\r\n", 300)))
		synctest.Wait()
		if got := p.last(); len(got.raw) < 2000 || short(got.msg) != "200" {
			t.Errorf("got %s of %d bytes, want a large 200", short(got.msg), len(got.raw))
		}
	})
}

// H13: a copy of an INVITE that comes when its transaction has gone is no new
// call, and one that took another way is told 482.
func TestH13CopiesOfAnInvite(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		h.confirmed(p)
		p.theirs = ""
		p.invite(1, "first"+p.callID)
		time.Sleep(31 * time.Second)
		p.invite(1, "first"+p.callID)
		want(t, "after copies", p.messages(), "200")
		p.invite(1, "another-way")
		want(t, "another way", p.messages(), "200 482")
		if h.calls() != 1 {
			t.Errorf("got %d calls, want 1", h.calls())
		}
	})
}

// H13 for one that was refused with memory: sipgo's transaction of it may end
// early, as on a stream.
func TestH13CopyAfterTheCall(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		h.leg(0).Refuse(486, "")
		synctest.Wait()
		p.send("", p.request("ACK", 1, "a")...)
		time.Sleep(10 * time.Second) // Timer I has ended the transaction
		p.invite(1, "a")
		if h.calls() != 1 {
			t.Errorf("got %d calls, want the late copy to be none", h.calls())
		}
	})
}

// H14: the tags are ours, the same in every response to an INVITE.
func TestH14OneTagAndNoUUID(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Ring()
		l.Answer(offerSDP)
		synctest.Wait()
		tags := map[string]bool{}
		for _, m := range p.heard() {
			tag, _ := m.msg.To().Params.Get("tag")
			if strings.Contains(tag, "-") {
				t.Errorf("got the tag %q, want none of sipgo's UUIDs", tag)
			}
			tags[tag] = true
		}
		if len(tags) != 1 {
			t.Errorf("got tags %v, want one", tags)
		}
	})
}

// H15: sipgo owes the caller a 100 after 200 ms, and forgets it if a copy of
// the INVITE has come. Without it the caller could never say CANCEL.
func TestH15CopyDoesNotSilenceThe100(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		p.invite(1, "a")
		time.Sleep(200 * time.Millisecond)
		want(t, "after a copy", p.messages(), "100")
		p.invite(1, "a")
		want(t, "after another", p.messages(), "100 100")
	})
}

// H15: copies that come at once, as after a stall of ours, race in sipgo. One
// of them is the call.
func TestH15CopiesAtOnce(t *testing.T) {
	for i := range 200 {
		bubble(t, nil, func(t *testing.T, h *house) {
			p := h.peer(trunkAddress, fmt.Sprint("copies", i))
			defer p.close()
			invite := p.request("INVITE", 1, "a", "Content-Type: application/sdp")
			for range 3 {
				p.send(string(offerSDP), invite...)
			}
			synctest.Wait()
			h.leg(0).Refuse(486, "")
			synctest.Wait()
			if h.calls() != 1 || !strings.HasPrefix(p.messages(), "486") {
				t.Errorf("got %d calls and heard %q, want one call and its 486", h.calls(), p.messages())
			}
			p.send("", p.request("ACK", 1, "a")...)
			synctest.Wait()
		})
	}
}

// H16: on a stream sipgo's transaction ends with its final response. Its end
// must not overtake the response on the way to a leg that is busy.
func TestH16EndOfATransactionIsNoLoss(t *testing.T) {
	for range 30 {
		streams(t, func(t *testing.T, h *house) {
			phone := h.stream(phoneAddress)
			defer func() { _ = phone.Close() }()
			phone.login(t)
			busy := make(chan struct{})
			ended := make(chan sip.Event, 1)
			_, err := h.Dial(sip.Dial{Account: "1001", Offer: offerSDP}, func(e sip.Event) {
				<-busy
				if _, ok := e.(sip.Ended); ok {
					ended <- e
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			text := phone.text()
			invite, err := wire.NewParser().ParseSIP([]byte(text[strings.LastIndex(text, "INVITE "):]))
			if err != nil {
				t.Fatal(err)
			}
			for _, code := range []int{180, 486} {
				_, _ = io.WriteString(phone, wire.NewResponseFromRequest(invite.(*wire.Request), code, "X", nil).String())
				synctest.Wait()
			}
			close(busy)
			if e := <-ended; e != (sip.Ended{Reason: sip.Rejected, Code: 486}) {
				t.Errorf("got %+v, want that the phone was busy", e)
			}
		})
	}
}

// CANCELs that wait for an INVITE are bounded like all that waits: of one
// stranger 32, and the others are answered at once.
func TestEarlyCancelsOfAStrangerAreBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "early")
		defer p.close()
		for i := range 100 {
			p.callID = fmt.Sprint("early", i)
			p.send("", p.request("CANCEL", 1, p.callID)...)
			synctest.Wait()
		}
		if got := len(p.heard()); got != 100-32 {
			t.Errorf("got %d answers at once, want 68", got)
		}
		time.Sleep(time.Second)
		if got := len(p.heard()); got != 100 {
			t.Errorf("got %d answers in all, want 100", got)
		}
	})
}

// A flood of requests with one branch, each a call of its own, is dropped and
// counted, and an honest trunk's call comes in meanwhile.
func TestFloodWithOneBranch(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "honest")
		defer p.close()
		lines := p.request("OPTIONS", 1, "one")
		for i := range 3000 {
			lines[5] = fmt.Sprint("Call-ID: flood", i)
			raw := strings.Join(append(lines, "Content-Length: 0"), "\r\n") + "\r\n\r\n"
			h.conn.Inject([]byte(raw), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(fmt.Sprintf("198.51.100.%d:5060", 1+i%20))))
		}
		p.invite(1, "honest")
		if h.calls() != 1 {
			t.Error("the trunk's call did not come in")
		}
	})
}
