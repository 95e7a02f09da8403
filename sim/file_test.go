package sim

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cardline/acd"
	"cardline/calendar"
)

const soundDay = `name: a day
seed: 7
begin: "08:30"
length: 3h
queues:
  - {name: cards, requires: "cards >= 3", ring: 15s, wrap_up: 10s, max_wait: 10m, max_length: 40, strategy: round_robin}
staff:
  - {group: day, agents: 3, skills: {cards: 5}, shift: 08:00-12:00, breaks: [{at: "09:00", for: 15m, over: 1h}]}
answer: 1s-4s
callers:
  - {queue: cards, class: vip, head_start: 60s, per_hour: [30, 60], talk: "file:talk.csv", patience: exp:5m}
replay: callers.csv
replay_as: {talk: exp:2m}
`

func day(text string) fstest.MapFS {
	return fstest.MapFS{
		"day.yaml":    {Data: []byte(text)},
		"talk.csv":    {Data: []byte("seconds\n100\n200\n300\n")},
		"callers.csv": {Data: []byte("at,queue,talk,patience\n08:31:30.5,cards,100,\n08:32,cards,,12.5\n")},
	}
}

func TestRead(t *testing.T) {
	o, s, err := Read(day(soundDay), "day.yaml", acd.Options{}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Queues) != 1 || len(o.Agents) != 3 || o.Agents[2].ID != "day-3" || len(s.Shifts) != 1 || len(s.Replay) != 2 {
		t.Fatalf("got %+v and %+v", o, s)
	}
	c := s.Callers[0]
	if s.Begin != 8*hour+HalfHour || c.HeadStart != time.Minute || c.Talk.Mean() != 200*time.Second || c.Patience.Mean() != 5*time.Minute {
		t.Errorf("got %+v", s)
	}
	if want := 8*hour + 31*time.Minute + 30*time.Second + 500*time.Millisecond; s.Replay[0].At != want || s.Replay[1].Patience != 12500*time.Millisecond {
		t.Errorf("got %+v", s.Replay)
	}
	if r := mustRun(t, o, s, Options{}); r.All.Entries < 60 || r.All.Answered == 0 {
		t.Errorf("got %+v", r.All)
	}
}

// TestReadBad spoils one line at a time and looks for its number and for the
// remedy.
func TestReadBad(t *testing.T) {
	for _, c := range []struct {
		old, bad string
		line     int
		want     string
	}{
		{"seed: 7", "seed: -7", 2, "overflow"},
		{"length: 3h", "duration: 3h", 4, "unknown field"},
		{"length: 3h", "length: 3 hours", 4, "expected one such as 30s"},
		{"length: 3h", "length: -3h", 4, "expected one such as 30s"},
		{"length: 3h", "length: 9000h", 4, "expected 0s to"},
		{`"08:30"`, `"25:99"`, 3, "expected one such as 08:00"},
		{"cards >= 3", "cards >= ", 6, "column"},
		{"cards >= 3", "cards >= 9", 6, "nobody can serve"},
		{"cards >= 3", "cards >= 5 and cards < 3", 6, "contradicts itself"},
		{`"cards >= 3"`, "{cards: 9}", 6, "nobody can serve"},
		{`"cards >= 3"`, "{cards: many}", 6, "see cardline simulate --help"},
		{`"cards >= 3"`, "[cards]", 6, "see cardline simulate --help"},
		{"[30, 60]", "*many", 11, "an alias"},
		{"[30, 60]", "&many [30, 60]", 11, "an anchor"},
		{"[30, 60]", strings.Repeat("[", 101), 11, "open brackets"},
		{"name:", strings.Repeat("#\n", 1<<19) + "name:", 1, "expected at most 1048576"},
		{"replay_as: {talk: exp:2m}", "replay_as: {talk: exp:2m}\n---\nname: b", 15, "a second document"},
		{"round_robin", "robin", 6, "longest_idle"},
		{"max_length: 40", "max_length: -1", 6, "expected 1 or more"},
		{"agents: 3", "agents: -3", 8, "expected 1 to"},
		{"agents: 3", "agents: 3, ids: [a]", 8, "expected either"},
		{"cards: 5", "cards: 50", 8, "level from 1 to 10"},
		{"08:00-12:00", "12:00-08:00", 8, "expected times of day"},
		{"08:00-12:00", "08:00", 8, "expected times of day"},
		{"over: 1h", "over: 9h", 8, "not within the shift"},
		{"1s-4s", "4s-1s", 9, "shorter than the first"},
		{"1s-4s", "endless", 9, "nobody would ever be answered"},
		{"queue: cards", "queue: crads", 11, `unknown queue "crads"; choose cards`},
		{"[30, 60]", "[-30]", 11, "from 0 to"},
		{"[30, 60]", "[]", 11, "one figure for each half hour"},
		{"exp:5m", "exp:banana", 11, "expected one like 30s"},
		{"exp:5m", "exp:-5m", 11, "negative"},
		{"file:talk.csv", "file:nothing.csv", 11, "file does not exist"},
		{"file:talk.csv", "endless", 11, "no call would ever end"},
		{"file:talk.csv", "0s", 11, "callers[0].talk: is always 0"},
		{"file:talk.csv", "exp:0s", 11, "expected a time such as lognormal:4m,0.8"},
		{"replay_as: {talk: exp:2m}", "replay_as: {talk: 0s-0s}", 12, "nothing is known of the talk"},
		{"file:talk.csv", "lognormal:4m,99", 11, "coefficient of variation up to 10"},
		{"callers.csv", "nothing.csv", 0, "file does not exist"},
		{"replay_as: {talk: exp:2m}", "days: 2000", 13, "expected 1 to 1000"},
		{"replay_as: {talk: exp:2m}", "calls: 10", 13, "leave away calls"},
		{"replay_as: {talk: exp:2m}", "ignore: 1.5", 13, "expected a share"},
		{"replay_as: {talk: exp:2m}", "name: [", 13, ""},
		{"replay_as: {talk: exp:2m}", "seed: 8", 13, "already defined"},
	} {
		text := strings.Replace(soundDay, c.old, c.bad, 1)
		_, _, err := Read(day(text), "day.yaml", acd.Options{}, time.UTC)
		if err == nil {
			t.Errorf("%s in place of %s was taken", c.bad, c.old)
			continue
		}
		p, ok := errors.AsType[*ScenarioError](err)
		if c.line == 0 {
			ok = true
		}
		if !ok || c.line > 0 && (p.Line != c.line || p.File != "day.yaml") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want line %d and %q", c.bad, err, c.line, c.want)
		}
	}
	two := strings.Replace(strings.Replace(soundDay, "exp:5m", "exp:5", 1), "1s-4s", "1s-", 1)
	if _, _, err := Read(day(two), "day.yaml", acd.Options{}, time.UTC); err == nil || strings.Count(err.Error(), "day.yaml:") != 2 {
		t.Errorf("two slips: got %v, want both", err)
	}
}

// TestReadRequirements reads a requirement in each of the forms that the
// configuration has.
func TestReadRequirements(t *testing.T) {
	for _, form := range []string{"cards >= 3", `"cards >= 3"`, "{cards: 3}", "\n      cards: 3"} {
		o, _, err := Read(day("length: 1h\nqueues:\n  - name: q\n    requires: "+form+"\nstaff:\n  - {group: a, agents: 1, skills: {cards: 3}}\n"+
			"callers:\n  - {queue: q, per_hour: [30], talk: 1m}\n"), "day.yaml", acd.Options{}, time.UTC)
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if got := o.Queues[0].Requires.String(); got != "cards >= 3" {
			t.Errorf("%s: got %s", form, got)
		}
	}
}

func TestReadTables(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"callers, no heading":  {"", "f.csv:1: CSV: no heading"},
		"callers, column":      {"at,queue,colour\n", `f.csv:1: CSV: unknown or double column "colour"`},
		"callers, missing":     {"at\n08:00\n", `f.csv:1: CSV: no column "queue"`},
		"callers, time":        {"at,queue\n08:00,a\n8 o'clock,a\n", `f.csv:3: CSV: at is "8 o'clock"`},
		"callers, order":       {"at,queue\n08:02,a\n08:01,a\n", "f.csv:3: CSV: at is \"08:01\", earlier"},
		"callers, negative":    {"at,queue,talk\n08:02,a,-1\n", `f.csv:2: CSV: talk is "-1"`},
		"callers, absurd":      {"at,queue,talk\n08:02,a,1e99\n", `f.csv:2: CSV: talk is "1e99"`},
		"callers, fields":      {"at,queue\n08:02\n", "f.csv:2: CSV: wrong number of fields"},
		"callers, quotes":      {"at,queue\n\"08:02,a\n", "f.csv:"},
		"shifts, order":        {"agent,from,to\n1,17:00,08:00\n", "f.csv:2: CSV: the shift is from 17:00 to 08:00"},
		"shifts, break":        {"agent,from,to,break_from,break_to\n1,08:00,17:00,18:00,18:30\n", "f.csv:2: CSV: the break from 18:00 to 18:30"},
		"shifts, time of day":  {"agent,from,to\n1,8am,17:00\n", `f.csv:2: CSV: from: "8am" is no time of day`},
		"times, word":          {"seconds\n1\nx\n", `f.csv:3: "x" is no time`},
		"times, nothing":       {"seconds\n", "f.csv:1: no times"},
		"times, negative time": {"1\n-2\n", `f.csv:2: "-2" is no time`},
	} {
		files := fstest.MapFS{"f.csv": {Data: []byte(c.text)}}
		var err error
		switch kind, _, _ := strings.Cut(name, ","); kind {
		case "callers":
			_, err = ReadCallers(files, "f.csv")
		case "shifts":
			_, err = ReadShifts(files, "f.csv")
		default:
			_, err = ParseTimes("file:f.csv", files)
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	shifts, err := ReadShifts(fstest.MapFS{"f.csv": {Data: []byte(
		"agent, from, to, break_from, break_to, break2_from, break2_to\n# night\n7, 20:00, 30:00, 22:00, 22:15, , \n")}}, "f.csv")
	if err != nil || len(shifts) != 1 || shifts[0].To != 30*time.Hour || len(shifts[0].Breaks) != 1 || shifts[0].Breaks[0].For != 15*time.Minute {
		t.Errorf("got %+v, %v", shifts, err)
	}
}

const detourDay = `date: 2026-10-01
length: 24h
queues:
  - name: q
    hours: ["08:00-12:00", "13:00-18:00"]
    sites: [east, west]
    same_site_first: true
    regain: 10m
    callback: {first: agent, attempts: 2, gap: 5m, ring: 20s, keep: 4h, hours: ["09:00-17:00"]}
staff:
  - {group: east, site: east, agents: 1}
callers:
  - {queue: q, site: east, per_hour: [30], talk: 1m}
callbacks: {share: 0.3}
redials: {share: 0.4, after: 30s}
`

// TestReadDetours reads hours, sites, calls back and callers who call again.
func TestReadDetours(t *testing.T) {
	shanghai := time.FixedZone("Asia/Shanghai", 8*60*60)
	o, s, err := Read(day(detourDay), "day.yaml", acd.Options{}, shanghai)
	if err != nil {
		t.Fatal(err)
	}
	want := acd.Queue{
		Name: "q", Sites: []string{"east", "west"}, SameSiteFirst: true, Regain: 10 * time.Minute,
		Callback: acd.Callback{First: acd.AgentFirst, Attempts: 2, Gap: 5 * time.Minute, Ring: 20 * time.Second, Keep: 4 * hour},
	}
	if !reflect.DeepEqual(o.Queues, []acd.Queue{want}) {
		t.Errorf("got %+v, want %+v", o.Queues, want)
	}
	noon := time.Date(2026, 10, 1, 12, 0, 0, 0, shanghai)
	h := s.Hours["q"]
	if h.Doors.State(noon.Add(-1)).Mode != calendar.Open || h.Doors.State(noon).Mode != calendar.Closed || h.Callbacks.State(noon).Mode != calendar.Open {
		t.Errorf("the hours are not those of the clock in %s", shanghai)
	}
	if !s.Date.Equal(noon.Add(-12*hour)) || s.Callers[0].Site != "east" || s.Redials.After.Mean() != 30*time.Second {
		t.Errorf("got %+v", s)
	}
	if s.Callbacks.Share != 0.3 || s.Callbacks.Reached != 0.8 || s.Callbacks.After.Mean() != 45*time.Second {
		t.Errorf("callbacks as usual: got %+v", s.Callbacks)
	}
	if r := mustRun(t, o, s, Options{}); r.All.TurnedAway == 0 || r.All.Answered == 0 {
		t.Errorf("got %+v", r.All)
	}
	for bad, want := range map[[2]string]string{
		{"2026-10-01", "October"}:           `day.yaml:1: date: "October" is no date`,
		{"08:00-12:00", "8 to 12"}:          `day.yaml:5: queues[0].hours: "8 to 12" are no hours`,
		{"08:00-12:00", "08:00-14:00"}:      "day.yaml:5: queues[0].hours: ",
		{"first: agent", "first: nobody"}:   `day.yaml:9: queues[0].callback.first: is "nobody"`,
		{"attempts: 2", "attempts: -2"}:     "day.yaml:9: queues[0].callback.attempts: is -2",
		{"gap: 5m", "gap: soon"}:            `day.yaml:9: queues[0].callback.gap: "soon" is no time`,
		{"gap: 5m", "gap: 900h"}:            "day.yaml:9: queues[0].callback.gap: is 900h0m0s, expected at most 24h0m0s",
		{"ring: 20s", "ring: 9m"}:           "day.yaml:9: queues[0].callback.ring: is 9m0s, expected at most 5m0s",
		{"keep: 4h", "keep: 169h"}:          "day.yaml:9: queues[0].callback.keep: is 169h0m0s, expected at most 168h0m0s",
		{"site: east, per", "site: x, per"}: `day.yaml:13: callers[0].site: no agent is at "x"`,
		{"share: 0.3", "share: 1.3"}:        "day.yaml:14: callbacks.share: is 1.3",
		{"share: 0.3", "reached: 2"}:        "day.yaml:14: callbacks.reached: is 2",
		{"share: 0.4", "share: 1"}:          "day.yaml:15: redials.share: is 1",
		{"after: 30s", "after: endless"}:    "day.yaml:15: redials.after: is endless",
	} {
		_, _, err := Read(day(strings.Replace(detourDay, bad[0], bad[1], 1)), "day.yaml", acd.Options{}, shanghai)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", bad[1], err, want)
		}
	}
	none := regexp.MustCompile(`(?m)^    callback:.*\n`).ReplaceAllString(detourDay, "")
	if _, _, err := Read(day(none), "day.yaml", acd.Options{}, shanghai); err == nil || !strings.Contains(err.Error(), "no queue offers to call back") {
		t.Errorf("nobody offers callbacks: got %v", err)
	}
}
