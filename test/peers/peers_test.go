//go:build peers

// Package peers tries the hotline with real peers: SIPp, baresip, linphone and
// Prometheus. They are installed from Debian packages by "make peers". A peer
// that is missing is told and its tests are left out; where CI is set that is
// a failure.
package peers

import (
	"os"
	"os/exec"
	"testing"
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
