package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/emiago/sipgo/sip"
)

// flooding makes a request with the branch of all others and a Call-ID of its
// own: sipgo takes it for a copy, and brings no transaction for it.
func flooding(t *testing.T, call, size int, more string) *wire.Request {
	t.Helper()
	msg, err := wire.NewParser().ParseSIP(fmt.Appendf(nil, "OPTIONS sip:x@192.0.2.1 SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKone\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\n"+
		"Call-ID: %d\r\nCSeq: 1 OPTIONS\r\n%sContent-Length: %d\r\n\r\n%s", call, more, size, strings.Repeat("x", size)))
	if err != nil {
		t.Fatal(err)
	}
	return msg.(*wire.Request)
}

// What waits for its turn is bounded by number and by memory, for one source and
// in all, and trunks and phones have places of their own.
func TestWhatWaitsIsBounded(t *testing.T) {
	for _, c := range []struct {
		name               string
		sources, each      int
		size               int
		more               string
		known              bool
		messages, atMostKB int
	}{
		{"one stranger", 1, 200, 0, "", false, 32, 256},
		{"one stranger with long bodies", 1, 100, 30000, "", false, 8, 256},
		{"one stranger with many short headers", 1, 50, 0, strings.Repeat("a:b\r\n", 500), false, 3, 256},
		{"strangers", 100, 15, 0, "", false, 1024, 8 << 10},
		{"strangers with long bodies", 100, 5, 30000, "", false, 262, 8 << 10},
		{"a trunk", 1, 2200, 0, "", true, 2048, 16 << 10},
		{"trunks", 4, 1100, 0, "", true, 4096, 32 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				drops := 0
				o := newOrder(func(*arrival) { t.Error("routed without a transaction") }, func(d Drop) {
					if d != DropWaiting {
						t.Errorf("dropped as %v", d)
					}
					drops++
				})
				for i := range c.sources * c.each {
					req := flooding(t, i, c.size, c.more)
					o.arrive(&arrival{
						req: req, known: c.known, size: sizeOf(req),
						source: netip.AddrFrom4([4]byte{198, 51, 100, byte(i % c.sources)}),
					})
				}
				o.mu.Lock()
				all := o.waiting.strangers
				if c.known {
					all = o.waiting.peers
				}
				if all.messages != c.messages || all.bytes > c.atMostKB<<10 || len(o.pending) != all.messages {
					t.Errorf("got %+v and %d pending, want %d messages of at most %d kB", all, len(o.pending), c.messages, c.atMostKB)
				}
				if drops != c.sources*c.each-c.messages {
					t.Errorf("got %d counted as dropped, want all but %d", drops, c.messages)
				}
				o.mu.Unlock()
				time.Sleep(holeTimeout)
				synctest.Wait()
				o.mu.Lock()
				if o.waiting.strangers != (load{}) || o.waiting.peers != (load{}) || len(o.waiting.sources)+len(o.lines)+len(o.pending) != 0 {
					t.Errorf("kept after %v: %+v", holeTimeout, o.waiting)
				}
				o.mu.Unlock()
				o.stop()
			})
		})
	}
}

// A flood of strangers leaves room for a trunk.
func TestStrangersLeaveRoomForTrunks(t *testing.T) {
	ordered(t, func(t *testing.T, o *order, routed func() string) {
		for i := range 2000 {
			o.arrive(&arrival{req: flooding(t, i, 0, ""), source: netip.AddrFrom4([4]byte{198, 51, byte(i), 1})})
		}
		req := numbered(t, "INVITE", 1)
		o.arrive(&arrival{req: req, known: true, source: netip.MustParseAddr("192.0.2.50")})
		o.join(req, nil)
		expect(t, routed(), "INVITE1")
	})
}
