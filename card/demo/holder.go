package demo

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A Holder is one made-up customer with one made-up card. The issuer keeps
// hashes only; the plain data can be made again from the number of the holder,
// which is how the demo knows which keys its callers press.
type Holder struct {
	Number   string    // 16 digits; begins with 9, which no card scheme uses
	Expiry   string    // MMYY
	ID       string    // 18 characters, the last may be X
	Mobile   string    // 11 digits
	Birthday time.Time // also in ID
	Active   bool      // already activated when the issuer opens its books

	Amount, Minimum int64 // fen
	DueDay          int   // of the month
}

// Tail returns the last four digits of the card number.
func (h Holder) Tail() string { return h.Number[len(h.Number)-4:] }

// IDTail returns the last six characters of the identity document. On a keypad
// X is *.
func (h Holder) IDTail() string { return h.ID[len(h.ID)-6:] }

// HolderAt returns holder n. It is the same holder in every run.
func HolderAt(n int) Holder {
	rnd := rand.New(rand.NewPCG(0x63617264, uint64(n)))
	born := time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rnd.IntN(55*365))
	id := fmt.Sprintf("%06d%s%03d", 110000+rnd.IntN(540000), born.Format("20060102"), rnd.IntN(1000))
	amount := int64(rnd.IntN(2_000_000))
	return Holder{
		Number:   withLuhn(fmt.Sprintf("95588%04d%06d", rnd.IntN(10_000), n)),
		Expiry:   fmt.Sprintf("%02d%02d", 1+rnd.IntN(12), 30+rnd.IntN(5)),
		ID:       id + idCheck(id),
		Mobile:   fmt.Sprintf("199%08d", rnd.IntN(100_000_000)),
		Birthday: born,
		Active:   n%4 == 3, // three of four cards are fresh in the post
		Amount:   amount,
		Minimum:  amount / 10,
		DueDay:   1 + rnd.IntN(28),
	}
}

// withLuhn appends the check digit of ISO/IEC 7812-1.
func withLuhn(digits string) string {
	sum := 0
	for i := range len(digits) {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}

// idCheck returns the last character of a Chinese identity number (GB
// 11643-1999, ISO 7064 MOD 11-2).
func idCheck(id string) string {
	sum := 0
	for i := range len(id) {
		weight := 1
		for range 17 - i {
			weight = weight * 2 % 11
		}
		sum += int(id[i]-'0') * weight
	}
	return "10X98765432"[sum%11 : sum%11+1]
}

// forbiddenPINs lists the PINs of six digits that can be read off what is
// known of a holder: the birthday in four orders, and any six consecutive
// digits of card, identity document and mobile number.
func (h Holder) forbiddenPINs() []string {
	var list []string
	for _, layout := range []string{"060102", "010206", "020106", "200601"} {
		list = append(list, h.Birthday.Format(layout))
	}
	for _, s := range []string{h.Number, h.ID, h.Mobile} {
		for i := range len(s) - 5 {
			list = append(list, s[i:i+6])
		}
	}
	return list
}
