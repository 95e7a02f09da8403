package prompts

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// sampleRate is that of every telephone, in samples a second.
const sampleRate = 8000

// formatALaw is the WAVE format code of G.711 A-law.
const formatALaw = 6

// Reasons why a file is no recording.
var (
	errNoWAV    = errors.New("it is no WAV file")
	errNoSound  = errors.New("the WAV file has no sound in it")
	errCutShort = errors.New("the WAV file is cut short")
)

// A FormatError says that a WAV file has a format that cannot be played.
type FormatError struct {
	Code, Channels, Bits int
	Rate                 int // samples a second
}

// Error describes the format and the one that is needed.
func (e *FormatError) Error() string {
	return fmt.Sprintf("it has format code %d, %d Hz, %d channels, %d bits; G.711 A-law (code 6), 8000 Hz, mono, 8 bits is needed",
		e.Code, e.Rate, e.Channels, e.Bits)
}

// readWAV returns the samples of an A-law WAV file, which refer to data.
func readWAV(data []byte) ([]byte, error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return nil, errNoWAV
	}
	formatSeen := false
	for rest := data[12:]; len(rest) >= 8; {
		id, size := string(rest[:4]), uint64(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		if size > uint64(len(rest)) {
			return nil, errCutShort
		}
		chunk := rest[:size]
		switch id {
		case "fmt ":
			if size < 16 {
				return nil, errCutShort
			}
			format := FormatError{
				Code:     int(binary.LittleEndian.Uint16(chunk)),
				Channels: int(binary.LittleEndian.Uint16(chunk[2:])),
				Rate:     int(binary.LittleEndian.Uint32(chunk[4:])),
				Bits:     int(binary.LittleEndian.Uint16(chunk[14:])),
			}
			if format != (FormatError{Code: formatALaw, Channels: 1, Rate: sampleRate, Bits: 8}) {
				return nil, &format
			}
			formatSeen = true
		case "data":
			if !formatSeen {
				return nil, errNoWAV
			}
			if size == 0 {
				return nil, errNoSound
			}
			return chunk, nil
		}
		rest = rest[min(size+size%2, uint64(len(rest))):] // chunks are padded to even sizes
	}
	return nil, errNoSound
}

// writeWAV returns a WAV file of A-law samples.
func writeWAV(samples []byte) []byte {
	n := uint32(len(samples))
	pad := n % 2
	le := binary.LittleEndian
	b := append([]byte(nil), "RIFF"...)
	b = le.AppendUint32(b, 4+8+18+8+4+8+n+pad)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 18)
	b = le.AppendUint16(b, formatALaw)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint32(b, sampleRate)
	b = le.AppendUint32(b, sampleRate) // bytes a second
	b = le.AppendUint16(b, 1)          // bytes a frame
	b = le.AppendUint16(b, 8)
	b = le.AppendUint16(b, 0)
	b = append(b, "fact"...) // required for every format but PCM
	b = le.AppendUint32(b, 4)
	b = le.AppendUint32(b, n)
	b = append(b, "data"...)
	b = le.AppendUint32(b, n)
	b = append(b, samples...)
	return append(b, make([]byte, pad)...)
}

// encodeALaw returns the A-law code of a 16-bit sample, ITU-T G.711 table 1a.
//
//	code, before every second bit is inverted:  S EEE MMMM
//	S 1 for positive, EEE segment, MMMM step in it
func encodeALaw(sample int16) byte {
	sign, v := byte(0x80), int(sample)>>3 // 13 bits
	if v < 0 {
		sign, v = 0, -v-1
	}
	segment := 0
	for s := v >> 5; s > 0; s >>= 1 {
		segment++
	}
	step := v >> 1
	if segment > 1 {
		step = v >> segment
	}
	return (sign | byte(segment)<<4 | byte(step&0x0f)) ^ 0x55
}

// decodeALaw returns the 16-bit sample in the middle of an A-law step.
func decodeALaw(code byte) int16 {
	code ^= 0x55
	segment, v := code>>4&7, int16(code&0x0f)<<4+8
	if segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if code&0x80 == 0 {
		return -v
	}
	return v
}
