package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// ErrRemote tells that a target is another machine and that nobody has
// allowed that: a load on a stranger's telephones is an attack.
var ErrRemote = errors.New("not on this machine; allow remote targets if it is yours")

// A target is a SIP URI, taken apart, with its host as an address.
type target struct {
	user      string
	at        netip.AddrPort
	transport string // udp or tcp
}

// parseTarget reads a URI such as sip:95500@127.0.0.1:5060;transport=tcp and
// looks its host up.
func parseTarget(ctx context.Context, uri string, remote bool) (target, error) {
	t := target{transport: "udp"}
	rest, ok := strings.CutPrefix(uri, "sip:")
	if !ok {
		return t, fmt.Errorf("target %q: want a URI like sip:95500@127.0.0.1:5060", uri)
	}
	rest, params, _ := strings.Cut(rest, ";")
	for p := range strings.SplitSeq(params, ";") {
		if name, value, _ := strings.Cut(p, "="); strings.EqualFold(name, "transport") {
			t.transport = strings.ToLower(value)
		}
	}
	if t.transport != "udp" && t.transport != "tcp" {
		return t, fmt.Errorf("target %q: transport %s: want udp or tcp", uri, t.transport)
	}
	host := rest
	if user, after, ok := strings.Cut(rest, "@"); ok {
		t.user, host = user, after
	}
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), "5060")
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		return t, fmt.Errorf("target %q: %w", uri, err)
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return t, fmt.Errorf("target %q: %w", uri, err)
	}
	best := addresses[0].Unmap()
	for _, a := range addresses {
		if a.Unmap().Is4() {
			best = a.Unmap()
			break
		}
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return t, fmt.Errorf("target %q: %w", uri, err)
	}
	t.at = netip.AddrPortFrom(best, uint16(number))
	if !remote && !best.IsLoopback() {
		return t, fmt.Errorf("target %q: %w", uri, ErrRemote)
	}
	return t, nil
}

// uri returns the URI of a user of the target, or of the target itself.
func (t target) uri(user string) string {
	if user != "" {
		user += "@"
	}
	uri := "sip:" + user + t.at.String()
	if t.transport != "udp" {
		uri += ";transport=" + t.transport
	}
	return uri
}

// near returns the address of ours from which the target is reached.
func (t target) near() (netip.Addr, error) {
	c, err := net.Dial("udp", t.at.String()) // sends nothing
	if err != nil {
		return netip.Addr{}, fmt.Errorf("way to %v: %w", t.at, err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}
