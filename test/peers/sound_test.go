//go:build peers

package peers

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"cardline/test/rig"
)

const rate = 8000

// writeTone writes a sine of -13 dBFS as 16-bit mono at 8 kHz.
func writeTone(t *testing.T, file string, hertz float64, d time.Duration) {
	t.Helper()
	n := int(d.Seconds() * rate)
	b := make([]byte, 0, 44+2*n)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+2*n))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	for _, v := range []uint16{1, 1, rate, 0, 2 * rate, 0, 2, 16} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for i := range n {
		v := 0.3 * math.Sin(2*math.Pi*hertz*float64(i)/rate)
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(v*32767)))
	}
	rig.Must(t, os.WriteFile(file, b, 0o600))
}

// readWAV reads 16-bit mono; a data chunk of size 0, as a killed recorder
// leaves it, goes to the end.
func readWAV(file string) ([]int16, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for at := 12; at+8 <= len(b); {
		id, size := string(b[at:at+4]), int(binary.LittleEndian.Uint32(b[at+4:]))
		at += 8
		if id == "data" {
			if size == 0 || at+size > len(b) {
				size = len(b) - at
			}
			samples := make([]int16, size/2)
			for i := range samples {
				samples[i] = int16(binary.LittleEndian.Uint16(b[at+2*i:]))
			}
			return samples, nil
		}
		at += size + size%2
	}
	return nil, fmt.Errorf("%s: %w", file, errNoData)
}

// tone measures a stretch of sound: the share of its energy at a frequency
// (Goertzel), and its level in dBFS.
func tone(x []int16, hertz float64) (share, level float64) {
	w := 2 * math.Cos(2*math.Pi*hertz/rate)
	var s1, s2, energy float64
	for _, v := range x {
		f := float64(v) / 32768
		s1, s2 = f+w*s1-s2, s1
		energy += f * f
	}
	if energy == 0 {
		return 0, math.Inf(-1)
	}
	n := float64(len(x))
	return 2 * (s1*s1 + s2*s2 - w*s1*s2) / (n * energy), 10 * math.Log10(energy/n)
}

// halves tells, for each half second of sound, whether it is the tone of the
// given frequency at the level of writeTone, within a decibel and a half.
func halves(x []int16, hertz float64) (list []bool) {
	const want = -13.47 // 0.3 of full scale, as the mean of a sine
	for len(x) >= rate/2 {
		share, level := tone(x[:rate/2], hertz)
		list = append(list, share > 0.95 && math.Abs(level-want) < 1.5)
		x = x[rate/2:]
	}
	return list
}

// runs counts the longest run of true in a list.
func longest(list []bool) (best int) {
	n := 0
	for _, ok := range list {
		if n++; !ok {
			n = 0
		}
		best = max(best, n)
	}
	return best
}
