package media

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"cardline/media/sdp"
)

// dns is a resolver that takes its time and counts what it is asked.
type dns struct {
	mu    sync.Mutex
	asked int
	after time.Duration
	found []netip.Addr
	err   error
}

func (d *dns) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	d.mu.Lock()
	d.asked++
	after, found, err := d.after, d.found, d.err
	d.mu.Unlock()
	select {
	case <-time.After(after):
		return found, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// says sets what is answered from now on.
func (d *dns) says(address string, err error, after time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found, d.err, d.after = nil, err, after
	if address != "" {
		d.found = []netip.Addr{netip.MustParseAddr(address)}
	}
}

func TestHosts(t *testing.T) {
	phone := sdp.Host{Network: "ip4", Name: "phone.example.com"}
	notFound := &net.DNSError{Err: "no such host", IsNotFound: true}
	synctest.Test(t, func(t *testing.T) {
		d := new(dns)
		h := newHosts(d, zerolog.Nop())
		asks := 0
		step := func(name string, wait bool, want string, took time.Duration) {
			t.Helper()
			if wait {
				asks++
			}
			began, told := time.Now(), make(chan struct{})
			waits := h.lookUp(phone, func() { close(told) })
			if waits {
				<-told
			}
			if got := h.address(phone); waits != wait || got.IsValid() != (want != "") || want != "" && got.String() != want || time.Since(began) != took || d.asked != asks {
				t.Errorf("%s: got %v after %v, waited %t, asked %d times, want %q after %v, %t, %d", name, got, time.Since(began), waits, d.asked, want, took, wait, asks)
			}
		}
		if h.address(phone).IsValid() {
			t.Error("a host is known that was never looked up")
		}
		d.says("192.0.2.9", nil, 300*time.Millisecond)
		step("the first time", true, "192.0.2.9", 300*time.Millisecond)
		d.says("192.0.2.10", nil, 0)
		step("remembered", false, "192.0.2.9", 0)
		time.Sleep(hostKnown)
		step("a minute later", true, "192.0.2.10", 0)
		time.Sleep(hostKnown)
		d.says("", nil, time.Hour)
		step("nobody answers", true, "192.0.2.10", lookUpTime)
		step("and is not asked at once again", false, "192.0.2.10", 0)
		time.Sleep(hostUnknown)
		d.says("", notFound, 0)
		step("it is gone", true, "", 0)
		step("and stays so for a while", false, "", 0)
		time.Sleep(hostUnknown)
		d.says("0.0.0.0", nil, 0)
		step("at an address that is none", true, "", 0)
		time.Sleep(hostUnknown)
		d.says("::ffff:192.0.2.11", nil, 0)
		step("back", true, "192.0.2.11", 0)
		h.close()
		time.Sleep(hostKnown)
		step("after the end", false, "192.0.2.11", 0)
	})
}

// However many wait for a host, it is asked for once; and however many hosts there
// are, so many are asked for and remembered.
func TestHostsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(dns)
		d.says("192.0.2.9", nil, lookUpTime/2)
		h := newHosts(d, zerolog.Nop())
		defer h.close()
		host := func(i int) sdp.Host { return sdp.Host{Network: "ip4", Name: fmt.Sprintf("h%d.example.com", i)} }
		told := 0
		var mu sync.Mutex
		count := func() { mu.Lock(); told++; mu.Unlock() }
		for range 10 {
			if !h.lookUp(host(0), count) {
				t.Fatal("a host that is being looked up is not waited for")
			}
		}
		for i := 1; i < maxLookUps; i++ {
			h.lookUp(host(i), count)
		}
		if h.lookUp(host(maxLookUps), count) {
			t.Errorf("a look-up beside %d others", maxLookUps)
		}
		time.Sleep(lookUpTime)
		synctest.Wait()
		if told != 10+maxLookUps-1 || d.asked != maxLookUps {
			t.Errorf("got %d told by %d questions, want %d by %d", told, d.asked, 10+maxLookUps-1, maxLookUps)
		}
		d.says("192.0.2.9", nil, 0)
		for i := range 2 * maxHosts {
			h.lookUp(host(i), count)
			synctest.Wait()
			if !h.address(host(i)).IsValid() {
				t.Fatalf("host %d is forgotten at once", i)
			}
		}
		if len(h.known) != maxHosts || h.address(host(0)).IsValid() {
			t.Errorf("got %d hosts remembered, the first %t, want %d without it", len(h.known), h.address(host(0)).IsValid(), maxHosts)
		}
	})
}

func TestCloseEndsLookUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(dns)
		d.says("", errors.New("never"), time.Hour)
		h := newHosts(d, zerolog.Nop())
		told := make(chan struct{})
		h.lookUp(sdp.Host{Network: "ip4", Name: "phone.example.com"}, func() { close(told) })
		began := time.Now()
		h.close()
		<-told
		if took := time.Since(began); took != 0 {
			t.Errorf("closed after %v, want at once", took)
		}
	})
}
