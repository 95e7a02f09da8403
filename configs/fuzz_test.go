package configs_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"cardline/configs"
)

// FuzzLoad puts any text in the place of one file of a small configuration: it
// is accepted, or refused with problems of which each has a file, a message and
// a remedy, in one line. Seeds are the files of the default and of the broken
// configurations.
func FuzzLoad(f *testing.F) {
	base := fstest.MapFS{}
	read := func(dir fs.FS, use func(name string, text []byte)) {
		err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".yaml" {
				return err
			}
			text, err := fs.ReadFile(dir, name)
			use(name, text)
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	read(os.DirFS(smallExample), func(name string, text []byte) { base[name] = &fstest.MapFile{Data: text} })
	names := slices.Sorted(maps.Keys(base))
	add := func(name string, text []byte) {
		i := slices.Index(names, "flows/main.yaml")
		if !strings.Contains(filepath.ToSlash(name), "flows/") {
			i = slices.Index(names, "cardline.yaml")
		}
		f.Add(uint8(i), text)
	}
	for i, name := range names {
		f.Add(uint8(i), base[name].Data)
	}
	read(configs.Default(), add)
	read(os.DirFS("testdata/broken"), add)

	f.Fuzz(func(t *testing.T, file uint8, text []byte) {
		if len(text) > 1<<13 {
			return // the parser's time grows with the square of the length
		}
		tree := maps.Clone(base)
		tree[names[int(file)%len(names)]] = &fstest.MapFile{Data: text}
		c, err := configs.Load(tree)
		if err == nil {
			if c.Program == nil || c.Library == nil || c.Digest == "" || len(c.Call().Lines) == 0 || len(c.SIP().Listeners) == 0 {
				t.Errorf("accepted, but not whole: %+v", c)
			}
			return
		}
		invalid, ok := errors.AsType[*configs.InvalidError](err)
		if !ok {
			t.Fatalf("got %v, want a list of problems", err)
		}
		for _, p := range invalid.Problems {
			if p.File == "" || p.Message == "" || p.Remedy == "" || strings.ContainsAny(p.String(), "\n\r\x1b") {
				t.Errorf("got %q, want file, message and remedy in one line", p)
			}
		}
	})
}
