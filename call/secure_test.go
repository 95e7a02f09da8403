package call

import (
	"testing"
	"time"

	"cardline/ledger"
)

// keyTime is what one key of [media.Leg.SendKeys] takes.
const keyTime = 160 * time.Millisecond

// secured waits until the keys of the call go to the secure segment, which is what
// its flow begins with.
func (b *bench) secured() {
	b.t.Helper()
	fact(b, "the flow begins", func(ledger.CallAnswered) bool { return true })
	time.Sleep(200 * time.Millisecond) // it is the next thing that the call does
}

// TestKeysAfterASecureEntryAreSwallowed goes on typing when the entry is
// lost: what may be a part of a PIN is no key of the menu that follows.
func TestKeysAfterASecureEntryAreSwallowed(t *testing.T) {
	b := newBench(t)
	c := b.caller("300")
	b.secured()
	began := time.Now()
	lost, late := "123456123456123456", "11111"
	c.press(lost + late)
	ended := fact(b, "the segment ends", func(ledger.SecureEnded) bool { return true })
	took := time.Since(began)
	if ended.Result != ledger.SecureWeak || ended.Rounds != secureRounds {
		t.Errorf("ended as %+v, want weak_limit after %d rounds", ended, secureRounds)
	}
	if least := time.Duration(len(lost+late)-1)*keyTime + secureQuiet; took < least {
		t.Errorf("keys have a meaning again after %v, want a quiet second from the last one, %v", took, least)
	}
	c.leg.Hangup("")
	c.ended()
}

// TestPINWithoutACard is refused by the host, in the first round.
func TestPINWithoutACard(t *testing.T) {
	b := newBench(t)
	c := b.caller("300")
	b.secured()
	c.press("902615902615")
	ended := fact(b, "the segment ends", func(ledger.SecureEnded) bool { return true })
	if ended.Result != ledger.SecureRefused || ended.Rounds != 1 {
		t.Errorf("ended as %+v, want refused in round 1", ended)
	}
	c.press("1") // the menu has the keys again
	c.ended()
}
