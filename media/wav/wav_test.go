package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"cardline/media/g711"
)

func create(t *testing.T, f Format, data []byte, whole bool) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.wav")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	w, err := NewWriter(file, f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if whole {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for f := range formats {
		for _, n := range []int{0, 2, 7, 160} {
			for _, whole := range []bool{true, false} {
				data := bytes.Repeat([]byte{1}, n*formats[f].size)
				b := create(t, Format(f), data, whole)
				s, err := Read(bytes.NewReader(b))
				if err != nil {
					t.Fatalf("%v, %d samples, closed %t: got %v, want no error", Format(f), n, whole, err)
				}
				if s.Format != Format(f) || s.Samples() < n || !bytes.Equal(s.Data[:len(data)], data) || whole && n > 0 && s.Samples() != n {
					t.Errorf("%v, closed %t: got %v with %d samples, want %d", Format(f), whole, s.Format, s.Samples(), n)
				}
			}
		}
	}
}

func TestHeaderSaysTheTrueSizes(t *testing.T) {
	b := create(t, ALaw, make([]byte, 7), true)
	if got, want := binary.LittleEndian.Uint32(b[4:]), uint32(len(b)-8); got != want {
		t.Errorf("RIFF size: got %d, want %d", got, want)
	}
	if got := binary.LittleEndian.Uint32(b[headerSize-4:]); got != 7 || len(b) != headerSize+8 {
		t.Errorf("data size: got %d in a file of %d bytes, want 7 in %d", got, len(b), headerSize+8)
	}
}

func TestAKilledWriterLeavesAWholeFile(t *testing.T) {
	data := bytes.Repeat([]byte{0xD5}, 801)
	b := create(t, ALaw, data, false)
	s, err := Read(bytes.NewReader(b[:len(b)-1])) // and the last write was cut
	if err != nil || !bytes.Equal(s.Data, data[:800]) {
		t.Fatalf("got %v, want 800 samples", err)
	}
}

func TestConversions(t *testing.T) {
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(float64(i)/4))
	}
	alaw, ulaw, linear := make([]byte, 160), make([]byte, 160), []byte{}
	g711.EncodeALaw(alaw, pcm)
	g711.EncodeULaw(ulaw, pcm)
	for _, v := range pcm {
		linear = binary.LittleEndian.AppendUint16(linear, uint16(v))
	}
	for _, s := range []Sound{{ALaw, alaw}, {ULaw, ulaw}, {PCM16, linear}} {
		// The steps of the two laws lie half a step apart: 0.15 dB at worst.
		if got := g711.Level(s.ALaw()); math.Abs(got-g711.Level(alaw)) > 0.2 {
			t.Errorf("%v as A-law: got %.2f dBFS, want %.2f", s.Format, got, g711.Level(alaw))
		}
		for i, v := range s.PCM() {
			if d := int(v) - int(pcm[i]); d > 256 || d < -256 {
				t.Fatalf("%v as PCM: sample %d is %d, want about %d", s.Format, i, v, pcm[i])
			}
		}
	}
}

func TestRefusalsNameTheReason(t *testing.T) {
	change := func(at int, with ...byte) []byte {
		b := append(header(ALaw, 4), 1, 2, 3, 4)
		copy(b[at:], with)
		return b
	}
	whole := change(0)
	for _, c := range []struct {
		name   string
		file   []byte
		reason string
	}{
		{"empty", nil, "ends within the RIFF header"},
		{"an MP3", []byte("ID3 and so on, long enough"), "not a RIFF/WAVE file"},
		{"stereo", change(22, 2), "2 channels, want 1"},
		{"44.1 kHz", change(24, 0x44, 0xAC), "44100 Hz, want 8000"},
		{"MP3 in WAV", change(20, 0x55), "encoding 85, want A-law, µ-law or PCM"},
		{"24 bit", change(20, 1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0, 0, 0, 0, 3, 0, 24), "24 bits a sample, want 16 for PCM 16 bit"},
		{"short fmt", change(16, 4), "format chunk of 4 bytes"},
		{"huge fmt", change(16, 0xFF, 0xFF, 0xFF, 0xFF), "format chunk of 4294967295 bytes"},
		{"extensible without its end", change(20, 0xFE, 0xFF), "extensible format chunk of 18 bytes"},
		{"cut in fmt", whole[:25], "ends within the format chunk"},
		{"cut in a chunk", whole[:48], "ends within a chunk"},
		{"no data", whole[:50], "there is no data chunk"},
		{"data first", append(append(append([]byte{}, whole[:12]...), "data\x02\x00\x00\x00"...), 1, 2), "data comes before the format"},
	} {
		_, err := Read(bytes.NewReader(c.file))
		var fe *FormatError
		if !errors.As(err, &fe) || !strings.Contains(fe.Reason, c.reason) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.reason)
		}
	}
}

func TestReadingErrorsAreNoFormatErrors(t *testing.T) {
	whole := append(header(ALaw, 4), 1, 2, 3, 4)
	for _, n := range []int64{5, 25, 45, headerSize + 1} {
		r := io.MultiReader(io.LimitReader(bytes.NewReader(whole), n), iotest.ErrReader(io.ErrClosedPipe))
		if _, err := Read(r); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("after %d bytes: got %v, want %v", n, err, io.ErrClosedPipe)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(append(header(ALaw, 4), 1, 2, 3, 4))
	f.Add(append(header(PCM16, 0), 1, 2, 3))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVELIST\x01\x00\x00\x00xx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if got := len(s.ALaw()); got != s.Samples() || len(s.PCM()) != got {
			t.Fatalf("got %d samples of A-law, want %d", got, s.Samples())
		}
	})
}
