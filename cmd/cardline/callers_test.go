package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cardline/caller"
	"cardline/ledger"
	"cardline/store/sqlite"
)

// types runs a command line with something on standard input.
func types(t *testing.T, input string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetIn(strings.NewReader(input))
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

// TestPseudonymsByTheCommandLine looks a caller up, before and after a rotation.
func TestPseudonymsByTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	if _, err := types(t, "13800000001\n", "callers", "pseudonym", "--data", dir); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("without a key: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) > 0 {
		t.Errorf("looking made %v", files)
	}
	if _, err := types(t, "", "callers", "rotate", "--data", dir); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("no key is rotated: %v", err)
	}
	keys, err := caller.LoadKeys(dir, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	want := keys.Pseudonym("13800000001")
	out, err := types(t, "+8613800000001\n013800000001\n", "callers", "pseudonym", "--data", dir)
	if err != nil || out != want+"\n"+want+"\n" {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = types(t, "13800000001\nsecret\n", "callers", "pseudonym", "--data", dir)
	if err == nil || !strings.Contains(out, "line 2 is no number") || strings.Contains(out, "secret") {
		t.Errorf("what is no number: %v\n%s", err, out)
	}
	if out, err := types(t, "", "callers", "rotate", "--data", dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err = types(t, "13800000001\n", "callers", "pseudonym", "--data", dir)
	if both := strings.Fields(out); err != nil || len(both) != 2 || both[1] != want || both[0] == want {
		t.Errorf("after a rotation: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "caller-until-yesterday.key"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := types(t, "1\n", "callers", "pseudonym", "--data", dir); err == nil || !strings.Contains(err.Error(), "caller-until-yesterday.key") {
		t.Errorf("a key with another name: %v", err)
	}
}

// TestBarredCallersByTheCommandLine lists who is barred from the data, and bars by
// the API.
func TestBarredCallersByTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	if _, err := types(t, "", "callers", "barred", "--data", dir); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("a directory without a ledger: %v", err)
	}
	s, err := sqlite.Open(sqlite.Options{File: filepath.Join(dir, "cardline.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() // it runs meanwhile
	if out, err := types(t, "", "callers", "barred", "--data", dir); err != nil || out != "Nobody is barred.\n" {
		t.Errorf("nobody: %v\n%s", err, out)
	}
	s.Write([]ledger.Event{{Seq: 1, At: time.Now(), Fact: ledger.CallerBarred{Pseudonym: "p-bad", Who: "li.na", Reason: "tries out cards"}}})
	out, err := types(t, "", "callers", "barred", "--data", dir)
	for _, part := range []string{"p-bad", "li.na", "tries out cards", "taken back"} {
		if err != nil || !strings.Contains(out, part) {
			t.Errorf("the list lacks %q: %v\n%s", part, err, out)
		}
	}
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		_, _ = w.Write([]byte(`{"barred": [], "pseudonyms": ["p-now", "p-before"]}`))
	}))
	defer api.Close()
	t.Setenv("CARDLINE_TOKEN", "a-token")
	for _, args := range [][]string{
		{"bar", "p-bad", "--for", "24h", "--reason", "fraud"}, {"unbar", "p-bad", "--reason", "a mistake"}, {"barred"},
	} {
		if out, err := types(t, "", append(append([]string{"callers"}, args...), "--api", api.URL)...); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if out, err := types(t, "13800000001\n", "callers", "pseudonym", "--api", api.URL); err != nil || out != "p-now p-before\n" {
		t.Errorf("looked up: %v\n%s", err, out)
	}
	want := []string{`PUT /api/barred/p-bad {"for":"24h","reason":"fraud"}`, "DELETE /api/barred/p-bad?reason=a+mistake ", "GET /api/barred?limit=10000 ", `POST /api/pseudonyms {"number":"13800000001"}`}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

// TestTheDataOfBeforeIsRead lists and explains calls in the folder of an earlier
// version that was never upgraded, and changes nothing in it.
func TestTheDataOfBeforeIsRead(t *testing.T) {
	const data = "../../app/testdata/data-1"
	before, err := os.ReadFile(data + "/cardline.db")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, wants []string }{
		{[]string{"calls", "--from", "2026-11-30T00:00:00Z", "--to", "2026-12-01T00:00:00Z"}, []string{"c-1a22e63d193HLIAKQXUVC2BG", "0001", "1001"}},
		{[]string{"why", "c-1a22e640bd7OFMCLTOABHN3C"}, []string{"to be called back"}},
		{[]string{"callers", "barred"}, []string{"Nobody is barred."}},
	} {
		out, err := types(t, "", append(c.args, "--data", data)...)
		for _, want := range c.wants {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("%v lacks %q: %v\n%s", c.args, want, err, out)
			}
		}
	}
	if after, err := os.ReadFile(data + "/cardline.db"); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed, %v", err)
	}
}
