package acd

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	s := &story{t: t, r: New(Options{}), options: Options{Reasons: []Reason{{Name: "lunch"}}}}
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
// its trace. A queue that is known already is changed, but for its steps and
// rules of overflow.
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
		q := Queue{
			Name: words[1], Requires: s.requirement(arg["needs"]), Sites: list(arg["sites"]), Strategy: Strategy(arg["strategy"]),
			SameSiteFirst: arg["samesite"] == "first", RingTimeout: s.duration(arg["ring"]), RingGroup: s.number(arg["group"]),
			WrapUp:       WrapUp{WrapUpPolicy(arg["wrap"]), s.duration(arg["wrapup"]), s.duration(arg["max"]), s.duration(arg["extend"])},
			Dispositions: list(arg["dispositions"]), OfferAgain: arg["again"] == "yes", Regain: s.duration(arg["regain"]),
			Callback: Callback{
				First: CallbackFirst(arg["callback"]), Attempts: s.number(arg["attempts"]), Gap: s.duration(arg["gap"]), Keep: s.duration(arg["keep"]),
			},
		}
		if at := slices.IndexFunc(s.options.Queues, func(known Queue) bool { return known.Name == q.Name }); at < 0 {
			s.options.Queues = append(s.options.Queues, q)
		} else {
			q.Steps, q.Overflow = s.options.Queues[at].Steps, s.options.Queues[at].Overflow
			s.options.Queues = slices.Clone(s.options.Queues)
			s.options.Queues[at] = q
		}
		c = Reconfigure{s.options}
	case "remove":
		s.options.Queues = slices.DeleteFunc(slices.Clone(s.options.Queues), func(q Queue) bool { return q.Name == arg["queue"] })
		s.options.Agents = slices.DeleteFunc(slices.Clone(s.options.Agents), func(a Agent) bool { return a.ID == arg["agent"] })
		c = Reconfigure{s.options}
	case "step":
		q := s.queue(words[1])
		q.Steps = append(slices.Clip(q.Steps), Step{
			After: s.duration(arg["after"]), EstimateOver: s.duration(arg["estimate"]), Requires: s.requirement(arg["needs"]),
			Queues: list(arg["queues"]), Sites: list(arg["sites"]),
		})
		c = Reconfigure{s.options}
	case "overflow":
		q := s.queue(words[1])
		rule := Overflow{When: Trigger(arg["when"]), To: arg["to"], Return: arg["return"] == "yes"}
		if rule.When == OverLength {
			rule.Length = s.number(arg["over"])
		} else {
			rule.Wait = s.duration(arg["over"])
		}
		q.Overflow = append(slices.Clip(q.Overflow), rule)
		c = Reconfigure{s.options}
	case "reason":
		s.options.Reasons = append(s.options.Reasons, Reason{words[1], s.duration(arg["allowed"])})
		c = Reconfigure{s.options}
	case "agent":
		s.options.Agents = append(s.options.Agents, Agent{
			ID: words[1], Site: arg["site"], Queues: list(arg["queues"]), Skills: s.levels(arg["skills"]),
		})
		c = Reconfigure{s.options}
	case "extend":
		c = ExtendWrapUp{Agent: words[1], By: ledger.ByPhone}
	case "dispose":
		c = Dispose{Agent: words[1], Code: words[2], By: ledger.ByPhone}
	case "exitkey":
		c = PressExit{uint64(s.number(words[1]))}
	case "foresee":
		c = Foresee{uint64(s.number(words[1])), s.duration(words[2])}
	case "headstart":
		c = SetHeadStart{uint64(s.number(words[1])), s.duration(words[2]), arg["reason"], ledger.ByAPI, arg["who"]}
	case "mode":
		c = SetMode{Queue: words[1], Mode: Mode(words[2]), Until: s.duration(arg["until"]), By: ledger.ByAPI}
	case "callbacks":
		c = SetCallbacks{Queue: words[1], Allowed: words[2] == "yes"}
	case "callback":
		c = RequestCallback{Entry: uint64(s.number(words[1]))}
	case "dialout":
		c = DialOut{uint64(s.number(words[1]))}
	case "reached":
		c = CallbackAnswered{uint64(s.number(words[1]))}
	case "failed":
		c = FailCallback{uint64(s.number(words[1])), CallbackResult(words[2])}
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
			Call: arg["call"], Queue: arg["queue"], Via: cmp.Or(Via(arg["via"]), ledger.ViaIVR), HeadStart: s.duration(arg["headstart"]),
			Preferred: arg["prefer"], PreferFor: s.duration(arg["for"]), Only: arg["only"] == "yes", Except: list(arg["except"]),
			Caller: arg["caller"], Site: arg["site"],
		}
	case "promised":
		made, last := s.duration(arg["made"]), s.duration(arg["last"])
		c = Enqueue{
			Call: arg["call"], Queue: arg["queue"], Via: ledger.ViaCallback, Keep: &Place{Key: s.now - made, First: s.now - made},
			Promise: &Promise{Made: s.now - made, Attempts: s.number(arg["attempts"]), Last: s.now - last},
		}
	case "leave":
		c = Leave{Entry: uint64(s.number(words[1])), Outcome: OutcomeAbandoned}
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
	case WrapUpExtended:
		return fmt.Sprintf("agent %s: wrap-up until %v", e.Agent, e.Until)
	case Disposed:
		return fmt.Sprintf("agent %s: %s was about %s", e.Agent, e.Call, e.Code)
	case Overstayed:
		return fmt.Sprintf("agent %s: more than %v of %s", e.Agent, e.Allowed, e.Reason)
	case Entered:
		more := via(e.Via)
		if e.HeadStart != 0 {
			more += fmt.Sprintf(", head start %v", e.HeadStart)
		}
		if e.Regained {
			more += fmt.Sprintf(", in the place of %v before", e.Before)
		}
		return fmt.Sprintf("entry %d: %s waits in %s%s", e.Entry, e.Call, e.Queue, more)
	case StepReached:
		return fmt.Sprintf("entry %d: step %d", e.Entry, e.Step)
	case HeadStartChanged:
		return fmt.Sprintf("entry %d: head start %v -> %v (%s)", e.Entry, e.From, e.To, e.Reason)
	case OfferMade:
		d, more := e.Decision, ""
		if d.Wanted {
			more += ", asked for"
		}
		if d.Home {
			more += ", of the first queue"
		}
		if d.Runner != "" {
			more += ", then " + d.Runner
		}
		if d.NextCall != "" {
			more += fmt.Sprintf(", before %s by %v", d.NextCall, d.Ahead)
		}
		return fmt.Sprintf("offer %d: %s (entry %d, waited %v) to agent %s until %v, eligible %d%s",
			e.Offer, e.Call, e.Entry, e.Waited, e.Agent, e.Deadline, d.Eligible, more)
	case OfferEnded:
		elsewhere := ""
		if e.Elsewhere {
			elsewhere = ", answered elsewhere"
		}
		return fmt.Sprintf("offer %d: %s after %v%s", e.Offer, e.Result, e.Rang, elsewhere)
	case Exited:
		next := ""
		if e.Total != e.Waited {
			next = fmt.Sprintf(", %v in all", e.Total)
		}
		if e.Next != 0 {
			next += fmt.Sprintf(", goes on as entry %d", e.Next)
		}
		return fmt.Sprintf("entry %d: %s leaves %s: %s after %v%s", e.Entry, e.Call, e.Queue, e.Outcome, e.Waited, next)
	case CallbackDue:
		whose := ""
		if e.Agent != "" {
			whose = " for agent " + e.Agent
		}
		return fmt.Sprintf("entry %d: call %s back%s, attempt %d, until %v", e.Entry, e.Call, whose, e.Attempt, e.Deadline)
	case CallbackFailed:
		again := "for the last time"
		if e.Again != never {
			again = fmt.Sprintf("again from %v", e.Again)
		}
		return fmt.Sprintf("entry %d: attempt %d %s, %s", e.Entry, e.Attempt, e.Result, again)
	case ModeChanged:
		until := ""
		if e.Until != never {
			until = fmt.Sprintf(" until %v", e.Until)
		}
		return fmt.Sprintf("queue %s: %s -> %s%s", e.Queue, e.From, e.To, until)
	default:
		return fmt.Sprintf("%#v", e)
	}
}

func via(v Via) string {
	if v == ledger.ViaIVR {
		return ""
	}
	return ", by " + string(v)
}

// queue finds a queue that is to be changed; the router keeps its own list.
func (s *story) queue(name string) *Queue {
	s.options.Queues = slices.Clone(s.options.Queues)
	for i := range s.options.Queues {
		if q := &s.options.Queues[i]; q.Name == name {
			return q
		}
	}
	s.t.Fatalf("no queue %q", name)
	return nil
}

// requirement reads "mandarin>=3,cards>=5" or, with other words for the spaces,
// any expression: mandarin>=3_and_(cards>=5_or_vip).
func (s *story) requirement(text string) Requirement {
	r, err := ParseRequirement(strings.NewReplacer("_and_", " and ", "_or_", " or ", ",", " and ", ":", ">=").Replace(text))
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
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
