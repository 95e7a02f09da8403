package sim

import (
	"fmt"
	"math"
	"time"

	"cardline/acd"
	"cardline/sim/erlang"
)

// Theory returns a hotline of the kind that queueing theory knows: one queue
// of callers who come at any time, agents all alike, neither ringing nor
// wrap-up. The scenario lasts until so many callers have come after a warm-up
// of six relaxation times, in which an empty hotline becomes like any other.
func Theory(q erlang.Queue, calls int, seed uint64) (acd.Options, Scenario, error) {
	if err := q.Check(); err != nil {
		return acd.Options{}, Scenario{}, err
	}
	const name = "calls"
	o := acd.Options{Queues: []acd.Queue{{Name: name}}}
	for i := range q.Agents {
		o.Agents = append(o.Agents, acd.Agent{ID: fmt.Sprint(i + 1)})
	}
	c := Callers{Queue: name, PerHour: []float64{q.Lambda * 3600}, Talk: Exponential(seconds(1 / q.Mu)), Patience: Forever()}
	if q.Theta > 0 {
		c.Patience = Exponential(seconds(1 / q.Theta))
	}
	return o, Scenario{
		Name: "theory", Seed: seed, Calls: calls, WarmUp: seconds(6 * relaxation(q)), Callers: []Callers{c}, Answer: Fixed(0),
	}, nil
}

// seconds turns a number into a time, as long as there can be one.
func seconds(s float64) time.Duration {
	return time.Duration(math.Min(s, 1e8) * float64(time.Second))
}

// relaxation returns about how long the queue remembers how it began, in
// seconds: the inverse of the gap between the two slowest rates of its Markov
// chain. Where callers give up, it is not slower than the slower of talking
// and giving up.
func relaxation(q erlang.Queue) float64 {
	gap := 0.0
	if rho := q.Load(); rho < 1 {
		gap = math.Min(q.Mu, float64(q.Agents)*q.Mu*math.Pow(1-math.Sqrt(rho), 2))
	}
	return 1 / math.Max(gap, math.Min(q.Mu, q.Theta))
}
