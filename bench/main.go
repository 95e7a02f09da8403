// Command bench runs the benchmarks of the module, prints their figures as a
// table and writes them to bench/results.json: a list of name, value, unit,
// reference and ratio under names that stay the same from run to run.
//
// Where a figure has a floor or a peer, both are measured in one run and the
// ratio is what counts: machines differ, and this one may be shared.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A Figure is one line of results.json. Reference and Ratio are null where
// there is nothing to compare with.
type Figure struct {
	Name      string   `json:"name"`
	Value     float64  `json:"value"`
	Unit      string   `json:"unit"`
	Reference *float64 `json:"reference"`
	Ratio     *float64 `json:"ratio"`
}

// A source says where a figure comes from.
type source struct {
	name      string // of the figure
	pkg       string
	benchmark string
	value     string // unit in the benchmark's output
	reference string // unit of the floor; "" if there is none
	what      string // for the table
}

var sources = []source{
	{"media.relay.cpu", "./media", "BenchmarkMediaRelay", "cpu-ns/packet", "floor-ns/packet", "CPU per relayed packet, beside a bare recv and send"},
	{"media.relay.converting.cpu", "./media", "BenchmarkMediaRelayConverting", "cpu-ns/packet", "floor-ns/packet", "the same, A-law to µ-law"},
	{"media.play.cpu", "./media", "BenchmarkMediaPlay", "cpu-ns/packet", "floor-ns/packet", "CPU per played packet, beside a bare send"},
	{"media.relay.allocs", "./media", "BenchmarkMediaRelay", "allocs/op", "", "allocations per batch of 200 relayed packets"},
	{"media.rtp.rewrite", "./media/rtp", "BenchmarkParseAndRewrite", "ns/op", "", "parse and rewrite a header"},
	{"media.g711.convert", "./media/g711", "BenchmarkToULaw", "ns/op", "", "A-law to µ-law, 160 samples"},
	{"acd.apply", "./acd", "BenchmarkApply", "ns/op", "", "a caller comes and goes, 1,000 agents"},
	{"acd.apply.p99.agents10000", "./acd", "BenchmarkApplyGrowth", "us", "small-us", "slowest hundredth of commands, 10,000 agents, 50,000 waiting; beside 100 agents, 500 waiting"},
	{"acd.apply.growth", "./acd", "BenchmarkApplyGrowth", "ratio", "", "median over five runs of the ratio of the two"},
	{"sim.day", "./sim", "BenchmarkDay", "ns/op", "", "a simulated day of a large hotline"},
	{"ivr.session", "./ivr", "BenchmarkHandle", "ns/op", "", "a session of 18 keys"},
	{"prompts.say", "./prompts", "BenchmarkSay", "ns/op", "", "a sentence with a tail and a time"},
	{"store.write.batch100", "./store/sqlite", "BenchmarkWrite", "ns/op", "", "commit of 100 events, fully synchronous"},
	{"metrics.read", "./metrics", "BenchmarkRead", "ns/op", "", "a batch of events into the metrics"},
	{"metrics.scrape", "./metrics", "BenchmarkScrape", "ns/op", "", "one scrape"},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // the end of a command
	}
}

func run() error {
	measured := map[string]map[string]float64{} // unit by "package benchmark"
	for _, s := range sources {
		key := s.pkg + " " + s.benchmark
		if measured[key] != nil {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", s.pkg, s.benchmark)
		units, err := measure(s.pkg, s.benchmark)
		if err != nil {
			return err
		}
		measured[key] = units
	}
	var figures []Figure
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tvalue\tunit\treference\tratio\twhat")
	for _, s := range sources {
		units := measured[s.pkg+" "+s.benchmark]
		f := Figure{Name: s.name, Value: units[s.value], Unit: s.value}
		reference, ratio := "", ""
		if s.reference != "" {
			floor := units[s.reference]
			times := f.Value / floor
			f.Reference, f.Ratio = &floor, &times
			reference, ratio = short(floor), fmt.Sprintf("%.2f", times)
		}
		figures = append(figures, f)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, short(f.Value), f.Unit, reference, ratio, s.what)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := sizes(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile("bench/results.json", append(text, '\n'), 0o644)
}

// short writes a figure as it is read: no digits after the point unless it is
// small.
func short(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// measure runs one benchmark and returns its figures by unit.
func measure(pkg, benchmark string) (map[string]float64, error) {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^"+benchmark+"$", "-benchmem", pkg)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", pkg, benchmark, err, out)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], benchmark) {
			continue
		}
		units := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is no figure", benchmark, fields[i])
			}
			units[fields[i+1]] = v
		}
		return units, nil
	}
	return nil, fmt.Errorf("%s has no %s", pkg, benchmark)
}
