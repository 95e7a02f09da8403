package acd

import "slices"

// A Snapshot is all that a router knows, as plain values: with it and the
// commands that came later, [Restore] gives the same router. It can be written
// as JSON, and read beside the running router.
type Snapshot struct {
	Now       Time
	LastEntry uint64
	LastOffer uint64
	Options   Options
	Queues    []queueRecord // in the order of the options
	Agents    []agentRecord // in the order of Options.Agents, then of Removed
	Removed   []Agent       // who are on a last call
	Entries   []entryRecord // by queue and key
	Offers    []offerRecord // by number
}

// Snapshot copies the router's state. What it shares with the router never
// changes.
func (r *Router) Snapshot() Snapshot {
	s := Snapshot{Now: r.now, LastEntry: r.lastEntry, LastOffer: r.lastOffer, Options: r.options}
	for _, q := range r.options.Queues {
		queue := r.queues[q.Name]
		record := queue.queueRecord
		record.Left = nil
		for _, lost := range queue.Left {
			if queue.left[lost.Caller] == lost {
				record.Left = append(record.Left, lost)
			}
		}
		s.Queues = append(s.Queues, record)
	}
	for _, a := range r.options.Agents {
		s.Agents = append(s.Agents, r.agents[a.ID].agentRecord)
	}
	for _, a := range r.roster {
		if a.Removed {
			s.Removed = append(s.Removed, a.Agent)
			s.Agents = append(s.Agents, a.agentRecord)
		}
	}
	s.Entries = make([]entryRecord, 0, r.entries.length)
	for _, q := range r.options.Queues {
		for e := range r.queues[q.Name].entries.all {
			record := e.entryRecord
			record.Failed, record.Been = append([]string(nil), e.Failed...), append([]string(nil), e.Been...)
			s.Entries = append(s.Entries, record)
			for _, o := range e.offers {
				s.Offers = append(s.Offers, o.offerRecord)
			}
		}
	}
	slices.SortFunc(s.Offers, func(a, b offerRecord) int { return int(a.ID) - int(b.ID) })
	return s
}

// Restore returns a router that knows what the snapshot says.
func Restore(s Snapshot) *Router {
	r := newRouter()
	r.options, r.now, r.lastEntry, r.lastOffer = s.Options, s.Now, s.LastEntry, s.LastOffer
	for i, options := range s.Options.Queues {
		q := &queue{Queue: options, queueRecord: s.Queues[i], entries: newCallers(&r.spareSeats), left: map[string]lostCall{}}
		q.Left = slices.Clone(q.Left)
		for _, lost := range q.Left {
			q.left[lost.Caller] = lost
		}
		r.open(q)
	}
	for i, a := range slices.Concat(s.Options.Agents, s.Removed) {
		r.hire(r.newAgent(a, s.Agents[i]))
	}
	r.layOut()
	for _, a := range r.roster {
		r.wind(a)
	}
	for _, record := range s.Entries {
		record.Failed = slices.Clone(record.Failed)
		e := r.newEntry(record)
		e.queue = r.queues[e.Queue]
		e.queue.entries.add(e)
		r.entries.set(e.ID, e)
		if home := r.queues[e.Home]; home != nil {
			e.home = home.classes[e.HomeStep]
		}
		if e.Stage == waiting {
			r.lineUp(e)
		} else {
			r.setAlarm(e)
		}
	}
	for _, record := range s.Offers {
		r.place(&offer{offerRecord: record, entry: r.entries.get(record.Entry), agent: r.agents[record.Agent]})
	}
	// Everything was settled before.
	r.effects, r.freshAgents, r.freshEntries, r.unstaffed = nil, r.freshAgents[:0], r.freshEntries[:0], nil
	return r
}
