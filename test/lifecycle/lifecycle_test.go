// Package lifecycle starts, reloads, drains and stops the program as an
// operator does.
package lifecycle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cardline/test/rig"
)

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cardline-lifecycle")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "cardline")
	out, err := exec.Command("go", "build", "-o", binary, "cardline/cmd/cardline").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return binary, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code) //nolint:forbidigo // the end of a test binary
}

// program is a running hotline.
type program struct {
	*exec.Cmd
	t      *testing.T
	stderr *output
	over   chan error
}

// output is what a program says, safe to read while it speaks.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	said := new(output)
	p := startInto(t, said, nil, args...)
	p.stderr = said
	return p
}

// startInto starts the program with standard error to a place of the test's own,
// and more in its environment.
func startInto(t *testing.T, stderr io.Writer, env []string, args ...string) *program {
	t.Helper()
	binary, err := build()
	rig.Must(t, err)
	p := &program{Cmd: exec.Command(binary, args...), t: t, stderr: new(output), over: make(chan error, 1)}
	p.Stderr, p.Env = stderr, append(os.Environ(), env...)
	rig.Must(t, p.Start())
	go func() { p.over <- p.Wait() }()
	t.Cleanup(func() { _ = p.Process.Kill() }) // it has ended already in a test that passes
	return p
}

// ends waits for the end and returns the exit code and the last line said.
func (p *program) ends() (code int, last string) {
	p.t.Helper()
	select {
	case err := <-p.over:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			p.t.Fatal(err)
		}
	case <-time.After(rig.Hung):
		p.t.Fatalf("still running after %v; it said:\n%s", rig.Hung, p.stderr)
	}
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	return code, lines[len(lines)-1]
}

func (p *program) says(text string) {
	p.t.Helper()
	rig.Eventually(p.t, rig.Hung, "the program says "+text, func() bool { return strings.Contains(p.stderr.String(), text) })
}

func (p *program) signal(s os.Signal) { rig.Must(p.t, p.Process.Signal(s)) }

func TestWhatCannotStartSaysSoInALine(t *testing.T) {
	config, server, web := rig.Config(t)
	taken, err := net.ListenPacket("udp", server)
	rig.Must(t, err)
	code, last := start(t, "serve", "--config", config, "--data", t.TempDir()).ends()
	if code != 1 || !strings.HasPrefix(last, "cardline: ") || !strings.Contains(last, server) {
		t.Errorf("port taken: exit code %d, %q", code, last)
	}
	_ = taken.Close()
	webTaken, err := net.Listen("tcp", web)
	rig.Must(t, err)
	if code, last := start(t, "serve", "--config", config, "--data", t.TempDir()).ends(); code != 1 || !strings.Contains(last, web) {
		t.Errorf("port of HTTP taken: exit code %d, %q", code, last)
	}
	_ = webTaken.Close()

	file := filepath.Join(t.TempDir(), "file")
	rig.Must(t, os.WriteFile(file, nil, 0o600))
	if code, last := start(t, "serve", "--config", config, "--data", file).ends(); code != 1 || !strings.Contains(last, file) {
		t.Errorf("data directory is a file: exit code %d, %q", code, last)
	}
	data := t.TempDir()
	rig.Must(t, os.WriteFile(filepath.Join(data, "cardline.db"), []byte("this is no database, and long enough to be seen as none"), 0o600))
	if code, last := start(t, "serve", "--config", config, "--data", data).ends(); code != 1 || !strings.Contains(last, "cardline.db") {
		t.Errorf("store is no database: exit code %d, %q", code, last)
	}
	if code, last := start(t, "serve", "--config", filepath.Join(t.TempDir(), "none"), "--data", t.TempDir()).ends(); code == 0 || !strings.HasPrefix(last, "cardline: ") {
		t.Errorf("no configuration: exit code %d, %q", code, last)
	}
	for _, wrong := range [][]string{{"serve", "--loud"}, {"serve", "now"}, {"serve", "--log", "loud"}} { // Go itself crashes with 2
		if code, last := start(t, wrong...).ends(); code != 3 || !strings.HasPrefix(last, "cardline: ") {
			t.Errorf("%v: exit code %d, %q; want 3 and a line", wrong, code, last)
		}
	}
	breakConfig(t, config)
	if code, last := start(t, "serve", "--config", config, "--data", t.TempDir()).ends(); code != 3 || !strings.Contains(last, "lines.yaml:") {
		t.Errorf("broken configuration: exit code %d, %q", code, last)
	}
}

func breakConfig(t *testing.T, config string) (mend func()) {
	t.Helper()
	file := filepath.Join(config, "lines.yaml")
	text, err := os.ReadFile(file)
	rig.Must(t, err)
	rig.Must(t, os.WriteFile(file, append(bytes.Clone(text), "\n  - {name: broken, numbers: [\"1\"], flow: nowhere}\n"...), 0o600))
	return func() { rig.Must(t, os.WriteFile(file, text, 0o600)) }
}

// get asks the program's listener and returns status and body.
func get(t *testing.T, address, path string) (int, string) {
	t.Helper()
	res, err := http.Get("http://" + address + path) //nolint:noctx // a test with its own limit
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	rig.Must(t, err)
	return res.StatusCode, string(body)
}

// ask asks the API with a token and returns the status.
func ask(t *testing.T, address, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/api/status", nil)
	rig.Must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	rig.Must(t, err)
	_ = res.Body.Close()
	return res.StatusCode
}

func TestTwoOnOneDirectory(t *testing.T) {
	config, _, _ := rig.Config(t)
	other, _, _ := rig.Config(t)
	data := t.TempDir()
	first := start(t, "serve", "--config", config, "--data", data)
	first.says("hotline is open")
	if code, last := start(t, "serve", "--config", other, "--data", data).ends(); code != 1 || !strings.Contains(last, "in use") {
		t.Errorf("second program on a directory: exit code %d, %q", code, last)
	}
	first.signal(os.Interrupt)
	if code, _ := first.ends(); code != 0 {
		t.Errorf("the first program ended with %d", code)
	}
}

// TestReloadAndDrain has a call up while the configuration is reloaded, badly
// and well, and while the program drains.
func TestReloadAndDrain(t *testing.T) {
	config, server, web := rig.Config(t)
	p := start(t, "serve", "--config", config, "--data", t.TempDir())
	p.says("hotline is open")
	if code, _ := get(t, web, "/readyz"); code != http.StatusOK {
		t.Errorf("readyz is %d", code)
	}
	phones := rig.NewPhones(t, server)
	c, err := phones.Dial("95500")
	rig.Must(t, err)

	mend := breakConfig(t, config)
	p.signal(syscall.SIGHUP)
	p.says("configuration refused")
	if !strings.Contains(p.stderr.String(), "unknown flow") {
		t.Errorf("the refusal does not say why:\n%s", p.stderr)
	}
	gauge := func(want string) {
		t.Helper()
		rig.Eventually(t, rig.Hung, "the gauge of reloads is "+want, func() bool {
			_, body := get(t, web, "/metrics")
			return strings.Contains(body, "\ncardline_config_last_reload_successful "+want+"\n")
		})
	}
	gauge("0")
	mend()
	rig.Must(t, os.WriteFile(filepath.Join(config, "more.yaml"), []byte("# nothing yet\n"), 0o600))
	lines := filepath.Join(config, "lines.yaml")
	text, err := os.ReadFile(lines)
	rig.Must(t, err)
	rig.Must(t, os.WriteFile(lines, append(text, "\n  - {name: fresh, numbers: [\"95509\"]}\n"...), 0o600))
	const token = "a token of twenty characters"
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	rig.Must(t, os.WriteFile(tokens, []byte("- {token: "+token+", role: operator}\n"), 0o600))
	base := filepath.Join(config, "cardline.yaml")
	text, err = os.ReadFile(base)
	rig.Must(t, err)
	rig.Must(t, os.WriteFile(base, bytes.Replace(text, []byte("\nhttp:\n"), []byte("\nhttp:\n  tokens: "+tokens+"\n"), 1), 0o600))
	p.signal(syscall.SIGHUP)
	p.says("configuration reloaded")
	if status := ask(t, web, token); status != http.StatusOK {
		t.Errorf("the token that the reload brought: %d", status)
	}
	gauge("1")
	fresh, err := phones.Dial("95509")
	if err != nil {
		t.Errorf("the line that the reload added: %v", err)
	} else {
		fresh.Hangup()
	}

	p.signal(syscall.SIGTERM)
	p.says("draining")
	if code, _ := get(t, web, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz is %d while draining", code)
	}
	if late, err := phones.Dial("95500"); err == nil {
		t.Error("a new call was taken while draining")
		late.Hangup()
	}
	select {
	case <-c.Over():
		t.Error("the call that was up was cut by the drain")
	case err := <-p.over:
		t.Fatalf("the program did not wait for its call: %v", err)
	case <-time.After(time.Second):
	}
	p.signal(syscall.SIGTERM) // enough
	select {
	case <-c.Over():
	case <-time.After(rig.Hung):
		t.Error("the call was not ended by the second signal")
	}
	if code, last := p.ends(); code != 0 {
		t.Errorf("exit code %d, %q", code, last)
	}
}
