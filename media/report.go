package media

import (
	"errors"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
)

// reportEvery is the time between two reports of a stream, in ticks: the
// shortest that RFC 3550 section 6.2 has.
const reportEvery = int64(5 * time.Second / tickLength)

// reports is the RTCP side of a stream.
type reports struct {
	due     int64         // the tick of the next; 0 before the first is planned
	sent    uint64        // packets that had been sent when the last one went out
	heard   uint32        // the middle of the NTP time in the peer's last sender report
	heardAt time.Duration // when it came
}

// care looks after what is slow: the RTP timeout and the reports.
func (s *stream) care(tick int64) {
	timeout := int64(s.loop.engine.options.RTPTimeout / tickLength)
	switch {
	case !s.expects():
		s.alive = tick
	case !s.lost && tick-s.alive >= timeout:
		s.lost = true
		s.loop.engine.options.Observer.NoMedia(s.kind)
		s.tell(MediaLost{})
	}
	s.search(tick - s.alive)
	switch {
	case s.reports.due == 0:
		s.reports.due = tick + reportEvery
	case tick >= s.reports.due:
		s.reports.due += reportEvery
		s.count()
		s.sendReport(tick)
	}
}

// expects tells whether the peer should be sending. One that holds us may
// say sendonly and send nothing all the same, as baresip does.
func (s *stream) expects() bool {
	return s.path.Open() && s.path.Direction.Receives() && !s.path.Held
}

// sendReport sends what RFC 3550 section 6.4 asks for: a sender report if
// anything was sent since the last one, else a receiver report, and our name.
func (s *stream) sendReport(tick int64) {
	if !s.path.Open() || s.quiet {
		return
	}
	var blocks []rtcp.ReceptionReport
	if block, ok := s.reception(); ok {
		blocks = append(blocks, block)
	}
	var report rtcp.Packet = &rtcp.ReceiverReport{SSRC: s.outgoing.ssrc, Reports: blocks}
	if s.counts.Sent > s.reports.sent {
		s.reports.sent = s.counts.Sent
		report = &rtcp.SenderReport{
			SSRC:        s.outgoing.ssrc,
			NTPTime:     ntp(time.Now()),
			RTPTime:     s.outgoing.last + uint32((tick-s.outgoing.lastTick)*samplesPerTick),
			PacketCount: uint32(s.counts.Sent),
			OctetCount:  uint32(s.counts.SentOctets),
			Reports:     blocks,
		}
	}
	b, err := rtcp.Marshal([]rtcp.Packet{report, rtcp.NewCNAMESourceDescription(s.outgoing.ssrc, s.loop.engine.cname)})
	if err != nil {
		s.loop.log.Error().Func(s.about).Err(err).Msg("report cannot be written")
		return
	}
	d := &s.rtcp
	if s.path.Mux {
		d = &s.rtp
	}
	if err := d.socket.send(b); errors.Is(err, errThrown) {
		s.counts.Refused++
	} else if err != nil {
		s.counts.Unsent++
	}
}

// reception returns the block about the peer's source, RFC 3550 section 6.4.1.
func (s *stream) reception() (rtcp.ReceptionReport, bool) {
	ssrc, ok := s.incoming.SSRC()
	if !ok {
		return rtcp.ReceptionReport{}, false
	}
	block := rtcp.ReceptionReport{
		SSRC:               ssrc,
		FractionLost:       s.incoming.FractionLost(),
		TotalLost:          uint32(min(max(s.incoming.Lost(), 0), maxTotalLost)),
		LastSequenceNumber: s.incoming.Highest(),
		Jitter:             s.incoming.Jitter(),
	}
	if s.reports.heard != 0 {
		block.LastSenderReport = s.reports.heard
		block.Delay = fixed(s.loop.now - s.reports.heardAt)
	}
	return block, true
}

// maxTotalLost is the most that the 24 bits of a report block can say; they are
// signed for receivers that count duplicates.
const maxTotalLost = 1<<23 - 1

// hearReport takes a packet of RTCP that came in by d. Any that is well-formed
// shows that the peer lives and, on the port of RTCP, where it is.
func (s *stream) hearReport(d *door, b []byte, from netip.AddrPort) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		s.counts.Malformed++
		return
	}
	if d == &s.rtcp && d.latch.IsValid() && d.settle(from) != nil {
		s.counts.Unsent++
	}
	s.alive, s.lost = s.loop.tick, false
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			s.reports.heard, s.reports.heardAt = middle(p.NTPTime), s.loop.now
			s.hearBlocks(p.Reports)
		case *rtcp.ReceiverReport:
			s.hearBlocks(p.Reports)
		}
	}
}

// hearBlocks takes what the peer says of our source.
func (s *stream) hearBlocks(blocks []rtcp.ReceptionReport) {
	for _, b := range blocks {
		if b.SSRC != s.outgoing.ssrc {
			continue
		}
		if b.TotalLost <= maxTotalLost {
			s.counts.RemoteLost = uint64(b.TotalLost)
		}
		s.counts.RemoteJitter = time.Duration(b.Jitter) * sampleLength
		if b.LastSenderReport != 0 {
			trip := middle(ntp(time.Now())) - b.LastSenderReport - b.Delay
			if d := time.Duration(trip) * time.Second >> 16; d < maxRoundTrip {
				s.counts.RoundTrip = d
			}
		}
	}
}

// maxRoundTrip is above any that lets people talk. What is beyond is a wrong
// clock or a peer's invention.
const maxRoundTrip = 30 * time.Second

// ntp returns a time as RTCP has it: seconds since 1900 in 32.32 bits.
func ntp(t time.Time) uint64 {
	const since1900 = 2208988800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// middle returns the part of an NTP time that report blocks repeat.
func middle(ntp uint64) uint32 { return uint32(ntp >> 16) }

// fixed returns a time in 1/65536 s.
func fixed(d time.Duration) uint32 { return uint32(d.Microseconds() << 16 / 1e6) }
