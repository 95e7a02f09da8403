package memory

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Protect keeps the whole process from being dumped, or looked into by another one
// of the same user. What it cannot do is joined in the error; it does the rest.
func Protect() error {
	var errs []error
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		errs = append(errs, fmt.Errorf("forbid dumps: %w", err))
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		errs = append(errs, fmt.Errorf("limit of core dumps: %w", err))
	}
	return errors.Join(errs...)
}

func mapPage(size int) ([]byte, error) {
	page, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, err
	}
	if err := unix.Madvise(page, unix.MADV_DONTDUMP); err != nil {
		_ = unix.Munmap(page)
		return nil, err
	}
	return page, nil
}

func lockPage(page []byte) error { return unix.Mlock(page) }

func unmapPage(page []byte) error { return unix.Munmap(page) }
