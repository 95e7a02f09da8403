package media

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// A phone may press its first key at the moment in which we stop looking for it
// elsewhere: nothing of what waits is dropped, and strangers stay out.
func TestWhatWaitsOutlivesTheLook(t *testing.T) {
	onEachWire(t, func(t *testing.T, o Options) {
		w, err := newWire(o.Portable)
		if err != nil {
			t.Fatal(err)
		}
		at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), sparePorts(t, 1))
		s, err := w.open(at)
		if err != nil {
			t.Fatal(err)
		}
		to := net.UDPAddrFromAddrPort(at)
		right, wrong := socketOf(t), socketOf(t)
		got := arrivals{}
		if err := errors.Join(w.watch(s, &door{}), s.connect(addressOf(right)), s.aim(addressOf(right))); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			_, _ = right.WriteToUDP([]byte("voice"), to)
		}
		_, _ = wrong.WriteToUDP([]byte("noise"), to)
		if err := s.resume(addressOf(right)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all arrives", func() bool { w.collect(got); return got[addressOf(right)]+got[addressOf(wrong)] == 6 })
		if got[addressOf(right)] != 5 || got[addressOf(wrong)] != 1 {
			t.Errorf("got %v, want 5 of the right source and 1 of the wrong one, told apart", got)
		}
		s.close()
		w.close()
	})
}

// arrivals counts packets by their source.
type arrivals map[netip.AddrPort]int

func (a arrivals) arrived(_ *door, _ []byte, from netip.AddrPort) { a[from]++ }
func (arrivals) thrown(*door)                                     {}
