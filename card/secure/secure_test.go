package secure

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"testing"

	"cardline/card"
)

func open(t *testing.T) (*Segment, *[]Notice) {
	t.Helper()
	var notices []Notice
	s, err := Open(nil, func(n Notice) { notices = append(notices, n) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, &notices
}

func press(s *Segment, keys string) {
	for _, k := range []byte(keys) {
		s.Key(k)
	}
}

func TestEntries(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		want       []Notice // without Pressed
	}{
		{"twice the same", "902615902615", []Notice{Entered, Matched}},
		{"different", "902615902614", []Notice{Entered, Differed}},
		{"weak", "123456", []Notice{Weak}},
		{"weak, and keys pressed on", "1234569026", []Notice{Weak}},
		{"cleared in the first", "9026*902615902615", []Notice{Cleared, Entered, Matched}},
		{"cleared in the second", "90261590*902615", []Notice{Entered, Cleared, Matched}},
		{"clear does not take back the first", "902615*902615", []Notice{Entered, Cleared, Matched}},
		{"hash and letters mean nothing", "90#26A15902615", []Notice{Entered, Matched}},
		{"too short", "90261", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, notices := open(t)
			press(s, c.keys)
			got := slices.DeleteFunc(*notices, func(n Notice) bool { return n == Pressed })
			if !slices.Equal(got, c.want) {
				t.Errorf("got notices %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhatLeavesTheSegmentIsSealed(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := open(t)
	buffer := s.buffer
	if _, err := s.Seal(&key.PublicKey, "t"); err == nil {
		t.Error("an empty segment was sealed")
	}
	press(s, "902615902615")
	sealed, err := s.Seal(&key.PublicKey, "tok_1")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(buffer, make([]byte, 2*Length)) {
		t.Error("the buffer is not zero after Seal")
	}
	if pin, err := card.Open(key, Purpose("tok_1"), sealed); err != nil || string(pin) != "902615" {
		t.Errorf("the host opens %q, %v", pin, err)
	}
	if _, err := card.Open(key, Purpose("tok_2"), sealed); err == nil {
		t.Error("the sealed PIN opens for another card")
	}
	s.Restart()
	press(s, "9026")
	s.Restart()
	if !bytes.Equal(buffer, make([]byte, 2*Length)) {
		t.Error("the buffer is not zero after Restart")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	press(s, "902615") // late keys die quietly
}

// TestWeakRules counts what each rule adds, over all PINs.
func TestWeakRules(t *testing.T) {
	rules := []func([]byte) bool{allEqual, run, doubledRun, twoTriples, patterned, keypadPath}
	want := []int{10, 20, 16, 90, 4140, 16}
	got := make([]int, len(rules))
	total := 0
	for n := range 1_000_000 {
		pin := fmt.Appendf(nil, "%06d", n)
		for i, rule := range rules {
			if rule(pin) {
				got[i]++
				total++
				break
			}
		}
	}
	if !slices.Equal(got, want) || total != 4292 {
		t.Errorf("the rules refuse %v, together %d; want %v, 4292", got, total, want)
	}
}

func TestKeyAllocatesNothing(t *testing.T) {
	s, err := Open(nil, func(Notice) {})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := testing.AllocsPerRun(100, func() { press(s, "902615902614"); s.Restart() }); n != 0 {
		t.Errorf("%v allocations for an entry, want 0", n)
	}
}
