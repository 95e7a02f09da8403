package configs

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"cardline/yamlfile"
)

// position is a place in a file.
type position struct {
	file         string
	line, column int
}

// parse reads the only document of a file; nil if it is empty. ok is false if a
// problem was found.
func (d *decoder) parse(file string, text []byte) (body ast.Node, ok bool) {
	body, fault := yamlfile.Parse(text)
	if fault == nil {
		return body, true
	}
	message := fault.Message
	if fault.Detail != "" {
		message += ": " + fault.Detail
	}
	d.problem("", position{file, fault.Line, fault.Column}, message, fault.Remedy)
	return nil, false
}

func placeOf(file string, t *token.Token) position {
	line, column := yamlfile.Place(t)
	return position{file, line, column}
}
