package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cardline/console"
	"cardline/outbox"
)

type outboxFlags struct{ bookFlags }

func newOutbox() *cobra.Command {
	var f outboxFlags
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "List what the card host has not taken yet, or has refused",
		Long: `List the requests that the card host could not be asked at once, such as loss
reports: those that are pending, and those that it refused, with which a person
must deal.

It reads the data directory, of a hotline that runs or of one that does not, and
changes nothing. With --api it asks a hotline elsewhere, with the token of an
operator or supervisor.`,
		Example: `  cardline outbox --data /var/lib/cardline
  cardline outbox --api http://127.0.0.1:9560 --token-file token
  cardline outbox again 7 --reason "the host knows the card now" --api http://127.0.0.1:9560
  cardline outbox settle 7 --reason "stopped by hand, ticket 4711" --api http://127.0.0.1:9560`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.list(cmd.Context(), cmd.OutOrStdout(), time.Now())
		},
	}
	f.add(cmd)
	cmd.AddCommand(
		f.settling("again", "pending", "Have a refused request tried again"),
		f.settling("settle", "settled", "Say that a refused request was dealt with"),
	)
	return cmd
}

// settling is a command that puts a refused item into another state.
func (f *outboxFlags) settling(name, state, short string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   name + " NUMBER",
		Short: short,
		Long:  short + ", by the API of the hotline that runs and with a supervisor's token.\nThe reason is in the ledger for good: no card numbers, no names of customers.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is no number of a request: cardline outbox lists them", args[0])
			}
			body := map[string]string{"state": state, "reason": reason}
			if err := f.do(cmd.Context(), http.MethodPut, fmt.Sprintf("/api/outbox/%d/state", id), body, nil); err != nil {
				return exitError{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	_ = cmd.MarkFlagRequired("reason") // it is there
	return cmd
}

// list prints the outbox as it is at a moment.
func (f *outboxFlags) list(ctx context.Context, out io.Writer, now time.Time) error {
	list, err := fetch(ctx, f.bookFlags, "outbox", f.read)
	if err != nil {
		return exitError{exitFailed, err}
	}
	if f.asJSON {
		return writeJSON(out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "The outbox is empty.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "number\trequest\tstate\tkept\tattempts\tcard\tcall")
	for _, i := range list {
		state := i.State
		if i.Refusal != "" {
			state += ": " + i.Refusal
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s ago\t%d\t%s\t%s\n",
			i.ID, i.Kind, state, now.Sub(i.Added).Round(time.Second), i.Attempts, cmp.Or(i.Order, "-"), cmp.Or(i.Call, "-"))
	}
	return w.Flush()
}

// read reads the outbox of a data directory.
func (f *outboxFlags) read(ctx context.Context) (list []console.ItemView, err error) {
	file := filepath.Join(f.data, "outbox.db")
	items, err := outbox.Read(ctx, file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no outbox at %s: give the directory of the hotline by --data", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: run this as the user of the hotline", err)
	}
	for _, i := range items {
		list = append(list, console.ViewItem(i))
	}
	return list, nil
}
