// Package sqlite keeps the ledger and the call records in one SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
	_ "modernc.org/sqlite" // the database driver

	"cardline/ledger"
	"cardline/store"
)

// A Store is one file. Its Write method is a reader of the ledger; the other
// methods may be called at any time from any goroutine.
type Store struct {
	write *sql.DB // one connection
	read  *sql.DB
	log   zerolog.Logger
	open  map[string]*store.Record // calls that are up; only Write touches it
	fault func(error)

	statements statements

	given  chan struct{} // closed by GiveUp
	giveUp func()
}

// Options configure a [Store].
type Options struct {
	// File is the path of the database; it is made if it is missing.
	File string
	Log  zerolog.Logger
	// Fault, if not nil, is told each time that events could not be written.
	// They are kept in memory and tried again.
	Fault func(error)
}

// Open opens the file and makes its tables if need be.
func Open(o Options) (*Store, error) {
	// What is deleted, such as the numbers that an earlier version kept here, is
	// overwritten.
	dsn := o.File + "?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(5000)&_pragma=secure_delete(1)"
	write, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	write.SetMaxOpenConns(1)
	if err := upgrade(write); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("open store %s: %w", o.File, err)
	}
	read, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{write: write, read: read, log: o.Log, open: map[string]*store.Record{}, fault: o.Fault, given: make(chan struct{})}
	s.giveUp = sync.OnceFunc(func() { close(s.given) })
	if s.statements, err = prepare(write); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open store %s: %w", o.File, err)
	}
	open, err := s.OpenCalls(context.Background())
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	for _, r := range open {
		s.open[r.Call] = r
	}
	return s, nil
}

// OpenForReading opens the file of a program that runs, or of one that does not,
// and changes nothing in it. Of the methods that write, none may be called.
func OpenForReading(file string) (*Store, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?mode=ro&_pragma=busy_timeout(5000)"
	if _, err := os.Stat(file + "-wal"); errors.Is(err, os.ErrNotExist) {
		dsn += "&immutable=1" // nobody writes; the directory may not even be ours to write in
	}
	read, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{read: read, given: make(chan struct{})}
	s.giveUp = sync.OnceFunc(func() { close(s.given) })
	if _, err := s.Last(context.Background()); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open store %s: %w", file, err)
	}
	return s, nil
}

// Close closes the file. Close the ledger first, so that everything is
// written.
func (s *Store) Close() error {
	s.GiveUp()
	if s.write == nil {
		return s.read.Close()
	}
	return errors.Join(s.write.Close(), s.read.Close())
}

// firstRetry and lastRetry bound the waits while the file cannot be written.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// GiveUp lets Write drop from now on what it cannot write at once, so that a
// program whose disk is full can end. It may be called more than once.
func (s *Store) GiveUp() { s.giveUp() }

// Write is the store's [ledger.Reader]: events and what follows from them are
// committed together, a batch at a time. While the file cannot be written it
// keeps trying, and the ledger keeps the events, until [Store.GiveUp].
func (s *Store) Write(batch []ledger.Event) {
	began := time.Now()
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := s.commit(batch)
		if err == nil {
			if wait > firstRetry {
				s.log.Info().Dur("after_ms", time.Since(began)).Msg("ledger written again")
			}
			return
		}
		if wait == firstRetry {
			s.log.Error().Err(err).Int("events", len(batch)).Msg("ledger not written, trying again")
		}
		if s.fault != nil {
			s.fault(err)
		}
		select {
		case <-time.After(wait):
		case <-s.given:
			s.log.Error().Err(err).Int("events", len(batch)).Msg("ledger not written, given up")
			return
		}
	}
}

func (s *Store) commit(batch []ledger.Event) error {
	tx, err := s.write.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	event, calls, agents := tx.Stmt(s.statements.event), tx.Stmt(s.statements.call), tx.Stmt(s.statements.agent)
	// The fold is made on copies, so that a batch that fails leaves no trace.
	touched := map[string]*store.Record{}
	for _, e := range batch {
		fact, err := json.Marshal(e.Fact)
		if err != nil {
			return err
		}
		if _, err := event.Exec(e.Seq, e.At.UnixMilli(), e.Age, e.Journey, e.Call, ledger.Kind(e.Fact), string(fact)); err != nil {
			return fmt.Errorf("write event %d: %w", e.Seq, err)
		}
		if e.Call != "" {
			r := touched[e.Call]
			if r == nil {
				if r, err = s.copyOf(tx, e); err != nil {
					return err
				}
				touched[e.Call] = r
			}
			r.Add(e)
		}
		if err := errors.Join(writeAgent(tx, agents, e), writeSwitch(tx, e), writeBarred(tx, e)); err != nil {
			return err
		}
	}
	for _, r := range touched {
		if err := writeCall(calls, r); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for call, r := range touched {
		if r.Ended() || r.ArrivedAt.IsZero() { // some facts come after the call's end
			delete(s.open, call)
		} else {
			s.open[call] = r
		}
	}
	return nil
}

// copyOf returns a copy of the record of an event's call, which can be thrown
// away. What an agent says of a call, and what the card host has answered, may come
// when it has ended; all else that comes late is kept as an event only.
func (s *Store) copyOf(tx *sql.Tx, e ledger.Event) (*store.Record, error) {
	if open := s.open[e.Call]; open != nil {
		return open.Copy(), nil
	}
	r := &store.Record{Call: e.Call}
	switch e.Fact.(type) {
	case ledger.Disposed, ledger.HostAsked:
	default:
		return r, nil
	}
	var data []byte
	switch err := tx.QueryRow(`SELECT record FROM calls WHERE call = ?`, e.Call).Scan(&data); {
	case errors.Is(err, sql.ErrNoRows):
		return r, nil
	case err != nil:
		return nil, fmt.Errorf("read call %s: %w", e.Call, err)
	}
	return r, json.Unmarshal(data, r)
}

// statements are what each batch runs, parsed once.
type statements struct{ event, call, agent *sql.Stmt }

func prepare(db *sql.DB) (s statements, err error) {
	for _, p := range []struct {
		statement **sql.Stmt
		text      string
	}{
		{&s.event, `INSERT INTO events (seq, at, age, journey, call, kind, fact) VALUES (?,?,?,?,?,?,?)`},
		{&s.call, `INSERT INTO calls (call, journey, line, caller, pseudonym, arrived_at, answered_at, ended_at, reason, outcome, took_ms, waited_ms, talked_ms, record)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
			ON CONFLICT DO UPDATE SET answered_at=excluded.answered_at, ended_at=excluded.ended_at, reason=excluded.reason, outcome=excluded.outcome,
				took_ms=excluded.took_ms, waited_ms=excluded.waited_ms, talked_ms=excluded.talked_ms, record=excluded.record`},
		// What was asked for during a call is fulfilled when the work ends, and
		// whoever was not ready when the phone went away is so when it is back.
		{&s.agent, `INSERT INTO agents (agent, state, reason, next, next_reason, seq) VALUES (?1,?2,?3,'','',?4)
			ON CONFLICT DO UPDATE SET state=?2, reason=?3, seq=?4,
				next=CASE WHEN ?2='unreachable' AND state='not_ready' THEN state
					WHEN ?2 IN ('offered','talking','holding','wrap_up','unreachable') THEN next ELSE '' END,
				next_reason=CASE WHEN ?2='unreachable' AND state='not_ready' THEN reason
					WHEN ?2 IN ('offered','talking','holding','wrap_up','unreachable') THEN next_reason ELSE '' END`},
	} {
		if *p.statement, err = db.Prepare(p.text); err != nil {
			return s, err
		}
	}
	return s, nil
}

func writeCall(calls *sql.Stmt, r *store.Record) error {
	if r.ArrivedAt.IsZero() {
		return nil // a fact about a call that never arrived: kept as an event only
	}
	record, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = calls.Exec(
		r.Call, r.Journey, r.Line, r.Caller, r.Pseudonym, r.ArrivedAt.UnixMilli(), millisOrNull(r.AnsweredAt), millisOrNull(r.EndedAt),
		r.Reason, r.Outcome, r.Took, r.Waited(), r.Talked(), string(record))
	if err != nil {
		return fmt.Errorf("write call %s: %w", r.Call, err)
	}
	return nil
}

func millisOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func writeAgent(tx *sql.Tx, agents *sql.Stmt, e ledger.Event) error {
	var err error
	switch f := e.Fact.(type) {
	case ledger.AgentChanged:
		_, err = agents.Exec(f.Agent, f.To, f.Reason, e.Seq)
	case ledger.NextStateSet:
		_, err = tx.Exec(`UPDATE agents SET next=?2, next_reason=?3, seq=?4 WHERE agent=?1`, f.Agent, f.To, f.Reason, e.Seq)
	}
	if err != nil {
		return fmt.Errorf("write agent state: %w", err)
	}
	return nil
}

// An Agent is what an agent was at the newest event about the agent.
type Agent struct {
	ID         string
	State      ledger.AgentState
	Reason     string
	Next       ledger.AgentState // asked for during a call, or before the phone went away; "" if nothing was
	NextReason string
}

// Agents returns what every agent was, ordered by id.
func (s *Store) Agents(ctx context.Context) ([]Agent, error) {
	return query(ctx, s, func(rows *sql.Rows) (a Agent, err error) {
		return a, rows.Scan(&a.ID, &a.State, &a.Reason, &a.Next, &a.NextReason)
	}, `SELECT agent, state, reason, next, next_reason FROM agents ORDER BY agent`)
}

// Last returns the newest event; its number is 0 if the ledger is empty.
func (s *Store) Last(ctx context.Context) (ledger.Event, error) {
	list, err := s.events(ctx, `ORDER BY seq DESC LIMIT 1`)
	if err != nil || len(list) == 0 {
		return ledger.Event{}, err
	}
	return list[0], nil
}

// Starts returns when the program was started, cleanly or not, from a time on.
func (s *Store) Starts(ctx context.Context, from time.Time) (list []time.Time, err error) {
	events, err := s.events(ctx, `WHERE at >= ? AND kind IN ('started', 'restarted')`, from.UnixMilli())
	for _, e := range events {
		list = append(list, e.At)
	}
	return list, err
}

// Events returns at most limit events after the one with the given number.
func (s *Store) Events(ctx context.Context, after uint64, limit int) ([]ledger.Event, error) {
	return s.events(ctx, `WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit)
}

// EventsOf returns the events of one call.
func (s *Store) EventsOf(ctx context.Context, call string) ([]ledger.Event, error) {
	return s.events(ctx, `WHERE call = ? ORDER BY seq`, call)
}

func (s *Store) events(ctx context.Context, where string, args ...any) ([]ledger.Event, error) {
	return query(ctx, s, func(rows *sql.Rows) (e ledger.Event, err error) {
		var at int64
		var kind string
		var fact []byte
		if err := rows.Scan(&e.Seq, &at, &e.Age, &e.Journey, &e.Call, &kind, &fact); err != nil {
			return e, err
		}
		e.At = time.UnixMilli(at).UTC()
		e.Fact, err = ledger.DecodeFact(kind, fact)
		return e, err
	}, `SELECT seq, at, age, journey, call, kind, fact FROM events `+where, args...)
}

// OpenCalls returns the calls that are up, or were when the program was killed.
func (s *Store) OpenCalls(ctx context.Context) ([]*store.Record, error) {
	calls, err := query(ctx, s, func(rows *sql.Rows) (call string, err error) { return call, rows.Scan(&call) },
		`SELECT call FROM calls WHERE ended_at IS NULL ORDER BY arrived_at, call`)
	if err != nil {
		return nil, err
	}
	list := make([]*store.Record, 0, len(calls))
	for _, call := range calls {
		events, err := s.EventsOf(ctx, call)
		if err != nil {
			return nil, err
		}
		r := new(store.Record)
		for _, e := range events {
			r.Add(e)
		}
		list = append(list, r)
	}
	return list, nil
}

func query[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := s.read.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read store: %w", err)
		}
		list = append(list, v)
	}
	return list, rows.Err()
}
