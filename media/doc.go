// Package media owns the sound of all calls: RTP and RTCP, keys, prompts,
// music, and the bridge between two telephones.
//
// No leg has a goroutine. An [Engine] runs a few loops, and each loop owns many
// legs: their sockets, their place on a wheel of 20 slots of 1 ms, and
// everything that a packet touches. Whoever holds a [Leg] only puts commands into
// the queue of its loop and gets events back.
//
//	 call owners             one loop (a goroutine, a thread)           network
//	                  +------------------------------------------+
//	Play, Bridge ...  |  commands -> obey                        |
//	----------------->|                 wheel, each 1 ms ------->|----> paced packets
//	                  |                   | player, keys, RTCP   |
//	<-----------------|  events           v                      |
//	PlayEnded ...     |              collect <-------------------|<---- packets of all legs
//	                  |                   | parse, count, keys   |
//	                  |                   +--> rewrite, send --->|----> the bridged leg
//	                  +------------------------------------------+
//
// A loop wakes once a millisecond, plays what is due, and empties its sockets;
// nobody wakes it for a packet. If it wakes late, it sends all slots that it
// missed, so a late tick never shifts a call. On that path nothing is
// allocated, locked or logged.
//
// The network side has two builds behind one interface: on Linux epoll with
// connected sockets, and package net everywhere (see Options.Portable). What
// was agreed by offer and answer is in package media/sdp; a leg hears only the
// address and port that its peer has signalled.
package media
