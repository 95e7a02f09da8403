package load

import (
	"math"
	"sync/atomic"
	"time"

	"cardline/media"
	"cardline/media/g711"
)

// Tones: every telephone plays one of a set, callers of one set and agents of
// another. All are multiples of 20 Hz, the resolution of an ear, and above the
// music on hold.
const (
	tonesOfASet = 8
	callersHz   = 1100 // the first of the callers' tones
	agentsHz    = 1700 // the first of the agents' tones
	stepHz      = 60
	sampleRate  = 8000
)

// A voice is a tone of a set: the sound of one side of a conversation.
type voice struct {
	first int // callersHz or agentsHz
	index int // in the set
}

func callerVoice(n int) voice { return voice{callersHz, n % tonesOfASet} }
func agentVoice(n int) voice  { return voice{agentsHz, n % tonesOfASet} }

// clips holds a second of every tone; whole hertz repeat without a seam.
var clips = func() map[voice]media.Clip {
	all := make(map[voice]media.Clip)
	for _, first := range []int{callersHz, agentsHz} {
		for i := range tonesOfASet {
			v := voice{first, i}
			pcm := make([]int16, sampleRate)
			for t := range pcm {
				pcm[t] = int16(0.2 * 32767 * math.Sin(2*math.Pi*float64(first+i*stepHz)*float64(t)/sampleRate))
			}
			clip := make(media.Clip, len(pcm))
			g711.EncodeALaw(clip, pcm)
			all[v] = clip
		}
	}
	return all
}()

func (v voice) clip() media.Clip { return clips[v] }

// An ear listens to one telephone: is there sound, and is it a tone of the
// other side? It works in windows of 50 ms, by Goertzel's algorithm. A tone
// counts as heard if four windows in a row hold hardly anything else.
//
// The loop of the media engine feeds it; anybody may ask it. Whenever its
// opinion changes it puts a token into changed.
type ear struct {
	changed chan struct{}
	began   time.Time

	soundAt atomic.Int64 // when there was sound last, since began; 0: never
	quietAt atomic.Int64 // when that sound ended, 0 while it lasts
	toneAt  atomic.Int64 // when the tone began that was heard first; 0: never
	toneEnd atomic.Int64 // when it was heard last
	tone    atomic.Int64 // its index

	// All that follows belongs to the loop.

	coefficients [tonesOfASet]float64
	s1, s2       [tonesOfASet]float64
	energy       float64
	samples      int
	run, last    int // windows in a row that held the tone last
	pcm          [480]int16
}

const (
	window     = 400  // samples: 50 ms, 20 Hz
	purity     = 0.75 // of a window's energy must be the tone's
	loud       = 1e-4 // mean power of a window with sound: -40 dBFS
	clearInRow = 4
)

// newEar returns an ear for the tones of the other side.
func newEar(first int) *ear {
	e := &ear{changed: make(chan struct{}, 1), began: time.Now(), last: -1}
	for i := range e.coefficients {
		e.coefficients[i] = 2 * math.Cos(2*math.Pi*float64(first+i*stepHz)/sampleRate)
	}
	return e
}

// Heard implements [media.Tap].
func (e *ear) Heard(c media.Codec, _ uint32, payload []byte) {
	pcm := e.pcm[:]
	if c == media.PCMU {
		pcm = pcm[:g711.DecodeULaw(pcm, payload)]
	} else {
		pcm = pcm[:g711.DecodeALaw(pcm, payload)]
	}
	for _, sample := range pcm {
		v := float64(sample) / 32768
		e.energy += v * v
		for i, c := range e.coefficients {
			e.s1[i], e.s2[i] = v+c*e.s1[i]-e.s2[i], e.s1[i]
		}
		if e.samples++; e.samples == window {
			e.judge()
		}
	}
}

// judge takes a full window.
func (e *ear) judge() {
	now := int64(time.Since(e.began))
	heard, most := -1, purity
	sound := e.energy/window > loud
	if sound {
		for i, c := range e.coefficients {
			s1, s2 := e.s1[i], e.s2[i]
			if share := 2 * (s1*s1 + s2*s2 - c*s1*s2) / (window * e.energy); share > most {
				heard, most = i, share
			}
		}
	}
	changed := e.hearSound(sound, now)
	changed = e.hearTone(heard, now) || changed
	e.s1, e.s2, e.energy, e.samples = [tonesOfASet]float64{}, [tonesOfASet]float64{}, 0, 0
	if changed {
		select {
		case e.changed <- struct{}{}:
		default:
		}
	}
}

func (e *ear) hearSound(sound bool, now int64) (changed bool) {
	was := e.soundAt.Load() != 0 && e.quietAt.Load() == 0
	if sound {
		e.soundAt.Store(now)
		e.quietAt.Store(0)
	} else if was {
		e.quietAt.Store(now)
	}
	return sound != was
}

func (e *ear) hearTone(heard int, now int64) (changed bool) {
	if e.toneAt.Load() != 0 {
		if heard == int(e.tone.Load()) {
			e.toneEnd.Store(now)
		}
		return false
	}
	if heard < 0 || heard != e.last {
		e.run = 0
	}
	e.last = heard
	if heard >= 0 {
		e.run++
	}
	if e.run < clearInRow {
		return false
	}
	e.tone.Store(int64(heard))
	e.toneEnd.Store(now)
	e.toneAt.Store(now - int64(clearInRow*window*time.Second/sampleRate))
	return true
}

// heard returns the tone that was heard first and for how long, from its
// first window to its last.
func (e *ear) heard() (tone int, length time.Duration, ok bool) {
	since := e.toneAt.Load()
	return int(e.tone.Load()), time.Duration(e.toneEnd.Load() - since), since != 0
}

// pause returns for how long there has been silence after sound that came
// after a time; ok is false if there was none, or it lasts.
func (e *ear) pause(after time.Time) (quiet time.Duration, ok bool) {
	sound, silence := e.soundAt.Load(), e.quietAt.Load()
	if silence == 0 || e.began.Add(time.Duration(sound)).Before(after) {
		return 0, false
	}
	return time.Since(e.began.Add(time.Duration(silence))), true
}
