package ivr

import "bytes"

// A Validation is a check of collected digits that needs no data.
type Validation string

// The validations. The list is closed; an empty one accepts everything.
const (
	Luhn     Validation = "luhn"      // a card number: the check digit is right, ISO/IEC 7812-1
	Expiry   Validation = "expiry"    // four digits, month and year; whether it has passed is the host's to say
	IDTail   Validation = "id_tail"   // digits, the last one may be X
	IDNumber Validation = "id_number" // 18 characters with a right check character, GB 11643-1999
)

// What "*" may mean while digits are collected, beside the name of a step.
const (
	starClear = "clear"
	starX     = "x"
)

// known reports whether v is one of the validations, or none.
func (v Validation) known() bool {
	switch v {
	case "", Luhn, Expiry, IDTail, IDNumber:
		return true
	}
	return false
}

// accepts reports whether digits, which are '0' to '9' and 'X', satisfy v.
func (v Validation) accepts(digits []byte) bool {
	if v != IDTail && v != IDNumber && hasX(digits) {
		return false
	}
	switch v {
	case Luhn:
		return luhn(digits)
	case Expiry:
		if len(digits) != 4 {
			return false
		}
		month := 10*(digits[0]-'0') + digits[1] - '0'
		return 1 <= month && month <= 12
	case IDTail:
		return len(digits) > 0 && !hasX(digits[:len(digits)-1])
	case IDNumber:
		return idNumber(digits)
	}
	return true
}

// hasX reports whether there is an X among the digits.
func hasX(digits []byte) bool { return bytes.IndexByte(digits, 'X') >= 0 }

// luhn reports whether the last digit is the check digit of the others.
func luhn(digits []byte) bool {
	sum := 0
	for i, d := range digits {
		n := int(d - '0')
		if (len(digits)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return len(digits) > 1 && sum%10 == 0
}

// idNumber reports whether the last of 18 characters is the check character of
// the others: the weighted sum of all, X counting 10, is 1 modulo 11.
func idNumber(digits []byte) bool {
	if len(digits) != 18 || hasX(digits[:17]) {
		return false
	}
	sum, weight := 0, 1
	for i := 17; i >= 0; i-- {
		n := int(digits[i] - '0')
		if digits[i] == 'X' {
			n = 10
		}
		sum += n * weight
		weight = weight * 2 % 11
	}
	return sum%11 == 1
}
