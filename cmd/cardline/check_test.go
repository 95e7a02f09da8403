package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cardline/card/demo"
	"cardline/configs"
)

// execute runs a command line and returns what it printed and the exit code.
func execute(t *testing.T, args ...string) (out string, code int, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	var exit exitError
	switch {
	case errors.As(err, &exit):
		code = exit.code
	case err != nil:
		code = exitUsage
	}
	return stdout.String(), code, err
}

// copied writes the default configuration with one file replaced.
func copied(t *testing.T, name, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "configuration")
	if err := os.CopyFS(dir, configs.Default()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCheck(t *testing.T) {
	out, code, err := execute(t, "check")
	if want := "sound: 4 lines, 3 queues, 8 agents, 8 flows; digest "; code != 0 || !strings.HasPrefix(out, want) {
		t.Errorf("the default: got %d, %q (%v), want 0, %q", code, out, err, want)
	}

	dir := copied(t, "lines.yaml", "lines:\n  - {name: main, numbers: ['95500'], flow: mian}\n  - {name: main}\n")
	out, code, err = execute(t, "check", dir)
	want := dir + "/lines.yaml:2:44: lines.0.flow: unknown flow \"mian\"; did you mean main?\n" +
		dir + "/lines.yaml:3:5: lines.1.numbers: no numbers; name the numbers that are dialled\n" +
		dir + "/lines.yaml:3:12: lines.1.name: \"main\" is there already, in line 2; give each its own name\n"
	if out != want || code != exitInvalid || err.Error() != "3 problems" {
		t.Errorf("two slips: got %d (%v)\n%s\nwant %d\n%s", code, err, out, exitInvalid, want)
	}

	dir = copied(t, "lines.yaml", "lines:\n  - {name: main, numbers: ['95500'], head_start: 1h}\n")
	out, code, err = execute(t, "check", dir)
	if !strings.HasPrefix(out, "warning: "+dir+"/lines.yaml:2:50: lines.0.head_start: ") || !strings.Contains(out, "\nsound: ") || code != 0 {
		t.Errorf("a warning: got %d (%v)\n%s", code, err, out)
	}
	if out, code, err = execute(t, "check", "--strict", dir); code != exitInvalid || strings.Contains(out, "sound") || err.Error() != "1 problem" {
		t.Errorf("a warning with --strict: got %d (%v)\n%s", code, err, out)
	}

	nowhere, file := filepath.Join(t.TempDir(), "nowhere"), filepath.Join(dir, "lines.yaml")
	for path, want := range map[string]string{nowhere: "no such file or directory", file: "expected a directory"} {
		for _, line := range [][]string{{"check", path}, {"serve", "--config", path, "--data", t.TempDir()}} {
			_, code, err = execute(t, line...)
			if code != exitFailed || !strings.Contains(err.Error(), path+": "+want) {
				t.Errorf("%v: got %d (%v), want %d and %q", line, code, err, exitFailed, want)
			}
		}
	}
	if _, code, err = execute(t, "check", "a", "b"); code != exitUsage {
		t.Errorf("two directories: got %d (%v), want %d", code, err, exitUsage)
	}
}

func TestSchema(t *testing.T) {
	out, code, err := execute(t, "schema")
	if code != 0 || !strings.Contains(out, `"title": "A cardline configuration"`) {
		t.Errorf("got %d (%v)\n%.200s", code, err, out)
	}
}

func TestPromptsCheck(t *testing.T) {
	out, code, err := execute(t, "prompts", "check")
	if code != 0 || !strings.HasPrefix(out, "sound: ") {
		t.Errorf("the shipped recordings: got %d (%v)\n%s", code, err, out)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "zh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "zh", "hello.wav"), []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code, err = execute(t, "prompts", "check", "--overlay", dir)
	if code != exitInvalid || !strings.HasPrefix(out, "zh/hello.wav: ") || err.Error() != "1 problem" {
		t.Errorf("a broken file: got %d (%v)\n%s", code, err, out)
	}
	if _, code, err = execute(t, "prompts", "check", "--overlay", filepath.Join(dir, "nowhere")); code != exitFailed {
		t.Errorf("no directory: got %d (%v), want %d", code, err, exitFailed)
	}
}

func TestPromptsScript(t *testing.T) {
	all, code, err := execute(t, "prompts", "script")
	if code != 0 || !strings.Contains(all, "== zh ==") || !strings.Contains(all, "== en ==") {
		t.Errorf("got %d (%v)\n%.200s", code, err, all)
	}
	out, code, err := execute(t, "prompts", "script", "--language", "en", "--csv")
	if code != 0 || !strings.HasPrefix(out, "id,language,text,file,notes\nhello,en,") || strings.Contains(out, ",zh,") {
		t.Errorf("got %d (%v)\n%.200s", code, err, out)
	}
	if _, code, err = execute(t, "prompts", "script", "--language", "fr"); code != exitUsage || !strings.Contains(err.Error(), "expected zh or en") {
		t.Errorf("got %d (%v), want %d and the languages", code, err, exitUsage)
	}
}

func TestPromptsRender(t *testing.T) {
	if _, code, err := execute(t, "prompts", "render", "--only", "helo"); code != exitUsage || !strings.Contains(err.Error(), `unknown id "helo"`) {
		t.Errorf("got %d (%v), want %d", code, err, exitUsage)
	}
	for _, tool := range []string{"espeak-ng", "sox"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed; make test installs it", tool)
		}
	}
	dir := t.TempDir()
	out, code, err := execute(t, "prompts", "render", "--only", "hold_music", "--only", "goodbye", "--dir", dir)
	if code != 0 || strings.Count(out, dir) != 3 {
		t.Fatalf("got %d (%v)\n%s\nwant the music and a goodbye in two languages", code, err, out)
	}
	made, err := os.ReadFile(filepath.Join(dir, "zh", "goodbye.wav"))
	if err != nil || !bytes.HasPrefix(made, []byte("RIFF")) {
		t.Errorf("got %d bytes, %v, want a WAV file", len(made), err)
	}
	// What is there already is left alone with --keep.
	if out, code, err = execute(t, "prompts", "render", "--only", "goodbye", "--keep", "--dir", dir); code != 0 || out != "" {
		t.Errorf("got %d (%v)\n%s\nwant nothing made", code, err, out)
	}
}

// TestReadmeTellsTheTestCard holds the card of the readme against the made-up
// holder whom the demo leaves to people.
func TestReadmeTellsTheTestCard(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	h := demo.HolderAt(0)
	if h.Active {
		t.Error("the card is active already")
	}
	number := h.Number[:4] + " " + h.Number[4:8] + " " + h.Number[8:12] + " " + h.Number[12:]
	for _, want := range []string{number, h.IDTail(), h.Expiry} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the readme does not tell %s", want)
		}
	}
}
