package caller

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func load(t *testing.T, data, credentials string, keep time.Duration) *Keys {
	t.Helper()
	k, err := LoadKeys(data, credentials, keep)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestPseudonymOfANumber holds the HMAC against one that was worked out by hand:
// printf %s 13800000001 | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01.
func TestPseudonymOfANumber(t *testing.T) {
	k := NewKeys(bytes.Repeat([]byte{1}, keySize))
	const want = "p-z2jenmrojntood4ptqjktt6hcq"
	for _, form := range []string{"13800000001", "+8613800000001", "008613800000001", "013800000001"} {
		if got := k.Pseudonym(form); got != want {
			t.Errorf("%s is %s, want %s", form, got, want)
		}
	}
	if !IsPseudonym(want) || IsPseudonym("13800000001") || IsPseudonym("p-x") || IsPseudonym(strings.ToUpper(want)) || IsPseudonym(want+"aa") {
		t.Error("pseudonyms are not told from other texts")
	}
	for _, none := range []string{"", "anonymous"} {
		if got := k.Pseudonym(none); got != "" {
			t.Errorf("%q is %s", none, got)
		}
	}
	if got := (*Keys)(nil).Pseudonym("13800000001"); got != "" {
		t.Errorf("without keys a number is %s", got)
	}
}

// TestKeysOverTheirLife makes a key, finds it again, rotates it twice, and lets
// the older one go.
func TestKeysOverTheirLife(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const number, keep = "13800000001", 30 * 24 * time.Hour
		first := load(t, dir, "", keep).Pseudonym(number)
		if again := load(t, dir, "", keep).Pseudonyms(number); len(again) != 1 || again[0] != first {
			t.Errorf("the same key gives %s, then %v", first, again)
		}
		if info, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
			t.Errorf("the key has %v bytes and mode %v, %v", info.Size(), info.Mode(), err)
		}
		time.Sleep(24 * time.Hour)
		if err := RotateKey(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * 24 * time.Hour)
		if err := RotateKey(dir); err != nil {
			t.Fatal(err)
		}
		all := load(t, dir, "", keep).Pseudonyms(number)
		if len(all) != 3 || all[2] != first || all[0] == all[1] {
			t.Fatalf("after two rotations: %v, want %s last", all, first)
		}
		time.Sleep(11 * 24 * time.Hour) // 31 days since the first was used
		left := load(t, dir, "", keep).Pseudonyms(number)
		if !slices.Equal(left, all[:2]) {
			t.Errorf("the key of before is not forgotten: %v", left)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) != 2 {
			t.Errorf("left are %v, %v; want the key of now and one of before", files, err)
		}
	})
}

// TestKeyOfTheSystem takes a credential before the file in the data.
func TestKeyOfTheSystem(t *testing.T) {
	data, credentials := t.TempDir(), t.TempDir()
	own := load(t, data, credentials, time.Hour).Pseudonym("10086")
	if err := os.WriteFile(filepath.Join(credentials, keyFile), bytes.Repeat([]byte{2}, keySize), 0o400); err != nil {
		t.Fatal(err)
	}
	given := load(t, data, credentials, time.Hour).Pseudonym("10086")
	if want := NewKeys(bytes.Repeat([]byte{2}, keySize)).Pseudonym("10086"); given != want || given == own {
		t.Errorf("with a credential a number is %s, want %s", given, want)
	}
}

// TestSpoiledKeys are told with their file and the remedy; a key is never replaced.
func TestSpoiledKeys(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, keyFile)
	for _, text := range []string{"", "short", strings.Repeat("x", 33)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKeys(dir, "", time.Hour)
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "backup") {
			t.Errorf("a key of %d bytes: %v", len(text), err)
		}
		if err := RotateKey(dir); err == nil {
			t.Errorf("a key of %d bytes is rotated", len(text))
		}
	}
}
