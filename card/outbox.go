package card

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the database driver
)

// An Outbox keeps requests that the host could not take, on disk, and delivers
// each exactly once: it asks again with the same [Request] until the host
// answers, and the host's idempotency does the rest.
type Outbox struct {
	db   *sql.DB
	wake chan struct{}
	done chan struct{}
	stop context.CancelFunc
	once sync.Once
}

const outboxSchema = `CREATE TABLE IF NOT EXISTS outbox (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	call      TEXT NOT NULL,
	operation TEXT NOT NULL,
	action    TEXT NOT NULL,      -- activate or report_loss
	token     TEXT NOT NULL,
	kind      TEXT NOT NULL,      -- of a loss report
	at        INTEGER NOT NULL,   -- Unix milliseconds
	done_at   INTEGER,
	result    TEXT NOT NULL DEFAULT '',
	UNIQUE (call, operation)
) STRICT`

// Waits between deliveries while the host does not answer.
const (
	outboxFirstWait = time.Second
	outboxLastWait  = time.Minute
)

// OpenOutbox opens the outbox in the file, making it if need be, and starts
// delivering to the host. limit is the time that the host has for an answer.
func OpenOutbox(file string, host Host, limit time.Duration) (*Outbox, error) {
	db, err := sql.Open("sqlite", file+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(outboxSchema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open outbox %s: %w", file, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	o := &Outbox{db: db, wake: make(chan struct{}, 1), done: make(chan struct{}), stop: stop}
	go o.deliver(ctx, host, limit)
	return o, nil
}

// Close stops delivering; what is left is delivered after the next start.
func (o *Outbox) Close() error {
	var err error
	o.once.Do(func() {
		o.stop()
		<-o.done
		err = o.db.Close()
	})
	return err
}

// add keeps a request and returns its number. The request is on disk before
// add returns; adding it again returns the same number.
func (o *Outbox) add(ctx context.Context, r Request, action, token string, kind LossKind) (int64, error) {
	var id int64
	err := o.db.QueryRowContext(ctx, `INSERT INTO outbox (call, operation, action, token, kind, at) VALUES (?,?,?,?,?,?)
		ON CONFLICT DO UPDATE SET at=at RETURNING id`, r.Call, r.Operation, action, token, kind, time.Now().UnixMilli()).Scan(&id)
	select {
	case o.wake <- struct{}{}:
	default: // it is awake already
	}
	return id, err
}

// Waiting returns the number of requests that the host has not taken yet.
func (o *Outbox) Waiting(ctx context.Context) (n int, err error) {
	err = o.db.QueryRowContext(ctx, `SELECT count(*) FROM outbox WHERE done_at IS NULL`).Scan(&n)
	return n, err
}

// deliver is the outbox's goroutine: it offers what is waiting, oldest first,
// and waits longer after each time that the host did not answer.
func (o *Outbox) deliver(ctx context.Context, host Host, limit time.Duration) {
	defer close(o.done)
	wait := outboxFirstWait
	timer := time.NewTimer(0) // what an earlier run left behind
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		case <-timer.C:
		}
		more, err := o.deliverOldest(ctx, host, limit)
		switch {
		case err != nil:
			timer.Reset(wait)
			wait = min(2*wait, outboxLastWait)
		case more:
			timer.Reset(0)
			wait = outboxFirstWait
		}
	}
}

// deliverOldest delivers one request; more is false if there was none.
func (o *Outbox) deliverOldest(ctx context.Context, host Host, limit time.Duration) (more bool, err error) {
	var id int64
	var r Request
	var action, token string
	var kind LossKind
	err = o.db.QueryRowContext(ctx, `SELECT id, call, operation, action, token, kind FROM outbox WHERE done_at IS NULL ORDER BY id LIMIT 1`).
		Scan(&id, &r.Call, &r.Operation, &action, &token, &kind)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if action == "activate" {
		_, err = host.Activate(asking, r, token)
	} else {
		_, err = host.ReportLoss(asking, r, token, kind)
	}
	result := "ok"
	if no, refused := errors.AsType[Refusal](err); refused {
		result = string(no)
	} else if err != nil {
		return false, err
	}
	_, err = o.db.ExecContext(ctx, `UPDATE outbox SET done_at=?, result=? WHERE id=?`, time.Now().UnixMilli(), result, id)
	return true, err
}
