package configs

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"

	"cardline/ivr"
)

// Schema returns the JSON Schema of a configuration file: of the sections of
// [File] and, under $defs, of a flow.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{
		FieldNameTag:   "yaml",
		ExpandedStruct: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if t == reflect.TypeFor[time.Duration]() {
				return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`, Examples: []any{"30s", "1m30s"}}
			}
			if reflect.PointerTo(t).Implements(textUnmarshaler) {
				return &jsonschema.Schema{Type: "string"}
			}
			return nil
		},
		// Every key may be left out.
		RequiredFromJSONSchemaTags: true,
	}
	schema := r.Reflect(&File{})
	schema.Title = "A cardline configuration"
	flow := r.Reflect(&ivr.Flow{})
	flow.Version, flow.ID = "", ""
	for name, d := range flow.Definitions {
		schema.Definitions[name] = d
	}
	flow.Definitions = nil
	schema.Definitions["Flow"] = flow
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}
