// Package why tells in words how a call was routed: from its events alone, for
// somebody who runs a call centre and has never seen a ledger.
package why

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cardline/ledger"
	"cardline/store"
)

// ErrUnknown means that no call has the id.
var ErrUnknown = errors.New("there is no such call")

// Books are where events and records are read.
type Books interface {
	// EventsOf returns the events of one call, in order.
	EventsOf(ctx context.Context, call string) ([]ledger.Event, error)
	// RecordsOf returns the records of the calls of one journey, in order.
	RecordsOf(ctx context.Context, journey string) ([]store.Record, error)
}

// An Explanation is what happened to a call, and for which reasons.
type Explanation struct {
	Call    string `json:"call"`
	Journey string `json:"journey"`
	Line    string `json:"line"`
	Caller  string `json:"caller,omitempty"` // last four digits
	// Pseudonym stands for the caller's number; see package caller.
	Pseudonym string    `json:"pseudonym,omitempty"`
	Callback  bool      `json:"callback,omitempty"`
	Arrived   time.Time `json:"arrived_at"`
	Related   []Related `json:"related,omitempty"`
	Steps     []Step    `json:"steps"`
	Text      string    `json:"text"`
}

// A Step is one thing that happened.
type Step struct {
	At   time.Time     `json:"at"`
	In   ledger.Millis `json:"in_ms"` // since the call's first event
	Kind string        `json:"kind"`  // of the fact
	Text string        `json:"text"`
}

// Related is another call of the same matter.
type Related struct {
	Call     string    `json:"call"`
	Callback bool      `json:"callback,omitempty"`
	Arrived  time.Time `json:"arrived_at"`
}

// Explain explains a call, with times of day in the given zone. It returns
// [ErrUnknown] if there is no such call.
func Explain(ctx context.Context, b Books, call string, zone *time.Location) (Explanation, error) {
	events, err := b.EventsOf(ctx, call)
	if err != nil {
		return Explanation{}, err
	}
	if len(events) == 0 {
		return Explanation{}, ErrUnknown
	}
	e := tell(events)
	records, err := b.RecordsOf(ctx, e.Journey)
	if err != nil {
		return Explanation{}, err
	}
	for _, r := range records {
		if r.Call != call && e.Journey != "" {
			e.Related = append(e.Related, Related{r.Call, r.Callback != nil, r.ArrivedAt})
		}
	}
	e.Text = e.render(zone)
	return e, nil
}

// render writes the explanation as a page of text.
func (e *Explanation) render(zone *time.Location) string {
	var b strings.Builder
	what := "Call"
	if e.Callback {
		what = "Callback"
	}
	fmt.Fprintf(&b, "%s %s, line %s, %s", what, e.Call, e.Line, e.Arrived.In(zone).Format("Monday 2 January 2006, 15:04:05 -07:00"))
	if e.Caller != "" {
		fmt.Fprintf(&b, ", number ending in %s", e.Caller)
	}
	b.WriteString("\n")
	for _, r := range e.Related {
		what := "call"
		if r.Callback {
			what = "callback"
		}
		fmt.Fprintf(&b, "Same matter: %s %s, %s\n", what, r.Call, r.Arrived.In(zone).Format("2 January 15:04:05"))
	}
	b.WriteString("\n")
	for _, s := range e.Steps {
		for i, line := range wrap(s.Text, textWidth) {
			if i == 0 {
				fmt.Fprintf(&b, "%s %8s  %s\n", s.At.In(zone).Format("15:04:05"), clock(s.In), line)
			} else {
				fmt.Fprintf(&b, "%19s%s\n", "", line)
			}
		}
	}
	return b.String()
}

// textWidth is the width of the sentences, in characters.
const textWidth = 80

// wrap breaks a text into lines.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// clock writes the time in a call, as +1:05.
func clock(m ledger.Millis) string {
	seconds := int64(m / 1000)
	if seconds < 3600 {
		return fmt.Sprintf("+%d:%02d", seconds/60, seconds%60)
	}
	return fmt.Sprintf("+%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

// spell writes a time as one would say it.
func spell(m ledger.Millis) string {
	d := m.Duration()
	switch {
	case d == 0:
		return "0 s"
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d.Round(time.Second)/time.Second)
	}
	d = d.Round(time.Second)
	parts := []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	var words []string
	for _, p := range parts {
		if n := d / p.unit; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, p.name))
			d -= n * p.unit
		}
	}
	return strings.Join(words, " ")
}

// count writes a number of things.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
