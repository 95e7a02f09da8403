package load

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseScript(t *testing.T) {
	s, err := ParseScript("w5 1 p w0.5-2 *12# q")
	if err != nil {
		t.Fatal(err)
	}
	want := []word{
		{wait: Fixed(5 * time.Second)},
		{keys: "1"},
		{pause: true},
		{wait: Uniform(500*time.Millisecond, 2*time.Second)},
		{keys: "*12#"},
	}
	for i := range s.words { // a fixed time is one from itself to itself
		if w := &s.words[i].wait; w.shape == uniform && w.a == w.b {
			*w = Fixed(w.a)
		}
	}
	if diff := cmp.Diff(want, s.words, cmp.AllowUnexported(word{}, Spread{})); diff != "" || !s.waits {
		t.Errorf("waits %v, words (-want +got):\n%s", s.waits, diff)
	}
}

func TestScriptsThatMakeNoSense(t *testing.T) {
	for _, text := range []string{"w", "wx", "w-1", "w5-2", "w1-2-3", "q 1", "q q", "press1", "1;2", "w99999"} {
		if s, err := ParseScript(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, s.words)
		} else if !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %v, want the script in it", text, err)
		}
	}
}

func TestSpread(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, test := range []struct {
		text              string
		least, most, mean time.Duration
	}{
		{"30s", 30 * time.Second, 30 * time.Second, 30 * time.Second},
		{"0s", 0, 0, 0},
		{"10s-1m", 10 * time.Second, time.Minute, 35 * time.Second},
		{"exp:20s", 0, 160 * time.Second, 20 * time.Second},
	} {
		s, err := ParseSpread(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		var sum time.Duration
		const draws = 20_000
		for range draws {
			d := s.draw(rnd)
			if d < test.least || d > test.most {
				t.Fatalf("%s: got %v, want %v to %v", test.text, d, test.least, test.most)
			}
			sum += d
		}
		if mean := sum / draws; (mean - test.mean).Abs() > test.mean/20 {
			t.Errorf("%s: got a mean of %v, want %v", test.text, mean, test.mean)
		}
		if again, err := ParseSpread(s.String()); err != nil || again != s {
			t.Errorf("%s: %s is read as %v, %v", test.text, s, again, err)
		}
	}
	for _, text := range []string{"", "5", "exp:", "1m-30s", "1s-", "-1s", "exp:-1s", "a-b"} {
		if s, err := ParseSpread(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, s)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for _, test := range []struct{ uri, want string }{
		{"sip:95500@127.0.0.1", "sip:1001@127.0.0.1:5060"},
		{"sip:95500@127.0.0.1:5070", "sip:1001@127.0.0.1:5070"},
		{"sip:95500@localhost:5070;transport=TCP", "sip:1001@127.0.0.1:5070;transport=tcp"},
		{"sip:95500@[::1]", "sip:1001@[::1]:5060"},
		{"sip:127.0.0.1", "sip:1001@127.0.0.1:5060"},
	} {
		got, err := parseTarget(t.Context(), test.uri, false)
		if err != nil || got.uri("1001") != test.want {
			t.Errorf("%s: got %s, %v; want %s", test.uri, got.uri("1001"), err, test.want)
		}
	}
}
