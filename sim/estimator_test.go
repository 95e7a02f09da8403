package sim

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"cardline/acd"
)

// estimateDay is one of the days on which estimates are tried.
type estimateDay struct {
	options  acd.Options
	scenario Scenario
}

func estimateDays(t *testing.T) (list []estimateDay) {
	t.Helper()
	files, err := filepath.Glob("testdata/estimate/*.yaml")
	if err != nil || len(files) != 5 {
		t.Fatalf("%d files, want 5: %v", len(files), err)
	}
	for _, file := range files {
		o, s, err := Read(os.DirFS("."), file, acd.Options{}, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, estimateDay{o, s})
	}
	return list
}

// TestEstimator holds the live estimator against two common rules on the five
// days that were there before it: half of its errors, and nine tenths, are
// smaller than theirs. A day that it loses is an error here, and is not taken
// out.
func TestEstimator(t *testing.T) {
	if raceEnabled {
		t.Skip("foresees four thousand waits a day, and no two goroutines meet")
	}
	for _, d := range estimateDays(t) {
		o, s := d.options, d.scenario
		e := mustRun(t, o, s, Options{Estimator: LiveEstimator}).Errors
		if len(e.Estimator) < 2000 || e.Silent > 200 {
			t.Errorf("%s: told %d callers who were answered, and %d nothing", s.Name, len(e.Estimator), e.Silent)
		}
		for _, p := range []float64{0.5, 0.9} {
			ours, average, leading := Percentile(e.Estimator, p), Percentile(e.Average, p), Percentile(e.Leading, p)
			t.Logf("%s: p%v of the error %.1f s, average %.1f s, head of line %.1f s", s.Name, 100*p, ours.Seconds(), average.Seconds(), leading.Seconds())
			if ours <= 0 || ours >= average || ours >= leading {
				t.Errorf("%s: p%v of the error is %s; that of the average is %s, of the head of the line %s",
					s.Name, 100*p, ours.Round(time.Second/10), average.Round(time.Second/10), leading.Round(time.Second/10))
			}
		}
	}
}
