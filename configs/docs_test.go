package configs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
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

// pieces puts the pieces of a manual together, by the names of their files, on
// top of the default configuration. made has them alone.
func pieces(t *testing.T, manual string) (tree, made fstest.MapFS) {
	t.Helper()
	tree, made = with(t), fstest.MapFS{}
	for _, p := range regexp.MustCompile("(?s)```yaml\n# ([a-z/]+\\.yaml)[^\n]*\n(.*?)```").FindAllStringSubmatch(document(t, manual), -1) {
		name, text := p[1], p[2]
		if made[name] == nil {
			made[name] = &fstest.MapFile{}
		}
		made[name].Data = append(made[name].Data, text...)
		tree[name] = made[name]
	}
	for name := range made {
		for _, v := range satisfies(t, made, name) {
			t.Error(v)
		}
	}
	return tree, made
}

// TestFlowsOfTheManual loads the pieces of docs/flows.md. Every kind of step
// must be among them.
func TestFlowsOfTheManual(t *testing.T) {
	tree, made := pieces(t, "docs/flows.md")
	if _, err := configs.Load(tree); err != nil {
		t.Errorf("%v", err)
	}
	all := ""
	for _, file := range made {
		all += string(file.Data)
	}
	for _, kind := range strings.Fields("play menu collect confirm branch set language card secure queue hangup call return") {
		if !regexp.MustCompile(`do: ` + kind + `\b`).MatchString(all) {
			t.Errorf("docs/flows.md has no example of a %s step", kind)
		}
	}
}

// TestQueuesOfTheManual loads the pieces of docs/routing.md, and looks whether
// it tells every key of a queue.
func TestQueuesOfTheManual(t *testing.T) {
	tree, made := pieces(t, "docs/routing.md")
	agents := string(tree["agents.yaml"].Data)
	agents, _, _ = strings.Cut(agents, "\nfeatures:") // the manual has its own
	tree["agents.yaml"] = &fstest.MapFile{Data: []byte(agents)}
	if got := warnings(t, tree); got != "" {
		t.Errorf("got the warnings\n%s\nwant none", got)
	}
	if len(made) < 7 {
		t.Errorf("got %d files, want queues, calendar and all others", len(made))
	}
	for i := range reflect.TypeFor[configs.Queue]().NumField() {
		key := reflect.TypeFor[configs.Queue]().Field(i).Tag.Get("yaml")
		if manual := document(t, "docs/routing.md"); !strings.Contains(manual, key+":") && !strings.Contains(manual, "`"+key+"`") && key != "announce" && key != "transfer_code" {
			t.Errorf("docs/routing.md does not tell %s", key)
		}
	}
}

// document reads a document of the project.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestConfigurationsOfTheDocuments holds the sections that the documents show
// against the schema.
func TestConfigurationsOfTheDocuments(t *testing.T) {
	for _, name := range []string{"README.md", "docs/connect-a-trunk.md"} {
		shown := regexp.MustCompile("(?s)```yaml\n(sip:.*?)```").FindStringSubmatch(document(t, name))
		if shown == nil {
			t.Errorf("%s shows no configuration", name)
			continue
		}
		for _, v := range satisfies(t, fstest.MapFS{name: {Data: []byte(shown[1])}}, name) {
			t.Error(v)
		}
	}
}

// TestDependenciesHaveReasons compares the direct modules with their list.
func TestDependenciesHaveReasons(t *testing.T) {
	list := document(t, "docs/adr/0007-dependencies.md")
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(document(t, "go.mod"), -1)
	for _, m := range direct {
		if !strings.Contains(list, "| `"+m[1]+"` | ") {
			t.Errorf("%s has no reason", m[1])
		}
	}
	if listed := strings.Count(list, "\n| `"); listed != len(direct) {
		t.Errorf("%d reasons for %d direct modules", listed, len(direct))
	}
}

// TestLinksLeadSomewhere looks for the files that the documents refer to.
func TestLinksLeadSomewhere(t *testing.T) {
	documents, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob("../docs/adr/*.md")
	if err != nil {
		t.Fatal(err)
	}
	documents = append(append(documents, decisions...), "../README.md", "../ARCHITECTURE.md", "../CONTRIBUTING.md", "../CHANGELOG.md")
	for _, file := range documents {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		links := regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(string(text), -1)
		paths := regexp.MustCompile("`((?:acd|app|call|card|configs|deploy|docs|ivr|ledger|media|prompts|sip|store|test)/[a-z0-9_./-]+\\.(?:go|md|yaml|json|yml|service))`").FindAllStringSubmatch(string(text), -1)
		for _, l := range links {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), l[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		for _, p := range paths {
			if _, err := os.Stat(filepath.Join("..", p[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// TestManualsNameWhatIsThere holds alerts and metrics of the manuals against
// the rules and the package that makes them.
func TestManualsNameWhatIsThere(t *testing.T) {
	sources := document(t, "deploy/prometheus/cardline-rules.yml")
	files, err := filepath.Glob("../metrics/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		sources += document(t, strings.TrimPrefix(file, "../"))
	}
	for _, name := range []string{"README.md", "docs/operate.md", "docs/connect-a-trunk.md"} {
		for _, word := range regexp.MustCompile(`\bHotline[A-Z]\w+|\bcardline_[a-z]+_[a-z_]+[a-z]\b`).FindAllString(document(t, name), -1) {
			if !strings.Contains(sources, word) {
				t.Errorf("%s names %s, which is not there", name, word)
			}
		}
	}
	for _, alert := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(sources, -1) {
		if !strings.Contains(document(t, "docs/operate.md"), alert[1]) {
			t.Errorf("docs/operate.md says nothing about the alert %s", alert[1])
		}
	}
}
