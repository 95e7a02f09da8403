package configs

import _ "embed" // for the schema

//go:generate go run ./genschema -o schema.json

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema of a configuration, for editors: of the
// sections of [File] and, under $defs/Flow, of a file of the folder flows. It
// is generated from the Go types and their comments.
func Schema() []byte { return append([]byte(nil), schema...) }
