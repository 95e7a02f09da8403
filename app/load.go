package app

import (
	"errors"
	"io/fs"
	"path/filepath"

	"cardline/configs"
	"cardline/console"
)

// Load reads and checks a configuration with everything that a start would
// read: the directory, and the file of tokens that it names. It is the way of
// a start, of a reload and of "cardline check". The error is a
// [*configs.InvalidError], or says that something cannot be read.
func Load(dir fs.FS) (*configs.Config, error) {
	c, err := configs.Load(dir)
	if err != nil || c.File.HTTP.Tokens == "" {
		return c, err
	}
	_, err = console.ReadKeyring(c.File.HTTP.Tokens)
	invalid, ok := errors.AsType[*console.KeyringError](err)
	if !ok {
		return c, err
	}
	file, err := filepath.Abs(invalid.File)
	if err != nil {
		return nil, err
	}
	problems := make([]configs.Problem, len(invalid.Faults))
	for i, f := range invalid.Faults {
		problems[i] = configs.Problem{File: file, Line: f.Line, Column: f.Column, Message: f.Message}
	}
	return nil, &configs.InvalidError{Problems: problems}
}
