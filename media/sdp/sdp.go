// Package sdp describes media sessions (RFC 8866) and agrees on them by offer
// and answer (RFC 3264), as far as a telephone needs: one audio stream of G.711
// with telephone-events (RFC 4733). Other streams are refused one by one, so
// that the audio beside them can go on.
//
// [Parse] and [Session.Marshal] are the language; a [Party] is our side of the
// talk in it.
package sdp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A ParseError tells in which line, from 1, a description is wrong, or 0 for
// the whole. It repeats nothing of the description, so it may be logged.
type ParseError struct {
	Line   int
	Reason string
}

func (e *ParseError) Error() string {
	if e.Line == 0 {
		return "sdp: " + e.Reason
	}
	return fmt.Sprintf("sdp: line %d: %s", e.Line, e.Reason)
}

// What a description may hold at most; formats beyond are left out. The offers of
// browsers, the longest in use, stay below a third of it.
const (
	maxSize    = 32 << 10
	maxMedia   = 32
	maxFormats = 128
)

// A Direction says who may send, seen from the party whose description it is in.
// The zero value is [SendRecv].
type Direction uint8

const (
	// SendRecv is both ways.
	SendRecv Direction = iota
	// SendOnly is hold, with or without music.
	SendOnly
	// RecvOnly listens.
	RecvOnly
	// Inactive is hold without any media.
	Inactive
)

var directions = [...]string{SendRecv: "sendrecv", SendOnly: "sendonly", RecvOnly: "recvonly", Inactive: "inactive"}

// String returns the attribute that says d.
func (d Direction) String() string { return directions[d] }

// Sends tells whether the party may send.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives tells whether the party wants to receive.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Reverse returns the direction as the other party sees it.
func (d Direction) Reverse() Direction { return direction(d.Receives(), d.Sends()) }

func direction(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

func parseDirection(s string) (Direction, bool) {
	for d, name := range directions {
		if name == s {
			return Direction(d), true
		}
	}
	return 0, false
}

// A Session is a description. Attributes that a telephone does not need are not kept.
type Session struct {
	Origin Origin
	Name   string // of the session, s=
	Media  []Media
}

// An Origin names a version of a session, o=. All parts are the text of the line.
type Origin struct {
	User, ID, Version, Host string
}

// Media is one m= section, completed with what the session level says for all.
type Media struct {
	Kind    string // audio, video, application ...
	Port    uint16 // 0: refused or ended
	Proto   string
	Formats []string
	// Unreadable tells that the m= line has no port, or none that is one. Such a
	// section can only be refused; Port is 0 and what the line lacks is made up.
	Unreadable bool

	Address   netip.Addr // invalid if absent or a host name; 0.0.0.0 is an old form of hold
	Host      Host       // in place of the address
	Direction Direction
	Payloads  []Payload // what the payload numbers among Formats mean, each once; RTP only
	Ptime     time.Duration
	MaxPtime  time.Duration
	RTCP      netip.AddrPort // a=rtcp; the address is invalid if only a port is given
	Mux       bool           // a=rtcp-mux
}

// A Host is a name that stands where most write an address (RFC 8866 section 5.7).
// The zero value is none.
type Host struct {
	Network string // "ip4" or "ip6", as package net has them
	Name    string // in lower case
}

// A Payload gives a payload number its meaning, by a=rtpmap and a=fmtp or, for
// numbers below 96, by RFC 3551.
type Payload struct {
	Number uint8
	Name   string // encoding as written; empty if unknown
	Clock  int    // Hz
	Stereo bool   // more than one channel
	Params string // a=fmtp
}

// Is tells whether the payload has this encoding, whose case does not matter,
// with one channel.
func (p *Payload) Is(name string, clock int) bool {
	return p.Clock == clock && !p.Stereo && strings.EqualFold(p.Name, name)
}

// rtp tells whether the section is RTP in the clear, the only profile we speak.
// SAVP, which asks for encryption, must never be answered by AVP.
func (m *Media) rtp() bool {
	return strings.EqualFold(m.Proto, "RTP/AVP") || strings.EqualFold(m.Proto, "RTP/AVPF")
}

// live tells whether the section is sound that we could take.
func (m *Media) live() bool { return m.audio() && m.Port != 0 && m.rtp() }

// audio tells whether the section is sound, which is all that we hear.
func (m *Media) audio() bool { return strings.EqualFold(m.Kind, "audio") }

// Parse reads a description. What it does not understand it skips, so that a
// defect in what does not matter refuses no call (RFC 8866 section 5); but no m=
// line is skipped, since an answer has as many (RFC 3264 section 6), and no address
// or port is guessed. The error, a [*ParseError], says that the whole is no
// description or too long.
func Parse(b []byte) (*Session, error) {
	if len(b) > maxSize {
		return nil, &ParseError{Reason: "longer than 32 KB"}
	}
	p := parser{s: new(Session)}
	for text := range strings.SplitSeq(lineEnds.Replace(string(b)), "\n") {
		p.line++
		text, leftOver := beforeNUL(text)
		text = strings.TrimSpace(strings.Map(printable, text))
		if p.versioned && strings.HasPrefix(text, "v=") {
			break // another description; some send theirs twice
		}
		if reason := p.parse(text); reason != "" {
			return nil, &ParseError{Line: p.line, Reason: reason}
		}
		if leftOver {
			break
		}
	}
	if !p.versioned {
		return nil, &ParseError{Reason: "empty"}
	}
	for i := range p.s.Media {
		p.complete(&p.s.Media[i], p.touched[i])
	}
	return p.s, nil
}

// HostOf returns the host whose address is needed to speak with whoever wrote a
// description: that of the first live audio in the clear which names one. The zero Host
// says that there is none.
func HostOf(description []byte) Host {
	s, err := Parse(description)
	if err != nil {
		return Host{}
	}
	for i := range s.Media {
		if m := &s.Media[i]; m.live() && m.Host.Name != "" {
			return m.Host
		}
	}
	return Host{}
}

// lineEnds makes all ends of lines that occur the same.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// beforeNUL returns a line up to the NUL that ends a string of C, and whether
// something stands behind it: what an earlier string has left in the buffer.
func beforeNUL(line string) (before string, leftOver bool) {
	before, behind, _ := strings.Cut(line, "\x00")
	return before, strings.Trim(behind, "\x00 \t") != ""
}

// printable puts a blank in the place of a control character.
func printable(r rune) rune {
	if r < ' ' || r == 0x7F {
		return ' '
	}
	return r
}

// A parser holds what a description says for all its media, until the media
// that say nothing of their own are known.
type parser struct {
	s         *Session
	line      int
	versioned bool
	address   netip.Addr
	host      Host
	direction Direction
	touched   []touched // one for each section of s.Media
}

// touched tells what a section said itself.
type touched struct{ address, direction bool }

// parse reads one line and returns what is wrong with the whole, or "".
func (p *parser) parse(text string) (reason string) {
	if text == "" {
		return ""
	}
	if !p.versioned {
		if text != "v=0" {
			return "does not begin with v=0"
		}
		p.versioned = true
		return ""
	}
	kind, value, ok := strings.Cut(text, "=")
	if !ok {
		return ""
	}
	switch kind {
	case "o":
		if f := strings.Fields(value); len(f) == 6 {
			p.s.Origin = Origin{User: f[0], ID: f[1], Version: f[2], Host: f[5]}
		}
	case "s":
		p.s.Name = value
	case "c":
		p.connection(value)
	case "m":
		return p.media(value)
	case "a":
		p.attribute(value)
	}
	return ""
}

// section returns the section that is being read, or nil at session level.
func (p *parser) section() *Media {
	if len(p.s.Media) == 0 {
		return nil
	}
	return &p.s.Media[len(p.s.Media)-1]
}

// connection reads "IN IP4 192.0.2.1". A line that cannot be read leaves its
// section without an address: that of the session would be a guess.
func (p *parser) connection(value string) {
	address, host := parseConnection(strings.Fields(value))
	if m := p.section(); m != nil {
		m.Address, m.Host, p.touched[len(p.touched)-1].address = address, host, true
		return
	}
	p.address, p.host = address, host
}

// parseConnection reads net type, address type, and an address or a host; some
// write more behind them. What cannot be read is neither.
func parseConnection(f []string) (netip.Addr, Host) {
	if len(f) < 3 || !strings.EqualFold(f[0], "IN") {
		return netip.Addr{}, Host{}
	}
	h := Host{Name: strings.TrimSuffix(strings.ToLower(f[2]), ".")}
	switch {
	case strings.EqualFold(f[1], "IP4"):
		h.Network = "ip4"
	case strings.EqualFold(f[1], "IP6"):
		h.Network = "ip6"
	default:
		return netip.Addr{}, Host{}
	}
	address := parseAddress(f[2])
	if address.IsValid() || !isHostName(h.Name) {
		return address, Host{}
	}
	return address, h
}

// isHostName tells a name of the DNS, in lower case, from an address that is none:
// its last label does not consist of digits (RFC 3696 section 2).
func isHostName(s string) bool {
	last := s[strings.LastIndexByte(s, '.')+1:]
	if len(s) > 253 || !strings.ContainsFunc(last, func(r rune) bool { return 'a' <= r && r <= 'z' }) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}

// parseAddress reads an address, in brackets or not, with the TTL of multicast cut
// off. It returns the invalid address for a host name: nothing here asks the DNS. A
// zone has no meaning on another host, so an address with one is none.
func parseAddress(s string) netip.Addr {
	s, _, _ = strings.Cut(s, "/")
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a.Unmap()
}

// media begins a section.
func (p *parser) media(value string) (reason string) {
	if len(p.s.Media) == maxMedia {
		return "too many media"
	}
	f := strings.Fields(value)
	m := Media{Kind: field(f, 0, "audio"), Proto: field(f, 2, "RTP/AVP")}
	number, _, _ := strings.Cut(field(f, 1, ""), "/") // 49170/2 counts ports
	port, err := strconv.ParseUint(number, 10, 16)
	if err == nil {
		m.Port = uint16(port)
	}
	m.Unreadable = err != nil
	m.Formats = f[min(len(f), 3):min(len(f), 3+maxFormats)]
	m.list()
	p.s.Media = append(p.s.Media, m)
	p.touched = append(p.touched, touched{})
	return ""
}

// field returns one of the fields of a line, or what stands for a missing one.
func field(f []string, i int, missing string) string {
	if i < len(f) {
		return f[i]
	}
	return missing
}

// list finds the payload numbers among the formats of RTP.
func (m *Media) list() {
	if !m.rtp() {
		return
	}
	for _, s := range m.Formats {
		if n, err := strconv.ParseUint(s, 10, 7); err == nil && m.payload(s) == nil { // some list a number twice
			m.Payloads = append(m.Payloads, static(uint8(n)))
		}
	}
}

// static returns what a payload number means by RFC 3551, of which only the
// laws of G.711 matter here.
func static(n uint8) Payload {
	switch n {
	case staticPCMU:
		return Payload{Number: n, Name: "PCMU", Clock: 8000}
	case staticPCMA:
		return Payload{Number: n, Name: "PCMA", Clock: 8000}
	}
	return Payload{Number: n}
}

func (p *parser) attribute(value string) {
	name, value, _ := strings.Cut(value, ":")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
	m := p.section()
	if d, ok := parseDirection(name); ok {
		if m == nil {
			p.direction = d
		} else {
			m.Direction, p.touched[len(p.touched)-1].direction = d, true
		}
		return
	}
	if m == nil {
		return
	}
	switch name {
	case "rtpmap":
		m.rtpmap(strings.Fields(value))
	case "fmtp":
		number, params, _ := strings.Cut(value, " ")
		if payload := m.payload(number); payload != nil {
			payload.Params = strings.TrimSpace(params)
		}
	case "ptime":
		m.Ptime = parseMillis(value)
	case "maxptime":
		m.MaxPtime = parseMillis(value)
	case "rtcp":
		m.rtcp(strings.Fields(value))
	case "rtcp-mux":
		m.Mux = true
	}
}

// payload returns the meaning of a number that the section lists, or nil.
func (m *Media) payload(number string) *Payload {
	n, err := strconv.ParseUint(number, 10, 7)
	if err != nil {
		return nil
	}
	for i := range m.Payloads {
		if m.Payloads[i].Number == uint8(n) {
			return &m.Payloads[i]
		}
	}
	return nil
}

// rtpmap reads "97 iLBC/8000/1"; some write more behind it, or leave the clock of
// a telephone out. A map of a number that is not listed has no meaning. Of several
// for one number the last counts, but keys are worth more than a codec.
func (m *Media) rtpmap(f []string) {
	if len(f) < 2 {
		return
	}
	payload := m.payload(f[0])
	name, rate, _ := strings.Cut(f[1], "/")
	rate, channels, _ := strings.Cut(rate, "/")
	if rate == "" {
		rate = strconv.Itoa(clock)
	}
	hertz, err := strconv.ParseUint(rate, 10, 31)
	if payload == nil || name == "" || err != nil || hertz == 0 {
		return
	}
	if payload.Is(eventName, clock) || strings.EqualFold(payload.Name, eventName) && !strings.EqualFold(name, eventName) {
		return
	}
	count, err := strconv.Atoi(channels)
	payload.Name, payload.Clock, payload.Stereo = name, int(hertz), err == nil && count > 1
}

// rtcp reads "53020" or "53020 IN IP4 192.0.2.1", RFC 3605. Port 0 is no wish.
func (m *Media) rtcp(f []string) {
	port, err := strconv.ParseUint(field(f, 0, ""), 10, 16)
	if err != nil || port == 0 {
		return
	}
	address, _ := parseConnection(f[1:])
	m.RTCP = netip.AddrPortFrom(address, uint16(port))
}

// parseMillis reads a number of milliseconds. What is not one, or above a
// second, is as if absent: packet times are wishes.
func parseMillis(s string) time.Duration {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64) // RFC 8866 allows fractions
	if err != nil || !(n > 0 && n <= 1000) {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

// complete adds to a section what is said for all sections, and what a number
// without a map means that nearly everybody uses for one thing.
func (p *parser) complete(m *Media, own touched) {
	if !own.address {
		m.Address, m.Host = p.address, p.host
	}
	if !own.direction {
		m.Direction = p.direction
	}
	if e := m.payload(strconv.Itoa(usualEvents)); e != nil && e.Name == "" && m.audio() && !m.hasEvents() {
		e.Name, e.Clock = eventName, clock
	}
}

// hasEvents tells whether the section maps telephone-event to a number.
func (m *Media) hasEvents() bool {
	return slices.ContainsFunc(m.Payloads, func(p Payload) bool { return strings.EqualFold(p.Name, eventName) })
}

// Marshal writes the description, with CRLF line ends.
func (s *Session) Marshal() []byte {
	host := s.Origin.Host
	b := fmt.Appendf(nil, "v=0\r\no=%s %s %s IN %s %s\r\ns=%s\r\n", s.Origin.User, s.Origin.ID, s.Origin.Version, family(host), host, s.Name)
	return s.appendBody(b)
}

// appendBody writes all but the lines that name the version.
func (s *Session) appendBody(b []byte) []byte {
	b = append(b, "t=0 0\r\n"...)
	for i := range s.Media {
		b = s.Media[i].append(b)
	}
	return b
}

// family returns the address type of a host; a name counts as IPv4.
func family(host string) string {
	if strings.Contains(host, ":") {
		return "IP6"
	}
	return "IP4"
}

func (m *Media) append(b []byte) []byte {
	b = fmt.Appendf(b, "m=%s %d %s %s\r\n", m.Kind, m.Port, m.Proto, strings.Join(m.Formats, " "))
	switch {
	case m.Address.IsValid():
		b = fmt.Appendf(b, "c=IN %s %s\r\n", family(m.Address.String()), m.Address)
	case m.Host.Name != "":
		b = fmt.Appendf(b, "c=IN %s %s\r\n", strings.ToUpper(m.Host.Network), m.Host.Name)
	}
	for i := range m.Payloads {
		p := &m.Payloads[i]
		if p.Name != "" {
			b = fmt.Appendf(b, "a=rtpmap:%d %s/%d", p.Number, p.Name, p.Clock)
			if p.Stereo {
				b = append(b, "/2"...)
			}
			b = append(b, "\r\n"...)
		}
		if p.Params != "" {
			b = fmt.Appendf(b, "a=fmtp:%d %s\r\n", p.Number, p.Params)
		}
	}
	if m.Ptime > 0 {
		b = fmt.Appendf(b, "a=ptime:%d\r\n", m.Ptime.Milliseconds())
	}
	if m.MaxPtime > 0 {
		b = fmt.Appendf(b, "a=maxptime:%d\r\n", m.MaxPtime.Milliseconds())
	}
	if m.RTCP.Port() != 0 {
		b = fmt.Appendf(b, "a=rtcp:%d", m.RTCP.Port())
		if a := m.RTCP.Addr(); a.IsValid() {
			b = fmt.Appendf(b, " IN %s %s", family(a.String()), a)
		}
		b = append(b, "\r\n"...)
	}
	if m.Mux {
		b = append(b, "a=rtcp-mux\r\n"...)
	}
	return fmt.Appendf(b, "a=%s\r\n", m.Direction)
}
