package sim

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestQuantile(t *testing.T) {
	// With one and two degrees of freedom there are closed forms; with many it
	// is the normal distribution.
	for _, p := range []float64{0.6, 0.9, 0.995, 0.99995} {
		for freedom, want := range map[float64]float64{
			1: math.Tan(math.Pi * (p - 0.5)), 2: (2*p - 1) / math.Sqrt(2*p*(1-p)),
			1e8: math.Sqrt2 * math.Erfinv(2*p-1),
		} {
			if got := quantile(p, freedom); math.Abs(got-want) > 1e-6*want {
				t.Errorf("quantile(%v, %v): got %v, want %v", p, freedom, got, want)
			}
		}
		if got := quantile(1-p, 7); got != -quantile(p, 7) {
			t.Errorf("quantile(%v, 7) is not symmetric", p)
		}
	}
	if a, b := quantile(0.995, 5), quantile(0.995, 5.5); a <= b || quantile(0.995, 6) >= b {
		t.Errorf("between 5 and 6 degrees: got %v", b)
	}
}

// TestChainsAreHonest makes many short runs of a queue with one agent at a
// load where a busy time outlasts many stretches, and counts how often the
// interval holds the true wait. Taken for independent, the stretches would
// miss far more often.
func TestChainsAreHonest(t *testing.T) {
	const rho, runs, units, each = 0.9, 400, 512, 60
	want := rho / (1 - rho)
	random := rand.New(rand.NewPCG(1, 2))
	missed, naive := 0, 0
	for range runs {
		samples := make([]sample, units)
		wait := 0.0
		for i := -units / 8; i < units; i++ {
			for range each {
				wait = math.Max(0, wait+random.ExpFloat64()-random.ExpFloat64()/rho)
				if i >= 0 {
					samples[i].above += wait
					samples[i].below++
				}
			}
		}
		for _, chained := range []bool{true, false} {
			low, high := size.interval(ratio(samples, chained, 0.99))
			switch {
			case low <= want && want <= high:
			case chained:
				missed++
			default:
				naive++
			}
		}
	}
	t.Logf("of %d intervals of 99 %%, %d missed; %d if taken for independent", runs, missed, naive)
	if missed > runs*3/100 || naive < runs*20/100 {
		t.Errorf("of %d intervals %d missed, %d if taken for independent", runs, missed, naive)
	}
}

func TestIndependentRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const runs = 2000
	missed := 0
	for range runs {
		samples := make([]sample, 10)
		for i := range samples {
			below := 50 + 100*random.Float64()
			samples[i] = sample{below*2 + 10*random.NormFloat64(), below}
		}
		if low, high := plain.interval(ratio(samples, false, 0.99)); 2 < low || 2 > high {
			missed++
		}
	}
	if missed < runs/1000 || missed > runs*25/1000 {
		t.Errorf("of %d intervals of 99 %%, %d missed", runs, missed)
	}
}

func TestScalesStayInside(t *testing.T) {
	if low, high := share.interval(0.99, 0.5); low < 0 || high > 1 || low > 0.99 || high < 0.99 {
		t.Errorf("a share: got %v to %v", low, high)
	}
	if low, high := size.interval(1, 5); low < 0 || high < 6 {
		t.Errorf("a size: got %v to %v", low, high)
	}
	if low, high := wilson(0, 1000, 2.576); low != 0 || high < 0.006 || high > 0.01 {
		t.Errorf("nothing in a thousand: got %v to %v", low, high)
	}
}
