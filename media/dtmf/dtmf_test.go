package dtmf

import (
	"errors"
	"math/rand/v2"
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
