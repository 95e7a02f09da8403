package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"cardline/store/why"
)

type whyFlags struct{ bookFlags }

func newWhy() *cobra.Command {
	var f whyFlags
	cmd := &cobra.Command{
		Use:   "why [CALL]",
		Short: "Tell in words how a call was routed, and why",
		Long: `Tell in words how a call was routed: when it queued and with which head start,
each step that relaxed its requirement, each agent who was rung and why this one,
what became of it, where the call went on, what the caller was told about the
wait and how long it was. Without a call it lists the last ones, as "cardline calls"
does.

It reads the ledger in the data directory, of a hotline that runs or of one that
does not, and changes nothing. With --api it asks a hotline elsewhere, with the
token of an operator, auditor or supervisor from --token-file or CARDLINE_TOKEN.`,
		Example: `  cardline why
  cardline why c-1a0f4de6a20QX7HM2KD4TRWZ
  cardline why c-1a0f4de6a20QX7HM2KD4TRWZ --data /var/lib/cardline
  cardline why c-1a0f4de6a20QX7HM2KD4TRWZ --api https://hotline.example:9560 --token-file token
  cardline why c-1a0f4de6a20QX7HM2KD4TRWZ --json | jq '.steps[] | select(.kind == "offered")'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				calls := callsFlags{bookFlags: f.bookFlags, last: lastCalls}
				return calls.list(cmd.Context(), cmd.OutOrStdout(), time.Now())
			}
			return f.explain(cmd.Context(), cmd.OutOrStdout(), args[0], time.Local)
		},
	}
	f.add(cmd)
	return cmd
}

// explain prints the explanation of a call, with times of day in a zone.
func (f whyFlags) explain(ctx context.Context, out io.Writer, call string, zone *time.Location) error {
	var e why.Explanation
	var err error
	if f.api != "" {
		err = f.do(ctx, http.MethodGet, "/api/calls/"+url.PathEscape(call)+"/why", nil, &e)
	} else {
		e, err = f.read(ctx, call, zone)
	}
	if err != nil {
		return exitError{exitFailed, err}
	}
	if f.asJSON {
		return writeJSON(out, e)
	}
	_, err = io.WriteString(out, e.Text)
	return err
}

// read explains a call from the ledger in the data directory.
func (f whyFlags) read(ctx context.Context, call string, zone *time.Location) (why.Explanation, error) {
	s, err := openLedger(f.data)
	if err != nil {
		return why.Explanation{}, err
	}
	defer s.Close()
	e, err := why.Explain(ctx, s, call, zone)
	if errors.Is(err, why.ErrUnknown) {
		return e, fmt.Errorf("no call %q in %s: ids are those of cardline calls and of the log's field call, such as c-1a0f4de6a20QX7HM2KD4TRWZ; "+
			"is --data the directory of the hotline that took the call?", call, f.data)
	}
	return e, err
}
