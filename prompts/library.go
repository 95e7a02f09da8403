package prompts

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

//go:embed *.yaml zh en music
var shipped embed.FS

// Embedded returns the manifests and recordings that are shipped with the program.
func Embedded() fs.FS { return shipped }

// A Library holds all recordings. It does not change, and any number of calls
// may use it at once.
type Library struct {
	languages []string
	byName    map[string]*language
}

// language is what can be said in one language.
type language struct {
	grammar Grammar
	prompts map[string]*Entry
	words   map[string][]byte // by text
	clips   map[string][]byte // by file
}

// Load reads the manifests in the root of a tree and all recordings that they
// name. The error lists everything that is missing or cannot be played.
func Load(fsys fs.FS) (*Library, error) {
	manifests, err := readManifests(fsys)
	if err != nil {
		return nil, err
	}
	var errs []error
	clips := map[string][]byte{}
	for _, r := range recordings(manifests) {
		data, err := fs.ReadFile(fsys, r.File)
		if err != nil {
			errs = append(errs, fmt.Errorf("read the prompt %s in %s: %w", r.ID, r.Language, err))
			continue
		}
		clip, err := readWAV(data)
		if err != nil {
			errs = append(errs, fmt.Errorf("read the prompt %s in %s: %s: %w", r.ID, r.Language, r.File, err))
			continue
		}
		clips[r.File] = clip
	}
	l := &Library{byName: make(map[string]*language, len(manifests))}
	for _, m := range manifests {
		if l.byName[m.Language] != nil {
			errs = append(errs, fmt.Errorf("there are two prompt manifests of the language %s", m.Language))
			continue
		}
		lang := &language{
			grammar: grammars[m.Voice], clips: clips,
			prompts: make(map[string]*Entry, len(m.Prompts)), words: make(map[string][]byte, len(m.Words)),
		}
		for i := range m.Prompts {
			lang.prompts[m.Prompts[i].ID] = &m.Prompts[i]
		}
		for _, w := range m.Words {
			lang.words[w.Text] = clips[w.File]
		}
		for _, word := range lang.grammar.Vocabulary() {
			if _, ok := lang.words[word]; !ok {
				errs = append(errs, fmt.Errorf("the prompt manifest of %s has no word %q, which numbers need", m.Language, word))
			}
		}
		l.languages = append(l.languages, m.Language)
		l.byName[m.Language] = lang
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return l, nil
}

// Languages returns all languages, the default one first.
func (l *Library) Languages() []string { return slices.Clone(l.languages) }

// IDs returns the ids of all prompts of a language in alphabetical order.
func (l *Library) IDs(language string) []string {
	if lang := l.byName[language]; lang != nil {
		return slices.Sorted(maps.Keys(lang.prompts))
	}
	return nil
}

// Has reports whether there is a prompt in a language.
func (l *Library) Has(language, id string) bool {
	lang := l.byName[language]
	return lang != nil && lang.prompts[id] != nil
}

// Slots returns how the slots of a prompt are read, by name; ok is false if
// there is no such prompt in the language. The kinds are those of [Kind].
func (l *Library) Slots(language, id string) (kinds map[string]string, ok bool) {
	if !l.Has(language, id) {
		return nil, false
	}
	kinds = make(map[string]string)
	for _, p := range l.byName[language].prompts[id].parts {
		if p.slot != "" {
			kinds[p.slot] = string(p.kind)
		}
	}
	return kinds, true
}

// A Value fills a slot.
type Value struct {
	// Kind says how the text is read. The manifest's own kind of the slot goes
	// before it, since only the sentence tells "number two" from "two people".
	Kind Kind
	Text string
}

// Say returns the recordings that make up a prompt, in order, as A-law samples
// at 8 kHz. They are shared by all calls and must not be changed.
//
// A value that is missing or cannot be read is an error; the clips are then all
// that can be said without it, so that the caller does not hear silence.
func (l *Library) Say(language, id string, values map[string]Value) ([][]byte, error) {
	if !l.Has(language, id) {
		return nil, fmt.Errorf("there is no prompt %q in the language %q", id, language)
	}
	lang := l.byName[language]
	var (
		clips [][]byte
		errs  []error
	)
	for _, p := range lang.prompts[id].parts {
		if p.slot == "" {
			clips = append(clips, lang.clips[p.file])
			continue
		}
		value, ok := values[p.slot]
		if !ok {
			errs = append(errs, fmt.Errorf("say %s: the slot {%s} has no value", id, p.slot))
			continue
		}
		words, err := Words(lang.grammar, p.kind, value.Text)
		if err != nil {
			errs = append(errs, fmt.Errorf("say %s: fill the slot {%s}: %w", id, p.slot, err))
			continue
		}
		for _, w := range words {
			clips = append(clips, lang.words[w])
		}
	}
	return clips, errors.Join(errs...)
}

// WithOverlay returns a tree in which every file of a directory takes the place
// of the file of that path in base. It is an error if the directory cannot be
// read.
func WithOverlay(base fs.FS, dir string) (fs.FS, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("read the directory of prompts: %w", err)
	}
	return overlay{over: os.DirFS(dir), base: base}, nil
}

// overlay is two trees, one before the other.
type overlay struct{ over, base fs.FS }

// Open opens a file of the first tree that has it.
func (o overlay) Open(name string) (fs.File, error) {
	f, err := o.over.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.base.Open(name)
	}
	return f, err
}

// ReadDir lists the files of both trees.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	over, err := fs.ReadDir(o.over, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	base, baseErr := fs.ReadDir(o.base, name)
	if baseErr != nil && (err != nil || !errors.Is(baseErr, fs.ErrNotExist)) {
		return nil, baseErr
	}
	byName := map[string]fs.DirEntry{}
	for _, e := range append(base, over...) {
		byName[e.Name()] = e
	}
	merged := make([]fs.DirEntry, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		merged = append(merged, byName[name])
	}
	return merged, nil
}
