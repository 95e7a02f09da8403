package load

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardline/media"
)

func TestTally(t *testing.T) {
	tally := newTally()
	calls := []Call{
		{Outcome: Failed, Code: 503},
		{Outcome: Failed, Err: errors.New("no port")},
		{Outcome: GaveUp},
		{Outcome: Talked, Setup: 30 * time.Millisecond, Talked: 5 * time.Second, RTP: media.Stats{Sent: 10, Received: 9, Lost: 1, Jitter: time.Millisecond}},
		{Outcome: Talked, Setup: 10 * time.Millisecond, Talked: 7 * time.Second, ByFarEnd: true, RTP: media.Stats{Sent: 10, Jitter: 3 * time.Millisecond}},
		{Outcome: LeftWaiting, Setup: 20 * time.Millisecond, Err: errors.New("no keys")},
	}
	for range calls {
		tally.began()
	}
	for _, c := range calls {
		tally.ended(c)
	}
	tally.worked(Work{Offers: 3, Answered: 2, Refused: 1, Talked: 12 * time.Second, RTP: media.Stats{Sent: 5}})
	f := tally.figures()
	if c := f.Calls; c.Attempted != 6 || c.Established != 3 || c.Peak != 6 || c.StoriesFailed != 2 || len(c.Outcomes) != len(Outcomes) {
		t.Errorf("got %+v, want 6 attempted at one time, 3 established, 2 stories that failed, and every outcome", c)
	}
	if c := f.Calls; c.FailedByCode["503"] != 1 || c.FailedByCode["0"] != 1 || c.TalkedEndedBy["caller"] != 1 || c.TalkedEndedBy["far_end"] != 1 {
		t.Errorf("got %+v, want one failed by 503, one without a code, one conversation ended by each side", c)
	}
	if f.Setup != (SetupFigures{P50: 20, P99: 30, Max: 30}) {
		t.Errorf("got %+v, want 20, 30 and 30 ms", f.Setup)
	}
	if f.Talk.Seconds != 12 || f.RTP.Sent != 25 || f.RTP.Received != 9 || f.RTP.Lost != 1 || f.RTP.JitterWorst != 3 {
		t.Errorf("got %+v and %+v", f.Talk, f.RTP)
	}
	if f.Healthy() {
		t.Error("got healthy with calls that failed")
	}
	sum := 0
	for _, n := range f.Calls.Outcomes {
		sum += n
	}
	if sum != f.Calls.Attempted {
		t.Errorf("got %d outcomes of %d calls", sum, f.Calls.Attempted)
	}
	var b strings.Builder
	if err := f.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"calls attempted 6 ", "503: 1 ", "503: the server has as many calls as it takes", "talked 2 12.0 s", "3 offers: 2 answered, 1 refused"} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) {
			t.Errorf("got\n%s\nwant %q in it", b.String(), want)
		}
	}
}

// A caller does not hang up while an agent who has answered cannot be heard
// yet, and no agent answers a caller who hangs up.
func TestCallerAndAgentDoNotCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Caller{phone: &phone{ear: newEar(agentsHz), ended: make(chan struct{})}}
		if !c.meet() {
			t.Fatal("got a caller who cannot be met, want one who waits")
		}
		began := time.Now()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			c.goAway()
		}()
		for range 30 { // the agent is heard
			c.phone.ear.Heard(media.PCMA, 0, agentVoice(0).clip()[:160])
		}
		<-gone
		if took := time.Since(began); took != leastTalk {
			t.Errorf("got %v until the caller hung up, want %v", took, leastTalk)
		}
		if c.meet() || !c.gone() {
			t.Error("got a caller who can be met, want one who has hung up")
		}
		var stranger *Caller
		if !stranger.meet() || stranger.gone() {
			t.Error("a caller of somebody else can be met, and nobody knows where it is")
		}
	})
}
