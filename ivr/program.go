package ivr

import (
	"fmt"
	"slices"
	"strings"
)

// A Program is a set of flows that has been checked. It does not change, and
// any number of sessions may run it at once: a call that is up keeps the
// program it began with.
type Program struct {
	flows     map[string]*flow
	languages []string
}

// flow is a checked [Flow]; its nodes refer to it.
type flow struct {
	name, service string
	start         *node
	nodes         map[string]*node
}

// node is a step in its place, with all defaults filled.
type node struct {
	Step
	flow  *flow
	name  string
	slots map[string][]slot // by prompt
	// sealed says that a secure segment follows, or is this step, whatever happens:
	// a key that is pressed here may belong to it, and is dropped.
	sealed bool
}

// slot says which value fills a slot of a prompt, and how it is read.
type slot struct{ name, value, kind string }

// An InvalidError reports flows that cannot be run, with all their problems.
type InvalidError struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return fmt.Sprintf("%d problems in the flows:\n%s", len(lines), strings.Join(lines, "\n"))
}

// Compile checks flows and makes a program of them. It returns an
// [*InvalidError] with everything that [Check] finds, and no program then.
func Compile(flows Flows, env Environment) (*Program, error) {
	if problems := Check(flows, env); len(problems) > 0 {
		return nil, &InvalidError{Problems: problems}
	}
	p := &Program{flows: make(map[string]*flow, len(flows)), languages: env.Prompts.Languages()}
	for name, f := range flows {
		c := &flow{name: name, service: f.Service, nodes: make(map[string]*node, len(f.Steps))}
		for id, step := range f.Steps {
			n := &node{Step: step.withDefaults(), flow: c, name: id, slots: make(map[string][]slot)}
			for _, prompt := range n.spoken() {
				n.slots[prompt] = slots(env.Prompts, prompt, step.With)
			}
			c.nodes[id] = n
		}
		c.start = c.nodes[f.start()]
		p.flows[name] = c
	}
	p.seal()
	return p, nil
}

// seal marks the steps from which the caller comes to a secure segment and to
// nothing else, in silence.
func (p *Program) seal() {
	for changed := true; changed; {
		changed = false
		for _, f := range p.flows {
			for _, n := range f.nodes {
				if !n.sealed && p.leadsToSecure(n) {
					n.sealed, changed = true, true
				}
			}
		}
	}
}

// leadsToSecure tells whether a step is secure, or all that can follow it is sealed.
func (p *Program) leadsToSecure(n *node) bool {
	switch n.Do {
	case SecureStep:
		return true
	case CallStep:
		return p.flows[n.Flow].start.sealed
	case PlayStep, SetStep, LanguageStep, BranchStep, CardStep:
		return !slices.ContainsFunc(n.edges(), func(e edge) bool {
			next := n.flow.nodes[e.to]
			return next == nil || !next.sealed
		})
	case MenuStep, CollectStep, ConfirmStep, QueueStep, HangUpStep, ReturnStep:
	}
	return false
}

// Flows returns the names of all flows in alphabetical order.
func (p *Program) Flows() []string { return sortedKeys(p.flows) }

// Steps returns the names of a flow's steps in alphabetical order.
func (p *Program) Steps(flow string) []string {
	if f := p.flows[flow]; f != nil {
		return sortedKeys(f.nodes)
	}
	return nil
}

// Services returns the names of all services in alphabetical order.
func (p *Program) Services() []string {
	var services []string
	for _, f := range p.flows {
		if f.service != "" {
			services = append(services, f.service)
		}
	}
	slices.Sort(services)
	return slices.Compact(services)
}

// start returns the name of the step to begin with.
func (f Flow) start() string {
	if f.Start != "" {
		return f.Start
	}
	return "start"
}

// slots says what fills the slots that a prompt has in any language.
func slots(prompts Prompts, prompt string, with map[string]string) []slot {
	var filled []slot
	for _, language := range prompts.Languages() {
		kinds, _ := prompts.Slots(language, prompt)
		for _, name := range sortedKeys(kinds) {
			s := slot{name: name, value: name, kind: kinds[name]}
			if v := with[name]; v != "" {
				s.value = v
			}
			if !slices.ContainsFunc(filled, func(other slot) bool { return other.name == name }) {
				filled = append(filled, s)
			}
		}
	}
	return filled
}

// spoken returns the prompts that the session itself speaks in a step.
func (s Step) spoken() []string {
	ids := slices.Concat(s.Say, s.Filler)
	for _, id := range []string{s.NoInput, s.NoMatch, s.GivingUp} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// waits reports whether a step of this kind waits for the caller's keys.
func (k Kind) waits() bool {
	switch k {
	case MenuStep, ConfirmStep, CollectStep, SecureStep:
		return true
	case PlayStep, BranchStep, SetStep, LanguageStep, CardStep, QueueStep, HangUpStep, CallStep, ReturnStep:
	}
	return false
}

// An edge is one way out of a step, within its flow or to a person.
type edge struct {
	field string // where the flow file names it, such as "keys.3"
	to    string // the target
	exit  string // of the flow that a call step runs
	// keyed says that the caller has to press a key to go this way. A way
	// round that is not keyed anywhere would go on for ever.
	keyed bool
}

// edges returns the ways out of a step that has its defaults, in the order of
// their fields. Targets that are missing are empty.
func (s Step) edges() []edge {
	var out []edge
	add := func(field, to string, keyed bool) { out = append(out, edge{field: field, to: to, keyed: keyed}) }
	each := func(field string, targets map[string]string, keyed func(string) bool) {
		for _, k := range sortedKeys(targets) {
			out = append(out, edge{field: field + "." + k, to: targets[k], exit: k, keyed: keyed(k)})
		}
	}
	always := func(string) bool { return true }
	never := func(string) bool { return false }
	switch s.Do {
	case PlayStep, SetStep, LanguageStep:
		add("next", s.Next, false)
	case MenuStep, ConfirmStep:
		if s.Do == ConfirmStep {
			add("cancel", s.Cancel, true)
		} else if s.Back != "" {
			add("back", s.Back, true)
		}
		add("give_up", s.GiveUp, false)
		if s.Help != "" {
			add("help", s.Help, false)
		}
		add("keys.0", toPerson, true)
		each("keys", s.Keys, always)
	case CollectStep:
		add("give_up", s.GiveUp, false)
		if s.Help != "" {
			add("help", s.Help, false)
		}
		add("next", s.Next, true)
		if s.Star != starClear && s.Star != starX {
			add("star", s.Star, true)
		}
	case BranchStep:
		each("cases", s.Cases, never)
		add("else", s.Else, false)
	case CardStep, QueueStep:
		each("results", s.Results, never)
	case SecureStep:
		each("results", s.Results, func(r string) bool {
			return r != string(TimedOut) && r != string(Unavailable)
		})
	case CallStep:
		each("exits", s.Exits, never)
	case HangUpStep, ReturnStep:
	}
	return out
}

// results returns the results that a step must have a target for.
func (s Step) results() []string {
	var names []string
	switch s.Do {
	case CardStep:
		for _, r := range s.Operation.Results() {
			names = append(names, string(r))
		}
	case SecureStep:
		for _, r := range entryResults[s.Entry] {
			names = append(names, string(r))
		}
	case QueueStep:
		for _, o := range Outcomes() {
			names = append(names, string(o))
		}
	case PlayStep, MenuStep, CollectStep, ConfirmStep, BranchStep, SetStep, LanguageStep, HangUpStep, CallStep, ReturnStep:
	}
	return names
}

// exits returns the exits of a flow in alphabetical order.
func (f Flow) exits() []string {
	var exits []string
	for _, s := range f.Steps {
		switch {
		case s.Do == ReturnStep && s.Exit != "":
			exits = append(exits, s.Exit)
		case s.Do == MenuStep && s.Back == "":
			exits = append(exits, exitBack)
		}
	}
	slices.Sort(exits)
	return slices.Compact(exits)
}
