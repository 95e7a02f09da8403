package sip_test

import (
	"strings"
	"testing"
	"testing/synctest"

	wire "github.com/emiago/sipgo/sip"

	"cardline/sip"
)

// An INVITE whose sender could not be reached is refused before it hears anything
// else (asterisk/testsuite tests/channels/pjsip/headers/no_contact, invalid_uris).
func TestInviteNeedsAContact(t *testing.T) {
	for contact, code := range map[string]string{
		"":                                  "400",
		"Contact: <tel:+8613800138000>":     "400",
		"Contact: *":                        "400",
		"Contact: <sip:1@192.0.2.50:99999>": "400",
		"Contact: <mailto:li@example.com>":  "400",
		"Contact: <sip:138@192.0.2.50>":     "180",
		"m: Li <sip:192.0.2.50>":            "180",
	} {
		for _, network := range []string{"UDP", "TCP"} {
			for _, user := range []string{"13800138000", "1001"} {
				streams(t, func(t *testing.T, h *house) {
					h.onInvite = func(l *sip.Leg, _ sip.Invite) sip.Sink { l.Ring(); return nil }
					address := trunkAddress
					if user == "1001" {
						address = phoneAddress
					}
					p := h.peerBy(network, address, "c")
					defer p.close()
					p.user = user
					invite := func(number int, extra ...string) {
						lines := p.request("INVITE", number, "c"+extra[0][:1], append(extra[1:], "Content-Type: application/sdp")...)
						for i, line := range lines {
							if strings.HasPrefix(line, "Contact:") {
								lines[i] = contact
							}
						}
						p.send(string(offerSDP), strings.Split(strings.ReplaceAll(strings.Join(lines, "\n"), "\n\n", "\n"), "\n")...)
						synctest.Wait()
					}
					invite(1, "a")
					if user == "1001" {
						invite(2, "b", credentials(t, p.lastResponse(), "INVITE", "sip:95500@192.0.2.1", "1001", "secret", 1))
					}
					all := strings.Fields(p.messages())
					if all[0] == "401" {
						all = all[1:]
					}
					want(t, contact+" by "+network+" of "+user, strings.Join(all, " "), code)
				})
			}
		}
	}
}

// RFC 3261 section 12.1.2: a 200 without a tag has a null one; the phone's BYE
// has none either (pjproject tests/pjsua/scripts-sipp/uas-answer-200-without-to-tag).
func TestAnswerWithoutATag(t *testing.T) {
	for _, network := range []string{"UDP", "TCP"} {
		for _, weEnd := range []bool{true, false} {
			streams(t, func(t *testing.T, h *house) {
				p := h.peerBy(network, phoneAddress, "agent")
				defer p.close()
				p.user = "1001"
				p.login("1001", "secret", p.contact())
				l := h.dial(sip.Dial{Account: "1001", From: "138", Offer: offerSDP})
				p.meet()
				invite := p.lastRequest()
				res := wire.NewResponseFromRequest(invite, 200, "OK", nil)
				res.To().Params.Remove("tag")
				res.AppendHeader(header("Contact", "<sip:1001@"+p.addr+">"))
				res.AppendHeader(header("Content-Type", "application/sdp"))
				res.SetBody(offerSDP)
				p.write(res.String())
				synctest.Wait()
				want(t, "told", h.told(l), "Answered")
				ack := p.newest("ACK")
				if _, has := ack.To().Params.Get("tag"); has {
					t.Errorf("got %s, want it without a tag", ack.To())
				}
				p.write(res.String())
				synctest.Wait()
				if n := strings.Count(p.messages(), "ACK"); n != 2 {
					t.Errorf("got %d ACKs, want one for each 200", n)
				}
				if weEnd {
					l.Hangup("")
					synctest.Wait()
					bye := p.newest("BYE")
					if _, has := bye.To().Params.Get("tag"); has {
						t.Errorf("got %s, want it without a tag", bye.To())
					}
					p.write(wire.NewResponseFromRequest(bye, 200, "OK", nil).String())
					synctest.Wait()
					want(t, "told", h.told(l), "Answered Ended(hung-up,0)")
					return
				}
				p.number++
				lines := p.request("BYE", p.number, "bye")
				for i := range lines {
					lines[i] = strings.TrimSuffix(lines[i], ";tag="+p.tag)
				}
				p.send("", lines...)
				synctest.Wait()
				want(t, "their BYE", short(p.last().msg), "200(BYE)")
				want(t, "told", h.told(l), "Answered Ended(peer-hung-up,0)")
			})
		}
	}
}

// What a proxy writes behind the brackets of its route comes back in responses and
// in Route (https://github.com/DoubangoTelecom/imsdroid/issues/52).
func TestParametersOfRecordedRoutes(t *testing.T) {
	const first, second = "<sip:192.0.2.50;lr;x=1>;ftag=y", `"Edge, 2" <sip:192.0.2.51;LR>;did=8.2`
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "routed")
		defer p.close()
		p.invite(1, "a", "Record-Route: "+first+", "+second, "Record-Route: sip:192.0.2.52;lr")
		l := h.leg(0)
		l.Ring()
		l.Answer(offerSDP)
		synctest.Wait()
		for _, m := range p.heard() {
			want(t, short(m.msg), routesOf(m.raw, "Record-Route"), first+", "+second+" | sip:192.0.2.52;lr")
		}
		p.ack(1)
		l.Hangup("")
		synctest.Wait()
		want(t, "BYE", routesOf(p.last().raw, "Route"), first+" | "+second+" | <sip:192.0.2.52;lr>")
		p.reply(p.newest("BYE"), 200, nil)
	})
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "agent")
		defer p.close()
		p.login("1001", "secret", contact(p))
		l := h.dial(sip.Dial{Account: "1001", Offer: offerSDP})
		p.reply(p.lastRequest(), 200, offerSDP, header("Record-Route", second), header("Record-Route", first))
		want(t, "ACK", routesOf(p.last().raw, "Route"), first+" | "+second)
		l.Hangup("")
		synctest.Wait()
		p.reply(p.newest("BYE"), 200, nil)
	})
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "broken")
		defer p.close()
		p.invite(1, "a", "Record-Route: <tel:110>")
		want(t, "a route that is none", p.messages(), "400")
	})
}

// routesOf returns the headers of a name as the wire had them.
func routesOf(raw, name string) string {
	var all []string
	for line := range strings.SplitSeq(raw, "\r\n") {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			all = append(all, value)
		}
	}
	return strings.Join(all, " | ")
}

// What stands behind the question mark of a Contact is none of our headers.
func TestHeadersOfAContactStayThere(t *testing.T) {
	const bad = "?Replaces=x%3Bto-tag%3D1&Route=%3Csip%3Aevil.example.com%3E"
	everyKind(t, func(t *testing.T, h *house, p *peer, l *sip.Leg) {
		p.number++
		lines := p.request("INVITE", p.number, "refresh", "Content-Type: application/sdp")
		for i, line := range lines {
			if strings.HasPrefix(line, "Contact:") {
				lines[i] = strings.TrimSuffix(line, ">") + ";method=INVITE" + bad + ">"
			}
		}
		p.send(string(offerSDP), lines...)
		synctest.Wait()
		l.AcceptOffer(offerSDP)
		synctest.Wait()
		p.ack(p.number)
		l.Hangup("")
		synctest.Wait()
		bye := p.newest("BYE")
		if raw := bye.String(); strings.ContainsAny(bye.Recipient.String(), "?") || strings.Contains(raw, "Replaces") || strings.Contains(raw, "method=") {
			t.Errorf("got %s", raw)
		}
		p.reply(bye, 200, nil)
	})
}
