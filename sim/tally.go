package sim

import (
	"time"

	"cardline/acd"
)

// states are the agent states, by the index under which they are counted.
var states = []acd.AgentState{
	acd.AgentLoggedOut, acd.AgentNotReady, acd.AgentReady, acd.AgentOffered, acd.AgentTalking, acd.AgentHolding,
	acd.AgentWrapUp, acd.AgentOutbound, acd.AgentUnreachable,
}

const (
	loggedOut = iota
	notReady
	ready
	offered
	talking
	holding
	wrapUp
	outbound
	unreachable
	stateCount
)

func stateIndex(s acd.AgentState) uint8 {
	for i, other := range states {
		if s == other {
			return uint8(i)
		}
	}
	return notReady // a state that the simulator does not know is no time on calls
}

// queueTally counts the callers of a queue. Times are sums in seconds.
type queueTally struct {
	offered     int64 // entries, also of those whom a closed queue sent away
	atOnce      int64 // of them, those who found a free agent
	answered    int64
	inTime      int64 // answered within the threshold
	abandoned   int64
	abandonedIn int64 // within the threshold
	short       int64 // abandoned within the time that does not count
	left        int64 // by overflow, exit key, limits and closing
	callbacks   int64 // requested
	callbacksIn int64 // within the threshold
	unserved    int64 // still there at the end of the day
	shut        int64 // of the offered, those who met closed doors
	redials     int64 // of the offered, those who had given up before
	regained    int64 // of them, those who got their place back
	reached     int64 // callbacks that came to a talk
	failed      int64 // callbacks that came to nothing
	sited       int64 // answered, of those who came in at a known site
	atSite      int64 // of them, by an agent of that site

	waited          float64 // by all
	waitedAnswered  float64
	waitedAbandoned float64
	waitedReached   float64 // from the first call to the talk
	talked          float64
	longest         time.Duration
}

// taken returns the entries that a queue took in.
func (t *queueTally) taken() int64 { return t.offered - t.shut }

// enter counts an entry; who then meets closed doors is taken back by turnAway.
func (t *queueTally) enter(again, regained bool) {
	t.offered++
	t.redials += int64(b2i(again))
	t.regained += int64(b2i(regained))
}

// turnAway counts who met closed doors, and so got no place back.
func (t *queueTally) turnAway(regained bool) {
	t.shut++
	t.regained -= int64(b2i(regained))
}

// callBack counts the end of a callback, by the time since the first call.
func (t *queueTally) callBack(reached bool, since time.Duration) {
	if !reached {
		t.failed++
		return
	}
	t.reached++
	t.waitedReached += since.Seconds()
}

func (t *queueTally) add(o *queueTally) {
	t.offered += o.offered
	t.atOnce += o.atOnce
	t.answered += o.answered
	t.inTime += o.inTime
	t.abandoned += o.abandoned
	t.abandonedIn += o.abandonedIn
	t.short += o.short
	t.left += o.left
	t.callbacks += o.callbacks
	t.callbacksIn += o.callbacksIn
	t.unserved += o.unserved
	t.shut += o.shut
	t.redials += o.redials
	t.regained += o.regained
	t.reached += o.reached
	t.failed += o.failed
	t.sited += o.sited
	t.atSite += o.atSite
	t.waited += o.waited
	t.waitedAnswered += o.waitedAnswered
	t.waitedAbandoned += o.waitedAbandoned
	t.waitedReached += o.waitedReached
	t.talked += o.talked
	t.longest = max(t.longest, o.longest)
}

// groupTally adds up what the agents of a group did, in seconds by state.
type groupTally struct {
	spent [stateCount]float64
	calls int64
}

func (t *groupTally) add(o *groupTally) {
	for i, s := range o.spent {
		t.spent[i] += s
	}
	t.calls += o.calls
}

// busy returns the time spent on calls, ringing and work after them included,
// and that time with the time of waiting for one.
func (t *groupTally) busy() (busy, present float64) {
	busy = t.spent[offered] + t.spent[talking] + t.spent[holding] + t.spent[wrapUp] + t.spent[outbound]
	return busy, busy + t.spent[ready]
}

// A unit is a run, or a stretch of one: what is counted together. The sums of
// independent units tell how certain a figure is.
type unit struct {
	queues []queueTally
	groups []groupTally
}

// fairness is Jain's index, from 1/n, one does everything, to 1, all the same.
type fairness struct{ calls, occupancy float64 }

// jain returns Jain's index of n values by their sum and their sum of squares;
// 1 if there is nothing to share.
func jain(sum, squares, n float64) float64 {
	if squares == 0 {
		return 1
	}
	return sum * sum / (n * squares)
}

func newUnit(queues, groups int) *unit {
	return &unit{queues: make([]queueTally, queues), groups: make([]groupTally, groups)}
}

func (u *unit) add(o *unit) {
	for i := range u.queues {
		u.queues[i].add(&o.queues[i])
	}
	for i := range u.groups {
		u.groups[i].add(&o.groups[i])
	}
}

// total returns the tally of all queues.
func (u *unit) total() (t queueTally) {
	for i := range u.queues {
		t.add(&u.queues[i])
	}
	return t
}

// staff returns the tally of all groups.
func (u *unit) staff() (t groupTally) {
	for i := range u.groups {
		t.add(&u.groups[i])
	}
	return t
}

// An interval is half an hour of the day, added up over all runs. What came
// counts when it came, what ended when it ended.
type interval struct {
	queues  []queueTally
	groups  []groupTally
	waiting []float64 // by queue: callers times seconds
	over    []int64   // by queue: callers who had waited longer than the threshold at the end of the interval
}

func newIntervals(n, queues, groups int) []interval {
	list := make([]interval, n)
	for i := range list {
		list[i] = interval{
			queues: make([]queueTally, queues), groups: make([]groupTally, groups),
			waiting: make([]float64, queues), over: make([]int64, queues),
		}
	}
	return list
}

func addIntervals(sum, list []interval) {
	for i := range list {
		to, from := &sum[i], &list[i]
		for q := range from.queues {
			to.queues[q].add(&from.queues[q])
			to.waiting[q] += from.waiting[q]
			to.over[q] += from.over[q]
		}
		for g := range from.groups {
			to.groups[g].add(&from.groups[g])
		}
	}
}
