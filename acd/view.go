package acd

import "time"

// Now returns the time of the last command.
func (r *Router) Now() Time { return r.now }

// A View is what a forecast needs to know of a router: who works, who waits,
// and who may take whom.
type View struct {
	Now     Time
	Classes []ViewClass
	Agents  []ViewAgent  // who are at work, by id
	Callers []ViewCaller // who wait, by key; those whom an agent is being offered are not among them
}

// A ViewClass is a requirement: a queue's in one step.
type ViewClass struct {
	Queue string
	Step  int
	// Next is the class that follows after the time in the queue, which is zero
	// if no time brings it about.
	Next  int
	After time.Duration
}

// A ViewAgent is an agent at work.
type ViewAgent struct {
	ID       string
	Standing Standing
	Takes    []int  // classes, in order; not to be changed
	Queue    string // of the call, if there is one
	Since    Time   // start of the state
	Until    Time   // its known end; 0 if there is none
	// Leaves says that the agent will take no calls after this one.
	Leaves bool
}

// A ViewCaller is a caller who waits.
type ViewCaller struct {
	Entry uint64
	Place Place
	Class int
	Home  int // class by which the agents of another queue may come, -1 if none
	Since Time
	Wants string // the only agent who may come until WantsUntil
	Until Time
}

// View copies what a forecast needs to know.
func (r *Router) View() View {
	v := View{Now: r.now}
	for _, c := range r.classes {
		class := ViewClass{Queue: c.queue.Queue.Name, Next: -1}
		for class.Step = range c.queue.classes {
			if c.queue.classes[class.Step] == c {
				break
			}
		}
		if class.Step < len(c.queue.Steps) {
			class.Next, class.After = c.number+1, c.queue.Steps[class.Step].After
		}
		v.Classes = append(v.Classes, class)
	}
	for _, a := range r.roster {
		if a.standing <= NotReady {
			continue
		}
		view := ViewAgent{
			ID: a.ID, Standing: a.standing, Takes: a.profile.classes, Queue: a.Queue, Since: a.Since, Until: a.WrapUntil,
			Leaves: a.Removed || a.Next != "" && a.Next != AgentReady,
		}
		if a.standing == Resting {
			view.Until = a.RetryAt
		}
		v.Agents = append(v.Agents, view)
	}
	for _, e := range r.inOrder() {
		if e.Stage != waiting {
			continue
		}
		caller := ViewCaller{Entry: e.ID, Place: e.Place, Class: e.class().number, Home: -1, Since: e.Since}
		if e.home != nil {
			caller.Home = e.home.number
		}
		if e.waitsForPreferred() {
			caller.Wants, caller.Until = e.Preferred, e.PreferredUntil
		}
		v.Callers = append(v.Callers, caller)
	}
	return v
}

// Heeding lists the waiting callers for whom a step or an overflow depends on
// the time that they are expected to wait; see [Foresee].
func (s *Snapshot) Heeding() (entries []uint64) {
	heeds := map[string]int{} // by queue: the steps before the last that depends on it, plus one
	for _, q := range s.Options.Queues {
		for i, step := range q.Steps {
			if step.EstimateOver > 0 {
				heeds[q.Name] = i + 1
			}
		}
		for _, rule := range q.Overflow {
			if rule.When == OverEstimate {
				heeds[q.Name] = len(q.Steps) + 1
			}
		}
	}
	for _, e := range s.Entries {
		if e.Stage == waiting && e.Step < heeds[e.Queue] {
			entries = append(entries, e.ID)
		}
	}
	return entries
}
