package caller

import "testing"

// TestNumbersOfTheMainland holds prefix and length together.
func TestNumbersOfTheMainland(t *testing.T) {
	for number, want := range map[string]bool{
		"13800000001": true, "19912345678": true, "01012345678": true, "02112345678": true, "075512345678": true, "03101234567": true,
		"17010012345":      true,
		"1380000000":       false, // a digit is missing
		"138000000012":     false,
		"1795100677123456": false, // IP dialling, and a number abroad
		"17951006771":      true,  // by its length; it is a dial code
		"12593138000":      false,
		"1259313800000001": false,
		"0101234567":       false,
		"0211234567890":    false,
		"0755123456789":    false,
		"010":              false,
		"110":              false, "12345": false, "95500": false, "4008205500": false, "0012025550100": false, "": false, "1380000x001": false,
	} {
		if got := Mainland.Has(number); got != want {
			t.Errorf("%q: %v, want %v", number, got, want)
		}
	}
}
