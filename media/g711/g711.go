// Package g711 converts between the two laws of ITU-T G.711 and linear 16-bit
// samples at 8 kHz. Everything is a table look-up: no function allocates, keeps
// a reference to its arguments, or can fail.
package g711

import "math"

// The bytes that stand for silence, the smallest positive step of each law.
const (
	SilenceALaw byte = 0xD5
	SilenceULaw byte = 0xFF
)

// full is the largest magnitude of a linear sample, the 0 dB of [Level].
const full = 32768

var (
	fromALaw = table(expandALaw)
	fromULaw = table(expandULaw)
	// A conversion between the laws goes by way of the linear sample, so it is
	// the nearest step of the other law.
	aToU = table(func(a byte) byte { return compressULaw(expandALaw(a)) })
	uToA = table(func(u byte) byte { return compressALaw(expandULaw(u)) })
)

func table[T int16 | byte](f func(byte) T) (t [256]T) {
	for i := range t {
		t[i] = f(byte(i))
	}
	return t
}

// DecodeALaw writes the linear samples of the A-law bytes src to dst and
// returns their number, the smaller of both lengths.
func DecodeALaw(dst []int16, src []byte) int { return decode(&fromALaw, dst, src) }

// DecodeULaw is [DecodeALaw] for µ-law.
func DecodeULaw(dst []int16, src []byte) int { return decode(&fromULaw, dst, src) }

func decode(t *[256]int16, dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	for i, b := range src[:n] {
		dst[i] = t[b]
	}
	return n
}

// EncodeALaw writes the A-law bytes of the linear samples src to dst and
// returns their number, the smaller of both lengths.
func EncodeALaw(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	for i, v := range src[:n] {
		dst[i] = compressALaw(v)
	}
	return n
}

// EncodeULaw is [EncodeALaw] for µ-law.
func EncodeULaw(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	for i, v := range src[:n] {
		dst[i] = compressULaw(v)
	}
	return n
}

// ToULaw converts A-law to µ-law in place.
func ToULaw(p []byte) { convert(&aToU, p) }

// ToALaw converts µ-law to A-law in place.
func ToALaw(p []byte) { convert(&uToA, p) }

func convert(t *[256]byte, p []byte) {
	for i, b := range p {
		p[i] = t[b]
	}
}

// Level returns the loudness of A-law bytes in dBFS: the mean power relative to
// a square wave of full scale. A full-scale sine is about -3, digital silence
// -72 or so, and an empty slice negative infinity.
func Level(alaw []byte) float64 { return level(&fromALaw, alaw) }

// LevelULaw is [Level] for µ-law.
func LevelULaw(ulaw []byte) float64 { return level(&fromULaw, ulaw) }

func level(t *[256]int16, p []byte) float64 {
	var sum float64
	for _, b := range p {
		v := float64(t[b]) / full
		sum += v * v
	}
	return 10 * math.Log10(sum/float64(max(len(p), 1)))
}

// An A-law byte, even bits inverted on the line (G.711, table 1a):
//
//	  7   6 5 4   3 2 1 0
//	+---+-------+---------+
//	| s | chord |  step   |     s is 1 for positive samples
//	+---+-------+---------+
const (
	signBit   = 0x80
	chordBits = 0x70
	stepBits  = 0x0F
	evenBits  = 0x55
)

func expandALaw(a byte) int16 {
	a ^= evenBits
	v := int16(a&stepBits)<<4 + 8
	if chord := a & chordBits >> 4; chord > 0 {
		v = (v + 0x100) << (chord - 1)
	}
	if a&signBit == 0 {
		return -v
	}
	return v
}

func compressALaw(v int16) byte {
	sign := byte(signBit)
	if v < 0 {
		sign, v = 0, ^v // ^v, not -v: -32768 has no positive twin
	}
	chord, rest := byte(0), v>>4
	for rest > 0x1F {
		chord, rest = chord+1, rest>>1
	}
	if rest > 0x0F {
		chord, rest = chord+1, rest-0x10
	}
	return (sign | chord<<4 | byte(rest)) ^ evenBits
}

// bias is what µ-law adds before it looks for the chord, G.711 table 2a.
const bias = 0x84

// expandULaw reads the same fields as A-law, with all bits inverted.
func expandULaw(u byte) int16 {
	u = ^u
	v := (int16(u&stepBits)<<3+bias)<<(u&chordBits>>4) - bias
	if u&signBit != 0 {
		return -v
	}
	return v
}

func compressULaw(v int16) byte {
	sign := byte(0)
	w := int32(v)
	if w < 0 {
		sign, w = signBit, -w
	}
	w = min(w, 32635) + bias
	chord := byte(7)
	for mask := int32(0x4000); w&mask == 0 && chord > 0; mask >>= 1 {
		chord--
	}
	return ^(sign | chord<<4 | byte(w>>(chord+3))&stepBits)
}
