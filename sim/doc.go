// Package sim simulates a hotline's days: it drives the very router that
// routes live calls, [acd.Router], with a clock of its own.
//
//	Scenario ──► events in order of time ──Command──► acd.Router
//	callers,       arrival, end of patience,   ◄──Effect──┘
//	shifts         answer, end of talk, break       │
//	                                                ▼
//	                                     counters ──► Result
//
// What callers and agents do is drawn when a caller arrives, from streams of
// chance that belong to one purpose each, so that two configurations meet the
// very same callers (common random numbers): only what routing makes of them
// differs.
//
// Who does not get through at once may find closed doors (hours.go), call again
// (redial.go), or be called back (callback.go); where that is not asked for,
// nothing of it happens.
//
// Nothing is kept of a caller who has left; memory does not grow with the
// number of calls.
package sim
