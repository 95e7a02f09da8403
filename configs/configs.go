package configs

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"cardline/ivr"
	"cardline/prompts"
)

//go:embed default
var embedded embed.FS

// Default returns the embedded hotline.
func Default() fs.FS {
	sub, err := fs.Sub(embedded, "default")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// A Config is a configuration that has been checked. It does not change.
type Config struct {
	File    File
	Digest  string // changes with every byte of every file
	Program *ivr.Program
	Library *prompts.Library
	// Warnings are no reason to refuse the configuration.
	Warnings []Problem
}

// Load reads and checks a configuration directory. The error is an
// [*InvalidError] with everything that is wrong, or says that the directory
// cannot be read. It is the way of a start, of a reload and of "cardline
// check".
func Load(dir fs.FS) (*Config, error) {
	d := &decoder{places: map[string]position{}}
	c := &Config{}
	digest := sha256.New()
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, err
	}
	flows, err := fs.Glob(dir, "flows/*.yaml")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no *.yaml files: %w", fs.ErrNotExist)
	}
	c.File.Flows = ivr.Flows{}
	for _, name := range append(names, flows...) {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(digest, "%s %d\n%s", name, len(text), text)
		node := d.parse(name, text)
		if node == nil {
			continue
		}
		if strings.HasPrefix(name, "flows/") {
			d.flow(name, node, c.File.Flows)
		} else {
			d.sections(name, node, &c.File)
		}
	}
	c.Digest = hex.EncodeToString(digest.Sum(nil)[:6])
	c.check(d)
	if len(d.problems) > 0 {
		sortProblems(d.problems)
		return nil, &InvalidError{d.problems}
	}
	return c, nil
}

func (d *decoder) flow(name string, node ast.Node, flows ivr.Flows) {
	id := strings.TrimSuffix(path.Base(name), ".yaml")
	var f ivr.Flow
	d.decode(name, "flows."+id, node, reflect.ValueOf(&f).Elem())
	flows[id] = f
}

// sections reads the sections of one file; a section that another file had is
// a problem.
func (d *decoder) sections(name string, node ast.Node, f *File) {
	pairs, ok := mapping(node)
	if !ok {
		d.problem("", at(name, node.GetToken()), kindOf(node)+" where sections are needed", "expected keys such as sip, lines or agents")
		return
	}
	v := reflect.ValueOf(f).Elem()
	fields := fieldsOf(v.Type())
	delete(fields, "flows")
	for _, pair := range pairs {
		key, _ := scalar(pair.Key)
		where := at(name, pair.Key.GetToken())
		if first, twice := d.places[key]; twice {
			d.problem(key, where, fmt.Sprintf("the section is in %s already", first.file), "keep each section in one file")
			continue
		}
		index, known := fields[key]
		if !known {
			d.unknown(name, "", key, pair, fields)
			continue
		}
		d.places[key] = where
		d.decode(name, key, pair.Value, v.Field(index))
	}
}
