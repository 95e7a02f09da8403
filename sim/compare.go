package sim

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// A Comparison is what another configuration changes for the same callers.
type Comparison struct {
	First, Second *Result
	// All are the differences of the figures, the second less the first, and
	// Queues those of the queues that both have. The intervals are those of
	// paired differences: chance that meets both alike does not count.
	All    map[Figure]Estimate
	Queues []QueueDifference
}

// QueueDifference is what changes for one queue.
type QueueDifference struct {
	Name      string
	Estimates map[Figure]Estimate
}

// Compare returns the differences between two results of the same scenario and
// seed.
func Compare(first, second *Result) (*Comparison, error) {
	if len(first.units) != len(second.units) || first.Seed != second.Seed {
		return nil, fmt.Errorf("the two simulations do not have the same runs: %d and %d units, seeds %d and %d",
			len(first.units), len(second.units), first.Seed, second.Seed)
	}
	c := &Comparison{First: first, Second: second}
	c.All = c.differences((*unit).total, (*unit).total)
	c.All[Occupancy] = c.difference(
		samplesOf(first.units, func(u *unit) sample { return busySample(u.staff()) }),
		samplesOf(second.units, func(u *unit) sample { return busySample(u.staff()) }))
	for i := range first.Queues {
		for j := range second.Queues {
			if first.Queues[i].Name == second.Queues[j].Name {
				c.Queues = append(c.Queues, QueueDifference{first.Queues[i].Name, c.differences(
					func(u *unit) queueTally { return u.queues[i] },
					func(u *unit) queueTally { return u.queues[j] })})
			}
		}
	}
	return c, nil
}

func busySample(t groupTally) sample {
	busy, present := t.busy()
	return sample{busy, present}
}

func samplesOf(units []unit, of func(*unit) sample) []sample {
	list := make([]sample, len(units))
	for i := range units {
		list[i] = of(&units[i])
	}
	return list
}

func (c *Comparison) differences(first, second func(*unit) queueTally) map[Figure]Estimate {
	list := map[Figure]Estimate{}
	for _, m := range measures {
		of := func(pick func(*unit) queueTally) func(*unit) sample {
			return func(u *unit) sample { t := pick(u); return m.of(&t) }
		}
		list[m.Figure] = c.difference(samplesOf(c.First.units, of(first)), samplesOf(c.Second.units, of(second)))
	}
	return list
}

// difference estimates the second ratio less the first. What a unit adds to the
// error of a ratio is its residual by the sum below; those of the two are
// subtracted unit by unit.
func (c *Comparison) difference(first, second []sample) Estimate {
	a, _ := ratio(first, false, c.First.Confidence)
	b, _ := ratio(second, false, c.First.Confidence)
	belowA, belowB := 0.0, 0.0
	for i := range first {
		belowA += first[i].below
		belowB += second[i].below
	}
	n := float64(len(first))
	joint := make([]sample, len(first))
	for i := range first {
		joint[i].above = (second[i].above-b*second[i].below)/belowB*n - (first[i].above-a*first[i].below)/belowA*n
		joint[i].below = 1
	}
	_, half := ratio(joint, c.First.chained, c.First.Confidence)
	return estimated(plain, b-a, half)
}

// Verdict says in a word whether the difference is more than chance.
func (e Estimate) Verdict() string {
	switch {
	case !e.Certain || math.IsNaN(e.Value):
		return "unknown"
	case e.Low > 0:
		return "more"
	case e.High < 0:
		return "less"
	default:
		return "no clear difference"
	}
}

// WriteText writes the comparison as tables for people.
func (c *Comparison) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s: the same %s of callers for both, seed %d; intervals of %v %%\n",
		orElse(c.First.Name, "simulation"), plural(c.First.Runs, "run"), c.First.Seed, 100*c.First.Confidence)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	table := func(name string, first, second, difference map[Figure]Estimate, figures []Figure) {
		fmt.Fprintf(t, "\n%s\tfirst\tsecond\tdifference\t\t\t\n", name)
		for _, f := range figures {
			if f.rare() && !(first[f].Value > 0 || second[f].Value > 0) {
				continue
			}
			d := difference[f]
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", titles[f], f.text(first[f].Value), f.text(second[f].Value), f.text(d.Value), f.between(d), d.Verdict())
		}
	}
	table("all", c.First.All.Estimates, c.Second.All.Estimates, c.All, reported())
	for _, q := range c.Queues {
		of := func(r *Result) map[Figure]Estimate {
			for i := range r.Queues {
				if r.Queues[i].Name == q.Name {
					return r.Queues[i].Estimates
				}
			}
			return nil
		}
		table(q.Name, of(c.First), of(c.Second), q.Estimates, []Figure{PWait, PAbandon, ASA, ServiceLevelAnswered, SL5})
	}
	return t.Flush()
}

// WriteJSON writes both results and their differences as one indented object.
func (c *Comparison) WriteJSON(w io.Writer) error {
	differences := func(list map[Figure]Estimate) (o object) {
		for _, f := range reported() {
			if e, ok := list[f]; ok {
				o = o.add(f, e)
			}
		}
		return o
	}
	var queues object
	for _, q := range c.Queues {
		queues = append(queues, member{q.Name, differences(q.Estimates)})
	}
	return writeJSON(w, object{
		{"first", c.First.object()},
		{"second", c.Second.object()},
		{"difference", append(differences(c.All), member{"queues", queues})},
	})
}
