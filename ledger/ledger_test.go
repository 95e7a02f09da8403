package ledger

import (
	"encoding/json"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestEveryReaderSeesEveryEventInOrder(t *testing.T) {
	l := New(41)
	var mu sync.Mutex
	seen := map[string][]uint64{}
	reader := func(name string) Reader {
		return func(batch []Event) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range batch {
				seen[name] = append(seen[name], e.Seq)
			}
		}
	}
	l.Subscribe(reader("a"))
	l.Subscribe(reader("b"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 250 {
				l.Append("j", "c", CallAnswered{})
			}
		})
	}
	wg.Wait()
	l.Close()
	for _, name := range []string{"a", "b"} {
		if len(seen[name]) != 1000 {
			t.Fatalf("reader %s saw %d events, want 1000", name, len(seen[name]))
		}
		for i, seq := range seen[name] {
			if want := uint64(42 + i); seq != want {
				t.Fatalf("reader %s: event %d has number %d, want %d", name, i, seq, want)
			}
		}
	}
	if e := l.Append("", "", Stopped{}); e.Seq != 0 {
		t.Errorf("an append after Close got number %d, want none", e.Seq)
	}
}

func TestSlowReaderDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(0)
		fast := 0
		l.Subscribe(func(b []Event) { fast += len(b) })
		l.Subscribe(func([]Event) { time.Sleep(time.Hour) })
		for range 10 {
			l.Append("", "", Stopped{})
			synctest.Wait()
		}
		if fast != 10 {
			t.Errorf("the fast reader saw %d events while the slow one slept, want 10", fast)
		}
		l.Sync() // in fake time: waits for the sleeper
		l.mu.Lock()
		if len(l.events) != 0 {
			t.Errorf("%d events are kept after all were read", len(l.events))
		}
		l.mu.Unlock()
		l.Close()
	})
}

func TestEventsSurviveJSON(t *testing.T) {
	at := time.Date(2026, 10, 1, 9, 0, 0, 123e6, time.UTC)
	facts := []Fact{
		Started{Version: "1", Config: "abc"},
		Restarted{LastSeq: 7, Interrupted: 2},
		CallArrived{Line: "main", Caller: "1234"},
		Queued{Entry: 1, Queue: "cards", Via: ViaIVR, HeadStart: 60000, Class: "vip"},
		Dequeued{Entry: 1, Queue: "cards", Outcome: OutcomeAnswered, Waited: 1234},
		AgentChanged{Agent: "1001", From: AgentReady, To: AgentOffered, By: ByRouter, Took: 5},
	}
	for _, f := range facts {
		want := Event{Seq: 3, At: at, Age: 99, Journey: "j", Call: "c", Fact: f}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Event
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", data, got, want)
		}
	}
	if err := json.Unmarshal([]byte(`{"kind":"unheard_of"}`), new(Event)); err == nil {
		t.Error("an unknown kind of event was read without an error")
	}
}

func TestMillisRoundToNearest(t *testing.T) {
	for d, want := range map[time.Duration]Millis{
		1499 * time.Microsecond: 1, 1500 * time.Microsecond: 2, 0: 0, 20 * time.Second: 20000,
	} {
		if got := MillisOf(d); got != want {
			t.Errorf("MillisOf(%v) = %d, want %d", d, got, want)
		}
	}
}

// TestTimeFollowsTheNumbers appends from many goroutines at once: a later
// number never has a smaller age.
func TestTimeFollowsTheNumbers(t *testing.T) {
	l := New(0)
	var last Event
	l.Subscribe(func(batch []Event) {
		for _, e := range batch {
			if e.Age < last.Age {
				t.Errorf("event %d is %d ms old, event %d %d ms", last.Seq, last.Age, e.Seq, e.Age)
			}
			last = e
		}
	})
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 5000 {
				l.Append("", "", Stopped{})
			}
		})
	}
	writers.Wait()
	l.Close()
}

func TestGathering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(0)
		var batches []int
		l.SubscribeGathering(10*time.Millisecond, func(batch []Event) { batches = append(batches, len(batch)) })
		for range 20 {
			l.Append("", "", Stopped{})
			time.Sleep(time.Millisecond)
		}
		l.Append("", "", Stopped{})
		l.Close() // what is being gathered is handed over
		if sum, n := 21, len(batches); n != 2 && n != 3 || batches[0] != 10 && batches[0] != 11 || sum != total(batches) {
			t.Errorf("21 events, one a millisecond, came as %v", batches)
		}
	})
}

func total(list []int) (sum int) {
	for _, n := range list {
		sum += n
	}
	return sum
}
