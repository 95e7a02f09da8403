package configs

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"cardline/call"
	"cardline/ivr"
	"cardline/prompts"
)

// Words that may stand in names of lines, queues, skills and the like: they
// become labels of metrics and parts of URLs.
var (
	word   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	number = regexp.MustCompile(`^[0-9*#+]{1,24}$`)
	userID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)
	code   = regexp.MustCompile(`^\*[0-9]{1,4}$`)
	digits = regexp.MustCompile(`^[0-9]{1,8}$`)
)

// Bounds beyond which a figure is more likely a slip than a wish.
const (
	maxQueues        = 200
	longestHeadStart = 24 * time.Hour
	oddHeadStart     = 10 * time.Minute
	highestLevel     = 10
)

// checker checks a configuration that could be decoded.
type checker struct {
	*decoder
	file *File
}

// check fills defaults, checks everything and builds what is costly to build.
func (c *Config) check(d *decoder) {
	k := &checker{d, &c.File}
	k.defaults()
	library := k.library()
	k.sip()
	k.media()
	k.http()
	k.card()
	k.trunks()
	k.phones()
	k.queues()
	k.agents()
	k.features()
	if library == nil {
		return
	}
	c.Library = library
	k.prompts(library)
	k.lines(library)
	c.Program = k.flows(library)
	if len(d.problems) == 0 {
		c.Warnings = k.warnings()
	}
}

func (k *checker) defaults() {
	f := k.file
	f.HTTP.Listen = cmp.Or(f.HTTP.Listen, "127.0.0.1:9560")
	f.Drain = cmp.Or(f.Drain, 2*time.Minute)
	for i := range f.Lines {
		f.Lines[i].Flow = cmp.Or(f.Lines[i].Flow, "main")
		f.Lines[i].Class = cmp.Or(f.Lines[i].Class, "normal")
	}
	for i := range f.Agents {
		a := &f.Agents[i]
		a.Group, a.Site, a.Phone = cmp.Or(a.Group, "agents"), cmp.Or(a.Site, "main"), cmp.Or(a.Phone, a.ID)
	}
}

// named reports names that are malformed or given twice, and returns all of
// them.
func named[T any](k *checker, section, key string, form *regexp.Regexp, want string, list []T, name func(T) string) []string {
	var names []string
	for i, item := range list {
		n, path := name(item), fmt.Sprintf("%s.%d.%s", section, i, key)
		switch {
		case !form.MatchString(n):
			k.report(path, fmt.Sprintf("%q is no %s", n, key), "expected "+want)
		case slices.Contains(names, n):
			k.report(path, fmt.Sprintf("%q is there already", n), "give each its own "+key)
		}
		names = append(names, n)
	}
	return names
}

const wordWanted = "a word of small letters, digits and _, such as cards"

// known reports a reference to something that is not there.
func (k *checker) known(path, what, name string, list []string) {
	if slices.Contains(list, name) {
		return
	}
	remedy := fmt.Sprintf("there is no %s yet: add one", what)
	if best, ok := nearest(name, list); ok {
		remedy = fmt.Sprintf("did you mean %s?", best)
	} else if len(list) > 0 {
		remedy = oneOf(slices.Sorted(slices.Values(list)))
	}
	k.report(path, fmt.Sprintf("unknown %s %q", what, name), remedy)
}

func (k *checker) notNegative(path string, n int) {
	if n < 0 {
		k.report(path, fmt.Sprintf("%d is negative", n), "expected 0 or more")
	}
}

func (k *checker) sip() {
	if len(k.file.SIP.Listen) == 0 {
		k.report("sip.listen", "no listener", "add one, such as {network: udp, address: 127.0.0.1:5060}")
	}
	for i, l := range k.file.SIP.Listen {
		path := fmt.Sprintf("sip.listen.%d", i)
		if l.Network != "udp" && l.Network != "tcp" {
			k.report(path+".network", fmt.Sprintf("unknown network %q", l.Network), "expected udp or tcp")
		}
		host := k.hostPort(path+".address", l.Address)
		if ip, err := netip.ParseAddr(host); l.Advertise == "" && (host == "" || err == nil && ip.IsUnspecified()) && l.Address != "" {
			k.report(path+".address", "peers cannot be told this address", "set advertise to the address by which peers reach it")
		}
		for j, a := range l.Algorithms {
			if !slices.Contains([]string{"md5", "sha-256"}, a) {
				k.report(fmt.Sprintf("%s.algorithms.%d", path, j), fmt.Sprintf("unknown algorithm %q", a), "expected md5 or sha-256")
			}
		}
	}
	k.notNegative("sip.max_calls", k.file.SIP.MaxCalls)
	k.notNegative("sip.max_setups", k.file.SIP.MaxSetups)
	k.notNegative("sip.setups_per_second", k.file.SIP.SetupsPerSecond)
}

// hostPort checks an address to listen on and returns its host.
func (k *checker) hostPort(path, address string) (host string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		k.report(path, fmt.Sprintf("%q is no address", address), "expected host:port such as 127.0.0.1:5060")
		return ""
	}
	if n, err := net.LookupPort("udp", port); err != nil || n < 0 {
		k.report(path, fmt.Sprintf("%q is no port", port), "expected a number from 0 to 65535")
	}
	return host
}

func (k *checker) media() {
	m := k.file.Media
	low, high := cmp.Or(m.PortMin, 20000), cmp.Or(m.PortMax, 29999)
	if low%2 == 1 {
		low++
	}
	if high <= low {
		k.report("media.port_max", fmt.Sprintf("no room for a call between ports %d and %d", low, high), "each leg takes an even port and the next")
	}
	if m.Bind.IsValid() && m.Bind.IsUnspecified() && !m.Advertise.IsValid() {
		k.report("media.bind", "peers cannot be told this address", "set media.advertise to the address by which peers reach it")
	}
	if m.Advertise.IsValid() && m.Advertise.IsUnspecified() {
		k.report("media.advertise", "peers cannot send there", "expected the address by which peers reach this machine")
	}
	k.notNegative("media.loops", m.Loops)
}

func (k *checker) http() {
	h := k.file.HTTP
	host := k.hostPort("http.listen", h.Listen)
	ip, err := netip.ParseAddr(host)
	loopback := host == "localhost" || err == nil && ip.IsLoopback()
	switch {
	case (h.Certificate == "") != (h.Key == ""):
		k.report("http", "certificate and key belong together", "set both or none")
	case !loopback && h.Certificate == "":
		k.report("http.listen", h.Listen+" can be reached from elsewhere without TLS", "set http.certificate and http.key, or listen on 127.0.0.1")
	}
	for key, file := range map[string]string{"certificate": h.Certificate, "key": h.Key, "tokens": h.Tokens} {
		if file != "" {
			k.readable("http."+key, file)
		}
	}
}

func (k *checker) readable(path, file string) {
	f, err := os.Open(file)
	if err != nil {
		k.report(path, err.Error(), "expected the path of a file that can be read")
		return
	}
	_ = f.Close()
}

func (k *checker) card() { k.notNegative("card.holders", k.file.Card.Holders) }

func (k *checker) trunks() {
	named(k, "trunks", "name", word, wordWanted, k.file.Trunks, func(t Trunk) string { return t.Name })
	for i, t := range k.file.Trunks {
		path := fmt.Sprintf("trunks.%d", i)
		if len(t.Sources) == 0 {
			k.report(path, "no sources", "name the addresses that the trunk calls from, such as 192.0.2.0/28")
		}
		k.notNegative(path+".max_calls", t.MaxCalls)
	}
}

func (k *checker) phones() {
	named(k, "phones", "account", userID, "letters, digits and . _ -", k.file.Phones, func(p Phone) string { return p.Account })
	for i := range k.file.Phones {
		p, path := &k.file.Phones[i], fmt.Sprintf("phones.%d", i)
		switch {
		case p.Password != "" && p.PasswordFile != "":
			k.report(path, "both password and password_file", "keep one of them")
		case p.PasswordFile != "":
			text, err := os.ReadFile(p.PasswordFile)
			if err != nil {
				k.report(path+".password_file", err.Error(), "expected the path of a file that can be read")
				continue
			}
			line, _, _ := strings.Cut(string(text), "\n")
			p.Password = strings.TrimSpace(line)
		}
		if p.Password == "" {
			k.report(path, "no password", "set password_file, or password for a trial")
		}
	}
}

func (k *checker) queues() {
	names := named(k, "queues", "name", word, wordWanted, k.file.Queues, func(q Queue) string { return q.Name })
	if len(names) > maxQueues {
		k.report("queues", fmt.Sprintf("%d queues", len(names)), fmt.Sprintf("keep to %d: each makes series in Prometheus", maxQueues))
	}
	codes := map[string]bool{}
	for i, q := range k.file.Queues {
		path := fmt.Sprintf("queues.%d", i)
		k.levels(path+".requires", q.Requires)
		k.notNegative(path+".max_length", q.MaxLength)
		if q.TransferCode != "" && (!digits.MatchString(q.TransferCode) || codes[q.TransferCode]) {
			k.report(path+".transfer_code", fmt.Sprintf("%q cannot be the code", q.TransferCode), "expected digits that no other queue has")
		}
		codes[q.TransferCode] = true
		able := slices.ContainsFunc(k.file.Agents, func(a Agent) bool { return able(a, q) })
		if !able && len(k.file.Agents) > 0 {
			k.report(path, fmt.Sprintf("nobody can serve the queue %q", q.Name), "lower requires, or give an agent the skills")
		}
	}
}

// able reports whether an agent may take callers of a queue.
func able(a Agent, q Queue) bool {
	if len(a.Queues) > 0 && !slices.Contains(a.Queues, q.Name) {
		return false
	}
	for skill, level := range q.Requires {
		if a.Skills[skill] < level {
			return false
		}
	}
	return true
}

func (k *checker) levels(path string, skills map[string]int) {
	for _, skill := range slices.Sorted(maps.Keys(skills)) {
		if !word.MatchString(skill) {
			k.report(join(path, skill), fmt.Sprintf("%q is no skill", skill), "expected "+wordWanted)
		}
		if level := skills[skill]; level < 1 || level > highestLevel {
			k.report(join(path, skill), fmt.Sprintf("level %d", level), fmt.Sprintf("expected a level from 1 to %d", highestLevel))
		}
	}
}

func (k *checker) agents() {
	named(k, "agents", "id", userID, "letters, digits and . _ -", k.file.Agents, func(a Agent) string { return a.ID })
	var accounts, queues []string
	for _, p := range k.file.Phones {
		accounts = append(accounts, p.Account)
	}
	for _, q := range k.file.Queues {
		queues = append(queues, q.Name)
	}
	taken := map[string]string{}
	for i, a := range k.file.Agents {
		path := fmt.Sprintf("agents.%d", i)
		k.known(path+".phone", "phone", a.Phone, accounts)
		if other, ok := taken[a.Phone]; ok {
			k.report(path+".phone", fmt.Sprintf("the phone of agent %s", other), "give each agent a phone")
		}
		taken[a.Phone] = a.ID
		k.levels(path+".skills", a.Skills)
		for j, q := range a.Queues {
			k.known(fmt.Sprintf("%s.queues.%d", path, j), "queue", q, queues)
		}
		for key, text := range map[string]string{"group": a.Group, "site": a.Site} {
			if !word.MatchString(text) {
				k.report(path+"."+key, fmt.Sprintf("%q is no %s", text, key), "expected "+wordWanted)
			}
		}
	}
}

func (k *checker) features() {
	f := k.file.Features
	used := map[string]string{}
	check := func(path, text string) {
		switch {
		case text == "":
		case !code.MatchString(text):
			k.report(path, fmt.Sprintf("%q is no feature code", text), "expected * and digits, such as *11")
		case used[text] != "":
			k.report(path, fmt.Sprintf("%s is the code of %s already", text, used[text]), "give each its own code")
		default:
			used[text] = path
		}
	}
	check("features.log_in", f.LogIn)
	check("features.log_out", f.LogOut)
	check("features.ready", f.Ready)
	check("features.transfer_queue", f.TransferQueue)
	check("features.transfer_agent", f.TransferAgent)
	for _, c := range slices.Sorted(maps.Keys(f.NotReady)) {
		path := "features.not_ready." + c
		check(path, c)
		if !word.MatchString(f.NotReady[c]) {
			k.report(path, fmt.Sprintf("%q is no reason", f.NotReady[c]), "expected "+wordWanted)
		}
	}
}

// library loads the prompts, nil if that fails.
func (k *checker) library() *prompts.Library {
	recordings := prompts.Embedded()
	if dir := k.file.Prompts.Overlay; dir != "" {
		over, err := prompts.WithOverlay(recordings, dir)
		if err != nil {
			k.report("prompts.overlay", err.Error(), "expected a directory with recordings laid out as the shipped ones")
			return nil
		}
		recordings = over
	}
	library, err := prompts.Load(recordings)
	if err != nil {
		k.report("prompts", err.Error(), "run cardline prompts check")
		return nil
	}
	return library
}

func (k *checker) prompts(library *prompts.Library) {
	for _, language := range library.Languages() {
		for _, id := range call.Prompts() {
			if !library.Has(language, id) {
				k.report("prompts", fmt.Sprintf("no prompt %q in the language %q", id, language), "add it to the manifest")
			}
		}
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
			k.report(path, "no numbers", "name the numbers that are dialled")
		}
		for j, n := range l.Numbers {
			at := fmt.Sprintf("%s.numbers.%d", path, j)
			switch {
			case !number.MatchString(n):
				k.report(at, fmt.Sprintf("%q is no number", n), "expected digits, in quotes")
			case taken[n] != "":
				k.report(at, fmt.Sprintf("the number of line %s", taken[n]), "give a number to one line")
			}
			taken[n] = l.Name
		}
		k.known(path+".flow", "flow", l.Flow, flows)
		l.Language = cmp.Or(l.Language, library.Languages()[0])
		k.known(path+".language", "language", l.Language, library.Languages())
		if l.HeadStart > longestHeadStart {
			k.report(path+".head_start", fmt.Sprintf("a head start of %v", l.HeadStart), "expected at most 24h")
		}
		if !word.MatchString(l.Class) {
			k.report(path+".class", fmt.Sprintf("%q is no class", l.Class), "expected "+wordWanted)
		}
	}
}

// sessionValues are what every session begins with.
var sessionValues = map[string]string{"recorded": "no"}

func (k *checker) flows(library *prompts.Library) *ivr.Program {
	env := ivr.Environment{Prompts: library, Values: slices.Sorted(maps.Keys(sessionValues))}
	for _, q := range k.file.Queues {
		env.Queues = append(env.Queues, q.Name)
	}
	for _, l := range k.file.Lines {
		env.Entries = append(env.Entries, l.Flow)
	}
	if len(k.problems) > 0 {
		// What could not be read would be reported twice; flows are checked
		// all the same.
		for _, p := range ivr.Check(k.file.Flows, env) {
			k.flowProblem(p)
		}
		return nil
	}
	program, err := ivr.Compile(k.file.Flows, env)
	if invalid, ok := err.(*ivr.InvalidError); ok { //nolint:errorlint // Compile returns no other
		for _, p := range invalid.Problems {
			k.flowProblem(p)
		}
	}
	return program
}

func (k *checker) flowProblem(p ivr.Problem) {
	for _, seen := range k.problems {
		if seen.Path == p.Path {
			return
		}
	}
	k.report(p.Path, p.Message, p.Remedy)
}

// warnings are what a planner should look at twice.
func (k *checker) warnings() (list []Problem) {
	d := &decoder{places: k.places}
	for i, l := range k.file.Lines {
		if l.HeadStart > oddHeadStart {
			d.report(fmt.Sprintf("lines.%d.head_start", i), fmt.Sprintf("a head start of %v holds everybody else up that long", l.HeadStart),
				"more than 10m is for loss reports and fraud")
		}
	}
	sortProblems(d.problems)
	return d.problems
}
