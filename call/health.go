package call

import (
	"context"
	"sync"
	"time"

	"cardline/acd"
	"cardline/ledger"
)

// probeEvery is how often what the router believes is held against what there
// is.
const probeEvery = 5 * time.Second

// suspicion is what was wrong with an agent when it was looked at last.
type suspicion struct {
	state acd.AgentState
	call  string
}

// probe holds what the router believes against the phones and the calls, and
// puts right what is wrong twice in a row: once may be a message on its way.
func (h *Hotline) probe() {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	suspects := map[string]suspicion{}
	round := 0
	for {
		select {
		case <-h.quit:
			return
		case <-ticker.C:
		}
		suspects = h.reconcile(suspects)
		h.ping(round)
		round++
	}
}

const (
	// pingRounds is in how many rounds of the probe every phone is asked once.
	pingRounds = 6
	// pingLimit is how long a phone may take to answer; it is asked twice.
	pingLimit = 2 * time.Second
	// pingsAtOnce bounds the phones that are waited for at one time.
	pingsAtOnce = 64
)

// ping asks the phones of a part of the agents who could be offered a caller
// whether they are there. One that says nothing, twice, is not: better found now
// than by a caller. One that could not be reached, and answers, is there again.
func (h *Hotline) ping(round int) {
	config := h.config.Load()
	var asked sync.WaitGroup
	room := make(chan struct{}, pingsAtOnce)
	for i, a := range h.Agents() {
		account := config.device(a.ID)
		if i%pingRounds != round%pingRounds || a.State != acd.AgentReady && a.State != acd.AgentUnreachable || account == "" {
			continue
		}
		room <- struct{}{}
		asked.Go(func() {
			defer func() { <-room }()
			for range 2 {
				ctx, cancel := context.WithTimeout(h.asking, pingLimit)
				err := h.phones.Ping(ctx, account)
				cancel()
				switch {
				case err == nil && a.State == acd.AgentUnreachable:
					_ = h.Command(acd.DeviceBack{Agent: a.ID}) // it may be back already
					return
				case err == nil || a.State == acd.AgentUnreachable || h.stopping():
					return
				}
			}
			h.log.Warn().Str("agent", a.ID).Msg("the agent's phone does not answer")
			_ = h.Command(acd.DeviceLost{Agent: a.ID}) // refused only if the agent has just gone
		})
	}
	asked.Wait()
}

// reconcile looks at every agent once and returns whom it suspects.
func (h *Hotline) reconcile(before map[string]suspicion) map[string]suspicion {
	config := h.config.Load()
	suspects := map[string]suspicion{}
	for _, a := range h.Agents() {
		binding, registered := h.phones.Binding(config.device(a.ID))
		switch a.State {
		case acd.AgentUnreachable:
			// A phone that has registered again since is there again.
			if registered && time.Since(binding.Refreshed) < a.For {
				_ = h.Command(acd.DeviceBack{Agent: a.ID}) // refused only if the agent has just gone
			}
			continue
		case acd.AgentReady, acd.AgentNotReady:
			if registered || config.device(a.ID) == "" {
				continue
			}
		case acd.AgentOffered, acd.AgentOutbound:
			if h.router.call(a.Call) != nil {
				continue
			}
		case acd.AgentTalking, acd.AgentHolding:
			if c := h.router.call(a.Call); c != nil && c.with.Load() == a.ID {
				continue
			}
		default:
			continue
		}
		suspects[a.ID] = suspicion{a.State, a.Call}
		if before[a.ID] == suspects[a.ID] {
			delete(suspects, a.ID)
			h.heal(a)
		}
	}
	return suspects
}

// heal frees an agent from what is no more.
func (h *Hotline) heal(a acd.AgentView) {
	h.log.Error().Str("agent", a.ID).Str("state", string(a.State)).Str("call", a.Call).Msg("agent freed from what was no more")
	h.ledger.Append("", "", ledger.Healed{Agent: a.ID, State: a.State})
	switch a.State {
	case acd.AgentReady, acd.AgentNotReady:
		_ = h.Command(acd.DeviceLost{Agent: a.ID})
	case acd.AgentOffered:
		_ = h.Command(acd.Leave{Entry: a.Entry, Outcome: ledger.OutcomeError})
	default:
		_ = h.Command(acd.EndTalk{Agent: a.ID})
	}
}

// unmatched finds the pairs that the router should have brought together, on a
// copy of it, and tells how many have been there for a second.
func (h *Hotline) unmatched(router *acd.Router, before map[acd.Pair]time.Time) map[acd.Pair]time.Time {
	now, lasting := time.Now(), 0
	pairs := map[acd.Pair]time.Time{}
	for _, p := range router.Unmatched() {
		since, known := before[p]
		if !known {
			since = now
		} else if now.Sub(since) > time.Second {
			lasting++
		}
		pairs[p] = since
	}
	if lasting > 0 {
		h.log.Error().Int("pairs", lasting).Msg("agents are free and callers wait whom they may take")
	}
	h.observer.Unmatched(lasting)
	return pairs
}
