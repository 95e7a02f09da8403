package deploy_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"cardline/acd/estimate"
	"cardline/metrics"
)

// hotline is a configuration with the names that rules and panels use.
var hotline = metrics.Reloadable{
	Queues: []metrics.Queue{{Name: "cards", Steps: 2, Dispositions: []string{"bill"}}, {Name: "english"}}, Classes: []string{"normal", "vip"}, Reasons: []string{"login", "rona", "lunch"},
	Agents: []metrics.Agent{{ID: "1001", Group: "cards", Queues: []string{"cards"}}, {ID: "1002", Group: "cards", Queues: []string{"cards", "english"}}},
	Lines:  []string{"main"}, Flows: []metrics.Flow{{Name: "main", Steps: []string{"menu"}}}, Services: []string{"activation", "bill"},
	Operations: []metrics.Operation{{Name: "activate", Codes: []string{"ok", "unavailable"}}},
	Trunks:     []metrics.Trunk{{Name: "ct1", MaxCalls: 400}}, MaxCalls: 1000, Accounts: 3,
}

// catalogue says which metrics there are: their labels, with every value.
type catalogue map[string]map[string][]string

// shown returns what metrics really shows, and by the rules what is made of it.
func shown(t *testing.T) catalogue {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m := metrics.New(metrics.Options{Registerer: registry, Deliveries: []string{"activate", "report_loss"}, Reloadable: hotline})
	m.Process(metrics.Process{})
	m.Call().Estimated("cards", estimate.Estimate{P50: time.Minute, P90: 2 * time.Minute, Samples: 20}) // shown as soon as it is known
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue{"up": {"job": {"cardline"}, "instance": nil}}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			h := m.GetHistogram()
			if h == nil {
				c.add(f.GetName(), m.GetLabel())
				continue
			}
			c.add(f.GetName()+"_count", m.GetLabel())
			c.add(f.GetName()+"_sum", m.GetLabel())
			for _, b := range h.GetBucket() {
				bound := strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)
				c.add(f.GetName()+"_bucket", append(slices.Clone(m.GetLabel()), &dto.LabelPair{Name: new("le"), Value: &bound}))
			}
		}
	}
	for _, r := range rules(t) {
		if r.Record == "" {
			continue
		}
		by, _, _ := strings.Cut(r.Record, ":") // the level is the label that is left
		c[r.Record] = map[string][]string{by: nil}
	}
	return c
}

func (c catalogue) add(name string, labels []*dto.LabelPair) {
	if c[name] == nil {
		c[name] = map[string][]string{"instance": nil, "job": nil}
	}
	for _, l := range labels {
		if !slices.Contains(c[name][l.GetName()], l.GetValue()) {
			c[name][l.GetName()] = append(c[name][l.GetName()], l.GetValue())
		}
	}
}

// A rule is one rule of the rules' file.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

const (
	rulesFile     = "prometheus/cardline-rules.yml"
	dashboardFile = "grafana/hotline-now.json"
)

// ruleTests are the tests of the rules, for promtool.
var ruleTests = []string{"prometheus/cardline-rules-test.yml", "prometheus/cardline-fraud-test.yml", "prometheus/cardline-process-test.yml"}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func rules(t *testing.T) (list []rule) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	if err := yaml.Unmarshal(read(t, rulesFile), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) < 20 {
		t.Fatalf("%d rules, want more", len(list))
	}
	return list
}

// A panel is one panel of the dashboard.
type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               source
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct {
		RefID, Expr, LegendFormat string
		Datasource                source
	}
}

type source struct{ Type, UID string }

type board struct {
	UID, Title    string
	SchemaVersion int
	Panels        []panel
	Templating    struct {
		List []struct {
			Name, Type, Definition string
			Datasource             source
		}
	}
}

func dashboard(t *testing.T) (d board) {
	t.Helper()
	if err := json.Unmarshal(read(t, dashboardFile), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	selector = regexp.MustCompile(`([a-z_:][a-z0-9_:]*)\s*(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")`)
	grouping = regexp.MustCompile(`\b(?:by|on|without|ignoring)\s*\(([^)]*)\)`)
	legend   = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`)
)

// check holds an expression against the metrics that there are: each name, each
// label, and each value of a label. It returns the labels by which the
// expression may be known outside.
func (c catalogue) check(t *testing.T, where, expr string) (labels []string) {
	t.Helper()
	known := map[string]bool{}
	named := 0
	for _, s := range selector.FindAllStringSubmatch(grouping.ReplaceAllString(expr, ""), -1) {
		name := s[1]
		if !strings.Contains(name, "cardline_") && name != "up" {
			continue
		}
		named++
		metric, ok := c[name]
		if !ok {
			t.Errorf("%s: there is no metric %s", where, name)
			continue
		}
		for label := range metric {
			known[label] = true
		}
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			values, ok := metric[m[1]]
			if !ok {
				t.Errorf("%s: %s has no label %s", where, name, m[1])
			}
			value, err := strconv.Unquote(m[3])
			if err != nil {
				t.Errorf("%s: %s: %v", where, m[3], err)
			}
			matches(t, where, name, m[1], m[2], value, values)
		}
	}
	if named == 0 {
		t.Errorf("%s: no metric of ours in %s", where, expr)
	}
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(g[1], ",") {
			if label = strings.TrimSpace(label); !known[label] {
				t.Errorf("%s: nothing in it has a label %s", where, label)
			}
		}
	}
	return slices.Sorted(maps.Keys(known))
}

// matches checks that a matcher can meet a value. A bound of a histogram must
// be met in both spellings.
func matches(t *testing.T, where, name, label, op, value string, values []string) {
	t.Helper()
	if strings.HasPrefix(value, "$") {
		return // chosen on the dashboard
	}
	alternatives := []string{value}
	if strings.HasSuffix(op, "~") {
		alternatives = strings.Split(value, "|")
	}
	for _, a := range alternatives {
		pattern := regexp.MustCompile("^(?:" + regexp.QuoteMeta(a) + ")$")
		if strings.HasSuffix(op, "~") {
			pattern = regexp.MustCompile("^(?:" + a + ")$")
		}
		if label == "le" {
			both := slices.ContainsFunc(values, func(v string) bool { return pattern.MatchString(v) && pattern.MatchString(v+".0") })
			if !both {
				t.Errorf("%s: %s: le%s%q does not meet a bound in both spellings", where, name, op, value)
			}
			continue
		}
		if !slices.ContainsFunc(values, pattern.MatchString) {
			t.Errorf("%s: %s: %s is never %q, only %v", where, name, label, a, values)
		}
	}
}

// promtool runs promtool if it is installed, and says so if it is not.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is not installed: left out")
		return
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}
