package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/configs"
	"cardline/ledger"
	"cardline/store/sqlite"
)

// TestSimulateErlang holds the JSON of the command against the names that were
// agreed on, and against theory.
func TestSimulateErlang(t *testing.T) {
	out, code, err := execute(t, "simulate", "--erlang", "lambda=0.1,mu=0.01,theta=0.005,n=11", "--calls", "20000", "--seed", "3", "--threshold", "30s", "--json")
	if code != 0 {
		t.Fatal(code, err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got["calls"] != 20000.0 || got["threshold_seconds"] != 30.0 || got["seed"] != 3.0 {
		t.Errorf("got %v calls, threshold %v, seed %v", got["calls"], got["threshold_seconds"], got["seed"])
	}
	q, err := parseErlang("lambda=0.1,mu=0.01,theta=0.005,n=11")
	if err != nil {
		t.Fatal(err)
	}
	want, err := q.Figures(30)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"p_wait": want.Wait, "asa_seconds": want.ASA, "asa_answered_seconds": want.ASAAnswered, "p_abandon": want.Abandon,
		"service_level_answered": want.ServiceLevelAnswered, "service_level_offered": want.ServiceLevelOffered, "occupancy": want.Occupancy,
	} {
		interval, ok := got[name+"_ci"].([]any)
		if !ok || len(interval) != 2 {
			t.Errorf("%s_ci is %v", name, got[name+"_ci"])
			continue
		}
		low, high := interval[0].(float64), interval[1].(float64)
		if value := got[name].(float64); !(low <= value && value <= high) || !(low <= want && want <= high) {
			t.Errorf("%s is %v from %v to %v, in theory %v", name, value, low, high, want)
		}
	}
	out, code, err = execute(t, "simulate", "--erlang", "lambda=0.1, mu=0.01, n=12", "--calls", "2000")
	if code != 0 || !strings.Contains(out, "in theory") || !strings.Contains(out, "abandoned") {
		t.Errorf("as text: got %d (%v)\n%s", code, err, out)
	}
}

// TestSimulateBadInput spoils one flag at a time; the error names it and says
// what is expected.
func TestSimulateBadInput(t *testing.T) {
	scenario := filepath.Join(t.TempDir(), "day.yaml")
	if err := os.WriteFile(scenario, []byte("length: 1h\nqueues: [{name: q}]\nstaff: [{agents: 2}]\ncallers:\n  - {queue: q, per_hour: [30], talk: 1x}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := []string{"simulate", "--config", "../../configs/default", "--talk", "1m", "--per-hour"}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"simulate", "--erlang", "lambda=-1,mu=1,n=1"}, exitUsage, "--erlang: lambda is -1"},
		{[]string{"simulate", "--erlang", "lambda=1,mu=1,n=1"}, exitUsage, "--erlang: the queue grows for ever"},
		{[]string{"simulate", "--erlang", "lambda=1,mu=x,n=1"}, exitUsage, `--erlang: "mu=x" is no number`},
		{[]string{"simulate", "--erlang", "lambda=NaN,mu=1,n=1"}, exitUsage, `--erlang: "lambda=NaN" is no number`},
		{[]string{"simulate", "--erlang", "lambda=1,mu=1,n=1.5"}, exitUsage, "--erlang: n is 1.5"},
		{[]string{"simulate", "--erlang", "lambda=1,mu=1,n=1e9"}, exitUsage, "--erlang: n is 1e9"},
		{[]string{"simulate", "--erlang", "lambda=1,mu=1"}, exitUsage, "--erlang: n is missing"},
		{[]string{"simulate", "--erlang", "lambda=1,lambda=1,mu=1,n=1"}, exitUsage, "--erlang: lambda is given twice"},
		{[]string{"simulate", "--erlang", "lamda=1,mu=1,n=1"}, exitUsage, `--erlang: unknown key "lamda"; expected`},
		{[]string{"simulate", "--erlang", "lambda=1,mu=2,n=1", "--days", "3"}, exitUsage, "--days: has no meaning with --erlang"},
		{[]string{"simulate", "--erlang", "lambda=1,mu=2,n=1", "--calls", "-5"}, exitUsage, "--calls: -5 makes no sense"},
		{[]string{"simulate", "--erlang", "lambda=1,mu=2,n=1", "--csv", "x"}, exitUsage, "--csv: there are no half hours"},
		{[]string{"simulate", "--erlang", "lambda=1,mu=2,n=1", scenario}, exitUsage, "--erlang: has no meaning with a scenario"},
		{[]string{"simulate", "--calls-per-day", "0"}, exitUsage, "--calls-per-day: 0 makes no sense"},
		{[]string{"simulate", "--agents", "-1"}, exitUsage, "--agents: -1 makes no sense"},
		{[]string{"simulate", "--days", "0"}, exitUsage, "--days: 0 makes no sense"},
		{[]string{"simulate", "--threshold", "0s"}, exitUsage, "--threshold: 0s makes no sense"},
		{[]string{"simulate", "--confidence", "1"}, exitUsage, "--confidence: 1 makes no sense"},
		{[]string{"simulate", "--replications", "0"}, exitUsage, "--replications: 0 makes no sense"},
		{[]string{"simulate", "--absent", "1"}, exitUsage, "--absent: 1 makes no sense"},
		{[]string{"simulate", "--scale", "-1"}, exitUsage, "--scale: -1 makes no sense"},
		{[]string{"simulate", "--warm-up", "-1s"}, exitUsage, "--warm-up: -1s makes no sense"},
		{[]string{"simulate", "--talk", "exp:soon"}, exitUsage, "expected one like 30s"},
		{[]string{"simulate", "--talk", "1m"}, exitUsage, "--talk: has no meaning with a typical day"},
		{[]string{"simulate", "--nonsense"}, exitUsage, "unknown flag"},
		{[]string{"simulate", "/nowhere.yaml"}, exitFailed, "no such file"},
		{[]string{"simulate", scenario}, exitInvalid, scenario + ":5: callers[0].talk: time \"1x\": expected one like"},
		{[]string{"simulate", "--config", "/nowhere"}, exitFailed, "--config: "},
		{config[:5], exitUsage, "--per-hour: nobody calls"},
		{append(config, "crads=3"), exitUsage, `--per-hour: unknown queue "crads"; choose cards, complaints, english`},
		{append(config, "cards=-3"), exitUsage, "--per-hour: cards=-3 makes no sense"},
		{append(config, "cards=3", "--begin", "8am"), exitUsage, "--begin: \"8am\" is no time of day"},
		{append(config, "cards=3", "--replay", "/nowhere.csv"), exitFailed, "no such file"},
		{append(config, "cards=3", "--date", "yesterday"), exitUsage, `--date: "yesterday" is no date`},
		{append(config, "cards=3", "--callbacks", "0.3"), exitUsage, "--callbacks: no queue offers to call back"},
		{append(config, "cards=3", "--callbacks", "3"), exitUsage, "--callbacks: 3 makes no sense"},
		{append(config, "cards=3", "--redials", "1"), exitUsage, "--redials: 1 makes no sense"},
		{[]string{"simulate", "--date", "2026-10-01"}, exitUsage, "--date: has no meaning with a typical day"},
		{[]string{"plan", "--date", "2026-10-01"}, exitUsage, "--date: has no meaning with a plan"},
		{append(config, "cards=3", "--data", "/nowhere"), exitUsage, "--data: "},
		{append(config, "cards=3", "--against", "/nowhere"), exitUsage, "--against: "},
		{append(config, "cards=3", "--record", "/nowhere/x"), exitUsage, "--record: "},
		{append(config, "cards=3", "--talk", "endless"), exitInvalid, "no call would ever end"},
		{[]string{"plan", "--level", "180%"}, exitUsage, "--level: the service level is 1.8"},
		{[]string{"plan", "--level", "80%", "--asa", "3s"}, exitUsage, "--level: expected one target"},
		{[]string{"plan", "--asa", "-3s"}, exitUsage, "--asa: -3s makes no sense"},
		{[]string{"plan", "--abandon", "few"}, exitUsage, `--abandon: "few" makes no sense`},
		{[]string{"plan", "--absence", "100%"}, exitUsage, "--absence: "},
		{[]string{"plan", "--agents", "5"}, exitUsage, "--agents: has no meaning with a plan"},
	} {
		out, code, err := execute(t, c.args...)
		if code != c.code || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %d (%v), want %d and %q\n%s", c.args, code, err, c.code, c.want, out)
		}
	}
}

// TestSimulateFiles writes every file that there is, and compares.
func TestSimulateFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("shifts.csv"), []byte("agent,from,to\n1001,08:00,09:30\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{
		"simulate", "--config", "../../configs/default", "--per-hour", "cards=60,english=10", "--length", "2h",
		"--talk", "exp:3m", "--patience", "exp:2m", "--replications", "3",
	}
	out, code, err := execute(t, append(common, "--csv", at("day.csv"), "--svg", at("day.svg"), "--record", at("commands"), "--shifts", at("shifts.csv"))...)
	if code != 0 || !strings.Contains(out, "SL-5 short excluded") || !strings.Contains(out, "international") {
		t.Fatalf("got %d (%v)\n%s", code, err, out)
	}
	for name, want := range map[string]string{"day.csv": "08:00,cards,", "day.svg": "</svg>", "commands": `"do":"Enqueue"`} {
		text, err := os.ReadFile(at(name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, want %q in it", name, err, want)
		}
	}
	file, err := os.Open(at("commands"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		var m acd.Moment
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			t.Fatalf("%v: %s", err, s.Text())
		}
	}
	queues, err := fs.ReadFile(configs.Default(), "queues.yaml")
	if err != nil {
		t.Fatal(err)
	}
	other := copied(t, "queues.yaml", strings.Replace(string(queues), "ring: 15s", "ring: 5s", 1))
	out, code, err = execute(t, append(common, "--against", other)...)
	if code != 0 || !strings.Contains(out, "difference") || !strings.Contains(out, "the same 3 runs of callers for both") {
		t.Errorf("compared: got %d (%v)\n%s", code, err, out)
	}
}

// TestSimulateDates holds that the queues of a configuration keep their hours
// from a date on, and that both of two configurations do.
func TestSimulateDates(t *testing.T) {
	args := []string{
		"simulate", "--config", "../../configs/default", "--per-hour", "complaints=60", "--begin", "10:00", "--length", "1h",
		"--talk", "1m", "--replications", "2", "--json",
	}
	type figures struct {
		Calls      int `json:"calls"`
		TurnedAway int `json:"turned_away"`
	}
	for _, c := range []struct {
		extra []string
		shut  bool
	}{
		{nil, false},
		{[]string{"--date", "2026-10-01"}, true}, // National Day
		{[]string{"--date", "2026-10-12"}, false},
	} {
		out, code, err := execute(t, append(args, c.extra...)...)
		var got figures
		if code != 0 || json.Unmarshal([]byte(out), &got) != nil || got.Calls+got.TurnedAway < 80 || (got.Calls == 0) != c.shut || (got.TurnedAway > 0) != c.shut {
			t.Errorf("%v: got %d (%v), %+v", c.extra, code, err, got)
		}
	}
	other := copied(t, "switches.yaml", "switches:\n  - {mode: open, from: 2026-10-01T09:00, until: 2026-10-01T12:00}\n")
	out, code, err := execute(t, append(args, "--date", "2026-10-01", "--against", other)...)
	var both struct{ First, Second figures }
	if code != 0 || json.Unmarshal([]byte(out), &both) != nil || both.First.Calls != 0 || both.Second.Calls != both.First.TurnedAway {
		t.Errorf("compared: got %d (%v), %+v", code, err, both)
	}
}

// TestSimulateDetours lets flags say what callers do who do not get through.
func TestSimulateDetours(t *testing.T) {
	scenario := filepath.Join(t.TempDir(), "day.yaml")
	if err := os.WriteFile(scenario, []byte(`length: 2h
queues: [{name: q, callback: {first: caller}}]
staff: [{agents: 3}]
callers:
  - {queue: q, per_hour: [120], talk: 2m, patience: exp:2m}
callbacks: {share: 0.1, per_day: 7}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	type figures struct {
		Calls, Redials int
		Callbacks      struct{ Asked, Reached, Failed int }
	}
	read := func(flags ...string) (got figures) {
		out, code, err := execute(t, append([]string{"simulate", scenario, "--json"}, flags...)...)
		if code != 0 || json.Unmarshal([]byte(out), &got) != nil {
			t.Fatalf("got %d (%v)\n%s", code, err, out)
		}
		return got
	}
	alone, more, none := read(), read("--callbacks", "1", "--redials", "0.5"), read("--callbacks", "0")
	if alone.Callbacks.Asked < 1 || alone.Redials != 0 || none.Callbacks.Asked != 0 {
		t.Errorf("as the scenario says %+v, without callbacks %+v", alone, none)
	}
	if more.Callbacks.Asked != 7 || more.Redials < 10 || more.Calls != none.Calls+more.Redials {
		t.Errorf("with more of both: got %+v", more)
	}
}

// calling returns a configuration whose queue of cards calls back, so often in
// a day, and whose trunk is at that site.
func calling(t *testing.T, perDay int, site string) string {
	t.Helper()
	queues, err := fs.ReadFile(configs.Default(), "queues.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := copied(t, "queues.yaml", strings.Replace(string(queues), "# callback:", "callback:", 1)+
		fmt.Sprintf("callbacks: {trunk: carrier, from: '95500', per_day: %d}\n", perDay))
	basics, err := os.ReadFile(filepath.Join(dir, "cardline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	carrier := fmt.Sprintf("trunks:\n  - {name: carrier, sources: [192.0.2.0/28], address: '192.0.2.1:5060', site: %s}", site)
	if err := os.WriteFile(filepath.Join(dir, "cardline.yaml"), []byte(strings.Replace(string(basics), "trunks:", carrier, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestSimulateCallbacksOfBoth compares two configurations, each of which
// promises as many calls back as it says itself.
func TestSimulateCallbacksOfBoth(t *testing.T) {
	args := []string{
		"simulate", "--per-hour", "cards=300", "--length", "1h", "--talk", "2m", "--patience", "exp:2m",
		"--callbacks", "1", "--json", "--config", calling(t, 5, "main"),
	}
	out, code, err := execute(t, append(args, "--against", calling(t, 9, "main"))...)
	type figures struct{ Callbacks struct{ Asked int } }
	var got struct{ First, Second figures }
	if code != 0 || json.Unmarshal([]byte(out), &got) != nil || got.First.Callbacks.Asked != 5 || got.Second.Callbacks.Asked != 9 {
		t.Errorf("got %d (%v), %+v, want 5 and 9 asked", code, err, got)
	}
}

// TestSimulateNoCallbacks says why nobody can be called back.
func TestSimulateNoCallbacks(t *testing.T) {
	args := []string{"simulate", "--per-hour", "cards=30", "--length", "1h", "--talk", "2m", "--callbacks", "0.5", "--config"}
	_, code, err := execute(t, append(args, calling(t, 0, "main"))...)
	if want := "--callbacks: the configuration has callbacks.per_day: 0, so that nobody is called back"; code != exitUsage || !strings.Contains(err.Error(), want) {
		t.Errorf("got %d (%v), want %q", code, err, want)
	}
}

// TestSimulateManual plays the scenario of docs/routing.md.
func TestSimulateManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/routing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(manual), "```yaml\nname: ")
	text, _, found := strings.Cut(rest, "```")
	scenario := filepath.Join(t.TempDir(), "day.yaml")
	if err := os.WriteFile(scenario, []byte("name: "+text), 0o600); err != nil || !found {
		t.Fatal(err, "or no scenario")
	}
	out, code, err := execute(t, "simulate", scenario)
	if code != 0 || !strings.Contains(out, "an evening that closes at eight: ") {
		t.Errorf("got %d (%v)\n%s", code, err, out)
	}
	for _, words := range []string{"turned away", "called again", "to their old place", "asked to be called back", "were reached"} {
		if !strings.Contains(out, words) {
			t.Errorf("no %q in\n%s", words, out)
		}
	}
	if out, code, err := execute(t, "simulate", "--config", "../../configs/default", scenario); code != 0 || !strings.Contains(out, "complaints") {
		t.Errorf("on top of a configuration: got %d (%v)\n%s", code, err, out)
	}
}

// TestSimulateLedger replays what a hotline wrote down.
func TestSimulateLedger(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(sqlite.Options{File: filepath.Join(dir, "cardline.db"), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(0)
	l.Subscribe(s.Write)
	for i := range uint64(40) {
		call := fmt.Sprint("c", i)
		l.Append("j", call, ledger.CallArrived{Line: "main", Trunk: []string{"carrier", "", "gone"}[i%3]})
		l.Append("j", call, ledger.Queued{Entry: i, Queue: "cards", Via: ledger.ViaIVR})
		if i%4 == 0 {
			l.Append("j", call, ledger.Dequeued{Entry: i, Queue: "cards", Outcome: ledger.OutcomeAbandoned, Waited: 1})
			continue
		}
		l.Append("j", call, ledger.Dequeued{Entry: i, Queue: "cards", Outcome: ledger.OutcomeAnswered, Waited: 1})
		l.Append("j", call, ledger.TalkEnded{Entry: i, Queue: "cards", Agent: "1001", Talked: 60_000})
	}
	l.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "cardline.db")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := errors.Join(os.Chtimes(file, long, long), os.Chmod(file, 0o400)); err != nil {
		t.Fatal(err)
	}
	list, err := readLedger(t.Context(), dir, "", map[string]string{"carrier": "east"})
	if err != nil || len(list) != 40 || list[0].Patience != time.Millisecond || list[1].Talk != time.Minute || list[1].Patience != 0 || list[1].Waited != time.Millisecond {
		t.Fatalf("got %d callers, %+v, %v", len(list), list, err)
	}
	for i, want := range []string{"east", "", "", "east"} {
		if list[i].Site != want {
			t.Errorf("caller %d came in at %q, want %q", i, list[i].Site, want)
		}
	}
	out, code, err := execute(t, "simulate", "--config", "../../configs/default", "--data", dir, "--talk", "1m", "--patience", "1h", "--json")
	if code != 0 || !strings.Contains(out, `"calls": 40,`) {
		t.Errorf("got %d (%v)\n%s", code, err, out)
	}
	out, code, err = execute(t, "simulate", "--config", calling(t, 5, "main"), "--data", dir, "--talk", "1m", "--patience", "1h", "--json")
	if code != 0 || !strings.Contains(out, `"p_same_site": 1,`) {
		t.Errorf("with the trunk's site: got %d (%v)\n%s", code, err, out)
	}
	out, code, err = execute(t, "simulate", "--config", calling(t, 5, "moon"), "--data", dir, "--talk", "1m", "--patience", "1h", "--json")
	if code != 0 || !strings.Contains(out, `"p_same_site": null,`) {
		t.Errorf("at a site where nobody works: got %d (%v)\n%s", code, err, out)
	}
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || !info.ModTime().Equal(long) || !bytes.Equal(before, after) {
		t.Errorf("the ledger was written to: %v, %v", info, err)
	}
	for day, want := range map[string]string{"2001-02-03": "has no callers in a queue on 2001-02-03", "yesterday": "--day: \"yesterday\" is no day"} {
		if _, err := readLedger(t.Context(), dir, day, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", day, err, want)
		}
	}
}

func TestPlan(t *testing.T) {
	args := []string{"plan", "--config", "../../configs/default", "--per-hour", "cards=60", "--length", "1h", "--talk", "exp:3m", "--patience", "exp:4m", "--replications", "3"}
	csv := filepath.Join(t.TempDir(), "plan.csv")
	out, code, err := execute(t, append(args, "--level", "90%", "--csv", csv)...)
	if code != 0 || !strings.Contains(out, "agents for 90 % answered in time") || !strings.Contains(out, "+10 % callers") {
		t.Errorf("got %d (%v)\n%s", code, err, out)
	}
	if text, err := os.ReadFile(csv); err != nil || strings.Count(string(text), "\n") != 3 {
		t.Errorf("%v\n%s", err, text)
	}
	out, code, err = execute(t, append(args, "--asa", "10s", "--json")...)
	if code != 0 || !json.Valid([]byte(out)) || !strings.Contains(out, `"agents_erlang"`) {
		t.Errorf("got %d (%v)\n%s", code, err, out)
	}
}

// TestPlanMisses refuses a target that nobody can reach, and fails where chance
// keeps a half hour from it.
func TestPlanMisses(t *testing.T) {
	for _, hall := range []bool{false, true} {
		args := []string{
			"plan", "--config", "../../configs/default", "--per-hour", "complaints=10", "--length", "2h", "--hall=" + strconv.FormatBool(hall),
			"--talk", "lognormal:4m,0.8", "--patience", "exp:5m",
		}
		out, code, err := execute(t, append(args, "--abandon", "0.1%")...)
		if code != exitFailed || out != "" || !strings.Contains(err.Error(), "no number of agents reaches at most 0.1 % abandoned") {
			t.Errorf("out of reach: got %d (%v)\n%s", code, err, out)
		}
		out, code, err = execute(t, append(args, "--level", "99%", "--replications", "4")...)
		if code != exitFailed || !strings.Contains(out, "missed") || !strings.Contains(err.Error(), "complaints at 0") {
			t.Errorf("missed: got %d (%v)\n%s", code, err, out)
		}
	}
}

// TestPlanHall plans the groups of a configuration together.
func TestPlanHall(t *testing.T) {
	out, code, err := execute(t, "plan", "--hall", "--config", "../../configs/default", "--per-hour", "cards=60,english=30", "--length", "1h",
		"--talk", "exp:3m", "--patience", "exp:4m", "--replications", "3", "--json")
	var got struct {
		Hours  float64                           `json:"agent_hours"`
		Halves []struct{ Groups map[string]int } `json:"half_hours"`
	}
	if code != 0 || json.Unmarshal([]byte(out), &got) != nil || len(got.Halves) != 2 || got.Hours < 4 || got.Halves[0].Groups["international"] == 0 {
		t.Errorf("got %d (%v)\n%s", code, err, out)
	}
}

func TestBar(t *testing.T) {
	if got := bar(0.5, time.Minute); !strings.Contains(got, "50 %") || !strings.Contains(got, "1m0s left") {
		t.Errorf("got %q", got)
	}
	if got := bar(0, 0); strings.Contains(got, "left") {
		t.Errorf("at the beginning: got %q", got)
	}
}
