//go:build peers

package peers

import (
	"strings"
	"testing"
	"time"

	"cardline/card"
	"cardline/card/demo"
	"cardline/ledger"
	"cardline/test/rig"
)

const (
	agentTone  = 1000.0
	callerTone = 440.0
)

// TestCardholderActivatesSetsPINAndTalksToAnAgent is one whole call between
// two real phones: self service with a PIN, queue, speech both ways, hold and
// resume, and the end from the caller's side.
func TestCardholderActivatesSetsPINAndTalksToAnAgent(t *testing.T) {
	t.Parallel()
	h := rig.Start(t, rig.Options{})
	agent := startBaresip(t, h.Server, "1006", "cardline-1006", agentTone, ";answermode=auto;regint=60")
	caller := startBaresip(t, h.Server, "2001", "cardline-2001", callerTone, ";regint=60")
	h.AwaitPhones("1006", "2001")
	agent.feature(h, "*11", ledger.AgentNotReady)
	agent.feature(h, "*12", ledger.AgentReady)

	holder := demo.HolderAt(0)
	caller.do("dial", "sip:95500@"+h.Server)
	caller.await(0, "CALL_ESTABLISHED")
	awaitStep(t, h, "main", "hello")
	activate(t, h, holder, caller.press)

	// Straight on to the PIN: a weak one first, then a good one twice.
	caller.press("1")
	awaitSecure := time.Now()
	rig.Eventually(t, rig.Hung, "the secure segment takes keys", func() bool {
		return len(rig.Facts[ledger.StepLeft](h)) > 0 && stepSeen(h, "pin", "intro_unrecorded")
	})
	t.Logf("the introduction took %v", time.Since(awaitSecure).Round(time.Second))
	time.Sleep(time.Second)
	caller.press("123456")
	time.Sleep(6 * time.Second)
	caller.press("902615")
	time.Sleep(4 * time.Second)
	caller.press("902615")
	secured := rig.Await(h, rig.Hung, "the PIN is set", func(f ledger.SecureEnded) bool { return true })
	if secured.Result != ledger.SecureOK || secured.Rounds != 2 {
		t.Fatalf("secure segment %+v, want ok in the second round", secured)
	}
	pinIs(t, h, holder, "902615")

	// To a person, with speech in both directions.
	awaitStep(t, h, "pin", "set_unrecorded")
	caller.press("*")
	awaitStep(t, h, "main", "anything_else")
	caller.press("0")
	rig.Await(h, rig.Hung, "caller and agent talk", func(f ledger.Bridged) bool { return f.Agent == "1006" })
	time.Sleep(4 * time.Second)

	// Hold and resume: the caller hears music in between.
	agent.do("hold", "")
	rig.Await(h, rig.Hung, "hold", func(f ledger.HoldStarted) bool { return f.Agent == "1006" })
	time.Sleep(3 * time.Second)
	agent.do("resume", "")
	rig.Await(h, rig.Hung, "resume", func(f ledger.HoldEnded) bool { return f.Held > 2500 })
	time.Sleep(4 * time.Second)
	mark := agent.mark()
	caller.do("hangup", "")
	agent.await(mark, "CALL_CLOSED")
	ended := rig.Await(h, rig.Hung, "the call has ended", func(f ledger.CallEnded) bool { return true })
	if ended.Reason != ledger.EndCallerLeft || ended.Outcome != ledger.IVRToAgent {
		t.Errorf("the call ended as %+v", ended)
	}

	// The caller's phone never saw a re-INVITE: its recording holds all.
	time.Sleep(300 * time.Millisecond)
	tones := halves(caller.heard(), agentTone)
	first, second := split(tones)
	if first < 6 || second < 6 {
		t.Errorf("the caller heard the agent's tone for %d half seconds, music, then %d; want at least 6 and 6: %v", first, second, tones)
	}
	if n := longest(halves(agent.heard(), callerTone)); n < 6 {
		t.Errorf("the agent heard the caller's tone for %d half seconds in a row, want at least 6", n)
	}
	recordIs(t, h, holder)
}

// activate keys in what activates a holder's card: language, activation, identity,
// one-time code, consent.
func activate(t *testing.T, h *rig.Hotline, holder demo.Holder, press func(keys string)) {
	t.Helper()
	press("2") // English
	awaitStep(t, h, "main", "english")
	press("1")
	awaitStep(t, h, "main", "menu")
	press(holder.Number + "#")
	awaitStep(t, h, "identify", "find")
	press(strings.ReplaceAll(holder.IDTail(), "X", "*"))
	awaitStep(t, h, "identify", "identity")
	press(holder.Expiry)
	awaitStep(t, h, "identify", "verify")
	rig.Eventually(t, rig.Hung, "the one-time code is sent", func() bool { return len(h.SMS.Code()) == 6 })
	time.Sleep(time.Second) // what is typed before the prompt is thrown away
	press(string(h.SMS.Code()))
	rig.Await(h, rig.Hung, "the code is checked", func(f ledger.HostAsked) bool { return f.Operation == "check_code" && f.Code == "ok" })
	time.Sleep(time.Second)
	press("1")
	rig.Await(h, rig.Hung, "the card is active", func(f ledger.ServiceEnded) bool {
		return f.Service == "activation" && f.Result == ledger.ServiceOK && f.Tail == holder.Tail()
	})
}

// TestAgentHangsUp ends a conversation from the agent's side: the caller goes
// back to the flow, hears a goodbye and is hung up.
func TestAgentHangsUp(t *testing.T) {
	t.Parallel()
	h := rig.Start(t, rig.Options{})
	agent := startBaresip(t, h.Server, "1001", "cardline-1001", agentTone, ";answermode=auto;regint=60")
	caller := startBaresip(t, h.Server, "2001", "cardline-2001", callerTone, ";regint=60")
	h.AwaitPhones("1001", "2001")
	agent.feature(h, "*11", ledger.AgentNotReady)
	agent.feature(h, "*12", ledger.AgentReady)
	caller.do("dial", "sip:95500@"+h.Server)
	caller.await(0, "CALL_ESTABLISHED")
	awaitStep(t, h, "main", "hello")
	caller.press("1")
	awaitStep(t, h, "main", "mandarin")
	caller.press("0")
	rig.Await(h, rig.Hung, "caller and agent talk", func(f ledger.Bridged) bool { return f.Agent == "1001" })
	time.Sleep(2 * time.Second)
	mark := caller.mark()
	agent.do("hangup", "")
	caller.await(mark, "CALL_CLOSED")
	ended := rig.Await(h, rig.Hung, "the call has ended", func(f ledger.CallEnded) bool { return true })
	talked := rig.Await(h, rig.Hung, "the talk has ended", func(f ledger.TalkEnded) bool { return true })
	if ended.Reason != ledger.EndAgentLeft || talked.By != ledger.TalkEndedByAgent {
		t.Errorf("the call ended as %+v after %+v", ended, talked)
	}
	rig.Eventually(t, rig.Hung, "the agent is in wrap-up", func() bool {
		for _, a := range h.Hotline().Agents() {
			if a.ID == "1001" {
				return a.State == ledger.AgentWrapUp
			}
		}
		return false
	})
}

// feature dials a feature code and waits for the state that it leads to.
func (b *baresip) feature(h *rig.Hotline, code string, to ledger.AgentState) {
	b.t.Helper()
	mark := b.mark()
	b.do("dial", "sip:"+code+"@"+h.Server)
	rig.Await(h, rig.Hung, code, func(f ledger.AgentChanged) bool { return f.To == to && f.By == ledger.ByPhone })
	b.await(mark, "CALL_CLOSED") // the hotline hangs up after its confirmation
}

// awaitStep waits until the only caller has left a step of a flow: what comes
// next is being spoken then.
func awaitStep(t *testing.T, h *rig.Hotline, flow, step string) {
	t.Helper()
	rig.Await(h, rig.Hung, "step "+flow+"."+step+" is left", func(f ledger.StepLeft) bool { return f.Flow == flow && f.Step == step })
}

func stepSeen(h *rig.Hotline, flow, step string) bool {
	for _, f := range rig.Facts[ledger.StepLeft](h) {
		if f.Flow == flow && f.Step == step {
			return true
		}
	}
	return false
}

// split returns the lengths of the two longest runs of a list.
func split(list []bool) (first, second int) {
	var runs []int
	n := 0
	for _, ok := range append(list, false) {
		if ok {
			n++
			continue
		}
		if n > 2 {
			runs = append(runs, n)
		}
		n = 0
	}
	if len(runs) < 2 {
		return 0, 0
	}
	return runs[len(runs)-2], runs[len(runs)-1]
}

// pinIs asks the issuer whether a holder's PIN is the one that was keyed in.
func pinIs(t *testing.T, h *rig.Hotline, holder demo.Holder, pin string) {
	t.Helper()
	issuer, err := demo.Open(demo.Options{Dir: h.Data, Notifier: h.SMS})
	rig.Must(t, err)
	defer issuer.Close()
	found, err := issuer.Find(t.Context(), card.Request{Call: "test", Operation: "find"}, []byte(holder.Number))
	rig.Must(t, err)
	if ok, err := issuer.CheckPIN(t.Context(), found.Token, []byte(pin)); err != nil || !ok {
		t.Errorf("the issuer does not know the PIN: %v", err)
	}
}

// recordIs checks the record of the only call that was ended.
func recordIs(t *testing.T, h *rig.Hotline, holder demo.Holder) {
	t.Helper()
	h.Ledger().Sync()
	records := rig.Records(t, h.Store())
	if len(records) != 1 {
		t.Fatalf("%d records, want 1", len(records))
	}
	r := records[0]
	if len(r.Talks) != 1 || r.Talks[0].Agent != "1006" || r.Talks[0].Held < 2500 || len(r.Places) != 1 || r.Places[0].Outcome != ledger.OutcomeAnswered {
		t.Errorf("record %+v", r)
	}
	services := map[string]ledger.ServiceResult{}
	for _, s := range r.Services {
		services[s.Service] = s.Result
		if s.Tail != holder.Tail() {
			t.Errorf("service %+v, want the tail of the card", s)
		}
	}
	if services["activation"] != ledger.ServiceOK || services["pin_set"] != ledger.ServiceOK {
		t.Errorf("services %v", services)
	}
}
