package rtp

// A Reception counts what arrives from one source, as RFC 3550, appendices A.1,
// A.3 and A.8 have it. The zero value has heard nothing. A new SSRC begins a
// new source and keeps the totals.
type Reception struct {
	Received uint64 // packets, duplicates and latecomers included
	Octets   uint64 // payload bytes

	ssrc    uint32
	heard   bool
	base    uint32 // first extended sequence number
	highest uint32 // highest extended sequence number
	count   uint32 // packets of this source
	bad     uint32 // the sequence number that would prove a restart, above 16 bits if none
	past    int64  // lost from earlier sources

	transit  int32
	jitter   uint32 // in samples, times 16
	reported struct{ expected, received uint32 }
}

// The tolerances of RFC 3550, appendix A.1.
const (
	maxDropout  = 3000
	maxMisorder = 100
	noRestart   = 1 << 16
)

// Hear takes in a packet that arrived now, a clock in samples with any start.
// Packets whose timestamp stands still (RFC 4733: all those of one event) are
// not timed, so that they are not taken for jitter. Hear tells whether the
// packet is the newest of its source: false for duplicates, latecomers, and the
// first after an unexplained jump.
func (r *Reception) Hear(p *Packet, now uint32, timed bool) bool {
	r.Received++
	r.Octets += uint64(len(p.Payload))
	if !r.heard || p.SSRC != r.ssrc {
		r.restart(p)
		r.transit = int32(now - p.Timestamp)
		return true
	}
	r.count++
	delta := p.Seq - uint16(r.highest)
	switch {
	case delta == 0:
		return false
	case delta < maxDropout:
		r.highest += uint32(delta)
	case delta <= 0xFFFF-maxMisorder:
		if uint32(p.Seq) != r.bad {
			r.bad = uint32(p.Seq + 1)
			r.count-- // it belongs to no known run
			return false
		}
		r.count--
		r.restart(p) // two in a row: the source has begun anew
		r.transit = int32(now - p.Timestamp)
		return true
	default:
		return false // late or twice
	}
	if timed {
		r.measure(p.Timestamp, now)
	}
	return true
}

func (r *Reception) restart(p *Packet) {
	r.past = r.Lost()
	r.ssrc, r.heard = p.SSRC, true
	r.base, r.highest = uint32(p.Seq), uint32(p.Seq)
	r.count, r.bad = 1, noRestart
	r.reported.expected, r.reported.received = 0, 0
}

func (r *Reception) measure(timestamp, now uint32) {
	transit := int32(now - timestamp)
	d := transit - r.transit
	r.transit = transit
	if d = max(d, -d); d < 0 || d > 1<<16 {
		return // the timestamps jumped: that is no jitter
	}
	r.jitter += uint32(d) - (r.jitter+8)>>4
}

// SSRC returns the source that is heard now, and false before the first.
func (r *Reception) SSRC() (uint32, bool) { return r.ssrc, r.heard }

// Lost returns the packets lost since the beginning, over all sources. More
// duplicates than losses make it negative.
func (r *Reception) Lost() int64 {
	if !r.heard {
		return r.past
	}
	return r.past + int64(r.expected()) - int64(r.count)
}

// Jitter returns the inter-arrival jitter in samples.
func (r *Reception) Jitter() uint32 { return r.jitter >> 4 }

// Highest returns the highest extended sequence number of the source.
func (r *Reception) Highest() uint32 { return r.highest }

func (r *Reception) expected() uint32 { return r.highest - r.base + 1 }

// FractionLost returns the share of packets lost since the last call, in
// 1/256, as a report block carries it.
func (r *Reception) FractionLost() uint8 {
	if !r.heard {
		return 0
	}
	expected := r.expected() - r.reported.expected
	received := r.count - r.reported.received
	r.reported.expected, r.reported.received = r.expected(), r.count
	if expected == 0 || received >= expected {
		return 0
	}
	return uint8(min((expected-received)<<8/expected, 255))
}
