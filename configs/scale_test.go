package configs_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"cardline/configs"
)

// large is a hotline of 1,800 agents and 200 queues with four steps each, which
// overflow from one into the next.
func large(t testing.TB) fstest.MapFS {
	var queues, agents strings.Builder
	queues.WriteString("queues:\n")
	for i, name := range []string{"cards", "complaints", "english"} {
		fmt.Fprintf(&queues, "  - {name: %s, requires: s%d}\n", name, i)
	}
	for i := range 197 {
		fmt.Fprintf(&queues, "  - name: q%d\n    requires: s%d >= 5 and (s%d >= 3 or s%d)\n    steps:\n", i, i%50, (i+7)%50, (i+9)%50)
		for n := range 4 {
			fmt.Fprintf(&queues, "      - {after: %dm, requires: s%d >= %d}\n", n+1, i%50, 4-n)
		}
		if i < 195 {
			fmt.Fprintf(&queues, "    overflow: [{when: wait > 10m, to: q%d}, {when: length > 90, to: q%d}]\n", i+1, i+2)
		}
	}
	agents.WriteString("phones:\n")
	for i := range 1800 {
		fmt.Fprintf(&agents, "  - {account: \"%d\", password: trial-%d}\n", 10000+i, i)
	}
	agents.WriteString("agents:\n")
	for i := range 1800 {
		fmt.Fprintf(&agents, "  - {id: \"%d\", skills: {s%d: 9, s%d: 5, s%d: 5}}\n", 10000+i, i%50, (i+7)%50, (i+9)%50)
	}
	return with(t, "queues.yaml", queues.String(), "agents.yaml", agents.String())
}

// BenchmarkLoad loads a hotline that is larger than any that we know of.
func BenchmarkLoad(b *testing.B) {
	tree := large(b)
	for b.Loop() {
		if _, err := configs.Load(tree); err != nil {
			b.Fatalf("%.500v", err)
		}
	}
}
