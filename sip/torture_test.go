package sip_test

import (
	"bytes"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardline/sip"
	"cardline/sip/siptest"
)

// tortures are the messages of RFC 4475 with what a trunk gets for each of them
// by UDP, and by TCP if that is something else: the final response, "call" if it
// is let in as a new call, or "-" if nothing is said, because it is a response or
// has no end. They are what the RFC expects of an end point; where it leaves a
// choice, we refuse what has two meanings and infer what has one. What needs an
// account (REGISTER) is challenged first.
var tortures = map[string]string{
	// Section 3.1.1: valid, if strange.
	"wsinv":      "481",         // white space wherever it may be; read for what it is, a request in a dialog that is not there
	"intmeth":    "501",         // a method made of every token character
	"esc01":      "call",        // escapes in the user part
	"escnull":    "401",         // REGISTER with escaped nulls: asked for credentials like any other
	"esc02":      "501",         // RE%47IST%45R is not REGISTER
	"lwsdisp":    "200",         // no blank between display name and <
	"longreq":    "call",        // long values everywhere, and a Via of RFC 2543
	"dblreq":     "401 400+401", // a second request behind the first: in a datagram the first counts, in a stream both, and the other has no Contact
	"semiuri":    "200",         // a semicolon in the user part
	"transports": "200",         // Vias of several transports
	"mpart01":    "405",         // MESSAGE with a multipart body
	"unreason":   "-",           // a response
	"noreason":   "-",           // a response

	// Section 3.1.2: broken.
	"badinv01":   "400",   // separators where none may be
	"clerr":      "400 -", // Content-Length beyond the datagram; a stream waits for the rest
	"ncl":        "400",   // Content-Length negative
	"scalar02":   "400",   // numbers too large
	"scalarlg":   "-",     // the same in a response
	"quotbal":    "400",   // a quote that never ends
	"ltgtruri":   "400",   // <> around the Request-URI
	"lwsruri":    "400",   // a blank in the Request-URI
	"lwsstart":   "400",   // two blanks in the request line
	"trws":       "400",   // a blank at its end
	"escruri":    "call",  // headers in the Request-URI are ignored
	"baddate":    "call",  // a Date in another zone: nobody here reads it
	"regbadct":   "400",   // a Contact with a bare ?
	"badaspec":   "200",   // blanks around the address within <>: ignored, as a liberal element may
	"baddn":      "200 -", // a display name of non-token characters: quotes are inferred
	"badvers":    "505",   // SIP/7.0
	"mismatch01": "400",   // CSeq says another method
	"mismatch02": "400",   // and so for an unknown one
	"bigcode":    "-",     // a response code of ten digits

	// Sections 3.2 to 3.4.
	"badbranch": "400",  // a branch that is only the cookie
	"insuf":     "400",  // no Call-ID, From, To
	"unkscm":    "416",  // an unknown scheme
	"novelsc":   "416",  // another, with a dot
	"unksm2":    "401",  // unknown schemes in From and To of a REGISTER
	"bext01":    "420",  // Require of what nobody knows
	"invut":     "415",  // a body of an unknown type
	"regaut01":  "401",  // credentials of an unknown scheme are none
	"multi01":   "400",  // several From, To, Call-ID, CSeq
	"mcl01":     "400",  // two Content-Lengths
	"bcast":     "-",    // a response to another's broadcast
	"zeromf":    "200",  // no hop left, and none needed
	"cparam01":  "401",  // unknown parameters in a REGISTER's Contact
	"cparam02":  "401",  // the same
	"regescrt":  "401",  // the same
	"sdp01":     "call", // an Accept that leaves out SDP: the answer is SDP all the same
	"inv2543":   "400",  // RFC 2543, without tags and branches; an INVITE needs a Contact since RFC 3261
	"test":      "-",    // not a SIP message
}

func TestTortureOfRFC4475(t *testing.T) {
	files, err := filepath.Glob("testdata/rfc4475/*.dat")
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	missing := maps.Clone(tortures)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".dat")
		expected, ok := tortures[name]
		if !ok {
			t.Errorf("%s: no result is expected of it", name)
			continue
		}
		delete(missing, name)
		byUDP, byTCP, differs := strings.Cut(expected, " ")
		if !differs {
			byTCP = byUDP
		}
		message := askForPort(readFile(t, file)) // answers go to the Via's port, whatever it is
		t.Run(name+" by UDP", func(t *testing.T) {
			tortured(t, byUDP, func(h *house) (func() string, func()) {
				p := h.peer(trunkAddress, "torture")
				p.write(string(message))
				return p.text, p.close
			})
		})
		t.Run(name+" by TCP", func(t *testing.T) {
			tortured(t, byTCP, func(h *house) (func() string, func()) {
				s := h.stream(trunkAddress)
				_, _ = s.Write(message)
				return s.text, func() { _ = s.Close() }
			})
		})
	}
	for name := range missing {
		t.Errorf("%s: no such file", name)
	}
}

// finalCode finds the codes of final responses.
var finalCode = regexp.MustCompile(`(?m)^SIP/2.0 ([2-6]\d\d) `)

// tortured sends a message to a trunk's house and compares what becomes of it.
// send returns what is answered.
func tortured(t *testing.T, expected string, send func(*house) (answers func() string, end func())) {
	t.Helper()
	network := &siptest.Network{}
	bubble(t, func(o *sip.Options) {
		o.Trunks[0].Phones = true
		o.Listeners = append(o.Listeners, sip.Listener{Network: "tcp", Stream: network.Stream(streamAddress)})
	}, func(t *testing.T, h *house) {
		h.streams = network
		answers, end := send(h)
		defer end()
		time.Sleep(time.Second)
		got := "-"
		var codes []string
		for _, code := range finalCode.FindAllStringSubmatch(answers(), -1) {
			codes = append(codes, code[1])
		}
		if codes != nil {
			slices.Sort(codes) // two requests may be answered in either order
			got = strings.Join(slices.Compact(codes), "+")
		}
		if h.calls() > 0 {
			got = "call"
		}
		if got != expected {
			t.Errorf("got %s, want %s", got, expected)
		}
		if n := h.counter.get("dropped panic"); n > 0 {
			t.Errorf("%d panics", n)
		}
		q := h.peer("192.0.2.50:6000", "after")
		defer q.close()
		q.send("", q.request("OPTIONS", 1, "after")...)
		synctest.Wait()
		want(t, "a request afterwards", q.messages(), "200(OPTIONS)")
	})
}

// askForPort adds rport to the first Via.
func askForPort(message []byte) []byte {
	i := bytes.Index(message, []byte("branch="))
	if i < 0 || bytes.Contains(message, []byte("rport")) {
		return message
	}
	return append(append(append([]byte(nil), message[:i]...), "rport;"...), message[i:]...)
}

// wsinv is an INVITE within a dialog, which is nowhere; without its To tag it is a
// call, so that all of its white space was read.
func TestTortuousInviteIsACall(t *testing.T) {
	message := bytes.Replace(readFile(t, "testdata/rfc4475/wsinv.dat"), []byte(";   tag    = 1918181833n"), nil, 1)
	tortured(t, "call", func(h *house) (func() string, func()) {
		p := h.peer(trunkAddress, "torture")
		p.write(string(message))
		return p.text, p.close
	})
}

// Messages as named devices write them, by UDP and by TCP.
func TestMessagesOfDevices(t *testing.T) {
	samples := sip.Samples(t)
	if len(samples) < 80 {
		t.Errorf("got %d messages, want 80 at least", len(samples))
	}
	for _, sample := range samples {
		t.Run(sample.Name+" by UDP", func(t *testing.T) {
			tortured(t, sample.Answer, func(h *house) (func() string, func()) {
				p := h.peer(trunkAddress, "device")
				p.write(string(askForPort(sample.Message("UDP"))))
				return p.text, p.close
			})
		})
		t.Run(sample.Name+" by TCP", func(t *testing.T) {
			tortured(t, sample.Answer, func(h *house) (func() string, func()) {
				s := h.stream(trunkAddress)
				_, _ = s.Write(sample.Message("TCP"))
				return s.text, func() { _ = s.Close() }
			})
		})
	}
}
