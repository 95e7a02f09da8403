package media

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	pion "github.com/pion/rtp"
	"github.com/rs/zerolog"

	"cardline/media/dtmf"
	"cardline/media/g711"
	"cardline/media/rtp"
	"cardline/media/sdp"
)

// maxFrame is the longest packet that we make, 60 ms, in samples.
const maxFrame = 480

// A stream is the loop's side of a [Leg]: all that a packet touches. Its fields
// belong to the goroutine of the loop, but for the first ones, which never change.
type stream struct {
	loop *loop
	port uint16 // of RTP
	kind string
	call string // for the log; "" if it is none's
	sink func(Event)

	closed bool
	slot   int // on the wheel; the other is half a turn later
	rtp    door
	rtcp   door
	path   sdp.Path
	ready  bool // a path has been agreed on, open or not
	quiet  bool // nothing goes out yet

	// What goes out: keys before clips before the peer before silence.
	due      int64 // the tick of the next frame
	sender   dtmf.Sender
	player   player
	peer     *stream // the other end of the bridge
	outgoing outgoing

	// What comes in.
	incoming rtp.Reception
	keysIn   dtmf.Receiver
	keysFrom uint32 // SSRC of the last key
	byEvents bool   // keys have come in RTP: those by signalling are the same ones
	bySignal int64  // the tick of the last key by signalling
	unpaired int    // keys by signalling that may yet come in RTP as well
	keys     Keys
	held     keyring
	tap      Tap
	alive    int64 // the tick of the last packet
	lost     bool  // MediaLost has been told

	strayFrom netip.AddrPort // of the last packet that might not come in
	strayTold bool           // WrongSource has been told
	heard     [maxFrame]byte
	heardLen  int
	heardAs   Codec

	reports  reports
	counts   Stats // the counters that nobody else keeps
	reported Stats // what the Observer knows
}

func newStream(l *loop, port uint16, rtp, rtcp socket) *stream {
	s := &stream{loop: l, port: port, outgoing: outgoing{ssrc: rand.Uint32(), seq: uint16(rand.Uint32N(1 << 15)), base: rand.Uint32()}}
	s.rtp = door{stream: s, socket: rtp}
	s.rtcp = door{stream: s, socket: rtcp}
	return s
}

// slots returns the places of the stream on the wheel.
func (s *stream) slots() [2]int { return [2]int{s.slot, s.slot + slots/2} }

func (s *stream) tell(ev Event) {
	if s.sink != nil {
		s.sink(ev)
	}
}

// follow goes over to a new path.
func (s *stream) follow(path sdp.Path, latch netip.Addr) {
	if path.Remote != s.path.Remote || !path.Events { // it may be another device
		s.byEvents, s.unpaired = false, 0
	}
	s.keysIn.Renew()
	s.path, s.ready = path, true
	s.alive, s.lost = s.loop.tick, false
	if !path.Open() {
		return
	}
	err := s.rtp.open(path.Remote, latch)
	if !path.Mux {
		err = errors.Join(err, s.rtcp.open(path.RemoteRTCP, latch))
	}
	if err != nil { // an address that this host has no way to
		s.counts.Unsent++
		s.loop.log.Warn().Func(s.about).Err(err).Msg("no way to the peer's address")
	}
}

// hear takes a packet of the RTP port.
func (s *stream) hear(b []byte, from netip.AddrPort) {
	p, err := rtp.Parse(b)
	if err != nil {
		s.counts.Malformed++
		return
	}
	meaning := s.path.Receive[p.Type]
	if s.rtp.latch.IsValid() {
		if meaning == sdp.Unknown {
			s.counts.Unexpected++
			return
		}
		if s.rtp.settle(from) != nil {
			s.counts.Unsent++
		}
	}
	s.alive, s.lost = s.loop.tick, false
	if meaning == sdp.Unknown {
		s.hearUnknown(&p)
		return
	}
	newest := s.incoming.Hear(&p, s.loop.samples(), meaning != sdp.TelephoneEvent)
	if meaning == sdp.TelephoneEvent {
		s.leaveOut(&p, newest)
		s.hearKey(&p)
		return
	}
	if s.keys != nil {
		return // keys may be heard as tones: nothing goes on
	}
	s.heardAs = meaning.Codec()
	s.heardLen = copy(s.heard[:], p.Payload)
	if s.tap != nil {
		s.tap.Heard(s.heardAs, p.Timestamp, p.Payload)
	}
	if s.peer != nil {
		s.peer.relay(&p, b, s.heardAs)
	}
}

// hearUnknown takes a packet of a payload type that was not agreed on: comfort noise,
// or what keeps a way open (RFC 6263 section 4.6). It shows that the peer lives, and
// that none of its numbers is lost.
func (s *stream) hearUnknown(p *rtp.Packet) {
	if p.Type == rtp.ComfortNoise {
		s.counts.KeptAlive++
	} else {
		s.counts.Unexpected++
	}
	if source, ok := s.incoming.SSRC(); ok && source == p.SSRC {
		s.leaveOut(p, s.incoming.Hear(p, 0, false))
	}
	clear(p.Payload) // it may be a key under another number
}

// leaveOut keeps a packet here: the bridged peer must not see that there was one, so
// the sequence numbers that follow close the gap.
func (s *stream) leaveOut(p *rtp.Packet, newest bool) {
	if newest && s.peer != nil {
		s.peer.outgoing.leaveOut(p)
	}
}

// hearKey takes a telephone-event.
func (s *stream) hearKey(p *rtp.Packet) {
	if p.SSRC != s.keysFrom { // which may not be that of the audio
		s.keysIn, s.keysFrom = dtmf.Receiver{}, p.SSRC
	}
	key, ok, err := s.keysIn.Hear(p.Seq, p.Timestamp, p.Marker, p.Payload)
	if err != nil {
		s.counts.Malformed++
		return
	}
	if ok && !s.signalled() {
		s.report(key)
	}
	clear(p.Payload) // the buffer of the loop outlives the secret
}

// twins is the longest time between the two ways of one press, signalling first.
const twins = int64(500 * time.Millisecond / tickLength)

// signalled notes that a key came in RTP, and tells whether the key has been
// reported already, since it came by signalling as well.
func (s *stream) signalled() bool {
	s.byEvents = true
	if s.unpaired == 0 || s.loop.tick-s.bySignal >= twins {
		s.unpaired = 0
		return false
	}
	s.unpaired--
	return true
}

// pressed takes a key that came by signalling. A peer that sends each press in RTP as
// well is heard there only.
func (s *stream) pressed(key byte) {
	if s.byEvents {
		return
	}
	if s.loop.tick-s.bySignal >= twins {
		s.unpaired = 0
	}
	s.bySignal, s.unpaired = s.loop.tick, s.unpaired+1
	s.report(key)
}

// report gives a key to whom it belongs.
func (s *stream) report(key byte) {
	switch {
	case !dtmf.IsKey(key):
	case s.keys != nil:
		s.keys.Key(key)
	default:
		if ev := s.held.press(key); ev != nil {
			s.tell(ev)
		}
	}
}

// about says in a line of the log which stream it is about.
func (s *stream) about(line *zerolog.Event) {
	if s.call != "" {
		line.Str("call", s.call)
	}
	line.Uint16("port", s.port)
}

// equip gives the stream room to hold keys, once.
func (s *stream) equip(l *loop) {
	if s.held.keys != nil {
		return
	}
	var err error
	if s.held.keys, err = l.locked.Get(); err != nil { // then keys are not held: each is lost until it is asked for
		l.log.Error().Func(s.about).Err(err).Msg("no memory for keys")
	}
}

// entrust gives the keys to somebody else. What was heard last is forgotten on
// the way in, as the caller may have begun to type, and on the way out.
func (s *stream) entrust(k Keys) {
	s.keys = k
	s.held.zero()
	s.keysIn.Forget()
	clear(s.heard[:])
	s.heardLen = 0
}

// start begins to play in place of what plays.
func (s *stream) start(p player) {
	if s.player.active {
		old := s.player.id
		s.player = p
		s.tell(PlayEnded{ID: old})
	} else {
		s.player = p
	}
	if s.player.active && s.player.empty() {
		s.ended()
	}
}

// ended tells that the player has come to its end.
func (s *stream) ended() {
	id := s.player.id
	s.player = player{}
	s.held.hashDue = false
	s.tell(PlayEnded{ID: id, Whole: true})
}

// part ends the bridge.
func (s *stream) part() {
	if s.peer != nil {
		s.peer.peer = nil
		s.peer = nil
	}
}

// frame is the turn of the stream on the wheel: it sends what is due at tick
// and looks after timeouts and reports.
func (s *stream) frame(tick int64) {
	if tick < s.due || !s.ready {
		return
	}
	s.due = tick + int64(s.interval()/tickLength)
	samples := int(s.interval() / sampleLength)
	s.care(tick)
	if s.sender.Busy() && s.sendKey(tick, samples) {
		return
	}
	audio := s.loop.out[rtp.HeaderSize : rtp.HeaderSize+samples]
	switch {
	case s.player.active:
		whole := s.player.fill(audio)
		s.sendAudio(tick, audio)
		if whole {
			s.ended()
		}
	case s.peer != nil && s.peer.keys == nil && tick-s.outgoing.lastTick < keepOpen: // the peer is heard
	case s.loop.engine.options.Terse:
		s.outgoing.relaying, s.outgoing.paced = false, false // what comes next begins anew
	default:
		// Silence keeps the way through NATs open, and the telephone content. A bridged
		// peer that sends nothing, as of comfort noise, must not close it.
		for i := range audio {
			audio[i] = g711.SilenceALaw
		}
		s.sendAudio(tick, audio)
	}
}

// keepOpen is the longest time for which nothing is sent, RFC 6263 section 6.
const keepOpen = int64(15 * time.Second / tickLength)

// interval returns the length of our packets. A path that is closed has none,
// but what plays still ends.
func (s *stream) interval() time.Duration {
	if s.path.Open() {
		return s.path.Ptime
	}
	return slots * tickLength
}

// sends tells whether the peer wants to hear us, and we know where it is and
// may say something.
func (s *stream) sends() bool {
	return !s.quiet && s.path.Open() && s.path.Direction.Sends() && s.rtp.remote.IsValid()
}

// sendKey sends a packet of the key that is being pressed. It is false in the
// pause between two keys.
func (s *stream) sendKey(tick int64, samples int) bool {
	now := s.outgoing.stamp(tick)
	timestamp, marker, ok := s.sender.Step(s.loop.out[rtp.HeaderSize:], now, uint16(samples))
	if !ok {
		return false
	}
	if s.sends() && s.path.Events {
		s.sendPaced(tick, now, timestamp, marker, s.path.SendEvents, dtmf.PayloadSize)
	}
	return true
}

// sendAudio sends A-law that lies in the loop's buffer, behind the header.
func (s *stream) sendAudio(tick int64, audio []byte) {
	if !s.sends() {
		s.outgoing.relaying, s.outgoing.paced = false, false
		return
	}
	if s.path.Codec == PCMU {
		g711.ToULaw(audio)
	}
	now := s.outgoing.stamp(tick)
	s.sendPaced(tick, now, now, !s.outgoing.paced, s.path.SendType, len(audio))
}

// sendPaced puts the header before n bytes in the loop's buffer and sends them.
func (s *stream) sendPaced(tick int64, now, timestamp uint32, marker bool, payloadType uint8, n int) {
	o := &s.outgoing
	h := pion.Header{Version: 2, Marker: marker, PayloadType: payloadType, SequenceNumber: o.seq, Timestamp: timestamp, SSRC: o.ssrc}
	if _, err := h.MarshalTo(s.loop.out[:rtp.HeaderSize]); err != nil {
		panic("media: a header without extensions does not fit: " + err.Error())
	}
	o.seq++
	o.last, o.lastTick = now, tick
	o.started, o.paced, o.relaying = true, true, false
	s.send(s.loop.out[:rtp.HeaderSize+n])
}

// relay sends on a packet of the peer, which lies in b. The wheel has
// precedence: while something plays, or keys are being sent, the peer is not heard.
func (s *stream) relay(p *rtp.Packet, b []byte, codec Codec) {
	if s.player.active || s.sender.Busy() || !s.sends() {
		s.outgoing.relaying = false
		return
	}
	if !s.outgoing.rewrite(p, s.loop.tick) {
		return
	}
	if codec != s.path.Codec {
		switch codec {
		case PCMA:
			g711.ToULaw(p.Payload)
		case PCMU:
			g711.ToALaw(p.Payload)
		}
	}
	p.Type = s.path.SendType
	s.send(p.Rewrite(b))
}

func (s *stream) send(packet []byte) {
	switch err := s.rtp.socket.send(packet); {
	case err == nil:
		s.counts.Sent++
		s.counts.SentOctets += uint64(len(packet) - rtp.HeaderSize)
	case errors.Is(err, errThrown): // about an earlier one
		s.counts.Refused++
	default:
		s.counts.Unsent++
	}
}

// An outgoing is the RTP source that the peer of a stream hears: one SSRC, with
// sequence numbers and timestamps that go on without a break, whoever speaks.
type outgoing struct {
	ssrc     uint32
	seq      uint16 // of the next packet
	base     uint32 // timestamp of tick 0
	started  bool
	last     uint32 // newest timestamp
	lastTick int64  // when it was sent
	paced    bool   // the last packet was ours

	// While packets of a bridged peer are relayed:
	relaying bool
	source   uint32 // SSRC of the peer
	newest   uint16 // of the peer's numbers
	barrier  uint16 // the peer's numbers up to this have been given away
	seqMove  uint16 // from the peer's numbers to ours
	timeMove uint32
}

// How far the sequence numbers of a peer may jump forth and back and still be
// of one run. Beyond, the peer has begun anew and is given new numbers of ours.
const (
	maxGap  = 3000
	maxLate = 100
)

// stamp returns the timestamp of what is said at tick. It lies after all before it.
func (o *outgoing) stamp(tick int64) uint32 {
	t := o.base + uint32(tick*samplesPerTick)
	if behind := int32(o.last - t); o.started && behind >= 0 {
		// The peer's clock was faster than ours, while it spoke.
		o.base += uint32(behind) + slots*samplesPerTick
		t = o.last + slots*samplesPerTick
	}
	return t
}

// rewrite makes a packet of the peer one of ours. It keeps the distances
// between its packets, so that loss and reordering stay what they are. It is
// false for a latecomer whose number has been given away.
func (o *outgoing) rewrite(p *rtp.Packet, tick int64) bool {
	step := int16(p.Seq - o.newest)
	switch {
	case !o.relaying || p.SSRC != o.source || step > maxGap || step < -maxLate:
		o.timeMove = o.stamp(tick) - p.Timestamp
		o.seqMove = o.seq - p.Seq
		o.relaying, o.source, o.newest, o.barrier = true, p.SSRC, p.Seq, p.Seq-1
		p.Marker = true
	case step > 0:
		o.newest = p.Seq
		if o.newest-o.barrier > maxGap { // it must not seem to be ahead one day
			o.barrier = o.newest - maxGap
		}
	case !rtp.Newer(p.Seq, o.barrier):
		return false
	}
	p.Seq += o.seqMove
	p.Timestamp += o.timeMove
	p.SSRC = o.ssrc
	if next := p.Seq + 1; rtp.Newer(next, o.seq) {
		o.seq = next
	}
	if !o.started || int32(p.Timestamp-o.last) > 0 {
		o.last, o.lastTick = p.Timestamp, tick
	}
	o.started, o.paced = true, false
	return true
}

// leaveOut closes the gap of the peer's newest packet, which is not relayed. One
// of another source than the audio leaves none.
func (o *outgoing) leaveOut(p *rtp.Packet) {
	if p.SSRC != o.source {
		return
	}
	o.seqMove--
	o.newest, o.barrier = p.Seq, p.Seq
}

// stats returns what the stream has counted.
func (s *stream) stats() Stats {
	c := s.counts
	c.Received, c.ReceivedOctets = s.incoming.Received, s.incoming.Octets
	c.Lost = uint64(max(s.incoming.Lost(), 0))
	c.Jitter = time.Duration(s.incoming.Jitter()) * sampleLength
	switch {
	case s.heardLen == 0:
		c.Level = math.Inf(-1)
	case s.heardAs == PCMU:
		c.Level = g711.LevelULaw(s.heard[:s.heardLen])
	default:
		c.Level = g711.Level(s.heard[:s.heardLen])
	}
	return c
}

// count gives the Observer what is new.
func (s *stream) count() {
	now := s.stats()
	s.loop.engine.options.Observer.Counted(s.kind, now.since(&s.reported))
	s.reported = now
}
