package sip_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"cardline/sip"
)

func TestDeviceRegistersRefreshesAndLeaves(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		res := p.login("1002", "other", contact(p), "Expires: 120")
		want(t, "login", fmt.Sprint(res.StatusCode, " ", res.Contact().Params.GetOr("expires", "")), "200 120")
		b, ok := h.Binding("1002")
		if !ok || b.Contact != "sip:phone@"+phoneAddress || b.Source.String() != phoneAddress || b.Network != "udp" || !b.NAT {
			t.Errorf("got binding %+v", b)
		}
		time.Sleep(100 * time.Second)
		p.login("1002", "other", contact(p), "Expires: 120")
		time.Sleep(100 * time.Second)
		if _, ok := h.Binding("1002"); !ok {
			t.Error("gone in spite of the refresh")
		}
		p.login("1002", "other", contact(p), "Expires: 0")
		if _, ok := h.Binding("1002"); ok {
			t.Error("there after leaving")
		}
		want(t, "changes", h.changes(), "1002 registered, 1002 unregistered")
	})
}

func TestRegistrationExpires(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		p.login("1001", "secret", contact(p)+";expires=60")
		time.Sleep(60*time.Second - time.Nanosecond)
		if _, ok := h.Binding("1001"); !ok {
			t.Error("gone before its time")
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		want(t, "changes", h.changes(), "1001 registered, 1001 expired")
	})
}

func TestNewestDeviceWins(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		old, young := h.peer(phoneAddress, "old"), h.peer("192.0.2.101:5060", "young")
		defer old.close()
		defer young.close()
		old.login("1001", "secret", contact(old))
		young.login("1001", "secret", contact(young))
		old.login("1001", "secret", contact(old), "Expires: 0") // not its to remove any more
		b, _ := h.Binding("1001")
		want(t, "device", b.Source.String(), young.addr)
		young.login("1001", "secret", "Contact: *", "Expires: 0")
		want(t, "changes", h.changes(), "1001 registered, 1001 registered, 1001 unregistered")
	})
}

func TestRegisterRefusals(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		res := p.login("1001", "secret", contact(p), "Expires: 10")
		if res.StatusCode != 423 || res.GetHeader("Min-Expires").Value() != "30" {
			t.Errorf("10 s: got %d, want 423", res.StatusCode)
		}
		want(t, "star with a time", fmt.Sprint(p.login("1001", "secret", "Contact: *", "Expires: 60").StatusCode), "400")
		want(t, "another's account", fmt.Sprint(p.crossLogin().StatusCode), "403")
		want(t, "no contact", fmt.Sprint(p.login("1001", "secret").StatusCode), "200")
		if _, ok := h.Binding("1001"); ok {
			t.Error("registered without a contact")
		}
	})
}

// crossLogin has 1002 try to register 1001's device.
func (p *peer) crossLogin() *wire.Response {
	p.seq += 2
	res := p.register(p.seq-1, "1001", contact(p))
	return p.register(p.seq, "1001", contact(p), credentials(p.t, res, "REGISTER", "sip:192.0.2.1", "1002", "other", 1))
}

// Whoever cannot prove an account learns nothing of which ones there are.
func TestUnknownAccountsAreAnsweredAlike(t *testing.T) {
	seen := map[string][]string{}
	for _, user := range []string{"1001", "9999"} {
		bubble(t, nil, func(t *testing.T, h *house) {
			p := h.peer(otherAddress, "same")
			defer p.close()
			res := p.register(1, user, contact(p))
			seen[user] = append(seen[user], shape(res))
			auth := credentials(t, res, "REGISTER", "sip:192.0.2.1", user, "guess", 1)
			seen[user] = append(seen[user], shape(p.register(2, user, contact(p), auth)))
			p.user = user
			p.invite(3, "a")
			res = p.lastResponse()
			seen[user] = append(seen[user], shape(res))
			p.invite(4, "b", credentials(t, res, "INVITE", "sip:95500@192.0.2.1", user, "guess", 1))
			seen[user] = append(seen[user], shape(p.lastResponse()))
			p.send("", p.request("OPTIONS", 5, "c")...)
			synctest.Wait()
			seen[user] = append(seen[user], shape(p.lastResponse()))
		})
	}
	want(t, "9999 beside 1001", fmt.Sprint(seen["9999"]), fmt.Sprint(seen["1001"]))
	want(t, "answers", fmt.Sprint(seen["1001"]), "[401+1 403+0 401+1 403+0 401+1]")
}

// shape is what a guesser sees of a response.
func shape(res *wire.Response) string {
	return fmt.Sprintf("%d+%d", res.StatusCode, len(res.GetHeaders("WWW-Authenticate")))
}

func TestDigestReplayAndForgery(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		challenge := p.register(1, "1001", contact(p))
		auth := func(count int) string {
			return credentials(t, challenge, "REGISTER", "sip:192.0.2.1", "1001", "secret", count)
		}
		want(t, "first use", fmt.Sprint(p.register(2, "1001", contact(p), auth(1)).StatusCode), "200")
		want(t, "second use", fmt.Sprint(p.register(3, "1001", contact(p), auth(2)).StatusCode), "200")

		res := p.register(4, "1001", contact(p), auth(2))
		if res.StatusCode != 401 || !strings.Contains(res.GetHeader("WWW-Authenticate").Value(), "stale=true") {
			t.Errorf("replay: got %d, want 401 with stale", res.StatusCode)
		}
		time.Sleep(6 * time.Minute)
		res = p.register(5, "1001", contact(p), auth(3))
		if res.StatusCode != 401 || !strings.Contains(res.GetHeader("WWW-Authenticate").Value(), "stale=true") {
			t.Errorf("old nonce: got %d, want 401 with stale", res.StatusCode)
		}
		forged := strings.Replace(auth(4), `nonce="`, `nonce="AAAA`, 1)
		want(t, "altered nonce", fmt.Sprint(p.register(6, "1001", contact(p), forged).StatusCode), "401")
		elsewhere := credentials(t, res, "REGISTER", "sip:198.51.100.1", "1001", "secret", 1)
		want(t, "for another target", fmt.Sprint(p.register(7, "1001", contact(p), elsewhere).StatusCode), "403")
		method := credentials(t, res, "INVITE", "sip:192.0.2.1", "1001", "secret", 1)
		want(t, "for another method", fmt.Sprint(p.register(8, "1001", contact(p), method).StatusCode), "403")
		broken := strings.Replace(auth(1), "MD5", "MD4", 1)
		want(t, "unknown algorithm", fmt.Sprint(p.register(9, "1001", contact(p), broken).StatusCode), "403")
	})
}

func TestAlgorithmsAreTheListeners(t *testing.T) {
	bubble(t, func(o *sip.Options) {
		o.Listeners[0].Algorithms = []sip.Algorithm{sip.SHA256, sip.MD5}
	}, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		res := p.register(1, "1001", contact(p))
		all := res.GetHeaders("WWW-Authenticate")
		if len(all) != 2 || !strings.Contains(all[0].Value(), "SHA-256") || !strings.Contains(all[1].Value(), "MD5") {
			t.Fatalf("got challenges %v, want SHA-256, then MD5", all)
		}
		auth := credentials(t, res, "REGISTER", "sip:192.0.2.1", "1001", "secret", 1)
		want(t, "SHA-256", fmt.Sprint(p.register(2, "1001", contact(p), auth).StatusCode), "200")
	})
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		res := p.register(1, "1001", contact(p))
		if n := len(res.GetHeaders("WWW-Authenticate")); n != 1 {
			t.Fatalf("got %d challenges, want MD5 alone", n)
		}
		auth := credentials(t, res, "REGISTER", "sip:192.0.2.1", "1001", "secret", 1)
		auth = strings.Replace(auth, "algorithm=MD5", "algorithm=SHA-256", 1)
		want(t, "not offered", fmt.Sprint(p.register(2, "1001", contact(p), auth).StatusCode), "403")
	})
}

// HA1 stands for a password that is not kept.
func TestStoredDigest(t *testing.T) {
	bubble(t, func(o *sip.Options) {
		o.Accounts = []sip.Account{{User: "1003", HA1: map[sip.Algorithm]string{
			sip.MD5: "4b5f0f3b0fd4e3d0dbe8e4b1a4a0e2c3",
		}}}
	}, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		want(t, "wrong", fmt.Sprint(p.login("1003", "anything", contact(p)).StatusCode), "403")
		p.seq += 2
		res := p.register(p.seq-1, "1003", contact(p))
		challenge, err := digest.ParseChallenge(res.GetHeader("WWW-Authenticate").Value())
		if err != nil {
			t.Fatal(err)
		}
		cred, err := digest.Digest(challenge, digest.Options{
			Method: "REGISTER", URI: "sip:192.0.2.1", Username: "1003", A1: "4b5f0f3b0fd4e3d0dbe8e4b1a4a0e2c3",
		})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "right", fmt.Sprint(p.register(p.seq, "1003", contact(p), "Authorization: "+cred.String()).StatusCode), "200")
	})
}

// A request from a trunk's address is the trunk's, whatever its From says: a
// caller whose number is an account's name is no account. Only where phones
// share the trunk's addresses an account has to be proved. From the answers
// nobody can tell which accounts there are.
func TestWhoseCall(t *testing.T) {
	for _, c := range []struct {
		phones       bool
		method, user string
		want         string // code, and what the handler heard
	}{
		{false, "INVITE", "1001", "let in: trunk carrier, account , from 1001"},
		{false, "INVITE", "1003", "let in: trunk carrier, account , from 1003"},
		{false, "INVITE", "13800138000", "let in: trunk carrier, account , from 13800138000"},
		{false, "OPTIONS", "1001", "200(OPTIONS)"},
		{false, "OPTIONS", "1003", "200(OPTIONS)"},
		{false, "MESSAGE", "1001", "405(MESSAGE)"},
		{false, "REGISTER", "1001", "403(REGISTER)"},
		{false, "REGISTER", "1003", "403(REGISTER)"},
		{true, "INVITE", "1001", "401"},
		{true, "INVITE", "1003", "let in: trunk carrier, account , from 1003"},
		{true, "OPTIONS", "1001", "401(OPTIONS)"},
		{true, "REGISTER", "1001", "401(REGISTER)"},
		{true, "REGISTER", "1003", "401(REGISTER)"},
	} {
		t.Run(fmt.Sprintf("phones=%v/%s/%s", c.phones, c.method, c.user), func(t *testing.T) {
			bubble(t, func(o *sip.Options) { o.Trunks[0].Phones = c.phones }, func(t *testing.T, h *house) {
				p := h.peer(trunkAddress, "whose")
				defer p.close()
				p.user = c.user
				switch c.method {
				case "INVITE":
					p.invite(1, "a")
				case "REGISTER":
					p.register(1, c.user, contact(p))
				default:
					p.send("", p.request(c.method, 1, "a")...)
					synctest.Wait()
				}
				got := p.messages()
				if h.calls() == 1 {
					in := h.invites[0]
					got = fmt.Sprintf("let in: trunk %s, account %s, from %s", in.Trunk, in.Account, in.From)
				}
				want(t, "heard", got, c.want)
				barred := map[bool]int{true: 1}[c.want == "403(REGISTER)"] // a challenge is no refusal
				if n := h.counter.get("barred acl") + h.counter.get("barred auth"); n != barred {
					t.Errorf("got %d counted as not let in, want %d", n, barred)
				}
			})
		})
	}
}

// The right password does not register a phone from a trunk's address either.
func TestNoPhoneBehindATrunk(t *testing.T) {
	bubble(t, func(o *sip.Options) { o.Trunks[0].Phones = true }, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "phone")
		defer p.close()
		challenge := p.register(1, "1001", contact(p))
		r := sip.Reloadable{
			Trunks:   []sip.Trunk{{Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.50/32")}}},
			Accounts: []sip.Account{{User: "1001", Password: "secret"}},
		}
		if err := h.Reload(r); err != nil {
			t.Fatal(err)
		}
		auth := credentials(t, challenge, "REGISTER", "sip:192.0.2.1", "1001", "secret", 1)
		want(t, "answer", short(p.register(2, "1001", contact(p), auth)), "403(REGISTER)")
		if _, ok := h.Binding("1001"); ok {
			t.Error("registered all the same")
		}
	})
}

func TestAccountCalls(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		p.user = "1001"
		p.invite(1, "a")
		auth := credentials(t, p.lastResponse(), "INVITE", "sip:95500@192.0.2.1", "1001", "secret", 1)
		p.send("", p.request("ACK", 1, "a")...)
		p.invite(2, "b", auth)
		if h.calls() != 1 {
			t.Fatalf("heard %q, want the call let in", p.messages())
		}
		want(t, "account", h.invites[0].Account+h.invites[0].Trunk, "1001")
		l := h.leg(0)
		l.Answer(offerSDP)
		synctest.Wait()
		p.ack(2)
		l.Hangup("")
		synctest.Wait()
		want(t, "last", string(p.lastRequest().Method), "BYE")
	})
}

// An account places so many calls at one time; a free number, such as the code of
// a feature, does not count, before or after.
func TestAccountPlacesSoManyCalls(t *testing.T) {
	bubble(t, func(o *sip.Options) {
		o.Accounts[0].MaxCalls, o.FreeNumbers = 2, []string{"*12"}
	}, func(t *testing.T, h *house) {
		var legs []*sip.Leg
		call := func(number string) string {
			p := h.peer(fmt.Sprintf("192.0.2.100:%d", 6000+len(legs)+h.counter.get("barred account")*10), fmt.Sprint("call", len(legs), number, h.counter.get("barred account")))
			t.Cleanup(p.close)
			p.user = "1001"
			send := func(seq int, branch string, extra ...string) {
				lines := p.request("INVITE", seq, branch, append(extra, "Content-Type: application/sdp")...)
				lines[0] = "INVITE sip:" + number + "@192.0.2.1 SIP/2.0"
				p.send(string(offerSDP), lines...)
				synctest.Wait()
			}
			send(1, "a"+p.callID)
			before := h.calls()
			send(2, "b"+p.callID, credentials(t, p.lastResponse(), "INVITE", "sip:"+number+"@192.0.2.1", "1001", "secret", 1))
			if h.calls() == before {
				return short(p.lastResponse())
			}
			legs = append(legs, h.leg(before))
			return "in"
		}
		want(t, "a feature", call("*12"), "in")
		want(t, "first", call("95500"), "in")
		want(t, "second", call("95500"), "in")
		want(t, "third", call("95500"), "503")
		want(t, "another feature", call("*12"), "in")
		if n := h.counter.get("barred account"); n != 1 {
			t.Errorf("got %d counted as too many of an account, want 1", n)
		}
		legs[1].Refuse(486, "")
		time.Sleep(time.Second)
		want(t, "after one has ended", call("95500"), "in")
		for _, l := range legs {
			l.Hangup("")
		}
		time.Sleep(time.Minute)
	})
}

func TestReload(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		q := h.peer(trunkAddress, "call")
		defer q.close()
		p.login("1001", "secret", contact(p))
		l := h.confirmed(q)
		if err := h.Reload(sip.Reloadable{Accounts: []sip.Account{{User: ""}}}); err == nil {
			t.Error("a broken reload was taken")
		}
		if _, ok := h.Binding("1001"); !ok {
			t.Error("a refused reload changed something")
		}
		if err := h.Reload(sip.Reloadable{Accounts: []sip.Account{{User: "1002", Password: "other"}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want(t, "changes", h.changes(), "1001 registered, 1001 revoked")
		q.send("", q.request("BYE", 2, "b")...)
		synctest.Wait()
		want(t, "a call of the trunk that is gone", h.told(l), "Acked Ended(peer-hung-up,0)")
		q.theirs, q.callID = "", "new"
		q.invite(3, "c")
		want(t, "a new call of it", fmt.Sprint(q.lastResponse().StatusCode), "401")
	})
}

// A second stack of ours plays the phone: it logs in, is called, calls.
func TestTwoStacks(t *testing.T) {
	for _, algorithm := range []sip.Algorithm{sip.MD5, sip.SHA256, sip.SHA512256} {
		t.Run(string(algorithm), func(t *testing.T) {
			bubble(t, func(o *sip.Options) { o.Listeners[0].Algorithms = []sip.Algorithm{algorithm} }, func(t *testing.T, h *house) {
				phone := h.phone(phoneAddress)
				var states []sip.LoginState
				client, err := phone.Register(sip.Login{URI: "sip:" + ourAddress, User: "1001", Password: "secret", Expires: time.Minute},
					func(s sip.LoginState) { states = append(states, s) })
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				want(t, "states", fmt.Sprint(states), "[{true 200}]")
				want(t, "changes", h.changes(), "1001 registered")

				l := h.dial(sip.Dial{Account: "1001", From: "138", Display: `Zhang "San" \`, Offer: offerSDP, Headers: []sip.Header{{Name: "Alert-Info", Value: "<urn:alert:x>"}}})
				in := phone.invites[0]
				want(t, "invite", fmt.Sprint(in.To, " ", in.From, " ", in.Display), `1001 138 Zhang "San" \`)
				phone.leg(0).Ring()
				phone.leg(0).Answer(offerSDP)
				time.Sleep(time.Second)
				l.Offer(offerSDP)
				time.Sleep(time.Second)
				phone.leg(0).AcceptOffer(offerSDP)
				time.Sleep(time.Second)
				phone.leg(0).Hangup("")
				time.Sleep(time.Second)
				want(t, "ours", h.told(l), "Progressed(180) Answered OfferAccepted Ended(peer-hung-up,0)")
				want(t, "theirs", phone.told(phone.leg(0)), "Acked Reoffered Acked Ended(hung-up,0)")

				out := phone.dial(sip.Dial{URI: "sip:95500@" + ourAddress, User: "1001", Password: "secret", Offer: offerSDP})
				want(t, "account", h.invites[0].Account, "1001")
				h.leg(0).Answer(offerSDP)
				time.Sleep(time.Second)
				out.Hangup("")
				time.Sleep(time.Second)
				want(t, "their call", phone.told(out), "Answered Ended(hung-up,0)")
				want(t, "our side of it", h.told(h.leg(0)), "Acked Ended(peer-hung-up,0)")

				client.Close(t.Context())
				synctest.Wait()
				want(t, "changes", h.changes(), "1001 registered, 1001 unregistered")
				phone.end()
			})
		})
	}
}

// A stack logs its own clients out when it closes, and waits no longer.
func TestCloseLogsClientsOut(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		phone := h.phone(phoneAddress)
		var states []sip.LoginState
		login := sip.Login{URI: "sip:" + ourAddress, User: "1001", Password: "secret"}
		if _, err := phone.Register(login, func(s sip.LoginState) { states = append(states, s) }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		phone.end()
		if took := time.Since(start); took > time.Second {
			t.Errorf("closed after %v, want at once", took)
		}
		want(t, "states", fmt.Sprint(states), "[{true 200} {false 200}]")
		want(t, "changes", h.changes(), "1001 registered, 1001 unregistered")
	})
}

// A client whose registrar is silent does not keep the stack open for longer
// than any other silent peer: the registrar may have heard of it.
func TestCloseGivesUpASilentRegistrar(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		phone := h.phone(phoneAddress)
		if _, err := phone.Register(sip.Login{URI: "sip:" + otherAddress, User: "1001"}, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		phone.end()
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("closed after %v, want 3 s", took)
		}
	})
}

func TestDialFailures(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		for _, d := range []sip.Dial{
			{Account: "1001"},
			{URI: "tel:123"},
			{URI: "sip:x@" + otherAddress + ";transport=tcp"},
			{URI: "sip:x@" + otherAddress, Headers: []sip.Header{{Name: "X-A", Value: "b\r\nEvil: 1"}}},
			{URI: "sip:x@" + otherAddress, Headers: []sip.Header{{Name: "X A", Value: "b"}}},
			{URI: "sip:x\r\nEvil: 1@" + otherAddress},
		} {
			if _, err := h.Dial(d, nil); err == nil {
				t.Errorf("dial %+v: got no error", d)
			}
		}
	})
}

func TestCallsThatFail(t *testing.T) {
	for _, c := range []struct {
		name  string
		codes []int
		wait  time.Duration
		told  string
	}{
		{"busy", []int{100, 486}, 0, "Ended(rejected,486)"},
		{"silence", nil, 33 * time.Second, "Ended(no-answer,408)"},
		{"rings for ever", []int{180}, 181 * time.Second, "Progressed(180) Ended(no-answer,0)"},
		{"redirected", []int{302}, 0, "Ended(rejected,302)"},
		{"challenged without a password", []int{401}, 0, "Ended(rejected,401)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *house) {
				p := h.peer(otherAddress, "callee")
				defer p.close()
				l := h.dial(sip.Dial{URI: "sip:95500@" + otherAddress, Offer: offerSDP})
				invite := p.lastRequest()
				for _, code := range c.codes {
					p.reply(invite, code, nil)
				}
				time.Sleep(c.wait)
				synctest.Wait()
				want(t, "told", h.told(l), c.told)
			})
		})
	}
}

// Two callees answer, behind a proxy that rings both: the second is hung up.
func TestForkedAnswerIsHungUp(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(otherAddress, "callee")
		defer p.close()
		l := h.dial(sip.Dial{URI: "sip:95500@" + otherAddress, Offer: offerSDP})
		invite := p.lastRequest()
		p.reply(invite, 200, offerSDP)
		p.tag = "the-other"
		p.reply(invite, 200, offerSDP)
		want(t, "heard", p.messages(), "INVITE ACK ACK BYE")
		bye := p.lastRequest()
		want(t, "to whom", bye.To().Params.GetOr("tag", ""), "the-other")
		want(t, "told", h.told(l), "Answered")
	})
}

// A device behind a proxy is reached along the Path of its REGISTER.
func TestPath(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(phoneAddress, "phone")
		defer p.close()
		path := "<sip:edge.example.com:5070;lr>"
		res := p.login("1001", "secret", "Contact: <sip:1001@10.0.0.9:5060>", "Supported: path", "Path: "+path)
		if h := res.GetHeader("Path"); h == nil || h.Value() != path {
			t.Errorf("got Path %v, want it repeated", h)
		}
		h.dial(sip.Dial{Account: "1001", Offer: offerSDP})
		invite := p.lastRequest()
		want(t, "request line", invite.Recipient.String(), "sip:1001@10.0.0.9:5060")
		want(t, "route", invite.GetHeader("Route").Value(), path)
	})
}

// A schedule of loss, copies and delays, the same for the same seed: whatever
// the network does, both ends agree how the call ended.
func TestLossyNetwork(t *testing.T) {
	schedules := 300
	if testing.Short() {
		schedules = 30
	}
	for seed := range schedules {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, nil)
			h.network.Seed, h.network.Loss, h.network.Duplication, h.network.Delay = uint64(seed), 0.1, 0.1, 40*time.Millisecond
			phone := h.phone(trunkAddress)
			out := phone.dial(sip.Dial{URI: "sip:95500@" + ourAddress, From: "138", Offer: offerSDP})
			time.Sleep(5 * time.Second)
			if h.calls() > 0 {
				h.leg(0).Answer(offerSDP)
			}
			time.Sleep(10 * time.Second)
			out.Hangup("")
			time.Sleep(100 * time.Second)
			theirs := phone.told(out)
			switch {
			case h.calls() == 0:
				if !strings.Contains(theirs, "Ended") {
					t.Errorf("seed %d: never arrived, and the caller was told %q", seed, theirs)
				}
			case h.calls() > 1:
				t.Errorf("seed %d: %d calls of one INVITE", seed, h.calls())
			default:
				ours := h.told(h.leg(0))
				if !strings.HasSuffix(ours, ",0)") && !strings.HasSuffix(ours, ",487)") || strings.Count(ours, "Ended") != 1 ||
					strings.Count(theirs, "Ended") != 1 {
					t.Errorf("seed %d: callee told %q, caller %q", seed, ours, theirs)
				}
			}
			phone.end()
			h.end()
		})
	}
}

// Passwords are guessed by datagrams, and on a stream that a password of one's
// own has proved: either way the tries become rare, the right one among them is
// not seen, and the phone whose account it is registers as ever.
func TestGuessedPasswords(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		phone := h.peer(phoneAddress, "phone")
		defer phone.close()
		want(t, "the phone", short(phone.login("1002", "other", contact(phone))), "200(REGISTER)")

		p := h.peer(otherAddress, "guesser")
		defer p.close()
		answers := map[int]int{}
		for range 60 {
			answers[p.login("1002", "wrong", contact(p)).StatusCode]++
			time.Sleep(time.Second)
		}
		if answers[403] > 9 || answers[403]+answers[503] != 60 {
			t.Errorf("by datagrams: got %v in a minute, want at most 9 tries", answers)
		}
		res := p.login("1002", "other", contact(p))
		if res.StatusCode != 503 || res.GetHeader("Retry-After") == nil {
			t.Errorf("the right password after them: got %d, want 503 with Retry-After", res.StatusCode)
		}

		s := h.stream("198.51.100.9:40000")
		defer func() { _ = s.Close() }()
		s.login(t) // 1001
		before := h.counter.get("barred auth")
		for i := range 60 {
			s.guess(t, 10+2*i, "1002")
			time.Sleep(time.Second)
		}
		if n := h.counter.get("barred auth") - before; n > 9 || n == 0 {
			t.Errorf("on a proven stream: got %d tries in a minute, want at most 9", n)
		}
		if n := h.counter.get("barred guesses"); n < 100 {
			t.Errorf("got %d counted as not looked at, want more than 100", n)
		}
		want(t, "the phone afterwards", short(phone.login("1002", "other", contact(phone))), "200(REGISTER)")
		if log := h.log.String(); !strings.Contains(log, "further tries have to wait") || strings.Contains(log, "wrong\"") {
			t.Errorf("the log does not tell: %s", log)
		}
	})
}

// A challenge is for who asked: credentials for it from elsewhere are no failure
// of that address, or anybody could slow it down.
func TestNonceIsOfItsSource(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p, q := h.peer(phoneAddress, "phone"), h.peer(otherAddress, "other")
		defer p.close()
		defer q.close()
		challenge := q.register(1, "1001", contact(q))
		for i := range 10 {
			auth := credentials(t, challenge, "REGISTER", "sip:192.0.2.1", "1001", "wrong", 1)
			res := p.register(1+i, "1001", contact(p), auth)
			if res.StatusCode != 401 || !strings.Contains(res.GetHeader("WWW-Authenticate").Value(), "stale=true") {
				t.Fatalf("got %d, want 401 with stale", res.StatusCode)
			}
		}
		p.seq = 20
		want(t, "the phone", short(p.login("1001", "secret", contact(p))), "200(REGISTER)")
	})
}

// Each change of a device is a fact and a matter for the router: an account has so
// many at once, then one in ten seconds, whether its phone leaves in between or not.
// What does not change is never refused, and the phone can always leave.
func TestDeviceThatKeepsChanging(t *testing.T) {
	for name, leaves := range map[string]bool{"another contact": false, "leaving in between": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *house) {
				p := h.peer(phoneAddress, "phone")
				defer p.close()
				var codes []int
				for i := range 22 {
					contact := fmt.Sprintf("Contact: <sip:phone%d@%s>", i, phoneAddress)
					codes = append(codes, p.login("1001", "secret", contact).StatusCode)
					if leaves && i < 20 {
						if code := p.login("1001", "secret", contact, "Expires: 0").StatusCode; code != 200 {
							t.Errorf("got %d for leaving", code)
						}
					}
				}
				want(t, "the last of twenty, and two more", fmt.Sprint(codes[19:]), "[200 503 503]")
				want(t, "when to come again", p.lastResponse().GetHeader("Retry-After").Value(), "10")
				if !leaves {
					for range 30 {
						want(t, "a refresh", fmt.Sprint(p.login("1001", "secret", fmt.Sprintf("Contact: <sip:phone19@%s>", phoneAddress)).StatusCode), "200")
					}
				}
				other := h.peer("192.0.2.101:5060", "other")
				defer other.close()
				want(t, "another account", fmt.Sprint(other.login("1002", "other", contact(other)).StatusCode), "200")
				time.Sleep(10 * time.Second)
				want(t, "ten seconds later", fmt.Sprint(p.login("1001", "secret", contact(p)).StatusCode), "200")
			})
		})
	}
}
