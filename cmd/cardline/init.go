package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"cardline/configs"
)

func newInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Write the default hotline out, to be edited",
		Long: `Write the configuration of the default hotline into a directory, with the comments
that tell what can be changed. The directory is made; if there is anything in it,
nothing is written. The passwords of its phones are for trials on one machine:
replace them before the machine can be reached.`,
		Example: `  cardline init hotline
  cardline check --strict hotline
  cardline serve --config hotline`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := writeOut(configs.Default(), args[0])
			if err != nil {
				return exitError{exitFailed, err}
			}
			out := cmd.OutOrStdout()
			for _, name := range files {
				fmt.Fprintln(out, filepath.Join(args[0], filepath.FromSlash(name)))
			}
			_, err = fmt.Fprintf(out, "%d files written. Edit them; then \"%[3]s check %[2]s\" and \"%[3]s serve --config %[2]s\".\n", len(files), args[0], self())
			return err
		},
	}
}

// writeOut writes a configuration into a directory, which it makes, and returns
// the names of the files.
func writeOut(from fs.FS, dir string) (files []string, err error) {
	there, err := os.ReadDir(dir)
	switch {
	case err == nil && len(there) > 0:
		return nil, fmt.Errorf("%s is not empty: choose another directory, or move away what is in it", dir)
	case err != nil && !os.IsNotExist(err):
		return nil, err
	}
	err = fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(target, 0o750)
		}
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		files = append(files, name)
		return os.WriteFile(target, text, 0o640) // it holds passwords
	})
	return files, err
}
