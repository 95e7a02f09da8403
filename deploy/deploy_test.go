// Package deploy_test holds what we ship for the operations centre, rules and
// dashboard, against what the program really shows.
package deploy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestRulesNameWhatThereIs(t *testing.T) {
	c := shown(t)
	for _, r := range rules(t) {
		name := r.Record + r.Alert
		labels := c.check(t, name, r.Expr)
		if r.Record != "" {
			by, rest, _ := strings.Cut(r.Record, ":")
			if !slices.Contains(labels, by) || !strings.HasPrefix(rest, "cardline_") || strings.Count(r.Record, ":") != 2 {
				t.Errorf("%s: want a name such as queue:cardline_entries:increase15m", name)
			}
			continue
		}
		if s := r.Labels["severity"]; s != "warning" && s != "critical" {
			t.Errorf("%s: severity %q, want warning or critical", name, s)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: it lacks a summary or a description", name)
		}
		for _, l := range legend.FindAllStringSubmatch(r.Annotations["summary"], -1) {
			if l[1] != "value" && !slices.Contains(labels, l[1]) {
				t.Errorf("%s: the summary speaks of %s, but there are only %v", name, l[1], labels)
			}
		}
	}
}

// TestEveryRuleIsTested looks for each figure and each alert in the tests of the
// rules. Each alert must fire in one, and a night must be quiet.
func TestEveryRuleIsTested(t *testing.T) {
	type tests struct {
		Tests []struct {
			Exprs []struct{ Expr string } `yaml:"promql_expr_test"`
			Alert []struct {
				Name     string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	var all tests
	for _, file := range ruleTests {
		var one tests
		if err := yaml.Unmarshal(read(t, file), &one); err != nil {
			t.Fatal(err)
		}
		all.Tests = append(all.Tests, one.Tests...)
	}
	tested, quiet := map[string]bool{}, false
	for _, test := range all.Tests {
		for _, e := range test.Exprs {
			quiet = quiet || strings.Contains(e.Expr, "count(ALERTS)")
			for _, s := range selector.FindAllStringSubmatch(e.Expr, -1) {
				tested[s[1]] = true
			}
		}
		for _, a := range test.Alert {
			if len(a.Expected) > 0 {
				tested[a.Name] = true
			}
		}
	}
	for _, r := range rules(t) {
		if !tested[r.Record+r.Alert] {
			t.Errorf("%s has no test in %v", r.Record+r.Alert, ruleTests)
		}
	}
	if !quiet {
		t.Errorf("%v have no night in which nothing fires", ruleTests)
	}
}

func TestPromtoolTakesTheRules(t *testing.T) {
	promtool(t, "check", "rules", rulesFile)
	promtool(t, "check", "config", "prometheus/prometheus.yml")
	promtool(t, append([]string{"test", "rules"}, ruleTests...)...)
}

func TestPanelsNameWhatThereIs(t *testing.T) {
	c, d := shown(t), dashboard(t)
	if d.SchemaVersion < 39 || d.UID == "" || d.Title != "The hotline now" {
		t.Errorf("schema %d, uid %q, title %q", d.SchemaVersion, d.UID, d.Title)
	}
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
		if v.Type == "query" {
			c.check(t, "variable "+v.Name, v.Definition)
		}
	}
	if variables["datasource"] != "datasource" {
		t.Errorf("there is no variable for the data source: %v", variables)
	}
	ids, titles, queries := map[int]bool{}, map[string]bool{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" {
			t.Errorf("%s: its id or its title is not its own", p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" {
			t.Errorf("%s: it lacks a query, a description, a unit, or the data source that is chosen", p.Title)
		}
		for _, q := range p.Targets {
			queries++
			labels := c.check(t, p.Title, q.Expr)
			for _, l := range legend.FindAllStringSubmatch(q.LegendFormat, -1) {
				if !slices.Contains(labels, l[1]) {
					t.Errorf("%s: the legend shows %s, but there are only %v", p.Title, l[1], labels)
				}
			}
			if q.Datasource.UID != "${datasource}" {
				t.Errorf("%s: query %s asks %q", p.Title, q.RefID, q.Datasource.UID)
			}
		}
	}
	if queries < 30 {
		t.Errorf("%d queries, want more", queries)
	}
}

// TestPanelsDoNotOverlap lays the panels out on Grafana's 24 columns.
func TestPanelsDoNotOverlap(t *testing.T) {
	taken := map[[2]int]string{}
	for _, p := range dashboard(t).Panels {
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("%s is at %+v, outside of the board", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
