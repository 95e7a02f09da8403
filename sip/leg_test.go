package sip_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardline/sip"
)

func TestCallIsAnsweredAndHungUpByTheCaller(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		in := h.invites[0]
		want(t, "invite", fmt.Sprint(in.Trunk, in.Account, " ", in.To, " ", in.From, " ", in.Display), "carrier 95500 13800138000 Caller")
		want(t, "offer", string(in.Offer), string(offerSDP))
		l.Ring()
		l.Answer(offerSDP)
		synctest.Wait()
		p.ack(1)
		p.send("", p.request("BYE", 2, "b")...)
		synctest.Wait()
		want(t, "heard", p.messages(), "180 200 200(BYE)")
		want(t, "told", h.told(l), "Acked Ended(peer-hung-up,0)")
		if n := h.counter.get("calls carrier true"); n != 0 {
			t.Errorf("got %d calls counted after the end, want 0", n)
		}
	})
}

func TestWeHangUp(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		l.Hangup("")
		synctest.Wait()
		want(t, "heard", p.messages(), "200 BYE")
		p.reply(p.lastRequest(), 200, nil)
		want(t, "told", h.told(l), "Acked Ended(hung-up,0)")
		select {
		case <-l.Done():
		default:
			t.Error("the leg lives on after its BYE was answered")
		}
	})
}

// TestOKIsRepeatedUntilACK holds RFC 3261 section 13.3.1.4: T1, doubling to
// T2, and BYE after 64*T1.
func TestOKIsRepeatedUntilACK(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Answer(offerSDP)
		time.Sleep(32*time.Second - time.Nanosecond)
		synctest.Wait()
		var at []time.Duration
		for _, m := range p.heard() {
			at = append(at, m.at)
		}
		want(t, "pauses", fmt.Sprint(at), "[0s 500ms 1.5s 3.5s 7.5s 11.5s 15.5s 19.5s 23.5s 27.5s 31.5s]")
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		want(t, "after 64*T1", string(p.lastRequest().Method), "BYE")
		want(t, "told", h.told(l), "Ended(no-ack,0)")
	})
}

func TestHangupBeforeACKWaitsForIt(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Answer(offerSDP)
		l.Hangup("")
		synctest.Wait()
		want(t, "before the ACK", p.messages(), "200")
		p.ack(1)
		want(t, "after the ACK", p.messages(), "200 BYE")
		want(t, "told", h.told(l), "Ended(hung-up,0)")
	})
}

// TestACKWithTheBranchOfItsINVITE is how old peers acknowledge.
func TestACKWithTheBranchOfItsINVITE(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Answer(offerSDP)
		synctest.Wait()
		p.learn()
		p.send("", p.request("ACK", 1, "a")...)
		time.Sleep(10 * time.Second)
		want(t, "told", h.told(l), "Acked")
		want(t, "heard", p.messages(), "200")
	})
}

func TestRefusalAndRingingBearTheSameTag(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Ring()
		l.Refuse(486, "")
		synctest.Wait()
		all := p.heard()
		ringing, busy := all[0].msg.To().Params, all[1].msg.To().Params
		want(t, "tags", ringing.GetOr("tag", "?"), busy.GetOr("tag", "!"))
		want(t, "told", h.told(l), "Ended(refused,486)")
	})
}

func TestEarlyBYEEndsTheInvite(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Ring()
		synctest.Wait()
		p.learn()
		p.send("", p.request("BYE", 2, "b")...)
		synctest.Wait()
		want(t, "heard", p.messages(), "180 200(BYE) 487")
		want(t, "told", h.told(l), "Ended(peer-hung-up,487)")
	})
}

func TestHoldAndResume(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		for n := 2; n <= 3; n++ {
			p.send("v=0 hold", p.request("INVITE", n, fmt.Sprint("re", n), "Content-Type: application/sdp")...)
			synctest.Wait()
			l.AcceptOffer(offerSDP)
			synctest.Wait()
			p.send("", p.request("ACK", n, fmt.Sprint("reack", n))...)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		want(t, "heard", p.messages(), "200 200 200")
		want(t, "told", h.told(l), "Acked Reoffered Acked Reoffered Acked")
	})
}

func TestReinviteWithoutACKEndsTheCall(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		p.send("v=0 hold", p.request("INVITE", 2, "re", "Content-Type: application/sdp")...)
		synctest.Wait()
		l.AcceptOffer(offerSDP)
		time.Sleep(33 * time.Second)
		want(t, "last", string(p.lastRequest().Method), "BYE")
		want(t, "told", h.told(l), "Acked Reoffered Ended(no-ack,0)")
	})
}

func TestOfferlessInviteGetsItsAnswerByACK(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.send("", p.request("INVITE", 1, "a")...)
		synctest.Wait()
		if got := len(h.invites[0].Offer); got != 0 {
			t.Fatalf("got an offer of %d bytes, want none", got)
		}
		l := h.leg(0)
		l.Answer(offerSDP)
		synctest.Wait()
		p.learn()
		p.send("v=0 answer", p.request("ACK", 1, "b", "Content-Type: application/sdp")...)
		synctest.Wait()
		h.mu.Lock()
		acked, ok := h.events[l][0].(sip.Acked)
		h.mu.Unlock()
		if !ok || string(acked.Body) != "v=0 answer" {
			t.Errorf("got %v, want the answer in Acked", h.events[l])
		}
	})
}

// An offer has one answer, ours: what an ACK bears besides is none.
func TestACKOfAnOfferBringsNoAnswer(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		p.invite(1, "a")
		l := h.leg(0)
		l.Answer(offerSDP)
		synctest.Wait()
		p.learn()
		p.send(string(offerSDP), p.request("ACK", 1, "b", "Content-Type: application/sdp")...)
		p.send(string(offerSDP), p.request("INVITE", 2, "c", "Content-Type: application/sdp")...)
		synctest.Wait()
		l.AcceptOffer(offerSDP)
		synctest.Wait()
		p.send(string(offerSDP), p.request("ACK", 2, "d", "Content-Type: application/sdp")...)
		synctest.Wait()
		want(t, "told", h.told(l), "Acked Reoffered Acked")
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, e := range h.events[l] {
			if acked, ok := e.(sip.Acked); ok && len(acked.Body) > 0 {
				t.Errorf("got an answer of %d bytes, want none", len(acked.Body))
			}
		}
	})
}

func TestOurReinvite(t *testing.T) {
	for _, c := range []struct {
		name string
		code int
		told string
	}{
		{"accepted", 200, "Acked OfferAccepted"},
		{"refused", 488, "Acked OfferRefused(488)"},
		{"dialog gone", 481, "Acked Ended(peer-lost,0)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *house) {
				p := h.peer(trunkAddress, "one")
				defer p.close()
				l := h.confirmed(p)
				l.Offer(offerSDP)
				synctest.Wait()
				p.reply(p.lastRequest(), c.code, offerSDP)
				time.Sleep(time.Second)
				want(t, "told", h.told(l), c.told)
			})
		})
	}
}

// TestGlare has both sides offer at once: each is told 491, and ours is made
// again later (RFC 3261 section 14.1).
func TestGlare(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		l := h.confirmed(p)
		l.Offer(offerSDP)
		synctest.Wait()
		ours := p.lastRequest()
		p.send("v=0 theirs", p.request("INVITE", 2, "re", "Content-Type: application/sdp")...)
		synctest.Wait()
		want(t, "to theirs", fmt.Sprint(p.lastResponse().StatusCode), "491")
		p.reply(ours, 491, nil)
		time.Sleep(2500 * time.Millisecond)
		again := p.lastRequest()
		want(t, "ours again", fmt.Sprint(again.Method, again.CSeq().SeqNo), fmt.Sprint("INVITE", ours.CSeq().SeqNo+1))
		p.reply(again, 200, offerSDP)
		want(t, "told", h.told(l), "Acked OfferAccepted")
	})
}

func TestSecondReinviteBeforeTheFirstIsAnswered(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "one")
		defer p.close()
		h.confirmed(p)
		for n := 2; n <= 3; n++ {
			p.send("v=0 x", p.request("INVITE", n, fmt.Sprint("re", n), "Content-Type: application/sdp")...)
			synctest.Wait()
		}
		res := p.lastResponse()
		if res.StatusCode != 500 || res.GetHeader("Retry-After") == nil {
			t.Errorf("got %d, want 500 with a Retry-After", res.StatusCode)
		}
	})
}

// 40 INVITEs a second under a trunk's address, and never an ACK: whatever the
// limits are, honest calls come in and stay, and nothing is left of the others.
func TestUnackedInvitesStarveNobody(t *testing.T) {
	for name, c := range map[string]struct {
		seconds int
		change  func(*sip.Options)
	}{
		"of the defaults":          {16, nil},
		"of a trunk with 20 calls": {5, func(o *sip.Options) { o.Trunks[0].MaxCalls = 20 }},
		"of 30 calls in setup":     {5, func(o *sip.Options) { o.MaxSetups = 30 }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.change, func(t *testing.T, h *house) {
				h.onInvite = func(l *sip.Leg, _ sip.Invite) sip.Sink {
					l.Answer(offerSDP)
					return h.sink(l)
				}
				spoofed := h.peer("192.0.2.50:6060", "spoofed")
				defer spoofed.close()
				for second := range c.seconds {
					for i := range 40 {
						spoofed.callID = fmt.Sprintf("spoofed-%d-%d", second, i)
						spoofed.send(string(offerSDP), spoofed.request("INVITE", 1, spoofed.callID, "Content-Type: application/sdp")...)
						time.Sleep(time.Second / 40)
					}
					honest := h.peer(trunkAddress, fmt.Sprint("honest", second))
					honest.invite(1, honest.callID)
					time.Sleep(100 * time.Millisecond)
					l := h.leg(h.calls() - 1)
					honest.ack(1)
					if got := h.told(l); got != "Acked" {
						t.Errorf("second %d: the honest call heard %q, and the hotline %q; want Acked", second, honest.messages(), got)
					}
					l.Hangup("")
					synctest.Wait()
					honest.close()
				}
				if n := h.counter.get("barred limit"); n > 0 {
					t.Errorf("%d calls were refused", n)
				}
				time.Sleep(2 * time.Minute)
				if n := h.counter.get("calls carrier true"); n != 0 {
					t.Errorf("%d calls are left", n)
				}
			})
		})
	}
}

// INVITEs under the addresses of two trunks, never followed by an ACK, take all
// places for calls in setup; a third trunk and the phones come in all the same.
// Nothing is kept of those that had to go: neither a leg nor a BYE that is repeated,
// and what still goes out goes to where the INVITE came from.
func TestUnackedInvitesOfOtherTrunksStarveNobody(t *testing.T) {
	bubble(t, func(o *sip.Options) {
		o.MaxSetups = 20
		for _, name := range []string{"second", "third"} {
			o.Trunks = append(o.Trunks, sip.Trunk{Name: name, Sources: []netip.Prefix{netip.MustParsePrefix(map[string]string{
				"second": "198.51.100.50/32", "third": "198.51.100.60/32",
			}[name])}})
		}
	}, func(t *testing.T, h *house) {
		h.onInvite = func(l *sip.Leg, _ sip.Invite) sip.Sink {
			l.Answer(offerSDP)
			return h.sink(l)
		}
		third := h.peer("203.0.113.66:5060", "third") // whom the forged Contacts name
		defer third.close()
		for i := range 40 {
			from := []string{"192.0.2.50:6060", "198.51.100.50:6060"}[i%2]
			forged := h.peer(from, fmt.Sprint("forged", i))
			headers := forged.request("INVITE", 1, forged.callID, "Content-Type: application/sdp")
			for j := range headers {
				headers[j] = strings.ReplaceAll(headers[j], "@"+from, "@203.0.113.66:5060")
			}
			forged.send(string(offerSDP), headers...)
			time.Sleep(250 * time.Millisecond)
			forged.close()
		}
		gone := 0
		for i := range h.calls() {
			select {
			case <-h.leg(i).Done():
				gone++
			default:
			}
		}
		if gone != 20 {
			t.Errorf("got %d legs of 40 gone, want the 20 that made room", gone)
		}
		honest := h.peer("198.51.100.60:5060", "honest")
		defer honest.close()
		honest.invite(1, honest.callID)
		time.Sleep(100 * time.Millisecond)
		honest.ack(1)
		if got := h.told(h.leg(h.calls() - 1)); got != "Acked" {
			t.Errorf("the honest call heard %q, and the hotline %q; want Acked", honest.messages(), got)
		}
		time.Sleep(2 * time.Minute)
		if got := third.messages(); got != "" {
			t.Errorf("somebody who has sent nothing heard %s", got)
		}
	})
}
