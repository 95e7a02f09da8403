package console

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/call"
	"cardline/caller"
	"cardline/ledger"
	"cardline/store"
)

// Tokens of the tests, by holder.
const (
	tokenOfAgent      = "agent-1001-aaaaaaaaaaaa"
	tokenOfSupervisor = "supervisor-bbbbbbbbbbbb"
	tokenOfOperator   = "operator-cccccccccccccc"
	tokenOfAuditor    = "auditor-ddddddddddddddd"
	wrongToken        = "wrong-token-eeeeeeeeeee"
)

var tokenOf = map[Role]string{
	RoleAgent: tokenOfAgent, RoleSupervisor: tokenOfSupervisor, RoleOperator: tokenOfOperator, RoleAuditor: tokenOfAuditor,
}

// whoOf is how the ledger names the holders of the tokens.
var whoOf = map[Role]string{RoleAgent: "1001", RoleSupervisor: "li.na", RoleOperator: "operator", RoleAuditor: "auditor"}

// switchboard is a hotline without a telephone.
type switchboard struct {
	*call.Hotline
	fault error
}

func newSwitchboard(t *testing.T, l *ledger.Log) *switchboard {
	hours := calendar{}
	h := call.New(call.Options{Keys: caller.NewKeys(bytes.Repeat([]byte{1}, 32)), Ledger: l, Log: zerolog.Nop(), Config: &call.Config{
		Routing: acd.Options{
			Queues: []acd.Queue{
				{
					Name: "cards", Dispositions: []string{"bill"}, WrapUp: acd.WrapUp{Policy: acd.WrapUpForced, Extend: time.Minute},
					Callback: acd.Callback{First: acd.AgentFirst},
				},
				{Name: "gold", Requires: acd.RequireLevels(map[string]int{"gold": 5})},
			},
			Reasons: []acd.Reason{{Name: "lunch"}},
			Agents:  []acd.Agent{{ID: "1001", Group: "cards", Site: "sh1", Skills: map[string]int{"cards": 5}}, {ID: "1002", Group: "gold", Site: "sh1"}},
		},
		Lines:  map[string]*call.Line{"95500": {Name: "main", Hours: hours}, "4008": {Name: "main", Hours: hours}, "95501": {Name: "vip"}},
		Queues: map[string]call.QueueOptions{"gold": {Hours: hours}},
	}})
	t.Cleanup(h.Stop)
	return &switchboard{Hotline: h}
}

// calendar has a holiday that lasts until the day after the first.
type calendar struct{}

func (calendar) At(time.Time) (ledger.Mode, string, time.Time) {
	return ledger.ModeHoliday, "National Day", arrived.Add(24 * time.Hour)
}

func (b *switchboard) Command(c acd.Command) error {
	if b.fault != nil {
		return b.fault
	}
	return b.Hotline.Command(c)
}

func (b *switchboard) Live() int { return 7 }

// cabinet is a store of one record.
type cabinet struct {
	record store.Record
	asked  store.Query // the newest question
	many   int         // records, from the moment of the first on
	fault  error       // after all of them
}

func (c *cabinet) Record(_ context.Context, call string) (store.Record, bool, error) {
	return c.record, call == c.record.Call, c.fault
}

func (c *cabinet) Records(_ context.Context, q store.Query) iter.Seq2[store.Record, error] {
	c.asked = q
	return func(yield func(store.Record, error) bool) {
		begun := q.After == ""
		for i := range max(1, c.many) {
			r := c.record
			r.Call = fmt.Sprintf("c-%d", i+1)
			if begun && !r.ArrivedAt.Before(q.From) && r.ArrivedAt.Before(q.To) && !yield(r, nil) {
				return
			}
			begun = begun || r.Call == q.After
		}
		if err := c.fault; err != nil || !begun {
			yield(store.Record{}, cmp.Or(err, store.ErrUnknownCall))
		}
	}
}

func (c *cabinet) EventsOf(_ context.Context, id string) ([]ledger.Event, error) {
	if id != c.record.Call {
		return nil, c.fault
	}
	return []ledger.Event{
		{At: arrived, Age: 1000, Call: id, Journey: c.record.Journey, Fact: ledger.CallArrived{Line: "main", Trunk: "ct1"}},
		{At: arrived.Add(time.Second), Age: 2000, Call: id, Journey: c.record.Journey, Fact: ledger.Offered{Agent: "1001", Eligible: 1, Decision: &ledger.Decision{Strategy: "longest_idle"}}},
	}, c.fault
}

func (c *cabinet) RecordsOf(context.Context, string) ([]store.Record, error) {
	return []store.Record{c.record}, c.fault
}

// bench is a console with all that it needs.
type bench struct {
	t       *testing.T
	server  *Server
	board   *switchboard
	records *cabinet
	log     *bytes.Buffer // everything, at trace level

	mu     sync.Mutex
	facts  []ledger.Fact
	ready  error
	events *ledger.Log    // the hotline's
	told   []ledger.Event // in it
}

func (b *bench) Append(_, _ string, f ledger.Fact) ledger.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.facts = append(b.facts, f)
	return ledger.Event{}
}

var arrived = time.Date(2026, 10, 1, 9, 30, 0, 0, time.UTC)

func newBench(t *testing.T, change func(*Options)) *bench {
	t.Helper()
	hash := sha256.Sum256([]byte(tokenOfOperator))
	tokens := write(t, "tokens.yaml", `
- {token: `+tokenOfAgent+`, role: agent, agent: "1001"}
- {token: "`+tokenOfSupervisor+`", role: supervisor, name: li.na}
- token_sha256: `+hex.EncodeToString(hash[:])+`
  role: operator
- {token: `+tokenOfAuditor+`, role: auditor}
`)
	b := &bench{t: t, events: ledger.New(0), log: &bytes.Buffer{}}
	b.events.Subscribe(func(batch []ledger.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.told = append(b.told, batch...)
	})
	t.Cleanup(b.events.Close)
	b.board = newSwitchboard(t, b.events)
	b.records = &cabinet{record: store.Record{Call: "c-1", Journey: "j-1", Line: "main", Caller: "1234", ArrivedAt: arrived, Took: 90000}}
	o := Options{
		Listen: "127.0.0.1:0", Files: Files{Tokens: tokens}, Hotline: b.board, Records: b.records, Outbox: newPigeonhole(), Ledger: b, Version: "0.1",
		Config: func() string { return "abc" }, Log: zerolog.New(b.log).Level(zerolog.TraceLevel),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "cardline_up 1\n") }),
		Ready:   func() error { return b.ready },
	}
	if change != nil {
		change(&o)
	}
	var err error
	if b.server, err = New(o); err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// ask sends one request, from source if it is not empty.
func (b *bench) ask(method, path, token, source, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.RemoteAddr = "127.0.0.1:40000"
	if source != "" {
		r.RemoteAddr = source
	}
	w := httptest.NewRecorder()
	b.server.Handler().ServeHTTP(w, r)
	if w.Code >= 400 && r.URL.Path != "/metrics" {
		b.isProblem(w)
	}
	return w
}

// isProblem checks that an error has the form of RFC 9457.
func (b *bench) isProblem(w *httptest.ResponseRecorder) {
	b.t.Helper()
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
		b.t.Errorf("%d is no problem+json: %v\n%s", w.Code, err, w.Body)
	}
	if p.Status != w.Code || p.Title != http.StatusText(w.Code) {
		b.t.Errorf("the problem says %d %q, the status %d", p.Status, p.Title, w.Code)
	}
}

func (b *bench) expect(w *httptest.ResponseRecorder, code int, has ...string) {
	b.t.Helper()
	if w.Code != code {
		b.t.Errorf("got %d, want %d\n%s", w.Code, code, w.Body)
	}
	for _, part := range has {
		if !strings.Contains(w.Body.String(), part) {
			b.t.Errorf("the answer lacks %s\n%s", part, w.Body)
		}
	}
}

func TestHealthReadinessAndMetricsNeedNoToken(t *testing.T) {
	b := newBench(t, nil)
	b.expect(b.ask("GET", "/healthz", "", "", ""), 200, "ok")
	b.expect(b.ask("GET", "/readyz", "", "", ""), 200, "ready")
	b.expect(b.ask("GET", "/metrics", "", "", ""), 200, "cardline_up 1")
	b.ready = errors.New("draining")
	b.expect(b.ask("GET", "/readyz", "", "", ""), 503, "draining")
	b.expect(b.ask("GET", "/healthz", "", "", ""), 200)
	b.expect(b.ask("GET", "/nothing", "", "", ""), 404)
	b.expect(b.ask("POST", "/healthz", "", "", ""), 404)
}

// TestRoles holds every role against every path: this table is what the roles
// mean.
func TestRoles(t *testing.T) {
	const set = `{"state": "logged_in"}`
	paths := []struct {
		method, path, body string
		may                []Role
	}{
		{"GET", "/api/status", "", []Role{RoleSupervisor, RoleOperator}},
		{"GET", "/api/agents", "", []Role{RoleAgent, RoleSupervisor, RoleOperator}},
		{"GET", "/api/agents/1001", "", []Role{RoleAgent, RoleSupervisor, RoleOperator}},
		{"GET", "/api/agents/1002", "", []Role{RoleSupervisor, RoleOperator}},
		{"PUT", "/api/agents/1001/state", set, []Role{RoleAgent, RoleSupervisor}},
		{"PUT", "/api/agents/1002/state", set, []Role{RoleSupervisor}},
		{"GET", "/api/calls", "", []Role{RoleOperator, RoleAuditor}},
		{"GET", "/api/calls/c-1", "", []Role{RoleOperator, RoleAuditor}},
		{"GET", "/api/calls/c-1/why", "", []Role{RoleSupervisor, RoleOperator, RoleAuditor}},
		{"POST", "/api/pseudonyms", `{"number": "13800000001"}`, []Role{RoleSupervisor, RoleOperator, RoleAuditor}},
		{"GET", "/api/barred", "", []Role{RoleSupervisor, RoleOperator, RoleAuditor}},
		{"PUT", "/api/barred/p-aeaqcaibaeaqcaibaeaqcaibae", `{"reason": "x"}`, []Role{RoleSupervisor}},
		{"GET", "/api/outbox", "", []Role{RoleSupervisor, RoleOperator}},
		{"PUT", "/api/outbox/7/state", `{"state": "settled", "reason": "by hand"}`, []Role{RoleSupervisor}},
		{"GET", "/api/queues", "", []Role{RoleSupervisor, RoleOperator}},
		{"GET", "/api/lines", "", []Role{RoleSupervisor, RoleOperator}},
		{"GET", "/api/entries", "", []Role{RoleSupervisor, RoleOperator}},
		{"GET", "/api/callbacks", "", []Role{RoleSupervisor, RoleOperator}},
		{"PUT", "/api/queues/cards/mode", `{"mode": "closed"}`, []Role{RoleSupervisor}},
		{"PUT", "/api/lines/main/mode", `{"mode": "closed"}`, []Role{RoleSupervisor}},
		{"GET", "/debug/pprof/", "", []Role{RoleOperator}},
	}
	for _, p := range paths {
		for _, role := range Roles {
			b := newBench(t, nil)
			w := b.ask(p.method, p.path, tokenOf[role], "", p.body)
			want := 403
			if slices.Contains(p.may, role) {
				want = 200
			}
			if w.Code != want && (want == 403 || w.Code >= 300) {
				t.Errorf("%s %s as %s: %d, want %d", p.method, p.path, role, w.Code, want)
			}
			if refused := []ledger.Fact{ledger.TokenRefused{Source: "127.0.0.1", Reason: "role", Who: whoOf[role], Times: 1}}; want == 403 && !gocmp.Equal(b.facts, refused) {
				t.Errorf("%s %s as %s: the ledger has %v", p.method, p.path, role, b.facts)
			}
		}
		b := newBench(t, nil)
		if w := b.ask(p.method, p.path, "", "", p.body); w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s without a token: %d", p.method, p.path, w.Code)
		}
		if w := b.ask(p.method, p.path, wrongToken, "", p.body); w.Code != 401 {
			t.Errorf("%s %s with a wrong token: %d", p.method, p.path, w.Code)
		}
	}
}

func TestAnAgentSeesOnlyThemselves(t *testing.T) {
	b := newBench(t, nil)
	w := b.ask("GET", "/api/agents", tokenOfAgent, "", "")
	b.expect(w, 200, `"id":"1001"`)
	if strings.Contains(w.Body.String(), "1002") {
		t.Errorf("an agent sees another: %s", w.Body)
	}
	b.expect(b.ask("GET", "/api/agents", tokenOfSupervisor, "", ""), 200, `"id":"1001"`, `"id":"1002"`)
	b.expect(b.ask("GET", "/api/agents/1001", tokenOfAgent, "", ""), 200,
		`{"id":"1001","group":"cards","site":"sh1","state":"logged_out","for_ms":`, `"skills":{"cards":5}}`)
	b.expect(b.ask("GET", "/api/agents/9999", tokenOfSupervisor, "", ""), 404)
}

func TestPathsAndMethodsThatMeanNothing(t *testing.T) {
	b := newBench(t, nil)
	b.expect(b.ask("GET", "/api/nothing", tokenOfOperator, "", ""), 404)
	b.expect(b.ask("GET", "/api/nothing", "", "", ""), 401)
	w := b.ask("DELETE", "/api/agents/1001/state", tokenOfSupervisor, "", "")
	b.expect(w, 405)
	if allow := w.Header().Get("Allow"); allow != "PUT" {
		t.Errorf("Allow: %q, want PUT", allow)
	}
	b.expect(b.ask("HEAD", "/api/agents", tokenOfSupervisor, "", ""), 200)
}

// TestWrongTokensAreLimitedBySource tries tokens from one source: the sixth is
// told to wait, and a right one from the same source is let in all the while.
func TestWrongTokensAreLimitedBySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const proxy, neighbour = "203.0.113.9:1", "203.0.113.10:1"
		b := newBench(t, nil)
		for range wrongBurst {
			b.expect(b.ask("GET", "/api/agents", wrongToken, proxy, ""), 401)
		}
		for range 3 {
			w := b.ask("GET", "/api/agents", wrongToken, proxy, "")
			b.expect(w, 429)
			if after := w.Header().Get("Retry-After"); after != "12" {
				t.Errorf("Retry-After: %q, want 12", after)
			}
			b.expect(b.ask("GET", "/api/agents", tokenOfSupervisor, proxy, ""), 200)
			b.expect(b.ask("GET", "/api/agents", tokenOfSupervisor, neighbour, ""), 200)
		}
		b.expect(b.ask("GET", "/api/agents", wrongToken, neighbour, ""), 401)
		time.Sleep(wrongEvery - time.Millisecond)
		b.expect(b.ask("GET", "/api/agents", wrongToken, proxy, ""), 429)
		time.Sleep(time.Millisecond)
		b.expect(b.ask("GET", "/api/agents", wrongToken, proxy, ""), 401)
		b.expect(b.ask("GET", "/api/agents", wrongToken, proxy, ""), 429)
	})
}

// TestRefusalsAreAFactAMinute asks thousands of times for what may not be had:
// the ledger learns of the first at once, and of the others by one fact a minute
// with their number.
func TestRefusalsAreAFactAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		expect := func(when string, want ...ledger.Fact) {
			t.Helper()
			synctest.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			if diff := gocmp.Diff(want, b.facts); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
			b.facts = nil
		}
		role := func(times int) ledger.Fact {
			return ledger.TokenRefused{Source: "127.0.0.1", Reason: "role", Who: "1001", Times: times}
		}
		for range 4400 {
			b.expect(b.ask("GET", "/api/status", tokenOfAgent, "", ""), 403)
		}
		expect("4,400 in the first minute", role(1))
		b.expect(b.ask("GET", "/api/status", tokenOfAuditor, "", ""), 403)
		expect("another's", ledger.TokenRefused{Source: "127.0.0.1", Reason: "role", Who: "auditor", Times: 1})
		time.Sleep(refusalEvery)
		expect("after a minute", role(4399))
		b.expect(b.ask("GET", "/api/status", tokenOfAgent, "", ""), 403)
		expect("in the second minute")
		time.Sleep(refusalEvery)
		expect("after the second minute", role(1))
		time.Sleep(refusalEvery)
		expect("after a minute of rest")
		b.expect(b.ask("GET", "/api/status", tokenOfAgent, "", ""), 403)
		expect("after the rest", role(1))
		b.expect(b.ask("GET", "/api/status", tokenOfAgent, "", ""), 403)
		b.server.guard.refusals.end()
		expect("at the end", role(1))
	})
}

// TestRefusalsToldApartAreBounded lets more sources guess than are told apart:
// none of their tokens goes uncounted.
func TestRefusalsToldApartAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		const sources = maxSpells + 50
		for i := range sources {
			b.server.guard.tell(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32), refusedUnknown, "")
		}
		kinds := func() int {
			b.server.guard.refusals.mu.Lock()
			defer b.server.guard.refusals.mu.Unlock()
			return len(b.server.guard.refusals.spells)
		}
		if n := kinds(); n > maxSpells+1 {
			t.Errorf("%d kinds are remembered, want at most %d", n, maxSpells+1)
		}
		time.Sleep(2 * refusalEvery)
		synctest.Wait()
		if n := kinds(); n > 0 {
			t.Errorf("%d kinds are remembered after a minute of rest", n)
		}
		times := 0
		for _, f := range b.facts {
			times += f.(ledger.TokenRefused).Times
		}
		if times != sources {
			t.Errorf("the ledger has %d refusals, want %d", times, sources)
		}
	})
}

func TestANetworkOfOneCustomerIsOneSource(t *testing.T) {
	b := newBench(t, nil)
	for i := range wrongBurst {
		b.expect(b.ask("GET", "/api/agents", wrongToken, fmt.Sprintf("[2001:db8::%d]:1", i+1), ""), 401)
	}
	b.expect(b.ask("GET", "/api/agents", wrongToken, "[2001:db8::ffff]:1", ""), 429)
	b.expect(b.ask("GET", "/api/agents", wrongToken, "[2001:db8:0:1::1]:1", ""), 401)
}

func TestSourcesRememberedAreBounded(t *testing.T) {
	b := newBench(t, nil)
	const stubborn = "198.51.100.1:1"
	for i := range 1000 * wrongBurst {
		b.server.guard.wrong(sourceOf(&http.Request{RemoteAddr: fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)}))
		if i%1000 == 0 {
			b.expect(b.ask("GET", "/api/agents", wrongToken, stubborn, ""), 401)
		}
	}
	if n := len(b.server.guard.recent) + len(b.server.guard.old); n > 2*maxSources {
		t.Errorf("%d sources are remembered, want at most %d", n, 2*maxSources)
	}
	b.expect(b.ask("GET", "/api/agents", wrongToken, stubborn, ""), 429)
}

func TestAuthorizationHeaders(t *testing.T) {
	b := newBench(t, nil)
	for header, want := range map[string]int{
		"Bearer " + tokenOfSupervisor: 200, "bearer   " + tokenOfSupervisor: 200, "Bearer": 401, "Bearer ": 401,
		"Basic " + tokenOfSupervisor: 401, tokenOfSupervisor: 401, "Bearer " + tokenOfSupervisor + "x": 401, "": 401,
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/status", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		b.server.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", header, w.Code, want)
		}
	}
}

func TestWithoutAFileOfTokensNobodyIsLetIn(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Tokens = "" })
	b.expect(b.ask("GET", "/api/status", tokenOfOperator, "", ""), 401)
}

// TestStatesOfAgents walks one agent through the API, in one story.
func TestStatesOfAgents(t *testing.T) {
	b := newBench(t, nil)
	steps := []struct {
		body string
		code int
		has  string
	}{
		{`{"state": "ready"}`, 409, `"state":"logged_out"`}, // must log in first
		{`{"state": "logged_in", "expect": "ready"}`, 409, `"state":"logged_out"`},
		{`{"state": "logged_in", "expect": "logged_out"}`, 200, `"state":"not_ready","reason":"login"`},
		{`{"state": "ready", "expect": "ready"}`, 409, `"state":"not_ready"`},
		{`{"state": "ready", "expect": "not_ready"}`, 200, `"state":"ready"`},
		{`{"state": "not_ready", "reason": "fishing"}`, 422, `not configured`},
		{`{"state": "not_ready"}`, 422, `not configured`},
		{`{"state": "not_ready", "reason": "lunch"}`, 200, `"state":"not_ready","reason":"lunch"`},
		{`{"state": "logged_in"}`, 200, `"reason":"lunch"`}, // stays as they are
		{`{"state": "logged_out", "expect": "talking"}`, 409, `"state":"not_ready"`},
		{`{"state": "logged_out"}`, 200, `"state":"logged_out"`},
		{`{"state": "talking"}`, 422, `state: expected ready`},
		{`{"state": "ready", "reason": "lunch"}`, 422, `only not_ready`},
		{`{"state": "logged_in", "reason": "anything"}`, 422, `only not_ready`},
		{`{"state": "ready", "expect": "asleep"}`, 422, `expect: expected`},
		{`{"state": "ready", "force": true}`, 400, `expected one object`},
		{`{"state": "ready"} {}`, 400, `expected one object`},
		{`{"state": "ready"}}`, 400, `expected one object`},
		{`{"state": 1}`, 400, `expected one object`},
		{`[]`, 400, `expected one object`},
		{`{`, 400, `expected one object`},
		{`{"state": "` + strings.Repeat("x", maxBody) + `"}`, 413, `expected at most`},
	}
	for _, s := range steps {
		w := b.ask("PUT", "/api/agents/1001/state", tokenOfAgent, "", s.body)
		if w.Code != s.code || !strings.Contains(w.Body.String(), s.has) {
			t.Errorf("%.60s: %d %s, want %d with %s", s.body, w.Code, w.Body, s.code, s.has)
		}
	}
	b.expect(b.ask("PUT", "/api/agents/9999/state", tokenOfSupervisor, "", `{"state": "logged_in"}`), 404)
	r := httptest.NewRequestWithContext(t.Context(), "PUT", "/api/agents/1001/state", strings.NewReader(`{"state":"ready"}`))
	r.Header.Set("Authorization", "Bearer "+tokenOfAgent)
	r.Header.Set("Content-Type", "text/plain")
	w := httptest.NewRecorder()
	b.server.Handler().ServeHTTP(w, r)
	b.expect(w, 415)
}

func TestAStateDuringACallIsForAfterIt(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []acd.Command{
		acd.LogIn{Agent: "1001"}, acd.SetReady{Agent: "1001"}, acd.Enqueue{Call: "c", Queue: "cards"}, acd.AcceptOffer{Offer: 1},
	} {
		if err := b.board.Command(c); err != nil {
			t.Fatal(err)
		}
	}
	b.expect(b.ask("PUT", "/api/agents/1001/state", tokenOfAgent, "", `{"state": "not_ready", "reason": "lunch", "expect": "talking"}`), 200,
		`"state":"talking"`, `"next":"not_ready","next_reason":"lunch"`)
}

func TestWhatFailsInsideIsNotToldOutside(t *testing.T) {
	b := newBench(t, nil)
	b.board.fault, b.records.fault = errors.New("router: oops-1"), errors.New("disk: oops-2")
	for _, w := range []*httptest.ResponseRecorder{
		b.ask("PUT", "/api/agents/1001/state", tokenOfAgent, "", `{"state": "logged_in"}`),
		b.ask("GET", "/api/calls", tokenOfAuditor, "", ""), b.ask("GET", "/api/calls/c-1", tokenOfAuditor, "", ""),
	} {
		b.expect(w, 500)
		if strings.Contains(w.Body.String(), "oops") {
			t.Errorf("told: %s", w.Body)
		}
	}
	if log := b.log.String(); strings.Count(log, "oops-1") != 1 || strings.Count(log, "oops-2") != 2 {
		t.Errorf("the log does not say what failed:\n%s", log)
	}
}

func TestRecords(t *testing.T) {
	b := newBench(t, nil)
	b.expect(b.ask("GET", "/api/calls?from=2026-10-01T09:00:00Z&to=2026-10-01T10:00:00Z", tokenOfAuditor, "", ""), 200,
		`"from":"2026-10-01T09:00:00Z","to":"2026-10-01T10:00:00Z"`, `"call":"c-1"`, `"caller":"1234"`, `"took":90000`)
	b.expect(b.ask("GET", "/api/calls?from=2026-10-01T17:00:00%2B08:00&to=2026-10-01T18:00:00%2B08:00", tokenOfAuditor, "", ""), 200, `"call":"c-1"`)
	b.expect(b.ask("GET", "/api/calls?from=2026-10-01T10:00:00Z&to=2026-10-01T11:00:00Z", tokenOfAuditor, "", ""), 200, `"calls":[]`)
	b.expect(b.ask("GET", "/api/calls/c-1", tokenOfAuditor, "", ""), 200, `"journey":"j-1"`)
	b.expect(b.ask("GET", "/api/calls/c-2", tokenOfAuditor, "", ""), 404)
	for query, has := range map[string]string{
		"from=yesterday": "from: expected a time", "to=1": "to: expected a time",
		"from=2026-10-01T10:00:00Z&to=2026-10-01T10:00:00Z": "before that of to",
		"order=best": "oldest or newest", "limit=0": "expected 1 to 10000", "limit=10001": "expected 1 to 10000", "limit=x": "expected 1 to",
		"after=c-nobody": "no record of this call",
	} {
		b.expect(b.ask("GET", "/api/calls?"+query, tokenOfAuditor, "", ""), 400, has)
	}
	b.expect(b.ask("GET", "/api/calls", tokenOfAuditor, "", ""), 200)
	if age, length := time.Since(b.records.asked.To), b.records.asked.To.Sub(b.records.asked.From); age > time.Minute || length != time.Hour {
		t.Errorf("asked for %v up to %v ago, want the last hour", length, age)
	}
}

const thatHour = "/api/calls?from=2026-10-01T09:00:00Z&to=2026-10-01T10:00:00Z"

// TestRecordsInPages follows the links from page to page until all has been seen
// once.
func TestRecordsInPages(t *testing.T) {
	b := newBench(t, nil)
	b.records.many = 7
	var seen []string
	for path, pages := thatHour+"&limit=3", 0; path != ""; pages++ {
		w := b.ask("GET", path, tokenOfAuditor, "", "")
		b.expect(w, 200)
		var body struct{ Calls []store.Record }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body.Calls) > 3 || pages > 3 {
			t.Fatalf("page %d: %d calls, %v", pages, len(body.Calls), err)
		}
		for _, r := range body.Calls {
			seen = append(seen, r.Call)
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), `>; rel="next"`)
	}
	if want := []string{"c-1", "c-2", "c-3", "c-4", "c-5", "c-6", "c-7"}; !slices.Equal(seen, want) {
		t.Errorf("got %v, want %v", seen, want)
	}
	b.ask("GET", thatHour+"&line=main&tail=1234&outcome=lost&queue=cards&agent=1001&pseudonym=p-a&pseudonym=p-b&order=newest&after=c-3", tokenOfAuditor, "", "")
	want := store.Query{
		From: arrived.Add(-30 * time.Minute), To: arrived.Add(30 * time.Minute), Newest: true, After: "c-3",
		Line: "main", Tail: "1234", Outcome: "lost", Queue: "cards", Agent: "1001", Pseudonyms: []string{"p-a", "p-b"},
	}
	if diff := gocmp.Diff(want, b.records.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// TestRecordsOneALine streams a day, and cuts the answer of a store that fails in
// its midst.
func TestRecordsOneALine(t *testing.T) {
	b := newBench(t, nil)
	b.records.many = 2*defaultPage + 1
	b.start()
	read := func() (lines int, err error) {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.server.Address().String()+thatHour, nil)
		request.Header.Set("Authorization", "Bearer "+tokenOfAuditor)
		request.Header.Set("Accept", ndjson)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		d := json.NewDecoder(response.Body)
		for {
			var r store.Record
			if err := d.Decode(&r); errors.Is(err, io.EOF) {
				return lines, nil
			} else if err != nil {
				return lines, err
			}
			lines++
		}
	}
	if lines, err := read(); lines != b.records.many || err != nil {
		t.Errorf("%d records, %v; want %d", lines, err, b.records.many)
	}
	b.records.fault = errors.New("disk: gone")
	if _, err := read(); err == nil {
		t.Error("a list that breaks off looks whole")
	}
}

// TestListsInPages walks through agents one by one.
func TestListsInPages(t *testing.T) {
	b := newBench(t, nil)
	w := b.ask("GET", "/api/agents?limit=1", tokenOfOperator, "", "")
	b.expect(w, 200, `"id":"1001"`)
	if got, want := w.Header().Get("Link"), `</api/agents?after=1001&limit=1>; rel="next"`; got != want || strings.Contains(w.Body.String(), "1002") {
		t.Errorf("got %s, want %s\n%s", got, want, w.Body)
	}
	w = b.ask("GET", "/api/agents?after=1001&limit=1", tokenOfOperator, "", "")
	b.expect(w, 200, `"id":"1002"`)
	if got := w.Header().Get("Link"); got != "" {
		t.Errorf("the last page has a next one: %s", got)
	}
	b.expect(b.ask("GET", "/api/agents?after=1003", tokenOfOperator, "", ""), 410, "begin at its beginning")
	b.expect(b.ask("GET", "/api/entries?limit=-1", tokenOfOperator, "", ""), 400, "limit: expected 1 to")
	b.expect(b.ask("GET", "/api/callbacks?limit=2", tokenOfOperator, "", ""), 200, `"callbacks":[]`)
}

func TestStatus(t *testing.T) {
	b := newBench(t, nil)
	b.ready = errors.New("draining")
	b.expect(b.ask("GET", "/api/status", tokenOfOperator, "", ""), 200,
		`"version":"0.1"`, `"config":"abc"`, `"ready":false`, `"calls":7`, `"agents":{"logged_out":2}`)
}

func TestProfilesStayOnTheMachine(t *testing.T) {
	b := newBench(t, nil)
	b.expect(b.ask("GET", "/debug/pprof/", tokenOfOperator, "127.0.0.1:5", ""), 200, "goroutine")
	b.expect(b.ask("GET", "/debug/pprof/goroutine?debug=1", tokenOfOperator, "[::1]:5", ""), 200, "goroutine profile")
	b.expect(b.ask("GET", "/debug/pprof/", tokenOfOperator, "192.0.2.7:5", ""), 404)
	b.expect(b.ask("GET", "/debug/pprof/", tokenOfSupervisor, "127.0.0.1:5", ""), 403)
	b.expect(b.ask("GET", "/debug/pprof/", "", "127.0.0.1:5", ""), 401)

	certificate, key := certify(t, "one")
	outside := newBench(t, func(o *Options) { o.Listen, o.Certificate, o.Key = "0.0.0.0:0", certificate, key })
	outside.expect(outside.ask("GET", "/debug/pprof/", tokenOfOperator, "127.0.0.1:5", ""), 404)
}

// TestNoTokenIsInTheLog sends tokens the right way and the wrong ways.
func TestNoTokenIsInTheLog(t *testing.T) {
	b := newBench(t, nil)
	for _, token := range append(slices.Collect(maps.Values(tokenOf)), wrongToken) {
		b.ask("GET", "/api/agents", token, "", "")
		b.ask("GET", "/api/agents?token="+token, token, "", "")
		b.ask("PUT", "/api/agents/1001/state", token, "", `{"state": "logged_in"}`)
		b.ask("PUT", "/api/agents/1001/state", token, "", `{"`+token+`": 1}`)
	}
	log := b.log.String()
	if !strings.Contains(log, "/api/agents/1001/state") || !strings.Contains(log, "agent's state set by the API") {
		t.Errorf("the log does not tell what was done:\n%s", log)
	}
	for _, token := range append(slices.Collect(maps.Values(tokenOf)), wrongToken) {
		if strings.Contains(log, token) || strings.Contains(fmt.Sprint(b.facts), token) {
			t.Errorf("%s is in the log or in the ledger", token)
		}
	}
}

func TestAddressesThatNeedACertificate(t *testing.T) {
	certificate, key := certify(t, "one")
	for _, c := range []struct {
		listen, certificate, key, want string
	}{
		{"127.0.0.1:0", "", "", ""},
		{"[::1]:0", "", "", ""},
		{"localhost:0", "", "", ""},
		{"0.0.0.0:0", "", "", "needs a certificate"},
		{":0", "", "", "needs a certificate"},
		{"192.0.2.1:443", "", "", "needs a certificate"},
		{"example.com:443", "", "", "needs a certificate"},
		{"0.0.0.0:0", certificate, key, ""},
		{"127.0.0.1:0", certificate, key, ""},
		{"127.0.0.1:0", certificate, "", "needs its key"},
		{"127.0.0.1:0", "", key, "needs its key"},
		{"127.0.0.1:0", key, key, "http certificate"},
		{"127.0.0.1", "", "", "http address"},
	} {
		_, err := New(Options{Listen: c.listen, Files: Files{Certificate: c.certificate, Key: c.key}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// certify makes a self-signed certificate for this machine.
func certify(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, "tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
}

// start lets the server listen until the test ends.
func (b *bench) start() {
	b.t.Helper()
	if err := b.server.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.server.Stop(ctx); err != nil {
			b.t.Error(err)
		}
	})
}

func TestTLS(t *testing.T) {
	certificate, key := certify(t, "one")
	b := newBench(t, func(o *Options) { o.Certificate, o.Key = certificate, key })
	b.start()
	// peer returns the name in the certificate that the server shows.
	peer := func(c *tls.Config) (string, error) {
		c.InsecureSkipVerify = true // the name in the certificate is looked at below
		d := tls.Dialer{Config: c}
		conn, err := d.DialContext(t.Context(), "tcp", b.server.Address().String())
		if err != nil {
			return "", err
		}
		defer conn.Close()
		state := conn.(*tls.Conn).ConnectionState()
		return state.PeerCertificates[0].Subject.CommonName, nil
	}
	if name, err := peer(&tls.Config{}); name != "one" || err != nil {
		t.Errorf("certificate of %q, want one: %v", name, err)
	}
	if _, err := peer(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	// Another certificate at the same place is shown after a reload, and a
	// broken one changes nothing.
	newCertificate, newKey := certify(t, "two")
	move(t, newCertificate, certificate)
	if err := b.reload(); err == nil {
		t.Error("a certificate without its key was accepted")
	}
	if name, err := peer(&tls.Config{}); name != "one" || err != nil {
		t.Errorf("certificate of %q, want one: %v", name, err)
	}
	move(t, newKey, key)
	if err := b.reload(); err != nil {
		t.Fatal(err)
	}
	if name, err := peer(&tls.Config{}); name != "two" || err != nil {
		t.Errorf("certificate of %q, want two: %v", name, err)
	}
}

// reload takes the same files again.
func (b *bench) reload() error {
	commit, err := b.server.Prepare(b.server.options.Files)
	if err == nil {
		commit()
	}
	return err
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestReloadOfTokens(t *testing.T) {
	b := newBench(t, nil)
	file := b.server.options.Tokens
	move(t, write(t, "tokens.yaml", "- {token: "+wrongToken+", role: operator}"), file)
	b.expect(b.ask("GET", "/api/status", tokenOfOperator, "", ""), 200)
	if err := b.reload(); err != nil {
		t.Fatal(err)
	}
	b.expect(b.ask("GET", "/api/status", wrongToken, "", ""), 200)
	b.expect(b.ask("GET", "/api/status", tokenOfOperator, "", ""), 401)
	move(t, write(t, "tokens.yaml", "- {token: short, role: king}"), file)
	if err := b.reload(); err == nil {
		t.Error("a broken file was accepted")
	}
	b.expect(b.ask("GET", "/api/status", wrongToken, "", ""), 200)
}

func TestAPortThatIsTaken(t *testing.T) {
	b := newBench(t, nil)
	b.start()
	second := newBench(t, func(o *Options) { o.Listen = b.server.Address().String() })
	if err := second.server.Start(); err == nil || !strings.Contains(err.Error(), b.server.Address().String()) {
		t.Errorf("a taken port: %v", err)
	}
}

// TestStopLetsRequestsFinish stops the server in the midst of an answer, with
// and without patience.
func TestStopLetsRequestsFinish(t *testing.T) {
	for _, patient := range []bool{true, false} {
		t.Run(fmt.Sprint("patient ", patient), func(t *testing.T) {
			asked, answer := make(chan struct{}), make(chan struct{})
			b := newBench(t, func(o *Options) {
				o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					close(asked)
					select {
					case <-answer:
						_, _ = io.WriteString(w, "whole")
					case <-r.Context().Done():
					}
				})
			})
			b.start()
			type reply struct {
				body string
				err  error
			}
			replies := make(chan reply, 1)
			go func() {
				body, err := get(t.Context(), "http://"+b.server.Address().String()+"/metrics")
				replies <- reply{body, err}
			}()
			<-asked
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if !patient {
				cancel()
				if err := b.server.Stop(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("stop without patience: %v", err)
				}
				if r := <-replies; r.err == nil {
					t.Errorf("the request was answered: %q", r.body)
				}
				return
			}
			stopped := make(chan error, 1)
			go func() { stopped <- b.server.Stop(ctx) }()
			for _, err := get(t.Context(), "http://"+b.server.Address().String()+"/healthz"); err == nil; {
				_, err = get(t.Context(), "http://"+b.server.Address().String()+"/healthz")
			}
			close(answer) // nobody new is let in by now
			if r := <-replies; r.err != nil || r.body != "whole" {
				t.Errorf("the request in progress: %q, %v", r.body, r.err)
			}
			if err := <-stopped; err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

// get asks by a connection of its own.
func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func TestASlowRequestIsCut(t *testing.T) {
	b := newBench(t, nil)
	b.server.http.ReadHeaderTimeout = 50 * time.Millisecond
	b.start()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", b.server.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ") // it may be cut already
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	reply, err := io.ReadAll(conn) // it may also say that the connection was reset
	if errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(reply), "200 OK") {
		t.Errorf("the connection was not closed: %v\n%s", err, reply)
	}
}
