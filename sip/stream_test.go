package sip_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cardline/sip"
	"cardline/sip/siptest"
)

const streamAddress = "192.0.2.1:5062"

// streams runs a test of a stack that also listens for streams.
func streams(t *testing.T, f func(*testing.T, *house)) {
	t.Helper()
	network := &siptest.Network{}
	bubble(t, func(o *sip.Options) {
		o.Listeners = append(o.Listeners, sip.Listener{Network: "tcp", Stream: network.Stream(streamAddress)})
	}, func(t *testing.T, h *house) {
		h.streams = network
		f(t, h)
	})
}

// A stream is a peer's end of a TCP connection, read all the time.
type stream struct {
	net.Conn
	mu   sync.Mutex
	got  strings.Builder
	done chan struct{}
}

func (h *house) stream(from string) *stream {
	h.t.Helper()
	conn, err := h.streams.Dial(from, streamAddress)
	if err != nil {
		h.t.Fatal(err)
	}
	s := &stream{Conn: conn, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			s.mu.Lock()
			s.got.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	synctest.Wait()
	return s
}

func (s *stream) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

func (s *stream) closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// login registers account 1001 over the stream.
func (s *stream) login(t *testing.T) {
	t.Helper()
	from := s.LocalAddr().String()
	contact := "Contact: <sip:1001@" + from + ";transport=tcp>"
	p := &peer{t: t, addr: from, callID: "tcp", tag: "tcp"}
	send := func(lines []string) string {
		before := len(s.text())
		_, _ = io.WriteString(s, strings.ReplaceAll(strings.Join(lines, "\r\n"), "/UDP", "/TCP")+"\r\n\r\n")
		synctest.Wait()
		return s.text()[before:]
	}
	challenge := parseResponse(t, send(p.registerLines(1, "1001", contact, "Content-Length: 0")))
	auth := credentials(t, challenge, "REGISTER", "sip:192.0.2.1", "1001", "secret", 1)
	if ok := send(p.registerLines(2, "1001", contact, auth, "Content-Length: 0")); !strings.HasPrefix(ok, "SIP/2.0 200") {
		t.Fatalf("got %q, want 200", ok)
	}
}

func invitation(from, callID string) string {
	return strings.Join([]string{
		"INVITE sip:95500@192.0.2.1 SIP/2.0", "Via: SIP/2.0/TCP " + from + ";branch=z9hG4bK" + callID, "Max-Forwards: 70",
		"From: <sip:138@192.0.2.50>;tag=x" + callID, "To: <sip:95500@192.0.2.1>", "Call-ID: " + callID, "CSeq: 1 INVITE",
		"Contact: <sip:138@" + from + ";transport=tcp>", "Content-Type: application/sdp",
		fmt.Sprintf("Content-Length: %d", len(offerSDP)), "", string(offerSDP),
	}, "\r\n")
}

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
