package console

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
)

// A boundedListener holds a bounded number of connections, since the files of the
// process are the telephone's. When it is full the one is closed that has gone longest without a request, so that no number of idle or slow
// connections keeps out whoever comes: a probe, Prometheus, an agent. Those on
// which the holder of a token is being served are never closed.
type boundedListener struct {
	net.Listener
	most int

	mu     sync.Mutex // guards what follows; a leaf
	change *sync.Cond // something has become free, or the listener has closed
	idle   *list.List // of *boundedConn whom nobody serves, the oldest first
	total  int
	closed bool
}

func newBoundedListener(l net.Listener, most int) *boundedListener {
	b := &boundedListener{Listener: l, most: most, idle: list.New()}
	b.change = sync.NewCond(&b.mu)
	return b
}

// A boundedConn is a connection of a boundedListener.
type boundedConn struct {
	net.Conn
	listener *boundedListener

	// Guarded by the listener's lock.
	place  *list.Element // among the idle; nil while a holder is served, and at the end
	served int           // requests of holders that are being served
	gone   bool
}

// Accept implements [net.Listener].
func (b *boundedListener) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	oldest, ok := b.room()
	if oldest != nil {
		_ = oldest.Conn.Close() // its server finds out
	}
	if !ok {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	bc := &boundedConn{Conn: conn, listener: b}
	b.mu.Lock()
	defer b.mu.Unlock()
	bc.place = b.idle.PushBack(bc)
	return bc, nil
}

// room takes a place, for which the oldest connection may have to go; ok is false
// if the listener closes.
func (b *boundedListener) room() (oldest *boundedConn, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.total >= b.most && b.idle.Len() == 0 && !b.closed {
		b.change.Wait()
	}
	if b.closed {
		return nil, false
	}
	if b.total >= b.most {
		oldest = b.idle.Front().Value.(*boundedConn)
		oldest.leave()
	}
	b.total++
	return oldest, true
}

// Close implements [net.Listener].
func (b *boundedListener) Close() error {
	b.mu.Lock()
	b.closed = true
	b.change.Broadcast()
	b.mu.Unlock()
	return b.Listener.Close()
}

// Close implements [net.Conn].
func (bc *boundedConn) Close() error {
	bc.listener.mu.Lock()
	bc.leave()
	bc.listener.mu.Unlock()
	return bc.Conn.Close()
}

// leave gives the place back, once. The listener's lock is held.
func (bc *boundedConn) leave() {
	if bc.gone {
		return
	}
	bc.gone = true
	bc.rest(false)
	bc.listener.total--
	bc.listener.change.Signal()
}

// rest puts the connection behind all others who are idle, or takes it from among
// them. The listener's lock is held.
func (bc *boundedConn) rest(idle bool) {
	if bc.place != nil {
		bc.listener.idle.Remove(bc.place)
		bc.place = nil
	}
	if idle && !bc.gone {
		bc.place = bc.listener.idle.PushBack(bc)
		bc.listener.change.Signal()
	}
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// withConn is the server's ConnContext.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, connOf(c))
}

// connOf finds the connection below what the server has made of it.
func connOf(c net.Conn) *boundedConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	bc, _ := c.(*boundedConn)
	return bc
}

// noteState is the server's ConnState: a connection whose answer has gone out, to the
// last byte, is idle.
func noteState(c net.Conn, state http.ConnState) {
	bc := connOf(c)
	if bc == nil || state != http.StateIdle {
		return
	}
	bc.listener.mu.Lock()
	defer bc.listener.mu.Unlock()
	bc.rest(bc.served == 0)
}

// noteRequest notes that a connection has asked for something.
func noteRequest(r *http.Request) {
	if bc, ok := r.Context().Value(connKey{}).(*boundedConn); ok && bc != nil {
		bc.listener.mu.Lock()
		defer bc.listener.mu.Unlock()
		bc.rest(bc.served == 0)
	}
}

// keepOpen keeps a request's connection from here to done, and then until the answer
// has gone out.
func keepOpen(r *http.Request) (done func()) {
	bc, ok := r.Context().Value(connKey{}).(*boundedConn)
	if !ok || bc == nil {
		return func() {}
	}
	count := func(n int) {
		bc.listener.mu.Lock()
		defer bc.listener.mu.Unlock()
		bc.served += n
		bc.rest(false)
	}
	count(+1)
	return func() { count(-1) }
}
