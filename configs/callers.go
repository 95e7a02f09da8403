package configs

import (
	"cmp"
	"time"
)

const (
	defaultRepeatWindow = 30 * 24 * time.Hour
	longestRepeatWindow = 366 * 24 * time.Hour
)

// callers checks how callers are known again, and fills its defaults.
func (k *checker) callers() {
	c := &k.file.Callers
	c.RepeatWindow = cmp.Or(c.RepeatWindow, defaultRepeatWindow)
	k.within("callers.repeat_window", c.RepeatWindow, longestRepeatWindow)
}
