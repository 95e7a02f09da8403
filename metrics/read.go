package metrics

import (
	"time"

	"cardline/ledger"
)

// Read is the metrics' [ledger.Reader]. What was open before the first event
// that it reads, such as a call that a kill has cut, is not counted when it is
// closed: every exit has an entry, and every end a beginning.
func (m *Metrics) Read(batch []ledger.Event) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range batch {
		m.read(e, now)
	}
}

func (m *Metrics) read(e ledger.Event, now time.Time) {
	switch f := e.Fact.(type) {
	case ledger.Started, ledger.Restarted, ledger.ConfigLoaded:
		m.reloaded, m.reloadedAt = true, unix(e.At)
	case ledger.ConfigRefused:
		m.reloaded = false
	case ledger.TokenRefused:
		m.tokens.at(f.Reason).number += uint64(max(1, f.Times))
	case ledger.CallArrived:
		m.calls[e.Call] = &visit{line: f.Line, callback: f.Callback, up: !f.Callback}
	case ledger.StepLeft:
		m.stepVisits.at(f.Flow, f.Step, string(f.Exit)).number++
	case ledger.HostAsked:
		m.hostTook.observe(f.Took, backend, f.Operation, f.Code)
	case ledger.VerificationFailed:
		m.authFailures.at(f.Factor, f.Reason).number++
	case ledger.SecureEnded:
		m.secureEnded.at(f.Purpose, string(f.Result)).number++
	case ledger.ServiceEnded:
		m.services.at(f.Service, string(f.Result)).number++
	case ledger.CallEnded:
		m.callEnded(e.Call, f)
	case ledger.CallerCapped:
		m.capped.at(string(f.Cap)).number++
	case ledger.TrunkOverCap:
		m.overCap.at(f.Trunk, string(f.Cap)).number++
	case ledger.Delivered:
		if f.Result == ledger.DeliveryOK {
			m.delivered.at(f.Kind, deliveryTaken).number++
		} else {
			m.delivered.at(f.Kind, deliveryRefused).number++
		}
	case ledger.AgentChanged:
		m.agentChanged(f, now)
	case ledger.Overstayed:
		m.overstays.at(f.Group, f.Reason).number++
	case ledger.Healed:
		m.healed.at(string(f.State)).number++
	default:
		m.readQueue(e, now)
		m.readRouting(e, now)
	}
}

// callEnded counts a call. One in which we called, and reached nobody, was none;
// self service was in no call of ours.
func (m *Metrics) callEnded(call string, f ledger.CallEnded) {
	v := m.calls[call]
	if v == nil {
		return
	}
	delete(m.calls, call)
	if !v.callback {
		m.ivrCalls.at(f.Line, string(f.Outcome)).number++
	}
	if v.up {
		m.callsEnded.at(f.Line, string(f.Reason)).number++
	}
}

// readQueue reads what is about a caller's place and conversation.
func (m *Metrics) readQueue(e ledger.Event, now time.Time) {
	switch f := e.Fact.(type) {
	case ledger.Queued:
		if !m.queues[f.Queue] {
			m.addQueue(f.Queue) // a reload of which we have not heard yet
		}
		callback := f.Via == ledger.ViaCallback
		m.entries[f.Entry] = &entry{
			queue: f.Queue, class: f.Class, callback: callback, away: callback, at: unix(e.At), since: now, told: m.moved[f.Entry],
		}
		delete(m.moved, f.Entry)
		m.queueEntries.at(f.Queue, m.site, string(f.Via)).number++
	case ledger.Offered:
		m.offered(f)
	case ledger.OfferEnded:
		if !take(m.offers, f.Offer) {
			return
		}
		if m.ringing[f.Agent] == f.Offer {
			delete(m.ringing, f.Agent)
		}
		site := m.siteOf(f.Agent)
		m.offersEnded.at(f.Queue, site, string(f.Result)).number++
		if f.Result == ledger.OfferAccepted {
			m.handled.observe(f.Rang, f.Queue, site, partRinging)
		}
	case ledger.Dequeued:
		if left := m.entries[f.Entry]; left != nil {
			delete(m.entries, f.Entry)
			m.queueExits.at(f.Queue, m.site, string(f.Outcome)).number++
			if !left.callback {
				m.queueWait.observe(f.Waited, f.Queue, m.site, waitOutcome(f.Outcome))
				m.classWait.observe(f.Waited, m.class(left.class), m.site, waitOutcome(f.Outcome))
			}
			m.settle(left, f, e.Age)
		}
	case ledger.Bridged:
		m.talks[f.Entry] = struct{}{}
	case ledger.TalkEnded:
		if !take(m.talks, f.Entry) {
			return
		}
		site := m.siteOf(f.Agent)
		m.handled.observe(f.Talked, f.Queue, site, partTalking)
		if f.Held > 0 {
			m.handled.observe(f.Held, f.Queue, site, partHolding)
		}
	}
}

// take removes a key and reports whether it was there.
func take[K comparable, V any](set map[K]V, key K) bool {
	_, ok := set[key]
	delete(set, key)
	return ok
}
