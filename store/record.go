// Package store makes call records from ledger events. It holds what every
// database shares: the [Record], the fold that derives it, and what must be
// said about a call that was cut by the end of the program.
package store

import (
	"maps"
	"slices"
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
	Caller     string            `json:"caller,omitempty"`    // last four digits
	Pseudonym  string            `json:"pseudonym,omitempty"` // stands for the caller's number; see package caller
	ArrivedAt  time.Time         `json:"arrived_at"`
	AnsweredAt time.Time         `json:"answered_at,omitzero"` // zero if never
	EndedAt    time.Time         `json:"ended_at,omitzero"`    // zero while the call is up
	Reason     ledger.EndReason  `json:"reason,omitempty"`
	Outcome    ledger.IVROutcome `json:"outcome,omitempty"`
	Took       ledger.Millis     `json:"took"`
	Steps      int               `json:"steps"` // steps of flows that were left
	// Tried counts what is capped for a caller.
	Tried    map[ledger.Cap]int `json:"tried,omitempty"`
	Services []Service          `json:"services,omitempty"`
	Places   []Place            `json:"places,omitempty"`
	Talks    []Talk             `json:"talks,omitempty"`
	Callback *Callback          `json:"callback,omitempty"` // if we call
	// WrongMedia tells of phones whose media came from elsewhere than they said.
	WrongMedia []ledger.WrongMediaSource `json:"wrong_media,omitempty"`

	offers []offer        // that are out
	talk   ledger.Bridged // the one that is on; Agent is "" if none is
	talkAt time.Time
	holdAt time.Time // zero if not on hold
	held   ledger.Millis
	wishAt time.Time // when the callback was asked for, zero if it has ended
}

// offer is an agent who is rung.
type offer struct {
	ledger.Offered
	at time.Time
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
	// HeadStart is what puts the caller before others, and Class its name.
	HeadStart ledger.Millis `json:"head_start,omitempty"`
	Class     string        `json:"class,omitempty"`
	Step      int           `json:"step,omitempty"` // of the requirement that was reached last
	// Total is the wait since the first entry of the matter, if that is longer,
	// and Next the entry by which the caller went on.
	Total ledger.Millis `json:"total,omitempty"`
	Next  uint64        `json:"next,omitempty"`

	before ledger.Millis // waited in the matter before
	at     time.Time     // when the place was taken
}

// A Talk is one conversation with an agent.
type Talk struct {
	Entry  uint64         `json:"entry,omitempty"`
	Agent  string         `json:"agent"`
	Queue  string         `json:"queue"`
	Talked ledger.Millis  `json:"talked"`
	Held   ledger.Millis  `json:"held"`
	By     ledger.TalkEnd `json:"by,omitempty"` // empty while they talk
	// Dispositions are what the agent said that the call was about.
	Dispositions []string `json:"dispositions,omitempty"`
}

// A Callback is a promise to call a customer.
type Callback struct {
	Queue     string        `json:"queue"`
	From      string        `json:"from,omitempty"` // the call in which it was asked for
	Confirmed bool          `json:"confirmed,omitempty"`
	Attempts  []Attempt     `json:"attempts,omitempty"`
	Outcome   string        `json:"outcome,omitempty"` // empty while it is open
	Took      ledger.Millis `json:"took"`
}

// An Attempt is one call to a customer.
type Attempt struct {
	Result ledger.CallbackResult `json:"result"`
	Took   ledger.Millis         `json:"took"`
}

// Add takes one event of the record's call into account. Events must come in
// the order of the ledger.
func (r *Record) Add(e ledger.Event) {
	switch f := e.Fact.(type) {
	case ledger.CallArrived:
		r.Call, r.Journey = e.Call, e.Journey
		r.Line, r.Trunk, r.Device, r.Caller, r.Pseudonym = f.Line, f.Trunk, f.Device, f.Caller, f.Pseudonym
		r.ArrivedAt = e.At
	case ledger.CallAnswered:
		r.AnsweredAt = e.At
	case ledger.StepLeft:
		r.Steps++
	case ledger.HostAsked:
		r.tried(f.Cap)
	case ledger.WrongMediaSource:
		r.WrongMedia = append(r.WrongMedia, f)
	case ledger.ServiceEnded:
		r.Services = append(r.Services, Service{f.Service, f.Result, f.Tail})
	case ledger.Queued:
		r.Places = append(r.Places, Place{
			Entry: f.Entry, Queue: f.Queue, Via: f.Via, HeadStart: f.HeadStart, Class: f.Class, before: f.Before, at: e.At,
		})
	case ledger.StepReached:
		r.place(f.Entry).Step = f.Step
	case ledger.HeadStartChanged:
		r.place(f.Entry).HeadStart = f.To
	case ledger.Offered:
		r.offers = append(r.offers, offer{f, e.At})
		r.place(f.Entry).Offers++
	case ledger.OfferEnded:
		r.offers = slices.DeleteFunc(r.offers, func(o offer) bool { return o.Offer == f.Offer })
	case ledger.Dequeued:
		p := r.place(f.Entry)
		p.Outcome, p.Waited, p.Total, p.Next = f.Outcome, f.Waited, f.Total, f.Next
	case ledger.Bridged:
		r.talk, r.talkAt, r.held = f, e.At, 0
		r.Talks = append(r.Talks, Talk{Entry: f.Entry, Agent: f.Agent, Queue: f.Queue})
	case ledger.HoldStarted:
		r.holdAt = e.At
	case ledger.HoldEnded:
		r.holdAt = time.Time{}
		r.held += f.Held
	case ledger.TalkEnded:
		t := r.talkOf(f.Entry, f.Agent)
		t.Talked, t.Held, t.By = f.Talked, f.Held, f.By
		r.talk, r.holdAt = ledger.Bridged{}, time.Time{}
	case ledger.Disposed:
		t := r.talkOf(f.Entry, f.Agent)
		t.Dispositions = append(t.Dispositions, f.Code)
	case ledger.CallbackRequested:
		r.Callback = &Callback{Queue: f.Queue, From: f.From, Confirmed: f.Confirmed}
		r.wishAt = e.At
	case ledger.CallbackTried:
		if r.Callback != nil {
			r.Callback.Attempts = append(r.Callback.Attempts, Attempt{f.Result, f.Took})
		}
	case ledger.CallbackEnded:
		if r.Callback != nil {
			r.Callback.Outcome, r.Callback.Took = f.Outcome, f.Took
		}
		r.wishAt = time.Time{}
	case ledger.CallEnded:
		r.EndedAt, r.Reason, r.Outcome, r.Took = e.At, f.Reason, f.Outcome, f.Took
	}
}

// tried counts what is capped, if there is anything.
func (r *Record) tried(c ledger.Cap) {
	if c == "" {
		return
	}
	if r.Tried == nil {
		r.Tried = map[ledger.Cap]int{}
	}
	r.Tried[c]++
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

// talkOf finds the latest conversation of an entry with an agent, as place does.
func (r *Record) talkOf(entry uint64, agent string) *Talk {
	for i := len(r.Talks) - 1; i >= 0; i-- {
		if t := &r.Talks[i]; t.Entry == entry && t.Agent == agent {
			return t
		}
	}
	return new(Talk)
}

// Copy returns a record that shares nothing with r that Add could change.
func (r *Record) Copy() *Record {
	c := *r
	c.Tried = maps.Clone(r.Tried)
	c.Services, c.Places, c.offers = slices.Clone(r.Services), slices.Clone(r.Places), slices.Clone(r.offers)
	c.Talks, c.WrongMedia = slices.Clone(r.Talks), slices.Clone(r.WrongMedia)
	for i := range c.Talks {
		c.Talks[i].Dispositions = slices.Clone(c.Talks[i].Dispositions)
	}
	if r.Callback != nil {
		callback := *r.Callback
		callback.Attempts = slices.Clone(callback.Attempts)
		c.Callback = &callback
	}
	return &c
}

// Ended reports whether the call is over.
func (r *Record) Ended() bool { return r.Reason != "" }

// Waited returns the time that the caller spent in queues on the line.
func (r *Record) Waited() (sum ledger.Millis) {
	for _, p := range r.Places {
		if p.Via != ledger.ViaCallback {
			sum += p.Waited
		}
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
// place is left, every offer and conversation ends, a callback too, and the call
// with them.
func (r *Record) Interrupted(at time.Time) []ledger.Fact {
	if r.Ended() {
		return nil
	}
	since := func(t time.Time) ledger.Millis { return max(0, ledger.MillisOf(at.Sub(t))) }
	var facts []ledger.Fact
	for _, o := range r.offers {
		facts = append(facts, ledger.OfferEnded{
			Offer: o.Offer, Entry: o.Entry, Queue: o.Queue, Agent: o.Agent, Result: ledger.OfferWithdrawn, Rang: since(o.at),
		})
	}
	for _, p := range r.Places {
		if p.Outcome != "" {
			continue
		}
		left := ledger.Dequeued{Entry: p.Entry, Queue: p.Queue, Outcome: ledger.OutcomeError, Waited: since(p.at), Via: p.Via}
		if p.before > 0 {
			left.Total = p.before + left.Waited
		}
		facts = append(facts, left)
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
	if c := r.Callback; c != nil && !r.wishAt.IsZero() {
		facts = append(facts, ledger.CallbackEnded{Queue: c.Queue, Outcome: "interrupted", Attempts: len(c.Attempts), Took: since(r.wishAt)})
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
