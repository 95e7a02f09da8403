package load

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Tap sees the datagrams of one phone's signalling at its socket: at is the
// moment before one is sent or after one has come in. The bytes are the
// socket's and must not be kept. It is called from several goroutines and must
// not block.
type Tap func(at time.Time, sent bool, datagram []byte)

// A cord connects one phone with the network. Once it is pulled the phone is
// as one without power: its socket is closed, nothing comes in, and what it
// says goes nowhere.
type cord struct {
	net.PacketConn
	tap Tap // may be nil

	pulled atomic.Bool
	once   sync.Once
	closed chan struct{}
}

func newCord(address string, tap Tap) (*cord, error) {
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, err
	}
	if u, ok := c.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(1 << 20) // the kernel may grant less
	}
	if tap == nil {
		tap = func(time.Time, bool, []byte) {}
	}
	return &cord{PacketConn: c, tap: tap, closed: make(chan struct{})}, nil
}

func (c *cord) pull() {
	c.pulled.Store(true)
	_ = c.PacketConn.Close()
}

// ReadFrom implements [net.PacketConn]. After a pull it waits for Close.
func (c *cord) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	at := time.Now()
	if c.pulled.Load() {
		<-c.closed
		return 0, nil, net.ErrClosed
	}
	if err == nil {
		c.tap(at, false, b[:n])
	}
	return n, from, err
}

// WriteTo implements [net.PacketConn]. After a pull it always succeeds.
func (c *cord) WriteTo(b []byte, to net.Addr) (int, error) {
	if c.pulled.Load() {
		return len(b), nil
	}
	c.tap(time.Now(), true, b)
	n, err := c.PacketConn.WriteTo(b, to)
	if c.pulled.Load() {
		return len(b), nil
	}
	return n, err
}

// Close implements [net.PacketConn].
func (c *cord) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.PacketConn.Close()
}
