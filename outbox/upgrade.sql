-- The first version of the file had one table, of requests to the card host. The
-- numbers stay what they were: callers were told them.
INSERT INTO items (id, kind, key, order_key, call, payload, added_at, next_at, done_at, result)
	SELECT id, action, call || ' ' || operation, token, call,
		CASE WHEN done_at IS NULL
			THEN CAST(json_object('operation', operation, 'token', token, 'kind', kind) AS BLOB)
			ELSE x'' END,
		at, at, done_at, result
	FROM outbox WHERE true
	ON CONFLICT DO NOTHING;
DROP TABLE outbox;
