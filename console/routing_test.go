package console

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardline/acd"
	"cardline/ledger"
)

// do gives the router a command that it must obey.
func (b *bench) do(commands ...acd.Command) {
	b.t.Helper()
	for _, c := range commands {
		if err := b.board.Command(c); err != nil {
			b.t.Fatal(err)
		}
	}
}

// told returns the facts of a type in the hotline's ledger.
func told[F ledger.Fact](b *bench) (list []F) {
	b.events.Sync()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.told {
		if f, ok := e.Fact.(F); ok {
			list = append(list, f)
		}
	}
	return list
}

// read asks as a supervisor and reads the answer.
func read[T any](b *bench, path string) (v T) {
	b.t.Helper()
	w := b.ask("GET", path, tokenOfSupervisor, "", "")
	b.expect(w, 200)
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		b.t.Errorf("%s: %v", path, err)
	}
	return v
}

// put asks as a supervisor for a change.
func (b *bench) put(path, body string, code int, has ...string) {
	b.t.Helper()
	b.expect(b.ask("PUT", path, tokenOfSupervisor, "", body), code, has...)
}

type queueList struct{ Queues []queueView }

func TestQueuesAndTheirModes(t *testing.T) {
	b := newBench(t, nil)
	b.do(acd.LogIn{Agent: "1001"}, acd.Enqueue{Call: "c-1", Queue: "cards", Via: ledger.ViaIVR})
	list := read[queueList](b, "/api/queues").Queues
	if len(list) != 2 || list[0].Mode != ledger.ModeOpen || list[0].Waiting != 1 || list[0].Staff["not_ready"] != 1 || list[0].Staff["logged_out"] != 1 {
		t.Errorf("cards is %+v", list)
	}
	if q := list[1]; q.Mode != ledger.ModeHoliday || q.Why != "National Day" || q.ByHand || !q.Until.Equal(arrived.Add(24*time.Hour)) {
		t.Errorf("gold is %+v", q)
	}
	began := time.Now()
	b.put("/api/queues/cards/mode", `{"mode": "emergency", "for": "2h", "reason": "host is down"}`, 200, `"mode":"emergency"`, `"who":"li.na"`, `"by_hand":true`)
	switched := told[ledger.QueueSwitched](b)
	if len(switched) != 1 || switched[0].Until.Before(began.Add(2*time.Hour)) || switched[0].Reason != "host is down" {
		t.Errorf("the ledger has %+v", switched)
	}
	byHand := ledger.ModeChanged{Queue: "cards", From: ledger.ModeOpen, To: ledger.ModeEmergency, By: ledger.ByAPI, Who: "li.na", Reason: "host is down"}
	if changed := told[ledger.ModeChanged](b); !slices.Contains(changed, byHand) {
		t.Errorf("the ledger has %+v", changed)
	}
	b.put("/api/queues/cards/mode", `{"mode": ""}`, 200, `"mode":"open"`, `"by_hand":false`)
	b.put("/api/queues/nobody/mode", `{"mode": "closed"}`, 404, "no such queue")
	b.put("/api/queues/cards/mode", `{"mode": "shut"}`, 422, "expected one of")
	b.put("/api/queues/cards/mode", `{"mode": "closed", "for": "soon"}`, 422, "such as 90m")
	b.put("/api/queues/cards/mode", `{"mode": "closed", "for": "-1h"}`, 422, "such as 90m")
	b.put("/api/queues/cards/mode", `{"mode": "", "for": "1h"}`, 422, "only a mode has one")
	b.put("/api/queues/cards/mode", `{"mode": "closed", "reason": "`+fmt.Sprintf("%0*d", maxReason+1, 0)+`"}`, 422, "at most")
	b.put("/api/queues/cards/mode", `{"moode": "closed"}`, 400, "such as")
	if n := len(told[ledger.QueueSwitched](b)); n != 2 {
		t.Errorf("%d switches in the ledger, want 2", n)
	}
}

func TestLinesAndTheirModes(t *testing.T) {
	b := newBench(t, nil)
	list := read[struct{ Lines []lineView }](b, "/api/lines").Lines
	if len(list) != 2 || list[0].Name != "main" || list[0].Mode != ledger.ModeHoliday || list[1].Mode != ledger.ModeOpen {
		t.Errorf("the lines are %+v", list)
	}
	b.put("/api/lines/vip/mode", `{"mode": "closed", "reason": "drill"}`, 200, `"mode":"closed"`, `"why":"drill"`)
	if got := told[ledger.LineSwitched](b); len(got) != 1 || got[0].Line != "vip" || got[0].Who != "li.na" || got[0].By != ledger.ByAPI {
		t.Errorf("the ledger has %+v", got)
	}
	b.put("/api/lines/nobody/mode", `{"mode": "closed"}`, 404, "no such line")
}

type entryList struct{ Entries []entryView }

func TestTheOrderOfThoseWhoWait(t *testing.T) {
	b := newBench(t, nil)
	b.do(acd.Enqueue{Call: "c-1", Queue: "cards", Via: ledger.ViaIVR, Class: "normal"},
		acd.Enqueue{Call: "c-2", Queue: "cards", Via: ledger.ViaIVR, Class: "vip", HeadStart: time.Minute})
	order := func() (calls []string) {
		for _, e := range read[entryList](b, "/api/entries?queue=cards").Entries {
			calls = append(calls, fmt.Sprint(e.Position, " ", e.Call, " ", e.HeadStart))
		}
		return calls
	}
	if diff := cmp.Diff([]string{"1 c-2 60000", "2 c-1 0"}, order()); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	first := read[entryList](b, "/api/entries").Entries[1]
	path := fmt.Sprintf("/api/entries/%d/head_start", first.Entry)
	b.put(path, `{"seconds": 90, "reason": "cut off twice"}`, 200, `"head_start_ms":90000`, `"position":1`)
	if diff := cmp.Diff([]string{"1 c-1 90000", "2 c-2 60000"}, order()); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	moved := told[ledger.HeadStartChanged](b)
	if want := []ledger.HeadStartChanged{{Entry: first.Entry, Queue: "cards", To: 90000, Reason: "cut off twice", By: ledger.ByAPI, Who: "li.na"}}; !cmp.Equal(want, moved) {
		t.Errorf("the ledger has %+v", moved)
	}
	b.put(path, `{"seconds": 90}`, 422, "say why")
	b.put(path, `{"reason": "x"}`, 422, "expected 0 to 86400")
	b.put(path, `{"seconds": -1, "reason": "x"}`, 422, "expected 0 to 86400")
	b.put(path, `{"seconds": 86401, "reason": "x"}`, 422, "expected 0 to 86400")
	b.put("/api/entries/99/head_start", `{"seconds": 1, "reason": "x"}`, 404, "nobody with this number")
	b.put("/api/entries/x/head_start", `{"seconds": 1, "reason": "x"}`, 404, "nobody with this number")
	b.expect(b.ask("PUT", path, tokenOfOperator, "", `{"seconds": 1, "reason": "x"}`), 403)
	if got := read[entryList](b, "/api/entries?queue=gold").Entries; len(got) != 0 {
		t.Errorf("gold has %+v", got)
	}
}

func TestAfterACall(t *testing.T) {
	b := newBench(t, nil)
	b.put("/api/agents/1001/wrap_up", `{"extend": true}`, 409, `"state":"logged_out"`)
	b.do(acd.LogIn{Agent: "1001"}, acd.SetReady{Agent: "1001"}, acd.Enqueue{Call: "c-1", Queue: "cards", Via: ledger.ViaIVR}, acd.AcceptOffer{Offer: 1})
	b.do(acd.EndTalk{Agent: "1001"})
	own := func(path, body string, code int, has ...string) {
		t.Helper()
		b.expect(b.ask("PUT", path, tokenOfAgent, "", body), code, has...)
	}
	own("/api/agents/1001/wrap_up", `{"extend": true}`, 200, `"state":"wrap_up"`)
	own("/api/agents/1001/wrap_up", `{}`, 422, "expected true")
	own("/api/agents/1002/wrap_up", `{"extend": true}`, 403)
	own("/api/agents/1001/state", `{"state": "ready"}`, 409, "wants a disposition")
	own("/api/agents/1001/disposition", `{"code": "weather"}`, 409, "wants a disposition")
	own("/api/agents/1001/disposition", `{}`, 422, "expected one of the dispositions")
	own("/api/agents/1002/disposition", `{"code": "bill"}`, 403)
	own("/api/agents/1001/disposition", `{"code": "bill"}`, 200, `"state":"ready"`)
	b.put("/api/agents/nobody/disposition", `{"code": "bill"}`, 404, "no such agent")
	if got := told[ledger.Disposed](b); len(got) != 1 || got[0].Code != "bill" || got[0].By != ledger.ByAPI {
		t.Errorf("the ledger has %+v", got)
	}
	if got := told[ledger.WrapUpExtended](b); len(got) != 1 || got[0].By != ledger.ByAPI {
		t.Errorf("the ledger has %+v", got)
	}
}

func TestCallbacksAreSeenAndCancelled(t *testing.T) {
	b := newBench(t, nil)
	b.do(acd.Enqueue{Call: "c-9", Queue: "cards", Via: ledger.ViaIVR}, acd.RequestCallback{Entry: 1, Call: "c-1"}) // of which there is a record
	list := read[struct{ Callbacks []callbackView }](b, "/api/callbacks").Callbacks
	if len(list) != 1 || list[0].Call != "c-1" || list[0].Caller != "1234" || list[0].Line != "main" || list[0].Callback == nil || list[0].Callback.Dialling {
		t.Fatalf("callbacks are %+v", list)
	}
	if q := read[queueList](b, "/api/queues").Queues[0]; q.Waiting != 0 || q.Callbacks != 1 {
		t.Errorf("cards is %+v", q)
	}
	b.expect(b.ask("DELETE", "/api/callbacks/c-1", tokenOfOperator, "", ""), 403)
	b.expect(b.ask("DELETE", "/api/callbacks/c-9", tokenOfSupervisor, "", ""), 404, "no such call is to be made")
	b.expect(b.ask("DELETE", "/api/callbacks/c-1?reason=came+by", tokenOfSupervisor, "", ""), 204)
	b.expect(b.ask("DELETE", "/api/callbacks/c-1", tokenOfSupervisor, "", ""), 404)
	if got := told[ledger.CallbackCancelled](b); len(got) != 1 || got[0].Who != "li.na" || got[0].Reason != "came by" {
		t.Errorf("the ledger has %+v", got)
	}
	left := told[ledger.Dequeued](b)
	if len(left) != 2 || left[1].Outcome != ledger.OutcomeClosed {
		t.Errorf("the ledger has %+v", left)
	}
	b.records.fault = fmt.Errorf("disk")
	b.do(acd.Enqueue{Call: "c-8", Queue: "cards", Via: ledger.ViaIVR}, acd.RequestCallback{Entry: 3})
	b.expect(b.ask("GET", "/api/callbacks", tokenOfSupervisor, "", ""), 500)
}

func TestWhy(t *testing.T) {
	b := newBench(t, nil)
	b.expect(b.ask("GET", "/api/calls/c-1/why", tokenOfAuditor, "", ""), 200, `"call":"c-1"`, "the only one who could take the call", `"text":"Call c-1, line main`)
	b.expect(b.ask("GET", "/api/calls/c-2/why", tokenOfAuditor, "", ""), 404, "no such call")
	b.records.fault = fmt.Errorf("disk")
	b.expect(b.ask("GET", "/api/calls/c-1/why", tokenOfAuditor, "", ""), 500)
}
