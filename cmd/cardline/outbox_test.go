package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardline/console"
	"cardline/outbox"
)

// runs runs a command line and returns what it prints.
func runs(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

// TestOutboxIsListedBesideTheHotline reads the file while it is being written.
func TestOutboxIsListedBesideTheHotline(t *testing.T) {
	dir := t.TempDir()
	if _, err := runs(t, "outbox", "--data", dir); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("a directory without an outbox: %v", err)
	}
	refused := make(chan struct{})
	b, err := outbox.Open(outbox.Options{
		File: filepath.Join(dir, "outbox.db"), Observer: watcher{refused},
		Receivers: map[string]outbox.Receiver{
			"report_loss": func(context.Context, outbox.Item) error { return outbox.RefusedError("unknown") },
			"activate":    func(context.Context, outbox.Item) error { return fmt.Errorf("away") },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if out, err := runs(t, "outbox", "--data", dir); err != nil || out != "The outbox is empty.\n" {
		t.Errorf("an empty outbox: %v\n%s", err, out)
	}
	for kind, card := range map[string]string{"report_loss": "card_1", "activate": "card_2"} {
		if _, err := b.Add(t.Context(), outbox.Item{Kind: kind, Key: kind, Order: card, Call: "c-" + card, Payload: []byte("secret")}); err != nil {
			t.Fatal(err)
		}
	}
	<-refused
	out, err := runs(t, "outbox", "--data", dir)
	for _, part := range []string{"report_loss", "refused: unknown", "card_1", "c-card_1", "activate", "pending", "card_2"} {
		if !strings.Contains(out, part) {
			t.Errorf("the list lacks %q: %v\n%s", part, err, out)
		}
	}
	var list []console.ItemView
	out, err = runs(t, "outbox", "--json", "--data", dir)
	if err != nil || json.Unmarshal([]byte(out), &list) != nil || len(list) != 2 || strings.Contains(out, "secret") {
		t.Errorf("as JSON: %v\n%s", err, out)
	}
}

// watcher waits for a refusal.
type watcher struct{ refused chan struct{} }

func (watcher) Outbox(string, int, time.Time, int) {}
func (w watcher) Delivered(_ outbox.Item, refusal string) {
	if refusal != "" {
		close(w.refused)
	}
}
func (watcher) Settled(outbox.Item, bool, string, string) {}

// TestOutboxByTheAPI lists and settles with a hotline elsewhere.
func TestOutboxByTheAPI(t *testing.T) {
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+body.String())
		switch {
		case r.Method == http.MethodGet:
			_, _ = w.Write([]byte(`{"outbox": [{"id": 7, "kind": "report_loss", "state": "refused", "refusal": "unknown", "added_at": "2026-10-01T09:00:00Z"}]}`))
		case r.URL.Path == "/api/outbox/7/state":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"detail": "no item that was refused has this number"}`))
		}
	}))
	defer api.Close()
	t.Setenv("CARDLINE_TOKEN", "a-token")
	out, err := runs(t, "outbox", "--api", api.URL)
	if err != nil || !strings.Contains(out, "refused: unknown") {
		t.Errorf("the list: %v\n%s", err, out)
	}
	if out, err := runs(t, "outbox", "settle", "7", "--reason", "by hand", "--api", api.URL); err != nil {
		t.Errorf("settle: %v\n%s", err, out)
	}
	if _, err := runs(t, "outbox", "again", "8", "--reason", "x", "--api", api.URL); err == nil || !strings.Contains(err.Error(), "no item that was refused") {
		t.Errorf("an item that is not there: %v", err)
	}
	if _, err := runs(t, "outbox", "again", "8", "--reason", "x"); err == nil || !strings.Contains(err.Error(), "--api") {
		t.Errorf("without an API: %v", err)
	}
	if want := `PUT /api/outbox/7/state Bearer a-token {"reason":"by hand","state":"settled"}`; len(asked) != 3 || asked[1] != want {
		t.Errorf("asked %q", asked)
	}
}
