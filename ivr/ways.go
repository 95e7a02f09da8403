package ivr

import (
	"fmt"
	"slices"
	"strings"
)

// This file looks at flows as graphs: which steps can be reached, which ways
// go round without the caller doing anything, and whence a person is reachable.
// A flow that calls another is looked at without going into it, by a summary of
// what the other can do; so calls must not go round themselves.

// recursion reports flows that call themselves, directly or by way of others.
func (c *checker) recursion() bool {
	const (
		open = iota + 1
		done
	)
	found, state := false, map[string]int{}
	var visit func(flow string)
	visit = func(flow string) {
		state[flow] = open
		for _, id := range sortedKeys(c.flows[flow].Steps) {
			s := c.flows[flow].Steps[id]
			if _, ok := c.flows[s.Flow]; s.Do != CallStep || !ok {
				continue
			}
			switch state[s.Flow] {
			case open:
				found = true
				c.report(stepPath(flow, id)+".flow", fmt.Sprintf("the flow %s is called while it is running", s.Flow),
					"return from it, or use a step of this flow")
			case done:
			default:
				visit(s.Flow)
			}
		}
		state[flow] = done
	}
	for _, name := range sortedKeys(c.flows) {
		if state[name] == 0 {
			visit(name)
		}
	}
	return found
}

// reachability reports flows that nothing leads to and steps that no caller
// can come to.
func (c *checker) reachability() {
	reached := map[string]map[string]bool{} // steps by flow
	var enter func(flow string)
	enter = func(flow string) {
		f, ok := c.flows[flow]
		if !ok || reached[flow] != nil {
			return
		}
		reached[flow] = map[string]bool{}
		var visit func(id string)
		visit = func(id string) {
			s, ok := f.Steps[id]
			if !ok || reached[flow][id] {
				return
			}
			reached[flow][id] = true
			if s.Do == CallStep {
				enter(s.Flow)
			}
			for _, e := range s.edges() {
				visit(e.to)
			}
		}
		visit(f.Start)
	}
	for _, name := range append([]string{PersonFlow}, c.env.Entries...) {
		enter(name)
	}
	for _, name := range sortedKeys(c.flows) {
		if reached[name] == nil {
			c.report("flows."+name, "no line and no step leads to the flow", "call it, let a line begin with it, or remove it")
			continue
		}
		for _, id := range sortedKeys(c.flows[name].Steps) {
			c.need(stepPath(name, id), reached[name][id], "no way leads to the step", "lead to it from another step, or remove it")
		}
	}
}

// silence is what can happen in a flow although the caller does nothing.
type silence struct {
	exits  map[string]bool // exits by which it can return
	person bool            // it can go on to a person
}

// silent returns the steps that can follow a step although the caller does
// nothing. Target person is the flow's own start if the flow is [PersonFlow].
func (c *checker) silent(flow string, s Step, sub map[string]silence) (next []string, person bool) {
	for _, e := range s.edges() {
		switch {
		case e.keyed, s.Do == CallStep && !sub[s.Flow].exits[e.exit]:
		case e.to == toPerson:
			person = true
		default:
			next = append(next, e.to)
		}
	}
	if s.Do == CallStep && sub[s.Flow].person {
		person = true
	}
	if person && flow == PersonFlow {
		next = append(next, c.flows[flow].Start)
	}
	return next, person
}

// summarize finds out what a flow can do in silence, after those it calls.
func (c *checker) summarize(flow string, sub map[string]silence) {
	if _, ok := sub[flow]; ok {
		return
	}
	f, sum := c.flows[flow], silence{exits: map[string]bool{}}
	sub[flow] = sum
	for _, s := range f.Steps {
		if s.Do == CallStep {
			c.summarize(s.Flow, sub)
		}
	}
	seen := map[string]bool{}
	var visit func(id string)
	visit = func(id string) {
		s, ok := f.Steps[id]
		if !ok || seen[id] {
			return
		}
		seen[id] = true
		if s.Do == ReturnStep {
			sum.exits[s.Exit] = true
		}
		next, person := c.silent(flow, s, sub)
		sum.person = sum.person || person
		for _, n := range next {
			visit(n)
		}
	}
	visit(f.Start)
	sub[flow] = sum
}

// loops reports steps that follow themselves although the caller does nothing.
// Without them every silent call comes to its end.
func (c *checker) loops() {
	sub := map[string]silence{}
	for _, name := range sortedKeys(c.flows) {
		c.summarize(name, sub)
	}
	for _, name := range sortedKeys(c.flows) {
		f := c.flows[name]
		done := map[string]bool{}
		var way []string
		var visit func(id string)
		visit = func(id string) {
			s, ok := f.Steps[id]
			if !ok || done[id] {
				return
			}
			if i := slices.Index(way, id); i >= 0 {
				c.report(stepPath(name, id), "a caller who does nothing goes round for ever: "+
					strings.Join(append(slices.Clone(way[i:]), id), " → "), "ask for a key on the way, or lead out of it")
				return
			}
			way = append(way, id)
			next, _ := c.silent(name, s, sub)
			for _, n := range next {
				visit(n)
			}
			way = way[:len(way)-1]
			done[id] = true
		}
		for _, id := range sortedKeys(f.Steps) {
			visit(id)
		}
	}
}

// persons reports steps that ask the caller for something and from which no
// way leads to a queue.
func (c *checker) persons() {
	type place struct{ flow, step string }
	helped := map[place]bool{}
	leads := func(flow, to string) bool {
		if to == toPerson {
			return helped[place{PersonFlow, c.flows[PersonFlow].Start}]
		}
		return helped[place{flow, to}]
	}
	finds := func(flow string, s Step) bool {
		if s.Do == QueueStep || s.Do == CallStep && helped[place{s.Flow, c.flows[s.Flow].Start}] {
			return true
		}
		for _, e := range s.edges() {
			if leads(flow, e.to) {
				return true
			}
		}
		if s.Do != ReturnStep && (s.Do != MenuStep || s.Back != "") {
			return false
		}
		exit := exitBack
		if s.Do == ReturnStep {
			exit = s.Exit
		}
		called, all := false, true
		for caller, f := range c.flows {
			for _, call := range f.Steps {
				if call.Do == CallStep && call.Flow == flow {
					called, all = true, all && leads(caller, call.Exits[exit])
				}
			}
		}
		return called && all
	}
	for changed := true; changed; {
		changed = false
		for name, f := range c.flows {
			for id, s := range f.Steps {
				if at := (place{name, id}); !helped[at] && finds(name, s) {
					helped[at], changed = true, true
				}
			}
		}
	}
	if f, ok := c.flows[PersonFlow]; ok && !helped[place{PersonFlow, f.Start}] {
		c.report("flows."+PersonFlow, "it does not lead to a person", "end it in a queue step")
	}
	for _, name := range sortedKeys(c.flows) {
		for _, id := range sortedKeys(c.flows[name].Steps) {
			c.need(stepPath(name, id), helped[place{name, id}] || !c.flows[name].Steps[id].Do.waits(),
				"no way leads from here to a person", "lead to person from a result or a failure")
		}
	}
}
