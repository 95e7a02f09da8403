package prompts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// RenderOptions say what [Render] makes.
type RenderOptions struct {
	// Dir is where the files go.
	Dir string
	// Only limits the work to these ids; if empty, everything is made.
	Only []string
	// Keep leaves files alone that are there already.
	Keep bool
	// Report, if set, is called with the path of each file that was made.
	Report func(file string)
}

// Render makes placeholder recordings of everything that the manifests in the
// root of a tree name: speech by espeak-ng and sox, which must be installed,
// and the hold music by itself. The same texts give the same bytes each time.
// Placeholders serve for tests and trials; cardholders should hear a person.
func Render(ctx context.Context, fsys fs.FS, opt RenderOptions) error {
	manifests, err := readManifests(fsys)
	if err != nil {
		return err
	}
	readings, err := DefaultReadings()
	if err != nil {
		return err
	}
	for _, tool := range []string{"espeak-ng", "sox"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("look for %s, which makes the recordings: %w", tool, err)
		}
	}
	for _, r := range recordings(manifests) {
		if len(opt.Only) > 0 && !slices.Contains(opt.Only, r.ID) {
			continue
		}
		target := filepath.Join(opt.Dir, filepath.FromSlash(r.File))
		if _, err := os.Stat(target); err == nil && opt.Keep {
			continue
		}
		data, err := renderOne(ctx, r, readings)
		if err != nil {
			return fmt.Errorf("render %s: %w", r.File, err)
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("render %s: %w", r.File, err)
		}
		if err := os.WriteFile(target, data, 0o644); err != nil {
			return fmt.Errorf("render %s: %w", r.File, err)
		}
		if opt.Report != nil {
			opt.Report(target)
		}
	}
	return nil
}

// renderOne returns the WAV file of one recording.
func renderOne(ctx context.Context, r Recording, readings Readings) ([]byte, error) {
	if r.Text == "" {
		if path.Clean(r.File) != musicFile {
			return nil, errors.New("it has no text; only music/hold.wav is made without one")
		}
		return writeWAV(holdMusic()), nil
	}
	voice, text := "en-gb", r.Say
	if r.Voice == "zh" {
		voice = "cmn-latn-pinyin"
		var err error
		if text, err = readings.Pinyin(r.Say); err != nil {
			return nil, err
		}
	}
	speech, err := run(ctx, strings.NewReader(text), "espeak-ng", "-v", voice, "-s", "150", "--stdin", "--stdout")
	if err != nil {
		return nil, err
	}
	// espeak-ng cannot know the length of a stream when it writes the header,
	// so sox is told to read to the end. -D, no dither, makes it repeatable.
	rest := []string{"0.05", "0.1"} // seconds of silence around a sentence
	if r.Word {
		rest = []string{"0.01", "0.02"}
	}
	silence := []string{"silence", "1", "0.01", "0.3%", "reverse", "silence", "1", "0.01", "0.3%", "reverse"}
	args := slices.Concat(
		[]string{"-D", "--ignore-length", "-t", "wav", "-", "-t", "raw", "-r", "8000", "-c", "1", "-e", "a-law", "-"},
		[]string{"gain", "-3", "highpass", "200", "lowpass", "3400"}, silence,
		[]string{"compand", "0.005,0.1", "6:-60,-40,-30,-20,-10,-9", "-6", "-90", "0.1", "norm", "-3", "pad"}, rest,
	)
	samples, err := run(ctx, bytes.NewReader(speech), "sox", args...)
	if err != nil {
		return nil, err
	}
	return writeWAV(samples), nil
}

// run feeds a program and returns what it writes.
func run(ctx context.Context, in io.Reader, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}
