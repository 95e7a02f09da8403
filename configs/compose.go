package configs

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"

	"cardline/acd"
	"cardline/calendar"
	"cardline/call"
	"cardline/caller"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// SIP returns the signalling's options; handler, observer and log are left to
// the composition root.
func (c *Config) SIP() sip.Options {
	s := c.File.SIP
	o := sip.Options{
		Realm: s.Realm, MaxCalls: s.MaxCalls, MaxSetups: s.MaxSetups, SetupsPerSecond: s.SetupsPerSecond, Reloadable: c.Reloadable(),
	}
	for _, l := range s.Listen {
		listener := sip.Listener{Network: l.Network, Address: l.Address, Advertise: l.Advertise}
		for _, a := range l.Algorithms {
			listener.Algorithms = append(listener.Algorithms, map[string]sip.Algorithm{"md5": sip.MD5, "sha-256": sip.SHA256}[a])
		}
		o.Listeners = append(o.Listeners, listener)
	}
	return o
}

// Reloadable returns the part of the signalling's options that a reload
// replaces.
func (c *Config) Reloadable() (r sip.Reloadable) {
	for _, t := range c.File.Trunks {
		r.Trunks = append(r.Trunks, sip.Trunk{Name: t.Name, Sources: t.Sources, MaxCalls: t.MaxCalls, MaxSetups: t.MaxSetups, Phones: t.Phones})
	}
	for _, n := range c.File.Networks {
		r.Networks = append(r.Networks, sip.Network{Name: n.Name, Sources: n.Sources, MaxStreams: n.MaxStreams, PacketsPerSecond: n.PacketsPerSecond})
	}
	ofAgent := map[string]bool{}
	for _, a := range c.File.Agents {
		ofAgent[a.Phone] = true
	}
	for _, p := range c.File.Phones {
		calls := 1
		if ofAgent[p.Account] {
			calls = 2 // one that is held, and one to ask
		}
		r.Accounts = append(r.Accounts, sip.Account{User: p.Account, Password: p.Password, NAT: p.NAT, MaxCalls: cmp.Or(p.MaxCalls, calls)})
	}
	r.FreeNumbers = c.File.Features.codes()
	return r
}

// codes returns the codes that phones dial.
func (f Features) codes() []string {
	codes := []string{f.LogIn, f.LogOut, f.Ready, f.Extend}
	for _, all := range []iter.Seq[string]{maps.Keys(f.NotReady), maps.Keys(f.Dispositions), maps.Keys(f.Switches)} {
		codes = slices.AppendSeq(codes, all)
	}
	codes = slices.DeleteFunc(codes, func(code string) bool { return code == "" })
	slices.Sort(codes)
	return codes
}

// Legs returns how many legs there is room for: as many as sip.max_calls says,
// or as the media has ports for.
func (c *Config) Legs() int {
	_, low, high := c.File.Media.mediaBounds()
	return min(cmp.Or(c.File.SIP.MaxCalls, sip.DefaultMaxCalls), (high-low+1)/2)
}

// Media returns the options of the media engine.
func (c *Config) Media() media.Options {
	m := c.File.Media
	return media.Options{
		Loops: m.Loops, Bind: m.Bind, Advertise: m.Advertise, PortMin: m.PortMin, PortMax: m.PortMax, RTPTimeout: m.RTPTimeout, Terse: m.Terse,
	}
}

// Routing returns the options of the router.
func (c *Config) Routing() acd.Options {
	var o acd.Options
	for _, q := range c.File.Queues {
		o.Queues = append(o.Queues, q.routing())
	}
	for _, a := range c.File.Agents {
		o.Agents = append(o.Agents, a.routing())
	}
	f := c.File.Features
	reasons := slices.Sorted(maps.Values(f.NotReady))
	reasons = append(reasons, slices.Sorted(maps.Keys(f.Reasons))...)
	slices.Sort(reasons)
	for _, name := range slices.Compact(reasons) {
		o.Reasons = append(o.Reasons, acd.Reason{Name: name, Allowed: f.Reasons[name].Allowed})
	}
	return o
}

// Call returns what calls go by.
func (c *Config) Call() *call.Config {
	f := c.File.Features
	o := &call.Config{
		Digest: c.Digest, Lines: map[string]*call.Line{}, Program: c.Program, Prompts: c.Library, Routing: c.Routing(),
		Devices: map[string]string{}, Sites: map[string]string{}, Queues: map[string]call.QueueOptions{}, AgentLanguage: c.Library.Languages()[0],
		Features: call.Features{
			LogIn: f.LogIn, LogOut: f.LogOut, Ready: f.Ready, NotReady: f.NotReady,
			TransferQueue: f.TransferQueue, TransferAgent: f.TransferAgent,
			Extend: f.Extend, Dispositions: f.Dispositions, Modes: c.phoneSwitches(),
		},
		Callbacks: c.callbacks(),
		Media:     call.MediaSources{Trunks: map[string][]netip.Prefix{}, Latching: map[string]bool{}},
		Limits: call.Limits{
			Caller: c.File.Callers.PerDay.limits(), Trunk: c.File.Callers.TrunkPerDay.limits(), Zone: c.Zone(),
		},
	}
	for _, n := range c.File.Networks {
		o.Media.Networks = append(o.Media.Networks, call.NetworkMedia{Sources: n.Sources, Media: n.MediaSources})
	}
	for _, l := range c.File.Lines {
		line := &call.Line{
			Name: l.Name, Flow: l.Flow, Language: l.Language, HeadStart: l.HeadStart, Class: l.Class, Values: sessionValues,
			Hours: clock{c.Calendar(l.Hours), c.Ahead}, Flows: l.flows(),
		}
		for _, n := range l.Numbers {
			o.Lines[n] = line
		}
	}
	for _, q := range c.File.Queues {
		options := call.QueueOptions{
			Code: q.TransferCode, AnnounceEvery: q.Announce, Silent: q.Silent, ExitKey: keyOf(q.ExitKey),
			LastAgent: q.LastAgent, PreferFor: q.PreferFor, Hours: clock{c.Calendar(q.Hours), c.Ahead},
		}
		if q.Callback != nil {
			options.CallbackKey = keyOf(q.Callback.key())
			if q.Callback.Hours != "" {
				options.CallbackHours = clock{c.Calendar(q.Callback.Hours), c.Ahead}
			}
		}
		o.Queues[q.Name] = options
	}
	for _, a := range c.File.Agents {
		o.Devices[a.Phone] = a.ID
	}
	for _, t := range c.File.Trunks {
		o.Sites[t.Name] = t.Site
		o.Media.Trunks[t.Name], o.Media.Latching[t.Name] = t.MediaSources, t.Latch
	}
	return o
}

// clock is a calendar as calls ask it.
type clock struct {
	*calendar.Calendar
	ahead time.Duration // of the real time
}

// At tells the mode of a moment, why, and when it changes.
func (c clock) At(t time.Time) (mode ledger.Mode, why string, until time.Time) {
	s := c.State(t.Add(c.ahead))
	if !s.Until.IsZero() {
		s.Until = s.Until.Add(-c.ahead)
	}
	return ledger.Mode(s.Mode), s.Why, s.Until
}

// keyOf returns the key that is written, zero if there is none.
func keyOf(text string) byte {
	if text == "" {
		return 0
	}
	return text[0]
}

// flows returns the flows of a line in other modes than open.
func (l Line) flows() map[ledger.Mode]string {
	flows := map[ledger.Mode]string{}
	for _, m := range calendar.Modes() {
		if m != calendar.Open {
			flows[ledger.Mode(m)] = l.FlowIn(m)
		}
	}
	return flows
}

// phoneSwitches returns what codes switch. One that names nothing switches
// everything.
func (c *Config) phoneSwitches() map[string]call.Switch {
	switches := map[string]call.Switch{}
	for code, s := range c.File.Features.Switches {
		made := call.Switch{Accounts: s.Accounts, Queues: s.Queues, Lines: s.Lines, For: s.For, Why: s.Why}
		if s.Mode != toHours { // whose mode is empty
			made.Mode = ledger.Mode(s.Mode)
		}
		if len(s.Queues)+len(s.Lines) == 0 {
			for _, q := range c.File.Queues {
				made.Queues = append(made.Queues, q.Name)
			}
			for _, l := range c.File.Lines {
				made.Lines = append(made.Lines, l.Name)
			}
		}
		switches[code] = made
	}
	return switches
}

// callbacks returns the rules for calls back, none without a trunk.
func (c *Config) callbacks() call.Callbacks {
	trunk, ok := c.CallbackTrunk()
	if !ok {
		return call.Callbacks{}
	}
	b := c.File.Callbacks
	return call.Callbacks{
		URI: "sip:%s@" + trunk.Address, Trunk: trunk.Name, User: trunk.User, Password: trunk.Password,
		From: b.From, Allow: b.Prefixes, Deny: b.Deny, PerDay: *b.PerDay, PerCaller: *b.PerCaller, Zone: c.Zone(),
		Plan: b.plan(), DialCodes: b.DialCodes,
	}
}

// plan returns the numbers that there are, nil for those of the mainland.
func (b Callbacks) plan() (plan caller.Plan) {
	for _, r := range b.Plan {
		plan = append(plan, caller.Range{Begins: r.Begins, Least: r.Digits, Most: cmp.Or(r.UpTo, r.Digits)})
	}
	return plan
}
