package main

import (
	"cmp"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
)

// A supervisor is systemd, or whoever else started us and gave us a socket by
// NOTIFY_SOCKET to hear how we are (sd_notify(3)). Where nobody has, it does
// nothing.
type supervisor struct{ log zerolog.Logger }

func (s supervisor) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn().Err(err).Msg("supervisor not told")
	}
}

// feed feeds the supervisor's watchdog while calls can be answered, until stop is
// closed. If it goes hungry for WatchdogSec, the supervisor kills the program and
// starts it again.
func (s supervisor) feed(answers func() error, stop <-chan struct{}) {
	hungry, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn().Err(err).Msg("the watchdog's time makes no sense")
	}
	if hungry == 0 {
		return
	}
	s.log.Info().Int64("watchdog_ms", hungry.Milliseconds()).Msg("the supervisor watches")
	ticker := time.NewTicker(cmp.Or(hungry/4, 1))
	defer ticker.Stop()
	for {
		if answers() == nil {
			s.tell(daemon.SdNotifyWatchdog)
		}
		select {
		case <-ticker.C:
		case <-stop:
			return
		}
	}
}
