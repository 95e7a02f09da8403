package ivr

import (
	"errors"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// oneLanguage has a few prompts in English, and one of them in Mandarin too.
var oneLanguage = manifest{
	order: []string{"en"},
	slots: map[string]map[string]map[string]string{"en": {
		"hello": {}, "menu": {}, "ask": {}, "no_input": {}, "no_match": {}, "give_up": {}, "tell": {"tail": "tail"},
	}},
}

// parse reads flows from YAML, the way a file of several would look.
func parse(t *testing.T, text string) Flows {
	t.Helper()
	var flows Flows
	if err := yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(&flows); err != nil {
		t.Fatal(err)
	}
	return flows
}

// goodPerson is the flow to a person that most of the broken flows have.
const goodPerson = `
person:
  start: queue
  steps:
    queue: {do: queue, queue: cards, results: {answered: bye, timeout: bye, no_agents: bye, closed: bye, error: bye}}
    bye: {do: hangup, say: [hello]}
`

func TestCheckFindsBrokenFlows(t *testing.T) {
	for name, c := range map[string]struct{ flows, path, message string }{
		"unknown step": {
			"main: {steps: {start: {do: menu, say: [menu], keys: {3: nowhere}}}}",
			"flows.main.steps.start.keys.3", `no step "nowhere"`,
		},
		"missing target": {
			"main: {steps: {start: {do: play, say: [hello]}}}",
			"flows.main.steps.start.next", "leads nowhere",
		},
		"missing start": {
			"main: {start: begin, steps: {start: {do: hangup}}}",
			"flows.main.start", `no step "begin"`,
		},
		"no steps": {"main: {service: nothing}", "flows.main.steps", "no steps"},
		"unknown kind": {
			"main: {steps: {start: {do: dance}}}",
			"flows.main.steps.start.do", `kind of step "dance"`,
		},
		"field of another kind": {
			"main: {steps: {start: {do: hangup, queue: cards}}}",
			"flows.main.steps.start.queue", "no meaning in a hangup step",
		},
		"unknown prompt": {
			"main: {steps: {start: {do: hangup, say: [hello, bye]}}}",
			"flows.main.steps.start.say.1", `no prompt "bye" in the language en`,
		},
		"slot without a value": {
			"main: {steps: {start: {do: hangup, say: [tell]}}}",
			"flows.main.steps.start.say.0", `the value "tail" for the slot {tail}`,
		},
		"secret spoken": {
			"main: {steps: {start: {do: collect, say: [ask], into: code, max: 6, next: tell}, tell: {do: hangup, say: [tell], with: {tail: code}}}}",
			"flows.main.steps.tell.say.0", `speak the secret "code"`,
		},
		"secret decides": {
			"main: {steps: {start: {do: collect, say: [ask], into: code, max: 6, next: by}, by: {do: branch, value: code, else: person}}}",
			"flows.main.steps.by.value", "a secret decides",
		},
		"secret shown": {
			"main: {steps: {start: {do: collect, say: [ask], into: code, max: 6, next: q}, " +
				"q: {do: queue, queue: cards, attributes: [code], results: {answered: b, timeout: b, no_agents: b, closed: b, error: b}}, b: {do: hangup}}}",
			"flows.main.steps.q.attributes.0", "shown to an agent",
		},
		"secret and value": {
			"main: {steps: {start: {do: collect, say: [ask], into: code, max: 6, next: set}, set: {do: set, values: {code: a}, next: person}}}",
			"flows.main.steps.start.into", "a secret here and an ordinary value elsewhere",
		},
		"unreachable step": {
			"main: {steps: {start: {do: hangup}, island: {do: hangup}}}",
			"flows.main.steps.island", "no way leads to the step",
		},
		"unreachable flow": {
			"main: {steps: {start: {do: hangup}}}\nisland: {steps: {start: {do: hangup}}}",
			"flows.island", "leads to the flow",
		},
		"loop": {
			"main: {steps: {start: {do: play, say: [hello], next: again}, again: {do: set, count: n, next: start}}}",
			"flows.main.steps.again", "again → start → again",
		},
		"loop of a silent caller": {
			"main: {steps: {start: {do: menu, say: [menu], give_up: start}}}",
			"flows.main.steps.start", "goes round for ever: start → start",
		},
		"loop by way of help": {
			"main: {steps: {start: {do: collect, say: [ask], into: n, max: 1, help: help, next: person}, help: {do: play, say: [hello], next: start}}}",
			"flows.main.steps.help", "help → start → help",
		},
		"loop through a sub-flow": {
			"main: {steps: {start: {do: call, flow: sub, exits: {done: start}}}}\nsub: {steps: {start: {do: play, say: [hello], next: done}, done: {do: return, exit: done}}}",
			"flows.main.steps.start", "start → start",
		},
		"loop of the card host": {
			"main: {steps: {start: {do: set, values: {card: c}, next: bill}, bill: {do: card, operation: bill, args: {card: card}, results: {ok: person, refused: person, unavailable: bill}}}}",
			"flows.main.steps.bill", "bill → bill",
		},
		"recursion": {
			"main: {steps: {start: {do: call, flow: sub, exits: {back: person}}}}\nsub: {steps: {start: {do: call, flow: main, exits: {}}}}",
			"flows.sub.steps.start.flow", "called while it is running",
		},
		"no person after a menu": {
			"main: {steps: {start: {do: secure, entry: pin, card: card, prompts: {first: ask, again: ask, weak: ask, different: ask}, " +
				"results: {ok: bye, refused: bye, weak_limit: bye, mismatch_limit: bye, timeout: bye, unavailable: bye}}, bye: {do: hangup}}}",
			"flows.main.steps.start", "no way leads from here to a person",
		},
		"unknown queue": {
			"main: {steps: {start: {do: queue, queue: gold, results: {answered: b, timeout: b, no_agents: b, closed: b, error: b}}, b: {do: hangup}}}",
			"flows.main.steps.start.queue", `no queue "gold"`,
		},
		"missing outcome": {
			"main: {steps: {start: {do: queue, queue: cards, results: {answered: b, timeout: b, no_agents: b, closed: b}}, b: {do: hangup}}}",
			"flows.main.steps.start.results.error", "no target",
		},
		"unknown operation": {
			"main: {steps: {start: {do: card, operation: transfer_money, results: {ok: person}}}}",
			"flows.main.steps.start.operation", `card operation "transfer_money"`,
		},
		"missing result": {
			"main: {steps: {start: {do: set, values: {card: c}, next: bill}, bill: {do: card, operation: bill, args: {card: card}, results: {ok: person, refused: person}}}}",
			"flows.main.steps.bill.results.unavailable", "no target",
		},
		"impossible result": {
			"main: {steps: {start: {do: set, values: {card: c}, next: bill}, bill: {do: card, operation: bill, args: {card: card}, results: {ok: person, refused: person, unavailable: person, maybe: person}}}}",
			"flows.main.steps.bill.results.maybe", "cannot end like that",
		},
		"missing argument": {
			"main: {steps: {start: {do: card, operation: bill, results: {ok: person, refused: person, unavailable: person}}}}",
			"flows.main.steps.start.args.card", "missing",
		},
		"unknown argument": {
			"main: {steps: {start: {do: set, values: {card: c}, next: bill}, bill: {do: card, operation: bill, args: {card: card, pin: card}, results: {ok: person, refused: person, unavailable: person}}}}",
			"flows.main.steps.bill.args.pin", "no such argument",
		},
		"two of either argument": {
			"main: {steps: {start: {do: set, values: {n: c}, next: find}, find: {do: card, operation: find_card, args: {number: n, id_number: n}, results: {ok: person, unknown: person, blocked: person, unavailable: person}}}}",
			"flows.main.steps.find.args", "2 of the arguments",
		},
		"value never given": {
			"main: {steps: {start: {do: branch, value: mood, cases: {good: person}, else: person}}}",
			"flows.main.steps.start.value", `the value "mood"`,
		},
		"unknown sub-flow": {
			"main: {steps: {start: {do: call, flow: sub, exits: {}}}}",
			"flows.main.steps.start.flow", `no flow "sub"`,
		},
		"missing exit": {
			"main: {steps: {start: {do: call, flow: sub, exits: {}}}}\nsub: {steps: {start: {do: return, exit: done}}}",
			"flows.main.steps.start.exits.done", "nothing follows",
		},
		"missing exit back": {
			"main: {steps: {start: {do: call, flow: sub, exits: {}}}}\nsub: {steps: {start: {do: menu, say: [menu]}}}",
			"flows.main.steps.start.exits.back", "nothing follows",
		},
		"exit that never comes": {
			"main: {steps: {start: {do: call, flow: sub, exits: {done: person, undone: person}}}}\nsub: {steps: {start: {do: return, exit: done}}}",
			"flows.main.steps.start.exits.undone", "never returns like that",
		},
		"calling the person": {
			"main: {steps: {start: {do: call, flow: person, exits: {}}}}",
			"flows.main.steps.start.flow", "never comes back",
		},
		"key with a fixed meaning": {
			"main: {steps: {start: {do: menu, say: [menu], keys: {0: start}}}}",
			"flows.main.steps.start.keys.0", "no key",
		},
		"nothing to confirm": {
			"main: {steps: {start: {do: confirm, say: [menu], cancel: person}}}",
			"flows.main.steps.start.keys", "nothing can be confirmed",
		},
		"no way to cancel": {
			"main: {steps: {start: {do: confirm, say: [menu], keys: {1: person}}}}",
			"flows.main.steps.start.cancel", "leads nowhere",
		},
		"too long a wait": {
			"main: {steps: {start: {do: menu, say: [menu], first_digit: 1h}}}",
			"flows.main.steps.start.first_digit", "1h0m0s is out of range",
		},
		"negative time": {
			"main: {steps: {start: {do: collect, say: [ask], into: n, max: 2, next: person, inter_digit: -1s}}}",
			"flows.main.steps.start.inter_digit", "-1s is out of range",
		},
		"too great a head start": {
			"main: {steps: {start: {do: queue, queue: cards, head_start: 25h, results: {answered: b, timeout: b, no_agents: b, closed: b, error: b}}, b: {do: hangup}}}",
			"flows.main.steps.start.head_start", "out of range",
		},
		"too many attempts": {
			"main: {steps: {start: {do: menu, say: [menu], attempts: 99}}}",
			"flows.main.steps.start.attempts", "99 is out of range",
		},
		"help that never comes": {
			"main: {steps: {start: {do: menu, say: [menu], attempts: 2, help: start}}}",
			"flows.main.steps.start.attempts", "gives up before help",
		},
		"no digits": {
			"main: {steps: {start: {do: collect, say: [ask], into: n, next: person}}}",
			"flows.main.steps.start.max", "0 digits",
		},
		"min above max": {
			"main: {steps: {start: {do: collect, say: [ask], into: n, min: 5, max: 4, next: person}}}",
			"flows.main.steps.start.min", "5 digits",
		},
		"unknown check": {
			"main: {steps: {start: {do: collect, say: [ask], into: n, max: 4, check: moon, next: person}}}",
			"flows.main.steps.start.check", `no check "moon"`,
		},
		"unknown language": {
			"main: {steps: {start: {do: language, language: fr, next: person}}}",
			"flows.main.steps.start.language", `no prompts in "fr"`,
		},
		"language by set": {
			"main: {steps: {start: {do: set, values: {language: fr}, next: person}}}",
			"flows.main.steps.start.values.language", "not set like that",
		},
		"unknown outcome": {
			"main: {steps: {start: {do: hangup, outcome: splendid}}}",
			"flows.main.steps.start.outcome", `service result "splendid"`,
		},
		"unknown secure entry": {
			"main: {steps: {start: {do: secure, entry: cvv, card: language, prompts: {first: ask, again: ask, weak: ask, different: ask}, results: {}}}}",
			"flows.main.steps.start.entry", `no secure entry "cvv"`,
		},
		"reserved name": {
			"main: {steps: {start: {do: play, say: [hello], next: person}, person: {do: hangup}}}",
			"flows.main.steps.person", "reserved",
		},
	} {
		flows := parse(t, c.flows+"\n"+goodPerson)
		env := Environment{Prompts: oneLanguage, Queues: []string{"cards"}, Entries: []string{"main"}, Values: []string{"card"}}
		if name == "missing argument" || strings.Contains(c.flows, "values: {card") {
			env.Values = nil
		}
		problems := Check(flows, env)
		found := false
		for _, p := range problems {
			found = found || p.Path == c.path && strings.Contains(p.Message, c.message) && p.Remedy != ""
		}
		if !found {
			t.Errorf("%s: got %v, want %s: ...%s...", name, problems, c.path, c.message)
		}
		var invalid *InvalidError
		if _, err := Compile(flows, env); !errors.As(err, &invalid) || len(invalid.Problems) != len(problems) {
			t.Errorf("%s: compiling it says %v", name, err)
		}
	}
}

func TestCheckNeedsAPerson(t *testing.T) {
	env := Environment{Prompts: oneLanguage, Entries: []string{"main", "vip"}}
	for _, c := range []struct{ flows, path string }{
		{"main: {steps: {start: {do: hangup}}}", "flows.person"},
		{"main: {steps: {start: {do: hangup}}}\nperson: {steps: {start: {do: hangup}}}", "flows.person"},
		{"main: {steps: {start: {do: hangup}}}", "flows.vip"},
	} {
		found := false
		for _, p := range Check(parse(t, c.flows), env) {
			found = found || p.Path == c.path
		}
		if !found {
			t.Errorf("%s: got no problem at %s", c.flows, c.path)
		}
	}
	if got := Check(nil, Environment{}); len(got) != 1 || got[0].Path != "flows" {
		t.Errorf("without prompts: got %v", got)
	}
}

// TestDefaultHotlineNeedsAllOfItself breaks the default flows in one place
// after another and wants the check to notice.
func TestDefaultHotlineNeedsAllOfItself(t *testing.T) {
	flows, env := hotline(t)
	for name := range flows {
		for id, step := range flows[name].Steps {
			without := Flows{}
			for other, f := range flows {
				steps := map[string]Step{}
				for k, s := range f.Steps {
					if other != name || k != id {
						steps[k] = s
					}
				}
				without[other] = Flow{Service: f.Service, Start: f.Start, Steps: steps}
			}
			if len(Check(without, env)) == 0 {
				t.Errorf("got no problem without %s.%s (%s)", name, id, step.Do)
			}
		}
	}
	for _, language := range env.Prompts.Languages() {
		for prompt := range env.Prompts.(manifest).slots[language] {
			used := false
			for _, f := range flows {
				for _, s := range f.Steps {
					s = s.withDefaults()
					said := s.spoken()
					for _, p := range s.Prompts.ids() {
						said = append(said, p[1])
					}
					for _, id := range said {
						used = used || id == prompt
					}
				}
			}
			m := env.Prompts.(manifest)
			kinds := m.slots[language][prompt]
			delete(m.slots[language], prompt)
			if problems := Check(flows, env); used != (len(problems) > 0) {
				t.Errorf("without the prompt %s in %s: got %d problems, and it is used: %v", prompt, language, len(problems), used)
			}
			m.slots[language][prompt] = kinds
		}
	}
}

func TestStrictDecodingRefusesSlips(t *testing.T) {
	for _, text := range []string{
		"main: {steps: {start: {do: hangup, sya: [hello]}}}",
		"main: {steps: {start: {do: menu, first_digit: soon}}}",
		"main: {steps: {start: {do: menu, attempts: many}}}",
		"main: {staps: {}}",
	} {
		var flows Flows
		if err := yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(&flows); err == nil {
			t.Errorf("%s: got %v, want an error", text, flows)
		}
	}
}
