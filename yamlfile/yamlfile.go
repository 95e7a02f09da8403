// Package yamlfile turns the text of a file into a YAML tree, within bounds that
// every file of the hotline keeps: its size, its brackets, its characters. Of
// YAML it takes mappings, lists and scalars; what could make a file mean
// something else than it looks like - anchors, aliases, merge keys, tags, several
// documents - is refused, here or by [Unwelcome].
package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// Largest is the size in bytes up to which a file is parsed. The files of a
	// hotline with a thousand agents are a tenth of it.
	Largest = 1 << 20
	// deepest bounds the nesting of brackets, since the parser needs time and
	// stack for each. A flow needs 5.
	deepest = 100
)

// A Fault says why a text is not taken, and where.
type Fault struct {
	Line, Column int    // from 1; 0 for the file as a whole
	Message      string // quotes nothing of the text
	// Detail is what the parser has to say, which may quote the text. It may be
	// empty.
	Detail string
	Remedy string
}

// Text returns all that is to be said but the place. It may quote the text.
func (f *Fault) Text() string {
	message := f.Message
	if f.Detail != "" {
		message += ": " + f.Detail
	}
	return message + "; " + f.Remedy
}

// Read returns the content of a file, or as much of it as [Parse] needs to refuse
// it for its size.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, Largest+1))
}

// Parse returns the only document of a file; nil if there is none.
func Parse(text []byte) (body ast.Node, fault *Fault) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if fault := unreadable(text); fault != nil {
		return nil, fault
	}
	tree, err := parse(text)
	if err != nil {
		fault := &Fault{Message: "not YAML", Detail: err.Error(), Remedy: "check the indentation, brackets and quotes here and in the line above"}
		if where, ok := errors.AsType[yaml.Error](err); ok {
			fault.Detail = where.GetMessage()
			fault.Line, fault.Column = Place(where.GetToken())
		}
		fault.Detail = strings.ReplaceAll(fault.Detail, "\t", `\t`)
		return nil, fault
	}
	for _, doc := range tree.Docs {
		switch doc.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.CommentGroupNode:
			continue
		}
		if body != nil {
			line, column := Place(First(doc.Body))
			return nil, &Fault{Line: line, Column: column, Message: "a second document", Remedy: "keep one document a file: remove the line ---"}
		}
		body = doc.Body
	}
	return body, nil
}

// parse is the library's parser; should it panic, the text is no YAML.
func parse(text []byte) (tree *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	// Keys that are given twice are reported by those who read them, all of them.
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

// unreadable returns why a text should not be given to the parser.
func unreadable(text []byte) *Fault {
	if len(text) > Largest {
		return &Fault{Message: fmt.Sprintf("%d bytes", len(text)), Remedy: fmt.Sprintf("expected at most %d", Largest)}
	}
	line, column, depth := 1, 1, 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			return &Fault{Line: line, Column: column, Message: fmt.Sprintf("the byte %#02x is no UTF-8", text[0]), Remedy: "save the file in UTF-8"}
		case r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f:
			return &Fault{Line: line, Column: column, Message: fmt.Sprintf("the control character %U", r), Remedy: "remove it"}
		case r == '[' || r == '{':
			depth++
		case r == ']' || r == '}':
			depth = max(0, depth-1)
		}
		if depth > deepest {
			return &Fault{Line: line, Column: column, Message: fmt.Sprintf("more than %d open brackets", deepest), Remedy: "close them"}
		}
		text = text[size:]
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return nil
}

// Place returns where a token stands, from 1; 0 if that is not known.
func Place(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 0, 0
	}
	return t.Position.Line, t.Position.Column
}

// First returns the first token of a node. The parser itself places a mapping
// at its first colon.
func First(n ast.Node) *token.Token {
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

// Mapping returns the keys and values of a mapping; ok is false for anything
// else.
func Mapping(n ast.Node) (pairs []*ast.MappingValueNode, ok bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	default:
		return nil, false
	}
}

// Scalar returns the text of a node that has one, as it is written: the number
// 0123 is the text 0123.
func Scalar(n ast.Node) (text string, ok bool) {
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

// KindOf says what a node is, for messages. It quotes scalars.
func KindOf(n ast.Node) string {
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
		text, _ := Scalar(n)
		return fmt.Sprintf("the text %q", text)
	}
}

// Plain returns what is unwelcome in a tree, the first of it; nil if nothing is.
func Plain(n ast.Node) *Fault {
	var f finder
	if n != nil {
		ast.Walk(&f, n)
	}
	return f.fault
}

// finder is a visitor that keeps what was unwelcome first.
type finder struct{ fault *Fault }

// Visit implements [ast.Visitor].
func (f *finder) Visit(n ast.Node) ast.Visitor {
	if f.fault != nil {
		return nil
	}
	if message, remedy := Unwelcome(n); message != "" {
		line, column := Place(First(n))
		f.fault = &Fault{Line: line, Column: column, Message: message, Remedy: remedy}
		return nil
	}
	return f
}

// Unwelcome says why a node is refused whatever is needed in its place; the
// message is empty if it is not. The remedy may quote the node.
func Unwelcome(n ast.Node) (message, remedy string) {
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
