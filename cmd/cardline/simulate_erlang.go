package main

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"cardline/acd"
	"cardline/sim"
	"cardline/sim/erlang"
)

// readTheory makes the hotline of --erlang, which leaves nothing to be said.
func (w *workload) readTheory(file string) (o acd.Options, s sim.Scenario, err error) {
	if file != "" {
		return o, s, flagError("erlang", "has no meaning with a scenario; leave one of them away")
	}
	if err := w.only("--erlang", "config", "calls-per-day", "agents", "date", "days", "begin", "length", "per-hour", "talk",
		"patience", "callbacks", "redials", "answer", "replay", "data", "day", "shifts", "absent"); err != nil {
		return o, s, err
	}
	q, err := w.queue()
	if err != nil {
		return o, s, err
	}
	if o, s, err = sim.Theory(q, cmp.Or(w.calls, 200_000), w.seed); err != nil {
		return o, s, flagError("erlang", "%w; %s", err, erlangWanted)
	}
	if w.changed("warm-up") {
		s.WarmUp = w.warmUp
	}
	return o, s, nil
}

// queue reads --erlang, scaled.
func (w *workload) queue() (erlang.Queue, error) {
	q, err := parseErlang(w.erlang)
	q.Lambda *= w.scale
	return q, err
}

// theory computes what --erlang comes to.
func (w *workload) theory() (*erlang.Figures, error) {
	q, err := w.queue()
	if err != nil {
		return nil, err
	}
	f, err := q.Figures(w.options.Threshold.Seconds())
	if err != nil {
		return nil, flagError("erlang", "%w", err)
	}
	return &f, nil
}

const erlangWanted = "expected rates per second such as lambda=0.5,mu=0.005,theta=0.0033,n=95"

// parseErlang reads the parameters of a queue.
func parseErlang(text string) (q erlang.Queue, err error) {
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if seen[key] {
			return q, flagError("erlang", "%s is given twice; %s", key, erlangWanted)
		}
		seen[key] = true
		number, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
			return q, flagError("erlang", "%q is no number; %s", part, erlangWanted)
		}
		switch key {
		case "lambda":
			q.Lambda = number
		case "mu":
			q.Mu = number
		case "theta":
			q.Theta = number
		case "n":
			q.Agents = int(number)
			if number != math.Trunc(number) || number < 1 || number > 100_000 {
				return q, flagError("erlang", "n is %s, expected a whole number of agents from 1 to 100000", value)
			}
		default:
			return q, flagError("erlang", "unknown key %q; %s", key, erlangWanted)
		}
	}
	for _, key := range []string{"lambda", "mu", "n"} {
		if !seen[key] {
			return q, flagError("erlang", "%s is missing; %s", key, erlangWanted)
		}
	}
	if err := q.Check(); err != nil {
		return q, flagError("erlang", "%w; %s", err, erlangWanted)
	}
	return q, nil
}
