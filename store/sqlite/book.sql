-- Callbacks that are open. A row goes when the customer is reached, or the matter is
-- over.
CREATE TABLE IF NOT EXISTS callbacks (
	id        TEXT PRIMARY KEY,       -- the callback's call
	number    TEXT NOT NULL UNIQUE,   -- the customer's, and nowhere else
	requested INTEGER NOT NULL,       -- Unix milliseconds
	callback  TEXT NOT NULL           -- JSON
) STRICT;

-- How many callbacks were promised on a day; of the newest one only.
CREATE TABLE IF NOT EXISTS callback_days (
	day      TEXT NOT NULL,           -- such as 2026-10-01, where the bank is
	caller   TEXT NOT NULL,           -- a pseudonym; empty: all together
	promised INTEGER NOT NULL,
	PRIMARY KEY (day, caller)
) STRICT;
