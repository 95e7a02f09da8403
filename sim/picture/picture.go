// Package picture draws a simulated day as an SVG: callers, who waits, what
// the agents do, and the service level, one below the other over one axis of
// time.
package picture

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"cardline/acd"
	"cardline/sim"
)

// The page, in pixels: four panels over one axis.
const (
	width, left, right   = 960, 64, 148
	top, gap, foot       = 96, 44, 56
	plain                = width - left - right // width of a panel
	ink, faint, hairline = "#2b2f36", "#8a919c", "#e6e8ec"
)

// A panel is one of the four drawings.
type panel struct {
	title  string
	unit   string
	height float64
	most   float64 // value at the upper edge
	y      float64 // upper edge
}

// A layer is one colour of a panel, a value for each half hour.
type layer struct {
	name, colour string
	values       []float64
}

// Write draws the half hours of the result's mean day. A result without half
// hours is an error.
func Write(w io.Writer, r *sim.Result) error {
	if len(r.Intervals) == 0 {
		return fmt.Errorf("draw the day: a simulation by number of calls has no half hours")
	}
	d := drawing{r: r, n: len(r.Intervals)}
	d.open()
	d.callers()
	d.waiting()
	d.agents()
	d.level()
	d.axis()
	d.WriteString("</svg>\n")
	_, err := w.Write(d.Bytes())
	return err
}

type drawing struct {
	bytes.Buffer
	r *sim.Result
	n int
	y float64 // where the next panel begins
}

// all returns one figure of the hotline as a whole for each half hour.
func (d *drawing) all(of func(sim.IntervalQueue) float64) []float64 {
	list := make([]float64, d.n)
	for i, f := range d.r.Intervals {
		list[i] = of(f.Queues[len(f.Queues)-1])
	}
	return list
}

func (d *drawing) open() {
	const height = top + 150 + 110 + 170 + 110 + 3*gap + foot
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">
<style>text{font-family:"Helvetica Neue",Inter,"Segoe UI",Arial,sans-serif;font-weight:300;fill:%s;font-size:12px}.t{font-size:22px;font-weight:200}.s{fill:%s}.h{font-size:13px;font-weight:400}.e{text-anchor:end}.m{text-anchor:middle}</style>
<rect width="100%%" height="100%%" fill="#fff"/>
`, width, height, width, height, ink, faint)
	title := d.r.Name
	if title == "" {
		title = "a simulated day"
	}
	fmt.Fprintf(d, `<title>%s</title><text class="t" x="%d" y="42">%s</text>`+"\n", escape(title), left, escape(title))
	a := d.r.All
	text := fmt.Sprintf("%s calls a day, %s %% abandoned, mean wait of answered %s s, %s %% answered within %s (SL-5)",
		number(float64(a.Entries)/float64(d.r.Runs)), number(100*a.Estimates[sim.PAbandon].Value),
		number(a.Estimates[sim.ASAAnswered].Value), number(100*a.Estimates[sim.SL5].Value), d.r.Threshold)
	if d.r.Runs > 1 {
		text += fmt.Sprintf("; mean of %d days", d.r.Runs)
	}
	fmt.Fprintf(d, `<text class="s" x="%d" y="64">%s</text>`+"\n", left, escape(text))
	d.y = top
}

// begin draws the frame of a panel: its title and a few lines of its scale.
func (d *drawing) begin(title, unit string, height, most float64) panel {
	step := nice(most)
	p := panel{title: title, unit: unit, height: height, most: math.Max(step, math.Ceil(most/step-1e-9)*step), y: d.y}
	fmt.Fprintf(d, `<text class="h" x="%d" y="%.0f">%s <tspan class="s">%s</tspan></text>`+"\n", left, p.y-8, escape(title), escape(unit))
	for v := 0.0; v <= p.most+1e-9; v += step {
		fmt.Fprintf(d, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="%s"/><text class="s e" x="%d" y="%.1f">%s</text>`+"\n",
			left, left+plain, p.at(v), p.at(v), hairline, left-8, p.at(v)+4, number(v))
	}
	d.y += height + gap
	return p
}

func (p panel) at(v float64) float64 { return p.y + p.height*(1-v/p.most) }

// x returns the left edge of a half hour.
func (d *drawing) x(i int) float64 { return left + plain*float64(i)/float64(d.n) }

// stack draws layers on one another as steps, and names each at its right end.
func (d *drawing) stack(p panel, layers []layer) {
	base := make([]float64, d.n)
	var labels []label
	for _, l := range layers {
		var path strings.Builder
		for i, v := range l.values {
			fmt.Fprintf(&path, "%c%.1f %.1fH%.1f", "LM"[b2i(i == 0)], d.x(i), p.at(base[i]+v), d.x(i+1))
		}
		for i := d.n - 1; i >= 0; i-- {
			fmt.Fprintf(&path, "L%.1f %.1fH%.1f", d.x(i+1), p.at(base[i]), d.x(i))
		}
		fmt.Fprintf(d, `<path d="%sZ" fill="%s"/>`+"\n", path.String(), l.colour)
		biggest := 0.0
		for i, v := range l.values {
			biggest = math.Max(biggest, v)
			base[i] += v
		}
		if biggest > p.most/500 {
			last := d.n - 1
			labels = append(labels, label{l.name, l.colour, p.at(base[last] - l.values[last]/2)})
		}
	}
	d.label(p, labels)
}

// line draws a line through the middles of the half hours, with gaps where
// there is nothing.
func (d *drawing) line(p panel, values []float64, colour string) {
	var path strings.Builder
	down := false
	for i, v := range values {
		if math.IsNaN(v) {
			down = false
			continue
		}
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[b2i(down)], (d.x(i)+d.x(i+1))/2, p.at(math.Min(v, p.most)))
		down = true
	}
	fmt.Fprintf(d, `<path d="%s" fill="none" stroke="%s" stroke-width="1.75" stroke-linejoin="round"/>`+"\n", path.String(), colour)
}

type label struct {
	name, colour string
	y            float64
}

// label writes names at the right edge, moved apart where they would touch.
func (d *drawing) label(p panel, labels []label) {
	const apart = 15
	y := p.y + p.height + apart
	for i := range labels { // from below
		y = math.Min(labels[i].y, y-apart)
		labels[i].y = y
	}
	for i, lowest := len(labels)-1, p.y; i >= 0; i-- { // and back down, if they left the panel
		labels[i].y = math.Max(labels[i].y, lowest)
		lowest = labels[i].y + apart
	}
	for _, l := range labels {
		fmt.Fprintf(d, `<circle cx="%d" cy="%.1f" r="4" fill="%s"/><text x="%d" y="%.1f">%s</text>`+"\n",
			left+plain+14, l.y, l.colour, left+plain+24, l.y+4, escape(l.name))
	}
}

func (d *drawing) callers() {
	answered := d.all(func(q sim.IntervalQueue) float64 { return q.Answered })
	abandoned := d.all(func(q sim.IntervalQueue) float64 { return q.Abandoned })
	elsewhere := d.all(func(q sim.IntervalQueue) float64 { return q.Left + q.Asked })
	p := d.begin("Callers", "in half an hour, by how the wait ended; line: who came", 150, highest(
		sum(answered, abandoned, elsewhere), d.all(func(q sim.IntervalQueue) float64 { return q.Entries })))
	d.stack(p, []layer{
		{"answered", "#7fa8c9", answered},
		{"abandoned", "#d98880", abandoned},
		{"left", "#d9c38a", elsewhere},
	})
	d.line(p, d.all(func(q sim.IntervalQueue) float64 { return q.Entries }), ink)
}

func (d *drawing) waiting() {
	colours := []string{"#4f7ea6", "#8fb3cf", "#b7a5c9", "#d9c38a", "#d98880", "#9cbf9c", "#c0c5cd"}
	var layers []layer
	total := make([]float64, d.n)
	for q := range d.r.Queues {
		values := make([]float64, d.n)
		for i, f := range d.r.Intervals {
			values[i] = f.Queues[q].Waiting
		}
		total = sum(total, values)
		if q >= len(colours) { // the rest share a colour and a name
			last := &layers[len(layers)-1]
			last.name, last.values = "others", sum(last.values, values)
			continue
		}
		layers = append(layers, layer{d.r.Queues[q].Name, colours[q], values})
	}
	d.stack(d.begin("Waiting", "callers, mean of the half hour", 110, highest(total)), layers)
}

func (d *drawing) agents() {
	present := func(states ...acd.AgentState) []float64 {
		values := make([]float64, d.n)
		for i, f := range d.r.Intervals {
			for _, s := range states {
				values[i] += f.Present[s]
			}
		}
		return values
	}
	layers := []layer{
		{"talking", "#4f7ea6", present(acd.AgentTalking, acd.AgentHolding, acd.AgentOutbound)},
		{"ringing", "#b7a5c9", present(acd.AgentOffered)},
		{"wrap-up", "#8fb3cf", present(acd.AgentWrapUp)},
		{"ready", "#bcd9bc", present(acd.AgentReady)},
		{"on a break", "#e3e5e9", present(acd.AgentNotReady, acd.AgentUnreachable)},
	}
	total := make([]float64, d.n)
	for _, l := range layers {
		total = sum(total, l.values)
	}
	d.stack(d.begin("Agents", "by what they do", 170, highest(total)), layers)
}

func (d *drawing) level() {
	p := d.begin("Service level", fmt.Sprintf("%% within %s: SL-5, and SL-3, which counts all who gave up", d.r.Threshold), 110, 100)
	fmt.Fprintf(d, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="%s" stroke-dasharray="2 4"/>`+"\n", left, left+plain, p.at(80), p.at(80), faint)
	percent := func(name string) []float64 {
		return d.all(func(q sim.IntervalQueue) float64 { return 100 * q.Levels[name] })
	}
	three, five := percent(string(sim.SL3)), percent(string(sim.SL5))
	d.line(p, three, "#d98880")
	d.line(p, five, "#4f7ea6")
	end := func(values []float64) float64 {
		for i := len(values) - 1; i >= 0; i-- {
			if !math.IsNaN(values[i]) {
				return p.at(values[i])
			}
		}
		return p.at(0)
	}
	d.label(p, []label{{"SL-3", "#d98880", end(three)}, {"SL-5", "#4f7ea6", end(five)}})
}

// axis writes the hours below the last panel and draws them through all.
func (d *drawing) axis() {
	bottom := d.y - gap
	first := d.r.Intervals[0].At
	every := time.Hour
	for plain/(float64(d.n)*float64(sim.HalfHour)/float64(every)) < 44 {
		every *= 2
	}
	for t := first.Truncate(every); t <= first+time.Duration(d.n)*sim.HalfHour; t += every {
		if t < first {
			continue
		}
		x := left + plain*float64(t-first)/float64(time.Duration(d.n)*sim.HalfHour)
		fmt.Fprintf(d, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%.1f" stroke="%s" stroke-opacity=".35"/><text class="s m" x="%.1f" y="%.1f">%02d:00</text>`+"\n",
			x, x, top, bottom+5, hairline, x, bottom+20, int(t.Hours())%24)
	}
}

// nice returns a round step that makes about four of the value.
func nice(most float64) float64 {
	if most <= 0 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(most/4)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if most/(m*step) <= 4.5 {
			return m * step
		}
	}
	return 10 * step
}

// number writes a figure with as few digits as tell it.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case math.Abs(v) >= 1000:
		whole := fmt.Sprintf("%.0f", v)
		return whole[:len(whole)-3] + "," + whole[len(whole)-3:]
	case v == math.Trunc(v), math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}

func highest(lists ...[]float64) float64 {
	most := 0.0
	for _, list := range lists {
		for _, v := range list {
			most = math.Max(most, v)
		}
	}
	return most
}

func sum(lists ...[]float64) []float64 {
	total := make([]float64, len(lists[0]))
	for _, list := range lists {
		for i, v := range list {
			total[i] += v
		}
	}
	return total
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
