package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/call"
	"cardline/configs"
	"cardline/ledger"
)

func begin(t *testing.T, data string) *App {
	t.Helper()
	a, err := New(Options{
		Load: func() (*configs.Config, error) { return configs.Load(configs.Default()) },
		Data: data, Version: "test", Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	return a
}

// TestARestartKeepsWhatWasDoneByHand switches queues and lines, lets agents come
// to work, and starts the hotline again.
func TestARestartKeepsWhatWasDoneByHand(t *testing.T) {
	data := t.TempDir()
	first := begin(t, data)
	h := first.Hotline()
	for _, s := range []call.Switch{
		{Queues: []string{"cards"}, Mode: ledger.ModeEmergency, For: time.Hour, Why: "host is down"},
		{Queues: []string{"english"}, Mode: ledger.ModeClosed, For: time.Millisecond},
		{Lines: []string{"vip"}, Mode: ledger.ModeClosed},
		{Lines: []string{"platinum"}, Mode: ledger.ModeClosed},
		{Lines: []string{"platinum"}}, // back to its hours
	} {
		if err := h.Switch(s, "li.na"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []acd.Command{
		acd.LogIn{Agent: "1001"},
		acd.SetReady{Agent: "1001"},
		acd.LogIn{Agent: "1002"},
		acd.SetNotReady{Agent: "1002", Reason: "lunch"},
	} {
		if err := h.Command(c); err != nil {
			t.Fatal(err)
		}
	}
	want := h.Thrown()
	for len(want) > 2 { // one of them is short
		time.Sleep(time.Millisecond)
		want = h.Thrown()
	}
	first.Stop()

	second := begin(t, data)
	h = second.Hotline()
	got := h.Thrown()
	byMillisecond := cmp.Comparer(func(a, b time.Time) bool { return a.Sub(b).Abs() < 10*time.Millisecond })
	if diff := cmp.Diff(want, got, byMillisecond); diff != "" || len(got) != 2 {
		t.Errorf("switches (-before +after):\n%s", diff)
	}
	for deadline := time.Now().Add(5 * time.Second); h.Queues()[0].Mode != ledger.ModeEmergency; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the queue is %+v", h.Queues()[0])
		}
	}
	// Nobody is rung before the phones are back. Then everybody is as before.
	for agent, want := range map[string]ledger.AgentState{"1001": ledger.AgentReady, "1002": ledger.AgentNotReady} {
		for _, c := range []struct {
			what  string
			after acd.Command
			want  ledger.AgentState
		}{{"before the phone is back", acd.Tick{}, ledger.AgentUnreachable}, {"with the phone", acd.DeviceBack{Agent: agent}, want}} {
			if err := h.Command(c.after); err != nil {
				t.Fatal(err)
			}
			for _, a := range h.Agents() {
				if a.ID == agent && a.State != c.want {
					t.Errorf("agent %s is %s %s, want %s", agent, a.State, c.what, c.want)
				}
			}
		}
	}
}
