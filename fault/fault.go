// Package fault tells of the program's own faults what may be told: functions and
// lines, never the arguments or values, one of which may be a key.
package fault

import (
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
)

// traceDepth bounds a trace.
const traceDepth = 32

// Trace returns the functions and lines that led here, the innermost first. It has no
// argument of any of them: one may be a key. Skip leaves out as many of the
// innermost, 0 for the caller of Trace.
func Trace(skip int) []string {
	pcs := make([]uintptr, traceDepth)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip+2, pcs)])
	var trace []string
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		trace = append(trace, fmt.Sprintf("%s:%d", f.Function, f.Line))
	}
	return trace
}

// Text says what a recovered panic was. Of the runtime's own faults it has the text
// without numbers, one of which may be a key; of all others the type alone.
func Text(recovered any) string {
	err, ok := recovered.(runtime.Error)
	if !ok {
		return fmt.Sprintf("%T", recovered)
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '•'
		}
		return r
	}, err.Error())
}

// Goroutines returns where every goroutine is, by functions and lines, equal ones
// together. It stops the program for a moment.
func Goroutines() string {
	var text strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil { // a Builder takes everything
		return err.Error()
	}
	return text.String()
}
