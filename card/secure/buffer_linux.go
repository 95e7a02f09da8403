package secure

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockedBuffer returns n zero bytes at the start of a page of their own that
// is never swapped and never dumped. Where the system allows no locked memory
// the page is only kept out of dumps: the operator's manual says how much to
// allow.
func lockedBuffer(n int) ([]byte, error) {
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("secure segment: map a page: %w", err)
	}
	_ = unix.Mlock(page)
	if err := unix.Madvise(page, unix.MADV_DONTDUMP); err != nil {
		_ = unix.Munmap(page)
		return nil, fmt.Errorf("secure segment: keep a page out of dumps: %w", err)
	}
	return page[:n], nil
}

func release(buffer []byte) error {
	return unix.Munmap(buffer[:cap(buffer)])
}
