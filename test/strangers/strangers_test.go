//go:build !race && linux

// Package strangers lets everybody who must not be able to hold anything do so at
// once, beside honest callers: the real program, on loopback, for as long as the
// flag says. make soak runs it.
package strangers

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cardline/load"
	"cardline/test/rig"
)

var lasts = flag.Duration("strangers.for", 0, "for how long strangers come; 0: not at all")

// mostResident is what the program may hold in memory, in bytes.
const mostResident = 200 << 20

// program is a hotline in a process of its own.
type program struct {
	*exec.Cmd
	t           *testing.T
	server, web string
}

// start builds and starts the program, whose log goes to a writer.
func start(t *testing.T, log *os.File, level string) *program {
	t.Helper()
	if *lasts == 0 {
		t.Skip("strangers come only with -strangers.for; make soak has it")
	}
	binary := filepath.Join(t.TempDir(), "cardline")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "cardline/cmd/cardline").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config, server, web := rig.Config(t)
	p := &program{
		Cmd: exec.Command(binary, "serve", "--config", config, "--data", t.TempDir(), "--log", level), t: t, server: server, web: web,
	}
	p.Stderr = log
	rig.Must(t, p.Start())
	t.Cleanup(func() { _ = p.Process.Kill() }) // it has ended already in a test that passes
	rig.Eventually(t, rig.Hung, "the hotline is open", func() bool { return p.asks("/readyz") == nil })
	return p
}

// asks asks by a connection of its own, and wants 200 within two seconds.
func (p *program) asks(path string) error {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + p.web + path) //nolint:noctx // the client has a limit
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return nil
}

// resident returns how much of the program is in memory, in bytes.
func (p *program) resident() uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.Process.Pid))
	rig.Must(p.t, err)
	pages, err := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
	rig.Must(p.t, err)
	return pages * uint64(os.Getpagesize())
}

// drains ends the program in order.
func (p *program) drains() {
	p.t.Helper()
	rig.Must(p.t, p.Process.Signal(syscall.SIGTERM))
	over := make(chan error, 1)
	go func() { over <- p.Wait() }()
	select {
	case err := <-over:
		if err != nil {
			p.t.Errorf("after SIGTERM: %v", err)
		}
	case <-time.After(rig.Hung):
		p.t.Errorf("it does not end after SIGTERM")
	}
}

// honest lets callers come over a transport, all of whom must be answered.
func (p *program) honest(ctx context.Context, transport string, rate float64) *load.Figures {
	l, err := load.New(ctx, load.Options{
		RackOptions: load.RackOptions{Target: "sip:95500@" + p.server + ";transport=" + transport},
		Duration:    *lasts, Rate: rate, Concurrent: 200, Hold: load.Uniform(time.Second, 4*time.Second), Grace: time.Minute,
	})
	if err != nil {
		p.t.Error(err)
		return nil
	}
	f, err := l.Run(ctx)
	if err != nil {
		p.t.Error(err)
	}
	if !f.Healthy() {
		p.t.Errorf("by %s: of %d calls %v, failed by code %v", transport, f.Calls.Attempted, f.Calls.Outcomes, f.Calls.FailedByCode)
	}
	return f
}

// every does something at a rate until ctx ends.
func every(ctx context.Context, pause time.Duration, do func(n int)) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do(n)
		}
	}
}

// sender returns a socket at an address of this machine that sends to the server.
func (p *program) sender(from string) *net.UDPConn {
	local, err := net.ResolveUDPAddr("udp", from+":0")
	rig.Must(p.t, err)
	remote, err := net.ResolveUDPAddr("udp", p.server)
	rig.Must(p.t, err)
	conn, err := net.DialUDP("udp", local, remote)
	rig.Must(p.t, err)
	p.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// options sends 2,500 requests a second from twenty addresses, each with a call of
// its own and all with one branch.
func (p *program) options(ctx context.Context) {
	for i := range 20 {
		conn := p.sender(fmt.Sprintf("127.0.1.%d", i+1))
		go every(ctx, 8*time.Millisecond, func(n int) {
			_, _ = fmt.Fprintf(conn, "OPTIONS sip:95500@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKone\r\nMax-Forwards: 70\r\n"+
				"From: <sip:x@example.com>;tag=1\r\nTo: <sip:95500@%s>\r\nCall-ID: %d-%d\r\nCSeq: 1 OPTIONS\r\nX: %s\r\nContent-Length: 0\r\n\r\n",
				p.server, conn.LocalAddr(), p.server, i, n, strings.Repeat("x", 2000))
		})
	}
}

// idle holds connections to an address that say what hello says and then nothing,
// and opens another for each that is closed.
func idle(ctx context.Context, to, from, hello string, n int) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for range n {
		go every(ctx, 200*time.Millisecond, func(int) {
			conn, err := dialer.DialContext(ctx, "tcp", to)
			if err != nil {
				return
			}
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			_, _ = io.WriteString(conn, hello)
			_, _ = io.Copy(io.Discard, conn)
		})
	}
}

// invites sends forty INVITEs a second as from the honest trunk that are never
// confirmed, whose media would go to somebody else. It returns how many packets
// came there.
func (p *program) invites(ctx context.Context) *atomic.Int64 {
	victim, err := net.ListenPacket("udp", "127.0.3.1:0") //nolint:noctx // closed at the end
	rig.Must(p.t, err)
	p.t.Cleanup(func() { _ = victim.Close() })
	var came atomic.Int64
	go func() {
		for buffer := make([]byte, 2048); ; came.Add(1) {
			if _, _, err := victim.ReadFrom(buffer); err != nil {
				return
			}
		}
	}()
	port := victim.LocalAddr().(*net.UDPAddr).Port
	conn := p.sender("127.0.0.1")
	go every(ctx, 25*time.Millisecond, func(n int) {
		body := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.3.1\r\ns=-\r\nc=IN IP4 127.0.3.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\n", port)
		_, _ = fmt.Fprintf(conn, "INVITE sip:95500@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"+
			"From: <sip:13900000000@127.0.0.1>;tag=%d\r\nTo: <sip:95500@%s>\r\nCall-ID: never-%d\r\nCSeq: 1 INVITE\r\nContact: <sip:x@%s>\r\n"+
			"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
			p.server, conn.LocalAddr(), n, n, p.server, n, conn.LocalAddr(), len(body), body)
	})
	return &came
}

// TestStrangers floods, fills and starves the hotline, all at once: every honest
// call by UDP and TCP is answered, probes are answered within two seconds, and the
// program stays small.
func TestStrangers(t *testing.T) {
	p := start(t, os.Stderr, "error")
	ctx, stop := context.WithTimeout(t.Context(), *lasts+5*time.Second)
	defer stop()
	p.options(ctx)
	for i := range 16 {
		idle(ctx, p.server, fmt.Sprintf("127.0.2.%d", i+1), "", 256)
	}
	idle(ctx, p.web, "127.0.0.1", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 256)
	elsewhere := p.invites(ctx)

	var callers sync.WaitGroup
	attempted := make(chan int, 2)
	for _, transport := range []string{"udp", "tcp"} {
		callers.Go(func() {
			if f := p.honest(t.Context(), transport, 10); f != nil {
				attempted <- f.Calls.Attempted
			}
		})
	}
	biggest, probes, slowest := uint64(0), 0, time.Duration(0)
	every(ctx, time.Second, func(int) {
		for _, path := range []string{"/readyz", "/healthz", "/metrics"} {
			began := time.Now()
			if err := p.asks(path); err != nil {
				t.Errorf("a probe: %v", err)
			}
			probes++
			slowest = max(slowest, time.Since(began))
		}
		biggest = max(biggest, p.resident())
	})
	callers.Wait()
	close(attempted)
	calls := 0
	for n := range attempted {
		calls += n
	}
	if biggest > mostResident {
		t.Errorf("the program held %d MB, want at most %d", biggest>>20, mostResident>>20)
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d packets were sent to somebody who was never part of a call", n)
	}
	t.Logf("%d honest calls, %d probes of at most %v, %d MB at most", calls, probes, slowest.Round(time.Millisecond), biggest>>20)
	p.drains()
}

// TestLogReader lets the reader of the log read, stall, read again and die while
// calls come: none of them notices, and the reader hears how many lines it missed.
func TestLogReader(t *testing.T) {
	reader, writer, err := os.Pipe()
	rig.Must(t, err)
	p := start(t, writer, "debug")
	rig.Must(t, writer.Close())
	lines := make(chan string, 1<<20)
	read, reading := make(chan bool), sync.WaitGroup{}
	reading.Go(func() {
		text := bufio.NewReader(reader)
		for {
			select {
			case on := <-read:
				if on {
					continue
				}
				if on, ok := <-read; !on || !ok {
					return // dead
				}
			default:
			}
			line, err := text.ReadString('\n')
			if err != nil {
				return
			}
			select {
			case lines <- line:
			default:
			}
		}
	})
	var callers sync.WaitGroup
	calls := 0
	callers.Go(func() {
		if f := p.honest(t.Context(), "udp", 20); f != nil {
			calls = f.Calls.Attempted
		}
	})
	quarter := time.NewTicker(*lasts / 4)
	defer quarter.Stop()
	<-quarter.C
	read <- false // it stalls
	for range 6000 {
		rig.Must(t, p.asks("/healthz")) // a line each, more than are kept
	}
	<-quarter.C
	read <- true // and is back
	<-quarter.C
	missed := ""
	for len(lines) > 0 {
		if line := <-lines; strings.Contains(line, "log lines were lost") {
			missed = line
		}
	}
	if missed == "" {
		t.Error("the reader was not told that it has missed lines")
	}
	read <- false
	close(read)
	rig.Must(t, reader.Close()) // it dies
	callers.Wait()
	reading.Wait()
	t.Logf("%d calls; the reader was told: %s", calls, strings.TrimSpace(missed))
	p.drains()
}
