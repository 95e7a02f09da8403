package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A Problem is one thing that is wrong with a configuration.
type Problem struct {
	File         string // relative to the configuration's directory; "." for the directory
	Line, Column int    // from 1, in characters; 0 if the problem has no place in the file
	Path         string // such as queues.2.ring, counted from 0; empty for a file as a whole
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
	// Keys and names of files may hold anything; a log and a terminal must not.
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, b.String())
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

// sorted returns problems in the order of the files, each of them once.
func sorted(list []Problem) []Problem {
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Path, b.Path))
	})
	return slices.Compact(list)
}

// mostChoices is how many words a remedy may list.
const mostChoices = 12

// choose is the remedy for a word that is none of a list: the one that was
// probably meant, or all of them.
func choose(word string, list []string) string {
	list = slices.Compact(slices.Sorted(slices.Values(list)))
	if best, ok := nearest(word, list); ok {
		return fmt.Sprintf("did you mean %s?", best)
	}
	if len(list) > mostChoices {
		return fmt.Sprintf("expected one of %s, and %d more", strings.Join(list[:mostChoices], ", "), len(list)-mostChoices)
	}
	return "expected " + either(list)
}

// either writes a list of choices.
func either(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// nearest returns the word of a list that is most like the given one; ok is
// false if none is near, or if two are equally near: to guess one of the phones
// 1001 and 1002 for 1009 helps nobody.
func nearest(word string, list []string) (best string, ok bool) {
	least := min(2, (len(word)-1)/2) + 1
	for _, w := range list {
		switch d := distance(word, w); {
		case d < least:
			best, least, ok = w, d, true
		case d == least:
			ok = false
		}
	}
	return best, ok
}

// distance is the number of slips between two words: letters that are missing,
// too many, wrong, or in the wrong order with their neighbour.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
