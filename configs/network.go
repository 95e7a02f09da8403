package configs

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hostName is what may stand for an IP address. Whether it can be resolved
// shows at the start.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?$`)

func (k *checker) sip() {
	if len(k.file.SIP.Listen) == 0 {
		k.report("sip.listen", "no listener", "add one, such as {network: udp, address: 127.0.0.1:5060}")
	}
	seen := map[string]bool{}
	for i, l := range k.file.SIP.Listen {
		path := fmt.Sprintf("sip.listen.%d", i)
		if l.Network != "udp" && l.Network != "tcp" {
			k.report(path+".network", fmt.Sprintf("unknown network %q", l.Network), "expected udp or tcp")
		}
		host, port, ok := k.hostPort(path+".address", l.Address)
		if ok && l.Advertise == "" && isWildcard(host) {
			k.report(path+".address", l.Address+" stands for any address, and peers must be told one", "set advertise to the address by which peers reach this machine")
		}
		k.advertise(path+".advertise", l.Advertise)
		if port != 0 && seen[l.Network+l.Address] {
			k.report(path+".address", fmt.Sprintf("%s over %s is there already", l.Address, l.Network), "remove one of them")
		}
		seen[l.Network+l.Address] = true
		for j, a := range l.Algorithms {
			if !slices.Contains([]string{"md5", "sha-256"}, a) {
				k.report(fmt.Sprintf("%s.algorithms.%d", path, j), fmt.Sprintf("unknown algorithm %q", a), "expected md5 or sha-256")
			}
		}
	}
	if strings.ContainsAny(k.file.SIP.Realm, "\"\\\r\n") {
		k.report("sip.realm", fmt.Sprintf("%q cannot be quoted in a challenge", k.file.SIP.Realm), "leave out quotes and backslashes")
	}
	k.notNegative("sip.max_calls", k.file.SIP.MaxCalls)
	k.notNegative("sip.max_setups", k.file.SIP.MaxSetups)
	k.notNegative("sip.setups_per_second", k.file.SIP.SetupsPerSecond)
}

// advertise checks what peers are told in place of an address.
func (k *checker) advertise(path, text string) {
	if text == "" {
		return
	}
	host := text
	if h, p, err := net.SplitHostPort(text); err == nil {
		if _, ok := portNumber(p); !ok {
			k.report(path, fmt.Sprintf("%q is no port", p), "expected a number from 0 to 65535")
		}
		host = h
	}
	host = strings.Trim(host, "[]")
	_, err := netip.ParseAddr(host)
	switch {
	case err != nil && !hostName.MatchString(host):
		k.report(path, fmt.Sprintf("%q is no host", text), "expected host or host:port, such as 192.0.2.10:5060")
	case isWildcard(host):
		k.report(path, "peers cannot send to "+host, "expected the address by which peers reach this machine")
	}
}

// hostPort checks an address to listen on and returns its parts.
func (k *checker) hostPort(path, address string) (host string, port int, ok bool) {
	host, text, err := net.SplitHostPort(address)
	_, ipErr := netip.ParseAddr(host)
	if err != nil || host != "" && ipErr != nil && !hostName.MatchString(host) {
		k.report(path, fmt.Sprintf("%q is no address", address), "expected host:port, such as 127.0.0.1:5060")
		return "", 0, false
	}
	if port, ok = portNumber(text); !ok {
		k.report(path, fmt.Sprintf("%q is no port", text), "expected a number from 0 to 65535")
	}
	return host, port, ok
}

func portNumber(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil
}

func isWildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// loopback is the usual address of this machine for itself.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// mediaBounds returns the media's address and ports with their defaults.
func (m Media) mediaBounds() (bind netip.Addr, low, high int) {
	bind = m.Bind
	if !bind.IsValid() {
		bind = loopback
	}
	low, high = int(cmp.Or(m.PortMin, 20000)), int(cmp.Or(m.PortMax, 29999))
	return bind, low + low%2, high
}

func (k *checker) media() {
	m := k.file.Media
	bind, low, high := m.mediaBounds()
	if high <= low {
		k.report("media.port_max", fmt.Sprintf("no room for a call between the ports %d and %d", low, high), "each leg takes an even port and the next")
	}
	switch a := m.Advertise; {
	case !a.IsValid() && bind.IsUnspecified():
		k.report("media.bind", bind.String()+" stands for any address, and peers must be told one", "set media.advertise to the address by which peers reach this machine")
	case !a.IsValid():
	case a.IsUnspecified():
		k.report("media.advertise", "peers cannot send to "+a.String(), "expected the address by which peers reach this machine")
	case a.Is4() != bind.Is4():
		k.report("media.advertise", fmt.Sprintf("%v is not of the IP version of media.bind, %v", a, bind), "expected two of IPv4 or two of IPv6")
	}
	for _, l := range k.file.SIP.Listen {
		host, _, err := net.SplitHostPort(l.Address)
		if err == nil && !isLoopback(host) && bind.IsLoopback() {
			k.report("media.bind", fmt.Sprintf("%v cannot be reached by callers who come by %s", bind, l.Address), "set media.bind to the address that the voice shall take")
			break
		}
	}
	k.notNegative("media.loops", m.Loops)
	if legs := (high - low + 1) / 2; k.file.SIP.MaxCalls > legs {
		k.warn("sip.max_calls", fmt.Sprintf("the media ports %d to %d have room for %d legs only", low, high, legs), "widen media.port_min and port_max, or lower sip.max_calls")
	}
}

func (k *checker) http() {
	h := k.file.HTTP
	host, _, ok := k.hostPort("http.listen", h.Listen)
	switch {
	case (h.Certificate == "") != (h.Key == ""):
		k.report("http", "certificate and key belong together", "set both or none")
	case ok && !isLoopback(host) && h.Certificate == "":
		k.report("http.listen", h.Listen+" can be reached from elsewhere without TLS", "set http.certificate and http.key, or listen on 127.0.0.1")
	}
	k.certificate(h)
	if h.Tokens != "" {
		k.secret("http.tokens", h.Tokens)
	}
}

// ports checks that no two rooms want the same port.
func (k *checker) ports() {
	_, low, high := k.file.Media.mediaBounds()
	for i, l := range k.file.SIP.Listen {
		path := fmt.Sprintf("sip.listen.%d.address", i)
		_, text, _ := net.SplitHostPort(l.Address)
		port, ok := portNumber(text)
		switch {
		case !ok || port == 0:
		case l.Network == "udp" && low <= port && port <= high:
			k.report(path, fmt.Sprintf("the port %d is one of those for media, %d to %d", port, low, high), "choose another, or move media.port_min and port_max")
		case l.Network == "tcp" && l.Address == k.file.HTTP.Listen:
			k.report(path, l.Address+" is http.listen already", "choose another port")
		}
	}
}

// outward checks how calls of ours go to a trunk.
func (k *checker) outward(path string, t *Trunk) {
	if t.Address != "" {
		if host, port, ok := k.hostPort(path+".address", t.Address); ok && (isWildcard(host) || port == 0) {
			k.report(path+".address", t.Address+" is no place to send to", "expected host:port, such as 192.0.2.70:5060")
		}
	}
	k.password(path, &t.Password, t.PasswordFile)
	if secret := t.Password != "" || t.PasswordFile != ""; secret != (t.User != "") {
		k.report(path, "user and password belong together", "set both or none")
	}
}

// ranges checks the addresses of a trunk or a network; taken has those of the
// ones before it.
func (k *checker) ranges(path, kind, name string, sources []netip.Prefix, taken map[netip.Prefix]string) {
	for i, p := range sources {
		at := fmt.Sprintf("%s.%d", path, i)
		switch other, twice := taken[p]; {
		case !p.IsValid():
		case !k.masked(at, p):
		case twice:
			k.report(at, fmt.Sprintf("%v belongs to the %s %s", p, kind, other), "an address can be of one "+kind+" only")
		}
		taken[p] = name
	}
}

// masked reports a range that says more than its length.
func (k *checker) masked(path string, p netip.Prefix) bool {
	if p.IsValid() && p != p.Masked() {
		k.report(path, fmt.Sprintf("%v has bits beyond its mask", p), fmt.Sprintf("write %v for the range, or %v/%d for the one address", p.Masked(), p.Addr(), p.Addr().BitLen()))
		return false
	}
	return true
}

// mediaSources checks where media may be.
func (k *checker) mediaSources(path string, sources []netip.Prefix) {
	for i, p := range sources {
		k.masked(fmt.Sprintf("%s.media_sources.%d", path, i), p)
	}
}

func (k *checker) networks() {
	named(k, "networks", "name", word, wordWanted, k.file.Networks, func(n Network) string { return n.Name })
	taken := map[netip.Prefix]string{}
	for i, n := range k.file.Networks {
		path := fmt.Sprintf("networks.%d", i)
		if len(n.Sources) == 0 {
			k.report(path+".sources", "no sources", "name the addresses of its phones, such as 10.0.0.0/16")
		}
		k.ranges(path+".sources", "network", n.Name, n.Sources, taken)
		k.mediaSources(path, n.MediaSources)
		k.notNegative(path+".max_streams", n.MaxStreams)
		k.notNegative(path+".packets_per_second", n.PacketsPerSecond)
	}
}

func (k *checker) trunks() {
	named(k, "trunks", "name", word, wordWanted, k.file.Trunks, func(t Trunk) string { return t.Name })
	taken := map[netip.Prefix]string{}
	remote := false
	for i, t := range k.file.Trunks {
		path := fmt.Sprintf("trunks.%d", i)
		if len(t.Sources) == 0 {
			k.report(path+".sources", "no sources", "name the addresses that the trunk calls from, such as 192.0.2.0/28")
		}
		k.ranges(path+".sources", "trunk", t.Name, t.Sources, taken)
		for j, p := range t.Sources {
			at := fmt.Sprintf("%s.sources.%d", path, j)
			switch {
			case !p.IsValid():
				continue
			case p.Bits() == 0:
				k.warn(at, "everybody who can reach the listener is let in as this trunk", "name the carrier's addresses")
			case (p.Contains(netip.IPv6Loopback()) || p.Contains(loopback)) && !t.Phones && len(k.file.Phones) > 0:
				k.warn(at, "phones on this machine cannot register: their address is this trunk's", "set phones: true if there are any")
			}
			remote = remote || !p.Addr().IsLoopback()
		}
		k.isWord(path+".site", "site", t.Site)
		if len(k.sites) > 0 && !slices.Contains(k.sites, t.Site) && slices.ContainsFunc(k.file.Queues, func(q Queue) bool { return q.SameSiteFirst }) {
			k.warn(path+".site", "no agent is at "+t.Site+", where a queue looks first", choose(t.Site, k.sites))
		}
		k.mediaSources(path, t.MediaSources)
		k.notNegative(path+".max_calls", t.MaxCalls)
		k.notNegative(path+".max_setups", t.MaxSetups)
		k.outward(path, &k.file.Trunks[i])
	}
	if remote && !slices.ContainsFunc(k.file.SIP.Listen, func(l Listen) bool {
		host, _, _ := net.SplitHostPort(l.Address)
		return !isLoopback(host)
	}) {
		k.warn("sip.listen", "all listeners are on loopback, where no trunk can reach them", "add a listener on an address of the network")
	}
}
