package sip_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/icholy/digest"

	"cardline/sip"
)

// RFC 3261 section 22.4: the uri of credentials is what the phone wanted, which
// proxies and phones write in their own ways. Public reports: the authenticated
// calls of asterisk/testsuite, https://github.com/livekit/sip/issues/817, and of
// the user name https://github.com/opentelecoms-org/jscommunicator/issues/70.
func TestFormsOfCredentials(t *testing.T) {
	const uri = "sip:95500@192.0.2.1"
	for _, c := range []struct {
		name, uri, user string
		change          *strings.Replacer
		want            string
	}{
		{name: "as the request", uri: uri, user: "1001", want: "200"},
		{name: "with the port", uri: uri + ":5060", user: "1001", want: "200"},
		{name: "with a parameter", uri: uri + ";transport=udp", user: "1001", want: "200"},
		{name: "without the user", uri: "sip:192.0.2.1", user: "1001", want: "200"},
		{name: "of another number", uri: "sip:4008895500@192.0.2.1", user: "1001", want: "200"},
		{name: "of the realm", uri: "sip:95500@Cardline", user: "1001", want: "200"},
		{name: "of a host that is not ours", uri: "sip:95500@198.51.100.1", user: "1001", want: "403"},
		{name: "that is none", uri: "95500", user: "1001", want: "403"},
		{name: "user with the realm", uri: uri, user: "1001@cardline", want: "200"},
		{name: "user with our host", uri: uri, user: "1001@192.0.2.1", want: "200"},
		{name: "user of another realm", uri: uri, user: "1001@example.com", want: "403"},
		{name: "another user", uri: uri, user: "1002", want: "403"},
		{name: "another user with the realm", uri: uri, user: "1002@cardline", want: "403"},
		{
			name: "names in capitals", uri: uri, user: "1001", want: "200",
			change: strings.NewReplacer("Digest username=", "DIGEST USERNAME=", "realm=", "Realm=", "nonce=", "Nonce=", " uri=", " URI=",
				"response=", "Response=", "nc=", "NC=", "cnonce=", "CNonce=", "qop=", "Qop=", "algorithm=", "Algorithm="),
		},
		{name: "wrong response", uri: uri, user: "1001", want: "403", change: strings.NewReplacer(`response="`, `response="0`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, network := range []string{"UDP", "TCP"} {
				streams(t, func(t *testing.T, h *house) {
					p := h.peerBy(network, phoneAddress, "phone")
					defer p.close()
					p.user = "1001"
					p.invite(1, "a")
					auth := credentials(t, p.lastResponse(), "INVITE", c.uri, c.user, "secret", 1)
					if c.change != nil {
						auth = c.change.Replace(auth)
					}
					p.invite(2, "b", auth)
					if h.calls() > 0 {
						h.leg(0).Answer(offerSDP)
						synctest.Wait()
						p.ack(2)
					}
					want(t, network, p.answered(), c.want)
				})
			}
		})
	}
}

// The names of a challenge's parameters have no case either: a carrier's is
// answered.
func TestChallengeInCapitals(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *house) {
		p := h.peer(trunkAddress, "carrier")
		defer p.close()
		l := h.dial(sip.Dial{URI: "sip:10086@" + trunkAddress, User: "bank", Password: "key", Offer: offerSDP})
		p.reply(p.lastRequest(), 407, nil, header("Proxy-Authenticate", `DIGEST Realm="carrier", NONCE="n", QOP="auth"`))
		cred, err := digest.ParseCredentials(p.newest("INVITE").GetHeader("Proxy-Authorization").Value())
		if err != nil {
			t.Fatal(err)
		}
		want(t, "answered for", fmt.Sprint(cred.Realm, " ", cred.Nonce), "carrier n")
		l.Hangup("")
		p.reply(p.newest("INVITE"), 480, nil)
	})
}

// A stream of ours comes from the address that we listen at: a carrier knows us
// by it.
func TestOutgoingStreamsBind(t *testing.T) {
	carrier := listen(t)
	server := start(t, sip.Options{Listeners: []sip.Listener{{Network: "tcp", Address: "127.0.0.7:0"}}})
	defer func() { _ = server.Close(t.Context()) }()
	if _, err := server.Dial(sip.Dial{URI: "sip:10086@" + carrier.Addr().String() + ";transport=tcp", Offer: offerSDP}, nil); err != nil {
		t.Fatal(err)
	}
	conn, err := carrier.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	want(t, "from", netip.MustParseAddrPort(conn.RemoteAddr().String()).Addr().String(), "127.0.0.7")
}
