package board_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardline/board"
	"cardline/card"
	"cardline/ledger"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// start is when the story of the tests begins, in local time as a board shows it.
var start = time.Date(2026, 3, 9, 10, 0, 0, 0, time.Local)

// A teller appends events to a board as a ledger would.
type teller struct {
	board *board.Board
	at    time.Time
	seq   uint64
}

func (t *teller) tell(after time.Duration, call string, facts ...ledger.Fact) {
	t.at = t.at.Add(after)
	var batch []ledger.Event
	for _, f := range facts {
		t.seq++
		batch = append(batch, ledger.Event{Seq: t.seq, At: t.at.UTC(), Call: call, Fact: f})
	}
	t.board.Read(batch)
}

// morning tells a board a quarter of an hour in which everything happens once.
func morning(b *board.Board) (now time.Time) {
	t := &teller{board: b, at: start}
	arrive := func(after time.Duration, call string) {
		t.tell(after, call, ledger.CallArrived{Line: "main", Trunk: "local"}, ledger.CallAnswered{})
	}
	talk := func(after time.Duration, call, queue, agent string, entry uint64, waited ledger.Millis) {
		t.tell(after, call,
			ledger.OfferEnded{Offer: entry, Entry: entry, Queue: queue, Agent: agent, Result: ledger.OfferAccepted},
			ledger.Dequeued{Entry: entry, Queue: queue, Outcome: ledger.OutcomeAnswered, Waited: waited},
			ledger.AgentChanged{Agent: agent, Group: "cards", From: ledger.AgentOffered, To: ledger.AgentTalking, Queue: queue},
			ledger.Bridged{Entry: entry, Queue: queue, Agent: agent})
	}
	t.tell(0, "", ledger.Started{Version: "test"})
	t.tell(time.Second, "", ledger.AgentChanged{Agent: "1001", Group: "cards", To: ledger.AgentReady},
		ledger.AgentChanged{Agent: "1002", Group: "cards", To: ledger.AgentNotReady, Reason: "break"})

	// One activates a card, sets a PIN and hangs up.
	arrive(time.Second, "a")
	t.tell(time.Minute, "a", ledger.StepLeft{Flow: "main", Step: "menu", Exit: ledger.ExitOK},
		ledger.ServiceEnded{Service: "activation", Result: ledger.ServiceOK}, ledger.ServiceEnded{Service: "pin_set", Result: ledger.ServiceOK},
		ledger.CallEnded{Line: "main", Reason: ledger.EndCallerLeft, Outcome: ledger.IVRContained})
	// One talks and has hung up.
	arrive(time.Second, "b")
	t.tell(5*time.Second, "b", ledger.Queued{Entry: 1, Queue: "cards"})
	talk(3*time.Second, "b", "cards", "1001", 1, 3000)
	t.tell(90*time.Second, "b", ledger.TalkEnded{Entry: 1, Queue: "cards", Agent: "1001", Talked: 90_000, By: ledger.TalkEndedByAgent},
		ledger.CallEnded{Line: "main", Reason: ledger.EndAgentLeft, Outcome: ledger.IVRToAgent})
	// One was impatient at once, one after half a minute, and one was told that all are busy.
	for i, left := range []struct {
		outcome ledger.QueueOutcome
		after   time.Duration
	}{{ledger.OutcomeAbandoned, 4 * time.Second}, {ledger.OutcomeAbandoned, 30 * time.Second}, {ledger.OutcomeTimeout, 15 * time.Minute}} {
		call, entry := fmt.Sprint("left", i), uint64(10+i)
		arrive(time.Second, call)
		t.tell(time.Second, call, ledger.Queued{Entry: entry, Queue: "cards"})
		t.tell(left.after, call, ledger.Dequeued{Entry: entry, Queue: "cards", Outcome: left.outcome, Waited: ledger.MillisOf(left.after)},
			ledger.CallEnded{Line: "main", Outcome: ledger.IVRToAgent})
	}
	// These are there now.
	arrive(time.Second, "menu")
	arrive(time.Second, "pin")
	t.tell(time.Second, "pin", ledger.StepLeft{Flow: "pin", Step: "intro"}, ledger.VerificationFailed{Factor: "identity", Reason: "refused"})
	arrive(time.Second, "wait")
	t.tell(time.Second, "wait", ledger.StepLeft{Flow: "person", Step: "about"}, ledger.Queued{Entry: 20, Queue: "english"})
	arrive(time.Second, "talk")
	t.tell(time.Second, "talk", ledger.Queued{Entry: 21, Queue: "cards"})
	t.tell(time.Second, "talk", ledger.OfferEnded{Offer: 9, Entry: 21, Queue: "cards", Agent: "1002", Result: ledger.OfferRejected})
	talk(29*time.Second, "talk", "cards", "1001", 21, 30_000)
	t.tell(0, "talk", ledger.HoldStarted{Agent: "1001"})

	for _, n := range []card.Notice{
		{Kind: card.NoticeCode, Service: "activation", Code: []byte("042137"), Tail: "4821", PhoneTail: "3310"},
		{Kind: card.NoticeLoss, Ref: "000007", Tail: "1111", PhoneTail: "2222"},
	} {
		n.At = t.at.UTC()
		_ = b.Notify(context.Background(), n)
	}
	return t.at.Add(5 * time.Second)
}

func newBoard(o board.Options) *board.Board {
	o.Title = "cardline demo"
	o.Agents, o.Queues = []string{"1001", "1002", "1003"}, []string{"cards", "complaints", "english"}
	return board.New(o)
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestRender(t *testing.T) {
	for _, size := range []struct {
		name          string
		columns, rows int
	}{{"wide.txt", 110, 36}, {"narrow.txt", 60, 50}, {"small.txt", 80, 20}} {
		b := newBoard(board.Options{Tail: "4821", Invitation: []string{"CALL IN: 95500 at 127.0.0.1:5060", "account 2001, password cardline-2001"}})
		now := morning(b)
		lines := b.Render(now, size.columns, size.rows)
		if len(lines) > size.rows {
			t.Errorf("%s: got %d lines, want at most %d", size.name, len(lines), size.rows)
		}
		for _, l := range lines {
			if len(l) > size.columns {
				t.Errorf("%s: got a line of %d columns, want at most %d: %q", size.name, len(l), size.columns, l)
			}
		}
		golden(t, size.name, strings.Join(lines, "\n")+"\n")
	}
}

func TestRenderFitsEverySize(t *testing.T) {
	b := newBoard(board.Options{Tail: "4821", Invitation: []string{"CALL IN"}})
	now := morning(b)
	for columns := 1; columns <= 130; columns++ {
		for rows := 1; rows <= 45; rows++ {
			lines := b.Render(now, columns, rows)
			if len(lines) > rows {
				t.Fatalf("%d by %d: got %d lines", columns, rows, len(lines))
			}
			for _, l := range lines {
				if len(l) > columns {
					t.Fatalf("%d by %d: got %d columns: %q", columns, rows, len(l), l)
				}
			}
		}
	}
}

func TestNoColumnIsMoreThanOneWide(t *testing.T) {
	b := board.New(board.Options{Queues: []string{"信用卡\x1b[2J"}})
	for _, l := range b.Render(start, 100, 40) {
		for _, r := range l {
			if r < ' ' || r > '~' {
				t.Fatalf("got %q in %q, want printable ASCII alone", r, l)
			}
		}
	}
}

func TestSummary(t *testing.T) {
	b := newBoard(board.Options{})
	now := morning(b)
	want := "10:19:03  calls 4: in IVR 2, in queue 1 (oldest 0:37), talking 1 | so far 9 calls, 2 answered, 2 abandoned, 1 cards activated, 1 PINs set | agents ready 0 of 3"
	if got := b.Summary(now); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEmptyBoardIsDrawn(t *testing.T) {
	b := newBoard(board.Options{})
	if got := strings.Join(b.Render(start, 100, 40), "\n"); !strings.Contains(got, "CALLERS   0") {
		t.Errorf("got %s, want no callers", got)
	}
}

func TestShowGivesTheTerminalBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b := newBoard(board.Options{Color: true})
		if err := b.Show(ctx, &out, func() (int, int) { return 100, 30 }); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		const enter, leave = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
		if !strings.HasPrefix(got, enter) || !strings.HasSuffix(got, leave) {
			t.Errorf("got %.20q ... %.20q, want a screen of its own, left again", got, got[len(got)-20:])
		}
		if n := strings.Count(got, "\x1b[?2026h"); n < 4 || n > 5 {
			t.Errorf("got %d frames in a second, want 4 and the first", n)
		}
		if strings.Count(got, "\x1b[2J") != 1 {
			t.Error("the screen is cleared more than once, which flickers")
		}
	})
}

func TestShowWritesLinesWithoutTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		if err := newBoard(board.Options{Color: true}).Show(ctx, &out, nil); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); strings.Count(got, "\n") != 3 || strings.Contains(got, "\x1b") {
			t.Errorf("got %q, want three plain lines in 11 s", got)
		}
	})
}

func TestTheVisitorsMessageStandsOut(t *testing.T) {
	b := newBoard(board.Options{Tail: "4821"})
	now := morning(b)
	for range 60 { // others are busy meanwhile
		_ = b.Notify(t.Context(), card.Notice{Kind: card.NoticeActivated, Tail: "1111", PhoneTail: "2222", At: now})
	}
	got := strings.Join(b.Render(now, 110, 24), "\n")
	if want := "your code for activation is 042137"; !strings.Contains(got, want) {
		t.Errorf("got %s\nwant %q in it", got, want)
	}
}

// TestCallbacksAreCallersOnceTheyAreReached promises a call and makes it.
func TestCallbacksAreCallersOnceTheyAreReached(t *testing.T) {
	b := newBoard(board.Options{})
	story := &teller{board: b, at: start}
	shows := func(want string) {
		t.Helper()
		if got := b.Summary(story.at); !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %q in it", got, want)
		}
	}
	story.tell(0, "a", ledger.CallArrived{Line: "main"}, ledger.Queued{Entry: 1, Queue: "cards"})
	story.tell(time.Minute, "b", ledger.CallArrived{Line: "main", Callback: true})
	story.tell(0, "a", ledger.Dequeued{Entry: 1, Queue: "cards", Outcome: ledger.OutcomeCallbackRequested, Waited: 60_000, Next: 2},
		ledger.CallEnded{Line: "main", Outcome: ledger.IVRToAgent})
	story.tell(0, "b", ledger.Queued{Entry: 2, Queue: "cards", Via: ledger.ViaCallback})
	story.tell(time.Hour, "b", ledger.CallbackTried{Entry: 2, Queue: "cards", Attempt: 1, Result: ledger.CallbackBusy})
	shows("calls 0: in IVR 0, in queue 0 (oldest 0:00), talking 0 | so far 1 calls, 0 answered")
	story.tell(time.Hour, "b", ledger.CallbackTried{Entry: 2, Queue: "cards", Attempt: 2, Result: ledger.CallbackReached})
	shows("calls 1: in IVR 0, in queue 1 (oldest 0:00), talking 0 | so far 1 calls, 0 answered")
	story.tell(time.Second, "b", ledger.Dequeued{Entry: 2, Queue: "cards", Via: ledger.ViaCallback, Outcome: ledger.OutcomeAnswered, Waited: 7_201_000},
		ledger.Bridged{Entry: 2, Queue: "cards", Agent: "1001"})
	shows("calls 1: in IVR 0, in queue 0 (oldest 0:00), talking 1 | so far 1 calls, 0 answered")
	story.tell(time.Second, "b", ledger.CallEnded{Line: "main", Outcome: ledger.IVRToAgent})
	shows("calls 0: in IVR 0, in queue 0 (oldest 0:00), talking 0 | so far 1 calls, 0 answered")
}

// TestQueuesThatAreNotOpen says why nobody is taken in, until the queue opens.
func TestQueuesThatAreNotOpen(t *testing.T) {
	b := newBoard(board.Options{Clock: func(now time.Time) time.Time { return now.Add(17*time.Hour + 30*time.Minute) }})
	tell := &teller{board: b, at: start}
	for _, c := range []struct {
		fact ledger.ModeChanged
		want string
	}{
		{ledger.ModeChanged{Queue: "complaints", To: ledger.ModeClosed, By: ledger.ByHours}, "closed by its hours"},
		{ledger.ModeChanged{Queue: "complaints", To: ledger.ModeHoliday, By: ledger.ByHours, Reason: "国庆节"}, "holiday by its calendar"},
		{ledger.ModeChanged{Queue: "complaints", To: ledger.ModeEmergency, By: ledger.ByAPI, Who: "li.na", Reason: "host is down"}, "emergency by li.na: host is down"},
		{ledger.ModeChanged{Queue: "complaints", To: ledger.ModeOpen, By: ledger.ByHours}, ""},
	} {
		tell.tell(time.Second, "", c.fact)
		b.Note("your phone is agent 1003 now")
		lines := b.Render(start.Add(time.Minute), 100, 40)
		text := strings.Join(lines, "\n")
		if c.want != "" && !strings.Contains(text, "\n  "+c.want+"\n") || c.want == "" && strings.Contains(text, " by ") {
			t.Errorf("%s: want %q in\n%s", c.fact.To, c.want, text)
		}
		for _, want := range []string{"for the hotline it is Tue 03:31", " your phone is agent 1003 now"} {
			if !strings.Contains(text, want) {
				t.Errorf("want %q in\n%s", want, text)
			}
		}
	}
}
