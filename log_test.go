package cardline_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// withoutUnit are words for a time or an amount that do not say in what.
var withoutUnit = []string{"after", "age", "duration", "elapsed", "every", "interval", "ms", "s", "seconds", "setup", "size", "timeout", "took", "wait", "waited"}

// TestKeysOfTheLog holds the keys of every line of the log that the code can write:
// times say their unit, a call is "call", and whoever acts for one call or leg uses
// its log, which names it.
func TestKeysOfTheLog(t *testing.T) {
	files, lines := token.NewFileSet(), 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (slices.Contains([]string{"bench", "test", "sim"}, path) || path != "." && strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		report := func(at ast.Node, format string, args ...any) {
			t.Helper()
			t.Errorf("%v: "+format, append([]any{files.Position(at.Pos())}, args...)...)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			owner := receiver(f)
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				method, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if slices.Contains([]string{"Info", "Warn", "Error", "Debug", "Trace"}, method.Sel.Name) && len(call.Args) == 0 {
					lines++
					log := text(method.X)
					if owner == "call" && log != "c.log" || owner == "Leg" && log != "l.log" {
						report(n, "%s of a %s is logged by %s, which does not name it", method.Sel.Name, owner, log)
					}
				}
				if len(call.Args) != 2 || !slices.Contains([]string{"Str", "Int", "Int64", "Uint64", "Float64", "Dur", "Stringer"}, method.Sel.Name) {
					return true
				}
				literal, ok := call.Args[0].(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				key, _ := strconv.Unquote(literal.Value)
				value := text(call.Args[1])
				switch {
				case method.Sel.Name == "Dur" && !strings.HasSuffix(key, "_ms"), strings.HasSuffix(value, ".Milliseconds()") && !strings.HasSuffix(key, "_ms"):
					report(n, "the key %q of a time does not end in _ms", key)
				case strings.HasSuffix(value, ".Seconds()") && !strings.HasSuffix(key, "_s"):
					report(n, "the key %q of a time does not end in _s", key)
				case slices.Contains(withoutUnit, key):
					report(n, "the key %q does not say its unit", key)
				case (strings.HasSuffix(value, ".Call") || owner == "call" && value == "c.id") && key != "call":
					report(n, "a call has the key %q, not call", key)
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines < 80 {
		t.Errorf("only %d lines were looked at", lines)
	}
}

// receiver returns the type that a method belongs to, "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	kind := f.Recv.List[0].Type
	if pointer, ok := kind.(*ast.StarExpr); ok {
		kind = pointer.X
	}
	return text(kind)
}

// text writes selectors and calls without arguments as they stand in the code, and
// anything else as "".
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		return text(e.Fun) + "()"
	}
	return ""
}
