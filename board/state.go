package board

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"cardline/card"
	"cardline/ledger"
)

// state is what the events so far add up to.
type state struct {
	began    time.Time // of the first event
	callers  map[string]*caller
	agents   []*agent
	queues   []*queue
	totals   totals
	messages []message // the newest last

	visitor   string  // the last four digits of the visitor's card
	toVisitor message // the newest one about it
	note      string  // what the visitor should know
}

// A caller is a call that is up.
type caller struct {
	place    place
	queue    string    // while waiting
	since    time.Time // of the wait
	callback bool      // we call
}

// A place is where a caller is, in the words of the board.
type place string

// The places, in the order in which the board shows them.
const (
	atMenu     place = "main menu"
	atIdentity place = "identification"
	atCode     place = "one-time code"
	atActivate place = "activation"
	atPIN      place = "PIN"
	atBill     place = "bill"
	atLoss     place = "loss report"
	atTransfer place = "on the way"
	atOther    place = "elsewhere"
	isWaiting  place = "waiting"
	isTalking  place = "talking"
	isHolding  place = "on hold"
	isAway     place = "to be called" // and shown nowhere
)

// selfService lists the places of self service.
var selfService = []place{atMenu, atIdentity, atCode, atActivate, atPIN, atBill, atLoss, atTransfer, atOther}

// placesByFlow says where a caller is who has just left a step of a flow.
var placesByFlow = map[string]place{
	"main": atMenu, "identify": atIdentity, "code": atCode, "activation": atActivate, "pin": atPIN,
	"bill": atBill, "loss": atLoss, "person": atTransfer,
}

// An agent is one of the hotline's.
type agent struct {
	id     string
	group  string
	state  ledger.AgentState
	reason string
	queue  string
	since  time.Time
	taken  int // calls
}

// A queue counts callers.
type queue struct {
	name                string
	shut                string               // why nobody is taken in; empty while it is open
	waiting             map[uint64]time.Time // entries, since when
	entered             int
	answered, abandoned int
	others              int // left in another way
	answeredInTime      int // within serviceTime
	shortAbandons       int // within shortTime
	longest             ledger.Millis
}

// The service level is SL-5: the share of callers who are answered within 20 s,
// of all but those who leave within 5 s.
const (
	serviceTime ledger.Millis = 20_000
	shortTime   ledger.Millis = 5_000
)

// totals count what is over.
type totals struct {
	calls, peak  int
	outcomes     map[ledger.IVROutcome]int
	services     map[string]int // that ended well
	verification int            // failed
	offers       map[ledger.OfferResult]int
	talks        int
	talked       ledger.Millis
}

// A message is a text message to a cardholder.
type message struct {
	at              time.Time
	tail, phoneTail string
	text            string
}

// mostMessages are kept.
const mostMessages = 50

func newState(agents, queues []string, visitor string) *state {
	s := &state{visitor: visitor, callers: map[string]*caller{}, totals: totals{
		outcomes: map[ledger.IVROutcome]int{}, services: map[string]int{}, offers: map[ledger.OfferResult]int{},
	}}
	for _, id := range agents {
		s.agent(id)
	}
	for _, name := range queues {
		s.queue(name)
	}
	return s
}

// agent returns an agent, a new one if it is the first time.
func (s *state) agent(id string) *agent {
	i := slices.IndexFunc(s.agents, func(a *agent) bool { return a.id == id })
	if i < 0 {
		s.agents = append(s.agents, &agent{id: id, state: ledger.AgentLoggedOut})
		i = len(s.agents) - 1
	}
	return s.agents[i]
}

// queue returns a queue, a new one if it is the first time.
func (s *state) queue(name string) *queue {
	i := slices.IndexFunc(s.queues, func(q *queue) bool { return q.name == name })
	if i < 0 {
		s.queues = append(s.queues, &queue{name: name, waiting: map[uint64]time.Time{}})
		i = len(s.queues) - 1
	}
	return s.queues[i]
}

// fold takes the next event.
func (s *state) fold(e ledger.Event) {
	if s.began.IsZero() {
		s.began = e.At
	}
	c := s.callers[e.Call]
	if c == nil {
		c = &caller{} // a call from before our time: nobody sees it
	}
	switch f := e.Fact.(type) {
	case ledger.CallArrived:
		if f.Callback {
			s.callers[e.Call] = &caller{place: isAway, callback: true}
			break
		}
		s.callers[e.Call] = &caller{place: atMenu, since: e.At}
		s.totals.calls++
		s.totals.peak = max(s.totals.peak, s.live())
	case ledger.StepLeft:
		c.place = cmp.Or(placesByFlow[f.Flow], atOther)
	case ledger.ServiceEnded:
		c.place = atMenu
		if f.Result == ledger.ServiceOK {
			s.totals.services[f.Service]++
		}
	case ledger.VerificationFailed:
		s.totals.verification++
	case ledger.CallbackTried:
		if f.Result == ledger.CallbackReached {
			c.place, c.queue, c.since = isWaiting, f.Queue, e.At
			s.totals.peak = max(s.totals.peak, s.live())
		}
	case ledger.Queued:
		if f.Via == ledger.ViaCallback {
			break
		}
		c.place, c.queue, c.since = isWaiting, f.Queue, e.At
		q := s.queue(f.Queue)
		q.waiting[f.Entry] = e.At
		q.entered++
	case ledger.Dequeued:
		if f.Via == ledger.ViaCallback {
			break
		}
		c.place = atTransfer
		s.queue(f.Queue).left(f)
	case ledger.ModeChanged:
		s.queue(f.Queue).shut = shutBy(f)
	case ledger.OfferEnded:
		s.totals.offers[f.Result]++
	case ledger.Bridged:
		c.place = isTalking
		s.agent(f.Agent).taken++
	case ledger.HoldStarted:
		c.place = isHolding
	case ledger.HoldEnded:
		c.place = isTalking
	case ledger.TalkEnded:
		c.place = atTransfer
		s.totals.talks++
		s.totals.talked += f.Talked
	case ledger.CallEnded:
		delete(s.callers, e.Call)
		if !c.callback {
			s.totals.outcomes[f.Outcome]++
		}
	case ledger.AgentChanged:
		a := s.agent(f.Agent)
		a.group, a.state, a.reason, a.queue, a.since = f.Group, f.To, f.Reason, f.Queue, e.At
	}
}

// shutBy says why a queue is not open, "" if it is.
func shutBy(f ledger.ModeChanged) string {
	by := "by " + cmp.Or(f.Who, string(f.By))
	switch {
	case f.To == ledger.ModeOpen:
		return ""
	case f.By == ledger.ByHours && f.To == ledger.ModeHoliday:
		by = "by its calendar"
	case f.By == ledger.ByHours:
		by = "by its hours"
	case f.Reason != "":
		by += ": " + f.Reason
	}
	return string(f.To) + " " + by
}

// left counts a caller who has left the queue.
func (q *queue) left(f ledger.Dequeued) {
	delete(q.waiting, f.Entry)
	q.longest = max(q.longest, f.Waited)
	switch f.Outcome {
	case ledger.OutcomeAnswered:
		q.answered++
		if f.Waited <= serviceTime {
			q.answeredInTime++
		}
	case ledger.OutcomeAbandoned:
		q.abandoned++
		if f.Waited <= shortTime {
			q.shortAbandons++
		}
	case ledger.OutcomeCallbackRequested, ledger.OutcomeOverflow, ledger.OutcomeExitKey, ledger.OutcomeTimeout,
		ledger.OutcomeNoAgents, ledger.OutcomeClosed, ledger.OutcomeError:
		q.others++
	}
}

// oldest returns how long the caller has waited who waits longest.
func (q *queue) oldest(now time.Time) time.Duration {
	var oldest time.Duration
	for _, since := range q.waiting {
		oldest = max(oldest, now.Sub(since))
	}
	return oldest
}

// serviceLevel returns the share from 0 to 1; ok is false before anybody
// counts.
func (q *queue) serviceLevel() (share float64, ok bool) {
	counted := q.answered + q.abandoned - q.shortAbandons
	if counted == 0 {
		return 0, false
	}
	return float64(q.answeredInTime) / float64(counted), true
}

// count returns how many callers are at a place.
func (s *state) count(p place) int {
	n := 0
	for _, c := range s.callers {
		if c.place == p {
			n++
		}
	}
	return n
}

// live returns how many callers are on the line.
func (s *state) live() int { return len(s.callers) - s.count(isAway) }

// message takes a text message.
func (s *state) message(n card.Notice) {
	m := message{at: n.At, tail: n.Tail, phoneTail: n.PhoneTail}
	switch n.Kind {
	case card.NoticeCode:
		m.text = fmt.Sprintf("your code for %s is %s", serviceName(n.Service), n.Code)
	case card.NoticeActivated:
		m.text = "your card is active"
	case card.NoticePINSet:
		m.text = "your PIN was changed"
	case card.NoticeLoss:
		m.text = "your loss report was taken, reference " + n.Ref
	}
	if m.tail == s.visitor {
		s.toVisitor = m
	}
	s.messages = append(s.messages, m)
	if len(s.messages) > mostMessages {
		s.messages = slices.Delete(s.messages, 0, len(s.messages)-mostMessages)
	}
}

func serviceName(service string) string {
	if service == "pin" {
		return "setting your PIN"
	}
	return service
}
