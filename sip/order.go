package sip

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	wire "github.com/emiago/sipgo/sip"
)

const (
	// holeTimeout is how long a call's messages wait for one that sipgo has
	// not brought yet.
	holeTimeout = 20 * time.Millisecond

	// forgetTimeout is how long such a message may still come. sipgo itself
	// gives up a request that it cannot answer after 10 s.
	forgetTimeout = 15 * time.Second

	// joinTime is how long a message may be on its way through sipgo at the end.
	joinTime = time.Second

	// memory is how long a request is remembered, so that its copies are not
	// taken for new ones (64*T1).
	memory = 64 * t1
)

// An arrival is one message on its way to [Stack.route]. A request that wants
// an answer is ready once its transaction is there.
type arrival struct {
	req *wire.Request
	res *wire.Response // one of the two is set
	tx  *wire.ServerTx

	ready  bool
	passed bool // its turn is over: it is routed, or the line went on without it
	merged bool // a copy that took another way, RFC 3261 section 8.2.2.2
	proven bool // sent from a new address, with a digest of the account that its leg belongs to
	timer  *time.Timer

	// For [waiting].
	source netip.Addr
	known  bool // the source is a trunk's, or has proved itself
	size   int  // as sizeOf has it
}

// order restores the order of the wire (hazard H2). sipgo hands every message
// to a goroutine of its own, and a sixth of those that come in pairs overtake
// each other. The one place that sees them in order is the reader: arrive is
// called there, and puts each message in the line of its Call-ID. Requests
// wait in line for sipgo's goroutine to bring their transaction (join);
// responses and ACKs need none and only keep their place.
//
// order also remembers requests for 32 s (hazard H13): a copy that comes when
// its transaction has gone must not be a new call. A copy that comes right
// behind its request may overtake it in sipgo, and the transaction is the
// copy's then: it joins the request all the same (hazard H15).
//
// Messages are kept until their turn, within the bounds of [waiting]; what is
// remembered longer is a hash of them.
type order struct {
	route   func(*arrival) // runs outside the lock, one at a time per Call-ID
	dropped func(Drop)
	seed    maphash.Seed

	mu      sync.Mutex
	lines   map[string]*line
	waiting waiting
	pending map[copyKey]*arrival    // requests without their transaction
	late    generations[mark, bool] // requests whose turn is over, and whether they are merged
	seen    generations[mark, mark] // the branch that a request came with
	stopped bool
	settled chan struct{} // closed when it is stopped and nothing is pending
	lost    time.Time     // when a request was read last of which sipgo may bring nothing
}

// A mark is the hash of a key, which may itself be as long as its sender likes.
type mark uint64

type line struct {
	queue []*arrival
	busy  bool // somebody is routing its head
}

// A requestKey tells requests apart whatever way they took (section 8.2.2.2).
type requestKey struct {
	callID, fromTag string
	seq             uint32
	method          wire.RequestMethod
}

func keyOf(req *wire.Request) requestKey {
	return requestKey{req.CallID().Value(), tagOf(req.From().Params), req.CSeq().SeqNo, req.Method}
}

// A copyKey is the same for all copies of a request that came one way.
type copyKey struct {
	requestKey
	branch, source string
}

func copyKeyOf(req *wire.Request) copyKey { return copyKey{keyOf(req), branchOf(req), req.Source()} }

// newOrder returns an order that gives messages to route, and tells dropped of
// those that there is no room for.
func newOrder(route func(*arrival), dropped func(Drop)) *order {
	o := &order{
		route: route, dropped: dropped, seed: maphash.MakeSeed(),
		lines: make(map[string]*line), pending: make(map[copyKey]*arrival), settled: make(chan struct{}),
	}
	o.seen.init(memory, 1<<17)
	o.late.init(forgetTimeout, 1<<14)
	return o
}

func markOf[K comparable](o *order, key K) mark { return mark(maphash.Comparable(o.seed, key)) }

// arrive puts a well-formed message in line. It must be called by the reader,
// in order, before sipgo's transactions see the message.
func (o *order) arrive(a *arrival) {
	var msg wire.Message = a.res
	if a.req != nil {
		msg = a.req
	}
	callID := msg.CallID().Value()

	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped {
		return
	}
	if a.req == nil || a.req.IsAck() {
		a.ready = true
		if o.admits(a) {
			o.queue(callID, a)
		}
		return
	}
	key := copyKeyOf(a.req)
	request, branch := markOf(o, key.requestKey), markOf(o, key.branch)
	before, seen := o.seen.get(request)
	if a.req.Method == cancelMethod {
		seen = false // a copy of a CANCEL is answered like the first
	}
	if seen && before == branch {
		o.lost = time.Now()
		return // a retransmission: its transaction answers it, or nobody
	}
	if !o.admits(a) {
		return
	}
	a.merged = seen && tagOf(a.req.To().Params) == ""
	if !seen {
		o.seen.put(request, branch)
	}
	o.pending[key] = a
	a.timer = time.AfterFunc(holeTimeout, func() { o.skip(callID, a) })
	o.queue(callID, a)
}

// admits counts a message in that has to wait, or drops it: its sender repeats
// it. o.mu is held.
func (o *order) admits(a *arrival) bool {
	if o.waiting.take(a) {
		return true
	}
	o.lost = time.Now()
	o.dropped(DropWaiting)
	return false
}

// queue puts a message at the end of its line; o.mu is held.
func (o *order) queue(callID string, a *arrival) {
	l := o.lines[callID]
	if l == nil {
		l = &line{}
		o.lines[callID] = l
	}
	l.queue = append(l.queue, a)
	o.advance(callID, l)
}

// join brings the transaction of a request or of its copy. It reports false if
// nothing waits for it: the request is answered already.
func (o *order) join(req *wire.Request, tx *wire.ServerTx) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := copyKeyOf(req)
	callID := req.CallID().Value()
	a := o.pending[key]
	if a == nil { // the line may have gone on without it; better late than never
		merged, late := o.late.get(markOf(o, key))
		a = &arrival{req: req, tx: tx, ready: true, merged: merged, source: sourceOf(req).Addr()}
		if !late || !o.admits(a) {
			return false
		}
		o.late.drop(markOf(o, key))
		o.queue(callID, a)
		return true
	}
	o.drop(key)
	if req != a.req {
		clear(req.Body()) // it may hold a key of the caller's, and sipgo keeps it for 32 s
	}
	a.timer.Stop()
	a.tx, a.ready = tx, true
	if l := o.lines[callID]; l != nil {
		o.advance(callID, l)
	}
	return true
}

// skip lets the line go on without a message whose time is over. Of the message
// itself nothing is kept: sipgo brings it, if it ever does.
func (o *order) skip(callID string, a *arrival) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.ready {
		return
	}
	a.passed = true
	o.waiting.give(a)
	o.lost = time.Now()
	if key := copyKeyOf(a.req); o.pending[key] == a {
		o.late.put(markOf(o, key), a.merged)
		o.drop(key)
	}
	if l := o.lines[callID]; l != nil {
		o.advance(callID, l)
	}
}

// advance routes what is ready at the head of a line. o.mu is held, and given
// up while a message is routed; whoever comes meanwhile only queues.
func (o *order) advance(callID string, l *line) {
	if l.busy {
		return
	}
	l.busy = true
	for len(l.queue) > 0 {
		a := l.queue[0]
		if !a.ready && !a.passed {
			break
		}
		l.queue = l.queue[1:]
		if a.passed {
			continue
		}
		a.passed = true
		o.mu.Unlock()
		o.route(a)
		o.mu.Lock()
		o.waiting.give(a)
	}
	l.busy = false
	if len(l.queue) == 0 && o.lines[callID] == l {
		delete(o.lines, callID)
	}
}

// forget drops the memory of a request that was answered without one of our
// own: its copy is to be judged anew.
func (o *order) forget(req *wire.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen.drop(markOf(o, keyOf(req)))
}

// drop takes a request off those that have no transaction; o.mu is held.
func (o *order) drop(key copyKey) {
	delete(o.pending, key)
	o.settle()
}

// settle tells that nothing is pending at the end; o.mu is held.
func (o *order) settle() {
	if o.stopped && len(o.pending) == 0 {
		close(o.settled)
	}
}

// lose tells of a request that is put in no line.
func (o *order) lose() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost = time.Now()
}

// stop lets no message in line any more, and returns when those that have been
// read are all here, or have had their time.
func (o *order) stop() {
	o.mu.Lock()
	o.stopped = true
	o.settle()
	rest := time.Until(o.lost.Add(joinTime))
	o.mu.Unlock()
	timer := time.NewTimer(joinTime)
	defer timer.Stop()
	select {
	case <-o.settled:
	case <-timer.C:
	}
	time.Sleep(rest)
}
