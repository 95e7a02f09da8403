//go:build !unix

package app

// lock does nothing where files cannot be locked: it is for the operator to
// start one process on a directory.
func lock(string) (release func() error, err error) { return func() error { return nil }, nil }
