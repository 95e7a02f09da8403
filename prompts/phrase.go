package prompts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Kind says how a value is read.
type Kind string

// The kinds of values.
const (
	Digits   Kind = "digits"   // digit by digit; spaces and hyphens are left out
	Tail     Kind = "tail"     // the last four digits at most, so that no full number is ever spoken
	Amount   Kind = "amount"   // yuan with at most two decimals, such as -1205.30
	Date     Kind = "date"     // 2026-07-21
	Time     Kind = "time"     // 14:05, or 2026-07-21T14:05 with or without seconds and zone, read as it stands
	Count    Kind = "count"    // how many: 0 to 999,999,999,999
	Position Kind = "position" // which one in a row, from 1
	Key      Kind = "key"      // a key of the telephone: 0 to 9, * or #
)

// known reports whether k is one of the kinds.
func (k Kind) known() bool {
	switch k {
	case Digits, Tail, Amount, Date, Time, Count, Position, Key:
		return true
	}
	return false
}

// maxNumber is the largest number that can be read.
const maxNumber = 999_999_999_999

// A Grammar says how values are read in a language. All methods return the
// words in order, each of them one of the vocabulary.
type Grammar interface {
	// Digits reads digits one by one.
	Digits(digits string) []string
	// Count reads a number of things, Position a place in a row.
	Count(n int64) []string
	Position(n int64) []string
	// Amount reads an amount in fen.
	Amount(fen int64) []string
	// Date reads a day with its year; Moment a time of day, with its day but
	// not its year if dated is true.
	Date(t time.Time) []string
	Moment(t time.Time, dated bool) []string
	// Key reads the name of a key: one of 0123456789*#.
	Key(key byte) []string
	// Vocabulary returns all words that the other methods use.
	Vocabulary() []string
}

// grammars lists the grammars by voice.
var grammars = map[string]Grammar{"zh": Mandarin{}, "en": English{}}

// Errors of values that cannot be read. They do not tell the value, which may
// be a customer's.
var (
	errNoDigits = errors.New("the value is not made of digits")
	errNoAmount = errors.New("the value is no amount such as 1205.30")
	errNoDate   = errors.New("the value is no date such as 2026-07-21")
	errNoTime   = errors.New("the value is no time such as 14:05 or 2026-07-21T14:05")
	errNoNumber = errors.New("the value is no number up to 999999999999")
	errNoKey    = errors.New("the value is no key: 0 to 9, * or #")
	errNoKind   = errors.New("there is no such kind of value")
)

// Words reads a value in words.
func Words(g Grammar, kind Kind, text string) ([]string, error) {
	switch kind {
	case Digits, Tail:
		digits, err := digitsOf(text)
		if err != nil {
			return nil, err
		}
		if kind == Tail {
			digits = digits[max(0, len(digits)-4):]
		}
		return g.Digits(digits), nil
	case Amount:
		fen, err := fenOf(text)
		if err != nil {
			return nil, err
		}
		return g.Amount(fen), nil
	case Date:
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return nil, errNoDate
		}
		return g.Date(t), nil
	case Time:
		if t, err := time.Parse("15:04", text); err == nil {
			return g.Moment(t, false), nil
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04"} {
			if t, err := time.Parse(layout, text); err == nil {
				return g.Moment(t, true), nil
			}
		}
		return nil, errNoTime
	case Count, Position:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > maxNumber || kind == Position && n == 0 {
			return nil, errNoNumber
		}
		if kind == Count {
			return g.Count(n), nil
		}
		return g.Position(n), nil
	case Key:
		if len(text) != 1 || !strings.Contains("0123456789*#", text) {
			return nil, errNoKey
		}
		return g.Key(text[0]), nil
	}
	return nil, fmt.Errorf("%q: %w", kind, errNoKind)
}

// digitsOf returns text without spaces and hyphens if only digits are left.
func digitsOf(text string) (string, error) {
	digits := strings.NewReplacer(" ", "", "-", "").Replace(text)
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", errNoDigits
	}
	return digits, nil
}

// fenOf returns an amount of yuan with at most two decimals in fen.
func fenOf(text string) (int64, error) {
	rest, negative := strings.CutPrefix(text, "-")
	whole, decimals, point := strings.Cut(rest, ".")
	if whole == "" || len(decimals) > 2 || point && decimals == "" || strings.Trim(whole+decimals, "0123456789") != "" {
		return 0, errNoAmount
	}
	yuan, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || yuan > maxNumber {
		return 0, errNoAmount
	}
	fen, err := strconv.ParseInt((decimals + "00")[:2], 10, 64)
	if err != nil {
		return 0, errNoAmount
	}
	fen += 100 * yuan
	if negative {
		fen = -fen
	}
	return fen, nil
}
