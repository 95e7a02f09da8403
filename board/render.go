package board

import (
	"fmt"
	"strings"
	"time"

	"cardline/ledger"
)

// A style is how a span of text looks: the parameter of SGR (ECMA-48). The
// zero value is plain.
type style string

// The styles.
const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
	notice style = "1;30;43" // what the visitor must not miss
)

// A span is text in one style.
type span struct {
	style style
	text  string
}

// A line is spans from left to right. Every character is one column wide:
// whatever is no printable ASCII has become a question mark.
type line []span

func text(s style, format string, a ...any) span {
	return span{s, strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, fmt.Sprintf(format, a...))}
}

// fit cuts the line to a width, or pads it with blanks.
func (l line) fit(width int) line {
	var out line
	room := width
	for _, s := range l {
		if len(s.text) > room {
			s.text = s.text[:room]
		}
		room -= len(s.text)
		out = append(out, s)
	}
	return append(out, span{plain, strings.Repeat(" ", room)})
}

// draw returns the line as it goes to the terminal, without blanks at its end.
func (l line) draw(color bool) string {
	var b strings.Builder
	for _, s := range l {
		if color && s.style != plain && s.text != "" {
			fmt.Fprintf(&b, "\x1b[%sm%s\x1b[0m", s.style, s.text)
		} else {
			b.WriteString(s.text)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// twoColumns is the width from which callers and agents stand side by side.
const twoColumns = 78

// Render returns the board as lines of at most the given width, at most as
// many as there are rows. If it does not fit, the messages go first, then what
// is at the end; the invitation stays.
func (b *Board) Render(now time.Time, columns, rows int) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.state
	head := []line{b.title(now), {}}
	left, right := s.callerLines(now), s.agentLines(now)
	var body []line
	if columns >= twoColumns {
		body = beside(left, right, columns/2-1)
	} else {
		body = append(append(left, line{}), right...)
	}
	body = append(append(body, line{}), s.queueLines(now)...)
	body = append(append(body, line{}), s.totalLines()...)
	foot := []line{{}}
	if m := s.toVisitor; m.text != "" {
		foot = append(foot, line{text(notice, " TEXT MESSAGE TO YOUR PHONE %s  %s ", m.at.Local().Format(time.TimeOnly), m.text)})
	}
	if s.note != "" {
		foot = append(foot, line{text(notice, " %s ", s.note)})
	}
	for i, t := range b.options.Invitation {
		look := plain
		if i == 0 {
			look = bold
		}
		foot = append(foot, line{text(look, "%s", t)})
	}
	room := rows - len(head) - len(foot) - len(body)
	if room >= 3 {
		body = append(body, line{})
		body = append(body, s.messageLines(room-1)...)
	}
	all := append(head, body...)
	if most := rows - len(foot); len(all) > most {
		all = all[:max(most, 0)]
	}
	all = append(all, foot...)
	out := make([]string, 0, rows)
	for _, l := range all[:min(len(all), rows)] {
		out = append(out, l.fit(columns).draw(b.options.Color))
	}
	return out
}

func beside(left, right []line, at int) []line {
	var out []line
	for i := range max(len(left), len(right)) {
		var l line
		if i < len(left) {
			l = left[i]
		}
		l = l.fit(at)
		if i < len(right) {
			l = append(l, right[i]...)
		}
		out = append(out, l)
	}
	return out
}

func (b *Board) title(now time.Time) line {
	l := line{text(bold, "%s", b.options.Title)}
	if began := b.state.began; !began.IsZero() {
		l = append(l, text(dim, "   open for %s", clock(now.Sub(began))))
	}
	l = append(l, text(dim, "   %s", now.Local().Format(time.TimeOnly)))
	if b.options.Clock != nil {
		l = append(l, text(dim, "   for the hotline it is %s", b.options.Clock(now).Format("Mon 15:04")))
	}
	return l
}

func (s *state) callerLines(now time.Time) []line {
	inService := 0
	for _, p := range selfService {
		inService += s.count(p)
	}
	lines := []line{
		{text(bold, "CALLERS %3d", s.live()), text(dim, "   most at one time %d", s.totals.peak)},
		{text(cyan, "in self service %4d", inService)},
	}
	for _, p := range selfService {
		if n := s.count(p); n > 0 || p != atOther {
			lines = append(lines, line{text(plain, "  %-15s %2d  %s", p, n, bar(n))})
		}
	}
	waiting := line{text(yellow, "waiting         %4d", s.count(isWaiting))}
	var oldest time.Duration
	for _, q := range s.queues {
		oldest = max(oldest, q.oldest(now))
	}
	if oldest > 0 {
		waiting = append(waiting, text(plain, "  oldest %s", clock(oldest)))
	}
	return append(lines, waiting, line{text(green, "talking         %4d", s.count(isTalking)+s.count(isHolding))})
}

// bar is n as a length.
func bar(n int) string { return strings.Repeat("#", min(n, 20)) }

// looks are the styles of agents' states.
var looks = map[ledger.AgentState]style{
	ledger.AgentReady: green, ledger.AgentOffered: yellow, ledger.AgentTalking: cyan, ledger.AgentHolding: cyan,
	ledger.AgentLoggedOut: dim, ledger.AgentUnreachable: red,
}

func (s *state) agentLines(now time.Time) []line {
	lines := []line{{text(bold, "AGENTS"), text(dim, "    calls taken, state, since")}}
	for _, a := range s.agents {
		what := strings.ReplaceAll(string(a.state), "_", " ")
		switch {
		case a.reason != "":
			what += ": " + a.reason
		case a.state == ledger.AgentTalking && a.queue != "":
			what += ": " + a.queue
		}
		since := ""
		if !a.since.IsZero() {
			since = clock(now.Sub(a.since))
		}
		lines = append(lines, line{
			text(plain, "%-6s %3d  ", a.id, a.taken), text(looks[a.state], "%-20s", what), text(plain, "%7s  ", since), text(dim, "%s", a.group),
		})
	}
	return lines
}

func (s *state) queueLines(now time.Time) []line {
	lines := []line{{text(bold, "%-14s", "QUEUES"), text(dim, "%8s%8s%9s%9s%10s%9s%9s%8s",
		"waiting", "oldest", "entered", "answered", "abandoned", "others", "longest", "in 20s")}}
	for _, q := range s.queues {
		level := "-"
		if share, ok := q.serviceLevel(); ok {
			level = fmt.Sprintf("%.0f%%", 100*share)
		}
		oldest := q.oldest(now)
		look := plain
		if oldest > serviceTime.Duration() {
			look = yellow
		}
		lines = append(lines, line{
			text(plain, "%-14s", q.name), text(look, "%8d%8s", len(q.waiting), clock(oldest)),
			text(plain, "%9d%9d%10d%9d%9s%8s", q.entered, q.answered, q.abandoned, q.others, clock(q.longest.Duration()), level),
		})
		if q.shut != "" {
			lines = append(lines, line{text(yellow, "  %s", q.shut)})
		}
	}
	return lines
}

func (s *state) totalLines() []line {
	t := s.totals
	missed := 0
	for _, r := range []ledger.OfferResult{ledger.OfferIgnored, ledger.OfferRejected, ledger.OfferBusy, ledger.OfferUnreachable} {
		missed += t.offers[r]
	}
	mean := time.Duration(0)
	if t.talks > 0 {
		mean = t.talked.Duration() / time.Duration(t.talks)
	}
	return []line{
		{
			text(bold, "TOTALS   "),
			text(plain, "%d calls: %d served themselves, %d asked for a person, %d hung up before, %d failed",
				t.calls, t.outcomes[ledger.IVRContained], t.outcomes[ledger.IVRToAgent], t.outcomes[ledger.IVRLost], t.outcomes[ledger.IVRError]),
		},
		{text(plain, "         %d cards activated, %d PINs set, %d bills, %d losses, %d verifications failed",
			t.services["activation"], t.services["pin_set"], t.services["bill"], t.services["loss"], t.verification)},
		{text(plain, "         %d conversations of %s on average, %d offers not taken", t.talks, clock(mean), missed)},
	}
}

// messageLines returns at most n lines about the newest messages.
func (s *state) messageLines(n int) []line {
	lines := []line{{text(bold, "TEXT MESSAGES"), text(dim, "   of the demo issuer; shown here and nowhere else")}}
	for i := len(s.messages) - 1; i >= 0 && len(lines) < n; i-- {
		m := s.messages[i]
		lines = append(lines, line{
			text(dim, "%s  ", m.at.Local().Format(time.TimeOnly)), text(plain, "card %s, phone %s: %s", m.tail, m.phoneTail, m.text),
		})
	}
	return lines
}

// Summary returns the state in one line, for where there is no terminal.
func (b *Board) Summary(now time.Time) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.state
	inService, oldest, answered, abandoned := 0, time.Duration(0), 0, 0
	for _, p := range selfService {
		inService += s.count(p)
	}
	for _, q := range s.queues {
		oldest = max(oldest, q.oldest(now))
		answered += q.answered
		abandoned += q.abandoned
	}
	ready := 0
	for _, a := range s.agents {
		if a.state == ledger.AgentReady {
			ready++
		}
	}
	return fmt.Sprintf("%s  calls %d: in IVR %d, in queue %d (oldest %s), talking %d | so far %d calls, %d answered, %d abandoned, %d cards activated, %d PINs set | agents ready %d of %d",
		now.Local().Format(time.TimeOnly), s.live(), inService, s.count(isWaiting), clock(oldest), s.count(isTalking)+s.count(isHolding),
		s.totals.calls, answered, abandoned, s.totals.services["activation"], s.totals.services["pin_set"], ready, len(s.agents))
}

// clock writes a time as 1:05, or 1:00:05.
func clock(d time.Duration) string {
	seconds := int(max(d, 0).Seconds())
	if seconds >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}
