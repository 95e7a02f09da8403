package cardline_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z0-9]\w*`)
	edge      = regexp.MustCompile(`^ \d+ $`)
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// TestEdgesAreHeldByTests looks for each test that the rows of docs/edges.md and
// docs/field.md name: a row whose test has gone or has another name would say
// nothing.
func TestEdgesAreHeldByTests(t *testing.T) {
	there := map[string]bool{}
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		for _, f := range testFunc.FindAllStringSubmatch(string(text), -1) {
			there[f[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"docs/edges.md", "docs/field.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			cells := strings.Split(strings.TrimSpace(line), "|")
			if len(cells) < 5 || !edge.MatchString(cells[1]) {
				continue
			}
			tests := cells[len(cells)-2] // the last column
			names := namedTest.FindAllString(tests, -1)
			if len(names) == 0 {
				t.Errorf("%s: edge%s is held by no test: %s", file, cells[1], line)
			}
			for _, name := range names {
				if !there[name] {
					t.Errorf("%s: edge%s: there is no %s", file, cells[1], name)
				}
			}
		}
	}
}
