package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplay plays the first day of a simulation again, whole, cut, and spoilt.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "day.jsonl")
	if _, code, err := execute(t, "simulate", "--erlang", "lambda=0.1,mu=0.01,theta=0,n=12", "--calls", "200", "--seed", "7", "--record", file); code != 0 {
		t.Fatal(err)
	}
	whole, code, err := execute(t, "replay", file)
	if code != 0 {
		t.Fatal(err)
	}
	if queued, offered := strings.Count(whole, " queued "), strings.Count(whole, " offered "); queued < 200 || offered < 200 {
		t.Errorf("%d callers queued and %d offers in\n%s", queued, offered, whole)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text, want string
		code       int
	}{
		"cut":     {string(text[:len(text)-9]), "cut breaks off after ", exitFailed},
		"spoilt":  {`{"at":1,"do":"Golf","with":{}}`, `spoilt: command 1: unknown command "Golf"; expected a recording of serve --record`, exitFailed},
		"missing": {"", "no such file", exitFailed},
	} {
		if c.text != "" {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, code, err := execute(t, "replay", filepath.Join(dir, name))
		if err != nil {
			out += err.Error()
		}
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d, %v, want %q", name, code, err, c.want)
		}
	}
}
