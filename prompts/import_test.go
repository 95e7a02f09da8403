package prompts

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// pcm returns a WAV file of a second of 16-bit samples: a tone of 1,000 Hz at a
// level below full scale.
func pcm(rate, channels int, level float64) []byte {
	le := binary.LittleEndian
	var samples []byte
	for i := range rate {
		v := int16(math.MaxInt16 * math.Pow(10, level/20) * math.Sin(2*math.Pi*1000*float64(i)/float64(rate)))
		for range channels {
			samples = le.AppendUint16(samples, uint16(v))
		}
	}
	b := append([]byte("RIFF"), le.AppendUint32(nil, uint32(36+len(samples)))...)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*channels*rate))
	b = le.AppendUint16(b, uint16(2*channels))
	b = le.AppendUint16(b, 16)
	return append(le.AppendUint32(append(b, "data"...), uint32(len(samples))), samples...)
}

// TestImport converts recordings of several forms and levels, and says what it
// cannot use. It needs sox, which make test installs.
func TestImport(t *testing.T) {
	if _, err := exec.LookPath("sox"); err != nil {
		t.Skip("sox is not installed; make test installs it")
	}
	manifest := fstest.MapFS{"zh.yaml": {Data: []byte("language: zh\nvoice: zh\nprompts:\n" +
		"  - {id: loud, text: 一}\n  - {id: quiet, text: 一}\n  - {id: silent, text: 一}\n  - {id: broken, text: 一}\n  - {id: missing, text: 一}\n")}}
	studio, to := t.TempDir(), t.TempDir()
	for name, data := range map[string][]byte{
		"loud.wav": pcm(44100, 1, -1), "quiet.wav": pcm(48000, 2, -38), "silent.wav": pcm(8000, 1, -80),
		"broken.wav": []byte("RIFF"), "Loud2.WAV": pcm(8000, 1, -6),
	} {
		if err := os.MkdirAll(filepath.Join(studio, "zh"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(studio, "zh", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var made []string
	wrong, missing, err := Import(t.Context(), manifest, ImportOptions{From: studio, To: to, Report: func(file string) { made = append(made, file) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range made {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		samples, err := readWAV(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if l := measure(samples); math.Abs(l.speech-importedLevel) > 1 || l.clipped {
			t.Errorf("%s: level %.1f dB, clipped %v; want %d dB", file, l.speech, l.clipped, importedLevel)
		}
		if n := len(samples); n < sampleRate-80 || n > sampleRate+80 {
			t.Errorf("%s: %d samples, want about %d", file, n, sampleRate)
		}
	}
	if len(made) != 2 || !slices.Equal(missing, []string{"zh/missing.wav"}) {
		t.Errorf("made %v, missing %v", made, missing)
	}
	var said []string
	for _, p := range wrong {
		said = append(said, p.String())
	}
	for _, want := range []string{"zh/silent.wav: it is silent", "zh/broken.wav: sox", "zh/Loud2.WAV: no manifest names it"} {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%q is not among %q", want, said)
		}
	}
	if _, _, err := Import(t.Context(), manifest, ImportOptions{From: filepath.Join(studio, "nowhere"), To: to}); err == nil {
		t.Error("a folder that is not there was read")
	}
}
