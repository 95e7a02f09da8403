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
	for _, h := range r.GetHeaders("Privacy") {
		values := strings.FieldsFunc(strings.ToLower(h.Value()), func(c rune) bool { return strings.ContainsRune(";, \t", c) })
		if slices.Contains(values, "id") {
			return ""
		}
	}
	number := userPart(&r.From().Address)
	for _, value := range addresses(r, "P-Asserted-Identity") {
		var uri wire.Uri
		params := wire.NewParams()
		if _, err := wire.ParseAddressValue(value, &uri, &params); err != nil {
			continue
		}
		if named := userPart(&uri); named != "" {
			number = named
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
