package sip

import (
	"context"
	"fmt"
	"net"

	wire "github.com/emiago/sipgo/sip"
)

// connect sees to it that there is a stream to the address that a request goes to, if
// it goes by one. Without it sipgo would open one itself, and read it past our guard;
// it still does if the peer ends ours just then, which is better than no request.
// Requests to one peer share a stream, and the wait for it.
func (s *Stack) connect(ctx context.Context, req *wire.Request) error {
	to := req.Destination()
	if req.Transport() != "TCP" || s.hasStream(to) {
		return nil
	}
	_, err, _ := s.opening.Do(to, func() (any, error) {
		if s.hasStream(to) { // of the one before
			return nil, nil
		}
		return nil, s.open(ctx, req.Laddr, to)
	})
	return err //nolint:wrapcheck // it is ours
}

// open opens a stream and hands it to sipgo, which has it in its pool afterwards.
func (s *Stack) open(ctx context.Context, from wire.Addr, to string) error {
	var dialer net.Dialer
	if from.IP != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: from.IP}
	}
	conn, err := dialer.DialContext(ctx, "tcp", to)
	if err != nil {
		return fmt.Errorf("open a stream to %s: %w", to, err)
	}
	stream, err := s.guard.own(conn)
	if err != nil {
		_ = conn.Close()
		return fmt.Errorf("open a stream to %s: %w", to, err)
	}
	_ = s.transport.ServeTCP(&single{stream})
	return nil
}

// own is for a stream that we have opened. It is no stranger's and takes no place of
// those who come in; a trunk's is read as fast as it comes.
func (g *guard) own(conn net.Conn) (*guardedStream, error) {
	s, err := newGuardedStream(conn, g)
	if err != nil {
		return nil, err
	}
	s.isTrunk = g.trunkName(s.remote) != ""
	s.isProven.Store(true)
	return s, nil
}

// A single is a listener at which one stream comes in. sipgo has it in its pool when
// it asks for the next.
type single struct{ stream net.Conn }

// Accept returns the stream once, then [net.ErrClosed].
func (l *single) Accept() (net.Conn, error) {
	stream := l.stream
	if stream == nil {
		return nil, net.ErrClosed
	}
	l.stream = nil
	return stream, nil
}

// Addr returns where the stream begins, before it was accepted.
func (l *single) Addr() net.Addr { return l.stream.LocalAddr() }

// Close does nothing: there is nothing to close.
func (l *single) Close() error { return nil }
