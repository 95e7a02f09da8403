package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ownFolder refuses a data directory that others use as well, such as /tmp: what is
// in it is about to be closed to them.
func ownFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSticky != 0:
		return errors.New("it is shared with other programs: name a directory of its own")
	}
	return nil
}

// makePrivate closes a data directory to everybody but its owner: 0700, and 0600 for
// the files in it. Links are left alone. The error has all that could not be closed.
func makePrivate(dir string) error {
	var errs []error
	walked := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		want := fs.FileMode(0o600)
		switch {
		case entry.IsDir():
			want = 0o700
		case !entry.Type().IsRegular():
			return nil
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&^want != 0 {
			err = os.Chmod(path, want)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // SQLite removes files as it likes
			errs = append(errs, err)
		}
		return nil
	})
	return errors.Join(append(errs, walked)...)
}

// closeData closes the data directory to others. Where that cannot be done, as on a
// file system without modes, the hotline works all the same.
func (a *App) closeData() {
	if err := makePrivate(a.options.Data); err != nil {
		a.log.Warn().Err(fmt.Errorf("data directory %s: %w", a.options.Data, err)).Msg("others may read the data")
	}
}
