package configs

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"cardline/acd"
	"cardline/call"
	"cardline/ivr"
	"cardline/prompts"
)

// Words that may stand in names of lines, queues, skills and the like: they
// become labels of metrics and parts of URLs.
var (
	word   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	number = regexp.MustCompile(`^\+?[0-9*#]{1,24}$`)
	userID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)
	code   = regexp.MustCompile(`^\*[0-9]{1,4}$`)
	digits = regexp.MustCompile(`^[0-9]{1,8}$`)
)

const (
	wordWanted = "a word of small letters, digits and _, such as cards"
	userWanted = "letters, digits and . _ -"
)

// Bounds beyond which a figure is more likely a slip than a wish.
const (
	maxQueues        = 200
	maxHolders       = 1_000_000 // the demo issuer has no more card numbers
	longestHeadStart = 24 * time.Hour
	oddHeadStart     = 10 * time.Minute
	highestLevel     = 10
)

// checker checks a configuration that could be decoded.
type checker struct {
	*decoder
	file     *File
	warnings []Problem

	skills, sites []string // of all agents
}

// check fills defaults, checks everything and builds what is costly to build.
func (c *Config) check(d *decoder) {
	k := &checker{decoder: d, file: &c.File}
	k.defaults()
	k.sip()
	k.media()
	k.http()
	k.ports()
	k.card()
	k.trunks()
	k.networks()
	k.phones()
	k.exposed()
	c.hours = k.hours()
	k.queues()
	k.callbacks()
	k.callers()
	k.agents()
	k.features()
	if c.Library = k.library(); c.Library != nil {
		k.lines(c.Library)
		c.Program = k.flows(c.Library)
	}
	c.Warnings = sorted(k.warnings)
}

// mainSite is the site of whatever names none.
const mainSite = "main"

func (k *checker) defaults() {
	f := k.file
	f.HTTP.Listen = cmp.Or(f.HTTP.Listen, "127.0.0.1:9560")
	f.Drain = cmp.Or(f.Drain, 2*time.Minute)
	for i := range f.Lines {
		f.Lines[i].Flow = cmp.Or(f.Lines[i].Flow, "main")
		f.Lines[i].Class = cmp.Or(f.Lines[i].Class, "normal")
	}
	for i := range f.Trunks {
		f.Trunks[i].Site = cmp.Or(f.Trunks[i].Site, mainSite)
	}
	for i := range f.Agents {
		a := &f.Agents[i]
		a.Group, a.Site, a.Phone = cmp.Or(a.Group, "agents"), cmp.Or(a.Site, mainSite), cmp.Or(a.Phone, a.ID)
		k.skills = slices.AppendSeq(k.skills, maps.Keys(a.Skills))
		k.sites = append(k.sites, a.Site)
	}
	for _, list := range []*[]string{&k.skills, &k.sites} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}

// report adds a problem at the place of a path, or of what holds it, unless
// what stands there could not even be read.
func (k *checker) report(path, message, remedy string) {
	if k.sound(path) {
		at := k.place(path)
		k.problems = append(k.problems, Problem{at.file, at.line, at.column, path, message, remedy})
	}
}

// warn adds what a planner should look at twice.
func (k *checker) warn(path, message, remedy string) {
	at := k.place(path)
	k.warnings = append(k.warnings, Problem{at.file, at.line, at.column, path, message, remedy})
}

// sound reports whether a path, and what holds it, could be read.
func (k *checker) sound(path string) bool {
	for ; ; path = path[:strings.LastIndexByte(path, '.')] {
		if k.spoiled[path] {
			return false
		}
		if !strings.Contains(path, ".") {
			return true
		}
	}
}

// complete reports whether the names in a section could be read, so that a
// reference to one that is not there is a fault of the reference.
func (k *checker) complete(section string, keys ...string) bool {
	for path := range k.spoiled {
		parts := strings.Split(path, ".")
		if parts[0] == section && (len(parts) < 3 || slices.Contains(keys, parts[2])) {
			return false
		}
	}
	return true
}

// place returns where a path stands, or what holds it. What stands nowhere is
// missing in a file of the configuration that is there to be edited.
func (k *checker) place(path string) position {
	for {
		if at, ok := k.places[path]; ok {
			return at
		}
		dot := strings.LastIndexByte(path, '.')
		if dot < 0 {
			return position{file: k.fallback(path)}
		}
		path = path[:dot]
	}
}

// fallback names a file for a section that is nowhere.
func (k *checker) fallback(section string) string {
	if section == "flows" {
		return "flows"
	}
	for _, at := range k.places {
		if at.file == section+".yaml" {
			return at.file
		}
	}
	return "cardline.yaml"
}

// named reports names that are malformed or given twice, and returns all of
// them.
func named[T any](k *checker, section, key string, form *regexp.Regexp, want string, list []T, name func(T) string) []string {
	var names []string
	for i, item := range list {
		n, path := name(item), fmt.Sprintf("%s.%d.%s", section, i, key)
		first := slices.Index(names, n)
		switch {
		case n == "":
			k.report(path, "no "+key, "expected "+want)
		case !form.MatchString(n):
			k.report(path, fmt.Sprintf("%q is no %s", n, key), "expected "+want)
		case first >= 0:
			at := k.place(fmt.Sprintf("%s.%d.%s", section, first, key))
			k.report(path, fmt.Sprintf("%q is there already, in line %d", n, at.line), "give each its own "+key)
		}
		names = append(names, n)
	}
	return names
}

// isWord reports a text that cannot be a name.
func (k *checker) isWord(path, what, text string) {
	if !word.MatchString(text) {
		k.report(path, fmt.Sprintf("%q is no %s", text, what), "expected "+wordWanted)
	}
}

// known reports a reference to something that is not there.
func (k *checker) known(path, what, name string, list []string) {
	switch {
	case slices.Contains(list, name):
	case len(list) == 0:
		k.report(path, fmt.Sprintf("unknown %s %q", what, name), fmt.Sprintf("there is no %s yet: add one", what))
	default:
		k.report(path, fmt.Sprintf("unknown %s %q", what, name), choose(name, list))
	}
}

func (k *checker) notNegative(path string, n int) {
	if n < 0 {
		k.report(path, fmt.Sprintf("%d is negative", n), "expected 0 or more")
	}
}

func (k *checker) card() {
	k.notNegative("card.holders", k.file.Card.Holders)
	if k.file.Card.Holders > maxHolders {
		k.report("card.holders", fmt.Sprintf("%d cards", k.file.Card.Holders), fmt.Sprintf("expected at most %d", maxHolders))
	}
	if limit := k.file.Card.Limit; 2*limit > ivr.DefaultCardLimit {
		k.warn("card.limit", fmt.Sprintf("a step of a flow gives up after %v, before two tries of %v have failed", ivr.DefaultCardLimit, limit),
			fmt.Sprintf("expected at most %v", ivr.DefaultCardLimit/2))
	}
}

func (k *checker) levels(path string, skills map[string]int) {
	for _, skill := range slices.Sorted(maps.Keys(skills)) {
		k.isWord(join(path, skill), "skill", skill)
		if level := skills[skill]; level < 1 || level > highestLevel {
			k.report(join(path, skill), fmt.Sprintf("level %d", level), fmt.Sprintf("expected a level from 1 to %d", highestLevel))
		}
	}
}

func (k *checker) agents() {
	named(k, "agents", "id", userID, userWanted, k.file.Agents, func(a Agent) string { return a.ID })
	var accounts, queues []string
	required := map[string]bool{}
	for _, p := range k.file.Phones {
		accounts = append(accounts, p.Account)
	}
	for _, q := range k.file.Queues {
		queues = append(queues, q.Name)
		for _, r := range q.requirements() {
			for _, skill := range r.Rule.Skills() {
				required[skill] = true
			}
		}
	}
	taken := map[string]string{}
	all, _ := k.routing()
	for i, a := range k.file.Agents {
		path := fmt.Sprintf("agents.%d", i)
		if a.Phone != "" && k.complete("phones", "account") {
			k.known(path+".phone", "phone", a.Phone, accounts)
		}
		if other, ok := taken[a.Phone]; ok && a.Phone != "" {
			k.report(path+".phone", fmt.Sprintf("%s is the phone of agent %s", a.Phone, other), "give each agent a phone")
		}
		taken[a.Phone] = a.ID
		k.isWord(path+".group", "group", a.Group)
		k.isWord(path+".site", "site", a.Site)
		k.levels(path+".skills", a.Skills)
		for skill := range a.Skills {
			if !required[skill] && len(queues) > 0 {
				k.warn(path+".skills."+skill, fmt.Sprintf("no queue requires %s", skill), choose(skill, slices.Collect(maps.Keys(required))))
			}
		}
		k.serves(path, a, queues, all)
	}
}

// features checks the codes: no two may be the same, no number may hide one,
// and neither of those that are keyed in a talk may begin with the other.
func (k *checker) features() {
	f := k.file.Features
	used := map[string]string{}
	for i, l := range k.file.Lines {
		for _, n := range l.Numbers {
			used[n] = fmt.Sprintf("a number of lines.%d", i)
		}
	}
	check := func(path, text string) {
		switch {
		case text == "":
		case !code.MatchString(text):
			k.report(path, fmt.Sprintf("%q is no feature code", text), `expected a star and 1 to 4 digits, in quotes, such as "*11"`)
		case used[text] != "":
			k.report(path, fmt.Sprintf("%s is %s already", text, used[text]), "give each its own code")
		default:
			used[text] = "the code of " + path
		}
	}
	check("features.log_in", f.LogIn)
	check("features.log_out", f.LogOut)
	check("features.ready", f.Ready)
	check("features.transfer_queue", f.TransferQueue)
	check("features.transfer_agent", f.TransferAgent)
	if q, a := f.TransferQueue, f.TransferAgent; q != "" && a != "" && q != a && (strings.HasPrefix(q, a) || strings.HasPrefix(a, q)) {
		k.report("features.transfer_agent", fmt.Sprintf("%s cannot be told from the code %s of features.transfer_queue", a, q),
			"choose codes of which none begins with the other")
	}
	for _, c := range slices.Sorted(maps.Keys(f.NotReady)) {
		path := "features.not_ready." + c
		check(path, c)
		k.isWord(path, "reason", f.NotReady[c])
		k.ownReason(path, f.NotReady[c])
	}
	for _, reason := range slices.Sorted(maps.Keys(f.Reasons)) {
		path := "features.reasons." + reason
		k.isWord(path, "reason", reason)
		k.ownReason(path, reason)
		k.within(path+".allowed", f.Reasons[reason].Allowed, longestShift)
	}
	check("features.extend", f.Extend)
	var known []string
	for _, q := range k.file.Queues {
		known = append(known, q.Dispositions...)
	}
	for _, c := range slices.Sorted(maps.Keys(f.Dispositions)) {
		path := "features.dispositions." + c
		check(path, c)
		if k.complete("queues", "dispositions") {
			k.known(path, "disposition", f.Dispositions[c], known)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(f.Switches)) {
		path := "features.switches." + c
		check(path, c)
		k.phoneSwitch(path, f.Switches[c])
	}
}

// ownReason reports a reason that only the router gives.
func (k *checker) ownReason(path, reason string) {
	if slices.Contains([]string{acd.ReasonRONA, acd.ReasonLogin, acd.ReasonDisposition}, reason) {
		k.report(path, fmt.Sprintf("the reason %s is given by the router", reason), "choose another word")
	}
}

func (k *checker) lines(library *prompts.Library) {
	named(k, "lines", "name", word, wordWanted, k.file.Lines, func(l Line) string { return l.Name })
	if len(k.file.Lines) == 0 {
		k.report("lines", "no line", "add one with the numbers that are dialled")
	}
	flows := slices.Collect(maps.Keys(k.file.Flows))
	taken := map[string]string{}
	for i := range k.file.Lines {
		l, path := &k.file.Lines[i], fmt.Sprintf("lines.%d", i)
		if len(l.Numbers) == 0 {
			k.report(path+".numbers", "no numbers", "name the numbers that are dialled")
		}
		for j, n := range l.Numbers {
			at := fmt.Sprintf("%s.numbers.%d", path, j)
			switch {
			case !number.MatchString(n):
				k.report(at, fmt.Sprintf("%q is no number", n), "expected up to 24 digits, in quotes, as the trunk sends them")
			case taken[n] != "":
				k.report(at, fmt.Sprintf("%s is a number of line %s already", n, taken[n]), "give a number to one line")
			}
			taken[n] = l.Name
		}
		k.keeps(path+".hours", l.Hours)
		k.known(path+".flow", "flow", l.Flow, flows)
		for key, flow := range l.others() {
			k.known(path+"."+key, "flow", flow, flows)
		}
		l.Language = cmp.Or(l.Language, library.Languages()[0])
		k.known(path+".language", "language", l.Language, library.Languages())
		k.headStart(path+".head_start", l.HeadStart, l.Class)
		k.isWord(path+".class", "class", l.Class)
	}
}

// headStart checks how far callers are put before others. For names, such as the
// class of a line, say what for.
func (k *checker) headStart(path string, d time.Duration, names ...string) {
	switch {
	case d > longestHeadStart:
		k.report(path, fmt.Sprintf("a head start of %v", d), "expected at most 24h")
	case d > oddHeadStart && !slices.ContainsFunc(names, urgent.MatchString):
		k.warn(path, fmt.Sprintf("a head start of %v holds everybody else up that long", d), "more than 10m is for loss reports and fraud")
	}
}

// urgent is found in the names of what cannot wait.
var urgent = regexp.MustCompile(`(^|_)(loss|fraud)(_|$)`)

// sessionValues are what every session begins with.
var sessionValues = map[string]string{"recorded": "no"}

// flows checks and compiles the flows, nil if that fails or if anything else
// is wrong.
func (k *checker) flows(library *prompts.Library) *ivr.Program {
	for _, name := range slices.Sorted(maps.Keys(k.file.Flows)) {
		f, path := k.file.Flows[name], "flows."+name
		if f.Service != "" {
			k.isWord(path+".service", "service", f.Service)
		}
		for _, step := range slices.Sorted(maps.Keys(f.Steps)) {
			k.isWord(path+".steps."+step, "name of a step", step)
			if d := f.Steps[step].HeadStart; d <= longestHeadStart { // beyond it, the check of flows says so
				k.headStart(path+".steps."+step+".head_start", d, name, f.Service, step)
			}
		}
	}
	env := ivr.Environment{Prompts: library, Values: slices.Sorted(maps.Keys(sessionValues))}
	for _, q := range k.file.Queues {
		env.Queues = append(env.Queues, q.Name)
	}
	entry := func(flow string) {
		if _, ok := k.file.Flows[flow]; ok { // a dangling one has been reported with its line
			env.Entries = append(env.Entries, flow)
		}
	}
	for _, l := range k.file.Lines {
		entry(l.Flow)
		for _, flow := range l.others() {
			entry(flow)
		}
	}
	if len(k.file.Lines) == 0 || !k.complete("lines", "flow") || !k.complete("queues", "name") {
		return nil // half of the flows would be unreachable, and none would end in a queue
	}
	for _, p := range checkFlows(k.file.Flows, env) {
		k.report(p.Path, p.Message, p.Remedy)
	}
	if len(k.problems) > 0 {
		return nil
	}
	program, err := ivr.Compile(k.file.Flows, env)
	if err != nil {
		k.report("flows", err.Error(), "")
	}
	return program
}

// checkFlows is [ivr.Check], but for one thing: if the flow to a person does not
// lead to one, that is not said again of every step of the others.
func checkFlows(flows ivr.Flows, env ivr.Environment) []ivr.Problem {
	const path = "flows." + ivr.PersonFlow
	ofPerson := func(p ivr.Problem) bool { return p.Path == path || strings.HasPrefix(p.Path, path+".") }
	found := ivr.Check(flows, env)
	if !slices.ContainsFunc(found, func(p ivr.Problem) bool { return p.Path == path }) || len(env.Queues) == 0 {
		return found
	}
	sound := ivr.Step{Do: ivr.QueueStep, Queue: env.Queues[0], Results: map[string]string{}}
	for _, o := range ivr.Outcomes() {
		sound.Results[string(o)] = "end"
	}
	with := maps.Clone(flows)
	with[ivr.PersonFlow] = ivr.Flow{Steps: map[string]ivr.Step{"start": sound, "end": {Do: ivr.HangUpStep}}}
	return slices.Concat(
		slices.DeleteFunc(found, func(p ivr.Problem) bool { return !ofPerson(p) }),
		slices.DeleteFunc(ivr.Check(with, env), ofPerson),
	)
}

// ownPrompts reports prompts that the program itself needs.
func (k *checker) ownPrompts(library *prompts.Library) {
	for _, language := range library.Languages() {
		for _, id := range call.Prompts() {
			if !library.Has(language, id) {
				k.report("prompts.overlay", fmt.Sprintf("no prompt %q in the language %q", id, language), "add it to the manifest")
			}
		}
	}
}
