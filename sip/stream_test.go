package sip_test

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardline/sip"
	"cardline/sip/siptest"
)

func TestCallByStream(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		s := h.stream("192.0.2.50:40000")
		_, _ = io.WriteString(s, invitation("192.0.2.50:40000", "tcp1"))
		synctest.Wait()
		l := h.leg(0)
		l.Answer(offerSDP)
		time.Sleep(time.Second)
		if got := s.text(); strings.Count(got, "SIP/2.0 200 OK") != 2 || !strings.Contains(got, "transport=tcp") {
			t.Errorf("got %q, want the 200 and its copy after 500 ms, with a Contact by TCP", got)
		}
		_ = s.Close()
		synctest.Wait()
	})
}

// H11: half a message holds a stream for 10 s and no longer.
func TestH11HalfAMessage(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		s := h.stream("198.51.100.7:40000")
		_, _ = io.WriteString(s, "INVITE sip:x SIP/2.0\r\nContent-Length: 60000\r\n\r\n")
		time.Sleep(9 * time.Second)
		if s.closed() {
			t.Error("closed before its time")
		}
		time.Sleep(2 * time.Second)
		if !s.closed() {
			t.Error("open after 11 s")
		}
		if h.counter.get("dropped conn") != 1 {
			t.Errorf("got %d counted, want 1", h.counter.get("dropped conn"))
		}
	})
}

// H11: bytes that trickle in do not buy time.
func TestH11Trickle(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		s := h.stream("198.51.100.7:40000")
		for range 40 {
			_, _ = io.WriteString(s, "I")
			time.Sleep(time.Second)
		}
		if !s.closed() {
			t.Error("open after 40 s of single bytes")
		}
	})
}

// H11: nor may a stranger send without end.
func TestH11Budget(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		s := h.stream("198.51.100.7:40000")
		sent := 0
		for i := 0; i < 1000 && !s.closed(); i++ {
			n, _ := io.WriteString(s, invitation("198.51.100.7:40000", fmt.Sprint("b", i)))
			sent += n
			synctest.Wait()
		}
		if !s.closed() || sent > 18_000 {
			t.Errorf("closed=%v after %d bytes, want it closed after 16 kB", s.closed(), sent)
		}
	})
}

// H11: a trunk's stream, and one that has proved itself, may stay.
func TestH11ProvenStreamsStay(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		trunk, phone := h.stream("192.0.2.50:40000"), h.stream("192.0.2.100:40000")
		defer func() { _ = trunk.Close() }()
		defer func() { _ = phone.Close() }()
		phone.login(t)
		time.Sleep(10 * time.Minute)
		if trunk.closed() || phone.closed() {
			t.Errorf("closed: trunk %v, phone %v; want neither", trunk.closed(), phone.closed())
		}
		h.dial(sip.Dial{Account: "1001", Offer: offerSDP})
		if got := phone.text(); !strings.Contains(got, "INVITE sip:1001@192.0.2.100:40000;transport=tcp SIP/2.0") {
			t.Errorf("the call did not come by the device's own stream: %q", got)
		}
	})
}

// H11: a stream with a valid request has 32 s to prove itself.
func TestH11ValidRequestBuysTime(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		s := h.stream("198.51.100.7:40000")
		_, _ = io.WriteString(s, invitation("198.51.100.7:40000", "once"))
		time.Sleep(31 * time.Second)
		if s.closed() {
			t.Error("closed before its time")
		}
		time.Sleep(2 * time.Second)
		if !s.closed() {
			t.Error("open after 33 s")
		}
	})
}

// open counts the streams that are not closed.
func open(all []*stream) (n int) {
	for _, s := range all {
		if !s.closed() {
			n++
		}
	}
	return n
}

// H11: so many streams from one address; then its oldest unproven one goes.
func TestH11StreamsPerAddress(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		phone := h.stream("198.51.100.7:10000")
		defer func() { _ = phone.Close() }()
		phone.login(t)
		var idle []*stream
		for i := range 260 {
			idle = append(idle, h.stream(fmt.Sprintf("198.51.100.7:%d", 20000+i)))
			defer func() { _ = idle[i].Close() }()
		}
		if n := open(idle[5:]); n != 255 || open(idle[:5]) != 0 {
			t.Errorf("got %d of the last 255 and %d of the first 5 open, want all and none", n, open(idle[:5]))
		}
		if phone.closed() {
			t.Error("the phone that has proved itself had to go")
		}
	})
}

// H11: whoever knows the password of one account proves so many streams and no
// more; then the first of them goes.
func TestH11StreamsOfAnAccount(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		var own []*stream
		for i := range 12 {
			s := h.stream(fmt.Sprintf("198.51.100.%d:%d", 7+i%3, 20000+i))
			own = append(own, s)
			defer func() { _ = s.Close() }()
			if ok := s.register(t, 1+2*i, "1001", "secret"); !strings.HasPrefix(ok, "SIP/2.0 200") {
				t.Errorf("stream %d: got %q, want 200", i, ok)
			}
		}
		time.Sleep(time.Minute)
		if open(own[:4]) != 0 || open(own[4:]) != 8 {
			t.Errorf("got %d of the first four and %d of the last eight open, want none and all", open(own[:4]), open(own[4:]))
		}
	})
}

// H11: idle streams from 16 addresses shut nobody out: trunks and proven phones
// have places of their own, and who holds the most loses the oldest.
func TestH11IdleStreamsShutNobodyOut(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		early := h.stream("203.0.113.9:5060") // has not proved itself yet
		defer func() { _ = early.Close() }()
		var idle []*stream
		for i := range 16 * 40 {
			s := h.stream(fmt.Sprintf("198.51.100.%d:%d", 1+i%16, 20000+i))
			idle = append(idle, s)
			defer func() { _ = s.Close() }()
		}
		if n := open(idle); n != 511 {
			t.Errorf("got %d idle streams open, want 511", n)
		}
		trunk := h.stream("192.0.2.50:40000")
		defer func() { _ = trunk.Close() }()
		_, _ = io.WriteString(trunk, invitation("192.0.2.50:40000", "honest"))
		synctest.Wait()
		if h.calls() != 1 {
			t.Error("the trunk's call did not come in")
		}
		early.login(t)
		time.Sleep(11 * time.Second)
		if n := open(idle); n != 0 || trunk.closed() || early.closed() {
			t.Errorf("after 11 s: %d idle streams open, trunk closed %v, phone closed %v; want 0, false, false", n, trunk.closed(), early.closed())
		}
	})
}

// H11: an office shares an address, and the configuration says so.
func TestH11StreamsOfANetwork(t *testing.T) {
	network := &siptest.Network{}
	bubble(t, func(o *sip.Options) {
		o.Listeners = append(o.Listeners, sip.Listener{Network: "tcp", Stream: network.Stream(streamAddress)})
		o.Networks = []sip.Network{{Name: "office", Sources: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, MaxStreams: 300}}
	}, func(t *testing.T, h *house) {
		h.streams = network
		var office []*stream
		for i := range 320 {
			office = append(office, h.stream(fmt.Sprintf("203.0.113.%d:%d", 1+i%2, 20000+i)))
			defer func() { _ = office[i].Close() }()
		}
		if n := open(office); n != 300 {
			t.Errorf("got %d streams of the office open, want 300", n)
		}
		if open(office[:20]) != 0 {
			t.Error("others than the oldest had to go")
		}
	})
}

// A proven phone sends no faster by a stream than by datagrams: it is read more
// slowly, and loses nothing. A trunk's stream is read as fast as it comes.
func TestProvenStreamsHaveTheRateOfDatagrams(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		phone, trunk := h.stream("198.51.100.7:40000"), h.stream("192.0.2.50:40000")
		defer func() { _ = trunk.Close() }()
		phone.login(t)
		flood := func(s *stream, count int) {
			for i := range count {
				message := strings.Replace(invitation(s.LocalAddr().String(), fmt.Sprint("flood", i)), "INVITE", "OPTIONS", 2)
				if _, err := io.WriteString(s, message); err != nil {
					return
				}
			}
		}
		go flood(phone, 100_000)
		time.Sleep(10 * time.Second)
		if n := h.counter.get(" OPTIONS 401 true"); n < 1500 || n > 2500 {
			t.Errorf("got %d requests of the phone answered in 10 s, want about 2,400", n)
		}
		start := time.Now()
		flood(trunk, 1000)
		synctest.Wait()
		if took := time.Since(start); took > time.Second || h.counter.get("carrier OPTIONS 200 true") != 1000 {
			t.Errorf("got %d requests of the trunk answered after %v, want 1,000 at once", h.counter.get("carrier OPTIONS 200 true"), took)
		}
		_ = phone.Close()
		time.Sleep(time.Second) // its reader may still pause
	})
}
