package call

import (
	"sync"
	"time"

	"cardline/card"
	"cardline/ivr"
	"cardline/ledger"
)

// Caps are limits of what is done in a day. What is missing, or 0, has none.
type Caps map[ledger.Cap]int

// Limits bound what callers may do.
type Limits struct {
	Caller Caps           // of one caller: what goes beyond is refused
	Trunk  Caps           // of all callers of a trunk: what goes beyond is told, and not refused
	Zone   *time.Location // in which a day begins; nil is the machine's
}

// dayOf names the day of a moment.
func dayOf(at time.Time, zone *time.Location) string {
	if zone != nil {
		at = at.In(zone)
	}
	return at.Format(time.DateOnly)
}

// Tried is what was done of that which is capped, in one call or more.
type Tried struct {
	Pseudonym, Trunk string
	Counts           map[ledger.Cap]int
}

// capped lists the card steps that have a cap, and what they answer beyond it: a word
// that the flow knows, and that leads to a person. A caller who guesses at cards hears
// of each that it is unknown.
var capped = map[ivr.Operation]struct {
	cap    ledger.Cap
	answer ivr.Result
}{
	ivr.FindCard:   {ledger.CapVerifications, ivr.Unknown},
	ivr.Verify:     {ledger.CapVerifications, ivr.Locked},
	ivr.CheckCode:  {ledger.CapVerifications, ivr.Locked},
	ivr.SendCode:   {ledger.CapCodes, ivr.Limited},
	ivr.ReportLoss: {ledger.CapLosses, ivr.Refused},
}

// counts reports whether an answer of the card host counts for the cap of its
// operation.
func counts(o ivr.Operation, r ivr.Result) bool {
	switch o {
	case ivr.FindCard:
		return r == ivr.Unknown
	case ivr.Verify, ivr.CheckCode:
		return r == ivr.Refused || r == ivr.Locked
	case ivr.SendCode:
		return r == ivr.OK
	case ivr.ReportLoss:
		return r == ivr.OK || r == ivr.Queued
	case ivr.Activate, ivr.Bill:
	}
	return false
}

// mostTried bounds the callers whose tries are remembered. Of those beyond it only
// the trunk knows.
const mostTried = 200_000

// tries counts what is capped, today.
type tries struct {
	mu      sync.Mutex
	day     string
	callers map[string]Caps // by pseudonym
	trunks  map[string]Caps
}

// take reserves one try for a caller, who is known by pseudonyms of which the first
// is that of now. It reports whether there was one left; [tries.giveBack] is for one
// that was none.
func (t *tries) take(day string, caller []string, c ledger.Cap, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin(day)
	if len(caller) == 0 {
		return true
	}
	taken := 0
	for _, pseudonym := range caller {
		taken += t.callers[pseudonym][c]
	}
	if limit > 0 && taken >= limit {
		return false
	}
	t.add(caller[0], c, 1)
	return true
}

func (t *tries) giveBack(day string, caller []string, c ledger.Cap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if day != t.day || len(caller) == 0 {
		return
	}
	tried := t.callers[caller[0]]
	if tried[c] > 1 {
		tried[c]--
		return
	}
	delete(tried, c)
	if len(tried) == 0 { // there is room for so many only
		delete(t.callers, caller[0])
	}
}

// pass counts what was done for a trunk, and reports whether that is the first
// beyond its limit today.
func (t *tries) pass(day, trunk string, c ledger.Cap, limit int) (over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin(day)
	if t.trunks[trunk] == nil {
		t.trunks[trunk] = Caps{}
	}
	t.trunks[trunk][c]++
	return limit > 0 && t.trunks[trunk][c] == limit+1
}

// begin begins a day, with the lock held.
func (t *tries) begin(day string) {
	if day != t.day {
		t.day, t.callers, t.trunks = day, map[string]Caps{}, map[string]Caps{}
	}
}

func (t *tries) add(pseudonym string, c ledger.Cap, n int) {
	if t.callers[pseudonym] == nil {
		if len(t.callers) >= mostTried {
			return
		}
		t.callers[pseudonym] = Caps{}
	}
	t.callers[pseudonym][c] += n
}

// Recount takes into account what was done earlier today, before a restart. It must
// be called before the first call.
func (h *Hotline) Recount(list []Tried) {
	t := &h.tries
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin(h.today())
	for _, tried := range list {
		if t.trunks[tried.Trunk] == nil {
			t.trunks[tried.Trunk] = Caps{}
		}
		for c, n := range tried.Counts {
			t.trunks[tried.Trunk][c] += n
			if tried.Pseudonym != "" {
				t.add(tried.Pseudonym, c, n)
			}
		}
	}
}

// Midnight returns the beginning of today, as caps count it.
func (h *Hotline) Midnight() time.Time {
	now := time.Now()
	if zone := h.config.Load().Limits.Zone; zone != nil {
		now = now.In(zone)
	}
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
}

func (h *Hotline) today() string { return dayOf(time.Now(), h.config.Load().Limits.Zone) }

// A try is a card step that is under way, and what it may count for.
type try struct {
	cap    ledger.Cap // empty: nothing
	day    string
	caller []string
	stop   bool // it stops a card for good
}

// mayAsk reports whether a card step may be put to the host. One card is stopped for
// good in a call, so that nobody stops those of others one after the other; what is
// beyond that, and beyond the caps, is for a person.
func (c *call) mayAsk(o ivr.Operation, stop bool) (t try, ok bool) {
	limited, isCapped := capped[o]
	if !isCapped {
		return t, true
	}
	t = try{cap: limited.cap, day: c.hotline.today(), caller: c.hotline.Pseudonyms(c.queue.own), stop: stop}
	limits := c.hotline.config.Load().Limits
	if stop && c.stopped || !c.hotline.tries.take(t.day, t.caller, t.cap, limits.Caller[t.cap]) {
		c.record(ledger.CallerCapped{Cap: t.cap})
		c.log.Warn().Str("cap", string(t.cap)).Msg("card host not asked: the caller has reached a limit")
		return t, false
	}
	c.stopped = c.stopped || stop
	return t, true
}

// asked counts what the host has answered, and says what it counts for. It runs
// beside the owner, who may be gone.
func (t try) asked(c *call, o ivr.Operation, r ivr.Result) ledger.Cap {
	if t.cap == "" {
		return ""
	}
	h := c.hotline
	if !counts(o, r) {
		h.tries.giveBack(t.day, t.caller, t.cap)
		return ""
	}
	limit := h.config.Load().Limits.Trunk[t.cap]
	if c.trunk != "" && h.tries.pass(t.day, c.trunk, t.cap, limit) {
		h.ledger.Append("", "", ledger.TrunkOverCap{Trunk: c.trunk, Cap: t.cap, Limit: limit})
		h.log.Warn().Str("trunk", c.trunk).Str("cap", string(t.cap)).Int("limit", limit).Msg("more than is expected of a trunk in a day")
	}
	return t.cap
}

// isStop reports whether a card step stops a card for good.
func isStop(o ivr.Operation, args map[string][]byte) bool {
	return o == ivr.ReportLoss && string(args["kind"]) == string(card.Stop)
}
