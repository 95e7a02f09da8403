package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cardline/configs"
	"cardline/store"
	"cardline/store/sqlite"
)

// lastCalls is how many calls are listed if nothing is said.
const lastCalls = 20

type callsFlags struct {
	bookFlags
	last     int
	from, to string
	query    store.Query
}

func newCalls() *cobra.Command {
	var f callsFlags
	cmd := &cobra.Command{
		Use:   "calls",
		Short: "List calls: when, on which line, what became of them",
		Long: `List the last calls, the oldest first: when each came, its line, the last four digits
of the caller's number, what became of it, how long it was, who talked, and its id
for "cardline why".

It reads the ledger in the data directory, of a hotline that runs or of one that
does not, and changes nothing. With --api it asks a hotline elsewhere, with the
token of an operator or auditor. Times are those of this machine's zone.`,
		Example: `  cardline calls
  cardline calls --from 09:00 --to 10:00 --queue cards --last 0
  cardline calls --from 2026-10-01T09:00 --outcome lost --json | jq '.[].call'
  cardline calls --agent 1001 --data /var/lib/cardline
  cardline calls --api https://hotline.example:9560 --token-file token`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.list(cmd.Context(), cmd.OutOrStdout(), time.Now())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.last, "last", lastCalls, "how many calls at most, the newest of those that fit; 0: all")
	flags.StringVar(&f.from, "from", "", "only calls that came at this `time` or later: 09:00 of today, or 2026-10-01T09:00")
	flags.StringVar(&f.to, "to", "", "only calls that came before this `time`")
	flags.StringVar(&f.query.Line, "line", "", "only calls on this line")
	flags.StringVar(&f.query.Queue, "queue", "", "only calls that were in this queue")
	flags.StringVar(&f.query.Agent, "agent", "", "only calls in which this agent talked")
	flags.StringVar(&f.query.Tail, "tail", "", "only calls from numbers with these last four digits")
	flags.StringSliceVar(&f.query.Pseudonyms, "pseudonym", nil, "only calls of the caller with this pseudonym; see cardline callers pseudonym")
	flags.StringVar(&f.query.Outcome, "outcome", "", "only calls with this outcome or end, such as to_agent, lost or agent_left")
	f.add(cmd)
	return cmd
}

// list prints the calls that fit.
func (f *callsFlags) list(ctx context.Context, out io.Writer, now time.Time) (err error) {
	if f.query.From, err = f.moment("from", f.from, now); err != nil {
		return err
	}
	if f.query.To, err = f.moment("to", f.to, now); err != nil {
		return err
	}
	f.query.Newest = true
	var list []store.Record
	if f.api != "" {
		list, err = f.ask(ctx)
	} else {
		list, err = f.read(ctx)
	}
	if err != nil {
		return exitError{exitFailed, err}
	}
	slices.Reverse(list)
	if f.asJSON {
		return writeJSON(out, append([]store.Record{}, list...))
	}
	if len(list) == 0 {
		text := "No call fits."
		if f.query.Matches(&store.Record{}) && f.from+f.to == "" {
			text = "There is no call yet."
		}
		_, err := fmt.Fprintln(out, text)
		return err
	}
	return writeCalls(out, list, now)
}

// moment reads a flag: a time, or a time of today; the zero time for none.
func (f *callsFlags) moment(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if clock, err := time.Parse("15:04", text); err == nil {
		return time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, now.Location()), nil
	}
	t, err := configs.ParseMoment(text, now.Location())
	if err != nil {
		return t, fmt.Errorf("--%s: %w: expected one such as 09:00 or 2026-10-01T09:00", name, err)
	}
	return t, nil
}

// read reads the calls of a data directory, the newest first.
func (f *callsFlags) read(ctx context.Context) (list []store.Record, err error) {
	s, err := openLedger(f.data)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for r, err := range s.Records(ctx, f.query) {
		if err != nil {
			return nil, err
		}
		list = append(list, r)
		if len(list) == f.last {
			break
		}
	}
	return list, nil
}

// openLedger opens the ledger of a data directory, beside a hotline that may be
// writing it.
func openLedger(data string) (*sqlite.Store, error) {
	file := filepath.Join(data, "cardline.db")
	s, err := sqlite.OpenForReading(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no ledger at %s: give the directory of the hotline by --data", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: run this as the user of the hotline", err)
	}
	return s, nil
}

// askAtOnce is how many calls the API is asked for at one time.
const askAtOnce = 1000

// endOfTime is later than every call.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// ask asks the API for the calls, page by page, the newest first.
func (f *callsFlags) ask(ctx context.Context) (list []store.Record, err error) {
	q := f.query
	for {
		limit := askAtOnce
		if f.last > 0 {
			limit = min(limit, f.last-len(list))
		}
		values := url.Values{"order": {"newest"}, "limit": {strconv.Itoa(limit)}}
		values.Set("from", cmp.Or(q.From, time.Unix(0, 0)).UTC().Format(time.RFC3339Nano))
		values.Set("to", cmp.Or(q.To, endOfTime).UTC().Format(time.RFC3339Nano))
		for name, value := range map[string]string{
			"after": q.After, "line": q.Line, "queue": q.Queue, "agent": q.Agent, "tail": q.Tail, "outcome": q.Outcome,
		} {
			if value != "" {
				values.Set(name, value)
			}
		}
		values["pseudonym"] = q.Pseudonyms
		var answer struct{ Calls []store.Record }
		if err := f.do(ctx, http.MethodGet, "/api/calls?"+values.Encode(), nil, &answer); err != nil {
			return nil, err
		}
		list = append(list, answer.Calls...)
		if len(answer.Calls) < limit || len(list) == f.last {
			return list, nil
		}
		q.After = list[len(list)-1].Call
	}
}

// writeCalls writes records as a table, as of a moment and in its zone.
func writeCalls(out io.Writer, list []store.Record, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "time\tline\ttail\toutcome\tduration\tagent\tcall")
	for _, r := range list {
		outcome, duration := "up", now.Sub(r.ArrivedAt)
		if r.Ended() {
			outcome, duration = cmp.Or(string(r.Outcome), string(r.Reason)), r.Took.Duration()
		}
		var agents []string
		for _, t := range r.Talks {
			agents = append(agents, t.Agent)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ArrivedAt.In(now.Location()).Format("2006-01-02 15:04:05"), r.Line, cmp.Or(r.Caller, "-"),
			outcome, duration.Round(time.Second), cmp.Or(strings.Join(agents, ","), "-"), r.Call)
	}
	return w.Flush()
}
