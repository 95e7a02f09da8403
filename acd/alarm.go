package acd

import "cmp"

// An alarm is the next deadline of an agent, an entry, an offer or a queue.
// Alarms that are due at the same time go off by rank, number and name, so that
// the same commands give the same effects.
type alarm struct {
	at     Time // [never] while it is off
	rank   alarmRank
	number uint64
	name   string
	owner  interface{ due(r *Router) }
}

type alarmRank uint8

const (
	offerAlarm alarmRank = iota
	entryAlarm
	agentAlarm
	queueAlarm
)

// clock is the alarms that are on, in order. What orders them stands in the list
// itself, so that no alarm is touched on the way; and an alarm that is moved or
// switched off leaves its old line in the list, which is dropped when it has
// become the first.
type clock struct{ lines ordered[ticking] }

type ticking struct {
	at     Time
	number uint64
	rank   alarmRank
	alarm  *alarm
}

func compareTicking(t, u ticking) int {
	if t.at != u.at {
		return cmp.Compare(t.at, u.at)
	}
	return cmp.Or(cmp.Compare(t.rank, u.rank), cmp.Compare(t.number, u.number), cmp.Compare(t.alarm.name, u.alarm.name))
}

// on reports whether the line is that of an alarm that is on.
func (t ticking) on() bool { return t.alarm.at == t.at && t.alarm.number == t.number }

func newClock() clock { return clock{newOrdered(compareTicking, new(spares[ticking]))} }

// set moves an alarm; at never it is off.
func (c *clock) set(a *alarm, at Time) {
	if a.at == at {
		return
	}
	a.at = at
	if at != never {
		c.lines.add(ticking{at, a.number, a.rank, a})
	}
}

// first returns the alarm that goes off next, nil if none is on.
func (c *clock) first() *alarm {
	for c.lines.length > 0 {
		if line := c.lines.first(); line.on() {
			return line.alarm
		}
		c.lines.drop()
	}
	return nil
}

// earliest returns the first of the times that are not never.
func earliest(times ...Time) Time {
	first := never
	for _, t := range times {
		if t != never && (first == never || t < first) {
			first = t
		}
	}
	return first
}
