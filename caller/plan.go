package caller

import "strings"

// A Plan says which numbers there are in a country: each begins in a way that the
// plan knows and has a length that goes with it. Whatever is longer may be a code
// that dials on, such as 17951 and a number abroad.
type Plan []Range

// A Range is the numbers that begin with some digits and have Least to Most digits
// in all, as they are dialled in the country.
type Range struct {
	Begins      string
	Least, Most int
}

// Mainland is the plan of the mainland: mobile numbers, and those of landlines with
// the 0 and their area code.
var Mainland = Plan{
	{"13", 11, 11},
	{"14", 11, 11},
	{"15", 11, 11},
	{"16", 11, 11},
	{"17", 11, 11},
	{"18", 11, 11},
	{"19", 11, 11},
	{"010", 11, 11},
	{"02", 11, 11}, // area codes of three digits, and eight
	{"03", 11, 12},
	{"04", 11, 12},
	{"05", 11, 12},
	{"06", 11, 12},
	{"07", 11, 12},
	{"08", 11, 12},
	{"09", 11, 12}, // of four, and seven or eight
}

// DialCodes begin calls by way of another network, as the carriers of the mainland
// have them: what follows them may be any number in the world.
var DialCodes = []string{"179", "12593", "10193", "11808", "11888"}

// Has reports whether a number, as [National] writes it, is one of the plan. The
// range that begins with the most digits counts.
func (p Plan) Has(number string) bool {
	best := Range{}
	for _, r := range p {
		if strings.HasPrefix(number, r.Begins) && len(r.Begins) > len(best.Begins) {
			best = r
		}
	}
	return best.Begins != "" && len(number) >= best.Least && len(number) <= best.Most && isDigits(number)
}
