package main

import (
	"fmt"
	"strings"

	"cardline/card/demo"
	"cardline/configs"
)

// trial tells somebody who has started the default hotline for the first time
// what to dial, from which phone, and with which card.
func trial(c *configs.Config) []string {
	f := c.File
	var dial, agents, others []string
	for _, l := range f.Lines {
		dial = append(dial, strings.Join(l.Numbers, " or ")+" ("+l.Name+")")
	}
	works := map[string]bool{}
	for _, a := range f.Agents {
		works[a.Phone] = true
	}
	for _, p := range f.Phones {
		entry := p.Account + " " + p.Password
		if works[p.Account] {
			agents = append(agents, entry)
		} else {
			others = append(others, entry)
		}
	}
	fresh, _ := freshHolder()
	lines := []string{
		fmt.Sprintf("The default hotline, for trials on this machine. \"%s init DIR\" writes it out, to be edited.", self()),
		fmt.Sprintf("  server %s, UDP or TCP", f.SIP.Listen[0].Address),
		"  dial " + strings.Join(dial, ", "),
		"  callers' account and password: " + strings.Join(others, ", "),
		fmt.Sprintf("  agents' accounts and passwords (%s logs in, %s ready, %s logs out):", f.Features.LogIn, f.Features.Ready, f.Features.LogOut),
		"    " + strings.Join(agents, ", "),
	}
	lines = append(lines, trialCard(fresh, "on this terminal")...)
	return append(lines, fmt.Sprintf("  http://%s/metrics, /healthz and /readyz", f.HTTP.Listen))
}

// freshHolder returns the first holder whose card is not active yet, and which it
// is: no synthetic caller has it.
func freshHolder() (h demo.Holder, number int) {
	for h = demo.HolderAt(number); h.Active; h = demo.HolderAt(number) {
		number++
	}
	return h, number
}

// trialCard tells how a card can be activated, and where the code is shown.
func trialCard(h demo.Holder, where string) []string {
	return []string{
		"  to activate a card (1, 1): number " + spaced(h.Number) + ",",
		fmt.Sprintf("  last six of the ID %s, expiry %s; the code is shown %s", onKeypad(h.IDTail()), h.Expiry, where),
	}
}

// spaced puts a card number in groups of four.
func spaced(number string) string {
	var groups []string
	for i := 0; i < len(number); i += 4 {
		groups = append(groups, number[i:min(i+4, len(number))])
	}
	return strings.Join(groups, " ")
}

// onKeypad writes the X of an identity number as the key that stands for it.
func onKeypad(id string) string { return strings.ReplaceAll(id, "X", "*") }
