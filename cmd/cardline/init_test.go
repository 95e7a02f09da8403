package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitWritesASoundHotline writes the default hotline out, checks it, and does
// not write a second time.
func TestInitWritesASoundHotline(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hotline")
	text, _, err := execute(t, "init", dir)
	if err != nil || !strings.Contains(text, filepath.Join(dir, "flows", "main.yaml")) || !strings.Contains(text, " serve --config "+dir) {
		t.Fatalf("%v\n%s", err, text)
	}
	ours, theirs := "", ""
	if ours, _, err = execute(t, "check"); err != nil {
		t.Fatal(err)
	}
	if theirs, _, err = execute(t, "check", dir); err != nil || theirs != ours {
		t.Errorf("got %q, %v; want %q", theirs, err, ours)
	}
	lines := filepath.Join(dir, "lines.yaml")
	if text, err := os.ReadFile(lines); err != nil || !bytes.Contains(text, []byte("# ")) {
		t.Errorf("no comments are left: %v", err)
	}
	if err := os.WriteFile(lines, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, code, err := execute(t, "init", dir); code != exitFailed || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a second time: %v", err)
	}
	if text, err := os.ReadFile(lines); err != nil || string(text) != "mine" {
		t.Errorf("what was there is gone: %q, %v", text, err)
	}
}
