// Package metrics is the Prometheus reading of the ledger. It counts what the
// events say, and what is no event it hears from the observers of the
// signalling, the media and the calls.
//
//	ledger.Log ──Read──► counts, in whole numbers ──┐
//	sip, media, call ──observers──► counters ───────┼──► Registerer ──► /metrics
//	present state of queues and agents, at scrape ──┘
//
// What comes from the ledger is kept in integers, times in milliseconds, and
// is shown by one collector under one lock. Hence two promises: a sum equals
// the sum over the events to the last millisecond, and in every scrape the
// entries of a queue are its exits and those who wait, never one more or less.
//
// Every series of a configured queue, agent group, line, step, service or trunk
// is there from the start with 0, because a ratio over an absent series is
// empty and not 0. Labels are configured names and members of closed lists;
// no call, caller or agent is ever one.
package metrics
