// Package rtp reads and rewrites RTP packets (RFC 3550) where they lie, without
// allocation. It is the part that runs for every packet of a media loop; what
// is built once a report or once a test uses github.com/pion/rtp and
// github.com/pion/rtcp, which also judge this package in its tests.
package rtp

import (
	"encoding/binary"
	"errors"
)

// HeaderSize is the length of a header without CSRC and extension: all that
// this package ever writes.
const HeaderSize = 12

// ComfortNoise is the payload type of comfort noise, RFC 3389.
const ComfortNoise = 13

// MaxPacket is the longest packet that a receiver has to hold: an Ethernet
// frame. G.711 needs 172 bytes for 20 ms.
const MaxPacket = 1500

// ErrMalformed tells that a packet is not RTP: too short, another version, or
// lengths that do not fit. It carries no bytes of the packet, so it may be logged.
var ErrMalformed = errors.New("rtp: malformed packet")

// A Packet is the description of a packet in somebody's buffer. Payload points
// into that buffer.
type Packet struct {
	Type      uint8 // payload type, 0 to 127
	Marker    bool
	Seq       uint16
	Timestamp uint32 // in samples
	SSRC      uint32
	Payload   []byte // without padding; may be empty
	offset    int    // of Payload in the buffer
}

// The fixed header, RFC 3550 section 5.1:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|V=2|P|X|  CC   |M|     PT      |       sequence number         |
//	|                           timestamp                           |
//	|           synchronization source (SSRC) identifier            |
//	|            contributing source (CSRC) identifiers             |
const (
	versionBits = 0xC0
	version2    = 0x80
	paddingBit  = 0x20
	extendBit   = 0x10
	countBits   = 0x0F
	markerBit   = 0x80
	typeBits    = 0x7F
)

// Parse describes the packet in b. It skips CSRC identifiers and header
// extensions and cuts padding off. It never reads beyond b, and returns
// [ErrMalformed] if the lengths in the packet would make it.
func Parse(b []byte) (p Packet, err error) {
	if len(b) < HeaderSize || b[0]&versionBits != version2 {
		return Packet{}, ErrMalformed
	}
	offset := HeaderSize + 4*int(b[0]&countBits)
	if b[0]&extendBit != 0 {
		// Four bytes of extension header; the last two count 32-bit words.
		if len(b) < offset+4 {
			return Packet{}, ErrMalformed
		}
		offset += 4 + 4*int(binary.BigEndian.Uint16(b[offset+2:]))
	}
	end := len(b)
	if offset > end {
		return Packet{}, ErrMalformed
	}
	if b[0]&paddingBit != 0 {
		// The last byte counts the padding, itself included.
		if end == offset || b[end-1] == 0 || int(b[end-1]) > end-offset {
			return Packet{}, ErrMalformed
		}
		end -= int(b[end-1])
	}
	return Packet{
		Type:      b[1] & typeBits,
		Marker:    b[1]&markerBit != 0,
		Seq:       binary.BigEndian.Uint16(b[2:]),
		Timestamp: binary.BigEndian.Uint32(b[4:]),
		SSRC:      binary.BigEndian.Uint32(b[8:]),
		Payload:   b[offset:end],
		offset:    offset,
	}, nil
}

// Rewrite puts a fresh header, made of the fields of p, directly before the
// payload in b and returns the packet that results: a part of b. The packet
// must have come from Parse(b); its CSRC identifiers, extension and padding are gone.
func (p *Packet) Rewrite(b []byte) []byte {
	start := p.offset - HeaderSize
	h := b[start:]
	h[0] = version2
	h[1] = p.Type
	if p.Marker {
		h[1] |= markerBit
	}
	binary.BigEndian.PutUint16(h[2:], p.Seq)
	binary.BigEndian.PutUint32(h[4:], p.Timestamp)
	binary.BigEndian.PutUint32(h[8:], p.SSRC)
	return h[:HeaderSize+len(p.Payload)]
}

// IsRTCP tells whether b, received on a port that carries both, is RTCP: the
// packet types 192 to 223 lie where RTP has marker and payload types 64 to 95,
// RFC 5761 section 4.
func IsRTCP(b []byte) bool {
	return len(b) >= 8 && b[0]&versionBits == version2 && b[1] >= 192 && b[1] <= 223
}

// The parts of a STUN message that is a request or an indication to bind, RFC
// 8489 section 5.
const (
	stunHeader       = 20
	stunCookie       = 0x2112a442
	bindingRequest   = 0x0001
	bindingIndicated = 0x0011
)

// IsKeepAlive tells whether b carries nothing and only keeps a way through NATs
// open, by what RFC 6263 section 4 lists: an empty packet, or one of STUN.
func IsKeepAlive(b []byte) bool {
	if len(b) < stunHeader {
		return len(b) == 0
	}
	kind := binary.BigEndian.Uint16(b)
	return (kind == bindingRequest || kind == bindingIndicated) && binary.BigEndian.Uint32(b[4:]) == stunCookie &&
		stunHeader+int(binary.BigEndian.Uint16(b[2:])) == len(b)
}

// Newer tells whether sequence number a comes after b, across the wrap.
func Newer(a, b uint16) bool { return int16(a-b) > 0 }
