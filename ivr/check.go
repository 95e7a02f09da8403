package ivr

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Prompts is what the check and a session need to know of the recordings.
type Prompts interface {
	// Languages returns the names of all languages, the default one first.
	Languages() []string
	// Slots returns the kinds of a prompt's slots by name; ok is false if
	// there is no such prompt in that language.
	Slots(language, prompt string) (kinds map[string]string, ok bool)
}

// An Environment is what flows refer to and do not define.
type Environment struct {
	Prompts Prompts
	// Queues are the names of the queues.
	Queues []string
	// Entries are the flows that lines begin with.
	Entries []string
	// Values are the names of the values that every session begins with.
	Values []string
}

// A Problem is a reason why flows cannot be run.
type Problem struct {
	Path    string // where, such as "flows.main.steps.menu.keys.3"
	Message string // what is wrong
	Remedy  string // what to do about it
}

// String returns the problem as one line.
func (p Problem) String() string { return p.Path + ": " + p.Message + "; " + p.Remedy }

// The limits that a flow must keep to.
const (
	maxAttempts  = 10
	maxWait      = 10 * time.Minute
	maxHeadStart = 24 * time.Hour
)

// Check finds everything that would keep flows from running well: steps,
// flows, prompts, queues, operations and values that do not exist, fields
// without meaning, results without a target, steps that are never reached,
// dialogues that would go round for ever although the caller does nothing, and
// places from which no way leads to a person. The problems are in the order of
// their paths. Flows without a problem can be compiled.
func Check(flows Flows, env Environment) []Problem {
	c := &checker{flows: make(Flows, len(flows)), env: env}
	for name, f := range flows {
		steps := make(map[string]Step, len(f.Steps))
		for id, s := range f.Steps {
			steps[id] = s.withDefaults()
		}
		c.flows[name] = Flow{Service: f.Service, Start: f.start(), Steps: steps}
	}
	if env.Prompts == nil || len(env.Prompts.Languages()) == 0 {
		c.report("flows", "no language has any prompts", "load at least one prompt manifest")
		return c.problems
	}
	c.collectValues()
	for _, name := range sortedKeys(c.flows) {
		c.flow(name, flows[name])
	}
	c.entries()
	if !c.recursion() { // the checks of ways need calls that come to an end
		c.reachability()
		c.loops()
		c.persons()
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(c.problems)
}

// checker gathers the problems of one set of flows. Its flows have their
// defaults filled.
type checker struct {
	flows    Flows
	env      Environment
	plain    map[string]bool // values that may be spoken and compared
	secret   map[string]bool // values that may only be handed to the card host
	problems []Problem
}

func (c *checker) report(path, message, remedy string) {
	c.problems = append(c.problems, Problem{Path: path, Message: message, Remedy: remedy})
}

func stepPath(flow, step string) string { return "flows." + flow + ".steps." + step }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// collectValues notes every value that some step gives.
func (c *checker) collectValues() {
	c.plain, c.secret = map[string]bool{languageValue: true}, map[string]bool{}
	for _, v := range c.env.Values {
		c.plain[v] = true
	}
	for _, f := range c.flows {
		for _, s := range f.Steps {
			for v := range s.Values {
				c.plain[v] = true
			}
			if s.Count != "" {
				c.plain[s.Count] = true
			}
			if s.Do == CollectStep && s.Into != "" {
				if s.Keep {
					c.plain[s.Into] = true
				} else {
					c.secret[s.Into] = true
				}
			}
			if s.Do == CardStep {
				for _, values := range signatures[s.Operation].results {
					for _, v := range values {
						c.plain[v] = true
					}
				}
			}
		}
	}
}

// flow checks a flow and its steps one by one; written is the flow as it was
// written, without defaults.
func (c *checker) flow(name string, written Flow) {
	path := "flows." + name
	f := c.flows[name]
	if len(f.Steps) == 0 {
		c.report(path+".steps", "the flow has no steps", "give it at least one step")
		return
	}
	if _, ok := f.Steps[f.Start]; !ok {
		c.report(path+".start", fmt.Sprintf("there is no step %q to begin with", f.Start), "name an existing step in start")
	}
	for _, id := range sortedKeys(f.Steps) {
		if id == toPerson {
			c.report(stepPath(name, id), "the name is reserved", "call the step something else")
		}
		c.step(name, id, written.Steps[id])
	}
}

// step checks what can be seen in one step alone.
func (c *checker) step(flow, id string, written Step) {
	path := stepPath(flow, id)
	s := c.flows[flow].Steps[id]
	allowed, ok := fields[s.Do]
	if !ok {
		c.report(path+".do", fmt.Sprintf("there is no kind of step %q", s.Do), "use one of "+kinds())
		return
	}
	for _, field := range written.given() {
		if !slices.Contains(allowed, field) {
			c.report(path+"."+field, fmt.Sprintf("it has no meaning in a %s step", s.Do), "use one of "+strings.Join(allowed, ", "))
		}
	}
	if s.Outcome != "" && !slices.Contains(ServiceResults(), s.Outcome) {
		c.report(path+".outcome", fmt.Sprintf("there is no service result %q", s.Outcome), fmt.Sprintf("use one of %v", ServiceResults()))
	}
	c.targets(flow, id, s)
	c.durations(path, s)
	c.prompts(path, s)
	switch s.Do {
	case PlayStep:
		c.need(path+".say", len(s.Say) > 0, "nothing is said", "list at least one prompt")
	case MenuStep, ConfirmStep:
		c.need(path+".say", len(s.Say) > 0, "nothing is said", "list at least one prompt")
		c.need(path+".keys", s.Do == MenuStep || len(s.Keys) > 0, "nothing can be confirmed", "name at least one key")
		for _, k := range sortedKeys(s.Keys) {
			c.need(path+".keys."+k, len(k) == 1 && '1' <= k[0] && k[0] <= '9', "it is no key that can be given a meaning",
				`use 1 to 9; 0 is a person, "#" repeats and "*" goes back`)
		}
	case CollectStep:
		c.collect(path, s)
	case BranchStep:
		c.need(path+".value", s.Value != "", "it is not said which value decides", "name a value")
		c.need(path+".value", s.Value == "" || !c.secret[s.Value], "a secret decides, so that the steps taken would tell it",
			"collect it with keep: true if it is no secret")
		c.known(path+".value", s.Value)
	case SetStep:
		c.need(path, len(s.Values) > 0 || s.Count != "", "no value is given", "use values or count")
		for _, v := range append(sortedKeys(s.Values), s.Count) {
			c.need(path+".values."+v, v != languageValue, "the language is not set like that", "use a language step")
		}
	case LanguageStep:
		c.need(path+".language", slices.Contains(c.env.Prompts.Languages(), s.Language),
			fmt.Sprintf("there are no prompts in %q", s.Language),
			"use one of "+strings.Join(c.env.Prompts.Languages(), ", "))
	case CardStep:
		c.card(path, s)
	case SecureStep:
		c.need(path+".entry", entryResults[s.Entry] != nil, fmt.Sprintf("there is no secure entry %q", s.Entry), "use pin")
		c.need(path+".card", s.Card != "", "it is not said whose PIN it is", "name the value that holds the card's token")
		c.known(path+".card", s.Card)
	case QueueStep:
		c.need(path+".queue", slices.Contains(c.env.Queues, s.Queue), fmt.Sprintf("there is no queue %q", s.Queue),
			"use one of "+strings.Join(c.env.Queues, ", "))
		for i, v := range s.Attributes {
			at := path + ".attributes." + strconv.Itoa(i)
			c.need(at, !c.secret[v], fmt.Sprintf("the secret %q would be shown to an agent", v), "leave it out")
			c.known(at, v)
		}
	case CallStep:
		c.call(path, s)
	case ReturnStep:
		c.need(path+".exit", s.Exit != "", "the exit has no name", "name it, such as done")
	case HangUpStep:
	}
}

// need reports a problem unless ok.
func (c *checker) need(path string, ok bool, message, remedy string) {
	if !ok {
		c.report(path, message, remedy)
	}
}

// known reports a value that no step ever gives.
func (c *checker) known(path, value string) {
	c.need(path, value == "" || c.plain[value] || c.secret[value], fmt.Sprintf("no step ever gives the value %q", value),
		"give it in a set, collect or card step")
}

// targets checks that every way out of a step leads to a step, and that no
// result is without one.
func (c *checker) targets(flow, id string, s Step) {
	path := stepPath(flow, id)
	for _, e := range s.edges() {
		_, ok := c.flows[flow].Steps[e.to]
		switch {
		case e.to == "":
			c.report(path+"."+e.field, "it leads nowhere", "name the step that follows, or person")
		case !ok && e.to != toPerson:
			c.report(path+"."+e.field, fmt.Sprintf("there is no step %q in the flow %s", e.to, flow),
				"name a step of this flow, or person")
		}
	}
	results := s.results()
	for _, r := range results {
		if _, ok := s.Results[r]; !ok {
			c.report(path+".results."+r, "the result has no target", "say which step follows, or person")
		}
	}
	for _, r := range sortedKeys(s.Results) {
		if len(results) > 0 && !slices.Contains(results, r) {
			c.report(path+".results."+r, "it cannot end like that", "use "+strings.Join(results, ", "))
		}
	}
}

// durations checks times and counts against their limits.
func (c *checker) durations(path string, s Step) {
	for _, d := range []struct {
		field string
		value time.Duration
		most  time.Duration
	}{
		{"first_digit", s.FirstDigit, maxWait},
		{"inter_digit", s.InterDigit, maxWait},
		{"filler_after", s.FillerAfter, maxWait},
		{"limit", s.Limit, maxWait},
		{"head_start", s.HeadStart, maxHeadStart},
	} {
		c.need(path+"."+d.field, 0 <= d.value && d.value <= d.most, fmt.Sprintf("%v is out of range", d.value),
			fmt.Sprintf("use more than 0s and at most %v", d.most))
	}
	c.need(path+".attempts", 0 <= s.Attempts && s.Attempts <= maxAttempts, fmt.Sprintf("%d is out of range", s.Attempts),
		fmt.Sprintf("use 1 to %d", maxAttempts))
	c.need(path+".attempts", s.Help == "" || s.Attempts > helpAfter, "the step gives up before help is offered",
		fmt.Sprintf("allow more than %d attempts, or leave help out", helpAfter))
}

// prompts checks that everything a step says exists in every language and
// that each slot is filled with something that may be spoken.
func (c *checker) prompts(path string, s Step) {
	said := map[string][]string{"say": s.Say, "filler": s.Filler}
	for field, ids := range said {
		for i, id := range ids {
			c.prompt(path+"."+field+"."+strconv.Itoa(i), id, s.With)
		}
	}
	for _, p := range [][2]string{{"no_input", s.NoInput}, {"no_match", s.NoMatch}, {"giving_up", s.GivingUp}} {
		if p[1] != "" {
			c.prompt(path+"."+p[0], p[1], s.With)
		}
	}
	if s.Do == SecureStep {
		for _, p := range s.Prompts.ids() {
			c.prompt(path+".prompts."+p[0], p[1], nil)
		}
	}
}

func (c *checker) prompt(path, id string, with map[string]string) {
	for _, language := range c.env.Prompts.Languages() {
		kinds, ok := c.env.Prompts.Slots(language, id)
		if !ok {
			c.report(path, fmt.Sprintf("there is no prompt %q in the language %s", id, language),
				"add it to the manifest of that language, or correct the id")
			continue
		}
		for _, name := range sortedKeys(kinds) {
			value := name
			if v := with[name]; v != "" {
				value = v
			}
			c.need(path, !c.secret[value], fmt.Sprintf("the slot {%s} would speak the secret %q", name, value),
				"collect it with keep: true if it is no secret")
			c.need(path, c.plain[value] || c.secret[value], fmt.Sprintf("no step ever gives the value %q for the slot {%s}", value, name),
				"name another value under with")
		}
	}
}

func (c *checker) collect(path string, s Step) {
	c.need(path+".say", len(s.Say) > 0, "nothing is said", "list at least one prompt")
	c.need(path+".into", s.Into != "", "the digits have no name", "name the value they go into")
	c.need(path+".into", s.Into != languageValue && (!c.plain[s.Into] || !c.secret[s.Into]),
		fmt.Sprintf("%q is a secret here and an ordinary value elsewhere", s.Into), "use two names")
	c.need(path+".max", 1 <= s.Max && s.Max <= maxDigits, fmt.Sprintf("%d digits are out of range", s.Max),
		fmt.Sprintf("use 1 to %d", maxDigits))
	c.need(path+".min", 1 <= s.Min && s.Min <= s.Max || s.Max < 1, fmt.Sprintf("%d digits are out of range", s.Min),
		"use at least 1 and at most max")
	c.need(path+".check", s.Check.known(), fmt.Sprintf("there is no check %q", s.Check),
		"use luhn, expiry, id_tail or id_number")
}

func (c *checker) card(path string, s Step) {
	sig, ok := signatures[s.Operation]
	if !ok {
		c.report(path+".operation", fmt.Sprintf("there is no card operation %q", s.Operation), fmt.Sprintf("use one of %v", Operations()))
		return
	}
	given := 0
	for _, arg := range sortedKeys(s.Args) {
		if slices.Contains(sig.either, arg) {
			given++
		} else if !slices.Contains(sig.args, arg) {
			c.report(path+".args."+arg, fmt.Sprintf("%s has no such argument", s.Operation),
				"use "+strings.Join(slices.Concat(sig.args, sig.either), ", "))
		}
		c.need(path+".args."+arg, s.Args[arg] != "", "the argument has no value", "name a value")
		c.known(path+".args."+arg, s.Args[arg])
	}
	for _, arg := range sig.args {
		c.need(path+".args."+arg, s.Args[arg] != "", "the argument is missing", "name the value that it takes")
	}
	c.need(path+".args", len(sig.either) == 0 || given == 1, fmt.Sprintf("%d of the arguments %s are given", given,
		strings.Join(sig.either, " and ")), "give exactly one of them")
	for _, arg := range s.Reuse {
		c.need(path+".reuse", s.Args[arg] != "", fmt.Sprintf("there is no argument %q", arg), "list arguments of this step")
	}
}

func (c *checker) call(path string, s Step) {
	f, ok := c.flows[s.Flow]
	if !ok {
		c.report(path+".flow", fmt.Sprintf("there is no flow %q", s.Flow), "use one of "+strings.Join(sortedKeys(c.flows), ", "))
		return
	}
	c.need(path+".flow", s.Flow != PersonFlow, "the way to a person never comes back", "use the target person instead")
	exits := f.exits()
	for _, e := range exits {
		if _, ok := s.Exits[e]; !ok {
			c.report(path+".exits."+e, fmt.Sprintf("the flow %s may return like that, and nothing follows", s.Flow),
				"say which step follows, or person")
		}
	}
	for _, e := range sortedKeys(s.Exits) {
		c.need(path+".exits."+e, slices.Contains(exits, e), fmt.Sprintf("the flow %s never returns like that", s.Flow),
			"use "+strings.Join(exits, ", "))
	}
}

// entries checks that the flows that lines and callers need are there.
func (c *checker) entries() {
	if _, ok := c.flows[PersonFlow]; !ok {
		c.report("flows."+PersonFlow, "there is no way to a person", "add a flow person that ends in a queue")
	}
	for _, name := range c.env.Entries {
		if _, ok := c.flows[name]; !ok {
			c.report("flows."+name, "a line begins with this flow and it does not exist", "add it, or correct the line")
		}
	}
}

// kinds lists all kinds of steps.
func kinds() string {
	names := make([]string, 0, len(fields))
	for k := range fields {
		names = append(names, string(k))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// given returns the names of the fields that are not zero, but for "do" and
// "outcome", in the order of the struct.
func (s Step) given() []string {
	var names []string
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		f := v.Field(i)
		if empty := f.IsZero() || f.Kind() == reflect.Map && f.Len() == 0; !empty && name != "do" && name != "outcome" {
			names = append(names, name)
		}
	}
	return names
}
