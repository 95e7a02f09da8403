package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"cardline/call"
	"cardline/ledger"
	"cardline/store"
)

func open(t *testing.T, file string) *Store {
	t.Helper()
	s, err := Open(Options{File: file, Log: zerolog.New(zerolog.NewTestWriter(t))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wholeCall is a call that does a bit of everything.
var wholeCall = []ledger.Fact{
	ledger.CallArrived{Line: "main", Trunk: "local", Caller: "1234"},
	ledger.CallAnswered{},
	ledger.StepLeft{Flow: "main", Step: "menu", Exit: ledger.ExitOK, Took: 2000},
	ledger.ServiceEnded{Service: "activation", Result: ledger.ServiceOK, Card: "card_1", Tail: "5678"},
	ledger.Queued{Entry: 6, Queue: "gold", Via: ledger.ViaIVR, HeadStart: 60000, Class: "vip"},
	ledger.Announced{Entry: 6, Queue: "gold", Position: 2},
	ledger.Offered{Offer: 1, Entry: 6, Queue: "gold", Agent: "1009"},
	ledger.OfferEnded{Offer: 1, Entry: 6, Queue: "gold", Agent: "1009", Result: ledger.OfferRejected, Rang: 1000},
	ledger.Dequeued{Entry: 6, Queue: "gold", Outcome: ledger.OutcomeOverflow, Waited: 20000, Next: 7},
	ledger.Queued{Entry: 7, Queue: "cards", Via: ledger.ViaOverflow, HeadStart: 60000, Class: "vip", Before: 20000},
	ledger.StepReached{Entry: 7, Queue: "cards", Step: 1},
	ledger.HeadStartChanged{Entry: 7, Queue: "cards", From: 60000, To: 90000, Reason: "asked"},
	ledger.Offered{Offer: 3, Entry: 7, Queue: "cards", Agent: "1001"}, // a ring group of three
	ledger.Offered{Offer: 4, Entry: 7, Queue: "cards", Agent: "1002"},
	ledger.Offered{Offer: 5, Entry: 7, Queue: "cards", Agent: "1003"},
	ledger.OfferEnded{Offer: 3, Entry: 7, Queue: "cards", Agent: "1001", Result: ledger.OfferIgnored, Rang: 15000},
	ledger.OfferEnded{Offer: 4, Entry: 7, Queue: "cards", Agent: "1002", Result: ledger.OfferAccepted, Rang: 2000},
	ledger.OfferEnded{Offer: 5, Entry: 7, Queue: "cards", Agent: "1003", Result: ledger.OfferWithdrawn, Rang: 2000, Elsewhere: true},
	ledger.Dequeued{Entry: 7, Queue: "cards", Outcome: ledger.OutcomeAnswered, Waited: 17500},
	ledger.Bridged{Entry: 7, Queue: "cards", Agent: "1002"},
	ledger.WrongMediaSource{Agent: "1002", Signalled: "192.168.7.7:4000", Source: "198.51.100.7:4000"},
	ledger.HoldStarted{Agent: "1002"},
	ledger.HoldEnded{Agent: "1002", Held: 3000},
	ledger.TalkEnded{Entry: 7, Queue: "cards", Agent: "1002", Talked: 60000, Held: 3000, By: ledger.TalkEndedByCaller},
	ledger.CallEnded{Line: "main", Reason: ledger.EndCallerLeft, Outcome: ledger.IVRToAgent, Took: 90000},
	ledger.Disposed{Agent: "1002", Queue: "cards", Entry: 7, Code: "bill"}, // in wrap-up
}

// wholeCallback is a callback with an agent who waits for the customer.
var wholeCallback = []ledger.Fact{
	ledger.CallArrived{Line: "main", Caller: "1234", Callback: true},
	ledger.Queued{Entry: 9, Queue: "cards", Via: ledger.ViaCallback, Before: 30000},
	ledger.CallbackRequested{Entry: 9, Queue: "cards", Line: "main", From: "c-1", Caller: "1234", Confirmed: true},
	ledger.CallbackTried{Entry: 9, Queue: "cards", Attempt: 1, Result: ledger.CallbackBusy, Took: 4000},
	ledger.Offered{Offer: 8, Entry: 9, Queue: "cards", Agent: "1002"},
	ledger.OfferEnded{Offer: 8, Entry: 9, Queue: "cards", Agent: "1002", Result: ledger.OfferAccepted, Rang: 2000},
	ledger.Dequeued{Entry: 9, Queue: "cards", Outcome: ledger.OutcomeAnswered, Waited: 600000, Total: 630000, Via: ledger.ViaCallback},
	ledger.CallbackTried{Entry: 9, Queue: "cards", Attempt: 2, Result: ledger.CallbackReached, Took: 9000},
	ledger.Bridged{Entry: 9, Queue: "cards", Agent: "1002"},
	ledger.TalkEnded{Entry: 9, Queue: "cards", Agent: "1002", Talked: 60000, By: ledger.TalkEndedByCaller},
	ledger.CallbackEnded{Queue: "cards", Outcome: "reached", Attempts: 2, Took: 661000},
	ledger.CallEnded{Line: "main", Reason: ledger.EndCallerLeft, Outcome: ledger.IVRToAgent, Took: 661000},
}

func TestRecordOfAWholeCall(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cardline.db"))
	defer s.Close()
	l := ledger.New(0)
	l.Subscribe(s.Write)
	for _, f := range wholeCall {
		l.Append("j-1", "c-1", f)
	}
	l.Close()
	got, ok, err := s.Record(t.Context(), "c-1")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	want := store.Record{
		Call: "c-1", Journey: "j-1", Line: "main", Trunk: "local", Caller: "1234",
		Reason: ledger.EndCallerLeft, Outcome: ledger.IVRToAgent, Took: 90000, Steps: 1,
		Services: []store.Service{{Service: "activation", Result: ledger.ServiceOK, Tail: "5678"}},
		Places: []store.Place{
			{Entry: 6, Queue: "gold", Via: ledger.ViaIVR, Outcome: ledger.OutcomeOverflow, Waited: 20000, Offers: 1, HeadStart: 60000, Class: "vip", Next: 7},
			{Entry: 7, Queue: "cards", Via: ledger.ViaOverflow, Outcome: ledger.OutcomeAnswered, Waited: 17500, Offers: 3, HeadStart: 90000, Class: "vip", Step: 1},
		},
		Talks: []store.Talk{{
			Entry: 7, Agent: "1002", Queue: "cards", Talked: 60000, Held: 3000, By: ledger.TalkEndedByCaller, Dispositions: []string{"bill"},
		}},
		WrongMedia: []ledger.WrongMediaSource{{Agent: "1002", Signalled: "192.168.7.7:4000", Source: "198.51.100.7:4000"}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(store.Record{}, store.Place{}), cmpopts.IgnoreTypes(time.Time{})); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if got.ArrivedAt.IsZero() || got.AnsweredAt.Before(got.ArrivedAt) || got.EndedAt.Before(got.AnsweredAt) {
		t.Errorf("times out of order: %v %v %v", got.ArrivedAt, got.AnsweredAt, got.EndedAt)
	}
	events, err := s.EventsOf(t.Context(), "c-1")
	if err != nil || len(events) != len(wholeCall) {
		t.Fatalf("%d events, want %d: %v", len(events), len(wholeCall), err)
	}
	for i, e := range events {
		if e.Seq != uint64(i+1) || !cmp.Equal(e.Fact, wholeCall[i]) {
			t.Errorf("event %d is %d %+v, want %+v", i, e.Seq, e.Fact, wholeCall[i])
		}
	}
}

// TestCutAnywhereIsClosedOnce kills the program after each event of a call and
// closes the call at the next start: whatever was open is closed exactly once.
func TestCutAnywhereIsClosedOnce(t *testing.T) {
	t.Run("call", func(t *testing.T) { cutAnywhere(t, wholeCall[:len(wholeCall)-1], 5) }) // what comes after the end is cut from nothing
	t.Run("callback", func(t *testing.T) { cutAnywhere(t, wholeCallback, 2) })
}

// cutAnywhere cuts a story, of which the caller is queued by the fact with the
// given number.
func cutAnywhere(t *testing.T, story []ledger.Fact, queued int) {
	for cut := 1; cut < len(story); cut++ {
		file := filepath.Join(t.TempDir(), "cardline.db")
		s := open(t, file)
		l := ledger.New(0)
		l.Subscribe(s.Write)
		for _, f := range story[:cut] {
			l.Append("j", "c", f)
		}
		l.Sync() // and no Close: the program is killed here
		for range 2 {
			s = open(t, file)
			cutCalls, err := s.OpenCalls(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			last, err := s.Last(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			l = ledger.New(last.Seq)
			l.Subscribe(s.Write)
			for _, r := range cutCalls {
				for _, f := range r.Interrupted(last.At) {
					l.Append(r.Journey, r.Call, f)
				}
			}
			l.Close()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		s = open(t, file)
		events, err := s.EventsOf(t.Context(), "c")
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for i, e := range events {
			count[ledger.Kind(e.Fact)]++
			if e.Seq != uint64(i+1) {
				t.Fatalf("cut after %d: a gap before event %d", cut, e.Seq)
			}
		}
		for open, end := range map[string]string{
			"call_arrived": "call_ended", "queued": "dequeued", "offered": "offer_ended", "bridged": "talk_ended", "hold_started": "hold_ended",
			"callback_requested": "callback_ended",
		} {
			if count[open] != count[end] {
				t.Errorf("cut after %s: %d %s, but %d %s", ledger.Kind(story[cut-1]), count[open], open, count[end], end)
			}
		}
		r, ok, err := s.Record(t.Context(), "c")
		if err != nil || !ok || r.Reason != ledger.EndInterrupted {
			t.Errorf("cut after %s: record %+v %v %v", ledger.Kind(story[cut-1]), r, ok, err)
		}
		if data, _ := json.Marshal(r.Places); cut >= queued && r.Outcome != ledger.IVRToAgent {
			t.Errorf("cut after %d: outcome %s, places %s", cut, r.Outcome, data)
		}
		_ = s.Close()
	}
}

func TestAgentsSurvive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cardline.db")
	s := open(t, file)
	l := ledger.New(0)
	l.Subscribe(s.Write)
	change := func(agent string, from, to ledger.AgentState, reason string) {
		l.Append("", "", ledger.AgentChanged{Agent: agent, From: from, To: to, Reason: reason})
	}
	change("1001", ledger.AgentLoggedOut, ledger.AgentNotReady, "login")
	change("1001", ledger.AgentNotReady, ledger.AgentReady, "")
	change("1002", ledger.AgentLoggedOut, ledger.AgentNotReady, "lunch")
	change("1003", ledger.AgentReady, ledger.AgentTalking, "")
	l.Append("", "", ledger.NextStateSet{Agent: "1003", To: ledger.AgentNotReady, Reason: "lunch"})
	change("1003", ledger.AgentTalking, ledger.AgentHolding, "")
	change("1004", ledger.AgentReady, ledger.AgentNotReady, "lunch")
	change("1004", ledger.AgentNotReady, ledger.AgentUnreachable, "") // at lunch still, when the phone is back
	change("1005", ledger.AgentNotReady, ledger.AgentReady, "")
	change("1005", ledger.AgentReady, ledger.AgentUnreachable, "")
	change("1006", ledger.AgentReady, ledger.AgentNotReady, "lunch")
	change("1006", ledger.AgentNotReady, ledger.AgentUnreachable, "")
	change("1006", ledger.AgentUnreachable, ledger.AgentReady, "")
	l.Close()
	_ = s.Close()
	s = open(t, file)
	defer s.Close()
	got, err := s.Agents(t.Context())
	want := []Agent{
		{ID: "1001", State: ledger.AgentReady},
		{ID: "1002", State: ledger.AgentNotReady, Reason: "lunch"},
		{ID: "1003", State: ledger.AgentHolding, Next: ledger.AgentNotReady, NextReason: "lunch"},
		{ID: "1004", State: ledger.AgentUnreachable, Next: ledger.AgentNotReady, NextReason: "lunch"},
		{ID: "1005", State: ledger.AgentUnreachable},
		{ID: "1006", State: ledger.AgentReady},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("agents (-want +got): %v\n%s", err, diff)
	}
}

func TestSwitchesSurvive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cardline.db")
	s := open(t, file)
	noon := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	l := ledger.New(0)
	l.Subscribe(s.Write)
	for _, f := range []ledger.Fact{
		ledger.LineSwitched{Line: "main", To: ledger.ModeEmergency, By: ledger.ByPhone, Who: "1001", Reason: "host is down"},
		ledger.LineSwitched{Line: "vip", To: ledger.ModeClosed, By: ledger.ByAPI},
		ledger.LineSwitched{Line: "vip", From: ledger.ModeClosed, By: ledger.ByAPI}, // back to its hours
		ledger.QueueSwitched{Queue: "main", To: ledger.ModeOpen, Until: noon.Add(time.Hour), By: ledger.ByAPI},
		ledger.QueueSwitched{Queue: "main", To: ledger.ModeClosed, Until: noon.Add(time.Minute), By: ledger.ByAPI, Who: "li.na"},
		ledger.QueueSwitched{Queue: "gold", To: ledger.ModeClosed, Until: noon, By: ledger.ByAPI}, // is over
	} {
		l.Append("", "", f)
	}
	l.Close()
	_ = s.Close()
	s = open(t, file)
	defer s.Close()
	got, err := s.Switches(t.Context(), noon)
	want := []call.Switched{
		{Line: "main", Mode: ledger.ModeEmergency, Who: "1001", Why: "host is down"},
		{Queue: "main", Mode: ledger.ModeClosed, Until: noon.Add(time.Minute), Who: "li.na"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("switches (-want +got): %v\n%s", err, diff)
	}
}

func TestUnwritableFileIsOneClearError(t *testing.T) {
	_, err := Open(Options{File: filepath.Join(t.TempDir(), "missing", "cardline.db")})
	if err == nil {
		t.Fatal("a file in a folder that does not exist was opened")
	}
}

// TestFileOfAnotherIsOneClearError lets somebody else hold the file: it can be
// read but not written, and that is found out by Open.
func TestFileOfAnotherIsOneClearError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cardline.db")
	other := open(t, file)
	defer other.Close()
	tx, err := other.write.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if s, err := Open(Options{File: file}); err == nil {
		_ = s.Close()
		t.Error("a file that cannot be written was opened")
	}
}

// TestLedgerEndsThoughNothingCanBeWritten makes the file read-only under the
// store: events are kept and tried again, until the store is told to give up.
func TestLedgerEndsThoughNothingCanBeWritten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cardline.db"))
	defer s.Close()
	if _, err := s.write.Exec(`PRAGMA query_only(1)`); err != nil {
		t.Fatal(err)
	}
	l := ledger.New(0)
	l.Subscribe(s.Write)
	l.Append("", "", ledger.Stopped{})
	closed := make(chan struct{})
	go func() {
		l.Close()
		close(closed)
	}()
	select {
	case <-closed:
		t.Fatal("an event was thrown away at the first failure")
	case <-time.After(300 * time.Millisecond):
	}
	s.GiveUp()
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Fatal("the ledger cannot be closed")
	}
}

func TestRecordOfACallback(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cardline.db"))
	defer s.Close()
	l := ledger.New(0)
	l.Subscribe(s.Write)
	for _, f := range wholeCallback {
		l.Append("j-1", "b-1", f)
	}
	l.Close()
	got, ok, err := s.Record(t.Context(), "b-1")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	want := &store.Callback{
		Queue: "cards", From: "c-1", Confirmed: true, Outcome: "reached", Took: 661000,
		Attempts: []store.Attempt{{Result: ledger.CallbackBusy, Took: 4000}, {Result: ledger.CallbackReached, Took: 9000}},
	}
	if diff := cmp.Diff(want, got.Callback); diff != "" {
		t.Errorf("callback (-want +got):\n%s", diff)
	}
	if got.Waited() != 0 || got.Places[0].Total != 630000 {
		t.Errorf("waited %d ms on the line, %d ms in all; want 0 and 630000", got.Waited(), got.Places[0].Total)
	}
}

// TestLateFactsKeepNothing tells of an answer that came after the call's end.
func TestLateFactsKeepNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cardline.db"))
	defer s.Close()
	for i, f := range []ledger.Fact{ledger.CallArrived{Line: "main"}, ledger.CallEnded{Reason: ledger.EndCallerLeft}, ledger.HostAsked{Operation: "set_pin"}} {
		s.Write([]ledger.Event{{Seq: uint64(i + 1), At: time.UnixMilli(1), Call: "c-1", Fact: f}})
	}
	if len(s.open) != 0 {
		t.Errorf("%d calls are kept as open", len(s.open))
	}
}

// TestRecordsByArrival reads more records than are read at one time, several of
// them of the same millisecond, in both orders, in parts and with conditions.
func TestRecordsByArrival(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cardline.db"))
	defer s.Close()
	day := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	const calls = 2*atOnce + 5
	var all []string
	var batch []ledger.Event
	for i := range calls {
		call, line := fmt.Sprintf("c-%04d", i), "main"
		if i%100 == 0 {
			line = "vip"
		}
		all = append(all, call)
		batch = append(batch, ledger.Event{
			Seq: uint64(i + 1), At: day.Add(time.Duration(i/10) * time.Minute), Call: call,
			Fact: ledger.CallArrived{Line: line, Caller: "1234"},
		})
	}
	s.Write(batch)
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	for name, c := range map[string]struct {
		q    store.Query
		want []string
	}{
		"all":           {store.Query{}, all},
		"newest first":  {store.Query{Newest: true}, reversed},
		"a span":        {store.Query{From: day.Add(time.Minute), To: day.Add(2 * time.Minute)}, all[10:20]},
		"after one":     {store.Query{After: all[14]}, all[15:]},
		"before one":    {store.Query{After: all[14], Newest: true}, reversed[calls-14:]},
		"of a line":     {store.Query{Line: "vip", From: day.Add(time.Minute)}, []string{"c-0100", "c-0200", "c-0300", "c-0400", "c-0500"}},
		"of a caller":   {store.Query{Tail: "1234", After: all[calls-2]}, all[calls-1:]},
		"of nobody":     {store.Query{Tail: "4321"}, nil},
		"after the end": {store.Query{After: all[calls-1]}, nil},
	} {
		var got []string
		for r, err := range s.Records(t.Context(), c.q) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, r.Call)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, err := range s.Records(t.Context(), store.Query{After: "c-nobody"}) {
		if !errors.Is(err, store.ErrUnknownCall) {
			t.Errorf("after a call that is not there: %v", err)
		}
	}
}

// TestStarts finds clean and other starts, and nothing that came before.
func TestStarts(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cardline.db"))
	defer s.Close()
	day := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for i, f := range []ledger.Fact{
		ledger.Started{}, ledger.Stopped{}, ledger.Started{}, ledger.Restarted{}, ledger.ConfigLoaded{}, ledger.Restarted{},
	} {
		s.Write([]ledger.Event{{Seq: uint64(i + 1), At: day.Add(time.Duration(i) * time.Minute), Fact: f}})
	}
	got, err := s.Starts(t.Context(), day.Add(2*time.Minute))
	want := []time.Time{day.Add(2 * time.Minute), day.Add(3 * time.Minute), day.Add(5 * time.Minute)}
	if err != nil || !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	var plan string
	var id, parent, unused int
	row := s.read.QueryRow("EXPLAIN QUERY PLAN SELECT at FROM events WHERE at >= 1 AND kind IN ('started', 'restarted')")
	if err := row.Scan(&id, &parent, &unused, &plan); err != nil || !strings.Contains(plan, "events_starts") {
		t.Errorf("a ledger of years is read as a whole: %q, %v", plan, err)
	}
}

func BenchmarkWrite(b *testing.B) {
	s, err := Open(Options{File: filepath.Join(b.TempDir(), "cardline.db"), Log: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	seq := uint64(0)
	for b.Loop() {
		batch := make([]ledger.Event, 100)
		for i := range batch {
			seq++
			batch[i] = ledger.Event{Seq: seq, At: time.Now(), Call: "c", Fact: ledger.StepLeft{Flow: "main", Step: "menu"}}
		}
		s.Write(batch)
	}
}

// TestFilesOfOtherVersions upgrades the first version and refuses one that is newer.
func TestFilesOfOtherVersions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cardline.db")
	text, err := os.ReadFile("../../app/testdata/data-1/cardline.db")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	count := func(s *Store, q store.Query) (n int) {
		t.Helper()
		for _, err := range s.Records(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	old, err := OpenForReading(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(old, store.Query{Pseudonyms: []string{"p-a"}}); n != 0 || count(old, store.Query{}) != 4 {
		t.Errorf("%d calls of a caller in a file without pseudonyms", n)
	}
	_ = old.Close()
	for range 3 {
		s := open(t, file)
		if n := count(s, store.Query{}); n != 4 {
			t.Errorf("%d calls, want 4", n)
		}
		if _, err := s.write.Exec(`PRAGMA user_version=1`); err != nil { // the first version has run in between
			t.Fatal(err)
		}
		_ = s.Close()
	}
	s := open(t, file)
	if _, err := s.write.Exec(`PRAGMA user_version=1000`); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if _, err := Open(Options{File: file}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("a file of a newer version: %v", err)
	}
}

// TestCallsOfOneCaller finds the calls of a caller by the pseudonyms of two keys.
func TestCallsOfOneCaller(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cardline.db"))
	defer s.Close()
	for i, p := range []string{"p-old", "", "p-other", "p-new", "p-new"} {
		s.Write([]ledger.Event{{
			Seq: uint64(i + 1), At: time.UnixMilli(int64(i)), Call: string(rune('a' + i)), Fact: ledger.CallArrived{Line: "main", Pseudonym: p},
		}})
	}
	for _, c := range []struct {
		query store.Query
		want  string
	}{
		{store.Query{Pseudonyms: []string{"p-new", "p-old"}}, "ade"},
		{store.Query{Pseudonyms: []string{"p-new", "p-old"}, Newest: true, After: "e"}, "da"},
		{store.Query{Pseudonyms: []string{"p-nobody"}}, ""},
		{store.Query{Pseudonyms: []string{""}}, ""},
		{store.Query{}, "abcde"},
	} {
		got := ""
		for r, err := range s.Records(t.Context(), c.query) {
			if err != nil {
				t.Fatal(err)
			}
			got += r.Call
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.query, got, c.want)
		}
	}
}

// TestBarredCallersAndTriesSurvive keeps who is barred, and what callers have tried
// today, also if the answer came when the call was over.
func TestBarredCallersAndTriesSurvive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cardline.db")
	noon := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	s := open(t, file)
	seq := uint64(0)
	tell := func(at time.Time, call string, facts ...ledger.Fact) {
		for _, f := range facts {
			seq++
			s.Write([]ledger.Event{{Seq: seq, At: at, Call: call, Fact: f}})
		}
	}
	tell(noon, "",
		ledger.CallerBarred{Pseudonym: "p-over", Until: noon.Add(time.Minute), Reason: "x"},
		ledger.CallerBarred{Pseudonym: "p-back", Reason: "x"}, ledger.CallerUnbarred{Pseudonym: "p-back"},
		ledger.CallerBarred{Pseudonym: "p-bad", Reason: "x"}, ledger.CallerBarred{Pseudonym: "p-bad", Until: noon.Add(time.Hour), Who: "li.na", Reason: "fraud"},
	)
	failed := ledger.HostAsked{Operation: "verify", Code: "refused", Cap: ledger.CapVerifications}
	tell(noon.Add(-24*time.Hour), "c-0", ledger.CallArrived{Line: "main", Pseudonym: "p-1"}, failed, ledger.CallEnded{Reason: ledger.EndCallerLeft})
	tell(noon, "c-1", ledger.CallArrived{Line: "main", Trunk: "ct1", Pseudonym: "p-1"}, failed, ledger.HostAsked{Operation: "bill"},
		ledger.CallEnded{Reason: ledger.EndCallerLeft}, failed, ledger.HostAsked{Operation: "send_code", Cap: ledger.CapCodes})
	tell(noon, "c-2", ledger.CallArrived{Line: "main"}, ledger.CallEnded{Reason: ledger.EndCallerLeft})
	_ = s.Close()
	s = open(t, file)
	defer s.Close()
	barred, err := s.Barred(t.Context(), noon.Add(2*time.Minute))
	if diff := cmp.Diff([]call.Barred{{Pseudonym: "p-bad", Since: noon, Until: noon.Add(time.Hour), Who: "li.na", Reason: "fraud"}}, barred); diff != "" || err != nil {
		t.Errorf("barred (-want +got): %v\n%s", err, diff)
	}
	tried, err := s.Tried(t.Context(), noon.Add(-time.Hour))
	want := []call.Tried{{Pseudonym: "p-1", Trunk: "ct1", Counts: map[ledger.Cap]int{ledger.CapVerifications: 2, ledger.CapCodes: 1}}}
	if diff := cmp.Diff(want, tried); diff != "" || err != nil {
		t.Errorf("tried (-want +got): %v\n%s", err, diff)
	}
}
