package prompts

import "math"

// The hold music: eight bars of plucked chords over a soft bass, in 24 s. The
// last notes ring on into the first bar, so that the loop has no seam.
const (
	musicSeconds = 24
	barsOfMusic  = 8
	notesInBar   = 8
	musicPeak    = 10000 // of 32767
)

// chord is the bass and the notes of a bar, as MIDI note numbers (69 is 440 Hz).
type chord struct {
	bass  float64
	notes [4]float64
}

// progression is C, a minor 7, F major 7, G 6, e minor 7, a minor 7, d minor 7, G.
var progression = [barsOfMusic]chord{
	{48, [4]float64{60, 64, 67, 72}},
	{45, [4]float64{60, 64, 67, 69}},
	{41, [4]float64{60, 64, 65, 69}},
	{43, [4]float64{59, 62, 64, 67}},
	{52, [4]float64{59, 62, 64, 67}},
	{45, [4]float64{60, 64, 67, 69}},
	{50, [4]float64{60, 62, 65, 69}},
	{43, [4]float64{59, 62, 67, 71}},
}

// pattern is the order in which the notes of a chord are plucked.
var pattern = [notesInBar]int{0, 1, 2, 3, 2, 1, 3, 2}

// melody is a slow upper voice, two notes a bar; 0 is a rest.
var melody = [2 * barsOfMusic]float64{76, 79, 76, 72, 77, 76, 74, 0, 79, 76, 72, 76, 77, 74, 71, 0}

// holdMusic returns the loop as A-law samples.
func holdMusic() []byte {
	mix := make([]float64, musicSeconds*sampleRate)
	bar := len(mix) / barsOfMusic
	for i, c := range progression {
		at := i * bar
		pluck(mix, at, c.bass, 0.50, 1.6)
		pluck(mix, at+bar/2, c.bass+7, 0.25, 1.2)
		for j, p := range pattern {
			pluck(mix, at+j*bar/notesInBar, c.notes[p], 0.30, 0.7)
		}
		for j := range 2 {
			if note := melody[2*i+j]; note > 0 {
				pluck(mix, at+j*bar/2, note, 0.42, 1.1)
			}
		}
	}
	peak := 0.0
	for _, v := range mix {
		peak = max(peak, math.Abs(v))
	}
	samples := make([]byte, len(mix))
	for i, v := range mix {
		// A little below the level of speech, so that an announcement stands out.
		samples[i] = encodeALaw(int16(math.Round(v / peak * musicPeak)))
	}
	return samples
}

// pluck adds a decaying note to the mix, which it takes for a ring. The
// harmonics above a telephone's band are left out; decay is in seconds.
func pluck(mix []float64, at int, note, gain, decay float64) {
	frequency := 440 * math.Exp2((note-69)/12)
	for harmonic := 1.0; harmonic <= 5 && harmonic*frequency < 3300; harmonic++ {
		fade := decay / (0.6 + 0.4*harmonic)
		step := 2 * math.Pi * frequency * harmonic / sampleRate
		for i := range int(5 * fade * sampleRate) {
			t := float64(i) / sampleRate
			attack := min(1, t/0.008)
			mix[(at+i)%len(mix)] += gain / (harmonic * harmonic) * attack * math.Exp(-t/fade) * math.Sin(step*float64(i))
		}
	}
}
