package acd

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// HighestLevel is the best level of a skill; the lowest is 1. A skill that an
// agent does not have counts as level 0.
const HighestLevel = 10

// A Requirement says what an agent must know, such as
//
//	mandarin >= 3 and (cards >= 5 or vip)
//
// It compares levels of skills by >=, >, <=, <, = and !=, and joins
// comparisons by and, or and parentheses; a skill by itself means at least
// level 1. The zero Requirement is met by everybody. As text, in JSON and YAML
// alike, it is its expression.
type Requirement struct {
	text string
	root *term
}

// term is a comparison, or a junction of two terms.
type term struct {
	junction    string // "and", "or"; "" for a comparison
	left, right *term

	skill string
	sign  string
	level int
}

// A RequirementError says where an expression cannot be read.
type RequirementError struct {
	Text    string
	Offset  int // in bytes
	Message string
}

func (e *RequirementError) Error() string {
	return fmt.Sprintf("requirement %q, column %d: %s", e.Text, e.Offset+1, e.Message)
}

// maxRequirement bounds the length of an expression, so that it can be
// searched for contradictions.
const maxRequirement = 1000

// ParseRequirement reads an expression. Errors are of type
// [*RequirementError]. An empty text is the zero Requirement.
func ParseRequirement(text string) (Requirement, error) {
	if len(text) > maxRequirement {
		return Requirement{}, &RequirementError{text[:40] + "…", maxRequirement, fmt.Sprintf("longer than %d characters", maxRequirement)}
	}
	p := requirementParser{text: text}
	p.advance()
	if p.token == "" {
		return Requirement{}, nil
	}
	root, err := p.either()
	if err == nil && p.token != "" {
		err = p.fail("expected and, or, or the end")
	}
	if err != nil {
		return Requirement{}, err
	}
	return Requirement{strings.Join(strings.Fields(text), " "), root}, nil
}

// RequireLevels is the requirement of at least these levels.
func RequireLevels(levels map[string]int) Requirement {
	var r Requirement
	for _, skill := range slices.Sorted(maps.Keys(levels)) {
		least := &term{skill: skill, sign: ">=", level: levels[skill]}
		text := fmt.Sprintf("%s >= %d", skill, levels[skill])
		if r.root == nil {
			r = Requirement{text, least}
		} else {
			r = Requirement{r.text + " and " + text, &term{junction: "and", left: r.root, right: least}}
		}
	}
	return r
}

// requirementParser is a recursive descent over: either = both {"or" both};
// both = one {"and" one}; one = "(" either ")" | skill [sign level].
type requirementParser struct {
	text  string
	next  int // after the token
	at    int // of the token
	token string
	depth int
}

func (p *requirementParser) fail(message string) error {
	return &RequirementError{p.text, p.at, message}
}

func (p *requirementParser) advance() {
	for p.next < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.next]) >= 0 {
		p.next++
	}
	p.at = p.next
	rest := p.text[p.at:]
	length := strings.IndexFunc(rest, func(c rune) bool { return !isWordRune(c) })
	switch {
	case rest == "":
		length = 0
	case length < 0:
		length = len(rest)
	case length == 0 && len(rest) > 1 && strings.IndexByte("<>!=", rest[0]) >= 0 && rest[1] == '=':
		length = 2
	case length == 0:
		length = 1
	}
	p.token = rest[:length]
	p.next += length
}

func isWordRune(c rune) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (p *requirementParser) either() (*term, error) { return p.junction("or", p.both) }
func (p *requirementParser) both() (*term, error)   { return p.junction("and", p.one) }

func (p *requirementParser) junction(word string, part func() (*term, error)) (*term, error) {
	left, err := part()
	for err == nil && p.token == word {
		p.advance()
		var right *term
		right, err = part()
		left = &term{junction: word, left: left, right: right}
	}
	return left, err
}

func (p *requirementParser) one() (*term, error) {
	if p.token == "(" {
		if p.depth++; p.depth > 50 {
			return nil, p.fail("too many parentheses")
		}
		p.advance()
		inner, err := p.either()
		if err == nil && p.token != ")" {
			err = p.fail("expected )")
		}
		p.advance()
		p.depth--
		return inner, err
	}
	if p.token == "" || p.token == "and" || p.token == "or" || p.token[0] < 'a' || p.token[0] > 'z' {
		return nil, p.fail("expected a skill, such as mandarin >= 3")
	}
	t := &term{skill: p.token, sign: ">=", level: 1}
	p.advance()
	switch p.token {
	case ">=", ">", "<=", "<", "=", "==", "!=":
		if t.sign = p.token; t.sign == "==" {
			t.sign = "="
		}
		p.advance()
		level, err := strconv.Atoi(p.token)
		if err != nil || level < 0 || level > HighestLevel {
			return nil, p.fail(fmt.Sprintf("expected a level from 0 to %d", HighestLevel))
		}
		t.level = level
		p.advance()
	}
	return t, nil
}

// Met reports whether these levels meet the requirement.
func (r Requirement) Met(skills map[string]int) bool { return r.root == nil || r.root.met(skills) }

func (t *term) met(skills map[string]int) bool {
	switch t.junction {
	case "and":
		return t.left.met(skills) && t.right.met(skills)
	case "or":
		return t.left.met(skills) || t.right.met(skills)
	}
	return t.holds(skills[t.skill])
}

// holds compares a level.
func (t *term) holds(level int) bool {
	switch t.sign {
	case ">=":
		return level >= t.level
	case ">":
		return level > t.level
	case "<=":
		return level <= t.level
	case "<":
		return level < t.level
	case "=":
		return level == t.level
	default:
		return level != t.level
	}
}

// Skills lists the skills that the requirement names, in order.
func (r Requirement) Skills() []string {
	var names []string
	var walk func(*term)
	walk = func(t *term) {
		if t == nil {
			return
		}
		if t.skill != "" {
			names = append(names, t.skill)
		}
		walk(t.left)
		walk(t.right)
	}
	walk(r.root)
	slices.Sort(names)
	return slices.Compact(names)
}

// Contradictory reports whether no levels from 0 to [HighestLevel] can meet
// the requirement.
func (r Requirement) Contradictory() bool {
	if r.root == nil {
		return false
	}
	tries := 10_000 // beyond it, nothing is claimed
	return !satisfiable([]*term{r.root}, map[string]uint16{}, &tries)
}

// satisfiable reports whether all terms can hold at once, given the levels that
// are still open for each skill, as bits.
func satisfiable(terms []*term, open map[string]uint16, tries *int) bool {
	if *tries--; *tries < 0 || len(terms) == 0 {
		return true
	}
	t, rest := terms[0], terms[1:]
	switch t.junction {
	case "and":
		return satisfiable(append([]*term{t.left, t.right}, rest...), open, tries)
	case "or":
		return satisfiable(append([]*term{t.left}, rest...), maps.Clone(open), tries) ||
			satisfiable(append([]*term{t.right}, rest...), open, tries)
	}
	levels, known := open[t.skill]
	if !known {
		levels = 1<<(HighestLevel+1) - 1
	}
	for level := range HighestLevel + 1 {
		if !t.holds(level) {
			levels &^= 1 << level
		}
	}
	open[t.skill] = levels
	return levels != 0 && satisfiable(rest, open, tries)
}

// String returns the expression.
func (r Requirement) String() string { return r.text }

// MarshalText returns the expression.
func (r Requirement) MarshalText() ([]byte, error) { return []byte(r.text), nil }

// UnmarshalText reads an expression.
func (r *Requirement) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRequirement(string(text))
	return err
}
