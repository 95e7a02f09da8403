package sqlite

import (
	"database/sql"
	_ "embed"
	"fmt"
)

//go:embed schema.sql
var schema string

// version is the number of the schema, and upgrades lead to it: the first from
// version 1 to 2, and so on. What has no number is empty.
const version = 2

var upgrades = []string{
	`ALTER TABLE calls ADD COLUMN pseudonym TEXT NOT NULL DEFAULT ''`,
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
	if is > 0 {
		for i, step := range upgrades[is-1:] {
			if _, err := tx.Exec(step); err != nil {
				return fmt.Errorf("upgrade to schema %d: %w", is+i+1, err)
			}
		}
	}
	if _, err := tx.Exec(fmt.Sprintf("%s; PRAGMA user_version=%d", schema, version)); err != nil {
		return err
	}
	return tx.Commit()
}
