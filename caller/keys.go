package caller

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Keys make pseudonyms of numbers. They hold the key of now, and those of before
// that are kept. They do not change. A nil Keys makes none.
type Keys struct{ list [][]byte }

// keySize is the length of a key, in bytes.
const keySize = 32

// NewKeys returns keys that are given, the newest first.
func NewKeys(list ...[]byte) *Keys { return &Keys{list} }

// Pseudonym returns what stands for a number from now on: the same for all forms
// of one number, and different for every key. Without the key nobody finds the
// number. It is "" for what is no number.
func (k *Keys) Pseudonym(number string) string {
	if list := k.Pseudonyms(number); len(list) > 0 {
		return list[0]
	}
	return ""
}

// Pseudonyms returns what stands, or stood, for a number by all keys that are kept,
// the newest first. Whoever looks for a caller tries all of them.
func (k *Keys) Pseudonyms(number string) (list []string) {
	number = Normal(number)
	if k == nil || number == "" {
		return nil
	}
	for _, key := range k.list {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(number))
		list = append(list, prefix+strings.ToLower(encoding.EncodeToString(mac.Sum(nil)[:pseudonymSize])))
	}
	return list
}

// A pseudonym is 128 bits of the HMAC, which is enough to tell callers apart.
const (
	prefix        = "p-"
	pseudonymSize = 16
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// IsPseudonym reports whether a text has the form of a pseudonym.
func IsPseudonym(text string) bool {
	code, ok := strings.CutPrefix(text, prefix)
	if !ok || code != strings.ToLower(code) {
		return false
	}
	raw, err := encoding.DecodeString(strings.ToUpper(code))
	return err == nil && len(raw) == pseudonymSize
}

// The names of the files: the key of now, and those of before with the moment
// until which they were used.
const (
	keyFile     = "caller.key"
	retiredFile = "caller-until-*.key"
	retiredForm = "caller-until-20060102T150405Z.key"
)

// LoadKeys reads the keys as [ReadKeys] does, for the hotline that they are made
// for: in the directory of its data it makes a key if there is none, and deletes
// those of before that were last used longer ago than keep. With such a key goes
// whatever could be said of the callers of its period.
func LoadKeys(data, credentials string, keep time.Duration) (*Keys, error) {
	dir := dirOf(data, credentials)
	if dir == data {
		if _, err := os.Stat(filepath.Join(data, keyFile)); errors.Is(err, fs.ErrNotExist) {
			if err := makeKey(data); err != nil {
				return nil, fmt.Errorf("key of callers: %w", err)
			}
		}
		old, err := retired(data)
		if err != nil {
			return nil, err
		}
		for _, r := range old {
			if time.Since(r.until) > keep {
				if err := os.Remove(r.file); err != nil {
					return nil, fmt.Errorf("key of callers, which is too old to be kept: %w", err)
				}
			}
		}
	}
	return ReadKeys(data, credentials)
}

// ReadKeys reads the keys in a directory of credentials, such as systemd's, if it
// has one, and otherwise in the directory of a hotline's data.
func ReadKeys(data, credentials string) (*Keys, error) {
	dir := dirOf(data, credentials)
	old, err := retired(dir)
	if err != nil {
		return nil, err
	}
	files := []string{filepath.Join(dir, keyFile)}
	for _, r := range old {
		files = append(files, r.file)
	}
	keys := NewKeys()
	for _, file := range files {
		key, err := readKey(file)
		if err != nil {
			return nil, fmt.Errorf("key of callers: %w", err)
		}
		keys.list = append(keys.list, key)
	}
	return keys, nil
}

// dirOf returns the directory that has the keys.
func dirOf(data, credentials string) string {
	if credentials != "" {
		if _, err := os.Stat(filepath.Join(credentials, keyFile)); err == nil {
			return credentials
		}
	}
	return data
}

// retiredKey is a key of before.
type retiredKey struct {
	file  string
	until time.Time // it was used
}

// retired lists the keys of before in a directory, the newest first.
func retired(dir string) (list []retiredKey, err error) {
	names, err := fs.Glob(os.DirFS(dir), retiredFile)
	if err != nil {
		return nil, fmt.Errorf("key of callers: %w", err)
	}
	for _, name := range names {
		file := filepath.Join(dir, name)
		until, err := time.Parse(retiredForm, name)
		if err != nil {
			return nil, fmt.Errorf("key of callers: %s: expected a name such as %s", file, retiredForm)
		}
		list = append(list, retiredKey{file, until})
	}
	slices.SortFunc(list, func(a, b retiredKey) int { return b.until.Compare(a.until) })
	return list, nil
}

// RotateKey makes a new key in the directory of the data, and keeps that of now as
// one of before.
func RotateKey(data string) error {
	old := filepath.Join(data, keyFile)
	if _, err := readKey(old); err != nil {
		return fmt.Errorf("key of callers: %w", err)
	}
	// There is a key at every moment: a hotline that looks now would make one.
	if err := os.Link(old, filepath.Join(data, time.Now().UTC().Format(retiredForm))); err != nil {
		return fmt.Errorf("key of callers: %w", err)
	}
	if err := makeKey(data); err != nil {
		return fmt.Errorf("key of callers: %w", err)
	}
	return nil
}

func readKey(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() != keySize {
		return nil, fmt.Errorf("%s: expected a file of %d bytes: restore it from the backup", name, keySize)
	}
	key := make([]byte, keySize)
	_, err = f.ReadAt(key, 0)
	return key, err
}

// makeKey writes a new key. It is whole in its file or not there.
func makeKey(dir string) error {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // it never fails
	f, err := os.CreateTemp(dir, ".caller-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // unless it has another name by then
	_, err = f.Write(key)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, keyFile))
	}
	return err
}
