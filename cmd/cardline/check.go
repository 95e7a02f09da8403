package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"cardline/configs"
)

func newCheck() *cobra.Command {
	strict, at := false, ""
	cmd := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Check a configuration without starting it",
		Long: `Check a configuration directory by the same path as a start and a reload, and
print every problem with file, line, column and remedy. The exit code is 3 if
there are any. Warnings are printed too and change nothing, unless --strict.
Without DIR it checks the embedded default hotline.

With --at it tells besides what would happen at that time: which lines and
queues are open, why and until when, and where callers go.

Run it as the user who runs the hotline, so that it reads the same files.`,
		Example: `  cardline check
  cardline check --strict /etc/cardline
  cardline check --at 2026-10-01T09:00 /etc/cardline
  cardline check /etc/cardline && systemctl reload cardline`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := ""
			if len(args) > 0 {
				dir = args[0]
			}
			return check(cmd, dir, strict, at)
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "let warnings count as problems")
	cmd.Flags().StringVar(&at, "at", "", "tell what would happen at a `time` such as 2026-10-01T09:00, in the configuration's time zone")
	return cmd
}

func check(cmd *cobra.Command, dir string, strict bool, at string) error {
	out := cmd.OutOrStdout()
	c, err := readConfig(dir)
	if invalid, ok := errors.AsType[*configs.InvalidError](err); ok {
		for _, p := range invalid.Problems {
			if !filepath.IsAbs(p.File) {
				p.File = filepath.Join(dir, p.File)
			}
			fmt.Fprintln(out, p)
		}
		return exitError{exitInvalid, problems(len(invalid.Problems))}
	}
	if err != nil {
		return exitError{exitFailed, err}
	}
	for _, w := range c.Warnings {
		w.File = filepath.Join(dir, w.File)
		fmt.Fprintln(out, "warning:", w)
	}
	if strict && len(c.Warnings) > 0 {
		return exitError{exitInvalid, problems(len(c.Warnings))}
	}
	if at != "" {
		moment, err := configs.ParseMoment(at, c.Zone())
		if err != nil {
			return fmt.Errorf("--at: %w: expected one such as 2026-10-01T09:00", err)
		}
		return tellAt(out, c, moment.In(c.Zone()))
	}
	f := c.File
	_, err = fmt.Fprintf(out, "sound: %d lines, %d queues, %d agents, %d flows; digest %s\n",
		len(f.Lines), len(f.Queues), len(f.Agents), len(f.Flows), c.Digest)
	return err
}

// problems counts what was found, for the last line.
func problems(n int) error {
	if n == 1 {
		return errors.New("1 problem")
	}
	return fmt.Errorf("%d problems", n)
}

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Example: `  cardline schema > cardline.schema.json
  # then, as the first line of a file with sections,
  # yaml-language-server: $schema=cardline.schema.json
  # and of a flow
  # yaml-language-server: $schema=../cardline.schema.json#/$defs/Flow`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(configs.Schema())
			return err
		},
	}
}
