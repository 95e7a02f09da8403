package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// Whatever arrives at either port of a bridged leg, nothing breaks, and what
// goes on to the other leg is RTP.
func FuzzArrival(f *testing.F) {
	report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 77, Reports: []rtcp.ReceptionReport{{SSRC: 1}}}, rtcp.NewCNAMESourceDescription(77, "x")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(report, true, false)
	f.Add(report, false, true)
	for _, p := range []func() ([]byte, error){
		func() ([]byte, error) { p := audio(1); p.Version = 2; return p.Marshal() },
		func() ([]byte, error) { p := key(1, 1, 5); p.Version = 2; return p.Marshal() },
	} {
		raw, err := p()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, false, false)
	}
	f.Fuzz(func(t *testing.T, packet []byte, control, mux bool) {
		b := newBench(t, Options{})
		x, y := b.open(PCMA), b.open(PCMU)
		bridge{x, y}.apply(b.loop)
		x.path.Mux = mux
		d := &x.rtp
		if control {
			d = &x.rtcp
		}
		for range 2 {
			b.arrived(d, packet, netip.AddrPort{})
		}
		b.pass(time.Duration(reportEvery) * tickLength)
		if control && len(b.events[x]) != 0 {
			t.Fatalf("RTCP made %d events, want none", len(b.events[x]))
		}
		out(y).take(t)
	})
}
