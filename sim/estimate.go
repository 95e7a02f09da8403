package sim

import "math"

// An Estimate is a figure of a simulation with the interval in which the true
// value lies, at the confidence that was asked for.
type Estimate struct {
	Value     float64
	Low, High float64
	// Certain is false where nothing can be said about the interval, because
	// there was one run only; Low and High are then the value.
	Certain bool
}

// Contains reports whether the interval holds x.
func (e Estimate) Contains(x float64) bool { return e.Low <= x && x <= e.High }

// A sample is what one unit, a run or a stretch of one, adds to a ratio.
type sample struct{ above, below float64 }

// ratio estimates the quotient of two sums over units, and half the width of
// the interval in which it lies with the given confidence; NaN if there are not
// enough units to tell. Runs are independent of one another; stretches of one
// run are not, and are marked as chained: a long queue lasts from one to the
// next.
//
// The variance is that of the residuals above - ratio*below. For a chain it is
// estimated twice, and the wider interval counts: from ten long stretches, and
// from the autocovariances of the short ones, added up as long as pairs of them
// are positive and falling (Geyer's initial monotone sequence, 1992). A chain
// that is short against its own memory shows too little of what may happen,
// so the fewer degrees of freedom it has, the more is added.
func ratio(samples []sample, chained bool, confidence float64) (value, half float64) {
	above, below := 0.0, 0.0
	for _, s := range samples {
		above += s.above
		below += s.below
	}
	value = above / below
	if below == 0 || len(samples) < 2 {
		return value, math.NaN()
	}
	upper := (1 + confidence) / 2
	rest := residuals(samples, value)
	if !chained {
		freedom := float64(len(rest) - 1)
		return value, quantile(upper, freedom) * deviation(rest, covariance(rest, 0)) / below
	}
	variance, lags := chainedVariance(rest)
	freedom := float64(len(rest)-1) / float64(1+lags)
	half = quantile(upper, freedom) * deviation(rest, variance)
	const stretches = 10
	if len(samples) >= 2*stretches {
		long := residuals(merge(samples, stretches), value)
		half = math.Max(half, quantile(upper, stretches-1)*deviation(long, covariance(long, 0)))
	}
	return value, half * (1 + 3/freedom) / below
}

func residuals(samples []sample, ratio float64) []float64 {
	rest := make([]float64, len(samples))
	for i, s := range samples {
		rest[i] = s.above - ratio*s.below
	}
	return rest
}

// merge joins neighbours until n are left.
func merge(samples []sample, n int) []sample {
	merged := make([]sample, n)
	for i, s := range samples {
		to := &merged[i*n/len(samples)]
		to.above += s.above
		to.below += s.below
	}
	return merged
}

// deviation returns the standard deviation of the sum of as many residuals as
// x has, of the given variance.
func deviation(x []float64, variance float64) float64 {
	n := float64(len(x))
	return math.Sqrt(math.Max(0, variance) * n * n / (n - 1))
}

// covariance returns the autocovariance of a sequence of mean 0.
func covariance(x []float64, lag int) float64 {
	sum := 0.0
	for i := lag; i < len(x); i++ {
		sum += x[i] * x[i-lag]
	}
	return sum / float64(len(x))
}

// chainedVariance returns the variance of the sum of a chained sequence, by
// element, and the number of lags that went into it.
func chainedVariance(x []float64) (sum float64, lags int) {
	sum, last := covariance(x, 0), math.Inf(1)
	for lag := 1; lag+1 < len(x)/2; lag += 2 {
		pair := covariance(x, lag) + covariance(x, lag+1)
		if pair <= 0 {
			break
		}
		pair = math.Min(pair, last)
		sum, last, lags = sum+2*pair, pair, lag+1
	}
	return sum, lags
}

// A scale is the line on which an interval is symmetric: the further from the
// middle, the more lopsided are the errors of a share or of a wait.
type scale uint8

const (
	plain scale = iota
	share       // 0 to 1, by log-odds
	size        // from 0, by the inverse square root, since waits grow like 1/(1-load)
)

// interval returns the interval around a value, on its scale.
func (s scale) interval(value, half float64) (low, high float64) {
	switch {
	case s == share && value > 0 && value < 1:
		odds, step := value/(1-value), half/(value*(1-value))
		return logistic(math.Log(odds) - step), logistic(math.Log(odds) + step)
	case s == size && value > 0:
		step := half / value / 2
		wide := math.Max(0, step-0.5) // beyond this, by logarithm
		step -= wide
		return value / (1 + step) / (1 + step) * math.Exp(-2*wide), value / (1 - step) / (1 - step) * math.Exp(2*wide)
	default:
		return value - half, value + half
	}
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// wilson returns E. B. Wilson's interval (1927) of a share seen in n
// independent trials; it says something even where the share is 0 or 1.
func wilson(p, n, z float64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	middle := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	low, high = (middle-half)/(1+z*z/n), (middle+half)/(1+z*z/n)
	if p == 0 {
		low = 0
	}
	if p == 1 {
		high = 1
	}
	return low, high
}

// quantile returns the place that Student's t with the given degrees of
// freedom, which need not be whole, is below with probability p.
func quantile(p, freedom float64) float64 {
	if p < 0.5 {
		return -quantile(1-p, freedom)
	}
	low, high := 0.0, 2.0
	for student(high, freedom) < p && high < 1e9 {
		low, high = high, high*2
	}
	for range 100 {
		if middle := (low + high) / 2; student(middle, freedom) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// student is the distribution function of Student's t for x from 0.
func student(x, freedom float64) float64 {
	if math.IsInf(freedom, 1) || freedom > 1e7 {
		return math.Erfc(-x/math.Sqrt2) / 2
	}
	return 1 - incompleteBeta(freedom/2, 0.5, freedom/(freedom+x*x))/2
}

// incompleteBeta is the regularised incomplete beta function, by its continued
// fraction (Lentz's method), on the side where that converges fast.
func incompleteBeta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - incompleteBeta(b, a, 1-x)
	}
	logGamma := func(v float64) float64 { l, _ := math.Lgamma(v); return l }
	front := math.Exp(logGamma(a+b)-logGamma(a)-logGamma(b)+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	nonzero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/nonzero(1-(a+b)*x/(a+1))
	f := d
	for m := 1.0; m < 500; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/nonzero(1+even*d), nonzero(1+even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/nonzero(1+odd*d), nonzero(1+odd/c)
		step := d * c
		f *= step
		if math.Abs(step-1) < 1e-15 {
			break
		}
	}
	return front * f
}
