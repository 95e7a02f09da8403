package configs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// This file turns text into a tree. Of YAML it takes mappings, lists and
// scalars; what could make a file mean something else than it looks like -
// anchors, aliases, merge keys, tags, several documents - is refused.

const (
	// largestFile bounds what is parsed. The files of a hotline with a thousand
	// agents are a tenth of it.
	largestFile = 1 << 20
	// deepest bounds the nesting of brackets, since the parser needs time and
	// stack for each. A flow needs 5.
	deepest = 100
)

// position is a place in a file.
type position struct {
	file         string
	line, column int
}

// parse reads the only document of a file; nil if it is empty or no YAML. ok is
// false if a problem was found.
func (d *decoder) parse(file string, text []byte) (body ast.Node, ok bool) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if refused := d.unreadable(file, text); refused {
		return nil, false
	}
	tree, err := parse(text)
	if err != nil {
		at := position{file: file}
		message := err.Error()
		if where, ok := errors.AsType[yaml.Error](err); ok {
			message = where.GetMessage()
			at = placeOf(file, where.GetToken())
		}
		d.problem("", at, "not YAML: "+strings.ReplaceAll(message, "\t", `\t`), "check the indentation, brackets and quotes here and in the line above")
		return nil, false
	}
	for _, doc := range tree.Docs {
		switch doc.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.CommentGroupNode:
			continue
		}
		if body != nil {
			d.problem("", placeOf(file, first(doc.Body)), "a second document", "keep one document a file: remove the line ---")
			return nil, false
		}
		body = doc.Body
	}
	return body, true
}

// parse is the library's parser; should it panic, the text is no YAML.
func parse(text []byte) (tree *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	// Keys that are given twice are reported by the decoder, all of them.
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

// unreadable reports text that should not be given to the parser.
func (d *decoder) unreadable(file string, text []byte) bool {
	if len(text) > largestFile {
		d.problem("", position{file: file}, fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("expected at most %d", largestFile))
		return true
	}
	line, column, depth := 1, 1, 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		at := position{file, line, column}
		switch {
		case r == utf8.RuneError && size == 1:
			d.problem("", at, fmt.Sprintf("the byte %#02x is no UTF-8", text[0]), "save the file in UTF-8")
			return true
		case r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f:
			d.problem("", at, fmt.Sprintf("the control character %U", r), "remove it")
			return true
		case r == '[' || r == '{':
			depth++
		case r == ']' || r == '}':
			depth = max(0, depth-1)
		}
		if depth > deepest {
			d.problem("", at, fmt.Sprintf("more than %d open brackets", deepest), "close them")
			return true
		}
		text = text[size:]
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return false
}

func placeOf(file string, t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{file: file}
	}
	return position{file, t.Position.Line, t.Position.Column}
}

// first returns the first token of a node. The parser itself places a mapping
// at its first colon.
func first(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
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

// scalar returns the text of a node that has one, as it is written: the number
// 0123 is the text 0123.
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

// kindOf says what a node is, for messages.
func kindOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.IntegerNode, *ast.FloatNode:
		return "the number " + n.GetToken().Value
	case *ast.BoolNode:
		return n.GetToken().Value
	case *ast.InfinityNode, *ast.NanNode:
		return "no number"
	default:
		text, _ := scalar(n)
		return fmt.Sprintf("the text %q", text)
	}
}

// unwelcome says why a node is refused whatever is needed in its place; the
// message is empty if it is not.
func unwelcome(n ast.Node) (message, remedy string) {
	switch n := n.(type) {
	case *ast.AliasNode:
		return "an alias", fmt.Sprintf("a text that begins with * needs quotes: %q", "*"+n.Value.String())
	case *ast.AnchorNode:
		return "an anchor", "write the value out where it is needed; a text that begins with & needs quotes"
	case *ast.MergeKeyNode:
		return "a merge key", "write the keys and values out where they are needed"
	case *ast.TagNode:
		return "a tag", "leave the tag out; a text that begins with ! needs quotes"
	}
	return "", ""
}
