package caller

import (
	"strings"
	"testing"
)

func TestFormsOfOneNumber(t *testing.T) {
	for number, want := range map[string]struct{ normal, national string }{
		"13800000001":                  {"13800000001", "13800000001"},
		"+8613800000001":               {"13800000001", "13800000001"},
		"008613800000001":              {"13800000001", "13800000001"},
		"8613800000001":                {"13800000001", "13800000001"},
		"013800000001":                 {"13800000001", "13800000001"},
		"+86013800000001":              {"13800000001", "13800000001"},
		"138-0000-0001":                {"13800000001", "13800000001"},
		"+86 138 0000 0001":            {"13800000001", "13800000001"},
		"13800000001;phone-context=cn": {"13800000001", "13800000001"},
		"01012345678":                  {"1012345678", "01012345678"},
		"+861012345678":                {"1012345678", "01012345678"},
		"+864008205500":                {"4008205500", "4008205500"},
		"008601012345678":              {"1012345678", "01012345678"},
		"075512345678":                 {"75512345678", "075512345678"},
		"+12025550100":                 {"+12025550100", "0012025550100"},
		"0012025550100":                {"+12025550100", "0012025550100"},
		"86123456":                     {"86123456", "86123456"}, // of a town, not of a country
		"95500":                        {"95500", "95500"},
		"anonymous":                    {"", ""},
		"":                             {"", ""},
		"+":                            {"", ""},
		"0000":                         {"", ""},
		"+86":                          {"", ""},
		"1380000000x":                  {"", ""},
		"1234567890123456789012345":    {"", ""},
	} {
		if got := Normal(number); got != want.normal {
			t.Errorf("Normal(%q) = %q, want %q", number, got, want.normal)
		}
		if got := National(number); got != want.national {
			t.Errorf("National(%q) = %q, want %q", number, got, want.national)
		}
	}
}

// FuzzNormal holds that what is no number in one form is none in the other, and
// that a form that is given has nothing but digits behind its first sign.
func FuzzNormal(f *testing.F) {
	for _, number := range []string{"+8613800000001", "0086010-12345678", "+12025550100", "anonymous", "86", "0", "+0086"} {
		f.Add(number)
	}
	f.Fuzz(func(t *testing.T, number string) {
		normal, national := Normal(number), National(number)
		if (national == "") != (normal == "") {
			t.Errorf("%q is dialled as %q and known as %q", number, national, normal)
		}
		if !isDigits(strings.TrimPrefix(normal, "+")) || !isDigits(national) {
			t.Errorf("%q becomes %q and %q", number, normal, national)
		}
		if !strings.HasPrefix(normal, "+") && normal != "" && Normal("+86"+normal) != normal {
			t.Errorf("%q is known as %q, and with its country as %q", number, normal, Normal("+86"+normal))
		}
	})
}
