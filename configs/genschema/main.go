// Command genschema writes the JSON Schema of the configuration from the Go
// types that it is decoded into, with their comments as descriptions. It runs
// by go generate in the folder configs.
package main

import (
	"encoding"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"

	"cardline/configs"
	"cardline/ivr"
)

func main() {
	out := flag.String("o", "schema.json", "the file to write")
	flag.Parse()
	text, err := generate()
	if err == nil {
		err = os.WriteFile(*out, text, 0o644)
	}
	if err != nil {
		log.Fatal("genschema: ", err)
	}
}

// generate returns the schema; it must run in the folder configs, where the
// comments are.
func generate() ([]byte, error) {
	r := &jsonschema.Reflector{
		FieldNameTag:               "yaml",
		ExpandedStruct:             true,
		RequiredFromJSONSchemaTags: true, // every key may be left out
		Mapper:                     written,
	}
	if err := r.AddGoComments("cardline/configs", "./"); err != nil {
		return nil, fmt.Errorf("read the comments: %w", err)
	}
	if err := r.AddGoComments("cardline/configs", "../ivr"); err != nil { // joined to cardline/ivr
		return nil, fmt.Errorf("read the comments: %w", err)
	}
	schema := r.Reflect(&configs.File{})
	schema.ID = "https://cardline.invalid/configuration.json"
	schema.Title = "A cardline configuration"
	flow := r.Reflect(&ivr.Flow{})
	for name, d := range flow.Definitions {
		if schema.Definitions[name] != nil {
			return nil, fmt.Errorf("%s is a type of configs and one of ivr", name)
		}
		schema.Definitions[name] = d
	}
	flow.Version, flow.ID, flow.Definitions = "", "", nil
	schema.Definitions["Flow"] = flow
	atLength := schema.Definitions["WrapUp"]
	schema.Definitions["WrapUp"] = &jsonschema.Schema{
		OneOf: []*jsonschema.Schema{written(reflect.TypeFor[time.Duration]()), atLength}, Description: atLength.Description,
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

// written is the schema of types that are not written as their Go kind.
func written(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`, Examples: []any{"30s", "1m30s"}}
	case reflect.TypeFor[configs.Requirement]():
		return &jsonschema.Schema{
			OneOf:    []*jsonschema.Schema{{Type: "string"}, {Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "integer"}}},
			Examples: []any{"mandarin >= 3 and (cards >= 5 or vip)"},
		}
	case reflect.TypeFor[configs.Occasion]():
		return &jsonschema.Schema{Type: "string", Pattern: `^(length *> *[0-9]+|(wait|estimate) *> *([0-9]+(\.[0-9]+)?(ms|s|m|h))+|no_agents|closed|exit_key)$`}
	case reflect.TypeFor[ivr.Kind]():
		return words(
			ivr.PlayStep, ivr.MenuStep, ivr.CollectStep, ivr.ConfirmStep, ivr.BranchStep, ivr.SetStep, ivr.LanguageStep,
			ivr.CardStep, ivr.SecureStep, ivr.QueueStep, ivr.HangUpStep, ivr.CallStep, ivr.ReturnStep,
		)
	case reflect.TypeFor[ivr.Operation]():
		return words(ivr.Operations()...)
	case reflect.TypeFor[ivr.ServiceResult]():
		return words(ivr.ServiceResults()...)
	case reflect.TypeFor[ivr.Validation]():
		return words(ivr.Luhn, ivr.Expiry, ivr.IDTail, ivr.IDNumber)
	case reflect.TypeFor[ivr.EntryKind]():
		return words(ivr.PIN)
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return &jsonschema.Schema{Type: "string"}
	}
	return nil
}

func words[S ~string](list ...S) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, w := range list {
		s.Enum = append(s.Enum, string(w))
	}
	return s
}
