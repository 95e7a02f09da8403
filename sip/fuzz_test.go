package sip

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"
	"unicode/utf8"

	wire "github.com/emiago/sipgo/sip"

	"cardline/sip/siptest"
)

func FuzzInfoKey(f *testing.F) {
	for _, c := range infoKeys {
		f.Add([]byte(c.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		key, ok := infoKey(body)
		if ok && strings.IndexByte("0123456789*#ABCD", key) < 0 {
			t.Errorf("got the key %q", key)
		}
		if !bytes.Equal(before, body) {
			t.Error("the body was changed")
		}
	})
}

// The forms of keys by INFO, among them those of
// https://github.com/eigger/hass-sip/pull/24.
var infoKeys = []struct {
	body string
	key  byte // 0: not a key
}{
	{"Signal=5\r\nDuration=160\r\n", '5'},
	{"Signal=5\r\nDuration=160", '5'},
	{"Signal= *\r\n", '*'},
	{"Duration=100\nsignal=#", '#'},
	{"Signal=10", '*'},
	{"Signal=11", '#'},
	{"Signal=15", 'D'},
	{"Signal=a", 'A'},
	{"Signal=16", 0},
	{"Signal=123", 0},
	{"Duration=5", 0},
	{"", 0},
	{"d=5", '5'},
	{"p=Digit-Collection\r\ny=Digits\r\ns=success\r\nu=12345678\r\nd=4\r\n", '4'},
	{"7", '7'},
	{" 7\r\n", '7'},
	{"11", '#'},
	{"x", 0},
}

func TestInfoKey(t *testing.T) {
	for _, c := range infoKeys {
		if key, ok := infoKey([]byte(c.body)); key != c.key && ok || ok != (c.key != 0) {
			t.Errorf("%q: got %q, %v; want %q", c.body, key, ok, c.key)
		}
	}
}

func TestKeyIsWiped(t *testing.T) {
	req := wire.NewRequest(wire.INFO, wire.Uri{Scheme: "sip", Host: "x"})
	body := []byte("Signal=7\r\n")
	contentType := wire.ContentTypeHeader("application/dtmf-relay")
	req.AppendHeader(&contentType)
	req.SetBody(body)
	if key, ok := takeKey(req); !ok || key != '7' || !bytes.Equal(body, make([]byte, len(body))) {
		t.Errorf("got %q, %v, and left %q", key, ok, body)
	}
}

// sipgo keeps a request for 32 s, answered or not.
func TestKeyOfARefusedINFOIsWiped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &siptest.Network{}
		s, err := New(Options{Listeners: []Listener{{Network: "udp", Packet: network.Packet("192.0.2.1:5060")}}})
		if err != nil {
			t.Fatal(err)
		}
		var body []byte
		s.transport.OnMessage(func(msg wire.Message) { body = msg.Body() })
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		stranger := network.Packet("192.0.2.7:5060")
		if _, err := stranger.WriteTo([]byte(strings.Join([]string{
			"INFO sip:x@192.0.2.1 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1", "From: <sip:a@b>;tag=1", "To: <sip:x@y>;tag=2",
			"Call-ID: one", "CSeq: 1 INFO", "Content-Type: application/dtmf-relay", "Content-Length: 8", "", "Signal=7",
		}, "\r\n")), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:5060"))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(body) != 8 || len(bytes.Trim(body, "\x00")) > 0 {
			t.Errorf("got %q left, want nothing of 8 bytes", body)
		}
		_ = stranger.Close()
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// FuzzRequest has every request that can be parsed judged and answered, as a
// stranger's.
func FuzzRequest(f *testing.F) {
	seeds(f)
	parser := newParser()
	auth := newAuthenticator("cardline", 1)
	registrar := newRegistrar(&Stack{options: Options{}.withDefaults()})
	f.Fuzz(func(t *testing.T, data []byte) {
		msg, err := parser.ParseSIP(data)
		if err != nil {
			return
		}
		msg.SetTransport("UDP")
		msg.SetSource("192.0.2.7:5060")
		req, ok := msg.(*wire.Request)
		if !ok {
			malformedResponse(msg.(*wire.Response))
			return
		}
		if req.IsCancel() {
			req.Method = cancelMethod
		}
		refused := malformed(req)
		if refused.code == 0 {
			refused = unserved(req)
			if user := userPart(&req.From().Address); !cleanText(user) {
				t.Errorf("the user %q holds control characters", user)
			}
			if display := unquoted(req.From().DisplayName); !cleanText(display) || len(display) > textLimit {
				t.Errorf("the display name %q is not clean", display)
			}
			if auth.verify(req, userPart(&req.From().Address), nil, nil, func(string) bool { return true }) == proven {
				t.Error("proven without an account")
			}
			_, _ = registrar.wanted(req, &Account{})
			_ = unreachable(req)
		}
		res := newResponse(req, max(refused.code, 200), refused.reason, statelessTag(req))
		for _, h := range refused.headers {
			res.AppendHeader(h)
			if strings.ContainsAny(h.Value(), "\r\n") {
				t.Errorf("the header %q breaks the message", h.Value())
			}
		}
		if len(res.String()) > 4*len(data)+2000 {
			t.Errorf("%d bytes for %d", len(res.String()), len(data))
		}
	})
}

func FuzzUserPart(f *testing.F) {
	f.Add("95500")
	f.Add("%23*00;phone-context=x")
	f.Add("%0d%0aEvil: 1")
	f.Fuzz(func(t *testing.T, user string) {
		plain := userPart(&wire.Uri{Scheme: "sip", User: user})
		if !utf8.ValidString(plain) || strings.ContainsFunc(plain, unicode.IsControl) {
			t.Errorf("%q: got %q", user, plain)
		}
		escaped := escapedUser(plain)
		if strings.ContainsAny(escaped, "@:;<>\r\n \"") {
			t.Errorf("%q: escaped as %q", plain, escaped)
		}
		if !strings.Contains(plain, ";") {
			if again := userPart(&wire.Uri{Scheme: "sip", User: escaped}); again != plain {
				t.Errorf("%q: got back %q", plain, again)
			}
		}
	})
}
