package sip_test

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/emiago/sipgo/sip"

	"cardline/sip"
)

// tortures are the messages of RFC 4475 with what a trunk gets for each of
// them: the final response, "call" if it is let in as a new call, or "-" if
// nothing is said, because it cannot be parsed or is a response.
var tortures = map[string]string{
	// Section 3.1.1: valid, if strange.
	"wsinv":      "400",  // white space wherever it may be; refused for its branch, which is none of RFC 3261
	"intmeth":    "501",  // a method made of every token character
	"esc01":      "call", // escapes in the user part
	"escnull":    "401",  // REGISTER with escaped nulls: asked for credentials like any other
	"esc02":      "501",  // RE%47IST%45R is not REGISTER
	"lwsdisp":    "200",  // no blank between display name and <
	"longreq":    "400",  // long values everywhere; refused for its branch, which is none of RFC 3261
	"dblreq":     "401",  // a second request behind the first: the first counts
	"semiuri":    "200",  // a semicolon in the user part
	"transports": "200",  // Vias of several transports
	"mpart01":    "405",  // MESSAGE with a multipart body
	"unreason":   "-",    // a response
	"noreason":   "-",    // a response

	// Section 3.1.2: broken.
	"badinv01":   "-",    // separators where none may be
	"clerr":      "-",    // Content-Length beyond the datagram
	"ncl":        "-",    // Content-Length negative
	"scalar02":   "-",    // numbers too large
	"scalarlg":   "-",    // the same in a response
	"quotbal":    "-",    // a quote that never ends
	"ltgtruri":   "-",    // <> around the Request-URI
	"lwsruri":    "-",    // a blank in the Request-URI
	"lwsstart":   "-",    // two blanks in the request line
	"trws":       "-",    // a blank at its end
	"escruri":    "call", // headers in the Request-URI are ignored
	"baddate":    "call", // a Date in another zone: nobody here reads it
	"regbadct":   "401",  // a Contact with a bare ? : asked for credentials first
	"badaspec":   "-",    // spaces in the address
	"baddn":      "-",    // a display name of non-token characters
	"badvers":    "505",  // SIP/7.0
	"mismatch01": "400",  // CSeq says another method
	"mismatch02": "400",  // and so for an unknown one
	"bigcode":    "-",    // a response code of ten digits

	// Sections 3.2 to 3.4.
	"badbranch": "400",  // a branch that is only the cookie
	"insuf":     "400",  // no Call-ID, From, To
	"unkscm":    "416",  // an unknown scheme
	"novelsc":   "-",    // another, with a dot
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
	"inv2543":   "400",  // RFC 2543, without tags and branches
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
		t.Run(name, func(t *testing.T) {
			bubble(t, func(o *sip.Options) { o.Trunks[0].Phones = true }, func(t *testing.T, h *house) {
				p := h.peer(trunkAddress, "torture")
				defer p.close()
				// Answers go to the Via's port, whatever it is; let every
				// message ask for the port that it comes from.
				p.write(string(askForPort(readFile(t, file))))
				time.Sleep(time.Second)
				got := "-"
				for _, m := range p.heard() {
					if res, ok := m.msg.(*wire.Response); ok && res.StatusCode >= 200 {
						got = fmt.Sprint(res.StatusCode)
					}
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
		})
	}
	for name := range missing {
		t.Errorf("%s: no such file", name)
	}
}

// askForPort adds rport to the first Via.
func askForPort(message []byte) []byte {
	i := bytes.Index(message, []byte("branch="))
	if i < 0 || bytes.Contains(message, []byte("rport")) {
		return message
	}
	return append(append(append([]byte(nil), message[:i]...), "rport;"...), message[i:]...)
}
