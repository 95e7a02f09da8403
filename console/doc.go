// Package console is the hotline's one HTTP listener: health and metrics for
// machines, and a JSON API for the states of agents and the records of calls.
//
//	GET /healthz                    the process lives
//	GET /readyz                     it takes calls; 503 if not
//	GET /metrics                    for Prometheus
//	GET /api/status                 what runs, and how much
//	GET /api/agents                 what every agent does
//	GET /api/agents/{id}            what one agent does
//	PUT /api/agents/{id}/state      {"state":"ready","reason":"","expect":"not_ready"}
//	GET /api/calls?from=…&to=…      records of calls that arrived in [from, to)
//	GET /api/calls/{id}             one record
//	GET /debug/pprof/               profiles, on a loopback address only
//
// All but the first three need a token ("Authorization: Bearer …") from a file,
// and a role that may do it. A source that gives wrong tokens is soon not
// listened to for a while. Errors are problems as RFC 9457 has them.
package console
