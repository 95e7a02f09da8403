package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"cardline/acd"
	"cardline/ledger"
	"cardline/store"
	"cardline/store/sqlite"
	"cardline/store/why"
)

// oldData copies a data folder that an earlier version wrote: three calls of which
// one asked to be called back at 13800000003, an agent at lunch, a queue that is
// switched by hand, and a loss report that the card host has not heard of.
func oldData(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS("testdata/data-1")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestADataFolderOfBefore takes up the folder of an earlier version.
func TestADataFolderOfBefore(t *testing.T) {
	data := oldData(t)
	const answered, abandoned, asked = "c-1a22e63d193HLIAKQXUVC2BG", "c-1a22e63f4e3TPPPSLMQAJBMK", "c-1a22e640bd7OFMCLTOABHN3C"
	look := func(s *sqlite.Store, calls int) {
		t.Helper()
		day := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
		found := 0
		for _, err := range s.Records(t.Context(), store.Query{From: day, To: day.Add(24 * time.Hour)}) {
			if err != nil {
				t.Fatal(err)
			}
			found++
		}
		if found != calls {
			t.Fatalf("%d records, want %d", found, calls)
		}
		r, ok, err := s.Record(t.Context(), answered)
		if err != nil || !ok || r.Line != "main" || r.Caller != "0001" || len(r.Talks) != 1 || r.Talks[0].Agent != "1001" {
			t.Errorf("the record of a call that was answered: %+v, %v", r, err)
		}
		for call, want := range map[string]int{answered: 5, abandoned: 3, asked: 3} {
			e, err := why.Explain(t.Context(), s, call, time.UTC)
			if err != nil || len(e.Steps) < want {
				t.Errorf("why of %s: %v\n%s", call, err, e.Text)
			}
		}
	}
	before, err := sqlite.OpenForReading(filepath.Join(data, "cardline.db"))
	if err != nil {
		t.Fatal(err)
	}
	look(before, 4)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}

	told := make(chan ledger.Delivered, 8)
	a := begin(t, data, func(o *Options) {
		o.Readers = []ledger.Reader{func(batch []ledger.Event) {
			for _, e := range batch {
				if f, ok := e.Fact.(ledger.Delivered); ok {
					told <- f
				}
			}
		}}
	})
	// The loss report is still in the outbox, and its number is that which the
	// caller was told.
	select {
	case f := <-told:
		if f.Item != 1 || f.Kind != "report_loss" || f.Result != ledger.DeliveryOK {
			t.Errorf("delivered %+v", f)
		}
	case <-time.After(time.Minute):
		t.Error("the loss report is not delivered")
	}
	look(a.Store(), 4)
	if list := a.Hotline().Thrown(); len(list) != 1 || list[0].Queue != "complaints" || list[0].Mode != ledger.ModeEmergency {
		t.Errorf("switches: %+v", list)
	}
	if err := a.Hotline().Command(acd.DeviceBack{Agent: "1001"}); err != nil {
		t.Fatal(err)
	}
	for _, agent := range a.Hotline().Agents() {
		if agent.ID == "1001" && (agent.State != ledger.AgentNotReady || agent.Reason != "lunch") {
			t.Errorf("agent %+v", agent)
		}
	}
}
