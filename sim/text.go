package sim

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
	"time"

	"cardline/acd"
)

// titles are the figures in words.
var titles = map[Figure]string{
	PWait: "wait at all", PAbandon: "abandon", ASA: "mean wait of all", ASAAnswered: "mean wait of answered",
	ServiceLevelAnswered: "SL-1 answered in time / answered", ServiceLevelOffered: "answered in time / all",
	SL2: "SL-2 positive", SL3: "SL-3 negative", SL4: "SL-4 ignored", SL5: "SL-5 short excluded", SL6: "SL-6 with flow-outs",
	SL7: "SL-7 removed in time", PClosed: "met closed doors", PRedial: "had called before", PSameSite: "taken at their own site",
	CallbackReached: "callbacks reached", CallbackWait: "mean time until called back", Occupancy: "occupancy", JainCalls: "fairness of calls", JainOccupancy: "fairness of occupancy",
}

// inSeconds reports whether a figure is a time; the others are shares.
func (f Figure) inSeconds() bool { return f == ASA || f == ASAAnswered || f == CallbackWait }

// rare reports whether a figure is told to people only where there is something
// to tell.
func (f Figure) rare() bool {
	return f == PClosed || f == PRedial || f == PSameSite || f == CallbackReached || f == CallbackWait
}

// text writes a value of the figure for people.
func (f Figure) text(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case math.IsInf(v, 0):
		return "∞"
	case f.inSeconds():
		return strconv.FormatFloat(v, 'f', 1, 64) + " s"
	case f == JainCalls || f == JainOccupancy:
		return strconv.FormatFloat(v, 'f', 4, 64)
	default:
		return strconv.FormatFloat(100*v, 'f', 2, 64) + " %"
	}
}

// between writes an interval for people.
func (f Figure) between(e Estimate) string {
	if !e.Certain {
		return ""
	}
	return f.text(e.Low) + " to " + f.text(e.High)
}

// WriteText writes the figures as tables for people.
func (r *Result) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s: %d calls in %s, seed %d; T is %s, intervals of %v %%\n\n",
		orElse(r.Name, "simulation"), r.All.Entries, plural(r.Runs, "run"), r.Seed, r.Threshold, 100*r.Confidence)
	fmt.Fprintf(t, "answered\t%d\t\n", r.All.Answered)
	fmt.Fprintf(t, "abandoned\t%d\t\n", r.All.Abandoned)
	for _, c := range []struct {
		name   string
		number int64
	}{
		{"left for elsewhere", r.All.Left},
		{"still there at the end", r.All.Unserved},
		{"turned away", r.All.TurnedAway},
		{"called again", r.All.Redials},
		{"to their old place", r.All.Regained},
		{"asked to be called back", r.All.Callbacks.Asked},
		{"were reached", r.All.Callbacks.Reached},
		{"were not reached", r.All.Callbacks.Failed},
	} {
		if c.number > 0 {
			fmt.Fprintf(t, "%s\t%d\t\n", c.name, c.number)
		}
	}
	if r.Theory != nil {
		fmt.Fprintf(t, "\tsimulated\t\tin theory\t\n")
	}
	known := r.theory()
	for _, f := range reported() {
		e, theory := r.All.Estimates[f], ""
		if f.rare() && !(e.Value > 0) {
			continue
		}
		if v, ok := known[f]; ok {
			theory = f.text(v) + "\t"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", titles[f], f.text(e.Value), f.between(e), theory)
	}
	fmt.Fprintf(t, "longest wait\t%s\t\n", r.All.Longest.Round(100*time.Millisecond))
	if err := t.Flush(); err != nil {
		return err
	}
	r.writeQueues(w)
	r.writeDetours(w)
	r.writeGroups(w)
	if !r.All.Estimates[ASA].Certain {
		fmt.Fprintln(w, "\nOne run tells no intervals; give --replications.")
	}
	if r.Errors != nil {
		fmt.Fprintln(w)
		return WriteErrors(w, []string{r.Name}, []*Errors{r.Errors})
	}
	return nil
}

func (r *Result) writeQueues(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nqueue\tcalls\tanswered\tabandoned\tleft\twait at all\tmean wait\tof answered\tSL-1\tSL-5\tlongest\t\n")
	for i := range r.Queues {
		q := &r.Queues[i]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t", q.Name, q.Entries, q.Answered, q.Abandoned, q.Left)
		for _, f := range []Figure{PWait, ASA, ASAAnswered, ServiceLevelAnswered, SL5} {
			fmt.Fprintf(t, "%s\t", f.text(q.Estimates[f].Value))
		}
		fmt.Fprintf(t, "%s\t\n", q.Longest.Round(time.Second))
	}
	_ = t.Flush()
}

// writeDetours tells, by queue, of callers who did not come through at once, if
// there were any.
func (r *Result) writeDetours(w io.Writer) {
	if r.All.TurnedAway+r.All.Redials+r.All.Callbacks.Asked == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nqueue\tturned away\tcalled again\tto the old place\tasked to be called back\treached\tnot reached\tstill open\tcalled back after\t\n")
	for i := range r.Queues {
		q := &r.Queues[i]
		c := q.Callbacks
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", q.Name, q.TurnedAway, q.Redials, q.Regained,
			c.Asked, c.Reached, c.Failed, c.Asked-c.Reached-c.Failed, CallbackWait.text(q.Estimates[CallbackWait].Value))
	}
	_ = t.Flush()
}

func (r *Result) writeGroups(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\ngroup\tagents\tcalls\toccupancy\t\tfairness of calls\tof occupancy\thours on calls\tready\tin wrap-up\t\n")
	for i := range r.Groups {
		g := &r.Groups[i]
		o := g.Estimates[Occupancy]
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t\n", g.Name, g.Agents, g.Calls,
			Occupancy.text(o.Value), Occupancy.between(o),
			JainCalls.text(g.Estimates[JainCalls].Value), JainOccupancy.text(g.Estimates[JainOccupancy].Value),
			g.Hours[acd.AgentTalking]+g.Hours[acd.AgentHolding]+g.Hours[acd.AgentOffered], g.Hours[acd.AgentReady], g.Hours[acd.AgentWrapUp])
	}
	_ = t.Flush()
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// WriteErrors writes, for several days, the errors of the estimator beside
// those of common rules.
func WriteErrors(w io.Writer, names []string, list []*Errors) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "error of the estimated wait\tasked\tsilent\tanswered\testimator p50\tp90\taverage p50\tp90\thead of line p50\tp90\twithin p90\t\n")
	for i, e := range list {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t", names[i], e.Asked, e.Silent, len(e.Estimator))
		for _, errors := range [][]time.Duration{e.Estimator, e.Average, e.Leading} {
			fmt.Fprintf(t, "%.1f s\t%.1f s\t", Percentile(errors, 0.5).Seconds(), Percentile(errors, 0.9).Seconds())
		}
		fmt.Fprintf(t, "%.1f %%\t\n", 100*float64(e.Within)/math.Max(1, float64(len(e.Estimator))))
	}
	return t.Flush()
}
