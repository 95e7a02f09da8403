package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// canary is what must not be found in what a dying program leaves behind.
const canary uint64 = 0x3930_3236_3135_3930 // "90261590"

// ways are how a program dies that holds the canary as an argument, and what it may
// say then.
var ways = map[string]struct {
	die  func(pin uint64)
	says string
}{
	"panic": {func(uint64) { panic("a fault of ours") }, "panic: a fault of ours"},
	"nil":   {func(uint64) { _ = *(*uint64)(nil) }, "nil pointer dereference"},
	"index": {func(pin uint64) { _ = os.Args[len(os.Args)+int(pin&1)] }, "index out of range"},
	"fatal": {func(uint64) { new(sync.Mutex).Unlock() }, "fatal error: sync: unlock of unlocked mutex"},
}

//go:noinline
func holds(pin uint64, die func(pin uint64)) uint64 {
	die(pin)
	return pin
}

// TestDiesQuietly kills a program, this test again, with a canary on the stack, and
// searches what it has left.
func TestDiesQuietly(t *testing.T) {
	if way := os.Getenv("CARDLINE_DIES_BY"); way != "" {
		if err := harden(); err != nil {
			t.Fatal(err)
		}
		died := make(chan struct{})
		go func() {
			defer close(died)
			holds(canary, ways[way].die)
		}()
		<-died
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for way, c := range ways {
		t.Run(way, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestDiesQuietly$")
			cmd.Dir = dir
			env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOTRACEBACK=") })
			cmd.Env = append(env, "CARDLINE_DIES_BY="+way)
			out, err := cmd.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte(c.says)) {
				t.Fatalf("it ended with %v and said, without %q,\n%s", err, c.says, out)
			}
			if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.CoreDump() {
				t.Error("it dumped its core")
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
			leaks(t, out)
		})
	}
}

// leaks looks for the canary and for a stack.
func leaks(t *testing.T, out []byte) {
	t.Helper()
	plain := []byte{0x39, 0x30, 0x32, 0x36, 0x31, 0x35, 0x39, 0x30}
	for _, form := range [][]byte{plain, []byte(hex.EncodeToString(plain)), []byte("4120848867379198256"), []byte("goroutine "), []byte("main.holds")} {
		if bytes.Contains(out, form) {
			t.Errorf("%q is in what it said:\n%s", form, out)
		}
	}
}
