//go:build peers

package peers

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardline/ledger"
	"cardline/test/rig"
)

const linphoneConfig = `[sip]
sip_port=%[1]d
sip_tcp_port=%[1]d
sip_tls_port=-1
use_ipv6=0
bind_address=127.0.0.1
guess_hostname=0
contact=sip:1003@127.0.0.1
register_only_when_network_is_up=0
[rtp]
audio_rtp_port=%[2]d
[sound]
echocancellation=0
[video]
enabled=0
`

// linphone is a linphonec that takes commands as a person types them.
type linphone struct {
	t   *testing.T
	dir string
	in  *os.File
}

func startLinphone(t *testing.T) *linphone {
	t.Helper()
	need(t, "linphonec")
	l := &linphone{t: t, dir: t.TempDir()}
	for _, d := range []string{".local/share/linphone", ".config/linphone"} {
		rig.Must(t, os.MkdirAll(filepath.Join(l.dir, d), 0o755)) // without them it opens no port
	}
	ports := rig.FreePorts(t, 2)
	config := filepath.Join(l.dir, "linphonerc")
	rig.Must(t, os.WriteFile(config, fmt.Appendf(nil, linphoneConfig, ports[0], ports[1]), 0o600))
	out, err := os.Create(filepath.Join(l.dir, "out.log"))
	rig.Must(t, err)
	read, write, err := os.Pipe()
	rig.Must(t, err)
	cmd := exec.Command("linphonec", "-c", config, "-d", "6", "-l", filepath.Join(l.dir, "lin.log"), "-a")
	cmd.Env = append(os.Environ(), "HOME="+l.dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read, out, out
	rig.Must(t, cmd.Start())
	l.in = write
	t.Cleanup(func() {
		l.do("quit")
		gone := make(chan struct{})
		go func() { _ = cmd.Wait(); close(gone) }()
		select {
		case <-gone:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-gone
		}
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			t.Logf("linphonec:\n%s", text)
		}
	})
	return l
}

// do types a command.
func (l *linphone) do(command string) {
	_, _ = fmt.Fprintln(l.in, command) // a phone that has ended shows in what follows
	time.Sleep(400 * time.Millisecond)
}

// TestLinphoneLogsInWithSHA256 offers SHA-256 first, which linphone takes, and
// talks with the agent behind it: hold and resume by linphone, heard by the
// caller.
func TestLinphoneLogsInWithSHA256(t *testing.T) {
	t.Parallel()
	h := rig.Start(t, rig.Options{Edit: []string{"{network: udp, address:", "{network: udp, algorithms: [sha-256, md5], address:"}})
	agent := startLinphone(t)
	wav := filepath.Join(agent.dir, "tone.wav")
	writeTone(t, wav, agentTone, 120*time.Second)
	agent.do("soundcard use files")
	agent.do("play " + wav)
	agent.do("record " + filepath.Join(agent.dir, "heard.wav"))
	agent.do(fmt.Sprintf("register sip:1003@%s sip:%s cardline-1003", h.Server, h.Server))
	h.AwaitPhones("1003")
	phones := h.NewPhones(t)
	phones.Feature(t, "1003", "cardline-1003", "*11") // our own user agent answers SHA-256 as well
	phones.Feature(t, "1003", "cardline-1003", "*12")
	c, err := phones.Dial("95500")
	rig.Must(t, err)
	rig.Must(t, c.AwaitStep("main", "hello"))
	rig.Must(t, c.Press("1"))
	rig.Must(t, c.AwaitStep("main", "mandarin"))
	rig.Must(t, c.Press("0"))
	rig.Await(h, rig.Hung, "caller and linphone talk", func(f ledger.Bridged) bool { return f.Agent == "1003" })
	time.Sleep(2 * time.Second)
	agent.do("pause")
	rig.Await(h, rig.Hung, "hold", func(f ledger.HoldStarted) bool { return f.Agent == "1003" })
	time.Sleep(time.Second)
	agent.do("resume")
	rig.Await(h, rig.Hung, "resume", func(f ledger.HoldEnded) bool { return f.Held > 500 })
	time.Sleep(2 * time.Second)
	agent.do("terminate")
	ended := rig.Await(h, rig.Hung, "the talk ends", func(f ledger.TalkEnded) bool { return true })
	if ended.By != ledger.TalkEndedByAgent || ended.Talked < 3000 {
		t.Errorf("the talk ended as %+v", ended)
	}
	c.Hangup()
	rig.Await(h, rig.Hung, "the caller has gone", func(f ledger.CallEnded) bool { return true })
	ordinary(t, h.HTTP)
}

// ordinary checks that nothing that linphone sends counts as a fault: it asks by
// STUN, before and while it talks, whether its media gets through.
func ordinary(t *testing.T, server string) {
	t.Helper()
	response, err := http.Get("http://" + server + "/metrics")
	rig.Must(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	rig.Must(t, err)
	for _, want := range []string{
		`cardline_rtp_faulty_packets_total{leg="agent",reason="malformed"} 0`,
		`cardline_rtp_faulty_packets_total{leg="agent",reason="unexpected"} 0`,
		`cardline_sip_dropped_total{reason="malformed"} 0`,
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("not among the figures: %s", want)
		}
	}
	if strings.Contains(string(text), `cardline_rtp_keepalive_packets_total{leg="agent"} 0`) {
		t.Error("no packet of linphone's kept its way open: is it still counted?")
	}
}
