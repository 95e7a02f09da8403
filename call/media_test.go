package call

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"
	pion "github.com/pion/rtp"

	"cardline/acd"
	"cardline/ledger"
	"cardline/sip"
)

// A wireTap is a telephone of which every message is written by hand, and a
// place where its voice would be heard.
type wireTap struct {
	t            *testing.T
	signal, ears *net.UDPConn
	server       net.Addr
	from, number string
	seq          int
	to           string // the To of the last response
}

func newWireTap(b *bench, from, number string) *wireTap {
	b.t.Helper()
	listen := func() *net.UDPConn {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		must(b.t, err)
		b.t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	server := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(b.server))
	return &wireTap{t: b.t, signal: listen(), ears: listen(), server: server, from: from, number: number, to: "<sip:" + number + "@127.0.0.1>"}
}

// send sends a request with the description of the voice, if it is an INVITE.
func (w *wireTap) send(method, more string) {
	w.t.Helper()
	body := ""
	if method == "INVITE" {
		body = fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\n", w.ears.LocalAddr().(*net.UDPAddr).Port)
		more += "Content-Type: application/sdp\r\n"
	}
	_, err := fmt.Fprintf(w.signalTo(), "%s sip:%s@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d;rport\r\n"+
		"From: <sip:%s@127.0.0.1>;tag=f\r\nTo: %s\r\nCall-ID: tap-%s\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\nContact: <sip:x@%s>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, w.number, w.signal.LocalAddr(), method, w.seq, w.from, w.to, w.number, w.seq, method, w.signal.LocalAddr(), more, len(body), body)
	must(w.t, err)
}

type toServer struct{ *wireTap }

func (w toServer) Write(p []byte) (int, error) { return w.signal.WriteTo(p, w.server) }

func (w *wireTap) signalTo() toServer { return toServer{w} }

var toHeader = regexp.MustCompile(`(?m)^To: (.*)\r$`)

// hears waits for a response of a code.
func (w *wireTap) hears(code int) string {
	w.t.Helper()
	must(w.t, w.signal.SetReadDeadline(time.Now().Add(patience)))
	p := make([]byte, 4096)
	for {
		n, _, err := w.signal.ReadFrom(p)
		must(w.t, err)
		if message := string(p[:n]); strings.HasPrefix(message, fmt.Sprintf("SIP/2.0 %d ", code)) {
			if to := toHeader.FindStringSubmatch(message); code == 200 && to != nil {
				w.to = to[1]
			}
			return message
		}
	}
}

// voice waits for a packet of voice, for so long at most.
func (w *wireTap) voice(limit time.Duration) bool {
	w.t.Helper()
	must(w.t, w.ears.SetReadDeadline(time.Now().Add(limit)))
	_, _, err := w.ears.ReadFrom(make([]byte, 1500))
	return err == nil
}

// Whoever gives the address of another in an INVITE gets nothing sent there:
// before the ACK, which only the sender of the INVITE can send, no voice goes
// out. So it is for callers and for phones that dial a feature code.
func TestNothingIsSaidBeforeTheAck(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ name, from, password, number string }{
		{"a caller", "13900000000", "", "100"}, {"a feature code", "1001", "a", "*11"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWireTap(b, c.from, c.number)
			w.seq = 1
			w.send("INVITE", "")
			if c.password != "" {
				_, header, _ := strings.Cut(w.hears(401), "WWW-Authenticate: ")
				header, _, _ = strings.Cut(header, "\r\n")
				challenge, err := digest.ParseChallenge(header)
				must(t, err)
				credentials, err := digest.Digest(challenge, digest.Options{
					Method: "INVITE", URI: "sip:" + c.number + "@127.0.0.1", Username: c.from, Password: c.password, Count: 1,
				})
				must(t, err)
				w.send("ACK", "")
				w.seq++
				w.send("INVITE", "Authorization: "+credentials.String()+"\r\n")
			}
			w.hears(200)
			w.hears(200) // once more, after half a second
			if w.voice(time.Millisecond) {
				t.Error("voice before the ACK")
			}
			w.send("ACK", "")
			if !w.voice(patience) {
				t.Error("no voice after the ACK")
			}
			w.seq++
			w.send("BYE", "")
		})
	}
}

var elsewhere = []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}

// A trunk's media goes to the trunk's own media addresses, a phone's to those of
// its network, whoever has called whom.
func TestMediaGoesNowhereElse(t *testing.T) {
	trunk := func(c *Config) { c.Media.Trunks = map[string][]netip.Prefix{"local": elsewhere} }
	phones := func(c *Config) {
		c.Media.Networks = []NetworkMedia{{Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Media: elsewhere}}
	}
	t.Run("a caller", func(t *testing.T) {
		b := newBench(t, trunk)
		p := &phone{bench: b, events: make(chan sip.Event, 64)}
		_, err := b.phones.Dial(sip.Dial{
			URI: "sip:100@" + b.server, From: "1",
			Offer: []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8\r\n"),
		}, func(e sip.Event) { p.events <- e })
		must(t, err)
		if e := p.ended(); e.Code != 488 {
			t.Errorf("refused with %d, want 488", e.Code)
		}
	})
	t.Run("an agent's phone", func(t *testing.T) {
		b := newBench(t, phones)
		b.agent("1001", "a", answers)
		c := b.caller("200")
		offer := fact(b, "the offer is over", func(ledger.OfferEnded) bool { return true })
		if offer.Result != ledger.OfferRejected {
			t.Errorf("the offer ended as %s, want %s", offer.Result, ledger.OfferRejected)
		}
		c.leg.Hangup("")
		c.ended()
	})
	t.Run("a customer who is called back", func(t *testing.T) {
		b := backBench(t, acd.CallerFirst, nil)
		c, number := b.asks("11")
		c.ended()
		narrow := *b.config
		trunk(&narrow)
		b.hotline.Reload(&narrow)
		b.customer(number, answers)
		b.agent("1001", "a", answers)
		tried := fact(b, "the attempt", func(ledger.CallbackTried) bool { return true })
		if tried.Result != ledger.CallbackRefused {
			t.Errorf("the attempt ended as %s, want %s", tried.Result, ledger.CallbackRefused)
		}
	})
}

// A phone that sends from elsewhere than it says is told of in the ledger, once; on
// a trunk that latches it is heard, and hears.
func TestMediaFromElsewhere(t *testing.T) {
	// from calls in and lets media come from another socket than signalled, until it
	// has been told of or spoken to.
	from := func(b *bench, enough func(*net.UDPConn) bool) (w *wireTap, mouth *net.UDPConn) {
		w = newWireTap(b, "13900000000", "100")
		mouth, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		must(t, err)
		t.Cleanup(func() { _ = mouth.Close() })
		w.seq = 1
		w.send("INVITE", "")
		answer := w.hears(200)
		w.send("ACK", "")
		port := regexp.MustCompile(`m=audio (\d+) `).FindStringSubmatch(answer)
		to, err := net.ResolveUDPAddr("udp", "127.0.0.1:"+port[1])
		must(t, err)
		deadline := time.Now().Add(patience)
		for n := uint16(0); !enough(mouth); n++ {
			if time.Now().After(deadline) {
				t.Fatal("its media is neither told of nor answered")
			}
			p := pion.Packet{Header: pion.Header{Version: 2, PayloadType: 8, SequenceNumber: n, Timestamp: uint32(n) * 160, SSRC: 7}, Payload: make([]byte, 160)}
			raw, err := p.Marshal()
			must(t, err)
			_, _ = mouth.WriteTo(raw, to) // the kernel may say that nobody listens
		}
		w.seq++
		w.send("BYE", "")
		w.hears(200)
		return w, mouth
	}
	told := func(ledger.WrongMediaSource) bool { return true }
	t.Run("told of", func(t *testing.T) {
		b := newBench(t)
		w, mouth := from(b, func(*net.UDPConn) bool {
			time.Sleep(20 * time.Millisecond) // the pace of a phone
			return len(facts(b, told)) > 0
		})
		want := ledger.WrongMediaSource{Signalled: w.ears.LocalAddr().String(), Source: mouth.LocalAddr().String()}
		if got := fact(b, "it is told of", told); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		fact(b, "the end", func(ledger.CallEnded) bool { return true })
		if n := len(facts(b, told)); n != 1 {
			t.Errorf("told of %d times, want once", n)
		}
	})
	t.Run("on a trunk that latches", func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.Media.Latching = map[string]bool{"local": true} })
		from(b, func(mouth *net.UDPConn) bool {
			must(t, mouth.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
			_, _, err := mouth.ReadFrom(make([]byte, 1500))
			return err == nil
		})
		fact(b, "the end", func(ledger.CallEnded) bool { return true })
		if n := len(facts(b, told)); n != 0 {
			t.Errorf("told of %d times, want never", n)
		}
	})
}
