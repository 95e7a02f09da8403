package main

import (
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// TestWatchdogIsFedOnlyWhileCallsCanBeAnswered has calls answered at three looks,
// not at the next three, and again at one.
func TestWatchdogIsFedOnlyWhileCallsCanBeAnswered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "4000")
	looks, stop := 0, make(chan struct{})
	supervisor{zerolog.Nop()}.feed(func() error {
		looks++
		if looks == 7 {
			close(stop)
		}
		if looks <= 3 || looks == 7 {
			return nil
		}
		return errors.New("the router does not answer")
	}, stop)
	fed := 0
	for buffer := make([]byte, 64); ; fed++ {
		_ = socket.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) // what was sent is here by now
		n, err := socket.Read(buffer)
		if err != nil {
			break
		}
		if got := string(buffer[:n]); got != "WATCHDOG=1" {
			t.Errorf("the supervisor was told %q", got)
		}
	}
	if fed != 4 {
		t.Errorf("fed %d times at %d looks, of which 4 found that calls can be answered", fed, looks)
	}
}
