package app

import (
	"slices"

	"cardline/acd"
	"cardline/card"
	"cardline/configs"
	"cardline/ivr"
	"cardline/metrics"
)

// figures says what the metrics' series are about.
func figures(c *configs.Config) metrics.Reloadable {
	f := c.File
	routing := c.Routing()
	r := metrics.Reloadable{
		Classes:  []string{"normal", "flow"},
		Reasons:  []string{acd.ReasonLogin, acd.ReasonRONA, acd.ReasonDisposition},
		Services: c.Program.Services(),
		Operations: []metrics.Operation{{Name: "set_pin", Codes: []string{
			card.ResultOK, string(card.Weak), string(card.Refused), string(card.NotAllowed), card.ResultUnavailable,
		}}},
		MaxCalls: c.Legs(),
		Accounts: len(f.Phones),
	}
	for _, reason := range routing.Reasons {
		r.Reasons = append(r.Reasons, reason.Name)
	}
	for _, q := range routing.Queues {
		r.Queues = append(r.Queues, metrics.Queue{Name: q.Name, Steps: len(q.Steps), Dispositions: q.Dispositions})
	}
	for _, l := range f.Lines {
		r.Lines = append(r.Lines, l.Name)
		if !slices.Contains(r.Classes, l.Class) {
			r.Classes = append(r.Classes, l.Class)
		}
	}
	for _, a := range routing.Agents {
		agent := metrics.Agent{ID: a.ID, Group: a.Group, Site: a.Site}
		for _, q := range routing.Queues {
			if a.Serves(q, 0, routing.Queues) {
				agent.Queues = append(agent.Queues, q.Name)
			} else if mayCome(a, q, routing.Queues) {
				agent.Later = append(agent.Later, q.Name)
			}
		}
		r.Agents = append(r.Agents, agent)
	}
	for _, name := range c.Program.Flows() {
		r.Flows = append(r.Flows, metrics.Flow{Name: name, Steps: c.Program.Steps(name)})
	}
	for _, o := range ivr.Operations() {
		operation := metrics.Operation{Name: string(o)}
		for _, result := range o.Results() {
			operation.Codes = append(operation.Codes, string(result))
		}
		r.Operations = append(r.Operations, operation)
	}
	for _, t := range f.Trunks {
		r.Trunks = append(r.Trunks, metrics.Trunk{Name: t.Name, MaxCalls: t.MaxCalls})
	}
	return r
}

// mayCome reports whether an agent may take callers of a queue in a later step.
func mayCome(a acd.Agent, q acd.Queue, all []acd.Queue) bool {
	for step := range q.Steps {
		if a.Serves(q, step+1, all) {
			return true
		}
	}
	return false
}
