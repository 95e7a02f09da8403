package prompts

import (
	"slices"
	"strings"
	"testing"
)

func TestPinyin(t *testing.T) {
	readings, err := DefaultReadings()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"银行":         "yin2 hang2",
		"还款":         "huan2 kuan3",
		"重新":         "chong2 xin1",
		"两次输入不一致":    "liang3 ci4 shu1 ru4 bu4 yi2 zhi4",
		"不正确":        "bu2 zheng4 que4",
		"不能":         "bu4 neng2",
		"不":          "bu4",
		"一百":         "yi4 bai3",
		"一万":         "yi2 wan4",
		"一":          "yi1",
		"第一位":        "di4 yi1 wei4",
		"十一月":        "shi2 yi1 yue4",
		"二一八":        "er4 yi1 ba1",
		"按1，好":       "an4 yi1, hao3",
		"您好。（再见）！":   "nin2 hao3. zai4 jian4.",
		"字母X":        "zi4 mu3 ai4 ke4 si1",
		"女":          "nv3",
		"等了":         "deng3 le5",
		"不，是":        "bu4, shi4",
		"不 记得":       "bu2 ji4 de5", // a space hides the word, and the rule finds it
		"不记得":        "bu2 ji4 de5",
		"统一":         "tong3 yi1",
		"统一。办理":      "tong3 yi1. ban4 li3",
		"处理完成后短信通知您": "chu3 li3 wan2 cheng2 hou4 duan3 xin4 tong1 zhi1 nin2",
	} {
		if got, err := readings.Pinyin(text); err != nil || got != want {
			t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
		}
	}
	if got, err := readings.Pinyin("ABC"); err == nil {
		t.Errorf("letters without a reading: got %q, want an error", got)
	}
}

func TestUnsettledFindsOpenCharacters(t *testing.T) {
	if got := (Readings{"银行": "yin2 hang2"}).Unsettled("银行", "行长"); !slices.ContainsFunc(got, func(s string) bool {
		return strings.HasPrefix(s, "行 ")
	}) {
		t.Errorf("got %q, want 行 among them: it is settled in 银行 only", got)
	}
	if got := (Readings{"行": "xing2", "长": "chang2"}).Unsettled("行长"); len(got) != 0 {
		t.Errorf("got %q, want none", got)
	}
}
