package g711

import (
	"math"
	"testing"
)

// The decision and quantised values are those of G.711, tables 1a and 2a,
// scaled to 16 bits.
func TestKnownSamples(t *testing.T) {
	for _, c := range []struct {
		law    string
		sample int16
		code   byte
	}{
		{"A", 8, 0xD5},
		{"A", -8, 0x55},
		{"A", 32256, 0xAA},
		{"A", -32256, 0x2A},
		{"A", 1008, 0xFA},
		{"u", 0, 0xFF},
		{"u", 8, 0xFE},
		{"u", 32124, 0x80},
		{"u", -32124, 0x00},
		{"u", 132, 0xEF},
	} {
		got, code := make([]int16, 1), make([]byte, 1)
		if c.law == "A" {
			DecodeALaw(got, []byte{c.code})
			EncodeALaw(code, []int16{c.sample})
		} else {
			DecodeULaw(got, []byte{c.code})
			EncodeULaw(code, []int16{c.sample})
		}
		if got[0] != c.sample || code[0] != c.code {
			t.Errorf("%s-law %#x: got sample %d and code %#x, want %d and %#x", c.law, c.code, got[0], code[0], c.sample, c.code)
		}
	}
}

func TestEveryCodeSurvivesARoundTrip(t *testing.T) {
	for i := range 256 {
		code := byte(i)
		if got := compressALaw(expandALaw(code)); got != code {
			t.Errorf("A-law %#x: got %#x", code, got)
		}
		// µ-law has two zeros; the negative one reads as the positive.
		if got := compressULaw(expandULaw(code)); got != code && code != 0x7F {
			t.Errorf("µ-law %#x: got %#x", code, got)
		}
	}
}

func TestEverySampleIsNearItsCode(t *testing.T) {
	for v := math.MinInt16; v <= math.MaxInt16; v++ {
		a := int(expandALaw(compressALaw(int16(v))))
		u := int(expandULaw(compressULaw(int16(v))))
		// Half the widest step of the chord, or the clipping at the top.
		limit := max(8, abs(v)/16)
		if abs(a-v) > limit+1 || abs(u-v) > limit+1 {
			t.Fatalf("sample %d: got A-law %d and µ-law %d, want within %d", v, a, u, limit)
		}
	}
}

func TestConversionBetweenLawsKeepsTheSample(t *testing.T) {
	for i := range 256 {
		p := []byte{byte(i)}
		ToULaw(p)
		was, is := int(expandALaw(byte(i))), int(expandULaw(p[0]))
		if abs(was-is) > max(8, abs(was)/24) {
			t.Errorf("A-law %#x to µ-law: got sample %d, want %d", i, is, was)
		}
		p[0] = byte(i)
		ToALaw(p)
		was, is = int(expandULaw(byte(i))), int(expandALaw(p[0]))
		if abs(was-is) > max(8, abs(was)/24) {
			t.Errorf("µ-law %#x to A-law: got sample %d, want %d", i, is, was)
		}
	}
}

func TestLevelOfASine(t *testing.T) {
	pcm, a, u := make([]int16, 800), make([]byte, 800), make([]byte, 800)
	for i := range pcm {
		pcm[i] = int16(0.3 * 32767 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	EncodeALaw(a, pcm)
	EncodeULaw(u, pcm)
	want := 20*math.Log10(0.3) - 3.01
	if got := Level(a); math.Abs(got-want) > 0.2 {
		t.Errorf("A-law: got %.2f dBFS, want %.2f", got, want)
	}
	if got := LevelULaw(u); math.Abs(got-want) > 0.2 {
		t.Errorf("µ-law: got %.2f dBFS, want %.2f", got, want)
	}
	if got := Level(nil); !math.IsInf(got, -1) {
		t.Errorf("nothing: got %.2f dBFS, want -Inf", got)
	}
}

func BenchmarkToULaw(b *testing.B) {
	p := make([]byte, 160)
	for b.Loop() {
		ToULaw(p)
	}
}

func abs(v int) int { return max(v, -v) }
