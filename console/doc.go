// Package console is the hotline's one HTTP listener: health and metrics for
// machines, and a JSON API for agents, queues, those who wait, and the records of
// calls.
//
//	GET /healthz                    the process lives
//	GET /readyz                     it takes calls; 503 if not
//	GET /metrics                    for Prometheus
//	GET /api/status                 what runs, and how much
//	GET /api/agents                 what every agent does
//	GET /api/agents/{id}            what one agent does
//	PUT /api/agents/{id}/state      {"state":"ready","reason":"","expect":"not_ready"}
//	PUT /api/agents/{id}/wrap_up    {"extend":true}
//	PUT /api/agents/{id}/disposition {"code":"lost_card"}
//	GET /api/queues                 mode, who waits, who works, the estimate
//	PUT /api/queues/{name}/mode     {"mode":"emergency","for":"2h","reason":"…"}
//	GET /api/lines                  mode
//	PUT /api/lines/{name}/mode      as for queues
//	GET /api/entries?queue=…        who waits, in order
//	PUT /api/entries/{id}/head_start {"seconds":120,"reason":"…"}
//	GET /api/callbacks              who is to be called back
//	DELETE /api/callbacks/{call}    …?reason=…
//	GET /api/calls?from=…&to=…      records of calls that arrived in [from, to)
//	GET /api/calls/{id}             one record
//	GET /api/calls/{id}/why         how the call was routed, in words
//	GET /debug/pprof/               profiles, on a loopback address only
//
// All but the first three need a token ("Authorization: Bearer …") from a file,
// and a role that may do it. A source that gives wrong tokens is soon not
// listened to for a while. Errors are problems as RFC 9457 has them.
package console
