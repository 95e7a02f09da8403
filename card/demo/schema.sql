-- The demo issuer's books. No card number, identity document, telephone
-- number, code or PIN is in them: keyed hashes, last four digits, and a salted
-- slow hash of the PIN.
CREATE TABLE IF NOT EXISTS cards (
	token        TEXT PRIMARY KEY,
	number_hash  BLOB NOT NULL UNIQUE,
	tail         TEXT NOT NULL,
	expiry_hash  BLOB NOT NULL,
	id_hash      BLOB NOT NULL,            -- of the whole document's number
	id_tail_hash BLOB NOT NULL,            -- of its last six characters
	phone_tail   TEXT NOT NULL,
	forbidden    BLOB NOT NULL,            -- keyed hashes of PINs that the holder's data would give away, 8 bytes each
	status       TEXT NOT NULL,            -- issued, active, frozen, stopped
	activated_at INTEGER,                  -- Unix milliseconds, as all times here
	pin_salt     BLOB,
	pin_hash     BLOB,
	pin_changes  INTEGER NOT NULL DEFAULT 0,
	amount       INTEGER NOT NULL,         -- fen
	minimum      INTEGER NOT NULL,
	due_day      INTEGER NOT NULL,
	tries_day    TEXT NOT NULL DEFAULT '', -- day to which tries and codes belong
	tries        INTEGER NOT NULL DEFAULT 0,
	codes        INTEGER NOT NULL DEFAULT 0,
	locked_until INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS cards_by_holder ON cards (id_hash);

-- What a call has proved about a card.
CREATE TABLE IF NOT EXISTS visits (
	call     TEXT NOT NULL,
	token    TEXT NOT NULL,
	verified INTEGER NOT NULL DEFAULT 0,
	coded    INTEGER NOT NULL DEFAULT 0,   -- a one-time code was right
	PRIMARY KEY (call, token)
) STRICT;

CREATE TABLE IF NOT EXISTS call_tries (
	call  TEXT PRIMARY KEY,
	tries INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS codes (
	call    TEXT NOT NULL,
	token   TEXT NOT NULL,
	service TEXT NOT NULL,
	hash    BLOB NOT NULL,
	sent_at INTEGER NOT NULL,
	sends   INTEGER NOT NULL,
	entries INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (call, token, service)
) STRICT;

-- Answers already given, so that a repeated request changes nothing.
CREATE TABLE IF NOT EXISTS answers (
	call      TEXT NOT NULL,
	operation TEXT NOT NULL,
	refusal   TEXT NOT NULL,
	value     TEXT NOT NULL,
	PRIMARY KEY (call, operation)
) STRICT;

CREATE TABLE IF NOT EXISTS losses (
	ref   INTEGER PRIMARY KEY AUTOINCREMENT,
	token TEXT NOT NULL,
	kind  TEXT NOT NULL,
	at    INTEGER NOT NULL
) STRICT;
