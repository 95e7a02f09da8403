package sim

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"cardline/acd"
)

// object is a JSON object whose keys keep their order.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON implements [json.Marshaler].
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, m := range o {
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.key, err)
		}
		fmt.Fprintf(&b, "%c%s:%s", ",{"[b2i(i == 0)], key, value)
	}
	if len(o) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// figure is a number in JSON; what is none becomes null.
type figure float64

// MarshalJSON implements [json.Marshaler].
func (f figure) MarshalJSON() ([]byte, error) {
	if v := float64(f); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// add adds an estimate, and its interval under the same name with _ci: the
// lower and the upper end, or null if there is none.
func (o object) add(name Figure, e Estimate) object {
	var interval any
	if e.Certain {
		interval = [2]figure{figure(e.Low), figure(e.High)}
	}
	return append(o, member{string(name), figure(e.Value)}, member{string(name) + "_ci", interval})
}

// callers returns the members for some callers.
func (f *Figures) callers() object {
	o := object{
		{"calls", f.Entries},
		{"answered", f.Answered},
		{"abandoned", f.Abandoned},
		{"left", f.Left},
		{"unserved", f.Unserved},
		{"longest_wait_seconds", f.Longest.Seconds()},
	}
	for _, m := range measures {
		o = o.add(m.Figure, f.Estimates[m.Figure])
		if m.Figure == ServiceLevelAnswered {
			o = o.add("sl_1", f.Estimates[m.Figure]) // by its number too
		}
	}
	return o
}

func (g *GroupFigures) object() object {
	hours := object{}
	for _, s := range states {
		hours = append(hours, member{string(s), figure(g.Hours[s])})
	}
	o := object{{"agents", g.Agents}, {"calls", g.Calls}}
	for _, f := range []Figure{Occupancy, JainCalls, JainOccupancy} {
		o = o.add(f, g.Estimates[f])
	}
	return append(o, member{"hours", hours})
}

// object returns the members of the whole result.
func (r *Result) object() object {
	o := object{
		{"scenario", r.Name},
		{"seed", r.Seed},
		{"runs", r.Runs},
		{"confidence", r.Confidence},
		{"threshold_seconds", r.Threshold.Seconds()},
		{"short_seconds", r.Short.Seconds()},
	}
	o = append(o, r.All.callers()...).add(Occupancy, r.All.Estimates[Occupancy])
	var queues, groups object
	for i := range r.Queues {
		queues = append(queues, member{r.Queues[i].Name, r.Queues[i].callers()})
	}
	for i := range r.Groups {
		groups = append(groups, member{r.Groups[i].Name, r.Groups[i].object()})
	}
	if r.Theory != nil {
		var theory object
		for _, f := range theoryFigures {
			theory = append(theory, member{string(f), figure(r.theory(f))})
		}
		o = append(o, member{"theory", theory})
	}
	return append(o, member{"queues", queues}, member{"groups", groups})
}

// theoryFigures are those that theory knows.
var theoryFigures = []Figure{PWait, PAbandon, ASA, ASAAnswered, ServiceLevelAnswered, ServiceLevelOffered, Occupancy}

// theory returns what a figure is in theory, NaN if that is not known.
func (r *Result) theory(f Figure) float64 {
	if r.Theory != nil {
		switch f {
		case PWait:
			return r.Theory.Wait
		case PAbandon:
			return r.Theory.Abandon
		case ASA:
			return r.Theory.ASA
		case ASAAnswered:
			return r.Theory.ASAAnswered
		case ServiceLevelAnswered:
			return r.Theory.ServiceLevelAnswered
		case ServiceLevelOffered:
			return r.Theory.ServiceLevelOffered
		case Occupancy:
			return r.Theory.Occupancy
		case SL2, SL3, SL4, SL5, SL6, SL7, JainCalls, JainOccupancy:
		}
	}
	return math.NaN()
}

// WriteJSON writes the figures as one indented object. Every estimate has its
// interval beside it, as NAME_ci: [low, high].
func (r *Result) WriteJSON(w io.Writer) error { return writeJSON(w, r.object()) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// titles are the figures in words.
var titles = map[Figure]string{
	PWait: "wait at all", PAbandon: "abandon", ASA: "mean wait of all", ASAAnswered: "mean wait of answered",
	ServiceLevelAnswered: "SL-1 answered in time / answered", ServiceLevelOffered: "answered in time / all",
	SL2: "SL-2 positive", SL3: "SL-3 negative", SL4: "SL-4 ignored", SL5: "SL-5 short excluded", SL6: "SL-6 with flow-outs",
	SL7: "SL-7 removed in time", Occupancy: "occupancy", JainCalls: "fairness of calls", JainOccupancy: "fairness of occupancy",
}

// inSeconds reports whether a figure is a time; the others are shares.
func (f Figure) inSeconds() bool { return f == ASA || f == ASAAnswered }

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
	if r.All.Left > 0 {
		fmt.Fprintf(t, "left for elsewhere\t%d\t\n", r.All.Left)
	}
	if r.All.Unserved > 0 {
		fmt.Fprintf(t, "still there at the end\t%d\t\n", r.All.Unserved)
	}
	if r.Theory != nil {
		fmt.Fprintf(t, "\tsimulated\t\tin theory\t\n")
	}
	for _, f := range append(CallerFigures(), Occupancy) {
		e, theory := r.All.Estimates[f], ""
		if v := r.theory(f); !math.IsNaN(v) {
			theory = f.text(v) + "\t"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", titles[f], f.text(e.Value), f.between(e), theory)
	}
	fmt.Fprintf(t, "longest wait\t%s\t\n", r.All.Longest.Round(100*time.Millisecond))
	if err := t.Flush(); err != nil {
		return err
	}
	r.writeQueues(w)
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

// levelNames are the service levels of intervals, in order.
var levelNames = []string{string(ServiceLevelAnswered), string(SL2), string(SL3), string(SL4), string(SL5), string(SL6), "sl_8"}

// WriteCSV writes a line for each queue, and one for all, of each half hour of
// a mean day. Agents stand in the lines for all.
func (r *Result) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	heading := []string{"time", "queue", "entries", "answered", "abandoned", "left", "answered_in_time", "abandoned_short", "waiting", "asa_answered_seconds"}
	for _, name := range levelNames {
		heading = append(heading, strings.Replace(name, string(ServiceLevelAnswered), "sl_1", 1))
	}
	for _, s := range states {
		heading = append(heading, "agents_"+string(s))
	}
	_ = out.Write(heading) // errors come with Flush
	number := func(v float64) string {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return ""
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	round := func(v float64) string { return number(math.Round(v*1e6) / 1e6) }
	for _, f := range r.Intervals {
		for i, q := range f.Queues {
			row := []string{clock(f.At), q.Name}
			for _, v := range []float64{q.Entries, q.Answered, q.Abandoned, q.Left, q.InTime, q.Short, q.Waiting, q.ASAAnswered} {
				row = append(row, round(v))
			}
			for _, name := range levelNames {
				row = append(row, round(q.Levels[name]))
			}
			for _, s := range states {
				if i == len(f.Queues)-1 {
					row = append(row, round(f.Present[s]))
				} else {
					row = append(row, "")
				}
			}
			_ = out.Write(row)
		}
	}
	out.Flush()
	return out.Error()
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

// WriteErrorsJSON writes the same as a list of JSON objects.
func WriteErrorsJSON(w io.Writer, names []string, list []*Errors) error {
	days := make([]object, len(list))
	for i, e := range list {
		rule := func(errors []time.Duration) object {
			return object{
				{"p50_seconds", figure(Percentile(errors, 0.5).Seconds())},
				{"p90_seconds", figure(Percentile(errors, 0.9).Seconds())},
			}
		}
		days[i] = object{
			{"scenario", names[i]},
			{"asked", e.Asked},
			{"silent", e.Silent},
			{"answered", len(e.Estimator)},
			{"estimator", rule(e.Estimator)},
			{"average", rule(e.Average)},
			{"head_of_line", rule(e.Leading)},
			{"within_p90", figure(float64(e.Within) / float64(len(e.Estimator)))},
		}
	}
	return writeJSON(w, days)
}
