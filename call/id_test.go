package call

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestIDs holds that ids of later calls stand behind those of earlier ones, and
// that no two of one moment are the same.
func TestIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]bool{}
		for last := ""; len(seen) < 1000; {
			id := newID("c-")
			if len(seen)%2 == 0 {
				if id <= last {
					t.Fatalf("%s stands before %s of a millisecond ago", id, last)
				}
				last = id
			} else {
				last = max(last, id)
				time.Sleep(time.Millisecond)
			}
			if seen[id] {
				t.Fatalf("%s was given twice", id)
			}
			seen[id] = true
		}
	})
}
