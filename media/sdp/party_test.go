package sdp

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func party(codecs ...Codec) *Party {
	if codecs == nil {
		codecs = []Codec{PCMA, PCMU}
	}
	return NewParty(Local{Address: netip.MustParseAddr("192.0.2.1"), Port: 4000, Codecs: codecs})
}

// offer is an audio offer from 192.0.2.9:5000 with more lines.
func offer(more ...string) []byte {
	return lines(append([]string{"v=0", "o=- 7 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"}, more...)...)
}

func mustAnswer(t *testing.T, p *Party, o []byte) (*Session, Path) {
	t.Helper()
	b, path, err := p.Answer(o)
	if err != nil {
		t.Fatalf("answer to\n%s\ngot %v, want no error", o, err)
	}
	s, err := Parse(b)
	if err != nil {
		t.Fatalf("our answer\n%s\ngot %v, want no error", b, err)
	}
	return s, path
}

// The offers are those of the programs, taken from the wire, with addresses of
// RFC 5737 in place of the host's.
func TestRealOffers(t *testing.T) {
	for _, c := range []struct {
		file    string
		formats string // of our answer; empty: refused
		remote  string
		rtcp    string
		codec   Codec
	}{
		{"baresip", "8 101", "127.0.0.1:47216", "127.0.0.1:47217", PCMA},
		{"linphone", "8 101", "192.0.2.10:47230", "192.0.2.10:47231", PCMA},
		{"sipp", "0", "127.0.0.1:6000", "127.0.0.1:6001", PCMU},
		{"jssip", "", "", "", 0}, // DTLS-SRTP: must not be answered in the clear
	} {
		t.Run(c.file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join("testdata", "offers", c.file+".sdp"))
			if err != nil {
				t.Fatal(err)
			}
			if c.formats == "" {
				if _, _, err := party().Answer(b); !errors.Is(err, ErrNoCodec) {
					t.Errorf("got %v, want %v", err, ErrNoCodec)
				}
				return
			}
			s, path := mustAnswer(t, party(), b)
			if got := strings.Join(s.Media[0].Formats, " "); got != c.formats {
				t.Errorf("formats: got %q, want %q", got, c.formats)
			}
			if path.Remote.String() != c.remote || path.RemoteRTCP.String() != c.rtcp || path.Codec != c.codec {
				t.Errorf("got %v to %v and %v, want %v to %s and %s", path.Codec, path.Remote, path.RemoteRTCP, c.codec, c.remote, c.rtcp)
			}
			if path.Ptime != 20*time.Millisecond || path.Direction != SendRecv || path.Held {
				t.Errorf("got %v, %v, held %t, want 20ms, sendrecv, false", path.Ptime, path.Direction, path.Held)
			}
		})
	}
}

func TestAnswerUsesTheOfferersNumbers(t *testing.T) {
	s, path := mustAnswer(t, party(), offer("m=audio 5000 RTP/AVP 0 99 111", "a=rtpmap:99 PCMA/8000", "a=rtpmap:111 telephone-event/8000"))
	if got := s.Media[0].Formats; !slices.Equal(got, []string{"99", "111"}) {
		t.Errorf("formats: got %v, want 99 111", got)
	}
	if path.SendType != 99 || !path.Events || path.SendEvents != 111 ||
		path.Receive[99] != AudioA || path.Receive[111] != TelephoneEvent || path.Receive[101] != Unknown || path.Receive[0] != Unknown {
		t.Errorf("got %+v, want payload 99 as PCMA and 111 as events only", path)
	}
}

func TestEventsOfAnotherClockAreNotOurs(t *testing.T) {
	_, path := mustAnswer(t, party(), offer("m=audio 5000 RTP/AVP 8 110", "a=rtpmap:110 telephone-event/48000"))
	if path.Events {
		t.Error("got events at 48 kHz, want none")
	}
}

func TestPreferenceIsOursInAnAnswer(t *testing.T) {
	for _, c := range []struct {
		ours []Codec
		want Codec
	}{{[]Codec{PCMA, PCMU}, PCMA}, {[]Codec{PCMU, PCMA}, PCMU}, {[]Codec{PCMU}, PCMU}} {
		if _, path := mustAnswer(t, party(c.ours...), offer("m=audio 5000 RTP/AVP 0 8")); path.Codec != c.want {
			t.Errorf("%v: got %v, want %v", c.ours, path.Codec, c.want)
		}
	}
}

func TestStreamsThatCannotBeTakenAreRefusedInPlace(t *testing.T) {
	s, path := mustAnswer(t, party(), offer(
		"m=audio 5000 RTP/SAVP 8", "m=video 5002 RTP/AVP 96", "a=rtpmap:96 H264/90000", "m=audio 5004 RTP/AVP 8", "m=audio 5006 RTP/AVP 8", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"))
	var got []string
	for _, m := range s.Media {
		got = append(got, m.Kind+" "+m.Proto+" "+strings.Join(m.Formats, ","))
		if open := m.Port != 0; open != (len(got) == 3) {
			t.Errorf("stream %d: got port %d", len(got), m.Port)
		}
	}
	want := []string{"audio RTP/SAVP 8", "video RTP/AVP 96", "audio RTP/AVP 8", "audio RTP/AVP 8", "application UDP/DTLS/SCTP webrtc-datachannel"}
	if !slices.Equal(got, want) || path.Remote.Port() != 5004 {
		t.Errorf("got %q to %v, want %q to port 5004", got, path.Remote, want)
	}
}

func TestOffersWithoutAUsableStream(t *testing.T) {
	for name, o := range map[string][]byte{
		"no media":          offer(),
		"video only":        offer("m=video 5000 RTP/AVP 96"),
		"another codec":     offer("m=audio 5000 RTP/AVP 18"),
		"PCMA at 16 kHz":    offer("m=audio 5000 RTP/AVP 96", "a=rtpmap:96 PCMA/16000"),
		"8 is not PCMA":     offer("m=audio 5000 RTP/AVP 8", "a=rtpmap:8 L16/8000"),
		"encrypted":         offer("m=audio 5000 RTP/SAVP 8"),
		"port 0":            offer("m=audio 0 RTP/AVP 8"),
		"IPv6 to IPv4":      offer("m=audio 5000 RTP/AVP 8", "c=IN IP6 2001:db8::1"),
		"a multicast group": offer("m=audio 5000 RTP/AVP 8", "c=IN IP4 224.2.1.1/127"),
	} {
		if _, _, err := party().Answer(o); !errors.Is(err, ErrNoCodec) {
			t.Errorf("%s: got %v, want %v", name, err, ErrNoCodec)
		}
	}
}

func TestALatchingPartyTakesAnAddressItCannotReach(t *testing.T) {
	p := NewParty(Local{Address: netip.MustParseAddr("192.0.2.1"), Port: 4000, Codecs: []Codec{PCMA}, Latches: true})
	_, path := mustAnswer(t, p, offer("m=audio 5000 RTP/AVP 8", "c=IN IP6 2001:db8::1"))
	if path.Remote.IsValid() || !path.Open() || path.Held {
		t.Errorf("got remote %v, open %t, held %t, want none, true, false", path.Remote, path.Open(), path.Held)
	}
}

// A peer may be kept to its own addresses, whatever way its description names
// another: an offer, an answer, a re-offer, the port of the reports, and behind
// a NAT too. A hold by 0.0.0.0 is no address.
func TestMediaElsewhere(t *testing.T) {
	const audio = "m=audio 5000 RTP/AVP 8"
	ours := func(latches bool) *Party {
		return NewParty(Local{
			Address: netip.MustParseAddr("192.0.2.1"), Port: 4000, Codecs: []Codec{PCMA}, Latches: latches,
			Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		})
	}
	for _, latches := range []bool{false, true} {
		p := ours(latches)
		if _, _, err := p.Answer(offer(audio, "c=IN IP4 198.51.100.1")); !errors.Is(err, ErrElsewhere) {
			t.Errorf("latches %t, offer: got %v, want %v", latches, err, ErrElsewhere)
		}
		if _, path := mustAnswer(t, p, offer(audio, "a=rtcp:6000 IN IP4 198.51.100.1")); path.RemoteRTCP.Addr() != path.Remote.Addr() {
			t.Errorf("latches %t: reports go to %v, want them at the media's address", latches, path.RemoteRTCP)
		}
		if _, _, err := p.Answer(offer(audio, "c=IN IP4 198.51.100.1")); !errors.Is(err, ErrElsewhere) {
			t.Errorf("latches %t, re-offer: got %v, want %v", latches, err, ErrElsewhere)
		}
		if _, path := mustAnswer(t, p, offer(audio, "c=IN IP4 0.0.0.0")); !path.Held {
			t.Errorf("latches %t: a hold by 0.0.0.0 is none", latches)
		}
		p = ours(latches)
		p.Offer()
		if _, err := p.Accept(offer(audio, "c=IN IP4 198.51.100.1")); !errors.Is(err, ErrElsewhere) {
			t.Errorf("latches %t, answer: got %v, want %v", latches, err, ErrElsewhere)
		}
		if path, err := p.Accept(offer(audio)); err != nil || !path.Remote.IsValid() {
			t.Errorf("latches %t, answer from where it may be: got %v to %v, want no error", latches, err, path.Remote)
		}
	}
}

// A host in the place of an address is as good as the address that it is known to
// have, and no better. https://github.com/sipwise/rtpengine/issues/58
func TestHosts(t *testing.T) {
	known := map[Host]string{
		{"ip4", "phone.example.com"}: "192.0.2.77",
		{"ip6", "phone.example.com"}: "2001:db8::77",
		{"ip4", "group.example.com"}: "233.252.0.1",
		{"ip4", "far.example.com"}:   "198.51.100.1",
	}
	for _, c := range []struct {
		name, where string // of c=
		want        error
	}{
		{"known", "c=IN IP4 phone.example.com", nil},
		{"in upper case, with a TTL of words behind", "c=IN IP4 Phone.Example.COM WORDS", nil},
		{"unknown", "c=IN IP4 other.example.com", ErrUnknownHost},
		{"of the other IP version", "c=IN IP6 phone.example.com", ErrNoCodec},
		{"a multicast group", "c=IN IP4 group.example.com", ErrNoCodec},
		{"where it may not be", "c=IN IP4 far.example.com", ErrElsewhere},
		{"no name", "c=IN IP4 phone/example.com", ErrNoCodec},
	} {
		ours := func() *Party {
			return NewParty(Local{
				Address: netip.MustParseAddr("192.0.2.1"), Port: 4000, Codecs: []Codec{PCMA},
				Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("233.252.0.0/16"), netip.MustParsePrefix("2001:db8::/32")},
				Known:   func(h Host) netip.Addr { a, _ := netip.ParseAddr(known[h]); return a },
			})
		}
		check := func(direction string, path Path, err error) {
			if !errors.Is(err, c.want) || err == nil && path.Remote.String() != "192.0.2.77:5000" {
				t.Errorf("%s, %s: got %v to %v, want %v", c.name, direction, err, path.Remote, c.want)
			}
		}
		o := offer(c.where, "m=audio 5000 RTP/AVP 8")
		p := ours()
		_, path, err := p.Answer(o)
		check("offer", path, err)
		mustAnswer(t, p, offer("m=audio 5000 RTP/AVP 8"))
		_, path, err = p.Answer(o)
		check("re-offer", path, err)
		p = ours()
		p.Offer()
		path, err = p.Accept(o)
		check("answer", path, err)
	}
	if _, _, err := party().Answer(offer("m=audio 5000 RTP/AVP 8", "c=IN IP4 phone.example.com")); !errors.Is(err, ErrUnknownHost) {
		t.Errorf("nobody knows hosts: got %v, want %v", err, ErrUnknownHost)
	}
}

// Only the host of what we could take is worth a question to the DNS.
func TestHostOf(t *testing.T) {
	for _, c := range []struct {
		name string
		more []string
		want Host
	}{
		{"an address", []string{"m=audio 5000 RTP/AVP 8"}, Host{}},
		{"of the session", []string{"c=IN IP4 a.example.com", "m=audio 5000 RTP/AVP 8"}, Host{"ip4", "a.example.com"}},
		{"of the section", []string{"c=IN IP4 a.example.com", "m=audio 5000 RTP/AVP 8", "c=IN IP6 B.example.com"}, Host{"ip6", "b.example.com"}},
		{"with the dot of the root", []string{"c=IN IP4 a.example.com.", "m=audio 5000 RTP/AVP 8"}, Host{"ip4", "a.example.com"}},
		{"without a dot", []string{"c=IN IP4 pbx", "m=audio 5000 RTP/AVP 8"}, Host{"ip4", "pbx"}},
		{"of a refused section", []string{"m=audio 0 RTP/AVP 8", "c=IN IP4 a.example.com"}, Host{}},
		{"of video", []string{"m=video 5000 RTP/AVP 34", "c=IN IP4 a.example.com"}, Host{}},
		{"of what is encrypted", []string{"m=audio 5000 RTP/SAVP 8", "c=IN IP4 a.example.com"}, Host{}},
		{"of the second audio", []string{"m=audio 5000 RTP/SAVP 8", "m=audio 5002 RTP/AVP 8", "c=IN IP4 a.example.com"}, Host{"ip4", "a.example.com"}},
		{"numbers only", []string{"m=audio 5000 RTP/AVP 8", "c=IN IP4 192.0.2.300"}, Host{}},
		{"zeros before numbers", []string{"m=audio 5000 RTP/AVP 8", "c=IN IP4 192.000.002.009"}, Host{}},
		{"an IPv6 address that is none", []string{"m=audio 5000 RTP/AVP 8", "c=IN IP6 2001:db8:::1"}, Host{}},
		{"an address with a zone", []string{"m=audio 5000 RTP/AVP 8", "c=IN IP6 fe80::1%eth0"}, Host{}},
		{"too long", []string{"m=audio 5000 RTP/AVP 8", "c=IN IP4 " + strings.Repeat("a.", 127) + "example"}, Host{}},
		{"another alphabet", []string{"m=audio 5000 RTP/AVP 8", "c=IN IP4 电话.example"}, Host{}},
	} {
		if got := HostOf(offer(c.more...)); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if got := HostOf([]byte("hello")); got != (Host{}) {
		t.Errorf("no description: got %v, want none", got)
	}
}

func TestHold(t *testing.T) {
	for _, c := range []struct {
		name   string
		more   []string
		answer Direction
		held   bool
		remote bool
	}{
		{"talking", nil, SendRecv, false, true},
		{"sendonly", []string{"a=sendonly"}, RecvOnly, true, true},
		{"inactive", []string{"a=inactive"}, Inactive, true, true},
		{"recvonly", []string{"a=recvonly"}, SendOnly, false, true},
		{"0.0.0.0", []string{"c=IN IP4 0.0.0.0"}, RecvOnly, true, false},
		{"0.0.0.0 inactive", []string{"c=IN IP4 0.0.0.0", "a=inactive"}, Inactive, true, false},
	} {
		s, path := mustAnswer(t, party(), offer(append([]string{"m=audio 5000 RTP/AVP 8"}, c.more...)...))
		if s.Media[0].Direction != c.answer || path.Direction != c.answer || path.Held != c.held || path.Remote.IsValid() != c.remote {
			t.Errorf("%s: got %v, held %t, remote %v, want %v, %t, %t", c.name, path.Direction, path.Held, path.Remote, c.answer, c.held, c.remote)
		}
		if got := s.Media[0].Address.String(); got != "192.0.2.1" {
			t.Errorf("%s: our address: got %s, want our own even in hold", c.name, got)
		}
	}
}

func TestPacketTime(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct{ wish, most, want time.Duration }{
		{0, 0, 20 * ms},
		{10 * ms, 0, 10 * ms},
		{30 * ms, 60 * ms, 30 * ms},
		{60 * ms, 0, 60 * ms},
		{25 * ms, 0, 20 * ms},
		{120 * ms, 0, 20 * ms},
		{60 * ms, 40 * ms, 20 * ms},
		{0, 10 * ms, 10 * ms},
	} {
		if got := packetTime(c.wish, c.most); got != c.want {
			t.Errorf("ptime %v, maxptime %v: got %v, want %v", c.wish, c.most, got, c.want)
		}
	}
}

func TestRTCP(t *testing.T) {
	for _, c := range []struct {
		more string
		want string
	}{
		{"a=label:1", "192.0.2.9:5001"},
		{"a=rtcp:5055", "192.0.2.9:5055"},
		{"a=rtcp:5055 IN IP4 192.0.2.77", "192.0.2.77:5055"},
		{"a=rtcp:5055 IN IP4 0.0.0.0", "192.0.2.9:5055"},
		{"a=rtcp:5055 IN IP6 2001:db8::1", "192.0.2.9:5055"},
		{"a=rtcp-mux", "192.0.2.9:5000"},
	} {
		s, path := mustAnswer(t, party(), offer("m=audio 5000 RTP/AVP 8", c.more))
		if path.RemoteRTCP.String() != c.want {
			t.Errorf("%s: got %v, want %s", c.more, path.RemoteRTCP, c.want)
		}
		if mux := c.more == "a=rtcp-mux"; s.Media[0].Mux != mux || path.Mux != mux {
			t.Errorf("%s: got mux %t, want %t", c.more, s.Media[0].Mux, mux)
		}
	}
}

func TestIdentityStaysAndVersionGrowsWithChange(t *testing.T) {
	p := party()
	talk, hold := offer("m=audio 5000 RTP/AVP 8"), offer("m=audio 5000 RTP/AVP 8", "a=sendonly")
	first, _ := mustAnswer(t, p, talk)
	same, _ := mustAnswer(t, p, talk)
	held, _ := mustAnswer(t, p, hold)
	back, _ := mustAnswer(t, p, talk)
	if first.Origin != same.Origin {
		t.Errorf("unchanged: got %v, want %v", same.Origin, first.Origin)
	}
	for i, s := range []*Session{first, held, back} {
		if s.Origin.ID != first.Origin.ID || s.Origin.Version != string(rune('1'+i)) {
			t.Errorf("got session %s version %s, want %s version %d", s.Origin.ID, s.Origin.Version, first.Origin.ID, i+1)
		}
	}
	if other, _ := mustAnswer(t, party(), talk); other.Origin.ID == first.Origin.ID {
		t.Error("two sessions with one id")
	}
}

func TestARefusedReofferChangesNothing(t *testing.T) {
	p := party()
	first, _ := mustAnswer(t, p, offer("m=audio 5000 RTP/AVP 8"))
	for name, o := range map[string][]byte{"no codec": offer("m=audio 5000 RTP/AVP 18"), "malformed": []byte("v=1")} {
		if _, _, err := p.Answer(o); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if again, _ := mustAnswer(t, p, offer("m=audio 5000 RTP/AVP 8")); again.Origin != first.Origin {
		t.Errorf("got %v, want %v", again.Origin, first.Origin)
	}
}

func TestAReofferMayEndTheStreamAndBringItBack(t *testing.T) {
	p := party()
	mustAnswer(t, p, offer("m=audio 5000 RTP/AVP 8"))
	s, path := mustAnswer(t, p, offer("m=audio 0 RTP/AVP 8"))
	if s.Media[0].Port != 0 || path.Open() {
		t.Errorf("ended: got port %d, open %t, want 0, false", s.Media[0].Port, path.Open())
	}
	if s, path = mustAnswer(t, p, offer("m=audio 5000 RTP/AVP 8")); s.Media[0].Port != 4000 || !path.Open() {
		t.Errorf("back: got port %d, open %t, want 4000, true", s.Media[0].Port, path.Open())
	}
}

func TestOfferListsAllThatWeCan(t *testing.T) {
	got := string(party(PCMU, PCMA).Offer())
	for _, want := range []string{
		"m=audio 4000 RTP/AVP 0 8 101\r\n", "c=IN IP4 192.0.2.1\r\n", "a=rtpmap:0 PCMU/8000\r\n", "a=rtpmap:8 PCMA/8000\r\n",
		"a=rtpmap:101 telephone-event/8000\r\n", "a=fmtp:101 0-15\r\n", "a=ptime:20\r\n", "a=rtcp-mux\r\n", "a=sendrecv\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q in it", got, want)
		}
	}
}

func TestOfferKeepsLinesAndNumbersOfTheSession(t *testing.T) {
	p := party()
	mustAnswer(t, p, offer("m=video 5002 RTP/AVP 96", "m=audio 5000 RTP/AVP 98 99", "a=rtpmap:98 PCMA/8000", "a=rtpmap:99 telephone-event/8000"))
	s, err := Parse(p.Offer())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Media) != 2 || s.Media[0].Kind != "video" || s.Media[0].Port != 0 || !slices.Equal(s.Media[1].Formats, []string{"98", "0", "99"}) {
		t.Errorf("got %+v, want refused video, then audio with 98 0 99", s.Media)
	}
	if !bytes.Equal(p.Offer(), p.Offer()) {
		t.Error("the same offer twice: got another version")
	}
}

func TestAcceptTakesTheAnswerersChoice(t *testing.T) {
	p := party()
	p.Offer()
	answer := offer("m=audio 5000 RTP/AVP 0 8 97", "a=rtpmap:97 telephone-event/8000", "a=rtcp-mux")
	for range 2 { // a 183 and its 200
		path, err := p.Accept(answer)
		if err != nil {
			t.Fatal(err)
		}
		if path.Codec != PCMU || path.SendEvents != 97 || !path.Mux {
			t.Errorf("got %v, events %d, mux %t, want PCMU, 97, true", path.Codec, path.SendEvents, path.Mux)
		}
		// What comes is by our offer; some send by their own numbers.
		for number, want := range map[uint8]Meaning{0: AudioU, 8: AudioA, 101: TelephoneEvent, 97: TelephoneEvent, 18: Unknown} {
			if path.Receive[number] != want {
				t.Errorf("payload %d: got %d, want %d", number, path.Receive[number], want)
			}
		}
	}
}

func TestAnswersWithoutMapsSpeakOfOurNumbers(t *testing.T) {
	p := party()
	mustAnswer(t, p, offer("m=audio 5000 RTP/AVP 98 99", "a=rtpmap:98 PCMA/8000", "a=rtpmap:99 telephone-event/8000"))
	p.Offer()
	path, err := p.Accept(offer("m=audio 5000 RTP/AVP 98 99"))
	if err != nil || path.Codec != PCMA || path.SendType != 98 || !path.Events || path.SendEvents != 99 {
		t.Errorf("got %v, %v as %d, events %t as %d, want PCMA as 98 and events as 99", err, path.Codec, path.SendType, path.Events, path.SendEvents)
	}
}

// Some leave the sections that they refuse out of their answer.
// https://github.com/pjsip/pjproject/issues/527
func TestAnswersWithoutRefusedSections(t *testing.T) {
	p := party()
	mustAnswer(t, p, offer("m=video 5002 RTP/AVP 34", "m=audio 5000 RTP/AVP 8"))
	p.Offer()
	for name, more := range map[string][]string{
		"audio alone":      {"m=audio 5000 RTP/AVP 8"},
		"audio before":     {"m=audio 5000 RTP/AVP 8", "m=video 0 RTP/AVP 34"},
		"audio in between": {"m=video 0 RTP/AVP 34", "m=audio 5000 RTP/AVP 8", "m=image 0 udptl t38"},
	} {
		if path, err := p.Accept(offer(more...)); err != nil || path.Remote.Port() != 5000 {
			t.Errorf("%s: got %v to %v, want no error and port 5000", name, err, path.Remote)
		}
	}
}

func TestAnswersThatCannotBeAccepted(t *testing.T) {
	p := party()
	if _, err := p.Accept(offer("m=audio 5000 RTP/AVP 8")); !errors.Is(err, ErrNoOffer) {
		t.Errorf("no offer: got %v, want %v", err, ErrNoOffer)
	}
	p.Offer()
	var pe *ParseError
	if _, err := p.Accept(offer()); !errors.As(err, &pe) {
		t.Errorf("no media: got %v, want a *ParseError", err)
	}
	for name, m := range map[string]string{"port 0": "m=audio 0 RTP/AVP 8", "another codec": "m=audio 5000 RTP/AVP 18", "encrypted": "m=audio 5000 RTP/SAVP 8"} {
		if _, err := p.Accept(offer(m)); !errors.Is(err, ErrNoCodec) {
			t.Errorf("%s: got %v, want %v", name, err, ErrNoCodec)
		}
	}
	if path, err := p.Accept(offer("m=audio 5000 RTP/AVP 8")); err != nil || !path.Open() {
		t.Errorf("a good one after them: got %v, want no error", err)
	}
	p.Offer()
	if path, err := p.Accept(offer("m=audio 0 RTP/AVP 8")); err != nil || path.Open() {
		t.Errorf("stream ended in a session that is up: got %v, open %t, want no error and not", err, path.Open())
	}
}

func TestNumbersOfOneOfferDiffer(t *testing.T) {
	p := party()
	mustAnswer(t, p, offer("m=audio 5000 RTP/AVP 101", "a=rtpmap:101 PCMU/8000"))
	s, err := Parse(p.Offer())
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Media[0].Formats; !slices.Equal(got, []string{"8", "101", "96"}) {
		t.Errorf("got %v, want 8 101 96", got)
	}
}

func TestDirections(t *testing.T) {
	for d, want := range map[Direction]Direction{SendRecv: SendRecv, SendOnly: RecvOnly, RecvOnly: SendOnly, Inactive: Inactive} {
		if got := d.Reverse(); got != want || got.Reverse() != d {
			t.Errorf("%v: got %v, want %v", d, got, want)
		}
	}
}

func TestIPv6(t *testing.T) {
	p := NewParty(Local{Address: netip.MustParseAddr("2001:db8::1"), Port: 4000, Codecs: []Codec{PCMA}})
	b, path, err := p.Answer(lines("v=0", "o=- 7 1 IN IP6 2001:db8::9", "s=-", "c=IN IP6 2001:db8::9", "t=0 0", "m=audio 5000 RTP/AVP 8"))
	if err != nil || path.Remote.String() != "[2001:db8::9]:5000" || !bytes.Contains(b, []byte("c=IN IP6 2001:db8::1\r\n")) {
		t.Errorf("got %v to %v and %s, want IPv6 throughout", err, path.Remote, b)
	}
}
