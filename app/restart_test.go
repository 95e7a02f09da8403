package app

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/call"
	"cardline/configs"
	"cardline/ledger"
)

func begin(t *testing.T, data string, change ...func(*Options)) *App {
	t.Helper()
	o := Options{
		Load: func() (*configs.Config, error) { return configs.Load(configs.Default()) },
		Data: data, Version: "test", Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
	}
	for _, c := range change {
		c(&o)
	}
	a, err := New(o)
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
	for deadline := time.Now().Add(time.Minute); h.Queues()[0].Mode != ledger.ModeEmergency; time.Sleep(time.Millisecond) {
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

// TestEachRunIsRecorded starts the hotline twice with a recording: each run has a
// file of its own, for the owner's eyes only, that tells what its router did.
func TestEachRunIsRecorded(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "routing")
	for range 2 {
		a := begin(t, data, func(o *Options) { o.Record = dir })
		if err := a.Hotline().Command(acd.LogIn{Agent: "1001"}); err != nil {
			t.Fatal(err)
		}
		a.Stop()
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("recorded %v, %v; want two files", files, err)
	}
	for _, entry := range files {
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", entry.Name(), info.Mode(), err)
		}
		file, err := os.Open(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		came := false
		if _, err := call.Replay(file, func(_ acd.Time, e acd.Effect) {
			changed, ok := e.(acd.AgentChanged)
			came = came || ok && changed.Agent == "1001" && changed.From == ledger.AgentLoggedOut
		}); err != nil || !came {
			t.Errorf("%s: the agent came to work: %t, %v", entry.Name(), came, err)
		}
		_ = file.Close()
	}
}

// TestAFailedStartRecordsNothing cannot bind its port: no file is left.
func TestAFailedStartRecordsNothing(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	a := begin(t, t.TempDir(), func(o *Options) {
		load := o.Load
		o.Record, o.Load = dir, func() (*configs.Config, error) {
			c, err := load()
			if err == nil {
				c.File.HTTP.Listen = "127.0.0.1:0"
				c.File.SIP.Listen = []configs.Listen{{Network: "udp", Address: taken.LocalAddr().String()}}
			}
			return c, err
		}
	})
	if err := a.Start(); err == nil {
		t.Fatal("it started on a port that is taken")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("recorded %v, %v", files, err)
	}
}

// TestARestartForgivesNobody bars a caller, and counts what was tried, over a
// restart.
func TestARestartForgivesNobody(t *testing.T) {
	data := t.TempDir()
	first := begin(t, data)
	who := first.Hotline().Pseudonyms("13800000001")[0]
	first.Hotline().Bar(who, time.Hour, ledger.ByAPI, "li.na", "tries out cards")
	first.Stop()
	second := begin(t, data)
	if again := second.Hotline().Pseudonyms("+8613800000001")[0]; again != who {
		t.Errorf("the caller was %s and is %s", who, again)
	}
	if list := second.Hotline().Barred(); len(list) != 1 || list[0].Pseudonym != who || list[0].Reason != "tries out cards" {
		t.Errorf("barred are %+v", list)
	}
}
