package sip

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// everyFact holds one of each fact, so that a new one breaks TestStep.
var everyFact = []fact{
	ringWanted{},
	answerWanted{},
	refusalWanted{486},
	hangupWanted{HungUp},
	cancelArrived{},
	ackArrived{},
	byeArrived{},
	progressed{code: 180},
	succeeded{},
	failed{code: 486, reason: Rejected},
	byeDone{},
	tryingDue{},
	resendDue{t1},
	ackOverdue{},
	placeWanted{},
	ringOverdue{},
	cancelOverdue{},
	peerLost{PeerLost},
}

// stepTable names, for each state, the state that follows on each fact; what
// is not named has no meaning there.
var stepTable = map[state]map[string]state{
	incoming: {
		"tryingDue": incoming, "ringWanted": ringing, "answerWanted": answered, "refusalWanted": ended, "hangupWanted": ended,
		"cancelArrived": ended, "byeArrived": ended, "failed": ended,
	},
	ringing: {
		"answerWanted": answered, "refusalWanted": ended, "hangupWanted": ended, "cancelArrived": ended,
		"byeArrived": ended, "failed": ended,
	},
	answered: {
		"ackArrived": confirmed, "resendDue": answered, "byeArrived": ended, "hangupWanted": parting,
		"ackOverdue": leaving, "placeWanted": ended, "failed": ended,
	},
	parting: {
		"ackArrived": leaving, "ackOverdue": leaving, "placeWanted": ended, "resendDue": parting, "byeArrived": ended, "failed": ended,
	},
	calling: {
		"progressed": proceeding, "succeeded": confirmed, "failed": ended, "hangupWanted": abandoned,
		"ringOverdue": abandoned, "byeArrived": ended,
	},
	proceeding: {
		"progressed": proceeding, "succeeded": confirmed, "failed": ended, "hangupWanted": cancelling,
		"ringOverdue": cancelling, "byeArrived": ended,
	},
	abandoned:  {"progressed": cancelling, "succeeded": leaving, "failed": ended, "byeArrived": ended},
	cancelling: {"succeeded": leaving, "failed": ended, "cancelOverdue": ended, "byeArrived": ended},
	confirmed:  {"hangupWanted": leaving, "byeArrived": ended, "peerLost": leaving},
	leaving:    {"byeArrived": leaving, "byeDone": ended},
	ended:      {},
}

func nameOf(v any) string { return strings.TrimPrefix(fmt.Sprintf("%T", v), "sip.") }

func TestStep(t *testing.T) {
	if len(stepTable) != int(ended)+1 {
		t.Fatalf("the table has %d states, want %d", len(stepTable), int(ended)+1)
	}
	for s, row := range stepTable {
		met := 0
		for _, f := range everyFact {
			next, do, ok := step(s, f)
			expected, known := row[nameOf(f)]
			if known {
				met++
			}
			switch {
			case ok != known:
				t.Errorf("%v on %s: got ok=%v, want %v", s, nameOf(f), ok, known)
			case ok && next != expected, !ok && (next != s || do != nil):
				t.Errorf("%v on %s: got %v, want %v", s, nameOf(f), next, expected)
			}
			if told := countEnded(do); ok && s.over() != next.over() != (told == 1) || told > 1 {
				t.Errorf("%v on %s to %v: Ended is told %d times", s, nameOf(f), next, told)
			}
		}
		if met != len(row) {
			t.Errorf("%v: the table names %d facts, of which %d exist", s, len(row), met)
		}
	}
}

func countEnded(do []action) int {
	n := 0
	for _, a := range do {
		if tell, ok := a.(tell); ok {
			if _, ok := tell.event.(Ended); ok {
				n++
			}
		}
	}
	return n
}

// Whatever happens to a leg, in whatever order, its end is told at most once,
// and no alarm of the INVITE is armed when it is over.
func TestStepNeverEndsTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom([]state{incoming, calling}).Draw(t, "beginning")
		armed := map[alarm]bool{}
		if s == calling {
			armed[ringAlarm] = true
		}
		told := 0
		for _, i := range rapid.SliceOf(rapid.IntRange(0, len(everyFact)-1)).Draw(t, "facts") {
			next, do, ok := step(s, everyFact[i])
			if !ok {
				continue
			}
			told += countEnded(do)
			for _, a := range do {
				switch a := a.(type) {
				case arm:
					if a.after <= 0 || a.after > 64*t1 {
						t.Fatalf("armed for %v", a.after)
					}
					armed[a.alarm] = true
				case disarm:
					delete(armed, a.alarm)
				}
			}
			s = next
		}
		if told > 1 || (told == 1) != s.over() {
			t.Fatalf("Ended was told %d times, in %v at the end", told, s)
		}
		if s == confirmed || s == leaving {
			delete(armed, ackAlarm) // fired
			if armed[resendAlarm] || armed[ringAlarm] && s == confirmed {
				t.Fatalf("armed in %v: %v", s, armed)
			}
		}
	})
}

func TestResendDoublesUpToT2(t *testing.T) {
	for after, expected := range map[time.Duration]time.Duration{t1: 2 * t1, 2 * time.Second: t2, t2: t2} {
		_, do, _ := step(answered, resendDue{after})
		if got := do[1].(arm).after; got != expected {
			t.Errorf("after %v: got %v, want %v", after, got, expected)
		}
	}
}

var everyTurn = []turn{
	offerWanted{},
	offerArrived{},
	acceptWanted{},
	refuseWanted{488},
	offerAcked{},
	offerTaken{},
	offerFailed{488},
	offerFailed{491},
	offerFailed{408},
	offerFailed{481},
	offerResendDue{t1},
	offerAckOverdue{},
	backoffOver{},
	exchangeUnneeded{},
}

var exchangeTable = map[exchange]map[string]exchange{
	settled: {"offerWanted{}": offering, "offerArrived{[]}": offered},
	offering: {
		"offerTaken{[]}": settled, "offerArrived{[]}": offering, "offerFailed{488}": settled, "offerFailed{491}": backingOff,
		"offerFailed{408}": settled, "offerFailed{481}": settled,
	},
	backingOff: {"backoffOver{}": offering, "offerArrived{[]}": offered},
	offered:    {"acceptWanted{[]}": agreeing, "refuseWanted{488}": settled, "offerArrived{[]}": offered},
	agreeing: {
		"offerAcked{[]}": settled, "offerResendDue{500000000}": agreeing, "offerAckOverdue{}": settled, "offerArrived{[]}": agreeing,
	},
}

func TestStepExchange(t *testing.T) {
	for x, row := range exchangeTable {
		for _, f := range everyTurn {
			next, _, ok := stepExchange(x, f)
			key := nameOf(f) + fmt.Sprint(f)
			expected, known := row[key]
			if reflect.TypeOf(f) == reflect.TypeFor[exchangeUnneeded]() {
				expected, known = settled, true
			}
			if ok != known || ok && next != expected {
				t.Errorf("%v on %s: got %v, %v; want %v, %v", x, key, next, ok, expected, known)
			}
		}
	}
}

func TestNamesOfEnums(t *testing.T) {
	for r := HungUp; r <= Stopped; r++ {
		if r.String() == "" {
			t.Errorf("reason %d has no name", r)
		}
	}
	for s := incoming; s <= ended; s++ {
		if s.String() == "" {
			t.Errorf("state %d has no name", s)
		}
	}
}
