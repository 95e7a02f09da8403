package acd

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cardline/ledger"
)

var update = flag.Bool("update", false, "rewrite the expected traces of the stories")

// TestStories plays the files of testdata. Each holds blocks of commands, a
// line of dashes and the trace that they must leave.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s tells another story.\ngot:\n%s\nwant:\n%s", file, got, text)
			}
		})
	}
}

// play runs a story and returns its text with the traces that it left.
func play(t *testing.T, text string) string {
	t.Helper()
	s := &story{t: t, r: New(Options{})}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			out.WriteString("\n\n")
		}
		commands, _, traced := strings.Cut(block, "\n----")
		out.WriteString(commands)
		var trace []string
		for _, line := range strings.Split(commands, "\n") {
			trace = append(trace, s.obey(line)...)
		}
		if traced {
			out.WriteString("\n----")
			for _, line := range trace {
				out.WriteString("\n" + line)
			}
		} else if len(trace) > 0 {
			t.Errorf("a block without ---- left a trace: %q", trace)
		}
	}
	return out.String() + "\n"
}

type story struct {
	t       *testing.T
	r       *Router
	options Options
	now     Time
}

// obey runs one line, such as "at 3s enqueue call=a queue=cards", and returns
// its trace.
func (s *story) obey(line string) []string {
	words := strings.Fields(line)
	if len(words) == 0 || words[0] == "#" {
		return nil
	}
	if words[0] == "at" {
		s.now = s.duration(words[1])
		words = words[2:]
	}
	arg := map[string]string{}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		arg[key] = value
	}
	var c Command
	switch words[0] {
	case "queue":
		s.options.Queues = append(s.options.Queues, Queue{
			Name: words[1], Requires: s.levels(arg["needs"]),
			RingTimeout: s.duration(arg["ring"]), WrapUp: s.duration(arg["wrapup"]), MaxWait: s.duration(arg["maxwait"]),
			MaxLength: s.number(arg["maxlength"]), LeaveIfNoAgents: arg["leave"] == "noagents", OfferAgain: arg["again"] == "yes",
		})
		c = Reconfigure{s.options}
	case "agent":
		s.options.Agents = append(s.options.Agents, Agent{ID: words[1], Skills: s.levels(arg["skills"])})
		s.options.Reasons = []string{"lunch"}
		c = Reconfigure{s.options}
	case "login":
		c = LogIn{Agent: words[1], By: ledger.ByPhone}
	case "logout":
		c = LogOut{Agent: words[1], By: ledger.ByPhone}
	case "ready":
		c = SetReady{Agent: words[1], Expect: AgentState(arg["expect"]), By: ledger.ByPhone}
	case "notready":
		c = SetNotReady{Agent: words[1], Reason: arg["reason"], By: ledger.ByPhone}
	case "lost":
		c = DeviceLost{words[1]}
	case "back":
		c = DeviceBack{words[1]}
	case "enqueue":
		c = Enqueue{
			Call: arg["call"], Queue: arg["queue"], Via: ledger.ViaIVR, HeadStart: s.duration(arg["headstart"]),
			Preferred: arg["prefer"], PreferFor: s.duration(arg["for"]), Only: arg["only"] == "yes",
		}
	case "leave":
		c = Leave{uint64(s.number(words[1])), OutcomeAbandoned}
	case "accept":
		c = AcceptOffer{uint64(s.number(words[1]))}
	case "fail":
		c = FailOffer{uint64(s.number(words[1])), OfferResult(words[2])}
	case "hold":
		c = StartHold{words[1]}
	case "unhold":
		c = EndHold{words[1]}
	case "endtalk":
		c = EndTalk{words[1]}
	case "tick":
		c = Tick{}
	default:
		s.t.Fatalf("unknown command %q", line)
	}
	effects, err := s.r.Apply(s.now, c)
	var trace []string
	for _, e := range effects {
		trace = append(trace, fmt.Sprintf("%v %s", s.now, describe(e)))
	}
	if err != nil {
		trace = append(trace, fmt.Sprintf("%v refused: %v", s.now, err))
	}
	return trace
}

func describe(e Effect) string {
	switch e := e.(type) {
	case AgentChanged:
		return strings.TrimSpace(fmt.Sprintf("agent %s: %s -> %s %s", e.Agent, e.From, e.To, e.Reason))
	case NextStateSet:
		return strings.TrimSpace(fmt.Sprintf("agent %s: next %s %s", e.Agent, e.To, e.Reason))
	case Entered:
		return fmt.Sprintf("entry %d: %s waits in %s", e.Entry, e.Call, e.Queue)
	case OfferMade:
		return fmt.Sprintf("offer %d: %s (entry %d, waited %v) to agent %s until %v, eligible %d",
			e.Offer, e.Call, e.Entry, e.Waited, e.Agent, e.Deadline, e.Eligible)
	case OfferEnded:
		return fmt.Sprintf("offer %d: %s after %v", e.Offer, e.Result, e.Rang)
	case Exited:
		return fmt.Sprintf("entry %d: %s leaves %s: %s after %v", e.Entry, e.Call, e.Queue, e.Outcome, e.Waited)
	default:
		return fmt.Sprintf("%#v", e)
	}
}

func (s *story) duration(text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *story) number(text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *story) levels(text string) map[string]int {
	levels := map[string]int{}
	for part := range strings.SplitSeq(text, ",") {
		if name, level, ok := strings.Cut(part, ":"); ok {
			levels[name] = s.number(level)
		}
	}
	return levels
}
