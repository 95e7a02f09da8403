package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"math"
	"strings"

	"cardline/store"
)

// Record returns the record of a call; ok is false if there is none.
func (s *Store) Record(ctx context.Context, call string) (r store.Record, ok bool, err error) {
	list, err := s.records(ctx, `WHERE call = ?`, call)
	if err != nil || len(list) == 0 {
		return r, false, err
	}
	return list[0], true, nil
}

// RecordsOf returns the records of the calls of one journey, in the order of
// their arrival.
func (s *Store) RecordsOf(ctx context.Context, journey string) ([]store.Record, error) {
	return s.records(ctx, `WHERE journey = ? AND journey <> '' ORDER BY arrived_at, call`, journey)
}

// atOnce is how many records are read at one time: whoever takes long over them
// holds neither much memory nor the file.
const atOnce = 250

// Records returns the records that a query asks for. They are read as they are
// taken, so that a list of any length needs little memory; calls that arrive
// meanwhile may be among them. An error is the last that comes; it is
// [store.ErrUnknownCall] if there is no record of q.After.
func (s *Store) Records(ctx context.Context, q store.Query) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		at := place{arrived: math.MinInt64}
		where := `arrived_at >= ? AND arrived_at < ? AND (arrived_at, call) > (?, ?) ORDER BY arrived_at, call LIMIT ?`
		if q.Newest {
			at.arrived = math.MaxInt64
			where = `arrived_at >= ? AND arrived_at < ? AND (arrived_at, call) < (?, ?) ORDER BY arrived_at DESC, call DESC LIMIT ?`
		}
		if q.After != "" {
			r, ok, err := s.Record(ctx, q.After)
			if err == nil && !ok {
				err = store.ErrUnknownCall
			}
			if err != nil {
				yield(store.Record{}, err)
				return
			}
			at = placeOf(&r)
		}
		of, callers := s.ofCallers(q.Pseudonyms)
		from, to := int64(math.MinInt64), int64(math.MaxInt64)
		if !q.From.IsZero() {
			from = q.From.UnixMilli()
		}
		if !q.To.IsZero() {
			to = q.To.UnixMilli()
		}
		for {
			list, err := s.records(ctx, of+where, append(callers, from, to, at.arrived, at.call, atOnce)...)
			if err != nil {
				yield(store.Record{}, err)
				return
			}
			for i := range list {
				if q.Matches(&list[i]) && !yield(list[i], nil) {
					return
				}
			}
			if len(list) < atOnce {
				return
			}
			at = placeOf(&list[len(list)-1])
		}
	}
}

// ofCallers narrows a question to the calls of a caller, if there is one. A file of
// an earlier version, which can only be read, has no pseudonyms to look for.
func (s *Store) ofCallers(pseudonyms []string) (where string, args []any) {
	if len(pseudonyms) == 0 || s.write == nil && !s.hasPseudonyms() {
		return "WHERE ", nil
	}
	for _, p := range pseudonyms {
		args = append(args, p)
	}
	return "WHERE pseudonym IN (?" + strings.Repeat(",?", len(pseudonyms)-1) + ") AND pseudonym <> '' AND ", args
}

func (s *Store) hasPseudonyms() bool {
	var is int
	err := s.read.QueryRow(`PRAGMA user_version`).Scan(&is)
	return err == nil && is >= 2
}

// place is where a record stands in the order of arrival.
type place struct {
	arrived int64 // Unix milliseconds
	call    string
}

func placeOf(r *store.Record) place { return place{r.ArrivedAt.UnixMilli(), r.Call} }

func (s *Store) records(ctx context.Context, where string, args ...any) ([]store.Record, error) {
	return query(ctx, s, func(rows *sql.Rows) (r store.Record, err error) {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return r, err
		}
		return r, json.Unmarshal(data, &r)
	}, `SELECT record FROM calls `+where, args...)
}
