// Package sip is the telephone's wire: it answers and places calls over UDP
// and TCP, knows which device is registered under which account, and tells
// callers of our trunks from strangers. It knows nothing of media: a body is
// bytes.
//
// The parser, the sockets' readers and the raw transactions (RFC 3261 section
// 17) are sipgo's; everything above is built here:
//
//	        datagrams, streams
//	               |
//	   guard: known or new? too fast? garbage?          guard.go streams.go
//	          put right, or refused as unreadable       mend.go
//	               |
//	   sipgo: parser, transactions
//	               |
//	   order: one line per Call-ID, as on the wire      order.go waiting.go
//	               |
//	   Stack.route: whole? whose? in which dialog?      stack.go validate.go auth.go trunk.go
//	      |              |                 |
//	  registrar      new [Leg]      mailbox of a [Leg]
//	registrar.go     leg.go         one owner each, owner.go: state.go and exchange.go decide,
//	                                answer.go and dial.go do
//
// A [Leg] is one dialog, whichever side began it. Its methods never block and
// may be called from any goroutine, its [Sink] included; what becomes of them
// arrives at the Sink as an [Event], in order, [Ended] last and once.
//
// Who is who: a request inside a dialog is known by the dialog's tags and its
// peer's address; an account's device that has moved proves itself by a digest.
// Where our own requests go is for hop.go to say. Outside of one, what a trunk
// sends is that trunk's, whatever its From says, and everybody else must answer a
// digest challenge. Only where phones share a trunk's addresses ([Trunk.Phones]) a
// REGISTER, and a request whose From is one of our accounts, is challenged there
// as well. A stranger sees the same answers whether or not the account that he
// names exists.
package sip
