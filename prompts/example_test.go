package prompts_test

import (
	"fmt"
	"strings"

	"cardline/prompts"
)

func ExampleWords() {
	for _, v := range []prompts.Value{
		{Kind: prompts.Amount, Text: "1205.30"},
		{Kind: prompts.Tail, Text: "9622000000004821"},
		{Kind: prompts.Time, Text: "14:05"},
	} {
		zh, _ := prompts.Words(prompts.Mandarin{}, v.Kind, v.Text)
		en, _ := prompts.Words(prompts.English{}, v.Kind, v.Text)
		fmt.Println(strings.Join(zh, ""), "-", strings.Join(en, " "))
	}
	// Output:
	// 一千二百零五元三角 - one thousand two hundred and five yuan and thirty fen
	// 四八二幺 - four eight two one
	// 下午两点零五分 - two oh five p.m.
}
