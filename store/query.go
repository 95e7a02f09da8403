package store

import (
	"errors"
	"slices"
	"time"
)

// ErrUnknownCall means that a [Query] goes on after a call of which there is no
// record.
var ErrUnknownCall = errors.New("there is no record of this call")

// A Query says which records are asked for, and in which order. The zero value
// asks for all, the oldest first.
type Query struct {
	// From and To bound the arrival: [From, To). A zero time is no bound.
	From, To time.Time
	// Newest puts the newest first.
	Newest bool
	// After is the call behind which the list goes on, in its order; empty: from
	// the beginning.
	After string
	// Line, Tail, Outcome, Queue and Agent, where they are not empty, are what a
	// record must have: the line, the last digits of the caller's number, the
	// outcome or the reason of the end, a queue in which the caller was, an agent
	// who talked.
	Line, Tail, Outcome, Queue, Agent string
	// Pseudonyms, where there are any, are those of one caller by several keys, of
	// which a record must have one.
	Pseudonyms []string
}

// Matches reports whether a record has what the query asks for but the time of
// its arrival.
func (q Query) Matches(r *Record) bool {
	return (q.Line == "" || r.Line == q.Line) &&
		(q.Tail == "" || r.Caller == q.Tail) &&
		(len(q.Pseudonyms) == 0 || slices.Contains(q.Pseudonyms, r.Pseudonym)) &&
		(q.Outcome == "" || string(r.Outcome) == q.Outcome || string(r.Reason) == q.Outcome) &&
		(q.Queue == "" || slices.ContainsFunc(r.Places, func(p Place) bool { return p.Queue == q.Queue })) &&
		(q.Agent == "" || slices.ContainsFunc(r.Talks, func(t Talk) bool { return t.Agent == q.Agent }))
}
