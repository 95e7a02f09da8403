//go:build peers

package peers

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cardline/acd"
	"cardline/card/demo"
	"cardline/ledger"
	"cardline/test/rig"
)

// A plainPhone is a softphone as Debian delivers it: nothing is configured but its
// account. Its sound card is a PulseAudio of its own: what it plays is recorded, and
// its microphone hears a tone. It is steered by what a person types.
type plainPhone struct {
	t   *testing.T
	dir string
	in  *os.File
}

// soundCard is what PulseAudio loads: what goes to the ear is recorded, and the
// microphone hears what is played on the tape.
const soundCard = `load-module module-null-sink sink_name=ear rate=8000 channels=1 sink_properties=device.description=Ear
load-module module-null-sink sink_name=tape rate=8000 channels=1 sink_properties=device.description=Tape
load-module module-remap-source master=tape.monitor source_name=mic source_properties=device.description=Mic
set-default-sink ear
set-default-source mic
load-module module-native-protocol-unix socket=%s auth-anonymous=1
`

// startPlain starts a program with its sound card, in a folder of its own. Prepare
// puts what the program needs into the folder.
func startPlain(t *testing.T, hertz float64, prepare func(p *plainPhone) (command string, args []string)) *plainPhone {
	t.Helper()
	p := &plainPhone{t: t, dir: t.TempDir()}
	env := append(os.Environ(), "HOME="+p.dir, "XDG_RUNTIME_DIR="+p.dir, "PULSE_SERVER=unix:"+p.file("sound"))
	card := fmt.Sprintf(soundCard, p.file("sound"))
	rig.Must(t, os.WriteFile(p.file("card.pa"), []byte(card), 0o600))
	p.run(env, nil, "pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", "-F", p.file("card.pa"))
	rig.Eventually(t, rig.Hung, "the sound card is there", func() bool {
		_, err := os.Stat(p.file("sound"))
		return err == nil
	})
	writeTone(t, p.file("tone.wav"), hertz, 240*time.Second)
	p.run(env, nil, "paplay", "--device=tape", p.file("tone.wav"))
	p.run(env, nil, "parecord", "--device=ear.monitor", "--rate=8000", "--channels=1", "--format=s16le", "--raw", p.file("heard.raw"))
	command, args := prepare(p)
	read, write, err := os.Pipe()
	rig.Must(t, err)
	p.in = write
	p.run(env, read, command, args...)
	_ = read.Close()
	return p
}

func (p *plainPhone) file(name string) string { return filepath.Join(p.dir, name) }

// run starts a program that ends with the test.
func (p *plainPhone) run(env []string, in io.Reader, command string, args ...string) {
	p.t.Helper()
	need(p.t, command)
	out, err := os.Create(p.file(filepath.Base(command) + ".log"))
	rig.Must(p.t, err)
	cmd := exec.Command(command, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, in, out, out
	rig.Must(p.t, cmd.Start())
	endWith(p.t, cmd, out, command)
}

// types sends keys as they are typed; a phone takes a moment for each.
func (p *plainPhone) types(keys string) {
	for _, k := range keys {
		_, _ = fmt.Fprintf(p.in, "%c", k) // a phone that has ended shows in what follows
		time.Sleep(250 * time.Millisecond)
	}
}

// says sends a line that is a command.
func (p *plainPhone) says(line string) {
	_, _ = fmt.Fprintln(p.in, line)
	time.Sleep(400 * time.Millisecond)
}

// heard returns what the phone has played since it began, 16 bits at 8 kHz.
func (p *plainPhone) heard() []int16 {
	p.t.Helper()
	b, err := os.ReadFile(p.file("heard.raw"))
	rig.Must(p.t, err)
	samples := make([]int16, len(b)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return samples
}

// hears waits until the phone has played a second of a tone, after the first so many
// samples. What a default sound card does (echo cancelling, gain control, resampling)
// leaves no more of it than that: mostly the tone, most of the time.
func (p *plainPhone) hears(what string, since int, hertz float64) {
	p.t.Helper()
	rig.Eventually(p.t, rig.Hung, what, func() bool {
		clear := 0
		for x := p.heard()[since:]; len(x) >= rate/16; x = x[rate/16:] {
			if share, level := tone(x[:rate/16], hertz); share > 0.75 && level > -40 {
				clear++
			}
		}
		return clear >= 16
	})
}

// plainBaresip is baresip with the settings that it writes itself.
func plainBaresip(t *testing.T, h *rig.Hotline, account string) *plainPhone {
	return startPlain(t, callerTone, func(p *plainPhone) (string, []string) {
		rig.Must(t, os.WriteFile(p.file("accounts"), fmt.Appendf(nil, "<sip:%s@%s>;auth_pass=cardline-%[1]s\n", account, h.Server), 0o600))
		return "baresip", []string{"-f", p.dir}
	})
}

// plainLinphone is linphonec without a file of settings.
func plainLinphone(t *testing.T, h *rig.Hotline, account string) *plainPhone {
	p := startPlain(t, agentTone, func(p *plainPhone) (string, []string) {
		for _, d := range []string{".local/share/linphone", ".config/linphone"} {
			rig.Must(t, os.MkdirAll(p.file(d), 0o755)) // without them it opens no port
		}
		return "linphonec", nil
	})
	time.Sleep(time.Second)
	p.says(fmt.Sprintf("register sip:%s@%s sip:%[2]s cardline-%[1]s", account, h.Server))
	return p
}

// TestDefaultPhonesActivateAndTalk lets two phones do the work of a hotline that
// nobody has configured: each is caller once and agent once, presses keys, holds and
// hangs up, and each hears the other.
func TestDefaultPhonesActivateAndTalk(t *testing.T) {
	t.Parallel()
	h := rig.Start(t, rig.Options{})
	baresip, linphone := plainBaresip(t, h, "1001"), plainLinphone(t, h, "1006")
	h.AwaitPhones("1001", "1006")
	byBaresip := func(number string) { baresip.says("/dial " + number) }
	byLinphone := func(number string) { linphone.says("call sip:" + number + "@" + h.Server) }

	// linphone is the agent. baresip activates a card and asks for a person.
	for _, feature := range []struct {
		code  string
		state ledger.AgentState
	}{{"*11", ledger.AgentNotReady}, {"*12", ledger.AgentReady}} {
		byLinphone(feature.code)
		rig.Await(h, rig.Hung, feature.code, func(f ledger.AgentChanged) bool { return f.To == feature.state && f.By == ledger.ByPhone })
		time.Sleep(3 * time.Second) // the hotline says so, and hangs up
	}
	holder := demo.HolderAt(0)
	byBaresip("95500")
	awaitStep(t, h, "main", "hello")
	activate(t, h, holder, baresip.types)
	baresip.types("0")
	talk(t, h, linphone, baresip, "1006", conversation{
		answer: func() { linphone.says("answer") }, hold: func() { linphone.says("pause") }, resume: func() { linphone.says("resume") },
		hangUp: func() { baresip.types("b") }, by: ledger.TalkEndedByCaller,
	})

	// The other way round; the agent hangs up.
	for _, command := range []acd.Command{acd.LogOut{Agent: "1006"}, acd.LogIn{Agent: "1001"}, acd.SetReady{Agent: "1001"}} {
		rig.Must(t, h.Hotline().Command(command))
	}
	byLinphone("95500")
	steps := len(rig.Facts[ledger.StepLeft](h))
	rig.Eventually(t, rig.Hung, "the greeting is over", func() bool { return len(rig.Facts[ledger.StepLeft](h)) > steps })
	linphone.says("1") // linphonec takes a key as a command
	rig.Eventually(t, rig.Hung, "the language is chosen", func() bool { return len(rig.Facts[ledger.StepLeft](h)) > steps+1 })
	linphone.says("0")
	talk(t, h, baresip, linphone, "1001", conversation{
		answer: func() { baresip.types("a") }, hold: func() { baresip.types("x") }, resume: func() { baresip.types("X") },
		hangUp: func() { baresip.types("b") }, by: ledger.TalkEndedByAgent,
	})
	if wrong := rig.Facts[ledger.WrongMediaSource](h); len(wrong) != 0 {
		t.Errorf("media from elsewhere was not heard: %+v", wrong)
	}
}

// A conversation is what an agent and a caller do in a talk.
type conversation struct {
	answer, hold, resume, hangUp func()
	by                           ledger.TalkEnd
}

// talk lets the agent answer, both hear one another, before and after a hold, and one
// of them hang up.
func talk(t *testing.T, h *rig.Hotline, agent, caller *plainPhone, id string, c conversation) {
	t.Helper()
	rig.Await(h, rig.Hung, "agent "+id+" is rung", func(f ledger.Offered) bool { return f.Agent == id })
	time.Sleep(time.Second)
	c.answer()
	rig.Await(h, rig.Hung, "they talk", func(f ledger.Bridged) bool { return f.Agent == id })
	tones := map[*plainPhone]float64{}
	for _, p := range []*plainPhone{agent, caller} {
		tones[p] = callerTone
		if _, err := os.Stat(p.file(".config/linphone")); err == nil {
			tones[p] = agentTone
		}
	}
	both := func(when string) {
		t.Helper()
		here, there := len(caller.heard()), len(agent.heard())
		caller.hears("the caller hears the agent "+when, here, tones[agent])
		agent.hears("the agent hears the caller "+when, there, tones[caller])
	}
	both("at first")
	c.hold()
	rig.Await(h, rig.Hung, "hold", func(f ledger.HoldStarted) bool { return f.Agent == id })
	time.Sleep(time.Second)
	c.resume()
	rig.Await(h, rig.Hung, "resume", func(f ledger.HoldEnded) bool { return f.Agent == id })
	both("after the hold")
	c.hangUp()
	ended := rig.Await(h, rig.Hung, "the talk ends", func(f ledger.TalkEnded) bool { return f.Agent == id })
	if ended.By != c.by {
		t.Errorf("the talk of %s was ended by %s, want %s", id, ended.By, c.by)
	}
	calls := len(rig.Facts[ledger.Bridged](h))
	rig.Eventually(t, rig.Hung, "the call ends", func() bool {
		return len(rig.Facts[ledger.CallEnded](h)) >= calls
	})
}
