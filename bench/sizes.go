package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// costGraph is where the graph of the router's cost against its size is drawn.
const costGraph = "docs/img/router-cost.svg"

// A size is a hall of agents and callers, and what the slowest hundredth of its
// commands took, in µs.
type size struct {
	agents, waiting, profiles int
	p99                       float64
}

var sizeLine = regexp.MustCompile(`agents=(\d+)/waiting=(\d+)/profiles=(\d+)\S*\s.*?([0-9.]+) p99-us`)

// sizes measures the router at several sizes, prints the table and draws the
// graph.
func sizes() error {
	fmt.Fprintln(os.Stderr, "measuring ./acd BenchmarkApplySizes")
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkApplySizes$", "-benchtime", "3x", "./acd")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("sizes: %w\n%s", err, out)
	}
	var list []size
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		m := sizeLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		s := size{agents: number(m[1]), waiting: number(m[2]), profiles: number(m[3])}
		if s.p99, err = strconv.ParseFloat(m[4], 64); err != nil {
			return err
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return fmt.Errorf("sizes: nothing was measured\n%s", out)
	}
	fmt.Fprintf(os.Stdout, "\n%8s %8s %9s %12s\n", "agents", "waiting", "profiles", "p99 of Apply")
	for _, s := range list {
		fmt.Fprintf(os.Stdout, "%8d %8d %9d %9.1f µs\n", s.agents, s.waiting, s.profiles, s.p99)
	}
	return os.WriteFile(costGraph, draw(list), 0o644)
}

func number(text string) int {
	n, _ := strconv.Atoi(text) // the expression lets digits through only
	return n
}

// draw makes a bar for each size.
func draw(list []size) []byte {
	const left, right, row, top = 210, 90, 34, 54
	width, most := 640.0, 0.0
	for _, s := range list {
		most = max(most, s.p99)
	}
	var b bytes.Buffer
	height := top + row*len(list) + 16
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#333">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="16" y="24" font-size="15">What one command costs the router (99th percentile)</text>`+"\n")
	fmt.Fprintf(&b, `<text x="16" y="42" fill="#888" font-size="11">five callers wait for each agent, in 300 classes; commands and mix as in acd/bench_test.go</text>`+"\n")
	for i, s := range list {
		y := top + row*i
		length := (width - left - right) * s.p99 / most
		fill := "#4a7ebb"
		if s.profiles > 100 {
			fill = "#b9c9de"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s agents, %s profiles</text>`, left-10, y+19, thousands(s.agents), thousands(s.profiles))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="20" rx="2" fill="%s"/>`, left, y+5, length, fill)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%.1f µs</text>`+"\n", left+length+8, y+19, s.p99)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// thousands writes 10000 as 10,000.
func thousands(n int) string {
	text := strconv.Itoa(n)
	if len(text) <= 3 {
		return text
	}
	return strings.Join([]string{text[:len(text)-3], text[len(text)-3:]}, ",")
}
