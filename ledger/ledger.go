// Package ledger is the one record of what happened. A [Log] numbers facts
// without a gap and hands them, in order, to its readers: the store, the
// metrics and the live board are readings of the same events and therefore
// cannot disagree.
//
// No digit that a caller pressed, no full card number and no name is ever in
// an event: only tokens, last four digits, pseudonyms and members of closed lists.
package ledger

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// An Event is one fact with its place in the ledger. Events are immutable.
type Event struct {
	Seq     uint64    // gap-free, the first of a ledger is 1
	At      time.Time // wall time, whole milliseconds, UTC
	Age     Millis    // monotonic time since the process began; orders events when the wall clock jumps
	Journey string    // the customer's matter, over one or more calls; empty for facts about no customer
	Call    string    // the visit; empty for facts about no call
	Fact    Fact
}

// Millis is a duration in whole milliseconds, the resolution of every figure
// that cardline reports. Sums of Millis are exact in all three readings.
type Millis int64

// MillisOf rounds d to the nearest millisecond.
func MillisOf(d time.Duration) Millis { return Millis(d.Round(time.Millisecond) / time.Millisecond) }

// Duration returns m as a time.Duration.
func (m Millis) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Seconds returns m in seconds, the unit of every exported metric.
func (m Millis) Seconds() float64 { return float64(m) / 1000 }

// envelope is the written form of an Event.
type envelope struct {
	Seq     uint64          `json:"seq"`
	At      int64           `json:"at"`  // Unix milliseconds
	Age     Millis          `json:"age"` // milliseconds
	Journey string          `json:"journey,omitempty"`
	Call    string          `json:"call,omitempty"`
	Kind    string          `json:"kind"`
	Fact    json.RawMessage `json:"fact"`
}

// MarshalJSON writes the event with the kind of its fact beside it.
func (e Event) MarshalJSON() ([]byte, error) {
	fact, err := json.Marshal(e.Fact)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{e.Seq, e.At.UnixMilli(), e.Age, e.Journey, e.Call, Kind(e.Fact), fact})
}

// UnmarshalJSON reads what MarshalJSON wrote. A kind that this version does
// not know is an error, because a reading that skips events would not add up.
func (e *Event) UnmarshalJSON(data []byte) error {
	var v envelope
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	fact, err := DecodeFact(v.Kind, v.Fact)
	if err != nil {
		return err
	}
	*e = Event{v.Seq, time.UnixMilli(v.At).UTC(), v.Age, v.Journey, v.Call, fact}
	return nil
}

// DecodeFact reads the fact of the given kind from its JSON.
func DecodeFact(kind string, data []byte) (Fact, error) {
	decode, ok := decoders[kind]
	if !ok {
		return nil, fmt.Errorf("ledger: unknown kind of event %q", kind)
	}
	return decode(data)
}

// A Reader sees every event once, in order, in batches. It runs on a goroutine
// of its own; a slow reader delays nobody but itself. The batch is the
// reader's to keep.
type Reader func([]Event)

// A Log numbers facts and hands them to its readers. The zero value is not
// usable; see [New]. Append is safe from any goroutine and never blocks on a
// reader.
type Log struct {
	began time.Time

	mu      sync.Mutex
	wake    sync.Cond // broadcast when events or closed change
	seq     uint64
	base    uint64  // sequence number before events[0]
	events  []Event // those that some reader has not seen yet
	readers []*cursor
	closed  bool
	wg      sync.WaitGroup
}

type cursor struct {
	next   uint64 // sequence number that the reader sees next
	gather time.Duration
}

// New returns a Log that goes on after sequence number last, which is 0 for an
// empty ledger.
func New(last uint64) *Log {
	l := &Log{began: time.Now(), seq: last, base: last}
	l.wake.L = &l.mu
	return l
}

// Subscribe starts a reader of all events appended from now on. Subscribe
// before the first Append to see everything; it must not be called after
// [Log.Close].
func (l *Log) Subscribe(read Reader) { l.SubscribeGathering(0, read) }

// SubscribeGathering is [Log.Subscribe] for a reader to whom a batch costs as
// much as an event: each batch is gathered for a time. A sudden end of the
// program may lose what is being gathered.
func (l *Log) SubscribeGathering(gather time.Duration, read Reader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &cursor{next: l.seq + 1, gather: gather}
	l.readers = append(l.readers, c)
	l.wg.Go(func() { l.feed(c, read) })
}

// Append records a fact about a call, or about no call if both ids are empty,
// and returns its event.
func (l *Log) Append(journey, call string, fact Fact) Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return Event{}
	}
	now := time.Now() // under the lock: time goes with the numbers
	l.seq++
	e := Event{
		Seq: l.seq, At: now.UTC().Truncate(time.Millisecond), Age: MillisOf(now.Sub(l.began)),
		Journey: journey, Call: call, Fact: fact,
	}
	if len(l.readers) == 0 {
		l.base = l.seq
		return e
	}
	l.events = append(l.events, e)
	l.wake.Broadcast()
	return e
}

// Sync waits until every reader has returned from the batch that holds the
// newest event at the time of the call.
func (l *Log) Sync() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for last := l.seq; l.oldestUnread() <= last; {
		l.wake.Wait()
	}
}

// Close hands the readers what is left and waits for them. A fact appended
// later is dropped, and its event is the zero Event.
func (l *Log) Close() {
	l.mu.Lock()
	l.closed = true
	l.wake.Broadcast()
	l.mu.Unlock()
	l.wg.Wait()
}

// feed gives one reader its events until the log is closed and all are read.
func (l *Log) feed(c *cursor, read Reader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for c.next > l.seq && !l.closed {
			l.wake.Wait()
		}
		if c.gather > 0 && !l.closed {
			l.mu.Unlock()
			time.Sleep(c.gather)
			l.mu.Lock()
		}
		batch := append([]Event(nil), l.events[c.next-l.base-1:]...)
		if len(batch) == 0 {
			return // closed, and nothing is left
		}
		l.mu.Unlock()
		read(batch)
		l.mu.Lock()
		c.next += uint64(len(batch))
		l.release()
		l.wake.Broadcast()
	}
}

// release forgets the events that every reader has seen.
func (l *Log) release() {
	if n := l.oldestUnread() - l.base - 1; n > 0 {
		l.events = append(l.events[:0:0], l.events[n:]...)
		l.base += n
	}
}

func (l *Log) oldestUnread() uint64 {
	oldest := l.seq + 1
	for _, c := range l.readers {
		oldest = min(oldest, c.next)
	}
	return oldest
}
