package load

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"cardline/media"
)

// Figures are what a load has met with. Times are in the unit that the JSON
// name says.
type Figures struct {
	Target  string       `json:"target"`
	Seconds float64      `json:"seconds"` // from the first call to the last
	Calls   CallFigures  `json:"calls"`
	Setup   SetupFigures `json:"setup_ms"` // of established calls
	Talk    TalkFigures  `json:"talk"`
	RTP     RTPFigures   `json:"rtp"`
	Agents  AgentFigures `json:"agents"`
	// CPUSeconds is what the whole process has used meanwhile.
	CPUSeconds float64 `json:"cpu_seconds"`
}

// CallFigures count calls. Attempted is the sum of all outcomes.
type CallFigures struct {
	Attempted   int             `json:"attempted"`
	Established int             `json:"established"`
	Peak        int             `json:"peak"` // at one time
	Outcomes    map[Outcome]int `json:"outcomes"`
	// FailedByCode counts failed calls by final response, "0" for none.
	FailedByCode map[string]int `json:"failed_by_code"`
	// TalkedEndedBy says who hung up calls in which somebody talked: caller,
	// far_end. A caller may do so when the agent is gone already.
	TalkedEndedBy map[string]int `json:"talked_ended_by"`
	// StoriesFailed counts calls of which the caller could not do what its
	// story says, such as pressing keys where the far end takes none.
	StoriesFailed int `json:"stories_failed"`
}

// SetupFigures are times from INVITE to 200.
type SetupFigures struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// TalkFigures are conversations as callers heard them.
type TalkFigures struct {
	Seconds float64 `json:"seconds"`
}

// RTPFigures are packets of callers and agents together, sent and received by
// us.
type RTPFigures struct {
	Sent       uint64 `json:"sent"`
	Received   uint64 `json:"received"`
	Lost       uint64 `json:"lost"`        // that should have come
	RemoteLost uint64 `json:"remote_lost"` // of ours, as the far end reports
	Unsent     uint64 `json:"unsent"`      // that our own kernel did not take
	// Strange counts what was malformed, unexpected or from elsewhere. The far
	// end's first packets are among it if they are faster than its 200, which
	// says where they come from.
	Strange     uint64  `json:"strange"`
	JitterMean  float64 `json:"jitter_mean_ms"`
	JitterWorst float64 `json:"jitter_worst_ms"` // of one call
}

// AgentFigures add up what the agents did, see [Work].
type AgentFigures struct {
	Agents      int     `json:"agents"`
	Offers      int     `json:"offers"`
	Answered    int     `json:"answered"`
	Refused     int     `json:"refused"`
	Ignored     int     `json:"ignored"`
	Died        int     `json:"died"`
	CutOff      int     `json:"cut_off"`
	CallerLeft  int     `json:"caller_left"`
	Deaf        int     `json:"deaf"`
	Crossed     int     `json:"crossed"`
	TalkSeconds float64 `json:"talk_seconds"`
}

// Healthy reports whether every call was established and ended in order, and
// everybody who talked heard the right voice.
func (f *Figures) Healthy() bool {
	o := f.Calls.Outcomes
	return o[Failed]+o[GaveUp]+o[Broken]+f.Calls.StoriesFailed+f.Agents.Deaf+f.Agents.Crossed == 0
}

// WriteJSON writes the figures as one indented object.
func (f *Figures) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(f)
}

// WriteText writes the figures as a table for people.
func (f *Figures) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, value any, note string) { fmt.Fprintf(t, "%s\t%v\t  %s\n", name, value, note) }
	row("calls attempted", f.Calls.Attempted, fmt.Sprintf("to %s in %.1f s, %d at one time", f.Target, f.Seconds, f.Calls.Peak))
	row("established", f.Calls.Established, fmt.Sprintf("after %.1f ms (p50), %.1f ms (p99), %.1f ms at most", f.Setup.P50, f.Setup.P99, f.Setup.Max))
	for _, o := range Outcomes {
		note := ""
		switch o {
		case Failed:
			for _, code := range sortedKeys(f.Calls.FailedByCode) {
				note += fmt.Sprintf("%s: %d  ", code, f.Calls.FailedByCode[code])
			}
		case Talked:
			note = fmt.Sprintf("%.1f s in all; ended by caller %d, by the far end %d",
				f.Talk.Seconds, f.Calls.TalkedEndedBy["caller"], f.Calls.TalkedEndedBy["far_end"])
		case GaveUp, LeftSelfService, EndedSelfService, LeftWaiting, EndedWaiting, Broken:
		}
		row(string(o), f.Calls.Outcomes[o], note)
		if o == Failed {
			for _, code := range sortedKeys(f.Calls.FailedByCode) {
				if why := refusals[code]; why != "" {
					row("", "", code+": "+why)
				}
			}
		}
	}
	if n := f.Calls.StoriesFailed; n > 0 {
		row("of these", n, "could not do what they wanted to; see the log")
	}
	row("RTP sent", f.RTP.Sent, fmt.Sprintf("%d lost on their way, %d not taken by our kernel", f.RTP.RemoteLost, f.RTP.Unsent))
	row("received", f.RTP.Received, fmt.Sprintf("%d lost, %d strange, jitter %.2f ms, %.2f ms in the worst call",
		f.RTP.Lost, f.RTP.Strange, f.RTP.JitterMean, f.RTP.JitterWorst))
	if a := f.Agents; a.Agents > 0 {
		row("agents", a.Agents, fmt.Sprintf("%d offers: %d answered, %d refused, %d ignored, %d callers left", a.Offers, a.Answered, a.Refused, a.Ignored, a.CallerLeft))
		if a.Died > 0 {
			row("phones that died", a.Died, fmt.Sprintf("%d of them while they rang", a.CutOff))
		}
		row("", "", fmt.Sprintf("%.1f s of talk, %d heard nobody, %d heard somebody else", a.TalkSeconds, a.Deaf, a.Crossed))
	}
	row("CPU seconds", fmt.Sprintf("%.1f", f.CPUSeconds), "of this process")
	return t.Flush()
}

// refusals say what a final response to a caller usually means.
var refusals = map[string]string{
	"401": "the server asks callers for a password: make this address a trunk of it (trunks: sources), or call as none of its accounts",
	"403": "the server bars these callers, or takes no calls from this address",
	"404": "nobody answers at the number that was dialled",
	"488": "no codec in common",
	"503": "the server has as many calls as it takes, or is about to stop",
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// A tally adds calls and shifts up.
type tally struct {
	mu     sync.Mutex
	calls  CallFigures
	now    int // calls at this moment
	setups []time.Duration
	talk   time.Duration
	agents AgentFigures
	rtp    media.Stats
	jitter []time.Duration
}

func newTally() *tally {
	return &tally{calls: CallFigures{
		Outcomes: make(map[Outcome]int), FailedByCode: make(map[string]int), TalkedEndedBy: map[string]int{"caller": 0, "far_end": 0},
	}}
}

func (t *tally) began() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls.Attempted++
	t.now++
	t.calls.Peak = max(t.calls.Peak, t.now)
}

func (t *tally) ended(c Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now--
	t.calls.Outcomes[c.Outcome]++
	if c.Err != nil {
		t.calls.StoriesFailed++
	}
	switch c.Outcome {
	case Failed:
		t.calls.FailedByCode[strconv.Itoa(c.Code)]++
		return
	case GaveUp:
		return
	case Talked:
		by := "caller"
		if c.ByFarEnd {
			by = "far_end"
		}
		t.calls.TalkedEndedBy[by]++
		t.talk += c.Talked
	case LeftSelfService, EndedSelfService, LeftWaiting, EndedWaiting, Broken:
	}
	t.calls.Established++
	t.setups = append(t.setups, c.Setup)
	add(&t.rtp, c.RTP)
	t.jitter = append(t.jitter, c.RTP.Jitter)
}

func (t *tally) worked(w Work) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := &t.agents
	a.Agents++
	a.Offers += w.Offers
	a.Answered += w.Answered
	a.Refused += w.Refused
	a.Ignored += w.Ignored
	a.Died += w.Died
	a.CutOff += w.CutOff
	a.CallerLeft += w.CallerLeft
	a.Deaf += w.Deaf
	a.Crossed += w.Crossed
	a.TalkSeconds += w.Talked.Seconds()
	add(&t.rtp, w.RTP)
}

// add adds counters; jitter is kept by call.
func add(sum *media.Stats, s media.Stats) {
	sum.Sent += s.Sent
	sum.Received += s.Received
	sum.Lost += s.Lost
	sum.RemoteLost += s.RemoteLost
	sum.Unsent += s.Unsent
	sum.WrongSource += s.WrongSource
	sum.Malformed += s.Malformed
	sum.Unexpected += s.Unexpected
}

// figures returns the sums.
func (t *tally) figures() *Figures {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := &Figures{Calls: t.calls, Agents: t.agents, Talk: TalkFigures{t.talk.Seconds()}}
	for _, o := range Outcomes { // also those that never came
		f.Calls.Outcomes[o] += 0
	}
	slices.Sort(t.setups)
	if n := len(t.setups); n > 0 {
		at := func(share float64) float64 { return milliseconds(t.setups[min(int(share*float64(n)), n-1)]) }
		f.Setup = SetupFigures{P50: at(0.50), P99: at(0.99), Max: milliseconds(t.setups[n-1])}
	}
	f.RTP = RTPFigures{
		Sent: t.rtp.Sent, Received: t.rtp.Received, Lost: t.rtp.Lost, RemoteLost: t.rtp.RemoteLost, Unsent: t.rtp.Unsent,
		Strange: t.rtp.WrongSource + t.rtp.Malformed + t.rtp.Unexpected,
	}
	for _, j := range t.jitter {
		f.RTP.JitterMean += milliseconds(j) / float64(len(t.jitter))
		f.RTP.JitterWorst = max(f.RTP.JitterWorst, milliseconds(j))
	}
	return f
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
