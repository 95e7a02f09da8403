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

// clock is a heap of the alarms that are on, the first one at the top. What
// orders them stands in the heap itself, so that no alarm is touched on the
// way; and an alarm that is moved or switched off leaves its old line in the
// heap, which is dropped when it comes to the top.
type clock []ticking

type ticking struct {
	at     Time
	number uint64
	rank   alarmRank
	alarm  *alarm
}

func (t ticking) before(u ticking) bool {
	if t.at != u.at {
		return t.at < u.at
	}
	return cmp.Or(cmp.Compare(t.rank, u.rank), cmp.Compare(t.number, u.number), cmp.Compare(t.alarm.name, u.alarm.name)) < 0
}

// on reports whether the line is that of an alarm that is on.
func (t ticking) on() bool { return t.alarm.at == t.at && t.alarm.number == t.number }

// set moves an alarm; at never it is off.
func (c *clock) set(a *alarm, at Time) {
	if a.at == at {
		return
	}
	a.at = at
	if at == never {
		return
	}
	lines := append(*c, ticking{at, a.number, a.rank, a})
	i := len(lines) - 1
	for i > 0 && lines[i].before(lines[(i-1)/2]) {
		lines[i], lines[(i-1)/2] = lines[(i-1)/2], lines[i]
		i = (i - 1) / 2
	}
	*c = lines
}

// first returns the alarm that goes off next, nil if none is on.
func (c *clock) first() *alarm {
	for len(*c) > 0 {
		if (*c)[0].on() {
			return (*c)[0].alarm
		}
		c.drop()
	}
	return nil
}

// drop takes the top away.
func (c *clock) drop() {
	lines := *c
	last := len(lines) - 1
	lines[0], lines[last] = lines[last], ticking{}
	lines = lines[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if lines[child].before(lines[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		lines[i], lines[least] = lines[least], lines[i]
		i = least
	}
	*c = lines
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
