package prompts

import (
	_ "embed" // for the readings
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/mozillazg/go-pinyin"
)

//go:embed zh/readings.yaml
var readingsFile []byte

// Readings say how hanzi are pronounced: of words whose characters have several
// readings, and of single characters for which one reading is settled. Syllables
// are pinyin with a tone number, 5 for the neutral tone, divided by spaces.
type Readings map[string]string

// DefaultReadings returns the readings that are shipped with the program.
func DefaultReadings() (Readings, error) {
	var r Readings
	if err := yaml.Unmarshal(readingsFile, &r); err != nil {
		return nil, fmt.Errorf("read the list of Mandarin readings: %w", err)
	}
	return r, nil
}

// numerals read 一 in its own tone beside each other: 一 in 二一 or 第十一.
const numerals = "零幺一二三四五六七八九十第"

// Pinyin writes a Mandarin text in pinyin for a synthesizer. Words of the list
// go before single characters, the longest first. The tones of 一 and 不 change
// as they do in speech; third tones do not, since espeak-ng changes them
// itself. Digits are read one by one.
func (r Readings) Pinyin(text string) (string, error) {
	type syllable struct {
		pinyin string
		char   rune // 一 or 不 whose tone is still open, else 0
		stop   bool // punctuation follows
		first  rune // the character, to know its neighbours
	}
	var syllables []syllable
	longest := 0
	for word := range r {
		longest = max(longest, utf8.RuneCountInString(word))
	}
	chars := []rune(text)
next:
	for i := 0; i < len(chars); {
		c := chars[i]
		if c >= '0' && c <= '9' {
			c = []rune(hanzi[c-'0'])[0]
			py, err := reading(c)
			if err != nil {
				return "", err
			}
			syllables = append(syllables, syllable{pinyin: py, first: c})
			i++
			continue
		}
		for n := min(longest, len(chars)-i); n > 0; n-- {
			word, ok := r[string(chars[i:i+n])]
			if !ok || n == 1 && (c == '一' || c == '不') {
				continue
			}
			for _, py := range strings.Fields(word) {
				syllables = append(syllables, syllable{pinyin: py, first: c})
			}
			i += n
			continue next
		}
		i++
		switch {
		case unicode.IsSpace(c):
		case unicode.IsPunct(c):
			if len(syllables) > 0 {
				last := &syllables[len(syllables)-1]
				last.stop = true
				if strings.ContainsRune("。！？.!?", c) {
					last.pinyin = strings.TrimRight(last.pinyin, ",.") + "."
				} else if !strings.HasSuffix(last.pinyin, ".") {
					last.pinyin = strings.TrimRight(last.pinyin, ",.") + ","
				}
			}
		default:
			py, err := reading(c)
			if err != nil {
				return "", err
			}
			s := syllable{pinyin: py, first: c}
			if c == '一' || c == '不' {
				s.char = c
			}
			syllables = append(syllables, s)
		}
	}
	// From the end, because 不 listens to the tone that 一 after it has got.
	for i := len(syllables) - 1; i >= 0; i-- {
		s := &syllables[i]
		if s.char == 0 || s.stop || i+1 == len(syllables) {
			continue
		}
		after := tone(syllables[i+1].pinyin)
		switch {
		case s.char == '不' && after == '4':
			s.pinyin = "bu2"
		case s.char == '不':
		case strings.ContainsRune(numerals, syllables[i+1].first), i > 0 && strings.ContainsRune(numerals, syllables[i-1].first):
		case after == '4':
			s.pinyin = "yi2"
		default:
			s.pinyin = "yi4"
		}
	}
	words := make([]string, len(syllables))
	for i, s := range syllables {
		words[i] = s.pinyin
	}
	return strings.Join(words, " "), nil
}

// tone returns the tone number of a syllable.
func tone(pinyin string) byte {
	pinyin = strings.TrimRight(pinyin, ",.")
	if pinyin == "" {
		return '5'
	}
	return pinyin[len(pinyin)-1]
}

// reading returns the commonest reading of a character.
func reading(c rune) (string, error) {
	all := readings(c)
	if len(all) == 0 {
		return "", fmt.Errorf("the reading of %q is not known; add it to the list of readings", c)
	}
	return all[0], nil
}

// readings returns all readings of a character with tone numbers at the end.
func readings(c rune) []string {
	args := pinyin.NewArgs()
	args.Style, args.Heteronym = pinyin.Tone3, true
	var all []string
	for _, py := range pinyin.SinglePinyin(c, args) {
		if py == "" {
			continue
		}
		py = strings.ReplaceAll(py, "ü", "v")
		if last := py[len(py)-1]; last < '1' || last > '4' {
			py += "5"
		}
		if !slices.Contains(all, py) {
			all = append(all, py)
		}
	}
	return all
}

// Unsettled lists the characters of some texts that have several readings and
// are settled neither by a word of the list nor by themselves, each with its
// readings, the one that would be spoken first.
func (r Readings) Unsettled(texts ...string) []string {
	found := map[rune][]string{}
	for _, text := range texts {
		chars := []rune(text)
		covered := make([]bool, len(chars))
		for word := range r {
			w := []rune(word)
			for i := 0; i+len(w) <= len(chars); i++ {
				if slices.Equal(chars[i:i+len(w)], w) {
					for j := range w {
						covered[i+j] = true
					}
				}
			}
		}
		for i, c := range chars {
			if all := readings(c); !covered[i] && len(all) > 1 && c != '一' && c != '不' {
				found[c] = all
			}
		}
	}
	var list []string
	for _, c := range slices.Sorted(maps.Keys(found)) {
		list = append(list, string(c)+" "+strings.Join(found[c], " "))
	}
	return list
}
