package rtp

import "testing"

// hear feeds packets of 20 ms with the sequence numbers given, on time.
func hear(r *Reception, seqs ...uint16) {
	for _, s := range seqs {
		p := Packet{Seq: s, Timestamp: uint32(s) * 160, SSRC: 1, Payload: make([]byte, 160)}
		r.Hear(&p, uint32(s)*160, true)
	}
}

func TestLossIsCounted(t *testing.T) {
	for _, c := range []struct {
		name     string
		seqs     []uint16
		lost     int64
		fraction uint8
	}{
		{"none", []uint16{1, 2, 3, 4}, 0, 0},
		{"two of five", []uint16{1, 2, 5}, 2, 2 * 256 / 5},
		{"late is not lost", []uint16{1, 3, 2, 4}, 0, 0},
		{"twice is one too many", []uint16{1, 2, 2, 3}, -1, 0},
		{"across the wrap", []uint16{65534, 65535, 1}, 1, 64},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Reception
			hear(&r, c.seqs...)
			if got := r.Lost(); got != c.lost {
				t.Errorf("lost: got %d, want %d", got, c.lost)
			}
			if got := r.FractionLost(); got != c.fraction {
				t.Errorf("fraction: got %d, want %d", got, c.fraction)
			}
			if got := r.FractionLost(); got != 0 {
				t.Errorf("fraction of nothing new: got %d, want 0", got)
			}
		})
	}
}

func TestHighestSequenceNumberIsExtended(t *testing.T) {
	var r Reception
	hear(&r, 65534, 65535, 0, 1)
	if got, want := r.Highest(), uint32(65537); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestNewSourceKeepsTheTotals(t *testing.T) {
	var r Reception
	hear(&r, 1, 2, 4)
	p := Packet{SSRC: 2, Seq: 40000}
	if !r.Hear(&p, 0, true) {
		t.Error("first packet of a new source: got old, want newest")
	}
	if ssrc, ok := r.SSRC(); ssrc != 2 || !ok || r.Lost() != 1 || r.Received != 4 {
		t.Errorf("got source %d, lost %d, received %d, want 2, 1, 4", ssrc, r.Lost(), r.Received)
	}
}

func TestJumpIsBelievedTheSecondTime(t *testing.T) {
	var r Reception
	hear(&r, 1, 2, 3)
	p := Packet{SSRC: 1, Seq: 30000}
	if r.Hear(&p, 0, true) {
		t.Error("one stray packet: got newest, want old")
	}
	p.Seq++
	if !r.Hear(&p, 0, true) || r.Lost() != 0 {
		t.Errorf("its successor: lost %d, want a new beginning and 0", r.Lost())
	}
}

func TestJitter(t *testing.T) {
	var r Reception
	for i := range uint32(500) { // every second packet 5 ms late
		p := Packet{Seq: uint16(i), Timestamp: i * 160, SSRC: 1}
		r.Hear(&p, i*160+i%2*40, true)
	}
	if got := r.Jitter(); got < 36 || got > 40 {
		t.Errorf("got %d samples, want about 40", got)
	}
	before := r.Jitter()
	for i := range uint32(20) { // an event: the timestamp stands
		p := Packet{Seq: uint16(500 + i), Timestamp: 500 * 160, SSRC: 1}
		r.Hear(&p, (500+i)*160, false)
	}
	if r.Jitter() != before {
		t.Errorf("after an event: got %d samples, want %d", r.Jitter(), before)
	}
}
