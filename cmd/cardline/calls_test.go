package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"cardline/console"
	"cardline/ledger"
	"cardline/store"
	"cardline/store/sqlite"
)

// TestCalls lists the calls of the morning from the ledger and by the API: the
// answers are the same.
func TestCalls(t *testing.T) {
	data := morning(t)
	s, err := sqlite.Open(sqlite.Options{File: filepath.Join(data, "cardline.db"), Log: zerolog.Nop()}) // as a hotline that runs
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	log := ledger.New(0)
	defer log.Close()
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(tokens, []byte("- {token: operator-cccccccccccccc, role: operator}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := console.New(console.Options{Listen: "127.0.0.1:0", Files: console.Files{Tokens: tokens}, Records: s, Ledger: log, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Stop(context.WithoutCancel(t.Context()))
	t.Setenv("CARDLINE_TOKEN", "operator-cccccccccccccc")

	all, code, err := execute(t, "calls", "--data", data)
	if code != 0 {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(all), "\n")
	if !strings.HasPrefix(lines[0], "time ") || !strings.HasSuffix(lines[0], "  call") || len(lines) < 6 {
		t.Fatalf("got\n%s", all)
	}
	if !slices.ContainsFunc(lines, func(l string) bool {
		return strings.Contains(l, " main ") && strings.Contains(l, " 1234 ") && strings.Contains(l, " 1001 ") && strings.HasSuffix(l, " c-v")
	}) {
		t.Errorf("the call c-v is not told in full:\n%s", all)
	}
	if last, _, err := execute(t, "why", "--data", data); last != all {
		t.Errorf("why without a call: %v\n%s\nwant\n%s", err, last, all)
	}
	for _, filter := range [][]string{
		nil,
		{"--last", "2"},
		{"--last", "0", "--agent", "1001"},
		{"--queue", "cards", "--line", "main"},
		{"--tail", "1234"},
		{"--pseudonym", "p-nobody"},
		{"--outcome", "to_agent"},
		{"--from", "2099-01-01T00:00"},
		{"--to", "1999-01-01T00:00"},
	} {
		args := append([]string{"calls", "--json"}, filter...)
		read, code, err := execute(t, append(args, "--data", data)...)
		if code != 0 {
			t.Fatalf("%v: %v", args, err)
		}
		asked, code, err := execute(t, append(args, "--api", "http://"+server.Address().String())...)
		if code != 0 || asked != read {
			t.Errorf("%v by the API: %v\n%s\nwant\n%s", args, err, asked, read)
		}
		var list []store.Record
		if err := json.Unmarshal([]byte(read), &list); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, read)
		}
		none := len(filter) == 2 && (strings.Contains(filter[1], "99-01-01") || filter[1] == "p-nobody")
		if none != (len(list) == 0) || filter != nil && filter[1] == "2" && len(list) != 2 {
			t.Errorf("%v: %d calls", args, len(list))
		}
	}
	if none, _, err := execute(t, "calls", "--data", data, "--agent", "nobody"); none != "No call fits.\n" {
		t.Errorf("got %q, %v", none, err)
	}
}
