package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/call"
	"cardline/ledger"
	"cardline/store/sqlite"
	"cardline/store/why"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// scene is a morning of a hotline: the router decides, the ledger remembers.
type scene struct {
	t      *testing.T
	began  time.Time
	router *acd.Router
	ledger *ledger.Log
	events []ledger.Event
	offers map[string]acd.OfferMade // that are out, by agent
	placed map[string]uint64        // newest entry by call
}

func newScene(t *testing.T, o acd.Options) *scene {
	l := &scene{
		t: t, began: time.Now(), router: acd.New(o), ledger: ledger.New(0),
		offers: map[string]acd.OfferMade{}, placed: map[string]uint64{},
	}
	l.ledger.Subscribe(func(batch []ledger.Event) { l.events = append(l.events, batch...) })
	return l
}

// journey names the matter of a call: the letter at its end.
func journey(call string) string { return "j-" + call[len(call)-1:] }

func (l *scene) tell(call string, facts ...ledger.Fact) {
	for _, f := range facts {
		l.ledger.Append(journey(call), call, f)
	}
}

// pass lets time go by, and the router's deadlines in it.
func (l *scene) pass(d time.Duration) {
	for until := time.Now().Add(d); ; {
		at, ok := l.router.NextDeadline()
		if !ok || l.began.Add(at).After(until) {
			time.Sleep(time.Until(until))
			return
		}
		time.Sleep(time.Until(l.began.Add(at)))
		l.do(acd.Tick{})
	}
}

// do obeys commands and writes down what follows.
func (l *scene) do(commands ...acd.Command) {
	l.t.Helper()
	for _, c := range commands {
		effects, err := l.router.Apply(time.Since(l.began), c)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, e := range effects {
			l.write(e)
		}
	}
}

func (l *scene) write(e acd.Effect) {
	id, f := call.FactOf(e)
	switch e := e.(type) {
	case acd.Entered:
		l.placed[e.Call] = e.Entry
	case acd.OfferMade:
		l.offers[e.Agent] = e
	case acd.OfferEnded:
		delete(l.offers, e.Agent)
	case acd.CallbackFailed:
		f = ledger.CallbackTried{Entry: e.Entry, Queue: e.Queue, Attempt: e.Attempt, Result: e.Result, Took: 30_000}
	}
	if id != "" && f != nil {
		l.tell(id, f)
	}
}

// call lets a caller come in and queue.
func (l *scene) call(id, queue, class string, headStart time.Duration) {
	l.t.Helper()
	l.tell(id, ledger.CallArrived{Line: "main", Trunk: "ct1", Caller: "1234"}, ledger.CallAnswered{})
	l.do(acd.Enqueue{Call: id, Queue: queue, Via: ledger.ViaIVR, Class: class, HeadStart: headStart})
}

// answer lets an agent who is rung take the call.
func (l *scene) answer(agent string) {
	l.t.Helper()
	o := l.offers[agent]
	l.do(acd.AcceptOffer{Offer: o.Offer})
	l.tell(o.Call, ledger.Bridged{Entry: o.Entry, Queue: o.Queue, Agent: agent})
}

// hangUp ends a conversation and the call.
func (l *scene) hangUp(agent string, talked time.Duration, code string) {
	l.t.Helper()
	v, _ := l.router.AgentView(agent)
	l.tell(v.Call, ledger.TalkEnded{Entry: v.Entry, Queue: v.Queue, Agent: agent, Talked: ledger.MillisOf(talked), By: ledger.TalkEndedByCaller})
	if code != "" {
		l.do(acd.Dispose{Agent: agent, Code: code, By: ledger.ByPhone})
	}
	l.do(acd.EndTalk{Agent: agent})
	l.tell(v.Call, ledger.CallEnded{Line: "main", Reason: ledger.EndCallerLeft, Outcome: ledger.IVRToAgent})
}

// ready lets agents come to work, a second after one another.
func (l *scene) ready(agents ...string) {
	l.t.Helper()
	for _, a := range agents {
		l.do(acd.LogIn{Agent: a}, acd.SetReady{Agent: a})
		l.pass(time.Second)
	}
}

// morning is told to a store in a new directory.
func morning(t *testing.T) (data string) {
	t.Helper()
	var events []ledger.Event
	synctest.Test(t, func(t *testing.T) {
		needs := func(text string) acd.Requirement {
			r, err := acd.ParseRequirement(text)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		l := newScene(t, acd.Options{
			Queues: []acd.Queue{
				{
					Name: "gold", Requires: needs("gold >= 1"), Strategy: acd.MostSkilled,
					Steps:    []acd.Step{{After: 30 * time.Second, Requires: needs("gold >= 1 or cards >= 9")}},
					Overflow: []acd.Overflow{{When: acd.OverWait, Wait: 90 * time.Second, To: "cards", Return: true}},
				},
				{
					Name: "cards", Requires: needs("cards >= 1"), RingTimeout: 10 * time.Second, Dispositions: []string{"lost_card"},
					Callback: acd.Callback{First: acd.AgentFirst, Attempts: 3, Gap: 5 * time.Minute},
				},
			},
			Agents: []acd.Agent{
				{ID: "1001", Skills: map[string]int{"cards": 5}},
				{ID: "1002", Skills: map[string]int{"cards": 3}},
				{ID: "1003", Skills: map[string]int{"cards": 2}},
				{ID: "1004", Skills: map[string]int{"cards": 1}},
				{ID: "1009", Skills: map[string]int{"gold": 5}},
			},
			Reasons: []acd.Reason{{Name: "lunch"}},
		})
		defer func() {
			l.ledger.Close()
			events = l.events
		}()
		overtakes(l)
		passedOn(l)
		calledBack(l)
	})
	data = t.TempDir()
	s, err := sqlite.Open(sqlite.Options{File: filepath.Join(data, "cardline.db"), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	s.Write(events)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// overtakes: a VIP passes an earlier caller, one agent does not answer, the
// other does.
func overtakes(l *scene) {
	l.ready("1001", "1002", "1003", "1004")
	l.do(acd.SetNotReady{Agent: "1004", Reason: "lunch"})
	for i, busy := range []string{"c-x", "c-y", "c-z"} {
		l.call(busy, "cards", "normal", 0)
		l.answer([]string{"1001", "1002", "1003"}[i])
	}
	l.call("c-n", "cards", "normal", 0)
	l.pass(20 * time.Second)
	l.call("c-v", "cards", "vip", time.Minute)
	l.tell("c-v", ledger.Announced{Entry: l.placed["c-v"], Queue: "cards", Position: 1, Low: 1, High: 2, P50: 42_000, P90: 95_000})
	l.pass(5 * time.Second)
	l.hangUp("1002", 25*time.Second, "")
	l.pass(10 * time.Second) // 1002 does not answer
	l.pass(2 * time.Second)
	l.hangUp("1001", 37*time.Second, "")
	l.pass(4250 * time.Millisecond)
	l.answer("1001")
	l.pass(20 * time.Second)
	l.tell("c-v", ledger.HoldStarted{Agent: "1001"})
	l.pass(8 * time.Second)
	l.tell("c-v", ledger.HoldEnded{Agent: "1001", Held: 8_000})
	l.pass(32 * time.Second)
	l.hangUp("1001", 52*time.Second, "lost_card")
	l.do(acd.Leave{Entry: l.placed["c-n"], Outcome: ledger.OutcomeAbandoned})
	l.hangUp("1003", time.Minute, "")
}

// passedOn: nobody of the home queue has time; the caller goes on to another
// queue, is moved by a supervisor, and is taken by an agent of the home queue.
func passedOn(l *scene) {
	l.do(acd.SetNotReady{Agent: "1001", Reason: "lunch"})
	l.call("c-w", "cards", "normal", 0)
	l.answer("1003")
	l.call("c-g", "gold", "normal", 0)
	l.tell("c-g", ledger.Announced{Entry: l.placed["c-g"], Queue: "gold", Position: 1})
	l.tell("c-g", ledger.WrongMediaSource{Signalled: "192.168.7.7:4000", Source: "198.51.100.7:5000"})
	l.pass(95 * time.Second)
	l.do(acd.SetHeadStart{Entry: l.placed["c-g"], HeadStart: 2 * time.Minute, Reason: "complained before", By: ledger.ByAPI, Who: "li.na"})
	l.pass(5 * time.Second)
	l.ready("1009")
	l.answer("1009")
	l.tell("c-g", ledger.WrongMediaSource{Agent: "1009", Signalled: "10.0.0.9:4000", Source: "10.0.0.9:4002"})
	l.pass(3 * time.Second)
	l.hangUp("1009", 4*time.Second, "")
	l.hangUp("1003", 2*time.Minute, "")
}

// calledBack: a caller hangs up and is called back, in vain the first time.
func calledBack(l *scene) {
	l.do(acd.SetNotReady{Agent: "1003", Reason: "lunch"})
	l.call("c-b", "cards", "normal", 0)
	l.tell("c-b", ledger.CallbackDenied{Queue: "cards", Reason: "prefix"})
	l.pass(15 * time.Second)
	l.tell("b-b", ledger.CallArrived{Line: "main", Trunk: "ct1", Caller: "1234", Callback: true})
	l.do(acd.RequestCallback{Entry: l.placed["c-b"], Call: "b-b"})
	l.tell("b-b", ledger.CallbackRequested{Entry: l.placed["b-b"], Queue: "cards", Line: "main", From: "c-b", Caller: "1234", Confirmed: true})
	l.tell("c-b", ledger.CallEnded{Line: "main", Reason: ledger.EndFlow, Outcome: ledger.IVRToAgent})
	l.pass(2 * time.Minute)
	l.do(acd.SetReady{Agent: "1001"})
	l.pass(3 * time.Second)
	l.do(acd.DialOut{Offer: l.offers["1001"].Offer})
	l.pass(30 * time.Second) // nobody answers
	l.pass(5 * time.Minute)
	l.do(acd.DialOut{Offer: l.offers["1001"].Offer})
	l.pass(6 * time.Second)
	entry := l.placed["b-b"]
	l.do(acd.CallbackAnswered{Entry: entry})
	l.tell("b-b", ledger.CallbackTried{Entry: entry, Queue: "cards", Attempt: 2, Result: ledger.CallbackReached, Took: 6_000},
		ledger.Bridged{Entry: entry, Queue: "cards", Agent: "1001"})
	l.pass(time.Minute)
	l.tell("b-b", ledger.CallbackEnded{Queue: "cards", Outcome: "reached", Attempts: 2, Took: 530_000})
	l.hangUp("1001", time.Minute, "")
}

// TestWhy explains the calls of the morning, each of which shows something.
func TestWhy(t *testing.T) {
	data := morning(t)
	for _, call := range []string{"c-x", "c-v", "c-n", "c-g", "c-b", "b-b"} {
		t.Run(call, func(t *testing.T) {
			var out bytes.Buffer
			if err := (whyFlags{bookFlags{data: data}}).explain(t.Context(), &out, call, time.UTC); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "why", call+".txt")
			if *update {
				if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", call, diff)
			}
		})
	}
}

func TestWhyAsJSON(t *testing.T) {
	data := morning(t)
	out, code, err := execute(t, "why", "c-v", "--data", data, "--json")
	if code != 0 {
		t.Fatal(err)
	}
	var e why.Explanation
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, s := range e.Steps {
		kinds[s.Kind]++
	}
	if e.Call != "c-v" || e.Line != "main" || kinds["offered"] != 2 || kinds["dequeued"] != 1 || !strings.Contains(e.Text, "Offered to agent 1002") {
		t.Errorf("got %+v with %v", e, kinds)
	}
}

// TestWhyReadsWhatIsBeingWritten asks while the hotline has its ledger open, and
// when the directory can only be read.
func TestWhyReadsWhatIsBeingWritten(t *testing.T) {
	data := morning(t)
	s, err := sqlite.Open(sqlite.Options{File: filepath.Join(data, "cardline.db"), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]ledger.Event{{Seq: last.Seq + 1, At: time.Now(), Call: "c-new", Fact: ledger.CallArrived{Line: "vip"}}})
	if out, code, err := execute(t, "why", "c-new", "--data", data); code != 0 || !strings.Contains(out, "line vip") {
		t.Errorf("beside a running hotline: %d %v\n%s", code, err, out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(data, 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(data, 0o700) }()
	if out, code, err := execute(t, "why", "c-new", "--data", data); code != 0 || !strings.Contains(out, "line vip") {
		t.Errorf("in a directory that can only be read: %d %v\n%s", code, err, out)
	}
	if after, err := os.ReadDir(data); err != nil || len(after) != 1 {
		t.Errorf("it leaves %v behind, %v", after, err)
	}
}

func TestWhyNot(t *testing.T) {
	data := morning(t)
	empty := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"why", "c-nobody", "--data", data}, `no call "c-nobody" in `, exitFailed},
		{[]string{"why", "c-nobody", "--data", empty}, "give the directory of the hotline by --data", exitFailed},
		{[]string{"why", "c-nobody", "--api", "http://127.0.0.1:1"}, "give its file by --token-file, or set CARDLINE_TOKEN", exitFailed},
		{[]string{"why", "a", "b"}, "accepts at most 1 arg", exitUsage},
		{[]string{"why", "--data", empty}, "give the directory of the hotline by --data", exitFailed},
		{[]string{"calls", "--from", "noon"}, "--from: \"noon\" is no time: expected one such as 09:00", exitUsage},
		{[]string{"calls", "--api", "http://127.0.0.1:1"}, "give its file by --token-file, or set CARDLINE_TOKEN", exitFailed},
	} {
		_, code, err := execute(t, c.args...)
		if code != c.code || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %d, %v; want %d, %q", c.args, code, err, c.code, c.want)
		}
	}
}

func TestWhyOfAnotherMachine(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"detail":"nobody holds this token"}`))
		case r.URL.Path != "/api/calls/c-1/why":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(`{"call":"c-1","text":"It was so.\n"}`))
		}
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code, err := execute(t, "why", "c-1", "--api", server.URL+"/", "--token-file", file); code != 0 || out != "It was so.\n" {
		t.Errorf("got %q, %d, %v", out, code, err)
	}
	t.Setenv("CARDLINE_TOKEN", "wrong")
	if _, code, err := execute(t, "why", "c-1", "--api", server.URL); code != exitFailed || !strings.Contains(err.Error(), "nobody holds this token") {
		t.Errorf("a wrong token: got %d, %v", code, err)
	}
}
