package configs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"cardline/configs"
)

func TestSchemaIsUpToDate(t *testing.T) {
	out := filepath.Join(t.TempDir(), "schema.json")
	if text, err := exec.CommandContext(t.Context(), "go", "run", "./genschema", "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	made, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, configs.Schema()) {
		t.Error("schema.json is old: run go generate ./configs")
	}
}

// schema is as much of JSON Schema as the generator uses.
type schema struct {
	Ref        string             `json:"$ref"`
	Defs       map[string]*schema `json:"$defs"`
	Type       string             `json:"type"`
	Pattern    string             `json:"pattern"`
	Enum       []string           `json:"enum"`
	Items      *schema            `json:"items"`
	Properties map[string]*schema `json:"properties"`
	Additional json.RawMessage    `json:"additionalProperties"`
	OneOf      []*schema          `json:"oneOf"`
}

// violations says where a value does not satisfy a schema.
func (root *schema) violations(s *schema, path string, value any) (list []string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		s = root.Defs[name]
	}
	if len(s.OneOf) > 0 {
		for _, way := range s.OneOf {
			found := root.violations(way, path, value)
			if len(found) == 0 {
				return nil
			}
			list = append(list, found...)
		}
		return list
	}
	wrong := func() []string { return []string{fmt.Sprintf("%s: %v is no %s", path, value, s.Type)} }
	switch v := value.(type) {
	case nil:
	case map[string]any:
		if s.Type != "object" {
			return wrong()
		}
		for key, item := range v {
			rule := s.Properties[key]
			if rule == nil && json.Unmarshal(s.Additional, &rule) != nil {
				list = append(list, path+"."+key+" is not allowed")
				continue
			}
			list = append(list, root.violations(rule, path+"."+key, item)...)
		}
	case []any:
		if s.Type != "array" {
			return wrong()
		}
		for i, item := range v {
			list = append(list, root.violations(s.Items, fmt.Sprintf("%s.%d", path, i), item)...)
		}
	case string:
		if s.Type != "string" || s.Enum != nil && !slices.Contains(s.Enum, v) || !regexp.MustCompile(s.Pattern).MatchString(v) {
			return wrong()
		}
	case bool:
		if s.Type != "boolean" {
			return wrong()
		}
	default: // numbers
		if s.Type != "integer" {
			return wrong()
		}
	}
	return list
}

// satisfies returns the violations of a file.
func satisfies(t testing.TB, dir fs.FS, name string) []string {
	t.Helper()
	root := new(schema)
	if err := json.Unmarshal(configs.Schema(), root); err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	rule := root
	if strings.HasPrefix(name, "flows/") {
		rule = root.Defs["Flow"]
	}
	return root.violations(rule, name, value)
}

func TestDefaultSatisfiesTheSchema(t *testing.T) {
	files := 0
	err := fs.WalkDir(configs.Default(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files++
			for _, v := range satisfies(t, configs.Default(), name) {
				t.Error(v)
			}
		}
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestSchemaFindsSlips holds that the schema says no to what the loader refuses.
func TestSchemaFindsSlips(t *testing.T) {
	for name, want := range map[string]string{
		"unknown_key":          "cardline.yaml",
		"wrong_type":           "queues.yaml",
		"bad_duration":         "cardline.yaml",
		"unknown_operation":    "flows/extra.yaml",
		"unknown_kind_of_step": "flows/extra.yaml",
	} {
		if len(satisfies(t, os.DirFS(filepath.Join("testdata/broken", name)), want)) == 0 {
			t.Errorf("%s: the schema has nothing against it", name)
		}
	}
}
