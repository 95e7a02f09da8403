package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"cardline/call"
)

// A Book is the file in which callbacks outlive the program. A customer's number is
// at rest here, until the customer is reached or the matter is over, and nowhere
// else: it is a file of its own, without a write-ahead log that would keep copies,
// what is deleted is overwritten, and after each end the file is made anew.
type Book struct{ db *sql.DB }

var _ call.Book = (*Book)(nil)

//go:embed book.sql
var bookSchema string

// OpenBook opens the file and makes its tables if need be.
func OpenBook(file string) (*Book, error) {
	made, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // SQLite would let others read it
	if err == nil {
		err = made.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open the book of callbacks: %w", err)
	}
	// Changes go by way of a journal, which is deleted with each commit; nothing of
	// it is in temporary files.
	b, err := openBook(file + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(delete)&_pragma=synchronous(extra)" +
		"&_pragma=secure_delete(1)&_pragma=temp_store(memory)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	if _, err := b.db.Exec(bookSchema + "; PRAGMA user_version=1"); err != nil {
		return nil, errors.Join(fmt.Errorf("open the book of callbacks %s: %w", file, err), b.Close())
	}
	return b, nil
}

// OpenBookForReading opens the file of a program that runs, or of one that does not,
// and changes nothing in it. Of the methods that write, none may be called.
func OpenBookForReading(file string) (*Book, error) {
	return openBook("file:" + (&url.URL{Path: file}).EscapedPath() + "?mode=ro&_pragma=busy_timeout(5000)")
}

func openBook(dsn string) (*Book, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open the book of callbacks: %w", err)
	}
	db.SetMaxOpenConns(1)
	return &Book{db}, nil
}

// Close closes the file.
func (b *Book) Close() error { return b.db.Close() }

// change does something in one transaction.
func (b *Book) change(what, id string, do func(*sql.Tx) error) error {
	tx, err := b.db.Begin()
	if err == nil {
		defer tx.Rollback() //nolint:errcheck // does nothing after Commit
		if err = do(tx); err == nil {
			err = tx.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("%s callback %s: %w", what, id, err)
	}
	return nil
}

// Promise implements [call.Book].
func (b *Book) Promise(c call.Callback, day string, callers []string) error {
	return b.change("promise", c.ID, func(tx *sql.Tx) error {
		err := keep(tx, c)
		for _, caller := range append([]string{""}, callers...) {
			err = errors.Join(err, count(tx, day, caller, 1))
		}
		if err == nil {
			_, err = tx.Exec(`DELETE FROM callback_days WHERE day < ?`, day)
		}
		return err
	})
}

func count(tx *sql.Tx, day, caller string, n int) error {
	_, err := tx.Exec(`INSERT INTO callback_days (day, caller, promised) VALUES (?1,?2,?3)
		ON CONFLICT DO UPDATE SET promised=promised+?3`, day, caller, n)
	return err
}

// Keep implements [call.Book]. Of each number there is one callback: a new one
// takes the place of the old in the same moment.
func (b *Book) Keep(c call.Callback) error {
	return b.change("keep", c.ID, func(tx *sql.Tx) error { return keep(tx, c) })
}

func keep(tx *sql.Tx, c call.Callback) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO callbacks (id, number, requested, callback) VALUES (?1,?2,?3,?4)
		ON CONFLICT DO UPDATE SET id=?1, number=?2, requested=?3, callback=?4`,
		c.ID, c.Number, c.Requested.UnixMilli(), string(data))
	return err
}

// Drop implements [call.Book]: the number is gone when it returns. Dropping what is
// not there does nothing.
func (b *Book) Drop(id string) error {
	err := b.change("drop", id, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM callbacks WHERE id = ?`, id)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := b.db.Exec(`VACUUM`); err != nil {
		return fmt.Errorf("make the book of callbacks anew: %w", err)
	}
	return nil
}

// Callbacks implements [call.Book].
func (b *Book) Callbacks() (list []call.Callback, err error) {
	rows, err := b.db.Query(`SELECT callback FROM callbacks ORDER BY requested, id`)
	if err != nil {
		return nil, fmt.Errorf("read the book of callbacks: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var data []byte
		var c call.Callback
		if err := errors.Join(rows.Scan(&data), json.Unmarshal(data, &c)); err != nil {
			return nil, fmt.Errorf("read the book of callbacks: %w", err)
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// Promised implements [call.Book].
func (b *Book) Promised(day string) (map[string]int, error) {
	rows, err := b.db.Query(`SELECT caller, promised FROM callback_days WHERE day = ?`, day)
	if err != nil {
		return nil, fmt.Errorf("read the callbacks of %s: %w", day, err)
	}
	defer rows.Close()
	promised := map[string]int{}
	for rows.Next() {
		var caller string
		var n int
		if err := rows.Scan(&caller, &n); err != nil {
			return nil, fmt.Errorf("read the callbacks of %s: %w", day, err)
		}
		promised[caller] = n
	}
	return promised, rows.Err()
}

// HandOver puts the callbacks that an earlier version has kept in the store's own
// file into the book, and erases them there. It must be called before the first
// event is written.
func (s *Store) HandOver(b *Book) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var tables int
	if err := s.write.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name IN ('callbacks', 'callback_days')`).Scan(&tables); err != nil {
		return fmt.Errorf("hand over callbacks: %w", err)
	}
	if tables == 0 {
		s.truncateLog(ctx) // the last time it may have been cut
		return nil
	}
	// Both are there, or the older of the versions had callbacks alone.
	if _, err := s.write.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS callback_days (day TEXT PRIMARY KEY, promised INTEGER NOT NULL) STRICT`); err != nil {
		return fmt.Errorf("hand over callbacks: %w", err)
	}
	kept, err := query(ctx, s, func(rows *sql.Rows) (c call.Callback, err error) {
		var data []byte
		return c, errors.Join(rows.Scan(&data), json.Unmarshal(data, &c))
	}, `SELECT callback FROM callbacks`)
	if err != nil {
		return err
	}
	days, err := query(ctx, s, func(rows *sql.Rows) (d struct {
		day string
		n   int
	}, err error,
	) {
		return d, rows.Scan(&d.day, &d.n)
	}, `SELECT day, promised FROM callback_days ORDER BY day DESC LIMIT 1`)
	if err != nil {
		return err
	}
	err = b.change("hand over", "to the book", func(tx *sql.Tx) (err error) {
		for _, c := range kept {
			err = errors.Join(err, keep(tx, c))
		}
		for _, d := range days {
			// A second time, if the first was cut, it is the same.
			_, counted := tx.Exec(`INSERT INTO callback_days (day, caller, promised) VALUES (?,'',?) ON CONFLICT DO NOTHING`, d.day, d.n)
			err = errors.Join(err, counted)
		}
		return err
	})
	if err != nil {
		return err
	}
	// What is dropped is overwritten, and its copies in the log go with the log.
	if _, err := s.write.ExecContext(ctx, `BEGIN; DROP TABLE callbacks; DROP TABLE callback_days; COMMIT`); err != nil {
		return fmt.Errorf("erase callbacks in the ledger's file: %w", err)
	}
	s.truncateLog(ctx)
	return nil
}

// truncateLog writes the write-ahead log into the file and empties it. If somebody
// else reads the file it goes when the store is closed.
func (s *Store) truncateLog(ctx context.Context) {
	var busy, pages, done int
	err := s.write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &done)
	if err != nil || busy != 0 {
		s.log.Warn().Err(err).Msg("the ledger's log is not emptied before the next stop")
	}
}
