package secure

// tooSimple reports whether a PIN of six digits is refused by the rules that
// need no customer data. They refuse 4,292 of all 1,000,000 PINs. Rules that
// compare with the customer's own numbers are the host's.
func tooSimple(pin []byte) bool {
	return allEqual(pin) || run(pin) || doubledRun(pin) || twoTriples(pin) || patterned(pin) || keypadPath(pin)
}

// allEqual is 111111.
func allEqual(p []byte) bool { return distinct(p) == 1 }

// run is 123456 or 987654, also over the end as in 890123.
func run(p []byte) bool { return stepsOf(p, 1) || stepsOf(p, 9) }

// stepsOf reports whether each digit is the one before plus step, modulo ten.
func stepsOf(p []byte, step byte) bool {
	for i := 1; i < len(p); i++ {
		if (p[i-1]-'0'+step)%10 != p[i]-'0' {
			return false
		}
	}
	return true
}

// doubledRun is 112233 or 665544; unlike a run it does not go over the end.
func doubledRun(p []byte) bool {
	if p[0] != p[1] || p[2] != p[3] || p[4] != p[5] {
		return false
	}
	up, down := p[2] == p[0]+1 && p[4] == p[2]+1, p[2]+1 == p[0] && p[4]+1 == p[2]
	return up || down
}

// twoTriples is 777888, or any two threes.
func twoTriples(p []byte) bool {
	return p[0] == p[1] && p[1] == p[2] && p[3] == p[4] && p[4] == p[5] && p[0] != p[3]
}

// patterned is 123123, 121212, 123321, or any PIN of two different digits.
func patterned(p []byte) bool {
	repeated := p[0] == p[3] && p[1] == p[4] && p[2] == p[5]
	pairs := p[0] == p[2] && p[2] == p[4] && p[1] == p[3] && p[3] == p[5]
	palindrome := p[0] == p[5] && p[1] == p[4] && p[2] == p[3]
	return repeated || pairs || palindrome || distinct(p) == 2
}

// keypadPath is two straight strokes on a telephone's keypad, such as 147258.
func keypadPath(p []byte) bool {
	switch string(p) { // compared in place, no string is made
	case "147258", "258147", "258369", "369258", "147369", "369147", "741852", "852741",
		"852963", "963852", "741963", "963741", "159357", "357159", "159753", "753159":
		return true
	}
	return false
}

func distinct(p []byte) int {
	var seen [10]bool
	n := 0
	for _, d := range p {
		if !seen[d-'0'] {
			seen[d-'0'] = true
			n++
		}
	}
	return n
}
