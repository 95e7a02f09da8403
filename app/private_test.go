package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheDataIsPrivate starts on a directory that an older version, or a restored
// back-up, has left open: afterwards nobody but its owner can read anything in it.
func TestTheDataIsPrivate(t *testing.T) {
	data := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	open := filepath.Join(data, "backup", "old.db")
	for _, err := range []error{
		os.Chmod(data, 0o755), os.Mkdir(filepath.Dir(open), 0o755), os.WriteFile(open, nil, 0o600), os.Chmod(open, 0o666),
		os.WriteFile(outside, nil, 0o600), os.Chmod(outside, 0o644), os.Symlink(outside, filepath.Join(data, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	begin(t, data)
	files := 0
	err := filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if mode := info.Mode(); mode&fs.ModeSymlink == 0 && mode.Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, mode)
		}
		files++
		return nil
	})
	if err != nil || files < 6 {
		t.Errorf("looked at %d files, %v", files, err)
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("a file elsewhere was changed: %v, %v", info, err)
	}
}

func TestASharedDirectoryIsNoDataDirectory(t *testing.T) {
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Load: begin(t, t.TempDir()).options.Load, Data: shared}); err == nil || !strings.Contains(err.Error(), "shared") {
		t.Errorf("got %v, want that it is shared", err)
	}
	if info, err := os.Stat(shared); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("it was changed to %v, %v", info.Mode(), err)
	}
}
