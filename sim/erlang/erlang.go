// Package erlang computes what queueing theory says about a queue: Erlang B
// and C, Erlang A (callers who lose patience) and Cobham's waits by priority.
//
// All times are in seconds and all rates per second. Arrivals are Poisson,
// handling times and patience exponential, agents all alike. The simulator is
// held to these figures, and [Agents] begins a plan.
//
//	offered load  a = λ/μ         probability that nobody is free
//	utilisation   ρ = a/n         B: callers who find nobody free go away
//	                              C: they wait as long as it takes
//	                              A: they wait until their patience ends
package erlang

import (
	"errors"
	"fmt"
	"math"
)

// ErrUnstable says that more work comes than the agents can do and nobody ever
// gives up, so that the queue grows for ever.
var ErrUnstable = errors.New("the queue grows for ever: the load is not below the number of agents and patience is endless")

// B returns the share of callers lost by n agents who have no queue, at an
// offered load of a.
func B(n int, a float64) float64 {
	b := 1.0
	for k := 1; k <= n; k++ {
		b = a * b / (float64(k) + a*b)
	}
	return b
}

// C returns the share of callers who have to wait for one of n agents, at an
// offered load of a; 1 if the load is n or more.
func C(n int, a float64) float64 {
	if a >= float64(n) {
		return 1
	}
	b := B(n, a)
	return b / (1 - a/float64(n)*(1-b))
}

// A Queue is one kind of callers and the agents who serve them.
type Queue struct {
	Lambda float64 // arrivals
	Mu     float64 // calls that one busy agent ends
	Theta  float64 // callers who give up, of each one who waits; 0 is endless patience
	Agents int
}

// Figures are what a [Queue] comes to in the long run.
type Figures struct {
	Wait                 float64 // share of arrivals that find no free agent
	Abandon              float64 // share of arrivals that give up
	ASA                  float64 // mean wait over all arrivals
	ASAAnswered          float64 // mean wait over answered ones
	ServiceLevelAnswered float64 // answered within the threshold, of those answered
	ServiceLevelOffered  float64 // answered within the threshold, of all
	Occupancy            float64 // share of the agents' time spent on calls
}

// Load returns the load that is offered to each agent; 1 is all that an agent
// can do.
func (q Queue) Load() float64 { return q.Lambda / q.Mu / float64(q.Agents) }

// Check says what is wrong with the parameters, if anything is.
func (q Queue) Check() error {
	for _, p := range []struct {
		name  string
		value float64
		least string
		wrong bool
	}{
		{"lambda", q.Lambda, "above 0", !(q.Lambda > 0)},
		{"mu", q.Mu, "above 0", !(q.Mu > 0)},
		{"theta", q.Theta, "0 or above", !(q.Theta >= 0)},
	} {
		if p.wrong || math.IsInf(p.value, 0) {
			return fmt.Errorf("%s is %v, expected a rate per second %s", p.name, p.value, p.least)
		}
	}
	switch {
	case q.Agents < 1:
		return fmt.Errorf("n is %d, expected at least 1 agent", q.Agents)
	case q.Theta == 0 && q.Load() >= 1:
		return fmt.Errorf("%w (lambda/mu is %.4g, n is %d)", ErrUnstable, q.Lambda/q.Mu, q.Agents)
	}
	return nil
}

// Figures returns the figures of the queue, with the service level at the
// given threshold. Its errors are those of [Queue.Check].
func (q Queue) Figures(threshold float64) (Figures, error) {
	if err := q.Check(); err != nil {
		return Figures{}, err
	}
	if q.Theta == 0 {
		return q.endless(threshold), nil
	}
	return q.impatient(threshold), nil
}

// endless is Erlang C.
func (q Queue) endless(threshold float64) Figures {
	c, spare := C(q.Agents, q.Lambda/q.Mu), float64(q.Agents)*q.Mu-q.Lambda
	level := 1 - c*math.Exp(-spare*threshold)
	asa := c / spare
	return Figures{
		Wait: c, ASA: asa, ASAAnswered: asa,
		ServiceLevelAnswered: level, ServiceLevelOffered: level, Occupancy: q.Load(),
	}
}

// impatient is Erlang A. How many wait comes from the weights of the states,
// how long from the density of the virtual wait: the wait of a caller who
// would never give up,
//
//	v(x) ~ exp(λ/θ (1 - exp(-θx)) - nμx),
//
// as F. Baccelli and G. Hebuterne found for queues with impatience (1981). A
// caller who would wait x is still there with probability exp(-θx).
func (q Queue) impatient(threshold float64) Figures {
	wait, queued, length := q.states()
	f := Figures{Wait: wait, Abandon: q.Theta * length / q.Lambda, ASA: length / q.Lambda}
	// While callers wait, every call that ends lets one of them in.
	answeredLate := float64(q.Agents) * q.Mu * queued / q.Lambda
	answered := 1 - wait + answeredLate
	served := q.virtual(q.Theta)
	stay := served.integral(math.Inf(1), 0)
	f.ASAAnswered = answeredLate * served.integral(math.Inf(1), 1) / stay / answered
	f.ServiceLevelOffered = 1 - wait + answeredLate*served.integral(threshold, 0)/stay
	f.ServiceLevelAnswered = f.ServiceLevelOffered / answered
	f.Occupancy = q.Load() * answered
	return f
}

// states returns the probabilities that all agents are busy and that somebody
// waits, and the mean number of callers who wait. The weight of "all busy, k
// waiting" falls by λ/(nμ+kθ) from k-1 to k; the sums begin at the largest
// weight, so that no term overflows.
func (q Queue) states() (allBusy, queued, length float64) {
	rate := func(k float64) float64 { return float64(q.Agents)*q.Mu + k*q.Theta }
	mode := math.Max(0, math.Floor((q.Lambda-rate(0))/q.Theta))
	const negligible = 1e-18
	waiting, moment := 0.0, 0.0 // over k above 0
	for k, w := mode+1, 1.0; w > negligible*waiting; k++ {
		w *= q.Lambda / rate(k)
		waiting += w
		moment += w * k
	}
	w := 1.0
	for k := mode; k > 0; k-- {
		waiting += w
		moment += w * k
		w *= rate(k) / q.Lambda
		if w <= negligible*waiting {
			return 1, 1, moment / waiting // an agent is as good as never free
		}
	}
	// w is now the weight of "all busy, nobody waiting". Erlang B is the share
	// of that state among itself and all states with a free agent.
	b := B(q.Agents, q.Lambda/q.Mu)
	if b == 0 {
		return 0, 0, 0
	}
	whole := waiting + w/b
	return (waiting + w) / whole, waiting / whole, moment / whole
}

// virtual returns the density of the virtual wait, thinned at the given rate.
func (q Queue) virtual(rate float64) density {
	d := density{lambda: q.Lambda, theta: q.Theta, out: float64(q.Agents)*q.Mu + rate}
	at := 0.0
	if q.Lambda > d.out {
		at = math.Log(q.Lambda/d.out) / q.Theta
	}
	d.peak = d.exponent(at)
	d.from, d.to = d.edge(at, -1), d.edge(at, 1)
	return d
}

// A density is exp(exponent(x) - peak), worth looking at between from and to.
type density struct {
	lambda, theta, out float64
	peak, from, to     float64
}

func (d density) exponent(x float64) float64 {
	return -d.lambda/d.theta*math.Expm1(-d.theta*x) - d.out*x
}

// edge returns a place left or right of the peak beyond which the density is
// negligible, which is log-concave; 0 is the leftmost.
func (d density) edge(at, direction float64) float64 {
	const deep = 45 // exp(-45) is 3e-20
	step := 1 / d.out
	for d.peak-d.exponent(at+direction*step) < deep {
		if direction < 0 && at < step {
			return 0
		}
		step *= 2
	}
	if direction < 0 && at < step {
		step = at
	}
	near, far := 0.0, step
	for range 60 {
		if middle := (near + far) / 2; d.peak-d.exponent(at+direction*middle) < deep {
			near = middle
		} else {
			far = middle
		}
	}
	return math.Max(0, at+direction*far)
}

// integral returns the integral of x to the given power times the density,
// from 0 to the limit: Gauss and Legendre's rule of five points on many panels.
func (d density) integral(limit, power float64) float64 {
	if limit <= d.from {
		return 0
	}
	const panels = 400
	to := math.Min(limit, d.to)
	half := (to - d.from) / panels / 2
	sum := 0.0
	for i := range panels {
		middle := d.from + half*float64(2*i+1)
		for j, node := range nodes {
			x := middle + half*node
			sum += weights[j] * math.Pow(x, power) * math.Exp(d.exponent(x)-d.peak)
		}
	}
	return sum * half
}

// nodes and weights are of the rule of five points on -1 to 1.
var (
	nodes = [5]float64{
		-math.Sqrt(5+2*math.Sqrt(10./7)) / 3, -math.Sqrt(5-2*math.Sqrt(10./7)) / 3, 0,
		math.Sqrt(5-2*math.Sqrt(10./7)) / 3, math.Sqrt(5+2*math.Sqrt(10./7)) / 3,
	}
	weights = [5]float64{
		(322 - 13*math.Sqrt(70)) / 900, (322 + 13*math.Sqrt(70)) / 900, 128. / 225,
		(322 + 13*math.Sqrt(70)) / 900, (322 - 13*math.Sqrt(70)) / 900,
	}
)

// Cobham returns the mean wait of each class of callers, first things first:
// an agent who becomes free takes the oldest caller of the foremost class, and
// no conversation is interrupted. All classes have the same handling time.
// A. Cobham, Priority assignment in waiting line problems (1954).
func Cobham(n int, mu float64, lambdas ...float64) ([]float64, error) {
	total := 0.0
	for _, lambda := range lambdas {
		if err := (Queue{Lambda: lambda, Mu: mu, Theta: 1, Agents: n}).Check(); err != nil {
			return nil, err
		}
		total += lambda
	}
	all := Queue{Lambda: total, Mu: mu, Agents: n}
	if err := all.Check(); err != nil {
		return nil, err
	}
	release := C(n, total/mu) / (float64(n) * mu)
	waits := make([]float64, len(lambdas))
	before := 0.0
	for i, lambda := range lambdas {
		share := lambda / mu / float64(n)
		waits[i] = release / ((1 - before) * (1 - before - share))
		before += share
	}
	return waits, nil
}

// mostAgents is where [Agents] gives up.
const mostAgents = 100_000

// Agents returns the least number of agents with whom the figures of the queue
// at the given threshold are good enough. The figures get better with every
// agent, so the number is found by halving. ok is false if a hundred thousand
// are not enough.
func Agents(q Queue, threshold float64, enough func(Figures) bool) (n int, ok bool, err error) {
	q.Agents = 1
	if q.Theta == 0 {
		q.Agents = int(math.Min(math.Floor(q.Lambda/q.Mu), mostAgents)) + 1
	}
	good := func(n int) bool {
		q.Agents = n
		f, failed := q.Figures(threshold)
		if failed != nil {
			err = failed
			return true // ends the search
		}
		return enough(f)
	}
	low, high := q.Agents, q.Agents
	for !good(high) {
		if high > mostAgents {
			return 0, false, nil
		}
		low, high = high+1, high*2
	}
	for err == nil && low < high {
		if middle := (low + high) / 2; good(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return high, err == nil, err
}
