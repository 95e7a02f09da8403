package ivr

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// An owner drives a session the way a call does and holds what the session
// promises: one timer at most, nothing after the end, no secret left behind.
type owner struct {
	tb      testing.TB
	session *Session
	keypad  keypad
	playing uint64
	timer   uint64
	open    uint64           // the question that waits for an answer
	buffers map[*byte][]byte // every buffer of a secret that the session had, whole
}

func drive(tb testing.TB, p *Program, flow string) *owner {
	tb.Helper()
	session, actions := p.Start(flow, "zh", map[string]string{"recorded": "yes"})
	o := &owner{tb: tb, session: session, buffers: map[*byte][]byte{}}
	o.obey(actions)
	return o
}

func (o *owner) handle(in Input) {
	o.tb.Helper()
	ended := o.session.State() == Ended
	actions := o.session.Handle(in)
	if ended && len(actions) > 0 {
		o.tb.Fatalf("got %v after the end", actions)
	}
	o.obey(actions)
}

// obey does what the session says and looks at what it holds.
func (o *owner) obey(actions []Action) {
	o.tb.Helper()
	for i, a := range actions {
		switch a := a.(type) {
		case Play:
			if len(a.Say) == 0 {
				o.tb.Fatal("got nothing to play")
			}
			o.playing = a.ID
		case ArmTimer:
			if o.timer != 0 {
				o.tb.Fatalf("got a second timer while %d is armed", o.timer)
			}
			if a.After <= 0 || a.After > time.Hour {
				o.tb.Fatalf("got a timer of %v", a.After)
			}
			o.timer = a.ID
		case DisarmTimer:
			if o.timer != a.ID {
				o.tb.Fatalf("got timer %d disarmed while %d is armed", a.ID, o.timer)
			}
			o.timer = 0
		case AskCard:
			o.open = a.ID
			for _, s := range a.Secrets {
				if s.Len() == 0 {
					o.tb.Fatal("got an empty secret for the host")
				}
				o.remember(s)
				s.Zero()
			}
		case EnterSecure:
			o.open = a.ID
		case Enqueue:
			o.open = a.ID
		case Hangup:
			if i != len(actions)-1 || o.session.State() != Ended {
				o.tb.Fatal("got a hangup that is not the end")
			}
		case StopPlay, LeaveSecure, SetLanguage, Note:
		}
	}
	for _, s := range o.session.secrets {
		o.remember(s)
	}
	o.remember(o.session.digits)
	if o.session.State() == Deciding {
		o.tb.Fatal("got a session that waits for nothing")
	}
}

func (o *owner) remember(s *Secret) {
	whole := s.digits[:cap(s.digits)]
	if len(whole) > 0 {
		o.buffers[&whole[0]] = whole
	}
}

// press is one random fact.
func (o *owner) press(b byte) {
	o.tb.Helper()
	const keys = "0123456789*#A"
	results := []Result{OK, Unknown, Blocked, Refused, Locked, Limited, Expired, AlreadyActive, NotAllowed, Queued, Unavailable, WeakLimit, MismatchLimit, TimedOut, "nonsense"}
	outcomes := append(Outcomes(), "nonsense")
	switch n := int(b); {
	case n < 100:
		o.keypad.press(o.session, keys[n%len(keys)], o.handle)
	case n < 140:
		o.handle(PlayEnded{o.playing})
	case n < 170:
		o.expire()
	case n < 200:
		o.handle(CardAnswered{ID: o.open, Result: results[n%len(results)], Values: map[string]string{"card": "tok", "tail": "0009", "ref": "1"}})
	case n < 220:
		o.handle(CardAnswered{ID: o.open, Result: OK, Values: map[string]string{"card": "tok", "tail": "0009"}})
	case n < 235:
		o.handle(SecureEnded{ID: o.open, Result: results[n%len(results)]})
	case n < 250:
		o.handle(Dequeued{ID: o.open, Outcome: outcomes[n%len(outcomes)]})
	default: // answers to questions that nobody asked
		for _, in := range []Input{PlayEnded{9999}, TimerExpired{9999}, CardAnswered{ID: 9999, Result: OK}, SecureEnded{ID: 9999, Result: OK}, Dequeued{ID: 9999, Outcome: Answered}} {
			if actions := o.session.Handle(in); len(actions) > 0 {
				o.tb.Fatalf("got %v for an answer to no question", actions)
			}
		}
	}
}

func (o *owner) expire() {
	o.tb.Helper()
	if id := o.timer; id != 0 {
		o.timer = 0
		o.handle(TimerExpired{id})
	}
}

// silence goes on with a caller who does nothing and a world that does not
// answer, until the session ends.
func (o *owner) silence() {
	o.tb.Helper()
	for range 10_000 {
		switch state := o.session.State(); state {
		case Ended:
			return
		case Queueing:
			o.handle(Dequeued{ID: o.open, Outcome: NoAgents})
		case Deciding, Speaking, Waiting, Asking, Securing:
			if o.timer == 0 {
				o.tb.Fatalf("got no timer while it is %v", state)
			}
			o.expire()
		}
	}
	flow, step := o.session.Where()
	o.tb.Fatalf("got no end for a silent caller; it is in %s.%s", flow, step)
}

// over holds that nothing is left of a session.
func (o *owner) over() {
	o.tb.Helper()
	if o.session.State() != Ended || o.timer != 0 {
		o.tb.Fatalf("got %v with timer %d at the end", o.session.State(), o.timer)
	}
	if len(o.session.secrets) > 0 {
		o.tb.Fatal("got secrets at the end")
	}
	for _, b := range o.buffers {
		if slices.ContainsFunc(b, func(d byte) bool { return d != 0 }) {
			o.tb.Fatal("got digits in memory at the end")
		}
	}
}

// play runs a session through random facts; the last one says how it ends.
func play(tb testing.TB, p *Program, flow string, facts []byte) {
	tb.Helper()
	o := drive(tb, p, flow)
	for _, b := range facts {
		o.press(b)
	}
	if len(facts) > 0 && facts[len(facts)-1]%2 == 0 {
		o.handle(HungUp{})
	} else {
		o.silence()
	}
	o.over()
}

// FuzzSession holds for the default hotline that no sequence of facts makes a
// session panic, keep a timer or a secret, or go on for ever.
func FuzzSession(f *testing.F) {
	p := compiled(f)
	f.Add([]byte{})
	f.Add([]byte{120, 1, 1, 9, 6, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 11, 200, 0, 1, 2, 3, 4, 10, 0, 9, 2, 9, 200, 200, 1, 2, 3, 4, 5, 6, 200, 1})
	f.Add([]byte("menu and language and card and code and PIN and queue"))
	f.Fuzz(func(t *testing.T, facts []byte) {
		for _, flow := range []string{"main", "pin"} {
			play(t, p, flow, facts)
		}
	})
}

// FuzzCompile changes the default flows at random. Whatever comes out, the
// check must not panic, and what it lets pass must run as well as the original:
// above all, a silent caller always comes to an end.
func FuzzCompile(f *testing.F) {
	flows, env := hotline(f)
	f.Add([]byte{}, []byte{})
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []byte{1, 2, 3})
	f.Add([]byte("retarget a few steps of the hotline"), []byte("and call it"))
	f.Fuzz(func(t *testing.T, changes, facts []byte) {
		changed := mutate(flows, changes)
		p, err := Compile(changed, env)
		if err != nil {
			return
		}
		play(t, p, "main", facts)
	})
}

// mutate returns a copy of flows with random changes.
func mutate(flows Flows, changes []byte) Flows {
	next := func(n int) int {
		if len(changes) == 0 || n == 0 {
			return 0
		}
		b := int(changes[0])
		changes = changes[1:]
		return b % n
	}
	pick := func(names []string) string {
		if len(names) == 0 {
			return ""
		}
		return names[next(len(names))]
	}
	out := maps.Clone(flows)
	for len(changes) > 0 {
		name := pick(sortedKeys(out))
		f := out[name]
		f.Steps = maps.Clone(f.Steps)
		id := pick(sortedKeys(f.Steps))
		s := f.Steps[id]
		target := pick(append(sortedKeys(f.Steps), toPerson))
		if next(32) == 31 {
			target = "nowhere"
		}
		for _, m := range []*map[string]string{&s.Keys, &s.Cases, &s.Results, &s.Exits, &s.Args, &s.Values} {
			*m = maps.Clone(*m)
		}
		retarget := func(m map[string]string) {
			if key := pick(sortedKeys(m)); key != "" {
				m[key] = target
			}
		}
		move := func(field *string) {
			if *field != "" {
				*field = target
			}
		}
		switch next(20) {
		case 0:
			move(&s.Next)
		case 1:
			move(&s.GiveUp)
		case 2:
			move(&s.Help)
		case 3:
			move(&s.Back)
		case 4:
			move(&s.Cancel)
		case 5:
			move(&s.Star)
		case 6:
			move(&s.Else)
		case 7:
			retarget(s.Keys)
		case 8:
			retarget(s.Cases)
		case 9, 10:
			retarget(s.Results)
		case 11:
			retarget(s.Exits)
		case 12:
			s.Do = Kind(pick([]string{"play", "menu", "hangup", "return", "set", "call"}))
		case 13:
			s.Attempts = next(5) - 1
		case 14:
			s.Min, s.Max = next(40)-2, next(40)-2
		case 15:
			s.Uninterrupted = !s.Uninterrupted
		case 16:
			s.Keep = !s.Keep
		case 17:
			f.Start = target
		case 18:
			if move(&s.Exit); s.Flow != "" {
				s.Flow = pick(sortedKeys(out))
			}
		case 19:
			delete(f.Steps, id)
			out[name] = f
			continue
		}
		f.Steps[id] = s
		out[name] = f
	}
	return out
}

// TestWhatPassesTheCheckRunsWell is FuzzCompile with chance that repeats
// itself. Enough of the changed flows must pass the check to say anything.
func TestWhatPassesTheCheckRunsWell(t *testing.T) {
	flows, env := hotline(t)
	random := rand.New(rand.NewPCG(1, 2))
	some := func(n int) []byte {
		b := make([]byte, random.IntN(n))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	passed := 0
	for range 300 {
		p, err := Compile(mutate(flows, some(16)), env)
		if err != nil {
			continue
		}
		passed++
		for range 10 {
			play(t, p, "main", some(60))
		}
	}
	if passed < 50 {
		t.Errorf("got %d changed flows that pass the check, want at least 50", passed)
	}
}

// TestSilentCallerAlwaysEnds lets callers of every flow fall silent after two
// facts of all sorts.
func TestSilentCallerAlwaysEnds(t *testing.T) {
	p := compiled(t)
	for _, flow := range p.Flows() {
		for first := range 256 {
			for second := range 16 {
				play(t, p, flow, []byte{byte(first), byte(16 * second), 251})
			}
		}
	}
}

// TestUnknownFlowHangsUp holds that a call is not left without an owner.
func TestUnknownFlowHangsUp(t *testing.T) {
	p := compiled(t)
	s, actions := p.Start("nothing", "fr", nil)
	if s.State() != Ended || len(actions) != 2 || actions[1] != (Hangup{ReasonError}) {
		t.Errorf("got %v and %v", s.State(), actions)
	}
	s.Close()
	if got := s.Handle(KeyPressed{Key: '1'}); got != nil {
		t.Errorf("got %v after the end", got)
	}
	if flow, step := s.Where(); flow != "" || step != "" {
		t.Errorf("got %s.%s, want nowhere", flow, step)
	}
}

func TestSessionTellsWhereItIs(t *testing.T) {
	s, _ := compiled(t).Start("main", "en", map[string]string{"recorded": "yes"})
	flow, step := s.Where()
	if flow != "main" || step != "hello" || s.State() != Speaking || s.State().String() != "speaking" {
		t.Errorf("got %s.%s, %v", flow, step, s.State())
	}
	if s.Language() != "en" || s.Value("language") != "en" || s.Value("recorded") != "yes" || s.Value("card_number") != "" {
		t.Errorf("got language %q, values %q, %q", s.Language(), s.Value("language"), s.Value("recorded"))
	}
	s.Close()
}

func BenchmarkHandle(b *testing.B) {
	p := compiled(b)
	for b.Loop() {
		s, _ := p.Start("main", "zh", nil)
		var pad keypad
		for _, k := range []byte("119622000000000009#") {
			pad.press(s, k, func(in Input) { s.Handle(in) })
		}
		s.Handle(HungUp{})
	}
}
