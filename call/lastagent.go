package call

import (
	"sync"
	"time"
)

// maxLastAgents bounds the callers of whom it is known with whom they talked.
const maxLastAgents = 200_000

// lastAgents knows with whom callers talked last.
type lastAgents struct {
	mu     sync.Mutex
	talks  map[string]lastTalk
	recent []string // callers, oldest talk first; some are there twice
}

type lastTalk struct {
	agent string
	at    time.Time
}

// of returns the agent with whom the caller talked within a time, "" if there
// was none.
func (l *lastAgents) of(caller string, within time.Duration) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.talks[caller]; ok && caller != "" && time.Since(t.at) <= within {
		return t.agent
	}
	return ""
}

func (l *lastAgents) remember(caller, agent string) {
	if caller == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.talks == nil {
		l.talks = map[string]lastTalk{}
	}
	l.talks[caller] = lastTalk{agent, time.Now()}
	l.recent = append(l.recent, caller)
	if len(l.recent) > maxLastAgents {
		delete(l.talks, l.recent[0])
		l.recent = l.recent[1:]
	}
}
