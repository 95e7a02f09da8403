package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"cardline/acd"
	"cardline/call"
	"cardline/ledger"
	"cardline/store/why"
)

// modeView is what is in force in a queue or line, as the API shows it.
type modeView struct {
	Mode   ledger.Mode `json:"mode"`
	Until  time.Time   `json:"until,omitzero"` // absent: until it is changed
	ByHand bool        `json:"by_hand"`
	Who    string      `json:"who,omitempty"`
	Why    string      `json:"why,omitempty"`
}

func modeOf(m call.ModeView) modeView {
	return modeView{m.Mode, utc(m.Until), m.ByHand, m.Who, m.Why}
}

// utc writes a moment as the API does.
func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// queueView is a queue as the API shows it.
type queueView struct {
	Name string `json:"name"`
	modeView
	Waiting   int              `json:"waiting"`
	Callbacks int              `json:"callbacks"`
	Staff     map[string]int32 `json:"staff"` // agents whom the queue asks for at once, by what they do
	Estimate  *estimateView    `json:"estimate,omitempty"`
}

// estimateView is what a caller who came now would wait.
type estimateView struct {
	P50 ledger.Millis `json:"p50_ms"`
	P90 ledger.Millis `json:"p90_ms"`
}

func (s *Server) queues(w http.ResponseWriter, r *http.Request, _ Holder) {
	list := []queueView{}
	for _, q := range s.options.Hotline.Queues() {
		list = append(list, viewOfQueue(q))
	}
	answerPart(w, r, "queues", list, func(q queueView) string { return q.Name })
}

func viewOfQueue(q call.QueueView) queueView {
	v := queueView{Name: q.Name, modeView: modeOf(q.ModeView), Waiting: q.Waiting, Callbacks: q.Callbacks, Staff: map[string]int32{}}
	for standing, n := range q.Staff {
		v.Staff[acd.Standing(standing).String()] = n
	}
	if q.Known {
		v.Estimate = &estimateView{ledger.MillisOf(q.P50), ledger.MillisOf(q.P90)}
	}
	return v
}

// lineView is a line as the API shows it.
type lineView struct {
	Name string `json:"name"`
	modeView
}

func (s *Server) lines(w http.ResponseWriter, r *http.Request, _ Holder) {
	list := []lineView{}
	for _, l := range s.options.Hotline.Lines() {
		list = append(list, lineView{l.Name, modeOf(l.ModeView)})
	}
	answerPart(w, r, "lines", list, func(l lineView) string { return l.Name })
}

// switchWish is the body of a request to switch a queue or line.
type switchWish struct {
	Mode   ledger.Mode `json:"mode"`   // empty: back to its hours
	For    string      `json:"for"`    // such as 2h; empty: until it is switched again
	Reason string      `json:"reason"` // free text
}

const switchExample = `{"mode": "emergency", "for": "2h", "reason": "the card host is down"}, or {"mode": ""} to give it back to its hours`

// longestSwitch bounds what ends by itself.
const longestSwitch = 366 * 24 * time.Hour

// maxReason bounds what somebody writes into the ledger, in bytes.
const maxReason = 200

// read reads a wish. If it makes no sense it has answered the request.
func (want *switchWish) read(w http.ResponseWriter, r *http.Request) (s call.Switch, ok bool) {
	if !decode(w, r, want, switchExample) {
		return s, false
	}
	s = call.Switch{Mode: want.Mode, Why: want.Reason}
	var err error
	if want.For != "" {
		s.For, err = time.ParseDuration(want.For)
	}
	switch {
	case want.Mode != "" && !slices.Contains(ledger.Modes, want.Mode):
		refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("mode: expected one of %v, or nothing", ledger.Modes))
	case err != nil || s.For < 0 || s.For > longestSwitch:
		refuse(w, http.StatusUnprocessableEntity, "for: expected a time such as 90m, of at most a year")
	case want.Mode == "" && want.For != "":
		refuse(w, http.StatusUnprocessableEntity, "for: only a mode has one")
	case len(want.Reason) > maxReason:
		refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("reason: expected at most %d bytes", maxReason))
	default:
		return s, true
	}
	return s, false
}

func (s *Server) switchQueue(w http.ResponseWriter, r *http.Request, h Holder) {
	var want switchWish
	wish, ok := want.read(w, r)
	if !ok {
		return
	}
	wish.Queues = []string{r.PathValue("name")}
	if !s.switched(w, wish, h) {
		return
	}
	for _, q := range s.options.Hotline.Queues() {
		if q.Name == wish.Queues[0] {
			answerJSON(w, viewOfQueue(q))
			return
		}
	}
	refuse(w, http.StatusNotFound, "there is no such queue any more")
}

func (s *Server) switchLine(w http.ResponseWriter, r *http.Request, h Holder) {
	var want switchWish
	wish, ok := want.read(w, r)
	if !ok {
		return
	}
	wish.Lines = []string{r.PathValue("name")}
	if !s.switched(w, wish, h) {
		return
	}
	for _, l := range s.options.Hotline.Lines() {
		if l.Name == wish.Lines[0] {
			answerJSON(w, lineView{l.Name, modeOf(l.ModeView)})
			return
		}
	}
	refuse(w, http.StatusNotFound, "there is no such line any more")
}

// switched throws a switch. If it was not thrown it has answered the request.
func (s *Server) switched(w http.ResponseWriter, wish call.Switch, h Holder) bool {
	switch err := s.options.Hotline.Switch(wish, h.who()); {
	case errors.Is(err, acd.ErrUnknownQueue):
		refuse(w, http.StatusNotFound, "there is no such queue")
	case errors.Is(err, call.ErrUnknownLine):
		refuse(w, http.StatusNotFound, "there is no such line")
	case err != nil:
		s.log.Error().Err(err).Msg("switch not thrown")
		refuse(w, http.StatusInternalServerError, "")
	default:
		s.log.Info().Strs("queues", wish.Queues).Strs("lines", wish.Lines).Str("mode", string(wish.Mode)).Str("who", h.who()).Msg("switched by the API")
		return true
	}
	return false
}

// entryView is a caller's place as the API shows it.
type entryView struct {
	Entry     uint64        `json:"entry"`
	Call      string        `json:"call"`
	Queue     string        `json:"queue"`
	Via       ledger.Via    `json:"via"`
	Class     string        `json:"class,omitempty"`
	Position  int           `json:"position"`
	HeadStart ledger.Millis `json:"head_start_ms"`
	Key       time.Time     `json:"key"` // the order: who came at this time, without a head start, stands here
	Step      int           `json:"step"`
	Waited    ledger.Millis `json:"waited_ms"` // in this queue
	Total     ledger.Millis `json:"total_ms"`  // since the first entry of the matter
	Agents    []string      `json:"agents,omitempty"`
	Expected  ledger.Millis `json:"expected_ms,omitempty"`
	Callback  *awayView     `json:"callback,omitempty"` // if the caller is not on the line
}

// awayView is what is known of a caller who is to be called back.
type awayView struct {
	Dialling bool      `json:"dialling"`
	Attempts int       `json:"attempts"`
	Again    time.Time `json:"again,omitzero"`
}

func viewOfEntry(e call.EntryView, now time.Time) entryView {
	v := entryView{
		Entry: e.Entry, Call: e.Call, Queue: e.Queue, Via: e.Via, Class: e.Class, Position: e.Position, Step: e.Step, Agents: e.Agents,
		HeadStart: ledger.MillisOf(e.HeadStart), Key: utc(now.Add(-e.Total - e.HeadStart)), Waited: ledger.MillisOf(e.Waited),
		Total: ledger.MillisOf(e.Total), Expected: ledger.MillisOf(e.Expected),
	}
	if e.Away {
		v.Callback = &awayView{e.Dialling, e.Attempts, utc(e.Again)}
	}
	return v
}

// entries lists those who wait, in the order in which they are served.
func (s *Server) entries(w http.ResponseWriter, r *http.Request, _ Holder) {
	now, list := time.Now(), []entryView{}
	for _, e := range s.options.Hotline.Entries(r.URL.Query().Get("queue")) {
		list = append(list, viewOfEntry(e, now))
	}
	answerPart(w, r, "entries", list, func(e entryView) string { return strconv.FormatUint(e.Entry, 10) })
}

// setHeadStart moves a caller in the order.
func (s *Server) setHeadStart(w http.ResponseWriter, r *http.Request, h Holder) {
	var want struct {
		Seconds *int64 `json:"seconds"`
		Reason  string `json:"reason"`
	}
	if !decode(w, r, &want, `{"seconds": 120, "reason": "cut off twice"}`) {
		return
	}
	entry, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	const day = int64(24 * time.Hour / time.Second)
	switch {
	case err != nil:
		refuse(w, http.StatusNotFound, "there is nobody with this number")
		return
	case want.Seconds == nil || *want.Seconds < 0 || *want.Seconds > day:
		refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("seconds: expected 0 to %d", day))
		return
	case want.Reason == "" || len(want.Reason) > maxReason:
		refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("reason: say why, in at most %d bytes", maxReason))
		return
	}
	err = s.options.Hotline.Command(acd.SetHeadStart{
		Entry: entry, HeadStart: time.Duration(*want.Seconds) * time.Second, Reason: want.Reason, By: ledger.ByAPI, Who: h.who(),
	})
	switch {
	case errors.Is(err, acd.ErrUnknownEntry):
		refuse(w, http.StatusNotFound, "there is nobody with this number")
		return
	case err != nil:
		s.log.Error().Err(err).Uint64("entry", entry).Msg("head start not changed")
		refuse(w, http.StatusInternalServerError, "")
		return
	}
	s.log.Info().Uint64("entry", entry).Int64("head_start_s", *want.Seconds).Str("who", h.who()).Msg("head start changed by the API")
	now := time.Now()
	for _, e := range s.options.Hotline.Entries("") {
		if e.Entry == entry {
			answerJSON(w, viewOfEntry(e, now))
			return
		}
	}
	refuse(w, http.StatusNotFound, "the caller has just left") // perhaps to an agent, by the new place
}

// extendWrapUp gives an agent more time after a call.
func (s *Server) extendWrapUp(w http.ResponseWriter, r *http.Request, _ Holder) {
	var want struct {
		Extend bool `json:"extend"`
	}
	if !decode(w, r, &want, `{"extend": true}`) {
		return
	}
	if !want.Extend {
		refuse(w, http.StatusUnprocessableEntity, "extend: expected true; to end wrap-up, set the state")
		return
	}
	id := r.PathValue("id")
	if s.obeyed(w, id, s.options.Hotline.Command(acd.ExtendWrapUp{Agent: id, By: ledger.ByAPI})) {
		s.answerAgent(w, id)
	}
}

// dispose notes what an agent's call was about.
func (s *Server) dispose(w http.ResponseWriter, r *http.Request, _ Holder) {
	var want struct {
		Code string `json:"code"`
	}
	if !decode(w, r, &want, `{"code": "lost_card"}`) {
		return
	}
	if want.Code == "" {
		refuse(w, http.StatusUnprocessableEntity, "code: expected one of the dispositions that the queue lists")
		return
	}
	id := r.PathValue("id")
	if s.obeyed(w, id, s.options.Hotline.Command(acd.Dispose{Agent: id, Code: want.Code, By: ledger.ByAPI})) {
		s.answerAgent(w, id)
	}
}

// callbackView is a promise to call, as the API shows it.
type callbackView struct {
	entryView
	Line      string    `json:"line,omitempty"`
	Caller    string    `json:"caller,omitempty"` // last four digits
	Pseudonym string    `json:"pseudonym,omitempty"`
	From      string    `json:"from,omitempty"` // the call in which it was asked for
	Requested time.Time `json:"requested_at,omitzero"`
}

// callbacks lists the customers who are to be called.
func (s *Server) callbacks(w http.ResponseWriter, r *http.Request, _ Holder) {
	var away []call.EntryView
	for _, e := range s.options.Hotline.Entries("") {
		if e.Away {
			away = append(away, e)
		}
	}
	away, ok := cutPart(w, r, away, func(e call.EntryView) string { return e.Call })
	if !ok {
		return
	}
	now, list := time.Now(), []callbackView{}
	for _, e := range away {
		v := callbackView{entryView: viewOfEntry(e, now)}
		record, ok, err := s.options.Records.Record(r.Context(), e.Call)
		if err != nil {
			s.log.Error().Err(err).Msg("record not read")
			refuse(w, http.StatusInternalServerError, "the records cannot be read")
			return
		}
		if ok { // it is written some milliseconds after the promise
			v.Line, v.Caller, v.Pseudonym, v.Requested = record.Line, record.Caller, record.Pseudonym, record.ArrivedAt
			if record.Callback != nil {
				v.From = record.Callback.From
			}
		}
		list = append(list, v)
	}
	answerJSON(w, map[string]any{"callbacks": list})
}

// cancelCallback takes back a promise to call.
func (s *Server) cancelCallback(w http.ResponseWriter, r *http.Request, h Holder) {
	id, reason := r.PathValue("id"), r.URL.Query().Get("reason")
	if len(reason) > maxReason {
		refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("reason: expected at most %d bytes", maxReason))
		return
	}
	switch err := s.options.Hotline.CancelCallback(id, h.who(), reason); {
	case errors.Is(err, acd.ErrUnknownEntry):
		refuse(w, http.StatusNotFound, "no such call is to be made")
	case err != nil:
		s.log.Error().Err(err).Str("call", id).Msg("callback not cancelled")
		refuse(w, http.StatusInternalServerError, "")
	default:
		s.log.Info().Str("call", id).Str("who", h.who()).Msg("callback cancelled by the API")
		w.WriteHeader(http.StatusNoContent)
	}
}

// why explains how a call was routed.
func (s *Server) why(w http.ResponseWriter, r *http.Request, _ Holder) {
	e, err := why.Explain(r.Context(), s.options.Records, r.PathValue("id"), time.Local)
	switch {
	case errors.Is(err, why.ErrUnknown):
		refuse(w, http.StatusNotFound, "there is no such call")
	case err != nil:
		s.log.Error().Err(err).Msg("events not read")
		refuse(w, http.StatusInternalServerError, "the ledger cannot be read")
	default:
		answerJSON(w, e)
	}
}
