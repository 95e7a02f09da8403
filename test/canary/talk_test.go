package canary

import (
	"errors"
	"strings"
	"time"

	"cardline/card"
	"cardline/card/cardtest"
	"cardline/ledger"
	"cardline/test/rig"
)

// talk is one canary's call.
type talk struct {
	*rig.Caller
	canary
	phones    *rig.Phones
	sms       *cardtest.Notifier
	beforePIN func()
}

// toMenu calls and comes to the main menu, in English.
func (t *talk) toMenu() (err error) {
	if t.Caller, err = t.phones.Dial("95500"); err != nil {
		return err
	}
	return errors.Join(t.AwaitStep("main", "hello"), t.Press("2"), t.AwaitStep("main", "english"))
}

// identify keys in the card and the holder's data.
func (t *talk) identify(idTail string) error {
	return errors.Join(
		t.toMenu(),
		t.Press("1"), t.AwaitStep("activation", "start"),
		t.Press(t.holder.Number+"#"), t.AwaitStep("identify", "find"),
		t.Press(strings.ReplaceAll(idTail, "X", "*")), t.AwaitStep("identify", "identity"),
		t.Press(t.holder.Expiry), t.AwaitStep("identify", "verify"),
	)
}

// toPIN activates the card and goes on to the secure segment.
func (t *talk) toPIN() error { return t.toPINWith("") }

// toPINWith does the same and keys more in right behind the last key of the way.
func (t *talk) toPINWith(ahead string) error {
	if err := t.identify(t.holder.IDTail()); err != nil {
		return err
	}
	code, err := t.code()
	if err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond) // what comes before the prompt is thrown away
	if err := errors.Join(
		t.Press(code), t.await("the code is checked", func(f ledger.Fact) bool {
			asked, ok := f.(ledger.HostAsked)
			return ok && asked.Operation == "check_code" && asked.Code == card.ResultOK
		}),
	); err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond)
	if err := errors.Join(t.Press("1"), t.AwaitStep("activation", "activate"), t.Press("1"+ahead), t.AwaitStep("pin", "intro_unrecorded")); err != nil {
		return err
	}
	if t.beforePIN != nil {
		t.beforePIN()
	}
	time.Sleep(500 * time.Millisecond)
	return nil
}

// code reads the text message for this card.
func (t *talk) code() (string, error) {
	for deadline := time.Now().Add(rig.Hung); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for _, n := range t.sms.Notices() {
			if n.Kind == card.NoticeCode && n.Tail == t.holder.Tail() && n.PhoneTail == t.holder.Mobile[7:] {
				return string(n.Code), nil
			}
		}
	}
	return "", errors.New("no one-time code came")
}

func (t *talk) await(what string, fits func(ledger.Fact) bool) error {
	return t.Await(rig.Hung, what, fits)
}

// secured waits for the end of the secure segment.
func (t *talk) secured(want ledger.SecureResult) error {
	return t.await("the secure segment ends as "+string(want), func(f ledger.Fact) bool {
		ended, ok := f.(ledger.SecureEnded)
		return ok && ended.Result == want
	})
}

func (t *talk) setPIN() error {
	return errors.Join(t.toPIN(), t.enter(t.pin), t.enter(t.pin), t.secured(ledger.SecureOK))
}

func (t *talk) setPINWithoutHost() error {
	return errors.Join(t.toPIN(), t.enter(t.pin), t.enter(t.pin), t.secured(ledger.SecureUnavailable))
}

// enter keys in a PIN and waits until the phone has sent it.
func (t *talk) enter(pin string) error {
	err := t.Press(pin)
	time.Sleep(1500 * time.Millisecond)
	return err
}

func (t *talk) cutInFirstEntry() error {
	if err := errors.Join(t.toPIN(), t.enter(t.pin[:4])); err != nil {
		return err
	}
	t.Hangup()
	err := t.secured(ledger.SecureHangup)
	t.Caller = nil
	return err
}

// typedAhead keys both entries in before anybody has asked for them.
func (t *talk) typedAhead() error {
	if err := t.toPINWith(t.pin + t.pin); err != nil {
		return err
	}
	t.Hangup()
	err := t.secured(ledger.SecureHangup)
	t.Caller = nil
	return err
}

func (t *talk) cutInSecondEntry() error {
	if err := errors.Join(t.toPIN(), t.enter(t.pin), t.enter(t.pin[:5])); err != nil {
		return err
	}
	t.Hangup()
	err := t.secured(ledger.SecureHangup)
	t.Caller = nil
	return err
}

func (t *talk) differ() error {
	err := t.toPIN()
	other := []byte(t.pin)
	other[5] = '0' + (other[5]-'0'+1)%10
	for range 3 {
		err = errors.Join(err, t.enter(t.pin), t.enter(string(other)))
		time.Sleep(500 * time.Millisecond)
	}
	return errors.Join(err, t.secured(ledger.SecureMismatch))
}

// timeOut leaves entries unfinished until the segment gives up.
func (t *talk) timeOut() error {
	err := t.toPIN()
	for range 3 {
		err = errors.Join(err, t.enter(t.pin[:5]))
		time.Sleep(7 * time.Second)
	}
	return errors.Join(err, t.secured(ledger.SecureTimeout))
}

func (t *talk) wrongIdentity() error {
	return errors.Join(t.identify("000000"), t.AwaitStep("identify", "refused"))
}

// pinWhereItIsNotAsked is the caller who keys a PIN into a menu, a card number
// into another, and hangs up.
func (t *talk) pinWhereItIsNotAsked() error {
	err := errors.Join(t.toMenu(), t.Press("9"+t.pin+t.holder.Number))
	time.Sleep(4 * time.Second)
	return err
}
