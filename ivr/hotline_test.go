package ivr

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// manifest is as much of the prompts as flows need: which prompts there are
// and how their slots are read.
type manifest struct {
	order []string
	slots map[string]map[string]map[string]string // language, prompt, slot: kind
}

func (m manifest) Languages() []string { return m.order }

func (m manifest) Slots(language, prompt string) (map[string]string, bool) {
	kinds, ok := m.slots[language][prompt]
	return kinds, ok
}

// hotline reads the default flows and the manifests of their prompts.
func hotline(tb testing.TB) (Flows, Environment) {
	tb.Helper()
	m := manifest{order: []string{"zh", "en"}, slots: map[string]map[string]map[string]string{}}
	slot := regexp.MustCompile(`\{([a-z_]+)\}`)
	for _, language := range m.order {
		data, err := os.ReadFile(filepath.Join("..", "prompts", language+".yaml"))
		if err != nil {
			tb.Fatal(err)
		}
		var file struct {
			Prompts []struct {
				ID, Text string
				Slots    map[string]string
			}
		}
		if err := yaml.Unmarshal(data, &file); err != nil {
			tb.Fatal(err)
		}
		m.slots[language] = map[string]map[string]string{}
		for _, p := range file.Prompts {
			kinds := map[string]string{}
			for _, found := range slot.FindAllStringSubmatch(p.Text, -1) {
				if kinds[found[1]] = p.Slots[found[1]]; kinds[found[1]] == "" {
					kinds[found[1]] = found[1]
				}
			}
			m.slots[language][p.ID] = kinds
		}
	}
	files, err := filepath.Glob("../configs/default/flows/*.yaml")
	if err != nil || len(files) == 0 {
		tb.Fatalf("find the default flows: %v", err)
	}
	flows := Flows{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		var f Flow
		if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&f); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		flows[strings.TrimSuffix(filepath.Base(file), ".yaml")] = f
	}
	return flows, Environment{
		Prompts: m, Queues: []string{"cards", "complaints", "english"},
		Entries: []string{"main"}, Values: []string{"recorded"},
	}
}

// compiled returns the default hotline as a program.
func compiled(tb testing.TB) *Program {
	tb.Helper()
	p, err := Compile(hotline(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestDefaultFlowsHaveNoProblem(t *testing.T) {
	p := compiled(t)
	if got := strings.Join(p.Services(), " "); got != "activation bill loss pin_set" {
		t.Errorf("got services %s", got)
	}
	if len(p.Flows()) != 8 || len(p.Steps("main")) == 0 || p.Steps("nothing") != nil {
		t.Errorf("got flows %v", p.Flows())
	}
}
