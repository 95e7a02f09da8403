package media

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"cardline/media/rtp"
	"cardline/media/sdp"
	"cardline/memory"
)

// The wheel: each stream has a slot of 1 ms, which comes round every 20.
const (
	tickLength = time.Millisecond
	slots      = 20
	// samplesPerTick is the length of a tick at 8 kHz.
	samplesPerTick = 8
	// sampleLength is the time of one sample.
	sampleLength = time.Second / 8000
)

// maxStall is how far a loop may fall behind and still catch up. If it was
// stopped for longer, as by a debugger, its clock has stood still instead: a
// burst of seconds would help nobody.
const maxStall = 1000 // ticks

// A loop owns streams. All fields but the queue belong to its goroutine.
type loop struct {
	engine *Engine
	number int // in Engine.loops
	wire   wire
	log    zerolog.Logger
	done   chan struct{} // closed when run has ended

	start   time.Time     // of tick 0
	now     time.Duration // since start, when the loop last looked
	tick    int64         // of the wheel; all before it have been played
	wheel   [slots][]*stream
	streams int
	out     [rtp.HeaderSize + maxFrame]byte
	batch   []command // that is being obeyed
	locked  *memory.Slots

	mu      sync.Mutex // guards the queue below
	queue   []command  // as long as what the owners of calls ask for in a tick
	resting bool       // the loop waits without limit: wake it
	stopped bool
}

func newLoop(e *Engine, number int, w wire) *loop {
	return &loop{
		engine: e, number: number, wire: w,
		log:   e.options.Log.With().Int("loop", number).Logger(),
		done:  make(chan struct{}),
		start: time.Now(), locked: memory.NewSlots(e.options.Pages, heldKeys),
	}
}

// post puts a command into the queue. It is false if the loop has been stopped.
func (l *loop) post(c command) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.queue = append(l.queue, c)
	if l.resting {
		l.resting = false
		l.wire.wake()
	}
	return true
}

// stop lets the loop end after what is in the queue.
func (l *loop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	if l.resting {
		l.resting = false
		l.wire.wake()
	}
}

// run is the life of the loop's goroutine. It ends by stop.
func (l *loop) run() {
	defer close(l.done)
	l.wire.attach()
	for l.obey() {
		l.look()
		l.turn()
		l.wire.collect(l)
		if l.streams > 0 {
			l.wire.wait(l.start.Add(time.Duration(l.tick) * tickLength))
		} else {
			l.rest()
		}
	}
	for i := range l.wheel {
		for len(l.wheel[i]) > 0 {
			l.remove(l.wheel[i][0])
		}
	}
	l.wire.close()
	if err := l.locked.Close(); err != nil {
		l.log.Error().Err(err).Msg("locked memory not released")
	}
}

// rest waits until somebody wants something.
func (l *loop) rest() {
	l.mu.Lock()
	l.resting = len(l.queue) == 0 && !l.stopped
	resting := l.resting
	l.mu.Unlock()
	if resting {
		l.wire.wait(time.Time{})
	}
	l.look()
	l.tick = int64(l.now / tickLength) // nothing was due meanwhile
}

// obey does what is in the queue. It is false when the loop has to end.
func (l *loop) obey() bool {
	l.mu.Lock()
	stopped := l.stopped
	l.queue, l.batch = l.batch[:0], l.queue
	l.mu.Unlock()
	for _, c := range l.batch {
		c.apply(l)
	}
	clear(l.batch) // keep no stream alive
	return !stopped
}

// look reads the clock.
func (l *loop) look() {
	l.now = time.Since(l.start)
	if behind := int64(l.now/tickLength) - l.tick; behind > maxStall && l.streams > 0 {
		l.start = l.start.Add(time.Duration(behind) * tickLength)
		l.now -= time.Duration(behind) * tickLength
		l.log.Warn().Int64("behind_ms", behind).Msg("media loop was stopped")
	}
}

// turn plays all slots up to now. A tick that comes late brings those it
// missed: none is ever skipped.
func (l *loop) turn() {
	for ; time.Duration(l.tick)*tickLength <= l.now; l.tick++ {
		for _, s := range l.wheel[l.tick%slots] {
			s.frame(l.tick)
		}
	}
}

// samples is the loop's clock for arrivals, at 8 kHz.
func (l *loop) samples() uint32 { return uint32(l.now / sampleLength) }

// add puts a stream into the slots with the fewest: two, half a turn apart, for
// packets of 10 ms. A stream looks itself whether it is due.
func (l *loop) add(s *stream) {
	best := 0
	for i := range slots / 2 {
		if len(l.wheel[i]) < len(l.wheel[best]) {
			best = i
		}
	}
	s.slot = best
	for _, i := range s.slots() {
		l.wheel[i] = append(l.wheel[i], s)
	}
	l.streams++
	for _, d := range []*door{&s.rtp, &s.rtcp} {
		if err := l.wire.watch(d.socket, d); err != nil {
			l.log.Error().Func(s.about).Err(err).Msg("socket is deaf")
		}
	}
	l.engine.options.Observer.LegOpened(s.kind)
}

// remove ends a stream. A second time does nothing.
func (l *loop) remove(s *stream) {
	if s.closed {
		return
	}
	s.closed = true
	s.part()
	for _, i := range s.slots() {
		l.wheel[i] = slices.DeleteFunc(l.wheel[i], func(o *stream) bool { return o == s })
	}
	l.streams--
	s.count()
	s.rtp.socket.close()
	s.rtcp.socket.close()
	s.keys, s.tap, s.sink = nil, nil, nil
	if s.held.keys != nil {
		l.locked.Put(s.held.keys)
		s.held = keyring{}
	}
	l.engine.release(s)
	l.engine.options.Observer.LegClosed(s.kind)
}

// arrived implements [receiver].
func (l *loop) arrived(d *door, packet []byte, from netip.AddrPort) {
	s := d.stream
	switch {
	case s.closed: // it was on its way when the socket closed
	case !d.admits(from):
		s.stray(d, packet, from)
	case packet != nil && rtp.IsKeepAlive(packet):
		s.counts.KeptAlive++
		if !d.latch.IsValid() {
			s.alive, s.lost = l.tick, false
		}
	case d == &s.rtcp || s.path.Mux && rtp.IsRTCP(packet):
		s.hearReport(d, packet, from)
	default:
		s.hear(packet, from)
	}
}

// thrown implements [receiver].
func (l *loop) thrown(d *door) { d.stream.counts.Refused++ }

// A command is what a call owner wants from a loop. Each but the pulse begins with
// its stream; a closed stream does nothing any more.
type command interface {
	apply(l *loop)
}

type (
	addStream struct{ *stream }
	setPath   struct {
		*stream
		path  sdp.Path
		latch netip.Addr
	}
	speak struct{ *stream }
	play  struct {
		*stream
		player player
	}
	bridge struct {
		*stream
		with *stream // nil: none
	}
	setKeys struct {
		*stream
		to Keys
	}
	wantKeys struct {
		*stream
		wish KeyWish
	}
	setTap struct {
		*stream
		to Tap
	}
	press struct {
		*stream
		key byte
	}
	sendKeys struct {
		*stream
		keys string
	}
	readStats struct {
		*stream
		reply chan<- Stats
	}
	closeStream struct {
		*stream
		reply chan<- Stats
	}
	pulse struct{ felt chan<- struct{} } // of no stream
)

func (c addStream) apply(l *loop) { l.add(c.stream) }

func (c setPath) apply(*loop) {
	if !c.closed {
		c.follow(c.path, c.latch)
	}
}

func (c speak) apply(*loop) { c.quiet = false }

func (c play) apply(*loop) {
	if !c.closed {
		c.start(c.player)
	}
}

func (c bridge) apply(*loop) {
	if c.closed || c.with != nil && c.with.closed {
		return
	}
	c.part()
	if c.with != nil {
		c.with.part()
		c.peer, c.with.peer = c.with, c.stream
	}
}

func (c setKeys) apply(*loop) {
	if !c.closed {
		c.entrust(c.to)
	}
}

func (c wantKeys) apply(l *loop) {
	if c.closed {
		return
	}
	if c.wish.Want == HoldKeys || c.wish.Want == TakeKey {
		c.equip(l)
	}
	if ev := c.held.want(c.wish); ev != nil {
		c.tell(ev)
	}
}

func (c setTap) apply(*loop) {
	if !c.closed {
		c.tap = c.to
	}
}

// apply forgets the key: the command stays in memory for a while.
func (c *press) apply(*loop) {
	if !c.closed {
		c.pressed(c.key)
	}
	c.key = 0
}

func (c sendKeys) apply(*loop) {
	if !c.closed {
		c.sender.Send(c.keys)
	}
}

func (c readStats) apply(*loop) { c.reply <- c.stats() }

func (c closeStream) apply(l *loop) {
	l.remove(c.stream)
	c.reply <- c.stats()
}

func (c pulse) apply(*loop) { close(c.felt) }
