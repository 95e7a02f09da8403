package console

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"cardline/call"
	"cardline/caller"
	"cardline/ledger"
)

// pseudonyms looks a number up. It is in the body, since paths are logged on the way.
func (s *Server) pseudonyms(w http.ResponseWriter, r *http.Request, _ Holder) {
	var want struct {
		Number string `json:"number"`
	}
	if !decode(w, r, &want, `{"number": "13800000001"}`) {
		return
	}
	list := s.options.Hotline.Pseudonyms(want.Number)
	if len(list) == 0 {
		refuse(w, http.StatusUnprocessableEntity, "number: expected one such as 13800000001")
		return
	}
	answerJSON(w, map[string]any{"pseudonyms": list})
}

// BarredView is a barred caller as the API and the command line show one.
type BarredView struct {
	Pseudonym string    `json:"pseudonym"`
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until,omitzero"` // absent: until it is taken back
	Who       string    `json:"who,omitempty"`
	Reason    string    `json:"reason"`
}

// ViewBarred shows a barred caller.
func ViewBarred(b call.Barred) BarredView {
	return BarredView{b.Pseudonym, utc(b.Since), utc(b.Until), b.Who, b.Reason}
}

func (s *Server) barred(w http.ResponseWriter, r *http.Request, _ Holder) {
	list := []BarredView{}
	for _, b := range s.options.Hotline.Barred() {
		list = append(list, ViewBarred(b))
	}
	answerPart(w, r, "barred", list, func(b BarredView) string { return b.Pseudonym })
}

// bar refuses the calls of a caller.
func (s *Server) bar(w http.ResponseWriter, r *http.Request, h Holder) {
	var want struct {
		For    string `json:"for"` // such as 24h; empty: until it is taken back
		Reason string `json:"reason"`
	}
	if !decode(w, r, &want, `{"for": "24h", "reason": "tries out cards"}`) {
		return
	}
	pseudonym := r.PathValue("pseudonym")
	length, err := time.Duration(0), error(nil)
	if want.For != "" {
		length, err = time.ParseDuration(want.For)
	}
	switch {
	case !caller.IsPseudonym(pseudonym):
		refuse(w, http.StatusUnprocessableEntity, "expected a pseudonym, as the records have it and cardline callers pseudonym prints it")
	case err != nil || length < 0 || length > longestSwitch || want.For != "" && length == 0:
		refuse(w, http.StatusUnprocessableEntity, "for: expected a time such as 24h, of at most a year")
	case want.Reason == "" || len(want.Reason) > maxReason:
		refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("reason: say why, in at most %d bytes", maxReason))
	default:
		b := s.options.Hotline.Bar(pseudonym, length, ledger.ByAPI, h.who(), want.Reason)
		s.log.Info().Str("for", want.For).Str("who", h.who()).Msg("caller barred by the API")
		answerJSON(w, ViewBarred(b))
	}
}

// unbar takes the calls of a caller again.
func (s *Server) unbar(w http.ResponseWriter, r *http.Request, h Holder) {
	reason := r.URL.Query().Get("reason")
	if len(reason) > maxReason {
		refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("reason: expected at most %d bytes", maxReason))
		return
	}
	switch err := s.options.Hotline.Unbar(r.PathValue("pseudonym"), ledger.ByAPI, h.who(), reason); {
	case errors.Is(err, call.ErrNotBarred):
		refuse(w, http.StatusNotFound, "no such caller is barred")
	case err != nil:
		s.log.Error().Err(err).Msg("caller not unbarred")
		refuse(w, http.StatusInternalServerError, "")
	default:
		s.log.Info().Str("who", h.who()).Msg("caller unbarred by the API")
		w.WriteHeader(http.StatusNoContent)
	}
}
