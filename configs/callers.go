package configs

import (
	"cmp"
	"time"

	"cardline/call"
	"cardline/ledger"
)

const (
	defaultRepeatWindow = 30 * 24 * time.Hour
	longestRepeatWindow = 366 * 24 * time.Hour
	mostInADay          = 10_000_000
)

// callers checks how callers are known again, and fills its defaults.
func (k *checker) callers() {
	c := &k.file.Callers
	c.RepeatWindow = cmp.Or(c.RepeatWindow, defaultRepeatWindow)
	k.within("callers.repeat_window", c.RepeatWindow, longestRepeatWindow)
	k.caps("callers.per_day", &c.PerDay, Caps{new(10), new(10), new(5)})
	k.caps("callers.trunk_per_day", &c.TrunkPerDay, Caps{new(500), new(5000), new(500)})
}

// caps checks limits of a day, and fills their defaults.
func (k *checker) caps(path string, c *Caps, otherwise Caps) {
	for _, l := range []struct {
		key          string
		limit, usual **int
	}{
		{"failed_verifications", &c.FailedVerifications, &otherwise.FailedVerifications},
		{"codes", &c.Codes, &otherwise.Codes},
		{"loss_reports", &c.LossReports, &otherwise.LossReports},
	} {
		if *l.limit == nil {
			*l.limit = *l.usual
		}
		k.upTo(path+"."+l.key, **l.limit, mostInADay)
	}
}

// limits returns the caps as calls know them.
func (c Caps) limits() call.Caps {
	return call.Caps{
		ledger.CapVerifications: *c.FailedVerifications, ledger.CapCodes: *c.Codes, ledger.CapLosses: *c.LossReports,
	}
}
