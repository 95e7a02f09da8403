package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// receiver takes items as a test wants, and remembers them.
type receiver struct {
	mu    sync.Mutex
	say   func(Item) error // nil takes everything
	taken []string         // by key, in order
	asked map[string]int
}

func (r *receiver) deliver(ctx context.Context, i Item) error {
	r.mu.Lock()
	if r.asked == nil {
		r.asked = map[string]int{}
	}
	r.asked[i.Key]++
	say := r.say
	r.mu.Unlock()
	if say != nil {
		if err := say(i); err != nil {
			if errors.Is(err, errHangs) {
				<-ctx.Done()
			}
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, i.Key)
	return nil
}

func (r *receiver) answer(say func(Item) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.say = say
}

func (r *receiver) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.taken)
}

var (
	errHangs = errors.New("hangs")
	errAway  = errors.New("away")
)

// figures remembers what an observer was told.
type figures struct {
	mu               sync.Mutex
	pending, refused int
	oldest           time.Time
	told             []string
}

func (f *figures) Outbox(_ string, pending int, oldest time.Time, refused int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending, f.oldest, f.refused = pending, oldest, refused
}

// known returns how many are pending and refused.
func (f *figures) known() [2]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return [2]int{f.pending, f.refused}
}

func (f *figures) Delivered(i Item, refusal string) { f.tell(fmt.Sprintf("%s %s", i.Key, refusal)) }

func (f *figures) Settled(i Item, again bool, who, reason string) {
	f.tell(fmt.Sprintf("%s again=%v %s %s", i.Key, again, who, reason))
}

func (f *figures) tell(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, text)
}

func start(t *testing.T, file string, r *receiver, f *figures) *Outbox {
	t.Helper()
	o := Options{File: file, Receivers: map[string]Receiver{"report": r.deliver}, Limit: 4 * time.Second}
	if f != nil {
		o.Observer = f
	}
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func add(t *testing.T, b *Outbox, card, key string) (id int64) {
	t.Helper()
	id, err := b.Add(t.Context(), Item{Kind: "report", Key: key, Order: card, Call: "c-1", Payload: []byte(key)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// later lets time pass and all that follows from it happen.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestOneCardNeverBlocksAnother has one card whose items the receiver cannot
// answer, by an error or by hanging: those of others come through meanwhile, and
// those of the card wait in their order.
func TestOneCardNeverBlocksAnother(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
	}{{"error", errAway}, {"hangs", errHangs}} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "outbox.db")
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{say: func(i Item) error {
					if i.Order == "bad" {
						return c.err
					}
					return nil
				}}
				b := start(t, file, r, nil)
				defer b.Close()
				for n := range 70 { // more than are tried at one time
					add(t, b, "bad", fmt.Sprint("first", n))
				}
				add(t, b, "good", "a")
				add(t, b, "good", "b")
				add(t, b, "other", "c")
				later(100 * time.Millisecond)
				got := r.all()
				slices.Sort(got)
				if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
					t.Errorf("taken at once (-want +got):\n%s", diff)
				}
				later(5 * time.Minute)
				if n := r.asked["first1"]; n != 0 {
					t.Errorf("the second of a card was tried %d times before the first was over", n)
				}
				if n := r.asked["first0"]; n < 6 || n > 15 {
					t.Errorf("the first of the card was tried %d times in five minutes, want a back-off up to a minute", n)
				}
				r.answer(nil)
				later(2 * time.Minute)
				got = r.all()[3:]
				if len(got) != 70 || got[0] != "first0" || got[1] != "first1" || got[69] != "first69" {
					t.Errorf("the card's items were taken in the order %v", got)
				}
			})
		})
	}
}

// TestManyThatHangDoNotKeepTheNew has more cards that hang than are tried at one
// time: what is new is tried within one attempt's limit.
func TestManyThatHangDoNotKeepTheNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outbox.db")
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{say: func(i Item) error {
			if i.Order != "good" {
				return errHangs
			}
			return nil
		}}
		b := start(t, file, r, nil)
		defer b.Close()
		for n := range atOnce + 10 {
			add(t, b, fmt.Sprint("bad", n), fmt.Sprint("bad", n))
		}
		later(time.Minute)
		add(t, b, "good", "new")
		later(4 * time.Second)
		if diff := cmp.Diff([]string{"new"}, r.all()); diff != "" {
			t.Errorf("taken within the limit of one attempt (-want +got):\n%s", diff)
		}
	})
}

// TestRefusedItemsWaitForAPerson refuses one item: it is in the list, its
// observer knows, the next of its card goes on, and a person settles it.
func TestRefusedItemsWaitForAPerson(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outbox.db")
	synctest.Test(t, func(t *testing.T) {
		no := func(i Item) error {
			if i.Key != "next" {
				return RefusedError("unknown")
			}
			return nil
		}
		r, f := &receiver{say: no}, &figures{}
		b := start(t, file, r, f)
		first, second := add(t, b, "card", "first"), add(t, b, "card", "second")
		add(t, b, "card", "next")
		later(time.Second)
		want := []Item{
			{ID: first, Kind: "report", Key: "first", Order: "card", Call: "c-1", Payload: []byte("first"), Attempts: 1, Refusal: "unknown"},
			{ID: second, Kind: "report", Key: "second", Order: "card", Call: "c-1", Payload: []byte("second"), Attempts: 1, Refusal: "unknown"},
		}
		list, err := b.List(t.Context())
		if diff := cmp.Diff(want, list, cmpopts.IgnoreTypes(time.Time{})); diff != "" || err != nil {
			t.Errorf("the list (-want +got): %v\n%s", err, diff)
		}
		if f.pending != 0 || f.refused != 2 || !f.oldest.IsZero() {
			t.Errorf("the observer knows %+v", f)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		// A restart does not try it again.
		r.answer(nil)
		b = start(t, file, r, f)
		defer b.Close()
		later(time.Hour)
		if f.refused != 2 {
			t.Errorf("after a restart %d are refused, want 2", f.refused)
		}
		for id, again := range map[int64]bool{first: true, second: false} {
			if err := b.Settle(t.Context(), id, again, "li.na", "looked into"); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Settle(t.Context(), second, true, "li.na", ""); !errors.Is(err, ErrUnknown) {
			t.Errorf("what is settled can be settled again: %v", err)
		}
		later(time.Second)
		if diff := cmp.Diff([]string{"next", "first"}, r.all()); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
		if list, err := b.List(t.Context()); len(list) != 0 || err != nil {
			t.Errorf("left in the list: %+v, %v", list, err)
		}
		wantTold := []string{"first ", "first again=true li.na looked into", "first unknown", "next ", "second again=false li.na looked into", "second unknown"}
		slices.Sort(f.told)
		if diff := cmp.Diff(wantTold, f.told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// TestTwoPersonsSettleOneItem lets several have one item tried again at the same
// moment: it is tried once, and the others are told that it is none any more.
func TestTwoPersonsSettleOneItem(t *testing.T) {
	r, f := &receiver{say: func(Item) error { return RefusedError("unknown") }}, &figures{}
	b := start(t, filepath.Join(t.TempDir(), "outbox.db"), r, f)
	defer b.Close()
	for round := range 20 {
		r.answer(func(Item) error { return RefusedError("unknown") })
		id := add(t, b, "card", fmt.Sprint("report ", round))
		await(t, func() bool { return f.known() == [2]int{0, 1} })
		r.answer(nil)
		var settled, unknown atomic.Int32
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				switch err := b.Settle(t.Context(), id, true, "li.na", "looked into"); {
				case err == nil:
					settled.Add(1)
				case errors.Is(err, ErrUnknown):
					unknown.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if settled.Load() != 1 || unknown.Load() != 3 {
			t.Fatalf("%d have settled it and %d were refused, want 1 and 3", settled.Load(), unknown.Load())
		}
		await(t, func() bool { return len(r.all()) == round+1 && f.known() == [2]int{} })
	}
}

// await waits until something is so.
func await(t *testing.T, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("it is not so after a minute")
		}
	}
}

// TestPendingItemsOutliveTheProgram closes the outbox while the receiver is away
// and opens it again; what is added twice is delivered once.
func TestPendingItemsOutliveTheProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outbox.db")
	synctest.Test(t, func(t *testing.T) {
		r, f := &receiver{say: func(Item) error { return errAway }}, &figures{}
		b := start(t, file, r, f)
		began := time.Now()
		id := add(t, b, "card", "one")
		later(10 * time.Second)
		add(t, b, "card", "two")
		if again := add(t, b, "card", "one"); again != id {
			t.Errorf("the same item has the numbers %d and %d", id, again)
		}
		if f.pending != 2 || f.oldest.Sub(began).Abs() > time.Millisecond {
			t.Errorf("%d are pending since %v", f.pending, f.oldest)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		list, err := Read(t.Context(), file)
		if err != nil || len(list) != 2 || list[0].Attempts < 3 {
			t.Errorf("beside the program one reads %+v, %v", list, err)
		}
		r.answer(nil)
		b = start(t, file, r, f)
		defer b.Close()
		later(time.Minute)
		add(t, b, "card", "two") // late
		later(time.Minute)
		if diff := cmp.Diff([]string{"one", "two"}, r.all()); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
		if f.pending != 0 {
			t.Errorf("%d are pending", f.pending)
		}
	})
}

// TestItemsForLater are delivered at their time, also if the program was down then.
func TestItemsForLater(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outbox.db")
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		b := start(t, file, r, nil)
		for key, in := range map[string]time.Duration{"soon": time.Hour, "late": 24 * time.Hour, "past": -time.Hour} {
			if _, err := b.Add(t.Context(), Item{Kind: "report", Key: key, Order: key, Next: time.Now().Add(in)}); err != nil {
				t.Fatal(err)
			}
		}
		later(59 * time.Minute)
		if diff := cmp.Diff([]string{"past"}, r.all()); diff != "" {
			t.Errorf("taken within an hour (-want +got):\n%s", diff)
		}
		later(2 * time.Minute)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour)
		b = start(t, file, r, nil)
		defer b.Close()
		later(time.Second)
		got := r.all()
		slices.Sort(got) // of different orders, any may be first
		if diff := cmp.Diff([]string{"late", "past", "soon"}, got); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
	})
}

// TestFileOfTheFirstVersion takes over the requests to the card host that an
// earlier version has kept, with their numbers.
func TestFileOfTheFirstVersion(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outbox.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL, operation TEXT NOT NULL, action TEXT NOT NULL,
		token TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, done_at INTEGER, result TEXT NOT NULL DEFAULT '', UNIQUE (call, operation)) STRICT;
		INSERT INTO outbox (id, call, operation, action, token, kind, at, done_at, result) VALUES
			(7, 'c-1', '2', 'report', 'card_1', 'stop', 946684701000, 946684702000, 'ok'), (9, 'c-2', '5', 'report', 'card_2', 'freeze', 946684703000, NULL, '')`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		for range 2 { // the second time it is a file of this version
			b := start(t, file, r, nil)
			later(time.Second)
			if again := add(t, b, "card_1", "c-1 2"); again != 7 {
				t.Errorf("what was done has the number %d, want 7", again)
			}
			if id := add(t, b, "card_3", "c-3 1"); id != 10 {
				t.Errorf("the next has the number %d, want 10", id)
			}
			later(time.Second)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"c-2 5", "c-3 1"}, r.all()); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
	})
}
