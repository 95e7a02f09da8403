package sip

import (
	"strings"

	wire "github.com/emiago/sipgo/sip"
)

// cancelMethod is what the reader renames CANCEL to, before sipgo's
// transactions see it. They would answer it themselves, with a 487 that bears
// a tag of its own, and if the application answered the call in that moment
// they would repeat the 200 after the 487 (hazard H1). Under this name, which
// cannot come from the wire because the parser raises methods to upper case,
// a CANCEL is an ordinary request, and the leg's owner alone decides whether
// it or the answer was first.
const cancelMethod wire.RequestMethod = "cancel"

// A refusal is a final response to a request that is not served. The zero
// value means that it is served.
type refusal struct {
	code    int
	reason  string
	headers []wire.Header
}

// malformed checks what a request needs so that it can be answered and told
// apart at all (RFC 3261 sections 8.1.1 and 16.3). sipgo's parser lets much of
// it through: half of the broken messages of RFC 4475.
func malformed(req *wire.Request) refusal {
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		if req.GetHeader(name) == nil {
			return refusal{400, "Missing " + name, nil}
		}
	}
	if req.Via() == nil || req.From() == nil || req.To() == nil || req.CallID() == nil || req.CSeq() == nil {
		return refusal{400, "Malformed Header", nil}
	}
	for _, name := range []string{"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length"} {
		if len(req.GetHeaders(name)) > 1 {
			return refusal{400, "Repeated " + name, nil}
		}
	}
	via := req.Via()
	switch {
	case !strings.EqualFold(req.SipVersion, "SIP/2.0"):
		return refusal{code: 505}
	case via.ProtocolVersion != "2.0" || via.Host == "":
		return refusal{400, "Malformed Via", nil}
	case branchOf(req) == wire.RFC3261BranchMagicCookie:
		return refusal{400, "Malformed Branch", nil}
	case !strings.EqualFold(strings.TrimSpace(string(req.CSeq().MethodName)), string(methodOf(req))):
		return refusal{400, "CSeq Mismatch", nil}
	case int64(contentLength(req)) != int64(len(req.Body())):
		return refusal{400, "Content-Length Mismatch", nil}
	}
	return refusal{}
}

// contentLength is what the message claims, or what it has if it is silent.
func contentLength(req *wire.Request) int {
	if h := req.ContentLength(); h != nil {
		return int(*h)
	}
	return len(req.Body())
}

// malformedResponse reports whether a response can be matched to nothing.
func malformedResponse(res *wire.Response) bool {
	return res.Via() == nil || res.From() == nil || res.To() == nil || res.CallID() == nil || res.CSeq() == nil ||
		res.StatusCode < 100 || res.StatusCode > 699 || tagOf(res.From().Params) == ""
}

// methodOf is a request's method as the wire had it.
func methodOf(req *wire.Request) wire.RequestMethod {
	if req.Method == cancelMethod {
		return wire.CANCEL
	}
	return req.Method
}

// unserved checks a request of a peer that we talk with, in the order of RFC
// 3261 section 8.2: method, header fields, content.
func unserved(req *wire.Request) refusal {
	method := methodOf(req)
	switch method {
	case wire.INVITE, wire.ACK, wire.CANCEL, wire.BYE, wire.OPTIONS, wire.INFO, wire.REGISTER:
	case wire.SUBSCRIBE, wire.NOTIFY, wire.REFER, wire.MESSAGE, wire.PRACK, wire.UPDATE, wire.PUBLISH:
		return refusal{405, "", []wire.Header{wire.NewHeader("Allow", allowed)}}
	default:
		return refusal{501, "", []wire.Header{wire.NewHeader("Allow", allowed)}}
	}
	if scheme := req.Recipient.Scheme; scheme != "sip" {
		return refusal{code: 416} // sips too: there is no TLS here that would keep its promise
	}
	if hops := req.GetHeader("Max-Forwards"); hops != nil {
		// None left is nothing to an end point: it forwards no further (RFC 4475 section 3.3.11).
		if mf := req.MaxForwards(); mf == nil || mf.Val() > 255 {
			return refusal{400, "Malformed Max-Forwards", nil}
		}
	}
	if method == wire.ACK || method == wire.CANCEL {
		return refusal{}
	}
	if r := unknownExtensions(req, method); r.code != 0 {
		return r
	}
	return unknownContent(req, method)
}

// unreachable refuses an INVITE that begins a dialog in which its sender could not
// be reached: the caller would hang on after our BYE (section 8.1.1.8).
func unreachable(req *wire.Request) refusal {
	if _, ok := contactOf(req); !ok {
		if len(req.GetHeaders("Contact")) == 0 {
			return refusal{400, "Missing Contact", nil}
		}
		return refusal{400, "Malformed Contact", nil}
	}
	if _, ok := recordRoutes(req); !ok {
		return refusal{400, "Malformed Record-Route", nil}
	}
	return refusal{}
}

// unknownExtensions refuses a request that requires what we do not speak.
func unknownExtensions(req *wire.Request, method wire.RequestMethod) refusal {
	var unknown []string
	for _, tag := range listed(req, "Require") {
		if method != wire.REGISTER || !strings.EqualFold(tag, "path") {
			unknown = append(unknown, tag)
		}
	}
	if len(unknown) == 0 {
		return refusal{}
	}
	return refusal{420, "", []wire.Header{scrubbedHeader("Unsupported", strings.Join(unknown, ", "))}}
}

// listed returns the comma-separated values of all headers of a name.
func listed(msg wire.Message, name string) []string {
	var values []string
	for _, h := range msg.GetHeaders(name) {
		for _, v := range strings.Split(h.Value(), ",") {
			if v = strings.TrimSpace(v); v != "" {
				values = append(values, v)
			}
		}
	}
	return values
}
