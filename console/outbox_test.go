package console

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardline/outbox"
)

// pigeonhole is an outbox of items that are there.
type pigeonhole struct {
	items   []outbox.Item
	settled []string
}

func (p *pigeonhole) List(context.Context) ([]outbox.Item, error) { return p.items, nil }

func (p *pigeonhole) Settle(_ context.Context, id int64, again bool, who, reason string) error {
	for _, i := range p.items {
		if i.ID == id && i.Refusal != "" {
			p.settled = append(p.settled, fmt.Sprintf("%d again=%v %s: %s", id, again, who, reason))
			return nil
		}
	}
	return outbox.ErrUnknown
}

func newPigeonhole() *pigeonhole {
	return &pigeonhole{items: []outbox.Item{
		{ID: 7, Kind: "report_loss", Order: "card_1", Call: "c-1", Payload: []byte("secret"), Added: arrived, Attempts: 2, Refusal: "unknown", Refused: arrived.Add(time.Minute)},
		{ID: 8, Kind: "activate", Order: "card_2", Call: "c-2", Payload: []byte("secret"), Added: arrived, Attempts: 3, Next: arrived.Add(time.Hour)},
	}}
}

func TestOutbox(t *testing.T) {
	hole := newPigeonhole()
	b := newBench(t, func(o *Options) { o.Outbox = hole })
	got := read[struct{ Outbox []map[string]any }](b, "/api/outbox").Outbox
	var want []map[string]any
	if err := json.Unmarshal([]byte(`[
		{"id": 7, "kind": "report_loss", "state": "refused", "call": "c-1", "order": "card_1", "added_at": "2026-10-01T09:30:00Z", "attempts": 2,
			"refusal": "unknown", "refused_at": "2026-10-01T09:31:00Z"},
		{"id": 8, "kind": "activate", "state": "pending", "call": "c-2", "order": "card_2", "added_at": "2026-10-01T09:30:00Z", "attempts": 3,
			"next_at": "2026-10-01T10:30:00Z"}
	]`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the outbox (-want +got):\n%s", diff)
	}
	w := b.ask("GET", "/api/outbox?limit=1", tokenOfSupervisor, "", "")
	b.expect(w, 200, `"id":7`)
	if got, want := w.Header().Get("Link"), `</api/outbox?after=7&limit=1>; rel="next"`; got != want {
		t.Errorf("the next page: %s, want %s", got, want)
	}
	b.expect(b.ask("GET", "/api/outbox?limit=1&after=7", tokenOfSupervisor, "", ""), 200, `"id":8`)
	b.put("/api/outbox/7/state", `{"state": "settled", "reason": "by hand"}`, 204)
	b.put("/api/outbox/7/state", `{"state": "pending", "reason": "known now"}`, 204)
	b.put("/api/outbox/8/state", `{"state": "settled", "reason": "by hand"}`, 404, "no item that was refused")
	b.put("/api/outbox/x/state", `{"state": "settled", "reason": "by hand"}`, 404)
	b.put("/api/outbox/7/state", `{"state": "refused", "reason": "by hand"}`, 422, "expected pending")
	b.put("/api/outbox/7/state", `{"state": "settled"}`, 422, "say why")
	if diff := cmp.Diff([]string{"7 again=false li.na: by hand", "7 again=true li.na: known now"}, hole.settled); diff != "" {
		t.Errorf("settled (-want +got):\n%s", diff)
	}
}
