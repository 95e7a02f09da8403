package dtmf

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// A sent is one packet as the sender made it.
type sent struct {
	seq       uint16
	timestamp uint32
	marker    bool
	payload   [PayloadSize]byte
}

// send plays keys in steps of 20 ms and returns the packets. Audio takes the
// sequence numbers of the intervals between.
func send(keys string) (packets []sent) {
	var s Sender
	s.Send(keys)
	seq, now := uint16(65500), ^uint32(8000) // both wrap on the way
	for s.Busy() {
		p := sent{seq: seq}
		var ok bool
		if p.timestamp, p.marker, ok = s.Step(p.payload[:], now, 160); ok {
			packets = append(packets, p)
		}
		seq, now = seq+1, now+160
	}
	return packets
}

func receive(t *testing.T, r *Receiver, packets []sent) (got string) {
	t.Helper()
	for _, p := range packets {
		k, ok, err := r.Hear(p.seq, p.timestamp, p.marker, p.payload[:])
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			got += string(k)
		}
	}
	return got
}

const all = "0123456789*#ABCD"

func TestEveryKeyArrivesOnce(t *testing.T) {
	var r Receiver
	if got, want := receive(t, &r, send(all+"5577")), all+"5577"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSenderLeavesOutWhatIsNoKey(t *testing.T) {
	var r Receiver
	if got, want := receive(t, &r, send("1x2 ,a3")), "123"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPressIsSentAsRFC4733Has(t *testing.T) {
	packets := send("7")
	ends := 0
	for i, p := range packets {
		e, err := Parse(p.payload[:])
		if err != nil {
			t.Fatal(err)
		}
		if p.timestamp != packets[0].timestamp {
			t.Errorf("packet %d: got timestamp %d, want that of the first, %d", i, p.timestamp, packets[0].timestamp)
		}
		if p.marker != (i == 0) {
			t.Errorf("packet %d: got marker %t, want it on the first only", i, p.marker)
		}
		if want := uint16(min(160*(i+1), pressLength)); e.Duration != want {
			t.Errorf("packet %d: got duration %d, want %d", i, e.Duration, want)
		}
		if e.End {
			ends++
		}
	}
	if ends != endRepeats {
		t.Errorf("got %d ends, want %d", ends, endRepeats)
	}
}

// Any subset of the packets of a press that is not empty reports it once.
func TestAPressSurvivesLossOfAllButOnePacket(t *testing.T) {
	press := send("7")
	for mask := 1; mask < 1<<len(press); mask++ {
		var left []sent
		for i, p := range press {
			if mask>>i&1 == 1 {
				left = append(left, p)
			}
		}
		var r Receiver
		if got := receive(t, &r, left); got != "7" {
			t.Fatalf("packets %b: got %q, want 7", mask, got)
		}
	}
}

func TestEqualKeysStayApartWhenEndsAreLost(t *testing.T) {
	var left []sent
	for _, p := range send("555") {
		if e, _ := Parse(p.payload[:]); !e.End {
			left = append(left, p)
		}
	}
	var r Receiver
	if got := receive(t, &r, left); got != "555" {
		t.Errorf("got %q, want 555", got)
	}
}

func TestEqualKeysStayApartWhenEndsAndMarkersAreLost(t *testing.T) {
	var left []sent
	for _, p := range send("555") {
		if e, _ := Parse(p.payload[:]); !e.End && !p.marker {
			left = append(left, p)
		}
	}
	var r Receiver
	if got := receive(t, &r, left); got != "555" {
		t.Errorf("got %q, want 555", got)
	}
}

func TestKeysUnderRandomLossRepetitionAndReordering(t *testing.T) {
	for seed := range uint64(500) {
		dice := rand.New(rand.NewPCG(seed, 1))
		packets := send("4929##00")
		var wire []sent
		last := map[uint32]int{} // packets left of each press: one must remain
		for _, p := range packets {
			last[p.timestamp]++
		}
		for _, p := range packets {
			if last[p.timestamp] > 1 && dice.IntN(10) < 3 {
				last[p.timestamp]--
				continue
			}
			last[p.timestamp] = 1 << 20 // one of it has passed
			wire = append(wire, p)
			if dice.IntN(10) == 0 {
				wire = append(wire, p)
			}
		}
		for i := 1; i < len(wire); i++ {
			if dice.IntN(5) == 0 && wire[i].timestamp == wire[i-1].timestamp {
				wire[i], wire[i-1] = wire[i-1], wire[i]
			}
		}
		var r Receiver
		if got := receive(t, &r, wire); got != "4929##00" {
			t.Fatalf("seed %d: got %q, want 4929##00", seed, got)
		}
	}
}

func TestALateEndOfTheKeyBeforeIsNoNewPress(t *testing.T) {
	packets := send("12")
	late := packets[7] // the last end of the 1
	wire := append(append([]sent{}, packets[:7]...), packets[8], late, packets[9])
	var r Receiver
	if got := receive(t, &r, wire); got != "12" {
		t.Errorf("got %q, want 12", got)
	}
}

// Audio moves the sequence numbers on between two presses: after eleven minutes
// of it, the next one seems to lie before the last.
func TestAKeyAfterMinutesOfSpeech(t *testing.T) {
	for _, minutes := range []uint32{1, 10, 11, 15, 21, 22, 60, 24 * 60} {
		var r Receiver
		var packets []sent
		for n := range uint32(2) {
			later := n * minutes * 60 * 50 // packets of 20 ms
			p := sent{seq: uint16(9 + later), timestamp: 9 + later*160, marker: true}
			Event{Code: uint8(n + 1), Duration: 160}.Put(p.payload[:])
			packets = append(packets, p)
		}
		if got := receive(t, &r, packets); got != "12" {
			t.Errorf("after %d minutes: got %q, want %q", minutes, got, "12")
		}
	}
}

func TestALongPressIsOneKey(t *testing.T) {
	// RFC 4733 section 2.5.1.3: after 65535 samples the event begins a new segment.
	press := func(seq uint16, timestamp uint32, d uint16, end bool) sent {
		p := sent{seq: seq, timestamp: timestamp, marker: seq == 1}
		Event{Code: 9, Duration: d, End: end}.Put(p.payload[:])
		return p
	}
	var r Receiver
	got := receive(t, &r, []sent{
		press(1, 1000, 160, false), press(2, 1000, 65535, false),
		press(3, 1000+65535, 160, false), press(4, 1000+65535, 320, true),
	})
	if got != "9" {
		t.Errorf("got %q, want 9", got)
	}
}

func TestASenderThatMovesTheTimestampWithinAPress(t *testing.T) {
	var wire []sent
	for i := range 6 {
		p := sent{seq: uint16(i), timestamp: uint32(i) * 160, marker: i == 0}
		Event{Code: 3, Duration: uint16(i+1) * 160, End: i == 5}.Put(p.payload[:])
		wire = append(wire, p)
	}
	var r Receiver
	if got := receive(t, &r, wire); got != "3" {
		t.Errorf("got %q, want 3", got)
	}
}

// A heard is a packet as a test writes it down: number, timestamp, key, duration, and
// M for a marker, E for an end.
type heard struct {
	seq       uint16
	timestamp uint32
	key       byte
	duration  uint16
	flags     string
}

func (h heard) sent(t *testing.T) sent {
	code, ok := Code(h.key)
	if !ok {
		t.Fatalf("%q is no key", h.key)
	}
	p := sent{seq: h.seq, timestamp: h.timestamp, marker: strings.Contains(h.flags, "M")}
	Event{Code: code, Duration: h.duration, End: strings.Contains(h.flags, "E")}.Put(p.payload[:])
	return p
}

// What senders do that take the rules of numbers, timestamps and durations lightly.
func TestKeysOfCarelessSenders(t *testing.T) {
	for _, c := range []struct {
		name    string
		packets []heard
		want    string
	}{
		// Numbering that begins anew under one SSRC: github.com/baresip/baresip/issues/1431.
		{"numbers and timestamps begin anew", []heard{
			{20000, 900000, '1', 160, "M"},
			{20001, 900000, '1', 320, ""},
			{20002, 900000, '1', 320, "E"},
			{1, 160, '2', 160, "M"},
			{2, 160, '2', 320, ""},
			{3, 160, '2', 320, "E"},
			{60, 9600, '3', 160, "M"},
			{61, 9600, '3', 320, "E"},
		}, "123"},
		{"they begin anew within the tolerance of late packets", []heard{
			{60, 8000, '1', 160, "M"},
			{61, 8000, '1', 320, "E"},
			{20, 1600, '2', 160, "M"},
			{21, 1600, '2', 320, ""},
			{22, 1600, '2', 320, "E"},
		}, "12"},
		{"each press has the same numbers", []heard{
			{200, 160, '1', 160, "M"},
			{201, 160, '1', 320, "E"},
			{350, 160, '2', 320, "ME"},
			{200, 160, '3', 160, "M"},
			{201, 160, '3', 320, ""},
			{202, 160, '3', 320, "E"},
		}, "123"},
		{"late packets of the press before are no such beginning", []heard{
			{500, 8000, '1', 160, "M"},
			{503, 8000, '1', 640, "E"},
			{510, 9600, '2', 160, "M"},
			{501, 8000, '1', 320, ""},
			{502, 8000, '1', 480, ""},
			{511, 9600, '2', 320, "E"},
		}, "12"},
		{"nor are late packets of a press before that, out of order", []heard{
			{500, 8000, '1', 160, "M"},
			{510, 9600, '2', 160, "ME"},
			{520, 11200, '3', 160, "ME"},
			{503, 8000, '1', 640, "E"},
			{501, 8000, '1', 320, ""},
			{521, 11200, '3', 160, "E"},
			{502, 8000, '1', 480, ""},
		}, "123"},

		// Successive keys under one timestamp: github.com/livekit/sip/pull/796,
		// github.com/sipsorcery-org/sipsorcery/issues/669,
		// github.com/DoubangoTelecom/doubango/issues/374.
		{"another key under the timestamp", []heard{
			{1, 160, '1', 160, "M"},
			{2, 160, '1', 320, "E"},
			{3, 160, '1', 320, "E"},
			{4, 160, '2', 160, "M"},
			{5, 160, '2', 320, "E"},
			{6, 160, '1', 160, "M"},
			{7, 160, '1', 320, "E"},
		}, "121"},
		{"another key, its marker and the end before it lost", []heard{
			{1, 160, '1', 160, "M"}, {2, 160, '1', 320, ""}, {6, 160, '2', 320, ""}, {7, 160, '2', 480, "E"},
		}, "12"},
		{"the same key after a marker", []heard{
			{1, 160, '5', 160, "M"},
			{2, 160, '5', 160, "E"},
			{3, 160, '5', 160, "E"},
			{4, 160, '5', 160, "M"},
			{5, 160, '5', 160, "E"},
		}, "55"},
		{"the same key, whose duration falls", []heard{
			{1, 160, '5', 160, "M"}, {2, 160, '5', 320, ""}, {5, 160, '5', 160, ""}, {6, 160, '5', 320, "E"},
		}, "55"},
		{"the same key, whose duration falls after an end", []heard{
			{1, 160, '5', 160, "M"}, {2, 160, '5', 800, "E"}, {9, 160, '5', 320, ""}, {10, 160, '5', 800, "E"},
		}, "55"},
		{"late packets of the key before are not the key once more", []heard{
			{1, 160, '1', 160, "M"},
			{3, 160, '1', 480, "E"},
			{5, 160, '2', 160, "M"},
			{4, 160, '1', 480, "E"},
			{2, 160, '1', 320, ""},
			{6, 160, '2', 320, "E"},
		}, "12"},
		{"a marker on every packet", []heard{
			{1, 160, '7', 160, "M"}, {2, 160, '7', 320, "M"}, {3, 160, '7', 320, "ME"}, {4, 160, '7', 320, "ME"}, {5, 160, '7', 320, "ME"},
		}, "7"},
		{"an end that rounds its duration down", []heard{
			{1, 160, '7', 160, "M"}, {2, 160, '7', 960, ""}, {3, 160, '7', 950, "E"}, {4, 160, '7', 950, "E"},
		}, "7"},
		{"a press that counts beyond its field", []heard{
			{1, 160, '7', 65440, "M"}, {2, 160, '7', 64, ""}, {3, 160, '7', 224, "E"},
		}, "7"},

		// Timestamps that move: github.com/ymartineau/peers/issues/7,
		// github.com/sipwise/rtpengine/issues/1929 and 1812.
		{"the timestamp moves with every packet, the end's too", []heard{
			{1, 1000, '4', 0, "M"},
			{2, 1160, '4', 160, ""},
			{3, 1320, '4', 320, ""},
			{4, 1480, '4', 480, "E"},
			{5, 1640, '4', 480, "E"},
			{6, 1800, '4', 480, "E"},
			{40, 9000, '4', 0, "M"},
			{41, 9160, '4', 160, "E"},
			{42, 9320, '4', 160, "E"},
		}, "44"},
		{"it moves by 60 ms without a duration", []heard{
			{1, 1000, '4', 0, "M"}, {2, 1480, '4', 0, ""}, {3, 1960, '4', 0, ""}, {4, 2440, '4', 0, "E"},
		}, "4"},
		{"only the ends move", []heard{
			{1, 1000, '4', 160, "M"},
			{2, 1000, '4', 800, "E"},
			{3, 1800, '4', 800, "E"},
			{4, 1960, '4', 800, "E"},
			{30, 4000, '4', 160, "M"},
			{31, 4000, '4', 800, "E"},
			{32, 4800, '4', 0, "E"},
			{33, 4960, '4', 0, "E"},
		}, "44"},
		{"quick presses of one key, of which only ends arrive", []heard{
			{5, 1000, '4', 800, "E"}, {14, 2120, '4', 800, "E"}, {23, 3240, '4', 800, "E"},
		}, "444"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Receiver
			var wire []sent
			for _, h := range c.packets {
				wire = append(wire, h.sent(t))
			}
			if got := receive(t, &r, wire); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A new path lets the first packet of a new numbering count, and nothing twice.
func TestRenewedNumbering(t *testing.T) {
	var r Receiver
	got := receive(t, &r, []sent{heard{60, 8000, '1', 160, "M"}.sent(t)})
	r.Renew()
	got += receive(t, &r, []sent{
		heard{61, 8000, '1', 320, "E"}.sent(t), heard{20, 1600, '2', 160, "ME"}.sent(t), heard{21, 1600, '2', 160, "E"}.sent(t),
	})
	if got != "12" {
		t.Errorf("got %q, want 12", got)
	}
}

func TestOtherEventsAreIgnored(t *testing.T) {
	var r Receiver
	for _, code := range []byte{16, 32, 255} { // flash, ANS, reserved
		if _, ok, err := r.Hear(1, uint32(code), true, []byte{code, 0, 0, 160}); ok || err != nil {
			t.Errorf("event %d: got a key or %v, want neither", code, err)
		}
	}
}

func TestMalformedEvents(t *testing.T) {
	var r Receiver
	for n := range PayloadSize {
		if _, ok, err := r.Hear(1, 1, true, make([]byte, n)); ok || !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: got %v, want %v", n, err, ErrMalformed)
		}
	}
}

func TestForgetKeepsThePressButNotTheKey(t *testing.T) {
	packets := send("7")
	var r Receiver
	receive(t, &r, packets[:3])
	r.Forget()
	if int(r.code) < len(all) {
		t.Errorf("got code %d, want none", r.code)
	}
	if got := receive(t, &r, packets[3:]); got != "" {
		t.Errorf("got %q after forgetting, want nothing new", got)
	}
}

func TestNothingAllocates(t *testing.T) {
	packets := send("7")
	var r Receiver
	var s Sender
	var p [PayloadSize]byte
	if n := testing.AllocsPerRun(100, func() {
		for _, q := range packets {
			if _, _, err := r.Hear(q.seq, q.timestamp, q.marker, q.payload[:]); err != nil {
				t.Fatal(err)
			}
		}
		s.queue = "12"
		for s.Busy() {
			s.Step(p[:], 0, 160)
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

// Whatever comes, a report is a key, and a timestamp reports once in a row.
func FuzzTelephoneEvent(f *testing.F) {
	f.Add([]byte{5, 0x0A, 0, 160}, uint16(1), uint32(160), true)
	f.Add([]byte{5, 0x8A, 3, 32}, uint16(9), uint32(160), false)
	f.Add([]byte{255}, uint16(0), uint32(0), false)
	f.Fuzz(func(t *testing.T, payload []byte, seq uint16, timestamp uint32, marker bool) {
		var r Receiver
		for i := range uint16(3) {
			k, ok, err := r.Hear(seq+i, timestamp, marker, payload)
			if ok && !IsKey(k) {
				t.Fatal("got a report that is no key")
			}
			if ok && i > 0 {
				t.Fatal("got a second report of one press")
			}
			if (err != nil) != (len(payload) < PayloadSize) {
				t.Fatalf("%d bytes: got %v", len(payload), err)
			}
		}
		if e, err := Parse(payload); err == nil {
			var p [PayloadSize]byte
			e.Put(p[:])
			if again, _ := Parse(p[:]); again != e {
				t.Fatalf("got %+v, want %+v", again, e)
			}
		}
	})
}
