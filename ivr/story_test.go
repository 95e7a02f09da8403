package ivr

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the stories in testdata with what happens now")

// TestStories plays the stories in testdata. Each is a text file: a comment
// with the rule that it shows, then blocks of commands, "----", and everything
// that the session wants done. The commands:
//
//	start FLOW LANGUAGE NAME=VALUE...   the call begins
//	played                              the prompt has come to its end
//	keys 12#                            the caller presses keys
//	expire                              the time that is armed has passed
//	card RESULT NAME=VALUE...           the card host answers
//	late RESULT                         the card host answers an older question
//	secure RESULT                       the secure segment is over
//	dequeued OUTCOME                    the caller has left the queue
//	hangup                              the caller has gone
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("find the stories: %v", err)
	}
	program := compiled(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := tell(t, program, string(data))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(data); got != want {
				t.Errorf("the story goes otherwise now; look at it with -update and git diff\n%s", firstDifference(got, want))
			}
		})
	}
}

// firstDifference shows where two texts part.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

// tell plays a story and returns it with what happens.
func tell(t *testing.T, program *Program, story string) string {
	t.Helper()
	var (
		out  strings.Builder
		call = &listener{program: program}
	)
	for block := range strings.SplitSeq(strings.TrimSpace(story), "\n\n") {
		commands, _, _ := strings.Cut(block, "----")
		out.WriteString(strings.TrimRight(commands, "\n"))
		out.WriteByte('\n')
		if strings.HasPrefix(block, "#") {
			out.WriteByte('\n')
			continue
		}
		out.WriteString("----\n")
		for line := range strings.SplitSeq(strings.TrimSpace(commands), "\n") {
			if err := call.command(&out, line); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		out.WriteByte('\n')
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// A listener is the owner of a session in a story: it remembers the numbers of
// what is open.
type listener struct {
	program  *Program
	session  *Session
	keypad   keypad
	playing  uint64
	timer    uint64
	question uint64
	older    uint64
}

func (l *listener) command(out *strings.Builder, line string) error {
	words := strings.Fields(line)
	values := map[string]string{}
	var names []string
	for _, w := range words[1:] {
		if name, value, ok := strings.Cut(w, "="); ok {
			values[name] = value
		} else {
			names = append(names, w)
		}
	}
	switch command := words[0]; {
	case command == "start" && len(names) == 2:
		session, actions := l.program.Start(names[0], names[1], values)
		l.session = session
		l.write(out, actions)
	case l.session == nil:
		return fmt.Errorf("no call has begun")
	case command == "played":
		l.handle(out, PlayEnded{l.playing})
	case command == "keys" && len(names) == 1:
		for i, k := range []byte(names[0]) {
			l.keypad.press(l.session, k, func(in Input) { l.pressed(out, in, i < len(names[0])-1 || len(l.keypad.keys) > 0) })
		}
	case command == "expire":
		l.handle(out, TimerExpired{l.timer})
	case command == "card" && len(names) == 1:
		l.handle(out, CardAnswered{ID: l.question, Result: Result(names[0]), Values: values})
	case command == "late" && len(names) == 1:
		l.handle(out, CardAnswered{ID: l.older, Result: Result(names[0]), Values: values})
	case command == "secure" && len(names) == 1:
		l.handle(out, SecureEnded{ID: l.question, Result: Result(names[0])})
	case command == "dequeued" && len(names) == 1:
		l.handle(out, Dequeued{ID: l.question, Outcome: Outcome(names[0])})
	case command == "hangup":
		l.handle(out, HungUp{})
	default:
		return fmt.Errorf("there is no such command")
	}
	return nil
}

func (l *listener) handle(out *strings.Builder, in Input) {
	actions := l.session.Handle(in)
	if len(actions) == 0 {
		out.WriteString("nothing\n")
	}
	l.write(out, actions)
	if _, played := in.(PlayEnded); played {
		l.keypad.hashDue = false
	}
	l.keypad.settle(l.session, func(in Input) { l.pressed(out, in, len(l.keypad.keys) > 0) })
}

// pressed tells of a key; of the time between two digits it tells after the last one
// only.
func (l *listener) pressed(out *strings.Builder, in Input, more bool) {
	actions := l.session.Handle(in)
	if more && len(actions) == 2 {
		if arm, ok := actions[1].(ArmTimer); ok {
			l.timer = arm.ID
			return
		}
	}
	l.write(out, actions)
}

// write tells the actions, one a line, and remembers their numbers.
func (l *listener) write(out *strings.Builder, actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case Play:
			l.playing = a.ID
			out.WriteString("play")
			for _, s := range a.Say {
				out.WriteString(" " + s.Prompt)
				for _, slot := range sortedKeys(s.Values) {
					fmt.Fprintf(out, " {%s: %s %q}", slot, s.Values[slot].Kind, s.Values[slot].Text)
				}
			}
		case StopPlay:
			out.WriteString("stop")
		case ArmTimer:
			l.timer = a.ID
			fmt.Fprintf(out, "arm %v", a.After)
		case DisarmTimer:
			out.WriteString("disarm")
		case AskCard:
			l.older, l.question = l.question, a.ID
			fmt.Fprintf(out, "ask %s", a.Operation)
			for _, arg := range sortedKeys(a.Args) {
				fmt.Fprintf(out, " %s=%s", arg, a.Args[arg])
			}
			for _, arg := range sortedKeys(a.Secrets) {
				fmt.Fprintf(out, " %s=%v(%d)", arg, a.Secrets[arg], a.Secrets[arg].Len())
				a.Secrets[arg].Zero()
			}
		case EnterSecure:
			l.question = a.ID
			fmt.Fprintf(out, "secure %s card=%s %s", a.Entry, a.Card, a.Prompts)
		case LeaveSecure:
			out.WriteString("leave secure")
		case Enqueue:
			l.question = a.ID
			fmt.Fprintf(out, "enqueue %s head start %v", a.Queue, a.HeadStart)
			for _, name := range sortedKeys(a.Attributes) {
				fmt.Fprintf(out, " %s=%s", name, a.Attributes[name])
			}
		case SetLanguage:
			fmt.Fprintf(out, "language %s", a.Language)
		case Hangup:
			fmt.Fprintf(out, "hang up: %s", a.Reason)
		case Note:
			switch f := a.Fact.(type) {
			case StepLeft:
				fmt.Fprintf(out, "note %s.%s %s", f.Flow, f.Step, f.Exit)
			case ServiceEnded:
				fmt.Fprintf(out, "note service %s %s", f.Service, f.Result)
			}
		}
		out.WriteByte('\n')
	}
}
