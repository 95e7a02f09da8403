package sdp

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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
				Payloads: []Payload{{Number: 97, Name: "iLBC", Clock: 8000}, {Number: 8, Name: "PCMA", Clock: 8000}, {Number: 100, Name: "Telephone-Event", Clock: 8000, Params: "0-16"}},
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
	for _, c := range []struct {
		name   string
		lines  []string
		line   int
		reason string
	}{
		{"nothing", nil, 0, "empty"},
		{"no version", []string{"o=a 1 2 IN IP4 192.0.2.1"}, 1, "does not begin with v=0"},
		{"another version", []string{"v=1"}, 1, "does not begin with v=0"},
		{"words", []string{"", "hello"}, 2, "does not begin with v=0"},
		{"33 media", append([]string{"v=0", "s=-"}, strings.Split(strings.Repeat("m=audio 0 RTP/AVP 0\n", 33), "\n")...), 35, "too many media"},
		{"33 KB", []string{"v=0", strings.Repeat("s", 33<<10)}, 0, "longer than 32 KB"},
	} {
		_, err := Parse(lines(c.lines...))
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Line != c.line || pe.Reason != c.reason {
			t.Errorf("%s: got %v, want line %d: %s", c.name, err, c.line, c.reason)
		}
	}
}

// A defect in what does not matter hides nothing of what does: whatever is wrong,
// the stream is at 192.0.2.9:5000, in A-law, with keys as 101.
// https://github.com/sipwise/rtpengine/issues/2122
// https://github.com/sipwise/rtpengine/issues/638
// https://github.com/sipwise/rtpengine/issues/1182
// https://github.com/pjsip/pjproject/issues/1233
// https://github.com/MayamaTakeshi/mrcp_server/issues/32
// https://github.com/Kurento/bugtracker/issues/627
func TestDefectsThatDoNotMatter(t *testing.T) {
	const (
		origin = "o=- 7 1 IN IP4 192.0.2.9"
		where  = "c=IN IP4 192.0.2.9"
		audio  = "m=audio 5000 RTP/AVP 8 101"
		keys   = "a=rtpmap:101 telephone-event/8000"
	)
	for name, l := range map[string][]string{
		"nothing":                      {"v=0", origin, "s=-", where, "t=0 0", audio, keys},
		"o= with five fields":          {"v=0", "o=- 7 1 IN 192.0.2.9", "s=-", where, "t=0 0", audio, keys},
		"o= with blanks in the name":   {"v=0", "o=John Doe 7 1 IN IP4 192.0.2.9", "s=-", where, "t=0 0", audio, keys},
		"no o=, s=, t=":                {"v=0", where, audio, keys},
		"empty s=, b= and i=":          {"v=0", origin, "s=", "i=", where, "b=", "t=", audio, "b=AS", keys},
		"t= before s=":                 {"v=0", origin, "t=0 0", "s=-", where, audio, keys},
		"words behind c=":              {"v=0", origin, "c=IN IP4 192.0.2.9 WORDS", audio, keys},
		"c= in lower case":             {"v=0", origin, "c=in ip4 192.0.2.9", audio, keys},
		"c= with blanks":               {"v=0", origin, "c= IN  IP4\t192.0.2.9 ", audio, keys},
		"c= in brackets":               {"v=0", origin, "c=IN IP6 [::ffff:192.0.2.9]", audio, keys},
		"c= beside a broken one":       {"v=0", origin, "c=IN IP4", audio, where, keys},
		"profile in lower case":        {"v=0", origin, where, "m=audio 5000 rtp/avp 8 101", keys},
		"kind in upper case":           {"v=0", origin, where, "m=AUDIO 5000 RTP/AVP 8 101", keys},
		"number of ports":              {"v=0", origin, where, "m=audio 5000/2 RTP/AVP 8 101", keys},
		"formats twice":                {"v=0", origin, where, "m=audio 5000 RTP/AVP 8 101 8 101", keys, keys},
		"a number over 127":            {"v=0", origin, where, "m=audio 5000 RTP/AVP 255 8 128 101", keys},
		"a format that is no number":   {"v=0", origin, where, "m=audio 5000 RTP/AVP * 8 PCMA 101", keys},
		"telephone-event, no clock":    {"v=0", origin, where, audio, "a=rtpmap:101 telephone-event"},
		"telephone-event, no map":      {"v=0", origin, where, audio},
		"map without encoding":         {"v=0", origin, where, "m=audio 5000 RTP/AVP 96 8 101", "a=rtpmap:96", "a=rtpmap:96 ", "a=rtpmap:", "a=rtpmap", keys},
		"map with a clock of words":    {"v=0", origin, where, audio, "a=rtpmap:8 PCMA/fast", "a=rtpmap:8 PCMA/0", keys},
		"words behind a map":           {"v=0", origin, where, audio, "a=rtpmap:8 PCMA/8000 101", keys + " 0-15"},
		"channels in a map":            {"v=0", origin, where, audio, "a=rtpmap:8 pcma/8000/1", keys + "/1"},
		"blanks in a map":              {"v=0", origin, where, audio, "a=rtpmap: 8  PCMA/8000", "a=RTPMAP:101\ttelephone-event/8000"},
		"two maps, keys first":         {"v=0", origin, where, audio, keys, "a=rtpmap:101 NSE/8000"},
		"two maps, keys last":          {"v=0", origin, where, audio, "a=rtpmap:101 X-NSE/8000", keys},
		"two maps, two clocks":         {"v=0", origin, where, audio, keys, "a=rtpmap:101 telephone-event/16000"},
		"keys of another clock beside": {"v=0", origin, where, "m=audio 5000 RTP/AVP 110 8 97 101", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:97 telephone-event/16000", keys},
		"keys of another clock behind": {"v=0", origin, where, "m=audio 5000 RTP/AVP 8 101 110", keys, "a=rtpmap:110 telephone-event/48000"},
		"maps of numbers not listed":   {"v=0", origin, where, audio, keys, "a=rtpmap:99 x", "a=fmtp:99 y", "a=rtpmap:200 PCMU/8000"},
		"fmtp without parameters":      {"v=0", origin, where, audio, keys, "a=fmtp:101", "a=fmtp:8 ", "a=fmtp", "a=fmtp:x y"},
		"packet times that are none":   {"v=0", origin, where, audio, keys, "a=ptime:fast", "a=maxptime:NaN", "a=ptime:", "a=ptime:-20"},
		"rtcp that is none":            {"v=0", origin, where, audio, keys, "a=rtcp:x", "a=rtcp", "a=rtcp:0", "a=rtcp:70000 IN IP4 192.0.2.9"},
		"direction in upper case":      {"v=0", origin, where, "a=inactive", audio, keys, "a=SendRecv"},
		"candidates and a key":         {"v=0", origin, where, audio, keys, "a=candidate:1 1 UDP 2130706431", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:", "a=ice-ufrag"},
		"lines of no kind":             {"v=0", "hello", origin, "=", "x", where, "z=", audio, "a", keys, "a=", ":"},
		"words behind the end":         {"v=0", origin, where, audio, keys, "", "--boundary--", "m"},
		"the whole twice":              {"v=0", origin, where, audio, keys, "v=0", origin, where, audio, keys},
		"bare LF":                      {"v=0\n" + origin + "\n" + where + "\n" + audio + "\n" + keys + "\n"},
		"bare CR":                      {"v=0\r" + origin + "\r" + where + "\r" + audio + "\r" + keys},
		"blanks around lines":          {"", "  v=0 \t", origin + " ", " " + where, audio + "\t ", " " + keys + " "},
		"NUL behind the end":           {"v=0", origin, where, audio, keys, "\x00"},
		"NUL at the end":               {"v=0", origin, where, audio, keys + "\x00\x00"},
		"NUL at the end of each line":  {"v=0\x00", origin + "\x00", where + "\x00", audio + "\x00", keys + "\x00"},
		"an old text behind a NUL":     {"v=0", origin, where, audio, keys + "\x00/8000", "a=inactive", "m=audio 0 RTP/AVP 8"},
		"NUL behind the formats":       {"v=0", origin, where, audio + "\x00"},
		"another net for the video":    {"v=0", origin, where, audio, keys, "m=video 5002 RTP/AVP 34", "c=ATM NSAP 47.0091"},
		"refused video 255":            {"v=0", origin, where, audio, keys, "m=video 0 RTP/AVP 255"},
		"refused video, defects":       {"v=0", origin, where, audio, keys, "m=video 0 RTP/AVP 96", "a=rtpmap:96", "a=fmtp:96", "a=rtcp:x", "c=IN IP4"},
		"live video":                   {"v=0", origin, where, audio, keys, "m=video 5002 RTP/AVP H264", "a=rtpmap:H264"},
		"live application":             {"v=0", origin, where, audio, keys, "m=application 9 TCP/MRCPv2", "a=setup:active"},
		"sections with nothing":        {"v=0", origin, where, audio, keys, "m=", "m=video", "m=video 0", "m=image 5004 udptl"},
		"ports that are none":          {"v=0", origin, where, audio, keys, "m=video 65536 RTP/AVP 34", "m=video -1 RTP/AVP 34", "m=video $ RTP/AVP 34"},
		"other audio before":           {"v=0", origin, where, "m=audio 5002 RTP/AVP 9", "m=audio x RTP/AVP 8", "m=audio 0 RTP/AVP 8", "m=audio 5004 RTP/SAVP 8", audio, keys},
		"other audio behind":           {"v=0", origin, where, audio, keys, "m=audio 5002 RTP/AVP 8"},
	} {
		want := 0 // how many sections our answer needs
		for _, line := range l {
			want += strings.Count("\n"+strings.ReplaceAll(line, "\r", "\n"), "\nm=")
		}
		if name == "the whole twice" || name == "an old text behind a NUL" {
			want = 1
		}
		p := party()
		s, path := mustAnswer(t, p, lines(l...))
		sound(t, name+", offer", path)
		if len(s.Media) != want {
			t.Errorf("%s: got an answer of %d sections, want %d", name, len(s.Media), want)
		}
		if open := slices.DeleteFunc(s.Media, func(m Media) bool { return m.Port == 0 }); len(open) != 1 {
			t.Errorf("%s: got %d sections open in our answer, want 1", name, len(open))
		}
		_, path = mustAnswer(t, p, lines(l...))
		sound(t, name+", re-offer", path)

		// The other direction: as the answer to our offer, whose first section is ours.
		if name == "other audio before" {
			continue
		}
		p = party()
		p.Offer()
		path, err := p.Accept(lines(l...))
		if err != nil {
			t.Errorf("%s, answer: got %v, want no error", name, err)
		}
		sound(t, name+", answer", path)
	}
}

// sound checks that a path is A-law to 192.0.2.9:5000, with keys as 101, every 20 ms.
func sound(t *testing.T, name string, path Path) {
	t.Helper()
	if path.Remote.String() != "192.0.2.9:5000" || path.RemoteRTCP.String() != "192.0.2.9:5001" || path.Codec != PCMA || path.SendType != 8 ||
		!path.Events || path.SendEvents != 101 || path.Receive[101] != TelephoneEvent || path.Ptime != 20*time.Millisecond || path.Direction != SendRecv {
		t.Errorf("%s: got %v (%d) to %v and %v, events %t (%d), every %v, %v", name,
			path.Codec, path.SendType, path.Remote, path.RemoteRTCP, path.Events, path.SendEvents, path.Ptime, path.Direction)
	}
}

// What matters is not guessed: a stream without its own address or port is refused,
// though another stands nearby.
func TestDefectsThatMatter(t *testing.T) {
	for name, more := range map[string][]string{
		"port too large":               {"m=audio 65536 RTP/AVP 8"},
		"negative port":                {"m=audio -1 RTP/AVP 8"},
		"no port":                      {"m=audio"},
		"no formats":                   {"m=audio 5000 RTP/SAVP"},
		"no format that is a number":   {"m=audio 5000 RTP/AVP PCMA"},
		"half an address":              {"m=audio 5000 RTP/AVP 8", "c=IN IP4"},
		"an address of numbers only":   {"m=audio 5000 RTP/AVP 8", "c=IN IP4 192.0.2.300"},
		"an address with a zone":       {"m=audio 5000 RTP/AVP 8", "c=IN IP6 fe80::1%eth0"},
		"an address of another net":    {"m=audio 5000 RTP/AVP 8", "c=ATM NSAP 47.0091"},
		"two channels":                 {"m=audio 5000 RTP/AVP 96", "a=rtpmap:96 PCMA/8000/2"},
		"a law of another clock":       {"m=audio 5000 RTP/AVP 8", "a=rtpmap:8 PCMA/16000"},
		"keys only":                    {"m=audio 5000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"},
		"encryption in small letters":  {"m=audio 5000 rtp/savp 8"},
		"profile of another transport": {"m=audio 5000 TCP/RTP/AVP 8"},
	} {
		p := party()
		if _, _, err := p.Answer(offer(more...)); !errors.Is(err, ErrNoCodec) {
			t.Errorf("%s, offer: got %v, want %v", name, err, ErrNoCodec)
		}
		mustAnswer(t, p, offer("m=audio 5000 RTP/AVP 8"))
		if _, _, err := p.Answer(offer(more...)); !errors.Is(err, ErrNoCodec) {
			t.Errorf("%s, re-offer: got %v, want %v", name, err, ErrNoCodec)
		}
		p.Offer()
		if _, err := p.Accept(offer(more...)); !errors.Is(err, ErrNoCodec) {
			t.Errorf("%s, answer to our re-offer: got %v, want %v", name, err, ErrNoCodec)
		}
	}
}

// Some ask a c= line of every section, also of one that is refused.
// https://github.com/pjsip/pjproject/issues/1625
// https://github.com/kamailio/kamailio/issues/3982
func TestEverySectionHasItsConnection(t *testing.T) {
	p := party()
	o := offer("m=video 5002 RTP/AVP 34", "m=audio 5000 RTP/AVP 8", "m=application 9 TCP/MRCPv2", "m=audio")
	answer, _, err := p.Answer(o)
	if err != nil {
		t.Fatal(err)
	}
	ended, _, err := p.Answer(offer("m=video 0 RTP/AVP 34", "m=audio 0 RTP/AVP 8"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"first offer": party().Offer(), "answer": answer, "answer that ends": ended, "re-offer": p.Offer()} {
		for i, section := range strings.Split(string(b), "m=")[1:] {
			if !strings.Contains(section, "\r\nc=IN IP4 192.0.2.1\r\n") {
				t.Errorf("%s, section %d: got no c= in\n%s", name, i, b)
			}
			if fields := strings.Fields(strings.SplitN(section, "\r\n", 2)[0]); len(fields) < 4 {
				t.Errorf("%s, section %d: got %q, want kind, port, profile and a format", name, i, fields)
			}
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
	for _, d := range devices(f) {
		f.Add(d.description)
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
			for i := range s.Media {
				s.Media[i].Unreadable = false // and what an m= line lacks is made up
			}
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
