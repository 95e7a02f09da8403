package sip

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"strings"

	wire "github.com/emiago/sipgo/sip"
)

// A Mend says what was put right in a message before sipgo read it.
type Mend uint8

// The mends, all of them.
const (
	MendBlanks     Mend = iota // blanks where the grammar has them and sipgo has not
	MendFolds                  // a header over several lines
	MendCase                   // letter case of SIP/2.0, of a transport, or of a parameter's name
	MendLineEnds               // lines that all end by a bare line feed
	MendStray                  // line ends or NULs before the message
	MendNoEnd                  // no empty line behind the last header
	MendName                   // a display name that should be in quotes
	MendSeparators             // semicolons or commas with nothing between them
	MendHeader                 // a header that cannot be read, nor is needed: it is left out
	MendBranch                 // a Via of RFC 2543, without a branch to know the request by
	MendLength                 // no Content-Length in a stream, and no body
)

var mendNames = [...]string{
	MendBlanks: "blanks", MendFolds: "folds", MendCase: "case", MendLineEnds: "line_ends", MendStray: "stray_bytes",
	MendNoEnd: "no_end", MendName: "name", MendSeparators: "separators", MendHeader: "header", MendBranch: "branch", MendLength: "length",
}

func (m Mend) String() string { return mendNames[m] }

// A mender writes the head of a message anew as sipgo can read it. sipgo takes
// the forms that nearly everybody sends; RFC 3261 section 25 allows many more,
// and devices send some that it does not allow. Whatever comes out of a mender
// without a fault, sipgo can read; what is at fault is refused, with the headers
// that could be read and the others as they came (sections 21.4.1 and 18.3).
//
// Its zero value is ready. It keeps its memory for the next message, and nothing
// of a body. It is not safe for concurrent use.
type mender struct {
	head    []byte        // written anew, with its empty line
	changed bool          // it is another than the one that came
	mends   uint16        // a bit for each [Mend]
	fault   string        // reason phrase of the 400; empty if there is no fault
	lost    []wire.Header // unreadable, for the 400
	length  int           // Content-Length, or lengthAbsent or lengthUnusable
	typed   bool          // there is a Content-Type
	method  string        // of a request; empty for a response

	value              []byte // of the header at hand, written anew
	fold               []byte // a header's lines, made one
	crlf, lf, cr       bool   // ends of lines that occur; cr is one that ends no line
	via, viaLost, aged bool   // a Via was read; one was not; the first is of RFC 2543
}

// Lengths of bodies that are none.
const (
	lengthAbsent   = -1
	lengthUnusable = -2
)

// note tells what was put right.
func (m *mender) note(kind Mend) {
	m.mends |= 1 << kind
	m.changed = true
}

// fail tells what is wrong; the first fault counts.
func (m *mender) fail(reason string) {
	if m.fault == "" {
		m.fault = reason
	}
}

// strayLength returns how many bytes before a message belong to none (RFC 3261
// section 7.5).
func strayLength(data []byte) int { return len(data) - len(bytes.TrimLeft(data, "\r\n\x00")) }

// headLength returns the length of a head with its empty line, 0 if that has not
// come.
func headLength(data []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], '\n')
		if i < 0 {
			return 0
		}
		at += i + 1
		switch rest := data[at:]; {
		case bytes.HasPrefix(rest, []byte("\n")):
			return at + 1
		case bytes.HasPrefix(rest, []byte("\r\n")):
			return at + 2
		}
	}
}

// mend reads a head with its empty line, or all of a datagram that has no empty
// line: such a message is whole, and has no body.
func (m *mender) mend(head []byte) {
	*m = mender{head: m.head[:0], value: m.value[:0], fold: m.fold[:0], length: lengthAbsent}
	line, rest := m.line(head)
	m.startLine(line)
	ended := false
	for len(rest) > 0 && !ended {
		line, rest = m.line(rest)
		if ended = len(line) == 0; ended {
			break
		}
		if len(rest) > 0 && isBlank(rest[0]) {
			line, rest = m.unfold(line, rest)
		}
		if bytes.IndexByte(line, '\r') < 0 {
			m.header(line)
		}
	}
	if m.cr || m.crlf && m.lf {
		m.fail("Malformed Line End")
	} else if m.lf {
		m.note(MendLineEnds)
	}
	if !ended {
		m.note(MendNoEnd)
	}
	m.head = append(m.head, "\r\n"...)
	if m.aged && m.fault == "" {
		m.giveBranch()
	}
}

// line cuts off the first line, and notes how it ends.
func (m *mender) line(data []byte) (line, rest []byte) {
	line, rest, found := bytes.Cut(data, []byte("\n"))
	line, isCRLF := bytes.CutSuffix(line, []byte("\r"))
	m.crlf = m.crlf || isCRLF
	m.lf = m.lf || found && !isCRLF
	m.cr = m.cr || bytes.IndexByte(line, '\r') >= 0
	return line, rest
}

// unfold makes the lines of a header one (RFC 3261 section 7.3.1).
func (m *mender) unfold(line, rest []byte) (whole, after []byte) {
	m.note(MendFolds)
	m.fold = append(m.fold[:0], bytes.TrimRight(line, " \t")...)
	for len(rest) > 0 && isBlank(rest[0]) {
		line, rest = m.line(rest)
		m.fold = append(append(m.fold, ' '), bytes.Trim(line, " \t")...)
	}
	return m.fold, rest
}

// startLine reads a request line or status line.
func (m *mender) startLine(line []byte) {
	first, rest, _ := bytes.Cut(line, []byte(" "))
	if isVersion(first) {
		m.statusLine(first, rest)
		return
	}
	uri, version, _ := bytes.Cut(rest, []byte(" "))
	if m.method = methodName(first); !isToken(first) {
		m.method = "UNKNOWN"
		m.fail("Malformed Request-Line")
	}
	m.value = m.value[:0]
	if !isVersion(version) || !m.uri(uri) {
		m.fail("Malformed Request-Line")
		m.value = append(m.value[:0], "sip:unreadable"...) // in the 400 there is none
		version = []byte("SIP/2.0")
	}
	m.head = append(append(m.head, m.method...), ' ')
	m.head = append(append(m.head, m.value...), ' ')
	m.version(version)
	m.head = append(m.head, "\r\n"...)
}

// methodName makes a string of a method, without memory for one that we serve.
func methodName(name []byte) string {
	for _, known := range [...]wire.RequestMethod{wire.INVITE, wire.ACK, wire.CANCEL, wire.BYE, wire.OPTIONS, wire.INFO, wire.REGISTER} {
		if string(name) == string(known) {
			return string(known)
		}
	}
	return string(name)
}

func (m *mender) statusLine(version, rest []byte) {
	code, reason, found := bytes.Cut(rest, []byte(" "))
	if len(code) != 3 || !isNumber(code, 699) {
		m.fail("Malformed Status-Line")
	}
	if !found { // a blank is due even if no reason follows
		m.note(MendBlanks)
	}
	m.version(version)
	m.head = append(append(m.head, ' '), code...)
	m.head = append(append(m.head, ' '), reason...)
	m.head = append(m.head, "\r\n"...)
}

// isVersion reports whether text is SIP/ and a number, in any letter case.
func isVersion(text []byte) bool {
	if len(text) < len("SIP/2.0") || !bytes.EqualFold(text[:len("SIP/")], []byte("SIP/")) {
		return false
	}
	major, minor, found := bytes.Cut(text[len("SIP/"):], []byte("."))
	return found && isNumber(major, math.MaxInt32) && isNumber(minor, math.MaxInt32)
}

func (m *mender) version(text []byte) {
	if !bytes.HasPrefix(text, []byte("SIP/")) {
		m.note(MendCase)
	}
	m.head = append(append(m.head, "SIP/"...), text[len("SIP/"):]...)
}

// isNumber reports whether text is made of digits and is limit at most.
func isNumber(text []byte, limit uint64) bool {
	var n uint64
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
		if n = n*10 + uint64(c-'0'); n > limit {
			return false
		}
	}
	return len(text) > 0
}

// isBlank reports whether c is one of the blanks of LWS.
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isToken(text []byte) bool {
	for _, c := range text {
		if !isAlphanumeric(c) && strings.IndexByte("-.!%*_+`'~", c) < 0 {
			return false
		}
	}
	return len(text) > 0
}

// A field is a header whose value sipgo takes apart. Those that an answer copies
// come first.
type field uint8

const (
	fieldOther field = iota
	fieldVia
	fieldFrom
	fieldTo
	fieldCallID
	fieldCSeq
	fieldContact
	fieldMaxForwards
	fieldContentLength
	fieldContentType
	fieldRefer // Refer-To and Referred-By
)

var fieldNames = [...]string{
	fieldVia: "Via", fieldFrom: "From", fieldTo: "To", fieldCallID: "Call-ID", fieldCSeq: "CSeq", fieldContact: "Contact",
	fieldMaxForwards: "Max-Forwards", fieldContentLength: "Content-Length",
}

// fieldOf knows a header by its name or compact form, in any letter case.
func fieldOf(name []byte) field {
	var lower [len("content-length")]byte
	if len(name) > len(lower) {
		return fieldOther
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(name)]) {
	case "via", "v":
		return fieldVia
	case "from", "f":
		return fieldFrom
	case "to", "t":
		return fieldTo
	case "call-id", "i":
		return fieldCallID
	case "cseq":
		return fieldCSeq
	case "contact", "m":
		return fieldContact
	case "max-forwards":
		return fieldMaxForwards
	case "content-length", "l":
		return fieldContentLength
	case "content-type", "c":
		return fieldContentType
	case "refer-to", "referred-by":
		return fieldRefer
	}
	return fieldOther
}

// header reads one header.
func (m *mender) header(line []byte) {
	name, value, found := bytes.Cut(line, []byte(":"))
	name, value = bytes.TrimRight(name, " \t"), bytes.Trim(value, " \t")
	if !found || !isToken(name) {
		m.note(MendHeader) // it is none
		return
	}
	f := fieldOf(name)
	m.value = m.value[:0]
	switch {
	case !m.field(f, value):
		m.lose(f, value)
	case bytes.Equal(m.value, value) && !isBlank(line[len(line)-1]):
		m.head = append(append(m.head, line...), "\r\n"...)
	default:
		m.changed = true
		m.head = append(append(m.head, name...), ": "...)
		m.head = append(append(m.head, m.value...), "\r\n"...)
	}
}

// field writes a header's value anew, unless it cannot be read.
func (m *mender) field(f field, value []byte) bool {
	c := &cursor{text: value}
	switch f {
	case fieldVia:
		return !m.viaLost && m.vias(c)
	case fieldFrom, fieldTo, fieldRefer:
		return m.address(c, false)
	case fieldContact:
		if string(value) != "*" {
			return m.addresses(c)
		}
	case fieldCSeq:
		return m.sequence(c)
	case fieldContentLength:
		if !isNumber(value, math.MaxInt32) {
			return false
		}
		n, _ := strconv.Atoi(string(value))
		if m.length != lengthAbsent && m.length != n {
			n = lengthUnusable // which of the two is it?
		}
		m.length = n
	case fieldMaxForwards:
		if !isNumber(value, math.MaxUint32) {
			return false
		}
	case fieldCallID, fieldContentType:
		if len(bytes.TrimSpace(value)) == 0 {
			return false
		}
		m.typed = m.typed || f == fieldContentType
	case fieldOther:
	}
	m.value = append(m.value, value...)
	return true
}

// lose deals with a header that cannot be read: the message does without it, or
// is at fault.
func (m *mender) lose(f field, value []byte) {
	if !m.needs(f) {
		m.note(MendHeader)
		return
	}
	m.fail("Malformed " + fieldNames[f])
	if f == fieldContentLength {
		m.length = lengthUnusable
	}
	m.viaLost = m.viaLost || f == fieldVia // those behind it keep their places
	if isNew := !slices.ContainsFunc(m.lost, func(h wire.Header) bool { return h.Name() == fieldNames[f] }); f <= fieldCSeq && isNew {
		m.lost = append(m.lost, wire.NewHeader(fieldNames[f], withoutControls(value)))
	}
}

// needs reports whether an end point cannot do without a header (RFC 3261
// sections 8.2 and 16.3).
func (m *mender) needs(f field) bool {
	switch f {
	case fieldVia, fieldFrom, fieldTo, fieldCallID, fieldCSeq, fieldContentLength:
		return true
	case fieldContact:
		return m.method == "INVITE" || m.method == "REGISTER"
	case fieldMaxForwards:
		return m.method != "" && m.method != "ACK"
	case fieldContentType, fieldRefer, fieldOther:
	}
	return false
}

// withoutControls returns text without control characters, in whichever encoding
// it is.
func withoutControls(text []byte) string {
	clean := make([]byte, 0, len(text))
	for _, c := range text {
		if c >= ' ' && c != 0x7f {
			clean = append(clean, c)
		}
	}
	return string(clean)
}

// A cursor goes through a header's value.
type cursor struct {
	text []byte
	at   int
}

// atEnd is what a cursor sees behind the last byte: no value has one.
const atEnd = '\n'

// next returns the byte at the cursor.
func (c *cursor) next() byte {
	if c.at < len(c.text) {
		return c.text[c.at]
	}
	return atEnd
}

// take passes a byte, if it is this one.
func (c *cursor) take(b byte) bool {
	if c.next() != b {
		return false
	}
	c.at++
	return true
}

// blanks passes blanks, and reports whether there were any.
func (c *cursor) blanks() bool {
	from := c.at
	for isBlank(c.next()) {
		c.at++
	}
	return c.at > from
}

// word passes and returns what stands before a blank, one of stops, or the end.
func (c *cursor) word(stops string) []byte {
	from := c.at
	for c.at < len(c.text) && !isBlank(c.text[c.at]) && strings.IndexByte(stops, c.text[c.at]) < 0 {
		c.at++
	}
	return c.text[from:c.at]
}

// quoted passes a quoted string, and reports whether it ends.
func (c *cursor) quoted() bool {
	for c.at++; c.at < len(c.text); c.at++ {
		switch c.text[c.at] {
		case '\\':
			c.at++
		case '"':
			c.at++
			return true
		}
	}
	c.at = len(c.text)
	return false
}

// skip passes blanks that sipgo would stumble over.
func (m *mender) skip(c *cursor) {
	if c.blanks() {
		m.note(MendBlanks)
	}
}

// vias writes a Via anew, each of its elements on a line of its own.
func (m *mender) vias(c *cursor) bool {
	for {
		start := len(m.value)
		if !m.oneVia(c) || bytes.Count(m.value[start:], []byte(";branch=")) > 1 {
			return false
		}
		if !m.via {
			m.via = true
			branch, _ := parameter(m.value[start:], ";branch=")
			m.aged = m.method != "" && !bytes.HasPrefix(branch, []byte(wire.RFC3261BranchMagicCookie))
		}
		if !c.take(',') {
			return c.next() == atEnd
		}
		c.blanks()
		m.value = append(m.value, "\r\nVia: "...)
	}
}

func (m *mender) oneVia(c *cursor) bool {
	from := len(m.value)
	for i := range 3 { // protocol, version, transport
		part := c.word("/;,")
		if len(part) == 0 {
			return false
		}
		m.value = append(m.value, part...)
		if i < 2 {
			m.skip(c)
			if !c.take('/') {
				return false
			}
			m.skip(c)
			m.value = append(m.value, '/')
		}
	}
	for i, b := range m.value[from:] {
		if 'a' <= b && b <= 'z' {
			m.value[from+i] = b - 'a' + 'A'
			m.note(MendCase)
		}
	}
	if !c.blanks() {
		return false
	}
	m.value = append(m.value, ' ')
	if c.next() == '[' {
		host := c.word("];,")
		if !c.take(']') {
			return false
		}
		m.value = append(append(m.value, host...), ']')
	} else {
		host := c.word(":;,")
		if len(host) == 0 {
			return false
		}
		m.value = append(m.value, host...)
	}
	m.skip(c)
	if c.take(':') {
		m.skip(c)
		port := c.word(";,")
		if !isNumber(port, math.MaxUint16) {
			return false
		}
		m.value = append(append(m.value, ':'), port...)
	}
	start := c.at
	ok := m.parameters(c, true)
	own := c.text[start:c.at]
	return ok && (bytes.IndexByte(own, '"') < 0 || bytes.IndexByte(own, ',') < 0) // sipgo would take it for two
}

// addresses writes a list of addresses anew.
func (m *mender) addresses(c *cursor) bool {
	for {
		if !m.address(c, true) {
			return false
		}
		if !c.take(',') {
			return c.next() == atEnd
		}
		if c.blanks(); c.next() == atEnd {
			m.note(MendSeparators)
			return true
		}
		m.value = append(m.value, ',') // sipgo minds a blank before an address without brackets
	}
}

// address writes one address with its parameters anew (RFC 3261 section 20.10).
func (m *mender) address(c *cursor, inList bool) bool {
	c.blanks()
	from := c.at
	for {
		switch b := c.next(); {
		case b == '<':
			name := bytes.TrimRight(c.text[from:c.at], " \t")
			c.at++
			uri, rest, found := bytes.Cut(c.text[c.at:], []byte(">"))
			if !found {
				return false
			}
			c.at = len(c.text) - len(rest)
			m.name(name, inList)
			m.value = append(m.value, '<')
			bare := bytes.Trim(uri, " \t")
			if len(bare) < len(uri) {
				m.note(MendBlanks)
			}
			if !m.uri(bare) {
				return false
			}
			m.value = append(m.value, '>')
			return m.parameters(c, inList) && (inList || c.next() == atEnd)
		case b == '"':
			if !c.quoted() {
				return false
			}
		case b == atEnd, b == ';', b == ',' && inList:
			uri := bytes.TrimRight(c.text[from:c.at], " \t")
			if bytes.ContainsAny(uri, `?"`) || !m.uri(uri) { // section 20: it needs its brackets
				return false
			}
			return m.parameters(c, inList)
		default:
			c.at++
		}
	}
}

// name writes a display name anew, in quotes if it needs them. Those in a list
// serve nobody, and sipgo cannot take them apart if they have escapes.
func (m *mender) name(name []byte, inList bool) {
	start := len(m.value)
	quoted := cursor{text: name}
	switch {
	case len(name) == 0:
		return
	case inList && bytes.IndexByte(name, '\\') >= 0:
		m.changed = true
		return
	case name[0] == '"' && quoted.quoted() && quoted.next() == atEnd, cleanWords(name):
		m.value = append(m.value, name...)
	default:
		m.note(MendName)
		m.value = append(m.value, '"')
		for _, b := range name {
			if b != '"' && b != '\\' {
				m.value = append(m.value, b)
			}
		}
		m.value = append(m.value, '"')
	}
	if len(m.value) > start {
		m.value = append(m.value, ' ')
	}
}

// cleanWords reports whether a display name may stand without quotes. Letters
// that are not of ASCII may not, but everybody reads them.
func cleanWords(name []byte) bool {
	return bytes.IndexByte(name, '\x00') < 0 && !bytes.ContainsAny(name, `"\,;:@<>()[]?=/{}`)
}

// parameters writes the parameters behind an address or host anew, without
// blanks, and with the names that we know in lower case.
func (m *mender) parameters(c *cursor, inList bool) bool {
	stops := " \t;"
	if inList {
		stops = " \t;,"
	}
	for {
		if c.blanks() {
			m.changed = true
			if c.next() != atEnd && c.next() != ',' {
				m.note(MendBlanks)
			}
		}
		if !c.take(';') {
			return c.next() == atEnd || inList && c.next() == ','
		}
		m.skip(c)
		from := len(m.value)
		m.value = append(append(m.value, ';'), c.word("="+stops)...)
		if len(m.value) == from+1 { // of nothing
			m.value = m.value[:from]
			m.note(MendSeparators)
			if c.next() == '=' {
				return false
			}
			continue
		}
		m.lower(m.value[from+1:])
		for isBlank(c.next()) {
			m.skip(c)
		}
		if !c.take('=') {
			continue
		}
		m.skip(c)
		start := c.at
		if c.next() == '"' {
			if !c.quoted() {
				return false
			}
		} else {
			c.word(stops)
		}
		m.value = append(append(m.value, '='), c.text[start:c.at]...)
	}
}

// lower writes a parameter's name in lower case if it is one that we look for.
func (m *mender) lower(name []byte) {
	for _, known := range [...]string{
		"tag", "branch", "rport", "received", "maddr", "ttl", "transport", "lr", "user", "method", "expires", "q",
	} {
		if len(name) == len(known) && bytes.EqualFold(name, []byte(known)) {
			if string(name) != known {
				m.note(MendCase)
				copy(name, known)
			}
			return
		}
	}
}

// uri takes over a URI, unless sipgo could not read it.
func (m *mender) uri(uri []byte) bool {
	scheme, rest, found := bytes.Cut(uri, []byte(":"))
	if !found || len(uri) < 3 || !isScheme(scheme) || bytes.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return false
	}
	from := len(m.value)
	m.value = append(m.value, uri...)
	for i, c := range scheme { // sipgo knows letters only; what has others is served nowhere
		if !isLetter(c) {
			m.value[from+i] = 'x'
			m.changed = true
		}
	}
	if !bytes.EqualFold(scheme, []byte("sip")) && !bytes.EqualFold(scheme, []byte("sips")) {
		return true
	}
	host := bytes.IndexByte(rest, '@') + 1
	if bytes.IndexByte(rest[:host], '[') >= 0 {
		return false
	}
	rest = rest[host:]
	if rest = bytes.TrimPrefix(rest, []byte("//")); len(rest) == 0 {
		return false
	}
	at := &cursor{text: rest}
	if at.next() == '[' {
		at.word("]")
		if !at.take(']') || at.at > 41 {
			return false
		}
	} else if host := at.word(":;?"); len(host) == 0 || bytes.IndexByte(host, '[') >= 0 {
		return false
	}
	if at.take(':') && !isNumber(at.word(";?"), math.MaxInt32) {
		return false
	}
	behind := from + len(uri) - len(rest)
	for at.take(';') {
		start := at.at
		at.word("=;?")
		m.lower(m.value[behind+start : behind+at.at])
		at.word(";?")
	}
	return at.next() == atEnd || at.next() == '?'
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isScheme(scheme []byte) bool {
	for i, c := range scheme {
		if !isLetter(c) && (i == 0 || !isAlphanumeric(c) && strings.IndexByte("+-.", c) < 0) {
			return false
		}
	}
	return len(scheme) > 0
}

// sequence writes a CSeq anew.
func (m *mender) sequence(c *cursor) bool {
	number := c.word("")
	blanks := c.at
	c.blanks()
	if c.at-blanks > 1 {
		m.note(MendBlanks)
	}
	method := c.word("")
	m.value = append(append(append(m.value, number...), ' '), method...)
	return isNumber(number, math.MaxInt32) && len(method) > 0 && c.next() == atEnd
}

// parameter returns the value of a parameter and where it is, -1 if nowhere. name
// is as it is written by a mender, such as ";tag=".
func parameter(text []byte, name string) (value []byte, at int) {
	i := bytes.Index(text, []byte(name))
	if i < 0 {
		return nil, -1
	}
	i += len(name)
	end := bytes.IndexAny(text[i:], ";\r")
	if end < 0 {
		end = len(text) - i
	}
	return text[i : i+end], i
}

// agedBranch begins the branches that we give; 16 digits follow, and a tilde if
// there was a branch before.
const agedBranch = wire.RFC3261BranchMagicCookie + "~2543~"

var agedSeed = maphash.MakeSeed()

// giveBranch gives a request of RFC 2543 a branch by which sipgo knows its copies,
// its ACK and its CANCEL. It is made of what RFC 3261 section 17.2.3 compares.
func (m *mender) giveBranch() {
	var hash maphash.Hash
	hash.SetSeed(agedSeed)
	part := func(b []byte) { _, _ = hash.Write(b); _ = hash.WriteByte('\n') }
	at, behind := -1, ";branch="
	for from, line := 0, []byte(nil); from < len(m.head); from += len(line) {
		line = m.head[from : from+bytes.IndexByte(m.head[from:], '\n')+1]
		name, value, found := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch f := fieldOf(bytes.TrimRight(name, " \t")); {
		case from == 0: // METHOD SP URI SP version
			_, uri, _ := bytes.Cut(line, []byte(" "))
			part(uri)
		case !found:
		case f == fieldVia && at < 0:
			part(value)
			at = from + len(line) - len("\r\n")
			if _, i := parameter(line, ";branch="); i >= 0 {
				at, behind = from+i, ""
			}
		case f == fieldFrom:
			tag, _ := parameter(value[bytes.IndexByte(value, '>')+1:], ";tag=")
			part(tag)
		case f == fieldCallID:
			part(value)
		case f == fieldCSeq:
			number, _, _ := bytes.Cut(value, []byte(" "))
			part(number)
		}
	}
	if at < 0 {
		return
	}
	m.note(MendBranch)
	branch := fmt.Sprintf("%s%s%016x", behind, agedBranch, hash.Sum64())
	if behind == "" {
		branch += "~"
	}
	m.head = slices.Insert(m.head, at, []byte(branch)...)
}

// unmended returns a message as it is sent: without the branch that we gave, if it is
// an answer. What looks like one in a request is a caller's own text.
func unmended(data []byte) []byte {
	if !bytes.HasPrefix(data, []byte("SIP/2.0 ")) {
		return data
	}
	return withoutBranch(data)
}

// withoutBranch takes the branch that we gave out of the answer again.
func withoutBranch(data []byte) []byte {
	from := bytes.Index(data, []byte(agedBranch))
	to := from + len(agedBranch) + 16
	switch {
	case from < 0 || to >= len(data):
		return data
	case data[to] == '~':
		to++
	default:
		from -= len(";branch=")
	}
	if from < 0 {
		return data
	}
	return append(append(make([]byte, 0, len(data)), data[:from]...), data[to:]...)
}
