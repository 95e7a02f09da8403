package sim

import (
	"encoding"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Endless is a time that never ends: that of a caller who does not give up.
const Endless = time.Duration(math.MaxInt64)

// Times is a distribution of times. The zero value is not set; as a
// distribution it is always zero. It is written
//
//	30s                always the same
//	10s-1m             any time between
//	exp:4m             exponential, of that mean
//	lognormal:4m,0.8   log-normal, of that mean and coefficient of variation
//	file:talk.csv      as measured: one time in seconds a line
//	endless            for ever
type Times struct {
	shape   shape
	a, b    time.Duration
	mu, dev float64         // of the logarithm of seconds
	seen    []time.Duration // sorted
	text    string
}

// shape is the form of a [Times].
type shape uint8

const (
	unset       shape = iota
	fixed             // always a
	uniform           // from a to b
	exponential       // of mean a
	lognormal         // exp(mu + dev*z)
	empirical         // one of seen, or between two neighbours
	endless
)

var _ encoding.TextUnmarshaler = (*Times)(nil)

// Fixed is always d.
func Fixed(d time.Duration) Times { return Times{shape: fixed, a: d, text: d.String()} }

// Between is any time from a to b.
func Between(a, b time.Duration) Times {
	return Times{shape: uniform, a: a, b: b, text: a.String() + "-" + b.String()}
}

// Exponential is memoryless, of the given mean.
func Exponential(mean time.Duration) Times {
	return Times{shape: exponential, a: mean, text: "exp:" + mean.String()}
}

// Lognormal is what handling times are like, by their mean and their
// coefficient of variation, the standard deviation over the mean.
func Lognormal(mean time.Duration, variation float64) Times {
	dev := math.Sqrt(math.Log1p(variation * variation))
	return Times{
		shape: lognormal, a: mean, mu: math.Log(mean.Seconds()) - dev*dev/2, dev: dev,
		text: fmt.Sprintf("lognormal:%s,%v", mean, variation),
	}
}

// Empirical is what was measured: any value between neighbours of the sorted
// list, which must not be empty, is as likely as the next.
func Empirical(seen []time.Duration) Times {
	return Times{shape: empirical, seen: slices.Sorted(slices.Values(seen)), text: fmt.Sprintf("%d measured times", len(seen))}
}

// Forever is endless.
func Forever() Times { return Times{shape: endless, text: "endless"} }

const timesWanted = "expected one like 30s, 10s-1m, exp:4m, lognormal:4m,0.8, file:talk.csv or endless"

// ParseTimes reads the text form; files are looked for in dir, which may be nil
// if there are none.
func ParseTimes(text string, dir fs.FS) (Times, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch kind {
	case "endless":
		if rest == "" {
			return Forever(), nil
		}
	case "exp":
		mean, err := parseTime(text, rest)
		return Exponential(mean), err
	case "lognormal":
		mean, variation, _ := strings.Cut(rest, ",")
		m, err := parseTime(text, mean)
		v, failed := strconv.ParseFloat(strings.TrimSpace(variation), 64)
		if err == nil && (failed != nil || !(v > 0 && v <= 10) || m == 0) {
			err = fmt.Errorf("time %q: expected a mean and a coefficient of variation up to 10, such as lognormal:4m,0.8", text)
		}
		return Lognormal(m, v), err
	case "file":
		return readTimes(rest, dir)
	default:
		low, high, between := strings.Cut(text, "-")
		a, err := parseTime(text, low)
		if err != nil || !between {
			return Fixed(a), err
		}
		b, err := parseTime(text, high)
		if err == nil && b < a {
			err = fmt.Errorf("time %q: the second is shorter than the first", text)
		}
		return Times{shape: uniform, a: a, b: b, text: text}, err
	}
	return Times{}, fmt.Errorf("time %q: %s", text, timesWanted)
}

// longestTime bounds what anybody may do in one go.
const longestTime = 30 * 24 * time.Hour

func parseTime(text, part string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(part))
	switch {
	case err != nil:
		return 0, fmt.Errorf("time %q: %s", text, timesWanted)
	case d < 0:
		return 0, fmt.Errorf("time %q is negative; %s", text, timesWanted)
	case d > longestTime:
		return 0, fmt.Errorf("time %q is longer than %s; %s", text, longestTime, timesWanted)
	}
	return d, nil
}

// readTimes reads a file of measured times: seconds, one a line, the first of
// the fields if there are several. A first line without a number is a heading.
func readTimes(name string, dir fs.FS) (Times, error) {
	if dir == nil {
		return Times{}, fmt.Errorf("time file:%s: files cannot be read here", name)
	}
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return Times{}, fmt.Errorf("measured times: %w", err)
	}
	var seen []time.Duration
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		field, _, _ := strings.Cut(strings.TrimSpace(line), ",")
		if field == "" || strings.HasPrefix(field, "#") {
			continue
		}
		seconds, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
		switch {
		case err != nil && number == 1:
		case err != nil || !(seconds >= 0 && seconds <= longestTime.Seconds()):
			return Times{}, fmt.Errorf("%s:%d: %q is no time; expected seconds such as 184.5", name, number, field)
		default:
			seen = append(seen, time.Duration(seconds*float64(time.Second)))
		}
	}
	if len(seen) == 0 {
		return Times{}, fmt.Errorf("%s:%d: no times; expected seconds such as 184.5, one a line", name, max(1, number))
	}
	t := Empirical(seen)
	t.text = "file:" + name
	return t, nil
}

// UnmarshalText reads the text form of a distribution without a file.
func (t *Times) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTimes(string(text), nil)
	return err
}

// Set and Type make a Times the value of a flag; files are those of the
// operating system.
func (t *Times) Set(text string) (err error) {
	if name, ok := strings.CutPrefix(text, "file:"); ok {
		*t, err = readTimes(filepath.Base(name), os.DirFS(filepath.Dir(name)))
		return err
	}
	*t, err = ParseTimes(text, nil)
	return err
}

// Type names the kind of a flag.
func (t *Times) Type() string { return "time" }

// String returns the text form.
func (t Times) String() string { return t.text }

// IsSet reports whether t was given.
func (t Times) IsSet() bool { return t.shape != unset }

// Zero reports whether t is always zero.
func (t Times) Zero() bool { return t.shape <= fixed && t.a == 0 }

// Mean returns the mean; [Endless] if it is endless.
func (t Times) Mean() time.Duration {
	switch t.shape {
	case uniform:
		return t.a + (t.b-t.a)/2
	case empirical:
		if len(t.seen) == 1 {
			return t.seen[0]
		}
		sum := 0.0
		for i := range t.seen[1:] {
			sum += float64(t.seen[i]+t.seen[i+1]) / 2
		}
		return time.Duration(sum / float64(len(t.seen)-1))
	case endless:
		return Endless
	case unset, fixed, exponential, lognormal:
	}
	return t.a
}

// Scaled returns t with all times multiplied.
func (t Times) Scaled(by float64) Times {
	scale := func(d time.Duration) time.Duration { return time.Duration(float64(d) * by) }
	switch t.shape {
	case unset, endless:
		return t
	case lognormal:
		t.mu += math.Log(by)
	case empirical:
		t.seen = slices.Clone(t.seen)
		for i := range t.seen {
			t.seen[i] = scale(t.seen[i])
		}
	case fixed, uniform, exponential:
	}
	t.a, t.b = scale(t.a), scale(t.b)
	t.text = fmt.Sprintf("%s times %v", t.text, by)
	return t
}

// at returns the time that a share of all times, below 1, does not exceed.
func (t *Times) at(share float64) time.Duration {
	switch t.shape {
	case uniform:
		return t.a + time.Duration(share*float64(t.b-t.a))
	case exponential:
		return time.Duration(-math.Log1p(-share) * float64(t.a))
	case lognormal:
		return time.Duration(math.Exp(t.mu+t.dev*quantile(share, math.Inf(1))) * float64(time.Second))
	case empirical:
		return t.measured(share)
	case endless:
		return Endless
	case unset, fixed:
	}
	return t.a
}

// measured is at, of measured times.
func (t *Times) measured(share float64) time.Duration {
	at := share * float64(len(t.seen)-1)
	low := t.seen[int(at)]
	high := t.seen[min(int(at)+1, len(t.seen)-1)]
	return low + time.Duration((at-math.Floor(at))*float64(high-low))
}

// before returns how probable it is that t ends before the other does.
func (t *Times) before(other *Times) (share float64) {
	const parts, halvings = 100, 30
	for i := range parts {
		end := other.at((float64(i) + 0.5) / parts)
		low, high := 0.0, 1.0
		for range halvings {
			if middle := (low + high) / 2; t.at(middle) < end {
				low = middle
			} else {
				high = middle
			}
		}
		share += low / parts
	}
	return share
}

// draw returns one time.
func (t *Times) draw(random *rand.Rand) time.Duration {
	switch t.shape {
	case uniform:
		return t.a + time.Duration(random.Float64()*float64(t.b-t.a))
	case exponential:
		return time.Duration(random.ExpFloat64() * float64(t.a))
	case lognormal:
		return time.Duration(math.Exp(t.mu+t.dev*random.NormFloat64()) * float64(time.Second))
	case empirical:
		return t.measured(random.Float64())
	case endless:
		return Endless
	case unset, fixed:
	}
	return t.a
}
