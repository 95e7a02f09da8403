package sim

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteText writes the plan as a table for people, and below it what changes
// do.
func (p *Plan) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "agents for %s in every half hour (T is %s, of all callers), simulated on %d days\n\n", p.Target, p.Threshold, p.Days)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "time\tqueue\tcalls/h\thandling\tby Erlang A\tin time\twait\tabandon\tagents\tsimulated: in time\twait\tabandon\t\t\n")
	for _, r := range p.Rows {
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.0f s\t%d\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t\n", clock(r.At), r.Queue, r.PerHour, r.Handling.Seconds(),
			r.Erlang, SL3.text(r.Theory.Level), ASA.text(r.Theory.ASA), PAbandon.text(r.Theory.Abandon),
			r.Agents, SL3.text(r.Found.Level), ASA.text(r.Found.ASA), PAbandon.text(r.Found.Abandon), missedText(r.Missed))
	}
	writeChanges(t, PlanChange{"as planned", p.Hours(), p.Hours(), p.Whole}, p.Changes)
	return t.Flush()
}

// writeChanges writes what becomes of a plan, as planned and in other worlds.
func writeChanges(t *tabwriter.Writer, planned PlanChange, changes []PlanChange) {
	fmt.Fprintf(t, "\n\tagent hours\tneeded\tin time\t\twait\tabandon\toccupancy\t\n")
	for _, c := range append([]PlanChange{planned}, changes...) {
		e := c.Result.All.Estimates
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%s\t%s\t%s\t%s\t%s\t\n", c.Name, c.Hours, c.Needed,
			SL3.text(e[ServiceLevelOffered].Value), SL3.between(e[ServiceLevelOffered]), ASA.text(e[ASAAnswered].Value),
			PAbandon.text(e[PAbandon].Value), Occupancy.text(e[Occupancy].Value))
	}
}

// WriteCSV writes a line for each queue and half hour.
func (p *Plan) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{ // errors come with Flush
		"time", "queue", "calls_per_hour", "handling_seconds", "agents_erlang", "agents",
		"theory_level", "theory_asa_seconds", "theory_abandon", "level", "asa_seconds", "abandon", "missed",
	})
	for _, r := range p.Rows {
		row := []string{clock(r.At), r.Queue}
		for _, v := range []float64{
			r.PerHour, r.Handling.Seconds(), float64(r.Erlang), float64(r.Agents),
			r.Theory.Level, r.Theory.ASA, r.Theory.Abandon, r.Found.Level, r.Found.ASA, r.Found.Abandon,
		} {
			row = append(row, cell(v))
		}
		_ = out.Write(append(row, strconv.FormatBool(r.Missed)))
	}
	out.Flush()
	return out.Error()
}

// missedText marks a row that misses the target.
func missedText(missed bool) string {
	if missed {
		return "missed"
	}
	return ""
}

// WriteJSON writes the plan as one indented object.
func (p *Plan) WriteJSON(w io.Writer) error {
	rows := make([]object, len(p.Rows))
	for i, r := range p.Rows {
		rows[i] = object{
			{"time", clock(r.At)},
			{"queue", r.Queue},
			{"calls_per_hour", figure(r.PerHour)},
			{"handling_seconds", figure(r.Handling.Seconds())},
			{"agents_erlang", r.Erlang},
			{"agents", r.Agents},
			{"theory", r.Theory.object()},
			{"simulated", r.Found.object()},
			{"missed", r.Missed},
		}
	}
	return writeJSON(w, object{
		{"target", p.Target.String()},
		{"threshold_seconds", p.Threshold.Seconds()},
		{"days", p.Days},
		{"agent_hours", figure(p.Hours())},
		{"half_hours", rows},
		{"simulated", p.Whole.whole()},
		{"changes", changesOf(p.Changes)},
	})
}

func (f PlanFigures) object() object {
	return object{{"service_level_offered", figure(f.Level)}, {"asa_answered_seconds", figure(f.ASA)}, {"p_abandon", figure(f.Abandon)}}
}

func changesOf(list []PlanChange) []object {
	changes := make([]object, len(list))
	for i, c := range list {
		changes[i] = object{
			{"change", c.Name},
			{"agent_hours", figure(c.Hours)},
			{"agent_hours_needed", figure(c.Needed)},
			{"simulated", c.Result.whole()},
		}
	}
	return changes
}

// text writes the figure that a target is about, for people.
func (t Target) text(f PlanFigures) string {
	switch {
	case t.Level > 0:
		return SL3.text(f.Level)
	case t.ASA > 0:
		return ASA.text(f.ASA)
	default:
		return PAbandon.text(f.Abandon)
	}
}

// WriteText writes the plan as a table for people, and below it what changes
// do. For each queue it tells the figure that the target is about.
func (h *Hall) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "one hall for %s of every queue in every half hour (T is %s, of all callers), simulated on %d days\n\n",
		h.Target, h.Threshold, h.Days)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "time\tcalls/h\tby Erlang A: each queue alone\tall as one\tagents\t%s\t%s\tmissed\t\n", strings.Join(h.Groups, "\t"), strings.Join(h.Queues, "\t"))
	for i := range h.Rows {
		r := &h.Rows[i]
		fmt.Fprintf(t, "%s\t%.0f\t%d\t%d\t%d\t", clock(r.At), r.PerHour, r.Alone, r.Together, r.Total())
		for _, n := range r.Agents {
			fmt.Fprintf(t, "%d\t", n)
		}
		for _, f := range r.Found {
			fmt.Fprintf(t, "%s\t", h.Target.text(f))
		}
		fmt.Fprintf(t, "%s\t\n", strings.Join(r.Missed, " "))
	}
	planned, alone, together := h.Hours()
	writeChanges(t, PlanChange{"as planned", planned, planned, h.Whole}, h.Changes)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nBy Erlang A, queues with agents of their own would need %.1f agent hours, and agents who can all take every call %.1f.\n", alone, together)
	return err
}

// WriteCSV writes a line for each half hour.
func (h *Hall) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	heading := []string{"time", "calls_per_hour", "agents_alone", "agents_together", "agents"}
	for _, g := range h.Groups {
		heading = append(heading, "agents_"+g)
	}
	for _, q := range h.Queues {
		heading = append(heading, "level_"+q, "asa_seconds_"+q, "abandon_"+q)
	}
	_ = out.Write(append(heading, "missed")) // errors come with Flush
	for i := range h.Rows {
		r := &h.Rows[i]
		row := []string{clock(r.At), cell(r.PerHour), strconv.Itoa(r.Alone), strconv.Itoa(r.Together), strconv.Itoa(r.Total())}
		for _, n := range r.Agents {
			row = append(row, strconv.Itoa(n))
		}
		for _, f := range r.Found {
			row = append(row, cell(f.Level), cell(f.ASA), cell(f.Abandon))
		}
		_ = out.Write(append(row, strings.Join(r.Missed, " ")))
	}
	out.Flush()
	return out.Error()
}

// WriteJSON writes the plan as one indented object.
func (h *Hall) WriteJSON(w io.Writer) error {
	rows := make([]object, len(h.Rows))
	for i := range h.Rows {
		r := &h.Rows[i]
		var agents, queues object
		for g, n := range r.Agents {
			agents = append(agents, member{h.Groups[g], n})
		}
		for q, f := range r.Found {
			queues = append(queues, member{h.Queues[q], f.object()})
		}
		rows[i] = object{
			{"time", clock(r.At)},
			{"calls_per_hour", figure(r.PerHour)},
			{"agents_alone", r.Alone},
			{"agents_together", r.Together},
			{"agents", r.Total()},
			{"groups", agents},
			{"simulated", queues},
			{"missed", append([]string{}, r.Missed...)},
		}
	}
	planned, alone, together := h.Hours()
	return writeJSON(w, object{
		{"target", h.Target.String()},
		{"threshold_seconds", h.Threshold.Seconds()},
		{"days", h.Days},
		{"agent_hours", figure(planned)},
		{"agent_hours_alone", figure(alone)},
		{"agent_hours_together", figure(together)},
		{"half_hours", rows},
		{"simulated", h.Whole.whole()},
		{"changes", changesOf(h.Changes)},
	})
}
