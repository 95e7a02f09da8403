// Package store makes call records from ledger events. It holds what every
// database shares: the [Record], the fold that derives it, and what must be
// said about a call that was cut by the end of the program.
package store

import (
	"time"

	"cardline/ledger"
)

// A Record is what is kept of one call. It is derived from the call's events
// and nothing else.
type Record struct {
	Call       string            `json:"call"`
	Journey    string            `json:"journey"`
	Line       string            `json:"line"`
	Trunk      string            `json:"trunk,omitempty"`
	Device     string            `json:"device,omitempty"`
	Caller     string            `json:"caller,omitempty"` // last four digits
	ArrivedAt  time.Time         `json:"arrived_at"`
	AnsweredAt time.Time         `json:"answered_at,omitzero"` // zero if never
	EndedAt    time.Time         `json:"ended_at,omitzero"`    // zero while the call is up
	Reason     ledger.EndReason  `json:"reason,omitempty"`
	Outcome    ledger.IVROutcome `json:"outcome,omitempty"`
	Took       ledger.Millis     `json:"took"`
	Steps      int               `json:"steps"` // steps of flows that were left
	Services   []Service         `json:"services,omitempty"`
	Places     []Place           `json:"places,omitempty"`
	Talks      []Talk            `json:"talks,omitempty"`

	offer  ledger.Offered // the one that is out; Offer is 0 if none is
	talk   ledger.Bridged // the one that is on; Agent is "" if none is
	talkAt time.Time
	holdAt time.Time // zero if not on hold
	held   ledger.Millis
	waitAt time.Time // when the open place was taken
}

// A Service is one self service that a caller used.
type Service struct {
	Service string               `json:"service"`
	Result  ledger.ServiceResult `json:"result"`
	Tail    string               `json:"tail,omitempty"` // of the card
}

// A Place is one stay in a queue.
type Place struct {
	Entry   uint64              `json:"entry"`
	Queue   string              `json:"queue"`
	Via     ledger.Via          `json:"via"`
	Outcome ledger.QueueOutcome `json:"outcome,omitempty"` // empty while waiting
	Waited  ledger.Millis       `json:"waited"`
	Offers  int                 `json:"offers"`
}

// A Talk is one conversation with an agent.
type Talk struct {
	Agent  string         `json:"agent"`
	Queue  string         `json:"queue"`
	Talked ledger.Millis  `json:"talked"`
	Held   ledger.Millis  `json:"held"`
	By     ledger.TalkEnd `json:"by"`
}

// Add takes one event of the record's call into account. Events must come in
// the order of the ledger.
func (r *Record) Add(e ledger.Event) {
	switch f := e.Fact.(type) {
	case ledger.CallArrived:
		r.Call, r.Journey = e.Call, e.Journey
		r.Line, r.Trunk, r.Device, r.Caller = f.Line, f.Trunk, f.Device, f.Caller
		r.ArrivedAt = e.At
	case ledger.CallAnswered:
		r.AnsweredAt = e.At
	case ledger.StepLeft:
		r.Steps++
	case ledger.ServiceEnded:
		r.Services = append(r.Services, Service{f.Service, f.Result, f.Tail})
	case ledger.Queued:
		r.Places = append(r.Places, Place{Entry: f.Entry, Queue: f.Queue, Via: f.Via})
		r.waitAt = e.At
	case ledger.Offered:
		r.offer = f
		r.place(f.Entry).Offers++
	case ledger.OfferEnded:
		r.offer = ledger.Offered{}
	case ledger.Dequeued:
		p := r.place(f.Entry)
		p.Outcome, p.Waited = f.Outcome, f.Waited
	case ledger.Bridged:
		r.talk, r.talkAt, r.held = f, e.At, 0
	case ledger.HoldStarted:
		r.holdAt = e.At
	case ledger.HoldEnded:
		r.holdAt = time.Time{}
		r.held += f.Held
	case ledger.TalkEnded:
		r.Talks = append(r.Talks, Talk{f.Agent, f.Queue, f.Talked, f.Held, f.By})
		r.talk, r.holdAt = ledger.Bridged{}, time.Time{}
	case ledger.CallEnded:
		r.EndedAt, r.Reason, r.Outcome, r.Took = e.At, f.Reason, f.Outcome, f.Took
	}
}

// place finds the place of an entry. An entry that the record has not seen,
// which no whole ledger has, gets a place that is not kept.
func (r *Record) place(entry uint64) *Place {
	for i := range r.Places {
		if r.Places[i].Entry == entry {
			return &r.Places[i]
		}
	}
	return new(Place)
}

// Ended reports whether the call is over.
func (r *Record) Ended() bool { return r.Reason != "" }

// Waited returns the time that the caller spent in queues.
func (r *Record) Waited() (sum ledger.Millis) {
	for _, p := range r.Places {
		sum += p.Waited
	}
	return sum
}

// Talked returns the time that the caller talked with agents, hold excluded.
func (r *Record) Talked() (sum ledger.Millis) {
	for _, t := range r.Talks {
		sum += t.Talked
	}
	return sum
}

// Interrupted returns the facts that close a call that was up when the program
// was killed at the given time, so that whatever was opened is closed: every
// place is left, every offer and conversation ends, and the call with them.
func (r *Record) Interrupted(at time.Time) []ledger.Fact {
	if r.Ended() {
		return nil
	}
	since := func(t time.Time) ledger.Millis { return max(0, ledger.MillisOf(at.Sub(t))) }
	var facts []ledger.Fact
	if o := r.offer; o.Offer != 0 {
		facts = append(facts, ledger.OfferEnded{
			Offer: o.Offer, Entry: o.Entry, Queue: o.Queue, Agent: o.Agent, Result: ledger.OfferWithdrawn,
			Rang: max(0, since(r.waitAt)-o.Waited),
		})
	}
	for _, p := range r.Places {
		if p.Outcome == "" {
			facts = append(facts, ledger.Dequeued{Entry: p.Entry, Queue: p.Queue, Outcome: ledger.OutcomeError, Waited: since(r.waitAt)})
		}
	}
	if t := r.talk; t.Agent != "" {
		held := r.held
		if !r.holdAt.IsZero() {
			facts = append(facts, ledger.HoldEnded{Agent: t.Agent, Held: since(r.holdAt)})
			held += since(r.holdAt)
		}
		facts = append(facts, ledger.TalkEnded{
			Entry: t.Entry, Queue: t.Queue, Agent: t.Agent, Talked: max(0, since(r.talkAt)-held), Held: held, By: ledger.TalkEndedBySystem,
		})
	}
	outcome := ledger.IVRLost
	switch {
	case len(r.Places) > 0:
		outcome = ledger.IVRToAgent
	case r.succeeded():
		outcome = ledger.IVRContained
	}
	return append(facts, ledger.CallEnded{Line: r.Line, Reason: ledger.EndInterrupted, Outcome: outcome, Took: since(r.ArrivedAt)})
}

func (r *Record) succeeded() bool {
	for _, s := range r.Services {
		if s.Result == ledger.ServiceOK {
			return true
		}
	}
	return false
}
