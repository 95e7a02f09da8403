package prompts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ImportOptions say what [Import] converts.
type ImportOptions struct {
	// From is the studio's folder, laid out as the list for the studio has it:
	// zh/hello.wav, en/words/n1.wav. Files may be PCM of any rate and depth, mono
	// or stereo.
	From string
	// To is where the recordings go.
	To string
	// Report, if set, is called with the path of each recording that was made.
	Report func(file string)
}

// The level of what is imported, in dB below full scale.
const (
	importedLevel = -20 // mean level of speech, the same for all that can be as loud
	importedPeak  = -1  // at most
)

// Import makes recordings of what a studio delivers for the manifests in the root
// of a tree: G.711 A-law at 8 kHz, all equally loud. It needs sox. Whatever cannot
// be used is returned, and nothing is made of it; missing are the recordings that
// the studio's folder does not have.
func Import(ctx context.Context, fsys fs.FS, o ImportOptions) (wrong []Problem, missing []string, err error) {
	manifests, err := readManifests(fsys)
	if err != nil {
		return nil, nil, err
	}
	if _, err := exec.LookPath("sox"); err != nil {
		return nil, nil, fmt.Errorf("look for sox, which converts the recordings: %w", err)
	}
	delivered, err := deliveredIn(o.From)
	if err != nil {
		return nil, nil, fmt.Errorf("read the studio's folder: %w", err)
	}
	for _, r := range recordings(manifests) {
		i := slices.Index(delivered, path.Clean(r.File))
		if i < 0 {
			missing = append(missing, r.File)
			continue
		}
		delivered = slices.Delete(delivered, i, i+1)
		samples, err := importOne(ctx, filepath.Join(o.From, filepath.FromSlash(r.File)))
		if ctx.Err() != nil {
			return wrong, missing, context.Cause(ctx)
		}
		message, remedy := "", ""
		if err != nil {
			message, remedy = err.Error(), "deliver a WAV file with PCM samples"
		} else {
			message, remedy = judge(samples)
		}
		if message != "" {
			wrong = append(wrong, Problem{r.File, message, remedy})
			continue
		}
		target := filepath.Join(o.To, filepath.FromSlash(r.File))
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o755), os.WriteFile(target, writeWAV(samples), 0o644)); err != nil {
			return wrong, missing, fmt.Errorf("import %s: %w", r.File, err)
		}
		if o.Report != nil {
			o.Report(target)
		}
	}
	for _, file := range delivered {
		wrong = append(wrong, Problem{file, "no manifest names it", "name it as the list has it: cardline prompts script"})
	}
	return wrong, missing, nil
}

// deliveredIn lists the WAV files below a directory, with slashes.
func deliveredIn(dir string) (files []string, err error) {
	err = fs.WalkDir(os.DirFS(dir), ".", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.EqualFold(path.Ext(file), ".wav") {
			files = append(files, file)
		}
		return err
	})
	return files, err
}

// importOne returns a file as A-law samples: as loud as it can be, and then as much
// softer as it takes to bring speech to its level. What is silent stays so.
func importOne(ctx context.Context, file string) ([]byte, error) {
	convert := func(effects ...string) ([]byte, error) {
		args := []string{"-D", file, "-t", "raw", "-r", "8000", "-c", "1", "-e", "a-law", "-", "highpass", "100", "rate", "-v", "8000"}
		return run(ctx, nil, "sox", append(args, effects...)...)
	}
	samples, err := convert()
	if err != nil {
		return nil, err
	}
	if len(samples) == 0 {
		return nil, errNoSound
	}
	if measure(samples).peak < silentPeak {
		return samples, nil
	}
	loudest := []string{"norm", fmt.Sprint(importedPeak)}
	if samples, err = convert(loudest...); err != nil {
		return nil, err
	}
	softer := importedLevel - measure(samples).speech
	if softer >= 0 {
		return samples, nil
	}
	return convert(append(loudest, "gain", fmt.Sprintf("%.2f", softer))...)
}
