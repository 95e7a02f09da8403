package sip

import "net/netip"

// rules are a checked Reloadable, ready to be asked. They never change; a
// reload puts others in their place.
type rules struct {
	trunks   []*Trunk
	networks []*Network
	accounts map[string]*Account
	free     map[string]bool // Reloadable.FreeNumbers
}

func newRules(r Reloadable) *rules {
	rs := &rules{accounts: make(map[string]*Account, len(r.Accounts)), free: make(map[string]bool, len(r.FreeNumbers))}
	for _, n := range r.FreeNumbers {
		rs.free[n] = true
	}
	for _, t := range r.Trunks {
		rs.trunks = append(rs.trunks, &t)
	}
	for _, n := range r.Networks {
		rs.networks = append(rs.networks, &n)
	}
	for _, a := range r.Accounts {
		rs.accounts[a.User] = &a
	}
	return rs
}

// trunk returns the trunk that an address belongs to, nil if none. The first
// one listed wins.
func (rs *rules) trunk(source netip.Addr) *Trunk {
	for _, t := range rs.trunks {
		if t.has(source) {
			return t
		}
	}
	return nil
}

func (t *Trunk) has(source netip.Addr) bool { return contains(t.Sources, source) }

// network returns the network that an address belongs to, nil if none. The
// first one listed wins.
func (rs *rules) network(source netip.Addr) *Network {
	for _, n := range rs.networks {
		if contains(n.Sources, source) {
			return n
		}
	}
	return nil
}

func contains(ranges []netip.Prefix, source netip.Addr) bool {
	for _, p := range ranges {
		if p.Contains(source) {
			return true
		}
	}
	return false
}
