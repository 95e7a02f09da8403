package prompts

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
)

// A Problem is something wrong with the recordings.
type Problem struct {
	File    string // or the manifest
	Message string // what is wrong
	Remedy  string // what to do about it
}

// String returns the problem as one line.
func (p Problem) String() string { return p.File + ": " + p.Message + "; " + p.Remedy }

// The limits of a good recording, in dB below full scale.
const (
	silentPeak = -40 // below it nothing is heard
	quietLevel = -32 // mean level of the parts where somebody speaks
	gateLevel  = -45 // below it a block of samples is a pause
)

// Limits of a recording in samples.
const (
	clippedRun = 3   // so many at full scale in a row
	blockSize  = 160 // 20 ms
)

// fullScale is the largest magnitude that A-law has.
const fullScale = 32256

// Check looks at the manifests in the root of a tree and all its recordings.
// It finds files that are missing, clipped, silent, too quiet or in the wrong
// format, WAV files that no manifest names, prompts and slots that one language
// has and another has not, words that the grammar needs, and Mandarin
// characters of which the reading is open.
func Check(fsys fs.FS) []Problem {
	manifests, err := readManifests(fsys)
	if err != nil {
		return []Problem{{File: "*.yaml", Message: err.Error(), Remedy: "correct the manifest"}}
	}
	var problems []Problem
	report := func(file, message, remedy string) {
		problems = append(problems, Problem{File: file, Message: message, Remedy: remedy})
	}
	named := map[string]bool{}
	for _, r := range recordings(manifests) {
		named[r.File] = true
		data, err := fs.ReadFile(fsys, r.File)
		if err != nil {
			report(r.File, "it is missing", "record it, or run: cardline prompts render")
			continue
		}
		samples, err := readWAV(data)
		if err != nil {
			report(r.File, err.Error(), "convert it to 8 kHz mono G.711 A-law WAV: cardline prompts import")
			continue
		}
		if message, remedy := judge(samples); message != "" {
			report(r.File, message, remedy)
		}
	}
	err = fs.WalkDir(fsys, ".", func(file string, _ fs.DirEntry, err error) error {
		if err == nil && path.Ext(file) == ".wav" && !named[file] {
			report(file, "no manifest names it", "name it, or remove the file")
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		report(".", err.Error(), "make the files readable")
	}
	compare(manifests, report)
	vocabulary(manifests, report)
	unsettled(manifests, report)
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.File, b.File) })
	return problems
}

// compare reports prompts and slots that one language has and another has not.
func compare(manifests []*Manifest, report func(file, message, remedy string)) {
	for _, m := range manifests {
		for _, other := range manifests {
			for _, e := range other.Prompts {
				i := slices.IndexFunc(m.Prompts, func(mine Entry) bool { return mine.ID == e.ID })
				if i < 0 {
					report(m.Language+".yaml", fmt.Sprintf("it has no prompt %s, as %s has", e.ID, other.Language), "add it")
					continue
				}
				for _, p := range e.parts {
					has := slices.ContainsFunc(m.Prompts[i].parts, func(q part) bool { return q.slot == p.slot && q.kind == p.kind })
					if p.slot != "" && !has {
						report(m.Language+".yaml", fmt.Sprintf("%s has no slot {%s} read as %s, as in %s", e.ID, p.slot, p.kind, other.Language),
							"use the same slots in all languages")
					}
				}
			}
		}
	}
}

// vocabulary reports words that a grammar needs and a manifest has not, and
// the other way round.
func vocabulary(manifests []*Manifest, report func(file, message, remedy string)) {
	for _, m := range manifests {
		needed := grammars[m.Voice].Vocabulary()
		var has []string
		for _, w := range m.Words {
			has = append(has, w.Text)
			if !slices.Contains(needed, w.Text) {
				report(m.Language+".yaml", fmt.Sprintf("no value is read with the word %q", w.Text), "remove it")
			}
		}
		for _, word := range needed {
			if !slices.Contains(has, word) {
				report(m.Language+".yaml", fmt.Sprintf("the word %q is missing", word), "add it, numbers need it")
			}
		}
	}
}

// unsettled reports characters that a synthesizer may read wrong.
func unsettled(manifests []*Manifest, report func(file, message, remedy string)) {
	readings, err := DefaultReadings()
	if err != nil {
		report("zh/readings.yaml", err.Error(), "correct it")
		return
	}
	var texts []string
	for _, r := range recordings(manifests) {
		if r.Voice == "zh" {
			texts = append(texts, r.Say)
		}
	}
	for _, line := range readings.Unsettled(texts...) {
		report("zh/readings.yaml", "a character has several readings: "+line, "add it, or a word with it, to the list")
	}
}

// judge says what is wrong with A-law samples; the message is empty if nothing is.
func judge(samples []byte) (message, remedy string) {
	switch level := measure(samples); {
	case level.peak < silentPeak:
		return fmt.Sprintf("it is silent, peak %.0f dB", level.peak), "record it again"
	case level.clipped:
		return "it is clipped", "record it again with less gain"
	case level.speech < quietLevel:
		return fmt.Sprintf("it is too quiet, %.0f dB", level.speech), fmt.Sprintf("raise it above %d dB", quietLevel)
	}
	return "", ""
}

// levels describe a recording.
type levels struct {
	peak    float64 // dB below full scale
	speech  float64 // mean level without the pauses, dB below full scale
	clipped bool
}

// measure listens to A-law samples.
func measure(samples []byte) levels {
	var (
		peak, power, total float64
		spoken, run        int
		l                  levels
	)
	for start := 0; start < len(samples); start += blockSize {
		block := samples[start:min(start+blockSize, len(samples))]
		power = 0
		for _, code := range block {
			v := math.Abs(float64(decodeALaw(code)))
			peak = max(peak, v)
			power += v * v
			if run++; v < fullScale {
				run = 0
			}
			l.clipped = l.clipped || run >= clippedRun
		}
		if decibels(math.Sqrt(power/float64(len(block)))) > gateLevel {
			total += power
			spoken += len(block)
		}
	}
	l.peak, l.speech = decibels(peak), math.Inf(-1)
	if spoken > 0 {
		l.speech = decibels(math.Sqrt(total / float64(spoken)))
	}
	return l
}

// decibels returns the level of a magnitude below full scale.
func decibels(v float64) float64 { return 20 * math.Log10(v/fullScale) }
