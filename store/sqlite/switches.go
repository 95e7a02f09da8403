package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"cardline/call"
	"cardline/ledger"
)

// The kinds of what is switched.
const (
	kindQueue = "queue"
	kindLine  = "line"
)

// writeSwitch keeps what was switched by hand.
func writeSwitch(tx *sql.Tx, e ledger.Event) error {
	switch f := e.Fact.(type) {
	case ledger.QueueSwitched:
		return keepSwitch(tx, kindQueue, call.Switched{Queue: f.Queue, Mode: f.To, Until: f.Until, Who: f.Who, Why: f.Reason})
	case ledger.LineSwitched:
		return keepSwitch(tx, kindLine, call.Switched{Line: f.Line, Mode: f.To, Until: f.Until, Who: f.Who, Why: f.Reason})
	}
	return nil
}

func keepSwitch(tx *sql.Tx, kind string, s call.Switched) (err error) {
	if name := s.Queue + s.Line; s.Mode == "" {
		_, err = tx.Exec(`DELETE FROM switches WHERE kind=? AND name=?`, kind, name)
	} else {
		_, err = tx.Exec(`INSERT INTO switches (kind, name, mode, until, who, why) VALUES (?1,?2,?3,?4,?5,?6)
			ON CONFLICT DO UPDATE SET mode=?3, until=?4, who=?5, why=?6`, kind, name, s.Mode, millisOrNull(s.Until), s.Who, s.Why)
	}
	if err != nil {
		return fmt.Errorf("write switch: %w", err)
	}
	return nil
}

// Switches returns what was switched by hand and is in force at a time, queues
// after lines.
func (s *Store) Switches(ctx context.Context, at time.Time) ([]call.Switched, error) {
	return query(ctx, s, func(rows *sql.Rows) (w call.Switched, err error) {
		var kind, name string
		var until sql.NullInt64
		if err := rows.Scan(&kind, &name, &w.Mode, &until, &w.Who, &w.Why); err != nil {
			return w, err
		}
		if until.Valid {
			w.Until = time.UnixMilli(until.Int64).UTC()
		}
		if kind == kindQueue {
			w.Queue = name
		} else {
			w.Line = name
		}
		return w, nil
	}, `SELECT kind, name, mode, until, who, why FROM switches WHERE until IS NULL OR until > ? ORDER BY kind, name`, at.UnixMilli())
}
