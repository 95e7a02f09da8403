//go:build peers

package peers

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cardline/test/rig"
)

// A baresip is one softphone: a process of its own with a folder, an account,
// a tone that it speaks and a recording of what it hears.
type baresip struct {
	t    *testing.T
	dir  string
	port int
	conn net.Conn

	mu     sync.Mutex
	events []baresipEvent
	more   chan struct{} // replaced and closed at each event
}

type baresipEvent struct {
	Event    bool   `json:"event"`
	Type     string `json:"type"`
	Param    string `json:"param"`
	Response bool   `json:"response"`
	Ok       bool   `json:"ok"`
	Token    string `json:"token"`
	Data     string `json:"data"`
}

const baresipConfig = `poll_method		epoll
sip_listen		127.0.0.1:%[1]d
net_interface		127.0.0.1
audio_player		aubridge,player-%[1]d
audio_source		aufile,%[2]s/tone.wav
audio_alert		aubridge,alert-%[1]d
ausrc_format		s16
auplay_format		s16
auenc_format		s16
audec_format		s16
rtp_ports		%[3]d-%[4]d
jitter_buffer_delay	1-5
rtp_stats		yes
module_path		/usr/lib/baresip/modules
module			g711.so
module			sndfile.so
module			aufile.so
module			aubridge.so
module_tmp		account.so
module_app		menu.so
module_app		debug_cmd.so
module_app		ctrl_tcp.so
ctrl_tcp_listen		127.0.0.1:%[5]d
snd_path		%[2]s/rec
ringback_disabled	yes
menu_bell		no
statmode_default	off
`

// startBaresip starts a phone with an account, speaking a tone of the given
// frequency. extra is added to the account, such as ";answermode=auto".
func startBaresip(t *testing.T, server, user, password string, hertz float64, extra string) *baresip {
	t.Helper()
	need(t, "baresip")
	dir := t.TempDir()
	ports := rig.FreePorts(t, 4)
	b := &baresip{t: t, dir: dir, port: ports[0], more: make(chan struct{})}
	rig.Must(t, os.Mkdir(filepath.Join(dir, "rec"), 0o755))
	writeTone(t, filepath.Join(dir, "tone.wav"), hertz, 240*time.Second)
	write := func(name, text string) { rig.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)) }
	write("config", fmt.Sprintf(baresipConfig, ports[0], dir, ports[2], ports[2]+50, ports[3]))
	write("contacts", "")
	write("accounts", fmt.Sprintf("<sip:%s@%s>;auth_user=%s;auth_pass=%s%s\n", user, server, user, password, extra))
	log, err := os.Create(filepath.Join(dir, "phone.log"))
	rig.Must(t, err)
	cmd := exec.Command("baresip", "-f", dir)
	cmd.Stdout, cmd.Stderr = log, log
	rig.Must(t, cmd.Start())
	endWith(t, cmd, log, "baresip "+user)
	rig.Eventually(t, rig.Hung, "the phone's control socket opens", func() bool {
		b.conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[3]))
		return err == nil
	})
	t.Cleanup(func() { _ = b.conn.Close() })
	go b.read()
	return b
}

// endWith ends a program with the test, and shows what it said if that has failed.
func endWith(t *testing.T, cmd *exec.Cmd, log *os.File, name string) {
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		gone := make(chan struct{})
		go func() { _ = cmd.Wait(); close(gone) }()
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-gone
		}
		_ = log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s:\n%s", name, last(string(text), 80))
		}
	})
}

// read takes netstrings of JSON: "42:{...},".
func (b *baresip) read() {
	r := bufio.NewReader(b.conn)
	for {
		size, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
		if err != nil || n > 1<<20 {
			return
		}
		data := make([]byte, n+1)
		if _, err := io.ReadFull(r, data); err != nil {
			return
		}
		var e baresipEvent
		if err := json.Unmarshal(data[:n], &e); err != nil {
			continue
		}
		b.mu.Lock()
		b.events = append(b.events, e)
		close(b.more)
		b.more = make(chan struct{})
		b.mu.Unlock()
	}
}

// do sends a command such as "dial" and its parameters.
func (b *baresip) do(command, params string) {
	b.t.Helper()
	data, err := json.Marshal(map[string]string{"command": command, "params": params, "token": command})
	rig.Must(b.t, err)
	_, err = fmt.Fprintf(b.conn, "%d:%s,", len(data), data)
	rig.Must(b.t, err)
}

// press sends keys by RFC 4733; the phone takes about a quarter of a second
// for each.
func (b *baresip) press(keys string) { b.do("sndcode", keys) }

// mark returns how many events there have been.
func (b *baresip) mark() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}

// await waits for an event of one of the types after the mark.
func (b *baresip) await(mark int, types ...string) baresipEvent {
	b.t.Helper()
	deadline := time.After(rig.Hung)
	for {
		b.mu.Lock()
		events, more := b.events, b.more
		b.mu.Unlock()
		for _, e := range events[min(mark, len(events)):] {
			if e.Event && slices.Contains(types, e.Type) {
				return e
			}
		}
		select {
		case <-more:
		case <-deadline:
			b.t.Fatalf("no %v from the phone; it said %+v", types, events)
		}
	}
}

// heard returns what the phone has recorded of the far end in its newest call,
// 16 bits at 8 kHz.
func (b *baresip) heard() []int16 {
	b.t.Helper()
	files, _ := filepath.Glob(filepath.Join(b.dir, "rec", "*-dec.wav"))
	slices.Sort(files)
	if len(files) == 0 {
		b.t.Fatal("the phone has recorded nothing")
	}
	samples, err := readWAV(files[len(files)-1])
	rig.Must(b.t, err)
	return samples
}

var errNoData = errors.New("no data chunk")
