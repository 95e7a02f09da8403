package call

import (
	"cmp"
	"fmt"
	"time"

	"cardline/acd"
	"cardline/ivr"
	"cardline/ledger"
)

// worse is by how much a wait must have grown before the caller is told of it.
const worse = 60 * time.Second

// announce says the caller's position and the wait, then music. A position
// that is worse than the one said last, because somebody with a head start
// came, is not said; nor is a wait that is no better known than before.
func (c *call) announce() {
	q := &c.queue
	options := c.config.Queues[q.queue]
	q.timer.Reset(cmp.Or(options.AnnounceEvery, defaultAnnounce))
	if options.Silent {
		return
	}
	position := 0
	c.hotline.router.exec(func(r *acd.Router) { position, _ = r.Position(q.entry) })
	said := ledger.Announced{Entry: q.entry, Queue: q.queue}
	say := []ivr.Say{{Prompt: promptAllBusy}}
	if q.announced > 0 {
		say[0].Prompt = promptApology
	}
	if position > 0 && (q.announced == 0 || position <= q.announced) {
		q.announced, said.Position = position, position
		say = append(say, ivr.Say{Prompt: promptPosition, Values: values("position", "pos", position)})
	}
	if estimate, ok := c.hotline.forecast.of(q.entry, q.queue); ok {
		said.P50, said.P90 = ledger.MillisOf(estimate.P50), ledger.MillisOf(estimate.P90)
		if wait, longer := spoken(estimate.P50, q.told); wait > 0 {
			q.told = wait
			said.Low, said.High = int(wait/time.Minute), highOf(wait, estimate.P90)
			if longer {
				say = append(say, ivr.Say{Prompt: promptLonger})
			}
			minutes := values("count", "lo", said.Low)
			minutes["hi"] = ivr.Value{Kind: "count", Text: fmt.Sprint(said.High)}
			say = append(say, ivr.Say{Prompt: promptWait, Values: minutes})
		}
	}
	if options.CallbackKey != 0 && c.mayCallBack() {
		say = append(say, ivr.Say{Prompt: promptOffer, Values: values("key", "key", string(options.CallbackKey))})
	}
	c.record(said)
	c.play(c.caller, announcement, say)
}

func values(kind, name string, value any) map[string]ivr.Value {
	return map[string]ivr.Value{name: {Kind: kind, Text: fmt.Sprint(value)}}
}

// spoken rounds an estimate up to whole minutes and returns what is to be said,
// 0 if it is what was told before: a value that has been said holds, unless the
// new one is less, or more by much.
func spoken(p50, told time.Duration) (wait time.Duration, longer bool) {
	wait = max(time.Minute, (p50 + time.Minute - 1).Truncate(time.Minute))
	switch {
	case told == 0 || wait < told:
		return wait, false
	case p50 > told+worse:
		return wait, true
	default:
		return 0, false
	}
}

// highOf is the upper end, in minutes, of the range that is said.
func highOf(low, p90 time.Duration) int {
	return int(max(low+time.Minute, (p90+time.Minute-1).Truncate(time.Minute)) / time.Minute)
}
