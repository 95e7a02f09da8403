package prompts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// A Manifest lists everything that is recorded in one language.
type Manifest struct {
	// Language is the name that flows use, such as "zh".
	Language string `yaml:"language"`
	// Default marks the language of callers who have not chosen any. If no
	// manifest has it, the first in alphabetical order is the default.
	Default bool `yaml:"default,omitempty"`
	// Voice names the grammar and the speaker, "zh" or "en".
	Voice string `yaml:"voice"`
	// Prompts are the sentences.
	Prompts []Entry `yaml:"prompts"`
	// Words are what the grammar puts values together from.
	Words []Entry `yaml:"words"`
}

// An Entry is one prompt or word.
type Entry struct {
	// ID names it in flows and in the program.
	ID string `yaml:"id"`
	// Text is what is said. A prompt whose text has {slots} is recorded in
	// pieces, one between two slots. Music has no text.
	Text string `yaml:"text"`
	// Slots says as which kind a slot is read, if not as that of its own name.
	Slots map[string]Kind `yaml:"slots,omitempty"`
	// File is the recording's path. If empty, it is LANGUAGE/ID.wav, and
	// LANGUAGE/words/ID.wav for a word. Pieces have -1, -2, ... before ".wav".
	File string `yaml:"file,omitempty"`
	// Voice is the speaker, if not the manifest's.
	Voice string `yaml:"voice,omitempty"`
	// Say is what a synthesizer is given in place of the text.
	Say string `yaml:"say,omitempty"`
	// Note is for the recording studio.
	Note string `yaml:"note,omitempty"`

	parts []part
}

// part is a recorded piece of a prompt, or a slot between two of them.
type part struct {
	slot string // empty: a piece
	kind Kind
	text string
	file string
}

// A Recording is one file that has to be there.
type Recording struct {
	ID, Language, Text, File, Note string
	// Voice is the speaker, "zh" or "en"; Say is what a synthesizer is given.
	Voice, Say string
	// Word says that it is spliced into sentences, so it has no rest around it.
	Word bool
}

// musicFile is the one recording that is made without a voice.
const musicFile = "music/hold.wav"

var (
	slotPattern = regexp.MustCompile(`\{([a-z_]+)\}`)
	idPattern   = regexp.MustCompile(`^[a-z0-9_]+$`)
)

// readManifests reads all manifests of a tree, the default language first. The
// error holds everything that is wrong with any of them.
func readManifests(fsys fs.FS) ([]*Manifest, error) {
	files, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the prompt manifests: %w", err)
	}
	if len(files) == 0 {
		return nil, errors.New("there is no prompt manifest")
	}
	var (
		manifests []*Manifest
		errs      []error
	)
	for _, file := range files {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			errs = append(errs, fmt.Errorf("read the prompt manifest: %w", err))
			continue
		}
		m := new(Manifest)
		if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(m); err != nil {
			errs = append(errs, fmt.Errorf("read the prompt manifest %s: %w", file, err))
			continue
		}
		if err := m.prepare(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		}
		manifests = append(manifests, m)
	}
	slices.SortStableFunc(manifests, func(a, b *Manifest) int {
		switch {
		case a.Default == b.Default:
			return strings.Compare(a.Language, b.Language)
		case a.Default:
			return -1
		}
		return 1
	})
	return manifests, errors.Join(errs...)
}

// prepare checks a manifest and cuts its texts into pieces.
func (m *Manifest) prepare() error {
	var errs []error
	if !idPattern.MatchString(m.Language) {
		errs = append(errs, fmt.Errorf("%q is no name of a language", m.Language))
	}
	if grammars[m.Voice] == nil {
		errs = append(errs, fmt.Errorf("there is no voice %q; use zh or en", m.Voice))
	}
	prepare := func(entries []Entry, dir string) {
		seen := map[string]bool{}
		for i := range entries {
			e := &entries[i]
			if !idPattern.MatchString(e.ID) {
				errs = append(errs, fmt.Errorf("%q is no id: use a-z, 0-9 and _", e.ID))
			}
			if seen[e.ID] {
				errs = append(errs, fmt.Errorf("%s is there twice", e.ID))
			}
			seen[e.ID] = true
			if e.File == "" {
				e.File = path.Join(dir, e.ID+".wav")
			}
			if !fs.ValidPath(e.File) || path.Ext(e.File) != ".wav" {
				errs = append(errs, fmt.Errorf("%s: %q is no path of a WAV file below the manifest", e.ID, e.File))
			}
			if e.Voice == "" {
				e.Voice = m.Voice
			}
			if grammars[e.Voice] == nil {
				errs = append(errs, fmt.Errorf("%s: there is no voice %q", e.ID, e.Voice))
			}
			if err := e.split(); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", e.ID, err))
			}
		}
	}
	prepare(m.Prompts, m.Language)
	prepare(m.Words, path.Join(m.Language, "words"))
	return errors.Join(errs...)
}

// split cuts the text into pieces and slots. Punctuation that a slot leaves at
// the begin of a piece belongs to nobody, and a piece that is nothing else is
// not recorded.
func (e *Entry) split() error {
	e.parts = nil
	slots := slotPattern.FindAllStringSubmatchIndex(e.Text, -1)
	used := map[string]bool{}
	pieces := 0
	piece := func(text string) {
		text = strings.TrimLeft(text, " ,.;:!?，。；：！？、")
		if text == "" {
			return
		}
		pieces++
		file := e.File
		if len(slots) > 0 {
			file = fmt.Sprintf("%s-%d.wav", strings.TrimSuffix(e.File, ".wav"), pieces)
		}
		e.parts = append(e.parts, part{text: strings.TrimSpace(text), file: file})
	}
	at := 0
	for _, s := range slots {
		piece(e.Text[at:s[0]])
		name := e.Text[s[2]:s[3]]
		kind := Kind(name)
		if k, ok := e.Slots[name]; ok {
			kind = k
		}
		if !kind.known() {
			return fmt.Errorf("it is not said how the slot {%s} is read; list it under slots", name)
		}
		used[name] = true
		e.parts = append(e.parts, part{slot: name, kind: kind})
		at = s[1]
	}
	piece(e.Text[at:])
	for name := range e.Slots {
		if !used[name] {
			return fmt.Errorf("there is no slot {%s} in the text", name)
		}
	}
	if e.Text == "" {
		e.parts = []part{{file: e.File}}
	}
	return nil
}

// recordings lists the files that the manifests name, each of them once.
func recordings(manifests []*Manifest) []Recording {
	var list []Recording
	seen := map[string]bool{}
	add := func(m *Manifest, e Entry, word bool) {
		for _, p := range e.parts {
			if p.slot != "" || seen[p.file] {
				continue
			}
			seen[p.file] = true
			r := Recording{
				ID: e.ID, Language: m.Language, Text: p.text, File: p.file,
				Note: e.Note, Voice: e.Voice, Say: p.text, Word: word,
			}
			if e.Say != "" {
				r.Say = e.Say
			}
			list = append(list, r)
		}
	}
	for _, m := range manifests {
		for _, e := range m.Prompts {
			add(m, e, false)
		}
		for _, e := range m.Words {
			add(m, e, true)
		}
	}
	return list
}
