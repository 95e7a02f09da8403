package sip_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"cardline/sip"
	"cardline/sip/siptest"
)

// Two stacks of ours over IPv6: whatever is written into Via, Contact and To
// is read again at the other end.
func TestIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &siptest.Network{}
		house := func(address, trunk string) *house {
			h := &house{t: t, network: network, events: make(map[*sip.Leg][]sip.Event)}
			stack, err := sip.New(sip.Options{
				Listeners: []sip.Listener{{Network: "udp", Packet: network.Packet(address)}},
				Reloadable: sip.Reloadable{
					Trunks:   []sip.Trunk{{Name: "server", Sources: []netip.Prefix{netip.MustParsePrefix(trunk)}}},
					Accounts: []sip.Account{{User: "1001", Password: "secret"}},
				},
				Handler: h,
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := stack.Start(); err != nil {
				t.Fatal(err)
			}
			h.Stack = stack
			return h
		}
		const server = "[2001:db8::1]:5060"
		ours := house(server, "2001:db8::ffff/128")
		phone := house("[2001:db8::100]:5060", "2001:db8::1/128")
		synctest.Wait()
		if _, err := phone.Register(sip.Login{URI: "sip:" + server, User: "1001", Password: "secret"}, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want(t, "changes", ours.changes(), "1001 registered")
		b, _ := ours.Binding("1001")
		want(t, "binding", fmt.Sprint(b.Contact, " ", b.Source), "sip:1001@[2001:db8::100]:5060 [2001:db8::100]:5060")

		name := strings.Repeat("张三", 5000)
		l := ours.dial(sip.Dial{Account: "1001", From: "138", Display: name, Offer: offerSDP})
		if got := phone.invites[0].Display; !utf8.ValidString(got) || len(got) < 100 || !strings.HasPrefix(name, got) {
			t.Errorf("got the name %q, want the beginning of %q", got, name[:12])
		}
		phone.leg(0).Answer(offerSDP)
		time.Sleep(time.Second)
		phone.leg(0).Hangup("")
		time.Sleep(time.Second)
		want(t, "our call", ours.told(l), "Answered Ended(peer-hung-up,0)")

		out := phone.dial(sip.Dial{URI: "sip:95500@" + server, User: "1001", Password: "secret", Offer: offerSDP})
		ours.leg(0).Answer(offerSDP)
		time.Sleep(time.Second)
		ours.leg(0).Hangup("")
		time.Sleep(time.Second)
		want(t, "their call", phone.told(out), "Answered Ended(peer-hung-up,0)")
		phone.end()
		ours.end()
	})
}
