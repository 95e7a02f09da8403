package sip

import "time"

// generations is a map that forgets: a value lives at least for its span and
// at most for twice that, and never are there more than twice limit values.
// It needs no timer and no sweep. It is not safe for concurrent use.
type generations[K comparable, V any] struct {
	span       time.Duration
	limit      int
	turned     time.Time
	young, old map[K]V
}

func (g *generations[K, V]) init(span time.Duration, limit int) {
	g.span, g.limit, g.turned = span, limit, time.Now()
	g.young, g.old = make(map[K]V), nil
}

// get returns the value of key, if it is remembered.
func (g *generations[K, V]) get(key K) (V, bool) {
	g.turn()
	if v, ok := g.young[key]; ok {
		return v, true
	}
	v, ok := g.old[key]
	return v, ok
}

// put remembers a value.
func (g *generations[K, V]) put(key K, v V) {
	g.turn()
	if len(g.young) >= g.limit {
		g.old, g.young, g.turned = g.young, make(map[K]V), time.Now()
	}
	g.young[key] = v
}

// drop forgets a value at once.
func (g *generations[K, V]) drop(key K) {
	delete(g.young, key)
	delete(g.old, key)
}

func (g *generations[K, V]) turn() {
	now := time.Now()
	switch age := now.Sub(g.turned); {
	case age < g.span:
		return
	case age < 2*g.span:
		g.old = g.young
	default:
		g.old = nil
	}
	g.young, g.turned = make(map[K]V), now
}
