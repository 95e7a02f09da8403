//go:build !linux

package media

// newWire returns the only wire that there is here, whether portable is asked for or not.
func newWire(portable bool) (wire, error) { return newCourier(), nil }
