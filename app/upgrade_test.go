package app

import (
	"bytes"
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

// filesWith lists the files of a directory in which a text is.
func filesWith(t *testing.T, dir, text string) (list []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			list = append(list, f.Name())
		}
	}
	return list
}

// TestADataFolderOfBefore takes up the folder of an earlier version.
func TestADataFolderOfBefore(t *testing.T) {
	data := oldData(t)
	const answered, abandoned, asked = "c-1a22e63d193HLIAKQXUVC2BG", "c-1a22e63f4e3TPPPSLMQAJBMK", "c-1a22e640bd7OFMCLTOABHN3C"
	look := func(s *sqlite.Store, calls int) {
		t.Helper()
		written := time.Date(2026, 11, 30, 21, 40, 0, 0, time.UTC)
		found := 0
		for _, err := range s.Records(t.Context(), store.Query{To: written}) {
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

	told, over := make(chan ledger.Delivered, 8), make(chan ledger.CallbackEnded, 8)
	const number = "13800000003"
	if in := filesWith(t, data, number); len(in) != 1 || in[0] != "cardline.db" {
		t.Fatalf("the number of the customer is in %v", in)
	}
	a := begin(t, data, func(o *Options) {
		o.Readers = []ledger.Reader{func(batch []ledger.Event) {
			for _, e := range batch {
				switch f := e.Fact.(type) {
				case ledger.Delivered:
					told <- f
				case ledger.CallbackEnded:
					over <- f
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
	// The default hotline calls nobody back: the promise is over, and the number gone,
	// though the hotline runs.
	ended := false
	for deadline := time.Now().Add(time.Minute); !ended; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the promise is not over")
		}
		select {
		case f := <-over:
			ended = f.Outcome == "cancelled"
		default:
		}
	}
	if in := filesWith(t, data, number); len(in) > 0 {
		t.Errorf("the number of the customer is still in %v", in)
	}
}
