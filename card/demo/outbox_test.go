package demo_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cardline/card"
	"cardline/card/cardtest"
	"cardline/card/demo"
	"cardline/outbox"
)

// choosy is a host that cannot answer about one card.
type choosy struct {
	card.Host
	mu    sync.Mutex
	token string
	err   error
}

func (h *choosy) ReportLoss(ctx context.Context, r card.Request, token string, kind card.LossKind) (card.LossReceipt, error) {
	h.mu.Lock()
	bad, err := token == h.token, h.err
	h.mu.Unlock()
	if bad && err != nil {
		return card.LossReceipt{}, err
	}
	return h.Host.ReportLoss(ctx, r, token, kind)
}

// TestOneReportBlocksNoOther queues loss reports of three cards while the host is
// away. When it is back it cannot answer about the first, or refuses it: the
// others are stopped, and the first is in the list until a person deals with it.
func TestOneReportBlocksNoOther(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		state string
	}{{"no answer", errors.New("malformed answer"), ""}, {"refusal", card.NotAllowed, "not_allowed"}} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				issuer, notifier := open(t, dir)
				away := cardtest.Wrap(issuer)
				host := &choosy{Host: away}
				box, err := outbox.Open(outbox.Options{File: filepath.Join(dir, "outbox.db"), Receivers: card.Receivers(host), Limit: time.Second})
				if err != nil {
					t.Fatal(err)
				}
				defer box.Close()
				desk := card.NewDesk(t.Context(), card.DeskOptions{Host: host, Outbox: box, Limit: time.Second})
				var tokens []string
				for n := range 3 {
					found, err := issuer.Find(t.Context(), card.Request{Call: "c", Operation: fmt.Sprint(n)}, []byte(demo.HolderAt(n).Number))
					if err != nil {
						t.Fatal(err)
					}
					tokens = append(tokens, found.Token)
				}
				away.Fail(errors.New("connection refused"), 0)
				for n, token := range tokens {
					a := desk.Ask(t.Context(), card.Request{Call: fmt.Sprint("c-", n), Operation: "1"}, "report_loss",
						map[string][]byte{"card": []byte(token), "kind": []byte("stop")})
					if a.Result != card.ResultQueued {
						t.Fatalf("report %d: %+v", n, a)
					}
				}
				host.mu.Lock()
				host.token, host.err = tokens[0], c.err
				host.mu.Unlock()
				away.Fail(nil, 0)
				time.Sleep(time.Minute)
				synctest.Wait()
				stopped := 0
				for _, n := range notifier.Notices() {
					if n.Kind == card.NoticeLoss {
						stopped++
					}
				}
				list, err := box.List(t.Context())
				if stopped != 2 || err != nil || len(list) != 1 || list[0].Order != tokens[0] || list[0].Call != "c-0" || list[0].Refusal != c.state {
					t.Errorf("%d cards were stopped, want 2; left is %+v, %v", stopped, list, err)
				}
			})
		})
	}
}
