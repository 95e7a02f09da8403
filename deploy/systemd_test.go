package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestUnit holds the unit's promises, and lets systemd read it.
func TestUnit(t *testing.T) {
	unit := string(read(t, "systemd/cardline.service"))
	for _, line := range []string{
		"StartLimitIntervalSec=0", "Restart=always", "RestartPreventExitStatus=3", "Type=notify", "WatchdogSec=30",
		"MemoryMax=2G", "MemorySwapMax=0", "LimitNOFILE=65536", "LimitCORE=0", "Environment=GOTRACEBACK=none", "UMask=0077", "StateDirectoryMode=0700",
	} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the unit lacks %s", line)
		}
	}
	systemd, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not installed; the unit was only read by us")
		return
	}
	// The programs of the unit need not be installed here.
	unit = regexp.MustCompile(`(?m)^(Exec\w+=)\S+`).ReplaceAllString(unit, "${1}/bin/true")
	file := filepath.Join(t.TempDir(), "cardline.service")
	if err := os.WriteFile(file, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), systemd, "verify", "--man=no", file).CombinedOutput()
	if text := string(out); err != nil || strings.Contains(text, file) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, text)
	}
}
