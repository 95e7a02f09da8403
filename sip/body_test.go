package sip_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	wire "github.com/emiago/sipgo/sip"

	"cardline/sip"
)

// answered is the code of a peer's newest message.
func (p *peer) answered() string {
	p.t.Helper()
	return fmt.Sprint(p.lastResponse().StatusCode)
}

// RFC 3261 section 20.11: what may be ignored is ignored, and an INVITE whose
// body is ignored has none.
func TestOptionalBodies(t *testing.T) {
	const optional = "Content-Disposition: signal; handling=optional"
	everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
		p.next("INFO", "x", "Content-Type: application/x-strange", "Content-Disposition: x;Handling=Optional")
		want(t, "INFO", p.answered(), "200")
		p.next("INFO", "x", "Content-Type: application/x-strange", "Content-Disposition: x;handling=required")
		want(t, "INFO that is required", p.answered(), "415")
		p.next("INVITE", "x", "Content-Type: application/x-strange", optional)
		told := h.told(l)
		if !strings.HasSuffix(told, "Reoffered") {
			t.Fatalf("got events %q, want Reoffered", told)
		}
		h.mu.Lock()
		offer := h.events[l][len(h.events[l])-1].(sip.Reoffered).Body
		h.mu.Unlock()
		want(t, "offer", string(offer), "")
		l.AcceptOffer(offerSDP)
		synctest.Wait()
		want(t, "re-INVITE", p.answered(), "200")
	})
	for _, network := range []string{"UDP", "TCP"} {
		streams(t, func(t *testing.T, h *house) {
			p := h.peerBy(network, trunkAddress, "first")
			defer p.close()
			p.send("x", p.request("INVITE", 1, "a", "Content-Type: application/x-strange", optional)...)
			synctest.Wait()
			if h.calls() != 1 {
				t.Fatalf("got %q, want the call let in", p.messages())
			}
			want(t, "offer of the first INVITE", string(h.invites[0].Offer), "")
			h.leg(0).Refuse(486, "")
			synctest.Wait()
		})
	}
}

// A response's body of another kind is no answer.
func TestOptionalBodiesOfResponses(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "agent")
		defer p.close()
		p.login("1001", "secret", contact(p))
		l := h.dial(sip.Dial{Account: "1001", Offer: offerSDP})
		strange := wire.NewHeader("Content-Type", "application/x-strange")
		p.reply(p.lastRequest(), 183, []byte("x"), strange, wire.NewHeader("Content-Disposition", "x;handling=optional"))
		h.mu.Lock()
		body := h.events[l][0].(sip.Progressed).Body
		h.mu.Unlock()
		want(t, "early media", string(body), "")
		l.Hangup("")
		synctest.Wait()
	})
}

// https://github.com/OpenSIPS/sipssert-opensips-tests uac-auth 17 and 20: the
// type of a session description is left out.
func TestSessionWithoutAType(t *testing.T) {
	everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
		p.next("INVITE", string(offerSDP))
		h.mu.Lock()
		reoffered, _ := h.events[l][len(h.events[l])-1].(sip.Reoffered)
		h.mu.Unlock()
		want(t, "offer", string(reoffered.Body), string(offerSDP))
		l.AcceptOffer(offerSDP)
		synctest.Wait()
		want(t, "answer", p.answered(), "200")
		p.next("INVITE", "<p>")
		want(t, "what is no session", p.answered(), "415")
	})
}

// Every refusal of an offer says why (RFC 3261 section 21.4.26), and the call
// goes on.
func TestRefusedOffersCarryAWarning(t *testing.T) {
	everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
		p.next("INVITE", string(offerSDP), "Content-Type: application/sdp")
		l.RefuseOffer(488)
		synctest.Wait()
		want(t, "re-INVITE", p.answered(), "488")
		if h := p.lastResponse().GetHeader("Warning"); h == nil || !strings.HasPrefix(h.Value(), "399 192.0.2.1:506") {
			t.Errorf("got the warning %v, want one of ours", h)
		}
		if strings.Contains(h.told(l), "Ended") {
			t.Error("the call has ended")
		}
	})
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "first")
		defer p.close()
		p.invite(1, "a")
		h.leg(0).Refuse(488, "")
		synctest.Wait()
		if h := p.lastResponse().GetHeader("Warning"); h == nil {
			t.Error("no warning in the answer to the first INVITE")
		}
	})
}

// A carrier is told when there may be room again.
func TestRefusalForWantOfRoomSaysWhenToComeAgain(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "full")
		defer p.close()
		p.invite(1, "a")
		h.leg(0).Refuse(503, "")
		synctest.Wait()
		if h := p.lastResponse().GetHeader("Retry-After"); h == nil {
			t.Errorf("got %s, want a Retry-After", p.last().raw)
		}
	})
}

// A key is 200 only if it was read, whatever type it comes with
// (https://github.com/eigger/hass-sip/pull/24).
func TestKeysByInfo(t *testing.T) {
	everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
		pressed := ""
		l.OnInfoKey(func(k byte) { pressed += string(k) })
		for _, c := range []struct{ mediaType, body, code, key string }{
			{"application/dtmf", "Signal=4", "200", "4"},
			{"application/dtmf", "d=5", "200", "5"},
			{"application/dtmf", "6", "200", "6"},
			{"application/dtmf-relay", "7", "200", "7"},
			{"application/dtmf-relay", "Signal=8\r\nDuration=160", "200", "8"},
			{"Application/DTMF-Relay; charset=utf-8", "Signal=11", "200", "#"},
			{"audio/telephone-event", "9", "200", "9"},
			{"application/vnd.nortelnetworks.digits", "p=Digit-Collection\r\ny=Digits\r\nd=0\r\n", "200", "0"},
			{"", "Signal=3\r\n", "200", "3"},
			{"application/dtmf-relay", "Signal=hf", "415", ""},
			{"application/dtmf-relay", "Duration=160", "415", ""},
			{"application/dtmf", "12345", "415", ""},
			{"text/html", "5", "415", ""},
		} {
			pressed = ""
			var extra []string
			if c.mediaType != "" {
				extra = []string{"Content-Type: " + c.mediaType}
			}
			p.next("INFO", c.body, extra...)
			want(t, fmt.Sprintf("%s %q", c.mediaType, c.body), p.answered()+" "+pressed, c.code+" "+c.key)
			if h := p.lastResponse().GetHeader("Accept"); (h != nil) != (c.code == "415") {
				t.Errorf("%s: got the header %v with %s", c.mediaType, h, c.code)
			}
		}
	})
}
