package rtp

import (
	"bytes"
	"errors"
	"testing"

	pion "github.com/pion/rtp"
)

func marshal(t testing.TB, p pion.Packet) []byte {
	t.Helper()
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseAgreesWithPion(t *testing.T) {
	extended := pion.Header{Version: 2, PayloadType: 8, SequenceNumber: 7, Timestamp: 160, SSRC: 5, CSRC: []uint32{1, 2}}
	if err := extended.SetExtension(1, []byte{9, 9, 9}); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]pion.Packet{
		"plain":     {Header: pion.Header{Version: 2, Marker: true, PayloadType: 101, SequenceNumber: 65535, Timestamp: 1 << 31, SSRC: 0xDEADBEEF}, Payload: []byte{1, 2, 3, 4}},
		"empty":     {Header: pion.Header{Version: 2}},
		"extended":  {Header: extended, Payload: bytes.Repeat([]byte{0xD5}, 160)},
		"padded":    {Header: pion.Header{Version: 2, Padding: true, PaddingSize: 8}, Payload: []byte{1, 2}},
		"all of it": {Header: func() pion.Header { h := extended; h.Padding, h.PaddingSize = true, 3; return h }(), Payload: []byte{7}},
	} {
		t.Run(name, func(t *testing.T) {
			b := marshal(t, p)
			got, err := Parse(b)
			if err != nil {
				t.Fatalf("got %v, want no error", err)
			}
			compare(t, got, p)
		})
	}
}

func compare(t *testing.T, got Packet, want pion.Packet) {
	t.Helper()
	if got.Type != want.PayloadType || got.Marker != want.Marker || got.Seq != want.SequenceNumber ||
		got.Timestamp != want.Timestamp || got.SSRC != want.SSRC || !bytes.Equal(got.Payload, want.Payload) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseRefusesWhatIsNoRTP(t *testing.T) {
	head := func(first byte, more ...byte) []byte {
		return append([]byte{first, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, more...)
	}
	for name, b := range map[string][]byte{
		"nothing":                      nil,
		"a header cut short":           head(0x80)[:11],
		"version 1":                    head(0x40),
		"STUN":                         head(0x00),
		"CSRC beyond the end":          head(0x8F, 1, 2, 3),
		"extension without its header": head(0x90, 1, 2, 3),
		"extension beyond the end":     head(0x90, 0xBE, 0xDE, 0xFF, 0xFF, 0, 0),
		"padding of nothing":           head(0xA0),
		"padding of zero":              head(0xA0, 1, 2, 0),
		"padding longer than payload":  head(0xA0, 1, 2, 4),
	} {
		if _, err := Parse(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want %v", name, err, ErrMalformed)
		}
	}
}

// The packet that ended a diago process: padding inside a one-byte extension.
func TestParseSurvivesPaddedExtension(t *testing.T) {
	b := append([]byte{0x90, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE, 0xDE, 0, 2, 0x10, 1, 0, 0, 0, 0, 0, 0}, make([]byte, 160)...)
	p, err := Parse(b)
	if err != nil || len(p.Payload) != 160 {
		t.Fatalf("got %d bytes of payload and %v, want 160 and no error", len(p.Payload), err)
	}
}

func TestRewriteLeavesAPlainPacket(t *testing.T) {
	b := marshal(t, pion.Packet{
		Header:  pion.Header{Version: 2, Padding: true, PaddingSize: 4, PayloadType: 8, SequenceNumber: 7, CSRC: []uint32{1, 2, 3}, SSRC: 1},
		Payload: []byte{1, 2, 3, 4, 5},
	})
	p, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	p.Type, p.Marker, p.Seq, p.Timestamp, p.SSRC = 0, true, 999, 12345, 0xCAFE
	var got pion.Packet
	if err := got.Unmarshal(p.Rewrite(b)); err != nil {
		t.Fatal(err)
	}
	compare(t, p, got)
	if got.Padding || len(got.CSRC) != 0 || !bytes.Equal(got.Payload, []byte{1, 2, 3, 4, 5}) {
		t.Errorf("got %+v, want a plain packet with five bytes", got)
	}
}

func TestIsRTCP(t *testing.T) {
	for first, want := range map[[2]byte]bool{{0x80, 200}: true, {0x81, 201}: true, {0x80, 8}: false, {0x80, 0x80 | 101}: false, {0, 200}: false} {
		if got := IsRTCP(append(first[:], make([]byte, 6)...)); got != want {
			t.Errorf("% x: got %t, want %t", first, got, want)
		}
	}
}

func TestIsKeepAlive(t *testing.T) {
	binding := []byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	changed := func(at int, to byte) []byte {
		b := bytes.Clone(binding)
		b[at] = to
		return b
	}
	for name, c := range map[string]struct {
		packet []byte
		want   bool
	}{
		"nothing":                      {nil, true},
		"a request to bind":            {binding, true},
		"an indication":                {changed(1, 0x11), true},
		"a request with an attribute":  {append(changed(3, 4), 0, 0, 0, 0), true},
		"an answer to one":             {changed(0, 1), false},
		"another cookie":               {changed(4, 0), false},
		"a length that is not its own": {changed(3, 4), false},
		"too short":                    {binding[:19], false},
		"a single zero":                {[]byte{0}, false},
		"RTP without a payload":        {append([]byte{0x80, 8}, make([]byte, 18)...), false},
	} {
		if got := IsKeepAlive(c.packet); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	b := marshal(t, pion.Packet{Header: pion.Header{Version: 2, PayloadType: 8}, Payload: make([]byte, 160)})
	var r Reception
	if n := testing.AllocsPerRun(100, func() {
		p, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		r.Hear(&p, 0, true)
		p.Seq++
		p.Rewrite(b)
	}); n != 0 {
		t.Errorf("got %v allocations per packet, want 0", n)
	}
}

func FuzzRTP(f *testing.F) {
	f.Add([]byte{})
	f.Add(marshal(f, pion.Packet{Header: pion.Header{Version: 2, PayloadType: 8}, Payload: make([]byte, 160)}))
	f.Add(marshal(f, pion.Packet{Header: pion.Header{Version: 2, Padding: true, PaddingSize: 4, CSRC: []uint32{1}}, Payload: []byte{1}}))
	f.Add([]byte{0x90, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x10, 0, 0, 0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		before := bytes.Clone(p.Payload)
		again, err := Parse(p.Rewrite(bytes.Clone(b)))
		if err != nil {
			t.Fatalf("rewritten packet: got %v, want no error", err)
		}
		if again.Type != p.Type || again.Seq != p.Seq || again.Marker != p.Marker || again.Timestamp != p.Timestamp ||
			again.SSRC != p.SSRC || !bytes.Equal(again.Payload, before) {
			t.Fatalf("got %+v, want %+v", again, p)
		}
		// Pion is stricter about what is inside an extension; where it accepts
		// the packet it must see the same fields.
		var judge pion.Header
		if n, err := judge.Unmarshal(b); err == nil && !judge.Padding {
			if judge.SequenceNumber != p.Seq || judge.SSRC != p.SSRC || !bytes.Equal(b[n:], before) {
				t.Fatalf("got %+v, want %+v", p, judge)
			}
		}
	})
}

func BenchmarkParseAndRewrite(b *testing.B) {
	raw := marshal(b, pion.Packet{Header: pion.Header{Version: 2, PayloadType: 8}, Payload: make([]byte, 160)})
	for b.Loop() {
		p, _ := Parse(raw)
		p.Seq++
		p.Timestamp += 160
		p.Rewrite(raw)
	}
}
