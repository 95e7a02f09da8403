package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing that is wrong with a configuration.
type Problem struct {
	File         string // relative to the configuration's directory
	Line, Column int    // from 1; 0 if the problem has no place in the file
	Path         string // such as queues.2.ring; empty for a file as a whole
	Message      string // what is wrong
	Remedy       string // what was expected, or what to do
}

// String returns the problem as one line, in the form that editors know.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(": " + p.Path)
	}
	b.WriteString(": " + p.Message)
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	return b.String()
}

// An InvalidError says that a configuration was refused, with all reasons.
type InvalidError struct{ Problems []Problem }

// Error lists the problems, one a line, in the order of the files.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func sortProblems(list []Problem) {
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// nearest returns the word of the list that is most like the given one, for
// remedies; ok is false if none is near.
func nearest(word string, list []string) (best string, ok bool) {
	least := 3
	for _, w := range list {
		if d := distance(word, w); d < least {
			best, least, ok = w, d, true
		}
	}
	return best, ok
}

// distance is the number of edits between two words (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// oneOf writes a list of choices.
func oneOf(list []string) string { return "expected one of " + strings.Join(list, ", ") }
