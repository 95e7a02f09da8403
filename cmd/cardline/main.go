// Command cardline is the telephone side of a card issuer's service hotline.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	_ "time/tzdata" // calendars have zones, and the machine may have none

	"github.com/spf13/cobra"
)

// version is set by the linker in a release.
var version = ""

// An exitError ends the program with a code of its own.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return e.err.Error() }
func (e exitError) Unwrap() error { return e.err }

// Exit codes.
const (
	exitFailed  = 1 // it could not be done
	exitUsage   = 2 // the command line makes no sense
	exitInvalid = 3 // the configuration, or what was checked, has problems
)

func main() {
	root := newRoot()
	if err := root.Execute(); err != nil {
		last := newDroppingWriter(os.Stderr) // whose reader may have stalled
		go last.run()
		fmt.Fprintln(last, "cardline:", err)
		last.close(flushLimit)
		code := exitUsage
		var exit exitError
		if errors.As(err, &exit) {
			code = exit.code
		}
		os.Exit(code)
	}
}

// self is how whoever reads us can call us again: by our name if the shell finds us
// by it, or else as we were called.
func self() string {
	const name = "cardline"
	found, err := exec.LookPath(name)
	ours, unknown := os.Executable()
	if err == nil && unknown == nil && found == ours {
		return name
	}
	return os.Args[0]
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "cardline",
		Short: "The telephone side of a card issuer's service hotline",
		Long: `cardline answers a card issuer's hotline: it takes SIP calls, lets cardholders
serve themselves by keypad, queues the rest by skill to agents on SIP phones,
and shows in Prometheus what is happening.`,
		Example: `  cardline demo                    # a lively quarter of an hour on this machine
  cardline serve                   # the default hotline on 127.0.0.1:5060
  cardline init hotline            # write the default hotline out, to be edited
  cardline check /etc/cardline     # is the configuration sound?
  cardline simulate --svg day.svg  # how would a day go?
  cardline calls                   # what calls came of late
  cardline why CALL                # why did this call go where it went?`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newServe(), newDemo(), newInit(), newLoad(), newSimulate(), newPlan(), newCalls(), newWhy(), newOutbox(), newCallers(), newReplay(), newCheck(), newSchema(), newPrompts(), newVersion())
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionText())
			return err
		},
	}
}

// versionText returns the version, and the revision if it is known.
func versionText() string {
	text := version
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return text
	}
	if text == "" {
		text = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return text
}
