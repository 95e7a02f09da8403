package sip_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardline/sip"
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

// H11: half a message holds a stream for 32 s and no longer.
func TestH11HalfAMessage(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		s := h.stream("198.51.100.7:40000")
		_, _ = io.WriteString(s, "INVITE sip:x SIP/2.0\r\nContent-Length: 60000\r\n\r\n")
		time.Sleep(31 * time.Second)
		if s.closed() {
			t.Error("closed before its time")
		}
		time.Sleep(2 * time.Second)
		if !s.closed() {
			t.Error("open after 33 s")
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
		if !s.closed() || sent > 70_000 {
			t.Errorf("closed=%v after %d bytes, want it closed after 64 kB", s.closed(), sent)
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

// H11: so many streams from one address, and no more.
func TestH11StreamsPerAddress(t *testing.T) {
	streams(t, func(t *testing.T, h *house) {
		var open []*stream
		for i := range 260 {
			open = append(open, h.stream(fmt.Sprintf("198.51.100.7:%d", 20000+i)))
		}
		closed := 0
		for _, s := range open {
			if s.closed() {
				closed++
			}
			defer func() { _ = s.Close() }()
		}
		if closed != 4 {
			t.Errorf("got %d of 260 turned away, want 4", closed)
		}
	})
}
