package calendar

import "time"

// A Switch puts a mode in force over the calendar, whatever that says. It ends
// by itself.
type Switch struct {
	Mode  Mode
	Why   string    // such as "typhoon"; may be empty
	By    string    // who threw it; may be empty
	From  time.Time // when it was thrown, or shall be
	Until time.Time // if zero, until it is taken away
}

// InForce reports whether the switch counts at t.
func (s Switch) InForce(t time.Time) bool {
	return !t.Before(s.From) && (s.Until.IsZero() || t.Before(s.Until))
}

func (s Switch) why() string {
	text := "switched"
	if s.By != "" {
		text += " by " + s.By
	}
	if s.Why != "" {
		text = s.Why + ", " + text
	}
	return text
}

// inForce returns the switch that counts at t: of those in force the one that
// was thrown last, and of two thrown at once the later in the list.
func inForce(t time.Time, switches []Switch) (counts Switch, ok bool) {
	for _, s := range switches {
		if s.InForce(t) && (!ok || !s.From.Before(counts.From)) {
			counts, ok = s, true
		}
	}
	return counts, ok
}
