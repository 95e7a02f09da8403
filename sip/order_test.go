package sip

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/emiago/sipgo/sip"
)

// numbered makes a request of one call.
func numbered(t *testing.T, method string, seq int) *wire.Request {
	t.Helper()
	msg, err := wire.NewParser().ParseSIP([]byte(strings.Join([]string{
		method + " sip:x@192.0.2.1 SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK%s%d", method, seq),
		"From: <sip:a@b>;tag=1", "To: <sip:x@y>;tag=2", "Call-ID: one", fmt.Sprintf("CSeq: %d %s", seq, method), "", "",
	}, "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return msg.(*wire.Request)
}

// ordered runs a test of an order that writes down what it routes.
func ordered(t *testing.T, f func(t *testing.T, o *order, routed func() string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // fake time passing is no synchronisation for the race detector
		var words []string
		o := newOrder(func(a *arrival) {
			mu.Lock()
			defer mu.Unlock()
			words = append(words, fmt.Sprintf("%s%d", a.req.Method, a.req.CSeq().SeqNo))
		}, func(Drop) {})
		f(t, o, func() string {
			mu.Lock()
			defer mu.Unlock()
			return strings.Join(words, " ")
		})
		o.stop()
	})
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// H2: however sipgo's goroutines come in, messages leave as they arrived.
func TestH2LineKeepsTheOrderOfTheWire(t *testing.T) {
	ordered(t, func(t *testing.T, o *order, routed func() string) {
		var all []*wire.Request
		for i := range 5 {
			all = append(all, numbered(t, "INFO", i+1))
			o.arrive(&arrival{req: all[i]})
		}
		o.arrive(&arrival{req: numbered(t, "ACK", 6)})
		for _, i := range []int{4, 1, 3, 2} {
			o.join(all[i], nil)
		}
		expect(t, routed(), "")
		o.join(all[0], nil)
		expect(t, routed(), "INFO1 INFO2 INFO3 INFO4 INFO5 ACK6")
		if len(o.lines)+len(o.pending) != 0 {
			t.Error("something is left in line")
		}
	})
}

// A message that sipgo does not bring holds the others for 20 ms; if it comes
// after all it is not lost.
func TestLineGoesOnWithoutTheMissing(t *testing.T) {
	ordered(t, func(t *testing.T, o *order, routed func() string) {
		first, second := numbered(t, "INFO", 1), numbered(t, "INFO", 2)
		o.arrive(&arrival{req: first})
		o.arrive(&arrival{req: second})
		o.join(second, nil)
		time.Sleep(holeTimeout - time.Nanosecond)
		synctest.Wait()
		expect(t, routed(), "")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		expect(t, routed(), "INFO2")
		o.join(first, nil)
		expect(t, routed(), "INFO2 INFO1")
	})
}

// A latecomer waits for its turn like everybody else.
func TestLatecomerIsRoutedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var routing, routed atomic.Int32
		o := newOrder(func(*arrival) {
			if routing.Add(1) > 1 {
				t.Error("two messages of one call are routed at once")
			}
			time.Sleep(time.Second)
			routing.Add(-1)
			routed.Add(1)
		}, func(Drop) {})
		first, second := numbered(t, "INFO", 1), numbered(t, "INFO", 2)
		o.arrive(&arrival{req: first})
		time.Sleep(holeTimeout)
		synctest.Wait()
		o.arrive(&arrival{req: second})
		go o.join(second, nil)
		synctest.Wait()
		o.join(first, nil)
		time.Sleep(3 * time.Second)
		if got := routed.Load(); got != 2 {
			t.Errorf("got %d messages routed, want 2", got)
		}
		o.stop()
	})
}

// A leg that has ended keeps no message, however late it comes.
func TestEndedLegKeepsNoMessage(t *testing.T) {
	l := newLeg(&Stack{}, side{})
	close(l.done)
	for range inboxLength {
		l.deliver(&arrival{res: wire.NewResponse(200, "OK")})
	}
	if n := len(l.inbox); n > 0 {
		t.Errorf("got %d messages that nobody will answer, want none", n)
	}
}

// What never comes is forgotten.
func TestLineForgets(t *testing.T) {
	ordered(t, func(t *testing.T, o *order, routed func() string) {
		first := numbered(t, "INFO", 1)
		o.arrive(&arrival{req: first})
		time.Sleep(holeTimeout)
		synctest.Wait()
		if len(o.lines)+len(o.pending)+o.waiting.strangers.messages != 0 {
			t.Error("the request itself is still kept")
		}
		time.Sleep(2 * forgetTimeout)
		synctest.Wait()
		if o.join(first, nil) || len(o.lines)+len(o.pending) != 0 {
			t.Error("still remembered")
		}
		expect(t, routed(), "")
	})
}

// H13: a copy is not put in line, until the request is forgotten.
func TestH13CopyIsNotPutInLine(t *testing.T) {
	ordered(t, func(t *testing.T, o *order, routed func() string) {
		for range 3 {
			req := numbered(t, "BYE", 1)
			o.arrive(&arrival{req: req})
			o.join(req, nil)
		}
		expect(t, routed(), "BYE1")
		o.forget(numbered(t, "BYE", 1))
		req := numbered(t, "BYE", 1)
		o.arrive(&arrival{req: req})
		o.join(req, nil)
		expect(t, routed(), "BYE1 BYE1")
	})
}

// H15: sipgo may give the transaction to a copy that came right behind.
func TestH15TransactionOfTheCopy(t *testing.T) {
	ordered(t, func(t *testing.T, o *order, routed func() string) {
		first, second := numbered(t, "INVITE", 1), numbered(t, "INVITE", 1)
		o.arrive(&arrival{req: first})
		o.arrive(&arrival{req: second})
		if !o.join(second, nil) {
			t.Error("the transaction of the copy is taken for nobody's")
		}
		expect(t, routed(), "INVITE1")
		if o.join(first, nil) || len(o.lines)+len(o.pending) != 0 {
			t.Error("something waits for another transaction")
		}
	})
}
