package acd

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

func mustRequire(t *testing.T, text string) Requirement {
	t.Helper()
	r, err := ParseRequirement(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequirementMet(t *testing.T) {
	for _, c := range []struct {
		text   string
		skills map[string]int
		met    bool
	}{
		{"", nil, true},
		{"  ", nil, true},
		{"cards", map[string]int{"cards": 1}, true},
		{"cards", nil, false},
		{"cards >= 3", map[string]int{"cards": 3}, true},
		{"cards>=3", map[string]int{"cards": 2}, false},
		{"cards > 3", map[string]int{"cards": 3}, false},
		{"cards > 3", map[string]int{"cards": 4}, true},
		{"cards <= 3", map[string]int{"cards": 3}, true},
		{"cards < 3", nil, true}, // who has not got it has level 0
		{"cards < 3", map[string]int{"cards": 3}, false},
		{"cards = 3", map[string]int{"cards": 3}, true},
		{"cards == 3", map[string]int{"cards": 2}, false},
		{"cards != 3", map[string]int{"cards": 2}, true},
		{"cards != 3", map[string]int{"cards": 3}, false},
		{"cards >= 0", nil, true},
		{"a and b", map[string]int{"a": 1}, false},
		{"a or b", map[string]int{"b": 1}, true},
		// and binds more than or
		{"a or b and c", map[string]int{"a": 1}, true},
		{"(a or b) and c", map[string]int{"a": 1}, false},
		{"a and b or c", map[string]int{"c": 1}, true},
		{"a and (b or c)", map[string]int{"c": 1}, false},
		{"mandarin >= 3 and (cards >= 5 or vip)", map[string]int{"mandarin": 3, "vip": 1}, true},
		{"mandarin >= 3 and (cards >= 5 or vip)", map[string]int{"mandarin": 9, "cards": 4}, false},
		{"((((a))))", map[string]int{"a": 1}, true},
		{"android or orange", map[string]int{"orange": 1}, true}, // words that begin like and, or
	} {
		if got := mustRequire(t, c.text).Met(c.skills); got != c.met {
			t.Errorf("%q by %v: got %v, want %v", c.text, c.skills, got, c.met)
		}
	}
}

func TestRequirementErrors(t *testing.T) {
	for _, c := range []struct {
		text, message string
		column        int
	}{
		{"and", "expected a skill", 1},
		{"cards >=", "expected a level", 9},
		{"cards >= 11", "expected a level", 10},
		{"cards >= -1", "expected a level", 10},
		{"cards >= five", "expected a level", 10},
		{"cards >= 5 or", "expected a skill", 14},
		{"cards >= 5 vip", "expected and, or, or the end", 12},
		{"(cards", "expected )", 7},
		{"cards)", "expected and, or, or the end", 6},
		{"()", "expected a skill", 2},
		{"a and and b", "expected a skill", 7},
		{"a & b", "expected and, or, or the end", 3},
		{"Cards", "expected a skill", 1},
		{"a and 5", "expected a skill", 7},
		{"卡 >= 3", "expected a skill", 1},
		{"a AND b", "expected and, or, or the end", 3},
		{"cards => 3", "expected a level", 8},
		{strings.Repeat("(", 51) + "a" + strings.Repeat(")", 51), "too many parentheses", 51},
		{strings.Repeat("a or ", 200) + "a", "longer than 1000 characters", 1001},
	} {
		r, err := ParseRequirement(c.text)
		var wrong *RequirementError
		if !errors.As(err, &wrong) {
			t.Errorf("%q: got %v and %v, want an error", c.text, r, err)
			continue
		}
		if wrong.Offset+1 != c.column || !strings.Contains(wrong.Message, c.message) {
			t.Errorf("%q: got column %d, %q; want column %d, %q", c.text, wrong.Offset+1, wrong.Message, c.column, c.message)
		}
		if !strings.Contains(err.Error(), "column") {
			t.Errorf("the error does not say where: %v", err)
		}
	}
}

func TestRequirementAsText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"  cards   >=  5\n\tor vip ", "cards >= 5 or vip"},
		{"cards>=5", "cards>=5"},
		{"(a or b) and c != 10", "(a or b) and c != 10"},
	} {
		r := mustRequire(t, c.text)
		if r.String() != c.want {
			t.Errorf("%q: got %q, want %q", c.text, r, c.want)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Requirement
		if err := json.Unmarshal(data, &back); err != nil || back.String() != c.want {
			t.Errorf("%s came back as %q, %v", data, back, err)
		}
	}
	var r Requirement
	if err := json.Unmarshal([]byte(`"cards >="`), &r); err == nil {
		t.Errorf("an expression without an end was read as %q", r)
	}
	levels := RequireLevels(map[string]int{"mandarin": 3, "cards": 5})
	if want := "cards >= 5 and mandarin >= 3"; levels.String() != want {
		t.Errorf("got %q, want %q", levels, want)
	}
	if !RequireLevels(nil).Met(nil) || levels.Met(map[string]int{"mandarin": 3, "cards": 4}) {
		t.Error("least levels are met wrongly")
	}
	if got, want := mustRequire(t, "b and (a > 1 or b < 3)").Skills(), []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("got the skills %v, want %v", got, want)
	}
}

func TestContradictory(t *testing.T) {
	for text, want := range map[string]bool{
		"":                              false,
		"cards":                         false,
		"cards and cards < 1":           true,
		"cards >= 5 and cards < 5":      true,
		"cards >= 5 and cards <= 5":     false,
		"cards > 10":                    true,
		"cards < 0":                     true,
		"cards = 3 and cards != 3":      true,
		"cards = 3 and cards = 4":       true,
		"cards = 3 or cards = 4":        false,
		"a and (b or a < 1)":            false,
		"a and (a < 1 or a = 0)":        true,
		"(a < 1 or b < 1) and a and b":  true,
		"(a < 1 or b < 1) and a":        false,
		"a > 10 or b < 0":               true,
		"a > 10 or b":                   false,
		"a != 0 and a != 1 and a <= 1":  true,
		"a != 0 and a != 1 and a <= 2":  false,
		"(a or b) and a < 1 and b < 1":  true,
		"(a or b) and (a < 1 or b < 1)": false,
	} {
		if got := mustRequire(t, text).Contradictory(); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// FuzzParseRequirement reads expressions, prints and reads them again, and tries
// all levels where there are two skills at most.
func FuzzParseRequirement(f *testing.F) {
	for _, text := range []string{
		"", "a", "a >= 3 and (b < 5 or a != 2)", "a = 10 or", "(a", "a < 1 and a > 1", "b==0 and b!=0", "a>10 or b<0", "\x00", "a >= 3 and b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRequirement(text)
		if err != nil {
			var wrong *RequirementError
			if !errors.As(err, &wrong) || wrong.Offset < 0 || wrong.Offset > max(len(text), maxRequirement) {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		again, err := ParseRequirement(r.String())
		if err != nil || again.String() != r.String() {
			t.Fatalf("%q was printed as %q and read as %q, %v", text, r, again, err)
		}
		names := r.Skills()
		if len(names) > 2 {
			return
		}
		met := false
		for i := range HighestLevel + 1 {
			for j := range HighestLevel + 1 {
				skills := map[string]int{}
				for n, name := range names {
					skills[name] = []int{i, j}[n]
				}
				if r.Met(skills) != again.Met(skills) {
					t.Fatalf("%q and %q differ for %v", text, r, skills)
				}
				met = met || r.Met(skills)
			}
		}
		if met && r.Contradictory() {
			t.Fatalf("%q can be met, but is called contradictory", text)
		}
	})
}
