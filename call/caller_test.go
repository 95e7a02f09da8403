package call

import (
	"bytes"
	"slices"
	"testing"

	"cardline/caller"
	"cardline/ledger"
	"cardline/sip"
)

// keysOf returns keys of which each is one byte, again and again.
func keysOf(list ...byte) *caller.Keys {
	var keys [][]byte
	for _, b := range list {
		keys = append(keys, bytes.Repeat([]byte{b}, 32))
	}
	return caller.NewKeys(keys...)
}

// pseudonymOf calls from a number and returns what stands for it in the ledger.
func (b *bench) pseudonymOf(d sip.Dial) string {
	b.t.Helper()
	before := len(facts(b, func(ledger.CallArrived) bool { return true }))
	d.URI = "100"
	p := b.dial(d)
	p.leg.Hangup("")
	p.ended()
	return nth(b, before+1, "the call", func(ledger.CallArrived) bool { return true }).Pseudonym
}

// TestOneCallerHasOnePseudonym calls by all forms of one number, by others, and
// from a phone of ours.
func TestOneCallerHasOnePseudonym(t *testing.T) {
	keys := keysOf(1)
	b := benchWith(t, Options{Keys: keys})
	want := keys.Pseudonym("13900001111")
	for _, form := range []string{"13900001111", "+8613900001111", "008613900001111", "013900001111"} {
		if got := b.pseudonymOf(sip.Dial{From: form}); got != want {
			t.Errorf("%s is %q, want %q", form, got, want)
		}
	}
	if got := b.pseudonymOf(sip.Dial{From: "13900001112"}); got == want || got == "" {
		t.Errorf("another caller is %q", got)
	}
	if got := b.pseudonymOf(sip.Dial{From: "anonymous"}); got != "" {
		t.Errorf("who withholds the number is %q", got)
	}
	b.register("1003", "c")
	if got := b.pseudonymOf(sip.Dial{User: "1003", Password: "c"}); got != "" {
		t.Errorf("a phone of ours is %q", got)
	}
	b.hotline.SetKeys(keysOf(2, 1))
	after := b.pseudonymOf(sip.Dial{From: "13900001111"})
	if known := b.hotline.Pseudonyms("+8613900001111"); !slices.Equal(known, []string{after, want}) || after == want {
		t.Errorf("after a rotation the caller is %q, and %q before: looked for are %v", after, want, known)
	}
}
