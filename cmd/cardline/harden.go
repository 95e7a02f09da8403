package main

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/rs/zerolog"

	"cardline/fault"
	"cardline/memory"
)

// quietTrace is what the environment must say so that Go prints no stack when it
// crashes: the arguments of functions are on it. Go reads it before our first
// statement, and obeys nobody who wants less afterwards.
const quietTrace = "GOTRACEBACK=none"

// harden keeps what callers key in out of all that outlives the program: core dumps,
// other processes of the same user, and the stack that Go prints when it crashes. It
// starts the program anew, in the same process, if the environment lets Go print.
// What cannot be done is in the error.
func harden() error {
	if os.Getenv("GOTRACEBACK") != "none" {
		if err := startQuietly(); err != nil {
			return fmt.Errorf("start without traces: %w", err)
		}
	}
	return memory.Protect()
}

// startQuietly returns only if it fails.
func startQuietly() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOTRACEBACK=") })
	signal.Ignore(syscall.SIGHUP) // there is nothing to reload yet; whoever is started again holds it anew
	return syscall.Exec(program, os.Args, append(env, quietTrace))
}

// endAborted waits for a signal that asks for a dump, SIGQUIT or the SIGABRT of a
// watchdog, and ends the program: Go itself would print the arguments of functions.
// The log says where every goroutine was. It returns when stop is closed.
func endAborted(abort <-chan os.Signal, stop <-chan struct{}, log zerolog.Logger, out *droppingWriter) {
	select {
	case s := <-abort:
		log.Error().Stringer("signal", s).Str("goroutines", fault.Goroutines()).Msg("ended by a signal")
		out.close(flushLimit)
		os.Exit(exitFailed)
	case <-stop:
	}
}
