// Package call joins the rooms of the hotline: it answers what the signalling
// brings, lets the caller serve themselves by a flow, queues the caller, rings
// an agent, bridges the two, and records in the ledger what happened.
//
// A [Hotline] holds the live calls. Each call is owned by one goroutine with a
// bounded inbox; signalling, media, the card desk and the router send it facts
// and it alone decides. Every fact carries the number of the leg, offer or
// question that it answers, so that late ones die quietly.
//
//	          INVITE           ACK             queue step        answered
//	caller ──► arriving ──────► serving ──────► waiting ────────► talking ◄─► holding
//	                             │  ▲ │            ▲  │ left          │
//	                             │  │ └─ securing ─┘  └──────────────►│ transferred: waiting
//	                             │  └───── agent hung up ─────────────┘
//	                             ▼
//	                           ended     from every stage, once
//
// The router of package acd is a pure state machine; the dispatcher in this
// package is the goroutine that owns it.
package call
