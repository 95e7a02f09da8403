// Package prompts turns what is to be said into recordings.
//
// A manifest per language (zh.yaml, en.yaml) lists the prompts by id with text
// and file, and the words that numbers, dates and times are put together from.
// A [Library] holds the recordings of all languages as G.711 A-law samples,
// read once and shared by all calls; nothing is synthesized while a caller
// listens. The files beside this one are shipped inside the program; a bank
// replaces them one by one with studio recordings ([WithOverlay]).
//
//	"尾号{tail}的卡片已激活"  --manifest-->  act_ok-1.wav  {tail}  act_ok-2.wav
//	tail "4821"              --grammar-->   四 八 二 幺
//
// A grammar per language says how a value is read ([Mandarin], [English]).
//
// The other half of the package makes and checks the recordings, for
// "cardline prompts render", "check" and "script": placeholders spoken by
// espeak-ng, hold music of our own, a list for the recording studio.
package prompts
