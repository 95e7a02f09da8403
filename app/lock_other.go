//go:build !unix

package app

// Abandoned reports false: without locks nobody can know.
func Abandoned(string) bool { return false }

// lock does nothing where files cannot be locked: it is for the operator to
// start one process on a directory.
func lock(string) (release func() error, err error) { return func() error { return nil }, nil }
