package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cardline/configs"
)

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check [DIR]",
		Short: "Check a configuration without starting it",
		Long: `Check a configuration directory by the same path as a start and a reload, and
print every problem with file, line, column and remedy. The exit code is 3 if
there are any. Without DIR it checks the embedded default hotline.`,
		Example: `  cardline check /etc/cardline && systemctl reload cardline`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := ""
			if len(args) > 0 {
				dir = args[0]
			}
			c, err := configs.Load(configDir(dir))
			if invalid, ok := errors.AsType[*configs.InvalidError](err); ok {
				fmt.Fprintln(cmd.OutOrStdout(), invalid)
				return exitError{exitInvalid, fmt.Errorf("%d problems", len(invalid.Problems))}
			}
			if err != nil {
				return exitError{exitFailed, fmt.Errorf("%s: %w", dir, err)}
			}
			for _, w := range c.Warnings {
				fmt.Fprintln(cmd.OutOrStdout(), "warning:", w)
			}
			f := c.File
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "sound: %d lines, %d queues, %d agents, %d flows; digest %s\n",
				len(f.Lines), len(f.Queues), len(f.Agents), len(f.Flows), c.Digest)
			return err
		},
	}
}

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Example: `  cardline schema > cardline.schema.json
  # then, as the first line of a file:
  # yaml-language-server: $schema=cardline.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, err := configs.Schema()
			if err != nil {
				return exitError{exitFailed, err}
			}
			_, err = cmd.OutOrStdout().Write(schema)
			return err
		},
	}
}
