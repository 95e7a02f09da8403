package sip

import "sync"

// A branchKey finds the leg of an INVITE that has no To-tag yet.
type branchKey struct{ callID, branch string }

// A legTable finds legs by what messages say of them.
type legTable struct {
	mu       sync.RWMutex
	tagged   map[legKey]*Leg
	branched map[branchKey]*Leg
}

// A legKey is a Call-ID and our tag. The peer's tag is the leg's to check: an
// outgoing leg does not know it at first.
type legKey struct{ callID, tag string }

func (t *legTable) init() {
	t.tagged, t.branched = make(map[legKey]*Leg), make(map[branchKey]*Leg)
}

func (t *legTable) add(l *Leg) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tagged[legKey{l.dialog.callID, l.dialog.localTag}] = l
	if l.side.incoming {
		t.branched[l.branch] = l
	}
}

func (t *legTable) remove(l *Leg) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tagged, legKey{l.dialog.callID, l.dialog.localTag})
	if l.side.incoming {
		delete(t.branched, l.branch)
	}
}

func (t *legTable) find(callID, tag string) *Leg {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.tagged[legKey{callID, tag}]
}

func (t *legTable) byBranch(key branchKey) *Leg {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.branched[key]
}
