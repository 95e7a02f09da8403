package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"time"

	"cardline/acd"
	"cardline/ledger"
	"cardline/store"
)

// action is what a method does at a path of the API.
type action struct {
	roles []Role
	// own also lets an agent in, to what is about that agent.
	own   bool
	serve func(http.ResponseWriter, *http.Request, Holder)
}

// open reports whether a holder may do this with what has the given id.
func (a action) open(h Holder, id string) bool {
	return slices.Contains(a.roles, h.Role) || a.own && h.Role == RoleAgent && h.Agent == id
}

// Handler returns everything that the server answers.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "there is nothing here") })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	if s.options.Metrics != nil {
		mux.Handle("GET /metrics", s.options.Metrics)
	}
	watchers := []Role{RoleSupervisor, RoleOperator}
	readers := []Role{RoleOperator, RoleAuditor}
	mux.Handle("/api/", s.behindToken(map[string]action{}))
	mux.Handle("/api/status", s.behindToken(map[string]action{http.MethodGet: {roles: watchers, serve: s.status}}))
	mux.Handle("/api/agents", s.behindToken(map[string]action{http.MethodGet: {roles: append(watchers, RoleAgent), serve: s.agents}}))
	mux.Handle("/api/agents/{id}", s.behindToken(map[string]action{http.MethodGet: {roles: watchers, own: true, serve: s.agent}}))
	mux.Handle("/api/agents/{id}/state", s.behindToken(map[string]action{
		http.MethodPut: {roles: []Role{RoleSupervisor}, own: true, serve: s.setState},
	}))
	for path, serve := range map[string]func(http.ResponseWriter, *http.Request, Holder){
		"/api/agents/{id}/wrap_up": s.extendWrapUp, "/api/agents/{id}/disposition": s.dispose,
	} {
		mux.Handle(path, s.behindToken(map[string]action{http.MethodPut: {roles: []Role{RoleSupervisor}, own: true, serve: serve}}))
	}
	for path, serve := range map[string]func(http.ResponseWriter, *http.Request, Holder){
		"/api/queues": s.queues, "/api/lines": s.lines, "/api/entries": s.entries, "/api/callbacks": s.callbacks,
	} {
		mux.Handle(path, s.behindToken(map[string]action{http.MethodGet: {roles: watchers, serve: serve}}))
	}
	for path, serve := range map[string]func(http.ResponseWriter, *http.Request, Holder){
		"/api/queues/{name}/mode": s.switchQueue, "/api/lines/{name}/mode": s.switchLine, "/api/entries/{id}/head_start": s.setHeadStart,
	} {
		mux.Handle(path, s.behindToken(map[string]action{http.MethodPut: {roles: []Role{RoleSupervisor}, serve: serve}}))
	}
	mux.Handle("/api/callbacks/{id}", s.behindToken(map[string]action{http.MethodDelete: {roles: []Role{RoleSupervisor}, serve: s.cancelCallback}}))
	mux.Handle("/api/pseudonyms", s.behindToken(map[string]action{http.MethodPost: {roles: append(watchers, RoleAuditor), serve: s.pseudonyms}}))
	mux.Handle("/api/barred", s.behindToken(map[string]action{http.MethodGet: {roles: append(watchers, RoleAuditor), serve: s.barred}}))
	mux.Handle("/api/barred/{pseudonym}", s.behindToken(map[string]action{
		http.MethodPut: {roles: []Role{RoleSupervisor}, serve: s.bar}, http.MethodDelete: {roles: []Role{RoleSupervisor}, serve: s.unbar},
	}))
	mux.Handle("/api/outbox", s.behindToken(map[string]action{http.MethodGet: {roles: watchers, serve: s.outbox}}))
	mux.Handle("/api/outbox/{id}/state", s.behindToken(map[string]action{http.MethodPut: {roles: []Role{RoleSupervisor}, serve: s.settle}}))
	mux.Handle("/api/calls/{id}/why", s.behindToken(map[string]action{
		http.MethodGet: {roles: append(readers, RoleSupervisor), serve: s.why},
	}))
	mux.Handle("/api/calls", s.behindToken(map[string]action{http.MethodGet: {roles: readers, serve: s.calls}}))
	mux.Handle("/api/calls/{id}", s.behindToken(map[string]action{http.MethodGet: {roles: readers, serve: s.call}}))
	if s.loopback {
		s.profiles(mux)
	}
	return s.logged(s.surviving(mux))
}

// behindToken lets those in whose token and role fit. Without an action there is
// nothing at the path, which only holders of a token are told.
func (s *Server) behindToken(actions map[string]action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		h, ok := s.guard.admit(w, r, s.keys.Load())
		if !ok {
			return
		}
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		a, ok := actions[method]
		switch {
		case len(actions) == 0:
			refuse(w, http.StatusNotFound, "there is nothing here")
		case !ok:
			for allowed := range actions {
				w.Header().Add("Allow", allowed)
			}
			refuse(w, http.StatusMethodNotAllowed, r.Method+" means nothing here")
		case !a.open(h, r.PathValue("id")):
			s.guard.forbid(w, r, h)
		default:
			defer keepOpen(r)()
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			a.serve(w, r, h)
		}
	})
}

// profiles adds the profiler. A profile may show what is in memory: it is for
// operators at this very machine.
func (s *Server) profiles(mux *http.ServeMux) {
	add := func(path string, serve http.HandlerFunc) {
		inner := s.behindToken(map[string]action{http.MethodGet: {
			roles: []Role{RoleOperator},
			serve: func(w http.ResponseWriter, r *http.Request, _ Holder) { serve(w, r) },
		}})
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if !clientOf(r).IsLoopback() {
				refuse(w, http.StatusNotFound, "there is nothing here")
				return
			}
			inner.ServeHTTP(w, r)
		})
	}
	add("/debug/pprof/", pprof.Index)
	add("/debug/pprof/profile", pprof.Profile)
	add("/debug/pprof/symbol", pprof.Symbol)
	add("/debug/pprof/trace", pprof.Trace)
}

// logged writes a line for each request to those who debug. It holds the path
// alone: a token that somebody put into the query is nowhere.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteRequest(r)
		began := time.Now()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
		path := r.URL.Path
		if p := r.PathValue("pseudonym"); p != "" {
			path = strings.Replace(path, p, "…", 1) // pseudonyms are in no log
		}
		s.log.Debug().Str("method", r.Method).Str("path", path).Dur("took_ms", time.Since(began)).Msg("http request")
	})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.notReady(); err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

func (s *Server) notReady() error {
	if s.options.Ready == nil {
		return nil
	}
	return s.options.Ready()
}

// statusView is what /api/status tells.
type statusView struct {
	Version   string                    `json:"version"`
	Config    string                    `json:"config,omitempty"` // digest
	StartedAt time.Time                 `json:"started_at"`
	Ready     bool                      `json:"ready"`
	Calls     int                       `json:"calls"`
	Agents    map[ledger.AgentState]int `json:"agents"`
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request, _ Holder) {
	v := statusView{
		Version: s.options.Version, StartedAt: s.began.UTC().Truncate(time.Millisecond), Ready: s.notReady() == nil,
		Calls: s.options.Hotline.Live(), Agents: map[ledger.AgentState]int{},
	}
	if s.options.Config != nil {
		v.Config = s.options.Config()
	}
	for _, a := range s.options.Hotline.Agents() {
		v.Agents[a.State]++
	}
	answerJSON(w, v)
}

// agentView is an agent as the API shows one.
type agentView struct {
	ID         string            `json:"id"`
	Group      string            `json:"group"`
	Site       string            `json:"site"`
	State      ledger.AgentState `json:"state"`
	Reason     string            `json:"reason,omitempty"` // of not_ready
	For        ledger.Millis     `json:"for_ms"`
	Next       ledger.AgentState `json:"next,omitempty"` // after the present call
	NextReason string            `json:"next_reason,omitempty"`
	Skills     map[string]int    `json:"skills,omitempty"`
}

func viewOf(a acd.AgentView) agentView {
	return agentView{
		ID: a.ID, Group: a.Group, Site: a.Site, State: a.State, Reason: a.Reason, For: ledger.MillisOf(a.For),
		Next: a.Next, NextReason: a.NextReason, Skills: a.Skills,
	}
}

// agents lists all agents; to an agent only that agent.
func (s *Server) agents(w http.ResponseWriter, r *http.Request, h Holder) {
	list := []agentView{}
	for _, a := range s.options.Hotline.Agents() {
		if h.Role != RoleAgent || a.ID == h.Agent {
			list = append(list, viewOf(a))
		}
	}
	answerPart(w, r, "agents", list, func(a agentView) string { return a.ID })
}

func (s *Server) find(id string) (v agentView, ok bool) {
	for _, a := range s.options.Hotline.Agents() {
		if a.ID == id {
			return viewOf(a), true
		}
	}
	return v, false
}

func (s *Server) agent(w http.ResponseWriter, r *http.Request, _ Holder) {
	s.answerAgent(w, r.PathValue("id"))
}

func (s *Server) answerAgent(w http.ResponseWriter, id string) {
	if a, ok := s.find(id); ok {
		answerJSON(w, a)
		return
	}
	refuse(w, http.StatusNotFound, "there is no such agent")
}

// wish is the body of a request to change an agent's state.
type wish struct {
	State  string            `json:"state"`  // ready, not_ready, logged_in or logged_out
	Reason string            `json:"reason"` // of not_ready
	Expect ledger.AgentState `json:"expect"` // refuse if the agent is in another state; empty: any
}

// setState changes an agent's state, at once or, during a call, after it. If
// the agent is not in the state that the request expects, or cannot be changed
// from it, the answer is 409 with what the agent does.
func (s *Server) setState(w http.ResponseWriter, r *http.Request, h Holder) {
	var want wish
	if !decode(w, r, &want, `{"state": "not_ready", "reason": "lunch", "expect": "ready"}`) {
		return
	}
	id := r.PathValue("id")
	command, err := want.command(id)
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	if !s.obeyed(w, id, s.command(want, id, command)) {
		return
	}
	s.log.Info().Str("agent", id).Str("state", want.State).Str("reason", want.Reason).Str("role", string(h.Role)).Msg("agent's state set by the API")
	s.answerAgent(w, id)
}

// obeyed reports whether a command about an agent was obeyed. If not, it has
// answered the request.
func (s *Server) obeyed(w http.ResponseWriter, id string, err error) bool {
	conflict := func(detail string) {
		p := problem{Status: http.StatusConflict, Detail: detail}
		if a, ok := s.find(id); ok {
			p.Agent = &a
		}
		answerProblem(w, p)
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, acd.ErrUnknownAgent):
		refuse(w, http.StatusNotFound, "there is no such agent")
	case errors.Is(err, acd.ErrReason):
		refuse(w, http.StatusUnprocessableEntity, "this reason is not configured")
	case errors.Is(err, acd.ErrState):
		conflict("the agent's state does not allow this")
	case errors.Is(err, acd.ErrDisposition):
		conflict("the queue of the call wants a disposition, one of those that it lists")
	case errors.Is(err, acd.ErrNotOffered):
		conflict("the queue of the call does not offer this")
	default:
		s.log.Error().Err(err).Str("agent", id).Msg("command of the API failed")
		refuse(w, http.StatusInternalServerError, "")
	}
	return false
}

// command obeys a wish. Logging in has no expectation of its own: it changes
// nobody who is logged in, so that looking first does no harm.
func (s *Server) command(want wish, id string, c acd.Command) error {
	if _, ok := c.(acd.LogIn); ok && want.Expect != "" {
		if a, ok := s.find(id); ok && a.State != want.Expect {
			return acd.ErrState
		}
	}
	return s.options.Hotline.Command(c)
}

// command returns what the router is asked for.
func (want wish) command(agent string) (acd.Command, error) {
	switch {
	case want.Expect != "" && !slices.Contains(ledger.AgentStates, want.Expect):
		return nil, fmt.Errorf("expect: expected one of %v", ledger.AgentStates)
	case want.Reason != "" && want.State != string(ledger.AgentNotReady):
		return nil, errors.New("reason: only not_ready has one")
	}
	switch want.State {
	case "logged_in":
		return acd.LogIn{Agent: agent, By: ledger.ByAPI}, nil
	case string(ledger.AgentLoggedOut):
		return acd.LogOut{Agent: agent, Expect: want.Expect, By: ledger.ByAPI}, nil
	case string(ledger.AgentReady):
		return acd.SetReady{Agent: agent, Expect: want.Expect, By: ledger.ByAPI}, nil
	case string(ledger.AgentNotReady):
		return acd.SetNotReady{Agent: agent, Reason: want.Reason, Expect: want.Expect, By: ledger.ByAPI}, nil
	default:
		return nil, errors.New("state: expected ready, not_ready, logged_in or logged_out")
	}
}

// decode reads the one JSON value of a request, strictly. If there is none it
// has answered the request, with an example of what is expected.
func decode(w http.ResponseWriter, r *http.Request, v any, example string) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "expected Content-Type: application/json")
		return false
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); errors.Is(more, io.EOF) {
			return true
		}
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("expected at most %d bytes", maxBody))
	} else {
		refuse(w, http.StatusBadRequest, "expected one object such as "+example)
	}
	return false
}

// defaultSpan is how far back records are asked for if nothing is said.
const defaultSpan = time.Hour

// queryOf returns which records are asked for: those of the last hour, if no time
// is said.
func queryOf(r *http.Request) (q store.Query, err error) {
	values := r.URL.Query()
	q = store.Query{
		To: time.Now().UTC().Truncate(time.Millisecond), After: values.Get("after"), Line: values.Get("line"), Tail: values.Get("tail"),
		Outcome: values.Get("outcome"), Queue: values.Get("queue"), Agent: values.Get("agent"), Pseudonyms: values["pseudonym"],
	}
	switch order := values.Get("order"); order {
	case "", "oldest":
	case "newest":
		q.Newest = true
	default:
		return q, errors.New("order: expected oldest or newest")
	}
	if err := moment(r, "to", &q.To); err != nil {
		return q, err
	}
	q.From = q.To.Add(-defaultSpan)
	if err := moment(r, "from", &q.From); err != nil {
		return q, err
	}
	if !q.From.Before(q.To) {
		return q, errors.New("from: expected a time before that of to")
	}
	return q, nil
}

func moment(r *http.Request, name string, t *time.Time) error {
	text := r.URL.Query().Get(name)
	if text == "" {
		return nil
	}
	parsed, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("%s: expected a time such as 2026-10-01T09:00:00Z", name)
	}
	*t = parsed
	return nil
}

func (s *Server) call(w http.ResponseWriter, r *http.Request, _ Holder) {
	record, ok, err := s.options.Records.Record(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		s.log.Error().Err(err).Msg("record not read")
		refuse(w, http.StatusInternalServerError, "the record cannot be read")
	case !ok:
		refuse(w, http.StatusNotFound, "there is no such call")
	default:
		answerJSON(w, record)
	}
}
