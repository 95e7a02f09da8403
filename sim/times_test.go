package sim

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestTimes draws from each distribution and holds mean and spread against what
// its text says.
func TestTimes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for text, want := range map[string]struct{ mean, dev float64 }{
		"30s":               {30, 0},
		"10s-1m":            {35, 50 / math.Sqrt(12)},
		"exp:4m":            {240, 240},
		"lognormal:4m,0.8":  {240, 192},
		"lognormal:10s,0.1": {10, 1},
	} {
		x, err := ParseTimes(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		const n = 200_000
		sum, squares := 0.0, 0.0
		for range n {
			s := x.draw(random).Seconds()
			sum, squares = sum+s, squares+s*s
		}
		mean := sum / n
		dev := math.Sqrt(math.Max(0, squares/n-mean*mean))
		if math.Abs(mean-want.mean) > 0.01*want.mean || math.Abs(dev-want.dev) > 0.02*want.dev+1e-3 {
			t.Errorf("%s: mean %.2f and deviation %.2f, want %v and %v", text, mean, dev, want.mean, want.dev)
		}
		if x.String() != text && text != "30s" && text != "exp:4m" && text != "lognormal:4m,0.8" {
			t.Errorf("%s is written as %s", text, x)
		}
		if got := x.Mean().Seconds(); math.Abs(got-want.mean) > 1e-6 {
			t.Errorf("%s: mean is told as %v", text, got)
		}
		if got := x.Scaled(1.5).Mean().Seconds(); math.Abs(got-1.5*want.mean) > 1e-6 {
			t.Errorf("%s by 1.5: mean is told as %v", text, got)
		}
	}
	if once := Empirical([]time.Duration{30}); once.Mean() != 30 || once.draw(random) != 30 {
		t.Errorf("measured once, 30: drawn %d, mean %d", once.draw(random), once.Mean())
	}
	measured := Empirical([]time.Duration{30, 10, 20})
	for range 1000 {
		if d := measured.draw(random); d < 10 || d > 30 {
			t.Fatalf("measured 10 to 30, drawn %d", d)
		}
	}
	forever := Forever()
	if forever.draw(random) != Endless || forever.Mean() != Endless || forever.Scaled(2).Mean() != Endless {
		t.Error("endless ends")
	}
	for _, bad := range []string{"", "exp", "exp:", "normal:3m", "endless:4m", "lognormal:4m", "lognormal:0s,1", "4m-", "-4m", "1000000h", "file:x.csv"} {
		if x, err := ParseTimes(bad, nil); err == nil {
			t.Errorf("%q was read as %s", bad, x)
		}
	}
}

// TestBefore holds how often one time ends before another against what is known
// of the two.
func TestBefore(t *testing.T) {
	for _, c := range []struct {
		first, second Times
		want          float64
	}{
		{Exponential(300 * time.Second), Fixed(3 * time.Second), -math.Expm1(-0.01)},
		{Exponential(20 * time.Second), Exponential(10 * time.Second), 1. / 3},
		{Fixed(5 * time.Second), Fixed(3 * time.Second), 0},
		{Fixed(3 * time.Second), Fixed(5 * time.Second), 1},
		{Fixed(4 * time.Second), Between(3*time.Second, 5*time.Second), 0.5},
		{Lognormal(5*time.Second, 1), Lognormal(5*time.Second, 1), 0.5},
		{Empirical([]time.Duration{0, 10}), Fixed(3), 0.3},
		{Forever(), Fixed(time.Hour), 0},
	} {
		if got := c.first.before(&c.second); math.Abs(got-c.want) > 0.01*c.want+1e-8 {
			t.Errorf("%s ends before %s in %v of all cases, want %v", c.first, c.second, got, c.want)
		}
	}
}
