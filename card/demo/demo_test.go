package demo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardline/card"
	"cardline/card/cardtest"
	"cardline/card/demo"
	"cardline/card/secure"
	"cardline/outbox"
)

func open(t *testing.T, dir string) (*demo.Issuer, *cardtest.Notifier) {
	t.Helper()
	notifier := new(cardtest.Notifier)
	issuer, err := demo.Open(demo.Options{Dir: dir, Holders: 20, Notifier: notifier})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = issuer.Close() })
	return issuer, notifier
}

// visit is one call of a holder.
type visit struct {
	t      *testing.T
	issuer *demo.Issuer
	call   string
	n      int
	holder demo.Holder
	token  string
}

func arrive(t *testing.T, issuer *demo.Issuer, call string, holder demo.Holder) *visit {
	t.Helper()
	found, err := issuer.Find(t.Context(), card.Request{Call: call, Operation: "find"}, []byte(holder.Number))
	if err != nil {
		t.Fatalf("find the card of a holder: %v", err)
	}
	if found.Tail != holder.Tail() {
		t.Errorf("tail %s, want %s", found.Tail, holder.Tail())
	}
	return &visit{t: t, issuer: issuer, call: call, holder: holder, token: found.Token}
}

func (v *visit) request() card.Request {
	v.n++
	return card.Request{Call: v.call, Operation: fmt.Sprint(v.n)}
}

func (v *visit) verify(idTail string) error {
	return v.issuer.Verify(v.t.Context(), v.request(), v.token, card.Identity{IDTail: []byte(idTail), Expiry: []byte(v.holder.Expiry)})
}

func (v *visit) prove(notifier *cardtest.Notifier) {
	v.t.Helper()
	if err := v.verify(v.holder.IDTail()); err != nil {
		v.t.Fatalf("verify the holder: %v", err)
	}
	if _, err := v.issuer.SendCode(v.t.Context(), v.request(), v.token, "activation"); err != nil {
		v.t.Fatalf("send a code: %v", err)
	}
	if err := v.issuer.CheckCode(v.t.Context(), v.request(), v.token, "activation", notifier.Code()); err != nil {
		v.t.Fatalf("check the code: %v", err)
	}
}

func (v *visit) setPIN(pin string) error {
	v.t.Helper()
	key, err := v.issuer.SealingKey(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	sealed, err := card.Seal(key, secure.Purpose(v.token), []byte(pin))
	if err != nil {
		v.t.Fatal(err)
	}
	return v.issuer.SetPIN(v.t.Context(), v.request(), v.token, sealed)
}

func want(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestHolders(t *testing.T) {
	seen := map[string]bool{}
	for n := range 5000 {
		h := demo.HolderAt(n)
		if !card.ValidNumber([]byte(h.Number)) || h.Number[0] != '9' || len(h.Number) != 16 || len(h.ID) != 18 || len(h.Mobile) != 11 {
			t.Fatalf("holder %d is malformed: %+v", n, h)
		}
		if seen[h.Number] {
			t.Fatalf("holder %d has the number of another one", n)
		}
		seen[h.Number] = true
	}
	if first, second := demo.HolderAt(7), demo.HolderAt(7); first != second {
		t.Error("a holder is not the same twice")
	}
}

func TestActivationAndPIN(t *testing.T) {
	issuer, notifier := open(t, t.TempDir())
	v := arrive(t, issuer, "call-1", demo.HolderAt(0))
	_, err := issuer.Activate(t.Context(), v.request(), v.token)
	want(t, "activate before verification", err, card.Refused)
	_, err = issuer.SendCode(t.Context(), v.request(), v.token, "activation")
	want(t, "send a code before verification", err, card.Refused)
	v.prove(notifier)
	want(t, "set a PIN before activation", v.setPIN("902615"), card.NotAllowed)

	r := v.request()
	first, err := issuer.Activate(t.Context(), r, v.token)
	want(t, "activate", err, nil)
	again, err := issuer.Activate(t.Context(), r, v.token)
	want(t, "the same request again", err, nil)
	if !first.At.Equal(again.At) {
		t.Errorf("the same request was answered with %v, then %v", first, again)
	}
	_, err = issuer.Activate(t.Context(), v.request(), v.token)
	want(t, "another request", err, card.AlreadyActive)

	h := v.holder
	for _, weak := range []string{h.Number[10:], h.Number[3:9], h.Mobile[2:8], h.ID[0:6], h.Birthday.Format("060102"), h.Birthday.Format("020106")} {
		want(t, "PIN "+weak+" from the holder's own data", v.setPIN(weak), card.Weak)
	}
	want(t, "set a PIN", v.setPIN("902615"), nil)
	for pin, right := range map[string]bool{"902615": true, "902616": false} {
		if ok, err := issuer.CheckPIN(t.Context(), v.token, []byte(pin)); ok != right || err != nil {
			t.Errorf("CheckPIN(%s) = %v, %v", pin, ok, err)
		}
	}
	var kinds []string
	for _, n := range notifier.Notices() {
		kinds = append(kinds, string(n.Kind))
	}
	if got := strings.Join(kinds, " "); got != "code activated pin_set" {
		t.Errorf("notices %q, want each once", got)
	}

	other := arrive(t, issuer, "call-2", h)
	want(t, "PIN in a later call without a code", other.setPIN("513973"), card.Refused)
	_, err = issuer.Bill(t.Context(), other.request(), other.token)
	want(t, "bill without verification", err, card.Refused)
}

func TestTriesAndLocks(t *testing.T) {
	dir := t.TempDir()
	issuer, _ := open(t, dir)
	v := arrive(t, issuer, "call-1", demo.HolderAt(1))
	want(t, "first wrong try", v.verify("000000"), card.Refused)
	want(t, "second", v.verify("000000"), card.Refused)
	want(t, "third in a call", v.verify("000000"), card.Locked)
	want(t, "the right one in the same call", v.verify(v.holder.IDTail()), card.Locked)

	// Tries survive the end of the program.
	if err := issuer.Close(); err != nil {
		t.Fatal(err)
	}
	issuer, _ = open(t, dir)
	v = arrive(t, issuer, "call-2", demo.HolderAt(1))
	r := v.request()
	for range 3 { // the same request counts once
		err := issuer.Verify(t.Context(), r, v.token, card.Identity{IDTail: []byte("000000"), Expiry: []byte("0000")})
		want(t, "fourth of the day", err, card.Refused)
	}
	want(t, "fifth of the day", v.verify("000000"), card.Locked)
	v = arrive(t, issuer, "call-3", demo.HolderAt(1))
	want(t, "right, but locked", v.verify(v.holder.IDTail()), card.Locked)
	v = arrive(t, issuer, "call-4", demo.HolderAt(2))
	want(t, "another card", v.verify(v.holder.IDTail()), nil)
}

func TestLockAndCodesInTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		notifier := new(cardtest.Notifier)
		issuer, err := demo.Open(demo.Options{Dir: dir, Holders: 3, Notifier: notifier})
		if err != nil {
			t.Fatal(err)
		}
		defer issuer.Close()
		v := arrive(t, issuer, "a", demo.HolderAt(0))
		for range 3 {
			_ = v.verify("0")
		}
		v = arrive(t, issuer, "b", demo.HolderAt(0))
		_ = v.verify("0")
		want(t, "fifth try", v.verify("0"), card.Locked)
		time.Sleep(24*time.Hour - time.Second)
		v = arrive(t, issuer, "c", demo.HolderAt(0))
		want(t, "a second before the lock ends", v.verify(v.holder.IDTail()), card.Locked)
		time.Sleep(time.Second)
		want(t, "after a day", v.verify(v.holder.IDTail()), nil)

		send := func() error {
			_, err := issuer.SendCode(t.Context(), v.request(), v.token, "activation")
			return err
		}
		check := func(code []byte) error {
			return issuer.CheckCode(t.Context(), v.request(), v.token, "activation", code)
		}
		want(t, "send", send(), nil)
		want(t, "send again at once", send(), card.Limit)
		time.Sleep(60 * time.Second)
		old := notifier.Code()
		want(t, "send again after a minute", send(), nil)
		want(t, "the first code", check(old), card.Refused)
		want(t, "a code for another service", issuer.CheckCode(t.Context(), v.request(), v.token, "pin", notifier.Code()), card.Expired)
		time.Sleep(121 * time.Second)
		want(t, "a code after two minutes", check(notifier.Code()), card.Expired)
		want(t, "a third code in a call", send(), card.Limit)

		v = arrive(t, issuer, "d", demo.HolderAt(0))
		want(t, "verify", v.verify(v.holder.IDTail()), nil)
		want(t, "send", send(), nil)
		wrong := append([]byte(nil), notifier.Code()...)
		wrong[0] ^= 1
		want(t, "wrong code", check(wrong), card.Refused)
		want(t, "wrong code", check(wrong), card.Refused)
		want(t, "third wrong code", check(wrong), card.Locked)
		want(t, "the right code after three wrong ones", check(notifier.Code()), card.Locked)
	})
}

func TestLoss(t *testing.T) {
	issuer, notifier := open(t, t.TempDir())
	h := demo.HolderAt(4)
	v := arrive(t, issuer, "call-1", h)
	receipt, err := issuer.ReportLoss(t.Context(), v.request(), v.token, card.Freeze)
	if err != nil || receipt.Ref == "" {
		t.Fatalf("freeze: %v %v", receipt, err)
	}
	key, _ := issuer.SealingKey(t.Context())
	token, err := card.SealNumber(key, []byte(h.Number))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(token, h.Number) {
		t.Error("the sealed token shows the number")
	}
	_, err = issuer.ReportLoss(t.Context(), v.request(), token, card.Stop)
	want(t, "stop by sealed number", err, nil)
	_, err = issuer.Find(t.Context(), v.request(), []byte(h.Number))
	want(t, "find a stopped card", err, card.Blocked)
	_, err = issuer.FindByID(t.Context(), v.request(), []byte(h.ID))
	want(t, "find a stopped card by its holder", err, card.Blocked)
	other := demo.HolderAt(8)
	found, err := issuer.FindByID(t.Context(), v.request(), []byte(other.ID))
	if err != nil || found.Tail != other.Tail() {
		t.Errorf("find by identity document: %+v, %v; want tail %s", found, err, other.Tail())
	}
	if n := len(notifier.Notices()); n != 2 {
		t.Errorf("%d notices, want 2", n)
	}
	_, err = issuer.Find(t.Context(), v.request(), []byte("9999999999999999"))
	want(t, "find an unknown card", err, card.Unknown)
}

// TestBooksHoldNoPlainData reads the issuer's files as a thief would.
func TestBooksHoldNoPlainData(t *testing.T) {
	dir := t.TempDir()
	issuer, notifier := open(t, dir)
	v := arrive(t, issuer, "call-1", demo.HolderAt(0))
	v.prove(notifier)
	if _, err := issuer.Activate(t.Context(), v.request(), v.token); err != nil {
		t.Fatal(err)
	}
	want(t, "set a PIN", v.setPIN("902615"), nil)
	if err := issuer.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) < 2 {
		t.Fatalf("only %v to read", files)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for what, secret := range map[string]string{
			"card number": v.holder.Number, "identity document": v.holder.ID, "mobile number": v.holder.Mobile, "PIN": "902615",
			"one-time code": string(notifier.Code()),
		} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds a %s", filepath.Base(file), what)
			}
		}
	}
}

func TestDeskWithoutHost(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		issuer, notifier := open(t, dir)
		host := cardtest.Wrap(issuer)
		box, err := outbox.Open(outbox.Options{File: filepath.Join(dir, "outbox.db"), Receivers: card.Receivers(host), Limit: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer box.Close()
		const limit = 50 * time.Millisecond
		desk := card.NewDesk(t.Context(), card.DeskOptions{Host: host, Outbox: box, Limit: limit})
		h := demo.HolderAt(5)
		ask := func(operation, id string, args map[string]string) card.Answer {
			secret := map[string][]byte{}
			for k, v := range args {
				secret[k] = []byte(v)
			}
			return desk.Ask(context.Background(), card.Request{Call: "c", Operation: id}, operation, secret)
		}

		host.Fail(errors.New("connection refused"), 0)
		if found := ask("find_card", "1", map[string]string{"number": h.Number}); found.Result != card.ResultUnavailable {
			t.Fatalf("find without a host: %+v", found)
		}
		lost := map[string]string{"number": h.Number, "kind": "stop"}
		queued := ask("report_loss", "2", lost)
		if queued.Result != card.ResultQueued || queued.Values["ref"] == "" {
			t.Fatalf("report a loss without a host: %+v", queued)
		}
		if again := ask("report_loss", "2", lost); again.Values["ref"] != queued.Values["ref"] {
			t.Errorf("the same report has reference %s, then %s", queued.Values["ref"], again.Values["ref"])
		}
		if slow := ask("bill", "3", map[string]string{"card": "x"}); slow.Result != card.ResultUnavailable {
			t.Errorf("bill without a host: %+v", slow)
		}
		host.Fail(nil, time.Hour)
		if a := ask("bill", "4", map[string]string{"card": "x"}); a.Result != card.ResultUnavailable || a.Took != 2*limit {
			t.Errorf("bill from a hanging host: %+v", a)
		}

		// The answer of an activation is lost: the outbox finds out, and it is done once.
		host.Fail(nil, 0)
		v := arrive(t, issuer, "c", demo.HolderAt(6))
		v.n = 100
		v.prove(notifier)
		host.LoseAnswers(errors.New("connection reset"))
		if a := ask("activate", "5", map[string]string{"card": v.token}); a.Result != card.ResultUnavailable {
			t.Errorf("activate with a lost answer: %+v", a)
		}
		host.Fail(nil, 0)
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if list, err := box.List(t.Context()); err == nil && len(list) == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the outbox was not delivered within 10 s of the host's return")
			}
		}
		count := map[card.NoticeKind]int{}
		for _, n := range notifier.Notices() {
			count[n.Kind]++
		}
		if count[card.NoticeLoss] != 1 || count[card.NoticeActivated] != 1 {
			t.Errorf("notices %v, want one loss and one activation", count)
		}
		if _, err := issuer.Find(t.Context(), v.request(), []byte(h.Number)); !errors.Is(err, card.Blocked) {
			t.Errorf("the card that was reported lost is found: %v", err)
		}
	})
}

// TestBillIsDueTodayOnTheDay asks on the day of payment and on the day after.
func TestBillIsDueTodayOnTheDay(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		issuer, err := demo.Open(demo.Options{Dir: dir, Holders: 1, Notifier: new(cardtest.Notifier)})
		if err != nil {
			t.Fatal(err)
		}
		defer issuer.Close()
		v := arrive(t, issuer, "a", demo.HolderAt(0))
		want(t, "verify", v.verify(v.holder.IDTail()), nil)
		now := time.Now()
		day := time.Date(now.Year(), now.Month(), v.holder.DueDay, 0, 0, 0, 0, now.Location())
		for _, c := range []struct{ at, due time.Time }{
			{day.Add(10 * time.Hour), day},
			{day.Add(34 * time.Hour), day.AddDate(0, 1, 0)},
		} {
			time.Sleep(time.Until(c.at))
			if b, err := issuer.Bill(t.Context(), v.request(), v.token); err != nil || !b.Due.Equal(c.due) {
				t.Errorf("asked on %v: due on %v, %v; want %v", c.at, b.Due, err, c.due)
			}
		}
	})
}

// TestLossIsQueuedInTimeThoughTheHostHangs holds the desk to twice its limit:
// a flow that waits ten seconds would otherwise say that nothing was taken.
func TestLossIsQueuedInTimeThoughTheHostHangs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		issuer, _ := open(t, dir)
		host := cardtest.Wrap(issuer)
		box, err := outbox.Open(outbox.Options{File: filepath.Join(dir, "outbox.db"), Receivers: card.Receivers(host), Limit: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer box.Close()
		const limit = time.Second
		desk := card.NewDesk(t.Context(), card.DeskOptions{Host: host, Outbox: box, Limit: limit})
		host.Fail(nil, time.Hour)
		answer := desk.Ask(t.Context(), card.Request{Call: "c", Operation: "1"}, "report_loss",
			map[string][]byte{"number": []byte(demo.HolderAt(5).Number), "kind": []byte("stop")})
		if answer.Result != card.ResultQueued || answer.Took != 2*limit {
			t.Errorf("a hanging host: %+v, want queued after %v", answer, 2*limit)
		}
	})
}

func TestValidNumber(t *testing.T) {
	for number, valid := range map[string]bool{
		"4111111111111111": true, "4111111111111112": false, "": false, "0": false, "00000000000": false,
		"000000000000": true, "41111111111111x1": false, "12345678901234567890": false,
	} {
		if got := card.ValidNumber([]byte(number)); got != valid {
			t.Errorf("ValidNumber(%q) = %v", number, got)
		}
	}
}
