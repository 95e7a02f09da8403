package call

import (
	"testing"

	"cardline/acd"
	"cardline/ledger"
)

// TestSameSiteFirst holds that a caller gets an agent of the site of the trunk,
// though somebody elsewhere has been idle longer.
func TestSameSiteFirst(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Sites = map[string]string{"local": "north"}
		c.Routing.Queues[0].SameSiteFirst = true
		c.Routing.Agents = []acd.Agent{
			{ID: "ann", Site: "south", Skills: map[string]int{"cards": 5}},
			{ID: "bob", Site: "north", Skills: map[string]int{"cards": 5}},
		}
	})
	b.agent("1001", "a", answers)
	b.agent("1002", "b", answers)
	caller := b.caller("200")
	if made := fact(b, "somebody is rung", func(ledger.Offered) bool { return true }); made.Agent != "bob" {
		t.Errorf("%s is rung, want bob of the same site", made.Agent)
	}
	b.bridgedWith("bob")
	caller.leg.Hangup("")
	caller.ended()
}
