package configs

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// position is a place in a file.
type position struct {
	file         string
	line, column int
}

// decoder reads YAML into Go values, strictly: a key that the value has no
// field for, a key given twice and a value of the wrong type are problems. It
// goes on after a problem, and remembers where everything stood.
type decoder struct {
	problems []Problem
	places   map[string]position // by path
}

func (d *decoder) problem(path string, at position, message, remedy string) {
	d.problems = append(d.problems, Problem{at.file, at.line, at.column, path, message, remedy})
}

// report adds a problem at the place of a path, or of what holds it.
func (d *decoder) report(path, message, remedy string) {
	d.problem(path, d.place(path), message, remedy)
}

func (d *decoder) place(path string) position {
	for p := path; ; {
		if at, ok := d.places[p]; ok {
			return at
		}
		dot := strings.LastIndexByte(p, '.')
		if dot < 0 {
			return position{file: d.fallback(p)}
		}
		p = p[:dot]
	}
}

// fallback names a file for a section that is nowhere.
func (d *decoder) fallback(section string) string {
	if section == "flows" {
		return "flows"
	}
	return "cardline.yaml"
}

// parse reads the only document of a file; nil if it is empty or no YAML.
func (d *decoder) parse(file string, text []byte) ast.Node {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		at := position{file: file}
		message := err.Error()
		var where yaml.Error
		if errors.As(err, &where) {
			message = where.GetMessage()
			if t := where.GetToken(); t != nil {
				at.line, at.column = t.Position.Line, t.Position.Column
			}
		}
		d.problem("", at, "not YAML: "+message, "check the indentation and the quotes here and in the line above")
		return nil
	}
	switch {
	case len(tree.Docs) == 0:
		return nil
	case len(tree.Docs) > 1:
		d.problem("", position{file: file}, "several documents", "keep one document a file: remove the line ---")
	}
	return tree.Docs[0].Body
}

func at(file string, t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{file: file}
	}
	return position{file, t.Position.Line, t.Position.Column}
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// decode reads a node into v, which can be set.
func (d *decoder) decode(file, path string, n ast.Node, v reflect.Value) {
	where := at(file, n.GetToken())
	if _, ok := d.places[path]; !ok {
		d.places[path] = where
	}
	wrong := func(expected string) {
		d.problem(path, where, fmt.Sprintf("%s where %s is needed", kindOf(n), expected), "expected "+expected)
	}
	if _, null := n.(*ast.NullNode); null {
		return // as if the key were not there
	}
	switch {
	case v.Type() == durationType:
		d.duration(path, n, v, wrong)
	case v.Addr().Type().Implements(textUnmarshaler):
		text, ok := scalar(n)
		if !ok {
			wrong("text")
		} else if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			d.problem(path, where, fmt.Sprintf("%q: %v", text, err), "")
		}
	default:
		d.byKind(file, path, n, v, wrong)
	}
}

func (d *decoder) duration(path string, n ast.Node, v reflect.Value, wrong func(string)) {
	text, _ := scalar(n)
	value, err := time.ParseDuration(text)
	switch {
	case err != nil:
		wrong("a duration such as 30s or 1m30s")
	case value < 0:
		d.report(path, "a negative duration", "expected a duration such as 30s")
	default:
		v.SetInt(int64(value))
	}
}

func (d *decoder) byKind(file, path string, n ast.Node, v reflect.Value, wrong func(string)) {
	switch v.Kind() {
	case reflect.String:
		text, ok := scalar(n)
		if !ok {
			wrong("text")
			return
		}
		v.SetString(text)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			wrong("true or false")
			return
		}
		v.SetBool(b.Value)
	case reflect.Int, reflect.Int64, reflect.Uint16:
		text, _ := scalar(n)
		number, err := strconv.ParseInt(text, 10, 64)
		switch _, isNumber := n.(*ast.IntegerNode); {
		case err != nil || !isNumber:
			wrong("a whole number")
		case v.CanUint() && (number < 0 || v.OverflowUint(uint64(number))):
			wrong("a number from 0 to 65535")
		case v.CanUint():
			v.SetUint(uint64(number))
		default:
			v.SetInt(number)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(file, path, n, v.Elem())
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			wrong("a list")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
		for i, item := range list.Values {
			d.decode(file, fmt.Sprintf("%s.%d", path, i), item, v.Index(i))
		}
	case reflect.Map:
		pairs, ok := mapping(n)
		if !ok {
			wrong("keys and values")
			return
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), len(pairs)))
		for key, pair := range d.keys(file, path, pairs) {
			value := reflect.New(v.Type().Elem()).Elem()
			d.decode(file, join(path, key), pair.Value, value)
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), value)
		}
	case reflect.Struct:
		pairs, ok := mapping(n)
		if !ok {
			wrong("keys and values")
			return
		}
		fields := fieldsOf(v.Type())
		for key, pair := range d.keys(file, path, pairs) {
			index, known := fields[key]
			if !known {
				d.unknown(file, path, key, pair, fields)
				continue
			}
			d.decode(file, join(path, key), pair.Value, v.Field(index))
		}
	default:
		panic("configs: no decoder for " + v.Type().String())
	}
}

// keys yields the pairs of a mapping once by key, in order, and remembers their
// places.
func (d *decoder) keys(file, path string, pairs []*ast.MappingValueNode) func(func(string, *ast.MappingValueNode) bool) {
	return func(yield func(string, *ast.MappingValueNode) bool) {
		seen := map[string]bool{}
		for _, pair := range pairs {
			key, _ := scalar(pair.Key)
			where := at(file, pair.Key.GetToken())
			if seen[key] {
				d.problem(join(path, key), where, "given twice", "keep one of them")
				continue
			}
			seen[key] = true
			d.places[join(path, key)] = where
			if !yield(key, pair) {
				return
			}
		}
	}
}

func (d *decoder) unknown(file, path, key string, pair *ast.MappingValueNode, fields map[string]int) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	remedy := "remove it"
	if name, ok := nearest(key, names); ok {
		remedy = fmt.Sprintf("did you mean %s?", name)
	}
	d.problem(join(path, key), at(file, pair.Key.GetToken()), "unknown key", remedy)
}

// fieldsOf lists the keys of a struct with the indices of their fields.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	default:
		return nil, false
	}
}

// scalar returns the text of a node that has one.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	default:
		text, _ := scalar(n)
		return fmt.Sprintf("the text %q", text)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
