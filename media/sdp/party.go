package sdp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// A Codec is a law of G.711. Its zero value is [PCMA].
type Codec uint8

const (
	// PCMA is A-law.
	PCMA Codec = iota
	// PCMU is µ-law.
	PCMU
)

// codecs holds name and static payload number of each [Codec].
var codecs = [...]struct {
	name   string
	number uint8
}{PCMA: {"PCMA", staticPCMA}, PCMU: {"PCMU", staticPCMU}}

// The payload numbers of RFC 3551, and the one that nearly everybody takes for
// telephone-events.
const (
	staticPCMU    = 0
	staticPCMA    = 8
	usualEvents   = 101
	unusedPayload = 96
)

const (
	clock       = 8000
	eventName   = "telephone-event"
	eventParams = "0-15"
)

// String returns the encoding name.
func (c Codec) String() string { return codecs[c].name }

var (
	// ErrNoCodec tells that a description has no audio stream that both sides
	// can use. A signalling answer is 488.
	ErrNoCodec = errors.New("sdp: no audio stream that both sides can use")
	// ErrNoOffer tells that an answer came to no offer of ours.
	ErrNoOffer = errors.New("sdp: answer without an offer")
	// ErrElsewhere tells that the peer's audio is at an address where it may not
	// be. A signalling answer is 488.
	ErrElsewhere = errors.New("sdp: media at an address where it may not be")
	// ErrUnknownHost tells that the peer's audio is at a host whose address is not
	// known. A signalling answer is 488.
	ErrUnknownHost = errors.New("sdp: media at a host whose address is not known")
)

// Local is what our side can do.
type Local struct {
	Address netip.Addr
	Port    uint16  // of RTP; RTCP has the next
	Codecs  []Codec // by preference, not empty
	// Latches is set if the peer's packets will tell its address: then one
	// that cannot be reached from ours, as of another IP version, is no hindrance.
	Latches bool
	Sources []netip.Prefix // where the peer may be; empty: anywhere
	// Known returns the address of a host that has been looked up, the invalid one
	// of any other. It must not wait. If nil, no host is known.
	Known func(Host) netip.Addr
}

// A Meaning says what a received payload number stands for.
type Meaning uint8

const (
	// Unknown was never agreed on.
	Unknown Meaning = iota
	// AudioA is A-law.
	AudioA
	// AudioU is µ-law.
	AudioU
	// TelephoneEvent is a key.
	TelephoneEvent
)

// Codec returns the law of an audio meaning.
func (m Meaning) Codec() Codec {
	if m == AudioU {
		return PCMU
	}
	return PCMA
}

// meaning returns what packets of a codec mean.
func (c Codec) meaning() Meaning {
	if c == PCMU {
		return AudioU
	}
	return AudioA
}

// A Path is what both sides have agreed on. The zero Path carries nothing.
type Path struct {
	Remote     netip.AddrPort // where our RTP goes; invalid if nowhere
	RemoteRTCP netip.AddrPort // equal to Remote with Mux
	Mux        bool           // RTP and RTCP share our RTP port

	Codec      Codec // that we send
	SendType   uint8 // payload number of Codec
	SendEvents uint8 // payload number of our telephone-events, if Events
	Events     bool
	Receive    [128]Meaning // of the payload numbers that the peer may send

	Ptime     time.Duration // of our packets: 10, 20, 30, 40 or 60 ms
	Direction Direction     // as we see it
	Held      bool          // the peer does not want to hear us
}

// Open tells whether the path carries anything at all.
func (p *Path) Open() bool { return p.Ptime > 0 }

// A Party is our side of the offers and answers of one session. It keeps the
// identity of the session, its version, and its m= lines, which may be refused
// but never leave (RFC 3264 section 8). It belongs to one goroutine.
type Party struct {
	local   Local
	id      uint64
	version uint64
	last    []byte // body of our last description, to see whether a new one differs
	lines   []Media
	audio   int  // index of our stream among lines
	offered bool // our last description was an offer
	agreed  bool // there was an agreement
	numbers numbers
}

// numbers are the payload numbers that we offer.
type numbers struct {
	codec  [len(codecs)]uint8
	events uint8
}

// NewParty returns a party that has said nothing yet.
func NewParty(l Local) *Party {
	p := &Party{local: l, id: rand.Uint64N(1 << 62), numbers: numbers{events: usualEvents}}
	for c := range codecs {
		p.numbers.codec[c] = codecs[c].number
	}
	return p
}

// Answer agrees to the first audio stream of an offer that we can use, refuses
// the others by port 0, and returns our answer. It returns a [*ParseError], or [ErrNoCodec],
// [ErrElsewhere] or [ErrUnknownHost] if no stream is usable; then nothing has changed. A
// re-offer that ends the stream itself is no error: it gives a Path that is not open.
func (p *Party) Answer(offer []byte) (answer []byte, path Path, err error) {
	s, err := p.read(offer)
	if err != nil {
		return nil, Path{}, err
	}
	audio := slices.IndexFunc(s.Media, func(m Media) bool { return p.usable(&m) })
	if audio < 0 && (!p.agreed || !ended(s.Media)) {
		return nil, Path{}, p.useless(s.Media)
	}
	lines := make([]Media, len(s.Media))
	for i := range s.Media {
		lines[i] = p.refusal(&s.Media[i])
	}
	if audio >= 0 {
		m := &s.Media[audio]
		path = p.agree(m, true)
		lines[audio] = p.stream(m.Proto, path.Ptime, path.Direction)
		lines[audio].Mux = path.Mux
		lines[audio].use(&path)
		p.audio = audio
	}
	p.lines, p.offered, p.agreed = lines, false, true
	return p.describe(), path, nil
}

// ended tells whether the peer has ended all audio itself, and wants nothing in
// its place, such as a fax.
func ended(media []Media) bool {
	audio := false
	for _, m := range media {
		if m.Port != 0 || m.Unreadable {
			return false
		}
		audio = audio || m.audio()
	}
	return audio
}

// Offer returns a description of all that we can do: the first of a session,
// or, with its m= lines in their places, a new one for a session that is up.
func (p *Party) Offer() []byte {
	m := p.stream("RTP/AVP", usualPtime, SendRecv)
	m.Mux = true
	for _, c := range p.local.Codecs {
		m.add(p.numbers.codec[c], codecs[c].name, "")
	}
	m.add(p.numbers.events, eventName, eventParams)
	if len(p.lines) == 0 {
		p.lines, p.audio = []Media{m}, 0
	} else {
		m.Proto = p.lines[p.audio].Proto
		p.lines = slices.Clone(p.lines)
		p.lines[p.audio] = m
	}
	p.offered = true
	return p.describe()
}

// Accept takes the answer to our last offer. The same answer may come again, as
// in a 183 and the 200 after it. It returns a [*ParseError], [ErrNoOffer],
// [ErrElsewhere], [ErrUnknownHost], or [ErrNoCodec] if a new session would have no audio.
func (p *Party) Accept(answer []byte) (Path, error) {
	if !p.offered {
		return Path{}, ErrNoOffer
	}
	s, err := p.read(answer)
	if err != nil {
		return Path{}, err
	}
	m := p.answered(s.Media)
	if m == nil {
		return Path{}, &ParseError{Reason: "answer has no audio"}
	}
	p.numbers.explain(m)
	if m.Port == 0 && !m.Unreadable && p.agreed {
		return Path{}, nil
	}
	if !p.usable(m) {
		return Path{}, p.useless([]Media{*m})
	}
	p.agreed = true
	return p.agree(m, false), nil
}

// answered returns the section of an answer that speaks of our stream, nil if none
// does: the one in its place, or, since some leave out what they refuse, the first audio.
func (p *Party) answered(media []Media) *Media {
	i := p.audio
	if i >= len(media) || !media[i].audio() {
		i = slices.IndexFunc(media, func(m Media) bool { return m.audio() })
	}
	if i < 0 {
		return nil
	}
	return &media[i]
}

// read parses a description and puts addresses in place of the hosts that are known.
func (p *Party) read(description []byte) (*Session, error) {
	s, err := Parse(description)
	if err != nil || p.local.Known == nil {
		return s, err
	}
	for i := range s.Media {
		if m := &s.Media[i]; m.Host.Name != "" {
			m.Address = p.local.Known(m.Host)
		}
	}
	return s, nil
}

// usable tells whether the peer's stream is one that we can take.
func (p *Party) usable(m *Media) bool {
	if !m.live() {
		return false
	}
	if _, ok := p.choose(m, true); !ok {
		return false
	}
	return p.allows(m.Address) && (p.local.Latches || p.reaches(m.Address))
}

// useless says why none of the streams is usable.
func (p *Party) useless(media []Media) error {
	if slices.ContainsFunc(media, func(m Media) bool { return m.audio() && m.Port != 0 && !p.allows(m.Address) }) {
		return ErrElsewhere
	}
	if slices.ContainsFunc(media, func(m Media) bool { return m.live() && m.Host.Name != "" && !m.Address.IsValid() }) {
		return ErrUnknownHost
	}
	return ErrNoCodec
}

// reaches tells whether packets can go from our address to another. A group of
// strangers is no telephone.
func (p *Party) reaches(a netip.Addr) bool {
	return a.IsValid() && !a.IsMulticast() && a.Is4() == p.local.Address.Unmap().Is4() && p.allows(a)
}

// allows tells whether the peer may be at an address. That of a hold is nowhere.
func (p *Party) allows(a netip.Addr) bool {
	return len(p.local.Sources) == 0 || !a.IsValid() || a.IsUnspecified() ||
		slices.ContainsFunc(p.local.Sources, func(r netip.Prefix) bool { return r.Contains(a.Unmap()) })
}

// choose returns the payload of the codec to send: of an offer the one that we
// like best, of an answer the one that the peer likes best.
func (p *Party) choose(m *Media, offer bool) (c chosen, ok bool) {
	best := len(p.local.Codecs)
	for i := range m.Payloads {
		rank := slices.IndexFunc(p.local.Codecs, func(c Codec) bool { return m.Payloads[i].Is(codecs[c].name, clock) })
		if rank < 0 || rank >= best {
			continue
		}
		c, ok, best = chosen{p.local.Codecs[rank], m.Payloads[i].Number}, true, rank
		if !offer {
			break
		}
	}
	return c, ok
}

type chosen struct {
	codec  Codec
	number uint8
}

// agree works out the path that follows from the peer's stream m, an offer or
// the answer to ours.
func (p *Party) agree(m *Media, offer bool) Path {
	best, _ := p.choose(m, offer)
	remote := m.Direction
	if m.Address.IsValid() && m.Address.IsUnspecified() {
		remote = direction(remote.Sends(), false) // RFC 3264 section 8.4
	}
	path := Path{
		Mux:       m.Mux,
		Codec:     best.codec,
		SendType:  best.number,
		Ptime:     packetTime(m.Ptime, m.MaxPtime),
		Direction: remote.Reverse(),
		Held:      !remote.Receives(),
	}
	if p.reaches(m.Address) && !m.Address.IsUnspecified() {
		path.Remote = netip.AddrPortFrom(m.Address, m.Port)
		path.RemoteRTCP = p.remoteRTCP(m)
	}
	if offer {
		p.numbers.codec[best.codec] = best.number
	} else {
		// The peer sends by our numbers. Some send by their own all the same.
		for _, c := range p.local.Codecs {
			path.Receive[p.numbers.codec[c]] = c.meaning()
		}
	}
	path.Receive[best.number] = best.codec.meaning()
	for i := range m.Payloads {
		e := &m.Payloads[i]
		if !e.Is(eventName, clock) {
			continue
		}
		path.Events, path.SendEvents = true, e.Number
		if !offer {
			path.Receive[p.numbers.events] = TelephoneEvent
		}
		path.Receive[e.Number] = TelephoneEvent
		if offer {
			p.numbers.events = e.Number
		}
		break
	}
	p.numbers.separate()
	return path
}

// explain gives the numbers of an answer that come without a map the meaning that
// they have in our offer.
func (n *numbers) explain(m *Media) {
	for i := range m.Payloads {
		e := &m.Payloads[i]
		if e.Name != "" {
			continue
		}
		for c, number := range n.codec {
			if e.Number == number {
				e.Name, e.Clock = codecs[c].name, clock
			}
		}
		if e.Number == n.events {
			e.Name, e.Clock = eventName, clock
		}
	}
}

// separate moves numbers apart that a peer's odd choice has made equal, so that
// the next offer says each once.
func (n *numbers) separate() {
	used := map[uint8]bool{n.codec[PCMA]: true}
	for _, x := range []*uint8{&n.codec[PCMU], &n.events} {
		for free := uint8(unusedPayload); used[*x]; free++ {
			*x = free
		}
		used[*x] = true
	}
}

// remoteRTCP returns where the reports go: to the port of the media itself, to
// that after it, or where the peer says.
func (p *Party) remoteRTCP(m *Media) netip.AddrPort {
	said := m.RTCP.Addr()
	switch {
	case m.Mux:
		return netip.AddrPortFrom(m.Address, m.Port)
	case m.RTCP.Port() == 0:
		return netip.AddrPortFrom(m.Address, m.Port+1)
	case p.reaches(said) && !said.IsUnspecified():
		return m.RTCP
	}
	return netip.AddrPortFrom(m.Address, m.RTCP.Port())
}

// packetTimes are what a media loop can do, and usualPtime what it does unasked.
var packetTimes = []time.Duration{10 * time.Millisecond, usualPtime, 30 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}

const usualPtime = 20 * time.Millisecond

// packetTime returns the length of our packets: what the peer wishes if a
// media loop can do it, else 20 ms, but never more than the peer can take.
func packetTime(wish, most time.Duration) time.Duration {
	t := usualPtime
	if slices.Contains(packetTimes, wish) {
		t = wish
	}
	if most > 0 && most < t {
		t = usualPtime
		if most < t {
			t = packetTimes[0]
		}
	}
	return t
}

// stream returns our m= section, still without payloads.
func (p *Party) stream(proto string, ptime time.Duration, d Direction) Media {
	return Media{Kind: "audio", Port: p.local.Port, Proto: proto, Address: p.local.Address, Ptime: ptime, Direction: d}
}

// use lists the codec of a path and its telephone-events.
func (m *Media) use(path *Path) {
	m.add(path.SendType, path.Codec.String(), "")
	if path.Events {
		m.add(path.SendEvents, eventName, eventParams)
	}
}

func (m *Media) add(number uint8, name, params string) {
	m.Formats = append(m.Formats, strconv.Itoa(int(number)))
	m.Payloads = append(m.Payloads, Payload{Number: number, Name: name, Clock: clock, Params: params})
}

// refusal returns the section that refuses m: the same with port 0, RFC 3264
// section 6, and with a format if m has none. It too has a c= line, which some ask
// of every section.
func (p *Party) refusal(m *Media) Media {
	formats := m.Formats
	if len(formats) == 0 {
		formats = []string{"0"}
	}
	return Media{Kind: m.Kind, Proto: m.Proto, Formats: formats, Address: p.local.Address, Direction: Inactive}
}

// describe returns our description, with a new version if it differs from the last.
func (p *Party) describe() []byte {
	s := Session{
		Origin: Origin{User: "-", ID: strconv.FormatUint(p.id, 10), Host: p.local.Address.String()},
		Name:   "-",
		Media:  p.lines,
	}
	if body := s.appendBody(nil); !bytes.Equal(body, p.last) {
		p.version++
		p.last = body
	}
	s.Origin.Version = strconv.FormatUint(p.version, 10)
	return s.Marshal()
}
