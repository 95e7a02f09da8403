package load

import (
	"bytes"
	"io/fs"
	"math"
	"math/rand/v2"
	"path"
	"testing"
	"testing/synctest"
	"time"

	"cardline/media"
	"cardline/media/g711"
	"cardline/media/wav"
	"cardline/prompts"
)

// hears plays A-law to an ear, a packet of 20 ms every 20 ms.
func hears(e *ear, alaw []byte) {
	for len(alaw) >= 160 {
		time.Sleep(20 * time.Millisecond)
		e.Heard(media.PCMA, 0, alaw[:160])
		alaw = alaw[160:]
	}
}

func silence(d time.Duration) []byte {
	quiet := make([]byte, int(d.Seconds()*sampleRate))
	for i := range quiet {
		quiet[i] = g711.SilenceALaw
	}
	return quiet
}

func TestEarTellsTonesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i := range tonesOfASet {
			e := newEar(agentsHz)
			hears(e, silence(100*time.Millisecond))
			hears(e, callerVoice(i).clip()) // an echo of our own side is nobody
			if _, _, ok := e.heard(); ok {
				t.Errorf("tone %d of the callers: got heard as an agent's", i)
			}
			hears(e, agentVoice(i).clip()[:sampleRate/10])
			if _, _, ok := e.heard(); ok {
				t.Errorf("tone %d: got heard after 100 ms, want 200 ms", i)
			}
			hears(e, agentVoice(i).clip())
			tone, length, ok := e.heard()
			if !ok || tone != i || length < time.Second || length > 1200*time.Millisecond {
				t.Errorf("tone %d: got %d for %v, %v; want it for 1.1 s", i, tone, length, ok)
			}
		}
	})
}

func TestEarHearsTonesInULawAndOtherPacketLengths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar(callersHz)
		clip := append([]byte(nil), callerVoice(3).clip()...)
		g711.ToULaw(clip)
		for len(clip) >= 240 {
			e.Heard(media.PCMU, 0, clip[:240])
			clip = clip[240:]
		}
		if tone, _, ok := e.heard(); !ok || tone != 3 {
			t.Errorf("got %d, %v; want tone 3", tone, ok)
		}
	})
}

// What the hotline itself plays must never pass for an agent.
func TestEarTakesNoRecordingForAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recordings := 0
		err := fs.WalkDir(prompts.Embedded(), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || path.Ext(name) != ".wav" {
				return err
			}
			data, err := fs.ReadFile(prompts.Embedded(), name)
			if err != nil {
				return err
			}
			sound, err := wav.Read(bytes.NewReader(data))
			if err != nil {
				return err
			}
			samples := sound.ALaw()
			for _, first := range []int{callersHz, agentsHz} {
				e := newEar(first)
				hears(e, samples)
				if tone, _, ok := e.heard(); ok {
					t.Errorf("%s is heard as tone %d of %d Hz", name, tone, first)
				}
			}
			recordings++
			return nil
		})
		if err != nil || recordings < 100 {
			t.Errorf("got %d recordings, %v; want all", recordings, err)
		}
	})
}

func TestEarHearsNobodyInNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 1))
		pcm := make([]int16, 60*sampleRate)
		for i := range pcm {
			pcm[i] = int16(6000 * rnd.NormFloat64() / 2)
		}
		alaw := make([]byte, len(pcm))
		g711.EncodeALaw(alaw, pcm)
		e := newEar(agentsHz)
		hears(e, alaw)
		if tone, _, ok := e.heard(); ok {
			t.Errorf("got tone %d out of noise", tone)
		}
	})
}

func TestEarTellsWhenAPromptIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar(agentsHz)
		start := time.Now()
		hears(e, silence(time.Second))
		if _, ok := e.pause(start); ok {
			t.Error("got a pause before any sound")
		}
		speech := make([]int16, sampleRate)
		for i := range speech {
			speech[i] = int16(8000 * math.Sin(float64(i)/11) * math.Sin(float64(i)/300))
		}
		alaw := make([]byte, len(speech))
		g711.EncodeALaw(alaw, speech)
		hears(e, alaw)
		if quiet, ok := e.pause(start); ok && quiet > 60*time.Millisecond {
			t.Errorf("got a pause of %v while there is speech", quiet)
		}
		hears(e, silence(500*time.Millisecond))
		quiet, ok := e.pause(start)
		if !ok || quiet < 400*time.Millisecond || quiet > 550*time.Millisecond {
			t.Errorf("got a pause of %v, %v; want about 500 ms", quiet, ok)
		}
		if _, ok := e.pause(time.Now()); ok {
			t.Error("got a pause after sound that was before the question")
		}
	})
}

func TestEarDoesNotAllocate(t *testing.T) {
	e := newEar(agentsHz)
	packet := agentVoice(0).clip()[:160]
	if n := testing.AllocsPerRun(1000, func() { e.Heard(media.PCMA, 0, packet) }); n != 0 {
		t.Errorf("got %v allocations a packet, want none", n)
	}
}

func BenchmarkEar(b *testing.B) {
	e := newEar(agentsHz)
	packet := agentVoice(0).clip()[:160]
	for b.Loop() {
		e.Heard(media.PCMA, 0, packet)
	}
}
