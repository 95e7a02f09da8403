package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"cardline/card"
	"cardline/card/demo"
	"cardline/load"
)

// post carries the demo issuer's codes to the synthetic cardholders.
type post struct {
	mu    sync.Mutex
	boxes map[string]chan string
}

func newPost() *post { return &post{boxes: map[string]chan string{}} }

// box returns the telephone of a holder: the codes that come to it.
func (p *post) box(tail, phoneTail string) chan string {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := tail + "/" + phoneTail
	if p.boxes[key] == nil {
		p.boxes[key] = make(chan string, 4)
	}
	return p.boxes[key]
}

// deliver puts a code into its holder's box. Nobody waits for one that does
// not fit.
func (p *post) deliver(n card.Notice) {
	if n.Kind != card.NoticeCode {
		return
	}
	select {
	case p.box(n.Tail, n.PhoneTail) <- string(n.Code):
	default:
	}
}

// A town is where the synthetic cardholders live.
type town struct {
	rack     *load.Rack
	post     *post
	reserved int // the visitor's holder
	most     int // callers at one time
	seed     uint64

	mu   sync.Mutex
	next int // holder
}

// The rhythm of calls: a few at once to begin with, then one every 2.8 s on
// average, in waves of five minutes.
const (
	firstCalls = 12
	firstGap   = time.Second
	meanGap    = 2800 * time.Millisecond
	wave       = 5 * time.Minute
	waveHeight = 0.4
)

// live lets people call until ctx ends, and waits for them.
func (t *town) live(ctx context.Context) {
	rnd := rand.New(rand.NewPCG(t.seed, 3))
	began := time.Now()
	room := make(chan struct{}, t.most)
	var calls sync.WaitGroup
	defer calls.Wait()
	for n := 0; ; n++ {
		gap := firstGap
		if n >= firstCalls {
			height := 1 + waveHeight*math.Sin(2*math.Pi*float64(time.Since(began))/float64(wave))
			gap = time.Duration(float64(meanGap) * min(rnd.ExpFloat64(), 4) / height)
		}
		timer := time.NewTimer(gap)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		select {
		case room <- struct{}{}:
		default: // everybody is on the telephone
			continue
		}
		story := pick(rnd)
		p := &person{town: t, holder: t.holder(story.fresh)}
		o := load.CallOptions{
			To: story.number, From: fmt.Sprintf("139%08d", n), Voice: n, Seed: t.seed ^ uint64(n)<<24,
			Story: func(ctx context.Context, c *load.Caller) error {
				p.Caller = c
				return story.tell(ctx, p)
			},
		}
		calls.Go(func() {
			t.rack.Call(ctx, o)
			<-room
		})
	}
}

// holder returns a holder who has not called yet, with a card that is not
// active if fresh says so.
func (t *town) holder(fresh bool) demo.Holder {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		n := t.next
		t.next++
		if h := demo.HolderAt(n); n != t.reserved && (!fresh || !h.Active) {
			return h
		}
	}
}

// A person is a caller with a card.
type person struct {
	*load.Caller
	town   *town
	holder demo.Holder
}

// A tale is one kind of call.
type tale struct {
	weight int
	number string // dialled
	fresh  bool   // needs a card that is not active yet
	tell   func(ctx context.Context, p *person) error
}

// tales lists what people call about, with how often of a hundred.
var tales = []tale{
	{18, mainLine, true, activates},
	{6, mainLine, true, mistypes},
	{4, mainLine, true, choosesWeakPINs},
	{12, mainLine, false, asksForBill},
	{5, mainLine, false, reportsLoss},
	{3, mainLine, false, cannotProve},
	{6, mainLine, false, changesMind},
	{9, mainLine, false, isImpatient},
	{17, mainLine, false, wantsPerson},
	{8, mainLine, false, speaksEnglish},
	{6, mainLine, false, complains},
	{6, "95501", false, wantsPerson}, // a VIP
}

const mainLine = "95500"

func pick(rnd *rand.Rand) tale {
	sum := 0
	for _, t := range tales {
		sum += t.weight
	}
	n := rnd.IntN(sum)
	for _, t := range tales {
		if n -= t.weight; n < 0 {
			return t
		}
	}
	return tales[0]
}

// How people listen: a prompt is over when it has been quiet for a moment.
const (
	promptPause = 700 * time.Millisecond
	promptLimit = 40 * time.Second
)

// hears listens to a prompt to its end and thinks for a moment.
func (p *person) hears(ctx context.Context) error {
	if _, err := p.Listen(ctx, promptPause, promptLimit); err != nil {
		return err
	}
	return p.Wait(ctx, load.Uniform(200*time.Millisecond, 1500*time.Millisecond))
}

// answers hears a prompt out and then presses keys.
func (p *person) answers(ctx context.Context, keys string) error {
	if err := p.hears(ctx); err != nil {
		return err
	}
	return p.Press(ctx, keys)
}

// chooses presses keys when enough of a menu was heard; some people know it by
// heart.
func (p *person) chooses(ctx context.Context, keys string) error {
	if err := p.Wait(ctx, load.Uniform(time.Second, 8*time.Second)); err != nil {
		return err
	}
	return p.Press(ctx, keys)
}

// begins chooses Mandarin and an item of the main menu.
func (p *person) begins(ctx context.Context, item string) error {
	if err := p.chooses(ctx, "1"); err != nil {
		return err
	}
	return p.chooses(ctx, item)
}

// identifies keys in card number, last six of the identity number and expiry.
func (p *person) identifies(ctx context.Context) error {
	if err := p.answers(ctx, p.holder.Number+"#"); err != nil {
		return err
	}
	if err := p.answers(ctx, onKeypad(p.holder.IDTail())); err != nil {
		return err
	}
	return p.answers(ctx, p.holder.Expiry)
}

// errNoCode ends the call of a person to whose telephone no code has come.
var errNoCode = errors.New("no code has come")

// reads hears that a code was sent, reads it on the telephone and keys it in.
func (p *person) reads(ctx context.Context) error {
	if err := p.hears(ctx); err != nil {
		return err
	}
	h := p.holder
	select {
	case code := <-p.town.post.box(h.Tail(), h.Mobile[len(h.Mobile)-4:]):
		if err := p.Wait(ctx, load.Uniform(time.Second, 5*time.Second)); err != nil {
			return err
		}
		return p.Press(ctx, code)
	case <-time.After(20 * time.Second):
		return errNoCode
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// setsPIN keys PINs in after their prompts, in this order.
func (p *person) setsPIN(ctx context.Context, pins ...string) error {
	for _, pin := range pins {
		if err := p.answers(ctx, pin); err != nil {
			return err
		}
	}
	return p.hears(ctx)
}

// pin is a PIN that is most likely good.
func (p *person) pin() string { return fmt.Sprintf("%06d", 100_000+p.Rand().IntN(900_000)) }

// waits waits for a person and talks; patience is how long.
func (p *person) waits(ctx context.Context, patience load.Spread) error {
	reached, err := p.AwaitPerson(ctx, patience)
	if err != nil || !reached {
		return err
	}
	var talk load.Spread // until the agent hangs up
	if p.Rand().IntN(3) == 0 {
		talk = load.Uniform(10*time.Second, 40*time.Second)
	}
	return p.Talk(ctx, talk)
}

var (
	patient   = load.Uniform(45*time.Second, 3*time.Minute)
	impatient = load.Uniform(7*time.Second, 25*time.Second)
)

// activates activates a card and sets its PIN.
func activates(ctx context.Context, p *person) error {
	if err := proves(ctx, p); err != nil {
		return err
	}
	pin := p.pin()
	return p.setsPIN(ctx, pin, pin)
}

// proves activates a card up to the first prompt of its PIN.
func proves(ctx context.Context, p *person) error {
	if err := p.begins(ctx, "1"); err != nil {
		return err
	}
	if err := p.identifies(ctx); err != nil {
		return err
	}
	if err := p.reads(ctx); err != nil {
		return err
	}
	if err := p.answers(ctx, "1"); err != nil { // yes, activate
		return err
	}
	return p.answers(ctx, "1") // yes, set a PIN
}

// mistypes activates a card with the wrong expiry first and two PINs that
// differ.
func mistypes(ctx context.Context, p *person) error {
	if err := p.begins(ctx, "1"); err != nil {
		return err
	}
	expiry := p.holder.Expiry
	p.holder.Expiry = "0129"
	if err := p.identifies(ctx); err != nil {
		return err
	}
	p.holder.Expiry = expiry
	if err := p.answers(ctx, onKeypad(p.holder.IDTail())); err != nil {
		return err
	}
	if err := p.answers(ctx, expiry); err != nil {
		return err
	}
	if err := p.reads(ctx); err != nil {
		return err
	}
	if err := p.answers(ctx, "1"); err != nil {
		return err
	}
	if err := p.answers(ctx, "1"); err != nil {
		return err
	}
	pin := p.pin()
	return p.setsPIN(ctx, pin, p.pin(), pin, pin)
}

// choosesWeakPINs wants a PIN that is too simple, three times, and is given a
// person.
func choosesWeakPINs(ctx context.Context, p *person) error {
	if err := proves(ctx, p); err != nil {
		return err
	}
	if err := p.setsPIN(ctx, "123456", "888888", "147258"); err != nil {
		return err
	}
	return p.waits(ctx, patient)
}

// asksForBill hears the bill; some then want to talk about it.
func asksForBill(ctx context.Context, p *person) error {
	if err := p.begins(ctx, "4"); err != nil {
		return err
	}
	if err := p.identifies(ctx); err != nil {
		return err
	}
	if err := p.hears(ctx); err != nil || p.Rand().IntN(4) > 0 {
		return err
	}
	if err := p.Press(ctx, "0"); err != nil {
		return err
	}
	return p.waits(ctx, patient)
}

// reportsLoss stops a card; every other asks for a new one.
func reportsLoss(ctx context.Context, p *person) error {
	if err := p.begins(ctx, "2"); err != nil {
		return err
	}
	if err := p.answers(ctx, p.holder.Number+"#"); err != nil {
		return err
	}
	if err := p.answers(ctx, "1"); err != nil {
		return err
	}
	if err := p.hears(ctx); err != nil || p.Rand().IntN(2) == 0 {
		return err
	}
	if err := p.Press(ctx, "1"); err != nil {
		return err
	}
	return p.waits(ctx, patient)
}

// cannotProve gives a wrong identity number until self service is locked.
func cannotProve(ctx context.Context, p *person) error {
	if err := p.begins(ctx, "4"); err != nil {
		return err
	}
	if err := p.answers(ctx, p.holder.Number+"#"); err != nil {
		return err
	}
	for range 3 {
		if err := p.answers(ctx, "000000"); err != nil {
			return err
		}
		if err := p.answers(ctx, p.holder.Expiry); err != nil {
			return err
		}
	}
	if err := p.answers(ctx, "0"); err != nil {
		return err
	}
	return p.waits(ctx, patient)
}

// changesMind hangs up in the menu.
func changesMind(ctx context.Context, p *person) error {
	if err := p.chooses(ctx, "1"); err != nil {
		return err
	}
	return p.Stay(ctx, load.Uniform(3*time.Second, 20*time.Second))
}

// wantsPerson goes straight to a person.
func wantsPerson(ctx context.Context, p *person) error {
	if err := p.begins(ctx, "0"); err != nil {
		return err
	}
	return p.waits(ctx, patient)
}

// isImpatient wants a person at once.
func isImpatient(ctx context.Context, p *person) error {
	if err := p.begins(ctx, "0"); err != nil {
		return err
	}
	return p.waits(ctx, impatient)
}

// speaksEnglish chooses English and a person.
func speaksEnglish(ctx context.Context, p *person) error {
	if err := p.chooses(ctx, "2"); err != nil {
		return err
	}
	if err := p.chooses(ctx, "0"); err != nil {
		return err
	}
	return p.waits(ctx, patient)
}

// complains goes by the menu of other services.
func complains(ctx context.Context, p *person) error {
	if err := p.begins(ctx, "5"); err != nil {
		return err
	}
	if err := p.chooses(ctx, "1"); err != nil {
		return err
	}
	return p.waits(ctx, patient)
}
