package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"cardline/outbox"
)

// The states of an item of the outbox. One that is settled is in the list no more.
const (
	itemPending = "pending"
	itemRefused = "refused"
	itemSettled = "settled"
)

// ItemView is an item of the outbox as the API and the command line show it.
type ItemView struct {
	ID       int64     `json:"id"`
	Kind     string    `json:"kind"`
	State    string    `json:"state"` // pending or refused
	Call     string    `json:"call,omitempty"`
	Order    string    `json:"order,omitempty"` // what it keeps its place in, such as the token of a card
	Added    time.Time `json:"added_at"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next_at,omitzero"` // if it is pending
	Refusal  string    `json:"refusal,omitempty"`
	Refused  time.Time `json:"refused_at,omitzero"`
}

// ViewItem shows an item of the outbox, without what is in it.
func ViewItem(i outbox.Item) ItemView {
	v := ItemView{
		ID: i.ID, Kind: i.Kind, State: itemPending, Call: i.Call, Order: i.Order, Added: utc(i.Added), Attempts: i.Attempts, Next: utc(i.Next),
	}
	if i.Refusal != "" {
		v.State, v.Next, v.Refusal, v.Refused = itemRefused, time.Time{}, i.Refusal, utc(i.Refused)
	}
	return v
}

// outbox lists what waits to be delivered, and what was refused.
func (s *Server) outbox(w http.ResponseWriter, r *http.Request, _ Holder) {
	items, err := s.options.Outbox.List(r.Context())
	if err != nil {
		s.log.Error().Err(err).Msg("outbox not read")
		refuse(w, http.StatusInternalServerError, "the outbox cannot be read")
		return
	}
	list := []ItemView{}
	for _, i := range items {
		list = append(list, ViewItem(i))
	}
	answerPart(w, r, "outbox", list, func(i ItemView) string { return strconv.FormatInt(i.ID, 10) })
}

// settle deals with an item that was refused.
func (s *Server) settle(w http.ResponseWriter, r *http.Request, h Holder) {
	var want struct {
		State  string `json:"state"`
		Reason string `json:"reason"`
	}
	if !decode(w, r, &want, `{"state": "settled", "reason": "stopped by hand"}, or {"state": "pending", "reason": "the card is known now"} to try it again`) {
		return
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	switch {
	case want.State != itemPending && want.State != itemSettled:
		refuse(w, http.StatusUnprocessableEntity, "state: expected pending, to try it again, or settled")
		return
	case want.Reason == "" || len(want.Reason) > maxReason:
		refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("reason: say why, in at most %d bytes", maxReason))
		return
	case err == nil:
		err = s.options.Outbox.Settle(r.Context(), id, want.State == itemPending, h.who(), want.Reason)
	default:
		err = outbox.ErrUnknown
	}
	switch {
	case errors.Is(err, outbox.ErrUnknown):
		refuse(w, http.StatusNotFound, "no item that was refused has this number")
	case err != nil:
		s.log.Error().Err(err).Int64("item", id).Msg("item of the outbox not settled")
		refuse(w, http.StatusInternalServerError, "")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
