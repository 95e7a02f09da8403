package configs_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"cardline/configs"
)

var update = flag.Bool("update", false, "write what is found into testdata instead of comparing")

// overlaid returns the default configuration with the files of a directory in
// place of its own.
func overlaid(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	for _, from := range []fs.FS{configs.Default(), os.DirFS(dir)} {
		err := fs.WalkDir(from, ".", func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || path.Ext(file) == ".txt" {
				return err
			}
			text, err := fs.ReadFile(from, file)
			tree[file] = &fstest.MapFile{Data: text}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// TestBroken loads the default configuration overlaid with each directory of
// testdata/broken and compares the problems with its want.txt, to the letter.
func TestBroken(t *testing.T) {
	cases, err := os.ReadDir("testdata/broken")
	if err != nil {
		t.Fatal(err)
	}
	several := 0
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) {
			dir := path.Join("testdata/broken", c.Name())
			loaded, err := configs.Load(overlaid(t, dir))
			invalid, ok := errors.AsType[*configs.InvalidError](err)
			if !ok {
				t.Fatalf("got %v, want that it is refused (%v)", err, loaded)
			}
			if len(invalid.Problems) > 2 {
				several++
			}
			got := invalid.Error() + "\n"
			file := path.Join(dir, "want.txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, p := range invalid.Problems {
				if p.Message == "" || p.Remedy == "" {
					t.Errorf("%v: want a message and a remedy", p)
				}
			}
		})
	}
	if len(cases) < 20 || several < 3 {
		t.Errorf("%d cases, %d with several problems: want 20 and 3", len(cases), several)
	}
}
