package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cardline/caller"
)

// newCallers are the commands about callers, whom the hotline knows by pseudonyms.
func newCallers() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "callers",
		Short: "Pseudonyms of callers, their key, and who is barred",
		Long: `Callers are known in the ledger, the records and the API by a pseudonym that is
made of their number with a key, and of which nobody without the key finds the
number. These commands deal with both, and
with callers whose calls are refused.`,
	}
	cmd.AddCommand(newPseudonym(), newRotate(), newBarred(), newBar(), newUnbar())
	return cmd
}

// dataFlag adds the directory of the data to a command.
func dataFlag(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", defaultData(), "directory of the hotline's data")
}

func newPseudonym() *cobra.Command {
	var f apiFlags
	var data string
	cmd := &cobra.Command{
		Use:   "pseudonym",
		Short: "Print the pseudonyms of numbers",
		Long: `Read numbers from standard input, one a line, and print their pseudonyms: by the
key of now, and after it by those of before that are kept. Numbers are no
arguments, since those are seen by everybody on the machine.

It reads the key in the data directory. With --api it asks a hotline, which is
needed where the key is a credential of systemd, with the token of an operator,
auditor or supervisor.`,
		Example: `  cardline callers pseudonym --data /var/lib/cardline < numbers
  cardline callers pseudonym       # then type a number`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lookUp := func(number string) (list []string, err error) {
				var answer struct{ Pseudonyms []string }
				err = f.do(cmd.Context(), http.MethodPost, "/api/pseudonyms", map[string]string{"number": number}, &answer)
				return answer.Pseudonyms, err
			}
			if f.api == "" {
				keys, err := caller.ReadKeys(data, os.Getenv("CREDENTIALS_DIRECTORY"))
				if err != nil {
					return exitError{exitFailed, fmt.Errorf("%w: give the directory of the hotline by --data, and run this as its user", err)}
				}
				lookUp = func(number string) ([]string, error) { return keys.Pseudonyms(number), nil }
			}
			return pseudonyms(cmd.InOrStdin(), cmd.OutOrStdout(), lookUp)
		},
	}
	dataFlag(cmd, &data)
	f.add(cmd)
	return cmd
}

// pseudonyms looks up the number in each line. A line that is none is not repeated.
func pseudonyms(in io.Reader, out io.Writer, lookUp func(number string) ([]string, error)) error {
	bad := 0
	lines := bufio.NewScanner(in)
	for line := 1; lines.Scan(); line++ {
		number, found := strings.TrimSpace(lines.Text()), fmt.Sprintf("line %d is no number", line)
		if caller.Normal(number) == "" {
			bad++
		} else {
			list, err := lookUp(number)
			if err != nil {
				return exitError{exitFailed, err}
			}
			found = strings.Join(list, " ")
		}
		if _, err := fmt.Fprintln(out, found); err != nil {
			return err
		}
	}
	if bad > 0 {
		return exitError{exitFailed, fmt.Errorf("%d lines are no numbers", bad)}
	}
	return lines.Err()
}

func newRotate() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new key for pseudonyms",
		Long: `Make a new key for pseudonyms. That of now is kept for callers.repeat_window, so
that callers are known over the change, and is then deleted: from then on nobody
can say whose the pseudonyms of its time are. A hotline that runs takes the new key
up within the hour, or at a reload.`,
		Example: `  cardline callers rotate --data /var/lib/cardline && systemctl reload cardline`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := caller.RotateKey(data); err != nil {
				if errors.Is(err, os.ErrNotExist) {
					err = fmt.Errorf("%w: give the directory of the hotline by --data; a key that is a credential of systemd is rotated where it is kept", err)
				}
				return exitError{exitFailed, err}
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "There is a new key. Back it up; that of before goes by itself.")
			return err
		},
	}
	dataFlag(cmd, &data)
	return cmd
}
