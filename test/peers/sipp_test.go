//go:build peers

package peers

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"cardline/ledger"
	"cardline/test/rig"
)

// TestSIPpCallsTheMainLine is SIPp's own user agent: 2,000 calls at 100 a
// second, of which none may fail.
func TestSIPpCallsTheMainLine(t *testing.T) {
	need(t, "sipp")
	h := rig.Start(t, rig.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sipp", "-sn", "uac", h.Server, "-s", "95500", "-m", "2000", "-r", "100", "-i", "127.0.0.1", "-nostdin")
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sipp: %v\n%s", err, last(string(out), 60))
	}
	figure := func(name string) string {
		m := regexp.MustCompile(regexp.QuoteMeta(name)+`\s*\|\s*\d+\s*\|\s*(\d+)`).FindAllStringSubmatch(string(out), -1)
		if len(m) == 0 {
			t.Fatalf("sipp does not tell %q:\n%s", name, last(string(out), 60))
		}
		return m[len(m)-1][1]
	}
	if ok, failed := figure("Successful call"), figure("Failed call"); ok != "2000" || failed != "0" {
		t.Errorf("%s calls succeeded and %s failed, want 2000 and 0", ok, failed)
	}
	rig.Eventually(t, rig.Hung, "every call is accounted for", func() bool {
		return len(rig.Facts[ledger.CallArrived](h)) == 2000 && len(rig.Facts[ledger.CallEnded](h)) == 2000
	})
	reasons := map[ledger.EndReason]int{}
	for _, f := range rig.Facts[ledger.CallEnded](h) {
		reasons[f.Reason]++
	}
	if reasons[ledger.EndCallerLeft] != 2000 {
		t.Errorf("the calls ended as %v, want all as %s", reasons, ledger.EndCallerLeft)
	}
}

func last(text string, lines int) string {
	list := strings.Split(text, "\n")
	return strings.Join(list[max(0, len(list)-lines):], "\n")
}
