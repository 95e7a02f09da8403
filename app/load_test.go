package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"cardline/configs"
)

// TestTokensAreCheckedWithTheRest points the default configuration at files of
// tokens, good and bad.
func TestTokensAreCheckedWithTheRest(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, text, want string }{
		{"good.yaml", "- {token: 0123456789abcdefghij, role: operator}\n", ""},
		{"bad.yaml", "- {token: 0123456789abcdefghij, role: emperor}\n", "bad.yaml:1:"},
	} {
		file := filepath.Join(dir, c.name)
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		files := fstest.MapFS{}
		err := fs.WalkDir(configs.Default(), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(configs.Default(), path)
			files[path] = &fstest.MapFile{Data: data}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		main := files["cardline.yaml"]
		main.Data = []byte(strings.Replace(string(main.Data), "http:\n", "http:\n  tokens: "+file+"\n", 1))
		_, err = Load(files)
		_, invalid := errors.AsType[*configs.InvalidError](err)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!invalid || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want a problem at %s", c.name, err, c.want)
		}
	}
}
