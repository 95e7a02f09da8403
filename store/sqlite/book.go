package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"cardline/call"
)

// The store is the book in which callbacks outlive the program. A customer's
// number is at rest here, until the customer is reached or the matter is over,
// and nowhere else.
var _ call.Book = (*Store)(nil)

// Promise implements [call.Book].
func (s *Store) Promise(c call.Callback, day string) error {
	tx, err := s.write.Begin()
	if err != nil {
		return fmt.Errorf("promise callback %s: %w", c.ID, err)
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	if err := keep(tx, c); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO callback_days (day, promised) VALUES (?1, 1) ON CONFLICT DO UPDATE SET promised=promised+1`, day); err != nil {
		return fmt.Errorf("count callback %s: %w", c.ID, err)
	}
	if _, err := tx.Exec(`DELETE FROM callback_days WHERE day < ?`, day); err != nil {
		return fmt.Errorf("count callback %s: %w", c.ID, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("promise callback %s: %w", c.ID, err)
	}
	return nil
}

// Keep implements [call.Book]. Of each number there is one callback: a new one
// takes the place of the old in the same moment.
func (s *Store) Keep(c call.Callback) error { return keep(s.write, c) }

// execer is a database or a transaction.
type execer interface {
	Exec(query string, args ...any) (sql.Result, error)
}

func keep(in execer, c call.Callback) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if _, err := in.Exec(`INSERT INTO callbacks (id, number, requested, callback) VALUES (?1,?2,?3,?4)
		ON CONFLICT DO UPDATE SET id=?1, number=?2, requested=?3, callback=?4`,
		c.ID, c.Number, c.Requested.UnixMilli(), string(data)); err != nil {
		return fmt.Errorf("keep callback %s: %w", c.ID, err)
	}
	return nil
}

// Drop implements [call.Book]. Dropping what is not there does nothing.
func (s *Store) Drop(id string) error {
	if _, err := s.write.Exec(`DELETE FROM callbacks WHERE id = ?`, id); err != nil {
		return fmt.Errorf("drop callback %s: %w", id, err)
	}
	return nil
}

// Callbacks implements [call.Book].
func (s *Store) Callbacks() ([]call.Callback, error) {
	return query(context.Background(), s, func(rows *sql.Rows) (c call.Callback, err error) {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return c, err
		}
		return c, json.Unmarshal(data, &c)
	}, `SELECT callback FROM callbacks ORDER BY requested, id`)
}

// Promised implements [call.Book].
func (s *Store) Promised(day string) (n int, err error) {
	err = s.write.QueryRow(`SELECT promised FROM callback_days WHERE day = ?`, day).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read the callbacks of %s: %w", day, err)
	}
	return n, nil
}
