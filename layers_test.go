package cardline_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport lists, for each room, the rooms of ours that it may know. Rooms of
// one floor that are not listed for one another must not meet.
var mayImport = map[string][]string{
	// Floor 0 and what stands on it alone.
	"ledger":   {},
	"prompts":  {}, // recordings and grammars: no room of the telephone
	"yamlfile": {}, // what every file of the hotline is read by
	"caller":   {}, // numbers and what stands for them
	"memory":   {}, // pages that are never dumped: knows no secret
	"fault":    {}, // what may be told of a panic
	"outbox":   {}, // a file of what is to be delivered: knows no receiver
	// Floor 1: the rooms of the telephone. They never import one another.
	"sip":      {"fault"},
	"media":    {"memory"},
	"ivr":      {},
	"acd":      {"ledger"}, // for the words that it shares with the figures
	"card":     {"outbox", "memory"},
	"calendar": {}, // a clock on the wall: knows no room
	// Floor 2.
	"call": {"sip", "media", "ivr", "acd", "card", "prompts", "ledger", "caller", "memory", "fault"},
	"sim":  {"acd", "calendar", "ledger", "yamlfile"}, // drives the router with a clock of its own
	"load": {"sip", "media", "prompts"},               // the other side of the telephone: knows nothing of the hotline
	// Floor 3: readings of the ledger.
	"store":   {"ledger", "call"},                        // it is the book of callbacks
	"metrics": {"ledger", "sip", "media", "call", "acd"}, // rooms only for their observers
	"console": {"ledger", "store", "acd", "call", "yamlfile", "outbox", "caller", "fault"},
	"board":   {"ledger", "card"},
	"deploy":  {"metrics", "ledger", "acd"},
	// Floor 4.
	"configs": {"sip", "media", "ivr", "acd", "call", "prompts", "calendar", "ledger", "yamlfile", "caller"},
	"app":     {"configs", "console", "metrics", "store", "call", "card", "sip", "media", "acd", "ivr", "ledger", "prompts", "outbox", "caller", "memory"},
	// Floor 5.
	"cmd":   {"app", "configs", "prompts", "load", "sim", "board", "card", "ledger", "store", "call", "acd", "sip", "media", "calendar", "outbox", "console", "caller", "memory", "fault"},
	"bench": {}, // runs the benchmarks as a person would
	// Tests of the whole.
	"test": {"app", "configs", "load", "board", "card", "ledger", "store", "call", "acd", "sip", "media", "metrics"},
}

// TestArrowsGoDown holds the imports of every package, tests included, against
// the list.
func TestArrowsGoDown(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-test", "-f",
		`{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		from := room(fields[0])
		if from == "" {
			continue
		}
		packages++
		allowed, known := mayImport[from]
		if !known {
			t.Errorf("the room %q is not in the list: say on which floor it stands", from)
			continue
		}
		for _, imported := range fields[1:] {
			if to := room(imported); to != "" && to != from && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s: the arrow does not go down", fields[0], imported)
			}
		}
	}
	if packages < 20 {
		t.Errorf("only %d packages were looked at", packages)
	}
}

// room returns the top-level folder of a package of ours, "" for any other.
func room(path string) string {
	path, ok := strings.CutPrefix(path, "cardline/")
	if !ok {
		return ""
	}
	path, _, _ = strings.Cut(path, " ")
	first, _, _ := strings.Cut(path, "/")
	return strings.TrimSuffix(strings.TrimSuffix(first, "_test"), ".test")
}
