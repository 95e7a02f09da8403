package sip

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	wire "github.com/emiago/sipgo/sip"
)

// plain is a request as nearly everybody writes it.
const plain = "BYE sip:95500@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport\r\n" +
	"From: \"Caller\" <sip:138@192.0.2.9>;tag=1\r\nTo: <sip:95500@192.0.2.1>;tag=2\r\nCall-ID: one\r\nCSeq: 2 BYE\r\n" +
	"Max-Forwards: 70\r\nContact: <sip:138@192.0.2.9>\r\nContent-Length: 0\r\n\r\n"

func kinds(m *mender) string {
	var all []string
	for kind := range mendNames {
		if m.mends&(1<<kind) != 0 {
			all = append(all, Mend(kind).String())
		}
	}
	return strings.Join(all, " ")
}

// What RFC 3261 section 25 allows, and slips with one meaning, become the form
// that sipgo reads. Public reports:
// https://github.com/poroh/ersip/issues/21 (a blank before the tag),
// https://github.com/loreste/siprec/issues/44, https://github.com/aboutsip/pkts/issues/110,
// https://github.com/irontec/sngrep/issues/156 (bare line feeds).
func TestMend(t *testing.T) {
	for _, c := range []struct {
		name, old, young string // what is put in for what
		line             string // that comes out; the plain one if it is empty
		kinds            string
	}{
		{name: "plain"},
		{name: "blank before the tag", old: ">;tag=1", young: ">; tag=1", kinds: "blanks"},
		{name: "blanks all around it", old: ">;tag=2", young: "> ;\ttag = 2 ", kinds: "blanks"},
		{name: "no blank before the address", old: `"Caller" <`, young: `"Caller"<`},
		{name: "name of a tag", old: ">;tag=2", young: ">;TAG=2", kinds: "case"},
		{name: "bare address", old: "<sip:95500@192.0.2.1>;tag=2", young: "sip:95500@192.0.2.1 ; Tag=2", line: "To: sip:95500@192.0.2.1;tag=2", kinds: "blanks case"},
		{name: "Via with blanks", old: "SIP/2.0/UDP 192.0.2.9:5060;branch", young: "SIP / 2.0 /UDP  192.0.2.9 : 5060 ; branch", kinds: "blanks"},
		{name: "Via in small letters", old: "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport", young: "sip/2.0/udp 192.0.2.9:5060;Branch=z9hG4bK1;RPORT", kinds: "case"},
		{
			name: "two Vias in a line", old: "Via: SIP/2.0/UDP 192.0.2.9:5060", young: "v: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK0 , SIP/2.0/UDP 192.0.2.9:5060",
			line: "v: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport",
		},
		{name: "Via of IPv6", old: "192.0.2.9:5060;branch", young: "[2001:db8::1] :5060;branch", line: "Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1;rport", kinds: "blanks"},
		{name: "Via with an empty parameter", old: ";rport\r\n", young: ";;rport;\r\n", kinds: "separators"},
		{name: "folds", old: ">;tag=2", young: ">\r\n ;\r\n\ttag=2", kinds: "blanks folds"},
		{name: "fold of what nobody reads", old: "Max", young: "Subject: a\r\n b\r\nMax", line: "Subject: a b", kinds: "folds"},
		{name: "blanks in CSeq", old: "2 BYE", young: "2 \t BYE", kinds: "blanks"},
		{name: "version in small letters", old: "SIP/2.0\r\n", young: "sip/2.0\r\n", kinds: "case"},
		{name: "bare line feeds", old: "\r\n", young: "\n", kinds: "line_ends"},
		{name: "no empty line", old: "0\r\n\r\n", young: "0\r\n", kinds: "no_end"},
		{name: "name without quotes", old: `"Caller"`, young: "Bell, Alexander", line: `From: "Bell, Alexander" <sip:138@192.0.2.9>;tag=1`, kinds: "name"},
		{name: "Chinese name without quotes", old: `"Caller"`, young: "张三", line: "From: 张三 <sip:138@192.0.2.9>;tag=1"},
		{name: "escapes in a name", old: "Caller", young: `a \"b\" \\`, line: `From: "a \"b\" \\" <sip:138@192.0.2.9>;tag=1`},
		{name: "blanks in an address", old: "<sip:138@192.0.2.9>;", young: "< sip:138@192.0.2.9 >;", kinds: "blanks"},
		{name: "parameters of a URI", old: "<sip:138@192.0.2.9>\r\n", young: "<sip:138@192.0.2.9;Transport=TCP;LR;x=Y?a=B>\r\n", line: "Contact: <sip:138@192.0.2.9;transport=TCP;lr;x=Y?a=B>", kinds: "case"},
		{name: "empty Contact of a BYE", old: "<sip:138@192.0.2.9>\r\n", young: "\r\n", line: "CSeq: 2 BYE", kinds: "header"},
		{name: "half a Contact of a BYE", old: "<sip:138@192.0.2.9>\r\n", young: "<sip:\r\n", line: "CSeq: 2 BYE", kinds: "header"},
		{name: "no header at all", old: "Max", young: "what is this\r\nMax", kinds: "header"},
		{name: "any star", old: "<sip:138@192.0.2.9>\r\n", young: "*\r\n", line: "Contact: *"},
		{name: "two contacts", old: "<sip:138@192.0.2.9>\r\n", young: `"a \" , b" <sip:a@b> , <sip:c@d>;Q=0.5` + "\r\n", line: "Contact: <sip:a@b>,<sip:c@d>;q=0.5", kinds: "case"},
	} {
		t.Run(c.name, func(t *testing.T) {
			count := 1
			if c.name == "bare line feeds" {
				count = -1
			}
			data := []byte(strings.Replace(plain, c.old, c.young, count))
			var m mender
			m.mend(data)
			if m.fault != "" || kinds(&m) != c.kinds {
				t.Errorf("got the fault %q and %q, want none and %q", m.fault, kinds(&m), c.kinds)
			}
			if c.line == "" && c.name != "no header at all" && c.old != "" && string(m.head) != plain && c.name != "no blank before the address" {
				t.Errorf("got %q, want the plain form", m.head)
			}
			if !bytes.Contains(m.head, []byte(c.line+"\r\n")) {
				t.Errorf("got %q, want %q in it", m.head, c.line)
			}
			if !m.changed && string(m.head) != string(data) {
				t.Errorf("got %q for %q without a word", m.head, data)
			}
			if _, err := newParser().ParseSIP(m.head); err != nil {
				t.Error(err)
			}
		})
	}
}

// What has no meaning, or two, is at fault, and the headers that an answer needs
// are kept as they came. Public reports:
// https://github.com/emiago/sipgo/pull/352, https://github.com/pjsip/pjproject/issues/4444,
// https://github.com/onsip/SIP.js/issues/100, https://github.com/versatica/JsSIP/issues/125.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, old, young, fault, lost string }{
		{"quote that never ends", `"Caller"`, `"Caller`, "Malformed From", `From: "Caller <sip:138@192.0.2.9>;tag=1`},
		{"GBK name cut at 0x5C", `"Caller"`, "\"\xc4\x5c\"", "Malformed From", "From: \"\xc4\x5c\" <sip:138@192.0.2.9>;tag=1"},
		{"name without brackets", `"Caller" <sip:138@192.0.2.9>`, "Some Body sip:138@192.0.2.9", "Malformed From", "From: Some Body sip:138@192.0.2.9;tag=1"},
		{"no number of hops", "70", "x", "Malformed Max-Forwards", ""},
		{"blank Content-Length", "Length: 0", "Length: ", "Malformed Content-Length", ""},
		{"negative Content-Length", "Length: 0", "Length: -1", "Malformed Content-Length", ""},
		{"huge Content-Length", "Length: 0", "Length: 99999999999999999999", "Malformed Content-Length", ""},
		{"huge CSeq", "2 BYE", "4294967296 BYE", "Malformed CSeq", "CSeq: 4294967296 BYE"},
		{"CSeq without a method", "2 BYE", "2", "Malformed CSeq", "CSeq: 2"},
		{"empty Call-ID", "one", "", "Malformed Call-ID", "Call-ID: "},
		{"Via without a transport", "SIP/2.0/UDP ", "SIP/2.0 ", "Malformed Via", "Via: SIP/2.0 192.0.2.9:5060;branch=z9hG4bK1;rport"},
		{"Via with a port of letters", ":5060", ":sip", "Malformed Via", "Via: SIP/2.0/UDP 192.0.2.9:sip;branch=z9hG4bK1;rport"},
		{"mixed line ends", "Call-ID: one\r\n", "Call-ID: one\n", "Malformed Line End", ""},
		{"two blanks in the request line", "BYE sip", "BYE  sip", "Malformed Request-Line", ""},
		{"no URI", "sip:95500@192.0.2.1 ", "95500 ", "Malformed Request-Line", ""},
		{"NUL in an address", "<sip:95500@", "<sip:\x0095500@", "Malformed To", "To: <sip:95500@192.0.2.1>;tag=2"},
		{"empty Contact of an INVITE", "BYE sip:95500@192.0.2.1 SIP/2.0\r\n", "INVITE sip:95500@192.0.2.1 SIP/2.0\r\nm:\r\n", "Malformed Contact", ""},
		{"half a Contact of a REGISTER", "BYE sip:95500@192.0.2.1 SIP/2.0\r\n", "REGISTER sip:192.0.2.1 SIP/2.0\r\nContact: <sip:\r\n", "Malformed Contact", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m mender
			m.mend([]byte(strings.Replace(plain, c.old, c.young, 1)))
			if m.fault != c.fault {
				t.Errorf("got the fault %q, want %q", m.fault, c.fault)
			}
			lost := ""
			for _, h := range m.lost {
				lost += h.Name() + ": " + h.Value()
			}
			if lost != c.lost {
				t.Errorf("got %q kept, want %q", lost, c.lost)
			}
			if _, err := newParser().ParseSIP(append(m.head, "\r\n"...)); err != nil {
				t.Errorf("the rest: %v in %q", err, m.head)
			}
		})
	}
}

// A request of RFC 2543 is known by what section 17.2.3 compares, and its sender
// sees its own Via again.
func TestBranchOfRFC2543(t *testing.T) {
	head := func(edit ...string) string {
		var m mender
		m.mend([]byte(strings.NewReplacer(edit...).Replace(plain)))
		branch, _ := parameter(m.head, ";branch=")
		return string(branch)
	}
	none := []string{";branch=z9hG4bK1", ""}
	same := head(none...)
	if !strings.HasPrefix(same, agedBranch) {
		t.Fatalf("got the branch %q", same)
	}
	for _, c := range []struct {
		name string
		edit []string
		same bool
	}{
		{"its copy", nil, true},
		{"its ACK", []string{"BYE", "ACK", ">;tag=2", ">;tag=other"}, true},
		{"another Call-ID", []string{"one", "two"}, false},
		{"another number", []string{"2 BYE", "3 BYE"}, false},
		{"another From tag", []string{"tag=1", "tag=9"}, false},
		{"another Via", []string{"192.0.2.9:5060", "192.0.2.9:5070"}, false},
		{"another URI", []string{"BYE sip:95500", "BYE sip:95501"}, false},
	} {
		if got := head(append(none, c.edit...)...) == same; got != c.same {
			t.Errorf("%s: got %v for the same, want %v", c.name, got, c.same)
		}
	}
	for _, via := range []string{"Via: SIP/2.0/UDP 192.0.2.9\r\n", "Via: SIP/2.0/UDP 192.0.2.9;branch=old;rport\r\n", "Via: SIP/2.0/UDP 192.0.2.9;branch=\r\n"} {
		var m mender
		m.mend([]byte(strings.Replace(plain, "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport\r\n", via, 1)))
		if got := withoutBranch(m.head); kinds(&m) != "branch" || !bytes.Contains(got, []byte(via)) {
			t.Errorf("got %q (%s) back, want %q in it", got, kinds(&m), via)
		}
	}
}

// A message with nothing to mend costs no memory.
func TestMendAllocatesNothing(t *testing.T) {
	var m mender
	data := []byte(strings.ReplaceAll(plain, "BYE", "INVITE"))
	m.mend(data)
	if n := testing.AllocsPerRun(100, func() { m.mend(data) }); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkMend(b *testing.B) {
	var m mender
	data := []byte(plain)
	b.ReportAllocs()
	for b.Loop() {
		m.mend(data)
	}
}

// seeds gives a fuzz target all messages of RFC 4475 and of the corpus.
func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/rfc4475/*.dat")
	if err != nil || len(files) == 0 {
		f.Fatalf("seeds: %v, %d files", err, len(files))
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range Samples(f) {
		f.Add(s.Message("UDP"))
	}
	f.Add([]byte(plain))
}

// FuzzMend holds what the listeners rely on: what has no fault sipgo can read, and
// it is mended for good.
func FuzzMend(f *testing.F) {
	seeds(f)
	parser := newParser()
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[strayLength(data):]
		head := headLength(data)
		if head == 0 {
			head = len(data)
		}
		var m, again mender
		m.mend(data[:head])
		if !m.changed && m.fault == "" && !bytes.Equal(m.head, data[:head]) {
			t.Errorf("changed without a word: %q", m.head)
		}
		msg, _, err := parser.ParseHeaders(m.head, false)
		if err != nil && (m.fault == "" || m.method != "") {
			t.Fatalf("%v in %q", err, m.head)
		}
		if m.fault != "" {
			return
		}
		if _, ok := msg.(*wire.Request); ok != (m.method != "") {
			t.Errorf("taken for another kind: %q", m.head)
		}
		again.mend(m.head)
		if again.fault != "" || again.changed || !bytes.Equal(again.head, m.head) {
			t.Errorf("%q, mended again: %q, fault %q, %s", m.head, again.head, again.fault, kinds(&again))
		}
		if got := withoutBranch(m.head); len(got) > len(m.head) {
			t.Errorf("got %q", got)
		}
	})
}

// A caller's name may look like the branch that we give: a request keeps it.
func TestRequestsKeepTheirText(t *testing.T) {
	request := []byte("INVITE sip:1001@192.0.2.1 SIP/2.0\r\nFrom: <sip:" + agedBranch + "0123456789abcdef@192.0.2.1>;tag=1\r\n\r\n")
	if got := unmended(request); string(got) != string(request) {
		t.Errorf("got %q, want it as it was", got)
	}
}
