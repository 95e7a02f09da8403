package media

import (
	"net/netip"
	"time"
)

// A wire is how a loop reaches the network. There are two: poller, on Linux,
// and courier, everywhere. Methods are for the loop's goroutine if they do not
// say otherwise.
type wire interface {
	// String names the wire for the log.
	String() string
	// open binds a socket that hears nothing yet. Any goroutine may call it.
	open(address netip.AddrPort) (socket, error)
	// attach is called once, first of all, on the goroutine of the loop.
	attach()
	// watch makes the packets of s, from now on, come out of collect for d.
	watch(s socket, d *door) error
	// collect hands over the packets that wait, and returns when there are no
	// more or when it has been at it for long.
	collect(r receiver)
	// wait returns at until, or, if until is zero, when wake is called or has
	// been since the last wait.
	wait(until time.Time)
	// wake ends a wait without limit. Any goroutine may call it.
	wake()
	// close frees what the wire has, sockets apart. It waits for its goroutines,
	// so all sockets must be closed before.
	close()
}

// A receiver takes what a wire collects.
type receiver interface {
	// arrived takes a packet, which is its own until it returns. From is
	// invalid if the kernel has already made sure of the source. A nil packet
	// is one that was too long.
	arrived(d *door, packet []byte, from netip.AddrPort)
	// thrown tells that an ICMP message has come back for what was sent.
	thrown(d *door)
}

// A socket is one UDP port.
type socket interface {
	// connect fixes the peer: send goes to it, and, where the system can do it,
	// only its packets are heard from now on. It may be called again for
	// another peer.
	connect(remote netip.AddrPort) error
	// aim hears everybody again and lets send go to remote, which may be
	// invalid: then send does nothing.
	aim(remote netip.AddrPort) error
	// resume connects again after aim, and drops nothing of what waits: sources are
	// told from now on.
	resume(remote netip.AddrPort) error
	// send sends a packet, and does not wait if the system has no room for it.
	// The error [errThrown] is about an earlier packet.
	send(packet []byte) error
	close()
}
