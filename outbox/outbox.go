// Package outbox keeps, on disk, what must reach somebody else's system and
// cannot be delivered at once, and delivers it: each item again and again until
// its receiver takes it or refuses it for good. What was refused stays in a list
// for people, who let it be tried again or settle it.
//
// Items with one order key are delivered one after the other, in the order in
// which they were added. Those with different keys never wait for one another.
package outbox

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// An Item is what is to be delivered.
type Item struct {
	ID   int64  // rises from 1; set by [Outbox.Add]
	Kind string // names the receiver in [Options]
	// Key tells items of a kind apart: what was added before is not added again.
	Key string
	// Order is what the item keeps its place in, such as the token of a card. It
	// is shown to people.
	Order   string
	Call    string // from which it comes; may be empty
	Payload []byte // for the receiver alone
	// Next is when it is tried next. An item may be added for a later time, zero is at
	// once; whatever is of its order and comes after it waits with it.
	Next time.Time

	// The rest is the outbox's.
	Added    time.Time
	Attempts int
	Refusal  string    // the receiver's no; empty while the item is pending
	Refused  time.Time // when; zero while the item is pending
}

// RefusedError is the error of a receiver that will never take an item, as one word.
type RefusedError string

func (r RefusedError) Error() string { return "refused: " + string(r) }

// A Receiver delivers one item. It returns nil if the item was taken, a
// [RefusedError] if it never will be, and any other error if nobody knows: then it is
// asked again with the same item, and must take it once. It ends with its
// context.
type Receiver func(context.Context, Item) error

// An Observer hears of what changes. Its methods must not block.
type Observer interface {
	// Outbox tells what is in the outbox of a kind: how many items are pending,
	// since when the oldest of them, zero if there is none, and how many were
	// refused and wait for a person.
	Outbox(kind string, pending int, oldest time.Time, refused int)
	// Delivered tells of an item that was taken, or refused with a word.
	Delivered(i Item, refusal string)
	// Settled tells of a refused item with which a person has dealt: it is tried
	// again, or is done.
	Settled(i Item, again bool, who, reason string)
}

type silent struct{}

func (silent) Outbox(string, int, time.Time, int) {}
func (silent) Delivered(Item, string)             {}
func (silent) Settled(Item, bool, string, string) {}

// Options configure an [Outbox].
type Options struct {
	// File is the path of the database; it is made if it is missing.
	File string
	// Receivers deliver, by kind. Items of other kinds wait.
	Receivers map[string]Receiver
	// Limit is the time for one attempt. If zero, it is 5 s.
	Limit time.Duration
	// Observer may be nil.
	Observer Observer
	Log      zerolog.Logger
}

// Waits between attempts at one item, and how many are made at a time.
const (
	firstWait = time.Second
	lastWait  = time.Minute
	atOnce    = 64
)

// An Outbox is one file. Its methods are safe from any goroutine.
type Outbox struct {
	options Options
	file    *file
	wake    chan struct{}
	stop    context.CancelFunc
	owner   sync.WaitGroup
	once    sync.Once

	mu      sync.Mutex // guards what follows; a leaf
	lanes   map[string]*lane
	trying  int
	refused map[string]int // by kind
}

// A lane is the pending items of one order key, the oldest first, of which the
// first is tried.
type lane struct {
	items  []Item
	trying bool
	last   time.Time // beginning of the newest attempt
}

// Open opens the file, of any version, and begins to deliver what an earlier run
// has left.
func Open(o Options) (*Outbox, error) {
	f, err := openFile(o.File)
	if err != nil {
		return nil, err
	}
	o.Limit = cmp.Or(o.Limit, 5*time.Second)
	if o.Observer == nil {
		o.Observer = silent{}
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Outbox{options: o, file: f, wake: make(chan struct{}, 1), stop: stop, lanes: map[string]*lane{}, refused: map[string]int{}}
	list, err := f.list(ctx)
	if err != nil {
		stop()
		return nil, errors.Join(err, f.close())
	}
	for _, i := range list {
		if i.Refusal != "" {
			b.refused[i.Kind]++
		} else {
			b.append(i)
		}
	}
	for kind := range o.Receivers {
		b.observe(kind)
	}
	b.owner.Go(func() { b.deliver(ctx) })
	return b, nil
}

// Close stops delivering; what is left is delivered after the next start.
func (b *Outbox) Close() (err error) {
	b.once.Do(func() {
		b.stop()
		b.owner.Wait()
		err = b.file.close()
	})
	return err
}

// Add keeps an item and returns its number. The item is on disk before Add
// returns; adding it again returns the same number and does nothing more.
func (b *Outbox) Add(ctx context.Context, i Item) (id int64, err error) {
	i.Payload = append([]byte{}, i.Payload...) // which may be none
	i.Added = time.Now()
	if i.Next.Before(i.Added) {
		i.Next = i.Added
	}
	id, added, err := b.file.add(ctx, i)
	if err != nil || !added {
		return id, err
	}
	i.ID = id
	b.mu.Lock()
	b.append(i)
	b.mu.Unlock()
	b.observe(i.Kind)
	b.rouse()
	return id, nil
}

// List returns all items that are pending or refused, the oldest first.
func (b *Outbox) List(ctx context.Context) ([]Item, error) { return b.file.list(ctx) }

// ErrUnknown means that no refused item has the number.
var ErrUnknown = errors.New("no such item was refused")

// Settle deals with a refused item in the name of a person: it is tried again, at
// the end of its order, or is done. It returns [ErrUnknown].
func (b *Outbox) Settle(ctx context.Context, id int64, again bool, who, reason string) error {
	i, err := b.file.settle(ctx, id, again)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.refused[i.Kind]--
	if again {
		b.append(i)
	}
	b.mu.Unlock()
	b.observe(i.Kind)
	b.options.Observer.Settled(i, again, who, reason)
	b.rouse()
	return nil
}

// append puts an item at the end of its lane, with the lock held or before
// anybody else can hold it.
func (b *Outbox) append(i Item) {
	l := b.lanes[i.Order]
	if l == nil {
		l = &lane{}
		b.lanes[i.Order] = l
	}
	l.items = append(l.items, i)
}

// rouse lets the owner look at what is due.
func (b *Outbox) rouse() {
	select {
	case b.wake <- struct{}{}:
	default: // it is awake already
	}
}

// observe tells what is there of a kind.
func (b *Outbox) observe(kind string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pending, oldest := 0, time.Time{}
	for _, l := range b.lanes {
		for _, i := range l.items {
			if i.Kind != kind {
				continue
			}
			pending++
			if oldest.IsZero() || i.Added.Before(oldest) {
				oldest = i.Added
			}
		}
	}
	b.options.Observer.Outbox(kind, pending, oldest, b.refused[kind])
}

// deliver is the owner: it starts an attempt for each lane that is due, and waits
// for the next. Each attempt has a goroutine of its own.
func (b *Outbox) deliver(ctx context.Context) {
	var attempts sync.WaitGroup
	defer attempts.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-timer.C:
		}
		due, next := b.due(time.Now())
		for _, l := range due {
			attempts.Go(func() {
				b.attempt(ctx, l)
				b.rouse()
			})
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// due takes the lanes that are to be tried now, as many as there is room for:
// those that were tried least first, so that what is new never waits for what is
// hopeless. next is when another is due; zero if that is for an attempt's end to
// say.
func (b *Outbox) due(now time.Time) (due []*lane, next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lanes {
		switch first := l.items[0]; {
		case l.trying || b.options.Receivers[first.Kind] == nil:
		case !first.Next.After(now):
			due = append(due, l)
		case next.IsZero() || first.Next.Before(next):
			next = first.Next
		}
	}
	slices.SortFunc(due, func(x, y *lane) int {
		return cmp.Or(cmp.Compare(x.items[0].Attempts, y.items[0].Attempts), cmp.Compare(x.items[0].ID, y.items[0].ID))
	})
	due = due[:min(len(due), atOnce-b.trying)]
	for _, l := range due {
		l.trying, l.last = true, now
	}
	b.trying += len(due)
	return due, next
}

// attempt tries the first item of a lane.
func (b *Outbox) attempt(ctx context.Context, l *lane) {
	b.mu.Lock()
	i := l.items[0]
	b.mu.Unlock()
	asking, cancel := context.WithTimeout(ctx, b.options.Limit)
	err := b.options.Receivers[i.Kind](asking, i)
	cancel()
	refusal, refused := errors.AsType[RefusedError](err)
	i.Attempts++
	over := err == nil || refused
	if over {
		if refused {
			i.Refusal, i.Refused = string(refusal), time.Now()
		}
		err = b.file.end(i)
	}
	if err != nil {
		// The receiver did not answer, or what it said could not be written: then
		// it is asked again, and does nothing more.
		i.Refusal, i.Refused, over = "", time.Time{}, false
		i.Next = time.Now().Add(backOff(i.Attempts))
		if ctx.Err() == nil {
			if kept := b.file.postpone(i); kept != nil {
				b.options.Log.Error().Err(kept).Int64("item", i.ID).Msg("attempt of the outbox not kept")
			}
		}
	}
	b.settled(l, i, over)
	b.observe(i.Kind)
	if over {
		b.options.Observer.Delivered(i, i.Refusal)
	}
}

// settled notes what came of an attempt.
func (b *Outbox) settled(l *lane, i Item, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying--
	l.trying = false
	if !over {
		l.items[0] = i
		return
	}
	if i.Refusal != "" {
		b.refused[i.Kind]++
	}
	if l.items = l.items[1:]; len(l.items) == 0 {
		delete(b.lanes, i.Order)
	}
	// Its receiver answers again: the others need not wait for their time.
	for _, other := range b.lanes {
		if first := &other.items[0]; !other.trying && first.Kind == i.Kind && first.Attempts > 0 {
			if soon := other.last.Add(firstWait); soon.Before(first.Next) {
				first.Next = soon
			}
		}
	}
}

// backOff returns how long to wait after so many attempts.
func backOff(attempts int) time.Duration {
	wait := firstWait
	for range attempts - 1 {
		if wait *= 2; wait >= lastWait {
			return lastWait
		}
	}
	return wait
}
