// Command report makes one comparison of the lines that the peer kit's
// generator has printed, at Asterisk and at cardline.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
)

// A Comparison is the file that is committed.
type Comparison struct {
	Date    string `json:"date"`
	Machine string `json:"machine"`
	Setting string `json:"setting"`
	Peer    Result `json:"asterisk"`
	Ours    Result `json:"cardline"`
	// Hurried is ours with fifty agents freed in a second: as many as show what
	// one costs.
	Hurried Result `json:"cardline_hurried"`
}

// A Result is what one of the two has shown.
type Result struct {
	Version string `json:"version"`
	Freed   int    `json:"freed"`
	// Milliseconds from the BYE of a phone to its next INVITE.
	Mean float64 `json:"offer_ms_mean"`
	P50  float64 `json:"offer_ms_p50"`
	P90  float64 `json:"offer_ms_p90"`
	P99  float64 `json:"offer_ms_p99"`
	Max  float64 `json:"offer_ms_max"`
	// CPU is that of the process for each freed agent, in milliseconds, with a
	// new caller's call and without what the process uses while nobody comes
	// or goes, which is Idle, in cores.
	CPU    float64 `json:"cpu_ms_per_freed_agent"`
	Idle   float64 `json:"idle_cores"`
	Others float64 `json:"other_load_cores"` // what everything else on the machine used meanwhile
	Memory float64 `json:"rss_mb"`
}

// line is a line of the generator's: a window of time, or the releases.
type line struct {
	Window   string  `json:"window"`
	Releases *string `json:"releases"`

	Seconds float64 `json:"secs"`
	CPU     float64 `json:"sut_cpu_s"`
	Cores   float64 `json:"sut_cores"`
	Load    float64 `json:"load_cores"`
	Busy    float64 `json:"sys_busy_cores"`
	Memory  float64 `json:"rss_kb"`

	Freed     int     `json:"freed"`
	Reoffered int     `json:"reoffered"`
	Mean      float64 `json:"mean_ms"`
	P50       float64 `json:"p50_ms"`
	P90       float64 `json:"p90_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1) //nolint:forbidigo // the end of a command
	}
}

func run() error {
	c := Comparison{Machine: machine()}
	out := flag.String("out", "", "file to write")
	flag.StringVar(&c.Date, "date", "", "of the measurement")
	flag.StringVar(&c.Setting, "setting", "", "what was done")
	flag.StringVar(&c.Peer.Version, "asterisk", "", "version")
	flag.StringVar(&c.Ours.Version, "cardline", "", "version")
	flag.Parse()
	if flag.NArg() != 3 {
		return errors.New("want the lines of Asterisk, of cardline, and of cardline in a hurry, a file each")
	}
	c.Hurried.Version = c.Ours.Version
	for i, r := range []*Result{&c.Peer, &c.Ours, &c.Hurried} {
		if err := r.read(flag.Arg(i)); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(*out, append(text, '\n'), 0o644); err != nil { //nolint:gosec // for everybody to read
		return err
	}
	for _, r := range []Result{c.Peer, c.Ours, c.Hurried} {
		fmt.Fprintf(os.Stdout, "| %s | %.1f | %.1f | %.1f | %.1f | %.1f |\n", r.Version, r.Mean, r.P50, r.P99, r.Max, r.CPU)
	}
	return nil
}

// read reads the lines of one run.
func (r *Result) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var idle, busy, releases *line
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // a word to people
		}
		switch {
		case l.Window == "busy_and_waiting":
			idle = &l
		case l.Window == "releases":
			busy = &l
		case l.Releases != nil:
			releases = &l
		}
	}
	if idle == nil || busy == nil || releases == nil {
		return fmt.Errorf("%s: the run has not come to its end", file)
	}
	if releases.Reoffered != releases.Freed {
		return fmt.Errorf("%s: %d agents were freed, and %d rung", file, releases.Freed, releases.Reoffered)
	}
	r.Freed = releases.Freed
	r.Mean, r.P50, r.P90, r.P99, r.Max = releases.Mean, releases.P50, releases.P90, releases.P99, releases.Max
	r.CPU = round((busy.CPU - idle.Cores*busy.Seconds) * 1000 / float64(releases.Freed))
	r.Idle, r.Memory = idle.Cores, round(busy.Memory/1024)
	r.Others = round(busy.Busy - busy.Cores - busy.Load)
	return nil
}

func round(v float64) float64 { return math.Round(v*100) / 100 }

// machine says what this one is.
func machine() string {
	model := "unknown"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for l := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
			}
		}
	}
	kernel := "unknown"
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = strings.TrimSpace(string(text))
	}
	return fmt.Sprintf("%d shared cores, %s, Linux %s", runtime.NumCPU(), model, kernel)
}
