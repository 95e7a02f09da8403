package configs

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"

	"cardline/acd"
	"cardline/yamlfile"
)

// This file turns what a planner writes about queues into what the router goes
// by.

// read takes an expression, or a mapping of skills to their least levels.
func (r *Requirement) read(d *decoder, n value) {
	text, ok := yamlfile.Scalar(n.Node)
	if !ok {
		d.byKind(n, reflect.ValueOf(&r.Levels).Elem())
		r.Rule = acd.RequireLevels(r.Levels)
		return
	}
	rule, err := acd.ParseRequirement(text)
	if wrong, ok := errors.AsType[*acd.RequirementError](err); ok {
		at := n.at
		if wrong.Offset <= len(text) {
			at.column += utf8.RuneCountInString(text[:wrong.Offset])
		}
		if t := n.GetToken().Type; t == token.DoubleQuoteType || t == token.SingleQuoteType {
			at.column++
		}
		rest := strings.TrimSpace(text[min(wrong.Offset, len(text)):])
		message := fmt.Sprintf("the requirement makes no sense from %q on", rest)
		if rest == "" {
			message = "the requirement breaks off"
		}
		d.problem(n.path, at, message, wrong.Message)
		return
	}
	r.Rule = rule
}

// read takes a time, or the keys of a wrap-up.
func (w *WrapUp) read(d *decoder, n value) {
	if _, ok := yamlfile.Scalar(n.Node); !ok {
		d.byKind(n, reflect.ValueOf(w).Elem())
		return
	}
	d.duration(n, reflect.ValueOf(&w.For).Elem())
}

// An Occasion is when a rule of overflow applies.
type Occasion struct {
	Trigger acd.Trigger
	Length  int           // of length
	Wait    time.Duration // of wait and estimate
}

// UnmarshalText reads an occasion such as "length > 50", "wait > 5m" or closed.
func (o *Occasion) UnmarshalText(text []byte) (err error) {
	what, figure, compared := strings.Cut(string(text), ">")
	o.Trigger = acd.Trigger(strings.TrimSpace(what))
	figure = strings.TrimSpace(figure)
	switch o.Trigger {
	case acd.OverLength:
		o.Length, err = strconv.Atoi(figure)
	case acd.OverWait, acd.OverEstimate:
		o.Wait, err = time.ParseDuration(figure)
	case acd.NoAgents, acd.OnClosing, acd.OnExitKey:
		if compared {
			err = fmt.Errorf("%s is not compared", o.Trigger)
		}
	default:
		err = fmt.Errorf("unknown occasion %q", o.Trigger)
	}
	return err
}

// String returns the occasion as it is written.
func (o Occasion) String() string {
	switch o.Trigger {
	case acd.OverLength:
		return fmt.Sprintf("%s > %d", o.Trigger, o.Length)
	case acd.OverWait, acd.OverEstimate:
		return fmt.Sprintf("%s > %s", o.Trigger, Short(o.Wait))
	case acd.NoAgents, acd.OnClosing, acd.OnExitKey:
	}
	return string(o.Trigger)
}

// Short writes a duration as a planner would: 5m for 5m0s.
func Short(d Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// toFlow is where overflow leads that goes to no queue.
const toFlow = "flow"

// requirements returns the requirement of a queue and those of its steps.
func (q Queue) requirements() []Requirement {
	list := []Requirement{q.Requires}
	for _, s := range q.Steps {
		if s.Requires != nil {
			list = append(list, *s.Requires)
		}
	}
	return list
}

// routing returns the queue as the router knows it.
func (q Queue) routing() acd.Queue {
	r := acd.Queue{
		Name: q.Name, Requires: q.Requires.Rule, Sites: q.Sites, Strategy: acd.Strategy(q.Strategy), SameSiteFirst: q.SameSiteFirst,
		RingTimeout: q.Ring, RingGroup: q.RingGroup, WrapUp: q.WrapUp.routing(), Dispositions: q.Dispositions,
		OfferAgain: q.OfferAgain, Regain: q.Regain,
	}
	now := acd.Step{Requires: r.Requires, Sites: r.Sites}
	for _, s := range q.Steps {
		now.After, now.EstimateOver = s.After, s.WhenEstimateOver
		if s.Requires != nil {
			now.Requires = s.Requires.Rule
		}
		if s.Queues != nil {
			now.Queues = s.Queues
		}
		if s.Sites != nil {
			now.Sites = s.Sites
		}
		r.Steps = append(r.Steps, now)
	}
	for _, o := range q.Ways() {
		rule := acd.Overflow{When: o.When.Trigger, Length: o.When.Length, Wait: o.When.Wait, Return: o.Return}
		if o.To != toFlow {
			rule.To = o.To
		}
		r.Overflow = append(r.Overflow, rule)
	}
	if c := q.Callback; c != nil {
		r.Callback = acd.Callback{
			First: acd.CallbackFirst(cmp.Or(c.First, string(acd.CallerFirst))), Attempts: c.Attempts, Gap: c.Gap, Ring: c.Ring, Keep: c.Keep,
		}
	}
	return r
}

// Ways returns the rules of overflow in the order in which they are tried, those
// that are written in short after the others. Each has a To.
func (q Queue) Ways() []Overflow {
	rules := slices.Clone(q.Overflow)
	if q.MaxLength > 0 {
		rules = append(rules, Overflow{When: Occasion{Trigger: acd.OverLength, Length: q.MaxLength}})
	}
	if q.MaxWait > 0 {
		rules = append(rules, Overflow{When: Occasion{Trigger: acd.OverWait, Wait: q.MaxWait}})
	}
	if q.LeaveIfNoAgents {
		rules = append(rules, Overflow{When: Occasion{Trigger: acd.NoAgents}})
	}
	if q.ExitKey != "" {
		rules = append(rules, Overflow{When: Occasion{Trigger: acd.OnExitKey}})
	}
	for i := range rules {
		rules[i].To = cmp.Or(rules[i].To, toFlow)
	}
	return rules
}

func (w WrapUp) routing() acd.WrapUp {
	policy := acd.WrapUpPolicy(w.Policy)
	switch {
	case policy == "" && w.For > 0:
		policy = acd.WrapUpTimed
	case policy == "":
		policy = acd.WrapUpNone
	}
	return acd.WrapUp{Policy: policy, For: w.For, Max: w.Max, Extend: w.Extend}
}

func (a Agent) routing() acd.Agent {
	return acd.Agent{ID: a.ID, Site: a.Site, Group: a.Group, Skills: a.Skills, Queues: a.Queues}
}

// key is what callers press to be called back.
func (c Callback) key() string { return cmp.Or(c.Key, "1") }

// CallbackTrunk returns the trunk that calls back go out by; ok is false if there are
// to be none.
func (c *Config) CallbackTrunk() (t Trunk, ok bool) {
	i := slices.IndexFunc(c.File.Trunks, func(t Trunk) bool { return t.Name == c.File.Callbacks.Trunk })
	if i < 0 || c.File.Trunks[i].Address == "" {
		return Trunk{}, false
	}
	return c.File.Trunks[i], true
}
