package sip

import (
	"slices"
	"strings"

	wire "github.com/emiago/sipgo/sip"
)

// asserted returns the caller's number as far as the trunk vouches for it. A
// carrier that keeps to RFC 3325 names it in P-Asserted-Identity, once as a SIP
// URI and perhaps once more as a telephone's; Privacy: id withholds it from the
// called, whom we are.
func asserted(r *wire.Request, t *Trunk) string {
	if t == nil {
		return ""
	}
	if h := r.GetHeader("Privacy"); h != nil && slices.Contains(strings.Split(strings.ToLower(h.Value()), ";"), "id") {
		return ""
	}
	number := userPart(&r.From().Address)
	for _, h := range r.GetHeaders("P-Asserted-Identity") {
		value := h.Value()
		if at := strings.Index(strings.ToLower(value), "tel:"); at >= 0 {
			number = value[at+len("tel:"):]
			break
		}
		var uri wire.Uri
		params := wire.NewParams()
		if _, err := wire.ParseAddressValue(value, &uri, &params); err == nil && uri.User != "" {
			number = uri.User
			break
		}
	}
	return dialable(number)
}

// dialable returns the number that a text begins with, without the signs that
// people put between digits, "" if there is none.
func dialable(text string) string {
	var number strings.Builder
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9', c == '+' && i == 0:
			number.WriteRune(c)
		case c == '-' || c == '.' || c == '(' || c == ')':
		case c == '>' || c == ';' || c == ',':
			return number.String()
		default:
			return ""
		}
	}
	return number.String()
}
