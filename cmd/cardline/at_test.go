package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const calendarOfTheTest = `
calendars:
  - {name: always, weekly: {everyday: ["00:00-24:00"]}}
  - name: office
    weekly: {mon-fri: ["08:30-12:00", "13:00-17:30"]}
    holidays: [china]
holidays:
  - name: china
    days:
      - {name: 国庆节, from: 2026-10-01, to: 2026-10-07, worked: [2026-09-20, 2026-10-10]}
switches:
  - {mode: emergency, hours: [office], from: 2026-11-23T10:00, until: 2026-11-23T12:30, why: typhoon}
`

// TestCheckAt asks what would happen at the beginning of the National Day, on a
// Saturday that is worked for it, in an emergency, and in a year that nobody
// has entered.
func TestCheckAt(t *testing.T) {
	dir := copied(t, "calendar.yaml", calendarOfTheTest)
	for at, want := range map[string][]string{
		"2026-10-01T09:00": {
			"Thursday 1 October 2026, 09:00 +08:00, Asia/Shanghai\n",
			"main 95500 4008205500 open for ever flow main open at all hours\n",
			"complaints holiday Thu 8 Oct 00:00, opens Thu 8 Oct 08:30 国庆节\n",
			"english at once english >= 3 and cards >= 2 3: 1005 1006 1008\nafter 1m english >= 2 and cards >= 2 4: 1003 1005 1006 1008\n",
			"complaints wait > 15m back to the flow\nclosed, as now back to the flow\n",
			"english no_agents to cards, unless an agent of english is free first\n",
		},
		"2026-10-10T09:00":  {"complaints open Sat 10 Oct 12:00 hours of Saturday worked like a Monday for 国庆节, 08:30-12:00\n"},
		"2026-10-10T01:00Z": {"complaints open Sat 10 Oct 12:00 hours of Saturday worked like a Monday for 国庆节, 08:30-12:00\n"},
		"2026-11-23T11:00": {
			"complaints emergency Mon 23 Nov 12:30, opens Mon 23 Nov 13:00 typhoon, switched by the configuration\n",
		},
		"2027-01-01T07:00": {
			"complaints closed Fri 1 Jan 08:30 outside the hours of Friday, 08:30-12:00, 13:00-17:30\n",
			"note: the calendar office has no holidays after 2026-10-10: enter those of 2027\n",
		},
	} {
		out, code, err := execute(t, "check", "--at", at, dir)
		if code != 0 {
			t.Fatalf("%s: got %d (%v)\n%s", at, code, err, out)
		}
		words := strings.Builder{}
		for line := range strings.Lines(out) {
			words.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
		}
		for _, w := range want {
			if !strings.Contains(words.String(), w) {
				t.Errorf("%s: got\n%s\nwant %q", at, out, w)
			}
		}
		if noted := strings.Contains(out, "note:"); noted != strings.HasPrefix(at, "2027") {
			t.Errorf("%s: got\n%s", at, out)
		}
	}
	if _, code, err := execute(t, "check", "--at", "tomorrow"); code != exitUsage || err.Error() != `--at: "tomorrow" is no time: expected one such as 2026-10-01T09:00` {
		t.Errorf("no time: got %d (%v)", code, err)
	}
}

// TestCheckAtTellsTheWays asks a hotline that uses all that can be written about
// queues.
func TestCheckAtTellsTheWays(t *testing.T) {
	dir := copied(t, "queues.yaml", `
queues:
  - name: cards
    requires: cards >= 5
    sites: [main]
    steps: [{after: 90s, when_estimate_over: 3m, requires: "", sites: [], queues: [complaints]}]
    overflow: [{when: length > 40, to: complaints}, {when: closed, to: english}]
    exit_key: "9"
    callback: {first: agent, hours: office}
  - {name: complaints, requires: {complaints: 3}, hours: office, overflow: [{when: closed, to: english}], callback: {}}
  - {name: english, requires: {english: 3}}
callbacks: {trunk: out, from: "95500"}
trunks: [{name: out, sources: [127.0.0.1/32], address: "127.0.0.1:5090"}]
`)
	listener := "sip: {listen: [{network: udp, address: \"127.0.0.1:5060\"}]}\n"
	if err := os.WriteFile(filepath.Join(dir, "cardline.yaml"), []byte(listener), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code, err := execute(t, "check", "--at", "2026-10-01T09:00", dir)
	if code != 0 {
		t.Fatalf("got %d (%v)\n%s", code, err, out)
	}
	_, got, _ := strings.Cut(out, "国庆节\n")
	want := `english     open     for ever                                open at all hours

QUEUE       WHEN                          WHO MAY COME                       AGENTS
cards       at once                       cards >= 5 at main                 5: 1001 1002 1003 1005 1007
            after 1m30s or estimate > 3m  anybody, or who serves complaints  8: 1001 1002 1003 1004 1005 1006 and 2 more
complaints  at once                       complaints >= 3                    2: 1007 1008
english     at once                       english >= 3                       3: 1005 1006 1008

QUEUE       WHEN                      THE CALLER GOES
cards       length > 40               to complaints, but not now (holiday)
            closed                    to english
            key 9                     back to the flow
            a call back is asked for  home, and is called by out, the agent first, after Thu 8 Oct 08:30
complaints  closed, as now            to english
            a call back is asked for  home, and is called by out, the caller first, after Thu 8 Oct 08:30
english     never

`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTableOfWideSigns(t *testing.T) {
	var out strings.Builder
	table(&out, [][]string{{"DAY", "MODE"}, {"国庆节", "holiday"}, {"Thursday", "open"}})
	if got, want := out.String(), "DAY       MODE\n国庆节    holiday\nThursday  open\n\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
