package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"cardline/store"
)

// Limits of a list: longer ones come in pages.
const (
	defaultPage = 1000
	maxPage     = 10000
)

// A page is the part of a list that a request asks for.
type page struct {
	limit int
	after string // the id behind which the part begins; empty: at the beginning
}

// pageOf reads limit and after.
func pageOf(r *http.Request) (p page, err error) {
	p = page{limit: defaultPage, after: r.URL.Query().Get("after")}
	if text := r.URL.Query().Get("limit"); text != "" {
		if p.limit, err = strconv.Atoi(text); err != nil || p.limit < 1 || p.limit > maxPage {
			return p, fmt.Errorf("limit: expected 1 to %d", maxPage)
		}
	}
	return p, nil
}

// link tells where the list goes on, as RFC 8288 has it.
func link(w http.ResponseWriter, r *http.Request, after string) {
	next := *r.URL
	query := next.Query()
	query.Set("after", after)
	next.RawQuery = query.Encode()
	w.Header().Set("Link", "<"+next.RequestURI()+`>; rel="next"`)
}

// answerPart answers with the part of a list that the request asks for.
func answerPart[T any](w http.ResponseWriter, r *http.Request, name string, list []T, id func(T) string) {
	part, ok := cutPart(w, r, list, id)
	if ok {
		answerJSON(w, map[string]any{name: part})
	}
}

// cutPart returns the part of a list that the request asks for. If it makes no
// sense, cutPart has answered the request.
func cutPart[T any](w http.ResponseWriter, r *http.Request, list []T, id func(T) string) (part []T, ok bool) {
	p, err := pageOf(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return nil, false
	}
	part = list
	if p.after != "" {
		i := slices.IndexFunc(list, func(v T) bool { return id(v) == p.after })
		if i < 0 {
			refuse(w, http.StatusGone, "after: this one is no longer in the list; begin at its beginning")
			return nil, false
		}
		part = list[i+1:]
	}
	if len(part) > p.limit {
		part = part[:p.limit]
		link(w, r, id(part[p.limit-1]))
	}
	if part == nil {
		part = []T{}
	}
	return part, true
}

// ndjson is the media type of a list with one record a line.
const ndjson = "application/x-ndjson"

// calls answers with the records of calls: a page of them, or as many as there
// are, one a line, for those who accept that.
func (s *Server) calls(w http.ResponseWriter, r *http.Request, _ Holder) {
	q, err := queryOf(r)
	p, wrong := pageOf(r)
	if err = errors.Join(err, wrong); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if r.Header.Get("Accept") == ndjson {
		s.stream(w, r, q)
		return
	}
	list := make([]json.RawMessage, 0, min(p.limit, defaultPage))
	last := ""
	for record, err := range s.options.Records.Records(r.Context(), q) {
		if err != nil {
			s.refuseRecords(w, err)
			return
		}
		if len(list) == p.limit {
			link(w, r, last)
			break
		}
		text, err := json.Marshal(record)
		if err != nil {
			s.refuseRecords(w, err)
			return
		}
		list, last = append(list, text), record.Call
	}
	answerJSON(w, map[string]any{"from": q.From, "to": q.To, "calls": list})
}

// stream writes records as they are read. Whoever reads slowly has the time of a
// whole answer for each of them; if the records end in an error the connection is
// cut, so that nobody takes the list for whole.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, q store.Query) {
	control, encoder := http.NewResponseController(w), json.NewEncoder(w)
	began := false
	for record, err := range s.options.Records.Records(r.Context(), q) {
		if err != nil && !began {
			s.refuseRecords(w, err)
			return
		}
		if !began {
			w.Header().Set("Content-Type", ndjson)
			began = true
		}
		if err == nil {
			_ = control.SetWriteDeadline(timeLeft()) // a recorder of tests has none
			err = encoder.Encode(record)
		}
		if err != nil {
			s.log.Error().Err(err).Msg("records not read to the end")
			panic(http.ErrAbortHandler)
		}
	}
	if !began {
		w.Header().Set("Content-Type", ndjson)
	}
}

// refuseRecords answers a request for records that could not be read.
func (s *Server) refuseRecords(w http.ResponseWriter, err error) {
	if errors.Is(err, store.ErrUnknownCall) {
		refuse(w, http.StatusBadRequest, "after: there is no record of this call")
		return
	}
	s.log.Error().Err(err).Msg("records not read")
	refuse(w, http.StatusInternalServerError, "the records cannot be read")
}
