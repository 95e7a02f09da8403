package outbox

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // the database driver
)

// file is the outbox on disk.
type file struct{ db *sql.DB }

//go:embed schema.sql
var schema string

//go:embed upgrade.sql
var upgrade string

// keepDone is how long what is done is remembered.
const keepDone = 7 * 24 * time.Hour

// openFile opens a file of any version.
func openFile(name string) (*file, error) {
	db, err := sql.Open("sqlite", name+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(5000)&_pragma=secure_delete(1)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	db.SetMaxOpenConns(1)
	f := &file{db}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open outbox %s: %w", name, err), db.Close())
	}
	return f, nil
}

// prepare makes the table, and takes over what an earlier version has kept.
func (f *file) prepare() error {
	tx, err := f.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	if _, err := tx.Exec(schema); err != nil {
		return err
	}
	var old int
	if err := tx.QueryRow(`SELECT count(*) FROM sqlite_schema WHERE name = 'outbox'`).Scan(&old); err != nil {
		return err
	}
	if old > 0 {
		if _, err := tx.Exec(upgrade); err != nil {
			return fmt.Errorf("take over the outbox of an earlier version: %w", err)
		}
	}
	return tx.Commit()
}

func (f *file) close() error { return f.db.Close() }

// add keeps an item; added is false if it was there.
func (f *file) add(ctx context.Context, i Item) (id int64, added bool, err error) {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, false, fmt.Errorf("add to outbox: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	switch err = tx.QueryRow(`SELECT id FROM items WHERE kind = ? AND key = ?`, i.Kind, i.Key).Scan(&id); {
	case err == nil:
		return id, false, nil
	case !errors.Is(err, sql.ErrNoRows):
		return 0, false, fmt.Errorf("add to outbox: %w", err)
	}
	err = tx.QueryRow(`INSERT INTO items (kind, key, order_key, call, payload, added_at, next_at) VALUES (?,?,?,?,?,?,?) RETURNING id`,
		i.Kind, i.Key, i.Order, i.Call, i.Payload, i.Added.UnixMilli(), i.Next.UnixMilli()).Scan(&id)
	if err = errors.Join(err, tx.Commit()); err != nil {
		return 0, false, fmt.Errorf("add to outbox: %w", err)
	}
	return id, true, nil
}

// columns are what scan reads.
const columns = `id, kind, key, order_key, call, payload, added_at, attempts, next_at, refusal, refused_at`

func scan(row interface{ Scan(...any) error }) (i Item, err error) {
	var added, next int64
	var refused sql.NullInt64
	err = row.Scan(&i.ID, &i.Kind, &i.Key, &i.Order, &i.Call, &i.Payload, &added, &i.Attempts, &next, &i.Refusal, &refused)
	i.Added, i.Next = time.UnixMilli(added).UTC(), time.UnixMilli(next).UTC()
	if refused.Valid {
		i.Refused = time.UnixMilli(refused.Int64).UTC()
	}
	return i, err
}

// list returns what is not done, the oldest first.
func (f *file) list(ctx context.Context) (list []Item, err error) {
	rows, err := f.db.QueryContext(ctx, `SELECT `+columns+` FROM items WHERE done_at IS NULL ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		i, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		list = append(list, i)
	}
	return list, rows.Err()
}

// end writes that an item was taken or refused, and forgets what has long been
// done.
func (f *file) end(i Item) error {
	now := time.Now()
	if i.Refusal != "" {
		_, err := f.db.Exec(`UPDATE items SET attempts=?, refusal=?, refused_at=? WHERE id=?`, i.Attempts, i.Refusal, i.Refused.UnixMilli(), i.ID)
		return err
	}
	_, err := f.db.Exec(`UPDATE items SET done_at=?, attempts=?, result='ok', payload=x'' WHERE id=?`, now.UnixMilli(), i.Attempts, i.ID)
	if err != nil {
		return err
	}
	_, err = f.db.Exec(`DELETE FROM items WHERE done_at < ?`, now.Add(-keepDone).UnixMilli())
	return err
}

func (f *file) postpone(i Item) error {
	_, err := f.db.Exec(`UPDATE items SET attempts=?, next_at=? WHERE id=?`, i.Attempts, i.Next.UnixMilli(), i.ID)
	return err
}

// settle lets a refused item be tried again, or makes it done. Of several who settle
// one item the first does, and the others get [ErrUnknown].
func (f *file) settle(ctx context.Context, id int64, again bool) (Item, error) {
	set := `done_at=?1, result='settled', payload=x''`
	if again {
		set = `refusal='', refused_at=NULL, next_at=?1`
	}
	i, err := scan(f.db.QueryRowContext(ctx, `UPDATE items SET `+set+` WHERE id=?2 AND refusal<>'' AND done_at IS NULL RETURNING `+columns,
		time.Now().UnixMilli(), id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return i, ErrUnknown
	case err != nil:
		return i, fmt.Errorf("settle item %d of the outbox: %w", id, err)
	}
	return i, nil
}

// Read lists what is pending or refused in the outbox of a program that runs, or
// of one that does not, and changes nothing in it.
func Read(ctx context.Context, name string) ([]Item, error) {
	if _, err := os.Stat(name); err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	dsn := "file:" + (&url.URL{Path: name}).EscapedPath() + "?mode=ro&_pragma=busy_timeout(5000)"
	if _, err := os.Stat(name + "-wal"); errors.Is(err, os.ErrNotExist) {
		dsn += "&immutable=1" // nobody writes; the directory may not even be ours to write in
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	defer db.Close()
	return (&file{db}).list(ctx)
}
