// Package load is a rack of telephones: callers and agents who are a program.
// They speak real SIP and RTP with any server, and count what they meet with.
//
//	           +--------------------- Rack ---------------------+
//	           |  one sip.Stack            one media.Engine      |
//	           |     |                          |                |
//	Story ---->|  Caller: dials, presses, waits, listens, leaves |---> the server
//	Shift ---->|  Agent:  registers, *11, *12, answers, talks    |<--- under test
//	           +-------------------------------------------------+
//	                    Call, Work  ->  Figures
//
// Every telephone plays a tone and listens with an ear of its own: a caller has
// talked only if it has heard the tone of an agent, whatever the signalling
// said. [Load] makes calls at a rate and adds up what became of them in
// [Figures]; a [Rack] can also be used by hand, one [Story] a call.
//
// What the figures of a load equal in the ledger of a cardline hotline that
// nobody else has called meanwhile, if every script ends with "q" and leaves the
// time to get into the queue before it:
//
//	calls.established             call_answered
//	outcomes, all                 call_ended of these calls
//	left_self_service,
//	ended_self_service            call_ended with outcome contained, lost or error
//	left_waiting                  dequeued abandoned
//	ended_waiting                 dequeued timeout, no_agents, closed, overflow, error
//	talked                        dequeued answered = bridged = talk_ended
//	agents.offers                 offered but for phones that were not there
//	agents.answered               offer_ended accepted
//	agents.refused                offer_ended rejected
//	agents.ignored                offer_ended ignored
//	agents.caller_left            offer_ended caller_left
//	agents.talk_seconds           the sum of talk_ended.talked, but for the way of ACK and BYE
//
// What became of an offer to a phone that lost its power is for the server to
// find out: agents.cut_off is part of its ignored, unreachable or caller_left,
// and such a talk may be followed by another one of the same call.
//
// Prometheus counts the same: cardline_queue_exits_total by outcome,
// cardline_agent_offers_total by result, cardline_ivr_calls_total by outcome.
//
// The one thing that two ends of a line cannot know for certain is which came
// first when a caller hangs up in the moment in which an agent answers. The
// telephones of one rack avoid it: see [Caller].
package load
