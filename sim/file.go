package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"cardline/acd"
	"cardline/yamlfile"
)

// document is a scenario as it is written. Times and distributions are texts,
// so that whatever is wrong with them is told by its line.
type document struct {
	Name   string  `yaml:"name"`
	Seed   uint64  `yaml:"seed"`
	Date   string  `yaml:"date"`
	Begin  string  `yaml:"begin"`
	Length string  `yaml:"length"`
	Days   int     `yaml:"days"`
	Calls  int     `yaml:"calls"`
	WarmUp string  `yaml:"warm_up"`
	Ignore float64 `yaml:"ignore"`
	Refuse float64 `yaml:"refuse"`
	Absent float64 `yaml:"absent"`
	Return string  `yaml:"return"`
	Answer string  `yaml:"answer"`
	After  string  `yaml:"work_after"`

	Queues  []queueText   `yaml:"queues"`
	Staff   []staffText   `yaml:"staff"`
	Callers []callersText `yaml:"callers"`
	Replay  string        `yaml:"replay"`    // CSV file
	As      replayText    `yaml:"replay_as"` // what is not known of the replayed

	Callbacks *callbacksText `yaml:"callbacks"`
	Redials   *redialsText   `yaml:"redials"`
}

type queueText struct {
	Name          string        `yaml:"name"`
	Requires      requirement   `yaml:"requires"`
	Sites         []string      `yaml:"sites"`
	SameSiteFirst bool          `yaml:"same_site_first"`
	Strategy      string        `yaml:"strategy"`
	Ring          string        `yaml:"ring"`
	WrapUp        string        `yaml:"wrap_up"`
	MaxWait       string        `yaml:"max_wait"`
	MaxLength     int           `yaml:"max_length"`
	OfferAgain    bool          `yaml:"offer_again"`
	Regain        string        `yaml:"regain"`
	Hours         []string      `yaml:"hours"` // of every day
	Callback      *callbackText `yaml:"callback"`
}

// A requirement is written as in the configuration: an expression, or a mapping
// of skills to their least levels.
type requirement struct {
	text   string
	levels map[string]int
}

// UnmarshalYAML implements the parser's interface for nodes.
func (r *requirement) UnmarshalYAML(n ast.Node) (err error) {
	var ok bool
	if r.text, ok = yamlfile.Scalar(n); !ok {
		err = yaml.NodeToValue(n, &r.levels)
	}
	return err
}

// rule returns the requirement as the router knows it.
func (r requirement) rule() (acd.Requirement, error) {
	if r.levels != nil {
		return acd.RequireLevels(r.levels), nil
	}
	return acd.ParseRequirement(r.text)
}

type callbackText struct {
	First    string   `yaml:"first"`
	Attempts int      `yaml:"attempts"`
	Gap      string   `yaml:"gap"`
	Ring     string   `yaml:"ring"`
	Keep     string   `yaml:"keep"`
	Hours    []string `yaml:"hours"` // of every day
}

type staffText struct {
	Group  string         `yaml:"group"`
	Site   string         `yaml:"site"`
	Agents int            `yaml:"agents"` // so many, called GROUP-1 and so on
	IDs    []string       `yaml:"ids"`    // or these, of the configuration
	Skills map[string]int `yaml:"skills"`
	Queues []string       `yaml:"queues"`
	Shift  string         `yaml:"shift"` // 08:00-17:00
	Breaks []breakText    `yaml:"breaks"`
}

type breakText struct {
	At     string `yaml:"at"`
	For    string `yaml:"for"`
	Over   string `yaml:"over"`
	Reason string `yaml:"reason"`
}

type callersText struct {
	Queue     string    `yaml:"queue"`
	Class     string    `yaml:"class"`
	Site      string    `yaml:"site"`
	HeadStart string    `yaml:"head_start"`
	PerHour   []float64 `yaml:"per_hour"`
	Talk      string    `yaml:"talk"`
	Patience  string    `yaml:"patience"`
}

type replayText struct {
	Talk     string `yaml:"talk"`
	Patience string `yaml:"patience"`
}

type callbacksText struct {
	Share   float64  `yaml:"share"`
	After   string   `yaml:"after"`
	Reached *float64 `yaml:"reached"`
	PickUp  string   `yaml:"pick_up"`
	PerDay  int      `yaml:"per_day"`
}

type redialsText struct {
	Share float64 `yaml:"share"`
	After string  `yaml:"after"`
}

// Read reads a scenario from a YAML file, with the files that it names beside
// it, and adds its queues and its staff to the router's options, which may be
// those of a configuration. Dates and hours are those of clocks in the zone.
// The error has every problem, each a [*ScenarioError] with
// file and line.
func Read(dir fs.FS, name string, base acd.Options, zone *time.Location) (acd.Options, Scenario, error) {
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return base, Scenario{}, fmt.Errorf("scenario: %w", err)
	}
	fail := func(line int, message string) (acd.Options, Scenario, error) {
		return base, Scenario{}, &ScenarioError{File: name, Line: line, Path: "scenario", Message: message}
	}
	body, fault := yamlfile.Parse(text)
	if fault == nil {
		fault = yamlfile.Plain(body)
	}
	if fault != nil {
		return fail(max(1, fault.Line), fault.Text())
	}
	var d document
	if err := yaml.UnmarshalWithOptions(text, &d, yaml.Strict()); err != nil {
		if e, ok := errors.AsType[yaml.Error](err); ok {
			return fail(e.GetToken().Position.Line, e.GetMessage()+"; see cardline simulate --help for the keys")
		}
		return fail(1, err.Error())
	}
	dir, err = fs.Sub(dir, path.Dir(name))
	if err != nil {
		return fail(1, err.Error())
	}
	r := &reader{dir: dir, options: base, zone: zone}
	s := r.scenario(&d)
	if err := s.Check(r.options); err != nil && len(r.wrong) == 0 {
		r.wrong = append(r.wrong, joined(err)...)
	}
	for _, err := range r.wrong {
		if p, ok := errors.AsType[*ScenarioError](err); ok && p.File == "" {
			p.Path = r.pathOf(p.Path)
			p.File, p.Line = name, lineOf(body, p.Path)
		}
	}
	return r.options, s, errors.Join(r.wrong...)
}

// joined returns the errors that were joined.
func joined(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	return []error{err}
}

// lineOf returns the line of a path in the file, or of the longest part of it
// that is there.
func lineOf(body ast.Node, at string) int {
	for at != "" {
		if p, err := yaml.PathString("$." + at); err == nil {
			if node, err := p.FilterNode(body); err == nil && node != nil {
				return node.GetToken().Position.Line
			}
		}
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	return 1
}
