package sim

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// callerColumns are the columns of a file of callers; queue and one of the
// times are needed.
var callerColumns = []string{"at", "queue", "class", "site", "head_start", "talk", "patience", "waited"}

// mostReplayed bounds what is kept in memory of a replay.
const mostReplayed = 5_000_000

// ReadCallers reads callers from a CSV file with a heading. The columns are, in
// any order: at, the time of day (08:15:30, or 1d08:15:30 on the second day);
// queue; and, if they are known, class, site, head_start, talk, patience and waited,
// the wait of those who were answered, which are in seconds. Lines must be
// sorted by at. Errors are [*ScenarioError]s.
func ReadCallers(dir fs.FS, name string) ([]Caller, error) {
	var list []Caller
	err := readTable(dir, name, callerColumns, []string{"at", "queue"}, func(field func(string) string) error {
		at, err := parseMoment(field("at"))
		if err != nil {
			return err
		}
		c := Caller{At: at, Queue: field("queue"), Class: field("class"), Site: field("site")}
		for column, to := range map[string]*time.Duration{"head_start": &c.HeadStart, "talk": &c.Talk, "patience": &c.Patience, "waited": &c.Waited} {
			if *to, err = parseSeconds(column, field(column)); err != nil {
				return err
			}
		}
		if n := len(list); n > 0 && c.At < list[n-1].At {
			return fmt.Errorf("at is %q, earlier than in the line above; sort the file by it", field("at"))
		}
		if len(list) == mostReplayed {
			return fmt.Errorf("more than %d callers; replay fewer days at a time", mostReplayed)
		}
		list = append(list, c)
		return nil
	})
	return list, err
}

// ReadShifts reads shifts from a CSV file with a heading: agent, from and to
// (times of day), and, as often as needed, breaks as break_from and break_to,
// break2_from and break2_to, break3_from and break3_to. Errors are [*ScenarioError]s.
func ReadShifts(dir fs.FS, name string) ([]Shift, error) {
	columns := []string{"agent", "from", "to"}
	for _, b := range []string{"break", "break2", "break3"} {
		columns = append(columns, b+"_from", b+"_to")
	}
	var list []Shift
	err := readTable(dir, name, columns, columns[:3], func(field func(string) string) error {
		times := map[string]time.Duration{}
		for _, column := range columns[1:] {
			t, err := ParseClock(field(column))
			if err != nil {
				return fmt.Errorf("%s: %w", column, err)
			}
			times[column] = t
		}
		s := Shift{Agents: []string{field("agent")}, From: times["from"], To: times["to"]}
		if s.To <= s.From {
			return fmt.Errorf("the shift is from %s to %s; write the hours of the next day as 24:00 and on", clock(s.From), clock(s.To))
		}
		for i := 3; i < len(columns); i += 2 {
			if from, to := times[columns[i]], times[columns[i+1]]; field(columns[i]) != "" {
				if from < s.From || to <= from || to > s.To {
					return fmt.Errorf("the break from %s to %s is not within the shift from %s to %s", clock(from), clock(to), clock(s.From), clock(s.To))
				}
				s.Breaks = append(s.Breaks, Break{At: from, For: to - from})
			}
		}
		list = append(list, s)
		return nil
	})
	return list, err
}

// readTable reads a CSV file with a heading, line by line.
func readTable(dir fs.FS, name string, known, needed []string, row func(field func(string) string) error) error {
	file, err := dir.Open(name)
	if err != nil {
		return fmt.Errorf("CSV file: %w", err)
	}
	defer func() { _ = file.Close() }()
	problem := func(line int, message string) error {
		return &ScenarioError{File: name, Line: line, Path: "CSV", Message: message}
	}
	in := csv.NewReader(file)
	in.Comment, in.TrimLeadingSpace, in.ReuseRecord = '#', true, true
	heading, err := in.Read()
	if err != nil {
		return problem(1, "no heading; expected the columns "+strings.Join(known, ","))
	}
	index := map[string]int{}
	for i, column := range heading {
		column = strings.TrimSpace(strings.TrimPrefix(column, "\ufeff"))
		if _, twice := index[column]; twice || !slices.Contains(known, column) {
			return problem(1, fmt.Sprintf("unknown or double column %q; expected %s", column, strings.Join(known, ",")))
		}
		index[column] = i
	}
	for _, column := range needed {
		if _, ok := index[column]; !ok {
			return problem(1, fmt.Sprintf("no column %q; expected at least %s", column, strings.Join(needed, ",")))
		}
	}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
			return problem(wrong.Line, wrong.Err.Error()+"; expected as many fields as the heading has")
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		line, _ := in.FieldPos(0)
		field := func(column string) string {
			if i, ok := index[column]; ok {
				return strings.TrimSpace(record[i])
			}
			return ""
		}
		if err := row(field); err != nil {
			return problem(line, err.Error())
		}
	}
}

// parseSeconds reads a time in seconds; nothing is 0.
func parseSeconds(column, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || !(s >= 0 && s <= longestTime.Seconds()) {
		return 0, fmt.Errorf("%s is %q, expected seconds such as 184.5, or nothing", column, text)
	}
	return time.Duration(s * float64(time.Second)), nil
}

// parseMoment reads 08:15:30, 08:15 or 08:15:30.250, and 2d08:15:30 two days
// later.
func parseMoment(text string) (time.Duration, error) {
	wrong := fmt.Errorf("at is %q, expected a time of day such as 08:15:30, or 1d08:15:30 on the second day", text)
	day, rest := 0, text
	if before, after, ok := strings.Cut(text, "d"); ok {
		n, fine := strconv.Atoi(before)
		if fine != nil || n < 0 || n >= mostDays {
			return 0, wrong
		}
		day, rest = n, after
	}
	parts := strings.Split(rest, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, wrong
	}
	h, fine := number(parts[0], 23)
	m, good := number(parts[1], 59)
	s := 0.0
	if len(parts) == 3 {
		var err error
		if s, err = strconv.ParseFloat(parts[2], 64); err != nil || !(s >= 0 && s < 61) {
			return 0, wrong
		}
	}
	if !fine || !good {
		return 0, wrong
	}
	return time.Duration(24*day+h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s*float64(time.Second)), nil
}

// FitReplay makes up what the scenario does not say about the callers who are
// replayed: the days, which are theirs, and the patience of those who were
// answered. They would have waited longer, and given up at the rate at which
// all of them gave up while they waited.
func (s *Scenario) FitReplay() {
	if len(s.Replay) == 0 {
		return
	}
	waited, gaveUp := time.Duration(0), 0
	for _, c := range s.Replay {
		waited += max(c.Waited, c.Patience)
		gaveUp += b2i(c.Patience > 0)
	}
	if !s.ReplayAs.Patience.IsSet() && gaveUp > 0 {
		s.ReplayAs.Patience = Exponential(waited / time.Duration(gaveUp))
	}
	if s.Length > 0 || s.Calls > 0 {
		return
	}
	const day = 24 * time.Hour
	first, last := s.Replay[0].At, s.Replay[len(s.Replay)-1].At
	if s.Days = int(last/day) + 1; s.Days > 1 {
		s.Begin, s.Length = 0, day
		return
	}
	s.Begin = first.Truncate(HalfHour)
	s.Length = (last - s.Begin + HalfHour).Truncate(HalfHour)
}
