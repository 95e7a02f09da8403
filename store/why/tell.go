package why

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cardline/ledger"
)

// teller goes through the events of a call and knows what came before.
type teller struct {
	Explanation
	began   ledger.Millis            // age of the first event
	queue   string                   // the one that was left last
	moved   bool                     // a supervisor gave the head start
	answers map[uint64]ledger.Millis // when each place was answered, by entry
	queues  map[uint64]string        // by entry
}

// tell explains the events of one call.
func tell(events []ledger.Event) Explanation {
	t := teller{answers: map[uint64]ledger.Millis{}, queues: map[uint64]string{}}
	t.look(events)
	first := events[0]
	t.Journey, t.Call, t.Arrived, t.began = first.Journey, first.Call, first.At, first.Age
	for _, e := range events {
		text := t.fact(e)
		if text == "" {
			continue
		}
		in := max(0, e.Age-t.began)
		if e.Age < t.began { // said after a restart
			in = max(0, ledger.MillisOf(e.At.Sub(first.At)))
		}
		t.Steps = append(t.Steps, Step{At: e.At, In: in, Kind: ledger.Kind(e.Fact), Text: text})
	}
	return t.Explanation
}

// look finds out of each place where it was and when it was answered. A place
// that was kept in another queue is answered when that is.
func (t *teller) look(events []ledger.Event) {
	for _, e := range slices.Backward(events) {
		switch f := e.Fact.(type) {
		case ledger.Queued:
			t.queues[f.Entry] = f.Queue
		case ledger.Dequeued:
			if at, later := t.answers[f.Next]; later && f.Outcome == ledger.OutcomeOverflow {
				t.answers[f.Entry] = at
			} else if f.Outcome == ledger.OutcomeAnswered {
				t.answers[f.Entry] = e.Age
			}
		}
	}
}

// fact tells of one event, "" if it says nothing about the way of the call.
func (t *teller) fact(e ledger.Event) string {
	switch f := e.Fact.(type) {
	case ledger.CallArrived:
		t.Line, t.Caller, t.Pseudonym, t.Callback = f.Line, f.Caller, f.Pseudonym, f.Callback
		return t.arrived(f)
	case ledger.ServiceEnded:
		return fmt.Sprintf("Self service: %s ended with %s.", words(f.Service), words(string(f.Result)))
	case ledger.CallerCapped:
		return fmt.Sprintf("The card host was not asked: the caller has reached the limit of %s.", words(string(f.Cap)))
	case ledger.WrongMediaSource:
		return wrongMedia(f)
	case ledger.Queued:
		return t.queued(f)
	case ledger.StepReached:
		return fmt.Sprintf("Nobody had taken the call: the requirement of %s was relaxed to step %d, so that others may take it.", f.Queue, f.Step)
	case ledger.HeadStartChanged:
		t.moved = true
		return fmt.Sprintf("%s changed the head start in %s from %s to %s. Reason: %s.",
			someone(f.By, f.Who), f.Queue, spell(f.From), spell(f.To), cmp.Or(f.Reason, "none given"))
	case ledger.Announced:
		return t.announced(f, e.Age)
	case ledger.Offered:
		return t.offered(f)
	case ledger.OfferEnded:
		return t.offerEnded(f)
	case ledger.Dequeued:
		return t.dequeued(f)
	case ledger.Bridged:
		return fmt.Sprintf("Caller and agent %s hear one another.", f.Agent)
	case ledger.HoldStarted:
		return fmt.Sprintf("Agent %s put the caller on hold.", f.Agent)
	case ledger.HoldEnded:
		return fmt.Sprintf("Agent %s took the caller back after %s.", f.Agent, spell(f.Held))
	case ledger.TalkEnded:
		return t.talkEnded(f)
	case ledger.Transferred:
		return fmt.Sprintf("Agent %s passed the caller on to %s.", f.Agent, strings.Replace(f.To, ":", " ", 1))
	case ledger.Disposed:
		return fmt.Sprintf("Agent %s noted what it was about: %s.", f.Agent, words(f.Code))
	case ledger.CallbackRequested:
		return t.requested(f)
	case ledger.CallbackDenied:
		return fmt.Sprintf("The caller asked to be called back, which was refused: %s.", phrase(denials, f.Reason))
	case ledger.CallbackTried:
		return fmt.Sprintf("Attempt %d to call back: %s, after %s.", f.Attempt, phrase(attempts, f.Result), spell(f.Took))
	case ledger.CallbackCancelled:
		return fmt.Sprintf("%s cancelled the callback.%s", someone(f.By, f.Who), because(f.Reason))
	case ledger.CallbackEnded:
		return fmt.Sprintf("The callback ended after %s and %s: %s.", spell(f.Took), count(f.Attempts, "attempt", "attempts"), phrase(callbackEnds, f.Outcome))
	case ledger.Delivered:
		return t.delivered(f)
	case ledger.DeliverySettled:
		if f.Again {
			return fmt.Sprintf("%s had the request %d to the card host, %s, tried again.%s", someone(f.By, f.Who), f.Item, words(f.Kind), because(f.Reason))
		}
		return fmt.Sprintf("%s settled the request %d to the card host, %s.%s", someone(f.By, f.Who), f.Item, words(f.Kind), because(f.Reason))
	case ledger.CallEnded:
		return fmt.Sprintf("The call ended: %s.", phrase(ends, f.Reason))
	default:
		return ""
	}
}

func wrongMedia(f ledger.WrongMediaSource) string {
	who := "the caller"
	if f.Agent != "" {
		who = "agent " + f.Agent
	}
	return fmt.Sprintf("Nothing was heard of %s, neither voice nor keys: the phone said that its media comes from %s, and sent it from %s. "+
		"If that is where it should be, set nat: true for the phone or latch: true for the trunk.", who, f.Signalled, f.Source)
}

func (t *teller) arrived(f ledger.CallArrived) string {
	if f.Callback {
		return "We owe the customer a call."
	}
	from := ""
	if f.Trunk != "" {
		from = " from trunk " + f.Trunk
	} else if f.Device != "" {
		from = " from phone " + f.Device
	}
	return fmt.Sprintf("The call came in%s.", from)
}

// delivered tells of a request that the card host could not be asked at once.
func (t *teller) delivered(f ledger.Delivered) string {
	request := fmt.Sprintf("The request %d to the card host, %s, which had to wait,", f.Item, words(f.Kind))
	if f.Result == ledger.DeliveryOK {
		return fmt.Sprintf("%s was taken after %s.", request, spell(f.Took))
	}
	return fmt.Sprintf("%s was refused after %s: %s. A person must deal with it.", request, spell(f.Took), words(f.Result))
}

func (t *teller) queued(f ledger.Queued) string {
	text := fmt.Sprintf("Queued for %s, %s", f.Queue, t.way(f.Via))
	switch {
	case f.HeadStart == 0:
		text += ", without a head start."
	case t.moved:
		text += fmt.Sprintf(", with the head start of %s that was given by hand.", spell(f.HeadStart))
	case f.Class == "flow":
		text += fmt.Sprintf(", with a head start of %s that the flow gives.", spell(f.HeadStart))
	default:
		text += fmt.Sprintf(", with a head start of %s as %q.", spell(f.HeadStart), f.Class)
	}
	if f.Before > 0 {
		text += fmt.Sprintf(" The place counts from %s ago, when the customer first waited in this matter.", spell(f.Before))
	}
	return text
}

// way says how a caller came to a queue.
func (t *teller) way(via ledger.Via) string {
	switch via {
	case ledger.ViaIVR:
		return "from self service"
	case ledger.ViaDNIS:
		return "by the number that was dialled"
	case ledger.ViaTransfer:
		return "by a transfer"
	case ledger.ViaOverflow:
		return "coming from " + cmp.Or(t.queue, "another queue")
	case ledger.ViaCallback:
		return "to be called back"
	case ledger.ViaReturn:
		return "because the phone of the agent was lost"
	}
	return "by " + words(string(via))
}

// announced tells what a caller was told, and what it was in the end.
func (t *teller) announced(f ledger.Announced, now ledger.Millis) string {
	var parts []string
	if f.Position > 0 {
		parts = append(parts, fmt.Sprintf("place %d", f.Position))
	}
	if f.Low > 0 {
		parts = append(parts, fmt.Sprintf("%d to %d minutes", f.Low, f.High))
	}
	text := "The caller was told that all agents are busy"
	if len(parts) > 0 {
		text = "The caller was told: " + strings.Join(parts, ", ")
	}
	if f.P90 == 0 {
		return text + ". How long it would take was not known well enough."
	}
	text += fmt.Sprintf(" (expected: %s, at most %s in nine of ten cases).", spell(f.P50), spell(f.P90))
	at, answered := t.answers[f.Entry]
	if !answered {
		return text + " The caller was not answered."
	}
	rest := at - now
	text += fmt.Sprintf(" It took %s", spell(rest))
	switch miss := rest - f.P50; {
	case miss > 0:
		return text + fmt.Sprintf(", %s more than expected.", spell(miss))
	case miss < 0:
		return text + fmt.Sprintf(", %s less than expected.", spell(-miss))
	}
	return text + ", as expected."
}

// offered tells whom the caller was offered to, and why.
func (t *teller) offered(f ledger.Offered) string {
	text := fmt.Sprintf("Offered to agent %s after %s: ", f.Agent, spell(f.Waited))
	d := f.Decision
	if d == nil {
		return text + count(f.Eligible, "agent", "agents") + " could take the call."
	}
	switch {
	case d.Wanted:
		text += "this agent was asked for."
	case f.Eligible == 1:
		text += "the only one who could take the call."
	default:
		text += fmt.Sprintf("of %d who could take the call the one %s.", f.Eligible, phrase(strategies, d.Strategy))
	}
	if d.Home {
		text += " The agent is of the queue that the caller came from, and was free first."
	}
	if d.Step > 0 {
		text += fmt.Sprintf(" The requirement of step %d was in force.", d.Step)
	}
	if d.Runner != "" {
		text += fmt.Sprintf(" Next would have been agent %s.", d.Runner)
	}
	if len(d.Others) > 0 {
		text += " Others with the skills could not: " + standings(d.Others) + "."
	}
	if d.Failed > 0 {
		text += fmt.Sprintf(" %s not taken this call before.", count(d.Failed, "agent had", "agents had"))
	}
	if d.NextCall != "" {
		text += fmt.Sprintf(" Without this call the agent would have got %s, whose place is %s.", d.NextCall, t.behind(d))
	}
	return text
}

// behind says how far the next call's place is from this one's.
func (t *teller) behind(d *ledger.Decision) string {
	switch {
	case d.Ahead < 0:
		return spell(-d.Ahead) + " earlier, which should not be"
	case d.Ahead == 0:
		return "the same to the millisecond, but was taken later"
	case d.HeadStart > d.Ahead:
		return fmt.Sprintf("%s later; without the head start it would be %s earlier", spell(d.Ahead), spell(d.HeadStart-d.Ahead))
	default:
		return spell(d.Ahead) + " later"
	}
}

// standings lists what agents were doing, most of them first.
func standings(others map[string]int) string {
	names := slices.SortedFunc(maps.Keys(others), func(a, b string) int {
		return cmp.Or(cmp.Compare(others[b], others[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", others[name], phrase(doings, name))
	}
	return list(names)
}

// list writes words with commas and an "and".
func list(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func (t *teller) offerEnded(f ledger.OfferEnded) string {
	who := "Agent " + f.Agent
	rang := spell(f.Rang)
	switch f.Result {
	case ledger.OfferAccepted:
		return fmt.Sprintf("%s answered after %s of ringing.", who, rang)
	case ledger.OfferIgnored:
		return fmt.Sprintf("%s did not answer for %s and counts as not ready from now on.", who, rang)
	case ledger.OfferRejected:
		return fmt.Sprintf("%s declined after %s.", who, rang)
	case ledger.OfferBusy:
		return fmt.Sprintf("The phone of agent %s was busy.", f.Agent)
	case ledger.OfferUnreachable:
		return fmt.Sprintf("The phone of agent %s could not be reached (after %s).", f.Agent, rang)
	case ledger.OfferCallerLeft:
		return fmt.Sprintf("The caller was gone before agent %s answered (after %s).", f.Agent, rang)
	case ledger.OfferWithdrawn:
		if f.Elsewhere {
			return fmt.Sprintf("%s was no longer rung: another agent was faster.", who)
		}
		return fmt.Sprintf("The offer to agent %s was withdrawn after %s, through no fault of the agent.", f.Agent, rang)
	}
	return fmt.Sprintf("The offer to agent %s ended: %s.", f.Agent, words(string(f.Result)))
}

func (t *teller) dequeued(f ledger.Dequeued) string {
	t.queue = f.Queue
	waited := fmt.Sprintf("after %s in %s", spell(f.Waited), f.Queue)
	if f.Total > f.Waited {
		waited += fmt.Sprintf(", %s in all", spell(f.Total))
	}
	text := phrase(outcomes, f.Outcome)
	if f.Next != 0 && f.Outcome == ledger.OutcomeOverflow {
		text = fmt.Sprintf("Passed on to %s, with the same place", cmp.Or(t.queues[f.Next], "another queue"))
	}
	return fmt.Sprintf("%s, %s.", text, waited)
}

func (t *teller) talkEnded(f ledger.TalkEnded) string {
	held := ""
	if f.Held > 0 {
		held = fmt.Sprintf(" and %s on hold", spell(f.Held))
	}
	return fmt.Sprintf("The conversation with agent %s ended after %s%s: %s.", f.Agent, spell(f.Talked), held, phrase(talkEnds, f.By))
}

func (t *teller) requested(f ledger.CallbackRequested) string {
	number := "the number that the call came from"
	if f.Confirmed {
		number = "a number that the caller confirmed by key"
	}
	if f.From == "" {
		return fmt.Sprintf("The callback was taken up again after a restart, to %s.", number)
	}
	return fmt.Sprintf("The callback was asked for in call %s, to %s.", f.From, number)
}

// someone names who did something by hand.
func someone(by ledger.Actor, who string) string {
	switch {
	case who != "":
		return fmt.Sprintf("%s (%s)", who, by)
	case by == ledger.ByAPI:
		return "Somebody, by the API,"
	default:
		return "Somebody"
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " Reason: " + reason + "."
}

// phrase puts a word of a closed list into plain words; a word that is new is
// shown as it is.
func phrase[K ~string](table map[K]string, word K) string {
	if text, ok := table[word]; ok {
		return text
	}
	return words(string(word))
}

func words(text string) string { return strings.ReplaceAll(text, "_", " ") }

var (
	strategies = map[string]string{
		"longest_idle":   "who had been idle for the longest time",
		"most_skilled":   "with the highest level in the skills that are asked for",
		"least_skilled":  "with the lowest level that is enough, which keeps experts free",
		"least_occupied": "who had worked the smallest share of the time since login",
		"round_robin":    "who had been offered no call for the longest time",
		"fewest_calls":   "who had taken the fewest calls since login",
	}
	doings = map[string]string{
		"logged_out": "logged out", "unreachable": "with a phone that is not there", "not_ready": "not ready",
		"offered": "being rung for another caller", "talking": "talking", "wrap_up": "in wrap-up",
		"resting": "left alone for a moment after a refusal", "ready": "ready",
	}
	outcomes = map[ledger.QueueOutcome]string{
		ledger.OutcomeAnswered:          "Answered",
		ledger.OutcomeAbandoned:         "The caller gave up",
		ledger.OutcomeCallbackRequested: "The caller hung up to be called back, and keeps the place",
		ledger.OutcomeOverflow:          "Sent away, because the queue was full or the wait too long",
		ledger.OutcomeExitKey:           "The caller left by the exit key",
		ledger.OutcomeTimeout:           "The time that the queue allows was over",
		ledger.OutcomeNoAgents:          "Sent away, because nobody who could take the call was logged in",
		ledger.OutcomeClosed:            "Sent away, because the queue was closed",
		ledger.OutcomeError:             "The place was lost by a failure or a restart",
	}
	denials = map[string]string{
		"no_number": "there was no number to call", "prefix": "this number may not be called",
		"barred": "calls of this number are refused",
		"open":   "one callback to this number is open already", "day_limit": "today's callbacks were all given away",
		"caller_limit": "this number, or this caller, has had all callbacks of today",
		"off":          "there are no callbacks now",
	}
	attempts = map[ledger.CallbackResult]string{
		ledger.CallbackReached:   "the customer answered",
		ledger.CallbackNoAnswer:  "the customer did not answer",
		ledger.CallbackBusy:      "the customer's line was busy",
		ledger.CallbackRefused:   "the call was refused on the way",
		ledger.CallbackAgentLeft: "the agent who waited for the customer was gone",
		ledger.CallbackError:     "the call could not be made",
	}
	callbackEnds = map[string]string{
		"reached": "the customer was reached", "abandoned": "the customer was reached and hung up", "exhausted": "the customer was never reached",
		"cancelled": "it was cancelled", "interrupted": "the program ended; it is taken up again at the next start", "error": "a failure of ours",
	}
	talkEnds = map[ledger.TalkEnd]string{
		ledger.TalkEndedByCaller: "the caller hung up", ledger.TalkEndedByAgent: "the agent hung up",
		ledger.TalkEndedByTransfer: "the agent passed the caller on", ledger.TalkEndedByDevice: "the agent's phone was lost",
		ledger.TalkEndedBySystem: "the program ended it",
	}
	ends = map[ledger.EndReason]string{
		ledger.EndCallerLeft: "the caller hung up", ledger.EndAgentLeft: "the agent hung up", ledger.EndFlow: "everything was done",
		ledger.EndNoAck: "the caller's side did not confirm it", ledger.EndNoMedia: "no sound came from the caller any more",
		ledger.EndRefused: "it was refused", ledger.EndDrained: "the program was being stopped", ledger.EndError: "a failure of ours",
		ledger.EndInterrupted: "the program was killed",
	}
)
