package estimate

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"cardline/acd"
)

// horizon is what a caller is taken to wait who is not served in a play.
const horizon = 2 * time.Hour

func faded(age time.Duration) float64 { return math.Exp(-age.Seconds() / fade.Seconds()) }

// stage is a view made ready for many plays. Times are from the view's moment.
type stage struct {
	view    acd.View
	callers []acd.ViewCaller // those who wait and, as entry 0, one newcomer for each queue
	agents  []player
	queues  []experience // by class
	streams []stream

	// Of the play in progress.
	waited []time.Duration
	lines  []line // by class
	guests []guest
	free   heap
	gone   []bool
}

// experience is what is known of a class's queue.
type experience struct {
	talked, wrapped, rang []time.Duration // in order
	hazard                float64         // of giving up, per second
}

// player is an agent at work.
type player struct {
	acd.ViewAgent
	since time.Duration // how long the agent has talked, or done what else it is
	queue int           // class of that call, -1 if unknown
}

// stream is newcomers with a head start.
type stream struct {
	class     int
	headStart time.Duration
	perSecond float64
}

// guest is a caller in a play: one of callers, or a newcomer.
type guest struct {
	key    time.Duration // in the order of all callers
	number int           // of callers, or -1
	class  int
	comes  time.Duration
	leaves time.Duration // gives up
	since  time.Duration // start of the wait in the queue, before 0
	wants  string
	until  time.Duration
	home   int
}

// line is the guests of a class in the order of their keys.
type line struct {
	guests []int
	next   int
}

func newStage(h *History, v acd.View) *stage {
	s := &stage{view: v, callers: slices.Clone(v.Callers)}
	first := map[string]int{}
	everything := experience{}
	for _, c := range v.Classes {
		q := h.of(c.Queue)
		everything.talked = append(everything.talked, q.talked.list...)
		everything.wrapped = append(everything.wrapped, q.wrapped.list...)
	}
	slices.Sort(everything.talked)
	slices.Sort(everything.wrapped)
	for n, c := range v.Classes {
		q := h.of(c.Queue)
		e := experience{talked: sorted(q.talked), wrapped: sorted(q.wrapped), rang: sorted(q.rang)}
		if len(e.talked) < fewSamples {
			e.talked, e.wrapped = everything.talked, everything.wrapped
		}
		if time := q.patience.value(v.Now); time > 60 {
			e.hazard = q.gaveUp.value(v.Now) / time
		}
		s.queues = append(s.queues, e)
		if c.Step > 0 {
			continue
		}
		first[c.Queue] = n
		s.callers = append(s.callers, acd.ViewCaller{
			Place: acd.Place{Key: v.Now, First: v.Now, Number: math.MaxUint64}, Class: n, Home: -1, Since: v.Now,
		})
		for headStart, r := range q.streams {
			if rate := r.perSecond(v.Now); headStart > 0 && rate > 0 {
				s.streams = append(s.streams, stream{n, headStart, rate})
			}
		}
	}
	slices.SortFunc(s.streams, func(a, b stream) int {
		if a.class != b.class {
			return a.class - b.class
		}
		return int(a.headStart - b.headStart)
	})
	for _, a := range v.Agents {
		p := player{ViewAgent: a, since: v.Now - a.Since, queue: -1}
		if w, ok := h.calls[a.ID]; ok && a.Standing == acd.Talking {
			p.since = v.Now - w.since
		}
		if n, ok := first[a.Queue]; ok {
			p.queue = n
		}
		s.agents = append(s.agents, p)
	}
	s.waited = make([]time.Duration, len(s.callers))
	s.lines = make([]line, len(v.Classes))
	return s
}

func sorted(d durations) []time.Duration { return slices.Sorted(slices.Values(d.list)) }

// draw draws what is left of a duration of which something has passed; before
// its beginning, that is -1.
func draw(dice *rand.Rand, sorted []time.Duration, passed time.Duration) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	at := sort.Search(len(sorted), func(i int) bool { return sorted[i] > passed })
	if len(sorted)-at >= 3 {
		return sorted[at+dice.IntN(len(sorted)-at)] - max(0, passed)
	}
	// Hardly any lasted as long: what is left is like the middle of a call.
	return time.Duration(dice.ExpFloat64() * float64(sorted[len(sorted)/2]))
}

// play plays the future once.
func (s *stage) play(dice *rand.Rand) {
	s.invite(dice)
	s.free.reset()
	for i, a := range s.agents {
		if a.Leaves && a.Standing != acd.Ready && a.Standing != acd.Resting {
			continue
		}
		at := time.Duration(0)
		switch a.Standing {
		case acd.Resting:
			at = a.Until - s.view.Now
		case acd.WrappingUp: // many end it before its deadline
			at = min(a.Until-s.view.Now, draw(dice, s.of(a.queue).wrapped, a.since))
		case acd.Ringing:
			at = s.ring(dice, a.queue) + s.handle(dice, a.queue)
		case acd.Talking:
			at = draw(dice, s.of(a.queue).talked, a.since) + draw(dice, s.of(a.queue).wrapped, -1)
		case acd.Ready, acd.LoggedOut, acd.Unreachable, acd.NotReady:
		}
		s.free.push(at, i)
	}
	open := len(s.callers)
	for open > 0 {
		at, who, ok := s.free.pop()
		if !ok || at > horizon {
			break
		}
		a := &s.agents[who]
		for {
			g, n := s.first(a, at)
			if g == nil {
				// Nobody is there for this agent yet; a newcomer may be.
				if next := s.nextArrival(a, at); next < horizon {
					s.free.push(next, who)
				}
				break
			}
			s.gone[n] = true
			ring := s.ring(dice, g.class)
			if g.number >= 0 {
				s.waited[g.number] = at + ring
				open--
				if s.callers[g.number].Entry == 0 {
					continue // who only asked does not take the agent from others
				}
			}
			if g.leaves <= at+ring {
				continue // would have given up
			}
			s.free.push(at+ring+s.handle(dice, g.class), who)
			break
		}
	}
}

func (s *stage) ring(dice *rand.Rand, class int) time.Duration {
	if class < 0 {
		return 0
	}
	return draw(dice, s.queues[class].rang, -1)
}

func (s *stage) handle(dice *rand.Rand, class int) time.Duration {
	e := s.of(class)
	return draw(dice, e.talked, -1) + draw(dice, e.wrapped, -1)
}

// of returns what is known of a class, or of any if it is not known which.
func (s *stage) of(class int) *experience { return &s.queues[max(0, class)] }

// invite makes the guests of a play and lines them up.
func (s *stage) invite(dice *rand.Rand) {
	now := s.view.Now
	s.guests = s.guests[:0]
	latest := time.Duration(math.MinInt64)
	for i, c := range s.callers {
		s.waited[i] = horizon
		g := guest{
			key: c.Place.Key - now, number: i, class: c.Class, leaves: s.patience(dice, c.Class), since: c.Since - now,
			wants: c.Wants, until: c.Until - now, home: c.Home,
		}
		if c.Entry == 0 {
			g.leaves = horizon
		}
		latest = max(latest, g.key)
		s.guests = append(s.guests, g)
	}
	for _, st := range s.streams {
		// Who comes later than this does not overtake any of the callers.
		last := min(latest+st.headStart, horizon)
		for at := gap(dice, st.perSecond); at < last; at += gap(dice, st.perSecond) {
			s.guests = append(s.guests, guest{
				key: at - st.headStart, number: -1, class: st.class, comes: at, leaves: at + s.patience(dice, st.class), since: at, home: -1,
			})
		}
	}
	slices.SortStableFunc(s.guests, func(a, b guest) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		default:
			return 0
		}
	})
	s.gone = append(s.gone[:0], make([]bool, len(s.guests))...)
	for i := range s.lines {
		s.lines[i].guests, s.lines[i].next = s.lines[i].guests[:0], 0
	}
	for n, g := range s.guests {
		// A guest stands in the line of every class that time will bring.
		for class := g.class; class >= 0; class = s.view.Classes[class].Next {
			s.lines[class].guests = append(s.lines[class].guests, n)
			if s.view.Classes[class].After == 0 {
				break
			}
		}
		if g.home >= 0 {
			s.lines[g.home].guests = append(s.lines[g.home].guests, n)
		}
	}
}

func gap(dice *rand.Rand, perSecond float64) time.Duration {
	return time.Duration(dice.ExpFloat64() / perSecond * float64(time.Second))
}

func (s *stage) patience(dice *rand.Rand, class int) time.Duration {
	hazard := s.queues[class].hazard
	if hazard <= 0 {
		return 2 * horizon
	}
	return min(2*horizon, gap(dice, hazard))
}

// first returns the first guest in the order of keys whom the agent may take
// at a time.
func (s *stage) first(a *player, at time.Duration) (best *guest, number int) {
	for _, class := range a.Takes {
		l := &s.lines[class]
		for l.next < len(l.guests) && s.gone[l.guests[l.next]] {
			l.next++
		}
		for _, n := range l.guests[l.next:] {
			g := &s.guests[n]
			if best != nil && g.key >= best.key {
				break
			}
			if !s.gone[n] && s.takes(a, g, class, at) {
				best, number = g, n
				break
			}
		}
	}
	return best, number
}

// takes reports whether a guest is there at a time, and open to the agent by
// the class.
func (s *stage) takes(a *player, g *guest, class int, at time.Duration) bool {
	if g.comes > at || g.wants != "" && at < g.until && g.wants != a.ID {
		return false
	}
	if class == g.home {
		return true
	}
	reached := g.class
	for reached >= 0 && reached != class {
		c := s.view.Classes[reached]
		if c.After == 0 || at-g.since < c.After {
			return false
		}
		reached = c.Next
	}
	// A step takes the place of those before it.
	c := s.view.Classes[class]
	return reached == class && (c.Next < 0 || c.After == 0 || at-g.since < c.After)
}

// nextArrival is when the next guest comes, or is relaxed, whom the agent might
// take.
func (s *stage) nextArrival(a *player, at time.Duration) time.Duration {
	next := 2 * horizon
	consider := func(t time.Duration) {
		if t > at {
			next = min(next, t)
		}
	}
	for _, class := range a.Takes {
		for _, n := range s.lines[class].guests[s.lines[class].next:] {
			g := &s.guests[n]
			if s.gone[n] {
				continue
			}
			consider(g.comes)
			if g.wants != "" {
				consider(g.until)
			}
			for c := g.class; c >= 0 && c != class; c = s.view.Classes[c].Next {
				consider(g.since + s.view.Classes[c].After)
			}
		}
	}
	return next
}

// heap holds when agents come free, the earliest at the top.
type heap struct{ items []freedom }

type freedom struct {
	at  time.Duration
	who int
}

func (h *heap) reset() { h.items = h.items[:0] }

func (f freedom) before(g freedom) bool { return f.at < g.at || f.at == g.at && f.who < g.who }

func (h *heap) push(at time.Duration, who int) {
	h.items = append(h.items, freedom{at, who})
	for i := len(h.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.items[i].before(h.items[parent]) {
			return
		}
		h.items[i], h.items[parent] = h.items[parent], h.items[i]
		i = parent
	}
}

func (h *heap) pop() (at time.Duration, who int, ok bool) {
	if len(h.items) == 0 {
		return 0, 0, false
	}
	top := h.items[0]
	last := len(h.items) - 1
	h.items[0] = h.items[last]
	h.items = h.items[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h.items[child].before(h.items[least]) {
				least = child
			}
		}
		if least == i {
			return top.at, top.who, true
		}
		h.items[i], h.items[least] = h.items[least], h.items[i]
		i = least
	}
}
