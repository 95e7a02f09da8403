package configs_test

import (
	"testing"
	"testing/fstest"
	"time"

	"cardline/calendar"
	"cardline/configs"
	"cardline/ledger"
)

// TestHoursOfTheDefault holds the calendar that is shipped against the notice
// of the State Council for 2026: every day off, every weekend that is worked,
// and no other.
func TestHoursOfTheDefault(t *testing.T) {
	c, err := configs.Load(configs.Default())
	if err != nil {
		t.Fatal(err)
	}
	off := map[string]bool{}
	for _, stretch := range [][2]string{
		{"01-01", "01-03"}, {"02-15", "02-23"}, {"04-04", "04-06"}, {"05-01", "05-05"}, {"06-19", "06-21"}, {"09-25", "09-27"}, {"10-01", "10-07"},
	} {
		last, err := time.Parse(time.DateOnly, "2026-"+stretch[1])
		if err != nil {
			t.Fatal(err)
		}
		for d, _ := time.Parse(time.DateOnly, "2026-"+stretch[0]); !d.After(last); d = d.AddDate(0, 0, 1) {
			off[d.Format("01-02")] = true
		}
	}
	if len(off) != 33 {
		t.Fatalf("the notice has 33 days off, not %d", len(off))
	}
	worked := map[string]bool{"01-04": true, "02-14": true, "02-28": true, "05-09": true, "09-20": true, "10-10": true}
	for day := time.Date(2026, 1, 1, 10, 0, 0, 0, c.Zone()); day.Year() == 2026; day = day.AddDate(0, 0, 1) {
		want := calendar.Open
		weekend := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
		switch date := day.Format("01-02"); {
		case off[date]:
			want = calendar.Holiday
		case weekend && !worked[date]:
			want = calendar.Closed
		}
		if got := c.Calendar("office").State(day); got.Mode != want {
			t.Errorf("%s: got %s (%s), want %s", day.Format("Mon 2006-01-02"), got.Mode, got.Why, want)
		}
		if got := c.Calendar("").State(day); got.Mode != calendar.Open || !got.Until.IsZero() {
			t.Errorf("%s: got %s until %v without a calendar, want open for ever", day.Format("Mon 2006-01-02"), got.Mode, got.Until)
		}
	}
}

// TestACalendarThatIsAhead lets the hotline live at another time than the clock,
// which is how its changes are told.
func TestACalendarThatIsAhead(t *testing.T) {
	c, err := configs.Load(configs.Default())
	if err != nil {
		t.Fatal(err)
	}
	night := time.Date(2026, 10, 9, 3, 30, 0, 0, c.Zone())
	for ahead, want := range map[time.Duration]struct {
		mode  ledger.Mode
		until time.Time
	}{
		0:             {ledger.ModeClosed, night.Add(5 * time.Hour)},                            // 08:30
		7 * time.Hour: {ledger.ModeOpen, night.Add(8*time.Hour + 30*time.Minute - 7*time.Hour)}, // 12:00 by the hotline's clock
	} {
		c.Ahead = ahead
		mode, _, until := c.Call().Queues["complaints"].Hours.At(night)
		if mode != want.mode || !until.Equal(want.until) {
			t.Errorf("%v ahead: got %s until %v, want %s until %v", ahead, mode, until, want.mode, want.until)
		}
	}
}

func TestSwitchesOfTheFiles(t *testing.T) {
	tree := with(t, "calendar.yaml", `
time_zone: Europe/Berlin
calendars:
  - {name: always, weekly: {everyday: ["00:00-24:00"]}}
  - {name: office, zone: Asia/Shanghai, weekly: {mon-fri: ["08:30-17:30"]}}
switches:
  - {mode: emergency, from: 2026-11-23T09:00, until: 2026-11-23T10:00, why: storm}
  - {mode: closed, hours: [office], from: 2026-11-23T09:30, until: "2026-11-23T11:00:00+01:00"}
`)
	c, err := configs.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 23, hour, minute, 0, 0, time.UTC) }
	for _, moment := range []struct {
		hours string
		at    time.Time
		want  calendar.Mode
	}{
		{"", at(8, 0), calendar.Emergency},
		{"", at(9, 0), calendar.Open},
		{"always", at(8, 45), calendar.Emergency},
		{"office", at(8, 0), calendar.Emergency},
		{"office", at(8, 30), calendar.Closed},
		{"office", at(9, 59), calendar.Closed},
		{"office", at(10, 0), calendar.Closed},
		{"office", at(7, 59), calendar.Open},
	} {
		if got := c.Calendar(moment.hours).State(moment.at); got.Mode != moment.want {
			t.Errorf("%q at %v: got %s (%s), want %s", moment.hours, moment.at, got.Mode, got.Why, moment.want)
		}
	}
	drill := calendar.Switch{Mode: calendar.Emergency, From: at(12, 0), Until: at(13, 0)}
	if got := c.Calendar("office").State(at(12, 0), drill); got.Mode != calendar.Emergency || !got.Until.Equal(drill.Until) {
		t.Errorf("got %s until %v, want the drill until %v", got.Mode, got.Until, drill.Until)
	}
	if c.Calendar("office").Zone().String() != "Asia/Shanghai" || c.Calendar("nowhere") != nil {
		t.Error("the calendars are not those that are written")
	}
}

func TestFlowsOfALine(t *testing.T) {
	plain, full := configs.Line{Flow: "main"}, configs.Line{Flow: "main", Closed: "night", Holiday: "feast", Emergency: "storm"}
	night := configs.Line{Flow: "main", Closed: "night"}
	for mode, want := range map[calendar.Mode][3]string{
		calendar.Open: {"main", "main", "main"}, calendar.Closed: {"main", "night", "night"},
		calendar.Holiday: {"main", "night", "feast"}, calendar.Emergency: {"main", "night", "storm"},
	} {
		if got := [3]string{plain.FlowIn(mode), night.FlowIn(mode), full.FlowIn(mode)}; got != want {
			t.Errorf("%s: got %v, want %v", mode, got, want)
		}
	}
}

// TestWorkedOnAWorkday warns of a slip of the pen in a list of holidays.
func TestWorkedOnAWorkday(t *testing.T) {
	tree := with(t, "more.yaml", "holidays: [{name: company, days: [{name: jubilee, from: 2026-12-24, worked: [2026-12-23]}]}]\n")
	delete(tree, "calendar.yaml")
	tree["queues.yaml"] = &fstest.MapFile{Data: []byte("queues: [{name: cards}, {name: complaints}, {name: english}]\nagents: []\n")}
	tree["agents.yaml"] = &fstest.MapFile{Data: []byte("phones: []\n")}
	want := "more.yaml:1:78: holidays.0.days.0.worked.0: 2026-12-23 is a Wednesday; worked is for days of a weekend"
	if got := warnings(t, tree); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
