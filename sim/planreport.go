package sim

import (
	"encoding/csv"
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteText writes the plan as a table for people, and below it what changes
// do.
func (p *Plan) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "agents for %s in every half hour (T is %s, of all callers), simulated on %d days\n\n", p.Target, p.Threshold, p.Days)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "time\tqueue\tcalls/h\thandling\tby Erlang A\tin time\twait\tabandon\tagents\tsimulated: in time\twait\tabandon\t\n")
	for _, r := range p.Rows {
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.0f s\t%d\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t\n", clock(r.At), r.Queue, r.PerHour, r.Handling.Seconds(),
			r.Erlang, SL3.text(r.Theory.Level), ASA.text(r.Theory.ASA), PAbandon.text(r.Theory.Abandon),
			r.Agents, SL3.text(r.Found.Level), ASA.text(r.Found.ASA), PAbandon.text(r.Found.Abandon))
	}
	fmt.Fprintf(t, "\n\tagent hours\tneeded\tin time\t\twait\tabandon\toccupancy\t\n")
	line := func(name string, hours, needed float64, r *Result) {
		e := r.All.Estimates
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%s\t%s\t%s\t%s\t%s\t\n", name, hours, needed,
			SL3.text(e[ServiceLevelOffered].Value), SL3.between(e[ServiceLevelOffered]), ASA.text(e[ASAAnswered].Value),
			PAbandon.text(e[PAbandon].Value), Occupancy.text(e[Occupancy].Value))
	}
	line("as planned", p.Hours(), p.Hours(), p.Whole)
	for _, c := range p.Changes {
		line(c.Name, c.Hours, c.Needed, c.Result)
	}
	return t.Flush()
}

// WriteCSV writes a line for each queue and half hour.
func (p *Plan) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{ // errors come with Flush
		"time", "queue", "calls_per_hour", "handling_seconds", "agents_erlang", "agents",
		"theory_level", "theory_asa_seconds", "theory_abandon", "level", "asa_seconds", "abandon",
	})
	for _, r := range p.Rows {
		row := []string{clock(r.At), r.Queue}
		for _, v := range []float64{
			r.PerHour, r.Handling.Seconds(), float64(r.Erlang), float64(r.Agents),
			r.Theory.Level, r.Theory.ASA, r.Theory.Abandon, r.Found.Level, r.Found.ASA, r.Found.Abandon,
		} {
			row = append(row, cell(v))
		}
		_ = out.Write(row)
	}
	out.Flush()
	return out.Error()
}

// WriteJSON writes the plan as one indented object.
func (p *Plan) WriteJSON(w io.Writer) error {
	figures := func(f PlanFigures) object {
		return object{{"service_level_offered", figure(f.Level)}, {"asa_answered_seconds", figure(f.ASA)}, {"p_abandon", figure(f.Abandon)}}
	}
	rows := make([]object, len(p.Rows))
	for i, r := range p.Rows {
		rows[i] = object{
			{"time", clock(r.At)},
			{"queue", r.Queue},
			{"calls_per_hour", figure(r.PerHour)},
			{"handling_seconds", figure(r.Handling.Seconds())},
			{"agents_erlang", r.Erlang},
			{"agents", r.Agents},
			{"theory", figures(r.Theory)},
			{"simulated", figures(r.Found)},
		}
	}
	changes := make([]object, len(p.Changes))
	for i, c := range p.Changes {
		changes[i] = object{
			{"change", c.Name},
			{"agent_hours", figure(c.Hours)},
			{"agent_hours_needed", figure(c.Needed)},
			{"simulated", c.Result.All.callers().add(Occupancy, c.Result.All.Estimates[Occupancy])},
		}
	}
	return writeJSON(w, object{
		{"target", p.Target.String()},
		{"threshold_seconds", p.Threshold.Seconds()},
		{"days", p.Days},
		{"agent_hours", figure(p.Hours())},
		{"half_hours", rows},
		{"simulated", p.Whole.All.callers().add(Occupancy, p.Whole.All.Estimates[Occupancy])},
		{"changes", changes},
	})
}
