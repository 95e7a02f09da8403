package configs

import (
	"cmp"
	"encoding"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"cardline/calendar"
	"cardline/yamlfile"
)

// decoder reads YAML into Go values, strictly: a key that the value has no
// field for, a key given twice and a value of the wrong type are problems. It
// goes on after a problem, and remembers where everything stood.
type decoder struct {
	problems []Problem
	places   map[string]position // by path
	// spoiled are the paths at which a value could not be read, and those that
	// a misspelt key was probably meant for. What is said about them later
	// would only be a consequence.
	spoiled map[string]bool
	open    map[string]bool // files that everybody on this machine may read
}

func newDecoder() *decoder {
	return &decoder{places: map[string]position{}, spoiled: map[string]bool{}, open: map[string]bool{}}
}

func (d *decoder) problem(path string, at position, message, remedy string) {
	d.problems = append(d.problems, Problem{at.file, at.line, at.column, path, message, remedy})
	if path != "" {
		d.spoiled[path] = true
	}
}

// kind is a type of value, for messages.
type kind struct{ name, example string }

var (
	durationKind = kind{"a duration", "write it with a unit, such as 30s, 1m30s or 24h"}
	textKind     = kind{"a text", "write a text, in quotes if it has signs in it"}
	boolKind     = kind{"true or false", "write true or false, without quotes"}
	numberKind   = kind{"a whole number", "write it in digits, without quotes"}
	listKind     = kind{"a list", "write [a, b], or one item a line after a dash"}
	mappingKind  = kind{"keys and values", "write key: value"}
	addressKind  = kind{"an IP address", "expected one such as 192.0.2.10"}
	prefixKind   = kind{"a range of addresses", "expected one such as 192.0.2.0/28, or 192.0.2.10/32 for one address"}
)

// textKinds are the types that know themselves how they are written.
var textKinds = map[reflect.Type]kind{
	reflect.TypeFor[netip.Addr]():       addressKind,
	reflect.TypeFor[netip.Prefix]():     prefixKind,
	reflect.TypeFor[Occasion]():         {"an occasion", `expected "length > 50", "wait > 5m", "estimate > 10m", no_agents, closed or exit_key`},
	reflect.TypeFor[calendar.Date]():    {"a date", "expected one such as 2026-10-01"},
	reflect.TypeFor[calendar.Span]():    {"a stretch of hours", `expected one such as "09:00-18:00", "22:00-06:00" or "00:00-24:00", in quotes`},
	reflect.TypeFor[calendar.Workday](): {"a date", "expected one such as 2026-10-10, or 2026-10-10 like wednesday"},
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// A value is a node that is to be read, with its place.
type value struct {
	ast.Node
	file, path string
	at         position
}

// wrong reports a node that is not of the kind that is needed.
func (d *decoder) wrong(n value, k kind) {
	d.problem(n.path, n.at, fmt.Sprintf("%s in place of %s", yamlfile.KindOf(n.Node), k.name), k.example)
}

// decode reads a node into v, which can be set.
func (d *decoder) decode(file, path string, node ast.Node, v reflect.Value) {
	n := value{node, file, path, placeOf(file, yamlfile.First(node))}
	_, isText := yamlfile.Scalar(node)
	if _, ok := d.places[path]; !ok || isText {
		d.places[path] = n.at // the value, if it is one, else its key
	}
	if message, remedy := yamlfile.Unwelcome(node); message != "" {
		d.problem(path, n.at, message, remedy)
		return
	}
	if _, null := node.(*ast.NullNode); null {
		d.null(n, v)
		return
	}
	switch own, ok := v.Addr().Interface().(written); {
	case ok:
		own.read(d, n)
	case v.Type() == durationType:
		d.duration(n, v)
	case v.Addr().Type().Implements(textUnmarshaler):
		d.unmarshal(n, v)
	default:
		d.byKind(n, v)
	}
}

// written is a value that can be written in several ways, and reads itself.
type written interface{ read(d *decoder, n value) }

// null takes a key without a value as if it were not there, if it would hold
// others: all below it may be commented out. Where one value is needed it was
// forgotten, or begins with #.
func (d *decoder) null(n value, v reflect.Value) {
	if k := v.Kind(); k == reflect.Slice || k == reflect.Map || k == reflect.Pointer ||
		k == reflect.Struct && !v.Addr().Type().Implements(textUnmarshaler) {
		return
	}
	d.problem(n.path, n.at, "no value", "give it one or remove the key; a text that begins with # needs quotes")
}

func (d *decoder) duration(n value, v reflect.Value) {
	text, _ := yamlfile.Scalar(n.Node)
	length, err := time.ParseDuration(text)
	switch _, isText := n.Node.(*ast.StringNode); {
	case !isText && text != "0" || err != nil:
		d.wrong(n, durationKind)
	case length < 0:
		d.problem(n.path, n.at, text+" is negative", "expected a duration such as 30s")
	default:
		v.SetInt(int64(length))
	}
}

// unmarshal reads what knows itself how it is written.
func (d *decoder) unmarshal(n value, v reflect.Value) {
	text, ok := yamlfile.Scalar(n.Node)
	k, known := textKinds[v.Type()]
	if !known {
		k = textKind
	}
	if !ok {
		d.wrong(n, k)
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil || text == "" {
		d.problem(n.path, n.at, fmt.Sprintf("%q is no %s", text, strings.TrimPrefix(strings.TrimPrefix(k.name, "an "), "a ")), k.example)
	}
}

func (d *decoder) byKind(n value, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		text, ok := yamlfile.Scalar(n.Node)
		if !ok {
			d.wrong(n, textKind)
			return
		}
		v.SetString(text)
	case reflect.Bool:
		b, ok := n.Node.(*ast.BoolNode)
		if !ok {
			d.wrong(n, boolKind)
			return
		}
		v.SetBool(b.Value)
	case reflect.Int, reflect.Uint16:
		d.number(n, v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n.file, n.path, n.Node, v.Elem())
	case reflect.Slice:
		list, ok := n.Node.(*ast.SequenceNode)
		if !ok {
			d.wrong(n, listKind)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
		for i, item := range list.Values {
			d.decode(n.file, fmt.Sprintf("%s.%d", n.path, i), item, v.Index(i))
		}
	case reflect.Map:
		pairs, ok := yamlfile.Mapping(n.Node)
		if !ok {
			d.wrong(n, mappingKind)
			return
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), len(pairs)))
		for key, node := range d.keys(n.file, n.path, pairs) {
			item := reflect.New(v.Type().Elem()).Elem()
			d.decode(n.file, join(n.path, key), node, item)
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), item)
		}
	case reflect.Struct:
		pairs, ok := yamlfile.Mapping(n.Node)
		if !ok {
			d.wrong(n, mappingKind)
			return
		}
		fields := fieldsOf(v.Type())
		for key, node := range d.keys(n.file, n.path, pairs) {
			if index, known := fields[key]; known {
				d.decode(n.file, join(n.path, key), node, v.Field(index))
			} else {
				d.unknown(n.path, key, fields)
			}
		}
	default:
		panic("configs: no decoder for " + v.Type().String())
	}
}

// number reads a whole number in decimal digits.
func (d *decoder) number(n value, v reflect.Value) {
	text, ok := yamlfile.Scalar(n.Node)
	number, err := strconv.ParseInt(text, 10, 64)
	switch _, isNumber := n.Node.(*ast.IntegerNode); {
	case !ok || !isNumber || err != nil:
		d.wrong(n, numberKind)
	case v.CanUint() && (number < 0 || v.OverflowUint(uint64(number))):
		d.problem(n.path, n.at, text+" is out of range", "expected 0 to 65535")
	case v.CanUint():
		v.SetUint(uint64(number))
	default:
		v.SetInt(number)
	}
}

// keys yields the pairs of a mapping once by key, in order, and remembers their
// places.
func (d *decoder) keys(file, path string, pairs []*ast.MappingValueNode) func(func(string, ast.Node) bool) {
	return func(yield func(string, ast.Node) bool) {
		seen := map[string]position{}
		for _, pair := range pairs {
			at := placeOf(file, pair.Key.GetToken())
			key, ok := yamlfile.Scalar(pair.Key)
			if !ok {
				message, remedy := yamlfile.Unwelcome(pair.Key)
				d.problem(path, at, cmp.Or(message, "no key"), cmp.Or(remedy, "write key: value"))
				continue
			}
			if earlier, twice := seen[key]; twice {
				d.problem(join(path, key), at, fmt.Sprintf("given twice, first in line %d", earlier.line), "keep one of them")
				continue
			}
			seen[key] = at
			d.places[join(path, key)] = at
			if !yield(key, pair.Value) {
				return
			}
		}
	}
}

func (d *decoder) unknown(path, key string, fields map[string]int) {
	names := slices.Collect(maps.Keys(fields))
	remedy := choose(key, names)
	meant, near := nearest(key, names)
	switch {
	case near:
		d.spoiled[join(path, meant)] = true
	case len(names) > mostChoices:
		remedy = "remove it; cardline schema prints the keys that there are"
	}
	d.problem(join(path, key), d.places[join(path, key)], "unknown key", remedy)
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

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
