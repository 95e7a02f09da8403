// Package caller knows callers by their numbers: the forms in which one number is
// written, the numbers that may be called, and the pseudonym that stands for a
// number in everything that is kept.
package caller

import "strings"

// Normal returns the one form of a number, however a trunk writes it: with +86,
// 0086, 86 before a mobile number, leading zeros, separators or parameters. A
// number of the mainland is written without them, such as 13800000001 or
// 1012345678, one abroad with + and the code of its country. It returns "" for
// what is no number, such as "anonymous".
func Normal(number string) string {
	switch rest, written := trimmed(number); {
	case !isNumber(rest):
		return ""
	case written == abroad:
		return "+" + rest
	default:
		return strings.TrimLeft(rest, "0")
	}
}

// National returns a number as it is dialled in the mainland: a mobile number as
// 13800000001, one of a landline with the 0 of its area code, one abroad with 00.
// It returns "" for what is no number.
func National(number string) string {
	switch rest, written := trimmed(number); {
	case !isNumber(rest):
		return ""
	case written == abroad:
		return "00" + rest
	case isMobile(strings.TrimPrefix(rest, "0")):
		return strings.TrimPrefix(rest, "0")
	case written == withCode && isLandline(rest):
		return "0" + rest
	default:
		return rest
	}
}

// A writing is how a number is written.
type writing int

const (
	domestic writing = iota
	withCode         // with the code of the mainland
	abroad           // with that of another country
)

// trimmed takes off what does not tell numbers apart, and the code of the mainland.
func trimmed(number string) (rest string, w writing) {
	number, _, _ = strings.Cut(number, ";") // parameters, such as phone-context
	number = separators.Replace(number)
	rest, international := strings.CutPrefix(number, "+")
	if !international {
		rest, international = strings.CutPrefix(number, "00")
	}
	own, ok := strings.CutPrefix(rest, "86")
	switch {
	case ok && (international || isMobile(own)):
		return own, withCode
	case international:
		return rest, abroad
	default:
		return rest, domestic
	}
}

// separators may stand between digits (RFC 3966 section 5.1.1).
var separators = strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "")

// isMobile reports whether a number is a mobile one of the mainland.
func isMobile(number string) bool {
	return len(number) == 11 && number[0] == '1' && number[1] >= '3' && isDigits(number)
}

// isLandline reports whether a number, without the 0 of its area code, is one of a
// landline of the mainland by its length; 400 and 800 are no area codes.
func isLandline(number string) bool {
	return len(number) >= 9 && len(number) <= 11 && number[0] != '0' && !strings.HasPrefix(number, "400") && !strings.HasPrefix(number, "800")
}

func isDigits(text string) bool {
	return strings.Trim(text, "0123456789") == ""
}

// longestNumber is that of ITU-T E.164 with room for a prefix.
const longestNumber = 24

// isNumber reports whether a text is one of digits that are not all zero.
func isNumber(text string) bool {
	return isDigits(text) && strings.Trim(text, "0") != "" && len(text) <= longestNumber
}
