package canary

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"cardline/card"
	"cardline/card/cardtest"
	"cardline/card/demo"
	"cardline/ledger"
	"cardline/test/rig"
)

// canary is one caller's secrets.
type canary struct {
	holder demo.Holder
	pin    string
}

// newPIN draws a PIN that the issuer would take.
func newPIN(h demo.Holder, used map[string]bool) string {
	for {
		pin := fmt.Sprintf("%06d", rand.IntN(1_000_000))
		plain := h.Number + h.ID + h.Mobile + h.Birthday.Format("060102 010206 020106 200601")
		distinct := map[rune]bool{}
		for _, d := range pin {
			distinct[d] = true
		}
		if !used[pin] && len(distinct) >= 4 && pin[:3] != pin[3:] && !strings.Contains(plain, pin) {
			used[pin] = true
			return pin
		}
	}
}

// TestNoDigitIsAnywhereItMustNotBe keys canary PINs and cards into calls that
// succeed, fail, time out and are cut, and searches every file that the
// program has written.
func TestNoDigitIsAnywhereItMustNotBe(t *testing.T) {
	if testing.Short() {
		t.Skip("calls of a minute in real time are no short test")
	}
	const n = 24
	used := map[string]bool{}
	var canaries, controls []canary
	for i := range n {
		h := demo.HolderAt(4 * (i + 1)) // cards that are not active yet
		canaries = append(canaries, canary{h, newPIN(h, used)})
		c := demo.HolderAt(5000 + 4*i) // nobody's card
		controls = append(controls, canary{c, newPIN(c, used)})
	}

	data := t.TempDir()
	log, err := os.Create(filepath.Join(data, "trace.log"))
	rig.Must(t, err)
	defer log.Close()
	sms := new(cardtest.Notifier)
	issuer, err := demo.Open(demo.Options{Dir: data, Notifier: sms, Holders: 200})
	rig.Must(t, err)
	host := cardtest.Wrap(issuer)
	h := rig.Start(t, rig.Options{Data: data, Host: host, Log: &lockedWriter{w: log}, Level: zerolog.TraceLevel})
	phones := h.NewPhones(t)

	ends := []func(*talk) error{
		(*talk).setPIN, (*talk).cutInFirstEntry, (*talk).cutInSecondEntry, (*talk).differ, (*talk).timeOut, (*talk).wrongIdentity,
		(*talk).pinWhereItIsNotAsked, (*talk).typedAhead, (*talk).setPIN,
	}
	var callers sync.WaitGroup
	for i, c := range canaries {
		callers.Go(func() {
			tk := &talk{canary: c, phones: phones, sms: sms}
			if err := ends[i%len(ends)](tk); err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
			if tk.Caller != nil {
				tk.Hangup()
			}
		})
	}
	callers.Wait()

	// And once more with a host that is down when the PIN has been keyed in.
	down := canaries[0]
	down.holder = demo.HolderAt(4 * (n + 1))
	down.pin = newPIN(down.holder, used)
	canaries = append(canaries, down)
	tk := &talk{canary: down, phones: phones, sms: sms, beforePIN: func() { host.Fail(errors.New("connection refused"), 0) }}
	if err := tk.setPINWithoutHost(); err != nil {
		t.Error(err)
	}
	tk.Hangup()
	host.Fail(nil, 0)

	results := map[ledger.SecureResult]int{}
	for _, f := range rig.Facts[ledger.SecureEnded](h) {
		results[f.Result]++
	}
	t.Logf("secure segments by result: %v", results)
	for _, must := range []ledger.SecureResult{ledger.SecureOK, ledger.SecureHangup, ledger.SecureMismatch, ledger.SecureTimeout, ledger.SecureUnavailable} {
		if results[must] == 0 {
			t.Errorf("no secure segment ended as %s: the search would not cover it", must)
		}
	}

	if len(rig.Facts[ledger.VerificationFailed](h)) == 0 {
		t.Error("no verification failed: the search would not cover it")
	}

	metrics := scrape(t, h)
	h.Stop()
	rig.Must(t, issuer.Close())
	sinks := readSinks(t, data)
	sinks = append(sinks, newSink("metrics", metrics))
	search(t, sinks, canaries, controls, sms)
	searchCallers(t, sinks, rig.Facts[ledger.CallArrived](h))
	plantedLeaksAreFound(t, canaries)
}

// lockedWriter makes a file safe for the loggers of many goroutines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func scrape(t *testing.T, h *rig.Hotline) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rig.Hung)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.HTTP+"/metrics", nil)
	rig.Must(t, err)
	res, err := http.DefaultClient.Do(req)
	rig.Must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	rig.Must(t, err)
	if !bytes.Contains(body, []byte("cardline_secure_segments_total")) {
		t.Error("the metrics do not count secure segments")
	}
	return body
}

func readSinks(t *testing.T, dir string) (list []sink) {
	t.Helper()
	rig.Must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			list = append(list, newSink(filepath.Base(path), data))
		}
		return err
	}))
	if len(list) < 4 {
		t.Fatalf("only %d files to search", len(list))
	}
	return list
}

// search holds the canaries' hits against those of the controls.
func search(t *testing.T, sinks []sink, canaries, controls []canary, sms *cardtest.Notifier) {
	t.Helper()
	for what, secrets := range map[string]func(canary) string{
		"PIN":               func(c canary) string { return c.pin },
		"card number":       func(c canary) string { return c.holder.Number },
		"identity document": func(c canary) string { return c.holder.ID[:17] },
	} {
		of := func(list []canary) (texts []string) {
			for _, c := range list {
				texts = append(texts, secrets(c))
			}
			return texts
		}
		report(t, what, sinks, of(canaries), of(controls))
	}
	var codes, others []string
	for _, n := range sms.Notices() {
		if n.Kind == card.NoticeCode {
			codes = append(codes, string(n.Code))
			others = append(others, fmt.Sprintf("%06d", rand.IntN(1_000_000)))
		}
	}
	if len(codes) < 10 {
		t.Errorf("only %d one-time codes were sent", len(codes))
	}
	report(t, "one-time code", sinks, codes, others)
}

// searchCallers looks for the callers: their numbers may be nowhere, and what stands
// for them in the databases alone.
func searchCallers(t *testing.T, sinks []sink, calls []ledger.CallArrived) {
	t.Helper()
	kept := 0
	for _, c := range calls {
		if c.Pseudonym == "" {
			t.Errorf("the caller ...%s has no pseudonym", c.Caller)
			continue
		}
		for _, s := range sinks {
			if bytes.Contains(s.data, []byte("1380000"+c.Caller)) {
				t.Errorf("%s has the number of a caller", s.name)
			}
			switch known := bytes.Contains(s.data, []byte(c.Pseudonym)); {
			case !known:
			case strings.HasPrefix(s.name, "cardline.db"):
				kept++
			default:
				t.Errorf("%s has the pseudonym of a caller", s.name)
			}
		}
	}
	if kept == 0 {
		t.Error("no pseudonym is in the ledger: the search would not find any")
	}
}

// allowance is how many more canaries than controls may be hit by chance, in a
// form in which a short number can be: in all sinks together a control is hit
// less than once a run.
const allowance = 2

func report(t *testing.T, what string, sinks []sink, secrets, controls []string) {
	t.Helper()
	for _, s := range sinks {
		found, chance := s.hits(secrets), s.hits(controls)
		for form, n := range found {
			limit := chance[form]
			if len(secrets[0]) <= 6 {
				limit += allowance
			}
			if n > limit {
				t.Errorf("%s: %d of %d canaries' %s as %s, %d of the controls", s.name, n, len(secrets), what, form, chance[form])
			}
		}
	}
}

// plantedLeaksAreFound proves that the search finds what it looks for.
func plantedLeaksAreFound(t *testing.T, canaries []canary) {
	t.Helper()
	for form, plant := range map[string]func(string) []byte{
		"text":   func(s string) []byte { return []byte("key=" + s + "\n") },
		"utf-16": func(s string) []byte { return wide("x"+s, 0) },
		"base64": func(s string) []byte {
			return []byte(base64.StdEncoding.EncodeToString([]byte("a pin: " + s + " it was")))
		},
		"hashes": func(s string) []byte { return forms["hashes"](s)[5] },
		"one a line": func(s string) []byte {
			var b bytes.Buffer
			for _, d := range s {
				fmt.Fprintf(&b, `{"at":"2026-11-21T10:00:00.1Z","key":"%c"}`+"\n", d)
			}
			return b.Bytes()
		},
	} {
		var data bytes.Buffer
		var pins []string
		for _, c := range canaries {
			data.Write(plant(c.pin))
			pins = append(pins, c.pin)
		}
		if found := newSink("planted", data.Bytes()).hits(pins); found[form] != len(pins) {
			t.Errorf("%d of %d leaks planted as %s were found", found[form], len(pins), form)
		}
	}
	if found := newSink("planted", bcd("00"+canaries[0].holder.Number)).hits([]string{canaries[0].holder.Number}); found["bcd"] != 1 {
		t.Error("a card number planted as BCD was not found")
	}
}
