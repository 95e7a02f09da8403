-- What is to be delivered, and what became of it. A row stays for a while when
-- it is done, so that the same key is never delivered twice.
CREATE TABLE IF NOT EXISTS items (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	kind       TEXT NOT NULL,
	key        TEXT NOT NULL,
	order_key  TEXT NOT NULL,             -- those of one are delivered one after the other
	call       TEXT NOT NULL,
	payload    BLOB NOT NULL,             -- empty when it is done
	added_at   INTEGER NOT NULL,          -- Unix milliseconds, as all times here
	attempts   INTEGER NOT NULL DEFAULT 0,
	next_at    INTEGER NOT NULL,          -- of the next attempt
	refusal    TEXT NOT NULL DEFAULT '',  -- the receiver's no; it waits for a person
	refused_at INTEGER,
	done_at    INTEGER,
	result     TEXT NOT NULL DEFAULT '',
	UNIQUE (kind, key)
) STRICT;
CREATE INDEX IF NOT EXISTS items_open ON items (id) WHERE done_at IS NULL;
CREATE INDEX IF NOT EXISTS items_done ON items (done_at) WHERE done_at IS NOT NULL;
