package call

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cardline/acd"
	"cardline/ledger"
)

// ErrUnknownLine means that no line has the name.
var ErrUnknownLine = errors.New("unknown line")

// A QueueView is what a queue is like at the moment of the question.
type QueueView struct {
	Name string
	ModeView
	Waiting   int           // on the line, those whom a phone rings for included
	Callbacks int           // not on the line
	Staff     acd.Standings // of the queue's first requirement
	// P50 and P90 are what a caller who came now would wait, if Known.
	P50, P90 time.Duration
	Known    bool
}

// A LineView is what a line is like at the moment of the question.
type LineView struct {
	Name string
	ModeView
}

// A ModeView is what is in force, by the hours or by hand.
type ModeView struct {
	Mode   ledger.Mode
	Until  time.Time // zero: until it is changed
	ByHand bool
	Who    string // by whose hand
	Why    string
}

// An EntryView is a caller's place at the moment of the question.
type EntryView struct {
	Entry         uint64
	Call, Queue   string
	Via           ledger.Via
	Class         string
	Position      int // in the queue, from 1
	HeadStart     time.Duration
	Step          int
	Waited, Total time.Duration // in this queue, and since the first entry of the matter
	Agents        []string      // who are rung for the caller
	// Away says that the caller is not on the line and is to be called back, in
	// Attempts up to now; Dialling, that this is being done.
	Away, Dialling bool
	Attempts       int
	Again          time.Time     // of the next attempt, if that has to wait
	Expected       time.Duration // still to wait, if Known
	Known          bool
}

// Queues tells what every queue is like, in the order of the configuration.
func (h *Hotline) Queues() []QueueView {
	config, now := h.config.Load(), time.Now()
	state := h.state()
	list := make([]QueueView, len(config.Routing.Queues))
	at := make(map[string]int, len(list))
	for i, q := range config.Routing.Queues {
		at[q.Name] = i
		h.hours.mu.Lock()
		t := h.hours.queues[q.Name]
		h.hours.mu.Unlock()
		list[i] = QueueView{Name: q.Name, ModeView: inForce(t, config.Queues[q.Name].Hours, now)}
		if e, known := h.forecast.of(0, q.Name); known {
			list[i].P50, list[i].P90, list[i].Known = e.P50, e.P90, true
		}
		h.router.exec(func(r *acd.Router) { list[i].Staff = r.Staff(q.Name) })
	}
	for _, e := range state.Entries {
		i, known := at[e.Queue]
		switch {
		case !known:
		case e.Away:
			list[i].Callbacks++
		default:
			list[i].Waiting++
		}
	}
	return list
}

// Lines tells what every line is like, once for all of its numbers, by name.
func (h *Hotline) Lines() (list []LineView) {
	now, seen := time.Now(), map[string]bool{}
	for _, l := range h.config.Load().Lines {
		if seen[l.Name] {
			continue
		}
		seen[l.Name] = true
		h.hours.mu.Lock()
		t := h.hours.lines[l.Name]
		h.hours.mu.Unlock()
		list = append(list, LineView{l.Name, inForce(t, l.Hours, now)})
	}
	slices.SortFunc(list, func(a, b LineView) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// inForce tells what holds now of a switch and hours.
func inForce(t thrown, hours Hours, now time.Time) ModeView {
	switch {
	case t.counts(now):
		return ModeView{Mode: t.mode, Until: t.until, ByHand: true, Who: t.who, Why: t.why}
	case hours != nil:
		mode, why, until := hours.At(now)
		return ModeView{Mode: mode, Until: until, Why: why}
	default:
		return ModeView{Mode: ledger.ModeOpen}
	}
}

// Entries lists the places of a queue, or of all queues if it is "", in the
// order in which they are served.
func (h *Hotline) Entries(queue string) (list []EntryView) {
	state := h.state()
	rung := map[uint64][]string{}
	for _, o := range state.Offers {
		rung[o.Entry] = append(rung[o.Entry], o.Agent)
	}
	position := map[string]int{}
	for _, e := range state.Entries {
		position[e.Queue]++
		if queue != "" && e.Queue != queue {
			continue
		}
		v := EntryView{
			Entry: e.ID, Call: e.Call, Queue: e.Queue, Via: e.Via, Class: e.Class, Position: position[e.Queue],
			HeadStart: e.Place.First - e.Place.Key, Step: e.Step, Waited: state.Now - e.Since, Total: state.Now - e.Place.First,
			Agents: rung[e.ID], Away: e.Away, Dialling: e.DialUntil != 0, Attempts: e.Attempt,
		}
		if e.Again != 0 {
			v.Again = h.router.began.Add(e.Again)
		}
		if estimate, known := h.forecast.of(e.ID, e.Queue); known && !e.Away {
			v.Expected, v.Known = estimate.P50, true
		}
		list = append(list, v)
	}
	return list
}

// state copies what the router knows at this moment.
func (h *Hotline) state() (s acd.Snapshot) {
	_, _ = h.router.apply(acd.Tick{}) // a view is as old as the router's last command
	h.router.exec(func(r *acd.Router) { s = r.Snapshot() })
	return s
}

// Switch throws a switch by the API; see [Hotline.Throw]. If it names a queue or
// line that there is not, nothing is thrown.
func (h *Hotline) Switch(s Switch, who string) error {
	config := h.config.Load()
	for _, l := range s.Lines {
		if lineNamed(config, l) == nil {
			return fmt.Errorf("%w %q", ErrUnknownLine, l)
		}
	}
	for _, q := range s.Queues {
		known := false
		h.router.exec(func(r *acd.Router) { known = r.Mode(q) != "" })
		if !known {
			return fmt.Errorf("%w %q", acd.ErrUnknownQueue, q)
		}
	}
	h.Throw(s, ledger.ByAPI, who)
	return nil
}

// Rethrow throws switches that were in force before a restart, which is told to
// nobody: the ledger knows them.
func (h *Hotline) Rethrow(list []Switched) {
	h.hours.mu.Lock()
	if h.hours.queues == nil {
		h.hours.queues, h.hours.lines = map[string]thrown{}, map[string]thrown{}
	}
	for _, s := range list {
		t := thrown{mode: s.Mode, until: s.Until, by: ledger.BySystem, who: s.Who, why: s.Why}
		if s.Queue != "" {
			h.hours.queues[s.Queue] = t
		} else {
			h.hours.lines[s.Line] = t
		}
	}
	h.hours.mu.Unlock()
	h.hours.changed()
}

// CancelCallback takes back the promise to call a customer, whose callback is
// the call with the id. It returns [acd.ErrUnknownEntry] if there is none, or if
// the customer is on the line already.
func (h *Hotline) CancelCallback(call, who, reason string) (err error) {
	h.router.exec(func(r *acd.Router) {
		for _, e := range r.Snapshot().Entries {
			if e.Call != call || !e.Away {
				continue
			}
			h.router.fact(call, ledger.CallbackCancelled{Entry: e.ID, Queue: e.Queue, By: ledger.ByAPI, Who: who, Reason: reason})
			_, err = h.router.step(r, acd.Leave{Entry: e.ID, Outcome: ledger.OutcomeClosed})
			return
		}
		err = fmt.Errorf("%w: no callback %q", acd.ErrUnknownEntry, call)
	})
	return err
}
