package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cardline/console"
)

type barredFlags struct{ bookFlags }

func newBarred() *cobra.Command {
	var f barredFlags
	cmd := &cobra.Command{
		Use:   "barred",
		Short: "List the callers whose calls are refused",
		Long: `List the callers whose calls are refused before any media, until when and why.

It reads the data directory, of a hotline that runs or of one that does not. With
--api it asks a hotline elsewhere, with the token of an operator, auditor or
supervisor.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.list(cmd.Context(), cmd.OutOrStdout()) },
	}
	f.add(cmd)
	return cmd
}

func (f *barredFlags) list(ctx context.Context, out io.Writer) error {
	list, err := fetch(ctx, f.bookFlags, "barred", f.read)
	if err != nil {
		return exitError{exitFailed, err}
	}
	if f.asJSON {
		return writeJSON(out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "Nobody is barred.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "caller\tuntil\tby\treason")
	for _, b := range list {
		until := "taken back"
		if !b.Until.IsZero() {
			until = b.Until.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", b.Pseudonym, until, cmp.Or(b.Who, "-"), b.Reason)
	}
	return w.Flush()
}

func (f *barredFlags) read(ctx context.Context) (list []console.BarredView, err error) {
	s, err := openLedger(f.data)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	barred, err := s.Barred(ctx, time.Now())
	for _, b := range barred {
		list = append(list, console.ViewBarred(b))
	}
	return list, err
}

func newBar() *cobra.Command {
	var f apiFlags
	var length, reason string
	cmd := &cobra.Command{
		Use:   "bar PSEUDONYM",
		Short: "Refuse the calls of a caller",
		Long: `Refuse the calls of a caller before any media, by the API of the hotline that runs
and with a supervisor's token. The pseudonym is that of the records, or what
cardline callers pseudonym prints. The reason is in the ledger for good.`,
		Example: `  cardline callers bar p-3uilwteyvajkik5fogkyr4yiwa --for 24h --reason "tries out cards" --api http://127.0.0.1:9560`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]string{"for": length, "reason": reason}
			if err := f.do(cmd.Context(), http.MethodPut, "/api/barred/"+url.PathEscape(args[0]), body, nil); err != nil {
				return exitError{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&length, "for", "", "how long, such as 24h (default: until it is taken back)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	_ = cmd.MarkFlagRequired("reason") // it is there
	f.add(cmd)
	return cmd
}

func newUnbar() *cobra.Command {
	var f apiFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "unbar PSEUDONYM",
		Short: "Take the calls of a caller again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/api/barred/" + url.PathEscape(args[0]) + "?" + url.Values{"reason": {reason}}.Encode()
			if err := f.do(cmd.Context(), http.MethodDelete, path, nil, nil); err != nil {
				return exitError{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	f.add(cmd)
	return cmd
}
