package acd

import (
	"cmp"
	"container/heap"
)

// An alarm is the next deadline of an agent, an entry, an offer or a queue.
// Alarms that are due at the same time go off by rank, number and name, so that
// the same commands give the same effects.
type alarm struct {
	at     Time // [never] while it is off
	rank   alarmRank
	number uint64
	name   string
	owner  interface{ due(r *Router) }
	index  int // in the clock, from 1; 0 while off
}

type alarmRank uint8

const (
	offerAlarm alarmRank = iota
	entryAlarm
	agentAlarm
	queueAlarm
)

// clock holds all alarms that are on, the first one at the top. Their times
// stand in the heap itself, so that most comparisons touch no alarm.
type clock []ticking

type ticking struct {
	at Time
	*alarm
}

func (c clock) Len() int { return len(c) }

func (c clock) Less(i, j int) bool {
	a, b := c[i], c[j]
	if a.at != b.at {
		return a.at < b.at
	}
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.number, b.number), cmp.Compare(a.name, b.name)) < 0
}

func (c clock) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].index, c[j].index = i+1, j+1
}

func (c *clock) Push(x any) {
	a := x.(*alarm)
	*c = append(*c, ticking{a.at, a})
	a.index = len(*c)
}

func (c *clock) Pop() any {
	last := len(*c) - 1
	a := (*c)[last].alarm
	(*c)[last] = ticking{}
	*c = (*c)[:last]
	a.index = 0
	return a
}

// set moves an alarm; at never it is off.
func (c *clock) set(a *alarm, at Time) {
	switch {
	case a.at == at && (a.index > 0) == (at != never):
	case at == never:
		heap.Remove(c, a.index-1)
		a.at = never
	case a.index > 0:
		a.at, (*c)[a.index-1].at = at, at
		heap.Fix(c, a.index-1)
	default:
		a.at = at
		heap.Push(c, a)
	}
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
