package sip

import (
	"bytes"
	"slices"
	"strings"

	wire "github.com/emiago/sipgo/sip"
)

const sdpType = "application/sdp"

// keyTypes are the media types of the bodies by which devices tell of a key.
const keyTypes = "application/dtmf-relay, application/dtmf, audio/telephone-event, application/vnd.nortelnetworks.digits"

// session returns the session description that a message bears, nil if it has
// none or a body of another kind. Old stacks leave out the type of it.
func session(msg wire.Message) []byte {
	body := msg.Body()
	switch mediaType(msg) {
	case sdpType:
	case "":
		if !bytes.HasPrefix(body, []byte("v=")) {
			return nil
		}
	default:
		return nil
	}
	if isEncoded(msg) {
		return nil
	}
	return body
}

// unknownContent refuses a body that nobody here can read, unless its sender
// says that it may be ignored.
func unknownContent(req *wire.Request, method wire.RequestMethod) refusal {
	switch {
	case len(req.Body()) == 0 || isOptional(req):
		return refusal{}
	case isEncoded(req):
		return refusal{415, "", []wire.Header{wire.NewHeader("Accept-Encoding", "identity")}}
	case method == wire.INVITE && session(req) == nil:
		return unreadable(sdpType)
	case method == wire.INFO && mediaType(req) != "" && !slices.Contains(strings.Split(keyTypes, ", "), mediaType(req)):
		return unreadable(keyTypes)
	}
	return refusal{} // a body without a meaning is harmless
}

// unreadable refuses a body and says what could be read.
func unreadable(accept string) refusal {
	return refusal{415, "", []wire.Header{wire.NewHeader("Accept", accept)}}
}

// isOptional reports whether a body may be ignored by those who cannot read it
// (RFC 3261 section 20.11).
func isOptional(msg wire.Message) bool {
	for param := range strings.SplitSeq(firstValue(msg, "Content-Disposition"), ";") {
		name, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(name), "handling") {
			return strings.EqualFold(strings.Trim(value, `" `), "optional")
		}
	}
	return false
}

func isEncoded(msg wire.Message) bool {
	encoding := firstValue(msg, "Content-Encoding", "e")
	return encoding != "" && !strings.EqualFold(encoding, "identity")
}

// mediaType is the Content-Type without parameters, in lower case; empty if
// there is none.
func mediaType(msg wire.Message) string {
	t, _, _ := strings.Cut(firstValue(msg, "Content-Type", "c"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// firstValue returns the value of a message's first header of one of the names,
// empty if there is none.
func firstValue(msg wire.Message, names ...string) string {
	for _, name := range names {
		if all := msg.GetHeaders(name); len(all) > 0 {
			return all[0].Value()
		}
	}
	return ""
}
