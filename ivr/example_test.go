package ivr_test

import (
	"fmt"

	"cardline/ivr"
)

// recordings stands for a library of prompts without slots in one language.
type recordings map[string]bool

func (recordings) Languages() []string { return []string{"en"} }

func (r recordings) Slots(_, prompt string) (map[string]string, bool) { return nil, r[prompt] }

func Example() {
	flows := ivr.Flows{
		"main": {Steps: map[string]ivr.Step{
			"start": {Do: ivr.MenuStep, Say: []string{"menu"}, Keys: map[string]string{"1": "bye"}},
			"bye":   {Do: ivr.HangUpStep, Say: []string{"goodbye"}},
		}},
		"person": {Steps: map[string]ivr.Step{
			"start": {Do: ivr.QueueStep, Queue: "cards", Results: map[string]string{
				"answered": "bye", "timeout": "bye", "no_agents": "bye", "closed": "bye", "error": "bye",
			}},
			"bye": {Do: ivr.HangUpStep},
		}},
	}
	program, err := ivr.Compile(flows, ivr.Environment{
		Prompts: recordings{"menu": true, "goodbye": true, "no_input": true, "no_match": true, "give_up": true},
		Queues:  []string{"cards"},
		Entries: []string{"main"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	session, actions := program.Start("main", "en", nil)
	defer session.Close()
	fmt.Printf("%T %+v\n", actions[1], actions[1])
	for _, action := range session.Handle(ivr.KeyPressed{Key: '1'}) {
		fmt.Printf("%T %+v\n", action, action)
	}
	// Output:
	// ivr.Play {ID:1 Say:[{Prompt:menu Values:map[]}]}
	// ivr.StopPlay {}
	// ivr.DisarmTimer {ID:2}
	// ivr.Note {Fact:{Flow:main Step:start Exit:ok}}
	// ivr.Play {ID:3 Say:[{Prompt:goodbye Values:map[]}]}
	// ivr.ArmTimer {ID:4 After:3m0s}
}

func ExampleCheck() {
	problems := ivr.Check(ivr.Flows{
		"main": {Steps: map[string]ivr.Step{"start": {Do: ivr.MenuStep, Say: []string{"menu"}, Keys: map[string]string{"3": "loss"}}}},
		"person": {Steps: map[string]ivr.Step{
			"start": {Do: ivr.QueueStep, Queue: "cards", Results: map[string]string{
				"answered": "bye", "timeout": "bye", "no_agents": "bye", "closed": "bye", "error": "bye",
			}},
			"bye": {Do: ivr.HangUpStep},
		}},
	}, ivr.Environment{
		Prompts: recordings{"menu": true, "no_input": true, "no_match": true, "give_up": true},
		Queues:  []string{"cards"},
		Entries: []string{"main"},
	})
	for _, p := range problems {
		fmt.Println(p)
	}
	// Output:
	// flows.main.steps.start.keys.3: there is no step "loss" in the flow main; name a step of this flow, or person
}
