package acd

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// Callers of one queue in one step have the same requirement: they are a
// class. Agents with the same skills, queues and site are a profile. Who may
// take whom is worked out once for each pair of them, when the configuration
// is loaded; a decision then looks at the heads of their lists only.
type match struct {
	classes  []*class
	profiles []*profile
	byKey    map[string]*profile
	waiting  bitset // classes in which somebody waits
	ready    bitset // profiles of which somebody is ready
	orders   []ordering
	// The places of the callers at the heads of the classes, by class.
	heads []Place
	// counts has, for each class, how many agents who might take its callers
	// stand how.
	counts []Standings
}

// class is the callers of one queue in one step.
type class struct {
	number   int
	queue    *queue
	step     Step
	profiles bitset
	callers  callers // by key
	scores   []int   // by profile: sum of the levels of the required skills
	// scarred are the callers whom somebody has failed. mostFailed is at least
	// the greatest number of agents who failed one of them.
	scarred    callers
	mostFailed int
}

// profile is the agents with the same skills, queues and site.
type profile struct {
	number  int
	like    Agent // one of them
	classes []int
	takes   bitset
	free    [orderings]ordered[*agent] // who is ready, in each order that a queue asks for
}

// ordering is a way in which agents of one profile are kept in order.
type ordering uint8

const (
	byIdle ordering = iota
	byOccupancy
	byTurn
	byCalls
	orderings = 4
)

func (s Strategy) ordering() ordering {
	switch s {
	case LeastOccupied:
		return byOccupancy
	case RoundRobin:
		return byTurn
	case FewestCalls:
		return byCalls
	default:
		return byIdle
	}
}

func compareIdle(a, b *agent) int {
	return cmp.Or(cmp.Compare(a.IdleSince, b.IdleSince), strings.Compare(a.ID, b.ID))
}

var compareAgents = [orderings]func(a, b *agent) int{
	byIdle:      compareIdle,
	byOccupancy: func(a, b *agent) int { return cmp.Or(cmp.Compare(a.Occupancy, b.Occupancy), compareIdle(a, b)) },
	byTurn:      func(a, b *agent) int { return cmp.Or(cmp.Compare(a.Turn, b.Turn), compareIdle(a, b)) },
	byCalls:     func(a, b *agent) int { return cmp.Or(cmp.Compare(a.Calls, b.Calls), compareIdle(a, b)) },
}

// Serves reports whether the agent may take callers of q in one of its steps,
// whatever the agent does now. Step 0 is the beginning.
func (a *Agent) Serves(q Queue, step int, all []Queue) bool {
	s := q.step(step)
	if len(s.Sites) > 0 && !slices.Contains(s.Sites, a.Site) {
		return false
	}
	if a.signedUp(q.Name) && s.Requires.Met(a.Skills) {
		return true
	}
	return slices.ContainsFunc(all, func(other Queue) bool {
		return slices.Contains(s.Queues, other.Name) && a.signedUp(other.Name) && other.Requires.Met(a.Skills)
	})
}

// signedUp reports whether the agent serves the queue if the skills suffice.
func (a *Agent) signedUp(queue string) bool {
	return len(a.Queues) == 0 || slices.Contains(a.Queues, queue)
}

// step returns what holds in a step, of which 0 is the beginning.
func (q *Queue) step(n int) Step {
	if n == 0 {
		return Step{Requires: q.Requires, Sites: q.Sites}
	}
	return q.Steps[n-1]
}

// layOut builds the classes and profiles of the options. Nobody stands in them
// yet.
func (r *Router) layOut() {
	r.match = match{byKey: map[string]*profile{}}
	for _, options := range r.options.Queues {
		q := r.queues[options.Name]
		q.classes = nil
		for n := range len(q.Steps) + 1 {
			c := &class{
				number: len(r.classes), queue: q, step: q.step(n),
				callers: newCallers(&r.spareSeats), scarred: newCallers(&r.spareSeats),
			}
			r.classes = append(r.classes, c)
			q.classes = append(q.classes, c)
		}
		if o := q.Strategy.ordering(); !slices.Contains(r.orders, o) {
			r.orders = append(r.orders, o)
		}
	}
	r.heads = make([]Place, len(r.classes))
	r.counts = make([]Standings, len(r.classes))
	r.waiting = newBitset(len(r.classes))
	if len(r.orders) == 0 {
		r.orders = []ordering{byIdle}
	}
	for _, a := range r.roster {
		a.profile = r.profileOf(&a.Agent)
		a.standing = r.standing(a)
		for _, n := range a.profile.classes {
			r.counts[n][a.standing]++
		}
		if a.standing == Ready {
			r.free(a)
		}
	}
}

// profileOf finds or makes the profile of an agent.
func (r *Router) profileOf(a *Agent) *profile {
	key := fmt.Sprint(a.Site, a.Queues, a.Queues == nil)
	for _, skill := range slices.Sorted(maps.Keys(a.Skills)) {
		key += fmt.Sprint("\x00", skill, a.Skills[skill])
	}
	if p, ok := r.byKey[key]; ok {
		return p
	}
	p := &profile{number: len(r.profiles), like: *a, takes: newBitset(len(r.classes))}
	for o := range p.free {
		p.free[o] = newOrdered(compareAgents[o], &r.spareAgents)
	}
	for _, c := range r.classes {
		step := slices.Index(c.queue.classes, c)
		score := 0
		for _, skill := range c.step.Requires.Skills() {
			score += a.Skills[skill]
		}
		c.scores = append(c.scores, score)
		c.profiles = c.profiles.grow(p.number + 1)
		if a.Serves(c.queue.Queue, step, r.options.Queues) {
			p.classes = append(p.classes, c.number)
			p.takes.set(c.number)
			c.profiles.set(p.number)
		}
	}
	r.ready = r.ready.grow(p.number + 1)
	r.profiles = append(r.profiles, p)
	r.byKey[key] = p
	return p
}

// list puts a waiting caller into a class.
func (r *Router) list(e *entry, c *class) {
	c.callers.add(e)
	r.waiting.set(c.number)
	if c.callers.first() == e {
		r.heads[c.number] = e.Place
	}
	if len(e.Failed) > 0 {
		c.scarred.add(e)
		c.mostFailed = max(c.mostFailed, len(e.Failed))
	}
}

// unlist takes a caller out of a class.
func (r *Router) unlist(e *entry, c *class) {
	c.callers.remove(e)
	if c.callers.length() == 0 {
		r.waiting.clear(c.number)
	} else if r.heads[c.number] == e.Place {
		r.heads[c.number] = c.callers.seats.first().place
	}
	if len(e.Failed) > 0 && c.scarred.remove(e) && c.scarred.length() == 0 {
		c.mostFailed = 0
	}
}

// A Standing is what an agent's state means for a caller who waits.
type Standing uint8

// The standings.
const (
	LoggedOut Standing = iota
	Unreachable
	NotReady
	Ringing // for another caller
	Talking // holding and calling back as well
	WrappingUp
	Resting // ready, but left alone for a while after a refusal
	Ready
	standings
)

var standingNames = [standings]string{"logged_out", "unreachable", "not_ready", "offered", "talking", "wrap_up", "resting", "ready"}

// String returns the name of the state, or resting.
func (s Standing) String() string { return standingNames[s] }

// Standings counts agents by [Standing].
type Standings [standings]int32

// working counts those who are at work, though perhaps on a break.
func (s *Standings) working() int32 {
	return s.inPlay() + s[NotReady]
}

// inPlay counts those who take calls, now or soon.
func (s *Standings) inPlay() int32 {
	return s[Ringing] + s[Talking] + s[WrappingUp] + s[Resting] + s[Ready]
}

// standing works out how an agent stands.
func (r *Router) standing(a *agent) Standing {
	switch a.State {
	case AgentLoggedOut:
		return LoggedOut
	case AgentUnreachable:
		return Unreachable
	case AgentNotReady:
		return NotReady
	case AgentReady:
		if a.RetryAt > r.now {
			return Resting
		}
		return Ready
	case AgentOffered:
		return Ringing
	case AgentWrapUp:
		return WrappingUp
	default:
		return Talking
	}
}

// stand moves an agent to where the present state belongs in lists and counts.
func (r *Router) stand(a *agent) {
	from, to := a.standing, r.standing(a)
	if from == to {
		return
	}
	a.standing = to
	p := a.profile
	for _, n := range p.classes {
		count := &r.counts[n]
		count[from]--
		count[to]++
	}
	if from == Ready {
		r.unfree(a)
	} else if to == Ready {
		r.free(a)
	}
	if to <= NotReady && from > to { // somebody fewer to come
		for _, n := range p.classes {
			r.thin(r.classes[n])
		}
	}
}

// free lists an agent who is ready.
func (r *Router) free(a *agent) {
	for _, o := range r.orders {
		a.profile.free[o].add(a)
	}
	r.ready.set(a.profile.number)
	r.freshAgents = append(r.freshAgents, a)
}

func (r *Router) unfree(a *agent) {
	for _, o := range r.orders {
		a.profile.free[o].remove(a)
	}
	if a.profile.free[r.orders[0]].length == 0 {
		r.ready.clear(a.profile.number)
	}
}

// thin looks after callers for whom there is now somebody fewer: some may be
// left to agents who have failed them, or to nobody.
func (r *Router) thin(c *class) {
	count := &r.counts[c.number]
	if count.working() == 0 {
		r.unstaffed = append(r.unstaffed, c)
	}
	if c.queue.OfferAgain && c.scarred.length() > 0 && int(count.inPlay()) <= c.mostFailed {
		for e := range c.scarred.all {
			r.freshEntries = append(r.freshEntries, e)
		}
	}
}

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) grow(n int) bitset {
	for len(b)*64 < n {
		b = append(b, 0)
	}
	return b
}

func (b bitset) set(n int)      { b[n/64] |= 1 << (n % 64) }
func (b bitset) clear(n int)    { b[n/64] &^= 1 << (n % 64) }
func (b bitset) has(n int) bool { return b[n/64]&(1<<(n%64)) != 0 }

// meets reports whether the sets have a number in common.
func (b bitset) meets(other bitset) bool {
	for i, word := range b {
		if word&other[i] != 0 {
			return true
		}
	}
	return false
}

// common goes through the numbers that are in both sets.
func (b bitset) common(other bitset) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i, word := range b {
			for word &= other[i]; word != 0; word &= word - 1 {
				if !yield(i*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}
