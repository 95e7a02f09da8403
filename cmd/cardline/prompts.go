package main

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cardline/prompts"
)

func newPrompts() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prompts",
		Short: "Check, list or render the recordings",
		Long: `The recordings are shipped inside the program: placeholders spoken by a
synthesizer, and hold music. A directory laid out like them - zh/hello.wav,
en/words/n1.wav - replaces them file by file; "prompts: {overlay: DIR}" in the
configuration names it.`,
		Example: `  cardline prompts script --language zh --csv > studio.csv
  cardline prompts check --overlay /var/lib/cardline/recordings
  cardline prompts import studio --dir /var/lib/cardline/recordings
  cardline prompts render --only hello --dir recordings`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newPromptsCheck(), newPromptsScript(), newPromptsRender(), newPromptsImport())
	return cmd
}

// recordings returns the shipped recordings with those of a directory, if one
// is named, in their place.
func recordings(overlay string) (fs.FS, error) {
	if overlay == "" {
		return prompts.Embedded(), nil
	}
	tree, err := prompts.WithOverlay(prompts.Embedded(), overlay)
	if err != nil {
		return nil, exitError{exitFailed, err}
	}
	return tree, nil
}

func overlayFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "overlay", "", "directory whose files replace the shipped ones")
}

func newPromptsCheck() *cobra.Command {
	overlay := ""
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Find recordings that are missing, clipped, silent or too quiet",
		Long: `Listen to all recordings and compare the manifests of the languages. It finds
files that are missing, clipped, silent, too quiet or in the wrong format, files
that no manifest names, prompts that one language has and another has not, and
Mandarin characters of which the reading is open. The exit code is 3 if there
is anything.`,
		Example: `  cardline prompts check
  cardline prompts check --overlay /var/lib/cardline/recordings`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tree, err := recordings(overlay)
			if err != nil {
				return err
			}
			found := prompts.Check(tree)
			for _, p := range found {
				fmt.Fprintln(cmd.OutOrStdout(), p)
			}
			if len(found) > 0 {
				return exitError{exitInvalid, problems(len(found))}
			}
			list, err := prompts.Recordings(tree)
			if err != nil {
				return exitError{exitFailed, err}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "sound: %d recordings\n", len(list))
			return err
		},
	}
	overlayFlag(cmd, &overlay)
	return cmd
}

func newPromptsScript() *cobra.Command {
	var overlay, language string
	csv := false
	cmd := &cobra.Command{
		Use:   "script",
		Short: "Print what a studio has to record",
		Long: `Print every recording with its file and text, to be read from a desk, or as
comma-separated values: id, language, text, file, notes.`,
		Example: `  cardline prompts script --language zh
  cardline prompts script --csv > studio.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tree, err := recordings(overlay)
			if err != nil {
				return err
			}
			list, err := prompts.Recordings(tree)
			if err != nil {
				return exitError{exitFailed, err}
			}
			var languages []string
			for _, r := range list {
				if !slices.Contains(languages, r.Language) {
					languages = append(languages, r.Language)
				}
			}
			if language != "" {
				if !slices.Contains(languages, language) {
					return fmt.Errorf("unknown language %q: expected %s", language, strings.Join(languages, " or "))
				}
				list = slices.DeleteFunc(list, func(r prompts.Recording) bool { return r.Language != language })
			}
			write := prompts.WriteScript
			if csv {
				write = prompts.WriteCSV
			}
			return write(cmd.OutOrStdout(), list)
		},
	}
	overlayFlag(cmd, &overlay)
	cmd.Flags().StringVar(&language, "language", "", "only this language, zh or en (default: all)")
	cmd.Flags().BoolVar(&csv, "csv", false, "as comma-separated values")
	return cmd
}

func newPromptsRender() *cobra.Command {
	var overlay string
	var options prompts.RenderOptions
	cmd := &cobra.Command{
		Use:   "render",
		Short: "Make placeholder recordings with espeak-ng and sox",
		Long: `Speak what the manifests name into WAV files, with espeak-ng and sox, which must
be installed. The same texts give the same bytes each time. Placeholders serve
for tests and trials; cardholders should hear a person.`,
		Example: `  cardline prompts render                                  # everything, into recordings/
  cardline prompts render --only act_ok,bill --dir /tmp/rec
  cardline prompts render --dir prompts                    # in the source tree, after a change of a text`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tree, err := recordings(overlay)
			if err != nil {
				return err
			}
			list, err := prompts.Recordings(tree)
			if err != nil {
				return exitError{exitFailed, err}
			}
			for _, id := range options.Only {
				if !slices.ContainsFunc(list, func(r prompts.Recording) bool { return r.ID == id }) {
					return fmt.Errorf("unknown id %q: cardline prompts script --csv lists them", id)
				}
			}
			made := 0
			options.Report = func(file string) {
				made++
				fmt.Fprintln(cmd.OutOrStdout(), file)
			}
			if err := prompts.Render(cmd.Context(), tree, options); err != nil {
				return exitError{exitFailed, err}
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%d recordings made\n", made)
			return err
		},
	}
	overlayFlag(cmd, &overlay)
	cmd.Flags().StringVar(&options.Dir, "dir", "recordings", "directory for the files")
	cmd.Flags().StringSliceVar(&options.Only, "only", nil, "only these ids")
	cmd.Flags().BoolVar(&options.Keep, "keep", false, "leave files alone that are there already")
	return cmd
}

func newPromptsImport() *cobra.Command {
	var overlay, dir string
	cmd := &cobra.Command{
		Use:   "import STUDIO",
		Short: "Convert what a studio delivers, equally loud",
		Long: `Convert the WAV files of a studio's folder to what a telephone hears, G.711 A-law at
8 kHz, and make them equally loud. The folder is laid out as "cardline prompts
script" lists the files: zh/hello.wav, en/words/n1.wav. The files may have any
rate and depth, one channel or two. It needs sox.

What is missing keeps the shipped recording. The exit code is 3 if a file cannot
be used or has a name that nothing is known of.`,
		Example: `  cardline prompts import studio --dir /var/lib/cardline/recordings
  cardline prompts check --overlay /var/lib/cardline/recordings
  # in the configuration: prompts: {overlay: /var/lib/cardline/recordings}`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			tree, err := recordings(overlay)
			if err != nil {
				return err
			}
			out, made := cmd.OutOrStdout(), 0
			wrong, missing, err := prompts.Import(cmd.Context(), tree, prompts.ImportOptions{From: args[0], To: dir, Report: func(file string) {
				made++
				fmt.Fprintln(out, file)
			}})
			if err != nil {
				return exitError{exitFailed, err}
			}
			for _, p := range wrong {
				fmt.Fprintln(out, p)
			}
			fmt.Fprintf(out, "%d recordings made; %d are not in %s and stay as they are\n", made, len(missing), args[0])
			if len(wrong) > 0 {
				return exitError{exitInvalid, problems(len(wrong))}
			}
			return nil
		},
	}
	overlayFlag(cmd, &overlay)
	cmd.Flags().StringVar(&dir, "dir", "recordings", "directory for the files")
	return cmd
}
