-- The ledger. Everything else in this file is derived from it.
CREATE TABLE IF NOT EXISTS events (
	seq     INTEGER PRIMARY KEY,      -- gap-free
	at      INTEGER NOT NULL,         -- Unix milliseconds
	age     INTEGER NOT NULL,         -- milliseconds since the process began
	journey TEXT NOT NULL,
	call    TEXT NOT NULL,
	kind    TEXT NOT NULL,
	fact    TEXT NOT NULL             -- JSON
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_call ON events (call) WHERE call <> '';
CREATE INDEX IF NOT EXISTS events_starts ON events (at) WHERE kind IN ('started', 'restarted');

-- One row a call, made from its events; ended_at is NULL while it is up.
CREATE TABLE IF NOT EXISTS calls (
	call        TEXT PRIMARY KEY,
	journey     TEXT NOT NULL,
	line        TEXT NOT NULL,
	caller      TEXT NOT NULL,            -- last four digits
	pseudonym   TEXT NOT NULL DEFAULT '', -- of the number
	arrived_at  INTEGER NOT NULL,
	answered_at INTEGER,
	ended_at    INTEGER,
	reason      TEXT NOT NULL,
	outcome     TEXT NOT NULL,
	took_ms     INTEGER NOT NULL,
	waited_ms   INTEGER NOT NULL,
	talked_ms   INTEGER NOT NULL,
	record      TEXT NOT NULL         -- JSON, the whole record
) STRICT;
CREATE INDEX IF NOT EXISTS calls_by_arrival ON calls (arrived_at);
CREATE INDEX IF NOT EXISTS calls_by_journey ON calls (journey) WHERE journey <> '';
CREATE INDEX IF NOT EXISTS calls_by_caller ON calls (pseudonym, arrived_at) WHERE pseudonym <> '';
CREATE INDEX IF NOT EXISTS calls_open ON calls (call) WHERE ended_at IS NULL;

-- What each agent was at the newest event about the agent.
CREATE TABLE IF NOT EXISTS agents (
	agent  TEXT PRIMARY KEY,
	state  TEXT NOT NULL,
	reason TEXT NOT NULL,
	next   TEXT NOT NULL,             -- asked for during a call; empty if nothing was
	next_reason TEXT NOT NULL,
	seq    INTEGER NOT NULL
) STRICT;

-- What was switched by hand and not switched back; it may have ended by itself.
CREATE TABLE IF NOT EXISTS switches (
	kind  TEXT NOT NULL,              -- queue or line
	name  TEXT NOT NULL,
	mode  TEXT NOT NULL,
	until INTEGER,                    -- Unix milliseconds; NULL: until it is switched again
	who   TEXT NOT NULL,
	why   TEXT NOT NULL,
	PRIMARY KEY (kind, name)
) STRICT;

-- Callers whose calls are refused.
CREATE TABLE IF NOT EXISTS barred (
	pseudonym TEXT PRIMARY KEY,
	at        INTEGER NOT NULL,       -- Unix milliseconds
	until     INTEGER,                -- NULL: until it is taken back
	who       TEXT NOT NULL,
	reason    TEXT NOT NULL
) STRICT;
