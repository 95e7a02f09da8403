package prompts

import (
	"strings"
	"time"
)

// English reads values in English, numbers with "and" after the hundreds.
type English struct{}

var (
	small = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen " +
		"fifteen sixteen seventeen eighteen nineteen")
	tens     = strings.Fields("- - twenty thirty forty fifty sixty seventy eighty ninety")
	ordinals = strings.Fields("- first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth " +
		"thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first " +
		"twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth " +
		"twenty-ninth thirtieth thirty-first")
)

// Vocabulary returns all words that values are put together from.
func (English) Vocabulary() []string {
	words := append([]string{
		"hundred", "thousand", "million", "billion", "and", "minus", "oh", "yuan", "fen", "a.m.", "p.m.", "noon", "midnight", "at", "star", "hash",
	}, small...)
	words = append(append(words, tens[2:]...), ordinals[1:]...)
	for m := time.January; m <= time.December; m++ {
		words = append(words, m.String())
	}
	return words
}

// Digits reads digits one by one, 0 as zero.
func (English) Digits(digits string) []string {
	words := make([]string, 0, len(digits))
	for _, d := range digits {
		words = append(words, small[d-'0'])
	}
	return words
}

// Count reads a number.
func (English) Count(n int64) []string { return englishNumber(n) }

// Key reads a key as it is called.
func (English) Key(key byte) []string {
	switch key {
	case '*':
		return []string{"star"}
	case '#':
		return []string{"hash"}
	default:
		return []string{small[key-'0']}
	}
}

// Position reads a number, as in "you are number two".
func (English) Position(n int64) []string { return englishNumber(n) }

// Amount reads yuan and fen; what is nothing is left out.
func (English) Amount(fen int64) []string {
	var words []string
	if fen < 0 {
		words, fen = append(words, "minus"), -fen
	}
	yuan, fen := fen/100, fen%100
	if yuan > 0 || fen == 0 {
		words = append(append(words, englishNumber(yuan)...), "yuan")
	}
	if yuan > 0 && fen > 0 {
		words = append(words, "and")
	}
	if fen > 0 {
		words = append(append(words, englishNumber(fen)...), "fen")
	}
	return words
}

// Date reads "July twenty-first twenty twenty-six".
func (English) Date(t time.Time) []string {
	return append([]string{t.Month().String(), ordinals[t.Day()]}, englishYear(t.Year())...)
}

// Moment reads a time of day by the twelve-hour clock: "two oh five p.m.".
// Twelve o'clock is noon or midnight.
func (English) Moment(t time.Time, dated bool) []string {
	var words []string
	if dated {
		words = []string{t.Month().String(), ordinals[t.Day()], "at"}
	}
	hour, minute := t.Hour(), int64(t.Minute())
	switch {
	case hour == 0 && minute == 0:
		return append(words, "midnight")
	case hour == 12 && minute == 0:
		return append(words, "noon")
	}
	words = append(words, englishNumber(int64((hour+11)%12+1))...)
	if minute > 0 && minute < 10 {
		words = append(words, "oh")
	}
	if minute > 0 {
		words = append(words, englishNumber(minute)...)
	}
	if hour < 12 {
		return append(words, "a.m.")
	}
	return append(words, "p.m.")
}

// englishYear reads a year in pairs, but for the first years of a millennium:
// "nineteen oh five", "two thousand and five", "twenty twenty-six".
func englishYear(year int) []string {
	century, rest := int64(year/100), int64(year%100)
	switch {
	case year%1000 < 10 || century < 10:
		return englishNumber(int64(year))
	case rest == 0:
		return append(englishNumber(century), "hundred")
	case rest < 10:
		return append(englishNumber(century), "oh", small[rest])
	}
	return append(englishNumber(century), englishNumber(rest)...)
}

// englishNumber reads a number from 0 to [maxNumber].
func englishNumber(n int64) []string {
	if n == 0 {
		return []string{"zero"}
	}
	var words []string
	for _, s := range []struct {
		size int64
		unit string
	}{{1e9, "billion"}, {1e6, "million"}, {1e3, "thousand"}, {1, ""}} {
		section := n / s.size
		n %= s.size
		if section == 0 {
			continue
		}
		if s.unit == "" && section < 100 && len(words) > 0 {
			words = append(words, "and")
		}
		if section >= 100 {
			words = append(words, small[section/100], "hundred")
			if section%100 > 0 {
				words = append(words, "and")
			}
		}
		switch rest := section % 100; {
		case rest == 0:
		case rest < 20:
			words = append(words, small[rest])
		default:
			words = append(words, tens[rest/10])
			if rest%10 > 0 {
				words = append(words, small[rest%10])
			}
		}
		if s.unit != "" {
			words = append(words, s.unit)
		}
	}
	return words
}
