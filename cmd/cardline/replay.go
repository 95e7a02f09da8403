package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"cardline/acd"
	"cardline/call"
	"cardline/ledger"
)

func newReplay() *cobra.Command {
	return &cobra.Command{
		Use:   "replay FILE",
		Short: "Play again what a router was told, and print what it did",
		Long: `Play a recording of the router again: of "serve --record" or of "simulate
--record". In the version that recorded them, the same commands at the same times
lead to the same decisions, to the last bit, so what happened in a busy hour can be
looked at as often as need be.

Each line is a fact as the ledger would have it: the time since the program
started, or in a simulation that of the day, the kind of the fact, its call, and
the rest as JSON. Of a recording that breaks off, because the program was killed,
it prints what there is, and fails.`,
		Example: `  cardline replay router-20261001T003000.000000Z.jsonl | grep c-1a0f4de6a20QX7HM2KD4TRWZ`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := os.Open(args[0])
			if err != nil {
				return exitError{exitFailed, err}
			}
			defer file.Close()
			return replay(args[0], file, cmd.OutOrStdout())
		},
	}
}

// replay prints what follows from a recording, which name names.
func replay(name string, in io.Reader, out io.Writer) error {
	text := bufio.NewWriter(out)
	var failed error
	commands, err := call.Replay(bufio.NewReader(in), func(at acd.Time, e acd.Effect) {
		id, f := call.FactOf(e)
		if f == nil {
			return
		}
		fact, err := json.Marshal(f)
		if err == nil {
			_, err = fmt.Fprintf(text, "%-14v %-18s %-26s %s\n", at.Round(time.Millisecond), ledger.Kind(f), id, fact)
		}
		failed = errors.Join(failed, err)
	})
	failed = errors.Join(failed, text.Flush())
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%s breaks off after %d commands", name, commands)
	case err != nil:
		err = fmt.Errorf("%s: %w; expected a recording of serve --record or simulate --record", name, err)
	}
	if err = errors.Join(failed, err); err != nil {
		return exitError{exitFailed, err}
	}
	return nil
}
