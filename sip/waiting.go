package sip

import (
	"net/netip"

	wire "github.com/emiago/sipgo/sip"
)

// A load is what messages take that wait for their turn.
type load struct {
	messages int
	bytes    int // of memory, see sizeOf
}

func (l load) plus(bytes int) load { return load{l.messages + 1, l.bytes + bytes} }

func (l load) exceeds(limit load) bool { return l.messages > limit.messages || l.bytes > limit.bytes }

// The limits of what waits. Trunks and proven phones have places of their own,
// so that strangers cannot take them.
var (
	strangerLoad = load{32, 256 << 10}
	strangersAll = load{1024, 8 << 20}
	peerLoad     = load{2048, 16 << 20}
	peersAll     = load{4096, 32 << 20}
)

// waiting bounds the messages that wait, per source and in all. Its zero value
// is ready. It is not safe for concurrent use.
type waiting struct {
	strangers, peers load
	sources          map[netip.Prefix]load // by site
}

// take counts a message in, if there is room for it.
func (w *waiting) take(a *arrival) bool {
	all, one, most := &w.strangers, strangerLoad, strangersAll
	if a.known {
		all, one, most = &w.peers, peerLoad, peersAll
	}
	source := w.sources[site(a.source)].plus(a.size)
	if source.exceeds(one) || all.plus(a.size).exceeds(most) {
		return false
	}
	if w.sources == nil {
		w.sources = make(map[netip.Prefix]load)
	}
	*all, w.sources[site(a.source)] = all.plus(a.size), source
	return true
}

// give counts a message out that was taken.
func (w *waiting) give(a *arrival) {
	all, source := &w.strangers, w.sources[site(a.source)]
	if a.known {
		all = &w.peers
	}
	all.messages, all.bytes = all.messages-1, all.bytes-a.size
	source.messages, source.bytes = source.messages-1, source.bytes-a.size
	if w.sources[site(a.source)] = source; source.messages == 0 {
		delete(w.sources, site(a.source))
	}
}

// headerCost is about what a parsed header takes beside its text.
const headerCost = 128

// sizeOf returns about how many bytes a parsed message takes. Many short
// headers take much more than they had on the wire.
func sizeOf(msg wire.Message) int {
	size := 1024 + len(msg.Body())
	var headers []wire.Header
	switch msg := msg.(type) {
	case *wire.Request:
		size += len(msg.StartLine())
		headers = msg.Headers()
	case *wire.Response:
		size += len(msg.StartLine())
		headers = msg.Headers()
	}
	for _, h := range headers {
		size += headerCost + len(h.Name()) + len(h.Value())
	}
	return size
}
