package sqlite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cardline/call"
)

func openTheBook(t *testing.T, file string) *Book {
	t.Helper()
	b, err := OpenBook(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// differ compares callbacks as they are kept.
func differ(want, got []call.Callback) string {
	return cmp.Diff(want, got, cmpopts.IgnoreUnexported(call.Callback{}), cmpopts.EquateEmpty())
}

// filesWith lists the files of a directory in which a text is.
func filesWith(t *testing.T, dir, text string) (list []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			list = append(list, filepath.Base(file))
		}
	}
	return list
}

// TestTheBookOutlivesTheProgram keeps callbacks over a restart, and one callback for
// each number.
func TestTheBookOutlivesTheProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "callbacks.db")
	b := openTheBook(t, file)
	at := time.Date(2026, 10, 1, 9, 0, 0, 123456789, time.FixedZone("CST", 8*3600))
	first := call.Callback{
		ID: "b-1", Journey: "j-1", Line: "main", Queue: "cards", Number: "13900001111", Confirmed: true, Class: "vip", Language: "zh",
		Attributes: map[string]string{"card": "card_1"}, Requested: at, FirstWait: 1234567 * time.Microsecond, HeadFor: time.Minute,
	}
	earlier := call.Callback{ID: "b-2", Line: "main", Queue: "cards", Number: "13900002222", Requested: at.Add(-time.Minute)}
	gone := call.Callback{ID: "b-3", Line: "main", Queue: "cards", Number: "13900003333", Requested: at}
	for _, c := range []call.Callback{first, earlier, gone} {
		if err := b.Keep(c); err != nil {
			t.Fatal(err)
		}
	}
	again := first // taken up by a restart under another id
	again.ID = "b-4"
	if err := errors.Join(b.Keep(again), b.Drop("b-1"), b.Drop("b-3"), b.Close()); err != nil {
		t.Fatal(err)
	}
	for _, open := range []func(string) (*Book, error){OpenBook, OpenBookForReading} {
		b, err := open(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Callbacks()
		if diff := differ([]call.Callback{earlier, again}, got); diff != "" || err != nil {
			t.Errorf("callbacks (-want +got): %v\n%s", err, diff)
		}
		_ = b.Close()
	}
}

// TestNumbersThatAreGone keeps, changes and drops callbacks in a random order, and
// after each end looks for the number in every byte of every file, of which somebody
// reads one meanwhile.
func TestNumbersThatAreGone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "callbacks.db")
	b := openTheBook(t, file)
	defer b.Close()
	open := map[string]call.Callback{} // by number
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 50 {
		c := call.Callback{
			ID: fmt.Sprint("b-", n), Number: fmt.Sprintf("139%08d", n*7919), Requested: time.Unix(int64(n), 0),
			Attributes: map[string]string{"text": strings.Repeat("x", r.IntN(3000))},
		}
		if err := b.Promise(c, "2026-10-01", []string{"p-1"}); err != nil {
			t.Fatal(err)
		}
		open[c.Number] = c
		for number, c := range open {
			switch r.IntN(4) {
			case 0:
				c.Attempts++
				c.Attributes = map[string]string{"text": strings.Repeat("y", r.IntN(3000))}
				if err := b.Keep(c); err != nil {
					t.Fatal(err)
				}
				open[number] = c
			case 1:
				if n%10 == 0 {
					reader, err := OpenBookForReading(file)
					if err == nil {
						_, err = reader.Callbacks()
						err = errors.Join(err, reader.Close())
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if err := b.Drop(c.ID); err != nil {
					t.Fatal(err)
				}
				delete(open, number)
				if in := filesWith(t, dir, number); len(in) > 0 {
					t.Fatalf("the number of a callback that is over is still in %v", in)
				}
			}
		}
	}
	if len(open) == 0 {
		t.Fatal("none is left")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the book has the mode %v, %v", info.Mode(), err)
	}
	for number := range open {
		if in := filesWith(t, dir, number); len(in) != 1 || in[0] != "callbacks.db" {
			t.Errorf("a number that is kept is in %v: the search finds nothing", in)
		}
	}
}

// TestTheBookCounts keeps the attempts of a callback and the promises of a day, of
// all and of one caller, over a restart.
func TestTheBookCounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "callbacks.db")
	b := openTheBook(t, file)
	const today, tomorrow = "2026-10-01", "2026-10-02"
	first := call.Callback{ID: "b-1", Line: "main", Queue: "cards", Number: "13900001111", Requested: time.Unix(1_790_000_000, 0).UTC()}
	second := call.Callback{ID: "b-2", Line: "main", Queue: "cards", Number: "13900002222", Requested: first.Requested.Add(time.Second)}
	tried := first
	tried.Attempts, tried.Tried = 2, first.Requested.Add(time.Minute)
	err := errors.Join(b.Promise(first, today, []string{"p-1"}), b.Promise(second, today, []string{"p-2", "p-1"}), b.Keep(tried), b.Close())
	if err != nil {
		t.Fatal(err)
	}
	b = openTheBook(t, file)
	list, err := b.Callbacks()
	if diff := differ([]call.Callback{tried, second}, list); diff != "" || err != nil {
		t.Errorf("callbacks (-want +got): %v\n%s", err, diff)
	}
	for day, want := range map[string]map[string]int{today: {"": 2, "p-1": 2, "p-2": 1}, tomorrow: {}} {
		if n, err := b.Promised(day); !maps.Equal(n, want) || err != nil {
			t.Errorf("%v promised on %s, %v; want %v", n, day, err, want)
		}
	}
	if err := b.Promise(second, tomorrow, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Promised(today); len(n) != 0 || err != nil {
		t.Errorf("of the day before, %v are left, %v", n, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Promise(first, tomorrow, nil); err == nil {
		t.Error("a promise is kept in a closed file")
	}
}

// TestTheBookOfBeforeIsHandedOver takes over what earlier versions have kept in the
// ledger's file: the first knew of no days. It is erased there, also if the program
// was killed and the log holds copies.
func TestTheBookOfBeforeIsHandedOver(t *testing.T) {
	const number = "13900001111"
	for name, days := range map[string]string{
		"without days": "",
		"with days":    `CREATE TABLE callback_days (day TEXT PRIMARY KEY, promised INTEGER NOT NULL) STRICT; INSERT INTO callback_days VALUES ('2026-10-01', 5);`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, filepath.Join(dir, "cardline.db"))
			kept := call.Callback{ID: "b-1", Number: number, Requested: time.Unix(1_790_000_000, 0).UTC(), Attempts: 1}
			data, err := json.Marshal(kept)
			if err == nil {
				_, err = s.write.Exec(days+`CREATE TABLE callbacks (id TEXT PRIMARY KEY, number TEXT NOT NULL UNIQUE, requested INTEGER NOT NULL, callback TEXT NOT NULL) STRICT;
					INSERT INTO callbacks VALUES ('b-1', ?, 0, ?)`, number, string(data))
			}
			if err != nil {
				t.Fatal(err)
			}
			if in := filesWith(t, dir, number); len(in) == 0 {
				t.Fatal("the search finds not even the number that is kept")
			}
			b := openTheBook(t, filepath.Join(dir, "callbacks.db"))
			defer b.Close()
			defer s.Close() // it is open all the while
			for range 2 {
				if err := s.HandOver(b); err != nil {
					t.Fatal(err)
				}
			}
			if in := filesWith(t, dir, number); len(in) != 1 || in[0] != "callbacks.db" {
				t.Errorf("the number is in %v, want in the book alone", in)
			}
			list, err := b.Callbacks()
			if diff := differ([]call.Callback{kept}, list); diff != "" || err != nil {
				t.Errorf("callbacks (-want +got): %v\n%s", err, diff)
			}
			if n, err := b.Promised("2026-10-01"); days != "" && n[""] != 5 || err != nil {
				t.Errorf("%v promised, %v", n, err)
			}
			if err := b.Drop("b-1"); err != nil {
				t.Fatal(err)
			}
			if in := filesWith(t, dir, number); len(in) > 0 {
				t.Errorf("the number is in %v when it is dropped", in)
			}
		})
	}
}
