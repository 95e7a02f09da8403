package sim

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"
)

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
	heading = append(heading, "turned_away", "redials", "callbacks_asked", "callbacks_reached", "callbacks_failed")
	_ = out.Write(heading) // errors come with Flush
	for _, f := range r.Intervals {
		for i, q := range f.Queues {
			row := []string{clock(f.At), q.Name}
			for _, v := range []float64{q.Entries, q.Answered, q.Abandoned, q.Left, q.InTime, q.Short, q.Waiting, q.ASAAnswered} {
				row = append(row, cell(v))
			}
			for _, name := range levelNames {
				row = append(row, cell(q.Levels[name]))
			}
			for _, s := range states {
				if i == len(f.Queues)-1 {
					row = append(row, cell(f.Present[s]))
				} else {
					row = append(row, "")
				}
			}
			for _, v := range []float64{q.TurnedAway, q.Redials, q.Asked, q.Reached, q.Failed} {
				row = append(row, cell(v))
			}
			_ = out.Write(row)
		}
	}
	out.Flush()
	return out.Error()
}

// cell writes a number; what is none leaves the cell empty.
func cell(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}
