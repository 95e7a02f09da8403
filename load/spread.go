package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// A Spread is a distribution of times. The zero value is always zero.
type Spread struct {
	shape shape
	a, b  time.Duration
}

// shape is the form of a [Spread].
type shape uint8

const (
	fixed       shape = iota // always a
	uniform                  // from a to b
	exponential              // of mean a, at most 8 a
)

// Fixed is always d.
func Fixed(d time.Duration) Spread { return Spread{fixed, d, d} }

// Uniform is any time from a to b.
func Uniform(a, b time.Duration) Spread { return Spread{uniform, a, b} }

// Exponential is what telephone calls are like: many short, few long. The
// longest are cut at eight times the mean.
func Exponential(mean time.Duration) Spread { return Spread{exponential, mean, 0} }

// ParseSpread reads "30s", "10s-1m" or "exp:30s".
func ParseSpread(text string) (Spread, error) {
	var s Spread
	err := s.Set(text)
	return s, err
}

// Set implements the value of a flag.
func (s *Spread) Set(text string) error {
	if mean, ok := strings.CutPrefix(text, "exp:"); ok {
		d, err := parseTime(mean)
		*s = Exponential(d)
		return err
	}
	low, high, between := strings.Cut(text, "-")
	a, err := parseTime(low)
	if err != nil || !between {
		*s = Fixed(a)
		return err
	}
	b, err := parseTime(high)
	if err == nil && b < a {
		err = fmt.Errorf("times %q: the second is shorter than the first", text)
	}
	*s = Uniform(a, b)
	return err
}

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("time %q: want one like 30s, 10s-1m or exp:30s", text)
	}
	return d, nil
}

// Type implements the value of a flag.
func (s *Spread) Type() string { return "time" }

// String returns the text that Set reads.
func (s Spread) String() string {
	switch s.shape {
	case uniform:
		return s.a.String() + "-" + s.b.String()
	case exponential:
		return "exp:" + s.a.String()
	case fixed:
	}
	return s.a.String()
}

// Zero reports whether the spread is always zero.
func (s Spread) Zero() bool { return s.a == 0 && s.b == 0 }

// draw returns one time.
func (s Spread) draw(rnd *rand.Rand) time.Duration {
	switch s.shape {
	case uniform:
		return s.a + time.Duration(rnd.Int64N(int64(s.b-s.a)+1))
	case exponential:
		return time.Duration(float64(s.a) * math.Min(rnd.ExpFloat64(), 8))
	case fixed:
	}
	return s.a
}
