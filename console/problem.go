package console

import (
	"encoding/json"
	"net/http"
)

// problem is an error as RFC 9457 has it. Its type is about:blank, so that the
// title is that of the status.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Agent is what the agent does who could not be changed.
	Agent *agentView `json:"agent,omitempty"`
}

// refuse answers with a problem.
func refuse(w http.ResponseWriter, status int, detail string) {
	answerProblem(w, problem{Status: status, Detail: detail})
}

func answerProblem(w http.ResponseWriter, p problem) {
	p.Title = http.StatusText(p.Status)
	answer(w, p.Status, "application/problem+json", p)
}

// answerJSON answers with 200.
func answerJSON(w http.ResponseWriter, v any) { answer(w, http.StatusOK, "application/json", v) }

func answer(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, contentType = http.StatusInternalServerError, "application/problem+json"
		body = []byte(`{"title":"Internal Server Error","status":500}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // whoever asked may be gone
}
