package load_test

import (
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"cardline/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOptionsThatMakeNoSense(t *testing.T) {
	here := load.RackOptions{Target: "sip:95500@127.0.0.1"}
	for _, test := range []struct {
		options load.Options
		want    string
	}{
		{load.Options{RackOptions: here}, "neither a number of calls nor a duration"},
		{load.Options{RackOptions: here, Calls: 1, Rate: -1}, "rate -1"},
		{load.Options{RackOptions: here, Calls: 1, Rate: 2000}, "rate 2000"},
		{load.Options{RackOptions: here, Calls: 1, Agents: []load.Shift{{User: "1001"}}}, "both wait for the other"},
		{load.Options{RackOptions: here, Calls: 1, Talk: load.Fixed(1), Agents: []load.Shift{{User: "1001", Refuse: 0.6, Ignore: 0.6}}}, "shares"},
		{load.Options{Calls: 1, RackOptions: load.RackOptions{Target: "95500"}}, "want a URI like"},
		{load.Options{Calls: 1, RackOptions: load.RackOptions{Target: "sip:1@127.0.0.1;transport=carrier-pigeon"}}, "want udp or tcp"},
		{load.Options{Calls: 1, RackOptions: load.RackOptions{Target: "sip:127.0.0.1"}}, "no number to dial"},
		{load.Options{Calls: 1, RackOptions: load.RackOptions{Target: "sip:1@192.0.2.1"}}, "allow remote targets"},
	} {
		if _, err := load.New(t.Context(), test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q in it", err, test.want)
		}
	}
}

func TestFiguresAsJSON(t *testing.T) {
	f := &load.Figures{Calls: load.CallFigures{Attempted: 2, Outcomes: map[load.Outcome]int{load.Talked: 2}}}
	var b strings.Builder
	if err := f.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back load.Figures
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || back.Calls.Outcomes[load.Talked] != 2 || !back.Healthy() {
		t.Errorf("got %+v, %v from %s", back, err, b.String())
	}
}
