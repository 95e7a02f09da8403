package store

import (
	"testing"

	"cardline/ledger"
)

func TestQueryMatches(t *testing.T) {
	r := Record{
		Line: "main", Caller: "1234", Outcome: ledger.IVRToAgent, Reason: ledger.EndAgentLeft,
		Places: []Place{{Queue: "loss"}, {Queue: "cards"}}, Talks: []Talk{{Agent: "1002"}},
	}
	for _, c := range []struct {
		q    Query
		want bool
	}{
		{Query{}, true},
		{Query{Line: "main", Tail: "1234", Outcome: "to_agent", Queue: "cards", Agent: "1002"}, true},
		{Query{Outcome: "agent_left"}, true},
		{Query{Line: "vip"}, false},
		{Query{Tail: "34"}, false},
		{Query{Outcome: "contained"}, false},
		{Query{Queue: "english"}, false},
		{Query{Agent: "1001"}, false},
		{Query{Queue: "cards", Agent: "1001"}, false},
	} {
		if got := c.q.Matches(&r); got != c.want {
			t.Errorf("%+v: got %v", c.q, got)
		}
	}
}
