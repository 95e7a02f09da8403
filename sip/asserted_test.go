package sip

import (
	"testing"

	wire "github.com/emiago/sipgo/sip"
)

func TestAsserted(t *testing.T) {
	carrier := &Trunk{Name: "carrier"}
	for _, c := range []struct {
		from    string
		headers [][2]string
		trunk   *Trunk
		want    string
	}{
		{from: "13800001111", trunk: carrier, want: "13800001111"},
		{from: "13800001111", trunk: nil, want: ""},
		{from: "anonymous", trunk: carrier, want: ""},
		{"anonymous", [][2]string{{"P-Asserted-Identity", `"Li" <sip:+8613800001111@carrier.example>`}}, carrier, "+8613800001111"},
		{"1", [][2]string{{"P-Asserted-Identity", "<tel:+86-138-0000-1111;phone-context=x>"}}, carrier, "+8613800001111"},
		{"1", [][2]string{{"P-Asserted-Identity", "tel:021(5555)1234"}}, carrier, "02155551234"},
		{"1", [][2]string{{"P-Asserted-Identity", "<sip:13800001111@c>"}, {"Privacy", "header;id"}}, carrier, ""},
		{"1", [][2]string{{"Privacy", "user; id"}}, carrier, ""},
		{"1", [][2]string{{"Privacy", "user, ID"}}, carrier, ""},
		{"1", [][2]string{{"Privacy", "header"}, {"Privacy", "id"}}, carrier, ""},
		{"1", [][2]string{{"Privacy", "user;header"}}, carrier, "1"},
		{"1", [][2]string{{"P-Asserted-Identity", `"Hotel: 5" <sip:+8613800001111@c>`}}, carrier, "+8613800001111"},
		{"1", [][2]string{{"P-Asserted-Identity", `"Li, \"5\"" <sip:anonymous@c>, <tel:+8613800001111>`}}, carrier, ""},
		{"1", [][2]string{{"P-Asserted-Identity", `<sip:@c>, "Li, 5" <TEL:+8613800001111>`}}, carrier, "+8613800001111"},
		{"1", [][2]string{{"P-Asserted-Identity", "<sip:%2B8613800001111@c>"}}, carrier, "+8613800001111"},
		{"13800001111", [][2]string{{"P-Asserted-Identity", "<<nonsense"}}, carrier, "13800001111"},
		{"drop table", nil, carrier, ""},
	} {
		r := wire.NewRequest(wire.INVITE, wire.Uri{User: "95500", Host: "here"})
		r.AppendHeader(&wire.FromHeader{Address: wire.Uri{User: c.from, Host: "there"}, Params: wire.NewParams()})
		for _, h := range c.headers {
			r.AppendHeader(wire.NewHeader(h[0], h[1]))
		}
		if got := asserted(r, c.trunk); got != c.want {
			t.Errorf("from %q with %v: %q, want %q", c.from, c.headers, got, c.want)
		}
	}
}
