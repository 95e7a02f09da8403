package ivr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestSecretsNeverShow(t *testing.T) {
	s := NewSecret([]byte("9622000000000009"))
	held := s.Bytes()
	inside := AskCard{ID: 1, Operation: FindCard, Secrets: map[string]*Secret{"number": s}}
	encoded, err := json.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%v %#v", *s, *s),
		fmt.Sprintf("%+v", inside), fmt.Errorf("with %v", s).Error(), s.String(), string(encoded), string(text),
		fmt.Sprintf("%v %+v %#v %d", KeyPressed{Key: '9'}, KeyPressed{Key: '9'}, KeyPressed{Key: '9'}, KeyPressed{Key: '9'}),
	} {
		if strings.Contains(shown, "9622") || strings.Contains(shown, "39363") || strings.Contains(shown, "57") || strings.Contains(shown, "'9'") {
			t.Errorf("got %q, want dots", shown)
		}
	}
	if s.Len() != 16 {
		t.Errorf("got length %d, want 16", s.Len())
	}
	s.Zero()
	if s.Len() != 0 || !bytes.Equal(held, make([]byte, 16)) {
		t.Errorf("got %q after Zero, want zeros", held)
	}
	var none *Secret
	none.Zero()
	if none.Bytes() != nil || none.Len() != 0 {
		t.Error("got something out of no secret")
	}
}

func TestSecretNeverGrows(t *testing.T) {
	s := newSecret(3)
	for _, d := range []byte("123") {
		if !s.add(d) {
			t.Fatal("got no room for three digits")
		}
	}
	if s.add('4') {
		t.Error("got room for a fourth digit: a copy would be left behind")
	}
}

func TestValidations(t *testing.T) {
	for _, c := range []struct {
		check  Validation
		digits string
		want   bool
	}{
		{Luhn, "9622000000000009", true},
		{Luhn, "9622000000000008", false},
		{Luhn, "79927398713", true},
		{Luhn, "0", false},
		{Luhn, "7992739871X", false},
		{Expiry, "0129", true},
		{Expiry, "1229", true},
		{Expiry, "0029", false},
		{Expiry, "1329", false},
		{Expiry, "9929", false},
		{Expiry, "129", false},
		{IDTail, "12345X", true},
		{IDTail, "123456", true},
		{IDTail, "1X3456", false},
		{IDTail, "XX", false},
		{IDTail, "", false},
		{IDNumber, "11010519491231002X", true},
		{IDNumber, "110105194912310021", false},
		{IDNumber, "440524188001010014", true},
		{IDNumber, "44052418800101001", false},
		{IDNumber, "X4052418800101001X", false},
		{"", "123", true},
		{"", "12X", false},
	} {
		if got := c.check.accepts([]byte(c.digits)); got != c.want {
			t.Errorf("%q %s: got %v, want %v", c.check, c.digits, got, c.want)
		}
	}
}
