package sip

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	wire "github.com/emiago/sipgo/sip"
)

// allowed is what we serve, as the value of an Allow header.
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REGISTER"

// textLimit is the longest text, in bytes, that we take over from a message
// into an event.
const textLimit = 128

var reasonPhrases = map[int]string{
	100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK",
	400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	408: "Request Timeout", 415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
	423: "Interval Too Brief", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
	482: "Loop Detected", 486: "Busy Here", 487: "Request Terminated",
	488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented",
	503: "Service Unavailable", 505: "Version Not Supported", 600: "Busy Everywhere", 603: "Decline",
}

func reasonPhrase(code int) string {
	if p, ok := reasonPhrases[code]; ok {
		return p
	}
	return "Unspecified"
}

// A Header is one more header of an outgoing request.
type Header struct{ Name, Value string }

// errHeader is returned for a header that would break a message apart.
var errHeader = errors.New("header with a line break or a malformed name")

// newHeader builds a header from parts that may come from anywhere. sipgo
// writes a value as it is, line breaks included: this is the one door through
// which text of ours or of a peer goes into a header.
func newHeader(name, value string) (wire.Header, error) {
	if name == "" || !cleanToken(name) || !cleanText(value) {
		return nil, fmt.Errorf("%w: %q", errHeader, name)
	}
	return wire.NewHeader(name, value), nil
}

// scrubbedHeader builds a header of a well-formed name and drops what a value
// must not hold.
func scrubbedHeader(name, value string) wire.Header { return wire.NewHeader(name, scrub(value)) }

// cleanText reports whether s may stand in a header: UTF-8 without control
// characters.
func cleanText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) })
}

// cleanToken reports whether s is made of token characters only (RFC 3261
// section 25.1).
func cleanToken(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r > 127 || !isAlphanumeric(byte(r)) && !strings.ContainsRune("-.!%*_+`'~", r)
	})
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// scrub drops control characters and broken UTF-8 from s and cuts it at
// textLimit bytes.
func scrub(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	for len(s) > textLimit {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// quoted escapes a display name for a quoted string; sipgo adds the quotes
// but does not escape.
func quoted(display string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(scrub(display))
}

// unquoted undoes the escapes of a quoted string and scrubs it.
func unquoted(display string) string {
	var b strings.Builder
	escaped := false
	for _, r := range display {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		escaped = false
		b.WriteRune(r)
	}
	return scrub(b.String())
}

// userPart returns the user of a URI: the number of a tel URI, or what stands
// before the @ without its parameters and escapes.
func userPart(u *wire.Uri) string {
	user := u.User
	if u.Scheme == "tel" {
		user = u.Raw()
	}
	user, _, _ = strings.Cut(user, ";")
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	return scrub(user)
}

// escapedUser is the inverse of userPart (RFC 3261 section 25.1, user).
func escapedUser(user string) string {
	var b strings.Builder
	for _, c := range []byte(user) {
		if isAlphanumeric(c) || strings.IndexByte("-_.!~*'()+", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// newTag returns an unguessable tag: whoever knows the tags of a dialog is
// taken for its peer.
func newTag() string { return strings.ToLower(rand.Text()) }

func newBranch() string { return wire.RFC3261BranchMagicCookie + strings.ToLower(rand.Text()) }

// statelessTag is the To-tag of an answer that we keep no memory of. A
// retransmission must meet the same one (RFC 3261 section 8.2.7).
func statelessTag(req *wire.Request) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(branchOf(req)))
	if id := req.CallID(); id != nil {
		_, _ = h.Write([]byte(id.Value()))
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

func branchOf(msg wire.Message) string {
	if via := msg.Via(); via != nil {
		branch, _ := via.Params.Get("branch")
		return branch
	}
	return ""
}

func tagOf(params wire.HeaderParams) string {
	tag, _ := params.Get("tag")
	return tag
}

// sourceOf returns the address that a message came from. Only a message that
// never crossed a socket has none.
func sourceOf(msg wire.Message) netip.AddrPort {
	source, err := netip.ParseAddrPort(msg.Source())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(source.Addr().Unmap(), source.Port())
}

// newResponse answers req. tag is put into a To that has none, except in a
// 100. Beside sipgo's own constructor it sets the tag that we want without
// rolling another first (hazard H14), and tells received whenever the sender's
// address is not the one in its Via (RFC 3261 section 18.2.1).
func newResponse(req *wire.Request, code int, reason, tag string) *wire.Response {
	if reason == "" {
		reason = reasonPhrase(code)
	}
	res := wire.NewResponse(code, scrub(reason))
	wire.CopyHeaders("Via", req, res)
	if req.IsInvite() && code > 100 && code < 300 {
		wire.CopyHeaders("Record-Route", req, res)
	}
	wire.CopyHeaders("From", req, res)
	wire.CopyHeaders("To", req, res)
	wire.CopyHeaders("Call-ID", req, res)
	wire.CopyHeaders("CSeq", req, res)
	if to := res.To(); to != nil && code > 100 && tagOf(to.Params) == "" {
		to.Params.Add("tag", tag)
	}
	res.SetTransport(req.Transport())
	res.SetDestination(req.Source())
	if via, source := res.Via(), sourceOf(req); via != nil && source.IsValid() {
		port := via.Port
		if rport, ok := via.Params.Get("rport"); ok && rport == "" {
			port = int(source.Port())
			via.Params.Add("rport", strconv.Itoa(port))
		}
		if port == 0 {
			port = wire.DefaultPort(req.Transport())
		}
		if host := source.Addr().String(); via.Host != host {
			via.Params.Add("received", host)
		}
		if !wire.IsReliable(req.Transport()) {
			res.SetDestination(net.JoinHostPort(source.Addr().String(), strconv.Itoa(port)))
		}
	}
	res.SetBody(nil)
	return res
}

// newParser is sipgo's parser, but for routes: it would drop the parameters that
// stand behind their brackets, which a proxy wants back.
func newParser() *wire.Parser {
	parsers := maps.Clone(wire.DefaultHeadersParser())
	delete(parsers, "record-route")
	delete(parsers, "route")
	return wire.NewParser(wire.WithHeadersParsers(parsers))
}

// addresses returns the values of all headers of a name whose values are
// addresses, which may hold commas in quotes or brackets.
func addresses(msg wire.Message, name string) []string {
	var all []string
	for _, h := range msg.GetHeaders(name) {
		value, start := h.Value(), 0
		isQuoted, isBracketed := false, false
		for i := 0; i <= len(value); i++ {
			switch {
			case i == len(value) || value[i] == ',' && !isQuoted && !isBracketed:
				if v := strings.TrimSpace(value[start:i]); v != "" {
					all = append(all, v)
				}
				start = i + 1
			case isQuoted && value[i] == '\\':
				i++
			case value[i] == '"' && !isBracketed:
				isQuoted = !isQuoted
			case value[i] == '<' || value[i] == '>':
				isBracketed = !isQuoted && value[i] == '<'
			}
		}
	}
	return all
}

// setBody gives a message a body of SDP.
func setBody(msg wire.Message, body []byte) {
	if len(body) > 0 {
		contentType := wire.ContentTypeHeader("application/sdp")
		msg.AppendHeader(&contentType)
	}
	msg.SetBody(body)
}

// reasonHeader is the Reason of a BYE or CANCEL (RFC 3326), nil if there is
// nothing to say. "answered elsewhere" gets the cause that keeps a phone from
// listing the call as missed.
func reasonHeader(text string) wire.Header {
	if text == "" {
		return nil
	}
	value := fmt.Sprintf(`SIP;text="%s"`, quoted(text))
	if text == AnsweredElsewhere {
		value = fmt.Sprintf(`SIP;cause=200;text="%s"`, text)
	}
	return scrubbedHeader("Reason", value)
}
