package configs_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardline/acd"
	"cardline/call"
	"cardline/configs"
	"cardline/ledger"
)

const richQueues = `
queues:
  - name: cards
    requires: mandarin >= 3 and (cards >= 5 or complaints)
    sites: [main]
    steps:
      - {after: 30s, requires: {cards: 3}}
      - {after: 1m, when_estimate_over: 2m, queues: [english], sites: []}
      - {when_estimate_over: 10m, requires: ""}
    strategy: least_skilled
    same_site_first: true
    ring: 12s
    ring_group: 3
    wrap_up: {policy: forced, max: 5m, extend: 1m}
    dispositions: [fee, other]
    overflow:
      - {when: length > 50, to: english}
      - {when: estimate>10m, to: flow}
      - {when: wait > 90s, to: complaints, return: true}
      - {when: closed}
    exit_key: "9"
    max_wait: 15m
    max_length: 80
    leave_if_no_agents: true
    offer_again: true
    regain: 10m
    callback: {first: agent, attempts: 4, gap: 5m, ring: 25s, keep: 8h, hours: office}
  - {name: complaints, requires: {mandarin: 5, complaints: 3}, wrap_up: 20s, callback: {}}
  - {name: english, requires: {english: 3}}
callbacks: {trunk: carrier, from: "95500"}
trunks:
  - {name: carrier, sources: [127.0.0.1/32], phones: true, address: "192.0.2.70:5060", user: cardline, password: trial}
`

func required(t *testing.T, text string) acd.Requirement {
	t.Helper()
	r, err := acd.ParseRequirement(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRoutingOptions holds that what a planner writes arrives in the router,
// and that what a step leaves out stays as it was.
func TestRoutingOptions(t *testing.T) {
	tree := with(t, "queues.yaml", richQueues, "cardline.yaml", "sip: {listen: [{network: udp, address: \"127.0.0.1:5060\"}]}\n")
	if got := warnings(t, tree); got != "" {
		t.Errorf("got the warnings\n%s\nwant none", got)
	}
	c, err := configs.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	relaxed := required(t, "cards >= 3")
	want := []acd.Queue{
		{
			Name: "cards", Requires: required(t, "mandarin >= 3 and (cards >= 5 or complaints)"), Sites: []string{"main"},
			Steps: []acd.Step{
				{After: 30 * time.Second, Requires: relaxed, Sites: []string{"main"}},
				{After: time.Minute, EstimateOver: 2 * time.Minute, Requires: relaxed, Queues: []string{"english"}, Sites: []string{}},
				{EstimateOver: 10 * time.Minute, Queues: []string{"english"}, Sites: []string{}},
			},
			Strategy: acd.LeastSkilled, SameSiteFirst: true, RingTimeout: 12 * time.Second, RingGroup: 3,
			WrapUp: acd.WrapUp{Policy: acd.WrapUpForced, Max: 5 * time.Minute, Extend: time.Minute}, Dispositions: []string{"fee", "other"},
			Overflow: []acd.Overflow{
				{When: acd.OverLength, Length: 50, To: "english"},
				{When: acd.OverEstimate, Wait: 10 * time.Minute},
				{When: acd.OverWait, Wait: 90 * time.Second, To: "complaints", Return: true},
				{When: acd.OnClosing},
				{When: acd.OverLength, Length: 80},
				{When: acd.OverWait, Wait: 15 * time.Minute},
				{When: acd.NoAgents},
				{When: acd.OnExitKey},
			},
			OfferAgain: true, Regain: 10 * time.Minute,
			Callback: acd.Callback{First: acd.AgentFirst, Attempts: 4, Gap: 5 * time.Minute, Ring: 25 * time.Second, Keep: 8 * time.Hour},
		},
		{
			Name: "complaints", Requires: acd.RequireLevels(map[string]int{"mandarin": 5, "complaints": 3}),
			WrapUp: acd.WrapUp{Policy: acd.WrapUpTimed, For: 20 * time.Second}, Callback: acd.Callback{First: acd.CallerFirst},
		},
		{Name: "english", Requires: required(t, "english >= 3"), WrapUp: acd.WrapUp{Policy: acd.WrapUpNone}},
	}
	same := cmp.Comparer(func(a, b acd.Requirement) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, c.Routing().Queues, same); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if trunk, ok := c.CallbackTrunk(); !ok || trunk.Address != "192.0.2.70:5060" || trunk.Password != "trial" {
		t.Errorf("got %+v, %v, want the trunk of the calls back", trunk, ok)
	}
	reasons := []acd.Reason{{Name: "break", Allowed: 15 * time.Minute}, {Name: "lunch", Allowed: time.Hour}, {Name: "training"}}
	if diff := cmp.Diff(reasons, c.Routing().Reasons); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCallOptions holds that hours, keys, codes and the rules for calls back
// arrive in calls.
func TestCallOptions(t *testing.T) {
	c, err := configs.Load(with(t, "queues.yaml", richQueues, "cardline.yaml", "sip: {listen: [{network: udp, address: \"127.0.0.1:5060\"}]}\n",
		"lines.yaml", "lines:\n  - {name: main, numbers: [\"95500\"], hours: office, closed: loss, emergency: person}\n",
		"agents.yaml", `
features:
  extend: "*16"
  dispositions: {"*61": fee}
  switches: {"*70": {accounts: ["1008", "2001"], mode: emergency, for: 2h, why: storm}, "*71": {accounts: ["1008"], mode: hours, queues: [cards]}}
phones: [{account: "1008", password: a password}, {account: "2001", password: a password}]
`))
	if err != nil {
		t.Fatal(err)
	}
	k := c.Call()
	line, cards, complaints := k.Lines["95500"], k.Queues["cards"], k.Queues["complaints"]
	holiday := time.Date(2026, 10, 1, 9, 0, 0, 0, c.Zone())
	mode, why, until := line.Hours.At(holiday)
	if mode != ledger.ModeHoliday || why != "国庆节" || !until.Equal(time.Date(2026, 10, 8, 0, 0, 0, 0, c.Zone())) {
		t.Errorf("got %s (%s) until %v, want the holiday and its end", mode, why, until)
	}
	if mode, _, until := cards.Hours.At(holiday); mode != ledger.ModeOpen || !until.IsZero() {
		t.Errorf("got %s until %v, want that a queue without hours is open for ever", mode, until)
	}
	flows := map[ledger.Mode]string{ledger.ModeClosed: "loss", ledger.ModeHoliday: "loss", ledger.ModeEmergency: "person"}
	if diff := cmp.Diff(flows, line.Flows); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if cards.ExitKey != '9' || cards.CallbackKey != '1' || complaints.ExitKey != 0 || k.Queues["english"].CallbackKey != 0 {
		t.Errorf("got the keys %q %q %q %q", cards.ExitKey, cards.CallbackKey, complaints.ExitKey, k.Queues["english"].CallbackKey)
	}
	modes := map[string]call.Switch{
		"*70": {Accounts: []string{"1008", "2001"}, Queues: []string{"cards", "complaints", "english"}, Lines: []string{"main"}, Mode: ledger.ModeEmergency, For: 2 * time.Hour, Why: "storm"},
		"*71": {Accounts: []string{"1008"}, Queues: []string{"cards"}},
	}
	if diff := cmp.Diff(modes, k.Features.Modes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	back := call.Callbacks{
		URI: "sip:%s@192.0.2.70:5060", Trunk: "carrier", User: "cardline", Password: "trial", From: "95500",
		Allow: []string{"13", "14", "15", "16", "17", "18", "19", "0"}, Deny: []string{"00", "160", "168", "96"}, PerDay: 1000, PerCaller: 3,
	}
	if zone := k.Callbacks.Zone; zone == nil || zone.String() != "Asia/Shanghai" {
		t.Errorf("a day begins in %v", zone)
	}
	k.Callbacks.Zone = nil
	if diff := cmp.Diff(back, k.Callbacks); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if k.Features.Extend != "*16" || k.Features.Dispositions["*61"] != "fee" {
		t.Errorf("got the codes %q and %v", k.Features.Extend, k.Features.Dispositions)
	}
}

// TestOldFormsOfAQueue holds that queues are taken that were written before
// there were expressions, policies and overflow.
func TestOldFormsOfAQueue(t *testing.T) {
	load := func(queues string) []acd.Queue {
		c, err := configs.Load(with(t, "queues.yaml", queues))
		if err != nil {
			t.Fatal(err)
		}
		return c.Routing().Queues
	}
	others := "  - {name: complaints}\n  - {name: english}\n"
	was := load("queues:\n  - {name: cards, requires: {mandarin: 3, cards: 3}, wrap_up: 10s, max_wait: 15m, leave_if_no_agents: true}\n" + others)
	is := load("queues:\n  - {name: cards, requires: cards >= 3 and mandarin >= 3, wrap_up: {policy: timed, for: 10s}, overflow: [{when: wait > 15m}, {when: no_agents}]}\n" + others)
	if diff := cmp.Diff(is, was, cmp.Comparer(func(a, b acd.Requirement) bool { return a.String() == b.String() })); diff != "" {
		t.Errorf("-new form +old form:\n%s", diff)
	}
}

func TestCallsBackOfTheDefault(t *testing.T) {
	c, err := configs.Load(configs.Default())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.CallbackTrunk(); ok || c.Call().Callbacks.URI != "" || *c.File.Callbacks.PerDay != 1000 {
		t.Errorf("got %+v, want no calls back in the default hotline, and a limit", c.File.Callbacks)
	}
}

// TestCallsBackOfADay holds that 0 promises none, and that only a limit which is
// not there is the default.
func TestCallsBackOfADay(t *testing.T) {
	for perDay, want := range map[string]int{"": 1000, ", per_day: 0": 0, ", per_day: 7": 7} {
		c, err := configs.Load(with(t, "cardline.yaml", "sip: {listen: [{network: udp, address: \"127.0.0.1:5060\"}]}\n"+
			"trunks: [{name: t, sources: [127.0.0.1/32], address: \"192.0.2.70:5060\"}]\ncallbacks: {trunk: t, from: \"95500\""+perDay+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Call().Callbacks.PerDay; got != want {
			t.Errorf("%q: %d calls back a day, want %d", perDay, got, want)
		}
	}
}

// TestSites holds that trunks bring callers in where they say, else at main, and
// that a site without agents is shown to the planner.
func TestSites(t *testing.T) {
	tree := with(t, "cardline.yaml", "sip: {listen: [{network: udp, address: \"127.0.0.1:5060\"}]}\ntrunks:\n"+
		"  - {name: here, sources: [127.0.0.1/32], phones: true}\n  - {name: there, sources: [127.0.0.2/32], site: norht}\n")
	tree["queues.yaml"] = &fstest.MapFile{Data: []byte("queues: [{name: cards, same_site_first: true}, {name: complaints}, {name: english}]\n")}
	tree["agents.yaml"] = &fstest.MapFile{Data: []byte("phones: [{account: a1, password: 8ht2kd9s}, {account: a2, password: q0x7mvn3}]\nagents: [{id: a1}, {id: a2, site: north}]\n")}
	c, err := configs.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Call().Sites; got["here"] != "main" || got["there"] != "norht" {
		t.Errorf("callers come in at %v", got)
	}
	if got, want := warnings(t, tree), "cardline.yaml:4:50: trunks.1.site: no agent is at norht, where a queue looks first; did you mean north?"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestRoutingWarnings shows what a planner should look at twice.
func TestRoutingWarnings(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"loss and fraud may go before everybody": {
			"lines.yaml", "lines:\n  - {name: main, numbers: [\"95500\"], head_start: 1h, class: fraud}\n  - {name: stop, numbers: [\"95501\"], head_start: 24h, class: card_loss}\n", "",
		},
		"glossy may not": {
			"lines.yaml", "lines:\n  - {name: main, numbers: [\"95500\"], head_start: 1h, class: glossy}\n",
			"lines.yaml:2:50: lines.0.head_start: a head start of 1h0m0s holds everybody else up that long; more than 10m is for loss reports and fraud",
		},
		"a flow that lets people overtake": {
			"flows/person.yaml", "steps:\n  start: {do: queue, queue: cards, head_start: 30m, results: {answered: bye, timeout: bye, no_agents: bye, closed: bye, error: bye}}\n  bye: {do: hangup}\n",
			"flows/person.yaml:2:48: flows.person.steps.start.head_start: a head start of 30m0s holds everybody else up that long; more than 10m is for loss reports and fraud",
		},
		"overflow into another closed queue": {
			"queues.yaml", "queues:\n  - {name: cards, hours: office, overflow: [{when: closed, to: complaints}]}\n  - {name: complaints, hours: office}\n  - {name: english}\n",
			"queues.yaml:2:45: queues.0.overflow.0: the queue complaints is closed at the same hours; name one that is open then, or flow",
		},
	} {
		tree := with(t, c.file, c.text)
		if c.file == "queues.yaml" {
			tree["agents.yaml"] = &fstest.MapFile{Data: []byte("agents: []\n")} // whose skills nobody would need
		}
		if got := warnings(t, tree); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
