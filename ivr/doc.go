// Package ivr runs the self-service dialogue with a caller: flows are data,
// checked when they are loaded, and a [Session] interprets them for one call.
//
//	flow files --> Flows --Compile--> Program --Start--> Session (one per call)
//	                         |                             ^        |
//	                      Problems                  Input  |        v  Action
//	                                              (a fact, past)  (an order)
//
// A session decides and does nothing itself. It reads no clock, starts no
// goroutine and touches no network: its owner hands it facts ([Input]) and
// carries out the actions that come back ([Action]). Each action that will be
// answered carries a number, and the answer carries it back; an answer to a
// question that is no longer open is ignored.
//
// # Flows
//
// A [Flow] is a set of named [Step]s. A step names the step that follows it;
// the reserved name "person" leads to the flow called "person" from anywhere.
// A flow may call another one and goes on when that one returns, and a flow
// that names a Service reports how the service ended.
//
// # Keys
//
// In menus and confirmations "0" is a person, "#" repeats, and "*" goes back or
// cancels. While digits are collected "0" is a digit and "*" does what the step
// says. Keys pressed before they are asked for are held by the media (type-ahead) and
// thrown away before a confirmation, before secure entry, after a mistake, and
// where a step says so. A hash that follows an entry already complete belongs
// to that entry and is swallowed.
//
// # Secrets
//
// Collected digits are card numbers, identity numbers and codes. They are kept
// in a [Secret], which prints as dots, are handed over to the card operation
// that needs them and are zeroed: at once when used, at the latest when the
// session ends. A PIN never comes here at all: see [EnterSecure].
package ivr
