package memory

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestProtect protects the process of the test itself.
func TestProtect(t *testing.T) {
	if err := Protect(); err != nil {
		t.Fatal(err)
	}
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		t.Errorf("dumpable is %d, %v; want 0", dumpable, err)
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || core != (unix.Rlimit{}) {
		t.Errorf("core dumps may have %+v, %v; want 0", core, err)
	}
}

// TestFailedLocksAreTold takes the right to lock memory away.
func TestFailedLocksAreTold(t *testing.T) {
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{}); err != nil {
		t.Fatal(err)
	}
	var told []error
	page, err := (&Pages{Unlocked: func(err error) { told = append(told, err) }}).Page()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = Release(page) }()
	if privileged := unix.Mlock(page) == nil; privileged != (len(told) == 0) {
		t.Errorf("told %v; the page could be locked: %v", told, privileged)
	}
}
