package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
)

// A device is an entry of testdata/devices.txt, which says how to read it.
type device struct {
	name        string
	expected    string // the lines of the outcome
	description []byte
	answers     bool // our offer
}

// devices reads the corpus.
func devices(t testing.TB) (all []device) {
	t.Helper()
	text, err := os.ReadFile("testdata/devices.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range strings.Split(string(text), "\n== ")[1:] {
		name, rest, _ := strings.Cut(entry, "\n")
		d := device{name: name, answers: strings.Contains(name, "to our offer")}
		end := "\r\n"
		if strings.Contains(name, "bare LF") {
			end = "\n"
		}
		for line := range strings.SplitSeq(strings.TrimRight(rest, "\n"), "\n") {
			switch word, _, _ := strings.Cut(line, " "); {
			case len(d.description) == 0 && word == "#":
			case len(d.description) == 0 && (word == "answer:" || word == "hear:" || word == "error:"):
				d.expected += line + "\n"
			default:
				d.description = append(d.description, strings.ReplaceAll(line, `\0`, "\x00")+end...)
			}
		}
		all = append(all, d)
	}
	return all
}

func TestDevices(t *testing.T) {
	all := devices(t)
	if len(all) < 60 {
		t.Fatalf("got %d descriptions, want at least 60", len(all))
	}
	for _, d := range all {
		t.Run(d.name, func(t *testing.T) {
			if got := outcome(t, d); got != d.expected {
				t.Errorf("got\n%swant\n%sof\n%s", got, d.expected, d.description)
			}
		})
	}
}

// outcome says what becomes of a description, in the words of the corpus.
func outcome(t *testing.T, d device) (text string) {
	t.Helper()
	p := NewParty(Local{Address: netip.MustParseAddr("192.0.2.1"), Port: 4000, Codecs: []Codec{PCMA, PCMU}, Known: known})
	var path Path
	var err error
	if d.answers {
		p.Offer()
		path, err = p.Accept(d.description)
	} else {
		var answer []byte
		if answer, path, err = p.Answer(d.description); err == nil {
			text = "answer: " + sections(t, answer) + "\n"
		}
	}
	var malformed *ParseError
	switch {
	case errors.As(err, &malformed):
		return "error: 400\n"
	case err != nil:
		return "error: 488\n"
	}
	return text + "hear: " + inWords(&path) + "\n"
}

// known has the one name that the corpus is at.
func known(h Host) netip.Addr {
	if h == (Host{"ip4", "media.example.com"}) {
		return netip.MustParseAddr("203.0.113.40")
	}
	return netip.Addr{}
}

// sections lists the sections of our answer.
func sections(t *testing.T, answer []byte) string {
	t.Helper()
	s, err := Parse(answer)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range s.Media {
		said := "refused"
		if m.Port != 0 {
			said = strings.Join(m.Formats, " ")
		}
		list = append(list, m.Kind+" "+said)
	}
	return strings.Join(list, "; ")
}

// inWords says what both sides have agreed on.
func inWords(p *Path) string {
	where := "nowhere"
	if p.Remote.IsValid() {
		where = p.Remote.String() + ", reports to "
		switch {
		case p.Mux:
			where = p.Remote.String() + ", reports with the media"
		case p.RemoteRTCP.Addr() == p.Remote.Addr():
			where += fmt.Sprint(p.RemoteRTCP.Port())
		default:
			where += p.RemoteRTCP.String()
		}
	}
	keys := "no keys"
	if p.Events {
		keys = fmt.Sprint("keys as ", p.SendEvents)
	}
	held := ""
	if p.Held {
		held = ", held"
	}
	return fmt.Sprintf("%v as %d to %s, %s, every %d ms, %v%s", p.Codec, p.SendType, where, keys, p.Ptime.Milliseconds(), p.Direction, held)
}
