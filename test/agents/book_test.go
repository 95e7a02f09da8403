//go:build !race

package agents

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"cardline/load"
)

// A book holds what the sockets of the agents' phones have seen: the truth
// about a phone, whatever the phone's program and the hotline believe.
type book struct {
	mu     sync.Mutex
	phones map[string]*phone
	faults []string
	gaps   []gap
}

// phone is one agent's.
type phone struct {
	account string
	off     bool      // no power
	powered time.Time // when the power went or came
	moved   time.Time // when a call began to ring, was answered or was over
	open    map[string]*dialog
	known   map[string]bool // every Call-ID that has rung here
	freed   *gap            // the agent has hung up, and nobody has rung since
}

// dialog is one call that rings, or has been answered, at a phone.
type dialog struct {
	call     string // the hotline's own id of it
	answered bool
}

// A gap is the time from the BYE of a phone to the next INVITE, both at the
// phone's socket.
type gap struct {
	account, call string // the call that the phone has ended
	began         time.Time
	took          time.Duration // 0: nothing came
	cut           bool          // the power went before something could come
}

func newBook() *book { return &book{phones: map[string]*phone{}} }

// tap returns the book's ear at a phone.
func (b *book) tap(account string) load.Tap {
	p := &phone{account: account, open: map[string]*dialog{}, known: map[string]bool{}}
	b.phones[account] = p
	return func(at time.Time, sent bool, datagram []byte) {
		m := read(datagram)
		b.mu.Lock()
		defer b.mu.Unlock()
		if p.off {
			return
		}
		switch {
		case !sent && m.request == "INVITE" && !m.inDialog && !p.known[m.id]:
			b.rings(p, m, at)
		case p.open[m.id] == nil: // of a call that the phone makes itself, or of one that is over
		case sent && m.method == "INVITE" && m.status >= 200 && m.status < 300:
			p.open[m.id].answered, p.moved = true, at
		case sent && m.method == "INVITE" && m.status >= 300, !sent && (m.request == "CANCEL" || m.request == "BYE"):
			b.over(p, m, at)
		case sent && m.request == "BYE":
			p.freed = &gap{account: account, call: p.open[m.id].call, began: at}
			b.over(p, m, at)
		}
	}
}

// rings takes a new INVITE; b.mu is held.
func (b *book) rings(p *phone, m message, at time.Time) {
	for _, other := range p.open {
		b.fault("phone %s is rung for call %s while it is busy with %s", p.account, m.call, other.call)
	}
	for _, other := range b.phones {
		for _, d := range other.open {
			if d.call == m.call && !d.answered {
				b.fault("call %s rings phone %s while it rings phone %s", m.call, p.account, other.account)
			}
		}
	}
	p.known[m.id] = true
	p.open[m.id] = &dialog{call: m.call}
	p.moved = at
	if p.freed != nil {
		p.freed.took = at.Sub(p.freed.began)
		b.settle(p)
	}
}

// over takes the end of a call at a phone; b.mu is held.
func (b *book) over(p *phone, m message, at time.Time) {
	delete(p.open, m.id)
	p.moved = at
}

// settle writes a gap down; b.mu is held.
func (b *book) settle(p *phone) {
	if p.freed != nil {
		b.gaps = append(b.gaps, *p.freed)
		p.freed = nil
	}
}

// power returns what has to be told of a phone's power.
func (b *book) power(account string) func(on bool) {
	return func(on bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		p := b.phones[account]
		p.off, p.powered = !on, time.Now()
		clear(p.open)
		if p.freed != nil {
			p.freed.cut = true
			b.settle(p)
		}
	}
}

// fault writes down what must not be; b.mu is held.
func (b *book) fault(format string, args ...any) {
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// A view is what a phone is at.
type view struct {
	ringing, talking bool
	moved            time.Time // when that changed
	off              bool
	powered          time.Time // when that changed
}

func (b *book) view(account string) view {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.phones[account]
	v := view{moved: p.moved, off: p.off, powered: p.powered}
	for _, d := range p.open {
		v.ringing, v.talking = v.ringing || !d.answered, v.talking || d.answered
	}
	return v
}

// message is as much of SIP as the book needs.
type message struct {
	request  string // method of a request
	status   int    // of a response
	method   string // of the transaction
	id       string // Call-ID
	inDialog bool   // it has a To-tag
	call     string // X-Cardline-Call
}

func read(datagram []byte) (m message) {
	head, _, _ := bytes.Cut(datagram, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	if rest, ok := strings.CutPrefix(lines[0], "SIP/2.0 "); ok {
		_, _ = fmt.Sscanf(rest, "%d", &m.status)
	} else {
		m.request, _, _ = strings.Cut(lines[0], " ")
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "call-id", "i":
			m.id = value
		case "cseq":
			_, m.method, _ = strings.Cut(value, " ")
		case "to", "t":
			m.inDialog = strings.Contains(value, ";tag=")
		case "x-cardline-call":
			m.call = value
		}
	}
	return m
}
