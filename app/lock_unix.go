//go:build unix

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Abandoned reports whether a data directory was in use and is no more, which is
// what a killed process leaves behind.
func Abandoned(data string) bool {
	path := filepath.Join(data, "lock")
	if _, err := os.Stat(path); err != nil {
		return false
	}
	release, err := lock(path)
	if err != nil {
		return false
	}
	return release() == nil
}

// lock takes a file for this process until it ends or releases it.
func lock(path string) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.New("in use by another cardline; stop it or choose another directory with --data")
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f.Close, nil
}
