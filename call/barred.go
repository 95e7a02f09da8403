package call

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"cardline/ledger"
	"cardline/sip"
)

// Barred is a caller whose calls are refused.
type Barred struct {
	Pseudonym   string
	Since       time.Time
	Until       time.Time // zero: until it is taken back
	Who, Reason string
}

func (b Barred) counts(now time.Time) bool { return b.Until.IsZero() || now.Before(b.Until) }

// ErrNotBarred means that the calls of nobody with the pseudonym are refused.
var ErrNotBarred = errors.New("no such caller is barred")

// barred holds the barred callers.
type barred struct {
	mu   sync.Mutex
	list map[string]Barred    // by pseudonym
	told map[string]time.Time // when a call of theirs was told last
}

// Rebar bars callers who were barred before a restart, which is told to nobody: the
// ledger knows them. It must be called before the first call.
func (h *Hotline) Rebar(list []Barred) {
	h.barred.mu.Lock()
	defer h.barred.mu.Unlock()
	h.barred.list = map[string]Barred{}
	for _, b := range list {
		h.barred.list[b.Pseudonym] = b
	}
}

// Bar refuses the calls of a caller from now on, for a time or, if that is 0, until
// it is taken back. Calls that are up go on.
func (h *Hotline) Bar(pseudonym string, length time.Duration, by ledger.Actor, who, reason string) Barred {
	b := Barred{Pseudonym: pseudonym, Since: time.Now(), Who: who, Reason: reason}
	if length > 0 {
		b.Until = b.Since.Add(length)
	}
	h.barred.mu.Lock()
	defer h.barred.mu.Unlock()
	h.bar(b, by)
	return b
}

// bar puts a caller on the list, with the lock held.
func (h *Hotline) bar(b Barred, by ledger.Actor) {
	if h.barred.list == nil {
		h.barred.list = map[string]Barred{}
	}
	h.barred.list[b.Pseudonym] = b
	h.ledger.Append("", "", ledger.CallerBarred{Pseudonym: b.Pseudonym, Until: b.Until, By: by, Who: b.Who, Reason: b.Reason})
}

// Unbar takes the calls of a caller again. It returns [ErrNotBarred].
func (h *Hotline) Unbar(pseudonym string, by ledger.Actor, who, reason string) error {
	h.barred.mu.Lock()
	defer h.barred.mu.Unlock()
	b, known := h.barred.list[pseudonym]
	if !known || !b.counts(time.Now()) {
		return ErrNotBarred
	}
	h.unbar(pseudonym, by, who, reason)
	return nil
}

// unbar takes a caller off the list, with the lock held.
func (h *Hotline) unbar(pseudonym string, by ledger.Actor, who, reason string) {
	delete(h.barred.list, pseudonym)
	h.ledger.Append("", "", ledger.CallerUnbarred{Pseudonym: pseudonym, By: by, Who: who, Reason: reason})
}

// Barred lists the callers who are barred now, the newest last.
func (h *Hotline) Barred() (list []Barred) {
	now := time.Now()
	h.barred.mu.Lock()
	defer h.barred.mu.Unlock()
	for _, b := range h.barred.list {
		if b.counts(now) {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b Barred) int {
		if order := a.Since.Compare(b.Since); order != 0 {
			return order
		}
		return strings.Compare(a.Pseudonym, b.Pseudonym)
	})
	return list
}

// barredBy returns how a number is barred, by the first of its pseudonyms that is.
func (h *Hotline) barredBy(pseudonyms []string) (b Barred, ok bool) {
	now := time.Now()
	h.barred.mu.Lock()
	defer h.barred.mu.Unlock()
	for _, p := range pseudonyms {
		if b, ok = h.barred.list[p]; ok && b.counts(now) {
			return b, true
		}
	}
	return b, false
}

// follow keeps a caller barred by the pseudonym of now instead of one of before, whose
// key will be forgotten. The list has each caller once, so that one who is taken off
// it is not barred any more.
func (h *Hotline) follow(b Barred, now string) Barred {
	h.barred.mu.Lock()
	defer h.barred.mu.Unlock()
	before := b.Pseudonym
	b.Pseudonym = now
	if _, still := h.barred.list[before]; still { // nobody was faster
		h.bar(b, ledger.BySystem)
		h.unbar(before, ledger.BySystem, "", "barred by the pseudonym of the new key")
	}
	return b
}

// toldEvery is how often the ledger is told of the calls of one barred caller.
const toldEvery = time.Minute

// isBarred reports whether a call is one of a barred caller, and tells of it.
func (h *Hotline) isBarred(in sip.Invite, line *Line) bool {
	pseudonyms := h.Pseudonyms(in.Asserted)
	b, is := h.barredBy(pseudonyms)
	if !is {
		return false
	}
	if b.Pseudonym != pseudonyms[0] {
		b = h.follow(b, pseudonyms[0])
	}
	h.observer.Barred(in.Trunk)
	if h.barred.tell(b.Pseudonym, time.Now()) {
		h.ledger.Append("", "", ledger.BarredCalled{Line: line.Name, Trunk: in.Trunk, Caller: tailOf(in.From), Pseudonym: b.Pseudonym})
		h.log.Info().Str("line", line.Name).Str("trunk", in.Trunk).Msg("call of a barred caller refused")
	}
	return true
}

// tell reports whether a call of a barred caller is to be told, and notes so.
func (b *barred) tell(pseudonym string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if last, told := b.told[pseudonym]; told && now.Sub(last) < toldEvery {
		return false
	}
	for p, last := range b.told { // those of a minute ago say nothing more
		if now.Sub(last) >= toldEvery {
			delete(b.told, p)
		}
	}
	if b.told == nil {
		b.told = map[string]time.Time{}
	}
	b.told[pseudonym] = now
	return true
}
