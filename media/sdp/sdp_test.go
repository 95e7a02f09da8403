package sdp

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// lines joins the lines of a description with CRLF.
func lines(l ...string) []byte { return []byte(strings.Join(l, "\r\n") + "\r\n") }

func TestParseCompletesMediaFromTheSession(t *testing.T) {
	s, err := Parse(lines("v=0", "o=a 1 2 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.9", "t=0 0", "a=sendonly",
		"m=audio 4000 RTP/AVP 97 8 100", "a=rtpmap:97 iLBC/8000", "a=rtpmap:100 Telephone-Event/8000", "a=fmtp:100 0-16", "a=ptime:30", "a=maxptime:60",
		"a=rtcp:4009 IN IP4 192.0.2.8", "a=rtcp-mux",
		"m=video 4002/2 RTP/AVP 96", "c=IN IP4 192.0.2.7/127", "a=recvonly"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Session{
		Origin: Origin{User: "a", ID: "1", Version: "2", Host: "192.0.2.1"}, Name: "-",
		Media: []Media{
			{
				Kind: "audio", Port: 4000, Proto: "RTP/AVP", Formats: []string{"97", "8", "100"},
				Address: netip.MustParseAddr("192.0.2.9"), Direction: SendOnly,
				Payloads: []Payload{{97, "iLBC", 8000, ""}, {8, "PCMA", 8000, ""}, {100, "Telephone-Event", 8000, "0-16"}},
				Ptime:    30 * time.Millisecond, MaxPtime: 60 * time.Millisecond,
				RTCP: netip.MustParseAddrPort("192.0.2.8:4009"), Mux: true,
			},
			{
				Kind: "video", Port: 4002, Proto: "RTP/AVP", Formats: []string{"96"},
				Address: netip.MustParseAddr("192.0.2.7"), Direction: RecvOnly, Payloads: []Payload{{Number: 96}},
			},
		},
	}
	if d := cmp.Diff(want, s, equal...); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// equal compares descriptions: addresses by value, empty lists as absent ones.
var equal = []cmp.Option{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

func TestParseErrorsNameLineAndReason(t *testing.T) {
	head := []string{"v=0", "o=a 1 2 IN IP4 192.0.2.1", "s=-"}
	for _, c := range []struct {
		name   string
		lines  []string
		line   int
		reason string
	}{
		{"nothing", nil, 0, "empty"},
		{"no version", []string{"o=a 1 2 IN IP4 192.0.2.1"}, 1, "does not begin with v=0"},
		{"another version", []string{"v=1"}, 1, "does not begin with v=0"},
		{"no equals sign", append(head, "hello"), 4, "not of the form x=value"},
		{"short origin", []string{"v=0", "o=a 1 2"}, 2, "origin has not six fields"},
		{"connection of another net", append(head, "c=ATM NSAP 1"), 4, "connection is not IN IP4 or IN IP6"},
		{"short media", append(head, "m=audio 4000 RTP/AVP"), 4, "media has less than four fields"},
		{"port too large", append(head, "m=audio 65536 RTP/AVP 0"), 4, "media port is not a port"},
		{"negative port", append(head, "m=audio -1 RTP/AVP 0"), 4, "media port is not a port"},
		{"payload 128", append(head, "m=audio 4000 RTP/AVP 128"), 4, "payload number is not 0 to 127"},
		{"rtpmap without clock", append(head, "m=audio 4000 RTP/AVP 97", "a=rtpmap:97 iLBC"), 5, "rtpmap without encoding and clock"},
		{"rtpmap with clock 0", append(head, "m=audio 4000 RTP/AVP 97", "a=rtpmap:97 iLBC/0"), 5, "rtpmap clock is not a number"},
		{"rtcp without port", append(head, "m=audio 4000 RTP/AVP 0", "a=rtcp:x"), 5, "rtcp port is not a port"},
		{"half an rtcp address", append(head, "m=audio 4000 RTP/AVP 0", "a=rtcp:4001 IN"), 5, "rtcp is not a port with or without address"},
		{"a return within a line", append(head, "m=audio 4000 RTP/AVP 0\rm=x"), 4, "control character"},
		{"33 media", append(head, strings.Split(strings.Repeat("m=audio 0 RTP/AVP 0\n", 33), "\n")...), 36, "too many media or formats"},
		{"33 KB", append(head, strings.Repeat("s", 33<<10)), 0, "longer than 32 KB"},
	} {
		_, err := Parse(lines(c.lines...))
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Line != c.line || pe.Reason != c.reason {
			t.Errorf("%s: got %v, want line %d: %s", c.name, err, c.line, c.reason)
		}
	}
}

func TestParseIsLenientWithCarelessTelephones(t *testing.T) {
	for name, text := range map[string]string{
		"bare line feeds":            "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 8\n",
		"no last line end":           "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8",
		"empty lines":                "v=0\r\n\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8\r\n\r\n",
		"rtpmap of an unlisted one":  "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:99 x\r\na=fmtp:99 y\r\n",
		"a packet time that is none": "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8\r\na=ptime:fast\r\na=maxptime:NaN\r\n",
	} {
		s, err := Parse([]byte(text))
		if err != nil || len(s.Media) != 1 || s.Media[0].Address != netip.MustParseAddr("192.0.2.1") || s.Media[0].Ptime != 0 {
			t.Errorf("%s: got %+v and %v, want one stream to 192.0.2.1", name, s, err)
		}
	}
}

func FuzzSDP(f *testing.F) {
	files, err := filepath.Glob("testdata/offers/*.sdp")
	if err != nil || len(files) == 0 {
		f.Fatalf("got %d offers and %v, want some", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(lines("v=0", "o=a 1 2 IN IP6 ::1", "s=-", "m=audio 0 RTP/AVP 0 97", "a=inactive", "a=rtcp:9 IN IP6 ::1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) {
				t.Fatalf("got %T, want a *ParseError", err)
			}
			return
		}
		if s.Origin.User != "" { // written descriptions have an origin
			again, err := Parse(s.Marshal())
			if err != nil {
				t.Fatalf("parse what was written: got %v, want no error", err)
			}
			s.Origin.Host, again.Origin.Host = "", "" // its IP version is made good
			if d := cmp.Diff(s, again, equal...); d != "" {
				t.Fatalf("written and read again (-want +got):\n%s", d)
			}
		}
		p := NewParty(Local{Address: netip.MustParseAddr("192.0.2.1"), Port: 4000, Codecs: []Codec{PCMA, PCMU}})
		answer, path, err := p.Answer(b)
		if err != nil {
			return
		}
		a, err := Parse(answer)
		if err != nil || len(a.Media) != len(s.Media) {
			t.Fatalf("our own answer: got %v and %d media, want %d", err, len(a.Media), len(s.Media))
		}
		open := 0
		for _, m := range a.Media {
			if m.Port != 0 {
				open++
			}
		}
		if open != 1 || !path.Open() {
			t.Fatalf("got %d streams open, want 1", open)
		}
		if _, err := p.Accept(b); !errors.Is(err, ErrNoOffer) {
			t.Fatalf("accept without an offer: got %v, want %v", err, ErrNoOffer)
		}
		p.Offer()
		if path, err := p.Accept(b); err == nil && path.Open() && path.Receive[path.SendType] != path.Codec.meaning() {
			t.Fatalf("got payload %d as %d, want %v", path.SendType, path.Receive[path.SendType], path.Codec)
		}
	})
}
