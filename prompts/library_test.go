package prompts

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestShippedRecordingsAreGood(t *testing.T) {
	for _, p := range Check(Embedded()) {
		t.Error(p)
	}
}

func TestShippedRecordingsAreSmall(t *testing.T) {
	total := 0
	err := fs.WalkDir(Embedded(), ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if data, err := fs.ReadFile(Embedded(), file); err == nil {
			total += len(data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if most := 12 << 20; total > most {
		t.Errorf("got %d bytes, want at most %d", total, most)
	}
}

func load(t *testing.T, fsys fs.FS) *Library {
	t.Helper()
	l, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSaySplicesPiecesAndWords(t *testing.T) {
	l := load(t, Embedded())
	clips, err := l.Say("zh", "queue_position", map[string]Value{"pos": {Kind: Count, Text: "2"}})
	if err != nil {
		t.Fatal(err)
	}
	var want [][]byte
	for _, file := range []string{"zh/queue_position-1.wav", "zh/words/n2.wav", "zh/queue_position-2.wav"} {
		data, err := fs.ReadFile(Embedded(), file)
		if err != nil {
			t.Fatal(err)
		}
		clip, err := readWAV(data)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, clip)
	}
	if !slices.EqualFunc(clips, want, bytes.Equal) {
		t.Errorf("got %d clips, want the two pieces with 二 (not 两) between them", len(clips))
	}
}

func TestClipsAreShared(t *testing.T) {
	l := load(t, Embedded())
	first, _ := l.Say("zh", "choose_english", nil)
	second, _ := l.Say("en", "choose_english", nil)
	if len(first) != 1 || len(second) != 1 || &first[0][0] != &second[0][0] {
		t.Error("got two copies of one file, want one")
	}
}

func TestSayTellsWhatItCannotSay(t *testing.T) {
	l := load(t, Embedded())
	clips, err := l.Say("en", "queue_position", nil)
	if err == nil || len(clips) != 2 {
		t.Errorf("without a value: got %d clips and %v, want the two pieces and an error", len(clips), err)
	}
	if _, err := l.Say("en", "nothing", nil); err == nil {
		t.Error("unknown prompt: got no error")
	}
	if _, err := l.Say("fr", "hello", nil); err == nil {
		t.Error("unknown language: got no error")
	}
}

func TestSlotsAndLanguages(t *testing.T) {
	l := load(t, Embedded())
	if got := l.Languages(); !slices.Equal(got, []string{"zh", "en"}) {
		t.Errorf("got languages %v, want zh, en", got)
	}
	kinds, ok := l.Slots("zh", "bill")
	if !ok || len(kinds) != 3 || kinds["minimum"] != "amount" || kinds["due_date"] != "date" || kinds["amount"] != "amount" {
		t.Errorf("got slots %v, %v", kinds, ok)
	}
	if _, ok := l.Slots("zh", "nothing"); ok || l.Has("zh", "nothing") {
		t.Error("got slots of a prompt that does not exist")
	}
	if !slices.Contains(l.IDs("en"), "goodbye") || l.IDs("fr") != nil {
		t.Error("got the wrong ids")
	}
}

func TestOverlayReplacesFileByFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "zh"), 0o755); err != nil {
		t.Fatal(err)
	}
	mine := tone1k(8000, 8000)
	if err := os.WriteFile(filepath.Join(dir, "zh", "goodbye.wav"), writeWAV(mine), 0o644); err != nil {
		t.Fatal(err)
	}
	fsys, err := WithOverlay(Embedded(), dir)
	if err != nil {
		t.Fatal(err)
	}
	l := load(t, fsys)
	if got, _ := l.Say("zh", "goodbye", nil); len(got) != 1 || !bytes.Equal(got[0], mine) {
		t.Error("got the shipped recording, want the bank's own")
	}
	if got, _ := l.Say("zh", "hello", nil); len(got) != 1 || bytes.Equal(got[0], mine) {
		t.Error("got no shipped recording where the bank has none")
	}
	if err := os.WriteFile(filepath.Join(dir, "zh", "helo.wav"), writeWAV(mine), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := Check(fsys); len(got) != 1 || got[0].File != "zh/helo.wav" {
		t.Errorf("got %v, want the file with a slip in its name", got)
	}
	if _, err := WithOverlay(Embedded(), filepath.Join(dir, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that the directory does not exist", err)
	}
}

// tone1k returns a tone of 1 kHz as A-law samples.
func tone1k(samples int, amplitude float64) []byte {
	b := make([]byte, samples)
	for i := range b {
		b[i] = encodeALaw(int16(amplitude * math.Sin(2*math.Pi*float64(i)/8)))
	}
	return b
}

func TestCheckFindsFaults(t *testing.T) {
	shipped := fstest.MapFS{}
	err := fs.WalkDir(Embedded(), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(Embedded(), file)
		shipped[file] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const file = "zh/goodbye.wav"
	linear := writeWAV(tone1k(800, 8000))
	linear[20] = 1 // PCM
	clipped := tone1k(8000, 8000)
	copy(clipped[4000:], bytes.Repeat([]byte{encodeALaw(32767)}, 20))
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"missing":  {nil, "missing"},
		"clipped":  {writeWAV(clipped), "clipped"},
		"silent":   {writeWAV(tone1k(8000, 0)), "silent"},
		"quiet":    {writeWAV(tone1k(8000, 500)), "too quiet"},
		"linear":   {linear, "format code 1"},
		"text":     {[]byte("hello"), "no WAV file"},
		"cut":      {writeWAV(tone1k(8000, 8000))[:4000], "cut short"},
		"no sound": {writeWAV(nil), "no sound"},
	} {
		broken := fstest.MapFS{}
		for k, v := range shipped {
			broken[k] = v
		}
		delete(broken, file)
		if c.data != nil {
			broken[file] = &fstest.MapFile{Data: c.data}
		}
		if got := Check(broken); len(got) != 1 || got[0].File != file || !strings.Contains(got[0].Message, c.want) {
			t.Errorf("%s: got %v, want one problem: %s", name, got, c.want)
		}
		if _, err := Load(broken); (err != nil) != (c.data == nil || strings.Contains("linear text cut no sound", name)) {
			t.Errorf("%s: loading it says %v", name, err)
		}
	}
}

func TestBrokenManifests(t *testing.T) {
	for name, c := range map[string]struct{ yaml, want string }{
		"unknown key":    {"language: zh\nvoice: zh\nvolume: 3\n", "volume"},
		"unknown voice":  {"language: zh\nvoice: fr\n", `no voice "fr"`},
		"twice":          {"language: zh\nvoice: zh\nprompts: [{id: a, text: 一}, {id: a, text: 二}]\n", "a is there twice"},
		"open slot":      {"language: zh\nvoice: zh\nprompts: [{id: a, text: '{colour}'}]\n", "{colour}"},
		"slot not there": {"language: zh\nvoice: zh\nprompts: [{id: a, text: 一, slots: {n: count}}]\n", "no slot {n}"},
		"outside":        {"language: zh\nvoice: zh\nprompts: [{id: a, text: 一, file: ../a.wav}]\n", "../a.wav"},
		"bad id":         {"language: zh\nvoice: zh\nprompts: [{id: A b, text: 一}]\n", "no id"},
		"no words":       {"language: zh\nvoice: zh\n", "no word"},
	} {
		_, err := Load(fstest.MapFS{"zh.yaml": {Data: []byte(c.yaml)}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error about %s", name, err, c.want)
		}
	}
	if _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("no manifest: got no error")
	}
}

func TestHoldMusicIsOurOwn(t *testing.T) {
	data, err := fs.ReadFile(Embedded(), musicFile)
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := readWAV(data)
	if err != nil {
		t.Fatal(err)
	}
	made := holdMusic()
	if len(made) != len(shipped) {
		t.Fatalf("got %d samples, want %d", len(shipped), len(made))
	}
	for i := range made { // a processor may round the last bit of a sine otherwise
		if d := math.Abs(float64(decodeALaw(made[i])) - float64(decodeALaw(shipped[i]))); d > 1024 {
			t.Fatalf("sample %d: got %d, want %d", i, decodeALaw(shipped[i]), decodeALaw(made[i]))
		}
	}
	if seam := math.Abs(float64(decodeALaw(made[0])) - float64(decodeALaw(made[len(made)-1]))); seam > 2000 {
		t.Errorf("got a step of %.0f where the loop begins again, want none that is heard", seam)
	}
}

func TestALawIsExactlyInverse(t *testing.T) {
	for code := range 256 {
		if got := encodeALaw(decodeALaw(byte(code))); got != byte(code) {
			t.Errorf("code %#02x: got %#02x after decoding and encoding", code, got)
		}
	}
	for v := math.MinInt16; v <= math.MaxInt16; v++ {
		got := int(decodeALaw(encodeALaw(int16(v))))
		if d := got - v; max(d, -d) > max(16, max(v, -v)/16) {
			t.Fatalf("sample %d: got %d", v, got)
		}
	}
	if encodeALaw(0) != 0xd5 {
		t.Errorf("silence: got %#02x, want 0xd5 of G.711", encodeALaw(0))
	}
}

// TestRenderIsRepeatable needs espeak-ng and sox, which make test installs.
func TestRenderIsRepeatable(t *testing.T) {
	for _, tool := range []string{"espeak-ng", "sox"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed; make test installs it", tool)
		}
	}
	var made [2]map[string][]byte
	for i := range made {
		dir := t.TempDir()
		made[i] = map[string][]byte{}
		err := Render(t.Context(), Embedded(), RenderOptions{
			Dir: dir, Only: []string{"act_ok", "n1000", "goodbye", "hold_music"},
			Report: func(file string) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Error(err)
				}
				made[i][strings.TrimPrefix(file, dir)] = data
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(made[0]) != 10 {
		t.Errorf("got %d files, want 3 + 3 pieces, 3 whole ones and the music", len(made[0]))
	}
	for file, data := range made[0] {
		if !bytes.Equal(data, made[1][file]) {
			t.Errorf("%s: got other bytes the second time", file)
		}
	}
}

func TestScript(t *testing.T) {
	list, err := Recordings(Embedded())
	if err != nil {
		t.Fatal(err)
	}
	var table, text bytes.Buffer
	if err := WriteCSV(&table, list); err != nil {
		t.Fatal(err)
	}
	if err := WriteScript(&text, list); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"id,language,text,file,notes\n", "goodbye,zh,感谢您的来电，再见。,zh/goodbye.wav,\n",
		"otp,zh,我们已向您预留的尾号,zh/otp-1.wav,\n", `n1000,zh,一千,zh/words/n1000.wav,"a word, spliced into sentences"` + "\n",
	} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the CSV lacks %q", want)
		}
	}
	if got := strings.Count(table.String(), "choose_english.wav"); got != 1 {
		t.Errorf("got choose_english.wav %d times, want it recorded once", got)
	}
	for _, want := range []string{"== zh ==", "== en ==", "en/words/twenty_first.wav\n      twenty-first"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the script lacks %q", want)
		}
	}
}

// FuzzReadWAV holds that no file makes the reader panic, and that what it
// accepts can be written again.
func FuzzReadWAV(f *testing.F) {
	f.Add(writeWAV([]byte{1, 2, 3}))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt "))
	f.Fuzz(func(t *testing.T, data []byte) {
		samples, err := readWAV(data)
		if err != nil {
			return
		}
		again, err := readWAV(writeWAV(samples))
		if err != nil || !bytes.Equal(again, samples) {
			t.Errorf("got %x (%v) after writing, want %x", again, err, samples)
		}
	})
}

func BenchmarkSay(b *testing.B) {
	l, err := Load(Embedded())
	if err != nil {
		b.Fatal(err)
	}
	values := map[string]Value{"tail": {Kind: Tail, Text: "4821"}, "time": {Kind: Time, Text: "14:05"}}
	for b.Loop() {
		if _, err := l.Say("zh", "act_ok", values); err != nil {
			b.Fatal(err)
		}
	}
}

// TestACallbackIsOfferedByAnyKey says the shipped offer with each key that a
// configuration may give it.
func TestACallbackIsOfferedByAnyKey(t *testing.T) {
	library, err := Load(Embedded())
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range library.Languages() {
		for _, key := range "0123456789*#" {
			if _, err := library.Say(language, "callback_offer", map[string]Value{"key": {Kind: "key", Text: string(key)}}); err != nil {
				t.Errorf("%s, key %c: %v", language, key, err)
			}
		}
	}
}
