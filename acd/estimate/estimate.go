// Package estimate foresees how long callers will wait.
//
// A forecast plays out what is about to happen, many times over: agents come
// free when what is left of their calls is over, each takes the first caller in
// the order of keys whom that agent may take, callers give up, and new ones with
// a head start come in between. What is left of a call is drawn from the calls
// that lasted longer than this one has. The middle and the ninth tenth of what
// a caller has waited in all plays are the estimate.
//
// [History] learns from the router's effects alone, and [History.Forecast] looks
// at a [acd.View]: nothing is known here that the live router does not know.
package estimate

import (
	"math/rand/v2"
	"slices"
	"time"

	"cardline/acd"
)

const (
	// memory is how many calls of a queue are remembered.
	memory = 400
	// fewSamples is the number of calls below which nothing is known of a queue.
	fewSamples = 20
	// plays is how often the future is played. Where many wait it is done less
	// often: effort bounds the callers that are served in all plays together.
	plays, fewestPlays, effort = 101, 15, 400_000
	// fade is the time after which an arrival, or an abandoned call, counts
	// for 1/e.
	fade = 10 * time.Minute
)

// An Estimate is the time that a caller still has to wait for an agent's
// answer.
type Estimate struct {
	P50, P90 time.Duration
	Samples  int // of calls that it is drawn from
}

// Sound reports whether the estimate is good enough to be told: there is some
// experience, and the range is not too wide.
func (e Estimate) Sound() bool {
	return e.Samples >= fewSamples && e.P90 <= 4*e.P50
}

// History is what past calls teach. It must be used from one goroutine.
type History struct {
	queues  map[string]*queue
	calls   map[string]work   // what agents are at, by agent
	callers map[uint64]caller // who wait
}

// queue is the experience with one queue.
type queue struct {
	talked  durations              // conversations
	wrapped durations              // wrap-up, 0 if there was none
	rang    durations              // of offers that were answered
	streams map[time.Duration]rate // arrivals by head start
	// gaveUp counts callers who gave up and patience the time that all have
	// waited, both fading.
	gaveUp, patience rate
}

type work struct {
	queue string
	since acd.Time
	ended acd.Time // of the conversation; 0 while it lasts
}

type caller struct {
	queue string
	since acd.Time
}

// durations are the last ones, in a ring.
type durations struct {
	list []time.Duration
	next int
}

func (d *durations) add(x time.Duration) {
	if len(d.list) < memory {
		d.list = append(d.list, x)
		return
	}
	d.list[d.next] = x
	d.next = (d.next + 1) % memory
}

// rate is a sum that fades with time.
type rate struct {
	sum   float64
	at    acd.Time
	since acd.Time // of the first one
}

func (r *rate) add(now acd.Time, x float64) {
	if r.sum == 0 && r.at == 0 {
		r.since = now
	}
	r.sum = r.value(now) + x
	r.at = now
}

func (r rate) value(now acd.Time) float64 { return r.sum * faded(now-r.at) }

// perSecond is how many come in a second.
func (r rate) perSecond(now acd.Time) float64 {
	window := fade.Seconds() * (1 - faded(now-r.since))
	return r.value(now) / max(window, 60)
}

// NewHistory returns a history without any experience.
func NewHistory() *History {
	return &History{queues: map[string]*queue{}, calls: map[string]work{}, callers: map[uint64]caller{}}
}

func (h *History) of(name string) *queue {
	q, ok := h.queues[name]
	if !ok {
		q = &queue{streams: map[time.Duration]rate{}}
		h.queues[name] = q
	}
	return q
}

// Observe learns from what the router did at a time.
func (h *History) Observe(now acd.Time, effect acd.Effect) {
	switch e := effect.(type) {
	case acd.Entered:
		h.callers[e.Entry] = caller{e.Queue, now}
		if e.Before == 0 { // a new matter
			q := h.of(e.Queue)
			stream := q.streams[e.HeadStart]
			stream.add(now, 1)
			q.streams[e.HeadStart] = stream
		}
	case acd.Exited:
		delete(h.callers, e.Entry)
		if e.Via == "callback" {
			return // nobody waits on the line
		}
		q := h.of(e.Queue)
		q.patience.add(now, e.Waited.Seconds())
		if e.Outcome == acd.OutcomeAbandoned {
			q.gaveUp.add(now, 1)
		}
	case acd.OfferEnded:
		if e.Result == acd.OfferAccepted {
			h.of(e.Queue).rang.add(e.Rang)
		}
	case acd.AgentChanged:
		switch e.To {
		case acd.AgentTalking:
			if e.From != acd.AgentHolding {
				h.calls[e.Agent] = work{queue: e.Queue, since: now}
			}
		case acd.AgentHolding:
		case acd.AgentWrapUp:
			h.endTalk(e.Agent, now)
		default:
			h.endTalk(e.Agent, now)
			if w, ok := h.calls[e.Agent]; ok {
				delete(h.calls, e.Agent)
				h.of(w.queue).wrapped.add(now - w.ended)
			}
		}
	}
}

// endTalk learns from the end of a conversation.
func (h *History) endTalk(agent string, now acd.Time) {
	if w, ok := h.calls[agent]; ok && w.ended == 0 {
		h.of(w.queue).talked.add(now - w.since)
		w.ended = now
		h.calls[agent] = w
	}
}

// Clone copies the history, so that a forecast can be made beside what goes on.
func (h *History) Clone() *History {
	c := NewHistory()
	for name, q := range h.queues {
		copied := *q
		copied.talked.list, copied.wrapped.list, copied.rang.list = slices.Clone(q.talked.list), slices.Clone(q.wrapped.list), slices.Clone(q.rang.list)
		copied.streams = make(map[time.Duration]rate, len(q.streams))
		for headStart, r := range q.streams {
			copied.streams[headStart] = r
		}
		c.queues[name] = &copied
	}
	for agent, w := range h.calls {
		c.calls[agent] = w
	}
	return c
}

// A Forecast is what all callers are expected to wait from one moment on.
type Forecast struct {
	callers map[uint64]Estimate
	queues  map[string]Estimate
}

// Entry returns the estimate for a caller who waited at that moment.
func (f *Forecast) Entry(entry uint64) (Estimate, bool) {
	e, ok := f.callers[entry]
	return e, ok
}

// Queue returns the estimate for a caller without a head start who would have
// come to the queue at that moment.
func (f *Forecast) Queue(name string) Estimate { return f.queues[name] }

// Forecast plays the future of what the view shows. The same view and history
// give the same forecast.
func (h *History) Forecast(v acd.View) *Forecast {
	s := newStage(h, v)
	n := min(plays, max(fewestPlays, effort/(len(s.callers)+1)))
	dice := rand.New(rand.NewPCG(uint64(v.Now), uint64(len(v.Callers))))
	waits := make([][]time.Duration, len(s.callers))
	for range n {
		s.play(dice)
		for i, w := range s.waited {
			waits[i] = append(waits[i], w)
		}
	}
	f := &Forecast{callers: map[uint64]Estimate{}, queues: map[string]Estimate{}}
	for i, c := range s.callers {
		slices.Sort(waits[i])
		queue := v.Classes[c.Class].Queue
		e := Estimate{P50: waits[i][n/2], P90: waits[i][n*9/10], Samples: len(h.of(queue).talked.list)}
		if c.Entry == 0 {
			f.queues[queue] = e
		} else {
			f.callers[c.Entry] = e
		}
	}
	return f
}
