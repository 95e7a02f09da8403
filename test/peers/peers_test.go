//go:build peers

// Package peers tries the hotline with real peers: SIPp, baresip, linphone and
// Prometheus. They are installed from Debian packages by "make peers". A peer
// that is missing is told and its tests are left out; where CI is set that is
// a failure.
package peers

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cardline/app"
	"cardline/card/cardtest"
	"cardline/configs"
	"cardline/ledger"
)

// need leaves a test out, or fails it in CI, if a program is not here.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed: run make peers", program)
		}
		t.Skipf("left out, since %s is not installed: run make peers", program)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// freePorts returns ports that nobody has now, far enough apart for a phone
// that takes two, or a few for its media.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for len(ports) < n {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		must(t, err)
		port := c.LocalAddr().(*net.UDPAddr).Port
		_ = c.Close()
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil && port%2 == 0 && port < 65000 {
			ports = append(ports, port)
			_ = l.Close()
		}
	}
	return ports
}

// A hotline is the default hotline in this process, on ports of its own.
type hotline struct {
	*app.App
	t      *testing.T
	server string // host:port of the signalling
	data   string
	sms    *cardtest.Notifier

	mu     sync.Mutex
	events []ledger.Event
}

// startHotline starts the default hotline with its ports replaced.
func startHotline(t *testing.T) *hotline {
	t.Helper()
	h := &hotline{t: t, data: t.TempDir(), sms: new(cardtest.Notifier)}
	dir := defaultConfig(t, &h.server)
	a, err := app.New(app.Options{
		Load:     func() (*configs.Config, error) { return configs.Load(os.DirFS(dir)) },
		Data:     h.data,
		Version:  "test",
		Log:      zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.InfoLevel),
		Notifier: h.sms,
		Readers:  []ledger.Reader{h.read},
	})
	must(t, err)
	must(t, a.Start())
	h.App = a
	t.Cleanup(a.Stop)
	return h
}

func (h *hotline) read(batch []ledger.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, batch...)
}

// facts returns all facts of a type so far.
func facts[F ledger.Fact](h *hotline) (list []F) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if f, ok := e.Fact.(F); ok {
			list = append(list, f)
		}
	}
	return list
}

// awaitFact waits for a fact of a type that fits.
func awaitFact[F ledger.Fact](h *hotline, limit time.Duration, what string, fits func(F) bool) F {
	h.t.Helper()
	var found F
	eventually(h.t, limit, what, func() bool {
		for _, f := range facts[F](h) {
			if fits(f) {
				found = f
				return true
			}
		}
		return false
	})
	return found
}

// awaitPhones waits until phones have registered.
func (h *hotline) awaitPhones(accounts ...string) {
	h.t.Helper()
	for _, account := range accounts {
		eventually(h.t, 10*time.Second, "phone "+account+" registers", func() bool {
			_, ok := h.Stack().Binding(account)
			return ok
		})
	}
}

// awaitStep waits until the caller has left a step of a flow: the next prompt
// is being spoken then.
func (h *hotline) awaitStep(flow, step string) {
	h.t.Helper()
	awaitFact(h, 30*time.Second, "step "+flow+"."+step+" is left", func(f ledger.StepLeft) bool { return f.Flow == flow && f.Step == step })
}

// defaultConfig writes the default configuration with free ports and returns
// its directory.
func defaultConfig(t *testing.T, server *string) string {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 2)
	*server = fmt.Sprintf("127.0.0.1:%d", ports[0])
	must(t, os.CopyFS(dir, configs.Default()))
	file := filepath.Join(dir, "cardline.yaml")
	text, err := fs.ReadFile(configs.Default(), "cardline.yaml")
	must(t, err)
	replaced := strings.NewReplacer(
		"127.0.0.1:5060", *server, "127.0.0.1:9560", fmt.Sprintf("127.0.0.1:%d", ports[1]),
	).Replace(string(text))
	if regexp.MustCompile(`127\.0\.0\.1:(5060|9560)`).MatchString(replaced) {
		t.Fatal("a port of the default configuration was not replaced")
	}
	must(t, os.WriteFile(file, []byte(replaced), 0o600))
	return dir
}
