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
)

// Bounds of what a planner may want; beyond them a figure is a slip.
const (
	longestShift      = 24 * time.Hour
	longestRing       = 5 * time.Minute
	longestPreference = 10 * time.Minute
	longestWrapUp     = 4 * time.Hour
	longestKeep       = 7 * 24 * time.Hour
	mostRung          = 20
	mostWaiting       = 100_000
	mostAttempts      = 10
	mostCallbacks     = 1_000_000
	mostSteps         = 20
	defaultPerDay     = 1000
	defaultPerCaller  = 3
	longestNumber     = 24
)

var (
	exitKey = regexp.MustCompile(`^[0-9*#]$`)
	prefix  = regexp.MustCompile(`^[0-9]{1,15}$`)
)

// within reports a time that is absurd.
func (k *checker) within(path string, d, most time.Duration) {
	if d > most {
		k.report(path, Short(d)+" is long", "expected at most "+Short(most))
	}
}

// between reports a number that is absurd; zero means that it was left out.
func (k *checker) between(path string, n, most int) {
	k.notNegative(path, n)
	if n > most {
		k.report(path, fmt.Sprintf("%d makes no sense", n), fmt.Sprintf("expected 1 to %d", most))
	}
}

// upTo checks a number that may be 0, which means none.
func (k *checker) upTo(path string, n, most int) {
	k.notNegative(path, n)
	if n > most {
		k.report(path, fmt.Sprintf("%d makes no sense", n), fmt.Sprintf("expected 0 to %d", most))
	}
}

func (k *checker) queues() {
	names := named(k, "queues", "name", word, wordWanted, k.file.Queues, func(q Queue) string { return q.Name })
	if len(names) > maxQueues {
		k.report("queues", fmt.Sprintf("%d queues", len(names)), fmt.Sprintf("keep to %d: each makes series in Prometheus", maxQueues))
	}
	codes := map[string]string{}
	all, agents := k.routing()
	for i, q := range k.file.Queues {
		path := fmt.Sprintf("queues.%d", i)
		if q.Name == toFlow {
			k.report(path+".name", "flow is where overflow leads that goes to no queue", "choose another name")
		}
		k.keeps(path+".hours", q.Hours)
		k.requirement(path+".requires", q.Requires)
		k.knownSites(path+".sites", q.Sites)
		k.steps(path, q, names)
		k.ringing(path, q)
		k.wrapUp(path, q)
		k.ways(path, q, names)
		k.callback(path+".callback", q)
		k.within(path+".regain", q.Regain, longestShift)
		switch c := q.TransferCode; {
		case c == "":
		case !digits.MatchString(c):
			k.report(path+".transfer_code", fmt.Sprintf("%q is no code", c), "expected 1 to 8 digits, in quotes")
		case codes[c] != "":
			k.report(path+".transfer_code", fmt.Sprintf("the code of queue %s", codes[c]), "give each queue its own code")
		default:
			codes[c] = q.Name
		}
		k.staffed(i, all, agents)
	}
	k.circles()
}

// requirement reports what nobody can meet, and skills that nobody has.
func (k *checker) requirement(path string, r Requirement) {
	k.levels(path, r.Levels)
	if r.Rule.Contradictory() && inRange(r.Levels) {
		k.report(path, fmt.Sprintf("nobody can ever meet %s: it contradicts itself", r.Rule), "write what some level from 0 to 10 of each skill meets")
	}
	if len(k.skills) == 0 || !k.complete("agents", "skills") {
		return
	}
	for _, skill := range r.Rule.Skills() {
		if slices.Contains(k.skills, skill) || !word.MatchString(skill) {
			continue
		}
		at := path
		if r.Levels != nil {
			at = join(path, skill)
		}
		k.report(at, "no agent has the skill "+skill, choose(skill, k.skills))
	}
}

func (k *checker) knownSites(path string, sites []string) {
	for i, site := range sites {
		if len(k.sites) > 0 && k.complete("agents", "site") {
			k.known(fmt.Sprintf("%s.%d", path, i), "site", site, k.sites)
		}
	}
}

// steps reports steps that come at no time, or out of order.
func (k *checker) steps(path string, q Queue, names []string) {
	if len(q.Steps) > mostSteps {
		k.report(path+".steps", fmt.Sprintf("%d steps", len(q.Steps)), fmt.Sprintf("expected at most %d", mostSteps))
	}
	var after, over time.Duration // the last ones
	for i, s := range q.Steps {
		at := fmt.Sprintf("%s.steps.%d", path, i)
		k.within(at+".after", s.After, longestShift)
		k.within(at+".when_estimate_over", s.WhenEstimateOver, longestShift)
		switch {
		case s.After == 0 && s.WhenEstimateOver == 0:
			if k.sound(at+".after") && k.sound(at+".when_estimate_over") {
				k.report(at, "the step never comes", "give it after or when_estimate_over")
			}
		case s.After > 0 && s.After <= after:
			k.report(at+".after", fmt.Sprintf("the step comes after %s, not later than the one before it, after %s", Short(s.After), Short(after)), "put the steps in the order of their times")
		case s.WhenEstimateOver > 0 && s.WhenEstimateOver <= over:
			k.report(at+".when_estimate_over", fmt.Sprintf("%s is not more than the %s of an earlier step", Short(s.WhenEstimateOver), Short(over)), "put the steps in the order of their times")
		}
		for _, rule := range q.Ways() {
			if rule.When.Trigger == acd.OverWait && rule.To == toFlow && rule.When.Wait > 0 && s.After >= rule.When.Wait {
				k.report(at+".after", fmt.Sprintf("callers leave the queue after %s, before the step", Short(rule.When.Wait)), "let the step come earlier, or the callers wait longer")
			}
		}
		after, over = max(after, s.After), max(over, s.WhenEstimateOver)
		if s.Requires != nil {
			k.requirement(at+".requires", *s.Requires)
		}
		k.knownSites(at+".sites", s.Sites)
		for j, name := range s.Queues {
			here := fmt.Sprintf("%s.queues.%d", at, j)
			switch {
			case name == q.Name:
				k.report(here, "the queue itself", "name another queue; its own agents come by requires")
			case k.complete("queues", "name"):
				k.known(here, "queue", name, names)
			}
		}
		if s.Requires == nil && s.Queues == nil && s.Sites == nil && k.sound(at+".requires") && k.sound(at+".queues") && k.sound(at+".sites") {
			k.report(at, "the step changes nothing", "give it requires, queues or sites")
		}
	}
}

func (k *checker) ringing(path string, q Queue) {
	if q.Strategy != "" && !slices.Contains(acd.Strategies, acd.Strategy(q.Strategy)) {
		var list []string
		for _, s := range acd.Strategies {
			list = append(list, string(s))
		}
		k.report(path+".strategy", fmt.Sprintf("unknown strategy %q", q.Strategy), choose(q.Strategy, list))
	}
	k.within(path+".ring", q.Ring, longestRing)
	k.between(path+".ring_group", q.RingGroup, mostRung)
	k.within(path+".announce", q.Announce, longestShift)
	k.within(path+".last_agent", q.LastAgent, longestKeep)
	k.within(path+".prefer_for", q.PreferFor, longestPreference)
	if q.PreferFor > 0 && q.LastAgent == 0 && k.sound(path+".last_agent") {
		k.report(path+".prefer_for", "nobody is preferred", "add last_agent: 24h")
	}
}

func (k *checker) wrapUp(path string, q Queue) {
	w, at := q.WrapUp, path+".wrap_up"
	k.within(at+".for", w.For, longestWrapUp)
	k.within(at+".max", w.Max, longestWrapUp)
	k.within(at+".extend", w.Extend, longestWrapUp)
	switch acd.WrapUpPolicy(w.Policy) {
	case "":
		if w.For == 0 && w.Max+w.Extend > 0 {
			k.report(at, "a limit without a time", "add for: 30s, or policy: manual")
		}
	case acd.WrapUpNone:
		if w.For+w.Max+w.Extend > 0 {
			k.report(at, "times of a wrap-up that there is not", "leave them out, or write policy: timed")
		}
	case acd.WrapUpTimed:
		if w.For == 0 && k.sound(at+".for") {
			k.report(at, "how long?", "add for: 30s")
		}
	case acd.WrapUpManual, acd.WrapUpForced:
		if w.For > 0 {
			k.report(at+".for", fmt.Sprintf("a wrap-up that is %s has no time but max", w.Policy), "write max in place of for")
		}
	default:
		k.report(at+".policy", fmt.Sprintf("unknown policy %q", w.Policy), "expected none, timed, manual or forced")
	}
	if w.Max > 0 && w.For > w.Max {
		k.report(at+".max", fmt.Sprintf("%s is less than the %s of for", Short(w.Max), Short(w.For)), "expected at least as much")
	}
	if w.Policy == string(acd.WrapUpForced) && len(q.Dispositions) == 0 && k.sound(path+".dispositions") {
		k.report(at+".policy", "no disposition ends the wrap-up", "list some in dispositions")
	}
	for i, d := range q.Dispositions {
		here := fmt.Sprintf("%s.dispositions.%d", path, i)
		k.isWord(here, "disposition", d)
		if slices.Index(q.Dispositions, d) < i {
			k.report(here, fmt.Sprintf("%s is there already", d), "remove one of them")
		}
	}
}

// ways checks how callers leave a queue.
func (k *checker) ways(path string, q Queue, names []string) {
	k.within(path+".max_wait", q.MaxWait, longestShift)
	k.between(path+".max_length", q.MaxLength, mostWaiting)
	if q.ExitKey != "" && !exitKey.MatchString(q.ExitKey) {
		k.report(path+".exit_key", fmt.Sprintf("%q is no key", q.ExitKey), `expected one of 0 to 9, * or #, in quotes`)
	}
	for i, o := range q.Overflow {
		at := fmt.Sprintf("%s.overflow.%d", path, i)
		if o.When.Trigger == "" {
			k.report(at+".when", "no occasion", `expected "length > 50", "wait > 5m", "estimate > 10m", no_agents, closed or exit_key`)
		}
		switch w := o.When; w.Trigger {
		case acd.OverLength:
			if w.Length < 1 || w.Length > mostWaiting {
				k.report(at+".when", fmt.Sprintf("a length of %d makes no sense", w.Length), fmt.Sprintf("expected 1 to %d", mostWaiting))
			}
		case acd.OverWait, acd.OverEstimate:
			if w.Wait <= 0 || w.Wait > longestShift {
				k.report(at+".when", fmt.Sprintf("a wait of %s makes no sense", Short(w.Wait)), "expected more than nothing and at most "+Short(longestShift))
			}
		case acd.OnExitKey:
			if q.ExitKey == "" && k.sound(path+".exit_key") {
				k.report(at+".when", "no key leads here", `add exit_key: "9" to the queue`)
			}
		case acd.NoAgents, acd.OnClosing:
		}
		switch to := cmp.Or(o.To, toFlow); {
		case to == toFlow && o.Return:
			k.report(at+".return", "a caller who is back in the flow waits nowhere", "name a queue in to, or leave return out")
		case to == toFlow:
		case to == q.Name:
			k.report(at+".to", "the queue overflows into itself", "name another queue, or flow")
		case k.complete("queues", "name"):
			k.known(at+".to", "queue", to, append(slices.Clone(names), toFlow))
			k.closedToo(at, q, o)
		}
	}
}

// closedToo warns of overflow at closing time into a queue that closes then.
func (k *checker) closedToo(path string, q Queue, o Overflow) {
	i := slices.IndexFunc(k.file.Queues, func(to Queue) bool { return to.Name == o.To })
	if o.When.Trigger == acd.OnClosing && i >= 0 && k.file.Queues[i].Hours == q.Hours && q.Hours != always {
		k.warn(path, fmt.Sprintf("the queue %s is closed at the same hours", o.To), "name one that is open then, or flow")
	}
}

// circles reports overflow that leads round and never lets a caller return. Each
// circle is told once, at the first of its queues.
func (k *checker) circles() {
	told := map[string]bool{}
	for i, q := range k.file.Queues {
		way := k.wayRound(q)
		if way == nil || slices.ContainsFunc(way, func(name string) bool { return told[name] }) {
			continue
		}
		for _, name := range way {
			told[name] = true
		}
		j := slices.IndexFunc(q.Overflow, func(o Overflow) bool { return !o.Return && o.To == way[1] })
		k.report(fmt.Sprintf("queues.%d.overflow.%d.to", i, j), "overflow in a circle: "+strings.Join(way, ", "), "break it, or let callers return: true")
	}
}

// wayRound returns the shortest way by which overflow without return leads from
// a queue over others back to it, nil if there is none.
func (k *checker) wayRound(from Queue) []string {
	ways := [][]string{{from.Name}}
	seen := map[string]bool{}
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		at := slices.IndexFunc(k.file.Queues, func(q Queue) bool { return q.Name == way[len(way)-1] })
		if at < 0 {
			continue // it has been reported
		}
		for _, o := range k.file.Queues[at].Overflow {
			next := append(slices.Clip(way), o.To)
			switch {
			case o.Return || seen[o.To]:
			case o.To == from.Name && len(way) > 1:
				return next
			case o.To != from.Name:
				seen[o.To] = true
				ways = append(ways, next)
			}
		}
	}
	return nil
}

func (k *checker) callback(path string, q Queue) {
	c := q.Callback
	if c == nil {
		return
	}
	if c.First != "" && c.First != string(acd.CallerFirst) && c.First != string(acd.AgentFirst) {
		k.report(path+".first", fmt.Sprintf("unknown party %q", c.First), "expected caller or agent")
	}
	switch key := c.key(); {
	case !exitKey.MatchString(key):
		k.report(path+".key", fmt.Sprintf("%q is no key", key), "expected one of 0 to 9, * or #, in quotes")
	case key == q.ExitKey:
		k.report(path+".key", key+" is the exit_key of the queue", "choose another key")
	}
	k.between(path+".attempts", c.Attempts, mostAttempts)
	k.within(path+".gap", c.Gap, longestShift)
	k.within(path+".ring", c.Ring, longestRing)
	k.within(path+".keep", c.Keep, longestKeep)
	k.keeps(path+".hours", c.Hours)
	if k.file.Callbacks.Trunk == "" && k.sound("callbacks.trunk") {
		k.report(path, "callbacks need a trunk", "add a section callbacks with the trunk that they go out by")
	}
}

// callbacks checks what holds for all calls back, and fills its defaults.
func (k *checker) callbacks() {
	c := &k.file.Callbacks
	if c.Prefixes == nil {
		c.Prefixes = []string{"13", "14", "15", "16", "17", "18", "19", "0"} // not 110, 119, 12345
	}
	if c.Deny == nil {
		c.Deny = []string{"00", "160", "168", "96"}
	}
	if c.PerDay == nil {
		c.PerDay = new(defaultPerDay)
	}
	if c.PerCaller == nil {
		c.PerCaller = new(defaultPerCaller)
	}
	k.upTo("callbacks.per_day", *c.PerDay, mostCallbacks)
	k.upTo("callbacks.per_caller", *c.PerCaller, mostCallbacks)
	k.plan(c)
	if c.From != "" && !number.MatchString(c.From) {
		k.report("callbacks.from", fmt.Sprintf("%q is no number", c.From), "expected up to 24 digits, in quotes")
	}
	for key, list := range map[string][]string{"prefixes": c.Prefixes, "deny": c.Deny, "dial_codes": c.DialCodes} {
		for i, p := range list {
			if !prefix.MatchString(p) {
				k.report(fmt.Sprintf("callbacks.%s.%d", key, i), fmt.Sprintf("%q is no beginning of a number", p), `expected digits, in quotes, such as "1"`)
			}
		}
	}
	if c.Trunk == "" || !k.complete("trunks", "name") {
		return
	}
	var names []string
	for i, t := range k.file.Trunks {
		names = append(names, t.Name)
		if t.Name == c.Trunk && t.Address == "" && k.sound(fmt.Sprintf("trunks.%d.address", i)) {
			k.report("callbacks.trunk", fmt.Sprintf("the trunk %s has no address to send to", t.Name), "give it address: host:port")
		}
	}
	k.known("callbacks.trunk", "trunk", c.Trunk, names)
	if c.From == "" {
		k.report("callbacks.from", "no number that callers see", `expected one such as "95500"`)
	}
}

// plan checks the numbers that there are.
func (k *checker) plan(c *Callbacks) {
	for i, r := range c.Plan {
		path := fmt.Sprintf("callbacks.plan.%d", i)
		if !prefix.MatchString(r.Begins) {
			k.report(path+".begins", fmt.Sprintf("%q is no beginning of a number", r.Begins), `expected digits, in quotes, such as "13"`)
		}
		if r.Digits < max(len(r.Begins), 1) || r.Digits > longestNumber {
			k.report(path+".digits", fmt.Sprintf("%d makes no sense", r.Digits), fmt.Sprintf("expected the length of the whole number, %d to %d", max(len(r.Begins), 1), longestNumber))
		}
		if r.UpTo != 0 && (r.UpTo < r.Digits || r.UpTo > longestNumber) {
			k.report(path+".up_to", fmt.Sprintf("%d makes no sense", r.UpTo), fmt.Sprintf("expected %d to %d, or nothing", r.Digits, longestNumber))
		}
	}
}

// routing returns queues and agents as the router knows them. Agents who serve
// a queue that does not exist were perhaps meant to serve any.
func (k *checker) routing() (queues []acd.Queue, agents []acd.Agent) {
	names := map[string]bool{}
	for _, q := range k.file.Queues {
		names[q.Name] = true
		queues = append(queues, q.routing())
	}
	for _, a := range k.file.Agents {
		agent := a.routing()
		if slices.ContainsFunc(a.Queues, func(name string) bool { return !names[name] }) {
			agent.Queues = nil
		}
		agents = append(agents, agent)
	}
	return queues, agents
}

// staffed reports a queue, or a step of it, that nobody can serve. All queues
// and agents are as [checker.routing] returns them.
func (k *checker) staffed(i int, all []acd.Queue, agents []acd.Agent) {
	q, path := k.file.Queues[i], fmt.Sprintf("queues.%d", i)
	if len(k.file.Agents) == 0 || !k.complete("agents", "skills", "queues", "site") || k.faulty(path) {
		return
	}
	var unserved []int
	for n := range len(q.Steps) + 1 {
		if !slices.ContainsFunc(agents, func(a acd.Agent) bool { return a.Serves(all[i], n, all) }) {
			unserved = append(unserved, n)
		}
	}
	if len(unserved) == len(q.Steps)+1 {
		k.report(path, fmt.Sprintf("nobody can serve the queue %s", q.Name), k.lacking(q.Requires))
		return
	}
	requires := q.Requires
	for n := range len(q.Steps) + 1 {
		at := path
		if n > 0 {
			at = fmt.Sprintf("%s.steps.%d", path, n-1)
			if r := q.Steps[n-1].Requires; r != nil {
				requires = *r
			}
		}
		switch {
		case !slices.Contains(unserved, n):
		case n == 0:
			k.report(at+".requires", fmt.Sprintf("nobody can serve the queue %s before its first step", q.Name), k.lacking(requires))
		default:
			k.report(at, "nobody can serve the queue in this step", k.lacking(requires))
		}
	}
}

// faulty reports whether something that says who serves a queue is a problem
// already.
func (k *checker) faulty(path string) bool {
	return slices.ContainsFunc(k.problems, func(p Problem) bool {
		key, ok := strings.CutPrefix(p.Path, path+".")
		if steps, is := strings.CutPrefix(key, "steps."); is {
			_, key, _ = strings.Cut(steps, ".")
		}
		key, _, _ = strings.Cut(key, ".")
		return p.Path == path || ok && slices.Contains([]string{"requires", "sites", "queues", "name"}, key)
	})
}

// lacking is the remedy for a requirement that nobody meets.
func (k *checker) lacking(r Requirement) string {
	best := map[string]int{}
	for _, a := range k.file.Agents {
		for skill, level := range a.Skills {
			best[skill] = max(best[skill], level)
		}
	}
	for _, skill := range slices.Sorted(maps.Keys(r.Levels)) {
		if best[skill] < r.Levels[skill] {
			return fmt.Sprintf("give an agent %s: %d (the highest is %d), or lower requires", skill, r.Levels[skill], best[skill])
		}
	}
	if r.Levels != nil {
		return "give one agent all of the skills, or lower requires"
	}
	var list []string
	for _, skill := range r.Rule.Skills() {
		list = append(list, fmt.Sprintf("%s %d", skill, best[skill]))
	}
	return fmt.Sprintf("give one agent what it takes (the highest levels are %s), or lower requires", strings.Join(list, ", "))
}

func inRange(skills map[string]int) bool {
	for _, level := range skills {
		if level < 1 || level > acd.HighestLevel {
			return false
		}
	}
	return true
}

// serves checks the queues of an agent, of which all holds the options.
func (k *checker) serves(path string, a Agent, queues []string, all []acd.Queue) {
	if !k.complete("queues", "name", "requires", "steps", "sites") {
		return
	}
	agent := a.routing()
	can := func(q acd.Queue) bool {
		for n := range len(q.Steps) + 1 {
			if agent.Serves(q, n, all) {
				return true
			}
		}
		return false
	}
	for j, name := range a.Queues {
		at := fmt.Sprintf("%s.queues.%d", path, j)
		k.known(at, "queue", name, queues)
		if i := slices.Index(queues, name); i >= 0 && !can(all[i]) {
			k.report(at, fmt.Sprintf("the skills of agent %s do not suffice for the queue %s", a.ID, name), "raise them, or leave the queue out")
		}
	}
	if !slices.ContainsFunc(all, can) {
		k.warn(path, fmt.Sprintf("agent %s can serve no queue", a.ID), "give the agent the skills that a queue requires")
	}
}
