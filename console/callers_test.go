package console

import (
	"strings"
	"testing"

	"cardline/ledger"
)

func TestBarredCallers(t *testing.T) {
	const who = "p-aeaqcaibaeaqcaibaeaqcaibae"
	b := newBench(t, nil)
	b.put("/api/barred/"+who, `{"for": "24h", "reason": "tries out cards"}`, 200, `"pseudonym":"`+who, `"until":"`, `"who":"li.na"`)
	b.put("/api/barred/13800000001", `{"reason": "tries out cards"}`, 422, "expected a pseudonym")
	b.put("/api/barred/"+who, `{"for": "0s", "reason": "x"}`, 422, "expected a time")
	b.put("/api/barred/"+who, `{"for": "99999h", "reason": "x"}`, 422, "at most a year")
	b.put("/api/barred/"+who, `{"for": "24h"}`, 422, "say why")
	type list struct{ Barred []BarredView }
	if l := read[list](b, "/api/barred").Barred; len(l) != 1 || l[0].Pseudonym != who || l[0].Until.Sub(l[0].Since).Hours() != 24 || l[0].Reason != "tries out cards" {
		t.Errorf("barred are %+v", l)
	}
	if l := read[list](b, "/api/barred?after="+who).Barred; len(l) != 0 {
		t.Errorf("after the last are %+v", l)
	}
	b.expect(b.ask("GET", "/api/barred?limit=0", tokenOfSupervisor, "", ""), 400, "limit: expected 1 to")
	b.expect(b.ask("DELETE", "/api/barred/"+who+"?reason=a+mistake", tokenOfSupervisor, "", ""), 204)
	b.expect(b.ask("DELETE", "/api/barred/"+who, tokenOfSupervisor, "", ""), 404, "no such caller")
	if l := read[list](b, "/api/barred").Barred; len(l) != 0 {
		t.Errorf("barred are %+v", l)
	}
	barred, unbarred := told[ledger.CallerBarred](b), told[ledger.CallerUnbarred](b)
	if len(barred) != 1 || barred[0].Who != "li.na" || len(unbarred) != 1 || unbarred[0].Reason != "a mistake" {
		t.Errorf("told %+v and %+v", barred, unbarred)
	}
	if strings.Contains(b.log.String(), who) || !strings.Contains(b.log.String(), "/api/barred/…") {
		t.Error("the log has the pseudonym, or does not tell of the request")
	}
}

func TestPseudonymsOfANumber(t *testing.T) {
	b := newBench(t, nil)
	want := b.board.Pseudonyms("13800000001")[0]
	b.expect(b.ask("POST", "/api/pseudonyms", tokenOfAuditor, "", `{"number": "+8613800000001"}`), 200, `{"pseudonyms":["`+want+`"]}`)
	b.expect(b.ask("POST", "/api/pseudonyms", tokenOfAuditor, "", `{"number": "anonymous"}`), 422, "expected one such as")
	if log := b.log.String(); strings.Contains(log, "13800000001") || strings.Contains(log, want) {
		t.Error("the log has the number, or the pseudonym")
	}
}
