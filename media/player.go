package media

import "cardline/media/g711"

// A player cuts clips into frames. The zero value plays nothing.
type player struct {
	active bool
	id     uint64
	clips  []Clip
	loop   bool
	clip   int // that is playing
	at     int // the next byte of it
}

// empty tells whether the clips hold nothing at all.
func (p *player) empty() bool {
	for _, c := range p.clips {
		if len(c) > 0 {
			return false
		}
	}
	return true
}

// fill writes the next frame, with silence after the end, and tells whether
// that was the last. The clips must not be empty.
func (p *player) fill(frame []byte) (last bool) {
	for len(frame) > 0 {
		if p.clip == len(p.clips) {
			if !p.loop {
				for i := range frame {
					frame[i] = g711.SilenceALaw
				}
				return true
			}
			p.clip = 0
		}
		n := copy(frame, p.clips[p.clip][p.at:])
		frame = frame[n:]
		if p.at += n; p.at == len(p.clips[p.clip]) {
			p.clip, p.at = p.clip+1, 0
		}
	}
	return !p.loop && p.rest()
}

// rest tells whether nothing is left of a frame's end on.
func (p *player) rest() bool {
	for _, c := range p.clips[p.clip:] {
		if len(c) > 0 {
			return false
		}
	}
	return true
}
