package media

import (
	"net/netip"
	"time"

	"cardline/media/rtp"
	"cardline/media/sdp"
)

// A door is one socket of a stream and says who may come in.
type door struct {
	stream    *stream
	socket    socket
	signalled netip.AddrPort // by the last description
	remote    netip.AddrPort // where the peer is; invalid: nobody may come in
	latch     netip.Addr     // while valid, this address may come in from any port
	looking   bool           // the kernel lets everybody through, to see who is there
}

// admits tells whether a packet may come in. An invalid source is one that the
// kernel has checked.
func (d *door) admits(from netip.AddrPort) bool {
	return !from.IsValid() || from == d.remote || d.latch.IsValid() && (from.Addr() == d.latch || d.stream.neighbour(from))
}

// neighbour tells whether a packet comes from this machine, as all do where we are bound
// to loopback. A softphone on it may signal from, and name, an address of the local
// network, and send its media from loopback all the same.
func (s *stream) neighbour(from netip.AddrPort) bool {
	return s.loop.engine.options.Bind.IsLoopback() && from.Addr().IsLoopback()
}

// open lets the signalled peer in and, until it has shown itself, the latch
// address. An invalid remote, as of a hold by 0.0.0.0, leaves the door as it is.
func (d *door) open(remote netip.AddrPort, latch netip.Addr) error {
	if remote.Port() == 0 {
		remote = netip.AddrPort{}
	}
	moved := remote.IsValid() && remote != d.signalled
	if moved {
		d.signalled, d.remote = remote, remote
	}
	open := d.latch.IsValid() || d.looking
	d.latch, d.looking = latch, false
	switch {
	case latch.IsValid():
		return d.socket.aim(d.remote)
	case moved || open && d.remote.IsValid():
		return d.socket.connect(d.remote)
	}
	return nil
}

// settle ends latching: the peer is here.
func (d *door) settle(from netip.AddrPort) error {
	d.remote, d.latch = from, netip.Addr{}
	return d.socket.connect(from)
}

// look lets the kernel pass on what does not come from the peer, so that it can be
// counted, or ends that. A door that latches sees everything anyway.
func (d *door) look(on bool) error {
	if on == d.looking || d.latch.IsValid() || !d.remote.IsValid() {
		return nil
	}
	d.looking = on
	if on {
		return d.socket.aim(d.remote)
	}
	return d.socket.resume(d.remote)
}

// A peer from which nothing comes is looked for elsewhere: after lookAfter, for
// lookTime of every lookEvery. In between the socket is connected, so that the kernel
// drops what strangers send, and says when the peer's port is closed.
const (
	lookAfter = int64(time.Second / tickLength)
	lookEvery = int64(time.Second / tickLength)
	lookTime  = int64(200 * time.Millisecond / tickLength)
)

// search looks for a peer that is not heard for so many ticks.
func (s *stream) search(silent int64) {
	if err := s.rtp.look(silent >= lookAfter && silent%lookEvery < lookTime); err != nil {
		s.counts.Unsent++
	}
}

// stray takes a packet from a source that may not come in. Two of one source that
// are what was agreed on, and none from where they should come, are no accident: that
// is told once.
func (s *stream) stray(d *door, packet []byte, from netip.AddrPort) {
	s.counts.WrongSource++
	defer clear(packet) // it may be a key, and the buffer outlives it
	if d != &s.rtp || s.strayTold {
		return
	}
	p, err := rtp.Parse(packet)
	switch {
	case err != nil || s.path.Receive[p.Type] == sdp.Unknown:
	case from != s.strayFrom:
		s.strayFrom = from
	case s.loop.tick-s.alive >= lookAfter:
		s.strayTold = true
		s.tell(WrongSource{Signalled: d.signalled, Source: from})
	}
}
