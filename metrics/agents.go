package metrics

import (
	"cmp"
	"slices"
	"time"

	"cardline/ledger"
)

// agent is what an agent does, as the ledger told it last.
type agent struct {
	Agent
	state  ledger.AgentState
	reason string // of not_ready
	// since is when the state began, or when its time was last written to the
	// books, by the monotonic clock.
	since time.Time
	// booked is the time of the present state that is in the books already.
	booked     ledger.Millis
	configured bool
}

// counts reports whether the agent is anywhere to be seen. One who is configured
// no more is so until the end of the present call.
func (a *agent) counts() bool { return a.configured || a.state != ledger.AgentLoggedOut }

func (m *Metrics) configureAgents() {
	now := time.Now()
	kept, staffed := map[string]bool{}, map[string]bool{}
	for _, configured := range m.config.Agents {
		configured.Site = cmp.Or(configured.Site, m.site)
		a := m.agent(configured.ID, configured.Group, now)
		if a.Group != configured.Group || a.Site != configured.Site {
			m.moveBooks(a, now)
		}
		a.Agent, a.configured = configured, true
		kept[a.ID] = true
		m.addTeam(configured.Group, configured.Site)
		for _, q := range slices.Concat(configured.Queues, configured.Later) {
			m.addDuty(q, configured.Site)
			staffed[q] = true
		}
	}
	for id, a := range m.agents {
		a.configured = kept[id]
	}
	for _, q := range m.config.Queues {
		if !staffed[q.Name] {
			m.addDuty(q.Name, m.site)
		}
	}
	for _, reason := range m.config.Reasons {
		m.agentsNotReady.at(reason)
	}
}

// agent finds an agent; one who is new is logged out.
func (m *Metrics) agent(id, group string, now time.Time) *agent {
	a, ok := m.agents[id]
	switch {
	case !ok:
		a = &agent{Agent: Agent{ID: id, Group: group, Site: m.site}, state: ledger.AgentLoggedOut, since: now}
		m.agents[id] = a
	case !a.counts():
		a.since, a.booked = now, 0 // back again after a time in which nobody counted
	}
	return a
}

// moveBooks writes the time up to now to the agent's group, before the agent
// goes over to another one.
func (m *Metrics) moveBooks(a *agent, now time.Time) {
	ran := ledger.MillisOf(now.Sub(a.since))
	m.spent[a.key()] += ran
	a.booked += ran
	a.since = now
}

// key is the place of the agent's present state in the books.
func (a *agent) key() [4]string { return [4]string{a.Group, a.Site, string(a.state), a.reason} }

// addTeam makes the series of the agents of one group at one site.
func (m *Metrics) addTeam(group, site string) {
	for _, state := range ledger.AgentStates {
		m.agentsNow.at(group, site, string(state))
		if state != ledger.AgentNotReady {
			m.agentTime.at(group, site, string(state), "")
		}
	}
	for _, reason := range m.config.Reasons {
		m.agentTime.at(group, site, string(ledger.AgentNotReady), reason)
		m.overstays.at(group, reason)
	}
}

// agentChanged writes the time of the state that was left to the books.
func (m *Metrics) agentChanged(f ledger.AgentChanged, now time.Time) {
	a := m.agent(f.Agent, f.Group, now)
	left := [4]string{a.Group, a.Site, string(f.From), f.Left}
	m.spent[left] += max(0, f.Took-a.booked)
	if f.From == ledger.AgentWrapUp {
		m.handled.observe(f.Took, f.Queue, a.Site, partWrapUp)
	}
	a.state, a.reason, a.since, a.booked = f.To, f.Reason, now, 0
}

// countAgents counts agents by state, and their time so far.
func (m *Metrics) countAgents(now time.Time) {
	m.agentsNow.zero()
	m.agentsNotReady.zero()
	m.eligible.zero()
	m.later.zero()
	running := make(map[[4]string]ledger.Millis, len(m.spent))
	for key, spent := range m.spent {
		running[key] = spent
	}
	for _, a := range m.agents {
		if !a.counts() {
			continue
		}
		m.agentsNow.at(a.Group, a.Site, string(a.state)).number++
		if a.state == ledger.AgentNotReady {
			m.agentsNotReady.at(a.reason).number++
		}
		if a.configured {
			for _, q := range a.Queues {
				m.eligible.at(q, string(a.state)).number++
			}
			for _, q := range a.Later {
				m.later.at(q, string(a.state)).number++
			}
		}
		running[a.key()] += ledger.MillisOf(now.Sub(a.since))
	}
	for key, total := range running {
		// A state that ended may have been seen running for a moment too long,
		// while its event was under way. A counter must not fall for that.
		shown := m.agentTime.at(key[:]...)
		shown.sum = max(shown.sum, total)
	}
}

// siteOf returns where an agent sits.
func (m *Metrics) siteOf(id string) string {
	if a, ok := m.agents[id]; ok {
		return a.Site
	}
	return m.site
}
