package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"cardline/call"
	"cardline/ledger"
)

// writeBarred keeps whose calls are refused.
func writeBarred(tx *sql.Tx, e ledger.Event) (err error) {
	switch f := e.Fact.(type) {
	case ledger.CallerBarred:
		_, err = tx.Exec(`INSERT INTO barred (pseudonym, at, until, who, reason) VALUES (?1,?2,?3,?4,?5)
			ON CONFLICT DO UPDATE SET at=?2, until=?3, who=?4, reason=?5`, f.Pseudonym, e.At.UnixMilli(), millisOrNull(f.Until), f.Who, f.Reason)
	case ledger.CallerUnbarred:
		_, err = tx.Exec(`DELETE FROM barred WHERE pseudonym=?`, f.Pseudonym)
	}
	if err != nil {
		return fmt.Errorf("write barred caller: %w", err)
	}
	return nil
}

// Barred returns the callers whose calls are refused at a time, the newest last.
func (s *Store) Barred(ctx context.Context, at time.Time) ([]call.Barred, error) {
	if s.write == nil && !s.hasPseudonyms() {
		return nil, nil
	}
	return query(ctx, s, func(rows *sql.Rows) (b call.Barred, err error) {
		var since int64
		var until sql.NullInt64
		err = rows.Scan(&b.Pseudonym, &since, &until, &b.Who, &b.Reason)
		b.Since = time.UnixMilli(since).UTC()
		if until.Valid {
			b.Until = time.UnixMilli(until.Int64).UTC()
		}
		return b, err
	}, `SELECT pseudonym, at, until, who, reason FROM barred WHERE until IS NULL OR until > ? ORDER BY at, pseudonym`, at.UnixMilli())
}

// Tried returns what callers have done, of that which is capped, in the calls that
// have arrived since a time.
func (s *Store) Tried(ctx context.Context, since time.Time) ([]call.Tried, error) {
	return query(ctx, s, func(rows *sql.Rows) (t call.Tried, err error) {
		var counts []byte
		if err := rows.Scan(&t.Pseudonym, &t.Trunk, &counts); err != nil {
			return t, err
		}
		return t, json.Unmarshal(counts, &t.Counts)
	}, `SELECT pseudonym, coalesce(json_extract(record, '$.trunk'), ''), json_extract(record, '$.tried') FROM calls
		WHERE arrived_at >= ? AND json_extract(record, '$.tried') IS NOT NULL`, since.UnixMilli())
}
