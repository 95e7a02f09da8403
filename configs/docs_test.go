package configs_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"cardline/configs"
)

const smallExample = "../docs/examples/two-lines"

func TestExamplesAreSound(t *testing.T) {
	if got := warnings(t, os.DirFS(smallExample)); got != "" {
		t.Errorf("got the warnings\n%s\nwant none", got)
	}
	files, err := fs.Glob(os.DirFS(smallExample), "flows/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%q, %v: want the flows of the example", files, err)
	}
	for _, name := range append(files, "cardline.yaml") {
		for _, v := range satisfies(t, os.DirFS(smallExample), name) {
			t.Error(v)
		}
	}
}

// TestFlowsOfTheManual puts the pieces of docs/flows.md together, by the names
// of their files, and loads them with the default configuration. Every kind of
// step must be among them.
func TestFlowsOfTheManual(t *testing.T) {
	manual, err := os.ReadFile("../docs/flows.md")
	if err != nil {
		t.Fatal(err)
	}
	pieces := regexp.MustCompile("(?s)```yaml\n# ([a-z/]+\\.yaml)[^\n]*\n(.*?)```").FindAllStringSubmatch(string(manual), -1)
	tree, all := with(t), ""
	made := fstest.MapFS{}
	for _, p := range pieces {
		name, text := p[1], p[2]
		if made[name] == nil {
			made[name] = &fstest.MapFile{}
		}
		made[name].Data = append(made[name].Data, text...)
		tree[name] = made[name]
		all += text
	}
	if _, err := configs.Load(tree); err != nil {
		t.Errorf("%v", err)
	}
	for name := range made {
		for _, v := range satisfies(t, made, name) {
			t.Error(v)
		}
	}
	for _, kind := range strings.Fields("play menu collect confirm branch set language card secure queue hangup call return") {
		if !regexp.MustCompile(`do: ` + kind + `\b`).MatchString(all) {
			t.Errorf("docs/flows.md has no example of a %s step", kind)
		}
	}
}
