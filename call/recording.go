package call

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"cardline/acd"
)

// recorder writes down what the router is told, a line a command, so that what
// it did can be played again; see [Replay]. It never holds the router up: if the
// disk does not keep up, the recording ends there, since one with a gap is worth
// nothing.
type recorder struct {
	moments chan acd.Moment
	over    bool // touched by the router's owner only, as long as there is one
	done    chan struct{}
	log     zerolog.Logger
}

const (
	// recorderRoom is how many commands may wait for the disk: those of some
	// minutes.
	recorderRoom = 1 << 14
	// recorderLimit is how long the end of the program waits for the last of them.
	recorderLimit = 2 * time.Second
)

// startRecorder returns a recorder that writes to out, beginning with the options
// of a new router; nil if out is nil.
func startRecorder(out io.Writer, o acd.Options, log zerolog.Logger) *recorder {
	if out == nil {
		return nil
	}
	r := &recorder{moments: make(chan acd.Moment, recorderRoom), done: make(chan struct{}), log: log}
	go r.write(out)
	r.add(0, acd.Reconfigure{Options: o})
	return r
}

// add records a command. A nil recorder records nothing.
func (r *recorder) add(at acd.Time, c acd.Command) {
	if r == nil || r.over {
		return
	}
	select {
	case r.moments <- acd.Moment{At: at, Command: c}:
	default:
		r.finish()
		r.log.Error().Dur("after_ms", at).Msg("the recording of the router ends here: the disk is too slow")
	}
}

func (r *recorder) finish() {
	r.over = true
	close(r.moments)
}

// stop ends the recording, after the router.
func (r *recorder) stop() {
	if r == nil {
		return
	}
	if !r.over {
		r.finish()
	}
	select {
	case <-r.done:
	case <-time.After(recorderLimit):
		r.log.Error().Msg("the recording of the router lacks its end: the disk is too slow")
	}
}

// write is the recorder's goroutine.
func (r *recorder) write(out io.Writer) {
	defer close(r.done)
	buffer := bufio.NewWriter(out)
	lines := json.NewEncoder(buffer)
	for m := range r.moments {
		err := lines.Encode(m)
		if err == nil && len(r.moments) == 0 {
			err = buffer.Flush() // nobody knows when the next one comes
		}
		if err != nil {
			r.log.Error().Err(err).Dur("after_ms", m.At).Msg("the recording of the router ends here")
			for range r.moments { // nobody waits for us
			}
		}
	}
}

// Replay plays a recording to a new router, and tells each effect with its time
// since the router began. It returns how many commands there were. If the recording
// breaks off in the middle of a line, as it does when the program was killed, the
// error is [io.ErrUnexpectedEOF], and everything before has been told.
func Replay(in io.Reader, tell func(at acd.Time, e acd.Effect)) (commands int, err error) {
	lines := json.NewDecoder(in)
	router := acd.New(acd.Options{})
	for ; ; commands++ {
		var m acd.Moment
		switch err := lines.Decode(&m); {
		case errors.Is(err, io.EOF):
			return commands, nil
		case err != nil:
			return commands, fmt.Errorf("command %d: %w", commands+1, err)
		}
		effects, _ := router.Apply(m.At, m.Command) // what was refused is refused again
		for _, e := range effects {
			tell(m.At, e)
		}
	}
}
