package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
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
		{"turned_away", f.TurnedAway},
		{"redials", f.Redials},
		{"regained", f.Regained},
		{"callbacks", object{{"asked", f.Callbacks.Asked}, {"reached", f.Callbacks.Reached}, {"failed", f.Callbacks.Failed}}},
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

// whole returns the members of the hotline as a whole.
func (r *Result) whole() object { return r.All.callers().add(Occupancy, r.All.Estimates[Occupancy]) }

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
	o = append(o, r.whole()...)
	var queues, groups object
	for i := range r.Queues {
		queues = append(queues, member{r.Queues[i].Name, r.Queues[i].callers()})
	}
	for i := range r.Groups {
		groups = append(groups, member{r.Groups[i].Name, r.Groups[i].object()})
	}
	if r.Theory != nil {
		var theory object
		known := r.theory()
		for _, f := range reported() {
			if v, ok := known[f]; ok {
				theory = append(theory, member{string(f), figure(v)})
			}
		}
		o = append(o, member{"theory", theory})
	}
	return append(o, member{"queues", queues}, member{"groups", groups})
}

// WriteJSON writes the figures as one indented object. Every estimate has its
// interval beside it, as NAME_ci: [low, high].
func (r *Result) WriteJSON(w io.Writer) error { return writeJSON(w, r.object()) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
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
