package fault

import (
	"errors"
	"strings"
	"testing"
)

// faulty panics with a key in an argument.
func faulty(key int, work func(key int)) (fault string, trace []string) {
	defer func() {
		fault, trace = Text(recover()), Trace(0)
	}()
	work(key)
	return "", nil
}

// TestFaultsTellNoKey holds that what is told of a panic has no argument and no
// number of the runtime's.
func TestFaultsTellNoKey(t *testing.T) {
	for want, work := range map[string]func(int){
		"runtime error: index out of range [•] with length •": func(key int) { _ = make([]int, 3)[key] },
		"*errors.errorString": func(int) { panic(errors.New("the PIN is 902615")) },
		"string":              func(int) { panic("the PIN is 902615") },
	} {
		fault, trace := faulty(7, work)
		if fault != want {
			t.Errorf("got %q, want %q", fault, want)
		}
		text := strings.Join(trace, "\n")
		if !strings.Contains(text, "cardline/fault.faulty") || strings.Contains(text, "0x") || strings.Contains(text, "(") && strings.Contains(text, "7)") {
			t.Errorf("the trace is\n%s", text)
		}
	}
}

func TestGoroutinesAreFunctionsAndLines(t *testing.T) {
	text := Goroutines()
	if !strings.Contains(text, "cardline/fault.TestGoroutinesAreFunctionsAndLines") {
		t.Errorf("got\n%s", text)
	}
}
