package configs

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"cardline/ivr"
	"cardline/prompts"
	"cardline/yamlfile"
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
	hours   hours
	// Ahead is by how much the hotline's calendar is ahead of the real time, for
	// trials at another time of day. Times in the ledger stay real.
	Ahead time.Duration
	// Warnings are no reason to refuse the configuration.
	Warnings []Problem
}

// Load reads and checks a configuration directory. It is the way of a start,
// of a reload and of "cardline check".
//
// The error is an [*InvalidError] with everything that is wrong, unless the
// directory itself cannot be read. Files that are no YAML are reported alone,
// because half of a configuration says little about the other half.
func Load(dir fs.FS) (*Config, error) {
	d, c := newDecoder(), &Config{}
	c.File.Flows = ivr.Flows{}
	names, err := d.list(dir)
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	whole := len(d.problems) == 0
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			d.problem("", position{file: name}, err.Error(), "make it readable for the user who runs cardline")
			whole = false
			continue
		}
		if info, err := fs.Stat(dir, name); err == nil {
			d.open[name] = info.Mode().Perm()&0o004 != 0
		}
		fmt.Fprintf(digest, "%s %d\n%s", name, len(text), text)
		node, ok := d.parse(name, text)
		switch {
		case !ok:
			whole = false
		case strings.HasPrefix(name, flowsDir):
			d.flow(name, node, c.File.Flows)
		case node != nil:
			whole = d.sections(name, node, &c.File) && whole
		}
	}
	c.Digest = hex.EncodeToString(digest.Sum(nil)[:6])
	if whole {
		c.check(d)
	}
	if len(d.problems) > 0 {
		return nil, &InvalidError{sorted(d.problems)}
	}
	return c, nil
}

// flowsDir holds the flows, one a file.
const flowsDir = "flows/"

// list returns the files of a configuration, and reports those that somebody
// might take for a part of it. Names that begin with a dot are left alone: of
// such are the links that Kubernetes mounts.
func (d *decoder) list(dir fs.FS) (names []string, err error) {
	for _, folder := range []string{".", path.Clean(flowsDir)} {
		entries, err := fs.ReadDir(dir, folder)
		if err != nil && folder == "." {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		for _, e := range entries {
			name := path.Join(folder, e.Name())
			base := strings.TrimSuffix(name, path.Ext(name))
			switch hidden := strings.HasPrefix(e.Name(), "."); {
			case hidden || e.IsDir():
			case path.Ext(name) == ".yaml":
				names = append(names, name)
			case slices.Contains([]string{".yml", ".YAML", ".YML"}, path.Ext(name)):
				d.problem("", position{file: name}, "not read", "rename it to "+base+".yaml, or move it away")
			}
		}
	}
	if len(names) == 0 {
		d.problem("", position{file: "."}, "no *.yaml files", "expected a configuration such as configs/default in the source")
	}
	return names, nil
}

func (d *decoder) flow(name string, node ast.Node, flows ivr.Flows) {
	id := strings.TrimSuffix(path.Base(name), ".yaml")
	flowPath := "flows." + id
	d.places[flowPath] = position{name, 1, 1}
	if !word.MatchString(id) {
		d.problem(flowPath, position{file: name}, fmt.Sprintf("%q is no name of a flow", id), "expected "+wordWanted+", as the name of the file")
	}
	var f ivr.Flow
	if node != nil {
		d.decode(name, flowPath, node, reflect.ValueOf(&f).Elem())
	}
	flows[id] = f
}

// sections reads the sections of one file; a section that another file had is
// a problem. ok is false if the file has no sections at all.
func (d *decoder) sections(name string, node ast.Node, f *File) (ok bool) {
	pairs, ok := yamlfile.Mapping(node)
	if !ok {
		d.problem("", placeOf(name, yamlfile.First(node)), yamlfile.KindOf(node)+" where sections are needed", "expected keys such as sip, lines or agents")
		return false
	}
	v := reflect.ValueOf(f).Elem()
	fields := fieldsOf(v.Type())
	earlier := map[string]position{}
	for section := range fields {
		if at, ok := d.places[section]; ok {
			earlier[section] = at
		}
	}
	for key, value := range d.keys(name, "", pairs) {
		first, twice := earlier[key]
		index, known := fields[key]
		switch {
		case twice:
			d.problem(key, d.places[key], fmt.Sprintf("the section is in %s already", first.file), "keep each section in one file")
			d.places[key] = first
		case !known:
			d.unknown("", key, fields)
		default:
			d.decode(name, key, value, v.Field(index))
		}
	}
	return true
}
