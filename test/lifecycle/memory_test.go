package lifecycle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cardline/test/rig"
)

// TestEndsWithoutADump sends the signals for which Go would print every stack with
// its arguments, one of them that of systemd's watchdog.
func TestEndsWithoutADump(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT} {
		t.Run(s.String(), func(t *testing.T) {
			config, _, _ := rig.Config(t)
			p := start(t, "serve", "--config", config, "--data", t.TempDir())
			p.says("hotline is open")
			p.signal(s)
			if code, last := p.ends(); code != 1 || !strings.Contains(last, "ended by a signal") || !strings.Contains(last, "cardline/media.(*loop).run") {
				t.Errorf("exit code %d, and last %.300q; want 1 and where the goroutines were", code, last)
			}
			if said := p.stderr.String(); strings.Contains(said, "goroutine 1 [") || strings.Contains(said, "(0x") {
				t.Errorf("a stack with arguments:\n%s", said)
			}
		})
	}
}

// A region is a part of a process's memory.
type region struct {
	from, to uint64
	secret   bool // it is never dumped: memory for secrets
}

// regions returns the parts of a process's memory that can be written to.
func regions(t *testing.T, pid int) (list []region) {
	t.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	rig.Must(t, err)
	defer file.Close()
	keep := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var r region
		var rights string
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &r.from, &r.to, &rights); n == 3 {
			if keep = strings.HasPrefix(rights, "rw"); keep {
				list = append(list, r)
			}
		}
		if flags, ok := strings.CutPrefix(lines.Text(), "VmFlags:"); ok && keep {
			list[len(list)-1].secret = strings.Contains(flags+" ", " dd ")
		}
	}
	return list
}

// find counts the places of a text in memory for secrets and in all other memory.
func find(t *testing.T, pid int, text string) (secret, ordinary int) {
	t.Helper()
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if errors.Is(err, os.ErrPermission) {
		t.Skip("another process's memory may not be read here; as root it may")
	}
	rig.Must(t, err)
	defer memory.Close()
	for _, r := range regions(t, pid) {
		data := make([]byte, r.to-r.from)
		n, _ := memory.ReadAt(data, int64(r.from)) // what has gone meanwhile holds nothing
		found := bytes.Count(data[:n], []byte(text))
		if r.secret {
			secret += found
		} else {
			ordinary += found
		}
	}
	return secret, ordinary
}

// TestKeysAheadAreInNoOrdinaryMemory keys a number in while nobody asks for keys, and
// looks through the memory of the program: it waits where it is never dumped, and is
// gone when the next step does not want it.
func TestKeysAheadAreInNoOrdinaryMemory(t *testing.T) {
	config, server, _ := rig.Config(t)
	main := filepath.Join(config, "flows", "main.yaml")
	flow, err := os.ReadFile(main)
	rig.Must(t, err)
	long := bytes.Replace(flow, []byte("say: [hello]"), []byte("say: [hello"+strings.Repeat(", hello", 40)+"], uninterrupted: true"), 1) // longer than any look
	if bytes.Equal(flow, long) {
		t.Fatal("the default flow has no greeting")
	}
	rig.Must(t, os.WriteFile(main, long, 0o600))
	p := start(t, "serve", "--config", config, "--data", t.TempDir())
	p.says("hotline is open")
	c, err := rig.NewPhones(t, server).Dial("95500")
	rig.Must(t, err)
	p.says(`"confirmed"`) // before the ACK has come nobody holds keys
	const canary = "9026159026"
	rig.Must(t, c.Press(canary))
	rig.Eventually(t, rig.Hung, "the keys are in the memory for secrets", func() bool {
		secret, ordinary := find(t, p.Process.Pid, canary)
		if ordinary > 0 {
			t.Fatalf("the keys are %d times in ordinary memory", ordinary)
		}
		return secret == 1
	})
	c.Hangup()
	rig.Eventually(t, rig.Hung, "the keys are gone", func() bool {
		secret, ordinary := find(t, p.Process.Pid, canary)
		if ordinary > 0 {
			t.Fatalf("the keys are %d times in ordinary memory", ordinary)
		}
		return secret == 0
	})
}
