package call

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"cardline/ledger"
)

// A lineBuffer keeps the lines of a log.
type lineBuffer struct {
	mu    sync.Mutex
	lines [][]byte
}

func (b *lineBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, bytes.Clone(line))
	return len(line), nil
}

// unitless are the keys of the log whose numbers have no unit.
var unitless = []string{"code"}

// TestLinesOfTheLog lets a caller reach an agent and hang up, and looks at all that is
// logged about it: what is about the call names it, numbers have units, and each
// change of an agent's state is a line.
func TestLinesOfTheLog(t *testing.T) {
	log := &lineBuffer{}
	b := benchWith(t, Options{Log: zerolog.New(log).Level(zerolog.TraceLevel)})
	b.agent("1001", "a", answers)
	c := b.caller("200")
	b.bridgedWith("ann")
	c.leg.Hangup("")
	c.ended()
	b.state("ann", ledger.AgentReady)
	b.stop()

	var agents []string
	legs := map[string]int{} // lines about legs, by message
	log.mu.Lock()
	defer log.mu.Unlock()
	for _, text := range log.lines {
		var line map[string]any
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		message, _ := line["message"].(string)
		for _, key := range slices.Sorted(maps.Keys(line)) {
			_, number := line[key].(float64)
			if number && !strings.HasSuffix(key, "_ms") && !slices.Contains(unitless, key) {
				t.Errorf("the number %s has no unit: %s", key, text)
			}
		}
		if line["leg"] != nil {
			legs[message]++
			if id, _ := line["call"].(string); !strings.HasPrefix(id, "c-") {
				t.Errorf("a line about a leg names no call: %s", text)
			}
		}
		if message == "agent's state changed" {
			agents = append(agents, line["agent"].(string)+" "+line["from"].(string)+" "+line["to"].(string))
			if to := line["to"]; line["level"] != "info" || (line["call"] != nil) != (to == "offered" || to == "talking" || to == "wrap_up") {
				t.Errorf("a change of state, at Info and with its call while there is one: %s", text)
			}
		}
	}
	var want []string
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if f, ok := e.Fact.(ledger.AgentChanged); ok {
			want = append(want, f.Agent+" "+string(f.From)+" "+string(f.To))
		}
	}
	if !slices.Equal(agents, want) || len(want) < 4 {
		t.Errorf("the log has the changes %q, the ledger %q", agents, want)
	}
	if legs["confirmed"] < 2 || legs["ended"] < 2 {
		t.Errorf("the log tells of legs %v, want the caller's and the agent's", legs)
	}
}
