package sim

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMonth simulates 30 days of a large hotline, 3.26 million calls and 1,795
// agents, and holds time and memory against what was promised: 30 s on two
// processors, and no more memory for a month than for a few days. It runs when
// MONTH is set: make month.
func TestMonth(t *testing.T) {
	days, _ := strconv.Atoi(os.Getenv("MONTH"))
	if days == 0 {
		t.Skip("takes half a minute on two processors; set MONTH=30")
	}
	o, s := Typical(108_667, 1795)
	s.Days = days
	simulation, err := New(o, s, Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // as the command does
	began := time.Now()
	done := make(chan struct{})
	peak := make(chan uint64)
	go func() {
		most, m := uint64(0), runtime.MemStats{}
		for {
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(100 * time.Millisecond):
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	r, err := simulation.Run(t.Context())
	took := time.Since(began)
	close(done)
	megabytes := float64(<-peak) / (1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d calls in %.1f s, %.0f a second, heap up to %.0f MB", r.All.Entries, took.Seconds(), float64(r.All.Entries)/took.Seconds(), megabytes)
	text := strings.Builder{}
	_ = r.WriteText(&text)
	t.Log(text.String())
	if limit := time.Duration(days) * time.Second; took > limit {
		t.Errorf("%d days took %s, want at most %s", days, took, limit)
	}
	if megabytes > 200 {
		t.Errorf("the heap grew to %.0f MB, want at most 200", megabytes)
	}
}
