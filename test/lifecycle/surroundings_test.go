package lifecycle

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cardline/test/rig"
)

// logPipe returns a pipe for standard error that holds a page, so that it is full
// after some forty lines.
func logPipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	rig.Must(t, err)
	t.Cleanup(func() { _ = reader.Close() })
	_, err = unix.FcntlInt(writer.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize())
	rig.Must(t, err)
	return reader, writer
}

// open waits until the program takes calls, which a log that nobody reads does
// not tell.
func (p *program) open(web string) {
	p.t.Helper()
	rig.Eventually(p.t, rig.Hung, "the hotline is open", func() bool {
		code, _ := get(p.t, web, "/readyz")
		return code == http.StatusOK
	})
}

var droppedLines = regexp.MustCompile(`(?m)^cardline_log_dropped_lines_total (\S+)$`)

// dropped returns how many lines of the log the program has lost.
func dropped(t *testing.T, web string) float64 {
	t.Helper()
	_, body := get(t, web, "/metrics")
	found := droppedLines.FindStringSubmatch(body)
	if found == nil {
		t.Fatal("the metrics do not tell of dropped lines")
	}
	n, err := strconv.ParseFloat(found[1], 64)
	rig.Must(t, err)
	return n
}

// call makes a call that is answered and hangs up.
func call(t *testing.T, phones *rig.Phones) {
	t.Helper()
	c, err := phones.Dial("95500")
	rig.Must(t, err)
	c.Hangup()
}

// TestDeadLogReader has whoever reads the log die: the program goes on without a
// log, and drains in order.
func TestDeadLogReader(t *testing.T) {
	t.Parallel()
	config, server, web := rig.Config(t)
	reader, writer := logPipe(t)
	p := startInto(t, writer, nil, "serve", "--config", config, "--data", t.TempDir())
	rig.Must(t, writer.Close())
	p.open(web)
	rig.Must(t, reader.Close())
	phones := rig.NewPhones(t, server)
	for range 3 {
		call(t, phones)
	}
	rig.Eventually(t, rig.Hung, "lines are dropped", func() bool { return dropped(t, web) > 0 })
	p.signal(syscall.SIGTERM)
	if code, _ := p.ends(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestStalledLogReader has whoever reads the log read no more, for hundreds of
// calls, and then go on: no call is lost, one line says how many lines were, and
// the last line is there.
func TestStalledLogReader(t *testing.T) {
	config, server, web := rig.Config(t)
	reader, writer := logPipe(t)
	p := startInto(t, writer, nil, "serve", "--config", config, "--data", t.TempDir(), "--log", "debug")
	rig.Must(t, writer.Close())
	p.open(web)
	phones := rig.NewPhones(t, server)
	for dropped(t, web) == 0 {
		for range 50 {
			call(t, phones)
		}
	}
	if code, _ := get(t, web, "/readyz"); code != http.StatusOK {
		t.Errorf("readyz is %d while the log is not read", code)
	}
	said := make(chan string)
	go func() {
		var text strings.Builder
		_, _ = bufio.NewReader(reader).WriteTo(&text) // until the program ends
		said <- text.String()
	}()
	lost := regexp.MustCompile(`"lines":[1-9][0-9]*,.*"message":"log lines were lost: their reader did not keep up"`)
	call(t, phones)
	p.signal(syscall.SIGTERM)
	if code, _ := p.ends(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	text := <-said
	if n := len(lost.FindAllString(text, -1)); n != 1 {
		t.Errorf("%d lines say how many were lost, want 1", n)
	}
	if last := text[strings.LastIndexByte(strings.TrimSpace(text), '\n')+1:]; !strings.Contains(last, "hotline is closed") {
		t.Errorf("the last line is %q", last)
	}
}

// TestDrainsWithoutALogReader has nobody read from the start to the end: SIGTERM
// still ends the program, with the call that was up.
func TestDrainsWithoutALogReader(t *testing.T) {
	t.Parallel()
	config, server, web := rig.Config(t)
	_, writer := logPipe(t)
	p := startInto(t, writer, nil, "serve", "--config", config, "--data", t.TempDir(), "--log", "debug")
	rig.Must(t, writer.Close())
	p.open(web)
	phones := rig.NewPhones(t, server)
	for range 20 { // more than the pipe holds
		call(t, phones)
	}
	c, err := phones.Dial("95500")
	rig.Must(t, err)
	p.signal(syscall.SIGTERM)
	rig.Eventually(t, rig.Hung, "the program drains", func() bool {
		code, _ := get(t, web, "/readyz")
		return code == http.StatusServiceUnavailable
	})
	p.signal(syscall.SIGTERM) // enough
	select {
	case <-c.Over():
	case <-time.After(rig.Hung):
		t.Error("the call was not ended")
	}
	if code, _ := p.ends(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestFatalErrorWithoutALogReader has a start that fails say so to nobody.
func TestFatalErrorWithoutALogReader(t *testing.T) {
	t.Parallel()
	reader, writer := logPipe(t)
	full := make([]byte, os.Getpagesize())
	_, err := writer.Write(full)
	rig.Must(t, err)
	p := startInto(t, writer, nil, "serve", "--config", t.TempDir()+"/none", "--data", t.TempDir())
	rig.Must(t, writer.Close())
	if code, _ := p.ends(); code != 1 {
		t.Errorf("stalled: exit code %d, want 1", code)
	}
	_ = reader.Close()
}

// TestSignalsDuringStart sends signals as soon as the program runs: SIGHUP
// reloads later, SIGTERM and SIGINT end it in order, however far it has come.
func TestSignalsDuringStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		send []os.Signal
		ends bool
	}{
		{"hang up", []os.Signal{syscall.SIGHUP}, false},
		{"hang up often", []os.Signal{syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP}, false},
		{"terminate", []os.Signal{syscall.SIGTERM}, true},
		{"interrupt", []os.Signal{os.Interrupt}, true},
		{"terminate after hanging up", []os.Signal{syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP, syscall.SIGTERM}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, _, _ := rig.Config(t)
			p := start(t, "serve", "--config", config, "--data", t.TempDir())
			p.holdsSignals()
			for _, s := range c.send {
				p.signal(s)
			}
			if !c.ends {
				p.says("configuration reloaded")
				p.signal(syscall.SIGTERM)
			}
			if code, last := p.ends(); code != 0 {
				t.Errorf("exit code %d, want 0; it said %q", code, last)
			}
		})
	}
}

// holdsSignals waits until the program holds its signals: then it ignores SIGPIPE,
// the last of them. Before its first statement nobody can hold any.
func (p *program) holdsSignals() {
	p.t.Helper()
	const pipe = 1 << (syscall.SIGPIPE - 1)
	status := fmt.Sprintf("/proc/%d/status", p.Process.Pid)
	for deadline := time.Now().Add(rig.Hung); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(status)
		rig.Must(p.t, err)
		_, mask, _ := strings.Cut(string(text), "SigIgn:\t")
		mask, _, _ = strings.Cut(mask, "\n")
		if ignored, err := strconv.ParseUint(mask, 16, 64); err == nil && ignored&pipe != 0 {
			return
		}
	}
	p.t.Fatal("the program does not hold its signals")
}

// TestTellsTheSupervisor is systemd for the program: it hears when the hotline is
// open, is fed while it serves and while it drains, and hears of the drain.
func TestTellsTheSupervisor(t *testing.T) {
	t.Parallel()
	config, server, web := rig.Config(t)
	dir, err := os.MkdirTemp("", "cardline") //nolint:usetesting // the path of a socket must be short
	rig.Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	rig.Must(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	said := new(output)
	p := startInto(t, said, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=400000", "WATCHDOG_PID="}, "serve", "--config", config, "--data", t.TempDir())
	hear := func(want string) {
		t.Helper()
		buffer := make([]byte, 256)
		_ = socket.SetReadDeadline(time.Now().Add(rig.Hung))
		n, err := socket.Read(buffer)
		if err != nil {
			t.Fatalf("%v; it said:\n%s", err, said)
		}
		if got := string(buffer[:n]); got != want {
			t.Fatalf("the supervisor hears %q, want %q", got, want)
		}
	}
	hear("READY=1")
	if code, _ := get(t, web, "/readyz"); code != http.StatusOK {
		t.Errorf("readyz is %d when the supervisor has heard READY", code)
	}
	hear("WATCHDOG=1")
	hear("WATCHDOG=1")
	c, err := rig.NewPhones(t, server).Dial("95500")
	rig.Must(t, err)
	p.signal(syscall.SIGTERM)
	for stopping := false; !stopping; {
		buffer := make([]byte, 256)
		n, err := socket.Read(buffer)
		rig.Must(t, err)
		stopping = string(buffer[:n]) == "STOPPING=1"
	}
	hear("WATCHDOG=1")
	hear("WATCHDOG=1")
	c.Hangup()
	if code, _ := p.ends(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
