package erlang

import (
	"errors"
	"math"
	"testing"
)

// near fails the test unless got is want to the given relative precision.
func near(t *testing.T, what string, got, want, precision float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > precision*math.Max(math.Abs(want), 1e-12) {
		t.Errorf("%s: got %.12g, want %.12g", what, got, want)
	}
}

// sizes are numbers of agents; loads are per agent.
var (
	sizes = []int{1, 2, 7, 30, 100, 400, 900}
	loads = []float64{0.01, 0.3, 0.8, 0.97, 1, 1.1, 2, 8}
)

func figures(t *testing.T, q Queue, threshold float64) Figures {
	t.Helper()
	f, err := q.Figures(threshold)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return f
}

// TestBIsTheDistribution compares the recursion with the distribution that it
// comes from, which is only computable for few agents.
func TestBIsTheDistribution(t *testing.T) {
	for n := range 20 {
		for _, a := range []float64{0.1, 3, 30} {
			sum, weight := 1.0, 1.0
			for k := 1; k <= n; k++ {
				weight *= a / float64(k)
				sum += weight
			}
			near(t, "B", B(n, a), weight/sum, 1e-12)
		}
	}
}

func TestOneAgent(t *testing.T) {
	// A queue with one agent and endless patience: the wait is 0 with
	// probability 1-ρ, else exponential.
	for _, rho := range []float64{0.05, 0.5, 0.9, 0.99} {
		const mu, threshold = 0.02, 20
		f := figures(t, Queue{Lambda: rho * mu, Mu: mu, Agents: 1}, threshold)
		near(t, "wait", f.Wait, rho, 1e-12)
		near(t, "ASA", f.ASA, rho/(mu*(1-rho)), 1e-12)
		near(t, "service level", f.ServiceLevelOffered, 1-rho*math.Exp(-mu*(1-rho)*threshold), 1e-12)
	}
	// If callers are as patient as agents are slow, n agents and callers who
	// wait are one big Poisson number.
	for _, a := range []float64{0.2, 1, 5} {
		const mu = 0.01
		f := figures(t, Queue{Lambda: a * mu, Mu: mu, Theta: mu, Agents: 1}, 20)
		near(t, "wait with theta = mu", f.Wait, 1-math.Exp(-a), 1e-12)
		near(t, "ASA with theta = mu", f.ASA, (a-1+math.Exp(-a))/(a*mu), 1e-12)
	}
}

// TestEndlessPatienceIsALimit lets patience grow: Erlang A becomes Erlang C.
func TestEndlessPatienceIsALimit(t *testing.T) {
	const mu, threshold = 1.0 / 180, 20
	for _, n := range sizes {
		for _, load := range []float64{0.3, 0.8, 0.95} {
			endless := Queue{Lambda: load * mu * float64(n), Mu: mu, Agents: n}
			patient := endless
			patient.Theta = mu * 1e-9
			c, a := figures(t, endless, threshold), figures(t, patient, threshold)
			near(t, "wait", a.Wait, c.Wait, 1e-5)
			near(t, "ASA", a.ASA, c.ASA, 1e-5)
			near(t, "ASA of answered", a.ASAAnswered, c.ASAAnswered, 1e-5)
			near(t, "service level", a.ServiceLevelOffered, c.ServiceLevelOffered, 1e-5)
		}
	}
}

// TestNoPatienceIsALimit lets patience shrink: Erlang A becomes Erlang B.
func TestNoPatienceIsALimit(t *testing.T) {
	const mu = 1.0 / 180
	for _, n := range sizes {
		for _, load := range loads {
			f := figures(t, Queue{Lambda: load * mu * float64(n), Mu: mu, Theta: mu * 1e9, Agents: n}, 20)
			b := B(n, load*float64(n))
			near(t, "wait", f.Wait, b, 1e-4)
			near(t, "abandon", f.Abandon, b, 1e-4)
		}
	}
}

// TestNothingIsLost holds the figures against one another over a wide range:
// what comes is answered or abandoned, whether counted by states or by waits.
func TestNothingIsLost(t *testing.T) {
	const mu = 1.0 / 200
	for _, n := range sizes {
		for _, load := range loads {
			for _, theta := range []float64{mu / 1e4, mu / 30, mu / 2, mu * 3, mu * 200} {
				q := Queue{Lambda: load * mu * float64(n), Mu: mu, Theta: theta, Agents: n}
				f := figures(t, q, 20)
				for _, p := range []float64{f.Wait, f.Abandon, f.ServiceLevelAnswered, f.ServiceLevelOffered, f.Occupancy} {
					if !(p >= 0 && p <= 1+1e-9) {
						t.Errorf("%+v: %v is no share: %+v", q, p, f)
					}
				}
				if f.Abandon > f.Wait*(1+1e-9) || f.ServiceLevelOffered > f.ServiceLevelAnswered*(1+1e-9) {
					t.Errorf("%+v: more abandon than wait, or a share of fewer is smaller: %+v", q, f)
				}
				// With all the time in the world the level is what is answered.
				all := figures(t, q, 1e12)
				near(t, "answered in the end", all.ServiceLevelAnswered, 1, 1e-8)
				// A wait ends by an agent or by the end of patience: its mean,
				// integrated over the virtual wait, is that of the states.
				if f.Wait > 1e-9 {
					v, s := q.virtual(0), q.virtual(theta)
					ratio := math.Exp(s.peak-v.peak) * s.integral(math.Inf(1), 0) / v.integral(math.Inf(1), 0)
					near(t, "abandon by waits", f.Wait*(1-ratio), f.Abandon, 1e-6)
				}
				q.Agents++
				if more := figures(t, q, 20); more.ASA > f.ASA || more.ServiceLevelOffered < f.ServiceLevelOffered-1e-12 {
					t.Errorf("%+v: one more agent makes it worse: %+v, then %+v", q, f, more)
				}
			}
		}
	}
}

func TestThresholdZeroAndShare(t *testing.T) {
	q := Queue{Lambda: 0.5, Mu: 1.0 / 180, Theta: 1.0 / 300, Agents: 88}
	f := figures(t, q, 0)
	near(t, "answered at once", f.ServiceLevelOffered, 1-f.Wait, 1e-12)
	// The slope of the service level at 0 is the density there: nμ times the
	// probability that all are busy and nobody waits.
	const short = 1e-4
	b := B(q.Agents, q.Lambda/q.Mu)
	slope := (figures(t, q, short).ServiceLevelOffered - f.ServiceLevelOffered) / short
	near(t, "density at 0", slope, float64(q.Agents)*q.Mu*(1-f.Wait)*b/(1-b), 1e-3)
}

func TestCobham(t *testing.T) {
	const n, mu = 12, 1.0 / 240
	for _, load := range []float64{0.3, 0.85, 0.97} {
		lambda := load * n * mu
		one, err := Cobham(n, mu, lambda)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "one class", one[0], figures(t, Queue{Lambda: lambda, Mu: mu, Agents: n}, 20).ASA, 1e-12)
		two, err := Cobham(n, mu, 0.2*lambda, 0.8*lambda)
		if err != nil {
			t.Fatal(err)
		}
		// The order among callers changes nobody's total wait.
		near(t, "all together", 0.2*two[0]+0.8*two[1], one[0], 1e-12)
		if two[0] >= two[1] {
			t.Errorf("load %v: the first class waits %v, the second %v", load, two[0], two[1])
		}
	}
	if _, err := Cobham(1, mu, mu, mu); !errors.Is(err, ErrUnstable) {
		t.Errorf("twice the load: got %v, want %v", err, ErrUnstable)
	}
	if _, err := Cobham(1, mu, -mu, mu); err == nil {
		t.Error("a negative rate was taken")
	}
}

func TestAgents(t *testing.T) {
	for _, theta := range []float64{0, 1.0 / 120, 1.0 / 900} {
		for _, lambda := range []float64{0.001, 0.1, 2.5} {
			q := Queue{Lambda: lambda, Mu: 1.0 / 200, Theta: theta}
			enough := func(f Figures) bool { return f.ServiceLevelOffered >= 0.8 }
			n, ok, err := Agents(q, 20, enough)
			if err != nil || !ok {
				t.Fatalf("%+v: %v %v", q, ok, err)
			}
			if q.Agents = n; !enough(figures(t, q, 20)) {
				t.Errorf("%+v: %d agents are not enough", q, n)
			}
			q.Agents = n - 1
			if f, err := q.Figures(20); err == nil && enough(f) {
				t.Errorf("%+v: %d agents would have been enough", q, n-1)
			}
		}
	}
	if _, ok, err := Agents(Queue{Lambda: 1, Mu: 1, Theta: 1}, 20, func(Figures) bool { return false }); ok || err != nil {
		t.Errorf("never enough: got %v, %v", ok, err)
	}
	if _, _, err := Agents(Queue{Lambda: -1, Mu: 1}, 20, func(Figures) bool { return true }); err == nil {
		t.Error("a negative rate was taken")
	}
}

func TestBadParameters(t *testing.T) {
	good := Queue{Lambda: 1, Mu: 2, Theta: 1, Agents: 1}
	for name, bad := range map[string]func(*Queue){
		"lambda": func(q *Queue) { q.Lambda = 0 }, "mu": func(q *Queue) { q.Mu = math.NaN() },
		"theta": func(q *Queue) { q.Theta = math.Inf(1) }, "n": func(q *Queue) { q.Agents = 0 },
		"stable": func(q *Queue) { q.Theta, q.Lambda = 0, 2 },
	} {
		q := good
		bad(&q)
		if f, err := q.Figures(20); err == nil {
			t.Errorf("%s: got %+v, want an error", name, f)
		}
	}
}
