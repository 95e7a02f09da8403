package load

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Story is what a caller does from the moment in which the call is answered.
// When it returns the caller hangs up. It returns an error of a [Caller]'s
// methods as it is: [ErrHungUp], [ErrLeaving] or that of ctx.
type Story func(ctx context.Context, c *Caller) error

// A Script is a [Story] written as words with blanks between them:
//
//	w5      wait for 5 s (w0.5, or w2-4 for any time between)
//	p       wait until the far end has spoken and has paused
//	123*#   press these keys
//	q       from here on wait for a person, and talk
//
// Without q the caller stays for the holding time and hangs up.
type Script struct {
	text  string
	words []word
	waits bool // it has a q
}

// A word is one step of a script: the first field that is set counts.
type word struct {
	keys  string
	pause bool
	wait  Spread
}

// scriptPause is what a script takes for the end of a prompt, and scriptLimit
// how long it waits for it.
const (
	scriptPause = 800 * time.Millisecond
	scriptLimit = time.Minute
)

// ParseScript reads a script.
func ParseScript(text string) (Script, error) {
	s := Script{text: text}
	for _, field := range strings.Fields(text) {
		if s.waits {
			return s, fmt.Errorf("keys %q: nothing can follow q", text)
		}
		times, isWait := strings.CutPrefix(field, "w")
		switch {
		case isWait:
			low, high, between := strings.Cut(times, "-")
			if !between {
				high = low
			}
			a, errA := strconv.ParseFloat(low, 64)
			b, errB := strconv.ParseFloat(high, 64)
			if errA != nil || errB != nil || a < 0 || b < a || b > 3600 {
				return s, fmt.Errorf("keys %q: %q is no time to wait; want w5, w0.5 or w2-4", text, field)
			}
			s.words = append(s.words, word{wait: Uniform(seconds(a), seconds(b))})
		case field == "p":
			s.words = append(s.words, word{pause: true})
		case field == "q":
			s.waits = true
		case strings.Trim(field, "0123456789*#ABCD") == "":
			s.words = append(s.words, word{keys: field})
		default:
			return s, fmt.Errorf("keys %q: %q is neither a wait (w5), a pause (p), keys, nor q", text, field)
		}
	}
	return s, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// String returns the text of the script.
func (s Script) String() string { return s.text }

// tell is the [Story] of the script: it plays the words, then waits for a
// person or stays.
func (s Script) tell(hold, talk Spread) Story {
	return func(ctx context.Context, c *Caller) error {
		for _, w := range s.words {
			var err error
			switch {
			case w.keys != "":
				err = c.Press(ctx, w.keys)
			case w.pause:
				_, err = c.Listen(ctx, scriptPause, scriptLimit)
			default:
				err = c.Wait(ctx, w.wait)
			}
			if err != nil {
				return err
			}
		}
		if !s.waits {
			return c.Stay(ctx, hold)
		}
		reached, err := c.AwaitPerson(ctx, hold)
		if err != nil || !reached {
			return err
		}
		return c.Talk(ctx, talk)
	}
}
