package ivr

import (
	"slices"
	"testing"
)

// TestSealedSteps holds from which steps of the default hotline only a secure segment
// follows: keys that are pressed there may belong to it and are dropped.
func TestSealedSteps(t *testing.T) {
	p := compiled(t)
	var got []string
	for _, flow := range p.Flows() {
		for _, step := range p.Steps(flow) {
			if p.flows[flow].nodes[step].sealed {
				got = append(got, flow+"."+step)
			}
		}
	}
	want := []string{"pin.enter", "pin.intro", "pin.intro_recorded", "pin.intro_unrecorded"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestWhatSealsAStep has each kind of step lead to a secure one, or also elsewhere.
func TestWhatSealsAStep(t *testing.T) {
	secure := Step{Do: SecureStep, Entry: "pin"}
	hangUp := Step{Do: HangUpStep}
	for name, c := range map[string]struct {
		step Step
		want bool
	}{
		"secure":             {secure, true},
		"play":               {Step{Do: PlayStep, Next: "secure"}, true},
		"play, on":           {Step{Do: PlayStep, Next: "end"}, false},
		"play, to a person":  {Step{Do: PlayStep, Next: toPerson}, false},
		"set":                {Step{Do: SetStep, Next: "secure"}, true},
		"language":           {Step{Do: LanguageStep, Next: "secure"}, true},
		"branch":             {Step{Do: BranchStep, Cases: map[string]string{"a": "secure"}, Else: "secure"}, true},
		"branch, elsewhere":  {Step{Do: BranchStep, Cases: map[string]string{"a": "secure"}, Else: "end"}, false},
		"card":               {Step{Do: CardStep, Results: map[string]string{"ok": "secure", "unavailable": "secure"}}, true},
		"card, elsewhere":    {Step{Do: CardStep, Results: map[string]string{"ok": "secure", "unavailable": "end"}}, false},
		"call":               {Step{Do: CallStep, Flow: "pin"}, true},
		"call, elsewhere":    {Step{Do: CallStep, Flow: "other"}, false},
		"menu takes keys":    {Step{Do: MenuStep, Keys: map[string]string{"1": "secure"}, GiveUp: "secure"}, false},
		"collect takes keys": {Step{Do: CollectStep, Next: "secure", GiveUp: "secure"}, false},
	} {
		p := &Program{flows: map[string]*flow{}}
		for name, steps := range map[string]map[string]Step{
			"main": {"start": c.step, "secure": secure, "end": hangUp}, "pin": {"start": secure}, "other": {"start": hangUp},
		} {
			f := &flow{name: name, nodes: map[string]*node{}}
			for id, s := range steps {
				f.nodes[id] = &node{Step: s, flow: f, name: id}
			}
			f.start = f.nodes["start"]
			p.flows[name] = f
		}
		p.seal()
		if got := p.flows["main"].start.sealed; got != c.want {
			t.Errorf("%s: sealed is %v, want %v", name, got, c.want)
		}
	}
}
