package sqlite

import (
	"database/sql"
	_ "embed"
	"fmt"
)

//go:embed schema.sql
var schema string

// version is the number of the schema.
const version = 2

// added are the columns that tables of earlier versions lack. They are looked for, and
// not the number: an earlier version that was run in between has written its own.
var added = []struct{ table, column, definition string }{
	{"calls", "pseudonym", "TEXT NOT NULL DEFAULT ''"},
}

// upgrade brings a file of any version to this one. The number of the schema is
// written each time: a file that can only be read is found out now and not with the
// first call.
func upgrade(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	var is int
	if err := tx.QueryRow(`PRAGMA user_version`).Scan(&is); err != nil {
		return err
	}
	if is > version {
		return fmt.Errorf("it was written by a newer version of cardline: run that version, or take the data of before from the backup (schema %d, and this version knows %d)", is, version)
	}
	for _, a := range added {
		var columns, there int
		if err := tx.QueryRow(`SELECT count(*), count(*) FILTER (WHERE name = ?) FROM pragma_table_info(?)`, a.column, a.table).Scan(&columns, &there); err != nil {
			return err
		}
		if columns > 0 && there == 0 {
			if _, err := tx.Exec(fmt.Sprintf(`ALTER TABLE %s ADD COLUMN %s %s`, a.table, a.column, a.definition)); err != nil {
				return fmt.Errorf("upgrade from schema %d: %w", is, err)
			}
		}
	}
	if _, err := tx.Exec(fmt.Sprintf("%s; PRAGMA user_version=%d", schema, version)); err != nil {
		return err
	}
	return tx.Commit()
}
