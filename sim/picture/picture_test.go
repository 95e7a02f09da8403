package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"cardline/sim"
)

func draw(t *testing.T, calls, agents int, change func(*sim.Scenario)) string {
	t.Helper()
	o, s := sim.Typical(calls, agents)
	change(&s)
	simulation, err := sim.New(o, s, sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := simulation.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWrite draws days of different kinds: a busy one, an almost empty one, one
// with a strange name. Each is sound XML without a number that is none.
func TestWrite(t *testing.T) {
	for name, svg := range map[string]string{
		"busy":    draw(t, 3000, 40, func(*sim.Scenario) {}),
		"empty":   draw(t, 1, 4, func(s *sim.Scenario) { s.Length = 35 * time.Minute }),
		"strange": draw(t, 500, 10, func(s *sim.Scenario) { s.Name = `<b>"&` }),
	} {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for _, bad := range []string{"NaN", "Inf", "<b>"} {
			if strings.Contains(svg, bad) {
				t.Errorf("%s: the picture contains %s", name, bad)
			}
		}
		for _, want := range []string{"Callers", "Waiting", "Agents", "Service level", "08:00"} {
			if !strings.Contains(svg, want) {
				t.Errorf("%s: the picture has no %s", name, want)
			}
		}
	}
	if err := Write(io.Discard, &sim.Result{}); err == nil {
		t.Error("a day without half hours was drawn")
	}
}

func TestNice(t *testing.T) {
	for most, want := range map[float64]float64{0: 1, 1: 0.25, 4: 1, 9: 2, 10: 2.5, 17: 5, 100: 25, 455: 200, 2300: 1000} {
		if got := nice(most); got != want {
			t.Errorf("nice(%v): got %v, want %v", most, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0", 0.25: "0.25", 2.5: "2.5", 120.4: "120", 8000: "8,000", 108667: "108,667"} {
		if got := number(v); got != want {
			t.Errorf("number(%v): got %s, want %s", v, got, want)
		}
	}
}
