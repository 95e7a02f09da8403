package prompts

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestValuesAreReadAsPeopleSayThem(t *testing.T) {
	for _, c := range []struct {
		kind          Kind
		text, zh, eng string
	}{
		{Digits, "1010", "幺零幺零", "one zero one zero"},
		{Digits, "6222 0219-81", "六二二二零二幺九八幺", "six two two two zero two one nine eight one"},
		{Tail, "9622000000004821", "四八二幺", "four eight two one"},
		{Tail, "21", "二幺", "two one"},

		{Key, "1", "一", "one"},
		{Key, "2", "二", "two"},
		{Key, "0", "零", "zero"},
		{Key, "*", "星号键", "star"},
		{Key, "#", "井号键", "hash"},

		{Count, "0", "零", "zero"},
		{Count, "1", "一", "one"},
		{Count, "2", "两", "two"},
		{Position, "1", "一", "one"},
		{Position, "2", "二", "two"},
		{Position, "12", "十二", "twelve"},
		{Position, "21", "二十一", "twenty one"},
		{Position, "101", "一百零一", "one hundred and one"},
		{Count, "10", "十", "ten"},
		{Count, "12", "十二", "twelve"},
		{Count, "20", "二十", "twenty"},
		{Count, "22", "二十二", "twenty two"},
		{Count, "100", "一百", "one hundred"},
		{Count, "101", "一百零一", "one hundred and one"},
		{Count, "110", "一百一十", "one hundred and ten"},
		{Count, "112", "一百一十二", "one hundred and twelve"},
		{Count, "200", "二百", "two hundred"},
		{Count, "222", "二百二十二", "two hundred and twenty two"},
		{Count, "1000", "一千", "one thousand"},
		{Count, "1001", "一千零一", "one thousand and one"},
		{Count, "1010", "一千零一十", "one thousand and ten"},
		{Count, "1100", "一千一百", "one thousand one hundred"},
		{Count, "2000", "两千", "two thousand"},
		{Count, "2002", "两千零二", "two thousand and two"},
		{Count, "10000", "一万", "ten thousand"},
		{Count, "10002", "一万零二", "ten thousand and two"},
		{Count, "10200", "一万零二百", "ten thousand two hundred"},
		{Count, "12000", "一万两千", "twelve thousand"},
		{Count, "20000", "两万", "twenty thousand"},
		{Count, "22000", "两万两千", "twenty two thousand"},
		{Count, "100000", "十万", "one hundred thousand"},
		{Count, "100012", "十万零一十二", "one hundred thousand and twelve"},
		{Count, "120000", "十二万", "one hundred and twenty thousand"},
		{Count, "1000000", "一百万", "one million"},
		{Count, "1000005", "一百万零五", "one million and five"},
		{Count, "10010000", "一千零一万", "ten million ten thousand"},
		{Count, "100000000", "一亿", "one hundred million"},
		{Count, "100000002", "一亿零二", "one hundred million and two"},
		{Count, "100002000", "一亿零两千", "one hundred million two thousand"},
		{Count, "100010000", "一亿零一万", "one hundred million ten thousand"},
		{Count, "100020003", "一亿零两万零三", "one hundred million twenty thousand and three"},
		{Count, "200000000", "两亿", "two hundred million"},
		{Count, "1000000000", "十亿", "one billion"},
		{Count, "120000000000", "一千二百亿", "one hundred and twenty billion"},

		{Amount, "0", "零元", "zero yuan"},
		{Amount, "0.00", "零元", "zero yuan"},
		{Amount, "0.05", "五分", "five fen"},
		{Amount, "0.50", "五角", "fifty fen"},
		{Amount, "0.5", "五角", "fifty fen"},
		{Amount, "1", "一元", "one yuan"},
		{Amount, "2", "两元", "two yuan"},
		{Amount, "2.02", "两元零两分", "two yuan and two fen"},
		{Amount, "2.20", "两元两角", "two yuan and twenty fen"},
		{Amount, "10.05", "十元零五分", "ten yuan and five fen"},
		{Amount, "12.34", "十二元三角四分", "twelve yuan and thirty four fen"},
		{Amount, "1205.30", "一千二百零五元三角", "one thousand two hundred and five yuan and thirty fen"},
		{Amount, "20000.00", "两万元", "twenty thousand yuan"},
		{Amount, "-1205.30", "负一千二百零五元三角", "minus one thousand two hundred and five yuan and thirty fen"},
		{Amount, "-0.05", "负五分", "minus five fen"},
		{Amount, "-0.00", "零元", "zero yuan"},

		{Date, "2026-07-21", "二零二六年七月二十一日", "July twenty-first twenty twenty six"},
		{Date, "2026-10-02", "二零二六年十月二日", "October second twenty twenty six"},
		{Date, "2000-12-31", "二零零零年十二月三十一日", "December thirty-first two thousand"},
		{Date, "2005-01-01", "二零零五年一月一日", "January first two thousand and five"},
		{Date, "2010-02-20", "二零一零年二月二十日", "February twentieth twenty ten"},
		{Date, "1905-11-12", "一九零五年十一月十二日", "November twelfth nineteen oh five"},
		{Date, "1900-03-03", "一九零零年三月三日", "March third nineteen hundred"},
		{Date, "1999-03-30", "一九九九年三月三十日", "March thirtieth nineteen ninety nine"},

		{Time, "00:00", "凌晨零点", "midnight"},
		{Time, "00:05", "凌晨零点零五分", "twelve oh five a.m."},
		{Time, "02:02", "凌晨两点零二分", "two oh two a.m."},
		{Time, "08:30", "上午八点三十分", "eight thirty a.m."},
		{Time, "10:00", "上午十点", "ten a.m."},
		{Time, "12:00", "中午十二点", "noon"},
		{Time, "12:10", "中午十二点十分", "twelve ten p.m."},
		{Time, "14:00", "下午两点", "two p.m."},
		{Time, "14:21", "下午两点二十一分", "two twenty one p.m."},
		{Time, "22:45", "晚上十点四十五分", "ten forty five p.m."},
		{Time, "2026-07-21T14:05:59+08:00", "七月二十一日下午两点零五分", "July twenty-first at two oh five p.m."},
		{Time, "2026-01-02T00:00", "一月二日凌晨零点", "January second at midnight"},
	} {
		zh, err := Words(Mandarin{}, c.kind, c.text)
		if got := strings.Join(zh, ""); err != nil || got != c.zh {
			t.Errorf("%s %q in Mandarin: got %s (%v), want %s", c.kind, c.text, got, err, c.zh)
		}
		eng, err := Words(English{}, c.kind, c.text)
		if got := strings.Join(eng, " "); err != nil || got != c.eng {
			t.Errorf("%s %q in English: got %s (%v), want %s", c.kind, c.text, got, err, c.eng)
		}
	}
}

func TestUnreadableValuesAreErrors(t *testing.T) {
	for kind, texts := range map[Kind][]string{
		Digits:   {"", "12a", "一二", " "},
		Tail:     {"", "****", "x"},
		Amount:   {"", "-", "1.", ".5", "1.234", "1,000", "1e3", "--1", "9999999999999"},
		Date:     {"", "2026-02-30", "21.7.2026", "2026-7-1"},
		Time:     {"", "24:00", "12:60", "noon"},
		Count:    {"", "-1", "1.5", "1000000000000"},
		Position: {"0", "-1", "first"},
		"colour": {"red"},
	} {
		for _, text := range texts {
			if words, err := Words(Mandarin{}, kind, text); err == nil {
				t.Errorf("%s %q: got %v, want an error", kind, text, words)
			}
		}
	}
}

// TestErrorsDoNotTellValues holds that an error may be logged.
func TestErrorsDoNotTellValues(t *testing.T) {
	for _, kind := range []Kind{Digits, Tail, Amount, Date, Time, Count, Position, Key} {
		_, err := Words(English{}, kind, "secret-4821x")
		if err == nil || strings.Contains(err.Error(), "4821") {
			t.Errorf("%s: got %v, want an error that does not repeat the value", kind, err)
		}
	}
}

func TestVocabularyHoldsEveryWord(t *testing.T) {
	for name, g := range grammars {
		vocabulary, used := g.Vocabulary(), map[string]bool{}
		say := func(kind Kind, text string) {
			words, err := Words(g, kind, text)
			if err != nil {
				t.Fatalf("%s %q: %v", kind, text, err)
			}
			for _, w := range words {
				used[w] = true
				if !slices.Contains(vocabulary, w) {
					t.Errorf("%s: %s %q uses %q, which is not in the vocabulary", name, kind, text, w)
				}
			}
		}
		for n := int64(1); n <= maxNumber; n = n*7/4 + 1 {
			say(Count, strconv.FormatInt(n, 10))
			say(Amount, "-"+strconv.FormatInt(n, 10)+".99")
		}
		for n := range 10000 {
			say(Count, strconv.Itoa(n))
		}
		for _, text := range []string{"100000000", "10000", "20000"} {
			say(Count, text)
		}
		say(Digits, "0123456789")
		for _, key := range "0123456789*#" {
			say(Key, string(key))
		}
		for day := range 31 {
			say(Date, "2026-01-"+strconv.Itoa(101 + day)[1:])
		}
		for month := range 12 {
			say(Date, "190"+strconv.Itoa(month%10)+"-"+strconv.Itoa(101 + month)[1:]+"-01")
		}
		for hour := range 24 {
			for _, minute := range []string{":00", ":01", ":59"} {
				say(Time, "2026-01-01T"+strconv.Itoa(100 + hour)[1:]+minute)
			}
		}
		for _, w := range vocabulary {
			if !used[w] {
				t.Errorf("%s: no value is read with %q", name, w)
			}
		}
	}
}

// FuzzWords holds that no value makes a grammar panic or say something that
// is not recorded.
func FuzzWords(f *testing.F) {
	for _, text := range []string{"0", "-0.05", "2026-07-21", "14:05", "999999999999", "4821", "0000-01-01", "9999-12-31", "*", "#"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, g := range grammars {
			vocabulary := g.Vocabulary()
			for _, kind := range []Kind{Digits, Tail, Amount, Date, Time, Count, Position, Key} {
				words, err := Words(g, kind, text)
				if err == nil && len(words) == 0 {
					t.Errorf("%s %q in %s: got nothing to say and no error", kind, text, name)
				}
				for _, w := range words {
					if !slices.Contains(vocabulary, w) {
						t.Errorf("%s %q in %s: got %q, which is not recorded", kind, text, name, w)
					}
				}
			}
		}
	})
}
