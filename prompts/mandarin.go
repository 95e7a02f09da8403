package prompts

import "time"

// Mandarin reads values in Mandarin.
//
// 1 is 幺 in strings of digits and 一 elsewhere. 2 is 两 as a whole number of
// things and before 千, 万 and 亿 (两位, 两千), and 二 in a row, within a number
// and before 百 (第二位, 十二, 二百). One 零 stands for zeros inside a number,
// none for those at its end; a day is divided into 凌晨, 上午, 中午, 下午, 晚上.
type Mandarin struct{}

var (
	hanzi     = []string{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
	hundreds  = []string{"", "一百", "二百", "三百", "四百", "五百", "六百", "七百", "八百", "九百"}
	thousands = []string{"", "一千", "两千", "三千", "四千", "五千", "六千", "七千", "八千", "九千"}
)

// Vocabulary returns all words that values are put together from.
func (Mandarin) Vocabulary() []string {
	words := append([]string{
		"幺", "两", "十", "万", "亿", "一万", "一亿", "负", "元", "角", "分", "年", "月", "日", "点",
		"凌晨", "上午", "中午", "下午", "晚上", "星号键", "井号键",
	}, hanzi...)
	return append(append(words, hundreds[1:]...), thousands[1:]...)
}

// Digits reads digits one by one, 1 as 幺.
func (Mandarin) Digits(digits string) []string {
	words := make([]string, 0, len(digits))
	for _, d := range digits {
		if d == '1' {
			words = append(words, "幺")
		} else {
			words = append(words, hanzi[d-'0'])
		}
	}
	return words
}

// Key reads a key as it is called: 请按一, never 请按幺.
func (Mandarin) Key(key byte) []string {
	switch key {
	case '*':
		return []string{"星号键"}
	case '#':
		return []string{"井号键"}
	default:
		return []string{hanzi[key-'0']}
	}
}

// Position reads a place in a row: 第二位, never 第两位.
func (Mandarin) Position(n int64) []string { return mandarinNumber(n) }

// Count reads a number of things: 两位, but 十二位.
func (Mandarin) Count(n int64) []string {
	if n == 2 {
		return []string{"两"}
	}
	return mandarinNumber(n)
}

// Amount reads 元, 角 and 分; what is nothing is left out, but for a 零 where
// 角 is missing between the others.
func (m Mandarin) Amount(fen int64) []string {
	var words []string
	if fen < 0 {
		words, fen = append(words, "负"), -fen
	}
	yuan, jiao, fen := fen/100, fen/10%10, fen%10
	if yuan > 0 || jiao+fen == 0 {
		words = append(append(words, m.Count(yuan)...), "元")
	}
	if jiao > 0 {
		words = append(append(words, m.Count(jiao)...), "角")
	}
	if fen > 0 {
		if yuan > 0 && jiao == 0 {
			words = append(words, "零")
		}
		words = append(append(words, m.Count(fen)...), "分")
	}
	return words
}

// Date reads the year digit by digit, then month and day as numbers.
func (m Mandarin) Date(t time.Time) []string {
	var words []string
	for y, unit := t.Year(), 1000; unit > 0; unit /= 10 {
		words = append(words, hanzi[y/unit%10])
	}
	return append(append(words, "年"), m.day(t)...)
}

func (Mandarin) day(t time.Time) []string {
	words := append(mandarinNumber(int64(t.Month())), "月")
	return append(append(words, mandarinNumber(int64(t.Day()))...), "日")
}

// Moment reads a time of day by the twelve-hour clock: 下午两点零五分. Midnight
// is 凌晨零点 and noon 中午十二点.
func (m Mandarin) Moment(t time.Time, dated bool) []string {
	var words []string
	if dated {
		words = m.day(t)
	}
	hour, minute := t.Hour(), int64(t.Minute())
	switch {
	case hour < 6:
		words = append(words, "凌晨")
	case hour < 12:
		words = append(words, "上午")
	case hour == 12:
		words = append(words, "中午")
	case hour < 18:
		words = append(words, "下午")
	default:
		words = append(words, "晚上")
	}
	if hour > 12 {
		hour -= 12
	}
	words = append(append(words, m.Count(int64(hour))...), "点")
	if minute == 0 {
		return words
	}
	if minute < 10 {
		words = append(words, "零")
	}
	return append(append(words, mandarinNumber(minute)...), "分")
}

// mandarinNumber reads a number from 0 to [maxNumber] in sections of four
// digits: so many 亿, so many 万, and the rest.
func mandarinNumber(n int64) []string {
	if n == 0 {
		return []string{"零"}
	}
	var (
		words   []string
		skipped bool // a section was empty
	)
	for _, s := range []struct {
		size int64
		one  string // one of it, recorded as one word for its tone
		unit string
	}{{1e8, "一亿", "亿"}, {1e4, "一万", "万"}, {1, "", ""}} {
		section := n / s.size
		n %= s.size
		if section == 0 {
			skipped = true
			continue
		}
		if len(words) > 0 && (skipped || section < 1000) {
			words = append(words, "零")
		}
		skipped = false
		switch {
		case section == 1 && s.one != "":
			words = append(words, s.one)
		case section == 2 && s.unit != "":
			words = append(words, "两", s.unit)
		default:
			words = append(words, mandarinSection(section, len(words) == 0)...)
			if s.unit != "" {
				words = append(words, s.unit)
			}
		}
	}
	return words
}

// mandarinSection reads a number from 1 to 9999. Only at the begin of a number
// 10 to 19 are read without 一.
func mandarinSection(n int64, first bool) []string {
	var words []string
	zero := false
	if d := n / 1000; d > 0 {
		words = append(words, thousands[d])
	}
	if d := n / 100 % 10; d > 0 {
		words = append(words, hundreds[d])
	} else {
		zero = len(words) > 0
	}
	if d := n / 10 % 10; d > 0 {
		if zero {
			words, zero = append(words, "零"), false
		}
		if d > 1 || !first || len(words) > 0 {
			words = append(words, hanzi[d])
		}
		words = append(words, "十")
	} else {
		zero = len(words) > 0
	}
	if d := n % 10; d > 0 {
		if zero {
			words = append(words, "零")
		}
		words = append(words, hanzi[d])
	}
	return words
}
