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

// A lobby is a listener that holds a bounded number of connections, since the
// files of the process are the telephone's. When it is full the one is closed
// that has gone longest without a request, so that no number of idle or slow
// connections keeps out whoever comes: a probe, Prometheus, an agent. Those on
// which the holder of a token is being served are never closed.
type lobby struct {
	net.Listener
	most int

	mu     sync.Mutex // guards what follows; a leaf
	change *sync.Cond // something has become free, or the lobby has closed
	idle   *list.List // of *visitor whom nobody serves, the oldest first
	total  int
	closed bool
}

func newLobby(l net.Listener, most int) *lobby {
	b := &lobby{Listener: l, most: most, idle: list.New()}
	b.change = sync.NewCond(&b.mu)
	return b
}

// A visitor is a connection in the lobby.
type visitor struct {
	net.Conn
	lobby *lobby

	// Guarded by the lobby's lock.
	place  *list.Element // among the idle; nil while a holder is served, and at the end
	served int           // requests of holders that are being served
	gone   bool
}

// Accept implements [net.Listener].
func (b *lobby) Accept() (net.Conn, error) {
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
	v := &visitor{Conn: conn, lobby: b}
	b.mu.Lock()
	defer b.mu.Unlock()
	v.place = b.idle.PushBack(v)
	return v, nil
}

// room takes a place, for which the oldest visitor may have to go; ok is false
// if the lobby closes.
func (b *lobby) room() (oldest *visitor, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.total >= b.most && b.idle.Len() == 0 && !b.closed {
		b.change.Wait()
	}
	if b.closed {
		return nil, false
	}
	if b.total >= b.most {
		oldest = b.idle.Front().Value.(*visitor)
		oldest.leave()
	}
	b.total++
	return oldest, true
}

// Close implements [net.Listener].
func (b *lobby) Close() error {
	b.mu.Lock()
	b.closed = true
	b.change.Broadcast()
	b.mu.Unlock()
	return b.Listener.Close()
}

// Close implements [net.Conn].
func (v *visitor) Close() error {
	v.lobby.mu.Lock()
	v.leave()
	v.lobby.mu.Unlock()
	return v.Conn.Close()
}

// leave gives the place back, once. The lobby's lock is held.
func (v *visitor) leave() {
	if v.gone {
		return
	}
	v.gone = true
	v.rest(false)
	v.lobby.total--
	v.lobby.change.Signal()
}

// rest puts the visitor behind all others who are idle, or takes it from among
// them. The lobby's lock is held.
func (v *visitor) rest(idle bool) {
	if v.place != nil {
		v.lobby.idle.Remove(v.place)
		v.place = nil
	}
	if idle && !v.gone {
		v.place = v.lobby.idle.PushBack(v)
		v.lobby.change.Signal()
	}
}

// visitorKey is the key of a request's visitor in its context.
type visitorKey struct{}

// withVisitor is the server's ConnContext.
func withVisitor(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, visitorOf(c))
}

// visitorOf finds the visitor below what the server has made of it.
func visitorOf(c net.Conn) *visitor {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	v, _ := c.(*visitor)
	return v
}

// answered is the server's ConnState: a visitor whose answer has gone out, to the
// last byte, is idle.
func answered(c net.Conn, state http.ConnState) {
	v := visitorOf(c)
	if v == nil || state != http.StateIdle {
		return
	}
	v.lobby.mu.Lock()
	defer v.lobby.mu.Unlock()
	v.rest(v.served == 0)
}

// asks notes that a visitor has asked for something.
func asks(r *http.Request) {
	if v, ok := r.Context().Value(visitorKey{}).(*visitor); ok && v != nil {
		v.lobby.mu.Lock()
		defer v.lobby.mu.Unlock()
		v.rest(v.served == 0)
	}
}

// served keeps a visitor's connection from here to done, and then until the answer
// has gone out.
func served(r *http.Request) (done func()) {
	v, ok := r.Context().Value(visitorKey{}).(*visitor)
	if !ok || v == nil {
		return func() {}
	}
	count := func(n int) {
		v.lobby.mu.Lock()
		defer v.lobby.mu.Unlock()
		v.served += n
		v.rest(false)
	}
	count(+1)
	return func() { count(-1) }
}
